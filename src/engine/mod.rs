//! Floor 4: makes it happen. Starts runs, and carries out what the scheduler decides: processes,
//! signals, the record, the trace.
//!
//! A run has one loop with one channel (`runner`), as many worker threads as tasks run at once
//! (`local`), a table of live process groups which alone sends signals (`group`), and one console
//! thread (`console`). Control never blocks; output may.
//!
//! The engine imports no store and no trace: both come in as traits. It asks the system for what it
//! needs (time, environment), so that the floors below need not.

mod artifacts;
mod attempt;
mod backlog;
mod clock;
mod command;
mod console;
mod direct;
mod environment;
mod foreground;
mod group;
mod hasher;
mod leaks;
mod local;
mod logs;
mod look;
mod mask;
mod os;
pub(crate) mod output_file;
#[cfg(feature = "cli")]
mod place;
mod poll;
mod post_mortem;
mod results;
mod runner;
mod shared;
pub(crate) mod signal_mask;
mod start;
mod watchdog;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::event::{
    CancelRequest, MemoryQueue, MemoryStore, QueueBackend, RunNoted, RunStarted, RunView,
    StateStore, StoreError, TaskView, Trace,
};
use crate::model::{Flow, Level, RunId, RunStatus, Size};
use crate::scheduler::{Announced, Plan};

#[cfg(feature = "cli")]
pub(crate) use place::{Place, Placed};
use shared::Shared;
use start::Order;
use watchdog::Watch;
pub use watchdog::{DEAF_TO, WATCHDOG, Watched, keep_watch};

/// How much output of one attempt is kept where nothing else is said.
pub const MAX_LOG: Size = Size(64 << 20);

/// The variable that tells an inner run how long it may take to stop its tasks: less than its own
/// task is given, so that it is done before it is killed itself.
pub const PARENT_GRACE: &str = "PYOCO_PARENT_GRACE";

/// Starts runs, and knows those it started. Holds no global state: any number of engines live side
/// by side in a process.
///
/// ```
/// use pyoco::engine::Engine;
/// use pyoco::model::RunStatus;
/// use pyoco::spec::{FlowBuilder, TaskBuilder};
///
/// let flow = FlowBuilder::new("dinner")
///     .task(TaskBuilder::run("chop", "echo chopped"))
///     .task(TaskBuilder::run("boil", "echo boiled").needs(["chop"]))
///     .build()
///     .expect("a sound flow");
/// let engine = Engine::new();
/// let handle = engine.start(&flow).expect("a record in memory");
/// assert_eq!(handle.wait().status(), RunStatus::Completed);
/// ```
pub struct Engine {
    store: Arc<dyn StateStore>,
    new_queue: Box<dyn Fn() -> Arc<dyn QueueBackend> + Send + Sync>,
    surroundings: Arc<Surroundings>,
    watchdog: Option<PathBuf>,
    runs: Mutex<HashMap<RunId, Weak<Shared>>>,
}

/// What tasks see of the caller, as it stood when the engine was made.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The environment that tasks inherit.
    pub env: Vec<(OsString, OsString)>,
    /// The folder that the caller stood in: `PYOCO_CALLER_DIR`.
    pub caller_dir: PathBuf,
    /// The state folder, absolute: `PYOCO_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
    /// The program that an inner run is started with: `PYOCO_EXE`.
    pub exe: Option<PathBuf>,
}

impl Surroundings {
    /// Asks the system; what it does not tell is left out.
    pub fn of_this_process() -> Surroundings {
        Surroundings {
            env: std::env::vars_os().collect(),
            caller_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            state_dir: None,
            exe: None,
        }
    }
}

/// What may be said of a run beyond its plan.
#[derive(Default)]
pub struct RunOptions {
    /// Shows the run as it goes.
    pub trace: Option<Box<dyn Trace>>,
    /// What the record shall say of the run; its id, flow, jobs and count of tasks are filled in.
    pub facts: RunStarted,
    /// The workflow file's bytes, for the copy in the record.
    pub source: Option<Vec<u8>>,
    /// Whether every line must reach the disk before what it speaks of happens.
    pub durable: bool,
    /// How much output of one attempt is kept; `None`: [`MAX_LOG`].
    pub max_log: Option<Size>,
    /// Called on a thread of its own as soon as tasks are, or may soon be, stopped, with the names of
    /// those that are still running.
    pub on_level: Option<LevelHook>,
}

/// See [`RunOptions::on_level`].
pub type LevelHook = Arc<dyn Fn(Announced, &[String]) + Send + Sync>;

