//! Texts that are nearly an expression, or that hold what only a shell expands; variables that are not
//! what the map beside them says; and keys that TOML takes for variables.

use std::collections::HashSet;
use std::ops::Range;

use super::super::diag::{Diagnostic, Diagnostics};
use super::super::hints::suggest;
use super::super::keys::{self, Place};
use super::super::tree::{Entry, Kind, Node, place_of};
use super::Written;
use crate::model::{Flow, Syntax};

/// Looks through the variables and the scripts of a file.
pub(super) fn texts(
    root: &Node<'_>,
    flow: &Flow,
    written: &Written<'_, '_>,
    text: &str,
    found: &mut Diagnostics,
) {
    let top = root.map().unwrap_or_default();
    let child = |entries: &'_ [Entry<'_>], key: &str| entries.iter().position(|one| one.key == key);
    let env_of = |entries: &[Entry<'_>]| -> HashSet<String> {
        let env = child(entries, "env").and_then(|at| entries[at].value.map());
        env.unwrap_or_default().iter().map(|one| one.key.to_string()).collect()
    };
    let defaults = child(top, "defaults").and_then(|at| top[at].value.map()).unwrap_or_default();
    let has_files = child(top, "env_file").is_some();
    let (outer, inner) = (env_of(top), env_of(defaults));
    let of_file = Names::new(flow, &[]);
    let expands = may_expand(written);
    let mut look =
        |entries: &[Entry<'_>], below: &[&HashSet<String>], place: Place, names: &Names| {
            let has_files = has_files || child(entries, "env_file").is_some();
            for (variable, value) in values_of(entries) {
                near_expressions(value, text, names, false, found);
                // A secret may hold any sign.
                let is_secret = |name: &str| flow.secrets.0.iter().any(|one| &*one.name == name);
                if variable.is_some_and(|name| !is_secret(name)) && !expands {
                    unexpanded(value, text, found);
                }
            }
            let Some(env) = child(entries, "env").map(|at| &entries[at]) else { return };
            let map = env.value.map().unwrap_or_default();
            if !has_files {
                own_map(map, below, place, text, found);
            }
            // Of a table with a header of its own, that is the place.
            if flow.syntax == Syntax::Toml && env.value.span == env.span {
                keys_in_env(map, place, found);
            }
        };
    look(top, &[], Place::Top, &of_file);
    look(defaults, &[&outer], Place::Defaults, &of_file);
    for (entry, _) in &written.groups {
        let map = entry.value.map().unwrap_or_default();
        look(map, &[&outer, &inner], Place::Task, &Names::new(flow, matrix_of(map)));
    }
    for (entry, _) in &written.groups {
        let map = entry.value.map().unwrap_or_default();
        let run = child(map, "run").map_or(&entry.value, |at| &map[at].value);
        near_expressions(run, text, &Names::new(flow, matrix_of(map)), true, found);
        for list in matrix_of(map) {
            items_of_a_matrix(list, flow, found);
        }
    }
    secrets(top, &outer, written, found);
}

/// Returns the keys of a task's matrix.
fn matrix_of<'n, 's>(task: &'n [Entry<'s>]) -> &'n [Entry<'s>] {
    let matrix = task.iter().find(|one| one.key == "matrix");
    matrix.and_then(|one| one.value.map()).unwrap_or_default()
}

/// The names that an expression of a task may use.
struct Names {
    params: HashSet<String>,
    matrix: HashSet<String>,
}

impl Names {
    fn new(flow: &Flow, matrix: &[Entry<'_>]) -> Names {
        let keys = matrix.iter().map(|one| one.key.to_string());
        Names {
            params: flow.params().iter().map(|param| param.name().to_owned()).collect(),
            matrix: keys.filter(|key| key != "include" && key != "exclude").collect(),
        }
    }
}

/// Returns the texts in which an expression may stand, each with its variable.
fn values_of<'n, 's>(entries: &'n [Entry<'s>]) -> Vec<(Option<&'n str>, &'n Node<'s>)> {
    let mut values = Vec::new();
    for one in entries {
        match &*one.key {
            "env" => {
                let map = one.value.map().unwrap_or_default();
                values.extend(map.iter().map(|one| (Some(&*one.key), &one.value)));
            }
            "dir" | "timeout" => values.push((None, &one.value)),
            _ => {}
        }
    }
    values
}

