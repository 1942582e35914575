//! When a task is ready, and what the end of one task means for the others.

use std::collections::BTreeMap;

use super::{Action, Given, Phase, Scheduler, Turn, cancel::Why};
use crate::event::{Event, TaskQueued};
use crate::model::expr::Condition;
use crate::model::{Flow, Held, ListId, OnFailure, OnTaskFailure, Part, Reason, TaskId, TaskState};

/// How far a list of needs has come. One count serves all the tasks that need the list.
#[derive(Clone, Debug)]
pub(super) struct ListPlan {
    /// Members that have not ended.
    left: u32,
    /// Whether a member ended in a way that does not satisfy its dependents.
    is_broken: bool,
    /// Whether a member SUCCEEDED.
    has_success: bool,
    /// Members that were left out by the selection.
    left_out: u32,
}

impl ListPlan {
    pub(super) fn all(flow: &Flow) -> Vec<ListPlan> {
        let plan = |list| ListPlan {
            left: flow.lists.get(list).len() as u32,
            is_broken: false,
            has_success: false,
            left_out: 0,
        };
        flow.lists.ids().map(plan).collect()
    }
}

impl Scheduler {
    pub(super) fn ready_roots(&mut self, turn: &mut Turn<'_>) {
        for id in self.plan.flow.ids() {
            self.ready_if_satisfied(turn, id);
        }
    }

    pub(super) fn ready_if_satisfied(&mut self, turn: &mut Turn<'_>, id: TaskId) {
        let task = &self.tasks[id.index()];
        if task.phase != Phase::Waiting || task.waits > 0 {
            return;
        }
        if self.waits_for_ends(id)
            && let Some(ancestor) = self.unended_ancestor(id)
        {
            // What it needs was skipped before all that this needs itself had ended.
            self.held_back.entry(ancestor).or_default().push(id);
            return;
        }
        match self.holds(id) {
            Ok(true) => {}
            Ok(false) => {
                return self.finish(turn, id, TaskState::Skipped, Some(Reason::CONDITION), None);
            }
            Err(reason) => return self.finish(turn, id, TaskState::Failed, Some(reason), None),
        }
        self.tasks[id.index()].phase = Phase::Ready;
        self.queue.push(id, self.heights[id.index()]);
        let name = self.name(id);
        self.emit(turn, Event::TaskQueued(TaskQueued { task: id, name }));
    }

    /// Makes a delayed task wait for its slots again; it stays RUNNING.
    pub(super) fn ready_again(&mut self, id: TaskId) {
        self.tasks[id.index()].phase = Phase::Ready;
        self.queue.push(id, self.heights[id.index()]);
    }

    pub(super) fn start_ready(&mut self, turn: &mut Turn<'_>) {
        if self.free_jobs == 0 || self.held_drain.is_some() {
            return;
        }
        let Some(mut search) = self.queue.search() else { return };
        while self.free_jobs > 0 {
            let tasks = &self.tasks;
            let is_ready = |id: TaskId| tasks[id.index()].phase == Phase::Ready;
            let Some(id) = self.queue.next(&mut search, is_ready) else { return };
            let jobs = self.jobs_of(id);
            if jobs > self.free_jobs {
                return; // a later one that fits would take the slots that this one waits for
            }
            let resolved = match self.resolve(id) {
                Ok(resolved) => resolved,
                Err(reason) => {
                    self.finish(turn, id, TaskState::Failed, Some(reason), None);
                    continue; // it is not ready any more, and so passed over
                }
            };
            let slots = self.queue.take(&mut search, id);
            self.free_jobs -= jobs;
            if !slots.is_empty() {
                self.held.insert(id, slots.clone());
            }
            let task = &mut self.tasks[id.index()];
            task.phase = Phase::Starting { stop: None };
            task.attempt += 1;
            let attempt = task.attempt;
            if let Some(resolved) = &resolved {
                self.resolved.insert(id, resolved.clone());
            }
            turn.act(Action::Spawn { task: id, attempt, given: Given { slots, resolved } });
        }
    }

    /// Takes back the slots of a task whose attempt has ended.
    pub(super) fn give_back(&mut self, id: TaskId) {
        self.free_jobs += self.jobs_of(id);
        self.queue.change();
        if let Some(held) = self.held.remove(&id) {
            self.queue.give_back(&held);
        }
    }

    /// Returns how many slots of `jobs` a task holds while it runs; one that runs alone holds all.
    pub(super) fn jobs_of(&self, id: TaskId) -> u32 {
        self.plan.jobs_of(id)
    }

