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

/// Returns the first `most` of the names and how many are left out: `a, b, c and 9 more`. Where there
/// are too many, members of a matrix that stand side by side are one: `test ×6`.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let names: Vec<&str> = names.collect();
    let mut shown: Vec<String> = Vec::new();
    let mut at = 0;
    while at < names.len() && shown.len() < most {
        let same = if names.len() > most { n_members(&names[at..]) } else { 1 };
        shown.push(match names[at].split_once('[') {
            Some((base, _)) if same > 1 => format!("{} ×{same}", escape(base)),
            Some(_) | None => escape(names[at]).into_owned(),
        });
        at += same;
    }
    let mut shown = shown.join(", ");
    if at < names.len() {
        shown.push_str(&format!(" and {} more", names.len() - at));
    }
    shown
}

/// Returns how many names at the beginning are members of one matrix; 1 where the first is none.
fn n_members(names: &[&str]) -> usize {
    let base = |name: &str| name.split_once('[').map(|(base, _)| base.to_owned());
    match base(names[0]) {
        Some(first) => {
            names.iter().take_while(|name| base(name).as_deref() == Some(&*first)).count()
        }
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_folded_where_there_are_too_many_names() {
        let all = ["a", "t[x=1]", "t[x=2]", "t[x=3]", "b", "u[x=1]", "c"];
        let shown = |n: usize, most: usize| names(all[..n].iter().copied(), most);
        assert_eq!(shown(4, 4), "a, t[x=1], t[x=2], t[x=3]");
        assert_eq!(shown(4, 3), "a, t ×3");
        assert_eq!(shown(7, 3), "a, t ×3, b and 2 more");
        assert_eq!(shown(7, 5), "a, t ×3, b, u[x=1], c");
        assert_eq!(shown(0, 3), "");
    }

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
