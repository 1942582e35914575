//! Floor 3: decides. What happened comes in as an [`Input`], what is to be told and done goes out as
//! events and [`Action`]s. No clock, no thread, no process: time comes in as a value, so that a day
//! of a run is tested in a millisecond, and the same scheduler can drive a run anywhere.
//!
//! The scheduler owns the run's [`RunView`] and changes it only by emitting events, so that the live
//! state *is* the replayed log. Beside it stand only plans: what waits for what, who holds a slot,
//! which moments to wake at.

mod cancel;
mod declare;
mod earlier;
mod finally;
mod forecast;
mod order;
mod plan;
mod port;
mod queue;
mod ready;
mod results;
mod retry;
mod scope;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use crate::event::{
    CancelRequest, Event, FORMAT_VERSION, Line, Measured, RunFinished, RunStarted, RunView,
    TaskFinished, TaskStarted,
};
use crate::graph::Dependents;
use crate::model::{HeldSlots, Level, Ms, Reason, RunStatus, TaskId, TaskState, Wall};

pub use earlier::place_after;
pub use forecast::{Forecast, forecast};
pub use order::{Simulated, simulate, start_order};
pub use plan::{Plan, STOP_GRACE, TooFewSlots};
pub use port::{Action, Announced, Ended, Executor, Given, Input, Moment, Overdue, Started};
pub use results::{Artifact, Fault, Hashed, Output, Outputs, Results};
pub use scope::Resolved;

use cancel::Why;
use retry::Timer;

/// What came of one or more inputs: append the lines, tell them, then do the actions.
#[derive(Debug, Default)]
pub struct Decisions {
    /// What is to be recorded and told.
    pub lines: Vec<Line>,
    /// What is to be done after that.
    pub actions: Vec<Action>,
}

/// What the scheduler plans for a task; what the task *is* stands in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Some of its lists are not satisfied.
    Waiting,
    /// In the queue of ready tasks.
    Ready,
    /// Given to the executor, holds its slots, no process yet.
    Starting {
        /// Why it is to be stopped as soon as it has one.
        stop: Option<Why>,
    },
    /// Has a process and its slots.
    Running {
        /// Why it was sent its first signal.
        stop: Option<Why>,
    },
    /// Waits for its next attempt, without a slot.
    Delayed,
    /// Has its final state.
    Over,
}

#[derive(Clone, Debug)]
struct TaskPlan {
    phase: Phase,
    attempt: u32,
    /// How many of its two lists are not satisfied.
    waits: u32,
}

/// Decides what happens in one run.
#[derive(Debug)]
pub struct Scheduler {
    plan: Plan,
    dependents: Dependents,
    heights: Vec<u32>,
    view: RunView,
    tasks: Vec<TaskPlan>,
    lists: Vec<ready::ListPlan>,
    /// The tasks that wait for slots, and the slots of pools.
    queue: queue::Queue,
    /// What running tasks hold of pools.
    held: HashMap<TaskId, HeldSlots>,
    /// How many tasks stand in `tasks`; those of `finally` follow.
    n_tasks: u32,
    /// Those of them that have not ended.
    tasks_left: u32,
    is_finally_open: bool,
    free_jobs: u32,
    timers: BinaryHeap<Reverse<(Ms, Timer)>>,
    /// Final states whose consequences have not been drawn yet.
    ended: VecDeque<TaskId>,
    /// Tasks that wait for the ends of all their ancestors, by one that has not ended.
    held_back: HashMap<TaskId, Vec<TaskId>>,
    /// Failures whose policy stops the run, not applied yet.
    stoppers: Vec<TaskId>,
    /// The task whose failure stopped the run, under the policies `stop` and `kill`.
    stopped_by: Option<TaskId>,
    /// The first task that failed the run.
    failed: Option<TaskId>,
    /// Whether the run took longer than it may.
    is_timed_out: bool,
    /// A cancel at level drain that waits for processes which are just being started.
    held_drain: Option<CancelRequest>,
    outputs: Outputs,
    /// How many files are still being summed up.
    hashes_left: usize,
    /// How the run stood when the last of its tasks ended: a later cancel changes nothing.
    ended_as: Option<(RunStatus, Option<Reason>)>,
    last_wall: Wall,
    /// How the run stood when the last of `tasks` ended.
    stood: Option<RunStatus>,
    /// By task: what its last attempt was told that was not known before.
    resolved: HashMap<TaskId, Arc<Resolved>>,
}