    /// Returns what a running task holds of pools, by their names.
    pub(super) fn slot_facts(&self, id: TaskId) -> BTreeMap<Box<str>, Box<[u32]>> {
        let held = self.held.get(&id).into_iter().flat_map(|held| held.iter());
        let fact =
            |held: &Held| (self.plan.pools[held.pool.index()].name.clone(), held.slots.clone());
        held.map(fact).collect()
    }

    /// Draws from every new final state what it means for the tasks that need it, and for the run.
    pub(super) fn draw_consequences(&mut self, turn: &mut Turn<'_>) {
        while let Some(id) = self.ended.pop_front() {
            let ending = self.ending(id);
            for index in 0..self.dependents.lists_of(id).len() {
                let list = self.dependents.lists_of(id)[index];
                self.member_ended(turn, list, id, ending);
            }
            for waiting in self.held_back.remove(&id).unwrap_or_default() {
                self.ready_if_satisfied(turn, waiting);
            }
            if ending == Ending::Failed {
                self.failed.get_or_insert(id);
            }
            if ending == Ending::Failed && self.view.level().is_none() {
                // The consequences inside the graph come first: they have the better reason.
                self.note_policy(id);
            }
            if self.ended.is_empty() {
                self.apply_policy(turn);
            }
        }
    }

    fn ending(&self, id: TaskId) -> Ending {
        let Some(task) = self.view.task(id) else { return Ending::Unsatisfied };
        match task.state() {
            TaskState::Succeeded => Ending::Succeeded,
            TaskState::Failed => match self.plan.on_failure_of(id) {
                OnTaskFailure::Continue => Ending::Satisfied,
                OnTaskFailure::As(_) => Ending::Failed,
            },
            TaskState::Skipped => match task.reason.as_ref().map(Reason::kind) {
                Some("not_selected") => Ending::LeftOut,
                Some("condition") => Ending::Satisfied,
                Some(_) | None => Ending::Unsatisfied,
            },
            TaskState::Cancelled | TaskState::Pending | TaskState::Queued | TaskState::Running => {
                Ending::Unsatisfied
            }
        }
    }

    fn member_ended(&mut self, turn: &mut Turn<'_>, list: ListId, member: TaskId, ending: Ending) {
        let plan = &mut self.lists[list.index()];
        plan.left -= 1;
        let satisfies = match ending {
            Ending::Succeeded | Ending::Satisfied | Ending::LeftOut => true,
            Ending::Failed | Ending::Unsatisfied => false,
        };
        let is_first_break = !satisfies && !plan.is_broken;
        plan.is_broken |= !satisfies;
        let is_first_success =
            ending == Ending::Succeeded && !std::mem::replace(&mut plan.has_success, true);
        plan.left_out += u32::from(ending == Ending::LeftOut);
        let (all_ended, broken, success) = (plan.left == 0, plan.is_broken, plan.has_success);
        let all_left_out = plan.left_out as usize == self.plan.flow.lists.get(list).len();

        if self.part_of(member) == Part::Finally {
            if all_ended {
                self.satisfied(turn, list, Edge::Needs);
                self.satisfied(turn, list, Edge::NeedsAny);
            }
            return;
        }

        if all_ended {
            self.all_ended(turn, list);
        }
        if is_first_break {
            let reason = Reason::upstream(&self.name(member));
            self.skip_all(turn, list, Edge::Needs, &reason);
        } else if all_ended && !broken {
            self.satisfied(turn, list, Edge::Needs);
        }
        if is_first_success || (all_ended && all_left_out) {
            self.satisfied(turn, list, Edge::NeedsAny);
        } else if all_ended && !success {
            let reason = Reason::upstream(&self.name(self.blamed(list)));
            self.skip_all(turn, list, Edge::NeedsAny, &reason);
        }
    }

    /// Returns the member to name where none of a list has succeeded: the first that failed, or the
    /// first that was not left out.
    fn blamed(&self, list: ListId) -> TaskId {
        let members = self.plan.flow.lists.get(list);
        let with = |ending: fn(Ending) -> bool| {
            members.iter().copied().find(|member| ending(self.ending(*member)))
        };
        with(|ending| matches!(ending, Ending::Failed))
            .or_else(|| with(|ending| !matches!(ending, Ending::LeftOut)))
            .unwrap_or(members[0])
    }

    fn satisfied(&mut self, turn: &mut Turn<'_>, list: ListId, which: Edge) {
        for index in 0..self.dependents_on(list, which).len() {
            let id = self.dependents_on(list, which)[index];
            if !self.waits_for_ends(id) {
                self.tasks[id.index()].waits -= 1;
                self.ready_if_satisfied(turn, id);
            }
        }
    }

