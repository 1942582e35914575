//! Remedies pass: what a diagnostic tells to write, put into the file as it stands there, leaves a file
//! of which nothing is said.

use super::*;

/// Holds that one thing is said of a file, and one remedy with `mend` in it, and nothing of the file that has
/// it in the place of the part between `«` and `»`.
fn mended(wrong: &str, mend: &str, syntax: Syntax) {
    let (before, rest) = wrong.split_once('«').expect("a part begins");
    let (part, after) = rest.split_once('»').expect("the part ends");
    let text = said(&format!("{before}{part}{after}"), syntax);
    let helps: Vec<&str> = text.lines().filter(|line| line.contains("= help: ")).collect();
    let [help] = &*helps else { panic!("{wrong}\n{text}") };
    assert!(help.contains(&format!("`{mend}`")), "{wrong}: `{mend}` is not in\n{text}");
    assert_eq!(said(&format!("{before}{mend}{after}"), syntax), "", "{wrong}");
}

/// The same for a file with one more task.
fn all_mended(files: &[(&str, &str)]) {
    for (wrong, mend) in files {
        mended(&format!("{wrong}\ntasks: {{a: x}}\n"), mend, Syntax::Yaml);
    }
}

/// The same for tasks in a file with params.
fn tasks_mended(tasks: &[(&str, &str)]) {
    let params = "params: {b: false, n: 3, x: a, l: [a], dry: False}";
    for (wrong, mend) in tasks {
        mended(&format!("{params}\ntasks:\n{wrong}\n"), mend, Syntax::Yaml);
    }
}

/// The same for one task with a line of keys.
fn keys_mended(keys: &[(&str, &str)]) {
    for (wrong, mend) in keys {
        tasks_mended(&[(&format!("  a: {{run: x, {wrong}}}"), mend)]);
    }
}

#[test]
fn values_are_kept_as_far_as_they_can_be() {
    all_mended(&[
        ("«inherit_env: PATH»", "inherit_env: [PATH]"),
        ("«inherit_env: LANG, TERM USER»", "inherit_env: [LANG, TERM, USER]"),
        ("inherit_env: [«$LANG»]", "LANG"),
        ("«timeout: [1s]»", "timeout: 1s"),
        ("«timeout: {a: b}»", "timeout: 1h"),
        ("«on_failure: [kill]»", "on_failure: kill"),
        ("«on_failure: {a: b}»", "on_failure: isolate"),
        ("«env_file: {a: b}»", "env_file: [base.env?, local.env?]"),
        ("«name: [x]»", "name: x"),
        ("«name: {a: b}»", "name: release"),
        ("«description: {a: b}»", "description: TEXT"),
        ("records: {«keep_runs: 0»}", "keep_runs: 20"),
        ("records: {«keep_for: [1d]»}", "keep_for: 1d"),
        ("records: {«max_log: {a: b}»}", "max_log: 1GiB"),
        ("«jobs:»", "jobs: 4"),
        ("«jobs: 0»", "jobs: 4"),
        ("«jobs: '${{ params.n }}'»", "jobs: 4"),
        ("env: {«A: [1, 2]»}", "A: TEXT"),
        ("params: {n: {type: int, default: «99999999999999999999»}}", "9223372036854775807"),
        ("params: {n: {type: int, default: «-99999999999999999999»}}", "-9223372036854775808"),
        ("params: {l: {type: list, «default: a b»}}", "default: [a, b]"),
    ]);
    keys_mended(&[
        ("«tags: linux gpu»", "tags: [linux, gpu]"),
        ("«tags: [linux gpu]»", "tags: [linux, gpu]"),
        ("«ok_codes: 0-3»", "ok_codes: [0, 3]"),
        ("«retry: -1»", "retry: 3"),
        ("kill: {signal: «TREM»}", "TERM"),
        ("matrix: {«host: params.l»}", "host: '${{ params.l }}'"),
        ("matrix: {«host: ['${{ params.l }}']»}", "host: '${{ params.l }}'"),
        ("matrix: {«os: linux mac»}", "os: [linux, mac]"),
        ("«outputs:»", "outputs: [version]"),
    ]);
    tasks_mended(&[
        ("  a: {«run: [make, all]»}", "cmd: [make, all]"),
        ("  a: {«run: [make]»}", "run: make"),
        ("  a: {«run:»}", "run: SCRIPT"),
        ("  a: {«cmd: make all»}", "cmd: [make, all]"),
        ("  a: {«cmd: make all»}", "run: make all"),
        ("  a: {run: x, timeout: '«${{ params.n }}»'}", "${{ params.n }}s"),
    ]);
}

