//! The tree into a flow: the keys of the file, what each may hold, and all that is wrong with them.
//!
//! The names of all tasks are known before the first task is read, so that needs become ids at once
//! and a full layer of a thousand needs is kept as one list. A single task is read in `task`, the
//! graph in `wiring`.

use std::collections::HashMap;

use super::diag::{Diagnostic, Diagnostics};
use super::fields::{Fields, fields};
use super::keys::{self, Place};
use super::maps;
use super::pools::Pools;
use super::secrets;
use super::task::{TaskReader, defaults, on_failure};
use super::tree::{Entry, Kind, LineIndex, Node, Span};
use super::values::{self, Env};
use super::wiring::{Names, Part, Wiring};
use super::{Loaded, MAX_FLOW_NAME};
use crate::model::{Flow, Syntax, Task, TaskId};

const MAX_NAME: usize = 128; // bytes: names become parts of file names

/// What a flow has beside what its tree says.
pub(crate) struct Origin<'a> {
    pub(crate) file: Option<String>,
    pub(crate) file_sha256: Option<String>,
    pub(crate) syntax: Syntax,
    pub(crate) base_dir: std::path::PathBuf,
    pub(crate) default_name: String,
    /// The file's text and lines; `None` for a flow made in code.
    pub(crate) text: Option<(&'a str, &'a LineIndex)>,
}

/// Reads a tree.
pub(crate) fn lower(root: &Node<'_>, origin: Origin<'_>, mut found: Diagnostics) -> Loaded {
    let flow = flow(root, origin, &mut found);
    let flow = if found.has_error() { None } else { flow };
    Loaded { flow, diagnostics: found.sorted() }
}

fn flow(root: &Node<'_>, origin: Origin<'_>, found: &mut Diagnostics) -> Option<Flow> {
    let Some(map) = root.map() else {
        let message = format!("a workflow file is a map of keys, not {}", root.noun());
        let help = "begin with `tasks:`, and below it `  hello: echo hi`";
        found.push(Diagnostic::error("not-a-map", message).at(root.span).help(help));
        return None;
    };
    let secrets = secrets::read(map, found); // first: what follows must not show their values
    let top = fields(map, Place::Top, found);
    if let Some(version) = top.get("version") {
        check_version(&version.value, found);
    }
    let name = top.get("name").and_then(|entry| flow_name(&entry.value, found));
    let description = top.text("description", found);
    let env = match top.get("env") {
        Some(entry) => values::env(&entry.value, &Env::new(), found),
        None => Env::new(),
    };
    let on_failure = top.get("on_failure").and_then(|entry| {
        values::one_of(&entry.value, "on_failure", keys::ON_FAILURE, found).map(on_failure)
    });
    let jobs = top
        .get("jobs")
        .and_then(|entry| values::int(&entry.value, "jobs", (1, keys::MAX_JOBS), found));
    let mut pools = Pools::read(top.get("pools"), found);
    let defaults = defaults(&top, &env, found);
    let timeout = top.get("timeout").and_then(|entry| maps::timeout(&entry.value, found));
    let grace = top.get("grace").and_then(|entry| values::duration(&entry.value, "grace", found));
    let records = top.get("records").map(|entry| maps::records(&entry.value, found));
    let entries = task_entries(&top, found);
    let finally = finally_entries(&top, found);
    let n_tasks = entries.len();
    let entries: Vec<&Entry<'_>> = entries.iter().chain(finally).collect();
    let names = task_names(&entries, n_tasks, found);
    let mut wiring = Wiring::new(&names, n_tasks, entries.len());
    let mut reader = TaskReader::new(defaults, jobs);
    let mut tasks = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        found.subject = Some(entry.key.to_string());
        let task = reader.task(entry, &mut pools, found);
        let finally = at >= n_tasks;
        wiring.needs_of(TaskId::from_index(at), entry, found);
        let line = origin.text.map_or(0, |(_, index)| index.line(entry.span.start as usize));
        tasks.extend(task.map(|task| Task {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            finally,
            ..task
        }));
    }
    found.subject = None;
    let pools = pools.finish(found);
    wiring.graph(&top, origin.text.map(|(text, _)| text), &entries, found);
    let default = top.get("default");
    let default = default.map(|entry| wiring.list("default", &entry.value, Part::Tasks, found));
    let lists = wiring.finish(&mut tasks, &entries, found);
    Some(Flow {
        name: name.unwrap_or(origin.default_name),
        description,
        file: origin.file,
        syntax: origin.syntax,
        file_sha256: origin.file_sha256,
        base_dir: origin.base_dir,
        default,
        tasks,
        lists,
        jobs,
        pools,
        on_failure: on_failure.unwrap_or_default(),
        secrets,
        grace,
        timeout,
        records: records.unwrap_or_default(),
    })
}

