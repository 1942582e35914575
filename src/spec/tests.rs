//! A file beside what is said of it, in both syntaxes; and that no file at all makes a panic.

use proptest::prelude::*;

use super::*;
use crate::graph::{Picture, draw};
use crate::model::{ListId, Ms, OnFailure, OnTaskFailure, Options, Retry, Shell, TaskId, Work};

fn source(text: &str, syntax: Syntax) -> Source {
    let name = match syntax {
        Syntax::Yaml => "f.yaml",
        Syntax::Toml => "f.toml",
    };
    Source {
        name: name.to_owned(),
        path: format!("/w/{name}"),
        base_dir: "/w".into(),
        default_name: "f".to_owned(),
        syntax,
        bytes: text.as_bytes().to_vec(),
    }
}

fn said(text: &str, syntax: Syntax) -> String {
    let source = source(text, syntax);
    report(Some(&source), &load(&source).diagnostics, false)
}

/// Holds all that is said of a YAML file against the expected text.
fn check(text: &str, expected: &str) {
    let said = said(text, Syntax::Yaml);
    assert_eq!(said.trim_end(), expected.trim(), "\n{text}\n---\n{said}");
}

/// Returns `line:column code message` of each diagnostic, and the ways out.
fn short(text: &str, syntax: Syntax) -> Vec<String> {
    let source = source(text, syntax);
    let json = report_json(Some(&source), &load(&source).diagnostics);
    let line = |one: &serde_json::Value| {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let place = &one["places"][0];
        let help = one["help"][0].as_str().unwrap_or_default();
        format!(
            "{}:{} {} {}; {help}",
            place["line"],
            place["column"],
            text("code"),
            text("message")
        )
    };
    json.as_array().expect("an array").iter().map(line).collect()
}

fn lines(text: &str, expected: &[&str]) {
    assert_eq!(short(text, Syntax::Yaml), expected, "\n{text}");
}

/// The same for a task with these lines.
fn task(lines_of_task: &str, expected: &[&str]) {
    let indented = lines_of_task.replace('\n', "\n    ");
    lines(&format!("tasks:\n  a:\n    {indented}\n"), expected);
}

fn flow(text: &str, syntax: Syntax) -> Flow {
    let loaded = load(&source(text, syntax));
    assert!(loaded.diagnostics.is_empty(), "{}", said(text, syntax));
    loaded.flow.expect("no diagnostics, so a flow")
}

const FULL_YAML: &str = r#"
version: 1
name: full
description: all keys
env: {A: 3.10, B: 010, C: 0x1f, D: 1e3, E: True, F: no, G: ""}
defaults: {env: {A: 2, H: h}, dir: sub, shell: bash, timeout: 1h30m, retry: 2, fail: isolate}
default: [b]
jobs: 3
on_failure: kill
x-note: {anything: [1, 2]}
tasks:
  a: echo $A
  b:
    cmd: [printf, "%s\n", 3.10]
    description: prints
    needs: a
    needs_any: [c, d]
    env: {H: mine, I: i}
    dir: .
    timeout: 250ms
    retry: {max: 3, delay: 2s, backoff: 1.5, max_delay: 10s, codes: [75, 137]}
    fail: continue
    ok_codes: [0, 3]
    stdin: "two\nlines\n"
  c: {run: pass, shell: python}
  d: {run: x, shell: [awk, -f, "{0}"]}
"#;

const FULL_TOML: &str = r#"
version = 1
name = "full"
description = "all keys"
default = ["b"]
jobs = 3
on_failure = "kill"
x-note = { anything = [1, 2] }
[env]
A = 3.10
B = "010"
C = 0x1f
D = 1e3
E = "True"
F = "no"
G = ""
[defaults]
env = { A = 2, H = "h" }
dir = "sub"
shell = "bash"
timeout = "1h30m"
retry = 2
fail = "isolate"
[tasks]
a = "echo $A"
[tasks.b]
cmd = ["printf", '%s\n', 3.10]
description = "prints"
needs = "a"
needs_any = ["c", "d"]
env = { H = "mine", I = "i" }
dir = "."
timeout = "250ms"
retry = { max = 3, delay = "2s", backoff = 1.5, max_delay = "10s", codes = [75, 137] }
fail = "continue"
ok_codes = [0, 3]
stdin = """
two
lines
"""
[tasks.c]
run = "pass"
shell = "python"
[tasks.d]
run = "x"
shell = ["awk", "-f", "{0}"]
"#;

