//! `pyoco runs show --task`: all that the record knows of one task.
use std::fmt::Write as _;
use std::path::Path;

use super::show::{current, own_words};
use super::text::{
    command_line, explained_end, lacks_end, local, loss as loss_text, state_of, tail_lines,
    took_of, unkept,
};
use crate::event::{AttemptView, ResultsView, RunView, TaskView};
use crate::model::{Size, TaskId, escape, signal_name};
use crate::record::{AttemptLog, End, Record};
use crate::trace::withheld;

/// How many lines of the last attempt's output are shown.
const TAIL: usize = 40;

/// How much of a value is shown, in bytes.
const MAX_VALUE: usize = 200;

/// How many files are shown.
const MAX_FILES: usize = 20;

/// How many names of a list of needs are shown.
const MAX_NEEDS: usize = 20;

/// Returns the task as text.
pub(super) fn render(record: &Record, run_dir: &Path, id: TaskId) -> String {
    let view = &record.view;
    let Some(task) = view.task(id) else { return String::new() };
    let mut text = String::new();
    let (state, style) = state_of(task);
    let state = style.apply_to(state);
    let reason = task.reason.as_ref().map(|reason| format!("  {}", escape(reason.as_str())));
    let _ = writeln!(text, "task {}  {state}{}", escape(&task.name), reason.unwrap_or_default());
    for (name, list) in [("needs", task.needs), ("needs any", task.needs_any)] {
        let needs = names(view, view.list(list));
        if !needs.is_empty() {
            line(&mut text, name, &needs);
        }
    }
    let moment = |ms| view.started().map(|start| local(start.plus(ms)));
    if let Some(queued) = task.queued.and_then(moment) {
        line(&mut text, "queued", &queued);
    }
    if let Some(ended) = task.ended.and_then(moment) {
        line(&mut text, "ended", &ended);
    }
    if let Some(took) = took_of(view, task, current(record)) {
        line(&mut text, "took", &took.to_string());
    }
    results(&mut text, task.results());
    for attempt in &task.attempts {
        attempt_text(&mut text, record, run_dir, id, task, attempt);
    }
    let tail = task.last().and_then(|last| last.measured.tail.as_deref()).unwrap_or_default();
    for tail_line in tail_lines(tail, TAIL) {
        let _ = writeln!(text, "  | {tail_line}");
    }
    text
}

/// What the task left behind; values are escaped, and long ones cut.
fn results(text: &mut String, results: &ResultsView) {
    for (name, value) in results.outputs() {
        let start = &value[..value.floor_char_boundary(MAX_VALUE)];
        let more = if start.len() < value.len() {
            format!(" … ({} in all)", Size(value.len() as u64))
        } else {
            String::new()
        };
        line(text, "value", &format!("{}={}{more}", escape(name), escape(start)));
    }
    for (path, file) in results.artifacts().take(MAX_FILES) {
        let sum = file.sha256().map(|sum| format!("  sha256 {}", escape(sum))).unwrap_or_default();
        line(text, "artifact", &format!("{}  {}{sum}", escape(path), Size(file.size)));
    }
    let left_out = results.artifacts().count().saturating_sub(MAX_FILES);
    if left_out > 0 {
        line(text, "artifact", &format!("and {left_out} more; `--json` has all"));
    }
}

fn attempt_text(
    text: &mut String,
    record: &Record,
    run_dir: &Path,
    id: TaskId,
    task: &TaskView,
    attempt: &AttemptView,
) {
    let _ = writeln!(text, "attempt {} of {}", attempt.number, task.attempts.len());
    if let Some(started) = attempt.started
        && let Some(start) = record.view.started()
    {
        line(text, "started", &local(start.plus(started)));
        let end = attempt.ended.or((!lacks_end(&record.view, task)).then(|| current(record)));
        if let Some(end) = end {
            line(text, "took", &(end - started).to_string());
        }
    }
    if !attempt.argv.is_empty() {
        line(text, "command", &command_line(&attempt.argv));
    }
    if let Some(dir) = &attempt.dir {
        line(text, "dir", &escape(dir));
    }
    if attempt.jobs > 1 {
        line(text, "jobs", &format!("{} slots", attempt.jobs));
    }
    for (pool, held) in &attempt.slots {
        let shown = match record.view.header().pools.get(pool) {
            Some(slots) => slots.texts(held),
            None => format!("{held:?}"), // the record is damaged
        };
        line(text, "pool", &escape(&format!("{pool}: {}", shown.replace(',', ", "))));
    }
    if let Some(pid) = attempt.pid {
        line(text, "pid", &pid.to_string());
    }
    if let Some((why, signal)) = &attempt.stopping {
        line(text, "stopped", &format!("{} because of {}", escape(signal), escape(why)));
    }
    if attempt.ended.is_some() {
        ended_text(text, task, attempt);
    }
    if let Some(command) = own_words(record, run_dir, id, attempt) {
        line(text, "processes", &format!("at its timeout: {command}"));
    }
    let mut log = AttemptLog::new(run_dir, id, attempt.number);
    for path in log.paths() {
        line(text, "log", &escape(&path.display().to_string()));
    }
    if let Some(withheld) = withheld(&attempt.measured) {
        line(text, "log", &withheld);
    }
    let is_over = attempt.ended.is_some() || record.seen.is_over();
    // A log that cannot be read is told of by `runs logs`.
    if is_over && log.advance(End::Reached, &mut |_| Ok(())).is_ok() {
        let unkept = unkept(Some(attempt), &log, "");
        // Where it was not kept there need not be any of it.
        let printed = if unkept.is_none() { attempt.measured.logged() } else { 0 };
        if let Some(unkept) = unkept {
            line(text, "not kept", &unkept);
        }
        if let Some(loss) = log.loss(printed) {
            line(text, "missing", &format!("{} of the log", loss_text(loss)));
        }
    }
}

/// How the attempt ended, and what it took.
fn ended_text(text: &mut String, task: &TaskView, attempt: &AttemptView) {
    let measured = &attempt.measured;
    let is_last = task.last().is_some_and(|last| last.number == attempt.number);
    let reason = if is_last { task.reason.as_ref() } else { attempt.reason.as_ref() };
    let exit = match (reason, measured.exit_code, measured.signal) {
        (Some(reason), _, _) => explained_end(reason, attempt),
        (None, Some(code), _) => format!("exit {code}"),
        (None, None, Some(signal)) => signal_name(signal).into_owned(),
        (None, None, None) => String::new(),
    };
    if !exit.is_empty() {
        line(text, "exit", &exit);
    }
    if let Some(after) = attempt.retry_after {
        line(text, "retried", &format!("after {after}"));
    }
    if let Some(cpu) = measured.cpu_ms {
        line(text, "cpu", &crate::model::Ms(cpu).to_string());
    }
    if let Some(rss) = measured.max_rss {
        line(text, "memory", &format!("{} at most", Size(rss)));
    }
    line(text, "output", &Size(measured.bytes).to_string());
    if !measured.leaked.is_empty() {
        let pids: Vec<String> = measured.leaked.iter().map(u32::to_string).collect();
        line(text, "leaked", &format!("pid {}", pids.join(", ")));
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<9} {value}");
}

fn names(view: &RunView, ids: &[TaskId]) -> String {
    let known = ids.iter().filter_map(|id| view.task(*id));
    let mut names: Vec<String> =
        known.take(MAX_NEEDS).map(|task| escape(&task.name).into_owned()).collect();
    if ids.len() > MAX_NEEDS {
        names.push(format!("and {} more", ids.len() - MAX_NEEDS));
    }
    names.join(", ")
}
