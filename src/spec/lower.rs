//! The tree into a flow: the keys of the file, what each may hold, and all that is wrong with them.
//!
//! The names of all tasks are known before the first task is read, so that needs become ids at once
//! and a full layer of a thousand needs is kept as one list. A single task is read in `task`, the
//! graph in `wiring`.

use super::diag::{Diagnostic, Diagnostics};
use super::env_files::{EnvFiles, inherit_env};
use super::expr::Key;
use super::fields::{Fields, fields};
use super::keys::{self, Place};
use super::lint::{Written, lint};
use super::maps;
use super::matrix;
use super::names::{Asker, Declared, Names};
use super::params::{Params, params};
use super::pools::Pools;
use super::scope::{FileScope, Place as At};
use super::secrets;
use super::settings::{Purpose, Settings};
use super::task::{TaskReader, defaults, on_failure, varies};
use super::tree::{Entry, Kind, LineIndex, Node, Span};
use super::values::{self, Env};
use super::wiring::Wiring;
use super::{Loaded, MAX_FLOW_NAME};
use crate::model::expr::Template;
use crate::model::{Flow, ListId, Part, Syntax, Task, TaskId};

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
pub(crate) fn lower(
    root: &Node<'_>,
    origin: Origin<'_>,
    settings: &Settings,
    mut found: Diagnostics,
) -> Loaded {
    let flow = flow(root, origin, settings, &mut found);
    let flow = if found.has_error() { None } else { flow };
    Loaded { flow, diagnostics: found.sorted() }
}