#[test]
fn both_syntaxes_make_the_same_flow() {
    for (text, syntax) in [(FULL_YAML, Syntax::Yaml), (FULL_TOML, Syntax::Toml)] {
        // The word `\n` is an escape in YAML's double quotes and none in TOML's single ones.
        let text = text.replace("\"%s\\n\", 3.10]", "'%s\\n', 3.10]");
        let flow = flow(&text, syntax);
        assert_eq!((flow.name(), flow.description()), ("full", Some("all keys")));
        assert_eq!((flow.jobs, flow.on_failure), (Some(3), OnFailure::Kill));
        assert_eq!(flow.default, Some(vec![TaskId(1)]));
        let names: Vec<_> = flow.tasks().iter().map(|task| task.name()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        let env = |pairs: &[(&str, &str)]| -> std::sync::Arc<[(Box<str>, Box<str>)]> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let base = [
            ("A", "2"),
            ("B", "010"),
            ("C", "0x1f"),
            ("D", "1e3"),
            ("E", "True"),
            ("F", "no"),
            ("G", ""),
            ("H", "h"),
        ];
        let mut own = base.to_vec();
        own[7].1 = "mine";
        own.push(("I", "i"));
        let defaults = Options {
            env: env(&base),
            dir: Some("sub".into()),
            shell: Shell::Bash,
            timeout: Some(Ms::secs(5400)),
            retry: Retry { max: 2, ..Retry::default() },
            fail: Some(OnTaskFailure::As(OnFailure::Isolate)),
            ..Options::default()
        };
        assert_eq!(*flow.task(TaskId(0)).options, defaults);
        let b = flow.task(TaskId(1));
        assert_eq!(b.description(), Some("prints"));
        assert_eq!(b.work(), &Work::Cmd(["printf", "%s\\n", "3.10"].map(Box::from).into()));
        assert_eq!(flow.needs(TaskId(1)), [TaskId(0)]);
        assert_eq!(flow.needs_any(TaskId(1)), [TaskId(2), TaskId(3)]);
        let expected = Options {
            env: env(&own),
            dir: Some(".".into()),
            shell: Shell::Bash,
            timeout: Some(Ms(250)),
            retry: Retry {
                max: 3,
                delay: Ms::secs(2),
                backoff_milli: 1500,
                max_delay: Ms::secs(10),
                codes: [75, 137].into(),
            },
            fail: Some(OnTaskFailure::Continue),
            ok_codes: [0, 3].into(),
            stdin: Some("two\nlines\n".into()),
            ..Options::default()
        };
        assert_eq!(*b.options, expected);
        assert_eq!(flow.task(TaskId(2)).options.shell, Shell::Python);
        let words = Shell::Words(["awk", "-f", "{0}"].map(Box::from).into());
        assert_eq!(flow.task(TaskId(3)).options.shell, words);
    }
}

#[test]
fn the_smallest_file_takes_its_name_from_outside() {
    let flow = flow("tasks:\n  hello: echo hi\n", Syntax::Yaml);
    assert_eq!(flow.name(), "f");
    assert_eq!(flow.default, None);
    assert_eq!(flow.task(TaskId(0)).line, 2);
    assert_eq!(flow.file_sha256.as_deref().map(str::len), Some(64));
}

#[test]
fn an_empty_default_is_kept() {
    assert_eq!(flow("default: []\ntasks: {a: b}\n", Syntax::Yaml).default, Some(vec![]));
}

#[test]
fn a_script_is_kept_byte_for_byte() {
    let script = |text| match flow(text, Syntax::Yaml).task(TaskId(0)).work() {
        Work::Run(script) => script.to_string(),
        Work::Cmd(_) => panic!("it is a script"),
    };
    assert_eq!(script("tasks:\n  a: |\n    x  $y\n      z\n\n"), "x  $y\n  z\n");
    assert_eq!(script("tasks:\n  a: \"\\0\\e[1m\"\n"), "\0\x1b[1m");
    assert_eq!(script("tasks:\n  a: true\n"), "true");
    assert_eq!(
        script("tasks:\n  a: echo ${{ github.sha }} {{.Name}}\n"),
        "echo ${{ github.sha }} {{.Name}}"
    );
}

#[test]
fn equal_lists_and_options_are_shared() {
    let flow = flow(
        "tasks:\n  a: x\n  b: x\n  c: {run: x, needs: [a, b]}\n  d: {run: x, needs: [a, b]}\n  e: {run: x, needs: [b, a]}\n",
        Syntax::Yaml,
    );
    let list = |id| flow.task(TaskId(id)).needs;
    assert_eq!(list(0), ListId::EMPTY);
    assert_eq!(list(2), list(3));
    assert_ne!(list(2), list(4));
    assert!(std::sync::Arc::ptr_eq(&flow.tasks()[0].options, &flow.tasks()[4].options));
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let flow = flow(
        "x-base: &base {run: make, timeout: 1m, env: {A: 1}}\nx-needs: &needs [a]\ntasks:\n  a: &a\n    <<: *base\n    timeout: 2m\n  b: {<<: [{needs: *needs}, *base]}\n  c: *a\n",
        Syntax::Yaml,
    );
    let timeout = |id: u32| flow.task(TaskId(id)).options.timeout;
    assert_eq!(
        [timeout(0), timeout(1), timeout(2)].map(|ms| ms.map(|ms| ms.0)),
        [Some(120_000), Some(60_000), Some(120_000)]
    );
    assert_eq!(flow.needs(TaskId(1)), [TaskId(0)]);
}

#[test]
fn the_notation_makes_the_graph() {
    let flow = flow(
        "graph: |\n  a >> (b & c) >> d  # diamond\n  (b | c) >> e\n  a >> e; a >> d\ntasks: {a: x, b: x, c: x, d: x, e: x}\n",
        Syntax::Yaml,
    );
    let names = |ids: &[TaskId]| ids.iter().map(|id| flow.task(*id).name()).collect::<String>();
    let needs: Vec<String> = flow
        .ids()
        .map(|id| format!("{}|{}", names(flow.needs(id)), names(flow.needs_any(id))))
        .collect();
    assert_eq!(needs, ["|", "a|", "a|", "bca|", "a|bc"]);
}

#[test]
fn everything_is_said_at_once_with_place_line_caret_and_remedy() {
    check(
        "tasks:\n  build:\n    rnu: make\n    timeout: 10\n  test: {run: x, needs: [biuld]}\nparams: {}\n",
        "
error: unknown key `rnu` in a task; did you mean `run`?
 --> f.yaml:3:5
  |
3 |     rnu: make
  |     ^^^
  |
  = help: write `run`

error: `10` is not a duration
 --> f.yaml:4:14
  |
4 |     timeout: 10
  |              ^^
  |
  = help: give it a unit: `10s` for seconds, `10m` for minutes

error: unknown task `biuld`; did you mean `build`?
 --> f.yaml:5:26
  |
5 |   test: {run: x, needs: [biuld]}
  |                          ^^^^^
  |
  = help: write `build`

error: `params` does not work yet in this version of pyoco
 --> f.yaml:6:1
  |
6 | params: {}
  | ^^^^^^
  |
  = help: remove the key; `pyoco schema workflow` has all that work

error: 4 errors in f.yaml
",
    );
}

#[test]
fn a_cycle_is_shown_whole_with_the_place_of_each_edge() {
    check(
        "tasks:\n  a: {run: x, needs: c}\n  b: {run: x, needs_any: [a]}\n  c: {run: x, needs: [b]}\n  d: {run: x, needs: [d]}\n",
        "
error: these tasks wait for one another: `a` → `b` → `c` → `a`
 --> f.yaml:3:27
  |
3 |   b: {run: x, needs_any: [a]}
  |                           ^ `b` needs `a`
  |
 ::: f.yaml:4:23
  |
4 |   c: {run: x, needs: [b]}
  |                       - `c` needs `b`
  |
 ::: f.yaml:2:22
  |
2 |   a: {run: x, needs: c}
  |                      - `a` needs `c`
  |
  = help: remove one of these needs

error: the task `d` needs itself
 --> f.yaml:5:23
  |
5 |   d: {run: x, needs: [d]}
  |                       ^ `d` needs `d`
  |
  = help: remove one of these needs

error: 2 errors in f.yaml
",
    );
    check(
        "graph: |\n  a >> b\n  b >> a\ntasks: {a: x, b: x}\n",
        "
error: these tasks wait for one another: `a` → `b` → `a`
 --> f.yaml:2:3
  |
2 |   a >> b
  |   ^^^^^^ `b` needs `a`
  |
 ::: f.yaml:3:3
  |
3 |   b >> a
  |   ------ `a` needs `b`
  |
  = help: remove one of these needs

error: 1 error in f.yaml
",
    );
}

#[test]
fn mistakes_in_the_notation_have_their_place_in_the_file() {
    let tasks = "tasks: {a: x, b: x}\n";
    for (graph, place) in [
        ("graph: |\n    a >> b\n    a >> bb\n", "3:10"),
        ("graph: >\n    a >>\n    bb\n", "3:5"),
        ("graph: a >> bb\n", "1:13"),
        ("graph: 'a >> bb'\n", "1:14"),
        ("graph: \"a >> b\\n\\\n   a >> bb\"\n", "2:9"),
    ] {
        let said = short(&format!("{graph}{tasks}"), Syntax::Yaml);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            said[0],
            format!("{place} unknown-task unknown task `bb`; did you mean `b`?; write `b`"),
            "{graph}"
        );
    }
    for (graph, place) in [
        ("graph = 'a >> bb'\n", "1:15"),
        ("graph = '''\n  a >> b\n  a >> bb'''\n", "3:8"),
        ("graph = \"\"\"\n a >> b\\n \\\n  a >> bb\"\"\"\n", "3:8"),
    ] {
        let said = short(&format!("{graph}[tasks]\na = 'x'\nb = 'x'\n"), Syntax::Toml);
        assert_eq!(
            said,
            [format!("{place} unknown-task unknown task `bb`; did you mean `b`?; write `b`")],
            "{graph}"
        );
    }
}

