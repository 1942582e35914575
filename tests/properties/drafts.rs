//! Random drafts of flows, right or wrong, and how each is written in YAML, in TOML and in code.

use proptest::prelude::*;
use pyoco::model::Syntax;
use pyoco::spec::{FlowBuilder, TaskBuilder};

/// A value of a file.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text in quotes.
    Text(String),
    /// A number, or `true` or `false`.
    Plain(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn plain(value: impl ToString) -> Value {
    Value::Plain(value.to_string())
}

fn texts(items: &[String]) -> Value {
    Value::List(items.iter().map(text).collect())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string() // JSON's escapes are escapes of YAML and TOML
}

impl Value {
    /// Writes the value on one line, `sign` between a key and its value.
    fn line(&self, sign: &str) -> String {
        let key = |name: &str| match name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => name.to_owned(),
            false => quoted(name),
        };
        match self {
            Value::Text(text) => quoted(text),
            Value::Plain(text) => text.clone(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.line(sign)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(entries) => {
                let entry = |(name, value): &(String, Value)| {
                    format!("{}{sign}{}", key(name), value.line(sign))
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// Writes a file: the keys of the outer maps on lines of their own.
    pub(crate) fn file(&self, syntax: Syntax) -> String {
        let Value::Map(entries) = self else { panic!("a file is a map") };
        let mut file = String::new();
        let mut tables = String::new();
        for (name, value) in entries {
            match (value, syntax) {
                (Value::Map(inner), Syntax::Yaml) => {
                    file.push_str(&format!("{name}:\n"));
                    for (name, value) in inner {
                        file.push_str(&format!("  {}: {}\n", quoted(name), value.line(": ")));
                    }
                }
                (Value::Map(inner), Syntax::Toml) => {
                    tables.push_str(&format!("[{name}]\n"));
                    for (name, value) in inner {
                        tables.push_str(&format!("{} = {}\n", quoted(name), value.line(" = ")));
                    }
                }
                (value, Syntax::Yaml) => file.push_str(&format!("{name}: {}\n", value.line(": "))),
                (value, Syntax::Toml) => {
                    file.push_str(&format!("{name} = {}\n", value.line(" = ")))
                }
            }
        }
        file + &tables
    }
}

/// A flow that may be wrong: names and expressions are drawn from more than there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) params: Vec<(String, Param)>,
    pub(crate) pools: Vec<(String, u32)>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) tasks: Vec<TaskDraft>,
    pub(crate) finally: Vec<TaskDraft>,
    pub(crate) jobs: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) enum Param {
    Bare(String),
    Typed(&'static str, String),
    OneOf(Vec<String>, String),
    List(Vec<String>),
    Required(&'static str),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TaskDraft {
    pub(crate) name: String,
    pub(crate) script: String,
    pub(crate) needs: Vec<String>,
    pub(crate) needs_any: Vec<String>,
    pub(crate) matrix: Vec<(String, Keys)>,
    pub(crate) include: Vec<Vec<(String, String)>>,
    pub(crate) exclude: Vec<Vec<(String, String)>>,
    pub(crate) condition: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) pool: Vec<(String, u32)>,
    pub(crate) outputs: Vec<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) retry: Option<u32>,
    pub(crate) retry_delay: Option<String>,
    pub(crate) fail: Option<String>,
    pub(crate) cpus: Option<u32>,
}

/// The values of a key of a matrix.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Values(Vec<String>),
    Param(String),
}

fn map<T>(entries: &[(String, T)], value: impl Fn(&T) -> Value) -> Value {
    Value::Map(entries.iter().map(|(name, one)| (name.clone(), value(one))).collect())
}

fn pairs(entries: &[(String, String)]) -> Value {
    map(entries, |value: &String| text(value.as_str()))
}

impl TaskDraft {
    fn tree(&self) -> Value {
        let mut keys = vec![("run".to_owned(), text(&self.script))];
        let mut key = |name: &str, value: Value| keys.push((name.to_owned(), value));
        if !self.needs.is_empty() {
            key("needs", texts(&self.needs));
        }
        if !self.needs_any.is_empty() {
            key("needs_any", texts(&self.needs_any));
        }
        if let Some(condition) = &self.condition {
            key("if", text(condition));
        }
        if !self.matrix.is_empty() {
            let Value::Map(mut matrix) = map(&self.matrix, |keys| match keys {
                Keys::Values(values) => texts(values),
                Keys::Param(param) => text(format!("${{{{ params.{param} }}}}")),
            }) else {
                unreachable!("it was a map")
            };
            for (name, rows) in [("include", &self.include), ("exclude", &self.exclude)] {
                if !rows.is_empty() {
                    let rows = rows.iter().map(|row| pairs(row)).collect();
                    matrix.push((name.to_owned(), Value::List(rows)));
                }
            }
            key("matrix", Value::Map(matrix));
        }
        if !self.env.is_empty() {
            key("env", pairs(&self.env));
        }
        if !self.pool.is_empty() {
            key("pool", map(&self.pool, |slots: &u32| plain(*slots)));
        }
        if !self.outputs.is_empty() {
            key("outputs", texts(&self.outputs));
        }
        let named = [("timeout", &self.timeout), ("fail", &self.fail)];
        for (name, value) in named {
            if let Some(value) = value {
                key(name, text(value));
            }
        }
        if let Some(max) = self.retry {
            let mut retry = vec![("max".to_owned(), plain(max))];
            if let Some(delay) = &self.retry_delay {
                retry.push(("delay".to_owned(), text(delay)));
            }
            key("retry", Value::Map(retry));
        }
        if let Some(cpus) = self.cpus {
            key("resources", Value::Map(vec![("cpus".to_owned(), plain(cpus))]));
        }
        Value::Map(keys)
    }

    fn builder(&self) -> TaskBuilder {
        let mut task = TaskBuilder::run(&self.name, &self.script);
        if !self.needs.is_empty() {
            task = task.needs(&self.needs);
        }
        if !self.needs_any.is_empty() {
            task = task.needs_any(&self.needs_any);
        }
        if let Some(condition) = &self.condition {
            task = task.condition(condition);
        }
        for (key, values) in &self.matrix {
            task = match values {
                Keys::Values(values) => task.matrix(key, values),
                Keys::Param(param) => task.matrix_of_param(key, param),
            };
        }
        if !self.matrix.is_empty() {
            let pair = |(key, value): &(String, String)| (key.clone(), value.clone());
            for row in &self.include {
                task = task.include(row.iter().map(pair));
            }
            for row in &self.exclude {
                task = task.exclude(row.iter().map(pair));
            }
        }
        for (name, value) in &self.env {
            task = task.env(name, value);
        }
        for (pool, slots) in &self.pool {
            task = task.pool(pool, *slots);
        }
        if !self.outputs.is_empty() {
            task = task.outputs(&self.outputs);
        }
        if let Some(timeout) = &self.timeout {
            task = task.timeout(timeout);
        }
        if let Some(fail) = &self.fail {
            task = task.fail(fail);
        }
        if let Some(max) = self.retry {
            task = task.retry(max);
            if let Some(delay) = &self.retry_delay {
                task = task.retry_delay(delay);
            }
        }
        if let Some(cpus) = self.cpus {
            task = task.cpus(cpus);
        }
        task
    }
}

impl Draft {
    pub(crate) fn tree(&self) -> Value {
        let mut keys = vec![("name".to_owned(), text("draft"))];
        if let Some(jobs) = self.jobs {
            keys.push(("jobs".to_owned(), plain(jobs)));
        }
        let param = |param: &Param| {
            let long = |keys: &[(&str, Value)]| {
                Value::Map(
                    keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
                )
            };
            match param {
                Param::Bare(value) => plain(value),
                Param::Typed(kind, default) => {
                    long(&[("type", text(*kind)), ("default", text(default))])
                }
                Param::OneOf(values, default) => {
                    long(&[("values", texts(values)), ("default", text(default))])
                }
                Param::List(items) => texts(items),
                Param::Required(kind) => long(&[("type", text(*kind)), ("required", plain(true))]),
            }
        };
        let mut add = |name: &str, value: Value| match &value {
            Value::Map(entries) if entries.is_empty() => {}
            _ => keys.push((name.to_owned(), value)),
        };
        add("params", map(&self.params, param));
        add("pools", map(&self.pools, |slots: &u32| plain(*slots)));
        add("env", pairs(&self.env));
        let tasks = |tasks: &[TaskDraft]| {
            Value::Map(tasks.iter().map(|task| (task.name.clone(), task.tree())).collect())
        };
        add("tasks", tasks(&self.tasks));
        add("finally", tasks(&self.finally));
        Value::Map(keys)
    }

    pub(crate) fn builder(&self) -> FlowBuilder {
        let mut flow = FlowBuilder::new("draft").base_dir("/nowhere");
        if let Some(jobs) = self.jobs {
            flow = flow.jobs(jobs);
        }
        for (name, param) in &self.params {
            flow = match param {
                Param::Bare(value) => flow.param(name, value),
                Param::Typed(kind, default) => flow.param_of_type(name, *kind, default),
                Param::OneOf(values, default) => flow.param_of(name, values, default),
                Param::List(items) => flow.param_list(name, items),
                Param::Required(kind) => flow.required_param(name, *kind),
            };
        }
        for (name, slots) in &self.pools {
            flow = flow.pool(name, *slots);
        }
        for (name, value) in &self.env {
            flow = flow.env(name, value);
        }
        let flow = self.tasks.iter().fold(flow, |flow, task| flow.task(task.builder()));
        self.finally.iter().fold(flow, |flow, task| flow.finally(task.builder()))
    }
}

fn names(of: &[&str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

fn some_texts() -> impl Strategy<Value = String> {
    "[a-c 0-9.\"'\\\\#:,=\n\té]{0,6}"
}

fn params() -> impl Strategy<Value = Vec<(String, Param)>> {
    let word = || "[a-c]{1,2}";
    let param = prop_oneof![
        1 => names(&["4", "true", "3.5"]).prop_map(Param::Bare),
        1 => (prop::sample::select(vec!["string", "int", "bool"]), names(&["7", "true", "x"]))
            .prop_map(|(kind, default)| Param::Typed(kind, default)),
        1 => prop::collection::vec(word(), 1..3)
            .prop_map(|values| Param::OneOf(values.clone(), values[0].clone())),
        4 => prop::collection::vec(word(), 0..4).prop_map(Param::List),
        1 => prop::sample::select(vec!["string", "int"]).prop_map(Param::Required),
    ];
    let name = names(&["p", "q", "l", "m.n"]);
    prop::collection::btree_map(name, param, 0..4).prop_map(|params| params.into_iter().collect())
}

/// Makes expressions of which some name what there is not, or compare what cannot be compared.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = names(&[
        "true",
        "false",
        "success()",
        "failure()",
        "always()",
        "cancelled()",
        "params.p == 'a'",
        "params.q",
        "contains(params.l, 'a')",
        "matrix.k == 'a'",
        "tasks.t0.state == 'SUCCEEDED'",
        "tasks.t1.outputs.o == ''",
        "tasks['t0[k=a]'].exit_code > 0",
        "run.os == 'linux'",
    ]);
    leaf.prop_recursive(2, 5, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} && {b}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} || {b})")),
        ]
    })
}

