//! Flows made in code. They become the same tree as a file, and so pass the same checks.

mod task;

use std::borrow::Cow;
use std::path::PathBuf;

use super::diag::{Diagnostic, Diagnostics};
use super::lower::{self, Origin};
use super::settings::{Given, ParamSetting, SetBy, Settings};
use super::tree::{Entry, Kind, Node, Span, Style};
use crate::model::{Flow, Syntax};

pub use task::TaskBuilder;

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

    /// Names files of variables for all tasks, relative to the flow's folder; `?` at the end marks one
    /// that may be absent.
    pub fn env_file<I, S>(self, paths: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("env_file", list(paths))
    }

    /// Names the variables of the caller's environment that tasks see, beside `PATH` and `HOME`.
    pub fn inherit_env<I, S>(self, names: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("inherit_env", list(names))
    }

    /// Declares a param with a default, which gives it its type as in a file: `"4"`, `"true"`.
    pub fn param(self, name: impl Into<String>, default: impl Into<String>) -> FlowBuilder {
        self.any_param(name, node(Kind::Plain(Cow::Owned(default.into()))))
    }

    /// Declares a param of a type that its default does not tell: `string`, `int`, `bool`.
    pub fn param_of_type(
        self,
        name: impl Into<String>,
        kind: impl Into<String>,
        default: impl Into<String>,
    ) -> FlowBuilder {
        let keys = vec![entry("type", text(kind)), entry("default", text(default))];
        self.any_param(name, node(Kind::Map(keys)))
    }

    /// Declares a param that is one of these values.
    pub fn param_of<I, S>(
        self,
        name: impl Into<String>,
        values: I,
        default: impl Into<String>,
    ) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let keys = vec![entry("values", list(values)), entry("default", text(default))];
        self.any_param(name, node(Kind::Map(keys)))
    }

    /// Declares a param that is a list of texts.
    pub fn param_list<I, S>(self, name: impl Into<String>, default: I) -> FlowBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.any_param(name, list(default))
    }

    /// Declares a param without a default, which must be set: by [`FlowBuilder::set_param`].
    pub fn required_param(self, name: impl Into<String>, kind: impl Into<String>) -> FlowBuilder {
        let keys = vec![entry("type", text(kind)), entry("required", plain(true))];
        self.any_param(name, node(Kind::Map(keys)))
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

    /// Sets the graph in the notation of the key `graph`, in the place of `needs` on tasks.
    pub fn graph(self, notation: impl Into<String>) -> FlowBuilder {
        self.key("graph", text(notation))
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

    fn any_param(mut self, name: impl Into<String>, value: Node<'static>) -> FlowBuilder {
        self.params.push(entry(name.into(), value));
        self
    }

    fn key(mut self, key: &'static str, value: Node<'static>) -> FlowBuilder {
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
    let entries = map_under(keys, key);
    entries.retain(|entry| *entry.key != name);
    entries.push(entry(name, value));
}

/// Returns the entries of the map under a key, which only this makes.
fn map_under<'k>(
    keys: &'k mut Vec<Entry<'static>>,
    key: &'static str,
) -> &'k mut Vec<Entry<'static>> {
    let at = keys.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        keys.push(entry(key, node(Kind::Map(Vec::new()))));
        keys.len() - 1
    });
    match &mut keys[at].value.kind {
        Kind::Map(entries) => entries,
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => {
            unreachable!("BUG: `{key}` is always a map here")
        }
    }
}
