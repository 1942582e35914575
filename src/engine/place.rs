//! Where a task would run, without running it: the folder and the environment of its processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Surroundings;
use super::command::folder;
use super::environment::{Sources, base_env, params, task_env};
use super::local::Outcome;
use super::mask::RunMask;
use crate::event::RunView;
use crate::model::{Held, Mask, Reason, RunStatus, TaskId, TaskState};
use crate::scheduler::{Given, Plan, place_after};

/// What a place is made of.
pub(crate) struct Place<'p> {
    pub(crate) plan: Plan,
    pub(crate) task: TaskId,
    pub(crate) surroundings: Surroundings,
    /// An earlier run, whose values the task sees, and its folder.
    pub(crate) earlier: Option<(&'p RunView, &'p Path)>,
    /// The file behind `$PYOCO_OUTPUT`.
    pub(crate) output: &'p Path,
}

/// Where a task would run.
pub(crate) struct Placed {
    pub(crate) dir: PathBuf,
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// What finds the values of secrets.
    pub(crate) mask: Arc<Mask>,
    /// What people should know.
    pub(crate) notices: Vec<String>,
}

impl Place<'_> {
    /// Works it out. Of every pool the task is given the first slots: it holds none.
    ///
    /// # Errors
    /// With the reason for which the task could not start.
    pub(crate) fn find(self) -> Result<Placed, Reason> {
        let Place { mut plan, task, surroundings, earlier, output } = self;
        plan.inherited = base_env(&plan.flow, &surroundings.env).into();
        plan.caller_dir = surroundings.caller_dir.clone();
        let resolved = place_after(plan.clone(), task, earlier.map(|(view, _)| view))?;
        let dir = folder(&plan.flow.base_dir, resolved.dir.as_deref())?;
        let pools = plan.flow.task(task).options().pools.iter();
        let slots = pools.map(|(pool, count)| Held { pool: *pool, slots: (0..*count).collect() });
        let given = Given { slots: slots.collect(), resolved: Some(Arc::new(resolved)) };
        let mut notices = Vec::new();
        let params = params(&plan.flow, |notice| notices.push(notice));
        let outcome = earlier.map(|(view, _)| outcome(view));
        let (params, outcome) = (&params[..], outcome.as_ref());
        let mask = RunMask::new(&plan, &surroundings);
        mask.learn_given(&plan.flow, &given);
        let sources = Sources { plan: &plan, params, surroundings: &surroundings, outcome };
        // Later ones win, as they do for a process.
        let mut env: BTreeMap<_, _> = task_env(&sources, task, &given).into_iter().collect();
        env.insert("PYOCO_ATTEMPT".into(), "1".into());
        env.insert("PYOCO_OUTPUT".into(), output.into());
        if let Some((view, run_dir)) = earlier {
            // No file that asks for a cancel: what that run was asked is long done.
            env.remove(&OsString::from("PYOCO_CANCEL_FILE"));
            env.insert("PYOCO_RUN_DIR".into(), run_dir.into());
            let run_id = view.run_id().map(|run_id| run_id.to_string().into());
            env.extend(run_id.map(|run_id| (OsString::from("PYOCO_RUN_ID"), run_id)));
        }
        Ok(Placed { dir, env, mask: mask.now(), notices })
    }
}

/// Returns what tasks of `finally` were told in an earlier run.
fn outcome(earlier: &RunView) -> Outcome {
    let failed = earlier.tasks().iter().filter(|task| task.state() == TaskState::Failed);
    let failed = failed.filter(|task| !task.finally).map(|task| &*task.name);
    let status = match earlier.status() {
        RunStatus::Pending | RunStatus::Running => RunStatus::Completed, // as far as it has come
        RunStatus::Cancelling => RunStatus::Cancelled,
        status @ (RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled) => status,
    };
    Outcome { status, failed: failed.collect::<Vec<_>>().join("\n") }
}
