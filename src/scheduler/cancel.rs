//! The ladder of a cancel (drain, stop, kill), and how a running task is stopped.

use std::sync::Arc;

use super::retry::Timer;
use super::{Action, Announced, Overdue, Phase, Scheduler, Turn};
use crate::event::{CancelRequest, Event, RunCancelling, TaskStopping};
use crate::model::{
    Level, Ms, OnCancel, Part, Reason, SIGKILL, SIGTERM, TaskId, TaskState, signal_name,
};

/// Why a running task is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its attempt took too long.
    Timeout,
    /// The whole run took too long.
    RunTimeout,
    /// It wanted the terminal, for which it would wait for ever.
    Terminal,
    /// A cancel at level drain, and it wants to be stopped by that.
    Cancel,
    /// A cancel at level stop.
    Stop,
    /// A cancel at level kill.
    Kill,
    /// Another task failed under the policy `kill`.
    Failure {
        /// The other task.
        of: TaskId,
    },
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Why::Timeout => "timeout",
            Why::RunTimeout => "run_timeout",
            Why::Terminal => "terminal",
            Why::Cancel => "cancel",
            Why::Stop => "stop",
            Why::Kill => "kill",
            Why::Failure { .. } => "failure",
        }
    }
}

/// How long a first signal waits at most for a look at what the attempt is doing.
const LOOK_AT_MOST: Ms = Ms(2000);

/// How long a drain waits for processes that are just being started; one that takes longer hangs.
const HOLD_AT_MOST: Ms = Ms(2000);

impl Scheduler {
    /// Takes a request to cancel.
    ///
    /// A drain lets what runs finish, and names it. So it waits for the reports of processes that are
    /// just being started, which takes a moment, and starts nothing meanwhile. Stop and kill do not
    /// wait: what comes later is stopped as it comes.
    pub(super) fn cancel(&mut self, turn: &mut Turn<'_>, request: CancelRequest) {
        let begun = self.view.started().is_some();
        if !begun || self.is_over() || self.view.level() >= Some(request.level) {
            return;
        }
        if request.level > Level::Drain {
            self.held_drain = None;
        } else if self.held_drain.is_some() {
            return;
        } else if self.is_starting(None) {
            self.held_drain = Some(request);
            return self.timer(turn.now.ms + HOLD_AT_MOST, Timer::TakeDrain);
        }
        self.take_cancel(turn, request);
    }

    /// Takes a drain that waited, unless a process other than that of `reported` is being started.
    pub(super) fn take_drain(&mut self, turn: &mut Turn<'_>, reported: Option<TaskId>) {
        if self.held_drain.is_some() && !self.is_starting(reported) {
            self.take_drain_now(turn);
        }
    }

    /// Takes a drain that waited.
    pub(super) fn take_drain_now(&mut self, turn: &mut Turn<'_>) {
        if let Some(request) = self.held_drain.take() {
            self.take_cancel(turn, request);
        }
    }

    fn is_starting(&self, but: Option<TaskId>) -> bool {
        let is_starting = |id: TaskId| {
            matches!(self.tasks[id.index()].phase, Phase::Starting { .. }) && Some(id) != but
        };
        self.plan.flow.ids().any(is_starting)
    }

    fn take_cancel(&mut self, turn: &mut Turn<'_>, request: CancelRequest) {
        let CancelRequest { level, by, reason: text } = request;
        self.emit(turn, Event::RunCancelling(RunCancelling { level, by, text }));
        let part = self.running_part();
        let grace = self.plan.grace_of(part);
        let spares = level == Level::Stop && self.plan.stop_spares_finally();
        let what = match part {
            Part::Finally if spares => Announced::FinallyGoesOn { left: self.plan.grace },
            Part::Finally | Part::Tasks => {
                let n_asked = self.n_asked_at(level);
                Announced::Cancel { level, grace, n_asked }
            }
        };
        let running = self.running_names();
        turn.act(Action::Announce { what, running });
        self.end_unstarted(turn, Part::Tasks, TaskState::Cancelled, &Reason::CANCELLED);
        match level {
            Level::Drain => {
                for id in self.ids_of(Part::Tasks) {
                    if self.plan.on_cancel_of(id) == OnCancel::Stop {
                        self.stop_task(turn, id, Why::Cancel);
                    }
                }
            }
            Level::Stop => {
                for id in self.ids_of(Part::Tasks) {
                    self.stop_task(turn, id, Why::Stop);
                }
                if self.plan.stop_spares_finally() {
                    let for_its_end = self.plan.grace_of(Part::Finally);
                    let at = turn.now.ms + (self.plan.grace - for_its_end);
                    self.timer(at, Timer::EndFinally);
                } else {
                    self.end_finally(turn);
                }
                turn.act(Action::SignalLeaked { signal: SIGTERM });
                self.timer(turn.now.ms + grace, Timer::KillLeaked);
            }
            Level::Kill => {
                self.end_unstarted(turn, Part::Finally, TaskState::Cancelled, &Reason::CANCELLED);
                for id in self.plan.flow.ids() {
                    self.stop_task(turn, id, Why::Kill);
                }
                turn.act(Action::SignalLeaked { signal: SIGKILL });
            }
        }
    }

