//! `pyoco run --dry-run`: what would run, in which order and why, without running it.

use std::fmt::Write;

use super::names;
use crate::model::{TaskId, escape};
use crate::scheduler::{Plan, start_order};

/// The most names that one line of reasons shows.
const MAX_NAMES: usize = 6;

/// Returns the plan as text.
pub(super) fn describe(plan: &Plan) -> String {
    let order = start_order(plan);
    let n_tasks = plan.flow.tasks().len();
    let name = |id: TaskId| escape(plan.flow.task(id).name()).into_owned();
    let width = order.iter().map(|id| name(*id).chars().count()).max().unwrap_or(0).min(40);
    let mut text = format!(
        "{}: {} of {n_tasks} tasks would run, at most {} at once\n",
        escape(plan.flow.name()),
        order.len(),
        plan.jobs
    );
    for (number, id) in order.iter().enumerate() {
        let line = format!("{:>4}  {:width$}  {}", number + 1, name(*id), reasons(plan, *id));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let left_out: Vec<TaskId> = plan.flow.ids().filter(|id| plan.left_out[id.index()]).collect();
    if !left_out.is_empty() {
        let _ = writeln!(text, "left out by --only and --skip, counted as satisfied:");
        for id in left_out {
            let _ = writeln!(text, "      {}", name(id));
        }
    }
    text
}

/// Returns why a task stands where it stands.
fn reasons(plan: &Plan, id: TaskId) -> String {
    let mut reasons = Vec::new();
    let names = |ids| names(&plan.flow, ids, MAX_NAMES);
    let needs = plan.flow.needs(id);
    if !needs.is_empty() {
        reasons.push(format!("after {}", names(needs)));
    }
    let needs_any = plan.flow.needs_any(id);
    if !needs_any.is_empty() {
        reasons.push(format!("after one of {}", names(needs_any)));
    }
    let task = plan.flow.task(id);
    if task.is_finally() {
        reasons.insert(0, "finally".to_owned());
    }
    let jobs = plan.jobs_of(id);
    if jobs > 1 && !task.options().interactive {
        reasons.push(format!("holds {jobs} of {} slots", plan.jobs));
    }
    for (pool, count) in task.options().pools.iter() {
        let pool = &plan.pools[pool.index()];
        reasons.push(format!("holds {count} of {} `{}`", pool.slots.count(), pool.name));
    }
    if plan.targeted[id.index()] {
        reasons.push("named".to_owned());
    }
    reasons.join("; ")
}
