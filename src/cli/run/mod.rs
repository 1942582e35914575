//! `pyoco run`: from the words on the command line to the exit code of a run.

mod args;
mod job_control;
mod limits;
mod nested;
mod orphans;
mod signals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::exit::{Exit, Failure};
use super::load::{caller_dir, load_for, shown};
use super::say::say;
use crate::engine::{
    Engine, PARENT_GRACE, RunHandle, RunOptions, StartError, Surroundings, processors,
};
use crate::event::{Retention, RunNoted, RunStarted, RunView};
use crate::graph::{Selection, SelectionError, select};
use crate::model::{
    Flow, Level, OnFailure, Param, PoolId, Reason, RunStatus, Slots, TaskId, Wall, escape,
};
use crate::record::{self, JsonlStore};
use crate::scheduler::{Announced, Plan};
use crate::spec::{self, Purpose, Source};
use crate::trace::mode::{self, Choice, ColourChoice, Descriptor, Flags};
use crate::trace::{Console, ConsoleOptions, Screen, announcement};

pub(crate) use args::{RunArgs, is_file, jobs, pool};
use args::{on_cancel, parse, setting};
use job_control::JobControl;
use nested::InnerRuns;
use orphans::Orphans;
use signals::Ladder;

/// The most names that the hint to an unknown task shows.
const MAX_NAMES: usize = 20;
/// How many ended runs of a flow are kept.
const KEEP_RUNS: u32 = 100;
/// A run that is over sooner is not worth a look at its repository.
const NOTE_AFTER: Duration = Duration::from_millis(100);
/// How long that look may take.
const NOTE_AT_MOST: Duration = Duration::from_secs(2);

/// Runs `pyoco run`.
pub(crate) fn main(args: &RunArgs) -> Result<Exit, Failure> {
    args.later.refuse()?;
    let caller_dir = caller_dir()?;
    let choice = choose(args)?;
    let (file, targets) = args.file_and_tasks();
    let (source, flow) =
        load_for(file, targets, &args.params.settings(Purpose::Run)?, choice.err.colour)?;
    let selection = super::plan::selection(targets, &args.only, &args.skip);
    let plan = plan(args, &selection, &flow)?;
    if args.dry_run {
        let store = JsonlStore::new(state_dir(args, &caller_dir));
        return super::plan::dry_run(&flow, &plan, &selection, &source, &store);
    }
    drop(flow);
    signals::reset_inherited();
    limits::make_room(plan.jobs.min(plan.flow.tasks().len().try_into().unwrap_or(u32::MAX)));
    let job = Job::new(args, &caller_dir, choice, plan, source)?;
    job.run()
}

fn choose(args: &RunArgs) -> Result<Choice, Failure> {
    let flags =
        Flags { style: args.style(), output: args.output, colour: args.color, quiet: args.quiet };
    let (out, err) = (Descriptor::of(std::io::stdout()), Descriptor::of(std::io::stderr()));
    mode::choose(&flags, &|name| std::env::var(name).ok(), out, err)
        .map_err(|error| Failure::new(error.to_string()))
}

/// What of a file is to be run, and on how many slots.
pub(crate) struct Wanted<'a> {
    pub(crate) selection: &'a Selection,
    pub(crate) jobs: Option<u32>,
    pub(crate) pools: &'a [(String, Slots)],
}

/// Narrows a flow to what is wanted.
pub(crate) fn selected(wanted: &Wanted<'_>, flow: &Flow) -> Result<Plan, Failure> {
    let selected =
        select(flow, wanted.selection).map_err(|error| selection_failure(&error, flow))?;
    let n_jobs = setting(wanted.jobs, "PYOCO_JOBS", jobs)?;
    let mut plan = Plan::of(selected, processors());
    match n_jobs {
        Some(0) => plan.jobs = processors(),
        Some(n_jobs) => plan.jobs = n_jobs,
        None => {}
    }
    with_slots(plan, wanted.pools)
}

