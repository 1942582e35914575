//! The words that several styles share: how a failure is said, and how a value stands in logfmt.

use crate::event::{RunView, TaskFinished};
use crate::model::{Ms, Reason, TaskId, escape};

/// Returns why a task failed in a few words for people: `exit 2`, `signal SIGKILL`, `timeout`.
pub(super) fn failure(reason: Option<&Reason>) -> String {
    let Some(reason) = reason else { return "unknown".to_owned() };
    if *reason == Reason::TERMINAL {
        return "terminal: it wanted the terminal, which `interactive: true` gives it".to_owned();
    }
    let more = match reason.kind() {
        // That of another task has the task's name before it.
        "missing_output" if !reason.argument().is_some_and(|name| name.contains('.')) => {
            ": the task did not write it to $PYOCO_OUTPUT"
        }
        "missing_artifact" => ": no file matches it",
        _ => "",
    };
    match reason.argument() {
        Some(argument) => escape(&format!("{} {argument}{more}", reason.kind())).into_owned(),
        None => escape(reason.as_str()).into_owned(),
    }
}

/// Returns why a task failed: the reason, or what was measured where a line carries none.
pub(super) fn reason_of(finished: &TaskFinished) -> Option<Reason> {
    let measured = &finished.measured;
    finished.reason.clone().or_else(|| {
        let exit = measured.exit_code.map(Reason::exit);
        exit.or_else(|| measured.signal.map(Reason::signal))
    })
}

/// Returns how long a task took up to its end, or up to the latest line.
pub(super) fn took(view: &RunView, task: TaskId) -> Option<Ms> {
    view.task(task).and_then(|task| task.took(view.now()))
}

/// Returns how long the run took.
pub(super) fn run_took(view: &RunView) -> Ms {
    view.ended().map_or(view.now(), |(_, ms)| ms)
}

/// Returns `value` as it stands behind the `=` of logfmt: in quotes where it is empty or holds a
/// space, a quote, a backslash or a `=`; everything that a terminal obeys is escaped.
pub(super) fn logfmt(value: &str) -> String {
    let shown = escape(value);
    let bare = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && shown == value && value.chars().all(bare) {
        return shown.into_owned();
    }
    // The backslashes of `escape` are its own, those of the value are doubled before.
    let doubled = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escape(&doubled))
}

/// Returns `count` with the right form of a word.
pub(super) fn count(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Returns the first `most` of the names and how many are left out: `a, b, c and 9 more`.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let mut shown = String::new();
    let mut left_out = 0;
    for (index, name) in names.enumerate() {
        if index >= most {
            left_out += 1;
            continue;
        }
        if index > 0 {
            shown.push_str(", ");
        }
        shown.push_str(&escape(name));
    }
    if left_out > 0 {
        shown.push_str(&format!(" and {left_out} more"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logfmt_values_are_quoted_where_they_must_be() {
        let cases = [
            ("build", "build"),
            ("test[py=3.12]", "\"test[py=3.12]\""),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\\\"b\""),
            ("a\\b", "\"a\\\\b\""),
            ("a\nb\x1b[2J", "\"a\\nb\\x1b[2J\""),
            ("日本", "日本"),
        ];
        for (value, expected) in cases {
            assert_eq!(logfmt(value), expected);
        }
    }

    #[test]
    fn names_are_capped() {
        assert_eq!(names(["a", "b"].into_iter(), 2), "a, b");
        assert_eq!(names(["a", "b", "c\n", "d"].into_iter(), 2), "a, b and 2 more");
    }
}
