//! Why each task of a file would run, or would not.

use std::collections::{HashMap, HashSet};

use crate::graph::{Selection, glob_matches};
use crate::model::expr::Condition;
use crate::model::{Flow, ListId, Member, Task, TaskId};
use crate::scheduler::{Forecast, Plan};

/// A task of the file, and what becomes of it.
pub(super) struct Entry<'f> {
    /// The task as the file has it.
    pub(super) task: &'f Task,
    /// Which task of the run it is.
    pub(super) id: Option<TaskId>,
    /// What becomes of it.
    pub(super) fate: Fate,
}

/// What becomes of a task, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was named on the command line.
    Named,
    /// It matches `--only`.
    Only,
    /// The file's `default` names it.
    Default,
    /// Nothing was named, and the file has no `default`: all run.
    All,
    /// This task, which runs, needs it.
    NeededBy(TaskId),
    /// It runs at the end, whatever was named.
    Finally,
    /// `--only` leaves it out.
    NotOnly,
    /// This glob of `--skip` leaves it out.
    Skip(String),
    /// Its `if` does not hold, which is known already.
    IfIsFalse,
    /// Its `if` holds only where something fails or is cancelled.
    OnlyAfterFailure,
    /// What it needs would not succeed: each has an `if` that does not hold, or needs such a one.
    Upstream,
    /// Nothing that was named needs it.
    NotSelected,
}

impl Fate {
    /// Returns which task it is needed by, where that is why it is in.
    pub(super) fn needed_by(&self) -> Option<TaskId> {
        match self {
            Fate::NeededBy(by) => Some(*by),
            Fate::Named
            | Fate::Only
            | Fate::Default
            | Fate::All
            | Fate::Finally
            | Fate::NotOnly
            | Fate::Skip(_)
            | Fate::IfIsFalse
            | Fate::OnlyAfterFailure
            | Fate::Upstream
            | Fate::NotSelected => None,
        }
    }
}

impl Fate {
    /// Returns whether the task would run.
    pub(super) fn runs(&self) -> bool {
        match self {
            Fate::Named
            | Fate::Only
            | Fate::Default
            | Fate::All
            | Fate::NeededBy(_)
            | Fate::Finally => true,
            Fate::NotOnly
            | Fate::Skip(_)
            | Fate::IfIsFalse
            | Fate::OnlyAfterFailure
            | Fate::Upstream
            | Fate::NotSelected => false,
        }
    }

    /// Returns the word for it in JSON.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Fate::Named => "named",
            Fate::Only => "only",
            Fate::Default => "default",
            Fate::All => "all",
            Fate::NeededBy(_) => "needed",
            Fate::Finally => "finally",
            Fate::NotOnly => "not_only",
            Fate::Skip(_) => "skip",
            Fate::IfIsFalse => "if",
            Fate::OnlyAfterFailure => "after_failure",
            Fate::Upstream => "upstream",
            Fate::NotSelected => "not_selected",
        }
    }
}

/// Returns all tasks of a file, in its order, with what becomes of each.
pub(super) fn entries<'f>(
    flow: &'f Flow,
    plan: &Plan,
    selection: &Selection,
    forecast: &Forecast,
) -> Vec<Entry<'f>> {
    let ids: HashMap<&str, TaskId> =
        plan.flow.ids().map(|id| (plan.flow.task(id).name(), id)).collect();
    let reasons = Reasons {
        plan,
        selection,
        forecast,
        default: default_of(flow, selection),
        needed_by: needed_by(plan, forecast),
    };
    let entry = |task: &'f Task| {
        let id = ids.get(task.name()).copied();
        Entry { task, id, fate: id.map_or(Fate::NotSelected, |id| reasons.fate(id)) }
    };
    flow.tasks().iter().map(entry).collect()
}

/// Returns the names that the file's `default` means, where that counts.
fn default_of<'f>(flow: &'f Flow, selection: &Selection) -> Option<HashSet<&'f str>> {
    let counts = *selection == Selection::default();
    let default = flow.default.as_ref().filter(|_| counts)?;
    Some(default.iter().map(|id| flow.task(*id).name()).collect())
}

/// Returns for each task of the run the first task that needs it, one that would run before others.
fn needed_by(plan: &Plan, forecast: &Forecast) -> Vec<Option<TaskId>> {
    let mut needed_by = vec![None; plan.flow.tasks().len()];
    let mut seen: HashSet<ListId> = HashSet::new();
    let runs = |id: &TaskId| forecast.waves[id.index()].is_some();
    let (run, rest): (Vec<TaskId>, Vec<TaskId>) = plan.flow.ids().partition(runs);
    for id in run.into_iter().chain(rest) {
        let task = plan.flow.task(id);
        for (list, needs) in
            [(task.needs, plan.flow.needs(id)), (task.needs_any, plan.flow.needs_any(id))]
        {
            if seen.insert(list) {
                for need in needs {
                    needed_by[need.index()].get_or_insert(id);
                }
            }
        }
    }
    needed_by
}

struct Reasons<'p> {
    plan: &'p Plan,
    selection: &'p Selection,
    forecast: &'p Forecast,
    default: Option<HashSet<&'p str>>,
    needed_by: Vec<Option<TaskId>>,
}

impl Reasons<'_> {
    fn fate(&self, id: TaskId) -> Fate {
        let task = self.plan.flow.task(id);
        if self.plan.left_out[id.index()] {
            let matches = |glob: &&String| {
                let group = task.member().map(Member::group);
                glob_matches(glob, task.name())
                    || group.is_some_and(|name| glob_matches(glob, name))
            };
            let skip = self.selection.skip.iter().find(matches);
            return skip.map_or(Fate::NotOnly, |glob| Fate::Skip(glob.clone()));
        }
        if self.forecast.waves[id.index()].is_none() {
            let holds = |what: fn(&Condition) -> Option<bool>| task.condition().and_then(what);
            return match (holds(Condition::constant), holds(Condition::where_all_goes_well)) {
                (Some(false), _) => Fate::IfIsFalse,
                (_, Some(false)) => Fate::OnlyAfterFailure,
                (_, Some(true) | None) => Fate::Upstream,
            };
        }
        let is_default = self.default.as_ref().is_some_and(|names| names.contains(task.name()));
        if self.plan.targeted[id.index()] {
            Fate::Named
        } else if task.is_finally() {
            Fate::Finally
        } else if !self.selection.only.is_empty() {
            Fate::Only
        } else if is_default {
            Fate::Default
        } else if self.default.is_none() && self.selection.targets.is_empty() {
            Fate::All
        } else {
            self.needed_by[id.index()].map_or(Fate::Named, Fate::NeededBy)
        }
    }
}
