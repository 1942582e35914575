//! What a plan comes to where all goes well: what can run side by side, the critical path, the total;
//! and of a run under way, what is left.

use std::collections::HashSet;

use super::Plan;
use super::order::simulate;
use crate::event::RunView;
use crate::model::{ListId, Ms, Part, TaskId};

/// What a plan comes to. Tasks whose time is not known count as taking none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// The tasks in the order of their starts.
    pub order: Vec<TaskId>,
    /// By task: its wave, from 1, where it would run. Tasks of one wave can run side by side where there
    /// are slots for them.
    pub waves: Vec<Option<u32>>,
    /// The tasks that would run, each waiting for the one before, which take longest; of those of which
    /// nothing is known the most.
    pub critical: Vec<TaskId>,
    /// When the last task would end, with the slots that the plan has.
    pub total: Ms,
}

/// Returns what a plan comes to, with the times that tasks are known to take.
pub fn forecast(plan: &Plan, known: impl Fn(TaskId) -> Option<Ms>) -> Forecast {
    let unlimited = plan.unlimited();
    let steps = simulate(&unlimited, |_| Ms(1));
    let wave = |time: &Option<(Ms, Ms)>| time.map(|(start, _)| start.0 as u32 + 1);
    let waves = steps.times.iter().map(wave).collect();
    // The shortest time there is, so that among tasks without one those count that are more.
    let free = simulate(&unlimited, |id| known(id).unwrap_or(Ms(1)).max(Ms(1)));
    let critical = Walk { plan, times: &free.times }.back();
    let limited = simulate(plan, |id| known(id).unwrap_or_default());
    let order = match limited.total {
        Ms(0) => simulate(plan, |_| Ms(1)).order, // of no use where all begin and end at once
        _ => limited.order,
    };
    Forecast { order, waves, critical, total: limited.total }
}

/// A walk from the last end back to the first start.
struct Walk<'p> {
    plan: &'p Plan,
    times: &'p [Option<(Ms, Ms)>],
}

impl Walk<'_> {
    fn back(&self) -> Vec<TaskId> {
        let mut path = Vec::new();
        let mut next = self.latest(self.plan.flow.ids());
        while let Some(id) = next {
            path.push(id);
            next = self.before(id);
        }
        path.reverse();
        path
    }

    fn end(&self, id: TaskId) -> Option<Ms> {
        self.times[id.index()].map(|(_, end)| end)
    }

    /// Returns the one that ends last, the first of several.
    fn latest(&self, ids: impl Iterator<Item = TaskId>) -> Option<TaskId> {
        let ends = ids.filter_map(|id| Some((self.end(id)?, std::cmp::Reverse(id))));
        ends.max().map(|(_, id)| id.0)
    }

    /// Returns the task whose end let this one start.
    fn before(&self, id: TaskId) -> Option<TaskId> {
        let flow = &self.plan.flow;
        let task = flow.task(id);
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut todo = vec![(task.needs, task.needs_any)];
        while let Some((all, any)) = todo.pop() {
            let mut first: Option<(Ms, TaskId)> = None;
            for (list, is_any) in [(all, false), (any, true)] {
                if list == ListId::EMPTY || !seen.insert((list, is_any)) {
                    continue;
                }
                for &need in flow.lists.get(list) {
                    match self.end(need) {
                        Some(end) if is_any => {
                            first = Some(first.unwrap_or((end, need)).min((end, need)));
                        }
                        Some(_) => found.push(need),
                        // Its `if` does not hold, which is found out once all that it needs is there.
                        None if !self.plan.left_out[need.index()] => {
                            let skipped = flow.task(need);
                            todo.push((skipped.needs, skipped.needs_any));
                        }
                        None => {}
                    }
                }
            }
            found.extend(first.map(|(_, need)| need));
        }
        let before = self.latest(found.into_iter());
        match task.part() {
            Part::Finally if before.is_none() => {
                self.latest(flow.ids().filter(|id| flow.task(*id).part() == Part::Tasks))
            }
            Part::Tasks | Part::Finally => before,
        }
    }
}

/// Returns how long a run that is under way still takes, where nothing more goes wrong; `None` where
/// that cannot be said: a task is left of which nothing is known or that takes far longer than it did,
/// something failed, or a cancel was asked.
pub fn remaining(
    plan: &Plan,
    known: impl Fn(TaskId) -> Option<Ms>,
    view: &RunView,
    now: Ms,
) -> Option<Ms> {
    if view.level().is_some() || view.first_failure().is_some() {
        return None;
    }
    let left = |id: TaskId| {
        let task = view.task(id)?;
        if task.state().is_final() {
            return Some(Ms(0));
        }
        let (all, took) = (known(id)?, task.took(now).unwrap_or_default());
        (took <= overdue(all)).then_some(all - took)
    };
    let rest = simulate(plan, |id| left(id).unwrap_or_default());
    rest.order.iter().all(|id| left(*id).is_some()).then_some(rest.total)
}

/// Returns how long a task may take before nobody can say any more when it ends.
fn overdue(expected: Ms) -> Ms {
    expected + expected + Ms::secs(1)
}
