//! The lines of other tools, said in the words of this one, with the values that they hold.

mod limits;
mod params;
mod shapes;
mod words;
mod work;

use super::fields::is_digits;
use super::keys::{FAIL, ON_FAILURE};
use super::tree::{Entry, Kind, Node};
pub(crate) use limits::{duration, size};
pub(crate) use params::params;
use shapes::listed;
pub(crate) use shapes::{env, names, texts};
pub(crate) use words::{
    Meaning, PYTHON_WORDS, Word, advice_of, meaning, value_of, word_of, words_at,
};
pub(crate) use work::script;

const LONGEST: usize = 160; // bytes of a line that is carried over

/// Returns what to do about a key of another tool, as far as its value can be carried over.
pub(crate) fn remedy(entry: &Entry<'_>, meaning: Meaning) -> String {
    match meaning {
        Meaning::Key(word) => translation(entry, word),
        Meaning::None(_) if entry.key == "run" => place_of_run(&entry.value),
        Meaning::None(advice) => {
            let value = entry.value.scalar().and_then(text);
            advice.help.replace("VALUE", value.as_deref().unwrap_or("VALUE"))
        }
    }
}

/// Returns how a word that means a key is written here.
pub(crate) fn translation(entry: &Entry<'_>, word: &Word) -> String {
    own_words(entry, word).unwrap_or_else(|| format!("write `{}`", word.write))
}

fn own_words(entry: &Entry<'_>, word: &Word) -> Option<String> {
    let (name, node) = (&*entry.key, &entry.value);
    let pair = |key: &str, value: Option<String>| Some(format!("write `{key}: {}`", value?));
    match word.key {
        "needs" => pair("needs", names(node)),
        "tasks" => work::tasks(node),
        "run" => work::work(name, node),
        "timeout" => limits::timeout(name, node),
        "retry" => pair("retry", limits::retry(node)),
        "fail" => fail(node),
        "on_failure" => on_failure(node),
        "if" => condition(name, node),
        "matrix" => matrix(name, node),
        "params" => pair("params", params(node)),
        "tags" => pair("tags", listed(node)),
        "jobs" => pair("jobs", Some(number(node)?.to_owned())),
        "max" => pair("max", Some(number(node)?.to_owned())),
        "delay" | "after" => pair(word.key, limits::seconds(node)),
        "env" => pair("env", env(node)),
        "finally" => pair("finally", Some(work::last(node)?)),
        "outputs" => pair("outputs", texts(node)),
        "values" => pair("values", listed(node)),
        "dir" | "description" | "capture" => pair(word.key, Some(text(node.scalar()?)?)),
        "env_file" if matches!(node.kind(), Kind::List(_)) => pair("env_file", listed(node)),
        "env_file" => pair("env_file", Some(text(node.scalar()?)?)),
        _ => None,
    }
}

fn child<'n, 's>(node: &'n Node<'s>, key: &str) -> Option<&'n Node<'s>> {
    node.map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

/// Returns a scalar that is a number.
fn number<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.scalar().filter(|text| is_digits(text))
}

fn fail(node: &Node<'_>) -> Option<String> {
    if let Some(codes) = child(node, "exit_codes").or_else(|| child(node, "exitCode")) {
        let codes: Option<Vec<_>> = codes.items().iter().map(number).collect();
        return Some(format!("write `ok_codes: [0, {}]`", codes?.join(", ")));
    }
    match node.scalar()? {
        "true" => Some("write `fail: continue`".to_owned()),
        "false" => Some("remove it: a failed task fails the run anyway".to_owned()),
        word if FAIL.contains(&word) => Some(format!("write `fail: {word}`")),
        given if given.contains("${{") => {
            Some("write `fail: continue`, or remove it: `fail` takes no expression".to_owned())
        }
        _ => None,
    }
}

fn on_failure(node: &Node<'_>) -> Option<String> {
    match node.scalar()? {
        "true" => Some("write `on_failure: kill`".to_owned()),
        "false" => Some("write `on_failure: isolate`".to_owned()),
        word if ON_FAILURE.contains(&word) => Some(format!("write `on_failure: {word}`")),
        word if FAIL.contains(&word) => Some(format!("write `defaults: {{fail: {word}}}`")),
        _ => None,
    }
}

