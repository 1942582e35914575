//! What is said of the shape of a file: everything at once, keys, words of other tools, the graph.

use super::*;

#[test]
fn everything_is_said_at_once_with_place_line_caret_and_remedy() {
    check(
        "tasks:\n  build:\n    rnu: make\n    timeout: 10\n  test: {run: x, needs: [biuld]}\nparams: 3\n",
        "
error[E0101]: unknown key `rnu` in a task; did you mean `run`?
 --> f.yaml:3:5
  |
3 |     rnu: make
  |     ^^^
  |
  = help: write `run`

error[E0108]: `10` is not a duration
 --> f.yaml:4:14
  |
4 |     timeout: 10
  |              ^^
  |
  = help: give it a unit: `10s` for seconds, `10m` for minutes

error[E0211]: unknown task `biuld`; did you mean `build`?
 --> f.yaml:5:26
  |
5 |   test: {run: x, needs: [biuld]}
  |                          ^^^^^
  |
  = help: write `build`

error[E0103]: `params` takes a map of names to defaults, not a single value
 --> f.yaml:6:9
  |
6 | params: 3
  |         ^
  |
  = help: write `params:` and below it, say, `  workers: 4`

error: 4 errors in f.yaml
",
    );
}

#[test]
fn a_cycle_is_shown_whole_with_the_place_of_each_edge() {
    check(
        "tasks:\n  a: {run: x, needs: c}\n  b: {run: x, needs_any: [a]}\n  c: {run: x, needs: [b]}\n  d: {run: x, needs: [d]}\n",
        "
error[E0212]: these tasks wait for one another: `a` → `b` → `c` → `a`
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

error[E0212]: the task `d` needs itself
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
error[E0212]: these tasks wait for one another: `a` → `b` → `a`
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
        "graph: |\n  a >> d\n  a & b >> c\ntasks: {a: x, b: {run: x, needs: a}, c: x}\n",
        &[
            "1:1 two-graphs the graph is written in two ways; keep `graph`, or the needs, for the whole file",
            "2:8 unknown-task unknown task `d`; the tasks are `a`, `b`, `c`",
            "3:5 graph `&` needs parentheses; write `(a & b)`",
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
            "2:21 not-in-graph the task `c` stands in no line of `graph`; add it to a line, or say that it needs nothing with the line `c`",
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
    check("cwd: sub", "4:5 foreign-key `cwd` is written `dir` here; write `dir: sub`");
    check(
        "desc: x",
        "4:5 foreign-key `desc` is written `description` here; write `description: x`",
    );
    check("when: x", "4:5 foreign-key `when` is written `if` here; write `if: x`");
    check("runs-on: x", "4:5 foreign-key `runs-on` is written `tags` here; write `tags: [x]`");
    check(
        "callable: x",
        "4:5 foreign-key `callable` belongs to the Python edition; this edition runs shell commands; write each task as `name: SCRIPT` below `tasks`",
    );
    task("script: make", &["3:5 foreign-key `script` is written `run` here; write `run: make`"]);
    let top =
        |line: &str, expected: &str| lines(&format!("{line}\ntasks: {{a: x}}\n"), &[expected]);
    top(
        "fail-fast: true",
        "1:1 foreign-key `fail-fast` is written `on_failure` here; write `on_failure: kill`",
    );
    top("concurrency: 3", "1:1 foreign-key `concurrency` is written `jobs` here; write `jobs: 3`");
    top(
        "inputs: {}",
        "1:1 foreign-key `inputs` is written `params` here; write `params: {name: value}`",
    );
    lines(
        "jobs: {build: {}}\n",
        &[
            "1:1 foreign-key `jobs` is written `tasks` here; write `tasks:`, with `build` and the others below it",
        ],
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
        &["4:5 unknown-key unknown key `jobs` in a task; `jobs` stands at the top level"],
    );
    task(
        "run: x\nconcurrency: 3",
        &["4:5 unknown-key unknown key `concurrency` in a task; write `jobs: 3` at the top level"],
    );
    task(
        "run: x\nwith: {a: 1}",
        &["4:5 unknown-key unknown key `with` in a task; write `params: {a: 1}` at the top level"],
    );
    lines(
        "strategy: {}\ntasks: {a: x}\n",
        &[
            "1:1 unknown-key unknown key `strategy` at the top level; write `matrix: {name: [a, b]}` in a task",
        ],
    );
    task(
        "run: x\non_failure: kill",
        &["4:5 foreign-key `on_failure` is written `fail` in a task; write `fail: kill`"],
    );
    lines(
        "needs: a\ntasks: {a: x}\n",
        &["1:1 unknown-key unknown key `needs` at the top level; `needs` stands in a task"],
    );
    lines(
        "defaults: {run: x}\ntasks: {a: x}\n",
        &["1:12 unknown-key unknown key `run` in `defaults`; `run` stands in a task"],
    );
}