fn check_version(node: &Node<'_>, found: &mut Diagnostics) {
    match node.kind() {
        Kind::Plain(text) if text == "1" => {}
        Kind::Text(text, _) if text == "1" => {
            let message = "`version` takes the number 1, not a text";
            found.push(
                Diagnostic::error("version", message)
                    .at(node.span)
                    .help("write it without quotes: `version: 1`"),
            );
        }
        Kind::Plain(text) | Kind::Text(text, _) => {
            let message = format!("`version: {text}` is unknown to this version of pyoco");
            found.push(
                Diagnostic::error("version", message)
                    .at(node.span)
                    .help("write `version: 1`, or remove the key"),
            );
        }
        Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
            found.push(
                values::wrong_type("version", "the number 1", node)
                    .help("write `version: 1`, or remove the key"),
            );
        }
    }
}

fn flow_name(node: &Node<'_>, found: &mut Diagnostics) -> Option<String> {
    let name = values::plain_text(node, "name", found)?;
    let wrong = if name.trim().is_empty() {
        "is empty"
    } else if name.len() > MAX_FLOW_NAME {
        "is longer than 256 bytes"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Some(name.to_owned());
    };
    found.push(
        Diagnostic::error("flow-name", format!("the flow's `name` {wrong}"))
            .at(node.span)
            .help("write one short line, or remove the key: the file's name serves then"),
    );
    None
}

/// Returns the entries of `tasks`, of which there must be one.
fn task_entries<'n, 's>(top: &Fields<'n, 's>, found: &mut Diagnostics) -> &'n [Entry<'s>] {
    let example = "write `tasks:` and below it `  hello: echo hi`";
    let Some(entry) = top.get("tasks") else {
        if top.is_meant("tasks") {
            return &[]; // said already, with the right key
        }
        let first = top.first().unwrap_or(Span::NONE);
        let message = "the file has no `tasks`";
        found.push(Diagnostic::error("no-tasks", message).at(first).help(example));
        return &[];
    };
    match entry.value.kind() {
        Kind::Map(entries) if !entries.is_empty() => entries,
        Kind::Map(_) | Kind::Null => {
            let message = "`tasks` is empty: there is nothing to run";
            found.push(Diagnostic::error("no-tasks", message).at(entry.span).help(example));
            &[]
        }
        Kind::List(_) | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => {
            let wrong = values::wrong_type("tasks", "a map of names to tasks", &entry.value);
            found.push(
                wrong.help("write each task as `name: SCRIPT`, or `name:` with keys below it"),
            );
            &[]
        }
    }
}

/// Returns the entries of `finally`, of which there is one where the key stands.
fn finally_entries<'n, 's>(top: &Fields<'n, 's>, found: &mut Diagnostics) -> &'n [Entry<'s>] {
    let Some(entry) = top.get("finally") else { return &[] };
    match entry.value.kind() {
        Kind::Map(entries) if !entries.is_empty() => entries,
        Kind::Map(_) | Kind::Null => {
            let message = "`finally` is empty: nothing would run at the end";
            let help = "write below it, say, `  clean: rm -rf build`, or remove the key";
            found.push(Diagnostic::error("empty", message).at(entry.span).help(help));
            &[]
        }
        Kind::List(_) | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => {
            let wrong = values::wrong_type("finally", "a map of names to tasks", &entry.value);
            found.push(wrong.help("write each task as `name: SCRIPT`, as below `tasks`"));
            &[]
        }
    }
}

/// Checks the names of all tasks, and numbers them; from `n_tasks` on they are those of `finally`.
fn task_names<'n>(entries: &[&'n Entry<'_>], n_tasks: usize, found: &mut Diagnostics) -> Names<'n> {
    let mut names = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let name = &*entry.key;
        let Some((wrong, help)) = wrong_name(name) else {
            // Within one map the reader of the file has said it already.
            if let Some(first) = names.insert(name, TaskId::from_index(at))
                && first.index() < n_tasks
                && at >= n_tasks
            {
                let message = format!("`{name}` is a task of `tasks` and of `finally`");
                let help = "give one of them another name";
                found.push(
                    Diagnostic::error("task-name", message)
                        .label(entry.span, "")
                        .label(entries[first.index()].span, "")
                        .help(help),
                );
            }
            continue;
        };
        found.push_error(|| {
            let shown: String = name.chars().take(40).collect();
            let message = format!("the task's name `{shown}` {wrong}");
            Diagnostic::error("task-name", message).at(entry.span).help(help)
        });
        names.insert(name, TaskId::from_index(at));
    }
    names
}

/// Returns what is wrong with the name of a task or a pool, and the way out.
pub(crate) fn wrong_name(name: &str) -> Option<(&'static str, &'static str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if name.is_empty() {
        Some(("is empty", "use letters, digits, `_`, `-` and `.`"))
    } else if name.len() > MAX_NAME {
        Some(("is longer than 128 bytes", "use a shorter name, and `description` for the rest"))
    } else if name.contains(['[', ']']) {
        Some(("holds a bracket", "`[` and `]` are kept for the members of a matrix"))
    } else if name.contains('/') {
        Some(("holds a `/`", "use `.` or `-` instead"))
    } else if !name.starts_with(starts) {
        Some(("does not begin with a letter", "begin it with a letter or `_`"))
    } else if !name.chars().all(is_word) {
        Some(("holds a character that it may not", "use letters, digits, `_`, `-` and `.`"))
    } else {
        None
    }
}
