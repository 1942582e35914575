//! `pyoco runs show`: what happened in a run, what failed first.
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use clap::{ArgGroup, Args};
use console::Style;

use super::names::find;
use super::text::explained;
use super::text::{self, Table, ago, command_line, counts, local, now, plural, tail_lines};
use super::{IdArgs, StateArgs, detail, timeline, why};
use crate::cli::exit::{Exit, Failure, written};
use crate::cli::tips::whole;
use crate::event::{AttemptView, RunJson, RunView, StoreError, TaskView};
use crate::model::{Counts, Ms, TaskId, TaskState, Wall, escape};
use crate::record::{AttemptLog, JsonlStore, Record, Seen, children};
use crate::trace::withheld;

/// How many lines of a failed task's output are shown.
const TAIL: usize = 10;

/// How many failed tasks are shown with their last lines.
const MAX_FAILURES: usize = 10;

/// The words of `pyoco runs show`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: pyoco runs show latest --why deploy\n\
                  Example: pyoco run flow.yaml $(pyoco runs show latest --names FAILED,SKIPPED)",
    group(ArgGroup::new("view").multiple(false))
)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    id: IdArgs,
    /// All about one task, or each member of a matrix
    #[arg(long, value_name = "TASK", group = "view")]
    task: Option<String>,
    /// Why a task ended as it did, down to the command that failed
    #[arg(long, value_name = "TASK", group = "view")]
    why: Option<String>,
    /// When each task ran, as bars
    #[arg(long, group = "view")]
    timeline: bool,
    /// The lines of the record as they stand there
    #[arg(long, group = "view")]
    events: bool,
    /// The names of the tasks in these states, one a line
    #[arg(long, value_name = "STATE", value_delimiter = ',', group = "view")]
    names: Vec<TaskState>,
    /// Print JSON
    #[arg(long, group = "view")]
    json: bool,
    /// At most so many tasks in the table and the timeline, or members of a matrix
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<usize>)]
    limit: usize,
    #[command(flatten)]
    state: StateArgs,
}

/// Does it.
pub(super) fn main(args: &ShowArgs) -> Result<Exit, Failure> {
    let store = args.state.store()?;
    if args.events {
        return events(&store, args.id.load(&store)?.run_id);
    }
    let record = args.id.load(&store)?;
    if args.json {
        return written(print_json(&record));
    }
    let view = &record.view;
    let run_dir = store.run_dir(record.run_id);
    let each = |name: &str, render: &dyn Fn(TaskId) -> String| {
        Ok::<_, Failure>(in_turn(&find(view, name)?, args.limit, render))
    };
    let text = if let Some(name) = &args.task {
        each(name, &|id| detail::render(&record, &run_dir, id))?
    } else if let Some(name) = &args.why {
        each(name, &|id| why::render(&record, &run_dir, id))?
    } else if args.timeline {
        timeline::render(view, current(&record), args.limit)
    } else if args.names.is_empty() {
        let children = children(&store, record.run_id, view);
        let now = now();
        let mut text = header(&record, &children, now);
        text.push_str(&failures(&record, &run_dir));
        text.push_str(&table(&record, args.limit));
        text
    } else {
        names(view, &args.names)
    };
    written(io::stdout().lock().write_all(text.as_bytes()))
}

/// Shows one task after the other.
fn in_turn(ids: &[TaskId], limit: usize, render: &dyn Fn(TaskId) -> String) -> String {
    let shown: Vec<String> = ids.iter().take(limit).map(|id| render(*id)).collect();
    let mut text = shown.join("\n");
    if ids.len() > limit {
        let _ = writeln!(text, "… and {} more; --limit {} shows all", ids.len() - limit, ids.len());
    }
    text
}

fn print_json(record: &Record) -> io::Result<()> {
    let json = RunJson::new(&record.view, Some(record.run_id), &record.seen.to_string());
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, &json).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints the record's lines: to a program as they stand there, to a terminal escaped.
fn events(store: &JsonlStore, run_id: crate::model::RunId) -> Result<Exit, Failure> {
    let is_terminal = console::user_attended();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut output = Ok(());
    let read = store.raw_lines(run_id, &mut |line| {
        let line_written = match is_terminal {
            true => out.write_all(escape(&String::from_utf8_lossy(line)).as_bytes()),
            false => out.write_all(line),
        };
        output = line_written.and_then(|()| out.write_all(b"\n"));
        match &output {
            Ok(()) => Ok(()),
            Err(error) => Err(error.kind().into()),
        }
    });
    if output.is_ok() {
        read.map_err(|error: StoreError| Failure::from(error))?;
        output = out.flush();
    }
    written(output)
}

