//! Pools and `resources.cpus`: what running tasks hold, what they see of it, and who waits.

mod support;

use std::fs;

use pyoco::model::{RunStatus, TaskState};
use serde_json::{Value, json};
use support::{Project, wait_for_file};

/// A task that fails where another one holds the same slot of `gpu`: it makes a folder with the slot's
/// name, which only one can make.
const TAKES: &str = "{pool: gpu, run: 'mkdir \"held-$PYOCO_POOL_GPU\"; echo $PYOCO_TASK >> \"used-$PYOCO_POOL_GPU\"; \
                     sleep 0.02; rmdir \"held-$PYOCO_POOL_GPU\"'}";

/// Returns what `task_started` says of these tasks.
fn held(project: &Project) -> Value {
    let record = project.record();
    let of =
        |line: &&Value| (line["name"].as_str().expect("a name").to_owned(), line["slots"].clone());
    Value::Object(record.events("task_started").iter().map(of).collect())
}

#[test]
fn no_two_running_tasks_hold_the_same_slot() {
    let tasks: String = (0..24).map(|index| format!("  t{index}: {TAKES}\n")).collect();
    for slots in ["3", "[a, 'b c', '0']"] {
        let project = Project::with(&format!("pools: {{gpu: {slots}}}\njobs: 6\ntasks:\n{tasks}"));
        project.run(&["run"]).exits(0);
        assert_eq!(project.record().view.counts().succeeded, 24);
        let names = if slots == "3" { ["0", "1", "2"] } else { ["a", "b c", "0"] };
        let used = |name: &&str| project.read(&format!("used-{name}")).lines().count();
        assert_eq!(names.iter().map(used).sum::<usize>(), 24, "there is no further slot");
        let pools = project.record().events("run_started")[0]["pools"].clone();
        let texts = json!({ "gpu": ["a", "b c", "0"] });
        assert_eq!(pools, if slots == "3" { json!({ "gpu": 3 }) } else { texts });
    }
}

#[test]
fn the_lowest_free_slot_comes_first() {
    // `b` has the longest path and goes first. `d` gets its slot, though the fourth is free too.
    let project = Project::with(
        "
pools: {port: [8001, 8002, 8003, 8004]}
jobs: 9
tasks:
  a: {pool: port, run: 'until [ -e end ]; do sleep 0.01; done; echo $PYOCO_POOL_PORT > a'}
  b: {pool: port, run: 'until [ -e c ]; do sleep 0.01; done; echo $PYOCO_POOL_PORT > b'}
  c: {pool: port, run: 'echo $PYOCO_POOL_PORT > c; until [ -e end ]; do sleep 0.01; done'}
  d: {pool: port, needs: b, run: 'echo $PYOCO_POOL_PORT > d; echo > end'}
  e: {needs: [a, b, c, d], pool: {port: 3}, run: 'echo $PYOCO_POOL_PORT > e'}
  f: {needs: e, run: 'echo ${PYOCO_POOL_PORT-none} > f'}
finally:
  g: {pool: port, run: 'echo $PYOCO_POOL_PORT > g'}
",
    );
    project.run(&["run"]).exits(0);
    let all: Vec<String> =
        ["a", "b", "c", "d", "e", "f", "g"].iter().map(|name| project.read(name)).collect();
    let expected = ["8002", "8001", "8003", "8001", "8001,8002,8003", "none", "8001"];
    assert_eq!(all.iter().map(|text| text.trim()).collect::<Vec<_>>(), expected);
    let slots = held(&project);
    assert_eq!((&slots["d"], &slots["e"]), (&json!({"port": [0]}), &json!({"port": [0, 1, 2]})));
    assert_eq!(slots["f"], Value::Null);
    project
        .run(&["runs", "show", "latest", "--task", "e"])
        .exits(0)
        .says("pool      port: 8001, 8002, 8003\n");
}

#[test]
fn who_waits_for_a_pool_is_queued_and_others_go_on() {
    let project = Project::with(
        "
pools: {db: 1}
jobs: 2
tasks:
  first: {pool: db, run: 'until [ -e end ]; do sleep 0.01; done'}
  waits: {pool: db, run: 'true'}
  other: 'echo > other'
  more: {needs: other, run: 'echo > more'}
",
    );
    let mut running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("more"));
    running.wait_until("the end of `more`", |_| {
        project.record().state("more") == TaskState::Succeeded
    });
    assert_eq!(project.record().state("waits"), TaskState::Queued);
    let id = project.record().run_id.to_string();
    project
        .run(&["runs", "show", &id, "--why", "waits"])
        .exits(0)
        .says("it is ready and waits for a slot of `jobs` or of a pool");
    project.file("end", "");
    running.wait().exits(0);
    assert_eq!(project.record().status(), RunStatus::Completed);
}

