//! `pyoco runs show --why`: the chain of reasons from a task down to the command that failed.
use std::fmt::Write as _;

use super::show::failure;
use super::text::{self, state_style};
use crate::event::{RunView, TaskView};
use crate::model::{Reason, TaskId, TaskState, escape};
use crate::record::Record;

/// How many lines of the failed command's output are shown.
const TAIL: usize = 40;

/// How many of the tasks that one waits for are named.
const MAX_NEEDS: usize = 20;

/// Returns the chain as text.
pub(super) fn render(record: &Record, task: TaskId) -> String {
    let view = &record.view;
    let mut text = String::new();
    let mut seen = Vec::new();
    let mut at = Some(task);
    while let Some(id) = at.take() {
        let Some(task) = view.task(id) else { break };
        // A damaged record may lead round in a circle.
        if seen.contains(&id) {
            let _ = writeln!(text, "(the reasons lead back to `{}`)", escape(&task.name));
            break;
        }
        let indent = "  ".repeat(seen.len());
        let arrow = if seen.is_empty() { "" } else { "because " };
        seen.push(id);
        if task.state() == TaskState::Failed {
            let shown = failure(task, TAIL);
            let first = if arrow.is_empty() { String::new() } else { format!("{indent}{arrow}") };
            let rest = shown.trim_end().replace('\n', &format!("\n{indent}"));
            let _ = writeln!(text, "{first}{rest}");
            break;
        }
        let state = state_style(task.state()).apply_to(task.state());
        let reason = task.reason.as_ref().map(|r| format!("  {}", escape(r.as_str())));
        let name = escape(&task.name);
        let _ = writeln!(text, "{indent}{arrow}{state} {name}{}", reason.unwrap_or_default());
        match next(view, task) {
            Next::Task(id) => at = Some(id),
            Next::Words(words) if words.is_empty() => {}
            Next::Words(words) => {
                let _ = writeln!(text, "{indent}  {words}");
            }
        }
    }
    text
}

/// Where a reason leads.
enum Next {
    Task(TaskId),
    Words(String),
}

fn next(view: &RunView, task: &TaskView) -> Next {
    let words = |words: &str| Next::Words(words.to_owned());
    match task.state() {
        TaskState::Succeeded => words("it ended as it should"),
        TaskState::Running => words("it is under way"),
        TaskState::Queued => words("it is ready and waits for a slot"),
        TaskState::Pending => Next::Words(waits_for(view, task)),
        TaskState::Failed | TaskState::Cancelled | TaskState::Skipped => match &task.reason {
            None => words("the record does not say why"),
            Some(reason) => follow(view, reason),
        },
    }
}

fn follow(view: &RunView, reason: &Reason) -> Next {
    let words = |words: &str| Next::Words(words.to_owned());
    match (reason.kind(), reason.argument()) {
        ("upstream" | "stopped_by" | "failed", Some(name)) => {
            // Where none of several succeeded they are named together.
            let first = view.find(name).or_else(|| view.find(name.split(',').next()?.trim()));
            match first {
                Some(id) => Next::Task(id),
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
