//! A task of the tree: its work, and what it says beside it or takes from `defaults`.
//!
//! Equal options of neighbouring tasks are kept once. What a task needs is for `wiring`.

use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::env_files::EnvFiles;
use super::expr::Key;
use super::fields::{Fields, fields};
use super::foreign;
use super::hints::{quoted_list, suggest};
use super::keys::{self, Place};
use super::maps;
use super::misplaced;
use super::pools::Pools;
use super::promises;
use super::remedy;
use super::scope::{FileScope, Place as At};
use super::tree::{Entry, Kind, Node, Span, place_of};
use super::values::{self, Env};
use crate::model::expr::{Condition, Expr, Template, Value};
use crate::model::{OnCancel, OnFailure, OnTaskFailure, Options, Shell, Task, TaskId, Work};

/// The keys of a task that are options of it.
const OPTIONS: &[&str] = &[
    "env",
    "env_file",
    "dir",
    "shell",
    "timeout",
    "retry",
    "fail",
    "kill",
    "on_cancel",
    "ok_codes",
    "stdin",
    "interactive",
    "pool",
    "tags",
    "resources",
    "outputs",
    "capture",
    "artifacts",
];
const LONGEST_PATH: usize = 4096; // bytes, on Linux; less elsewhere
const RECENT: usize = 8; // options that the next task may share
const VARIABLES: usize = 3_000_000; // of all tasks that have an `env` of their own; some 200 MB

/// Reads `defaults`, over the flow's own `env`.
pub(crate) fn defaults(
    top: &Fields<'_, '_>,
    env: &Env,
    scope: &FileScope<'_>,
    found: &mut Diagnostics,
) -> Defaults {
    let mut options = Options { env: env.clone().into(), ..Options::default() };
    let mut env = env.clone();
    if let Some(entry) = top.get("defaults") {
        match entry.value.map() {
            Some(map) => {
                let fields = fields(map, Place::Defaults, found);
                if let Some(entry) = fields.get("env") {
                    env = values::env(&entry.value, &env, scope.of(At::Flow, Key::Env), found);
                    options.env = env.clone().into();
                }
                set_options(&fields, &mut options, scope, At::Flow, found);
            }
            None => found.push(
                values::wrong_type("defaults", "a map of keys", &entry.value)
                    .help("write `defaults:` and below it, say, `  timeout: 10m`"),
            ),
        }
    }
    Defaults { options: Arc::new(options), env }
}

/// What a task has that says nothing itself.
pub(crate) struct Defaults {
    options: Arc<Options>,
    env: Env,
}

/// Reads tasks one after the other.
pub(crate) struct TaskReader<'a, 'n> {
    scope: &'a FileScope<'n>,
    defaults: Defaults,
    pub(crate) env_files: EnvFiles,
    recent: Vec<Arc<Options>>,
    /// A task with one variable of its own copies all that the file gives to every task.
    n_variables: usize,
    jobs: Option<u32>,
}

impl<'a, 'n> TaskReader<'a, 'n> {
    pub(crate) fn new(
        scope: &'a FileScope<'n>,
        defaults: Defaults,
        env_files: EnvFiles,
        jobs: Option<u32>,
    ) -> TaskReader<'a, 'n> {
        TaskReader { scope, defaults, env_files, recent: Vec::new(), n_variables: 0, jobs }
    }

