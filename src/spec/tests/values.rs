//! What is said of values, names and syntax.

use super::*;

#[test]
fn values_are_checked() {
    let check = |line: &str, expected: &str| task(&format!("run: x\n{line}"), &[expected]);
    check(
        "timeout: 0s",
        "4:14 wrong-value `timeout` is zero: nothing could end in time; write a longer time, or remove the key for none",
    );
    check(
        "timeout: soon",
        "4:14 duration `soon` is not a duration; write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`",
    );
    check(
        "timeout: ${{ params.t }}",
        "4:25 unknown-name unknown param `t`; declare it: `params: {t: DEFAULT}`",
    );
    check(
        "description: ${{ x }}",
        "4:18 expression `${{ … }}` has no meaning in `description`; write the value itself: expressions stand in `if`, `env`, `env_file`, `dir`, `timeout`, `pool`, `artifacts`, and as a whole list in `matrix`",
    );
    check(
        "retry: -1",
        "4:12 wrong-value `retry` takes a whole number from 0 to 10000; for example `retry: 3`",
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
        "4:16 wrong-value `ok_codes` takes a whole number from 0 to 255; for example `ok_codes: [0, 3]`",
    );
    check("ok_codes: []", "4:15 empty `ok_codes` is empty; name one at least, or remove the key");
    check(
        "fail: ignore",
        "4:11 wrong-value `fail` cannot be `ignore`; did you mean `continue`?; write `fail: continue`",
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
        "4:12 shell `shell` has no word with `{0}`, where the script's file is to stand; write `shell: [awk, -f, \"{0}\"]`",
    );
    check(
        "dir: ''",
        "4:10 empty `dir` is empty; write `.` for the file's folder, or remove the key",
    );
    check(
        "needs: {a: b}",
        "4:12 wrong-type `needs` takes a task's name or a list of names, not a map; write `needs: [a]`",
    );
    check("needs:", "4:5 no-value `needs` has no value; give it one, or remove the key");
    check("needs: 'b[x=1]'", "4:12 unknown-task unknown task `b`; the only task is `a`");
    check("env: {A: ~}", "4:14 no-value `A` has no value; write `A: \"\"` for an empty text");
    check(
        "env: {'A=B': x}",
        "4:11 env-name `A=B` cannot be the name of an environment variable; write `A`, and the value after the `:`",
    );
    check(
        "env: [A=b]",
        "4:10 wrong-type `env` takes a map of names to values, not a list; write `env: {A: b}`",
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
            "3:10 wrong-type `cmd` takes a list of words, not a single value; write `cmd: [make, all]`, or `run: make all` for a shell",
        ],
    );
    task(
        "cmd: [make]\nshell: sh",
        &[
            "4:5 shell-with-cmd `shell` has no meaning beside `cmd`, which runs without one; remove `shell`, or write the command as `run`",
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
        "1:7 wrong-value `jobs` takes a whole number from 1 to 10000; for example `jobs: 4`",
    );
    top(
        "name: ''",
        "1:7 flow-name the flow's `name` is empty; write one short line, or remove the key: the file's name is used then",
    );
    top(
        "name: \"a\\nb\"",
        "1:7 flow-name the flow's `name` holds a control character; write one short line, or remove the key: the file's name is used then",
    );
    top("default: [b]", "1:11 unknown-task unknown task `b`; the only task is `a`");
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
    check("'a[b]'", "holds a bracket, which is for members of a matrix; use `.` or `-` instead");
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
            "2:6 yaml-syntax a text that holds `: ` needs quotes; write `a: 'b: c'`, or the text as a block below `|`",
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
        &["2:6 yaml-syntax a value cannot begin with `@`; put the text in quotes: `'@b'`"],
    );
    lines(
        "tasks: {a: x}\n---\ntasks: {}\n",
        &[
            "2:1 second-document a second YAML document begins here; make two files, or put all tasks below the first `tasks`",
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
        &["3:10 unknown-task unknown task `b`; the only task is `a`"],
    );
    check(
        "tasks = 3\n",
        &[
            "1:9 wrong-type `tasks` takes a map of names to tasks, not a single value; write each task as `name = \"SCRIPT\"`, or `[tasks.name]` with keys below it",
        ],
    );
    assert_eq!(short("[tasks\na = 1\n", Syntax::Toml).len(), 1);
}