fn names(view: &RunView, states: &[TaskState]) -> String {
    let is_wanted = |task: &&TaskView| task.known().is_some_and(|state| states.contains(&state));
    let wanted = view.tasks().iter().filter(is_wanted);
    wanted.fold(String::new(), |text, task| text + &escape(&task.name) + "\n")
}

/// The facts of the run as a whole, a line each.
fn header(record: &Record, children: &[crate::record::Child], now: Wall) -> String {
    let view = &record.view;
    let facts = view.header();
    let mut text = String::new();
    let status = text::seen_style(record.seen).apply_to(record.seen.to_string()).to_string();
    let reason = view.reason().map(|reason| format!("  {}", escape(reason.as_str())));
    let _ = writeln!(text, "run {}  {status}{}", record.run_id, reason.unwrap_or_default());
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    let file = facts.file.as_ref().map(|file| format!("  ({})", escape(file)));
    line("flow", format!("{}{}", escape(&facts.flow), file.unwrap_or_default()));
    if let Some(started) = view.started() {
        line("started", format!("{} ({})", local(started), ago(started, now)));
        line("took", took(record, started, now));
    }
    let n_unknown = match view.status().is_final() {
        true => view.tasks().len().saturating_sub(view.counts().ended() as usize),
        false => 0,
    };
    line("tasks", counts(view.counts(), n_unknown));
    if let Some(cancel) = text::cancelled(view) {
        line("cancelled", cancel);
    }
    if !facts.args.is_empty() {
        let cut = if facts.args_cut { " …" } else { "" };
        line("args", format!("{}{cut}", command_line(&facts.args)));
    }
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        let pairs = map.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value)));
        pairs.collect::<Vec<_>>().join("  ")
    };
    if !facts.params.is_empty() {
        line("params", pairs(&facts.params));
    }
    if !facts.labels.is_empty() {
        line("labels", pairs(&facts.labels));
    }
    if let Some(commit) = &facts.git_commit {
        let dirty = match view.git_dirty() {
            Some(true) => " with uncommitted changes",
            Some(false) | None => "",
        };
        line("commit", format!("{}{dirty}", escape(commit)));
    }
    if let Some(url) = &facts.ci_url {
        line("ci job", escape(url).into_owned());
    }
    if let Some(parent) = facts.parent_run {
        line("parent", format!("run {parent}"));
    }
    for child in children {
        line("child", format!("run {}  {}", child.run_id, escape(&child.flow)));
    }
    let host = facts.host.as_deref().map(escape);
    let pid = facts.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    if let Some(host) = host {
        line("on", format!("{host}{pid}, {} at once, pyoco {}", facts.jobs, escape(&facts.pyoco)));
    }
    if record.seen == Seen::Lost {
        line("lost", "its runner is gone; the tasks are shown as it last recorded them".to_owned());
    }
    text
}

fn took(record: &Record, started: Wall, now: Wall) -> String {
    match (record.view.ended(), record.seen) {
        (Some((_, ms)), _) => ms.to_string(),
        (None, Seen::Lost) => format!("{} until it was last heard of", record.view.now()),
        (None, Seen::Known(_) | Seen::Elsewhere(_)) => format!("{} so far", started.until(now)),
    }
}

/// The tasks that really failed, the first one first, with their last lines.
fn failures(record: &Record, run_dir: &Path) -> String {
    let mut failed: Vec<(TaskId, &TaskView)> =
        record.view.iter().filter(|(_, task)| task.state() == TaskState::Failed).collect();
    failed.sort_by_key(|(_, task)| task.ended);
    let mut text = String::new();
    for (id, task) in failed.iter().take(MAX_FAILURES) {
        text.push('\n');
        text.push_str(&failure(record, run_dir, (*id, task), TAIL));
    }
    if failed.len() > MAX_FAILURES {
        let _ = writeln!(text, "\n… and {} more FAILED", failed.len() - MAX_FAILURES);
    }
    text
}

/// Returns the command that shows what ran at the timeout of an attempt, where its log holds that.
pub(super) fn own_words(
    record: &Record,
    run_dir: &Path,
    id: TaskId,
    attempt: &AttemptView,
) -> Option<String> {
    let task = record.view.task(id)?;
    let is_timeout = attempt
        .stopping
        .as_ref()
        .is_some_and(|(why, _)| matches!(&**why, "timeout" | "run_timeout"));
    // A log that cannot be read is told of by `runs logs`.
    let is_there = || AttemptLog::new(run_dir, id, attempt.number).has_own_words().unwrap_or(false);
    if !is_timeout || !is_there() {
        return None;
    }
    let is_last = task.last().is_some_and(|last| last.number == attempt.number);
    let number = if is_last { String::new() } else { format!(" --attempt {}", attempt.number) };
    let name = command_line(std::slice::from_ref(&task.name.to_string()));
    Some(format!("pyoco runs logs {} {name}{number} --stream pyoco", record.run_id.short()))
}