/// Warns of `{{ params.x }}`, `${ params.x }` and `$params.x`, where that is a name of the file.
fn near_expressions(
    node: &Node<'_>,
    text: &str,
    names: &Names,
    is_script: bool,
    found: &mut Diagnostics,
) {
    let Some(value) = node.scalar() else { return };
    let Some((range, path)) = near_expression(value, names) else { return };
    let written = &value[range.clone()];
    let message = format!("`{written}` is no expression, and stays as it is");
    let help = match (is_script, path.split_once('.')) {
        (true, Some(("params", name))) => format!("write \"$PYOCO_PARAM_{}\"", variable(name)),
        (true, Some(("matrix", name))) => format!("write \"$PYOCO_MATRIX_{}\"", variable(name)),
        (true, _) => format!("give it a name in `env`: `NAME: ${{{{ {path} }}}}`"),
        (false, _) => format!("write `${{{{ {path} }}}}`"),
    };
    let place = place_of(text, node, range);
    found.push(Diagnostic::warning("near-expression", message).at(place).help(help));
}

fn variable(name: &str) -> String {
    name.to_uppercase().replace(['-', '.'], "_")
}

/// Returns what is nearly an expression in a text, and the expression that it is near.
fn near_expression<'t>(text: &'t str, names: &Names) -> Option<(Range<usize>, &'t str)> {
    for root in ["params.", "matrix."] {
        for (at, _) in text.match_indices(root) {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let name = &text[at + root.len()..];
            let name = &name[..name.find(|c| !is_word(c)).unwrap_or(name.len())];
            let known = if root == "params." { &names.params } else { &names.matrix };
            let end = at + root.len() + name.len();
            if !known.contains(name) {
                continue;
            }
            let before = text[..at].trim_end();
            let close = end + (text[end..].len() - text[end..].trim_start().len());
            let path = &text[at..end];
            if before.ends_with("{{") && !before.ends_with("${{") && text[close..].starts_with("}}")
            {
                return Some((before.len() - 2..close + 2, path));
            }
            if before.ends_with("${") && text[close..].starts_with('}') {
                return Some((before.len() - 2..close + 1, path));
            }
            if before.len() == at && before.ends_with('$') {
                return Some((at - 1..end, path));
            }
        }
    }
    None
}

/// Warns of `host: [params.hosts]`.
fn items_of_a_matrix(list: &Entry<'_>, flow: &Flow, found: &mut Diagnostics) {
    let Kind::List(items) = list.value.kind() else { return };
    for item in items {
        let Some(name) = item.scalar().and_then(|item| item.strip_prefix("params.")) else {
            continue;
        };
        if flow.params().iter().any(|param| param.name() == name) {
            let message = format!("`params.{name}` in a list is a text, not the param");
            let help = format!("write `{}: ${{{{ params.{name} }}}}`", list.key);
            found.push(Diagnostic::warning("near-expression", message).at(item.span).help(help));
        }
    }
}

/// Returns whether a script takes a variable as a script, or fills a text in.
fn may_expand(written: &Written<'_, '_>) -> bool {
    let is_it =
        |text: &str| ["eval", "envsubst", "-c \"$", "-c $"].iter().any(|word| text.contains(word));
    written.groups.iter().any(|(entry, _)| {
        let map = entry.value.map().unwrap_or_default();
        let work = map.iter().filter(|one| one.key == "run" || one.key == "cmd");
        let nodes = work.flat_map(|one| one.value.items()).chain([&entry.value]);
        nodes.filter_map(Node::scalar).any(is_it)
    })
}

/// Warns of `$HOME/x`, `${TAG:-x}` and `$(pwd)` in the value of a variable.
fn unexpanded(node: &Node<'_>, text: &str, found: &mut Diagnostics) {
    let Some(value) = node.scalar() else { return };
    let Some((range, expression)) = of_a_shell(value) else { return };
    let message =
        format!("`{}` in `env` stays as it is: no shell expands it", &value[range.clone()]);
    let help = match expression {
        Some(expression) => {
            format!(
                "write `{}${{{{ {expression} }}}}{}`",
                &value[..range.start],
                &value[range.end..]
            )
        }
        None => "let the script do it, or a task before `capture` it".to_owned(),
    };
    let place = place_of(text, node, range);
    found.push(Diagnostic::warning("unexpanded", message).at(place).help(help));
}

