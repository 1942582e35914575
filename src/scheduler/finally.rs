//! The tasks of `finally`: they wait for all of `tasks`, and then run whatever the outcome was. What
//! they need of one another is an order and no condition.

use super::{Action, Scheduler, Turn, cancel::Why};
use crate::model::{Part, Reason, RunStatus, TaskId, TaskState};

impl Scheduler {
    /// Returns the part that a task belongs to.
    pub(super) fn part_of(&self, id: TaskId) -> Part {
        self.plan.flow.task(id).part()
    }

    /// Returns the tasks of a part.
    pub(super) fn ids_of(&self, part: Part) -> impl Iterator<Item = TaskId> + use<> {
        let (all, n_tasks) = (self.plan.flow.tasks().len(), self.n_tasks as usize);
        let range = match part {
            Part::Tasks => 0..n_tasks,
            Part::Finally => n_tasks..all,
        };
        range.map(TaskId::from_index)
    }

    /// Lets `finally` begin once all of `tasks` have ended.
    pub(super) fn open_finally(&mut self, turn: &mut Turn<'_>) {
        if self.tasks_left > 0 || self.is_finally_open || self.view.started().is_none() {
            return;
        }
        self.is_finally_open = true;
        self.stood = Some(self.outcome().0);
        if self.ids_of(Part::Finally).next().is_none() {
            return;
        }
        let (status, _) = self.outcome();
        let is_failed =
            |id: &TaskId| self.view.task(*id).is_some_and(|task| task.state() == TaskState::Failed);
        let failed = self.ids_of(Part::Tasks).filter(is_failed).map(|id| self.name(id)).collect();
        turn.act(Action::OpenFinally { status, failed });
        for id in self.ids_of(Part::Finally) {
            self.tasks[id.index()].waits -= 1;
            self.ready_if_satisfied(turn, id);
        }
    }

    /// Returns how the run stands, or has ended: the cancel first, then its timeout, then failures.
    pub(super) fn outcome(&self) -> (RunStatus, Option<Reason>) {
        if self.view.level().is_some() {
            (RunStatus::Cancelled, Some(Reason::CANCELLED))
        } else if self.is_timed_out {
            (RunStatus::Failed, Some(Reason::TIMEOUT))
        } else if let Some(id) = self.failed {
            (RunStatus::Failed, Some(Reason::failed(&self.name(id))))
        } else {
            (RunStatus::Completed, None)
        }
    }

    /// Ends what level stop has spared: its deadline is near.
    pub(super) fn end_finally(&mut self, turn: &mut Turn<'_>) {
        self.end_unstarted(turn, Part::Finally, TaskState::Cancelled, &Reason::CANCELLED);
        for id in self.ids_of(Part::Finally) {
            self.stop_task(turn, id, Why::Stop);
        }
    }

    /// Ends `tasks` because the run takes too long. `finally` is not under that limit.
    pub(super) fn run_timed_out(&mut self, turn: &mut Turn<'_>) {
        if self.tasks_left == 0 {
            return;
        }
        self.is_timed_out = true;
        let running = self.running_names();
        turn.act(Action::Announce { what: super::Announced::RunTimeout, running });
        self.end_unstarted(turn, Part::Tasks, TaskState::Skipped, &Reason::RUN_TIMEOUT);
        for id in self.ids_of(Part::Tasks) {
            self.stop_task(turn, id, Why::RunTimeout);
        }
    }
}