/// Why a run could not be started. Nothing has run then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its record could not be made.
    #[error("the run cannot be recorded: {0}")]
    Record(#[from] StoreError),
    /// Its private folder could not be made.
    #[error("cannot make a private folder in `{}`: {source}", path.display())]
    PrivateFolder {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The threads that it needs could not be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl Engine {
    /// Returns an engine that keeps its records and its queue in memory.
    pub fn new() -> Engine {
        Engine {
            store: Arc::new(MemoryStore::default()),
            new_queue: Box::new(|| Arc::new(MemoryQueue::default())),
            surroundings: Arc::new(Surroundings::of_this_process()),
            watchdog: None,
            runs: Mutex::default(),
        }
    }

    /// Keeps records in `store`.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn StateStore>) -> Engine {
        self.store = store;
        self
    }

    /// Lets ready tasks wait in queues that `new_queue` makes, one for each run.
    #[must_use]
    pub fn with_queue<Q: QueueBackend + 'static>(
        mut self,
        new_queue: impl Fn() -> Q + Send + Sync + 'static,
    ) -> Engine {
        self.new_queue = Box::new(move || Arc::new(new_queue()));
        self
    }

    /// Shows tasks these surroundings instead of the process's own.
    #[must_use]
    pub fn with_surroundings(mut self, surroundings: Surroundings) -> Engine {
        self.surroundings = Arc::new(surroundings);
        self
    }

    /// Gives every run that lasts a watchdog: a small process that ends the run's tasks where this
    /// process is killed (`kill -9`) and cannot do it. `program` is a binary of pyoco of this version;
    /// without this there is no watchdog, and such tasks go on.
    ///
    /// It sees the end of this process by a pipe that only this process holds. One that was forked off
    /// without executing another program holds it too, and must end first.
    #[must_use]
    pub fn with_watchdog(mut self, program: impl Into<PathBuf>) -> Engine {
        self.watchdog = Some(program.into());
        self
    }

    /// Returns the store that records are kept in.
    pub fn store(&self) -> &Arc<dyn StateStore> {
        &self.store
    }

    /// Starts a run of all of `flow`.
    ///
    /// # Errors
    /// Where nothing could be started.
    pub fn start(&self, flow: &Flow) -> Result<RunHandle, StartError> {
        let plan = Plan::all_of(Arc::new(flow.clone()), processors());
        self.start_plan(plan, RunOptions::default())
    }

    /// Starts a run as planned.
    ///
    /// # Errors
    /// Where nothing could be started.
    pub fn start_plan(&self, plan: Plan, options: RunOptions) -> Result<RunHandle, StartError> {
        let order = Order {
            plan,
            options,
            queue: (self.new_queue)(),
            surroundings: self.surroundings.clone(),
            watch: Watch::new(self.watchdog.clone()),
        };
        let shared = start::start(order, &*self.store)?;
        let mut runs = lock(&self.runs);
        runs.retain(|_, run| run.strong_count() > 0);
        runs.insert(shared.run_id(), Arc::downgrade(&shared));
        Ok(RunHandle { shared })
    }

    /// Cancels a run that this engine started, at level drain: nothing new starts, and what runs
    /// finishes naturally. Returns whether there was such a run under way.
    pub fn cancel(&self, run_id: RunId) -> bool {
        let run = lock(&self.runs).get(&run_id).and_then(Weak::upgrade);
        let Some(shared) = run.filter(|run| !run.is_over()) else { return false };
        RunHandle { shared }.cancel();
        true
    }
}

/// A run under way. Dropping it does not end the run.
#[derive(Clone)]
pub struct RunHandle {
    shared: Arc<Shared>,
}

impl RunHandle {
    /// Returns the run's id.
    pub fn run_id(&self) -> RunId {
        self.shared.run_id()
    }

    /// Returns where the run stands.
    pub fn status(&self) -> RunStatus {
        self.shared.with_view(RunView::status)
    }

    /// Returns the level of the cancel, where one was taken.
    pub fn level(&self) -> Option<Level> {
        self.shared.with_view(RunView::level)
    }

    /// Returns where its tasks stand, in declaration order.
    pub fn tasks(&self) -> Vec<TaskView> {
        self.shared.with_view(|view| view.tasks().to_vec())
    }

    /// Returns the state of the run as it stands now.
    pub fn view(&self) -> RunView {
        self.shared.with_view(RunView::clone)
    }

    /// Asks for a cancel at level drain: nothing new starts, and what runs finishes naturally.
    pub fn cancel(&self) {
        self.request(CancelRequest { level: Level::Drain, by: "api".to_owned(), reason: None });
    }

    /// Asks for a cancel. At level kill the processes are dead when this returns.
    pub fn request(&self, request: CancelRequest) {
        self.shared.request(request, shared::Origin::Inside);
    }

    /// Suspends the run: its tasks are stopped, nothing starts, and its clock stands still, so that
    /// no timeout and no grace runs out. A run that was killed cannot be suspended.
    pub fn suspend(&self) {
        self.shared.suspend();
    }

    /// Returns whether the run is suspended.
    pub fn is_suspended(&self) -> bool {
        self.shared.is_suspended()
    }

    /// Resumes a run that was suspended, as a cancel at stop or kill does too.
    pub fn resume(&self) {
        self.shared.resume();
    }

    /// Adds to the record what was learnt beside the tasks.
    pub fn note(&self, noted: RunNoted) {
        self.shared.note(noted);
    }

    /// Waits until the run has its end, also in its record, and returns its last state.
    ///
    /// The trace may still be at work: see [`RunHandle::wait_for_trace`].
    ///
    /// # Panics
    /// With the runner's own panic, should it have had one.
    pub fn wait(&self) -> RunView {
        self.shared.wait();
        self.view()
    }

    /// Waits at most so long for the end of the run; returns whether it has come.
    pub fn is_over_within(&self, at_most: Duration) -> bool {
        self.shared.is_over_within(at_most)
    }

    /// Reaps what lost its parent and has ended, and no process of this run or of its caller's group:
    /// for a program that is the first process of a container, whenever it gets SIGCHLD. Returns
    /// whether another look in a moment may find more.
    pub fn reap_orphans(&self) -> bool {
        self.shared.reap_orphans()
    }

    /// Waits until the trace has shown all there is.
    pub fn wait_for_trace(&self) {
        self.shared.wait_for_trace();
    }
}

/// Returns how many processors there are for this process.
pub fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Behind these locks nothing is half-done between two statements that can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