/// Puts together what is to be run and how.
fn plan(args: &RunArgs, selection: &Selection, flow: &Flow) -> Result<Plan, Failure> {
    if selection.targets.is_empty() && !args.args.is_empty() {
        return Err(Failure::new("words after `--` go to the tasks that are named, and none is")
            .hint("write `pyoco run FILE TASK -- ARG…`"));
    }
    let mut plan = selected(&Wanted { selection, jobs: args.jobs, pools: &args.pool }, flow)?;
    plan.args = args.args.clone().into();
    plan.on_failure = if args.keep_going { Some(OnFailure::Isolate) } else { args.on_failure };
    plan.on_cancel = setting(args.on_cancel, "PYOCO_ON_CANCEL", on_cancel)?;
    if let Some(grace) = setting(args.grace, "PYOCO_GRACE", parse)? {
        plan.grace = grace;
    }
    plan.timeout = args.timeout.or(plan.timeout);
    if let Some(at_most) = setting(None, PARENT_GRACE, parse)? {
        plan.grace = plan.grace.min(at_most);
    }
    plan.env = args.env.variables()?.into();
    plan.seed = seed();
    Ok(plan)
}

/// Returns where records are kept.
fn state_dir(args: &RunArgs, caller_dir: &Path) -> PathBuf {
    let from_env = std::env::var_os("PYOCO_STATE_DIR").filter(|dir| !dir.is_empty());
    let from_env = from_env.map(PathBuf::from);
    record::find_state_dir(args.state_dir.as_deref(), from_env.as_deref(), caller_dir)
}

/// Gives pools the slots that the command line says.
fn with_slots(plan: Plan, said: &[(String, Slots)]) -> Result<Plan, Failure> {
    let mut slots: Vec<(PoolId, Slots)> = Vec::new();
    for (name, given) in said {
        let pools = plan.flow.pools();
        let Some(index) = pools.iter().position(|pool| *pool.name == **name) else {
            let names: Vec<&str> = pools.iter().map(|pool| &*pool.name).collect();
            let failure = Failure::new(format!("unknown pool `{}`", escape(name)));
            return Err(failure.hint(match spec::suggest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "the file has no `pools`".to_owned(),
                None => format!("the pools are: {}", names.join(", ")),
            }));
        };
        let id = PoolId(index as u32);
        if slots.iter().any(|(other, _)| *other == id) {
            return Err(Failure::new(format!("`--pool {name}=…` is there twice"))
                .hint("leave one of the two out"));
        }
        if let (Slots::Named(_), Slots::Numbered(n)) = (&pools[index].slots, given) {
            say(format_args!(
                "warning: `{name}` is a list of texts in the file, and gets {n} numbered slots; for \
                 one slot with this text write `--pool {name}={n},`"
            ));
        }
        slots.push((id, given.clone()));
    }
    plan.with_slots(slots).map_err(|error| {
        Failure::new(escape(&error.to_string())).hint("give it more, or leave the task out")
    })
}

/// Returns what scatters the pauses between attempts: another number for every run.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// Says what is wrong with the tasks that were named, and which there are.
pub(crate) fn selection_failure(error: &SelectionError, flow: &Flow) -> Failure {
    let failure = Failure::new(escape(&error.to_string()));
    match error {
        SelectionError::UnknownTask { near: Some(near), .. }
        | SelectionError::NoMatch { near: Some(near), .. } => {
            failure.hint(format!("did you mean `{}`?", escape(near)))
        }
        SelectionError::UnknownTask { name, near: None } if name.contains('=') => {
            failure.hint(format!("a param is set by `-p {}`", escape(name)))
        }
        SelectionError::UnknownTask { near: None, .. }
        | SelectionError::NoMatch { near: None, .. } => {
            let all: Vec<TaskId> = flow.ids().collect();
            failure.hint(format!("the tasks are: {}", names(flow, &all, MAX_NAMES)))
        }
        SelectionError::NoDefault => {
            failure.hint(super::list::table(&shown(flow), usize::MAX).trim_end())
        }
        SelectionError::MissedOutput { of, .. } => {
            failure.hint(format!("let `{}` run too", escape(of)))
        }
        SelectionError::Nothing => failure,
    }
}

