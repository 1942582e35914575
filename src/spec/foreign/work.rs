//! Tasks and their scripts, as other tools write them.

use super::super::tree::{Entry, Kind, Node};
use super::{LONGEST, child, listed, text};

pub(super) fn tasks(node: &Node<'_>) -> Option<String> {
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
pub(super) fn work(name: &str, node: &Node<'_>) -> Option<String> {
    let is_list = matches!(node.kind(), Kind::List(_));
    if is_list && ["command", "exec"].contains(&name) {
        return Some(format!("write `cmd: {}`", listed(node)?));
    }
    script(node)
}

/// Returns how a script is written that stands there as a text, as a list of its lines, or of maps of
/// which each has one.
pub(crate) fn script(node: &Node<'_>) -> Option<String> {
    // `- cmd: make`
    let line = |item: &'_ Node<'_>| {
        let inner = ["cmd", "run", "command", "script"].iter().find_map(|key| child(item, key));
        inner.unwrap_or(item).scalar().map(str::to_owned)
    };
    let pieces: Option<Vec<String>> = node.items().iter().map(line).collect();
    let pieces = pieces?;
    let lines: Vec<&str> = pieces.iter().flat_map(|piece| piece.lines()).collect();
    match &*lines {
        [line] => Some(format!("write `run: {}`", text(line)?)),
        _ => below(&lines),
    }
}

/// What is to be done at the end: a script, or the scripts of some outcomes.
pub(super) fn last(node: &Node<'_>) -> Option<String> {
    if let Some(script) = node.scalar() {
        return Some(format!("{{cleanup: {}}}", text(script)?));
    }
    let task = |entry: &Entry<'_>| {
        let value = &entry.value;
        let script = ["command", "run", "script", "cmd"].iter().find_map(|key| child(value, key));
        let script = text(script.unwrap_or(value).scalar()?)?;
        let condition = match &*entry.key {
            "failure" => "failure()",
            "success" => "success()",
            "cancel" => "cancelled()",
            _ => return Some(format!("{}: {script}", text(&entry.key)?)),
        };
        Some(format!("{}: {{run: {script}, if: {condition}}}", text(&entry.key)?))
    };
    let tasks: Option<Vec<_>> = node.map()?.iter().map(task).collect();
    let line = format!("{{{}}}", tasks?.join(", "));
    (line.len() <= LONGEST).then_some(line)
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
