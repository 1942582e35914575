//! What people write who come from other tools: keys that have another name, another place or no
//! counterpart, values of another shape, and what must not be told beside each.

use super::*;

#[track_caller]
fn in_task(line: &str, expected: &str) {
    task(&format!("run: x\n{line}"), &[expected]);
}

#[track_caller]
fn at_top(line: &str, expected: &str) {
    lines(&format!("{line}\ntasks: {{a: x}}\n"), &[expected]);
}

#[test]
fn variables_are_carried_over() {
    for word in ["vars", "variables", "environment"] {
        in_task(
            &format!("{word}: {{A: b, N: 1}}"),
            &format!("4:5 foreign-key `{word}` is written `env` here; write `env: {{A: b, N: 1}}`"),
        );
    }
    for list in ["[A=b, C=]", "[A: b, C: '']", "[{name: A, value: b}, {name: C, value: ''}]"] {
        task(
            &format!("run: x\nenv: {list}"),
            &[&format!(
                "4:10 wrong-type `env` takes a map of names to values, not a list; write `env: {{A: b, C: {}}}`",
                if list.contains('=') { "\"\"" } else { "''" }
            )],
        );
    }
}

#[test]
fn keys_of_other_tools_are_translated_where_they_stand() {
    in_task(
        "output: ROWS",
        "4:5 foreign-key `output` is written `capture` here; write `capture: ROWS`",
    );
    in_task(
        "output: [v]",
        "4:5 foreign-key `output` is written `outputs` here; write `outputs: [v]`",
    );
    in_task(
        "for: [a, b]",
        "4:5 foreign-key `for` is written `matrix` here; write `matrix: {item: [a, b]}`; a script reads `$PYOCO_MATRIX_ITEM`",
    );
    in_task(
        "on_failure: continue",
        "4:5 foreign-key `on_failure` is written `fail` in a task; write `fail: continue`",
    );
    in_task(
        "name: Build",
        "4:5 foreign-key `name` is written `description` in a task; write `description: Build`",
    );
    in_task(
        "kill: {grace: 2s}",
        "4:12 foreign-key `grace` is written `after` in `kill`; write `after: 2s`",
    );
    in_task(
        "retry: {attempts: 3}",
        "4:13 foreign-key `attempts` is written `max` here; write `max: 3`",
    );
    in_task(
        "retry: {mx: 3}",
        "4:13 unknown-key unknown key `mx` in `retry`; did you mean `max`?; write `max`",
    );
    in_task(
        "retry: {max: 1, timeout: 5s}",
        "4:21 unknown-key unknown key `timeout` in `retry`; `timeout` stands in a task",
    );
    at_top(
        "fail: isolate",
        "1:1 foreign-key `fail` is written `on_failure` at the top level; write `on_failure: isolate`",
    );
    at_top(
        "shell: bash",
        "1:1 unknown-key unknown key `shell` at the top level; write `defaults: {shell: bash}` for all tasks",
    );
    at_top(
        "defaults: {run: {shell: bash, working-directory: src}}",
        "1:12 foreign-key `run` in `defaults` is a word of another tool; write `shell: bash` and `dir: src` in its place",
    );
    at_top(
        "params: [A: 1]",
        "1:9 wrong-type `params` takes a map of names to defaults, not a list; write `params: {A: 1}`",
    );
}