/// `defaults: {run: {shell: bash}}` of GitHub.
fn place_of_run(node: &Node<'_>) -> String {
    let of = |key: &str, ours: &str| {
        let value = child(node, key)?.scalar().and_then(text)?;
        Some(format!("`{ours}: {value}`"))
    };
    let found = [of("shell", "shell"), of("working-directory", "dir")];
    match found.into_iter().flatten().collect::<Vec<_>>().join(" and ") {
        none if none.is_empty() => "write `shell: bash` in its place".to_owned(),
        own => format!("write {own} in its place"),
    }
}

/// A condition, of which other tools make a failure what is a task left out here.
fn condition(name: &str, node: &Node<'_>) -> Option<String> {
    if name == "preconditions" && matches!(node.kind(), Kind::List(_)) {
        let first = node.items().first()?;
        let first = text(child(first, "sh").unwrap_or(first).scalar()?)?;
        return Some(format!(
            "write `{first}` as the first line of `run`, where it fails the task; an `if` would skip it"
        ));
    }
    let given = node.scalar()?.trim();
    let given =
        given.strip_prefix("${{").and_then(|inner| inner.strip_suffix("}}")).unwrap_or(given);
    let written = text(match given.trim() {
        "always" => "always()",
        "on_failure" | "failed" => "failure()",
        "on_success" => "success()",
        "never" => "false",
        "manual" => {
            let help =
                "remove it, and leave the task out of `default`: it then runs where it is named";
            return Some(help.to_owned());
        }
        "delayed" => return None,
        other => other,
    })?;
    Some(match name {
        "preconditions" => format!("write `if: {written}`; where it is false the task is skipped"),
        _ => format!("write `if: {written}`"),
    })
}

fn matrix(name: &str, node: &Node<'_>) -> Option<String> {
    if name == "for" {
        let items = listed(node)?;
        return Some(format!(
            "write `matrix: {{item: {items}}}`; a script reads `$PYOCO_MATRIX_ITEM`"
        ));
    }
    let given = child(node, "matrix")?;
    let given = match given.kind() {
        Kind::List(items) if items.len() == 1 => items.first()?, // of GitLab
        _ => given,
    };
    Some(format!("write `matrix: {}`", flow_text(given)?))
}

/// Writes a value on one line.
fn flow_text(node: &Node<'_>) -> Option<String> {
    let line = match node.kind() {
        Kind::Plain(plain) if !plain.contains(['`', ',', '[', ']', '{', '}']) => plain.to_string(),
        Kind::Plain(plain) => text(plain)?,
        Kind::Text(inner, _)
            if is_digits(inner) || matches!(&**inner, "true" | "false" | "null" | "") =>
        {
            format!("'{inner}'")
        }
        Kind::Text(inner, _) => text(inner)?,
        Kind::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(flow_text).collect();
            format!("[{}]", items?.join(", "))
        }
        Kind::Map(entries) => {
            let pair = |entry: &Entry<'_>| {
                Some(format!("{}: {}", text(&entry.key)?, flow_text(&entry.value)?))
            };
            let pairs: Option<Vec<_>> = entries.iter().map(pair).collect();
            format!("{{{}}}", pairs?.join(", "))
        }
        Kind::Null | Kind::Shared(_) => return None,
    };
    (line.len() <= LONGEST).then_some(line)
}

/// Writes a text on one line, in quotes where YAML wants them.
pub(crate) fn text(text: &str) -> Option<String> {
    let text = text.trim_end_matches('\n');
    if text.len() > LONGEST || text.contains('`') || text.chars().any(char::is_control) {
        return None;
    }
    let starts = |c: char| c.is_alphanumeric() || "_./$(=+".contains(c);
    let is_flag = text.starts_with('-') && !text.starts_with("- ") && text.len() > 1;
    let is_plain = (text.starts_with(starts) || is_flag)
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains([',', '[', ']', '{', '}'])
        && !text.contains(": ")
        && !text.contains(" #");
    if is_plain {
        return Some(text.to_owned());
    }
    // Doubled quotes would hide a secret from those who look for it.
    (!text.contains('\'')).then(|| format!("'{text}'"))
}