#[test]
fn between_attempts_a_task_holds_nothing() {
    let project = Project::with(
        "
pools: {db: 1}
tasks:
  again:
    pool: db
    retry: {max: 1, delay: 300ms}
    run: '[ $PYOCO_ATTEMPT = 2 ] && [ -e done ]'
  next: {pool: db, run: 'echo > done'}
",
    );
    project.run(&["run", "-j", "4"]).exits(0);
    assert_eq!(project.record().names("task_started"), ["again", "next", "again"]);
}

#[test]
fn who_wants_more_than_is_free_is_not_passed_by() {
    let project = Project::with(
        "
pools: {gpu: 2}
jobs: 8
tasks:
  one: {pool: gpu, run: 'until [ -e end ]; do sleep 0.01; done'}
  both: {pool: {gpu: 2}, run: 'true'}
  third: {pool: gpu, run: 'true'}
  free: 'echo > end'
",
    );
    project.run(&["run"]).exits(0);
    // `one` and `free` start together.
    assert_eq!(project.record().names("task_started")[2..], ["both", "third"]);
}

#[test]
fn cpus_are_slots_of_jobs() {
    let project = Project::with(
        "
tasks:
  a: {run: 'until [ -e end ]; do sleep 0.01; done'}
  wide: {resources: {cpus: 2, memory: 1GiB, time: 1h, gpus: 1}, tags: [big], run: 'true'}
  c: 'echo > end'
",
    );
    project.run(&["run", "-j", "3"]).exits(0);
    let record = project.record();
    let jobs = |name: &str| {
        let lines = record.events("task_started");
        lines.iter().find(|line| line["name"] == name).expect("it started")["jobs"].clone()
    };
    assert_eq!((jobs("wide"), jobs("a")), (json!(2), Value::Null));
    let wide = project.run(&["list", "--json"]).exits(0).json()["tasks"][1].clone();
    assert_eq!(wide["tags"], json!(["big"]));
    let asked = json!({"cpus": 2, "gpus": 1, "memory_bytes": 1 << 30, "time_ms": 3_600_000});
    assert_eq!(wide["resources"], asked);

    let project = Project::with("tasks: {wide: {resources: {cpus: 9}, run: 'true'}, b: 'true'}\n");
    let said = "`wide` wants more `cpus` than tasks run at once (2): it holds all slots, and so runs alone";
    project.run(&["run", "-j", "2"]).exits(0).complains(said);
    assert!(!project.run(&["run", "-j", "9"]).exits(0).stderr.contains("want"));
    project.run(&["run", "-n", "-j", "4"]).exits(0).says("  holds 4 of 4 slots\n");
    project.file("pyoco.yaml", "jobs: 2\ntasks: {wide: {resources: {cpus: 9}, run: 'true'}}\n");
    project.run(&["check", "--strict"]).exits(2).complains("`cpus: 9` is more than `jobs: 2`");
    let outcome = project.run(&["run"]).exits(0).complains("`cpus: 9` is more than `jobs: 2`");
    assert!(!outcome.stderr.contains("want"), "it is said once: {outcome:?}");
}