#[test]
fn scripts_are_left_alone_with_a_warning_where_an_expression_seems_meant() {
    task(
        "run: echo ${{ params.name }}",
        &[
            "3:15 expression-in-script `${{ params.name }}` in `run` is passed on unchanged, not replaced; give it a name in `env` (`NAME: ${{ params.name }}`), and write \"$NAME\" in the script",
        ],
    );
    task(
        "cmd: [echo, '${{ always() }}']",
        &[
            "3:18 expression-in-script `${{ always() }}` in `cmd` is passed on unchanged, not replaced; write the task as `run`, with `NAME: ${{ always() }}` in `env` and \"$NAME\" in the script",
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

#[test]
fn values_that_only_look_right_are_refused_and_every_one_of_a_list_is_said() {
    task(
        "run: x\nok_codes: [0, x, 256]\nretry: ++1",
        &[
            "4:19 wrong-value `ok_codes` takes a whole number from 0 to 255; for example `ok_codes: [0, 3]`",
            "4:22 wrong-value `ok_codes` takes a whole number from 0 to 255; for example `ok_codes: [0, 3]`",
            "5:12 wrong-value `retry` takes a whole number from 0 to 10000; for example `retry: 3`",
        ],
    );
    task(
        "cmd: [a, ~, [b]]",
        &[
            "3:14 no-value a word of `cmd` is empty; write `\"\"` for an empty text",
            "3:17 wrong-type a word of `cmd` cannot be a list; write one text for each",
        ],
    );
    let quoted = "1:10 version `version` takes the number 1, not a text; write it without quotes: `version: 1`";
    lines("version: \"1\"\ntasks: {a: x}\n", &[quoted]);
}

#[test]
fn what_is_wrong_beside_a_mistake_of_the_syntax_has_its_place() {
    lines(
        "tasks:\n  a: {rnu: x}\n---\ntasks: {}\n",
        &[
            "2:7 unknown-key unknown key `rnu` in a task; did you mean `run`?; write `run`",
            "3:1 second-document a second YAML document begins here; make two files, or put all tasks below the first `tasks`",
        ],
    );
    lines(
        "tasks:\n  a: |\n  b: x\n",
        &["2:3 no-work the script is empty; write a command; `\":\"` does nothing"],
    );
    lines(
        "tasks:\n  [a]: x\n  {b: c}: x\n  d: x\n",
        &[
            "2:3 yaml-key a key must be a word or a text; write `key: value`",
            "3:3 yaml-key a key must be a word or a text; write `key: value`",
        ],
    );
    lines(
        "x-a: &a {run: x}\ntasks:\n  a: {<<: *a, <<: *a}\n",
        &[
            "3:15 duplicate-key the key `<<` is there already; name all maps in one list: `<<: [*a, *b]`",
        ],
    );
    lines(
        "tasks: {a: \"\x1b\"}\n",
        &[
            "1:13 yaml-syntax the character `\x1b` cannot stand in YAML; write it as an escape in double quotes: `\"\\e\"`, `\"\\x07\"`",
        ],
    );
}

#[test]
fn an_if_that_begins_with_a_bare_exclamation_mark_is_told_to_be_quoted() {
    let message = "yaml-tag an `if` that begins with `!` needs quotes: in YAML `!` begins a tag";
    for (line, written) in [
        ("!success()", "'!success()'"),
        ("!success() # undo", "'!success()'"),
        ("! params.b", "'! params.b'"),
        ("!!params.b", "'!!params.b'"),
        ("!params.b && !params.c", "'!params.b && !params.c'"),
        ("!(params.b || failure())", "'!(params.b || failure())'"),
        ("!params['x.y'] == 'a'", "\"!params['x.y'] == 'a'\""),
        ("!contains(params.l, 'a')", "\"!contains(params.l, 'a')\""),
        ("!tasks.a.state == 'x'", "\"!tasks.a.state == 'x'\""),
    ] {
        let said = short(&format!("tasks:\n  a:\n    run: x\n    if: {line}\n"), Syntax::Yaml);
        let expected = format!("4:9 {message}; write `if: {written}`");
        assert!(said.contains(&expected), "{said:?}");
        let other = said.iter().filter(|one| **one != expected && !one.contains("not-yet")).count();
        assert_eq!(other, 0, "{said:?}");
    }
    let said = short("tasks: {a: {run: x, if: !a(b || c)}}\n", Syntax::Yaml);
    assert_eq!(said, [format!("1:25 {message}; write `if: '!a(b || c)'`")]);
}
