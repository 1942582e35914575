//! What a run is to do: a flow with a selection and the settings that the caller decided.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::graph::Selected;
use crate::model::{
    Flow, Ms, OnCancel, OnFailure, OnTaskFailure, Part, Pool, PoolId, Slots, Task, TaskId,
};

/// The deadline of level stop: GitHub leaves 2.5 s between TERM and KILL.
pub const STOP_GRACE: Ms = Ms(2000);

/// From which deadline on level stop leaves time for `finally`: systemd, Kubernetes and GitLab leave 30 s
/// between TERM and KILL.
const FINALLY_AT_STOP: Ms = Ms(4000);

/// A task wants more slots of a pool than there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{task}` wants {wanted} slots of the pool `{pool}`, which has {has}")]
pub struct TooFewSlots {
    /// The task.
    pub task: String,
    /// The pool.
    pub pool: String,
    /// How many it wants.
    pub wanted: u32,
    /// How many there are.
    pub has: u32,
}

/// A run before it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tasks of the run.
    pub flow: Arc<Flow>,
    /// By task: whether `--only` or `--skip` leaves it out.
    pub(crate) left_out: Vec<bool>,
    /// By task: whether it was named, and so gets `args`.
    pub(crate) targeted: Vec<bool>,
    /// The words after `--`.
    pub args: Arc<[String]>,
    /// How many tasks run at once; 0 is taken for 1.
    pub jobs: u32,
    /// The pools of the flow, with the slots that they have in this run.
    pub(crate) pools: Arc<[Pool]>,
    /// Replaces the flow's `on_failure`, and every task's `fail` but `continue`.
    pub on_failure: Option<OnFailure>,
    /// Replaces every task's `on_cancel`.
    pub on_cancel: Option<OnCancel>,
    /// The deadline of level stop.
    pub grace: Ms,
    /// The longest that the run may take, `finally` apart.
    pub timeout: Option<Ms>,
    /// Variables that the caller sets for all tasks: they win over those of the file.
    pub env: Arc<[(OsString, OsString)]>,
    /// What tasks inherit, as `env.X` in expressions sees it: the executor knows it.
    pub inherited: Arc<[(OsString, OsString)]>,
    /// The folder that the caller was in.
    pub caller_dir: PathBuf,
    /// Whether nothing is run: all tasks are taken to succeed, and an `if` that asks for more to hold.
    pub is_rehearsal: bool,
    /// What the pauses between attempts are scattered with.
    pub seed: u64,
}

impl Plan {
    /// Returns the plan that runs all of `flow` as it says itself, `jobs` at once where it says
    /// nothing of that.
    pub fn all_of(flow: Arc<Flow>, jobs: u32) -> Plan {
        let n_tasks = flow.tasks().len();
        let (left_out, targeted) = (vec![false; n_tasks], vec![false; n_tasks]);
        Plan::of(Selected { flow, left_out, targeted }, jobs)
    }

    /// Returns the plan that runs a selection, `jobs` at once where the flow says nothing of that.
    pub fn of(selected: Selected, jobs: u32) -> Plan {
        Plan {
            jobs: selected.flow.jobs.unwrap_or(jobs).max(1),
            grace: selected.flow.grace.unwrap_or(STOP_GRACE),
            pools: Arc::clone(&selected.flow.pools),
            timeout: selected.flow.timeout,
            flow: selected.flow,
            left_out: selected.left_out,
            targeted: selected.targeted,
            args: Arc::default(),
            on_failure: None,
            on_cancel: None,
            env: Arc::default(),
            inherited: Arc::default(),
            caller_dir: PathBuf::new(),
            is_rehearsal: false,
            seed: 0,
        }
    }

    /// Gives pools of the flow other slots than it says itself.
    ///
    /// # Errors
    /// Where a task of the run could never have all its slots.
    pub fn with_slots(
        mut self,
        slots: impl IntoIterator<Item = (PoolId, Slots)>,
    ) -> Result<Plan, TooFewSlots> {
        let mut pools = self.pools.to_vec();
        for (id, slots) in slots {
            pools[id.index()].slots = slots;
        }
        self.pools = pools.into();
        for id in self.flow.ids().filter(|id| !self.left_out[id.index()]) {
            let task = self.flow.task(id);
            for (pool, wanted) in task.options.pools.iter() {
                let Pool { name, slots } = &self.pools[pool.index()];
                if *wanted > slots.count() {
                    let (task, pool) = (task.name().to_owned(), name.to_string());
                    return Err(TooFewSlots { task, pool, wanted: *wanted, has: slots.count() });
                }
            }
        }
        Ok(self)
    }

    /// Returns the pools as a record names them.
    pub(crate) fn pool_facts(&self) -> BTreeMap<Box<str>, Slots> {
        self.pools.iter().map(|pool| (pool.name.clone(), pool.slots.clone())).collect()
    }

    /// Returns how many slots of `jobs` a task holds while it runs; one that runs alone holds all.
    pub(crate) fn jobs_of(&self, id: TaskId) -> u32 {
        let options = &self.flow.task(id).options;
        let wanted =
            if options.interactive { None } else { Some(options.resources.cpus.unwrap_or(1)) };
        wanted.map_or(self.jobs, |wanted| wanted.clamp(1, self.jobs))
    }

    /// Returns the tasks of the run that want more slots of `jobs` than there are, and hold all.
    pub(crate) fn wants_more_than_jobs(&self) -> impl Iterator<Item = &Task> {
        let wants_more = |id: &TaskId| {
            let cpus = self.flow.task(*id).options.resources.cpus;
            !self.left_out[id.index()] && cpus.is_some_and(|cpus| cpus > self.jobs)
        };
        self.flow.ids().filter(wants_more).map(|id| self.flow.task(id))
    }

    /// Returns what a failure of `task` does.
    pub(super) fn on_failure_of(&self, task: TaskId) -> OnTaskFailure {
        let own = self.flow.task(task).options.fail;
        match (own, self.on_failure) {
            (Some(OnTaskFailure::Continue), _) => OnTaskFailure::Continue,
            (_, Some(policy)) => OnTaskFailure::As(policy),
            (Some(OnTaskFailure::As(policy)), None) => OnTaskFailure::As(policy),
            (None, None) => OnTaskFailure::As(self.flow.on_failure),
        }
    }

    /// Returns whether level stop still runs `finally`: where there is some, and time for it.
    pub(super) fn stop_spares_finally(&self) -> bool {
        let is_run = |id: TaskId| self.flow.task(id).finally && !self.left_out[id.index()];
        self.grace >= FINALLY_AT_STOP && self.flow.ids().any(is_run)
    }

    /// Returns how long level stop leaves the tasks of a part between their first signal and their
    /// end, as long as their own `kill.after` is not shorter.
    pub(super) fn grace_of(&self, part: Part) -> Ms {
        match part {
            Part::Tasks if self.stop_spares_finally() => Ms(self.grace.0 / 2),
            // They have run until then: what is left is for their end.
            Part::Finally if self.stop_spares_finally() => Ms(self.grace.0 / 8),
            Part::Tasks | Part::Finally => self.grace,
        }
    }

    /// Returns how long level stop leaves a task between its first signal and its end.
    pub(crate) fn stop_grace(&self, id: TaskId) -> Ms {
        let task = self.flow.task(id);
        self.grace_of(task.part()).min(task.options.kill.after)
    }

    /// Returns what the first level of a cancel does to `task`.
    pub(super) fn on_cancel_of(&self, task: TaskId) -> OnCancel {
        self.on_cancel.unwrap_or(self.flow.task(task).options.on_cancel)
    }
}