#[test]
fn the_graph_is_written_in_one_way() {
    lines(
        "graph: a >> b\ntasks: {a: x, b: {run: x, needs: a}}\n",
        &[
            "1:1 two-graphs the graph is written in two ways; keep `graph`, or the needs, for the whole file",
        ],
    );
    lines(
        "graph: |\n  (a | b) >> c\n  (b | d) >> c\ntasks: {a: x, b: x, c: x, d: x}\n",
        &[
            "3:14 graph two `|` groups stand before `c`; a task has one list of alternatives: join the groups",
        ],
    );
    lines(
        "graph: a & b >> c\ntasks: {a: x, b: x, c: x}\n",
        &["1:10 graph `&` needs parentheses; write `(a & b)`"],
    );
    lines(
        "graph: a >> b\ntasks: {a: x, b: x, c: x}\n",
        &[
            "2:21 not-in-graph the task `c` stands in no line of `graph`; it needs nothing; say so with a line that holds its name alone",
        ],
    );
}

#[test]
fn words_of_other_tools_are_translated() {
    let check = |line: &str, expected: &str| task(&format!("run: x\n{line}"), &[expected]);
    check("deps: [a]", "4:5 foreign-key `deps` is written `needs` here; write `needs: [a]`");
    check("after: a", "4:5 foreign-key `after` is written `needs` here; write `needs: a`");
    check(
        "timeout-minutes: 10",
        "4:5 foreign-key `timeout-minutes` is written `timeout` here; write `timeout: 10m`",
    );
    check(
        "timeoutSec: 30",
        "4:5 foreign-key `timeoutSec` is written `timeout` here; write `timeout: 30s`",
    );
    check("retries: 2", "4:5 foreign-key `retries` is written `retry` here; write `retry: 2`");
    check(
        "allow_failure: true",
        "4:5 foreign-key `allow_failure` is written `fail` here; write `fail: continue`",
    );
    check("cwd: sub", "4:5 foreign-key `cwd` is written `dir` here; write `dir: FOLDER`");
    check(
        "desc: x",
        "4:5 foreign-key `desc` is written `description` here; write `description: TEXT`",
    );
    check(
        "when: x",
        "4:5 foreign-key `when` is `if` here, which does not work yet in this version of pyoco; remove the key",
    );
    check(
        "runs-on: x",
        "4:5 foreign-key `runs-on` is `tags` here, which does not work yet in this version of pyoco; remove the key",
    );
    check(
        "callable: x",
        "4:5 foreign-key `callable` belongs to the Python edition; this edition runs shell commands; write each task as `name: SCRIPT` below `tasks`",
    );
    task(
        "script: make",
        &[
            "3:5 foreign-key `script` is written `run` here; write `run: SCRIPT` for a shell, or `cmd: [program, argument]`",
        ],
    );
    let top =
        |line: &str, expected: &str| lines(&format!("{line}\ntasks: {{a: x}}\n"), &[expected]);
    top(
        "fail-fast: true",
        "1:1 foreign-key `fail-fast` is written `on_failure` here; write `on_failure: kill`",
    );
    top("concurrency: 3", "1:1 foreign-key `concurrency` is written `jobs` here; write `jobs: 3`");
    top(
        "inputs: {}",
        "1:1 foreign-key `inputs` is `params` here, which does not work yet in this version of pyoco; remove the key",
    );
    lines(
        "jobs: {build: {}}\n",
        &["1:1 foreign-key `jobs` is written `tasks` here; write `tasks: {name: {run: SCRIPT}}`"],
    );
    lines(
        "steps: []\n",
        &["1:1 foreign-key `steps` is written `tasks` here; write `tasks: {name: {run: SCRIPT}}`"],
    );
}

