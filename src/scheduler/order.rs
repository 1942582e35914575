//! What a plan would do: the order in which it would start its tasks, and when, if each took so long.
//!
//! It is the scheduler's own answer: the plan is run with simulated tasks and simulated time. All of
//! them succeed, and no limit of time ends any.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Action, Decisions, Ended, Input, Moment, Plan, Results, Scheduler, Started};
use crate::event::{Measured, RunStarted};
use crate::model::{Ms, Pool, Slots, TaskId, Wall};

/// A run that was simulated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// The tasks in the order of their starts.
    pub order: Vec<TaskId>,
    /// By task: when it would start and end; `None` where it would not run.
    pub times: Vec<Option<(Ms, Ms)>>,
    /// When the last one would end.
    pub total: Ms,
}

/// Returns the tasks in the order of their starts, as if each took one unit of time and succeeded.
pub fn start_order(plan: &Plan) -> Vec<TaskId> {
    simulate(plan, |_| Ms(1)).order
}

/// Runs a plan as if each task took so long and succeeded.
pub fn simulate(plan: &Plan, takes: impl Fn(TaskId) -> Ms) -> Simulated {
    let rehearsal = Plan { is_rehearsal: true, timeout: None, ..plan.clone() };
    let mut scheduler = Scheduler::new(rehearsal);
    let mut decisions = Decisions::default();
    let mut moment = Moment { ms: Ms(0), wall: Wall(0) };
    let mut run = Simulated { times: vec![None; plan.flow.tasks().len()], ..Simulated::default() };
    let mut running: BinaryHeap<Reverse<(Ms, usize)>> = BinaryHeap::new();
    let facts = Box::new(RunStarted::default());
    scheduler.handle(moment, Input::Begin(facts), &mut decisions);
    scheduler.handle(moment, Input::Tick, &mut decisions);
    loop {
        let first = run.order.len();
        run.order.extend(spawned(&mut decisions));
        for (at, &task) in run.order.iter().enumerate().skip(first) {
            let end = moment.ms + takes(task);
            run.times[task.index()] = Some((moment.ms, end));
            running.push(Reverse((end, at)));
            let started = Started { task, attempt: 1, ..Started::default() };
            scheduler.handle(moment, Input::Started(Box::new(started)), &mut decisions);
        }
        let Some(Reverse((end, at))) = running.pop() else { break };
        moment.ms = end;
        let task = run.order[at];
        let measured = Measured { exit_code: Some(ok_code(plan, task)), ..Measured::default() };
        let results = Ok(Results::default());
        let ended = Ended { task, attempt: 1, not_started: None, measured, results };
        scheduler.handle(moment, Input::Ended(Box::new(ended)), &mut decisions);
    }
    run.total = moment.ms;
    run
}

impl Plan {
    /// Returns the plan without a limit of how much runs at once: what waits there waits for tasks.
    pub fn unlimited(&self) -> Plan {
        let wide = |pool: &Pool| Pool { slots: Slots::Numbered(u32::MAX), ..pool.clone() };
        let pools: Arc<[Pool]> = self.pools.iter().map(wide).collect();
        Plan { jobs: u32::MAX, pools, ..self.clone() }
    }
}

/// Takes the tasks that are to be started.
fn spawned(decisions: &mut Decisions) -> Vec<TaskId> {
    decisions.lines.clear();
    let started = |action| match action {
        Action::Spawn { task, .. } => Some(task),
        Action::Signal { .. }
        | Action::SignalLeaked { .. }
        | Action::Announce { .. }
        | Action::OpenFinally { .. }
        | Action::Hash { .. } => None,
    };
    std::mem::take(&mut decisions.actions).into_iter().filter_map(started).collect()
}

fn ok_code(plan: &Plan, task: TaskId) -> i32 {
    plan.flow.task(task).options.ok_codes.first().copied().unwrap_or(0)
}
