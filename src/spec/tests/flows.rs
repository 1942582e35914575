//! What files mean: both syntaxes make the same flow.

use super::*;

pub(super) const FULL_YAML: &str = r#"
version: 1
name: full
description: all keys
env: {A: 3.10, B: 010, C: 0x1f, D: 1e3, E: True, F: no, G: ""}
defaults: {env: {A: 2, H: h}, dir: sub, shell: bash, timeout: 1h30m, retry: 2, fail: isolate}
default: [b]
secrets: [INHERITED]
jobs: 3
on_failure: kill
x-note: {anything: [1, 2]}
timeout: 2h
grace: 5s
records: {keep_runs: 7, keep_for: 30d, max_log: 1MiB}
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
    kill: {signal: SIGINT, after: 3s}
    on_cancel: stop
  c: {run: pass, shell: python}
  d: {run: x, shell: [awk, -f, "{0}"], interactive: true}
finally:
  e: y
  f: {run: z, needs: e}
"#;

pub(super) const FULL_TOML: &str = r#"
version = 1
name = "full"
description = "all keys"
default = ["b"]
secrets = ["INHERITED"]
jobs = 3
on_failure = "kill"
x-note = { anything = [1, 2] }
timeout = "2h"
grace = "5s"
records = { keep_runs = 7, keep_for = "30d", max_log = "1MiB" }
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
kill = { signal = "SIGINT", after = "3s" }
on_cancel = "stop"
[tasks.c]
run = "pass"
shell = "python"
[tasks.d]
run = "x"
shell = ["awk", "-f", "{0}"]
interactive = true
[finally]
e = "y"
f = { run = "z", needs = "e" }
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
        let inherited = Secret { name: "INHERITED".into(), values: Vec::new() };
        assert_eq!(flow.secrets().0[..], [inherited]);
        let names: Vec<_> = flow.tasks().iter().map(|task| task.name()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!((flow.timeout, flow.grace), (Some(Ms::secs(7200)), Some(Ms::secs(5))));
        let records = Records {
            keep_runs: Some(7),
            keep_for: Some(Ms::secs(30 * 86_400)),
            max_log: Some(Size(1 << 20)),
        };
        assert_eq!(flow.records, records);
        let finally = flow.tasks().iter().map(Task::is_finally).collect::<Vec<_>>();
        assert_eq!(finally, [false, false, false, false, true, true]);
        assert_eq!(flow.needs(TaskId(5)), [TaskId(4)]);
        let env = |pairs: &[(&str, &str)]| -> std::sync::Arc<[(Box<str>, Template)]> {
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
            kill: Kill { signal: 2, after: Ms::secs(3) },
            on_cancel: OnCancel::Stop,
            interactive: false,
            ..Options::default()
        };
        assert_eq!(*b.options, expected);
        assert_eq!(flow.task(TaskId(2)).options.shell, Shell::Python);
        let words = Shell::Words(["awk", "-f", "{0}"].map(Box::from).into());
        assert_eq!(flow.task(TaskId(3)).options.shell, words);
        assert!(flow.task(TaskId(3)).options.interactive);
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
    assert_eq!(script("tasks:\n  a: \"\\a\\e[1m\"\n"), "\x07\x1b[1m");
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
fn what_no_program_can_be_given_is_an_error_of_the_file() {
    for (key, text) in [
        ("cmd", "tasks: {a: {cmd: [echo, \"a\\0b\"]}}\n"),
        ("run", "tasks: {a: \"x\\0y\"}\n"),
        ("run", "tasks: {a: {run: \"x\\0y\"}}\n"),
        ("shell", "tasks: {a: {run: x, shell: [awk, \"\\0\", \"{0}\"]}}\n"),
        ("cmd", "[tasks.a]\ncmd = ['echo', \"a\\u0000b\"]\n"),
        ("run", "[tasks]\na = \"x\\u0000y\"\n"),
    ] {
        let syntax = if text.starts_with('[') { Syntax::Toml } else { Syntax::Yaml };
        let loaded = load(&source(text, syntax));
        let [error] = &*loaded.diagnostics else { panic!("{text}: {:?}", loaded.diagnostics) };
        assert_eq!(
            (error.name(), error.help_lines().next().as_deref()),
            ("nul", Some("remove the `\\0`"))
        );
        assert!(error.message().starts_with(&format!("`{key}` holds a NUL")), "{error}");
        assert!(!error.labels.is_empty(), "{text}");
    }
    // What a program reads may hold one.
    flow("tasks: {a: {run: cat, stdin: \"a\\0b\"}}\n", Syntax::Yaml);
}
