//! A run as its handles, its workers and its runner share it, and what they tell the runner.

use std::any::Any;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Pid;

use super::local::Context;
use super::lock;
use crate::event::{CANCEL_FILE, CancelRequest, RunNoted, RunView};
use crate::model::{CancelToken, Level, RunId};
use crate::scheduler::{Input, Scheduler};

/// What comes over the channel.
pub(super) enum Message {
    Input(Input),
    /// There are requests to cancel beside the channel.
    Wake,
    /// A worker panicked: a bug, which ends the run.
    Bug(Box<dyn Any + Send>),
}

/// Where a request to cancel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This process: the run's file `cancel` does not hold it yet.
    Inside,
    /// That file.
    File,
}

/// A run as its handles see it.
pub(super) struct Shared {
    pub(super) context: Arc<Context>,
    pub(super) scheduler: Mutex<Scheduler>,
    pub(super) token: CancelToken,
    pub(super) requests: Mutex<Vec<(CancelRequest, Origin)>>,
    pub(super) to_runner: Sender<Message>,
    pub(super) over: Mutex<bool>,
    pub(super) ended: Condvar,
    pub(super) runner: Mutex<Option<JoinHandle<()>>>,
    pub(super) trace: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(
        context: Arc<Context>,
        to_runner: Sender<Message>,
        trace: Option<JoinHandle<()>>,
    ) -> Shared {
        Shared {
            scheduler: Mutex::new(Scheduler::new(context.plan.clone())),
            token: context.token.clone(),
            context,
            requests: Mutex::default(),
            to_runner,
            over: Mutex::new(false),
            ended: Condvar::new(),
            runner: Mutex::default(),
            trace: Mutex::new(trace),
        }
    }

    pub(super) fn run_id(&self) -> RunId {
        self.context.run_id
    }

    pub(super) fn with_view<T>(&self, read: impl FnOnce(&RunView) -> T) -> T {
        read(lock(&self.scheduler).view())
    }

    pub(super) fn is_over(&self) -> bool {
        *lock(&self.over)
    }

    pub(super) fn request(&self, request: CancelRequest, origin: Origin) {
        let level = request.level;
        if self.token.level() >= Some(level) {
            return;
        }
        lock(&self.requests).push((request, origin));
        self.token.raise(level);
        if level == Level::Kill {
            // Past the runner, which may hang in a write.
            self.context.groups.kill_all();
        }
        if level >= Level::Stop {
            self.resume(); // who is to end must hear of it, and its grace must run
        }
        // Once the run is over there is nothing to cancel.
        let _ = self.to_runner.send(Message::Wake);
    }

    pub(super) fn suspend(&self) {
        if !self.is_over() {
            self.context.groups.suspend(|| self.context.clock.pause());
        }
    }

    pub(super) fn resume(&self) {
        self.context.groups.resume(|| self.context.clock.resume());
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.context.groups.is_suspended()
    }

    /// Takes the secrets out of the run's file `cancel`, whoever wrote them there.
    pub(super) fn blank_cancel_file(&self) {
        self.context.hide_secrets(&[self.context.dir.join(CANCEL_FILE)]);
    }

    pub(super) fn note(&self, noted: RunNoted) {
        self.context.tell(Input::Noted(noted));
    }

    pub(super) fn wait(&self) {
        let over = lock(&self.over);
        drop(self.ended.wait_while(over, |over| !*over)); // the lock, which is wanted no longer
        if let Some(runner) = lock(&self.runner).take()
            && let Err(panic) = runner.join()
        {
            std::panic::resume_unwind(panic);
        }
    }

    pub(super) fn is_over_within(&self, at_most: Duration) -> bool {
        let over = lock(&self.over);
        let waited = self.ended.wait_timeout_while(over, at_most, |over| !*over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn reap_orphans(&self) -> bool {
        self.context.groups.reap_orphans()
    }

    /// Lets the runner see to it that a watchdog has died.
    pub(super) fn watchdog_died(&self, pid: Pid) {
        self.context.groups.watchdog_died(pid);
        // Once the run is over nobody needs one.
        let _ = self.to_runner.send(Message::Wake);
    }

    pub(super) fn wait_for_trace(&self) {
        let trace = lock(&self.trace).take();
        if let Some(Err(panic)) = trace.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}
