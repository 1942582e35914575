//! The tree into a flow: every key of the file, what each may hold, and all that is wrong with it.
//!
//! The names of all tasks are known before the first task is read, so that needs become ids at once
//! and a full layer of a thousand needs is kept as one list. The graph itself is in `wiring`.

use std::collections::HashMap;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::fields::{Fields, fields};
use super::keys::{self, Place};
use super::tree::{Entry, Kind, LineIndex, Node, Span};
use super::values::{self, Env};
use super::wiring::{Names, Wiring};
use super::{Loaded, MAX_FLOW_NAME};
use crate::model::{
    Flow, Ms, OnFailure, OnTaskFailure, Options, Retry, Shell, Syntax, Task, TaskId, Work,
};

const MAX_NAME: usize = 128; // bytes: names become parts of file names
const RECENT: usize = 8; // options that the next task may share
const VARIABLES: usize = 3_000_000; // of all tasks that have an `env` of their own; some 200 MB

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
    let defaults = defaults(&top, &env, found);
    let entries = task_entries(&top, found);
    let names = task_names(entries, found);
    let mut wiring = Wiring::new(&names, entries.len());
    let mut reader = TaskReader { defaults, recent: Vec::new(), n_variables: 0 };
    let mut tasks = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        found.subject = Some(entry.key.to_string());
        let task = reader.task(entry, found);
        wiring.needs_of(TaskId::from_index(at), entry, found);
        let line = origin.text.map_or(0, |(_, index)| index.line(entry.span.start as usize));
        tasks.extend(
            task.map(|task| Task { line: u32::try_from(line).unwrap_or(u32::MAX), ..task }),
        );
    }
    found.subject = None;
    wiring.graph(&top, origin.text.map(|(text, _)| text), entries, found);
    let default = top.get("default").map(|entry| wiring.list("default", &entry.value, found));
    let lists = wiring.finish(&mut tasks, entries, found);
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
        on_failure: on_failure.unwrap_or_default(),
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