#[test]
fn keys_have_their_places() {
    task(
        "run: x\njobs: 3",
        &[
            "4:5 unknown-key unknown key `jobs` in a task; write `tasks: {name: {run: SCRIPT}}` at the top level",
        ],
    );
    task(
        "run: x\non_failure: kill",
        &[
            "4:5 unknown-key unknown key `on_failure` in a task; `on_failure` stands at the top level",
        ],
    );
    lines(
        "needs: a\ntasks: {a: x}\n",
        &["1:1 unknown-key unknown key `needs` at the top level; `needs` stands in a task"],
    );
    lines(
        "defaults: {run: x}\ntasks: {a: x}\n",
        &["1:12 unknown-key unknown key `run` in `defaults`; `run` stands in a task"],
    );
    for key in [
        "params",
        "env_file",
        "inherit_env",
        "secrets",
        "finally",
        "pools",
        "grace",
        "timeout",
        "records",
    ] {
        let message = format!(
            "1:1 not-yet `{key}` does not work yet in this version of pyoco; remove the key; `pyoco schema workflow` has all that work"
        );
        lines(&format!("{key}: x\ntasks: {{a: x}}\n"), &[&message]);
    }
    for key in [
        "if",
        "matrix",
        "outputs",
        "capture",
        "artifacts",
        "pool",
        "kill",
        "on_cancel",
        "interactive",
        "tags",
        "resources",
        "env_file",
    ] {
        let message = format!(
            "4:5 not-yet `{key}` does not work yet in this version of pyoco; remove the key; `pyoco schema workflow` has all that work"
        );
        task(&format!("run: x\n{key}: x"), &[&message]);
    }
}