    /// Lets go on what waits for the ends of a list, whatever these were.
    fn all_ended(&mut self, turn: &mut Turn<'_>, list: ListId) {
        for which in [Edge::Needs, Edge::NeedsAny] {
            for index in 0..self.dependents_on(list, which).len() {
                let id = self.dependents_on(list, which)[index];
                if self.waits_for_ends(id) {
                    self.tasks[id.index()].waits -= 1;
                    self.ready_if_satisfied(turn, id);
                }
            }
        }
    }

    /// Returns whether a task of `tasks` waits for the ends of what it needs, however these are, since
    /// its `if` asks for them.
    fn waits_for_ends(&self, id: TaskId) -> bool {
        let condition = self.plan.flow.task(id).condition();
        condition.is_some_and(Condition::waits_for_ends) && self.part_of(id) == Part::Tasks
    }

    /// Returns whether all that a task needs is satisfied.
    pub(super) fn is_satisfied(&self, id: TaskId) -> bool {
        let task = self.plan.flow.task(id);
        let (all, any) = (&self.lists[task.needs.index()], &self.lists[task.needs_any.index()]);
        let n_any = self.plan.flow.needs_any(id).len();
        all.left == 0
            && !all.is_broken
            && (n_any == 0 || any.has_success || any.left_out as usize == n_any)
    }

    fn skip_all(&mut self, turn: &mut Turn<'_>, list: ListId, which: Edge, reason: &Reason) {
        for index in 0..self.dependents_on(list, which).len() {
            let id = self.dependents_on(list, which)[index];
            if self.tasks[id.index()].phase == Phase::Waiting && !self.waits_for_ends(id) {
                self.finish(turn, id, TaskState::Skipped, Some(reason.clone()), None);
            }
        }
    }

    fn dependents_on(&self, list: ListId, which: Edge) -> &[TaskId] {
        match which {
            Edge::Needs => self.dependents.needing(list),
            Edge::NeedsAny => self.dependents.needing_any(list),
        }
    }

    /// Notes that the failure of `id` stops the run, where its policy says so.
    fn note_policy(&mut self, id: TaskId) {
        if self.part_of(id) == Part::Finally {
            return; // the others clean up all the same
        }
        match self.plan.on_failure_of(id) {
            OnTaskFailure::Continue | OnTaskFailure::As(OnFailure::Isolate) => {}
            OnTaskFailure::As(OnFailure::Stop | OnFailure::Kill) => self.stoppers.push(id),
        }
    }

    /// Stops the run where failures ask for it: nothing new starts, and under `kill` what runs is
    /// stopped too.
    fn apply_policy(&mut self, turn: &mut Turn<'_>) {
        for stopper in std::mem::take(&mut self.stoppers) {
            let is_first = self.stopped_by.is_none();
            let by = *self.stopped_by.get_or_insert(stopper);
            if is_first {
                let reason = Reason::stopped_by(&self.name(by));
                for id in self
                    .ids_of(Part::Tasks)
                    .filter(|id| !self.waits_for_ends(*id))
                    .collect::<Vec<_>>()
                {
                    self.end_if_unstarted(turn, id, TaskState::Skipped, &reason);
                }
            }
            if self.plan.on_failure_of(stopper) == OnTaskFailure::As(OnFailure::Kill) {
                for id in self.ids_of(Part::Tasks) {
                    self.stop_task(turn, id, Why::Failure { of: stopper });
                }
            }
        }
    }

    /// Gives every task of a part that has no process its end: `state` with `reason`, but FAILED to those
    /// that wait for another attempt.
    pub(super) fn end_unstarted(
        &mut self,
        turn: &mut Turn<'_>,
        part: Part,
        state: TaskState,
        reason: &Reason,
    ) {
        for id in self.ids_of(part) {
            self.end_if_unstarted(turn, id, state, reason);
        }
    }

    fn end_if_unstarted(
        &mut self,
        turn: &mut Turn<'_>,
        id: TaskId,
        state: TaskState,
        reason: &Reason,
    ) {
        match self.tasks[id.index()].phase {
            Phase::Waiting => self.finish(turn, id, state, Some(reason.clone()), None),
            Phase::Ready | Phase::Delayed => {
                if !self.fail_with_last_attempt(turn, id) {
                    self.finish(turn, id, state, Some(reason.clone()), None);
                }
            }
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Over => {}
        }
    }
}

/// What the end of a task means for those that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Succeeded,
    /// As good as a success for `needs`, but none for `needs_any`.
    Satisfied,
    /// Not part of the run, for either.
    LeftOut,
    Failed,
    Unsatisfied,
}

/// By which of its two lists a task depends on others.
#[derive(Clone, Copy)]
enum Edge {
    Needs,
    NeedsAny,
}
