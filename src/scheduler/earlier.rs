//! Where a task would stand in an earlier run: its environment and its folder, with what the tasks of
//! that run left behind. The file may have changed since, so that tasks are known by their names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Decisions, Input, Moment, Plan, Resolved, Scheduler};
use crate::event::{
    Event, FORMAT_VERSION, Line, RunStarted, RunView, TaskFinished, TaskStarted, TaskView,
};
use crate::model::{Reason, RunStatus, TaskId};

/// Works out the environment and the folder of a task as if it started now, after what an earlier run
/// has done; `None`: after nothing.
///
/// # Errors
/// With the reason for which the task could not start.
pub fn place_after(plan: Plan, id: TaskId, earlier: Option<&RunView>) -> Result<Resolved, Reason> {
    let mut scheduler = Scheduler::new(plan);
    let facts = RunStarted {
        run_id: earlier.and_then(RunView::run_id),
        flow: scheduler.plan.flow.name().to_owned(),
        ..RunStarted::default()
    };
    let begin = Input::Begin(Box::new(facts));
    scheduler.handle(Moment::default(), begin, &mut Decisions::default());
    if let Some(earlier) = earlier {
        scheduler.recall(earlier);
    }
    scheduler.place(id)
}

impl Scheduler {
    /// Takes over how the tasks of an earlier run have ended, and their values.
    fn recall(&mut self, earlier: &RunView) {
        let flow = Arc::clone(&self.plan.flow);
        let by_name: HashMap<&str, &TaskView> =
            earlier.tasks().iter().map(|task| (&*task.name, task)).collect();
        for id in flow.ids() {
            let name = &flow.task(id).name;
            let Some(then) = by_name.get(&**name) else { continue };
            for (output, value) in then.results().outputs() {
                self.outputs.set(id, output, value);
            }
            if !then.state().is_final() {
                continue;
            }
            let attempt = then.last().map_or(0, |last| last.number);
            let started = TaskStarted {
                task: id,
                name: name.clone(),
                attempt,
                pid: None,
                argv: Vec::new(),
                argv_cut: false,
                dir: None,
                jobs: 1,
                slots: BTreeMap::new(),
            };
            let finished = TaskFinished {
                task: id,
                name: name.clone(),
                attempt,
                state: then.state(),
                reason: None,
                measured: then.last().map(|last| last.measured.clone()).unwrap_or_default(),
            };
            let started = (attempt > 0).then(|| Event::TaskStarted(Box::new(started)));
            for event in started.into_iter().chain([Event::TaskFinished(Box::new(finished))]) {
                let (seq, now) = (self.view.seq() + 1, Moment::default());
                self.view.apply(&Line { v: FORMAT_VERSION, seq, ts: now.wall, ms: now.ms, event });
            }
        }
        self.stood = Some(match earlier.status() {
            RunStatus::Pending | RunStatus::Running => RunStatus::Completed, // as far as it has come
            RunStatus::Cancelling => RunStatus::Cancelled,
            status @ (RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled) => status,
        });
    }
}