#[test]
fn values_are_checked() {
    let check = |line: &str, expected: &str| task(&format!("run: x\n{line}"), &[expected]);
    check(
        "timeout: 0s",
        "4:14 wrong-value `timeout` is zero: no attempt could end in time; write a longer time, or remove the key for none",
    );
    check(
        "timeout: soon",
        "4:14 duration `soon` is not a duration; write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`",
    );
    check(
        "timeout: ${{ params.t }}",
        "4:14 not-yet expressions `${{ … }}` do not work yet in this version of pyoco; write the value itself, or let the script compute it",
    );
    check(
        "description: ${{ x }}",
        "4:18 expression `${{ … }}` has no meaning in `description`; write the text itself",
    );
    check(
        "retry: -1",
        "4:12 wrong-value `retry` takes a whole number from 0 to 10000; for example `retry: 1`",
    );
    check(
        "retry: '2'",
        "4:12 wrong-type `retry` takes a whole number from 0 to 10000; write it without quotes: `retry: 2`",
    );
    check(
        "retry: {delay: 1s}",
        "4:13 retry `retry` has no `max`, and so no further attempt; say how many further attempts: `max: 3`",
    );
    check(
        "retry: {max: 1, delay: 5s, max_delay: 1s}",
        "4:43 retry `max_delay` is shorter than `delay`; make it the longest pause, or remove it",
    );
    check(
        "retry: {max: 1, backoff: 0.5}",
        "4:30 wrong-value `backoff` takes a number from 1 to 1000; for example `backoff: 2`",
    );
    check(
        "ok_codes: [256]",
        "4:16 wrong-value `ok_codes` takes a whole number from 0 to 255; for example `ok_codes: 1`",
    );
    check("ok_codes: []", "4:15 empty `ok_codes` is empty; name one at least, or remove the key");
    check(
        "fail: ignore",
        "4:11 wrong-value `fail` cannot be `ignore`; it is one of `stop`, `isolate`, `kill`, `continue`",
    );
    check(
        "shell: bahs",
        "4:12 wrong-value `shell` cannot be `bahs`; did you mean `bash`?; it is one of `sh`, `bash`, `zsh`, `fish`, `pwsh`, `python`, `node`",
    );
    check(
        "shell: bash -x",
        "4:12 shell `shell` with arguments is a list of words; write `shell: [bash, -x, \"{0}\"]`",
    );
    check(
        "shell: [awk]",
        "4:12 shell `shell` has no word with `{0}`, where the script's file is to stand; for example `shell: [awk, -f, \"{0}\"]`",
    );
    check(
        "dir: ''",
        "4:10 empty `dir` is empty; write `.` for the file's folder, or remove the key",
    );
    check(
        "needs: {a: b}",
        "4:12 wrong-type `needs` takes a task's name or a list of names, not a map; write `needs: [a, b]`",
    );
    check(
        "needs:",
        "4:10 no-value `needs` has no value; give it one, or remove the key; an empty text is written `needs: \"\"`",
    );
    check(
        "needs: 'b[x=1]'",
        "4:12 not-yet `b[x=1]`: members of a matrix do not work yet in this version of pyoco; name a task",
    );
    check("env: {A: ~}", "4:14 no-value `A` has no value; write `A: \"\"` for an empty text");
    check(
        "env: {'A=B': x}",
        "4:11 env-name `A=B` cannot be the name of an environment variable; use letters, digits and `_`",
    );
    check(
        "env: [A=b]",
        "4:10 wrong-type `env` takes a map of names to values, not a list; write `env: {NAME: value}`",
    );
    check(
        "cmd: [x]",
        "4:5 run-and-cmd the task `a` has both `run` and `cmd`; keep `run` for a script, or `cmd` for a program without a shell",
    );
    task(
        "description: x",
        &[
            "2:3 no-work the task `a` has neither `run` nor `cmd`; give it `run: SCRIPT`; `run: \":\"` does nothing",
        ],
    );
    task("run: ''", &["3:10 no-work the script is empty; write a command; `\":\"` does nothing"]);
    task(
        "cmd: make all",
        &[
            "3:10 wrong-type `cmd` takes a list of words, not one word or text; write `cmd: [make, all]`, or `run:` for a shell",
        ],
    );
    task(
        "cmd: [make]\nshell: sh",
        &[
            "4:5 shell-with-cmd `shell` has no meaning beside `cmd`, which runs without one; remove it, or write the command as `run`",
        ],
    );
    let top =
        |line: &str, expected: &str| lines(&format!("{line}\ntasks: {{a: x}}\n"), &[expected]);
    top(
        "version: 2",
        "1:10 version `version: 2` is unknown to this version of pyoco; write `version: 1`, or remove the key",
    );
    top(
        "jobs: 0",
        "1:7 wrong-value `jobs` takes a whole number from 1 to 10000; for example `jobs: 1`",
    );
    top(
        "name: ''",
        "1:7 flow-name the flow's `name` is empty; write one short line, or remove the key: the file's name serves then",
    );
    top(
        "name: \"a\\nb\"",
        "1:7 flow-name the flow's `name` holds a control character; write one short line, or remove the key: the file's name serves then",
    );
    top("default: [b]", "1:11 unknown-task unknown task `b`; did you mean `a`?; write `a`");
    top(
        "defaults: [a]",
        "1:11 wrong-type `defaults` takes a map of keys, not a list; write `defaults:` and below it, say, `  timeout: 10m`",
    );
}

