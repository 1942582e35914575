//! The small maps of a file whose keys belong together: `retry`, `kill`, `records`, `resources`; and
//! the list `tags`.

use std::collections::HashMap;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::fields::fields;
use super::hints::{quoted_list, suggest};
use super::keys::{self, Place};
use super::remedy;
use super::tree::{Kind, Node, Span};
use super::values;
use crate::model::{Kill, Ms, Records, Resources, Retry, Size, signal_name};

const MAX_TAG: usize = 128; // bytes

/// The numbers of signals that every Unix has.
const STANDARD_SIGNALS: std::ops::Range<i32> = 1..32;

/// Reads a `timeout`, which cannot be zero.
pub(crate) fn timeout(text: &str, node: &Node<'_>, found: &mut Diagnostics) -> Option<Ms> {
    // With a unit it would be refused as well.
    let timeout = if is_zero(node) { Some(Ms(0)) } else { values::duration_of(text, node, found) };
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
        None if fields.is_meant("max") => {}
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
    if let Some(entry) = fields.get("max").filter(|entry| is_zero(&entry.value))
        && ["delay", "backoff", "max_delay", "codes"].iter().any(|key| fields.get(key).is_some())
    {
        let message = "`max` is 0: the other keys of `retry` have no effect";
        let help = "write how many further attempts there are, or `retry: 0` alone";
        found.push(Diagnostic::warning("no-effect", message).at(entry.value.span).help(help));
    }
    retry
}

/// Warns of exit codes that are to be retried, and mean success.
pub(crate) fn warn_of_good_codes(node: &Node<'_>, ok_codes: &[i32], found: &mut Diagnostics) {
    let Some(map) = node.map() else { return };
    let codes = map.iter().filter(|entry| entry.key == "codes").flat_map(|one| one.value.items());
    for item in codes {
        let code = item.scalar().and_then(|text| text.parse::<i32>().ok());
        if let Some(code) = code.filter(|code| ok_codes.contains(code)) {
            let message = format!("`{code}` stands in `ok_codes`, and so is never retried");
            let help = "remove it from one of the two";
            found.push(Diagnostic::warning("no-effect", message).at(item.span).help(help));
        }
    }
}

fn is_zero(node: &Node<'_>) -> bool {
    node.scalar().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte == b'0'))
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
            None => format!("it is one of {}", quoted_list(keys::SIGNALS)),
        };
        let near = suggest(upper.trim_start_matches("SIG"), keys::SIGNALS.iter().copied());
        let near = near.filter(|_| signal_number(&upper).is_none());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let message = match node.scalar() {
            Some(text) => format!("`{text}` is not a signal that may stop a task{near}"),
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

/// Reads `resources`: what a task asks of the place where it runs.
pub(crate) fn resources(node: &Node<'_>, found: &mut Diagnostics) -> Resources {
    let Some(map) = node.map() else {
        let wrong =
            values::wrong_type("resources", "a map with `cpus`, `memory`, `time` and `gpus`", node);
        found.push(wrong.help("write `resources: {cpus: 4, memory: 2GiB}`"));
        return Resources::default();
    };
    let fields = fields(map, Place::Resources, found);
    let int = |key: &str, range, found: &mut Diagnostics| {
        fields.get(key).and_then(|entry| values::int(&entry.value, key, range, found))
    };
    let (cpus, gpus) =
        (int("cpus", (1, keys::MAX_JOBS), found), int("gpus", (0, keys::MAX_GPUS), found));
    let memory = fields.get("memory").and_then(|entry| {
        let memory = values::size(&entry.value, "memory", found)?;
        not_zero(memory, Size(0), "memory", &entry.value, found)
    });
    let time = fields.get("time").and_then(|entry| {
        let time = values::duration(&entry.value, "time", found)?;
        not_zero(time, Ms(0), "time", &entry.value, found)
    });
    Resources { cpus, memory, time, gpus }
}

fn not_zero<T: PartialEq>(
    value: T,
    zero: T,
    key: &str,
    node: &Node<'_>,
    found: &mut Diagnostics,
) -> Option<T> {
    if value != zero {
        return Some(value);
    }
    let message = format!("`{key}` is zero, with which nothing can run");
    let help = "write more, or remove the key";
    found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
    None
}

/// Reads `tags`: what a worker must have to take the task.
pub(crate) fn tags(node: &Node<'_>, found: &mut Diagnostics) -> Arc<[Box<str>]> {
    let Kind::List(items) = node.kind() else {
        let wrong = values::wrong_type("tags", "a list of texts", node);
        let words = remedy::words_of(node.scalar().unwrap_or("gpu"));
        found.push(wrong.help(format!("write `tags: {}`", remedy::list(&words))));
        return Arc::default();
    };
    let mut places: HashMap<&str, Span> = HashMap::new();
    let mut tags: Vec<Box<str>> = Vec::with_capacity(items.len());
    for item in items {
        let Some(tag) = tag(item, found) else { continue };
        match places.insert(tag, item.span) {
            None => tags.push(tag.into()),
            Some(first) => found.push(
                Diagnostic::error("tag", format!("the tag `{tag}` is there twice"))
                    .label(item.span, "")
                    .label(first, "")
                    .help("remove one of the two"),
            ),
        }
    }
    tags.into()
}

fn tag<'n>(node: &'n Node<'_>, found: &mut Diagnostics) -> Option<&'n str> {
    values::item(node, "a tag", found)?;
    let tag = values::plain_text(node, "tags", found)?;
    let wrong = if tag.is_empty() {
        "is empty"
    } else if tag.len() > MAX_TAG {
        "is longer than 128 bytes"
    } else if tag.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()) {
        "holds a `,`, white space or a control character"
    } else {
        return Some(tag);
    };
    let message = match tag.is_empty() {
        true => "a tag is empty".to_owned(),
        false => format!("the tag `{tag}` {wrong}"),
    };
    let words = remedy::words_of(tag);
    let help = match words.len() {
        2.. => format!("write one word for each tag: `tags: {}`", remedy::list(&words)),
        _ => "write one short word for each tag".to_owned(),
    };
    found.push(Diagnostic::error("tag", message).at(node.span).help(help));
    None
}
