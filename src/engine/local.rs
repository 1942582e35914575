//! Carries out attempts as processes on this machine: a queue, and worker threads that pull from it.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};

use super::clock::Clock;
use super::console::ConsoleSender;
use super::environment::{MAX_VARIABLE, params};
use super::foreground::Terminal;
use super::group::Groups;
use super::leaks::Drains;
use super::logs::Logs;
use super::mask::{RunMask, blank_file};
use super::results::OutputFolder;
use super::shared::Message;
use super::{Surroundings, attempt, lock, post_mortem};
use crate::event::{QueueBackend, QueueItem, RunLog, StoreError};
use crate::model::{CancelToken, Reason, RunId, RunStatus, Size, TaskId, escape};
use crate::scheduler::{Ended, Executor, Given, Input, Overdue, Plan, Results};

/// A run as its workers see it.
pub(super) struct Context {
    pub(super) run_id: RunId,
    pub(super) plan: Plan,
    /// The run's folder, in its record or a private one.
    pub(super) dir: PathBuf,
    /// The params, as variables.
    pub(super) params: Vec<(OsString, OsString)>,
    pub(super) parent: Option<RunId>,
    pub(super) surroundings: Arc<Surroundings>,
    /// What must not be read in anything that the run leaves behind.
    pub(super) mask: Arc<RunMask>,
    pub(super) log: Arc<dyn RunLog>,
    /// How much output is read at once.
    pub(super) piece: usize,
    pub(super) console: ConsoleSender,
    pub(super) groups: Groups,
    pub(super) drains: Drains,
    pub(super) logs: Logs,
    pub(super) outputs: OutputFolder,
    /// The level of the cancel that was asked.
    pub(super) token: CancelToken,
    pub(super) clock: Arc<Clock>,
    /// The terminal that this process has, if any.
    pub(super) terminal: Option<Terminal>,
    /// What tasks of `finally` are told.
    pub(super) outcome: OnceLock<Outcome>,
    /// What attempts hold of pools, until a worker takes them; queues do not know it.
    given: Mutex<HashMap<(TaskId, u32), Given>>,
    to_runner: Sender<Message>,
    has_log_trouble: AtomicBool,
    has_record_trouble: AtomicBool,
}

/// How `tasks` have ended, as those of `finally` see it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// How the run stood then.
    pub(super) status: RunStatus,
    /// The names of the tasks that failed, one a line.
    pub(super) failed: String,
}

/// What the makers of a [`Context`] hand in; the rest is made with it.
pub(super) struct ContextParts {
    pub(super) run_id: RunId,
    pub(super) plan: Plan,
    pub(super) dir: PathBuf,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) mask: Arc<RunMask>,
    pub(super) log: Arc<dyn RunLog>,
    pub(super) max_log: Size,
    pub(super) console: ConsoleSender,
    pub(super) clock: Arc<Clock>,
    pub(super) to_runner: Sender<Message>,
}

impl Context {
    pub(super) fn new(parts: ContextParts) -> Context {
        Context {
            run_id: parts.run_id,
            outputs: OutputFolder::new(&parts.dir),
            token: CancelToken::default(),
            dir: parts.dir,
            params: params(&parts.plan.flow, |text| parts.console.notice(text)),
            parent: parent_run(&parts.surroundings.env),
            plan: parts.plan,
            surroundings: parts.surroundings,
            mask: parts.mask,
            log: parts.log,
            piece: piece(parts.max_log),
            console: parts.console,
            groups: Groups::default(),
            drains: Drains::default(),
            logs: Logs::default(),
            clock: parts.clock,
            terminal: Terminal::of_this_process(),
            outcome: OnceLock::new(),
            given: Mutex::default(),
            to_runner: parts.to_runner,
            has_log_trouble: AtomicBool::new(false),
            has_record_trouble: AtomicBool::new(false),
        }
    }

    /// Takes what an attempt holds of pools, to tell its process.
    pub(super) fn take_given(&self, task: TaskId, attempt: u32) -> Given {
        lock(&self.given).remove(&(task, attempt)).unwrap_or_default()
    }

    /// Tells the runner something. Once the run is over nobody listens, and nothing is lost by it.
    pub(super) fn tell(&self, input: Input) {
        let _ = self.to_runner.send(Message::Input(input));
    }

    /// Tells people something, without secrets and on one line.
    pub(super) fn notice(&self, text: &str) {
        self.console.notice(escape(&self.mask.now().text(text)).into_owned());
    }

    /// Hands a thread's panic to the runner, which kills what runs and goes on with the panic. Once the
    /// run is over it can change nothing.
    pub(super) fn report_bug(&self, panic: Box<dyn Any + Send>) {
        let _ = self.to_runner.send(Message::Bug(panic));
    }

    /// Keeps for the tasks of `finally` how `tasks` have ended.
    pub(super) fn open_finally(&self, status: RunStatus, failed: &[Arc<str>]) {
        let mut names = String::new();
        for (n_named, name) in failed.iter().enumerate() {
            if names.len() + name.len() >= MAX_VARIABLE {
                self.console.notice(format!(
                    "`PYOCO_FAILED_TASKS` names the first {n_named} of {} tasks: no variable holds \
                     more",
                    failed.len()
                ));
                break;
            }
            if n_named > 0 {
                names.push('\n');
            }
            names.push_str(name);
        }
        // It is decided once.
        let _ = self.outcome.set(Outcome { status, failed: names });
    }

