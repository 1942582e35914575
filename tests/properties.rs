//! What holds for any workflow: a file that `check` accepts can be planned, a graph that is drawn in
//! pyoco's notation is the same graph when it is read, and a flow is the same whether YAML, TOML or code
//! made it.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use pyoco::graph::{Picture, draw};
use pyoco::model::{Flow, Syntax};
use pyoco::scheduler::{Plan, start_order};
use pyoco::spec::{
    Diagnostic, FlowBuilder, Purpose, Settings, Severity, Source, TaskBuilder, load_with, report,
};
use support::Project;

/// A value of a file.
#[derive(Clone, Debug)]
enum Value {
    /// A text in quotes.
    Text(String),
    /// A number, or `true` or `false`.
    Plain(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

fn text(text: impl Into<String>) -> Value {
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
    fn file(&self, syntax: Syntax) -> String {
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
struct Draft {
    params: Vec<(String, Param)>,
    pools: Vec<(String, u32)>,
    env: Vec<(String, String)>,
    tasks: Vec<TaskDraft>,
    finally: Vec<TaskDraft>,
    jobs: Option<u32>,
}

#[derive(Clone, Debug)]
enum Param {
    Bare(String),
    Typed(&'static str, String),
    OneOf(Vec<String>, String),
    List(Vec<String>),
    Required(&'static str),
}

#[derive(Clone, Debug, Default)]
struct TaskDraft {
    name: String,
    script: String,
    needs: Vec<String>,
    needs_any: Vec<String>,
    matrix: Vec<(String, Keys)>,
    include: Vec<Vec<(String, String)>>,
    exclude: Vec<Vec<(String, String)>>,
    condition: Option<String>,
    env: Vec<(String, String)>,
    pool: Vec<(String, u32)>,
    outputs: Vec<String>,
    timeout: Option<String>,
    retry: Option<u32>,
    retry_delay: Option<String>,
    fail: Option<String>,
    cpus: Option<u32>,
}

/// The values of a key of a matrix.
#[derive(Clone, Debug)]
enum Keys {
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
    fn tree(&self) -> Value {
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

    fn builder(&self) -> FlowBuilder {
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

fn drafts() -> impl Strategy<Value = Draft> {
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

/// Takes out of a draft what is wrong with it, so that more than a few are good.
fn mended(mut draft: Draft) -> Draft {
    for _ in 0..30 {
        let Err(Refused { report: said, .. }) =
            loaded(&draft.tree().file(Syntax::Yaml), Syntax::Yaml, Purpose::Look)
        else {
            break;
        };
        let is_blamed = |name: &str| said.contains(name);
        let tasks = draft.tasks.iter_mut().chain(&mut draft.finally);
        for task in tasks.filter(|task| is_blamed(&format!("{}\"", task.name))) {
            // One thing after the other, what is most often wrong first.
            if !std::mem::take(&mut task.include).is_empty()
                || !std::mem::take(&mut task.exclude).is_empty()
                || task.condition.take().is_some()
                || !std::mem::take(&mut task.pool).is_empty()
                || task.env.pop().is_some()
                || task.needs.pop().is_some()
                || task.needs_any.pop().is_some()
                || task.matrix.pop().is_some()
            {
                break;
            }
        }
        if said.contains("params") {
            draft.params.pop();
        }
        if said.contains("\nenv") {
            draft.env.pop();
        }
        if said.contains("pools") {
            draft.pools.clear();
        }
    }
    draft
}

/// Why a file is refused.
#[derive(Debug)]
struct Refused {
    report: String,
    messages: BTreeSet<String>,
}

/// Returns the errors, without the task that those of code name in the place of a line.
fn messages(found: &[Diagnostic]) -> BTreeSet<String> {
    let subject = regex::Regex::new("^task `[^`]*`: ").expect("it is an expression");
    let errors = found.iter().filter(|one| one.severity() == Severity::Error);
    errors.map(|one| subject.replace(&one.message(), "").into_owned()).collect()
}

fn loaded(text: &str, syntax: Syntax, purpose: Purpose) -> Result<Flow, Refused> {
    let source = Source {
        name: "draft".to_owned(),
        path: "/nowhere/draft".to_owned(),
        base_dir: "/nowhere".into(),
        default_name: "draft".to_owned(),
        syntax,
        bytes: text.as_bytes().to_vec(),
    };
    let loaded = load_with(&source, &Settings { purpose, ..Settings::default() });
    loaded.flow.ok_or_else(|| Refused {
        report: report(Some(&source), &loaded.diagnostics, false),
        messages: messages(&loaded.diagnostics),
    })
}

/// Returns all that a flow says, without where it was read.
fn said(flow: &Flow) -> String {
    let place = regex::Regex::new(
        r#"line: \d+|file: (Some\(\s*"[^"]*",?\s*\)|None)|file_sha256: (Some\(\s*"[^"]*",?\s*\)|None)|syntax: \w+"#,
    );
    place.expect("it is an expression").replace_all(&format!("{flow:#?}"), "").into_owned()
}

/// Returns the needs of each task, by name.
fn graph_of(flow: &Flow) -> BTreeMap<String, [Vec<String>; 2]> {
    let name = |id: &pyoco::model::TaskId| flow.task(*id).name().to_owned();
    let names = |ids: &[pyoco::model::TaskId]| ids.iter().map(name).collect();
    flow.ids().map(|id| (name(&id), [names(flow.needs(id)), names(flow.needs_any(id))])).collect()
}

/// Draws a graph, reads the picture as `graph` of the same tasks without their needs, and compares.
fn holds_its_picture(draft: &Draft, flow: &Flow) -> Result<(), TestCaseError> {
    let picture = draw(flow, Picture::Pyoco);
    let mut bare = draft.clone();
    for task in &mut bare.tasks {
        // What a task may see of others depends on its needs, and is no part of the graph.
        (task.needs, task.needs_any) = (Vec::new(), Vec::new());
        (task.condition, task.env) = (None, Vec::new());
    }
    for task in &mut bare.finally {
        (task.condition, task.env) = (None, Vec::new());
    }
    bare.env = Vec::new();
    let Value::Map(mut keys) = bare.tree() else { panic!("a file is a map") };
    keys.push(("graph".to_owned(), text(&picture)));
    let file = Value::Map(keys).file(Syntax::Yaml);
    let again = loaded(&file, Syntax::Yaml, Purpose::Look);
    let again = again.map_err(|said| TestCaseError::fail(format!("{picture}\n{}", said.report)))?;
    prop_assert_eq!(graph_of(flow), graph_of(&again), "{}\n{}", picture, file);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn yaml_toml_and_code_make_the_same_flow_or_the_same_errors(draft in drafts(), mend: bool) {
        let draft = if mend { mended(draft) } else { draft };
        let tree = draft.tree();
        let (yaml, toml) = (tree.file(Syntax::Yaml), tree.file(Syntax::Toml));
        let of_yaml = loaded(&yaml, Syntax::Yaml, Purpose::Run);
        let of_toml = loaded(&toml, Syntax::Toml, Purpose::Run);
        let of_code = draft.builder().build();
        match (of_yaml, of_toml, of_code) {
            (Ok(yaml), Ok(toml), Ok(code)) => {
                prop_assert_eq!(said(&yaml), said(&toml));
                prop_assert_eq!(said(&yaml), said(&code));
            }
            (Err(yaml), Err(toml), Err(code)) => {
                prop_assert_eq!(&yaml.messages, &toml.messages, "{}\n{}", yaml.report, toml.report);
                prop_assert_eq!(yaml.messages, messages(&code), "{}\n{:?}", yaml.report, code);
            }
            (of_yaml, of_toml, of_code) => {
                let said = [of_yaml.err(), of_toml.err()];
                let code = of_code.err();
                return Err(TestCaseError::fail(format!("{said:?}\n{code:?}\n{yaml}\n{toml}")));
            }
        }
    }

    #[test]
    fn what_is_accepted_can_be_planned_and_drawn(draft in drafts()) {
        let draft = mended(draft);
        let file = draft.tree().file(Syntax::Yaml);
        let looked = loaded(&file, Syntax::Yaml, Purpose::Look);
        prop_assume!(looked.is_ok());
        let flow = looked.expect("it is good");
        holds_its_picture(&draft, &flow)?;
        for picture in [Picture::Text, Picture::Mermaid, Picture::Dot, Picture::Json] {
            prop_assert!(!draw(&flow, picture).is_empty());
        }
        let is_open = draft.params.iter().any(|(_, param)| matches!(param, Param::Required(_)));
        let run = loaded(&file, Syntax::Yaml, Purpose::Run);
        prop_assert_eq!(run.is_err(), is_open, "{:?}\n{}", run.err(), file);
        let Ok(run) = loaded(&file, Syntax::Yaml, Purpose::Run) else { return Ok(()) };
        let n_tasks = run.tasks().len();
        let certain = run.tasks().iter().filter(|task| task.condition().is_none()).count();
        let plan = Plan::all_of(run.into(), 2);
        let order = start_order(&plan);
        let mut once = order.clone();
        once.sort_unstable_by_key(|id| id.0);
        once.dedup();
        prop_assert_eq!(once.len(), order.len(), "a task starts twice");
        prop_assert!((certain..=n_tasks).contains(&order.len()), "{:?}\n{}", order, file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 10_000, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn the_program_runs_dry_what_it_accepts(draft in drafts()) {
        let draft = mended(draft);
        let file = draft.tree().file(Syntax::Yaml);
        let is_open = draft.params.iter().any(|(_, param)| matches!(param, Param::Required(_)));
        prop_assume!(!is_open && loaded(&file, Syntax::Yaml, Purpose::Look).is_ok());
        let project = Project::with(&file);
        project.run(&["check"]).exits(0);
        project.run(&["run", "--dry-run"]).exits(0);
    }
}