#[test]
fn tasks_have_names() {
    let check = |name: &str, expected: &str| {
        let expected =
            format!("1:9 task-name the task's name `{}` {expected}", name.trim_matches('\''));
        lines(&format!("tasks: {{{name}: x}}\n"), &[&expected]);
    };
    check("1a", "does not begin with a letter; begin it with a letter or `_`");
    check("a/b", "holds a `/`; use `.` or `-` instead");
    check("'a[b]'", "holds a bracket; `[` and `]` are kept for the members of a matrix");
    check("a b", "holds a character that it may not; use letters, digits, `_`, `-` and `.`");
    check("grün", "holds a character that it may not; use letters, digits, `_`, `-` and `.`");
    flow("tasks: {_a.b-C9: x}\n", Syntax::Yaml);
    lines(
        "tasks:\n",
        &[
            "1:1 no-tasks `tasks` is empty: there is nothing to run; write `tasks:` and below it `  hello: echo hi`",
        ],
    );
    lines(
        "name: x\n",
        &["1:1 no-tasks the file has no `tasks`; write `tasks:` and below it `  hello: echo hi`"],
    );
    lines(
        "- a\n",
        &[
            "1:3 not-a-map a workflow file is a map of keys, not a list; begin with `tasks:`, and below it `  hello: echo hi`",
        ],
    );
    lines(
        "tasks: {a: }\n",
        &[
            "1:9 no-work the task `a` has nothing to do; write `a: SCRIPT`, or `run: SCRIPT` below it",
        ],
    );
    lines(
        "tasks: {a: [x]}\n",
        &[
            "1:12 wrong-type the task `a` is a script or a map of keys, not a list; write several commands below `run: |`, one a line",
        ],
    );
    lines(
        "# nothing\n",
        &[
            "null:null empty-file `f.yaml` is empty; a workflow begins with `tasks:`; `pyoco init` writes a starter file",
        ],
    );
}