fn templates() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => some_texts(),
        1 => names(&["params.p", "matrix.k", "run.id", "env.HOME", "tasks.t0.outputs.o"])
            .prop_map(|inner| format!("a${{{{ {inner} }}}}b")),
    ]
}

fn entries(before: usize, prefix: &'static str) -> impl Strategy<Value = Vec<String>> {
    let entry = (0..before.max(1), 0..10u8).prop_map(move |(task, form)| match form {
        0 => format!("{prefix}{task}[k=a]"),
        1 => format!("{prefix}{task}[k]"),
        2 if task == 0 => format!("{prefix}0[k=b,j=x]"),
        _ => format!("{prefix}{task}"),
    });
    let most = if before == 0 { 1 } else { 3 };
    prop::collection::btree_set(entry, 0..most).prop_map(|set| set.into_iter().collect())
}

fn matrices() -> impl Strategy<Value = Vec<(String, Keys)>> {
    let values = prop_oneof![
        6 => prop::collection::btree_set(names(&["a", "b", "c,d", "x=\"y\"", "3.10"]), 1..3)
            .prop_map(|values| Keys::Values(values.into_iter().collect())),
        2 => Just(Keys::Param("l".to_owned())),
    ];
    prop::collection::btree_map(names(&["k", "k", "j"]), values, 0..3)
        .prop_map(|keys| keys.into_iter().collect())
}

