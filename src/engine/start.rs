//! Starts a run: its record, its threads, and what they share.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, mpsc};

use super::clock::Clock;
use super::console;
use super::local::{Context, ContextParts, LocalExecutor, base_env};
use super::mask::{RunMask, listed, warnings};
use super::runner::{Closer, Runner, RunnerParts};
use super::shared::{Origin, Shared};
use super::watchdog::Watch;
use super::{MAX_LOG, RunOptions, StartError, Surroundings, lock};
use crate::event::{NewRun, QueueBackend, RunLog, RunStarted, StateStore, StoreError};
use crate::model::{Mask, RunId, Size, Task};
use crate::scheduler::Plan;
use crate::spec::masked_source;

/// All that a run is made of.
pub(super) struct Order {
    pub(super) plan: Plan,
    pub(super) options: RunOptions,
    pub(super) queue: Arc<dyn QueueBackend>,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) watch: Watch,
}

/// Starts a run; returns when its record exists.
pub(super) fn start(mut order: Order, store: &dyn StateStore) -> Result<Arc<Shared>, StartError> {
    let run_id = RunId::fresh();
    let mask = Arc::new(RunMask::new(&order.plan, &order.surroundings));
    let log = make_record(store, run_id, &order.plan, &mut order.options, &mask.now())?;
    begin(run_id, log, order, mask).inspect_err(|_| {
        // A run that never began leaves no record; where it cannot be removed it is a LOST one.
        let _ = store.discard(run_id);
    })
}

/// Starts the threads of a run whose record was made.
fn begin(
    run_id: RunId,
    log: Arc<dyn RunLog>,
    order: Order,
    mask: Arc<RunMask>,
) -> Result<Arc<Shared>, StartError> {
    let Order { mut plan, mut options, queue, surroundings, watch } = order;
    plan.inherited = base_env(&plan.flow, &surroundings.env).into();
    plan.caller_dir = surroundings.caller_dir.clone();
    let (dir, private_dir) = match log.dir() {
        Some(dir) => (dir.to_owned(), None),
        None => {
            let private_dir = private_dir()?;
            (private_dir.path().to_owned(), Some(private_dir))
        }
    };
    let (to_runner, inputs) = mpsc::channel();
    let clock = Arc::new(Clock::start());
    let (console, trace) =
        console::start(options.trace.take(), clock.clone()).map_err(StartError::Thread)?;
    for warning in warnings(&plan, &surroundings).into_iter().chain(cpus_warning(&plan)) {
        console.notice(warning);
    }
    let context = Arc::new(Context::new(ContextParts {
        run_id,
        plan,
        dir,
        surroundings,
        mask,
        log: log.clone(),
        max_log: max_log(&options),
        console,
        clock,
        to_runner: to_runner.clone(),
    }));
    let shared = Arc::new(Shared::new(context.clone(), to_runner, trace));
    let facts = RunStarted {
        run_id: Some(run_id),
        parent_run: context.parent,
        pools: context.plan.pool_facts(), // here, so that the secrets in them are masked
        ..std::mem::take(&mut options.facts)
    };
    let close_requests = watch_requests(&shared, &*log).map_err(StartError::Thread)?;
    let runner = Runner::new(RunnerParts {
        shared: shared.clone(),
        inputs,
        executor: LocalExecutor::new(context, queue),
        log,
        on_level: options.on_level,
        close_requests,
        watch,
        private_dir,
    });
    let thread = std::thread::Builder::new().name("runner".into());
    let thread = thread.spawn(move || runner.run(facts)).map_err(StartError::Thread)?;
    *lock(&shared.runner) = Some(thread);
    Ok(shared)
}

fn make_record(
    store: &dyn StateStore,
    run_id: RunId,
    plan: &Plan,
    options: &mut RunOptions,
    mask: &Mask,
) -> Result<Arc<dyn RunLog>, StoreError> {
    let mut source = options.source.take(); // as large as the file, and the run needs it no more
    if let Some(source) = source.as_mut().filter(|_| !mask.is_empty()) {
        *source = masked_source(source, plan.flow.syntax, mask);
    }
    store.create(&NewRun {
        run_id,
        source: source.as_deref(),
        syntax: plan.flow.syntax,
        durable: options.durable,
        max_log: max_log(options),
    })
}

/// Returns what people should know of tasks that want more slots of `jobs` than there are. Where the
/// file itself gives the run so few, who reads it has said it.
fn cpus_warning(plan: &Plan) -> Option<String> {
    if plan.flow.jobs == Some(plan.jobs) {
        return None;
    }
    let names: Vec<&str> = plan.wants_more_than_jobs().map(Task::name).collect();
    let jobs = plan.jobs;
    let said = "want more `cpus` than tasks run at once";
    (!names.is_empty()).then(|| {
        format!("{} {said} ({jobs}): each holds all slots, and so runs alone", listed(&names))
    })
}

fn max_log(options: &RunOptions) -> Size {
    options.max_log.unwrap_or(MAX_LOG)
}

fn private_dir() -> Result<tempfile::TempDir, StartError> {
    // Without this the caller's umask decides, and others could look in.
    let only_ours = std::fs::Permissions::from_mode(0o700);
    let private = tempfile::Builder::new().prefix("pyoco-").permissions(only_ours).tempdir();
    private.map_err(|source| StartError::PrivateFolder { path: std::env::temp_dir(), source })
}

/// Lets requests from outside of the process reach the run, where its log has them.
fn watch_requests(shared: &Arc<Shared>, log: &dyn RunLog) -> std::io::Result<Option<Closer>> {
    let Some(mut requests) = log.requests() else { return Ok(None) };
    let closer = requests.closer();
    let run = Arc::downgrade(shared);
    std::thread::Builder::new().name("requests".into()).spawn(move || {
        while let Some(batch) = requests.next() {
            let Some(run) = run.upgrade() else { return };
            batch.into_iter().for_each(|request| run.request(request, Origin::File));
            run.blank_cancel_file();
        }
    })?;
    Ok(Some(closer))
}
