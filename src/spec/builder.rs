//! Flows made in code. They become the same tree as a file, and so pass the same checks.

use std::borrow::Cow;
use std::path::PathBuf;

use super::diag::{Diagnostic, Diagnostics};
use super::lower::{self, Origin};
use super::settings::{Given, ParamSetting, SetBy, Settings};
use super::tree::{Entry, Kind, Node, Span, Style};
use crate::model::{Flow, Syntax};

/// Makes a flow in code.
///
/// ```
/// use pyoco::spec::{FlowBuilder, TaskBuilder};
///
/// let flow = FlowBuilder::new("release")
///     .task(TaskBuilder::run("fetch", "git fetch"))
///     .task(TaskBuilder::run("build", "make").needs(["fetch"]).timeout("10m"))
///     .task(TaskBuilder::cmd("pack", ["tar", "-cf", "out.tar", "out"]).needs(["build"]))
///     .build()
///     .expect("the flow is sound");
/// assert_eq!(flow.tasks().len(), 3);
///
/// let wrong = FlowBuilder::new("wrong")
///     .task(TaskBuilder::run("build", "make").needs(["fetsh"]))
///     .task(TaskBuilder::run("fetch", "git fetch"))
///     .build()
///     .expect_err("there is no such task");
/// assert_eq!(wrong[0].to_string(), "task `build`: unknown task `fetsh`; did you mean `fetch`?");
/// ```
#[derive(Clone, Debug)]
pub struct FlowBuilder {
    name: String,
    base_dir: PathBuf,
    keys: Vec<Entry<'static>>,
    tasks: Vec<TaskBuilder>,
    finally: Vec<TaskBuilder>,
    params: Vec<Entry<'static>>,
    settings: Settings,
}

/// Makes a task of a [`FlowBuilder`]. Values are written as in a file: `"10m"`.
#[derive(Clone, Debug)]
pub struct TaskBuilder {
    name: String,
    keys: Vec<Entry<'static>>,
}

impl FlowBuilder {
    /// Begins a flow with this name; its folder is `.` until [`FlowBuilder::base_dir`] says more.
    pub fn new(name: impl Into<String>) -> FlowBuilder {
        let base_dir = PathBuf::from(".");
        FlowBuilder {
            name: name.into(),
            base_dir,
            keys: Vec::new(),
            tasks: Vec::new(),
            finally: Vec::new(),
            params: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Sets the folder that the paths of tasks start at.
    pub fn base_dir(mut self, base_dir: impl Into<PathBuf>) -> FlowBuilder {
        self.base_dir = base_dir.into();
        self
    }

    /// Says what the flow is for.
    pub fn description(self, description: impl Into<String>) -> FlowBuilder {
        self.key("description", text(description))
    }

    /// Sets an environment variable for all tasks.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> FlowBuilder {
        add_env(&mut self.keys, name.into(), value.into());
        self
    }

    /// Declares a param with a default, which gives it its type as in a file: `"4"`, `"true"`.
    pub fn param(mut self, name: impl Into<String>, default: impl Into<String>) -> FlowBuilder {
        self.params.push(Entry {
            key: Cow::Owned(name.into()),
            span: Span::NONE,
            value: node(Kind::Plain(Cow::Owned(default.into()))),
        });
        self
    }

    /// Sets a param, as `-p name=value` does.
    pub fn set_param(mut self, name: impl Into<String>, value: impl Into<String>) -> FlowBuilder {
        self.settings.params.push(ParamSetting {
            name: name.into(),
            given: Given::Text(value.into()),
            from: SetBy::Flag,
        });
        self
    }

    /// Names environment variables whose values, inherited or set by the flow, are masked as `***` in
    /// output, logs, records and reasons; each line of a value of several lines too.
    ///
    /// Not recognised is what a task encodes (base64, URL), cuts up, or divides between its standard
    /// output and standard error; values, or lines of them, shorter than 4 bytes; the names of tasks
    /// and of the flow; what an inner run records, unless its own file names the same secrets; what
    /// goes past pyoco: files that tasks write, and the terminal of a task that owns it.
    pub fn secrets<I, S>(self, names: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("secrets", list(names))
    }

    /// Sets how many tasks may run at once.
    pub fn jobs(self, jobs: u32) -> FlowBuilder {
        self.key("jobs", plain(jobs))
    }

    /// Adds a pool with so many slots, whose texts are their numbers from 0.
    pub fn pool(mut self, name: impl Into<String>, slots: u32) -> FlowBuilder {
        add_to_map(&mut self.keys, "pools", name.into(), plain(slots));
        self
    }

    /// Adds a pool with a slot for each of these texts.
    pub fn pool_of<I, S>(mut self, name: impl Into<String>, slots: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        add_to_map(&mut self.keys, "pools", name.into(), list(slots));
        self
    }

    /// Sets what a failed task does to the run: `stop`, `isolate` or `kill`.
    pub fn on_failure(self, policy: impl Into<String>) -> FlowBuilder {
        self.key("on_failure", text(policy))
    }

    /// Sets what runs where nothing is named.
    pub fn default<I, S>(self, tasks: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("default", list(tasks))
    }

    /// Adds a task.
    pub fn task(mut self, task: TaskBuilder) -> FlowBuilder {
        self.tasks.push(task);
        self
    }

    /// Adds a task that runs after all others, whatever their outcome.
    pub fn finally(mut self, task: TaskBuilder) -> FlowBuilder {
        self.finally.push(task);
        self
    }

    /// Sets the longest time that all tasks may take together, with a unit: `"1h"`.
    pub fn timeout(self, timeout: impl Into<String>) -> FlowBuilder {
        self.key("timeout", text(timeout))
    }

    /// Sets how long level stop lets tasks end, with a unit: `"10s"`.
    pub fn grace(self, grace: impl Into<String>) -> FlowBuilder {
        self.key("grace", text(grace))
    }

    /// Checks everything and makes the flow.
    ///
    /// # Errors
    /// With all that is wrong, as for a file. Warnings alone do not hinder it.
    pub fn build(self) -> Result<Flow, Vec<Diagnostic>> {
        let mut found = Diagnostics::default();
        let mut keys = self.keys;
        keys.push(entry("name", text(self.name)));
        if !self.params.is_empty() {
            keys.push(entry("params", node(Kind::Map(self.params))));
        }
        keys.push(entry("tasks", map_of(self.tasks, &mut found)));
        if !self.finally.is_empty() {
            keys.push(entry("finally", map_of(self.finally, &mut found)));
        }
        let origin = Origin {
            file: None,
            file_sha256: None,
            syntax: Syntax::Yaml,
            base_dir: std::path::absolute(&self.base_dir).unwrap_or(self.base_dir),
            default_name: String::new(),
            text: None,
        };
        let loaded = lower::lower(&node(Kind::Map(keys)), origin, &self.settings, found);
        loaded.flow.ok_or(loaded.diagnostics)
    }

    fn key(mut self, key: &'static str, value: Node<'static>) -> FlowBuilder {
        set(&mut self.keys, key, value);
        self
    }
}

impl TaskBuilder {
    /// Begins a task that runs a script.
    pub fn run(name: impl Into<String>, script: impl Into<String>) -> TaskBuilder {
        TaskBuilder { name: name.into(), keys: Vec::new() }.key("run", text(script))
    }