#[test]
fn a_word_without_counterpart_says_what_to_do() {
    in_task(
        "sources: [a.c]",
        "4:5 foreign-key `sources` is a word of another tool; remove it: pyoco knows no files; let `run` call make where only what has changed is to be made",
    );
    in_task(
        "image: alpine",
        "4:5 foreign-key `image` is a word of another tool; wrap it in `run: docker run --rm alpine …`",
    );
    in_task(
        "resource_group: prod",
        "4:5 foreign-key `resource_group` is a word of another tool; write `pool: prod`, and `pools: {prod: 1}` at the top level",
    );
    in_task(
        "retry: {max: 2, when: script_failure}",
        "4:21 foreign-key `when` is a word of another tool; remove it, or name the exit codes that are worth another attempt: `codes: [1]`",
    );
    at_top(
        "concurrency: {group: x}",
        "1:1 foreign-key `concurrency` is a word of another tool; remove it, or let tasks share a pool of one slot: `pools: {name: 1}` at the top level and `pool: name` in each",
    );
    at_top(
        "stages: [build, test]",
        "1:1 foreign-key `stages` is a word of another tool; remove it: each task stands below `tasks`, and says what it waits for by `needs`",
    );
}

#[test]
fn tasks_at_the_top_level_belong_below_tasks() {
    lines(
        "build: {script: make}\n.base: {script: x}\n",
        &[
            "1:1 unknown-key unknown key `build` at the top level; move `build` below `tasks`, where the tasks stand",
            "2:1 unknown-key unknown key `.base` at the top level; write `x-base`, where nothing is read, or move it below `tasks`",
        ],
    );
}

#[test]
fn steps_of_a_task_are_its_script() {
    task(
        "steps: [{run: make}, {run: make test}]",
        &[
            "3:5 foreign-key `steps` is written `run` here; write `run: |`, and below it the lines `make`, `make test`",
        ],
    );
    task(
        "run: [make, make test]",
        &[
            "3:10 wrong-type `run` takes a text, not a list; write `run: |`, and below it the lines `make`, `make test`",
        ],
    );
    // What the shell would have tested.
    task(
        "run: [ -f x ]",
        &[
            "3:10 wrong-type `run` takes a text, not a list; a text that begins with `[` needs quotes: `'[ -f x ]'`",
        ],
    );
}

#[test]
fn limits_are_carried_over_as_they_are() {
    let timeout = |line: &str, value: &str| {
        let word = line.split(':').next().unwrap_or_default();
        let help = format!("`{word}` is written `timeout` here; write `timeout: {value}");
        in_task(line, &format!("4:5 foreign-key {help}"));
    };
    timeout("timeout-minutes: 0.5", "30s`");
    timeout("timeout-minutes: 10.5", "10m30s`");
    timeout("timeoutSec: 1.5", "1.5s`");
    timeout(
        "timeout-minutes: ${{ params.t }}",
        "'${{ params.t }}'`, and its value with a unit: `10m`",
    );
    in_task("timeout: 1h 30m", "4:14 duration `1h 30m` is not a duration; write `1h30m`");
    in_task("resources: {memory: 8G}", "4:25 size `8G` is not a size; write `8GiB`");
}

#[test]
fn lists_in_other_shapes_are_carried_over() {
    in_task(
        "artifacts: {paths: [dist/]}",
        "4:16 wrong-type `artifacts` takes a list, not a map; write `artifacts: [dist/**]`",
    );
    in_task(
        "outputs: {sha: x}",
        "4:14 wrong-type `outputs` takes a list, not a map; write `outputs: [sha]`",
    );
    in_task(
        "matrix: {suite: api, ui, jobs}",
        "4:21 wrong-type `suite` takes a list of values, not a single value; write `suite: [api, ui, jobs]`",
    );
    let needs = |needs: &str, expected: &str| {
        lines(
            &format!("tasks:\n  a: x\n  b: x\n  c:\n    needs: {needs}\n    run: x\n"),
            &[expected],
        );
    };
    needs(
        "[{job: a}]",
        "5:13 wrong-type `needs` takes a task's name or a list of names, not a map; write `needs: [a]`",
    );
    for both in ["a b", "a, b"] {
        needs(
            both,
            &format!(
                "5:12 unknown-task `{both}` is not the name of a task, but those of several; write `needs: [a, b]`"
            ),
        );
    }
}