fn task(at: usize, prefix: &'static str) -> impl Strategy<Value = TaskDraft> {
    let row = || prop::collection::btree_map(names(&["k", "j"]), names(&["a", "b"]), 1..3);
    let rows = move || {
        let rows = prop::collection::vec(row(), 0..2);
        rows.prop_map(|rows| {
            rows.into_iter().map(|row| row.into_iter().collect()).collect::<Vec<_>>()
        })
    };
    let graph = (entries(at, prefix), prop::option::weighted(0.2, entries(at, prefix)));
    let matrix = (
        prop_oneof![2 => Just(Vec::new()), 1 => matrices()],
        prop::option::weighted(0.2, rows()),
        prop::option::weighted(0.2, rows()),
    );
    let values = (
        prop::option::weighted(0.3, expressions()),
        prop::collection::btree_map(names(&["A", "B", "PATH"]), templates(), 0..3),
        prop::collection::btree_map(names(&["gpu", "net"]), 1..3u32, 0..2),
        prop::collection::btree_set(names(&["o", "o2"]), 0..2),
    );
    let options = (
        prop::option::weighted(0.2, names(&["10s", "1h30m"])),
        prop::option::weighted(0.2, (0..4u32, prop::option::of(names(&["1s", "2m"])))),
        prop::option::weighted(0.2, names(&["stop", "isolate", "kill", "continue"])),
        prop::option::weighted(0.2, 1..4u32),
    );
    let script = some_texts().prop_map(|text| format!("x{text}"));
    (script, graph, matrix, values, options).prop_map(
        move |(script, (needs, any), (matrix, include, exclude), values, options)| {
            let (condition, env, pool, outputs) = values;
            let (timeout, retry, fail, cpus) = options;
            TaskDraft {
                name: format!("{prefix}{at}"),
                script,
                needs: if at == 0 { Vec::new() } else { needs },
                needs_any: any.filter(|_| at > 0).unwrap_or_default(),
                matrix,
                include: include.unwrap_or_default(),
                exclude: exclude.unwrap_or_default(),
                condition,
                env: env.into_iter().collect(),
                pool: pool.into_iter().collect(),
                outputs: outputs.into_iter().collect(),
                timeout,
                retry: retry.as_ref().map(|(max, _)| *max),
                retry_delay: retry.and_then(|(_, delay)| delay),
                fail,
                cpus,
            }
        },
    )
}

pub(crate) fn drafts() -> impl Strategy<Value = Draft> {
    let tasks = (1..6usize).prop_flat_map(|n| (0..n).map(|at| task(at, "t")).collect::<Vec<_>>());
    let finally = (0..3usize).prop_flat_map(|n| (0..n).map(|at| task(at, "f")).collect::<Vec<_>>());
    let pools = prop::collection::btree_map(names(&["gpu", "net"]), 1..4u32, 0..3);
    let env = prop::collection::btree_map(names(&["A", "C"]), templates(), 0..2);
    (params(), pools, env, tasks, finally, prop::option::weighted(0.3, 1..4u32)).prop_map(
        |(params, pools, env, tasks, finally, jobs)| Draft {
            params,
            pools: pools.into_iter().collect(),
            env: env.into_iter().collect(),
            tasks,
            finally,
            jobs,
        },
    )
}
