//! What expressions see of a run: the states and outputs of tasks, the environment, the run itself.
//!
//! An `if` is decided when its task would become ready, everything else when the task starts.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

use super::Scheduler;
use crate::event::TaskView;
use crate::model::expr::{
    EvalError, Lookup, Missing, Name, RunFact, StateFunction, Template, Value, state_of,
};
use crate::model::{Ms, Part, Reason, RunStatus, TaskId, TaskState};

/// What a task says that was known only when it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Its whole `env`, in the place of that in its options.
    pub env: Vec<(Box<str>, OsString)>,
    /// Its folder, relative to the flow's.
    pub dir: Option<OsString>,
    /// The longest that the attempt may take.
    pub timeout: Option<Ms>,
    /// The globs of the files that it leaves.
    pub artifacts: Vec<String>,
}

/// Which environment `env.X` means.
#[derive(Clone, Copy)]
enum Env {
    /// What the task inherits, in its own `env`.
    Inherited,
    /// What the task sees in the end, everywhere else.
    Own,
}

/// What the expressions of one task see.
struct View<'s> {
    scheduler: &'s Scheduler,
    task: TaskId,
    env: Env,
}

impl Scheduler {
    /// Decides the `if` of a task whose turn has come.
    ///
    /// # Errors
    /// With the reason for which the task fails instead.
    pub(super) fn holds(&self, id: TaskId) -> Result<bool, Reason> {
        let Some(condition) = self.plan.flow.task(id).condition() else { return Ok(true) };
        if self.plan.is_rehearsal {
            // What tasks will do is not known: what may run where all goes well is planned.
            return Ok(condition.where_all_goes_well().unwrap_or(true));
        }
        let view = View { scheduler: self, task: id, env: Env::Own };
        condition.eval(&view).map_err(|error| self.reason_of(&error, "if"))
    }

    /// Works out what a task says that was not known before; `None` where everything was.
    ///
    /// # Errors
    /// With the reason for which the task fails instead.
    pub(super) fn resolve(&self, id: TaskId) -> Result<Option<Arc<Resolved>>, Reason> {
        let options = self.plan.flow.task(id).options();
        if self.plan.is_rehearsal || !options.is_open() {
            return Ok(None);
        }
        let mut resolved = self.place(id)?;
        resolved.timeout = options.timeout;
        if let Some(timeout) = &options.timeout_later {
            let timeout = String::from_utf8(self.text(id, timeout, "timeout", Env::Own)?);
            let timeout = timeout.ok().and_then(|timeout| timeout.trim().parse().ok());
            let timeout = timeout.filter(|timeout| *timeout > Ms(0));
            resolved.timeout = Some(timeout.ok_or_else(|| Reason::expression("timeout"))?);
        }
        for glob in options.promises.iter().flat_map(|promises| &promises.artifacts) {
            let glob = String::from_utf8(self.text(id, glob, "artifacts", Env::Own)?);
            resolved.artifacts.push(glob.map_err(|_| Reason::expression("artifacts"))?);
        }
        Ok(Some(Arc::new(resolved)))
    }

    /// Works out the environment and the folder of a task.
    pub(super) fn place(&self, id: TaskId) -> Result<Resolved, Reason> {
        let options = self.plan.flow.task(id).options();
        let mut resolved = Resolved::default();
        for (name, value) in options.env.iter() {
            let value = OsString::from_vec(self.text(id, value, "env", Env::Inherited)?);
            resolved.env.push((name.clone(), value));
        }
        if let Some(dir) = &options.dir {
            let dir = self.text(id, dir, "dir", Env::Own)?;
            if dir.is_empty() || dir.contains(&0) {
                return Err(Reason::expression("dir"));
            }
            resolved.dir = Some(OsString::from_vec(dir));
        }
        Ok(resolved)
    }

    fn text(&self, task: TaskId, text: &Template, key: &str, env: Env) -> Result<Vec<u8>, Reason> {
        let view = View { scheduler: self, task, env };
        text.eval(&view).map_err(|error| self.reason_of(&error, key))
    }

    fn reason_of(&self, error: &EvalError, key: &str) -> Reason {
        match error {
            EvalError::Missing(Missing { task, output }) => {
                let name = self.plan.flow.named(*task).map(|task| self.name(task));
                let name = name.as_deref().unwrap_or_default();
                Reason::missing_output(&format!("{name}.{output}"))
            }
            EvalError::TooLong | EvalError::Mistyped(_) => Reason::expression(key),
        }
    }

    /// Returns whether a task that this one needs, directly or through others, has FAILED.
    fn has_failed_ancestor(&self, id: TaskId) -> bool {
        let failed = |id| self.state(id) == Some(TaskState::Failed);
        self.ancestor(id, failed, |_| true).is_some()
    }

    /// Returns a task that has not ended although what this one needs has: that was skipped before its
    /// own turn came.
    pub(super) fn unended_ancestor(&self, id: TaskId) -> Option<TaskId> {
        let is_left = |id| self.state(id).is_some_and(|state| !state.is_final());
        let had_no_turn = |id| {
            let reason = self.view.task(id).and_then(|task| task.reason.as_ref());
            let kind = reason.map(Reason::kind);
            self.state(id) == Some(TaskState::Skipped)
                && !matches!(kind, Some("condition" | "not_selected"))
        };
        self.ancestor(id, is_left, had_no_turn)
    }