/// Returns what a shell would expand at the begin of a text or of a path in it, and the expression that
/// is the same.
fn of_a_shell(value: &str) -> Option<(Range<usize>, Option<String>)> {
    for (at, _) in value.match_indices('$') {
        let rest = &value[at + 1..];
        if !(at == 0 || value[..at].ends_with(['/', ':', ' ', '='])) || rest.starts_with("{{") {
            continue;
        }
        if let Some(command) = rest.strip_prefix('(') {
            let end = command.find(')')?;
            let is_command = command.starts_with(|c: char| c.is_ascii_lowercase());
            return is_command.then_some((at..at + 2 + end + 1, None));
        }
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
        let (name, after) = inner.split_at(end);
        if name.len() < 2 || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        if inner.len() == rest.len() {
            if after.is_empty() || after.starts_with(['/', ':', ' ']) {
                return Some((at..at + 1 + end, Some(format!("env.{name}"))));
            }
            continue;
        }
        let close = after.find('}')?;
        let whole = at..at + 2 + end + close + 1;
        return Some(match after[..close].strip_prefix(":-") {
            _ if close == 0 => (whole, Some(format!("env.{name}"))),
            Some(other) if !other.contains(['\'', '$']) => {
                (whole, Some(format!("default(env.{name}, '{other}')")))
            }
            Some(_) | None => (whole, None),
        });
    }
    None
}

/// Warns of a value that uses another variable of its own map, where no map below has that name.
fn own_map(
    map: &[Entry<'_>],
    below: &[&HashSet<String>],
    place: Place,
    text: &str,
    found: &mut Diagnostics,
) {
    let uses = |value: &str, name: &str| {
        value.match_indices("${{").any(|(at, _)| {
            let inside = value[at + 3..].split("}}").next().unwrap_or_default();
            let path = inside.trim().strip_prefix("env.");
            path == Some(name)
        })
    };
    for one in map {
        let Some(value) = one.value.scalar().filter(|value| value.contains("${{")) else {
            continue;
        };
        for other in map.iter().filter(|other| other.key != one.key) {
            let name = &*other.key;
            let extends = other.value.scalar().is_some_and(|value| uses(value, name));
            if !uses(value, name) || extends || below.iter().any(|map| map.contains(name)) {
                continue;
            }
            let at = value.find(&format!("env.{name}")).unwrap_or_default();
            let message =
                format!("`env.{name}` is not what this map sets: a map does not see itself");
            let help = match place {
                Place::Top => {
                    format!("set `{}` in `defaults: {{env: …}}` or in `env` of a task", one.key)
                }
                _ => format!("set `{name}` in `env` at the top of the file"),
            };
            let place = place_of(text, &one.value, at..at + 4 + name.len());
            found.push(Diagnostic::warning("own-map", message).at(place).help(help));
        }
    }
}

/// Warns of keys that stand below the header of an `env` of TOML.
fn keys_in_env(map: &[Entry<'_>], place: Place, found: &mut Diagnostics) {
    for one in map.iter().filter(|one| keys::find(&one.key, place).is_some()) {
        let header = match place {
            Place::Top => "the first header".to_owned(),
            _ => "the header of `env`".to_owned(),
        };
        let message =
            format!("`{}` is a variable here, since it stands below the header of `env`", one.key);
        let help = format!("write it above {header}, or `env` as `env = {{ … }}`");
        found.push(Diagnostic::warning("toml-key-in-env", message).at(one.span).help(help));
    }
}

/// Warns of a secret that nothing sets where a name near it is set.
fn secrets(
    top: &[Entry<'_>],
    outer: &HashSet<String>,
    written: &Written<'_, '_>,
    found: &mut Diagnostics,
) {
    let Some(list) = top.iter().find(|one| one.key == "secrets") else { return };
    let mut set: HashSet<&str> = outer.iter().map(|name| &**name).collect();
    let tasks = written.groups.iter().map(|(entry, _)| &entry.value);
    let defaults = top.iter().find(|one| one.key == "defaults").map(|one| &one.value);
    for map in tasks.chain(defaults).filter_map(Node::map) {
        let env = map.iter().find(|one| one.key == "env").and_then(|one| one.value.map());
        set.extend(env.unwrap_or_default().iter().map(|one| &*one.key));
    }
    let items: Vec<(&Node<'_>, &str)> =
        list.value.items().iter().filter_map(|item| Some((item, item.scalar()?))).collect();
    for (item, name) in &items {
        if set.contains(name) || name.contains('.') || name.len() < 4 {
            continue;
        }
        let others =
            set.iter().copied().filter(|other| items.iter().all(|(_, name)| name != other));
        let mut others: Vec<&str> = others.collect();
        others.sort_unstable();
        if let Some(near) = suggest(name, others.into_iter()) {
            let message = format!("the file sets no `{name}`; did you mean `{near}`?");
            let help = format!("write `{near}`; what it holds is not masked as it is");
            found.push(Diagnostic::warning("unset-secret", message).at(item.span).help(help));
        }
    }
}