#[test]
fn the_command_line_gives_pools_other_slots() {
    let project = Project::with(
        "
pools: {gpu: 2, port: [8001, 8002]}
tasks:
  a: {pool: {gpu: 2}, run: 'echo $PYOCO_POOL_GPU > a'}
  b: {pool: port, run: 'echo $PYOCO_POOL_PORT > b'}
",
    );
    let run = |args: &[&str]| project.run(&[&["run"], args].concat());
    run(&["--pool", "gpu=x,y z,w", "--pool", "port=3"]).exits(0);
    assert_eq!((&*project.read("a"), &*project.read("b")), ("x,y z\n", "0\n"));
    assert_eq!(
        project.record().events("run_started")[0]["pools"],
        json!({"gpu": ["x", "y z", "w"], "port": 3}),
    );
    run(&["--pool", "port=9,"]).exits(0);
    assert_eq!(project.read("b"), "9\n");
    run(&["-n", "--pool", "gpu=4"]).exits(0).says("  holds 2 of 4 `gpu`\n");

    let n_runs = project.records().len();
    run(&["--pool", "gpu=1"])
        .exits(2)
        .complains("`a` wants 2 slots of the pool `gpu`, which has 1")
        .complains("give it more, or leave the task out");
    run(&["--pool", "gpv=1"])
        .exits(2)
        .complains("unknown pool `gpv`")
        .complains("did you mean `gpu`?");
    run(&["--pool", "disk=1"]).exits(2).complains("the pools are: gpu, port");
    run(&["--pool", "gpu=2", "--pool", "gpu=3"])
        .exits(2)
        .complains("`--pool gpu=…` is there twice");
    run(&["--pool", "gpu=0"]).exits(2).complains("write a number from 1 to 10000");
    run(&["--pool", "gpu=a,a"]).exits(2).complains("the slot `a` is there twice");
    run(&["--pool", "gpu"]).exits(2).complains("write it as NAME=N, or NAME=a,b");
    assert_eq!(project.records().len(), n_runs, "nothing was started");
    // Who does not run wants nothing.
    run(&["b", "--pool", "gpu=1"]).exits(0);
    run(&["--skip", "a", "--pool", "gpu=1"]).exits(0);
    project.run(&["run", "--help"]).exits(0).says("`gpu=4` has the slots 0 to 3");
}

#[test]
fn slots_show_no_secret_and_come_from_nowhere_else() {
    let mut project = Project::with(
        "
secrets: [TOKEN]
pools: {key: [hunter2hunter2, other]}
tasks:
  a: {pool: key, run: '[ $PYOCO_POOL_KEY = hunter2hunter2 ]'}
  b: '[ -z \"${PYOCO_POOL_KEY+x}\" ]'
",
    );
    project.env("TOKEN", "hunter2hunter2").env("PYOCO_POOL_KEY", "outer");
    project.run(&["run"]).exits(0);
    let record = project.record();
    assert_eq!(record.events("run_started")[0]["pools"], json!({"key": ["***", "other"]}));
    let show = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    show.says("key: ***");
    let list = project.run(&["list", "--json"]).exits(0).json();
    assert_eq!(list["pools"], json!({"key": ["***", "other"]}));
    assert_eq!(list["tasks"][0]["pool"], json!({"key": 1}));
    for run in fs::read_dir(project.dir().join(".pyoco/runs")).expect("it is there") {
        let events =
            fs::read(run.expect("an entry").path().join("events.jsonl")).expect("readable");
        assert!(!String::from_utf8_lossy(&events).contains("hunter2"));
    }
}

#[test]
fn a_cancel_ends_who_waits_for_a_pool() {
    let project = Project::with(
        "
pools: {db: 1}
tasks:
  first: {pool: db, run: 'kill -INT $PPID; sleep 600', on_cancel: stop}
  waits: {pool: db, run: 'true'}
finally:
  last: {pool: db, run: 'echo $PYOCO_POOL_DB > last'}
",
    );
    project.run(&["run", "-j", "4"]).dies_of(2);
    let ends = "first CANCELLED cancelled\nwaits CANCELLED cancelled\nlast SUCCEEDED\n";
    assert_eq!(project.record().ends(), ends);
    assert_eq!(project.read("last"), "0\n");
}

#[test]
fn a_number_for_a_list_of_texts_is_warned_of() {
    let project = Project::with(
        "pools: {port: [8001, 8002], gpu: 2}\ntasks:\n  a: {pool: {port: 1, gpu: 1}, run: echo \"$PYOCO_POOL_PORT\"}\n",
    );
    let run = |pool: &str| project.run(&["run", "--pool", pool]).exits(0);
    let number = run("port=9000");
    assert_eq!(number.stdout, "0\n");
    number.complains(
        "warning: `port` is a list of texts in the file, and gets 9000 numbered slots; for one slot \
         with this text write `--pool port=9000,`\n",
    );
    for (pool, stdout) in [("port=9000,", "9000\n"), ("gpu=3", "8001\n")] {
        let quiet = run(pool);
        assert_eq!(quiet.stdout, stdout);
        assert!(!quiet.stderr.contains("warning"), "{quiet:?}");
    }
}