/// A failed task: its reason, its command, how it ended, its last lines.
pub(super) fn failure(
    record: &Record,
    run_dir: &Path,
    (id, task): (TaskId, &TaskView),
    most: usize,
) -> String {
    let mut text = String::new();
    let red = Style::new().for_stdout().red().bold();
    let reason = task.reason.as_ref().map(|reason| escape(reason.as_str()));
    let _ = writeln!(
        text,
        "{} {}  {}",
        red.apply_to(task.state()),
        escape(&task.name),
        reason.unwrap_or_default()
    );
    let Some(last) = task.last() else { return text };
    if !last.argv.is_empty() {
        let _ = writeln!(text, "  $ {}", command_line(&last.argv));
    }
    let (n, s) = plural(task.attempts.len() as u64);
    let says_when = task.reason.as_ref().is_some_and(|reason| reason.kind() == "timeout");
    let took = task.ended.and_then(|ended| task.took(ended)).filter(|_| !says_when || n > 1);
    let took = took.map(|ms| format!(", after {ms}"));
    let attempts = if n > 1 { format!(", {n} attempt{s}") } else { String::new() };
    let _ = writeln!(text, "  {}{}{attempts}", explained(task), took.unwrap_or_default());
    if let Some(command) = own_words(record, run_dir, id, last) {
        let _ = writeln!(text, "  the processes at its timeout: {command}");
    }
    if let Some(withheld) = withheld(&last.measured) {
        let _ = writeln!(text, "  {withheld}");
    }
    for line in tail_lines(last.measured.tail.as_deref().unwrap_or_default(), most) {
        let _ = writeln!(text, "  | {line}");
    }
    text
}

/// The tasks with state, time, attempts and reason; of a big run those that need a look.
fn table(record: &Record, limit: usize) -> String {
    let view = &record.view;
    let mut order: Vec<&TaskView> = view.tasks().iter().collect();
    let n_tasks = order.len();
    if n_tasks == 0 {
        return String::new();
    }
    let (mut hidden, mut n_unknown) = (Counts::default(), 0);
    if n_tasks > limit {
        order.sort_by_key(|task| weight(task.known()));
        order[limit..].iter().for_each(|task| match task.known() {
            Some(state) => *hidden.slot(state) += 1,
            None => n_unknown += 1,
        });
        order.truncate(limit);
    }
    let mut table = Table::new(&["STATE", "TASK", "TOOK", "TRIES", "REASON"]);
    for task in order {
        table.row(0, text::state_of(task).1, row(task, record));
    }
    let mut text = format!("\n{}", table.render());
    if n_tasks > limit {
        let _ = writeln!(text, "… and {}; --limit {n_tasks} shows all", counts(hidden, n_unknown));
    }
    text
}

fn row(task: &TaskView, record: &Record) -> Vec<String> {
    let now = current(record);
    let stopping =
        task.last().filter(|last| last.ended.is_none()).and_then(|l| l.stopping.as_ref());
    let reason = match (&task.reason, stopping) {
        (Some(reason), _) => escape(reason.as_str()).into_owned(),
        (None, Some((why, signal))) => format!("{} sent: {}", escape(signal), escape(why)),
        (None, None) => String::new(),
    };
    vec![
        text::state_of(task).0.to_owned(),
        escape(&task.name).into_owned(),
        text::took_of(&record.view, task, now).map(|ms| ms.to_string()).unwrap_or_default(),
        if task.attempts.is_empty() { String::new() } else { task.attempts.len().to_string() },
        reason,
    ]
}

/// Returns the present moment of a run: of one that is over its last.
pub(super) fn current(record: &Record) -> Ms {
    match (record.view.started(), record.seen.is_over()) {
        (Some(started), false) => record.view.now().max(started.until(now())),
        (_, true) | (None, false) => record.view.now(),
    }
}

/// What needs a look comes first.
fn weight(state: Option<TaskState>) -> u8 {
    match state {
        Some(TaskState::Failed) => 0,
        Some(TaskState::Running) | None => 1,
        Some(TaskState::Cancelled) => 2,
        Some(TaskState::Queued) => 3,
        Some(TaskState::Skipped) => 4,
        Some(TaskState::Pending) => 5,
        Some(TaskState::Succeeded) => 6,
    }
}
