//! The lines of other tools, said in the words of this one, with the values that they hold.

use super::fields::is_digits;
use super::keys::Word;
use super::tree::{Entry, Kind, Node};

const LONGEST: usize = 160; // bytes of a line that is carried over

/// Returns what to do about a key of another tool, as far as its value can be carried over.
pub(crate) fn remedy(entry: &Entry<'_>, word: &Word) -> String {
    own_words(entry, word).unwrap_or_else(|| format!("write `{}`", word.write))
}

fn own_words(entry: &Entry<'_>, word: &Word) -> Option<String> {
    let (name, node) = (&*entry.key, &entry.value);
    let pair = |key: &str, value: Option<String>| Some(format!("write `{key}: {}`", value?));
    match word.key {
        "needs" => pair("needs", names(node)),
        "tasks" => tasks(node),
        "run" => work(name, node),
        "timeout" => pair("timeout", timeout(name, node)),
        "retry" => pair("retry", retry(node)),
        "fail" => fail(node),
        "on_failure" => match node.scalar()? {
            "true" => pair("on_failure", Some("kill".to_owned())),
            "false" => pair("on_failure", Some("isolate".to_owned())),
            _ => None,
        },
        "if" => pair("if", condition(node)),
        "matrix" => pair("matrix", flow_text(child(node, "matrix")?)),
        "params" => pair("params", params(node)),
        "tags" => pair("tags", list(node)),
        "jobs" => pair("jobs", Some(number(node)?.to_owned())),
        "dir" | "description" => pair(word.key, Some(text(node.scalar()?)?)),
        "env_file" if matches!(node.kind(), Kind::List(_)) => pair("env_file", list(node)),
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

/// Names of tasks: a word, a list, or a map of which the keys are the names.
fn names(node: &Node<'_>) -> Option<String> {
    if let Some(entries) = node.map() {
        let names: Option<Vec<_>> = entries.iter().map(|entry| text(&entry.key)).collect();
        return joined(&names?);
    }
    // `- task: build`, `- job: build`
    let named = |item: &Node<'_>| {
        let inner = ["task", "job", "name"].iter().find_map(|key| child(item, key));
        text(inner.unwrap_or(item).scalar()?)
    };
    if !matches!(node.kind(), Kind::List(_)) {
        return named(node);
    }
    let names: Option<Vec<_>> = node.items().iter().map(named).collect();
    joined(&names?)
}

fn joined(items: &[String]) -> Option<String> {
    let line = format!("[{}]", items.join(", "));
    (!items.is_empty() && line.len() <= LONGEST).then_some(line)
}

/// Returns a list, or a single value as one.
fn list(node: &Node<'_>) -> Option<String> {
    let items: Option<Vec<_>> = node.items().iter().map(|item| text(item.scalar()?)).collect();
    joined(&items?)
}

fn tasks(node: &Node<'_>) -> Option<String> {
    if let Some(entries) = node.map() {
        let first = text(&entries.first()?.key)?;
        return Some(format!("write `tasks:`, with `{first}` and the others below it"));
    }
    let first = node.items().first()?;
    let named = ["name", "id", "task"].iter().find_map(|key| child(first, key));
    let name = named.unwrap_or(first).scalar()?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let name: String = name.chars().map(|c| if is_word(c) { c } else { '-' }).collect();
    let name = name.trim_matches('-').to_lowercase();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.len() > LONGEST {
        return None;
    }
    let keys = ["run", "command", "script", "cmd"];
    let script = keys.iter().find_map(|key| child(first, key)?.scalar());
    let script = script.and_then(text).unwrap_or_else(|| "SCRIPT".to_owned());
    Some(format!(
        "write `tasks: {{{name}: {script}}}`, and the others beside it; what waits says `needs`"
    ))
}

/// A script, its lines, or a program with its arguments.
fn work(name: &str, node: &Node<'_>) -> Option<String> {
    let Kind::List(items) = node.kind() else {
        let script = node.scalar()?;
        let lines: Vec<&str> = script.lines().collect();
        return match &*lines {
            [line] => Some(format!("write `run: {}`", text(line)?)),
            _ => below(&lines),
        };
    };
    if ["command", "exec"].contains(&name) {
        return Some(format!("write `cmd: {}`", list(node)?));
    }
    // `- cmd: make`
    let line = |item: &'_ Node<'_>| {
        let inner = ["cmd", "run", "command"].iter().find_map(|key| child(item, key));
        inner.unwrap_or(item).scalar().map(str::to_owned)
    };
    let lines: Option<Vec<String>> = items.iter().map(line).collect();
    let lines = lines?;
    match &*lines {
        [line] => Some(format!("write `run: {}`", text(line)?)),
        _ => below(&lines.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn below(lines: &[&str]) -> Option<String> {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let length: usize = lines.iter().map(|line| line.len() + 4).sum();
    if lines.is_empty() || length > LONGEST || lines.iter().any(|line| line.contains('`')) {
        return None;
    }
    let shown: Vec<_> = lines.iter().map(|line| format!("`{line}`")).collect();
    Some(format!("write `run: |`, and below it the lines {}", shown.join(", ")))
}

fn timeout(name: &str, node: &Node<'_>) -> Option<String> {
    match number(node) {
        Some(number) if name == "timeout-minutes" => Some(format!("{number}m")),
        Some(number) => Some(format!("{number}s")),
        None => {
            let given = node.scalar()?;
            let is_duration = given.starts_with(|c: char| c.is_ascii_digit())
                && given.ends_with(['s', 'm', 'h', 'd'])
                && given.chars().all(|c| c.is_ascii_alphanumeric());
            is_duration.then(|| given.to_owned())
        }
    }
}

fn retry(node: &Node<'_>) -> Option<String> {
    if let Some(number) = number(node) {
        return Some(number.to_owned());
    }
    let of = |keys: &[&str]| keys.iter().find_map(|key| child(node, key)?.scalar());
    let max = of(&["max", "limit", "max_attempts", "attempts", "maximumAttempts"])?;
    let pause = of(&["interval_sec", "intervalSec", "delay", "interval", "wait"]);
    let pause =
        pause.map(|pause| if is_digits(pause) { format!("{pause}s") } else { pause.to_owned() });
    match pause {
        _ if !is_digits(max) => None,
        Some(pause) => Some(format!("{{max: {max}, delay: {}}}", text(&pause)?)),
        None => Some(max.to_owned()),
    }
}

fn fail(node: &Node<'_>) -> Option<String> {
    if let Some(codes) = child(node, "exit_codes") {
        let codes: Option<Vec<_>> = codes.items().iter().map(number).collect();
        return Some(format!("write `ok_codes: [0, {}]`", codes?.join(", ")));
    }
    match node.scalar()? {
        "true" => Some("write `fail: continue`".to_owned()),
        "false" => Some("remove it: a failed task fails the run anyway".to_owned()),
        _ => None,
    }
}

fn condition(node: &Node<'_>) -> Option<String> {
    let given = node.scalar()?.trim();
    let given =
        given.strip_prefix("${{").and_then(|inner| inner.strip_suffix("}}")).unwrap_or(given);
    text(match given.trim() {
        "always" => "always()",
        "on_failure" | "failed" => "failure()",
        "on_success" => "success()",
        "never" => "false",
        "manual" | "delayed" => return None,
        other => other,
    })
}

/// The inputs of a workflow, with the words of this tool for their types.
fn params(node: &Node<'_>) -> Option<String> {
    let entries = node.map().filter(|entries| !entries.is_empty())?;
    let param = |entry: &Entry<'_>| {
        let value = match entry.value.kind() {
            Kind::Map(keys) => {
                let parts: Option<Vec<_>> = keys.iter().map(param_key).collect();
                format!("{{{}}}", parts?.join(", "))
            }
            Kind::Null => "\"\"".to_owned(),
            Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => {
                flow_text(&entry.value)?
            }
        };
        Some(format!("{}: {value}", text(&entry.key)?))
    };
    let params: Option<Vec<_>> = entries.iter().map(param).collect();
    let line = format!("{{{}}}", params?.join(", "));
    (line.len() <= LONGEST).then_some(line)
}

fn param_key(entry: &Entry<'_>) -> Option<String> {
    let value = flow_text(&entry.value)?;
    Some(match (&*entry.key, &*value) {
        ("type", "choice") => "type: enum".to_owned(),
        ("type", "boolean") => "type: bool".to_owned(),
        ("type", "number") => "type: int".to_owned(),
        ("type", "environment") => "type: string".to_owned(),
        ("options", _) => format!("values: {value}"),
        (key @ ("type" | "default" | "description" | "required" | "values"), _) => {
            format!("{key}: {value}")
        }
        _ => return None,
    })
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
fn text(text: &str) -> Option<String> {
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