#[test]
fn names_of_secrets() {
    all_mended(&[
        ("secrets: [«'${{ secrets.T }}'»]", "T"),
        ("secrets: [«secrets.T»]", "T"),
        ("secrets: [«env.T»]", "T"),
        ("secrets: [«'${T}'»]", "T"),
    ]);
    let login = "tasks:\n  login: {run: x, capture: session}\n";
    mended(
        &format!("secrets: [«login.session»]\n{login}"),
        "tasks.login.outputs.session",
        Syntax::Yaml,
    );
}

#[test]
fn expressions() {
    keys_mended(&[
        ("«if: not params.b»", "if: '!params.b'"),
        ("«if: not (params.b && success())»", "if: '!(params.b && success())'"),
        ("if: params.n «=>» 2", ">="),
        ("if: params.n «=<» 2", "<="),
        ("if: \"params.n «<>» 2\"", "!="),
        ("if: \"«'eu' in params.l»\"", "contains(params.l, 'eu')"),
        ("if: \"run.os == '«Linux»'\"", "linux"),
        ("if: \"run.os == '«Darwin»'\"", "macos"),
        ("if: \"run.arch == '«amd64»'\"", "x86_64"),
        ("env: {A: \"${{ «env.B || 'x'» }}\"}", "default(env.B, 'x')"),
        ("env: {A: \"${{ params.x «}» (${{ params.n }})\"}", "}}"),
        ("«if: [params.b]»", "if: params.b"),
        ("«if: {a: b}»", "if: success()"),
    ]);
    tasks_mended(&[("  b: x\n  a: {run: x, needs: b, if: «on_failure»}", "failure()")]);
    let load = "  load: {run: x, outputs: [tag]}\n  t: {run: x, matrix: {py: [3.11, 3.12]}, outputs: [o]}\n";
    for (wrong, mend) in [
        ("if: \"«load.state» == 'FAILED' && always()\"", "tasks.load.state"),
        ("if: \"«tasks.t.exit_code» == 0\"", "tasks['t[py=3.12]'].exit_code"),
        ("if: \"«tasks.t.outputs.o» == 'x'\"", "tasks['t[py=3.11]'].outputs.o"),
        ("if: \"«tasks.t[py=3.12].exit_code» == 0\"", "tasks['t[py=3.12]'].exit_code"),
    ] {
        let all = format!("{load}  b: {{run: x, needs: [load, t], {wrong}}}");
        tasks_mended(&[(&all, mend)]);
    }
    for default in ["False", "no", "True"] {
        for test in ["params.dry", "!params.dry", "params.dry == false"] {
            let tasks = format!("tasks: {{a: {{run: x, if: '{test}'}}}}\n");
            let meant = if default == "True" { "true" } else { "false" };
            let wrong = format!("params: {{«dry: {default}»}}\n{tasks}");
            mended(&wrong, &format!("dry: {meant}"), Syntax::Yaml);
        }
    }
}

#[test]
fn interpreters() {
    keys_mended(&[
        ("«shell: /bin/bash»", "shell: bash"),
        ("«shell: ruby»", "shell: [ruby, \"{0}\"]"),
        ("«shell: [ruby]»", "shell: [ruby, \"{0}\"]"),
        ("«shell: [awk, -f, {0}]»", "shell: [awk, -f, \"{0}\"]"),
        ("«shell: 'bash -e {0}'»", "shell: [bash, -e, \"{0}\"]"),
        ("«shell: bash -e»", "shell: [bash, -e, \"{0}\"]"),
        ("«shell: {a: b}»", "shell: bash"),
        ("shell: «bsah»", "bash"),
    ]);
}

