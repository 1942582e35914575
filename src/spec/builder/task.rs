//! One task of a flow made in code.

use super::{
    Entry, Kind, Node, add_env, add_to_map, entry, list, map_under, node, plain, set, text,
};

/// Makes a task of a [`FlowBuilder`](super::FlowBuilder). Values are written as in a file: `"10m"`.
#[derive(Clone, Debug)]
pub struct TaskBuilder {
    pub(super) name: String,
    pub(super) keys: Vec<Entry<'static>>,
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

    /// Sets the expression that decides whether the task runs: `"params.deploy"`, `"failure()"`.
    pub fn condition(self, expression: impl Into<String>) -> TaskBuilder {
        self.key("if", text(expression))
    }

    /// Makes a task of each of these values of a key, and of each combination with those of other keys.
    /// A member sees its own in `$PYOCO_MATRIX_<NAME>`.
    pub fn matrix<I, S>(mut self, key: impl Into<String>, values: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        add_to_map(&mut self.keys, "matrix", key.into(), list(values));
        self
    }

    /// The same for the items of a param that is a list.
    pub fn matrix_of_param(
        mut self,
        key: impl Into<String>,
        param: impl std::fmt::Display,
    ) -> TaskBuilder {
        let items = text(format!("${{{{ params.{param} }}}}"));
        add_to_map(&mut self.keys, "matrix", key.into(), items);
        self
    }

    /// Adds a member to the matrix; it has a value for each key.
    pub fn include<I, K, V>(self, values: I) -> TaskBuilder
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        self.members("include", values)
    }

    /// Takes all members with these values out of the matrix.
    pub fn exclude<I, K, V>(self, values: I) -> TaskBuilder
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        self.members("exclude", values)
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> TaskBuilder {
        add_env(&mut self.keys, name.into(), value.into());
        self
    }

    /// Names files of variables, relative to the flow's folder; `?` at the end marks one that may be
    /// absent.
    pub fn env_file<I, S>(self, paths: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("env_file", list(paths))
    }

    /// Sets the folder that the task runs in.
    pub fn dir(self, dir: impl Into<String>) -> TaskBuilder {
        self.key("dir", text(dir))
    }

    /// Sets the interpreter of the script by its name.
    pub fn shell(self, shell: impl Into<String>) -> TaskBuilder {
        self.key("shell", text(shell))
    }

    /// Sets the interpreter of the script as a program and its arguments; `{0}` in one of them stands for
    /// the script's file.
    pub fn shell_words<I, S>(self, words: I) -> TaskBuilder
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.key("shell", list(words))
    }

    /// Sets the longest time of an attempt, with a unit: `"10m"`.
    pub fn timeout(self, timeout: impl Into<String>) -> TaskBuilder {
        self.key("timeout", text(timeout))
    }

    /// Sets how many further attempts a failure gets.
    pub fn retry(self, max: u32) -> TaskBuilder {
        self.retry_key("max", plain(max))
    }

    /// Sets the pause before the second attempt, with a unit: `"5s"`.
    pub fn retry_delay(self, delay: impl Into<String>) -> TaskBuilder {
        self.retry_key("delay", text(delay))
    }

    /// Sets what each further pause is multiplied with.
    pub fn retry_backoff(self, factor: f64) -> TaskBuilder {
        self.retry_key("backoff", plain(factor))
    }

    /// Sets the longest pause between attempts, with a unit: `"1m"`.
    pub fn retry_max_delay(self, delay: impl Into<String>) -> TaskBuilder {
        self.retry_key("max_delay", text(delay))
    }

    /// Sets the exit codes that are worth another attempt; 128 + n for signal n.
    pub fn retry_codes(self, codes: impl IntoIterator<Item = u8>) -> TaskBuilder {
        self.retry_key("codes", node(Kind::List(codes.into_iter().map(plain).collect())))
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

    fn members<I, K, V>(mut self, key: &str, values: I) -> TaskBuilder
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        let entries = values.into_iter().map(|(key, value)| entry(key.into(), text(value)));
        let member = node(Kind::Map(entries.collect()));
        let matrix = map_under(&mut self.keys, "matrix");
        match matrix.iter_mut().find(|entry| entry.key == key) {
            Some(Entry { value: Node { kind: Kind::List(members), .. }, .. }) => {
                members.push(member);
            }
            Some(_) | None => matrix.push(entry(key.to_owned(), node(Kind::List(vec![member])))),
        }
        self
    }

    fn retry_key(mut self, key: &str, value: Node<'static>) -> TaskBuilder {
        add_to_map(&mut self.keys, "retry", key.to_owned(), value);
        self
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
