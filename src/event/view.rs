//! The state of a run: one fold over its lines, used by whoever shows or decides anything.
//!
//! Total on purpose: no log, however damaged or shuffled, makes it panic, and a final state never
//! changes.

mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Declared, Event, Line, Measured, ResultsView, RunCancelling, RunFinished, RunStarted,
    TaskFinished, TaskQueued, TaskRetrying, TaskStarted, TaskStopping, TasksDeclared,
};
use crate::model::{
    Counts, Level, ListId, Lists, Ms, Reason, RunId, RunStatus, TaskId, TaskState, Wall,
};

/// The most tasks that a view makes room for because an event names them; no real flow comes near.
const MAX_TASKS: u32 = 4_000_000;

/// How many tasks may be missing before one that a line names: more than some damaged lines declare.
const MAX_LEAP: usize = 1 << 16;

/// The state of a run after some of its lines.
#[derive(Clone, Debug, Default)]
pub struct RunView {
    status: RunStatus,
    reason: Option<Reason>,
    started: Option<Wall>,
    ended: Option<(Wall, Ms)>,
    header: RunStarted,
    git_dirty: Option<bool>,
    level: Option<Level>,
    cancel_by: Option<String>,
    cancel_text: Option<String>,
    first_failure: Option<Arc<str>>,
    counts: Counts,
    /// What the run itself said at its end.
    said: Option<Counts>,
    tasks: Vec<TaskView>,
    lists: Lists,
    seq: u64,
    now: Ms,
}

/// The state of a task after some of its run's lines.
#[derive(Clone, Debug, Default)]
pub struct TaskView {
    /// The task's name; empty where the line that declared it is missing.
    pub name: Arc<str>,
    state: TaskState,
    /// Whether it has ended in a way that nobody knows.
    is_unknown: bool,
    /// Why it stands there, for final states.
    pub reason: Option<Reason>,
    /// What it needs, in [`RunView::list`].
    pub needs: ListId,
    /// What it needs one of, in [`RunView::list`].
    pub needs_any: ListId,
    /// Whether it is one of `finally`, which run at the end.
    pub finally: bool,
    /// Whether it may run however what it needs has ended.
    pub after_ends: bool,
    /// Whether the run does not fail where it does.
    pub may_fail: bool,
    /// When it became ready.
    pub queued: Option<Ms>,
    /// When it reached its final state.
    pub ended: Option<Ms>,
    /// Its attempts, the first one first.
    pub attempts: Vec<AttemptView>,
    results: Option<Box<ResultsView>>,
}

/// One attempt of a task.
#[derive(Clone, Debug, Default)]
pub struct AttemptView {
    /// Which, from 1.
    pub number: u32,
    /// When it had a process; `None` where it could not be started.
    pub started: Option<Ms>,
    /// When it ended.
    pub ended: Option<Ms>,
    /// The process.
    pub pid: Option<u32>,
    /// Program and arguments, perhaps cut.
    pub argv: Vec<String>,
    /// The folder it ran in.
    pub dir: Option<String>,
    /// How many slots of `jobs` it held.
    pub jobs: u32,
    /// The slots that it held of each pool.
    pub slots: BTreeMap<Box<str>, Box<[u32]>>,
    /// Why it was sent its first signal, and which.
    pub stopping: Option<(String, String)>,
    /// Why it failed, where another attempt followed.
    pub reason: Option<Reason>,
    /// The pause before the next attempt, where one followed.
    pub retry_after: Option<Ms>,
    /// How it ended.
    pub measured: Measured,
}

impl TaskView {
    /// Returns where the task stands, as far as the lines tell.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Returns where the task stands; `None` where its run has ended and nobody knows how the task
    /// did, as [`RunView::settle`] has found.
    pub fn known(&self) -> Option<TaskState> {
        (!self.is_unknown).then_some(self.state)
    }

    /// Returns what its last attempt left behind, where it succeeded.
    pub fn results(&self) -> &ResultsView {
        static NONE: ResultsView = ResultsView::NONE;
        self.results.as_deref().unwrap_or(&NONE)
    }

    /// Returns the last attempt.
    pub fn last(&self) -> Option<&AttemptView> {
        self.attempts.last()
    }

