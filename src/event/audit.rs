//! What must hold in every log, whatever the flow, the failures and the cancels were.
//!
//! It knows lines and the fold, and nothing of the scheduler that made them, so that property
//! tests, integration tests and records of real runs are all held to the same rules. A log without
//! its end (a killed runner, a run under way) is judged by what is there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    Event, FORMAT_VERSION, Line, MAX_TAIL, Measured, RunCancelling, RunFinished, RunStarted,
    RunView, TaskFinished, TaskRetrying, TaskStarted, TaskStopping, TaskView, TasksDeclared,
};
use crate::model::{Counts, Level, Ms, Reason, RunStatus, Slots, TaskId, TaskState, Wall};

/// What the log itself does not say.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How many slots of `jobs` attempts may hold together; `None`: what the first line says.
    pub jobs: Option<u32>,
    /// The tasks that say `fail: continue`: their failure satisfies dependents and fails no run.
    pub continue_tasks: HashSet<String>,
}

impl Rules {
    /// Adds a task that says `fail: continue`.
    pub fn may_fail(mut self, name: &str) -> Rules {
        self.continue_tasks.insert(name.to_owned());
        self
    }
}

/// Holds a log against the rules that every log keeps.
///
/// # Errors
/// The first rule that is broken, with the line that breaks it.
pub fn audit(lines: &[Line], rules: &Rules) -> Result<(), String> {
    let mut auditor = Auditor::new(rules);
    for line in lines {
        auditor.line(line).map_err(|broken| format!("line {}: {broken}: {line:?}", line.seq))?;
    }
    Ok(())
}

struct Auditor<'a> {
    rules: &'a Rules,
    view: RunView,
    ids: HashMap<Arc<str>, TaskId>,
    last: (Wall, Ms),
    /// How many slots of `jobs` are held.
    jobs_held: u32,
    /// Who holds the slots of pools.
    slots_held: HashMap<(Box<str>, u32), Arc<str>>,
    task_seen: bool,
    cancel_counts: bool,
    /// A task that ended between attempts for which nothing had happened: the run timed out.
    ended_early: Option<Arc<str>>,
}

type Verdict = Result<(), String>;

fn hold(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken()) }
}