/// Returns the first `most` of the tasks by name, and how many more there are.
fn names(flow: &Flow, ids: &[TaskId], most: usize) -> String {
    let shown: Vec<_> = ids.iter().take(most).map(|id| escape(flow.task(*id).name())).collect();
    let more = ids.len() - shown.len();
    let names = shown.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

/// A run with all that it needs.
struct Job {
    engine: Engine,
    plan: Plan,
    options: RunOptions,
    console: ConsoleOptions,
    retention: Option<Retention>,
    inner_runs: InnerRuns,
    /// The folder of the workflow file, whose repository the record speaks of.
    dir: PathBuf,
}

impl Job {
    fn new(
        args: &RunArgs,
        caller_dir: &Path,
        choice: Choice,
        plan: Plan,
        source: Source,
    ) -> Result<Job, Failure> {
        let state_dir = state_dir(args, caller_dir);
        let mut engine = Engine::new();
        if !args.no_record {
            record::make_state_dir(&state_dir)
                .map_err(|error| Failure::new(escape(&error.to_string())))?;
            engine = engine.with_store(Arc::new(JsonlStore::new(state_dir.clone())));
        }
        let inner_runs = InnerRuns::new(&state_dir);
        let surroundings = Surroundings {
            env: environment(args.color),
            caller_dir: caller_dir.to_path_buf(),
            state_dir: Some(state_dir.clone()),
            exe: std::env::current_exe().ok(),
        };
        let dir = source.base_dir.clone();
        let facts = facts(args, &dir, &source, &plan);
        let retention = (!args.no_record).then(|| Retention {
            only: Some((plan.flow.name().to_owned(), facts.file.clone())),
            keep_runs: Some(plan.flow.records().keep_runs.unwrap_or(KEEP_RUNS)),
            ..Retention::default()
        });
        let options = RunOptions {
            facts,
            max_log: plan.flow.records().max_log,
            source: Some(source.bytes),
            durable: args.durable,
            ..RunOptions::default()
        };
        let path = std::env::var("PATH").unwrap_or_default();
        let console = ConsoleOptions {
            choice,
            record: !args.no_record,
            records_dir: Some(JsonlStore::new(state_dir).runs_dir()),
            path,
        };
        let mut engine = engine.with_surroundings(surroundings);
        if let Some(program) = super::watchdog::program() {
            engine = engine.with_watchdog(program);
        }
        Ok(Job { engine, plan, options, console, retention, inner_runs, dir })
    }

    fn run(mut self) -> Result<Exit, Failure> {
        let job_control = JobControl::listen()?; // first: the others' threads have its mask
        let (ladder, orphans) = (Ladder::listen()?, Orphans::listen()?);
        let console = Console::stdio(self.console);
        let screen = console.screen();
        self.options.on_level = Some(on_level(screen.clone(), self.inner_runs.clone()));
        self.options.trace = Some(Box::new(console));
        let keep_for = self.plan.flow.records().keep_for;
        let has_repository = self.options.facts.git_commit.is_some();
        let handle = self.engine.start_plan(self.plan, self.options).map_err(start_failure)?;
        self.inner_runs.belong_to(handle.run_id());
        ladder.lead_to(handle.clone());
        orphans.reap_beside(handle.clone());
        job_control.lead_to(handle.clone(), screen);
        if let Some(request) = nested::drain_of_outer() {
            handle.request(request);
        }
        if has_repository {
            note_later(handle.clone(), self.dir);
        }
        let view = handle.wait();
        // Retention is a courtesy: what it cannot remove now, the next run or `runs prune` will.
        if let Some(mut retention) = self.retention {
            // As it stands in the record: without secrets.
            retention.only = Some((view.header().flow.clone(), view.header().file.clone()));
            retention.ended_after = keep_for.map(|age| Wall::from(SystemTime::now()).minus(age));
            let _ = self.engine.store().prune(&retention);
        }
        ladder.wait_for_trace(&handle, signal_of(&view));
        Ok(exit_of(&view))
    }
}

/// Returns what is done when tasks are stopped: people are told, and a drain is handed on.
fn on_level(screen: Screen, inner_runs: InnerRuns) -> crate::engine::LevelHook {
    Arc::new(move |what, running| {
        if matches!(what, Announced::Cancel { level: Level::Drain, .. }) {
            inner_runs.drain_aside();
        }
        screen.announce(&announcement(what, running));
    })
}

fn start_failure(error: StartError) -> Failure {
    let way_out = match &error {
        StartError::Record(_) => "nothing was run; try `--no-record`, or another `--state-dir`",
        StartError::PrivateFolder { .. } => {
            "nothing was run; set `TMPDIR` to a folder that can be written to"
        }
        StartError::Thread(_) => "nothing was run; the system has no room for more threads",
    };
    Failure::new(escape(&error.to_string())).hint(way_out)
}

/// Returns the signal that cancelled this run; none where somebody else did, or nobody.
fn signal_of(view: &RunView) -> Option<i32> {
    let is_cancelled = view.status() == RunStatus::Cancelled;
    view.cancelled_by().0.filter(|_| is_cancelled).and_then(signals::by_name)
}

/// Returns how the program ends after this run; does not return where a signal ends it.
fn exit_of(view: &RunView) -> Exit {
    match view.status() {
        RunStatus::Completed => Exit::Success,
        RunStatus::Cancelled => match signal_of(view) {
            Some(signal) => signals::die_by(signal),
            None => Exit::As(signal_hook::consts::SIGINT),
        },
        RunStatus::Failed if view.reason() == Some(&Reason::TIMEOUT) => Exit::TimedOut,
        RunStatus::Failed | RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => {
            Exit::Failed
        }
    }
}

/// Returns the environment that tasks inherit; a choice of colours is handed on to them.
fn environment(colour: Option<ColourChoice>) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let mut env: Vec<_> = std::env::vars_os().collect();
    const VARIABLES: [&str; 3] = ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"];
    let set: &[&str] = match colour {
        None | Some(ColourChoice::Auto) => return env,
        Some(ColourChoice::Always) => &["FORCE_COLOR", "CLICOLOR_FORCE"],
        Some(ColourChoice::Never) => &["NO_COLOR"],
    };
    env.retain(|(name, _)| VARIABLES.iter().all(|variable| name != variable));
    env.extend(set.iter().map(|name| ((*name).into(), "1".into())));
    env
}