    /// Begins a task that executes a program with arguments, without a shell.
    pub fn cmd<I, S>(name: impl Into<String>, words: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        TaskBuilder { name: name.into(), keys: Vec::new() }.key("cmd", list(words))
    }

    /// Says what the task is for.
    pub fn description(self, description: impl Into<String>) -> TaskBuilder {
        self.key("description", text(description))
    }

    /// Sets the tasks that must be done before.
    pub fn needs<I, S>(self, tasks: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("needs", list(tasks))
    }

    /// Sets the tasks of which one must have succeeded before.
    pub fn needs_any<I, S>(self, tasks: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("needs_any", list(tasks))
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> TaskBuilder {
        add_env(&mut self.keys, name.into(), value.into());
        self
    }

    /// Sets the folder that the task runs in.
    pub fn dir(self, dir: impl Into<String>) -> TaskBuilder {
        self.key("dir", text(dir))
    }

    /// Sets the interpreter of the script by its name.
    pub fn shell(self, shell: impl Into<String>) -> TaskBuilder {
        self.key("shell", text(shell))
    }

    /// Sets the longest time of an attempt, with a unit: `"10m"`.
    pub fn timeout(self, timeout: impl Into<String>) -> TaskBuilder {
        self.key("timeout", text(timeout))
    }

    /// Sets how many further attempts a failure gets.
    pub fn retry(self, max: u32) -> TaskBuilder {
        self.key("retry", plain(max))
    }

    /// Sets what a failure of this task does: `stop`, `isolate`, `kill` or `continue`.
    pub fn fail(self, policy: impl Into<String>) -> TaskBuilder {
        self.key("fail", text(policy))
    }

    /// Sets the exit codes that mean success.
    pub fn ok_codes(self, codes: impl IntoIterator<Item = u8>) -> TaskBuilder {
        self.key("ok_codes", node(Kind::List(codes.into_iter().map(plain).collect())))
    }

    /// Sets the text on the task's standard input.
    pub fn stdin(self, stdin: impl Into<String>) -> TaskBuilder {
        self.key("stdin", text(stdin))
    }

    /// Lets the task hold so many slots of a pool while it runs. It sees them in `$PYOCO_POOL_<NAME>`,
    /// joined by `,`.
    pub fn pool(mut self, name: impl Into<String>, slots: u32) -> TaskBuilder {
        add_to_map(&mut self.keys, "pool", name.into(), plain(slots));
        self
    }

    /// Lets the task hold so many slots of `jobs` while it runs; all of them where there are fewer.
    pub fn cpus(self, cpus: u32) -> TaskBuilder {
        self.resource("cpus", plain(cpus))
    }

    /// Sets how much memory the task asks of a cluster: `"2GiB"`.
    pub fn memory(self, memory: impl Into<String>) -> TaskBuilder {
        self.resource("memory", text(memory))
    }

    /// Sets how long the task runs at most, as it tells a cluster: `"1h"`.
    pub fn time(self, time: impl Into<String>) -> TaskBuilder {
        self.resource("time", text(time))
    }

    /// Sets how many graphics processors the task asks of a cluster.
    pub fn gpus(self, gpus: u32) -> TaskBuilder {
        self.resource("gpus", plain(gpus))
    }

    /// Sets what a worker of a server must have to take the task.
    pub fn tags<I, S>(self, tags: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("tags", list(tags))
    }

    /// Names the values that the task hands on by `$PYOCO_OUTPUT`.
    pub fn outputs<I, S>(self, names: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("outputs", list(names))
    }

    /// Makes the task's standard output a value with this name.
    pub fn capture(self, name: impl Into<String>) -> TaskBuilder {
        self.key("capture", text(name))
    }

    /// Names the files that the task leaves behind, as globs in its folder.
    pub fn artifacts<I, S>(self, globs: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("artifacts", list(globs))
    }

    /// Sets how the task is stopped when it must be: the first signal by its name (`"INT"`), and how
    /// long after it SIGKILL follows.
    pub fn kill(self, signal: impl Into<String>, after: impl Into<String>) -> TaskBuilder {
        let keys = vec![entry("signal", text(signal)), entry("after", text(after))];
        self.key("kill", node(Kind::Map(keys)))
    }

    /// Sets what the first level of a cancel does to the task: `finish` or `stop`.
    pub fn on_cancel(self, what: impl Into<String>) -> TaskBuilder {
        self.key("on_cancel", text(what))
    }

    /// Lets the task run alone, with the terminal as its own.
    pub fn interactive(self) -> TaskBuilder {
        self.key("interactive", plain(true))
    }

    fn resource(mut self, key: &str, value: Node<'static>) -> TaskBuilder {
        add_to_map(&mut self.keys, "resources", key.to_owned(), value);
        self
    }

    fn key(mut self, key: &'static str, value: Node<'static>) -> TaskBuilder {
        set(&mut self.keys, key, value);
        self
    }
}

/// Returns the map of names to tasks; the first of a name stays.
fn map_of(builders: Vec<TaskBuilder>, found: &mut Diagnostics) -> Node<'static> {
    let mut tasks: Vec<Entry<'static>> = Vec::with_capacity(builders.len());
    let mut names = std::collections::HashSet::new();
    for task in builders {
        if !names.insert(task.name.clone()) {
            let message = format!("the key `{}` is there already", task.name);
            found.push(Diagnostic::error("duplicate-key", message).help("keep one of the two"));
            continue;
        }
        tasks.push(entry(task.name, node(Kind::Map(task.keys))));
    }
    node(Kind::Map(tasks))
}

fn node(kind: Kind<'static>) -> Node<'static> {
    Node { span: Span::NONE, kind }
}

fn text(text: impl Into<String>) -> Node<'static> {
    node(Kind::Text(Cow::Owned(text.into()), Style::Literal))
}

fn plain(number: impl ToString) -> Node<'static> {
    node(Kind::Plain(Cow::Owned(number.to_string())))
}

fn list<I, S>(words: I) -> Node<'static>
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    node(Kind::List(words.into_iter().map(text).collect()))
}

fn entry(key: impl Into<Cow<'static, str>>, value: Node<'static>) -> Entry<'static> {
    Entry { key: key.into(), span: Span::NONE, value }
}

/// Sets a key; the last value wins.
fn set(keys: &mut Vec<Entry<'static>>, key: &'static str, value: Node<'static>) {
    keys.retain(|entry| entry.key != key);
    keys.push(entry(key, value));
}

fn add_env(keys: &mut Vec<Entry<'static>>, name: String, value: String) {
    add_to_map(keys, "env", name, text(value));
}

/// Sets an entry of the map under a key; the last value of a name wins.
fn add_to_map(
    keys: &mut Vec<Entry<'static>>,
    key: &'static str,
    name: String,
    value: Node<'static>,
) {
    let at = keys.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        keys.push(entry(key, node(Kind::Map(Vec::new()))));
        keys.len() - 1
    });
    if let Kind::Map(entries) = &mut keys[at].value.kind {
        entries.retain(|entry| *entry.key != name);
        entries.push(entry(name, value));
    }
}