#[test]
fn yaml_mistakes_are_explained() {
    lines(
        "tasks:\n\ta: b\n",
        &["2:1 yaml-tab a tab cannot indent YAML; indent with spaces: two for each level"],
    );
    lines("tasks:\n  a: 'b\n", &["2:6 yaml-syntax this quote is never closed; close the quote"]);
    lines("tasks:\n  a: [b\n", &["2:6 yaml-syntax this `[` is never closed; close the bracket"]);
    lines(
        "tasks:\n  a: b: c\n",
        &[
            "2:7 yaml-syntax a `:` cannot stand here; put a text that holds `: ` in quotes, or write it as a block below `|`",
        ],
    );
    lines(
        "tasks:\n  a: b\n b: c\n",
        &[
            "3:2 yaml-syntax this line does not fit the indentation above it; give all keys of one map, and all items of one list, the same indentation",
        ],
    );
    lines(
        "tasks:\n  a: *b\n",
        &[
            "2:6 yaml-syntax this alias names no anchor before it; define it with `&name`; put a text that begins with `*` in quotes",
        ],
    );
    lines(
        "tasks:\n  a: @b\n",
        &["2:6 yaml-syntax a value cannot begin with `@`; put the text in quotes"],
    );
    lines(
        "tasks: {a: x}\n---\ntasks: {}\n",
        &[
            "2:1 second-document a second YAML document begins here; a workflow file holds one document: remove the `---`",
        ],
    );
    lines(
        "tasks: {a: !x y}\n",
        &[
            "1:15 yaml-tag the tag `!x` has no meaning here; remove the tag; a text that begins with `!` needs quotes",
        ],
    );
    lines(
        "tasks: {a: &a [*a]}\n",
        &[
            "1:16 yaml-alias this alias stands inside of what it names; a value cannot hold itself: write it out, or move the anchor",
        ],
    );
    lines(
        "tasks: {a: x, a: y, b: x, a: z}\n",
        &[
            "1:15 duplicate-key the key `a` is there already; keep one of the two",
            "1:27 duplicate-key the key `a` is there already; keep one of the two",
        ],
    );
}

#[test]
fn toml_has_the_same_mistakes() {
    let check =
        |text: &str, expected: &[&str]| assert_eq!(short(text, Syntax::Toml), expected, "{text}");
    check(
        "[tasks.a]\nrnu = 'x'\n",
        &["2:1 unknown-key unknown key `rnu` in a task; did you mean `run`?; write `run`"],
    );
    check(
        "[tasks.a]\nrun = 'x'\ntimeout = 10\n",
        &[
            "3:11 duration `10` is not a duration; give it a unit: `10s` for seconds, `10m` for minutes",
        ],
    );
    check(
        "[tasks]\na = 'x'\na = 'y'\n",
        &["3:1 duplicate-key the key `a` is there already; keep one of the two"],
    );
    check(
        "[tasks.a]\nrun = 'x'\nneeds = ['b']\n",
        &["3:10 unknown-task unknown task `b`; did you mean `a`?; write `a`"],
    );
    check(
        "tasks = 3\n",
        &[
            "1:9 wrong-type `tasks` takes a map of names to tasks, not one word or text; write each task as `name: SCRIPT`, or `name:` with keys below it",
        ],
    );
    assert_eq!(short("[tasks\na = 1\n", Syntax::Toml).len(), 1);
}

#[test]
fn scripts_are_left_alone_with_a_warning_where_an_expression_seems_meant() {
    task(
        "run: echo ${{ params.name }}",
        &[
            "3:10 expression-in-script `${{ params.name }}` in `run` is passed on unchanged, not replaced; give it a name in `env` (`NAME: ${{ params.name }}`), and write \"$NAME\" in the script",
        ],
    );
    task(
        "cmd: [echo, '${{ always() }}']",
        &[
            "3:17 expression-in-script `${{ always() }}` in `cmd` is passed on unchanged, not replaced; give it a name in `env` (`NAME: ${{ always() }}`), and write \"$NAME\" in the script",
        ],
    );
}

#[test]
fn what_a_terminal_would_obey_is_escaped_and_long_lines_are_cut() {
    let text = format!("tasks: {{a: x}}\n\"\\e[2J{}\u{202e}\": 1\n", "y".repeat(100));
    let report = said(&text, Syntax::Yaml);
    assert!(!report.contains(['\x1b', '\u{202e}']), "{report}");
    assert!(report.contains("\\x1b[2J") && report.contains("f.yaml:2:1\n"), "{report}");
    let list = vec!["b"; 5000].join(", ");
    let report =
        said(&format!("tasks:\n  b: x\n  c: {{run: x, needs: [a, {list}]}}\n"), Syntax::Yaml);
    assert!(report.len() < 100_000 && report.contains("... and 4950 more"), "{}", report.len());
}