    /// Returns when the first attempt started.
    pub fn started(&self) -> Option<Ms> {
        self.attempts.iter().find_map(|attempt| attempt.started)
    }

    /// Returns how long the task took from its first start to its end, or has taken up to `now`.
    pub fn took(&self, now: Ms) -> Option<Ms> {
        Some(self.ended.unwrap_or(now) - self.started()?)
    }
}

impl RunView {
    /// Returns a view of a run of which nothing is known yet.
    pub fn new() -> RunView {
        RunView::default()
    }

    /// Returns where the run stands.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Returns why the run ended as it did; `None` for COMPLETED and for a run under way.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Returns the run's id, where its first line was read.
    pub fn run_id(&self) -> Option<RunId> {
        self.header.run_id
    }

    /// Returns the facts that stood when the run began.
    pub fn header(&self) -> &RunStarted {
        &self.header
    }

    /// Returns whether the repository had uncommitted changes, where that was found out.
    pub fn git_dirty(&self) -> Option<bool> {
        self.git_dirty
    }

    /// Returns when the run began.
    pub fn started(&self) -> Option<Wall> {
        self.started
    }

    /// Returns when the run ended, on the wall clock and since its start.
    pub fn ended(&self) -> Option<(Wall, Ms)> {
        self.ended
    }

    /// Returns the level of the cancel, where one was asked.
    pub fn level(&self) -> Option<Level> {
        self.level
    }

    /// Returns who asked for the cancel last, and with which words.
    pub fn cancelled_by(&self) -> (Option<&str>, Option<&str>) {
        (self.cancel_by.as_deref(), self.cancel_text.as_deref())
    }

    /// Returns the first task that really failed: the run's own word, or what the lines so far say.
    pub fn first_failure(&self) -> Option<&str> {
        self.first_failure.as_deref()
    }

    /// Returns how many tasks are in which state.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the number of the last line taken in.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns the latest moment that a line spoke of.
    pub fn now(&self) -> Ms {
        self.now
    }

    /// Returns the tasks in declaration order.
    pub fn tasks(&self) -> &[TaskView] {
        &self.tasks
    }

    /// Returns the task with this id.
    pub fn task(&self, id: TaskId) -> Option<&TaskView> {
        self.tasks.get(id.index())
    }