/// Checks the names of all tasks, and numbers them.
fn task_names<'n>(entries: &'n [Entry<'_>], found: &mut Diagnostics) -> Names<'n> {
    let mut names = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let name = &*entry.key;
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
        let (wrong, help) = if name.is_empty() {
            ("is empty", "use letters, digits, `_`, `-` and `.`")
        } else if name.len() > MAX_NAME {
            ("is longer than 128 bytes", "use a shorter name, and `description` for the rest")
        } else if name.contains(['[', ']']) {
            ("holds a bracket", "`[` and `]` are kept for the members of a matrix")
        } else if name.contains('/') {
            ("holds a `/`", "use `.` or `-` instead")
        } else if !name.starts_with(starts) {
            ("does not begin with a letter", "begin it with a letter or `_`")
        } else if !name.chars().all(is_word) {
            ("holds a character that it may not", "use letters, digits, `_`, `-` and `.`")
        } else {
            names.insert(name, TaskId::from_index(at));
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

/// Reads `defaults`, over the flow's own `env`.
fn defaults(top: &Fields<'_, '_>, env: &Env, found: &mut Diagnostics) -> Defaults {
    let mut options = Options { env: env.clone().into(), ..Options::default() };
    let mut env = env.clone();
    if let Some(entry) = top.get("defaults") {
        match entry.value.map() {
            Some(map) => {
                let fields = fields(map, Place::Defaults, found);
                if let Some(entry) = fields.get("env") {
                    env = values::env(&entry.value, &env, found);
                    options.env = env.clone().into();
                }
                set_options(&fields, &mut options, found);
            }
            None => found.push(
                values::wrong_type("defaults", "a map of keys", &entry.value)
                    .help("write `defaults:` and below it, say, `  timeout: 10m`"),
            ),
        }
    }
    Defaults { options: Arc::new(options), env }
}

struct Defaults {
    options: Arc<Options>,
    env: Env,
}

struct TaskReader {
    defaults: Defaults,
    recent: Vec<Arc<Options>>,
    /// A task with one variable of its own copies all that the file gives to every task.
    n_variables: usize,
}

impl TaskReader {
    /// Reads a task, its needs apart.
    fn task(&mut self, entry: &Entry<'_>, found: &mut Diagnostics) -> Option<Task> {
        let name = &*entry.key;
        let (work, description, options) = match entry.value.kind() {
            Kind::Plain(script) | Kind::Text(script, _) => {
                warn_of_expressions(&entry.value, script, "run", found);
                let work = script_work(script, entry.value.span, found);
                (work, None, Arc::clone(&self.defaults.options))
            }
            Kind::Map(map) => {
                let fields = fields(map, Place::Task, found);
                let work = work(&fields, entry, found);
                let description = fields.text("description", found);
                (work, description, self.options(&fields, found))
            }
            Kind::Null => {
                let message = format!("the task `{name}` has nothing to do");
                found.push(
                    Diagnostic::error("no-work", message)
                        .at(entry.span)
                        .help(format!("write `{name}: SCRIPT`, or `run: SCRIPT` below it")),
                );
                return None;
            }
            Kind::List(_) | Kind::Shared(_) => {
                let message = format!("the task `{name}` is a script or a map of keys, not a list");
                found.push(
                    Diagnostic::error("wrong-type", message)
                        .at(entry.value.span)
                        .help("write several commands below `run: |`, one a line"),
                );
                return None;
            }
        };
        Some(Task {
            name: name.into(),
            description: description.map(Box::from),
            work: work?,
            needs: Default::default(),
            needs_any: Default::default(),
            options,
            line: 0,
        })
    }

    /// Reads what a task says beyond its work and its needs.
    fn options(&mut self, fields: &Fields<'_, '_>, found: &mut Diagnostics) -> Arc<Options> {
        let says = |key: &&str| fields.get(key).is_some();
        if !["env", "dir", "shell", "timeout", "retry", "fail", "ok_codes", "stdin"]
            .iter()
            .any(says)
        {
            return Arc::clone(&self.defaults.options);
        }
        let mut options = Options::clone(&self.defaults.options);
        if let Some(entry) = fields.get("env") {
            options.env = self.env(entry, found).into();
        }
        set_options(fields, &mut options, found);
        if let Some(entry) = fields.get("ok_codes")
            && let Some(codes) = values::ints(&entry.value, "ok_codes", (0, 255), found)
        {
            options.ok_codes = codes;
        }
        if let Some(entry) = fields.get("stdin") {
            options.stdin = values::plain_text(&entry.value, "stdin", found).map(Box::from);
        }
        if let Some(same) = self.recent.iter().find(|recent| ***recent == options) {
            return Arc::clone(same);
        }
        let options = Arc::new(options);
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Arc::clone(&options));
        options
    }

    /// Reads the environment of a task, within a budget for all of them.
    fn env(&mut self, entry: &Entry<'_>, found: &mut Diagnostics) -> Env {
        if self.n_variables > VARIABLES {
            return Env::new();
        }
        let env = values::env(&entry.value, &self.defaults.env, found);
        let n_bytes: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.n_variables += env.len() + n_bytes / 64;
        if self.n_variables > VARIABLES {
            let message = "the tasks of this file together hold more than 3,000,000 variables";
            let help = "each `env` of a task adds those of the file: keep few there, and let scripts read the rest from a file";
            found.push(Diagnostic::error("too-large", message).at(entry.span).help(help));
        }
        env
    }
}

/// Reads the keys that a task and `defaults` share, `env` apart.
fn set_options(fields: &Fields<'_, '_>, options: &mut Options, found: &mut Diagnostics) {
    if let Some(entry) = fields.get("dir")
        && let Some(dir) = values::expression_text(&entry.value, "dir", found)
    {
        if dir.is_empty() {
            let help = "write `.` for the file's folder, or remove the key";
            found
                .push(Diagnostic::error("empty", "`dir` is empty").at(entry.value.span).help(help));
        }
        options.dir = Some(dir.into());
    }
    if let Some(entry) = fields.get("shell")
        && let Some(shell) = shell(&entry.value, found)
    {
        options.shell = shell;
    }
    if let Some(entry) = fields.get("timeout") {
        options.timeout = values::duration(&entry.value, "timeout", found);
        if options.timeout == Some(Ms(0)) {
            let message = "`timeout` is zero: no attempt could end in time";
            found.push(
                Diagnostic::error("wrong-value", message)
                    .at(entry.value.span)
                    .help("write a longer time, or remove the key for none"),
            );
        }
    }
    if let Some(entry) = fields.get("retry") {
        options.retry = retry(&entry.value, found);
    }
    if let Some(entry) = fields.get("fail") {
        let word = values::one_of(&entry.value, "fail", keys::FAIL, found);
        options.fail = word.map(|word| match word {
            "continue" => OnTaskFailure::Continue,
            word => OnTaskFailure::As(on_failure(word)),
        });
    }
}

fn on_failure(word: &str) -> OnFailure {
    match word {
        "isolate" => OnFailure::Isolate,
        "kill" => OnFailure::Kill,
        _ => OnFailure::Stop, // the table holds no further word
    }
}

/// Reads `run` or `cmd`, exactly one of which a task has.
fn work(fields: &Fields<'_, '_>, task: &Entry<'_>, found: &mut Diagnostics) -> Option<Work> {
    let name = &task.key;
    match (fields.get("run"), fields.get("cmd")) {
        (Some(run), None) => {
            let script = values::text(&run.value, "run", found)?;
            warn_of_expressions(&run.value, script, "run", found);
            script_work(script, run.value.span, found)
        }
        (None, Some(cmd)) => {
            if let Some(shell) = fields.get("shell") {
                let message = "`shell` has no meaning beside `cmd`, which runs without one";
                let help = "remove it, or write the command as `run`";
                found.push(Diagnostic::error("shell-with-cmd", message).at(shell.span).help(help));
            }
            let words = values::words(&cmd.value, "cmd", found)?;
            for (item, word) in cmd.value.items().iter().zip(&words) {
                warn_of_expressions(item, word, "cmd", found);
            }
            Some(Work::Cmd(words.into()))
        }
        (Some(run), Some(cmd)) => {
            let message = format!("the task `{name}` has both `run` and `cmd`");
            found.push(
                Diagnostic::error("run-and-cmd", message)
                    .label(cmd.span, "")
                    .label(run.span, "")
                    .help("keep `run` for a script, or `cmd` for a program without a shell"),
            );
            None
        }
        (None, None) => {
            if !fields.is_meant("run") && !fields.is_meant("cmd") {
                let message = format!("the task `{name}` has neither `run` nor `cmd`");
                found.push(
                    Diagnostic::error("no-work", message)
                        .at(task.span)
                        .help("give it `run: SCRIPT`; `run: \":\"` does nothing"),
                );
            }
            None
        }
    }
}

fn script_work(script: &str, span: Span, found: &mut Diagnostics) -> Option<Work> {
    if script.trim().is_empty() {
        let message = "the script is empty";
        let help = "write a command; `\":\"` does nothing";
        found.push(Diagnostic::error("no-work", message).at(span).help(help));
        return None;
    }
    Some(Work::Run(script.into()))
}

fn shell(node: &Node<'_>, found: &mut Diagnostics) -> Option<Shell> {
    if matches!(node.kind(), Kind::List(_)) {
        let words = values::words(node, "shell", found)?;
        if !words.iter().any(|word| word.contains("{0}")) {
            let message = "`shell` has no word with `{0}`, where the script's file is to stand";
            let help = "for example `shell: [awk, -f, \"{0}\"]`";
            found.push(Diagnostic::error("shell", message).at(node.span).help(help));
        }
        return Some(Shell::Words(words.into()));
    }
    if let Some(text) = node.scalar()
        && text.contains(char::is_whitespace)
        && !text.contains("${{")
    {
        let words: Vec<_> = text.split_whitespace().collect();
        let message = "`shell` with arguments is a list of words";
        let help = format!("write `shell: [{}, \"{{0}}\"]`", words.join(", "));
        found.push(Diagnostic::error("shell", message).at(node.span).help(help));
        return None;
    }
    Some(match values::one_of(node, "shell", keys::SHELLS, found)? {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        "pwsh" => Shell::Pwsh,
        "python" => Shell::Python,
        "node" => Shell::Node,
        _ => Shell::Sh, // the table holds no further word
    })
}

fn retry(node: &Node<'_>, found: &mut Diagnostics) -> Retry {
    let mut retry = Retry::default();
    let Some(map) = node.map() else {
        if let Some(max) = values::int(node, "retry", (0, keys::MAX_RETRIES), found) {
            retry.max = max;
        }
        return retry;
    };
    let fields = fields(map, Place::Retry, found);
    match fields.get("max") {
        Some(entry) => {
            let max = values::int(&entry.value, "max", (0, keys::MAX_RETRIES), found);
            retry.max = max.unwrap_or_default();
        }
        None => found.push(
            Diagnostic::error("retry", "`retry` has no `max`, and so no further attempt")
                .at(fields.first().unwrap_or(node.span))
                .help("say how many further attempts: `max: 3`"),
        ),
    }
    let duration = |key: &str, found: &mut Diagnostics| {
        fields.get(key).and_then(|entry| values::duration(&entry.value, key, found))
    };
    let (delay, max_delay) = (duration("delay", found), duration("max_delay", found));
    retry.delay = delay.unwrap_or(retry.delay);
    // A pause that is asked for in so many words is not cut by a limit that nobody wrote.
    retry.max_delay = max_delay.unwrap_or(retry.max_delay.max(retry.delay));
    if retry.max_delay < retry.delay
        && let Some(entry) = fields.get("max_delay")
    {
        found.push(
            Diagnostic::error("retry", "`max_delay` is shorter than `delay`")
                .at(entry.value.span)
                .help("make it the longest pause, or remove it"),
        );
    }
    if let Some(entry) = fields.get("backoff")
        && let Some(factor) = values::factor(&entry.value, "backoff", found)
    {
        retry.backoff_milli = factor;
    }
    if let Some(entry) = fields.get("codes")
        && let Some(codes) = values::ints(&entry.value, "codes", (1, 255), found)
    {
        retry.codes = codes;
    }
    retry
}

/// Warns where a script holds what looks like one of our expressions: it is passed unchanged.
fn warn_of_expressions(node: &Node<'_>, script: &str, key: &str, found: &mut Diagnostics) {
    let mut rest = script;
    while let Some(start) = rest.find("${{") {
        let inside = &rest[start + 3..];
        let Some(end) = inside.find("}}") else { return };
        let expression = inside[..end].trim();
        if is_ours(expression) {
            let message = format!(
                "`${{{{ {expression} }}}}` in `{key}` is passed on unchanged, not replaced"
            );
            found.push(
                Diagnostic::warning("expression-in-script", message).at(node.span).help(format!(
                    "give it a name in `env` (`NAME: ${{{{ {expression} }}}}`), and write \"$NAME\" in the script"
                )),
            );
            return;
        }
        rest = &inside[end + 2..];
    }
}

/// Returns whether a text begins as an expression of this format does.
fn is_ours(expression: &str) -> bool {
    const ROOTS: [&str; 5] = ["params", "env", "matrix", "run", "tasks"];
    const FUNCTIONS: [&str; 8] = [
        "success",
        "failure",
        "cancelled",
        "always",
        "contains",
        "starts_with",
        "ends_with",
        "default",
    ];
    let expression = expression.trim_start_matches(['!', '(', ' ']);
    let end = expression.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (word, after) = expression.split_at(end.unwrap_or(expression.len()));
    let after = after.trim_start();
    ROOTS.contains(&word) && after.starts_with(['.', '['])
        || FUNCTIONS.contains(&word) && after.starts_with('(')
}