    /// Returns a sought task among those that this one needs, directly or through others that lead on.
    fn ancestor(
        &self,
        id: TaskId,
        is_sought: impl Fn(TaskId) -> bool,
        leads_on: impl Fn(TaskId) -> bool,
    ) -> Option<TaskId> {
        let (mut tasks, mut lists) = (HashSet::new(), HashSet::new());
        let mut todo = vec![id];
        while let Some(one) = todo.pop() {
            let task = self.plan.flow.task(one);
            for list in [task.needs, task.needs_any] {
                if !lists.insert(list) {
                    continue;
                }
                for need in self.plan.flow.lists.get(list) {
                    if is_sought(*need) {
                        return Some(*need);
                    }
                    if leads_on(*need) && tasks.insert(*need) {
                        todo.push(*need);
                    }
                }
            }
        }
        None
    }

    fn state(&self, id: TaskId) -> Option<TaskState> {
        self.view.task(id).map(TaskView::state)
    }
}

impl View<'_> {
    fn is_finally(&self) -> bool {
        self.scheduler.part_of(self.task) == Part::Finally
    }

    /// Returns how the run stands; in `finally` how it stood when the last of `tasks` ended.
    fn status(&self) -> RunStatus {
        let stood = self.scheduler.stood.filter(|_| self.is_finally());
        stood.unwrap_or_else(|| self.scheduler.view.status())
    }

    fn call(&self, function: StateFunction) -> bool {
        match (function, self.is_finally()) {
            (StateFunction::Always, _) => true,
            (StateFunction::Success, true) => self.status() == RunStatus::Completed,
            (StateFunction::Failure, true) => self.status() == RunStatus::Failed,
            (StateFunction::Cancelled, true) => self.status() == RunStatus::Cancelled,
            (StateFunction::Success, false) => self.scheduler.is_satisfied(self.task),
            (StateFunction::Failure, false) => self.scheduler.has_failed_ancestor(self.task),
            (StateFunction::Cancelled, false) => self.scheduler.view.level().is_some(),
        }
    }

    fn output(&self, id: TaskId, output: &Arc<str>) -> Result<Value, Missing> {
        let known = self.scheduler.plan.flow.named(id);
        let value = known.and_then(|id| self.scheduler.outputs.get(id, output));
        match value {
            Some(value) => Ok(Value::text(value.as_bytes())),
            None if self.is_finally() => Ok(Value::text("")),
            None => Err(Missing { task: id, output: output.clone() }),
        }
    }

    fn exit_code(&self, id: TaskId) -> i64 {
        let task = self.scheduler.plan.flow.named(id).and_then(|id| self.scheduler.view.task(id));
        let Some(last) = task.and_then(|task| task.attempts.last()) else { return -1 };
        last.measured.code().map_or(-1, i64::from)
    }

    fn variable(&self, name: &str) -> Result<Vec<u8>, Missing> {
        let plan = &self.scheduler.plan;
        let last = |env: &[(OsString, OsString)]| {
            let found = env.iter().rev().find(|(other, _)| other.as_bytes() == name.as_bytes());
            found.map(|(_, value)| value.as_bytes().to_vec())
        };
        if let Env::Own = self.env {
            if let Some(value) = last(&plan.env) {
                return Ok(value);
            }
            let own = plan.flow.task(self.task).options().env.iter();
            if let Some((_, template)) = own.rev().find(|(other, _)| **other == *name) {
                let inherited = View { env: Env::Inherited, ..*self };
                return match template.eval(&inherited) {
                    Ok(value) => Ok(value),
                    Err(EvalError::Missing(missing)) => Err(missing),
                    // Said where the variable itself is set, before the task starts.
                    Err(EvalError::TooLong | EvalError::Mistyped(_)) => Ok(Vec::new()),
                };
            }
        }
        Ok(last(&plan.inherited).unwrap_or_default())
    }
}

impl Lookup for View<'_> {
    fn value(&self, name: &Name) -> Result<Value, Missing> {
        let scheduler = self.scheduler;
        Ok(match name {
            // These were put in when the file was loaded; what was not set is not run.
            Name::Param(_) | Name::Matrix(_) => Value::text(""),
            Name::Env(name) => Value::Text(self.variable(name)?),
            Name::Run(RunFact::Id) => {
                let id = scheduler.view.run_id();
                Value::text(id.map_or(String::new(), |id| id.to_string()))
            }
            Name::Run(RunFact::Status) => Value::text(self.status().name()),
            Name::Run(RunFact::FileDir) => {
                Value::text(scheduler.plan.flow.base_dir.as_os_str().as_bytes())
            }
            Name::Run(RunFact::CallerDir) => {
                Value::text(scheduler.plan.caller_dir.as_os_str().as_bytes())
            }
            Name::Run(RunFact::Os) => Value::text(std::env::consts::OS),
            Name::Run(RunFact::Arch) => Value::text(std::env::consts::ARCH),
            Name::Output(task, output) => self.output(*task, output)?,
            Name::State(tasks) => {
                let known = tasks.iter().filter_map(|id| scheduler.plan.flow.named(*id));
                let states = known.filter_map(|id| scheduler.state(id));
                Value::text(state_of(states).name())
            }
            Name::ExitCode(task) => Value::Int(self.exit_code(*task)),
            Name::Call(function) => Value::Bool(self.call(*function)),
        })
    }
}
