//! The order in which a plan would start its tasks.

use super::{Action, Decisions, Ended, Input, Moment, Plan, Results, Scheduler, Started};
use crate::event::{Measured, RunStarted};
use crate::model::{Ms, TaskId, Wall};

/// Returns the tasks in the order of their starts, as if each took one unit of time and succeeded.
///
/// It is the scheduler's own answer: the plan is run with simulated tasks.
pub fn start_order(plan: &Plan) -> Vec<TaskId> {
    let mut scheduler = Scheduler::new(Plan { is_rehearsal: true, ..plan.clone() });
    let mut decisions = Decisions::default();
    let mut order = Vec::new();
    let mut moment = Moment { ms: Ms(0), wall: Wall(0) };
    let facts = Box::new(RunStarted::default());
    scheduler.handle(moment, Input::Begin(facts), &mut decisions);
    scheduler.handle(moment, Input::Tick, &mut decisions);
    while !scheduler.is_over() {
        decisions.lines.clear();
        let actions = std::mem::take(&mut decisions.actions);
        let started = order.len();
        order.extend(actions.iter().filter_map(|action| match action {
            Action::Spawn { task, .. } => Some(*task),
            Action::Signal { .. }
            | Action::SignalLeaked { .. }
            | Action::Announce { .. }
            | Action::OpenFinally { .. }
            | Action::Hash { .. } => None,
        }));
        if order.len() == started {
            break; // nothing runs and nothing starts: a run that is not over would be a bug
        }
        for &task in &order[started..] {
            let started = Started { task, attempt: 1, ..Started::default() };
            scheduler.handle(moment, Input::Started(Box::new(started)), &mut decisions);
        }
        moment.ms = moment.ms + Ms(1);
        for &task in &order[started..] {
            let measured = Measured { exit_code: Some(ok_code(plan, task)), ..Measured::default() };
            let ended = Ended {
                task,
                attempt: 1,
                not_started: None,
                measured,
                results: Ok(Results::default()),
            };
            scheduler.handle(moment, Input::Ended(Box::new(ended)), &mut decisions);
        }
    }
    order
}

fn ok_code(plan: &Plan, task: TaskId) -> i32 {
    plan.flow.task(task).options.ok_codes.first().copied().unwrap_or(0)
}
