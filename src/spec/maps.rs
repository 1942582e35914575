//! The small maps of a file whose keys belong together: `retry`, `kill`, `records`.

use super::diag::{Diagnostic, Diagnostics};
use super::fields::fields;
use super::keys::{self, Place};
use super::tree::Node;
use super::values;
use crate::model::{Kill, Ms, Records, Retry, Size, signal_name};

/// The numbers of signals that every Unix has.
const STANDARD_SIGNALS: std::ops::Range<i32> = 1..32;

/// Reads a `timeout`, which cannot be zero.
pub(crate) fn timeout(text: &str, node: &Node<'_>, found: &mut Diagnostics) -> Option<Ms> {
    let timeout = values::duration_of(text, node, found);
    if timeout == Some(Ms(0)) {
        let message = "`timeout` is zero: nothing could end in time";
        found.push(
            Diagnostic::error("wrong-value", message)
                .at(node.span)
                .help("write a longer time, or remove the key for none"),
        );
    }
    timeout
}

/// Reads `retry`: a number, or a map that also says when.
pub(crate) fn retry(node: &Node<'_>, found: &mut Diagnostics) -> Retry {
    let mut retry = Retry::default();
    let Some(map) = node.map() else {
        if let Some(max) = values::int(node, "retry", (0, keys::MAX_RETRIES), found) {
            retry.max = max;
        }
        return retry;
    };
    let fields = fields(map, Place::Retry, found);
    match fields.get("max") {
        Some(entry) => {
            let max = values::int(&entry.value, "max", (0, keys::MAX_RETRIES), found);
            retry.max = max.unwrap_or_default();
        }
        None => found.push(
            Diagnostic::error("retry", "`retry` has no `max`, and so no further attempt")
                .at(fields.first().unwrap_or(node.span))
                .help("say how many further attempts: `max: 3`"),
        ),
    }
    let duration = |key: &str, found: &mut Diagnostics| {
        fields.get(key).and_then(|entry| values::duration(&entry.value, key, found))
    };
    let (delay, max_delay) = (duration("delay", found), duration("max_delay", found));
    retry.delay = delay.unwrap_or(retry.delay);
    // A pause that is asked for in so many words is not cut by a limit that nobody wrote.
    retry.max_delay = max_delay.unwrap_or(retry.max_delay.max(retry.delay));
    if retry.max_delay < retry.delay
        && let Some(entry) = fields.get("max_delay")
    {
        found.push(
            Diagnostic::error("retry", "`max_delay` is shorter than `delay`")
                .at(entry.value.span)
                .help("make it the longest pause, or remove it"),
        );
    }
    if let Some(entry) = fields.get("backoff")
        && let Some(factor) = values::factor(&entry.value, "backoff", found)
    {
        retry.backoff_milli = factor;
    }
    if let Some(entry) = fields.get("codes")
        && let Some(codes) = values::ints(&entry.value, "codes", (1, 255), found)
    {
        retry.codes = codes;
    }
    retry
}

/// Reads `kill`: how a task is stopped.
pub(crate) fn kill(node: &Node<'_>, found: &mut Diagnostics) -> Kill {
    let mut kill = Kill::default();
    let Some(map) = node.map() else {
        let wrong = values::wrong_type("kill", "a map with `signal` and `after`", node);
        found.push(match node.scalar() {
            Some(text) if text.parse::<Ms>().is_ok() => {
                wrong.help(format!("write `kill: {{after: {text}}}`"))
            }
            Some(text) if signal_number(text).is_some() => {
                wrong.help(format!("write `kill: {{signal: {text}}}`"))
            }
            Some(_) | None => wrong.help("write `kill: {signal: INT, after: 5s}`"),
        });
        return kill;
    };
    let fields = fields(map, Place::Kill, found);
    if let Some(entry) = fields.get("signal")
        && let Some(signal) = signal(&entry.value, found)
    {
        kill.signal = signal;
    }
    if let Some(entry) = fields.get("after")
        && let Some(after) = values::duration(&entry.value, "after", found)
    {
        kill.after = after;
    }
    kill
}

/// Reads the name of a signal.
fn signal(node: &Node<'_>, found: &mut Diagnostics) -> Option<i32> {
    let text = node.scalar().unwrap_or_default();
    let signal = signal_number(text);
    if signal.is_none() {
        let upper = text.to_ascii_uppercase();
        let help = match signal_number(&upper) {
            Some(_) => format!("write `signal: {upper}`"),
            None => format!("it is one of {}", keys::SIGNALS.join(", ")),
        };
        let message = match node.scalar() {
            Some(text) => format!("`{text}` is no signal that may stop a task"),
            None => "`signal` takes the name of a signal".to_owned(),
        };
        found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
    }
    signal
}

/// Returns the number of a signal that may stop a task.
fn signal_number(name: &str) -> Option<i32> {
    let short = name.strip_prefix("SIG").unwrap_or(name);
    let name = keys::SIGNALS.iter().find(|known| **known == short)?;
    STANDARD_SIGNALS
        .into_iter()
        .find(|signal| signal_name(*signal).strip_prefix("SIG") == Some(name))
}

/// Reads `records`: what is kept of the runs of the file.
pub(crate) fn records(node: &Node<'_>, found: &mut Diagnostics) -> Records {
    let Some(map) = node.map() else {
        let wrong =
            values::wrong_type("records", "a map with `keep_runs`, `keep_for` and `max_log`", node);
        found.push(wrong.help("write `records: {keep_runs: 20, max_log: 256MiB}`"));
        return Records::default();
    };
    let fields = fields(map, Place::Records, found);
    let keep_runs = fields
        .get("keep_runs")
        .and_then(|entry| values::int(&entry.value, "keep_runs", (1, keys::MAX_RUNS), found));
    let keep_for =
        fields.get("keep_for").and_then(|entry| values::duration(&entry.value, "keep_for", found));
    let max_log = fields.get("max_log").and_then(|entry| {
        let size = values::size(&entry.value, "max_log", found)?;
        if size == Size(0) {
            let message = "`max_log` cannot be 0: a log keeps the beginning and the end of what a task prints";
            let help = "write a size, say `max_log: 1MiB`; `--no-record` keeps no logs at all";
            let wrong = Diagnostic::error("wrong-value", message);
            found.push(wrong.at(entry.value.span).help(help));
        }
        Some(size)
    });
    Records { keep_runs, keep_for, max_log }
}