    /// Reads a task, its needs apart.
    pub(crate) fn task(
        &mut self,
        id: TaskId,
        pools: &mut Pools<'_>,
        found: &mut Diagnostics,
    ) -> Option<Task> {
        let names = self.scope.names;
        let declared = &names.tasks[id.index()];
        let entry = declared.entry;
        let name = &*entry.key;
        let part = if names.is_finally(id) { "finally" } else { "tasks" };
        if let Some(error) = misplaced::error(entry, part) {
            found.push(error);
            return None;
        }
        if let Some(warning) = misplaced::warning(entry, part, names) {
            found.push(warning);
        }
        let mut condition = None;
        let (work, description, options) = match entry.value.kind() {
            Kind::Plain(script) | Kind::Text(script, _) => {
                warn_of_expressions(&entry.value, script, "run", self.scope.text, found);
                let work = script_work(script, entry.value.span, found);
                (work, None, Arc::clone(&self.defaults.options))
            }
            Kind::Map(map) => {
                let fields = fields(map, Place::Task, found);
                let work = work(&fields, entry, self.scope.text, found);
                let description = fields.text("description", found);
                condition = fields.get("if").and_then(|entry| {
                    self.scope.of(At::Task(id), Key::If).condition(&entry.value, found)
                });
                (work, description, self.options(id, &fields, pools, found))
            }
            Kind::Null => {
                let message = format!("the task `{name}` has nothing to do");
                let next = names.tasks.get(id.index() + 1).map(|next| &*next.entry.key);
                let help = match next.filter(|next| keys::find(next, Place::Task).is_some()) {
                    Some(next) => format!("indent `{next}` further than `{name}`"),
                    None => format!("write `{name}: SCRIPT`, or `run: SCRIPT` below it"),
                };
                found.push(Diagnostic::error("no-work", message).at(entry.span).help(help));
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
            name: declared.name.clone(),
            description: description.map(Box::from),
            work: work?,
            needs: Default::default(),
            needs_any: Default::default(),
            options,
            member: declared.member.clone(),
            condition: if declared.is_open { Some(Arc::new(never())) } else { condition },
            line: 0,
            finally: names.is_finally(id),
        })
    }

