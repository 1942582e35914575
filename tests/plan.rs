//! `pyoco plan`: what would run and why, in which order, and how long it would take by the records.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Project, same};

const FLOW: &str = "
params: {publish: false}
tasks:
  fetch: 'true'
  build: {run: 'true', needs: fetch}
  test: {run: 'true', needs: build, matrix: {py: ['3.11', '3.12'], os: [linux, mac]}}
  lint: {run: 'true', needs: fetch}
  publish: {run: 'true', needs: test, if: params.publish}
  undo: {run: 'true', needs: test, if: failure()}
  look: {run: 'true', needs: test, if: \"tasks.build.exit_code == 3\"}
finally:
  down: 'true'
";

/// Makes the record of a COMPLETED run in which each task took so many milliseconds, one after the
/// other. `number` makes the run's id.
fn record(project: &Project, number: u32, tasks: &[(&str, u64)]) {
    let file = project.dir().join("pyoco.yaml");
    let id = format!("018f0000-0000-7000-8000-{number:012}");
    let mut lines: Vec<(u64, Value)> = vec![(
        0,
        json!({"event": "run_started", "run_id": id, "flow": "project", "file": file, "jobs": 1, "n_tasks": tasks.len()}),
    )];
    let declared: Vec<Value> = tasks.iter().map(|(name, _)| json!({"name": name})).collect();
    lines.push((0, json!({"event": "tasks_declared", "from": 0, "tasks": declared})));
    let mut ms = 0;
    for (task, (name, takes)) in tasks.iter().enumerate() {
        let one = json!({"event": "task_started", "task": task, "name": name, "attempt": 1});
        lines.push((ms, one));
        ms += takes;
        lines.push((ms, json!({"event": "task_finished", "task": task, "name": name, "attempt": 1, "state": "SUCCEEDED", "exit_code": 0})));
    }
    lines.push((ms, json!({"event": "run_finished", "status": "COMPLETED", "counts": {"succeeded": tasks.len()}})));
    let mut text = String::new();
    for (seq, (ms, mut line)) in lines.into_iter().enumerate() {
        line["v"] = json!(1);
        line["seq"] = json!(seq + 1);
        line["ts"] = json!("2026-03-01T12:00:00.000Z");
        line["ms"] = json!(ms);
        text.push_str(&format!("{line}\n"));
    }
    project.file(&format!(".pyoco/runs/{id}/events.jsonl"), text);
}

/// Returns the text without how long ago the last run was.
fn timeless(text: &str) -> String {
    let end = |line: &str| line.split(", the last one").next().unwrap_or_default().to_owned();
    text.lines().map(|line| end(line) + "\n").collect()
}

#[test]
fn it_tells_the_waves_and_what_stays_out() {
    let project = Project::with(FLOW);
    let outcome = project.run(&["plan", "-j2"]).exits(0);
    let expected = "project: 8 of 11 tasks would run, at most 2 at once
wave 1
   1  fetch
wave 2: 2 side by side
   2  build           after fetch
   3  lint            after fetch
wave 3: 4 side by side
   4  test[py,os] ×4  after build
wave 4
   8  look            after test[py,os] ×4; if its `if` holds then
wave 5
   9  down            finally
would not run:
      publish  its `if` does not hold
      undo     only after a failure or a cancel
critical path (5 tasks): fetch → build → test[py=3.11,os=linux] → look → down
expected: unknown, no COMPLETED run of this flow is on record
"
    .replace("8 of 11", "9 of 11");
    same(&outcome.stdout, &expected);
    assert!(outcome.stderr.is_empty() && !project.has(".pyoco"), "{outcome:?}");
    // A dry run prints the same.
    same(&project.run(&["run", "-n", "-j2"]).exits(0).stdout, &expected);
}

#[test]
fn every_task_has_its_reason() {
    let project = Project::with(FLOW);
    let why = |args: &[&str]| -> String {
        let plan = project.run(&[&["plan", "--json"], args].concat()).exits(0).json();
        let tasks = plan["tasks"].as_array().expect("a list").iter();
        let said = tasks.map(|task| {
            let by = task["needed_by"].as_str().map(|by| format!("({by})")).unwrap_or_default();
            assert_eq!(task["runs"] == true, task["wave"].is_u64(), "{task}");
            assert_eq!(task["wave"].is_u64(), task["order"].is_u64(), "{task}");
            format!("{}:{}{by}", task["name"], task["why"]).replace('"', "")
        });
        said.filter(|said| !said.starts_with("test[")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        why(&[]),
        "fetch:all build:all lint:all publish:if undo:after_failure look:all down:finally"
    );
    assert_eq!(
        why(&["-p", "publish=true", "publish"]),
        "fetch:needed(build) build:needed(test[py=3.11,os=linux]) lint:not_selected publish:named \
         undo:not_selected look:not_selected down:finally"
    );
    assert_eq!(
        why(&["lint", "--skip", "f*", "--skip", "down"]),
        "fetch:skip build:not_selected lint:named publish:not_selected undo:not_selected \
         look:not_selected down:skip"
    );
    assert_eq!(
        why(&["--only", "l*"]),
        "fetch:not_only build:not_only lint:only publish:not_only undo:not_only look:only \
         down:finally"
    );
    project.file("pyoco.yaml", format!("default: lint{FLOW}"));
    assert!(why(&[]).starts_with("fetch:needed(lint) build:not_selected lint:default"));
}

#[test]
fn a_selection_that_run_would_refuse_is_refused() {
    let project = Project::with(FLOW);
    project.run(&["plan", "tset"]).exits(2).complains("unknown task `tset`");
    project.run(&["plan", "--only", "x*"]).exits(2).complains("`--only x*` matches no task");
    project.run(&["plan", "-p", "x=1"]).exits(2).complains("`x`");
    project.run(&["plan", "--pool", "gpu=1"]).exits(2).complains("the file has no `pools`");
    project.run(&["plan", "--simulate", "two"]).exits(2).complains("--simulate");
    project.run(&["plan", "--limit", "0"]).exits(2).complains("--limit");
    project.run(&["plan", "no.yaml"]).exits(2).complains("no.yaml");
    assert!(!project.has(".pyoco"));
}

const TIMED: &str = "
pools: {gpu: 1}
tasks:
  a: 'true'
  b: {run: 'true', pool: gpu}
  c: {run: 'true', needs: [a, b]}
  d: {run: 'true', needs: a, pool: gpu}
";

#[test]
fn the_records_tell_how_long_it_takes() {
    let mut project = Project::with(TIMED);
    project.damages_records();
    // The middle one counts; what failed, and other flows, do not.
    record(&project, 1, &[("a", 9_000), ("b", 2_000), ("c", 1_000), ("d", 5_000)]);
    record(&project, 2, &[("a", 1_000), ("b", 2_000), ("c", 1_000), ("d", 5_000)]);
    record(&project, 3, &[("a", 1_500), ("b", 2_000), ("c", 1_000), ("d", 5_000)]);
    let outcome = project.run(&["plan", "-j4", "--simulate", "1,2,10"]).exits(0);
    same(
        &timeless(&outcome.stdout),
        "project: 4 of 4 tasks would run, at most 4 at once
wave 1: 2 side by side
   1  a  1.5 s
   2  b  2.0 s  holds 1 of 1 `gpu`
wave 2: 2 side by side
   3  c  1.0 s  after a, b
   4  d  5.0 s  after a; holds 1 of 1 `gpu`
critical path (6.5 s): a → d
expected: 7.0 s with -j 4; 4 of 4 tasks known from 3 runs
  -j  1  9.5 s
  -j  2  7.0 s
  -j 10  7.0 s
",
    );
    // With a slot more the pool is no limit.
    project.run(&["plan", "-j4", "--pool", "gpu=2"]).exits(0).says("expected: 6.5 s with -j 4");
    let plan = project.run(&["plan", "-j1", "--json", "--simulate", "4"]).exits(0).json();
    assert_eq!(plan["critical_path"], json!({"tasks": ["a", "d"], "ms": 6500, "n_known": 2}));
    assert_eq!(
        plan["expected"],
        json!({"ms": 9500, "is_complete": true, "n_known": 4, "n_runs": 3, "last_run": "2026-03-01T12:00:00.000Z"})
    );
    assert_eq!(plan["simulated"], json!([{"jobs": 4, "ms": 7000, "steps": 2}]));
}

#[test]
fn what_is_not_known_is_said() {
    let mut project = Project::with(TIMED);
    project.damages_records();
    record(&project, 1, &[("a", 1_500), ("b", 2_000)]);
    let outcome = project.run(&["plan", "-j4", "--simulate", "1"]).exits(0);
    outcome
        .says("c      ?  after a, b\n")
        .says("critical path (2.0 s and more: 1 of 2 known): b → c\n")
        .says("expected: at least 2.0 s with -j 4; 2 of 4 tasks known from 1 run")
        .says("  unknown: c, d\n  -j 1  at least 3.5 s\n");
    // Another file with the same name is another flow.
    project.file("sub/pyoco.yaml", format!("name: project\n{TIMED}"));
    let outcome = project.run(&["plan", "sub/pyoco.yaml", "--simulate", "1,2"]).exits(0);
    outcome
        .says("expected: unknown, no COMPLETED run of this flow is on record\n")
        .says("  -j 1  4 steps, if each task takes as long\n")
        .says("  -j 2  2 steps, if each task takes as long\n");
    let outcome = project.run(&["plan", "sub/pyoco.yaml", "--json"]).exits(0).json();
    assert_eq!(outcome["expected"]["ms"], Value::Null);
    project.run(&["plan", "--state-dir", "elsewhere"]).exits(0).says("expected: unknown");
    assert!(!project.has("elsewhere"), "reading makes no folder");
}

#[test]
fn a_real_run_teaches_and_a_failed_one_does_not() {
    let project = Project::with("tasks:\n  a: '[ -e ok ]'\n  b: 'sleep 0.2'\n");
    project.run(&["run", "-q", "-k"]).exits(1);
    project.run(&["plan"]).exits(0).says("no COMPLETED run");
    project.file("ok", "");
    project.run(&["run", "-q"]).exits(0);
    let plan = project.run(&["plan", "--json"]).exits(0).json();
    assert!(plan["tasks"][1]["expected_ms"].as_u64() >= Some(100), "{plan}");
    assert_eq!((&plan["tasks"][1]["n_runs"], &plan["expected"]["n_known"]), (&json!(1), &json!(2)));
    let runs = project.dir().join(".pyoco/runs");
    let n_files = fs::read_dir(&runs).expect("it is there").count();
    project.run(&["plan"]).exits(0).says("2 of 2 tasks known from 1 run, the last one");
    assert_eq!(fs::read_dir(&runs).expect("it is there").count(), n_files);
}

#[test]
fn a_damaged_record_is_passed_over() {
    let mut project = Project::with(TIMED);
    project.damages_records();
    record(&project, 1, &[("a", 1_500)]);
    project.file(".pyoco/runs/018f0000-0000-7000-8000-000000000002/events.jsonl", "\0\0\n");
    project.file(".pyoco/runs/018f0000-0000-7000-8000-000000000003/nothing", "");
    project.run(&["plan"]).exits(0).says("1 of 4 tasks known from 1 run");
}

#[test]
fn a_large_plan_stays_short() {
    let mut flow = "tasks:\n  t0: 'true'\n".to_owned();
    for n in 1..10_000 {
        let needs = if n % 100 == 0 { "[]".to_owned() } else { format!("t{}", n - 1) };
        flow.push_str(&format!("  t{n}: {{run: 'true', needs: {needs}}}\n"));
    }
    let project = Project::with(&flow);
    let plan = project.run(&["plan", "--simulate", "1,8", "-j", "4"]).exits(0).stdout;
    assert!(plan.lines().count() < 220, "{} lines", plan.lines().count());
    assert!(plan.contains("… and 9800 more lines; `pyoco plan --limit 10000` shows all"), "{plan}");
    assert!(plan.contains("critical path (100 tasks): t0 → t1 →"), "{plan}");
    assert!(plan.contains(" → … 80 more … → "), "{plan}");
    let short = project.run(&["plan", "t5", "--limit", "2"]).exits(0).stdout;
    assert!(
        short.contains("wave 2\n   2  t1  after t0; needed by t2\n… and 4 more lines"),
        "{short}"
    );
    let json = project.run(&["plan", "--json"]).exits(0).json();
    assert_eq!(json["tasks"].as_array().map(Vec::len), Some(10_000));
}

#[test]
fn its_help_has_an_example() {
    let help = Project::new().run(&["plan", "--help"]).exits(0).stdout;
    assert!(help.contains("  pyoco plan ci.yaml test -j 4"), "{help}");
}

#[test]
fn members_that_need_their_own_are_told_as_in_the_file() {
    let project = Project::with(
        "
tasks:
  base: x
  a: {matrix: {r: [x, y], s: [1, 2]}, run: x}
  b: {matrix: {r: [x, y], t: [1, 2]}, needs: ['a[r]', base], run: x}
  c: {matrix: {r: [x, y], s: [1, 2]}, needs_any: ['a[r,s]'], run: x}
  d: {matrix: {r: [x, y]}, needs: a, run: x}
",
    );
    let plan = project.run(&["plan", "-j2"]).exits(0).stdout;
    for line in [
        "  b[r,t] ×4  after a[r], base\n",
        "  c[r,s] ×4  after one of a[r,s]\n",
        "  d[r] ×2    after a[r,s] ×4\n",
    ] {
        assert!(plan.contains(line), "{line}{plan}");
    }
    let plan = project.run(&["plan", "-j2", "b"]).exits(0).stdout;
    assert!(plan.contains("  a[r,s] ×4  needed by b[r,t] ×2\n"), "{plan}");
}
