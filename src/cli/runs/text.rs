//! How the commands that look back write times, counts, states and tables.
use std::fmt::Write as _;
use std::time::SystemTime;

use console::{Style, measure_text_width};
use jiff::tz::TimeZone;

use crate::cli::say::say;
use crate::event::{AttemptView, RunView, TaskView};
use crate::model::{Counts, Ms, Reason, RunId, TaskState, Wall, escape, shell_word};
use crate::record::{AttemptLog, Loss, Record, Seen, Summary};
use crate::trace::{explain_end, explain_exit};

/// Returns the time of day, for what is told relative to it.
pub(super) fn now() -> Wall {
    Wall::from(SystemTime::now())
}

/// Returns how long ago a moment was: `2 m ago`.
pub(crate) fn ago(moment: Wall, now: Wall) -> String {
    let seconds = moment.until(now).0 / 1000;
    match seconds {
        0 => "now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} m ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Returns a moment in local time: `2026-03-01 12:00:00`.
pub(super) fn local(moment: Wall) -> String {
    moment
        .timestamp()
        .to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Returns how many tasks are in which state, states without a task left out, and of how many nobody
/// knows.
pub(super) fn counts(counts: Counts, n_unknown: usize) -> String {
    let mut parts: Vec<String> = TaskState::ALL
        .into_iter()
        .filter(|state| counts.of(*state) > 0)
        .map(|state| format!("{} {state}", counts.of(state)))
        .collect();
    if n_unknown > 0 {
        parts.push(format!("{n_unknown} ?"));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Returns the colour of a run's status.
pub(super) fn seen_style(seen: Seen) -> Style {
    style_of(seen.name())
}

/// Returns a task's state as a word, and its colour; `?` where the record lacks how it ended.
pub(super) fn state_of(task: &TaskView) -> (&'static str, Style) {
    let word = task.known().map_or("?", TaskState::name);
    (word, style_of(word))
}

/// Returns how long a task took; `None` also where the record lacks when it ended.
pub(super) fn took_of(view: &RunView, task: &TaskView, now: Ms) -> Option<Ms> {
    task.took(now).filter(|_| !lacks_end(view, task))
}

/// Returns whether a run has ended and its record lacks the end of this task.
pub(super) fn lacks_end(view: &RunView, task: &TaskView) -> bool {
    view.status().is_final() && task.ended.is_none()
}

fn style_of(name: &str) -> Style {
    let style = Style::new().for_stdout();
    match name {
        "SUCCEEDED" | "COMPLETED" => style.green(),
        "FAILED" | "LOST" => style.red(),
        "CANCELLED" | "CANCELLING" => style.yellow(),
        "RUNNING" => style.cyan(),
        _ => style.dim(),
    }
}

/// Returns how long a run took, or has taken.
pub(super) fn took(summary: &Summary, now: Wall) -> Option<Ms> {
    match (summary.ended, summary.started, summary.seen) {
        (Some((_, ms)), _, _) => Some(ms),
        (None, Some(started), Seen::Known(_) | Seen::Elsewhere(_)) => Some(started.until(now)),
        (None, _, Seen::Lost) => Some(summary.last),
        (None, None, _) => None,
    }
}

/// Returns a run on one line, for a choice between several.
pub(super) fn candidate(summary: &Summary) -> String {
    let id = summary.run_id;
    let started = summary.started.map(|started| ago(started, now())).unwrap_or_default();
    let line = format!("{id}  {}  {}  {started}", summary.seen, escape(&summary.header.flow));
    line.trim_end().to_owned()
}

/// Says on standard error what was met in reading a run.
pub(super) fn warn_of(record: &Record) {
    let short = record.run_id.short();
    warn_of_damage(record.run_id, record.report.damaged);
    let view = &record.view;
    let lacking = || view.tasks().iter().filter(|task| lacks_end(view, task));
    let n_unknown = lacking().filter(|task| task.known().is_none()).count();
    let n_told = lacking().count() - n_unknown;
    for (n, what) in
        [(n_told, "the end of the run tells how it came"), (n_unknown, "nobody knows how it came")]
    {
        let (n, s) = plural(n as u64);
        if n > 0 {
            say(format_args!(
                "warning: the record of run {short} lacks the end of {n} task{s}: {what}"
            ));
        }
    }
    if view.started().is_none() && record.report.lines > 0 {
        say(format_args!("warning: the record of run {short} lacks its beginning"));
    }
    if let Some(version) = record.newer_format {
        say(format_args!(
            "warning: run {short} was recorded in format {version}, which is newer than this pyoco; \
             what it knows of it is shown"
        ));
    }
}

/// Says on standard error how many lines of a run could not be read, where there are such.
pub(super) fn warn_of_damage(run_id: RunId, damaged: u64) {
    if damaged > 0 {
        let ((n, s), short) = (plural(damaged), run_id.short());
        say(format_args!("warning: {n} damaged line{s} in the record of run {short}"));
    }
}

/// Says what is lost of a log.
pub(super) fn loss(loss: Loss) -> String {
    match loss.bytes == loss.of {
        true => format!("all {} bytes", loss.of),
        false => format!("{} of {} bytes", loss.bytes, loss.of),
    }
}

/// Says what of the output could not be kept; `None` where all was.
pub(super) fn unkept(
    attempt: Option<&AttemptView>,
    log: &AttemptLog,
    whose: &str,
) -> Option<String> {
    let recorded = attempt.map_or(0, |attempt| attempt.measured.unkept);
    let (n, s) = plural(recorded.max(log.unkept()));
    (n > 0).then(|| format!("{n} byte{s} of the output{whose}"))
}

/// Returns the number and the ending of its noun.
pub(super) fn plural(n: u64) -> (u64, &'static str) {
    (n, if n == 1 { "" } else { "s" })
}

/// Returns the program and its arguments as one would type them.
pub(super) fn command_line(argv: &[String]) -> String {
    let words: Vec<_> = argv.iter().map(|word| shell_word(word)).collect();
    escape(&words.join(" ")).into_owned()
}

/// Returns the last `most` lines of a tail, each escaped, for showing.
pub(super) fn tail_lines(tail: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = tail.trim_end_matches(['\n', '\r']).lines().collect();
    let from = lines.len().saturating_sub(most);
    lines[from..].iter().map(|line| escape(&untabbed(line)).into_owned()).collect()
}

/// Tabs are harmless, and common in the output of tools; a line without them keeps its columns.
fn untabbed(line: &str) -> String {
    line.trim_end_matches('\r').replace('\t', "    ")
}

/// Returns the last words on a run's end: who asked for its cancel, and why.
pub(super) fn cancelled(view: &RunView) -> Option<String> {
    let level = view.level()?;
    let (by, reason) = view.cancelled_by();
    let mut text = format!("{level} by {}", escape(by.unwrap_or("somebody")));
    if let Some(reason) = reason {
        let _ = write!(text, ": {}", escape(reason));
    }
    Some(text)
}

/// Rows whose columns stand below each other.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<(String, Style)>>,
}

impl Table {
    /// Returns a table with these words as its first row.
    pub(super) fn new(heads: &[&str]) -> Table {
        let dim = Style::new().for_stdout().dim();
        let row = heads.iter().map(|head| ((*head).to_owned(), dim.clone())).collect();
        Table { rows: vec![row] }
    }

    /// Adds a row of plain words, the one in this column in a colour.
    pub(super) fn row(&mut self, column: usize, style: Style, cells: Vec<String>) {
        let plain = Style::new().for_stdout();
        let styled = |(index, cell)| match index == column {
            true => (cell, style.clone()),
            false => (cell, plain.clone()),
        };
        self.rows.push(cells.into_iter().enumerate().map(styled).collect());
    }

    /// Returns the table as text.
    pub(super) fn render(&self) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(cell, _)| measure_text_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|(cell, _)| !cell.is_empty()).map_or(0, |at| at + 1);
            for (column, (cell, style)) in row[..last].iter().enumerate() {
                let gap = match column + 1 == last {
                    true => 0,
                    false => widths[column] + 2 - measure_text_width(cell),
                };
                let _ = write!(text, "{}{:gap$}", style.apply_to(cell), "");
            }
            text.push('\n');
        }
        text
    }
}

/// Returns in words how a task ended; a near program is looked for on our own PATH, as the task's is
/// not recorded.
pub(super) fn explained(task: &TaskView) -> String {
    explain_exit(task, &std::env::var("PATH").unwrap_or_default())
}

/// Returns the same of one attempt.
pub(super) fn explained_end(reason: &Reason, attempt: &AttemptView) -> String {
    explain_end(Some(reason), Some(attempt), &std::env::var("PATH").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let times = [(0, "now"), (5_000, "5 s ago"), (125_000, "2 m ago"), (7_300_000, "2 h ago")];
        for (ms, text) in times {
            assert_eq!(ago(Wall(1_000), Wall(1_000 + ms)), text);
        }
        assert_eq!(ago(Wall(5_000), Wall(0)), "now");
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let argv = ["sh", "-c", "echo 'a\tb'"].map(str::to_owned);
        assert_eq!(command_line(&argv), r"sh -c 'echo '\''a\tb'\'''");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["A", "LONG", "C"]);
        table.row(0, Style::new(), vec!["日本".into(), "x".into(), "y".into()]);
        table.row(0, Style::new(), vec!["z".into(), String::new(), String::new()]);
        assert_eq!(console::strip_ansi_codes(&table.render()), "A     LONG  C\n日本  x     y\nz\n");
    }
}