    /// Tells people once that a log could not be kept.
    pub(super) fn log_broke(&self, error: &StoreError) {
        if self.lies_in_a_folder_that_is_gone(error) {
            self.has_log_trouble.store(true, Ordering::SeqCst);
            return self.record_broke(error);
        }
        if !self.has_log_trouble.swap(true, Ordering::SeqCst) {
            let text = format!("output is not kept: {error}; the tasks go on");
            self.console.notice(self.mask.now().text(&text).into_owned());
        }
    }

    /// Takes the secrets out of files of the record that were written before they were known.
    pub(super) fn hide_secrets(&self, files: &[PathBuf]) {
        let mask = self.mask.now();
        for path in files.iter().filter(|_| !mask.is_empty()) {
            if let Err(source) = blank_file(&mask, path) {
                let path = path.clone();
                let error = StoreError::Io { action: "take secrets out of", path, source };
                self.console.notice(escape(&mask.text(&error.to_string())).into_owned());
            }
        }
    }

    /// Tells people once that the record is not complete.
    pub(super) fn record_broke(&self, error: &StoreError) {
        if !self.has_record_trouble.swap(true, Ordering::SeqCst) {
            let text = format!("the record is not complete: {error}; the tasks go on");
            self.console.notice(escape(&self.mask.now().text(&text)).into_owned());
        }
    }

    /// Returns whether people were told that the record is not complete.
    pub(super) fn has_record_trouble(&self) -> bool {
        self.has_record_trouble.load(Ordering::SeqCst)
    }

    /// Where the whole record is gone, its logs and its events are one trouble and not two.
    fn lies_in_a_folder_that_is_gone(&self, error: &StoreError) -> bool {
        match error {
            StoreError::Io { path, .. } => path.starts_with(&self.dir) && !self.dir.exists(),
            StoreError::NoRun(_) | StoreError::ReadOnly => false,
        }
    }

    pub(super) fn has_log_trouble(&self) -> bool {
        self.has_log_trouble.load(Ordering::SeqCst)
    }
}

/// Returns how much output is read at once: what a pipe holds, but a small part of a log,
/// since a piece is kept or cut away as a whole.
fn piece(max_log: Size) -> usize {
    (max_log.0 / 16).clamp(1, 64 << 10) as usize
}

/// Returns the run whose task we are, as its environment says.
fn parent_run(env: &[(OsString, OsString)]) -> Option<RunId> {
    let (_, value) = env.iter().find(|(name, _)| name == "PYOCO_RUN_ID")?;
    value.to_str()?.parse().ok()
}

/// Local processes. The scheduler hands over only what holds a slot, so that there are never more
/// workers than slots, and no attempt waits for one.
pub(super) struct LocalExecutor {
    context: Arc<Context>,
    queue: Arc<dyn QueueBackend>,
    /// Workers that wait for work, less the work that waits for them.
    idle: Arc<AtomicUsize>,
}

impl LocalExecutor {
    pub(super) fn new(context: Arc<Context>, queue: Arc<dyn QueueBackend>) -> LocalExecutor {
        LocalExecutor { context, queue, idle: Arc::default() }
    }

    fn add_worker(&self) -> io::Result<()> {
        let (context, queue, idle) = (self.context.clone(), self.queue.clone(), self.idle.clone());
        let work = move || {
            // The queue may be the user's own, and panic as well as an attempt of ours.
            let work = AssertUnwindSafe(|| {
                let mut buffer = vec![0; context.piece];
                while let Some(item) = queue.dequeue() {
                    attempt::run(&context, item.task, item.attempt, &mut buffer);
                    idle.fetch_add(1, Ordering::SeqCst);
                }
            });
            if let Err(panic) = catch_unwind(work) {
                context.report_bug(panic);
            }
        };
        std::thread::Builder::new().name("worker".into()).spawn(work).map(drop)
    }

    /// Lets the workers go once the queue is empty.
    pub(super) fn close(&self) {
        self.queue.remove(self.context.run_id);
        self.queue.close();
    }
}

impl Executor for LocalExecutor {
    fn spawn(&self, task: TaskId, attempt: u32, given: Given) {
        let had_idle = self
            .idle
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |idle| idle.checked_sub(1))
            .is_ok();
        if !had_idle && let Err(error) = self.add_worker() {
            let reason = Reason::spawn(&format!("no thread: {error}"));
            let (not_started, measured) = (Some(reason), Default::default());
            let results = Ok(Results::default());
            let ended = Ended { task, attempt, not_started, measured, results };
            return self.context.tell(Input::Ended(Box::new(ended)));
        }
        if !given.is_empty() {
            lock(&self.context.given).insert((task, attempt), given);
        }
        self.queue.enqueue(QueueItem { run_id: self.context.run_id, task, attempt });
    }

    fn signal(&self, task: TaskId, attempt: u32, signal: i32) {
        self.context.groups.signal(task, attempt, signal);
    }

    fn signal_overdue(&self, task: TaskId, attempt: u32, signal: i32, overdue: Overdue) {
        post_mortem::then_signal(&self.context, task, attempt, signal, overdue);
    }

    fn signal_leaked(&self, signal: i32) {
        self.context.groups.signal_leaked(signal);
    }
}
