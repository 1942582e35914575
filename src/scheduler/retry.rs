//! Timers, and attempts after the first.

use std::cmp::Reverse;

use super::cancel::Why;
use super::{Action, Phase, Scheduler, Turn};
use crate::event::{Event, Measured, TaskRetrying};
use crate::model::{Ms, Part, Reason, SIGKILL, TaskId, TaskState};

/// What a moment brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// An attempt has taken as long as it may.
    Limit { task: TaskId, attempt: u32 },
    /// An attempt that was asked to end has had its grace.
    Kill { task: TaskId, attempt: u32 },
    /// The pause before another attempt is over.
    Retry { task: TaskId, attempt: u32 },
    /// The groups that outlived their leaders have had their grace.
    KillLeaked,
    /// The run has taken as long as it may.
    Run,
    /// What level stop has spared of `finally` must end.
    EndFinally,
    /// A drain has waited long enough for processes to be started.
    TakeDrain,
}

impl Scheduler {
    pub(super) fn timer(&mut self, at: Ms, timer: Timer) {
        self.timers.push(Reverse((at, timer)));
    }

    pub(super) fn run_timers(&mut self, turn: &mut Turn<'_>) {
        while let Some(&Reverse((at, timer))) = self.timers.peek()
            && at <= turn.now.ms
        {
            self.timers.pop();
            self.run_timer(turn, timer);
        }
    }

    /// Does what a moment brings, unless the attempt that it is about is not where it was.
    fn run_timer(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        match timer {
            Timer::Limit { task, attempt } => {
                self.stop_where_running(turn, task, attempt, Why::Timeout);
            }
            Timer::Kill { task, attempt } => {
                if let Some(Phase::Running { stop: Some(_) }) = self.phase_of(task, attempt) {
                    let kill = Action::Signal { task, attempt, signal: SIGKILL, overdue: None };
                    turn.act(kill);
                }
            }
            Timer::Retry { task, attempt } => {
                if self.phase_of(task, attempt) == Some(Phase::Delayed) {
                    self.ready_again(task);
                }
            }
            Timer::KillLeaked => turn.act(Action::SignalLeaked { signal: SIGKILL }),
            Timer::TakeDrain => self.take_drain_now(turn),
            Timer::Run => self.run_timed_out(turn),
            Timer::EndFinally => self.end_finally(turn),
        }
    }

    pub(super) fn phase_of(&mut self, task: TaskId, attempt: u32) -> Option<Phase> {
        self.current(task, attempt).map(|plan| plan.phase)
    }

    /// Returns how long to wait before another attempt, or `None` where there shall be none.
    pub(super) fn pause_before_retry(
        &self,
        id: TaskId,
        reason: &Reason,
        measured: &Measured,
    ) -> Option<Ms> {
        let retry = &self.plan.flow.task(id).options.retry;
        let attempt = self.tasks[id.index()].attempt;
        let is_wanted = attempt <= retry.max
            && self.view.level().is_none()
            && (self.part_of(id) == Part::Finally || !self.is_stopped())
            && *reason != Reason::TERMINAL // it would want it again
            && (retry.codes.is_empty()
                || *reason == Reason::TIMEOUT
                || ended_by_code(reason) && measured.code().is_some_and(|code| retry.codes.contains(&code)));
        if !is_wanted {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(64);
        let factor = (f64::from(retry.backoff_milli) / 1000.0).powi(doublings as i32);
        let pause = (retry.delay.0 as f64 * factor).min(retry.max_delay.0 as f64);
        // A quarter up or down, and never over the limit, so that tasks that failed together do not come
        // back together: cutting what is over it would bring half of them back at the same moment.
        let (least, most) = (pause * 0.75, (pause * 1.25).min(retry.max_delay.0 as f64));
        Some(Ms((least + (most - least) * scatter(self.plan.seed, id, attempt)) as u64))
    }

    /// Returns whether no more attempts of `tasks` shall start.
    fn is_stopped(&self) -> bool {
        self.stopped_by.is_some() || self.is_timed_out
    }

    pub(super) fn delay(
        &mut self,
        turn: &mut Turn<'_>,
        id: TaskId,
        pause: Ms,
        reason: Reason,
        measured: Measured,
    ) {
        let attempt = self.tasks[id.index()].attempt;
        self.tasks[id.index()].phase = Phase::Delayed;
        let name = self.name(id);
        self.emit(
            turn,
            Event::TaskRetrying(Box::new(TaskRetrying {
                task: id,
                name,
                attempt,
                after: pause,
                reason,
                measured,
            })),
        );
        self.timer(turn.now.ms + pause, Timer::Retry { task: id, attempt });
    }

    /// Fails a task that waits for another attempt with what its last one said; returns whether it
    /// was one.
    pub(super) fn fail_with_last_attempt(&mut self, turn: &mut Turn<'_>, id: TaskId) -> bool {
        let last = self.view.task(id).and_then(|task| task.last());
        let Some((reason, measured)) =
            last.and_then(|last| Some((last.reason.clone()?, last.measured.clone())))
        else {
            return false;
        };
        self.finish(turn, id, TaskState::Failed, Some(reason), Some(measured));
        true
    }
}

/// Returns whether it was the exit code that failed the attempt: one that promised what is not there
/// may have a good code.
fn ended_by_code(reason: &Reason) -> bool {
    matches!(reason.kind(), "exit" | "signal")
}

/// Returns a number from 0 to 1 that is always the same for the same run, task and attempt.
fn scatter(seed: u64, id: TaskId, attempt: u32) -> f64 {
    // The finishing steps of splitmix64.
    let mut bits = seed ^ (u64::from(id.0) << 32) ^ u64::from(attempt);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) as f64 / u64::MAX as f64
}