impl Scheduler {
    /// Returns the scheduler of a run that has not begun.
    pub fn new(plan: Plan) -> Scheduler {
        let plan = Plan { jobs: plan.jobs.max(1), ..plan }; // with no slot it would never end
        let dependents = Dependents::of(&plan.flow);
        let in_file_order = plan.jobs == 1;
        let heights = if in_file_order {
            vec![0; plan.flow.tasks().len()]
        } else {
            crate::graph::heights(&plan.flow, &dependents)
        };
        let tasks = plan
            .flow
            .tasks()
            .iter()
            .map(|task| TaskPlan {
                phase: Phase::Waiting,
                attempt: 0,
                waits: task.n_lists() + u32::from(task.finally),
            })
            .collect();
        let lists = ready::ListPlan::all(&plan.flow);
        let n_tasks = plan.flow.tasks().iter().filter(|task| !task.finally).count();
        let n_tasks = u32::try_from(n_tasks).expect("an id is 32 bits long");
        Scheduler {
            n_tasks,
            tasks_left: n_tasks,
            is_finally_open: false,
            free_jobs: plan.jobs,
            dependents,
            heights,
            view: RunView::new(),
            tasks,
            lists,
            queue: queue::Queue::new(&plan.flow, &plan.pools),
            held: HashMap::new(),
            timers: BinaryHeap::new(),
            ended: VecDeque::new(),
            held_back: HashMap::new(),
            stoppers: Vec::new(),
            stopped_by: None,
            failed: None,
            is_timed_out: false,
            held_drain: None,
            outputs: Outputs::default(),
            hashes_left: 0,
            ended_as: None,
            last_wall: Wall(i64::MIN),
            stood: None,
            resolved: HashMap::new(),
            plan,
        }
    }

    /// Returns the run's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the state of the run.
    pub fn view(&self) -> &RunView {
        &self.view
    }

    /// Returns whether the run has its end.
    pub fn is_over(&self) -> bool {
        self.view.status().is_final()
    }

    /// Returns the moment at which a [`Input::Tick`] is needed, if nothing happens before.
    pub fn wake_at(&self) -> Option<Ms> {
        self.timers.peek().map(|timer| timer.0.0)
    }

    /// Takes in one input and adds to `decisions` what follows from it. Reports that come twice or
    /// too late change nothing.
    pub fn handle(&mut self, now: Moment, input: Input, decisions: &mut Decisions) {
        let mut turn = Turn { now, decisions };
        match input {
            Input::Begin(facts) => return self.begin(&mut turn, *facts),
            Input::Started(started) => {
                self.started(&mut turn, *started);
                self.take_drain(&mut turn, None);
            }
            Input::Ended(ended) => {
                // The cancel came before this end, and before what follows from it.
                self.take_drain(&mut turn, Some(ended.task));
                self.attempt_ended(&mut turn, *ended);
            }
            Input::WantsTerminal { task, attempt } => {
                self.stop_where_running(&mut turn, task, attempt, Why::Terminal);
            }
            Input::Signalled { task, attempt } => self.signalled(&mut turn, task, attempt),
            Input::Cancel(request) => self.cancel(&mut turn, request),
            Input::Hashed(hashed) => self.hashed(&mut turn, *hashed),
            Input::Noted(noted) => {
                if self.view.started().is_some() && !self.is_over() {
                    self.emit(&mut turn, Event::RunNoted(noted));
                }
            }
            Input::Tick => {}
        }
        self.run_timers(&mut turn);
        loop {
            self.draw_consequences(&mut turn);
            self.open_finally(&mut turn);
            self.start_ready(&mut turn);
            if self.ended.is_empty() {
                break; // else a task failed as it was about to start, or was decided to be skipped
            }
        }
        self.end_if_done(&mut turn);
    }