fn flow(
    root: &Node<'_>,
    origin: Origin<'_>,
    settings: &Settings,
    found: &mut Diagnostics,
) -> Option<Flow> {
    let Some(map) = root.map() else {
        let message = format!("a workflow file is a map of keys, not {}", root.noun());
        let help = "begin with `tasks:`, and below it `  hello: echo hi`";
        found.push(Diagnostic::error("not-a-map", message).at(root.span).help(help));
        return None;
    };
    let listed = secrets::read(map, settings, found); // first: what follows must not show their values
    let top = fields(map, Place::Top, found);
    if let Some(version) = top.get("version") {
        check_version(&version.value, found);
    }
    let name = top.get("name").and_then(|entry| flow_name(&entry.value, found));
    let description = top.text("description", found);
    let names = listed.0.iter().filter_map(|secret| secret.name.strip_prefix("params."));
    let params = params(&top, settings, &names.collect::<Vec<_>>(), found);
    let on_failure = top.get("on_failure").and_then(|entry| {
        values::one_of(&entry.value, "on_failure", keys::ON_FAILURE, found).map(on_failure)
    });
    let jobs = top
        .get("jobs")
        .and_then(|entry| values::int(&entry.value, "jobs", (1, keys::MAX_JOBS), found));
    let grace = top.get("grace").and_then(|entry| values::duration(&entry.value, "grace", found));
    let records = top.get("records").map(|entry| maps::records(&entry.value, found));
    let entries = task_entries(&top, found);
    let finally = finally_entries(&top, found);
    let file_text = origin.text.map(|(text, _)| text);
    let names = task_names(entries, finally, &params, file_text, found);
    let mut wiring = Wiring::new(&names);
    for members in names.by_entry() {
        found.subject = Some(names.tasks[members.start].entry.key.to_string());
        wiring.needs_of(members, found);
    }
    found.subject = None;
    let has_tasks = !entries.is_empty();
    let before = found.n_errors();
    if has_tasks {
        wiring.graph(&top, file_text, found);
    }
    let is_graph_in_doubt = found.n_errors() > before;
    // Of no task the names are known: why is said already.
    let default = top
        .get("default")
        .filter(|_| has_tasks)
        .map(|entry| wiring.list("default", &entry.value, Part::Tasks, Asker::Nobody, found));
    let (needs, lists) = wiring.finish(found);
    let scope = FileScope {
        params: &params,
        names: &names,
        needs: &needs,
        lists: &lists,
        text: file_text,
        base_dir: &origin.base_dir,
        is_graph_in_doubt,
        caller_dir: settings.caller_dir.clone(),
        ancestors: Default::default(),
    };
    let timeout = top.get("timeout").and_then(|entry| {
        let text =
            scope.of(At::Flow, Key::FlowTimeout).known_text(&entry.value, "timeout", found)?;
        maps::timeout(&text, &entry.value, found)
    });
    let mut env_files = EnvFiles::new(&origin.base_dir);
    let env_below = match top.get("env_file") {
        Some(entry) => {
            let scope = scope.of(At::Flow, Key::FlowEnvFile);
            env_files.env(&entry.value, &Env::new(), scope, found)
        }
        None => Env::new(),
    };
    let inherit_env = top.get("inherit_env").map(|entry| inherit_env(&entry.value, found));
    let env = match top.get("env") {
        Some(entry) => values::env(&entry.value, &Env::new(), scope.of(At::Flow, Key::Env), found),
        None => Env::new(),
    };
    let defaults = defaults(&top, &env, &scope, found);
    let mut reader = TaskReader::new(&scope, defaults, env_files, jobs);
    let line_of = |entry: &Entry<'_>| {
        let line = origin.text.map_or(0, |(_, index)| index.line(entry.span.start as usize));
        u32::try_from(line).unwrap_or(u32::MAX)
    };
    let groups: Vec<_> = match settings.purpose {
        Purpose::Check => names.by_entry().collect(),
        Purpose::Run | Purpose::Look => Vec::new(),
    };
    let mut pools = Pools::read(top.get("pools"), found);
    let tasks = tasks(&names, &mut reader, &mut pools, &needs, &line_of, found);
    let pools = pools.finish(found);
    let secrets = secrets::with_files(listed, &reader.env_files.seen);
    let secrets = secrets::with_templates(secrets, &tasks);
    let secret_outputs = match has_tasks {
        true => secrets::outputs(map, &names, found),
        false => Vec::new(),
    };
    let flow = Flow {
        name: name.unwrap_or(origin.default_name),
        description,
        file: origin.file,
        syntax: origin.syntax,
        file_sha256: origin.file_sha256,
        base_dir: origin.base_dir,
        default,
        tasks,
        moved: None,
        lists,
        jobs,
        pools,
        on_failure: on_failure.unwrap_or_default(),
        secrets,
        secret_outputs: secret_outputs.into(),
        params: params.known,
        env_below: env_below.into_iter().filter_map(literal).collect(),
        inherit_env: inherit_env.unwrap_or_default(),
        grace,
        timeout,
        records: records.unwrap_or_default(),
    };
    if settings.purpose == Purpose::Check && !found.has_error() {
        let written = Written::new(entries.iter().chain(finally), groups);
        lint(root, &flow, &written, file_text, found);
    }
    Some(flow)
}

/// Returns a variable of a file of variables, in which no expression stands.
fn literal((name, value): (Box<str>, Template)) -> Option<(Box<str>, Box<str>)> {
    Some((name, value.constant()?.into()))
}

