//! `pyoco runs show --timeline`: when each task waited and ran, a bar each.
use std::fmt::Write as _;

use console::{Term, measure_text_width, truncate_str};

use super::text::{lacks_end, state_of, took_of};
use crate::event::{RunView, TaskView};
use crate::model::{Ms, escape};

/// How wide the picture is off a terminal.
const WIDTH: usize = 100;

/// Returns the picture: tasks in the order of their starts, `·` for waiting, `█` for running.
pub(super) fn render(view: &RunView, now: Ms, limit: usize) -> String {
    let mut tasks: Vec<&TaskView> =
        view.tasks().iter().filter(|task| task.started().is_some()).collect();
    tasks.sort_by_key(|task| task.started());
    let n_tasks = tasks.len();
    tasks.truncate(limit);
    let span = now.0.max(1);
    let width = Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
    let widest =
        tasks.iter().map(|task| measure_text_width(&escape(&task.name))).max().unwrap_or(0);
    let names = widest.min(width / 3);
    let bars = width.saturating_sub(names + 14).max(10);
    let mut text = String::new();
    for task in tasks {
        let name = escape(&task.name);
        let name = truncate_str(&name, names, "…");
        let gap = names - measure_text_width(&name);
        let is_open = lacks_end(view, task);
        let bar = bar(task, now, span, bars, if is_open { '?' } else { '█' });
        let bar = state_of(task).1.apply_to(format!("{bar:<bars$}"));
        let took = took_of(view, task, now).map_or("?".to_owned(), |took| took.to_string());
        let line = format!("{name}{:gap$} {bar} {took}", "");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let idle = view.tasks().iter().filter(|task| task.started().is_none());
    let (over, open): (Vec<&TaskView>, Vec<&TaskView>) =
        idle.partition(|task| view.status().is_final() || task.state().is_final());
    if n_tasks > limit {
        let _ = writeln!(text, "… and {} more; --limit {n_tasks} shows all", n_tasks - limit);
    }
    for (tasks, how) in [(over, "never started"), (open, "not started yet")] {
        if !tasks.is_empty() {
            let _ = writeln!(text, "{} {how}", tasks.len());
        }
    }
    text
}

/// Returns the bar of one task: every attempt, and the waits before and between. One whose end nobody
/// knows goes on as `open`.
fn bar(task: &TaskView, now: Ms, span: u64, width: usize, open: char) -> String {
    let column = |ms: Ms| (ms.0.min(span) as u128 * width as u128 / u128::from(span)) as usize;
    let mut cells = vec![' '; width];
    let end = task.ended.unwrap_or(now);
    let first = task.queued.or(task.started()).unwrap_or_default();
    let (from, to) = (column(first).min(width - 1), column(end).min(width));
    cells[from..to.max(from)].fill('·');
    for attempt in &task.attempts {
        let Some(started) = attempt.started else { continue };
        let from = column(started).min(width - 1);
        let to = column(attempt.ended.unwrap_or(end)).min(width);
        cells[from..to.max(from + 1)].fill(if attempt.ended.is_some() { '█' } else { open });
    }
    cells.into_iter().collect::<String>().trim_end().to_owned()
}