    /// Returns how many running tasks are asked to end at once by a cancel at this level.
    fn n_asked_at(&self, level: Level) -> usize {
        let is_asked = |id: &TaskId| match level {
            Level::Drain => self.plan.on_cancel_of(*id) == OnCancel::Stop,
            Level::Stop | Level::Kill => true,
        };
        let is_running =
            |id: &TaskId| matches!(self.tasks[id.index()].phase, Phase::Running { .. });
        self.ids_of(self.running_part()).filter(is_running).filter(is_asked).count()
    }

    /// Returns the part that runs now.
    fn running_part(&self) -> Part {
        if self.is_finally_open { Part::Finally } else { Part::Tasks }
    }

    /// Returns the names of the tasks that have a process: one between two attempts has none.
    pub(super) fn running_names(&self) -> Vec<Arc<str>> {
        let has_process =
            |id: TaskId| matches!(self.tasks[id.index()].phase, Phase::Running { .. });
        let running = self.view.running().filter(|(id, _)| has_process(*id));
        running.map(|(_, task)| task.name.clone()).collect()
    }

    /// Stops an attempt if it runs and is not being stopped already.
    pub(super) fn stop_where_running(
        &mut self,
        turn: &mut Turn<'_>,
        task: TaskId,
        attempt: u32,
        why: Why,
    ) {
        if self.phase_of(task, attempt) == Some(Phase::Running { stop: None }) {
            self.stop_task(turn, task, why);
        }
    }

    /// Stops a task that has, or is about to have, a process. One that is being stopped already
    /// gets no second first signal, but its grace may become shorter.
    pub(super) fn stop_task(&mut self, turn: &mut Turn<'_>, id: TaskId, why: Why) {
        let task = &mut self.tasks[id.index()];
        let attempt = task.attempt;
        let before = match &mut task.phase {
            Phase::Starting { stop } => {
                if stop.is_none() || why == Why::Kill {
                    *stop = Some(why);
                }
                return; // it is stopped as soon as it has a process
            }
            Phase::Running { stop } => {
                let before = *stop;
                stop.get_or_insert(why);
                before
            }
            Phase::Waiting | Phase::Ready | Phase::Delayed | Phase::Over => return,
        };
        let kill = self.plan.flow.task(id).options.kill;
        let overdue = self.overdue(id, why).filter(|_| before.is_none());
        let (signal, grace) = match why {
            Why::Timeout | Why::RunTimeout | Why::Cancel | Why::Failure { .. } => {
                (kill.signal, Some(kill.after))
            }
            Why::Stop => (kill.signal, Some(self.plan.stop_grace(id))),
            Why::Terminal | Why::Kill => (SIGKILL, None),
        };
        if before.is_none() {
            let name = self.name(id);
            let (why, signal) = (why.name().to_owned(), signal_name(signal).into_owned());
            let stopping = TaskStopping { task: id, name, attempt, why, signal };
            self.emit(turn, Event::TaskStopping(stopping));
        }
        if before.is_none() || why == Why::Kill {
            turn.act(Action::Signal { task: id, attempt, signal, overdue });
        }
        if let Some(grace) = grace {
            // A signal that waits for a look comes later, and the grace is what follows it.
            let wait = if overdue.is_some() { LOOK_AT_MOST } else { Ms(0) };
            self.timer(turn.now.ms + wait + grace.max(Ms(1)), Timer::Kill { task: id, attempt });
        }
    }

    /// Gives an attempt its grace from the moment when its first signal has gone out.
    pub(super) fn signalled(&mut self, turn: &mut Turn<'_>, task: TaskId, attempt: u32) {
        if let Some(Phase::Running { stop: Some(_) }) = self.phase_of(task, attempt) {
            let grace = self.plan.flow.task(task).options.kill.after.max(Ms(1));
            self.timer(turn.now.ms + grace, Timer::Kill { task, attempt });
        }
    }

    /// Returns the limit that an attempt has passed, if that is why it is stopped.
    fn overdue(&self, id: TaskId, why: Why) -> Option<Overdue> {
        match why {
            Why::Timeout => self.timeout_of(id).map(Overdue::Attempt),
            Why::RunTimeout => self.plan.timeout.map(Overdue::Run),
            Why::Terminal | Why::Cancel | Why::Stop | Why::Kill | Why::Failure { .. } => None,
        }
    }
}