/// The table's schema, held against the files of these tests.
#[test]
fn the_schema_takes_what_the_loader_takes() {
    let schema: serde_json::Value =
        serde_json::from_str(&workflow_schema()).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let value: serde_json::Value = serde_yaml::from_str(FULL_YAML).expect("it is YAML");
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for wrong in ["{}", "tasks: {}", "tasks: {a: {rnu: x}}", "tasks: {a: {run: x, timeout: 10}}"] {
        let value: serde_json::Value = serde_yaml::from_str(wrong).expect("it is YAML");
        assert!(!validator.is_valid(&value), "{wrong}");
    }
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/workflow.schema.json");
    let committed = std::fs::read_to_string(path).expect("the schema is committed");
    let fresh = workflow_schema();
    assert!(
        committed == fresh,
        "write it again: pyoco schema workflow > schemas/workflow.schema.json"
    );
}

/// Makes a random graph: for each task which of those before it it needs, and which one of.
fn graphs() -> impl Strategy<Value = Vec<(Vec<bool>, Vec<bool>)>> {
    (1..12_usize).prop_flat_map(|n_tasks| {
        let needs = |chance| proptest::collection::vec(proptest::bool::weighted(chance), n_tasks);
        proptest::collection::vec((needs(0.3), needs(0.1)), n_tasks)
    })
}

proptest! {
    #[test]
    fn a_drawn_notation_makes_the_same_graph_again(graph in graphs()) {
        let mut builder = FlowBuilder::new("random");
        for (task, (needs, needs_any)) in graph.iter().enumerate() {
            let names = |needs: &[bool]| -> Vec<String> {
                (0..task).filter(|other| needs[*other]).map(|other| format!("t{other}")).collect()
            };
            builder = builder.task(
                TaskBuilder::run(format!("t{task}"), "x").needs(names(needs)).needs_any(names(needs_any)),
            );
        }
        let drawn = builder.build().expect("needs point back alone");
        let mut text = "graph: |\n".to_owned();
        for line in draw(&drawn, Picture::Pyoco).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str("tasks:\n");
        for task in drawn.tasks() {
            text.push_str(&format!("  {}: x\n", task.name()));
        }
        let again = flow(&text, Syntax::Yaml);
        for id in drawn.ids() {
            prop_assert_eq!(drawn.needs(id), again.needs(id));
            prop_assert_eq!(drawn.needs_any(id), again.needs_any(id));
        }
        for picture in [Picture::Text, Picture::Mermaid, Picture::Dot, Picture::Json] {
            let picture = draw(&drawn, picture);
            prop_assert!(drawn.tasks().iter().all(|task| picture.contains(task.name())));
        }
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_toml: bool) {
        let syntax = if is_toml { Syntax::Toml } else { Syntax::Yaml };
        let source = Source { bytes, ..source("", syntax) };
        report(Some(&source), &load(&source).diagnostics, true);
    }

    #[test]
    fn no_damaged_file_makes_a_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[\\PC\n\t ]{0,3}"), 1..6),
        is_toml: bool,
    ) {
        let (text, syntax) = if is_toml { (FULL_TOML, Syntax::Toml) } else { (FULL_YAML, Syntax::Yaml) };
        let mut text: Vec<char> = text.chars().collect();
        for (start, length, new) in cuts {
            let start = start.index(text.len());
            let end = (start + length.index(8)).min(text.len());
            text.splice(start..end, new.chars());
        }
        let source = source(&text.into_iter().collect::<String>(), syntax);
        let loaded = load(&source);
        report(Some(&source), &loaded.diagnostics, false);
        report_json(Some(&source), &loaded.diagnostics);
        if let Some(flow) = &loaded.flow {
            draw(flow, Picture::Text);
        }
    }

    #[test]
    fn the_tree_is_what_serde_reads(value in values()) {
        let text = serde_json::to_string_pretty(&value).expect("plain values"); // JSON is YAML
        let mut found = Diagnostics::default();
        let tree = yaml::read(&text, &mut found).expect("it is YAML");
        prop_assert!(!found.has_error());
        let serde: serde_json::Value = serde_yaml::from_str(&text).expect("it is YAML");
        prop_assert_eq!(plain(&tree), serde);
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        "\\PC{0,8}".prop_map(serde_json::Value::from),
        "[ a-z\n\t\"\\\\:#]{0,8}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 0..5)
                .prop_map(serde_json::Value::from_iter),
        ]
    })
}

fn plain(node: &tree::Node<'_>) -> serde_json::Value {
    match node.kind() {
        tree::Kind::Null => serde_json::Value::Null,
        tree::Kind::Plain(text) | tree::Kind::Text(text, _) => text.to_string().into(),
        tree::Kind::List(items) => items.iter().map(plain).collect(),
        tree::Kind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.to_string(), plain(&entry.value))).collect()
        }
        tree::Kind::Shared(_) => unreachable!("`kind` looks through anchors"),
    }
}
