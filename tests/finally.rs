//! `finally`: what runs at the end, whatever the outcome, and what it is told; and how the ladder of a
//! cancel meets it.

mod support;

use pyoco::model::RunStatus;
use rustix::process::Signal;
use support::{Project, Running, wait_for_file};

/// Says on standard output what it was told.
const TOLD: &str =
    "printf '%s:%s.\\n' \"$PYOCO_STATUS\" \"$PYOCO_FAILED_TASKS\" | tr '\\n' ' '; echo";

/// Is ready, and then waits for a file.
fn waits(name: &str) -> String {
    format!("': > ready.{name}; until [ -e go.{name} ]; do sleep 0.01; done'")
}

fn start(project: &Project, args: &[&str], task: &str) -> Running {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join(format!("ready.{task}")));
    support::wait_for("the task in the record", || {
        project.record().names("task_started").contains(&task)
    });
    running
}

#[test]
fn it_runs_after_success_and_after_failure_and_is_told_which() {
    let project = Project::new();
    let flow = |script: &str| {
        format!(
            "
on_failure: isolate
tasks:
  a: {script}
  b: {script}
  c: {{run: echo c, needs: a}}
  d: {{run: exit 4, fail: continue}}
finally:
  told: {{cmd: [sh, -c, '{}']}}
",
            TOLD.replace('\'', "''")
        )
    };
    project.file("pyoco.yaml", flow("'true'"));
    project.run(&["run", "--output", "stream"]).exits(0).says("COMPLETED:d.");
    project.file("pyoco.yaml", flow("exit 3"));
    project.run(&["run", "--output", "stream"]).exits(1).says("FAILED:a b d.");
    let ends = "a FAILED exit(3)\nb FAILED exit(3)\nc SKIPPED upstream(a)\nd FAILED exit(4)\ntold SUCCEEDED\n";
    assert_eq!(project.record().ends(), ends);
}

#[test]
fn only_finally_is_told() {
    let mut project = Project::with(
        "
tasks:
  a: 'echo \"${PYOCO_STATUS-none}${PYOCO_FAILED_TASKS-none}\"'
finally:
  b: 'echo \"$PYOCO_STATUS${PYOCO_FAILED_TASKS-none}\"'
",
    );
    project.env("PYOCO_STATUS", "from outside").env("PYOCO_FAILED_TASKS", "from outside");
    let outcome = project.run(&["run"]).exits(0);
    assert_eq!(outcome.stdout, "nonenone\nCOMPLETED\n");
}

#[test]
fn its_tasks_need_one_another_as_an_order_alone() {
    let project = Project::with(
        "
tasks: {a: 'true'}
finally:
  third: {run: ': > third; [ -e second ]', needs: second}
  second: {run: ': > second; exit 5', needs: first}
  first: ': > first'
",
    );
    project.run(&["run", "-j", "4"]).exits(1).complains("first failure: second");
    let ends = "a SUCCEEDED\nthird SUCCEEDED\nsecond FAILED exit(5)\nfirst SUCCEEDED\n";
    assert_eq!(project.record().ends(), ends);
    assert_eq!(project.record().names("task_started"), ["a", "first", "second", "third"]);
}

#[test]
fn a_failure_of_its_own_does_not_hide_an_earlier_one() {
    let project = Project::with("tasks: {a: exit 3}\nfinally: {b: exit 4, c: 'true'}\n");
    let outcome = project.run(&["run"]).exits(1);
    let outcome = outcome.complains("first failure: a").complains("also failed: b: exit 4");
    outcome.complains("ended: exit 3");
    assert_eq!(project.record().ends(), "a FAILED exit(3)\nb FAILED exit(4)\nc SUCCEEDED\n");
}

#[test]
fn a_selection_keeps_it_unless_it_is_named() {
    let project = Project::with("tasks: {a: echo a, b: echo b}\nfinally: {c: echo c, d: echo d}\n");
    let out = |args: &[&str]| project.run(args).exits(0).stdout;
    assert_eq!(out(&["run", "-j", "1", "b"]), "b\nc\nd\n");
    assert_eq!(out(&["run", "-j", "1", "--only", "a"]), "a\nc\nd\n");
    assert_eq!(out(&["run", "-j", "1", "--only", "c"]), "c\nd\n");
    assert_eq!(out(&["run", "-j", "1", "--skip", "a", "--skip", "c"]), "b\nd\n");
    project.run(&["run", "--skip", "*"]).exits(2).complains("nothing is left to run");
}