    fn begin(&mut self, turn: &mut Turn<'_>, mut facts: RunStarted) {
        if self.view.started().is_some() {
            return;
        }
        facts.flow = self.plan.flow.name().to_owned();
        facts.jobs = self.plan.jobs;
        facts.n_tasks = self.plan.flow.tasks().len() as u32;
        if facts.pools.is_empty() {
            facts.pools = self.plan.pool_facts(); // who masks secrets has set them already
        }
        self.emit(turn, Event::RunStarted(Box::new(facts)));
        for event in declare::declarations(&self.plan.flow) {
            self.emit(turn, event);
        }
        for id in self.plan.flow.ids() {
            if self.plan.left_out[id.index()] {
                self.finish(turn, id, TaskState::Skipped, Some(Reason::NOT_SELECTED), None);
            }
        }
        self.ready_roots(turn);
        if let Some(timeout) = self.plan.timeout {
            self.timer(turn.now.ms + timeout, Timer::Run);
        }
    }

    fn started(&mut self, turn: &mut Turn<'_>, started: Started) {
        let id = started.task;
        let Some(task) = self.current(id, started.attempt) else { return };
        let Phase::Starting { stop } = task.phase else { return };
        task.phase = Phase::Running { stop: None };
        let (name, jobs) = (self.name(id), self.jobs_of(id));
        let slots = self.slot_facts(id);
        self.emit(
            turn,
            Event::TaskStarted(Box::new(TaskStarted {
                task: id,
                name,
                attempt: started.attempt,
                pid: started.pid,
                argv: started.argv,
                argv_cut: started.argv_cut,
                dir: started.dir,
                jobs,
                slots,
            })),
        );
        if let Some(timeout) = self.timeout_of(id) {
            let limit = Timer::Limit { task: id, attempt: started.attempt };
            self.timer(turn.now.ms + timeout, limit);
        }
        if let Some(why) = stop {
            self.stop_task(turn, id, why);
            if self.view.level() == Some(Level::Stop) {
                // Whatever else stops it, its grace is not longer than that of this level.
                self.stop_task(turn, id, Why::Stop);
            }
        }
    }

    fn attempt_ended(&mut self, turn: &mut Turn<'_>, ended: Ended) {
        let id = ended.task;
        let Some(task) = self.current(id, ended.attempt) else { return };
        let stop = match task.phase {
            Phase::Starting { stop } | Phase::Running { stop } => stop,
            Phase::Waiting | Phase::Ready | Phase::Delayed | Phase::Over => return,
        };
        self.give_back(id);
        match self.judge(id, stop, &ended) {
            Verdict::Succeeded => {
                let measured = Measured { tail: None, ..ended.measured };
                self.keep_results(turn, id, ended.results.unwrap_or_default());
                self.finish(turn, id, TaskState::Succeeded, None, Some(measured));
            }
            Verdict::Stopped(reason) => {
                self.finish(turn, id, TaskState::Cancelled, Some(reason), Some(ended.measured));
            }
            Verdict::Failed(reason) => {
                if let Some(pause) = self.pause_before_retry(id, &reason, &ended.measured) {
                    self.delay(turn, id, pause, reason, ended.measured);
                } else {
                    self.finish(turn, id, TaskState::Failed, Some(reason), Some(ended.measured));
                }
            }
        }
    }