    /// Returns all tasks with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TaskId, &TaskView)> {
        self.tasks.iter().enumerate().map(|(index, task)| (TaskId::from_index(index), task))
    }

    /// Returns the tasks that are running, in declaration order.
    pub fn running(&self) -> impl Iterator<Item = (TaskId, &TaskView)> {
        self.iter().filter(|(_, task)| task.state == TaskState::Running)
    }

    /// Returns the id of the task with this name.
    pub fn find(&self, name: &str) -> Option<TaskId> {
        self.iter().find(|(_, task)| &*task.name == name).map(|(id, _)| id)
    }

    /// Returns the tasks in a list of needs.
    pub fn list(&self, id: ListId) -> &[TaskId] {
        if id.index() < self.lists.len() { self.lists.get(id) } else { &[] }
    }

    /// Takes in one line. Lines that were taken in before, or that contradict what is known, change
    /// nothing.
    pub fn apply(&mut self, line: &Line) {
        if line.seq <= self.seq {
            return;
        }
        self.seq = line.seq;
        self.now = self.now.max(line.ms);
        match &line.event {
            Event::RunStarted(started) => self.run_started(started, line.ts),
            Event::TasksDeclared(declared) => self.declare(declared),
            Event::RunNoted(noted) => self.git_dirty = noted.git_dirty.or(self.git_dirty),
            Event::TaskQueued(queued) => self.task_queued(queued, line.ms),
            Event::TaskStarted(started) => self.task_started(started, line.ms),
            Event::TaskStopping(stopping) => self.task_stopping(stopping),
            Event::TaskRetrying(retrying) => self.task_retrying(retrying, line.ms),
            Event::TaskOutput(output) => {
                if let Some(results) = self.results(output.task, &output.name, output.attempt) {
                    results.output(output);
                }
            }
            Event::TaskArtifact(file) => {
                if let Some(results) = self.results(file.task, &file.name, file.attempt) {
                    results.artifact(file);
                }
            }
            Event::ArtifactHashed(hashed) => {
                if let Some(task) = self.tasks.get_mut(hashed.task.index())
                    && let Some(results) = &mut task.results
                {
                    results.hashed(hashed);
                }
            }
            Event::TaskFinished(finished) => self.task_finished(finished, line.ms),
            Event::RunCancelling(cancelling) => self.run_cancelling(cancelling),
            Event::RunFinished(finished) => self.run_finished(finished, (line.ts, line.ms)),
            Event::Unknown => {}
        }
    }

    fn run_started(&mut self, started: &RunStarted, at: Wall) {
        if self.started.is_some() {
            return;
        }
        self.started = Some(at);
        self.header = started.clone();
        if self.status == RunStatus::Pending {
            self.status = RunStatus::Running;
        }
        let n_tasks = started.n_tasks.min(MAX_TASKS) as usize;
        // Room for the honest case; the tasks themselves come with their declarations.
        self.tasks.reserve(n_tasks.min(1 << 20).saturating_sub(self.tasks.len()));
    }

    fn declare(&mut self, declared: &TasksDeclared) {
        let mut list = Vec::new();
        for (offset, task) in declared.tasks.iter().enumerate() {
            let id = TaskId(declared.from.saturating_add(offset as u32));
            if !self.make_room(id) {
                return;
            }
            let (needs, needs_any) = self.lists_of(task, &mut list);
            let view = &mut self.tasks[id.index()];
            if view.name.is_empty() {
                view.name = task.name.clone();
            }
            view.needs = needs;
            view.needs_any = needs_any;
            view.finally = task.finally;
            view.after_ends = task.after_ends;
            view.may_fail = task.may_fail;
        }
        for (more, any) in [(&declared.more_needs, false), (&declared.more_needs_any, true)] {
            if more.is_empty() || declared.from as usize >= self.tasks.len() {
                continue;
            }
            let view = &self.tasks[declared.from as usize];
            let old = if any { view.needs_any } else { view.needs };
            list.clear();
            list.extend_from_slice(self.list(old));
            list.extend(more.iter().map(|id| TaskId(*id)));
            let new = self.lists.push(&list);
            let view = &mut self.tasks[declared.from as usize];
            *(if any { &mut view.needs_any } else { &mut view.needs }) = new;
        }
    }

    fn lists_of(&mut self, task: &Declared, list: &mut Vec<TaskId>) -> (ListId, ListId) {
        let mut push = |ids: &[u32]| {
            if ids.is_empty() {
                return ListId::EMPTY;
            }
            list.clear();
            list.extend(ids.iter().map(|id| TaskId(*id)));
            self.lists.push(list)
        };
        let needs_any = push(&task.needs_any);
        let needs = match task.same_needs_as {
            None => push(&task.needs),
            Some(same) => self.tasks.get(same as usize).map_or(ListId::EMPTY, |t| t.needs),
        };
        (needs, needs_any)
    }

    fn task_queued(&mut self, queued: &TaskQueued, ms: Ms) {
        if let Some(task) = self.known(queued.task, &queued.name)
            && task.state == TaskState::Pending
        {
            task.queued = Some(ms);
            self.set(queued.task, TaskState::Queued);
        }
    }

    fn task_started(&mut self, started: &TaskStarted, ms: Ms) {
        if let Some(attempt) = self.attempt(started.task, &started.name, started.attempt) {
            attempt.started = Some(ms);
            attempt.pid = started.pid;
            attempt.argv.clone_from(&started.argv);
            attempt.dir.clone_from(&started.dir);
            attempt.jobs = started.jobs;
            attempt.slots.clone_from(&started.slots);
            self.set(started.task, TaskState::Running);
        }
    }

    fn task_stopping(&mut self, stopping: &TaskStopping) {
        if let Some(attempt) = self.attempt(stopping.task, &stopping.name, stopping.attempt)
            && attempt.stopping.is_none()
        {
            attempt.stopping = Some((stopping.why.clone(), stopping.signal.clone()));
        }
    }

    fn task_retrying(&mut self, retrying: &TaskRetrying, ms: Ms) {
        if let Some(attempt) = self.attempt(retrying.task, &retrying.name, retrying.attempt) {
            attempt.ended = Some(ms);
            attempt.reason = Some(retrying.reason.clone());
            attempt.retry_after = Some(retrying.after);
            attempt.measured = retrying.measured.clone();
            self.set(retrying.task, TaskState::Running);
        }
    }

    fn task_finished(&mut self, finished: &TaskFinished, ms: Ms) {
        if !finished.state.is_final() {
            return;
        }
        if finished.attempt > 0
            && let Some(attempt) = self.attempt(finished.task, &finished.name, finished.attempt)
            && attempt.ended.is_none()
        {
            attempt.ended = Some(ms);
            attempt.measured = finished.measured.clone();
        }
        if let Some(task) = self.known(finished.task, &finished.name)
            && !task.state.is_final()
        {
            task.ended = Some(ms);
            task.reason.clone_from(&finished.reason);
            let (name, may_fail) = (task.name.clone(), task.may_fail);
            self.set(finished.task, finished.state);
            let is_failure = finished.state == TaskState::Failed && !may_fail;
            if is_failure && self.first_failure.is_none() {
                self.first_failure = Some(name);
            }
        }
    }

    fn run_cancelling(&mut self, cancelling: &RunCancelling) {
        if !self.status.is_final() && self.level < Some(cancelling.level) {
            self.level = Some(cancelling.level);
            self.cancel_by = Some(cancelling.by.clone());
            if cancelling.text.is_some() || self.cancel_text.is_none() {
                self.cancel_text.clone_from(&cancelling.text);
            }
            self.status = RunStatus::Cancelling;
        }
    }

    fn run_finished(&mut self, finished: &RunFinished, at: (Wall, Ms)) {
        if !self.status.is_final() && finished.status.is_final() {
            self.status = finished.status;
            self.reason.clone_from(&finished.reason);
            self.ended = Some(at);
            self.first_failure.clone_from(&finished.first_failure);
            self.said = Some(finished.counts);
        }
    }

    /// Returns how many tasks the run can have: what its first line says, where that was read.
    fn most_tasks(&self) -> u32 {
        match self.header.n_tasks {
            0 => MAX_TASKS,
            n_tasks => n_tasks.min(MAX_TASKS),
        }
    }

    /// Makes this task and those before it; returns whether the run can have it.
    fn make_room(&mut self, id: TaskId) -> bool {
        if id.0 >= self.most_tasks() || id.index() > self.tasks.len() + MAX_LEAP {
            return false;
        }
        if self.tasks.len() <= id.index() {
            self.counts.pending += (id.index() + 1 - self.tasks.len()) as u32;
            self.tasks.resize_with(id.index() + 1, TaskView::default);
        }
        true
    }

    /// Returns the task that a line speaks of, made known by it where its declaration is missing.
    fn known(&mut self, id: TaskId, name: &Arc<str>) -> Option<&mut TaskView> {
        if !self.make_room(id) {
            return None;
        }
        let task = &mut self.tasks[id.index()];
        if task.name.is_empty() {
            task.name = name.clone();
        }
        // Another name means that the line's task is damaged.
        (name.is_empty() || task.name == *name).then_some(task)
    }

    /// Returns where the results of an attempt are kept, those of earlier ones left out; nowhere once
    /// its task has ended.
    fn results(&mut self, id: TaskId, name: &Arc<str>, attempt: u32) -> Option<&mut ResultsView> {
        let task = self.known(id, name).filter(|task| !task.state.is_final())?;
        let results = task.results.get_or_insert_default();
        results.begin(attempt);
        Some(results)
    }

    /// Returns the attempt that a line speaks of, unless its task has ended.
    fn attempt(&mut self, id: TaskId, name: &Arc<str>, number: u32) -> Option<&mut AttemptView> {
        let task = self.known(id, name)?;
        if task.state.is_final() {
            return None;
        }
        let index = match task.attempts.iter().rposition(|attempt| attempt.number == number) {
            Some(index) => index,
            None => {
                if task.attempts.is_empty() {
                    // One attempt is the rule, and a vector's first step makes room for four.
                    task.attempts.reserve_exact(1);
                }
                task.attempts.push(AttemptView { number, ..AttemptView::default() });
                task.attempts.len() - 1
            }
        };
        Some(&mut task.attempts[index])
    }

    /// The one place where a task's state changes.
    fn set(&mut self, id: TaskId, state: TaskState) {
        let task = &mut self.tasks[id.index()];
        if task.state.is_final() {
            return;
        }
        let old = std::mem::replace(&mut task.state, state);
        *self.counts.slot(old) -= 1;
        *self.counts.slot(state) += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(seq: u64, event: Event) -> Line {
        Line { v: 1, seq, ts: Wall(seq as i64), ms: Ms(seq), event }
    }

    fn finished(task: u32, state: TaskState) -> Event {
        Event::TaskFinished(Box::new(TaskFinished {
            task: TaskId(task),
            name: "t".into(),
            attempt: 1,
            state,
            reason: None,
            measured: Measured::default(),
        }))
    }

    #[test]
    fn a_final_state_never_changes() {
        let mut view = RunView::new();
        view.apply(&line(1, finished(0, TaskState::Failed)));
        view.apply(&line(2, finished(0, TaskState::Succeeded)));
        view.apply(&line(3, Event::TaskQueued(TaskQueued { task: TaskId(0), name: "t".into() })));
        assert_eq!(view.tasks()[0].state(), TaskState::Failed);
        assert_eq!(view.counts(), Counts { failed: 1, ..Counts::default() });
    }

    #[test]
    fn same_needs_share_a_list() {
        let mut view = RunView::new();
        let task = |name: &str| Declared { name: name.into(), ..Declared::default() };
        view.apply(&line(
            1,
            Event::TasksDeclared(TasksDeclared {
                from: 0,
                tasks: vec![
                    task("a"),
                    Declared { needs: vec![0], ..task("b") },
                    Declared { same_needs_as: Some(1), ..task("c") },
                ],
                ..TasksDeclared::default()
            }),
        ));
        let more = TasksDeclared { from: 2, more_needs: vec![1], ..TasksDeclared::default() };
        view.apply(&line(2, Event::TasksDeclared(more)));
        assert_eq!(view.list(view.tasks()[1].needs), [TaskId(0)]);
        assert_eq!(view.list(view.tasks()[2].needs), [TaskId(0), TaskId(1)]);
        assert_eq!(view.counts().pending, 3);
    }

    #[test]
    fn a_damaged_declaration_makes_no_room_for_millions() {
        let mut view = RunView::new();
        let tasks = vec![Declared { name: "far".into(), ..Declared::default() }];
        let declared = TasksDeclared { from: 3_999_999, tasks, ..TasksDeclared::default() };
        view.apply(&line(1, Event::TasksDeclared(declared)));
        assert_eq!(view.tasks().len(), 0);
    }

    proptest! {
        #[test]
        fn any_order_of_lines_is_survived(events in prop::collection::vec((0u32..6, 0u32..6, 0u64..40), 0..60)) {
            let mut view = RunView::new();
            for (kind, task, seq) in events {
                let name: Arc<str> = "t".into();
                let task_id = TaskId(if task == 5 { u32::MAX } else { task });
                let event = match kind {
                    0 => Event::TaskQueued(TaskQueued { task: task_id, name }),
                    1 => finished(task_id.0, TaskState::Succeeded),
                    2 => finished(task_id.0, TaskState::Running),
                    3 => Event::RunStarted(Box::new(RunStarted { n_tasks: u32::MAX, ..RunStarted::default() })),
                    4 => Event::TasksDeclared(TasksDeclared {
                        from: task_id.0,
                        tasks: vec![Declared { same_needs_as: Some(task), needs_any: vec![7], ..Declared::default() }],
                        more_needs: vec![u32::MAX],
                        ..TasksDeclared::default()
                    }),
                    _ => Event::RunFinished(RunFinished {
                        status: RunStatus::Completed, reason: None, counts: Counts::default(), first_failure: None,
                    }),
                };
                view.apply(&line(seq, event));
                let total: u32 = TaskState::ALL.iter().map(|state| view.counts().of(*state)).sum();
                prop_assert_eq!(total as usize, view.tasks().len());
            }
        }
    }
}