#[test]
fn a_drain_runs_it() {
    let flow = format!("tasks:\n  a: {}\n  b: {{run: echo b, needs: a}}\n", waits("a"));
    let project = Project::with(&format!("{flow}finally:\n  c: '{}'\n", TOLD.replace('\'', "''")));
    let running = start(&project, &["run", "--output", "stream"], "a");
    running.signal(Signal::INT);
    support::wait_for("the drain", || project.record().status() == RunStatus::Cancelling);
    assert_eq!(project.record().ends(), "a RUNNING\nb CANCELLED cancelled\nc PENDING\n");
    project.file("go.a", "");
    running.wait().dies_of(2).says("CANCELLED:.");
    assert_eq!(project.record().ends(), "a SUCCEEDED\nb CANCELLED cancelled\nc SUCCEEDED\n");
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn a_first_cancel_while_it_runs_lets_all_of_it_run() {
    let flow = format!(
        "tasks: {{a: 'true'}}\nfinally:\n  b: {{run: {}, on_cancel: stop}}\n  c: {{run: 'true', needs: b}}\n",
        waits("b")
    );
    let project = Project::with(&flow);
    let mut running = start(&project, &["run"], "b");
    running.signal(Signal::INT);
    running.wait_to_complain("press Ctrl-C again to stop: b\n");
    project.file("go.b", "");
    running.wait().dies_of(2);
    assert_eq!(project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\nc SUCCEEDED\n");
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn ctrl_c_while_it_runs_climbs_the_ladder() {
    for n_more in [1, 2] {
        let project = Project::with(
            "
tasks: {a: 'true'}
finally:
  b: \"trap '' TERM; : > ready.b; exec sleep 86400\"
  c: {run: 'true', needs: b}
",
        );
        let grace = if n_more == 1 { "50ms" } else { "3s" };
        let mut running = start(&project, &["run", "--grace", grace], "b");
        running.signal(Signal::INT);
        running.wait_to_complain("pyoco: cancelling: ");
        running.signal(Signal::INT);
        running.wait_to_complain("pyoco: stopping: 1 task asked to end");
        if n_more == 2 {
            running.signal(Signal::INT);
        }
        running.wait().dies_of(2);
        let ends = "a SUCCEEDED\nb CANCELLED cancelled\nc CANCELLED cancelled\n";
        assert_eq!(project.record().ends(), ends);
    }
}

#[test]
fn a_short_stop_and_a_kill_cancel_it() {
    let cases = [(Signal::TERM, 15, "3999ms"), (Signal::HUP, 1, "2s"), (Signal::QUIT, 3, "30s")];
    for (signal, number, grace) in cases {
        let flow = format!("tasks:\n  a: {}\nfinally:\n  b: ': > ran.b'\n", waits("a"));
        let project = Project::with(&flow);
        let running = start(&project, &["run", "--grace", grace], "a");
        running.signal(signal);
        running.wait().dies_of(number);
        assert_eq!(project.record().ends(), "a CANCELLED cancelled\nb CANCELLED cancelled\n");
        assert!(!project.has("ran.b"));
    }
}

#[test]
fn a_stop_with_time_for_it_runs_it() {
    let flow = format!("grace: 4s\ntasks:\n  a: {}\nfinally:\n  b: ': > ran.b'\n", waits("a"));
    let project = Project::with(&flow);
    let running = start(&project, &["run"], "a");
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    assert_eq!(project.record().ends(), "a CANCELLED cancelled\nb SUCCEEDED\n");
    assert!(project.has("ran.b"));
}

#[test]
fn runs_cancel_runs_it_too() {
    let flow = format!("tasks:\n  a: {}\nfinally:\n  b: ': > ran.b'\n", waits("a"));
    let project = Project::with(&flow);
    let running = start(&project, &["run"], "a");
    project.run(&["runs", "cancel", "latest"]).exits(0);
    project.file("go.a", "");
    running.wait().exits(130);
    assert_eq!(project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\n");
    let project = Project::with(&flow);
    let running = start(&project, &["run"], "a");
    project.run(&["runs", "cancel", "latest", "--stop"]).exits(0);
    running.wait().exits(130);
    assert_eq!(project.record().ends(), "a CANCELLED cancelled\nb CANCELLED cancelled\n");
}

#[test]
fn a_stop_with_time_for_it_while_it_runs_lets_it_go_on_and_says_so() {
    let flow = format!("grace: 30s\ntasks: {{a: 'true'}}\nfinally:\n  b: {}\n", waits("b"));
    let project = Project::with(&flow);
    let mut running = start(&project, &["run"], "b");
    running.signal(Signal::TERM);
    running.wait_to_complain(
        "pyoco: stopping: `finally` has 30.0 s left; press Ctrl-C again to kill: b\n",
    );
    project.file("go.b", "");
    running.wait().dies_of(15);
    assert_eq!(project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\n");
}