#[test]
fn the_graph() {
    let tasks = "tasks: {a: x, b: x, c: x, d: x}";
    for (wrong, mend) in [
        ("(a & b | c) >> d", "(a & b) >> d; (c |) >> d"),
        ("(a | b & c) >> d", "(b & c) >> d; (a |) >> d"),
    ] {
        mended(&format!("graph: «{wrong}»\n{tasks}\n"), mend, Syntax::Yaml);
    }
    for (wrong, mend) in [
        ("«b << a»; c; d", "a >> b"),
        ("a «then» b; c; d", ">>"),
        ("a «->» b; c; d", ">>"),
        ("«[a, b]» >> c; d", "(a & b)"),
        ("c >> «[a, b]»; d", "(a & b)"),
    ] {
        mended(&format!("graph: '{wrong}'\n{tasks}\n"), mend, Syntax::Yaml);
    }
    mended("«graph: [a, b]»\ntasks: {a: x, b: x}\n", "graph: a >> b", Syntax::Yaml);
}

#[test]
fn toml() {
    for (wrong, mend) in [
        ("[tasks.a]\n«cmd = 'make all'»\n", "cmd = [\"make\", \"all\"]"),
        ("[tasks.a]\n«cmd = 'make all'»\n", "run = \"make all\""),
        ("[tasks.a]\n«cmd = 'echo bump {{level}}'»\n", "cmd = [\"echo\", \"bump\", \"{{level}}\"]"),
        ("[tasks.a]\nrun = 'x'\n«tags = 'linux gpu'»\n", "tags = [\"linux\", \"gpu\"]"),
        ("[tasks.a]\nrun = 'x'\n«shell = 'ruby'»\n", "shell = [\"ruby\", \"{0}\"]"),
        ("params.b = true\n[tasks.a]\nrun = 'x'\n«if = 'not params.b'»\n", "if = \"!params.b\""),
    ] {
        mended(wrong, mend, Syntax::Toml);
    }
}

#[test]
fn what_has_no_one_line() {
    let check = |text: &str, expected: &str| {
        let text = short(text, Syntax::Yaml);
        assert!(text.len() == 1 && text[0].ends_with(expected), "{text:?}\n{expected}");
    };
    let one = |line: &str| format!("tasks:\n  a: {{run: x, {line}}}\n");
    check(
        &one("if: \"tasks.a.state == 'FAILED'\""),
        "`a` asks about itself, and cannot know how it will end; remove it, or ask in a task that needs `a`",
    );
    for test in ["test -f x", "$(test -f x)", "'[ -f x ]'", "'! test -f x'"] {
        check(
            &one(&format!("if: {test}")),
            "`if` is an expression, not a shell command; let a task's script test it, and ask for that task's output",
        );
    }
    check(
        &one("if: [ -f x ]"),
        "`if` takes an expression, not a list; let a task's script test it, and ask for that task's output",
    );
    check(&one("matrix: {k: [[a]]}"), "a value of `k` cannot be a list; write one text for each");
    check(
        "params: {n: 3}\ntasks: {a: {run: x, timeout: '${{ params.n }}'}}\n",
        "`${{ params.n }}` is `3`, which is not a duration; give it a unit: `${{ params.n }}s` for seconds, `${{ params.n }}m` for minutes",
    );
    check(&one("needs_any: ''"), "a name in `needs_any` is empty; name a task, or remove it");
    check(
        "env: {A: '${{ tasks.a.state }}'}\ntasks: {a: x}\n",
        "`tasks` is not known in the file's `env`; move it to `env` of a task that needs `a`",
    );
    check(
        "tasks: {a: {run: x, matrix: {os: [l, m]}}, b: {run: x, needs: [a, 'a[os=l]']}}\n",
        "`a[os=l]` is a member of `a`, which stands there already in `needs`; remove the member, or name members alone",
    );
    check(
        "tasks: {a: {run: x, outputs: [tag]}, b: {run: x, needs: a, if: tasks.a.outputs.tag > 2}}\n",
        "`tasks.a.outputs.tag` is a text: write `==` or `!=`, or let a task's script compare the numbers",
    );
    let both = short("params: {l: ['', \"a\\nb\"]}\ntasks: {a: x}\n", Syntax::Yaml);
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(said("# nothing\n", Syntax::Toml).contains("[E0008]"));
}
