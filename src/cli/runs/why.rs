//! `pyoco runs show --why`: the chain of reasons from a task down to the command that failed.
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::asked;
use super::show::failure;
use super::text::{self, state_of};
use crate::event::{RunView, TaskView};
use crate::model::{Reason, TaskId, TaskState, escape};
use crate::record::{JsonlStore, Record};

/// How many lines of the failed command's output are shown.
const TAIL: usize = 40;

/// How many of the tasks that one waits for are named.
const MAX_NEEDS: usize = 20;

/// How many tasks of a longer chain are shown at its beginning, and at its end.
const MAX_STEPS: usize = 20;

/// Returns the chain as text.
pub(super) fn render(store: &JsonlStore, record: &Record, task: TaskId) -> String {
    let (view, run_dir) = (&record.view, store.run_dir(record.run_id));
    let (chain, mut end) = chain(view, task);
    if let Some(last) = chain.last().and_then(|id| view.task(*id))
        && last.reason == Some(Reason::CONDITION)
    {
        end = asked::render(store, record, last);
    }
    let mut text = String::new();
    let mut indent = String::new();
    let known = chain.iter().filter_map(|id| Some((*id, view.task(*id)?)));
    for (step, (id, task)) in known.enumerate() {
        let from_end = chain.len() - step;
        if step >= MAX_STEPS && from_end > MAX_STEPS {
            if step == MAX_STEPS {
                let between = chain.len() - 2 * MAX_STEPS;
                let _ = writeln!(text, "{indent}… and {between} more, each because of the next …");
            }
            continue;
        }
        let because = if step == 0 { "" } else { "because " };
        let shown = match task.known() {
            Some(TaskState::Failed) => failure(record, &run_dir, (id, task), TAIL),
            Some(
                TaskState::Pending
                | TaskState::Queued
                | TaskState::Running
                | TaskState::Succeeded
                | TaskState::Cancelled
                | TaskState::Skipped,
            )
            | None => stands(task),
        };
        let shown = shown.trim_end().replace('\n', &format!("\n{indent}"));
        let _ = writeln!(text, "{indent}{because}{shown}");
        indent.push_str("  ");
    }
    for line in end.lines() {
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

/// A task in one line: its state and the reason for it.
fn stands(task: &TaskView) -> String {
    let (state, style) = state_of(task);
    let state = style.apply_to(state);
    let reason = task.reason.as_ref().map(|reason| format!("  {}", escape(reason.as_str())));
    format!("{state} {}{}", escape(&task.name), reason.unwrap_or_default())
}

/// Returns the tasks from this one down to that with which it began, and what is to be said of the
/// last one.
fn chain(view: &RunView, task: TaskId) -> (Vec<TaskId>, String) {
    // By name, as reasons name tasks; of two with one name (a damaged record) the first.
    let mut by_name = HashMap::new();
    for (id, task) in view.iter() {
        by_name.entry(&*task.name).or_insert(id);
    }
    let mut chain = Vec::new();
    let mut seen = HashSet::new();
    let mut at = task;
    while let Some(task) = view.task(at) {
        if !seen.insert(at) {
            // A damaged record may lead round in a circle.
            return (chain, format!("(the reasons lead back to `{}`)", escape(&task.name)));
        }
        chain.push(at);
        match next(view, &by_name, task) {
            Next::Task(id) => at = id,
            Next::Words(words) => return (chain, words),
        }
    }
    (chain, String::new())
}

/// The tasks of a run by name.
type ByName<'a> = HashMap<&'a str, TaskId>;

/// Where a reason leads.
enum Next {
    Task(TaskId),
    Words(String),
}

fn next(view: &RunView, by_name: &ByName<'_>, task: &TaskView) -> Next {
    let words = |words: &str| Next::Words(words.to_owned());
    let Some(state) = task.known() else { return words("the record lacks its end") };
    match state {
        TaskState::Succeeded => words("it ended as it should"),
        TaskState::Running => words("it is under way"),
        TaskState::Queued => words("it is ready and waits for a slot of `jobs` or of a pool"),
        TaskState::Pending => Next::Words(waits_for(view, task)),
        TaskState::Failed => words(""), // the command stands there
        TaskState::Cancelled | TaskState::Skipped => match &task.reason {
            None => words("the record does not say why"),
            Some(reason) => follow(view, by_name, reason),
        },
    }
}

fn follow(view: &RunView, by_name: &ByName<'_>, reason: &Reason) -> Next {
    let words = |words: &str| Next::Words(words.to_owned());
    match (reason.kind(), reason.argument()) {
        ("upstream" | "stopped_by" | "failed", Some(name)) => {
            // Where none of several succeeded they are named together.
            let first = name.split(',').next().unwrap_or_default().trim();
            match by_name.get(name).or_else(|| by_name.get(first)) {
                Some(id) => Next::Task(*id),
                None => Next::Words(format!("the record knows no task `{}`", escape(name))),
            }
        }
        ("cancelled", _) => match text::cancelled(view) {
            Some(cancel) => Next::Words(format!("the run was cancelled: {cancel}")),
            None => words("the run was cancelled"),
        },
        ("not_selected", _) => words("it was left out by --only or --skip"),
        ("run_timeout", _) => words("the run took longer than it may"),
        _ => Next::Words(String::new()),
    }
}

/// Names what a task still waits for.
fn waits_for(view: &RunView, task: &TaskView) -> String {
    let needs = view.list(task.needs).iter().chain(view.list(task.needs_any));
    let open: Vec<String> = needs
        .filter_map(|id| view.task(*id))
        .filter(|need| !need.state().is_final())
        .map(|need| format!("{} ({})", escape(&need.name), need.state()))
        .collect();
    if open.is_empty() {
        return String::new();
    }
    let shown = open.iter().take(MAX_NEEDS).cloned().collect::<Vec<_>>().join(", ");
    match open.len() > MAX_NEEDS {
        true => format!("it waits for {shown} and {} more", open.len() - MAX_NEEDS),
        false => format!("it waits for {shown}"),
    }
}
