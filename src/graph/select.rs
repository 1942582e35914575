//! Which tasks of a flow a run is about.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::expr::Name;
use crate::model::{EntryName, Flow, ListId, Lists, Member, Task, TaskId};

/// What the command line says of the tasks to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These and all that they need; empty: what the flow's `default` says.
    pub targets: Vec<String>,
    /// Only what matches one of these.
    pub only: Vec<String>,
    /// Nothing that matches one of these.
    pub skip: Vec<String>,
}

/// A flow narrowed to one run.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The flow with the tasks of the run alone.
    pub flow: Arc<Flow>,
    /// By task: whether `--only` or `--skip` leaves it out.
    pub left_out: Vec<bool>,
    /// By task: whether it was named as a target.
    pub targeted: Vec<bool>,
}

/// What is wrong with a selection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No task has this name.
    #[error("unknown task `{name}`")]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// A task with a name like it.
        near: Option<String>,
    },
    /// No task matches this glob.
    #[error("`{option} {glob}` matches no task")]
    NoMatch {
        /// The option: `--only` or `--skip`.
        option: &'static str,
        /// The glob.
        glob: String,
        /// A task with a name like it.
        near: Option<String>,
    },
    /// A task uses an output of one that is left out.
    #[error(
        "`{task}` uses the output `{output}` of `{of}`, which is left out by `--only` or `--skip`"
    )]
    MissedOutput {
        /// The task that runs.
        task: String,
        /// The one that is left out.
        of: String,
        /// The output.
        output: String,
    },
    /// All tasks are left out.
    #[error("nothing is left to run: every task is left out by `--only` and `--skip`")]
    Nothing,
    /// The flow says that nothing runs by itself.
    #[error("this file runs nothing by itself (`default: []`); name a task")]
    NoDefault,
}

/// Narrows a flow to what a selection asks for.
///
/// # Errors
/// Where a name or a glob fits no task, or nothing is left.
pub fn select(flow: &Flow, selection: &Selection) -> Result<Selected, SelectionError> {
    let targets = targets(flow, selection)?;
    let narrowed = match &targets {
        None => flow.clone(),
        Some(targets) => narrow(flow, targets),
    };
    let named: HashSet<&str> = match &targets {
        Some(targets) if !selection.targets.is_empty() => {
            targets.iter().map(|id| flow.task(*id).name()).collect()
        }
        Some(_) | None => HashSet::new(),
    };
    let targeted = narrowed.tasks.iter().map(|task| named.contains(task.name())).collect();
    let only = globs(&narrowed, "--only", &selection.only)?;
    let skip = globs(&narrowed, "--skip", &selection.skip)?;
    let is_wanted =
        |index: usize| selection.only.is_empty() || only[index] || narrowed.tasks[index].finally;
    let left_out: Vec<bool> =
        (0..narrowed.tasks.len()).map(|index| !is_wanted(index) || skip[index]).collect();
    if !left_out.is_empty() && left_out.iter().all(|left_out| *left_out) {
        return Err(SelectionError::Nothing);
    }
    let selected = Selected { flow: Arc::new(narrowed), left_out, targeted };
    match selected.missed_output() {
        Some((task, of, output)) => Err(SelectionError::MissedOutput { task, of, output }),
        None => Ok(selected),
    }
}

impl Selected {
    /// Returns a task that uses an output of one that is left out, that one, and the output. What runs
    /// at the end sees an empty text there.
    fn missed_output(&self) -> Option<(String, String, String)> {
        if !self.left_out.contains(&true) {
            return None;
        }
        let is_run = |id: &TaskId| !self.left_out[id.index()] && !self.flow.task(*id).finally;
        self.flow.ids().filter(is_run).find_map(|id| {
            let task = self.flow.task(id);
            task.names().find_map(|name| match name {
                Name::Output(of, output) => {
                    let of = self.flow.named(*of).filter(|of| self.left_out[of.index()])?;
                    let of = self.flow.task(of).name().to_owned();
                    Some((task.name().to_owned(), of, output.to_string()))
                }
                Name::Param(_)
                | Name::Env(_)
                | Name::Matrix(_)
                | Name::Run(_)
                | Name::State(_)
                | Name::ExitCode(_)
                | Name::Call(_) => None,
            })
        })
    }
}