impl<'a> Auditor<'a> {
    fn new(rules: &'a Rules) -> Auditor<'a> {
        Auditor {
            rules,
            view: RunView::new(),
            ids: HashMap::new(),
            last: (Wall(i64::MIN), Ms(0)),
            jobs_held: 0,
            slots_held: HashMap::new(),
            task_seen: false,
            cancel_counts: false,
            ended_early: None,
        }
    }

    /// Judges a line by the state before it, then takes it in.
    fn line(&mut self, line: &Line) -> Verdict {
        hold(line.v == FORMAT_VERSION, || format!("version {} of the format", line.v))?;
        let expected = self.view.seq() + 1;
        hold(line.seq == expected, || format!("seq {} where {expected} is due", line.seq))?;
        hold(line.ts >= self.last.0, || format!("ts goes back from {}", self.last.0))?;
        hold(line.ms >= self.last.1, || format!("ms goes back from {}", self.last.1.0))?;
        hold(self.view.ended().is_none(), || "a line after run_finished".to_owned())?;
        let is_start = matches!(line.event, Event::RunStarted(_));
        hold(is_start == (expected == 1), || {
            "run_started is the first line, and only that".to_owned()
        })?;
        self.last = (line.ts, line.ms);
        match &line.event {
            Event::RunStarted(started) => Auditor::run_started(started)?,
            Event::TasksDeclared(declared) => self.declared(declared)?,
            Event::RunNoted(_) | Event::Unknown => {}
            Event::TaskQueued(queued) => self.queued(queued.task, &queued.name)?,
            Event::TaskStarted(started) => self.started(started)?,
            Event::TaskStopping(stopping) => self.stopping(stopping)?,
            Event::TaskRetrying(retrying) => self.retrying(retrying)?,
            Event::TaskOutput(output) => self.output(output)?,
            Event::TaskArtifact(file) => self.artifact(file)?,
            Event::ArtifactHashed(hashed) => self.artifact_hashed(hashed)?,
            Event::TaskFinished(finished) => {
                self.left_behind(finished)?;
                self.finished(finished)?;
            }
            Event::RunCancelling(cancelling) => self.cancelling(cancelling)?,
            Event::RunFinished(finished) => self.run_finished(finished)?,
        }
        self.view.apply(line);
        Ok(())
    }

    fn run_started(started: &RunStarted) -> Verdict {
        hold(started.run_id.is_some(), || "a run without an id".to_owned())?;
        hold(started.jobs > 0, || "a run without a slot".to_owned())
    }

    fn declared(&mut self, declared: &TasksDeclared) -> Verdict {
        let known = self.view.tasks().len();
        let n_tasks = self.view.header().n_tasks;
        hold(!self.task_seen, || "a declaration after the first task".to_owned())?;
        let from = declared.from as usize;
        if declared.tasks.is_empty() {
            hold(from < known, || "more needs of a task that is not declared".to_owned())?;
        } else {
            hold(from == known, || format!("tasks from {from} where {known} is due"))?;
        }
        let total = known + declared.tasks.len();
        hold(total <= n_tasks as usize, || format!("more tasks than the {n_tasks} of the run"))?;
        let more = declared.more_needs.iter().chain(&declared.more_needs_any);
        let own = declared.tasks.iter().flat_map(|task| task.needs.iter().chain(&task.needs_any));
        for need in more.chain(own) {
            hold(*need < n_tasks, || format!("a need on task {need}, which there is not"))?;
        }
        for (offset, task) in declared.tasks.iter().enumerate() {
            let id = TaskId::from_index(from + offset);
            hold(!task.name.is_empty(), || format!("task {} has no name", id.0))?;
            hold(task.same_needs_as.is_none_or(|other| other < id.0), || {
                format!("`{}` needs the same as a later task", task.name)
            })?;
            let old = self.ids.insert(task.name.clone(), id);
            hold(old.is_none(), || format!("`{}` is declared twice", task.name))?;
        }
        Ok(())
    }

    /// Returns the task of a line, which must be declared by then, as all tasks must.
    fn task(&mut self, id: TaskId, name: &str) -> Result<&TaskView, String> {
        self.task_seen = true;
        let (n_declared, n_tasks) = (self.view.tasks().len(), self.view.header().n_tasks);
        hold(n_declared == n_tasks as usize, || {
            format!("the first task comes when {n_declared} of {n_tasks} are declared")
        })?;
        let task = self.view.task(id).ok_or_else(|| format!("task {} is not declared", id.0))?;
        hold(*task.name == *name, || format!("task {} is `{}`, not `{name}`", id.0, task.name))?;
        hold(!task.state().is_final(), || format!("`{name}` had ended as {}", task.state()))?;
        Ok(task)
    }

    fn queued(&mut self, id: TaskId, name: &str) -> Verdict {
        let state = self.task(id, name)?.state();
        hold(state == TaskState::Pending, || format!("`{name}` is queued while {state}"))?;
        self.may_begin(id, name)?;
        self.ready(id)
    }

    fn started(&mut self, started: &TaskStarted) -> Verdict {
        let name = &started.name;
        let task = self.task(started.task, name)?;
        let last = task.last().map_or(0, |attempt| attempt.number);
        let state = task.state();
        let due = if last == 0 { TaskState::Queued } else { TaskState::Running };
        let waits = task.last().is_none_or(|attempt| attempt.ended.is_some());
        hold(state == due && waits, || format!("`{name}` starts while {state}"))?;
        hold(started.attempt == last + 1, || {
            format!("attempt {} of `{name}` after attempt {last}", started.attempt)
        })?;
        // A stop does not wait for what is just being started: that one is stopped as it comes.
        if self.view.level() == Some(Level::Drain) {
            self.may_begin(started.task, name)?;
        }
        self.ready(started.task)?;
        let jobs = self.rules.jobs.unwrap_or(self.view.header().jobs);
        self.jobs_held = self.jobs_held.saturating_add(started.jobs);
        hold(started.jobs > 0 && self.jobs_held <= jobs, || {
            format!("`{name}` takes {} of {jobs} slots, and too few are free", started.jobs)
        })?;
        self.takes_slots(started)
    }

    /// Checks that the slots of pools that an attempt takes are there and held by nobody.
    fn takes_slots(&mut self, started: &TaskStarted) -> Verdict {
        let name = &started.name;
        for (pool, slots) in &started.slots {
            let count = self.view.header().pools.get(pool).map_or(0, Slots::count);
            for slot in slots {
                hold(*slot < count, || {
                    format!("`{name}` takes slot {slot} of `{pool}`, which has {count}")
                })?;
                let before = self.slots_held.insert((pool.clone(), *slot), name.clone());
                hold(before.is_none(), || {
                    format!("`{name}` takes slot {slot} of `{pool}`, which {before:?} holds")
                })?;
            }
        }
        Ok(())
    }

    /// Takes back all that an attempt held.
    fn gives_back(&mut self, id: TaskId) {
        let Some(last) = self.view.task(id).and_then(TaskView::last) else { return };
        self.jobs_held -= last.jobs;
        for (pool, slots) in &last.slots {
            for slot in slots {
                self.slots_held.remove(&(pool.clone(), *slot));
            }
        }
    }

    /// Checks that nothing but `finally` begins after a cancel, and that only at the end.
    fn may_begin(&self, id: TaskId, name: &str) -> Verdict {
        let is_finally = self.view.task(id).is_some_and(|task| task.finally);
        hold(is_finally || self.view.level().is_none(), || {
            format!("`{name}` begins after a cancel")
        })?;
        let left = self.view.tasks().iter().find(|task| !task.finally && !task.state().is_final());
        hold(!is_finally || left.is_none(), || {
            format!("`{name}` of `finally` begins before all of `tasks` have ended: {left:?}")
        })
    }

    /// Returns whether a need is satisfied; a failed one only where its task may fail.
    fn satisfied(&self, task: &TaskView) -> bool {
        match task.state() {
            TaskState::Succeeded => true,
            TaskState::Failed => self.rules.continue_tasks.contains(&*task.name),
            TaskState::Skipped => {
                task.reason == Some(Reason::CONDITION) || task.reason == Some(Reason::NOT_SELECTED)
            }
            TaskState::Pending | TaskState::Queued | TaskState::Running | TaskState::Cancelled => {
                false
            }
        }
    }

    fn ready(&self, id: TaskId) -> Verdict {
        let view = &self.view;
        let Some(task) = view.task(id) else { return Ok(()) };
        if task.finally || task.after_ends {
            let needs = view.list(task.needs).iter().chain(view.list(task.needs_any));
            let left = needs.filter_map(|need| view.task(*need)).find(|n| !n.state().is_final());
            return hold(left.is_none(), || {
                format!("`{}` goes before one of its needs has ended", task.name)
            });
        }
        for need in view.list(task.needs).iter().filter_map(|need| view.task(*need)) {
            hold(self.satisfied(need), || {
                format!("`{}` goes before `{}`, which it needs", task.name, need.name)
            })?;
        }
        hold(self.any_satisfied(task), || {
            format!("`{}` goes before one of its needs_any has succeeded", task.name)
        })
    }

    fn any_satisfied(&self, task: &TaskView) -> bool {
        let mut kept = (self.view.list(task.needs_any).iter())
            .filter_map(|need| self.view.task(*need))
            .filter(|need| need.reason != Some(Reason::NOT_SELECTED))
            .peekable();
        kept.peek().is_none() || kept.any(|need| need.state() == TaskState::Succeeded)
    }

    fn stopping(&mut self, stopping: &TaskStopping) -> Verdict {
        let (name, level) = (&stopping.name, self.view.level());
        let n_failed = self.view.counts().failed;
        let task = self.task(stopping.task, name)?;
        let attempt = task
            .last()
            .filter(|last| last.number == stopping.attempt && last.ended.is_none())
            .ok_or_else(|| format!("attempt {} of `{name}` does not run", stopping.attempt))?;
        hold(attempt.stopping.is_none(), || format!("`{name}` gets its first signal twice"))?;
        hold(!stopping.signal.is_empty(), || format!("`{name}` is stopped by no signal"))?;
        let why = &*stopping.why;
        let because = match why {
            "timeout" | "terminal" | "run_timeout" => true,
            "cancel" => level.is_some(),
            "stop" => level >= Some(Level::Stop),
            "kill" => level >= Some(Level::Kill),
            "failure" => n_failed > 0,
            _ => false,
        };
        hold(because, || format!("`{name}` is stopped with `{why}`, for which nothing happened"))
    }

    /// Checks what holds for the end of every attempt, also of one that had no process.
    fn attempt_ends(
        &mut self,
        id: TaskId,
        name: &str,
        number: u32,
        reason: Option<&Reason>,
        measured: &Measured,
    ) -> Verdict {
        hold(measured.tail.as_ref().is_none_or(|tail| tail.len() <= MAX_TAIL), || {
            format!("the tail of `{name}` is longer than {MAX_TAIL} bytes")
        })?;
        let task = self.task(id, name)?;
        let last = task.last();
        let started = last.is_some_and(|last| last.number == number && last.ended.is_none());
        if started {
            let why = last.and_then(|last| last.stopping.as_ref()).map(|(why, _)| &**why);
            hold(reason != Some(&Reason::TIMEOUT) || why == Some("timeout"), || {
                format!("`{name}` timed out and was not stopped for it")
            })?;
            self.gives_back(id);
            return Ok(());
        }
        let due = last.map_or(0, |last| last.number) + 1;
        let waits = last.is_none_or(|last| last.ended.is_some());
        let not_pending = task.state() != TaskState::Pending;
        hold(waits && not_pending && number == due, || {
            format!("attempt {number} of `{name}` ends and never began")
        })?;
        hold(reason.is_some_and(|reason| reason.kind() == "spawn"), || {
            format!("attempt {number} of `{name}` ends with no process and no spawn error")
        })
    }

    fn retrying(&mut self, retrying: &TaskRetrying) -> Verdict {
        let name = &retrying.name;
        hold(self.view.level().is_none(), || format!("`{name}` is retried after a cancel"))?;
        let (id, reason) = (retrying.task, Some(&retrying.reason));
        self.attempt_ends(id, name, retrying.attempt, reason, &retrying.measured)
    }

    fn finished(&mut self, finished: &TaskFinished) -> Verdict {
        let (name, state, reason) = (&finished.name, finished.state, finished.reason.as_ref());
        hold(state.is_final(), || format!("`{name}` ends as {state}"))?;
        hold(reason.is_some() == (state != TaskState::Succeeded), || {
            format!("`{name}` is {state} with the reason {reason:?}")
        })?;
        let (level, n_failed) = (self.view.level(), self.view.counts().failed);
        let task = self.task(finished.task, name)?;
        let last = task.last();
        let (number, waits) = last.map_or((0, true), |last| (last.number, last.ended.is_some()));
        let stopped = last.is_some_and(|last| last.stopping.is_some());
        if finished.attempt == number && waits {
            if number == 0 {
                self.never_started(finished.task, name, state, reason)?;
            } else {
                let same = last.is_some_and(|last| last.reason.as_ref() == reason);
                hold(state == TaskState::Failed && same, || {
                    format!("`{name}` ends between attempts, and not as its last one did")
                })?;
                if level.is_none() && n_failed == 0 {
                    self.ended_early = Some(name.clone());
                }
            }
        } else {
            self.attempt_ends(finished.task, name, finished.attempt, reason, &finished.measured)?;
            hold(state != TaskState::Skipped, || format!("`{name}` is SKIPPED and ran"))?;
            // Or it saw the cancel and left what it had promised.
            let gave_up = level.is_some() && finished.measured.exit_code.is_some();
            hold(state != TaskState::Cancelled || stopped || gave_up, || {
                format!("`{name}` is CANCELLED and was not stopped")
            })?;
        }
        self.names_a_task(name, reason)
    }

    fn never_started(
        &self,
        id: TaskId,
        name: &str,
        state: TaskState,
        reason: Option<&Reason>,
    ) -> Verdict {
        let kind = reason.map_or("", Reason::kind);
        let fits = match state {
            TaskState::Skipped => {
                matches!(
                    kind,
                    "upstream" | "stopped_by" | "condition" | "not_selected" | "run_timeout"
                )
            }
            TaskState::Cancelled => kind == "cancelled" && self.view.level().is_some(),
            // What it was to be told came to nothing.
            TaskState::Failed => matches!(kind, "expression" | "missing_output"),
            TaskState::Pending | TaskState::Queued | TaskState::Running | TaskState::Succeeded => {
                false
            }
        };
        hold(fits, || format!("`{name}` never started and is {state}({kind})"))?;
        // In `finally` an `if` is asked after a cancel too.
        let is_asked = kind == "condition" && self.view.task(id).is_some_and(|task| task.finally);
        hold(state != TaskState::Skipped || is_asked || self.view.level().is_none(), || {
            format!("`{name}` is SKIPPED after a cancel")
        })
    }

    /// Checks that a reason that names a task names one whose end explains it.
    fn names_a_task(&self, name: &str, reason: Option<&Reason>) -> Verdict {
        let Some(reason) = reason else { return Ok(()) };
        if !matches!(reason.kind(), "upstream" | "stopped_by") {
            return Ok(());
        }
        let id = reason.argument().and_then(|argument| self.ids.get(argument));
        let state = id.and_then(|id| self.view.task(*id)).map(TaskView::state);
        let explains = match state {
            Some(TaskState::Failed) => true,
            Some(TaskState::Skipped | TaskState::Cancelled) => reason.kind() == "upstream",
            Some(
                TaskState::Pending | TaskState::Queued | TaskState::Running | TaskState::Succeeded,
            )
            | None => false,
        };
        hold(explains, || format!("{reason} does not explain the end of `{name}`: {state:?}"))
    }

    fn cancelling(&mut self, cancelling: &RunCancelling) -> Verdict {
        hold(Some(cancelling.level) > self.view.level(), || {
            format!("the cancel's level does not rise to {}", cancelling.level)
        })?;
        hold(!cancelling.by.is_empty(), || "a cancel by nobody".to_owned())?;
        self.cancel_counts |= self.view.counts().ended() < self.view.header().n_tasks;
        Ok(())
    }

    fn run_finished(&mut self, finished: &RunFinished) -> Verdict {
        let view = &self.view;
        let counts: Counts = view.counts();
        let n_tasks = view.header().n_tasks;
        hold(counts.ended() == n_tasks, || {
            format!("the run ends when {} of {n_tasks} tasks have ended", counts.ended())
        })?;
        hold(finished.counts == counts, || format!("the counts are {counts:?}"))?;
        let failed = |name: &str| {
            let task = self.ids.get(name).and_then(|id| view.task(*id));
            task.is_some_and(|task| task.state() == TaskState::Failed)
                && !self.rules.continue_tasks.contains(name)
        };
        let any_failed = view.tasks().iter().any(|task| failed(&task.name));
        let timed_out = finished.reason == Some(Reason::TIMEOUT) || self.is_timed_out();
        let explained = timed_out || view.level().is_some();
        hold(explained || self.ended_early.is_none(), || {
            format!("{:?} is not retried, for which nothing happened", self.ended_early)
        })?;
        let due = match (self.cancel_counts, any_failed || timed_out) {
            (true, _) => RunStatus::Cancelled,
            (false, true) => RunStatus::Failed,
            (false, false) => RunStatus::Completed,
        };
        hold(finished.status == due, || format!("the run is {}, not {due}", finished.status))?;
        let reason = finished.reason.as_ref();
        let fits = match due {
            RunStatus::Completed => reason.is_none(),
            RunStatus::Cancelled => reason == Some(&Reason::CANCELLED),
            RunStatus::Failed if timed_out => reason == Some(&Reason::TIMEOUT),
            RunStatus::Failed => reason.is_some_and(|reason| {
                reason.kind() == "failed" && reason.argument().is_some_and(failed)
            }),
            RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => false,
        };
        hold(fits, || format!("{reason:?} does not explain a run that is {due}"))?;
        let first = finished.first_failure.as_deref();
        let first_failed = first.and_then(|name| self.ids.get(name));
        let first_failed = first_failed.and_then(|id| view.task(*id));
        let really = first_failed.is_some_and(|task| task.state() == TaskState::Failed);
        let fits = match due {
            RunStatus::Failed if timed_out => first.is_none_or(failed),
            RunStatus::Failed => first.is_some_and(failed),
            RunStatus::Completed | RunStatus::Cancelled => first.is_none() || really,
            RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => false,
        };
        hold(fits, || format!("{first:?} is not the first task that failed"))?;
        self.all_summed()?;
        self.skips_are_due()
    }

    /// Returns whether a task was stopped or skipped because the run took too long.
    fn is_timed_out(&self) -> bool {
        let was_stopped = |task: &TaskView| {
            let stopping = task.attempts.iter().filter_map(|attempt| attempt.stopping.as_ref());
            stopping.into_iter().any(|(why, _)| why == "run_timeout")
        };
        self.view
            .tasks()
            .iter()
            .any(|task| task.reason == Some(Reason::RUN_TIMEOUT) || was_stopped(task))
    }

    /// Checks that nothing was skipped for its needs that could have run.
    fn skips_are_due(&self) -> Verdict {
        for task in self.view.tasks() {
            let reason = task.reason.as_ref().map_or("", Reason::kind);
            if task.state() != TaskState::Skipped || reason != "upstream" {
                continue;
            }
            let mut needs = self.view.list(task.needs).iter();
            let all = needs.all(|id| self.view.task(*id).is_some_and(|need| self.satisfied(need)));
            hold(!all || !self.any_satisfied(task), || {
                format!("`{}` is skipped and all that it needs is satisfied", task.name)
            })?;
        }
        Ok(())
    }
}

mod results;
#[cfg(test)]
mod tests;
