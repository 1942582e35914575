//! The inputs of other tools.

use super::super::tree::{Entry, Kind, Node};
use super::{LONGEST, child, flow_text, text, value_of};

/// The inputs of a workflow, with the words of this tool for their types.
pub(crate) fn params(node: &Node<'_>) -> Option<String> {
    let params: Option<Vec<_>> = match node.kind() {
        Kind::Map(entries) => entries.iter().map(param).collect(),
        // `- A: 1`, `- {name: A, value: 1}`
        Kind::List(items) => {
            let item = |item: &Node<'_>| match item.kind() {
                Kind::Map(entries) if child(item, "name").is_none() => {
                    let params: Option<Vec<_>> = entries.iter().map(param).collect();
                    Some(params?.join(", "))
                }
                Kind::Map(_) => named(item),
                Kind::Plain(name) | Kind::Text(name, _) => match name.split_once('=') {
                    Some((name, value)) => Some(format!("{}: {}", text(name)?, text(value)?)),
                    None => Some(format!("{}: \"\"", text(name)?)),
                },
                Kind::Null | Kind::List(_) | Kind::Shared(_) => None,
            };
            items.iter().map(item).collect()
        }
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => None,
    };
    let params = params.filter(|params| !params.is_empty())?;
    let line = format!("{{{}}}", params.join(", "));
    (line.len() <= LONGEST).then_some(line)
}

fn param(entry: &Entry<'_>) -> Option<String> {
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
}

fn named(item: &Node<'_>) -> Option<String> {
    let name = text(child(item, "name")?.scalar()?)?;
    let value = child(item, "value").or_else(|| child(item, "default"));
    let value = value.map_or(Some("\"\"".to_owned()), flow_text)?;
    Some(format!("{name}: {value}"))
}

fn param_key(entry: &Entry<'_>) -> Option<String> {
    let value = flow_text(&entry.value)?;
    Some(match (&*entry.key, &*value) {
        ("type", word) => format!("type: {}", value_of("type", word).unwrap_or(word)),
        ("options" | "choices", _) => format!("values: {value}"),
        (key @ ("default" | "description" | "required" | "values"), _) => {
            format!("{key}: {value}")
        }
        _ => return None,
    })
}
