//! What a remedy tells to write, in the syntax of the file that it is about.
//!
//! Remedies are worded in YAML. In one for a TOML file, what stands between backticks and is a map of
//! one key is written as TOML.

use std::borrow::Cow;

use super::diag::Diagnostics;
use super::tree::{Entry, Kind, Node};
use super::yaml;

/// Returns a remedy with its examples in TOML.
pub(crate) fn in_toml(help: &str) -> Cow<'_, str> {
    let mut parts = help.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut is_changed = false;
    let mut is_code = true;
    for part in parts {
        text.push('`');
        match is_code.then(|| example(part)).flatten() {
            Some(toml) => {
                text.push_str(&toml);
                is_changed = true;
            }
            None => text.push_str(part),
        }
        is_code = !is_code;
    }
    if is_changed { Cow::Owned(text) } else { Cow::Borrowed(help) }
}

/// Returns an example as TOML, where it is a map of one key in YAML.
fn example(code: &str) -> Option<String> {
    if !code.contains(": ") && !code.ends_with(':') {
        return None;
    }
    let root = yaml::read(code.trim(), &mut Diagnostics::default())?;
    let [entry] = root.map()? else { return None };
    if !is_bare(&entry.key) {
        return None;
    }
    Some(match entry.value.kind() {
        // With keys below it.
        Kind::Null if entry.key == "name" => "[tasks.name]".to_owned(),
        Kind::Null => format!("[{}]", entry.key),
        // With lines below it.
        Kind::Text(..) if code.trim_end().ends_with('|') => format!("{} = \"\"\"", entry.key),
        Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
            pair(entry)
        }
    })
}

fn pair(entry: &Entry<'_>) -> String {
    let key = &*entry.key;
    let key = if is_bare(key) { key.to_owned() } else { quoted(key) };
    format!("{key} = {}", value(&entry.value))
}

fn value(node: &Node<'_>) -> String {
    let list = |items: &[Node<'_>]| items.iter().map(value).collect::<Vec<_>>().join(", ");
    match node.kind() {
        Kind::Plain(text) if is_literal(text) => text.to_string(),
        Kind::Plain(text) | Kind::Text(text, _) => quoted(text),
        Kind::List(items) => format!("[{}]", list(items)),
        Kind::Map(entries) => {
            let pairs: Vec<_> = entries.iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Kind::Null | Kind::Shared(_) => quoted(""),
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// Returns whether TOML has it without quotes, too.
fn is_literal(text: &str) -> bool {
    matches!(text, "true" | "false") || text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// JSON's texts are TOML's, too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_spelt_as_toml_and_all_else_stays() {
        let check = |help, expected| assert_eq!(in_toml(help), expected);
        check("write `secrets: [TOKEN]`", "write `secrets = [\"TOKEN\"]`");
        check("write `timeout: 5m`", "write `timeout = \"5m\"`");
        check(
            "write `run: SCRIPT` for a shell, or `cmd: [program, argument]`",
            "write `run = \"SCRIPT\"` for a shell, or `cmd = [\"program\", \"argument\"]`",
        );
        check(
            "write `kill: {signal: INT, after: 5s}`",
            "write `kill = { signal = \"INT\", after = \"5s\" }`",
        );
        check("for example `retry: 1`", "for example `retry = 1`");
        check("write `a: \"\"` for an empty text", "write `a = \"\"` for an empty text");
        check(
            "write `defaults:` and below it, say, `  timeout: 10m`",
            "write `[defaults]` and below it, say, `timeout = \"10m\"`",
        );
        check(
            "write several below `run: |`, one a line",
            "write several below `run = \"\"\"`, one a line",
        );
        for same in
            ["write `needs`", "give it a unit: `5s`, `5m`", "a `: ` in it", "`- ` or `x", "`{a: b`"]
        {
            check(same, same);
        }
    }
}
