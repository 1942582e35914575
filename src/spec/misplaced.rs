//! Keys that stand one level too high: below `tasks` every key is the name of a task.
//!
//! A task may be called `env` or `timeout`, and so its name alone says nothing. What it holds does: a
//! script is no duration, and a task has `run` or `cmd`.

use super::diag::Diagnostic;
use super::fields::{is_digits, key_meant};
use super::foreign;
use super::keys::{self, Key, Place, Type};
use super::names::Names;
use super::tree::{Entry, Kind};
use crate::model::Ms;

/// Returns the error for what is a task by its place and a key of ours by what it holds.
pub(crate) fn error(entry: &Entry<'_>, part: &str) -> Option<Diagnostic> {
    let is_key = match entry.value.kind() {
        Kind::Map(map) => keys_of(entry).any(|key| holds(key, map)),
        Kind::List(_) => keys_of(entry).next().is_some(),
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => false,
    };
    is_key.then(|| {
        let message = format!("`{}` below `{part}` would be a task", entry.key);
        Diagnostic::error("unknown-key", message).at(entry.span).help(way_out(entry))
    })
}

/// Returns the warning for a script that is no script, but the value of a key of ours.
pub(crate) fn warning(entry: &Entry<'_>, part: &str, names: &Names<'_>) -> Option<Diagnostic> {
    let (Kind::Plain(value) | Kind::Text(value, _)) = entry.value.kind() else { return None };
    keys_of(entry).any(|key| takes(key, value, &entry.key, names)).then(|| {
        let value = foreign::text(value).unwrap_or_default();
        let message =
            format!("`{}` below `{part}` is a task, with the script `{value}`", entry.key);
        Diagnostic::warning("misplaced-key", message).at(entry.span).help(way_out(entry))
    })
}

/// Returns the keys of a task and of the file with this name.
fn keys_of(entry: &Entry<'_>) -> impl Iterator<Item = &'static Key> {
    [Place::Task, Place::Top].into_iter().filter_map(|place| keys::find(&entry.key, place))
}

/// Returns whether a map is one that a key takes, and no task.
fn holds(key: &Key, map: &[Entry<'_>]) -> bool {
    let is_open = matches!(
        key.takes,
        Type::Env
            | Type::Matrix
            | Type::Pool
            | Type::Pools
            | Type::Params
            | Type::Tasks
            | Type::Finally
    );
    let inner = Place::of_word(key.name).filter(|_| !is_open);
    if inner.is_none() && !is_open {
        return false;
    }
    let is_inner = |entry: &Entry<'_>| match inner {
        Some(inner) => keys::find(&entry.key, inner).is_some(),
        None => {
            keys::find(&entry.key, Place::Task).is_none() && key_meant(entry, Place::Task).is_none()
        }
    };
    !map.is_empty() && map.iter().all(is_inner)
}

/// Returns whether a text is one that a key takes, and hardly a script.
fn takes(key: &Key, value: &str, own: &str, names: &Names<'_>) -> bool {
    let is_number =
        matches!(key.takes, Type::Retry | Type::Int(..) | Type::Ints(..) | Type::Version);
    let is_name = |name: &str| name != own && names.first_of(name).is_some();
    is_number && is_digits(value)
        || matches!(key.takes, Type::Duration | Type::Timeout) && value.parse::<Ms>().is_ok()
        || key.takes == Type::Bool && matches!(value, "true" | "false")
        || key.takes == Type::Names && is_name(value)
        || matches!(key.takes, Type::Words(words) if words.contains(&value))
}

fn way_out(entry: &Entry<'_>) -> String {
    let name = &entry.key;
    match (keys::find(name, Place::Task), keys::find(name, Place::Top)) {
        (Some(_), Some(_)) => {
            format!("move `{name}` to the keys of its task, or to the top level")
        }
        (Some(_), None) => format!("move `{name}` to the keys of its task"),
        (None, _) => format!("move `{name}` to the top level"),
    }
}
