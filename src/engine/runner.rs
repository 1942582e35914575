//! The loop of a run: one thread, one channel, one writer of the record.
//!
//! Each turn takes all inputs that are there, lets the scheduler decide, appends the lines in one
//! write, tells them, and only then acts. A cancel travels beside the channel too, so that it is
//! taken before reports that it caused.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::hasher::Hasher;
use super::local::LocalExecutor;
use super::mask::{mask_input, mask_request};
use super::poll::readable;
use super::shared::{Message, Origin, Shared};
use super::watchdog::{self, Watch};
use super::{LevelHook, lock};
use crate::event::{CANCEL_FILE, CancelRequest, Line, RunLog, RunStarted, StoreError};
use crate::model::{Level, Ms};
use crate::scheduler::{Action, Announced, Decisions, Executor, Input};

/// How long the end of a run waits for an announcement to be out.
const ANNOUNCE_AT_MOST: Duration = Duration::from_millis(200);

/// How long a run waits for sums at its end before people are told.
const TELL_OF_SUMS: Duration = Duration::from_secs(2);

/// Lets go of what waits for requests from outside of the process.
pub(super) type Closer = Box<dyn Fn() + Send + Sync>;

/// What a runner is made of; the rest begins with it.
pub(super) struct RunnerParts {
    pub(super) shared: Arc<Shared>,
    pub(super) inputs: Receiver<Message>,
    pub(super) executor: LocalExecutor,
    pub(super) log: Arc<dyn RunLog>,
    pub(super) on_level: Option<LevelHook>,
    pub(super) close_requests: Option<Closer>,
    pub(super) watch: Watch,
    pub(super) private_dir: Option<tempfile::TempDir>,
}

pub(super) struct Runner {
    shared: Arc<Shared>,
    inputs: Receiver<Message>,
    executor: LocalExecutor,
    log: Arc<dyn RunLog>,
    on_level: Option<LevelHook>,
    /// Whether lines are missing that may still be written.
    is_behind: bool,
    /// Whether the disk has failed to keep what it had taken.
    is_broken: bool,
    close_requests: Option<Closer>,
    /// When what was stopped is killed, groups that outlived their leaders included.
    stop_deadline: Option<Ms>,
    /// Announcements on their way; each closes when it is out.
    announcing: Vec<Receiver<()>>,
    watch: Watch,
    hasher: Hasher,
    /// Since when the run waits for nothing but sums; `None` inside: people were told.
    waits_for_sums: Option<Option<Instant>>,
    _private_dir: Option<tempfile::TempDir>,
}

impl Runner {
    pub(super) fn new(parts: RunnerParts) -> Runner {
        Runner {
            shared: parts.shared,
            inputs: parts.inputs,
            executor: parts.executor,
            log: parts.log,
            on_level: parts.on_level,
            is_behind: false,
            is_broken: false,
            close_requests: parts.close_requests,
            stop_deadline: None,
            announcing: Vec::new(),
            watch: parts.watch,
            hasher: Hasher::default(),
            waits_for_sums: None,
            _private_dir: parts.private_dir,
        }
    }

    pub(super) fn run(mut self, facts: RunStarted) {
        let _at_the_end = AtTheEnd(self.shared.clone());
        let mut decisions = Decisions::default();
        self.decide(Input::Begin(Box::new(facts)), &mut decisions);
        self.tell(&mut decisions);
        self.sync();
        // What was cancelled meanwhile starts nothing.
        self.take(Message::Wake, &mut decisions);
        self.decide(Input::Tick, &mut decisions);
        self.tell(&mut decisions);
        if self.shared.context.parent.is_some() {
            let context = self.shared.context.clone();
            let env = &context.surroundings.env;
            let started = self.watch.start_at_once(&context.groups, context.run_id, env);
            self.watched(started);
        }
        self.act(&mut decisions);
        while !self.is_over() {
            self.take_inputs(&mut decisions);
            self.tell(&mut decisions);
            self.act(&mut decisions);
            self.tend_watchdog();
            self.tell_of_sums();
        }
        self.end();
    }

    fn is_over(&self) -> bool {
        lock(&self.shared.scheduler).is_over()
    }