#[test]
fn a_wrong_key_has_no_consequences() {
    let uses = "env: {X: '${{ tasks.build.outputs.x }}'}";
    for needs in ["depends_on: [build]", "need: [build]", "needs: [biuld]", "needs: [{job: build}]"]
    {
        let text = format!(
            "tasks:\n  build: {{run: x, outputs: [x]}}\n  b: {{run: x, {needs}, {uses}}}\n"
        );
        assert_eq!(short(&text, Syntax::Yaml).len(), 1, "{text}");
    }
    for outputs in ["output: [x]", "output: x", "outputs: {x: 1}"] {
        let text = format!(
            "tasks:\n  build: {{run: x, {outputs}}}\n  b: {{run: x, needs: build, {uses}}}\n"
        );
        assert_eq!(short(&text, Syntax::Yaml).len(), 1, "{text}");
    }
    for param in ["{type: choice}", "{type: int, default: x}", "{type: enum}", "~"] {
        let text = format!(
            "params: {{p: {param}}}\ntasks:\n  a: {{run: x, if: params.p, matrix: {{k: '${{{{ params.p }}}}'}}}}\n"
        );
        assert_eq!(short(&text, Syntax::Yaml).len(), 1, "{text}");
    }
    for matrix in ["matrix: [linux]", "matrx: {os: [linux]}", "strategy: {matrix: {os: [linux]}}"] {
        let text =
            format!("tasks:\n  a: {{run: x, {matrix}, env: {{X: '${{{{ matrix.os }}}}'}}}}\n");
        assert_eq!(short(&text, Syntax::Yaml).len(), 1, "{text}");
    }
    for text in [
        "taks: {a: x}\ndefault: a\n",
        "taks: {a: x}\ngraph: a >> b\n",
        "services: {web: {command: x}}\n",
        "tasks:\n  a: {comand: make}\n",
        "pools: {gpu: 1}\ntasks:\n  a: {run: x, pol: gpu}\n",
        "graph: 'a >> '\ntasks:\n  build: {run: x, outputs: [x]}\n  b: {run: x, env: {X: '${{ tasks.build.outputs.x }}'}}\n",
    ] {
        assert_eq!(short(text, Syntax::Yaml).len(), 1, "{text}");
    }
    // What stands for itself is told.
    let text = format!("tasks:\n  build: {{run: x, outputs: [x]}}\n  b: {{run: x, {uses}}}\n");
    assert!(short(&text, Syntax::Yaml)[0].contains("no-ancestor"));
}

#[test]
fn a_key_among_the_tasks_is_noticed_by_what_it_holds() {
    lines(
        "tasks:\n  a: x\n  finally:\n    clean: rm x\n",
        &[
            "3:3 unknown-key `finally` below `tasks` would be a task; move `finally` to the top level",
        ],
    );
    lines(
        "tasks:\n  a: x\n  needs: [b]\n  retry: {max: 2}\n",
        &[
            "3:3 unknown-key `needs` below `tasks` would be a task; move `needs` to the keys of its task",
            "4:3 unknown-key `retry` below `tasks` would be a task; move `retry` to the keys of its task",
        ],
    );
    lines(
        "tasks:\n  a: x\n  timeout: 5m\n  retry: 2\n",
        &[
            "3:3 misplaced-key `timeout` below `tasks` is a task, with the script `5m`; move `timeout` to the keys of its task, or to the top level",
            "4:3 misplaced-key `retry` below `tasks` is a task, with the script `2`; move `retry` to the keys of its task",
        ],
    );
    lines(
        "tasks:\n  a:\n  run: make\n",
        &["2:3 no-work the task `a` has nothing to do; indent `run` further than `a`"],
    );
    // Tasks may be called so.
    for fine in [
        "env: env",
        "shell: bash",
        "matrix: {run: x}",
        "run: ./a",
        "timeout: ./a",
        "env: {cmd: [a]}",
    ] {
        lines(&format!("tasks:\n  a: x\n  {fine}\n"), &[]);
    }
}