    fn judge(&self, id: TaskId, stop: Option<Why>, ended: &Ended) -> Verdict {
        if let Some(reason) = &ended.not_started {
            return Verdict::Failed(reason.clone());
        }
        match stop {
            Some(Why::Timeout) => return Verdict::Failed(Reason::TIMEOUT),
            Some(Why::RunTimeout) => return Verdict::Stopped(Reason::RUN_TIMEOUT),
            Some(Why::Terminal) => return Verdict::Failed(Reason::TERMINAL),
            Some(Why::Cancel | Why::Stop | Why::Kill) => {
                return Verdict::Stopped(Reason::CANCELLED);
            }
            Some(Why::Failure { of }) => {
                return Verdict::Stopped(Reason::stopped_by(&self.name(of)));
            }
            None => {}
        }
        let is_ok = |code| self.plan.flow.task(id).options.is_ok(code);
        if ended.measured.code().is_some_and(is_ok) {
            return match &ended.results {
                Ok(_) => Verdict::Succeeded,
                // It may have looked for the cancel and left its work.
                Err(Fault::Missing(_)) if self.view.level().is_some() => {
                    Verdict::Stopped(Reason::CANCELLED)
                }
                Err(Fault::Missing(reason) | Fault::Wrong(reason)) => {
                    Verdict::Failed(reason.clone())
                }
            };
        }
        Verdict::Failed(match (ended.measured.exit_code, ended.measured.signal) {
            (Some(code), _) => Reason::exit(code),
            (None, Some(signal)) => Reason::signal(signal),
            (None, None) => Reason::spawn("its end is unknown"),
        })
    }

    /// Gives a task its final state; the consequences are drawn by [`Scheduler::draw_consequences`].
    fn finish(
        &mut self,
        turn: &mut Turn<'_>,
        id: TaskId,
        state: TaskState,
        reason: Option<Reason>,
        measured: Option<Measured>,
    ) {
        let task = &mut self.tasks[id.index()];
        if task.phase == Phase::Over {
            return;
        }
        task.phase = Phase::Over;
        self.queue.change(); // it may have stood in front of others
        let attempt = task.attempt;
        self.tasks_left -= u32::from(id.0 < self.n_tasks);
        let measured = measured.unwrap_or_default();
        let name = self.name(id);
        let finished = TaskFinished { task: id, name, attempt, state, reason, measured };
        self.emit(turn, Event::TaskFinished(Box::new(finished)));
        self.ended.push_back(id);
    }

    fn end_if_done(&mut self, turn: &mut Turn<'_>) {
        let counts = self.view.counts();
        let begun = self.view.started().is_some();
        if !begun || self.is_over() || (counts.ended() as usize) < self.tasks.len() {
            return;
        }
        let ended_as = self.ended_as.take().unwrap_or_else(|| self.outcome());
        if self.hashes_left > 0 && self.waits_for_hashes() {
            self.ended_as = Some(ended_as);
            return;
        }
        let (status, reason) = ended_as;
        let first_failure = self.failed.map(|id| self.name(id));
        self.timers.clear();
        self.emit(turn, Event::RunFinished(RunFinished { status, reason, counts, first_failure }));
    }

    /// The one place where something becomes true: a line, taken into the view and given out.
    fn emit(&mut self, turn: &mut Turn<'_>, event: Event) {
        self.last_wall = self.last_wall.max(turn.now.wall);
        let line = Line {
            v: FORMAT_VERSION,
            seq: self.view.seq() + 1,
            ts: self.last_wall,
            ms: turn.now.ms.max(self.view.now()),
            event,
        };
        self.view.apply(&line);
        turn.decisions.lines.push(line);
    }

    /// Returns the longest that an attempt of a task may take.
    fn timeout_of(&self, id: TaskId) -> Option<Ms> {
        if self.plan.is_rehearsal {
            return None; // the time that it takes is made up
        }
        let later = self.resolved.get(&id).and_then(|resolved| resolved.timeout);
        later.or(self.plan.flow.task(id).options.timeout)
    }

    fn name(&self, id: TaskId) -> Arc<str> {
        self.plan.flow.task(id).name.clone()
    }

    /// Returns the plan of a task if `attempt` is the one under way.
    fn current(&mut self, id: TaskId, attempt: u32) -> Option<&mut TaskPlan> {
        self.tasks.get_mut(id.index()).filter(|task| task.attempt == attempt)
    }
}

/// One call of [`Scheduler::handle`].
struct Turn<'a> {
    now: Moment,
    decisions: &'a mut Decisions,
}

impl Turn<'_> {
    fn act(&mut self, action: Action) {
        self.decisions.actions.push(action);
    }
}

enum Verdict {
    Succeeded,
    Stopped(Reason),
    Failed(Reason),
}
