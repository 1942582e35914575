//! The environment of a task: what is inherited, then what the file says, then what pyoco tells.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::local::{Context, Outcome};
use super::mask::{SECRETS, secret_names};
use super::{PARENT_GRACE, Surroundings};
use crate::event::CANCEL_FILE;
use crate::model::{Flow, Member, TaskId, escape, variable};
use crate::scheduler::{Given, Plan};

/// The longest value of an environment variable of ours: the kernel takes 128 KiB with its name.
pub(super) const MAX_VARIABLE: usize = 100 << 10;

/// Names and values; the last one of a name counts.
pub(super) type Env = Vec<(OsString, OsString)>;

/// Where the variables of a task come from, beside the task itself.
pub(super) struct Sources<'s> {
    pub(super) plan: &'s Plan,
    /// The params, as variables.
    pub(super) params: &'s [(OsString, OsString)],
    pub(super) surroundings: &'s Surroundings,
    /// What tasks of `finally` are told.
    pub(super) outcome: Option<&'s Outcome>,
}

/// Returns the environment of an attempt.
pub(super) fn attempt_env(
    run: &Context,
    id: TaskId,
    attempt: u32,
    given: &Given,
    output: &Path,
) -> Env {
    let sources = Sources {
        plan: &run.plan,
        params: &run.params,
        surroundings: &run.surroundings,
        outcome: run.outcome.get(),
    };
    let mut env = task_env(&sources, id, given);
    let mut set = |name: &str, value: &OsStr| env.push((name.into(), value.to_owned()));
    set("PYOCO_RUN_ID", run.run_id.to_string().as_ref());
    set("PYOCO_RUN_DIR", run.dir.as_os_str());
    set("PYOCO_ATTEMPT", attempt.to_string().as_ref());
    set("PYOCO_OUTPUT", output.as_os_str());
    set("PYOCO_CANCEL_FILE", run.dir.join(CANCEL_FILE).as_os_str());
    let grace = run.plan.stop_grace(id);
    set(PARENT_GRACE, format!("{}ms", grace.0 * 3 / 4).as_ref());
    if let Some(parent) = run.parent {
        set("PYOCO_PARENT_RUN", parent.to_string().as_ref());
    }
    env
}

/// Returns what a task sees whatever its run and its attempt.
pub(super) fn task_env(sources: &Sources<'_>, id: TaskId, given: &Given) -> Env {
    let Sources { plan, params, surroundings, outcome } = sources;
    let task = plan.flow.task(id);
    let mut env = plan.inherited.to_vec();
    match &given.resolved {
        Some(resolved) => {
            env.extend(resolved.env.iter().map(|(name, value)| ((&**name).into(), value.clone())));
        }
        None => {
            let known = task.options.env.iter();
            let known = known.filter_map(|(name, value)| Some((name, value.constant()?)));
            env.extend(known.map(|(name, value)| ((&**name).into(), value.into())));
        }
    }
    env.extend(plan.env.iter().cloned());
    env.extend(params.iter().cloned());
    let values = task.member().map_or(&[][..], Member::values);
    env.extend(
        values
            .iter()
            .map(|(key, value)| (variable("PYOCO_MATRIX_", key).into(), (&**value).into())),
    );
    let mut set = |name: &str, value: &OsStr| env.push((name.into(), value.to_owned()));
    set("PYOCO_FLOW", plan.flow.name().as_ref());
    set("PYOCO_FILE_DIR", plan.flow.base_dir.as_os_str());
    set("PYOCO_CALLER_DIR", surroundings.caller_dir.as_os_str());
    set("PYOCO_TASK", task.name().as_ref());
    for held in given.slots.iter() {
        let pool = &plan.pools[held.pool.index()];
        set(&pool.variable(), pool.slots.texts(&held.slots).as_ref());
    }
    if task.is_finally()
        && let Some(outcome) = outcome
    {
        set("PYOCO_STATUS", outcome.status.name().as_ref());
        set("PYOCO_FAILED_TASKS", outcome.failed.as_ref());
    }
    if let Some(dir) = &surroundings.state_dir {
        set("PYOCO_STATE_DIR", dir.as_os_str());
    }
    if let Some(exe) = &surroundings.exe {
        set("PYOCO_EXE", exe.as_os_str());
    }
    if let Some(names) = secret_names(plan, surroundings) {
        set(SECRETS, names.as_ref());
    }
    env
}

/// Returns the params as variables, but for those that are too long for one, which are said.
pub(super) fn params(flow: &Flow, mut say: impl FnMut(String)) -> Env {
    let values = flow.params().iter().filter_map(|param| Some((param, param.value()?)));
    let variables = values.filter_map(|(param, value)| {
        let value = value.to_string();
        if value.len() > MAX_VARIABLE {
            say(format!(
                "the param `{}` is longer than {} KiB: tasks do not see it as `{}`",
                escape(param.name()),
                MAX_VARIABLE >> 10,
                param.variable(),
            ));
            return None;
        }
        Some((param.variable().into(), value.into()))
    });
    variables.collect()
}

/// Returns what tasks see of the file's `env_file` and of the caller's environment, which wins:
/// without what is pyoco's own, per-task variables of an outer run, and what must not reach a task by
/// itself.
pub(super) fn base_env(flow: &Flow, env: &[(OsString, OsString)]) -> Env {
    let is_own = |name: &OsString| {
        let Some(name) = name.to_str() else { return false };
        let is_held_back = matches!(name, "PYOCO_SERVER" | "PYOCO_TOKEN")
            && !flow.inherit_env.is_named(name.as_bytes());
        is_held_back
            || matches!(
                name,
                "PYOCO_OUTPUT" | "PYOCO_STATUS" | "PYOCO_FAILED_TASKS" | "PYOCO_PARENT_RUN"
            )
            || ["PYOCO_PARAM_", "PYOCO_MATRIX_", "PYOCO_POOL_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
    };
    let is_seen =
        |(name, _): &&(OsString, OsString)| !is_own(name) && flow.inherit_env.has(name.as_bytes());
    let below = flow.env_below.iter().map(|(name, value)| ((&**name).into(), (&**value).into()));
    below.chain(env.iter().filter(is_seen).cloned()).collect()
}