    fn decide(&self, mut input: Input, decisions: &mut Decisions) {
        let context = &self.shared.context;
        let mask = context.mask.now();
        if !mask.is_empty() {
            mask_input(&mask, &mut input);
        }
        let now = self.shared.context.clock.now();
        lock(&self.shared.scheduler).handle(now, input, decisions);
    }

    /// Waits for an input, and takes all that are there.
    fn take_inputs(&mut self, decisions: &mut Decisions) {
        let first = match self.at_most() {
            None => self.inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at_most) => self.inputs.recv_timeout(at_most),
        };
        match first {
            Ok(message) => self.take(message, decisions),
            Err(RecvTimeoutError::Timeout) => self.decide(Input::Tick, decisions),
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("BUG: the channel ended before the run; a handle holds a sender")
            }
        }
        while let Ok(message) = self.inputs.try_recv() {
            self.take(message, decisions);
        }
    }

    /// Returns how long an input may be waited for: until the scheduler or the watchdog is due.
    fn at_most(&self) -> Option<Duration> {
        let wake_at = lock(&self.shared.scheduler).wake_at();
        let scheduler = wake_at.map(|at| (at - self.shared.context.clock.now().ms).duration());
        let watchdog = self.watch.look_at().map(|at| at.saturating_duration_since(Instant::now()));
        scheduler.into_iter().chain(watchdog).min()
    }

    fn take(&mut self, message: Message, decisions: &mut Decisions) {
        // A cancel comes before what it may have caused: at level kill the processes are dead
        // before the runner hears of it.
        let requests = std::mem::take(&mut *lock(&self.shared.requests));
        for (mut request, origin) in requests {
            mask_request(&self.shared.context.mask.now(), &mut request);
            if origin == Origin::Inside {
                self.write_cancel_file(&request);
            }
            self.decide(Input::Cancel(request), decisions);
        }
        match message {
            Message::Input(input) => {
                if matches!(input, Input::Started(_)) {
                    self.watch.task_started(&self.shared.context.groups);
                }
                self.decide(input, decisions);
            }
            Message::Wake => {}
            Message::Bug(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn write_cancel_file(&self, request: &CancelRequest) {
        let path = self.shared.context.dir.join(CANCEL_FILE);
        if let Err(source) = request.append_to(&path) {
            let error = StoreError::Io { action: "write", path, source };
            self.notice(format!("tasks cannot see the cancel: {error}"));
        }
    }

    /// Records the lines and tells them.
    fn tell(&mut self, decisions: &mut Decisions) {
        if decisions.lines.is_empty() {
            return;
        }
        self.record(&decisions.lines);
        self.shared.context.console.lines(std::mem::take(&mut decisions.lines));
    }

    fn record(&mut self, lines: &[Line]) {
        let result = self.log.append(lines);
        self.is_behind = result.is_err();
        self.recorded(result);
    }

    fn sync(&mut self) {
        let result = self.log.sync();
        self.is_broken |= result.is_err();
        self.recorded(result);
    }

    /// A record that breaks in the middle is no reason to stop: people are told, once.
    fn recorded(&self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            self.shared.context.record_broke(&error);
        }
    }

    fn notice(&self, text: String) {
        self.shared.context.notice(&text);
    }

    /// Tells people once why a run goes on whose tasks have all ended.
    fn tell_of_sums(&mut self) {
        let Some(left) = lock(&self.shared.scheduler).waits_for_sums_alone() else { return };
        let since = self.waits_for_sums.get_or_insert_with(|| Some(Instant::now()));
        if since.is_some_and(|since| since.elapsed() >= TELL_OF_SUMS) {
            *since = None;
            self.notice(format!(
                "all tasks have ended; {left} artifacts are still to be summed up (SHA-256); \
                 a second Ctrl-C ends the run without"
            ));
        }
    }

    fn tend_watchdog(&mut self) {
        let context = &self.shared.context;
        let tended = self.watch.tend(&context.groups, context.run_id, &context.surroundings.env);
        self.watched(tended);
    }

    fn watched(&self, started: std::io::Result<Option<Pid>>) {
        match started {
            Ok(None) => {}
            Ok(Some(pid)) => {
                let run = Arc::downgrade(&self.shared);
                watchdog::at_the_end_of(pid, move || {
                    if let Some(run) = run.upgrade() {
                        run.watchdog_died(pid);
                    }
                });
            }
            Err(error) => self.notice(format!(
                "there is no watchdog: {error}; should pyoco be killed (`kill -9`), \
                 end the tasks by hand"
            )),
        }
    }

    fn act(&mut self, decisions: &mut Decisions) {
        for action in decisions.actions.drain(..) {
            match action {
                Action::Spawn { task, attempt, given } => {
                    let context = &self.shared.context;
                    context.mask.learn_given(&context.plan.flow, &given);
                    self.executor.spawn(task, attempt, given);
                }
                Action::Signal { task, attempt, signal, overdue: None } => {
                    self.executor.signal(task, attempt, signal);
                }
                Action::Signal { task, attempt, signal, overdue: Some(overdue) } => {
                    self.executor.signal_overdue(task, attempt, signal, overdue);
                }
                Action::Hash { task, attempt, artifacts } => {
                    self.hasher.add(&self.shared.context, task, attempt, artifacts);
                }
                Action::SignalLeaked { signal } => self.executor.signal_leaked(signal),
                Action::Announce { what, running } => {
                    if let Announced::Cancel { level: Level::Stop, grace, .. }
                    | Announced::FinallyGoesOn { left: grace } = what
                    {
                        self.stop_deadline = Some(self.shared.context.clock.ms() + grace);
                    }
                    self.announce(what, &running);
                }
                Action::OpenFinally { status, failed } => {
                    self.shared.context.open_finally(status, &failed);
                }
            }
        }
    }

    /// Tells people on a thread of its own: whoever reads the console must not hold up the run.
    fn announce(&mut self, what: Announced, running: &[Arc<str>]) {
        let Some(hook) = self.on_level.clone() else { return };
        let running: Vec<String> = running.iter().map(ToString::to_string).collect();
        let thread = std::thread::Builder::new().name("announce".into());
        let (said, is_said) = mpsc::channel();
        let announce = move || {
            hook(what, &running);
            drop(said);
        };
        match thread.spawn(announce) {
            Ok(_) => self.announcing.push(is_said),
            Err(error) => self.notice(format!("cannot announce the cancel: {error}")),
        }
    }

    fn end(mut self) {
        self.wait_for_leaked();
        let level = self.shared.token.level();
        self.shared.context.groups.release_leaked(level >= Some(Level::Stop));
        self.shared.context.groups.end_watchdog();
        self.shared.context.drains.close();
        self.executor.close();
        if let Err(error) = self.shared.context.outputs.remove() {
            self.notice(format!("cannot remove what tasks wrote to $PYOCO_OUTPUT: {error}"));
        }
        if self.is_behind {
            self.record(&[]); // the disk may have room again
        }
        self.sync();
        // A blocked terminal may keep an announcement, but not the end of the run.
        for is_said in self.announcing.drain(..) {
            let _ = is_said.recv_timeout(ANNOUNCE_AT_MOST);
        }
        if let Some(close) = self.close_requests.take() {
            close();
        }
        self.shared.blank_cancel_file(); // what came too late to be taken
        if self.is_behind || self.is_broken || self.shared.context.has_log_trouble() {
            self.notice("this run has no complete record".to_owned());
        } else if self.shared.context.has_record_trouble() {
            self.notice("the record of this run is complete after all".to_owned());
        }
        self.shared.context.console.finish();
    }
}

impl Runner {
    /// Leaves to groups that outlived their leaders what is left of the deadline of level stop.
    fn wait_for_leaked(&self) {
        let Some(deadline) = self.stop_deadline else { return };
        let groups = &self.shared.context.groups;
        while !groups.is_killed() {
            let left = deadline - self.shared.context.clock.ms();
            let members = groups.leaked_members();
            if left == Ms(0) || members.is_empty() {
                return;
            }
            let members: Vec<_> = members.iter().map(AsFd::as_fd).collect();
            if readable(&members, Some(left.duration())).is_err() {
                return;
            }
        }
    }
}

/// Says that the run is over, however it came about; after a panic no process is left behind.
struct AtTheEnd(Arc<Shared>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.context.groups.kill_all();
            self.0.context.groups.end_watchdog();
            self.0.context.console.finish();
        }
        *lock(&self.0.over) = true;
        self.0.ended.notify_all();
    }
}
