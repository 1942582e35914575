//! Values of the shapes that other tools take for what is a list or a map of names here.

use super::super::tree::{Entry, Kind, Node};
use super::{LONGEST, child, flow_text, text};

/// Names of tasks: a word, a list, or a map of which the keys are the names.
pub(crate) fn names(node: &Node<'_>) -> Option<String> {
    if let Some(entries) = node.map() {
        let names: Option<Vec<_>> = entries.iter().map(|entry| text(&entry.key)).collect();
        return joined(&names?);
    }
    if !matches!(node.kind(), Kind::List(_)) {
        let words = words(node.scalar()?);
        return match &*words {
            [word] => text(word),
            words => joined(&words.iter().map(|word| text(word)).collect::<Option<Vec<_>>>()?),
        };
    }
    // `- task: build`, `- job: build`
    let named = |item: &Node<'_>| {
        let inner = ["task", "job", "name"].iter().find_map(|key| child(item, key));
        text(inner.unwrap_or(item).scalar()?)
    };
    let names: Option<Vec<_>> = node.items().iter().map(named).collect();
    joined(&names?)
}

/// Returns the words of a text, which white space or commas part.
fn words(text: &str) -> Vec<&str> {
    if text.contains(['[', '"', '\'']) {
        return vec![text]; // perhaps a member of a matrix
    }
    let words = text.split(|c: char| c == ',' || c.is_whitespace());
    words.filter(|word| !word.is_empty()).collect()
}

/// Returns a list, or a single value as one.
pub(crate) fn listed(node: &Node<'_>) -> Option<String> {
    let items: Option<Vec<_>> = node.items().iter().map(|item| text(item.scalar()?)).collect();
    joined(&items?)
}

/// Returns the list that a map was written for: its keys, or what stands under `paths`; or the words of
/// a text.
pub(crate) fn texts(node: &Node<'_>) -> Option<String> {
    if let Some(paths) = child(node, "paths").or_else(|| child(node, "path")) {
        return globs(paths);
    }
    match node.kind() {
        Kind::Map(_) => names(node),
        Kind::List(_) => listed(node),
        Kind::Plain(_) | Kind::Text(..) => {
            joined(&words(node.scalar()?).into_iter().map(text).collect::<Option<Vec<_>>>()?)
        }
        Kind::Null | Kind::Shared(_) => None,
    }
}

/// A folder stands for all that is in it.
fn globs(node: &Node<'_>) -> Option<String> {
    let glob = |item: &Node<'_>| {
        let path = item.scalar()?;
        let all = if path.ends_with('/') { "**" } else { "" };
        text(&format!("{path}{all}"))
    };
    let globs: Option<Vec<_>> = node.items().iter().map(glob).collect();
    joined(&globs?)
}

fn joined(items: &[String]) -> Option<String> {
    let line = format!("[{}]", items.join(", "));
    (!items.is_empty() && line.len() <= LONGEST && !line.contains('`')).then_some(line)
}

/// A map of names to values, written as a list of `A=b`, of `A: b` or of `{name: A, value: b}`.
pub(crate) fn env(node: &Node<'_>) -> Option<String> {
    let pairs: Option<Vec<Vec<String>>> = match node.kind() {
        Kind::List(items) => items.iter().map(item_pairs).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| Some(vec![pair(entry)?])).collect(),
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => {
            node.items().iter().map(item_pairs).collect()
        }
    };
    let pairs = pairs?.concat();
    let line = format!("{{{}}}", pairs.join(", "));
    (!pairs.is_empty() && line.len() <= LONGEST).then_some(line)
}

fn item_pairs(item: &Node<'_>) -> Option<Vec<String>> {
    if let Some(entries) = item.map() {
        if let (Some(name), Some(value)) = (child(item, "name"), child(item, "value")) {
            return Some(vec![format!("{}: {}", text(name.scalar()?)?, flow_text(value)?)]);
        }
        return entries.iter().map(pair).collect();
    }
    let (name, value) = item.scalar()?.split_once('=')?;
    let value = if value.is_empty() { "\"\"".to_owned() } else { text(value)? };
    Some(vec![format!("{}: {value}", text(name)?)])
}

fn pair(entry: &Entry<'_>) -> Option<String> {
    match entry.value.kind() {
        Kind::Null => Some(format!("{}: \"\"", text(&entry.key)?)),
        // GitLab: `{value: b, description: …}`
        Kind::Map(_) => {
            Some(format!("{}: {}", text(&entry.key)?, flow_text(child(&entry.value, "value")?)?))
        }
        Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => {
            entry.value.scalar()?;
            Some(format!("{}: {}", text(&entry.key)?, flow_text(&entry.value)?))
        }
    }
}