/// Reads all tasks; members of a matrix that say the same are read once.
fn tasks(
    names: &Names<'_>,
    reader: &mut TaskReader<'_, '_>,
    pools: &mut Pools<'_>,
    needs: &[(ListId, ListId)],
    line_of: &dyn Fn(&Entry<'_>) -> u32,
    found: &mut Diagnostics,
) -> Vec<Task> {
    let mut tasks = Vec::with_capacity(names.tasks.len());
    for members in names.by_entry() {
        let entry = names.tasks[members.start].entry;
        found.subject = Some(entry.key.to_string());
        let line = line_of(entry);
        let varies = members.len() > 1 && varies(entry);
        let mut shared: Option<Task> = None;
        for at in members {
            if shared.is_none() || varies {
                shared = reader.task(TaskId::from_index(at), pools, found);
            }
            let Some(task) = &shared else { break };
            let declared = &names.tasks[at];
            tasks.push(Task {
                name: declared.name.clone(),
                member: declared.member.clone(),
                needs: needs[at].0,
                needs_any: needs[at].1,
                line,
                ..task.clone()
            });
        }
    }
    found.subject = None;
    tasks
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
            .help("write one short line, or remove the key: the file's name is used then"),
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

/// The most tasks of a file, members of matrices included.
const MAX_TASKS: usize = 2_000_000;

/// Checks the names of all tasks, and numbers them and their members; those of `finally` come last.
fn task_names<'n>(
    entries: &'n [Entry<'n>],
    finally: &'n [Entry<'n>],
    params: &Params,
    text: Option<&str>,
    found: &mut Diagnostics,
) -> Names<'n> {
    let mut names = Names::new();
    for entry in entries.iter().chain(finally) {
        if finally.first().is_some_and(|first| std::ptr::eq(first, entry)) {
            names.n_tasks = names.tasks.len();
        }
        let matrix = entry.value.map().unwrap_or_default().iter().find(|one| one.key == "matrix");
        let matrix = matrix.map(|one| matrix::matrix(&entry.key, &one.value, params, text, found));
        let earlier = names.add(entry, matrix);
        check_name(entry, earlier.map(|earlier| &names.tasks[earlier.index()]), found);
        if names.tasks.len() > MAX_TASKS {
            let message = format!("the file has more than {MAX_TASKS} tasks with all members");
            let help = "use smaller matrices";
            found.push(Diagnostic::error("too-large", message).at(entry.span).help(help));
            break;
        }
    }
    if finally.is_empty() {
        names.n_tasks = names.tasks.len();
    }
    names
}

/// Checks the name of a task; `earlier` is the task that has it already.
fn check_name(entry: &Entry<'_>, earlier: Option<&Declared<'_>>, found: &mut Diagnostics) {
    if let Some(earlier) = earlier {
        let message = format!("`{}` is a task of `tasks` and of `finally`", entry.key);
        let help = "give one of them another name";
        let error = Diagnostic::error("task-name", message).label(entry.span, "");
        found.push(error.label(earlier.entry.span, "").help(help));
    }
    let name = &*entry.key;
    let Some((wrong, help)) = wrong_name(name) else { return };
    found.push_error(|| {
        let shown: String = name.chars().take(40).collect();
        let message = match name.is_empty() {
            true => "the name of a task is empty".to_owned(),
            false => format!("the task's name `{shown}` {wrong}"),
        };
        Diagnostic::error("task-name", message).at(entry.span).help(help)
    });
}

/// Returns what is wrong with the name of a task, a pool, a param or a key of a matrix, and the way out.
pub(crate) fn wrong_name(name: &str) -> Option<(&'static str, &'static str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if name.is_empty() {
        Some(("is empty", "write a name there"))
    } else if name.len() > MAX_NAME {
        Some(("is longer than 128 bytes", "use a shorter name, and `description` for the rest"))
    } else if name.contains(['[', ']']) {
        Some(("holds a bracket, which is for members of a matrix", "use `.` or `-` instead"))
    } else if name.contains('/') {
        Some(("holds a `/`", "use `.` or `-` instead"))
    } else if name.starts_with(|c: char| c.is_alphabetic() && !c.is_ascii()) {
        Some((
            "begins with a letter that is not one of a to z",
            "begin it with a letter of a to z, or `_`",
        ))
    } else if !name.starts_with(starts) {
        Some(("does not begin with a letter", "begin it with a letter or `_`"))
    } else if !name.chars().all(is_word) {
        Some(("holds a character that it may not", "use letters, digits, `_`, `-` and `.`"))
    } else {
        None
    }
}