/// Returns the tasks that the run is for; `None`: all of them.
fn targets(flow: &Flow, selection: &Selection) -> Result<Option<Vec<TaskId>>, SelectionError> {
    if selection.targets.is_empty() {
        if !selection.only.is_empty() || !selection.skip.is_empty() {
            return Ok(None);
        }
        return match &flow.default {
            Some(none) if none.is_empty() => Err(SelectionError::NoDefault),
            default => Ok(default.clone()),
        };
    }
    let mut found = Vec::new();
    for name in &selection.targets {
        let before = found.len();
        found.extend(named(flow, name));
        if found.len() == before {
            return Err(SelectionError::UnknownTask { name: name.clone(), near: near(flow, name) });
        }
    }
    Ok(Some(found))
}

/// Returns the tasks that an entry means: a task, all members of a matrix, or some of them.
fn named(flow: &Flow, entry: &str) -> Vec<TaskId> {
    let Ok(entry) = EntryName::parse(entry) else { return Vec::new() };
    let is_meant = |task: &Task| match task.member() {
        Some(member) => member.group() == entry.base && entry.fits(member, None),
        None => task.name() == entry.base && entry.keys.is_empty(),
    };
    flow.ids().filter(|id| is_meant(flow.task(*id))).collect()
}

fn globs(flow: &Flow, option: &'static str, globs: &[String]) -> Result<Vec<bool>, SelectionError> {
    let mut matched = vec![false; flow.tasks.len()];
    for glob in globs {
        let mut any = false;
        for (index, task) in flow.tasks.iter().enumerate() {
            let group = task.member().map(Member::group);
            if glob_matches(glob, &task.name) || group.is_some_and(|name| glob_matches(glob, name))
            {
                matched[index] = true;
                any = true;
            }
        }
        if !any {
            return Err(SelectionError::NoMatch {
                option,
                glob: glob.clone(),
                near: near(flow, glob),
            });
        }
    }
    Ok(matched)
}

fn near(flow: &Flow, name: &str) -> Option<String> {
    let close = |task: &Task| {
        let likeness = strsim::damerau_levenshtein(&task.name, name);
        (likeness <= 1 + name.len() / 4).then(|| (likeness, task.name.to_string()))
    };
    // A likeness costs the product of both lengths: past this many tasks nobody reads it anyway.
    flow.tasks.iter().take(20_000).filter_map(close).min().map(|(_, name)| name)
}

/// Returns whether `text` matches `glob`, in which only `*` and `?` are special.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Where the last star stood, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                g += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    g = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// Returns the flow that holds `targets` and all that they need, any entry of `needs_any` included, and
/// `finally`.
fn narrow(flow: &Flow, targets: &[TaskId]) -> Flow {
    let mut wanted = vec![false; flow.tasks.len()];
    let mut seen_lists = vec![false; flow.lists.len()];
    let finally = flow.ids().filter(|id| flow.task(*id).finally);
    let mut todo: Vec<TaskId> = targets.iter().copied().chain(finally).collect();
    while let Some(id) = todo.pop() {
        if std::mem::replace(&mut wanted[id.index()], true) {
            continue;
        }
        for list in [flow.task(id).needs, flow.task(id).needs_any] {
            if !std::mem::replace(&mut seen_lists[list.index()], true) {
                todo.extend_from_slice(flow.lists.get(list));
            }
        }
    }
    let mut new_ids = vec![TaskId(u32::MAX); flow.tasks.len()];
    let kept: Vec<TaskId> = flow.ids().filter(|id| wanted[id.index()]).collect();
    for (new, old) in kept.iter().enumerate() {
        new_ids[old.index()] = TaskId::from_index(new);
    }
    let mut lists = Lists::default();
    let mut new_lists = vec![ListId::EMPTY; flow.lists.len()];
    for list in flow.lists.ids().skip(1).filter(|list| seen_lists[list.index()]) {
        let items: Vec<TaskId> =
            flow.lists.get(list).iter().map(|id| new_ids[id.index()]).collect();
        new_lists[list.index()] = lists.push(&items);
    }
    let tasks = kept.iter().map(|old| {
        let mut task = flow.task(*old).clone();
        task.needs = new_lists[task.needs.index()];
        task.needs_any = new_lists[task.needs_any.index()];
        task
    });
    let tasks = tasks.collect();
    let moved = flow.ids().map(|id| Some(new_ids[id.index()]).filter(|new| new.0 != u32::MAX));
    let moved = Some(moved.collect());
    Flow { tasks, lists, moved, default: None, ..flow.clone_head() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stars_and_question_marks_are_special() {
        let cases = [
            ("*", "", true),
            ("test*", "test[py=3.12]", true),
            ("t?st", "test", true),
            ("test[a]", "test[a]", true),
            ("*a*b", "xxaxxbxb", true),
            ("a*b", "ac", false),
            ("test", "tests", false),
            ("", "x", false),
        ];
        for (glob, text, expected) in cases {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }
}