/// The words after `--` that a record keeps, in bytes.
const MAX_ARGS: usize = 64 << 10;

/// What a record keeps of one param, in bytes.
pub(crate) const MAX_PARAM: usize = 4 << 10;

fn facts(args: &RunArgs, dir: &Path, source: &Source, plan: &Plan) -> RunStarted {
    let env = |name: &str| std::env::var(name).ok();
    let mut room = MAX_ARGS;
    let fits = |arg: &&String| {
        let had_room = arg.len() <= room;
        room = room.saturating_sub(arg.len());
        had_room
    };
    let kept: Vec<String> = args.args.iter().take_while(fits).cloned().collect();
    RunStarted {
        file: Some(source.path.clone()),
        file_sha256: plan.flow.file_sha256.clone(),
        args_cut: kept.len() < args.args.len(),
        args: kept,
        params: plan.flow.params().iter().filter_map(recorded).collect(),
        labels: args.label.iter().cloned().collect(),
        host: record::host(),
        pid: Some(std::process::id()),
        boot_id: record::boot_id(),
        pyoco: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: record::git_commit(dir),
        ci_url: record::ci_url(&env),
        ..RunStarted::default()
    }
}

/// Returns a param as a record has it: a long list is cut.
fn recorded(param: &Param) -> Option<(String, String)> {
    let mut value = param.value()?.to_string();
    if value.len() > MAX_PARAM {
        value.truncate(value.floor_char_boundary(MAX_PARAM));
        value.push('…');
    }
    Some((param.name().to_owned(), value))
}

/// Notes beside the run whether its repository is dirty.
fn note_later(handle: RunHandle, dir: PathBuf) {
    let look = move || {
        if !handle.is_over_within(NOTE_AFTER)
            && let Some(is_dirty) = record::git_dirty(&dir, NOTE_AT_MOST)
        {
            handle.note(RunNoted { git_dirty: Some(is_dirty) });
        }
    };
    // Without a thread the record lacks a remark, and nothing else.
    let _ = std::thread::Builder::new().name("git".into()).spawn(look);
}