    /// Reads what a task says beyond its work and its needs.
    fn options(
        &mut self,
        id: TaskId,
        fields: &Fields<'_, '_>,
        pools: &mut Pools<'_>,
        found: &mut Diagnostics,
    ) -> Arc<Options> {
        let says = |key: &&str| fields.get(key).is_some();
        if !OPTIONS.iter().any(says) {
            return Arc::clone(&self.defaults.options);
        }
        let mut options = Options::clone(&self.defaults.options);
        if fields.get("env").or_else(|| fields.get("env_file")).is_some() {
            options.env = self.env(id, fields, found).into();
        }
        set_options(fields, &mut options, self.scope, At::Task(id), found);
        if let Some(entry) = fields.get("ok_codes")
            && let Some(codes) = values::ints(&entry.value, "ok_codes", (0, 255), found)
        {
            options.ok_codes = codes;
        }
        if let Some(entry) = fields.get("retry") {
            maps::warn_of_good_codes(&entry.value, &options.ok_codes, found);
        }
        if let Some(entry) = fields.get("stdin") {
            options.stdin = values::plain_text(&entry.value, "stdin", found).map(Box::from);
        }
        if let Some(entry) = fields.get("pool") {
            let scope = self.scope.of(At::Task(id), Key::Pool);
            options.pools = pools.needs(&entry.value, &scope, found);
        }
        if let Some(entry) = fields.get("tags") {
            options.tags = maps::tags(&entry.value, found);
        }
        if let Some(entry) = fields.get("resources") {
            options.resources = maps::resources(&entry.value, found);
            self.warn_of_cpus(&entry.value, options.resources.cpus, found);
        }
        if let Some(entry) = fields.get("interactive") {
            options.interactive =
                values::bool(&entry.value, "interactive", found).unwrap_or_default();
            if options.interactive
                && let Some(stdin) = fields.get("stdin")
            {
                let message =
                    "`stdin` has no meaning beside `interactive`, which reads the terminal";
                let help = "remove one of the two";
                found.push(
                    Diagnostic::error("stdin-with-interactive", message).at(stdin.span).help(help),
                );
            }
        }
        let scope = self.scope.of(At::Task(id), Key::Artifacts);
        options.promises = promises::promises(fields, options.interactive, &scope, found);
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

    /// Warns where a task wants more slots of `jobs` than the file gives the run.
    fn warn_of_cpus(&self, node: &Node<'_>, cpus: Option<u32>, found: &mut Diagnostics) {
        let Some((cpus, jobs)) = cpus.zip(self.jobs).filter(|(cpus, jobs)| cpus > jobs) else {
            return;
        };
        let entry = node.map().and_then(|map| map.iter().find(|entry| entry.key == "cpus"));
        let message = format!("`cpus: {cpus}` is more than `jobs: {jobs}`");
        found.push(
            Diagnostic::warning("more-than-jobs", message)
                .at(entry.map_or(node.span, |entry| entry.value.span))
                .help(format!("the task holds all slots and runs alone: write `cpus: {jobs}`, or a larger `jobs`")),
        );
    }

    /// Reads the environment of a task, within a budget for all of them.
    fn env(&mut self, id: TaskId, fields: &Fields<'_, '_>, found: &mut Diagnostics) -> Env {
        if self.n_variables > VARIABLES {
            return Env::new();
        }
        let (mut env, mut place) = (self.defaults.env.clone(), Span::NONE);
        if let Some(entry) = fields.get("env_file") {
            let scope = self.scope.of(At::Task(id), Key::EnvFile);
            (env, place) = (self.env_files.env(&entry.value, &env, scope, found), entry.span);
        }
        if let Some(entry) = fields.get("env") {
            let scope = self.scope.of(At::Task(id), Key::Env);
            (env, place) = (values::env(&entry.value, &env, scope, found), entry.span);
        }
        let length = |value: &Template| value.constant().map_or(64, str::len);
        let n_bytes: usize = env.iter().map(|(name, value)| name.len() + length(value)).sum();
        self.n_variables += env.len() + n_bytes / 64;
        if self.n_variables > VARIABLES {
            let message = "the tasks of this file together hold more than 3,000,000 variables";
            let help = "each `env` of a task adds those of the file: keep few there, and let scripts read the rest from a file";
            found.push(Diagnostic::error("too-large", message).at(place).help(help));
        }
        env
    }
}

/// Reads the keys that a task and `defaults` share, `env` apart.
fn set_options(
    fields: &Fields<'_, '_>,
    options: &mut Options,
    scope: &FileScope<'_>,
    at: At,
    found: &mut Diagnostics,
) {
    if let Some(entry) = fields.get("dir")
        && let Some(dir) = scope.of(at, Key::Dir).template(&entry.value, "dir", found)
    {
        if dir.constant() == Some("") {
            let help = "write `.` for the file's folder, or remove the key";
            found
                .push(Diagnostic::error("empty", "`dir` is empty").at(entry.value.span).help(help));
        }
        if dir.constant().is_some_and(|dir| dir.len() >= LONGEST_PATH) {
            let error = Diagnostic::error("too-long", "`dir` is longer than any path can be");
            found.push(error.at(entry.value.span).help("write a shorter path"));
        }
        options.dir = Some(dir);
    }
    if let Some(entry) = fields.get("shell")
        && let Some(shell) = shell(&entry.value, found)
    {
        options.shell = shell;
    }
    if let Some(entry) = fields.get("timeout")
        && let Some(template) = scope.of(at, Key::Timeout).template(&entry.value, "timeout", found)
    {
        match template.constant() {
            Some(text) => options.timeout = maps::timeout(text, &entry.value, found),
            None => (options.timeout, options.timeout_later) = (None, Some(template)),
        }
    }
    if let Some(entry) = fields.get("retry") {
        options.retry = maps::retry(&entry.value, found);
    }
    if let Some(entry) = fields.get("kill") {
        options.kill = maps::kill(&entry.value, found);
    }
    if let Some(entry) = fields.get("on_cancel") {
        let word = values::one_of(&entry.value, "on_cancel", keys::ON_CANCEL, found);
        options.on_cancel = match word {
            Some("stop") => OnCancel::Stop,
            Some(_) | None => OnCancel::Finish, // the table holds no further word
        };
    }
    if let Some(entry) = fields.get("fail") {
        let word = values::one_of(&entry.value, "fail", keys::FAIL, found);
        options.fail = word.map(|word| match word {
            "continue" => OnTaskFailure::Continue,
            word => OnTaskFailure::As(on_failure(word)),
        });
    }
}

/// Returns the `if` of a task that has no members.
fn never() -> Condition {
    Condition::new(Expr::Value(Value::Bool(false)))
}

/// Returns whether the members of a matrix may say different things.
pub(crate) fn varies(entry: &Entry<'_>) -> bool {
    fn has_expression(node: &Node<'_>) -> bool {
        match node.kind() {
            Kind::Plain(text) | Kind::Text(text, _) => text.contains("${{"),
            Kind::List(items) => items.iter().any(has_expression),
            Kind::Map(entries) => entries.iter().any(|entry| has_expression(&entry.value)),
            Kind::Null | Kind::Shared(_) => false,
        }
    }
    let map = entry.value.map().unwrap_or_default();
    map.iter().any(|one| match &*one.key {
        "if" => true,
        "env" | "env_file" | "dir" | "timeout" | "pool" | "artifacts" => has_expression(&one.value),
        _ => false,
    })
}

/// Returns the policy of a word of the table.
pub(crate) fn on_failure(word: &str) -> OnFailure {
    match word {
        "isolate" => OnFailure::Isolate,
        "kill" => OnFailure::Kill,
        _ => OnFailure::Stop, // the table holds no further word
    }
}

/// Reads `run` or `cmd`, exactly one of which a task has.
fn work(
    fields: &Fields<'_, '_>,
    task: &Entry<'_>,
    text: Option<&str>,
    found: &mut Diagnostics,
) -> Option<Work> {
    let name = &task.key;
    match (fields.get("run"), fields.get("cmd")) {
        (Some(run), None) => {
            if let Kind::List(items) = run.value.kind()
                && !items.iter().any(is_test)
                && items.iter().any(|item| item.scalar().is_none_or(|line| line.contains(' ')))
                && let Some(help) = foreign::script(&run.value)
            {
                found.push(values::wrong_type("run", "a text", &run.value).help(help));
                return None;
            }
            let script = values::text(&run.value, "run", found)?;
            warn_of_expressions(&run.value, script, "run", text, found);
            script_work(script, run.value.span, found)
        }
        (None, Some(cmd)) => {
            if let Some(shell) = fields.get("shell") {
                let message = "`shell` has no meaning beside `cmd`, which runs without one";
                let help = "remove `shell`, or write the command as `run`";
                found.push(Diagnostic::error("shell-with-cmd", message).at(shell.span).help(help));
            }
            let words = values::words(&cmd.value, "cmd", found)?;
            for (item, word) in cmd.value.items().iter().zip(&words) {
                warn_of_expressions(item, word, "cmd", text, found);
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
            if !fields.is_meant("run") && !fields.is_meant("cmd") && !fields.has_riddle() {
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

/// Returns whether an item is what `[ -f FILE ]` becomes, which the shell would have tested.
fn is_test(item: &Node<'_>) -> bool {
    item.scalar().is_some_and(|text| text.starts_with(['-', '"', '$']))
}

fn script_work(script: &str, span: Span, found: &mut Diagnostics) -> Option<Work> {
    if script.trim().is_empty() {
        let message = "the script is empty";
        let help = "write a command; `\":\"` does nothing";
        found.push(Diagnostic::error("no-work", message).at(span).help(help));
        return None;
    }
    values::without_nul(script, span, "run", found)?;
    if script.contains("\r\n") {
        let message = "this script has CRLF line ends; a shell takes the CR for a part of a word";
        let help = "write `\\n` in place of `\\r\\n`";
        found.push(Diagnostic::warning("crlf-in-script", message).at(span).help(help));
    }
    Some(Work::Run(script.into()))
}

fn shell(node: &Node<'_>, found: &mut Diagnostics) -> Option<Shell> {
    if matches!(node.kind(), Kind::List(_)) {
        if let Some(words) = with_bare_place(node) {
            let message = "`{0}` without quotes is a map in a list, not a word";
            let help = format!("write `{}`", remedy::interpreter(words));
            found.push(Diagnostic::error("shell", message).at(node.span).help(help));
            return None;
        }
        let words = values::words(node, "shell", found)?;
        for item in node.items() {
            values::plain_text(item, "shell", found); // says that no expression stands here
        }
        if !words.iter().any(|word| word.contains("{0}")) {
            let message = "`shell` has no word with `{0}`, where the script's file is to stand";
            let help = format!("write `{}`", remedy::interpreter(words.iter().map(|word| &**word)));
            found.push(Diagnostic::error("shell", message).at(node.span).help(help));
        }
        return Some(Shell::Words(words.into()));
    }
    if let Some(text) = node.scalar().filter(|text| !text.contains("${{")) {
        let words: Vec<_> = text.split_whitespace().collect();
        let name = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or_default());
        let wrong = match &*words {
            [_, _, ..] => {
                let message = "`shell` with arguments is a list of words".to_owned();
                Some((message, remedy::interpreter(words)))
            }
            [path] if path.contains('/') && keys::SHELLS.contains(&name) => {
                Some((format!("`shell` cannot be `{path}`"), format!("shell: {name}")))
            }
            [word]
                if !keys::SHELLS.contains(word)
                    && suggest(word, keys::SHELLS.iter().copied()).is_none() =>
            {
                Some((format!("`shell` cannot be `{word}`"), remedy::interpreter(words)))
            }
            _ => None,
        };
        if let Some((message, line)) = wrong {
            let known = match name == text {
                true => format!(", or one of {}", quoted_list(keys::SHELLS)),
                false => String::new(),
            };
            let help = format!("write `{line}`{known}");
            found.push(Diagnostic::error("shell", message).at(node.span).help(help));
            return None;
        }
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

/// Returns the words of a list in which a `{0}` has no quotes, and so is a map in YAML.
fn with_bare_place<'n>(node: &'n Node<'_>) -> Option<Vec<&'n str>> {
    let is_place = |item: &Node<'_>| {
        item.map().is_some_and(|map| {
            let [entry] = map else { return false };
            entry.key == "0" && matches!(entry.value.kind(), Kind::Null)
        })
    };
    let items = node.items();
    let word = |item: &'n Node<'_>| if is_place(item) { Some("{0}") } else { item.scalar() };
    items.iter().any(is_place).then(|| items.iter().map(word).collect())?
}

/// Warns where a script holds what looks like one of our expressions: it is passed unchanged.
fn warn_of_expressions(
    node: &Node<'_>,
    script: &str,
    key: &str,
    text: Option<&str>,
    found: &mut Diagnostics,
) {
    let mut at = 0;
    while let Some(start) = script[at..].find("${{").map(|start| at + start) {
        let inside = &script[start + 3..];
        let Some(end) = inside.find("}}") else { return };
        let expression = inside[..end].trim();
        at = start + 3 + end + 2;
        if !is_ours(expression) {
            continue;
        }
        let message =
            format!("`${{{{ {expression} }}}}` in `{key}` is passed on unchanged, not replaced");
        let variable = expression.strip_prefix("env.").filter(|name| is_variable(name));
        let name = variable.unwrap_or("NAME");
        let help = match (key, variable) {
            ("cmd", Some(_)) => format!("write the task as `run`, and \"${name}\" in the script"),
            ("cmd", None) => format!(
                "write the task as `run`, with `NAME: ${{{{ {expression} }}}}` in `env` and \"$NAME\" in the script"
            ),
            (_, Some(_)) => format!("write \"${name}\" in the script"),
            (_, None) => format!(
                "give it a name in `env` (`NAME: ${{{{ {expression} }}}}`), and write \"$NAME\" in the script"
            ),
        };
        let place = text.map_or(node.span, |text| place_of(text, node, start..at));
        found.push(Diagnostic::warning("expression-in-script", message).at(place).help(help));
        return;
    }
}

/// Returns whether a shell takes the name after a `$`.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
