//! Cancelling and watching a run from another process: `pyoco runs cancel`, a runner that dies, and
//! runs within runs.

mod support;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{Project, Running, wait_for, wait_for_file};

/// A task that ends when the test says so, and one that waits for it.
const WAITING: &str = "
tasks:
  a: 'mkfifo go; echo ready; : > ready; read word < go; echo over'
  b: {run: ': > b.ran', needs: [a]}
";
const DEAF: &str = "tasks: {deaf: \"trap '' TERM; echo $$ > pid; : > ready; exec sleep 86400\"}";

fn start(project: &Project, args: &[&str]) -> Running {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join("ready"));
    wait_for("the start in the record", || !project.record().events("task_started").is_empty());
    running
}

fn levels(project: &Project) -> Vec<String> {
    let record = project.record();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let told = record.events("run_cancelling");
    told.iter().map(|event| format!("{} {}", word(&event["level"]), word(&event["by"]))).collect()
}

fn short(project: &Project) -> String {
    project.record().run_id.short().to_string()
}

#[test]
fn runs_cancel_drains_and_the_run_exits_130() {
    let project = Project::with(WAITING);
    let mut running = start(&project, &["run"]);
    let id = short(&project);
    project.run(&["runs", "cancel", &id, "--reason", "wrong branch"]).exits(0);
    running.wait_to_complain("1 task may finish; press Ctrl-C again to stop: a\n");
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Cancelling);
    assert_eq!(record.ends(), "a RUNNING\nb CANCELLED cancelled\n");
    project.run(&["runs", "cancel", &id]).exits(0); // twice is harmless
    project.file("go", "word\n");
    running.wait().exits(130).says("over\n");
    let record = project.record();
    assert_eq!(record.ends(), "a SUCCEEDED\nb CANCELLED cancelled\n");
    let told = record.events("run_cancelling");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["level"], &told[0]["by"]), (&"drain".into(), &"runs cancel".into()));
    assert!(told[0].to_string().contains("wrong branch"), "{told:?}");
    project.run(&["runs", "show", &id]).exits(0).says("wrong branch");
}

#[test]
fn runs_cancel_stop_waits_for_the_end() {
    let project = Project::with(DEAF);
    let running = start(&project, &["run", "--grace", "200ms"]);
    let outcome = project.run(&["runs", "cancel", "latest", "--stop", "--wait"]).exits(0);
    // It has the end in its record when the command returns.
    assert_eq!(project.record().status(), RunStatus::Cancelled);
    outcome.complains("CANCELLED");
    running.wait().exits(130);
    assert_eq!(levels(&project), ["stop runs cancel"]);
    assert_eq!(project.record().events("task_finished")[0]["signal"], "SIGKILL");
}

#[test]
fn runs_cancel_kill_kills() {
    let project = Project::with(DEAF);
    let running = start(&project, &["run", "--grace", "1d"]);
    project.run(&["runs", "cancel", "running", "--kill", "--wait"]).exits(0);
    running.wait().exits(130).complains("pyoco: killing 1 task: deaf\n");
    assert_eq!(levels(&project), ["kill runs cancel"]);
}

#[test]
fn a_cancel_from_elsewhere_is_a_rung_for_ctrl_c() {
    let project = Project::with(DEAF);
    let mut running = start(&project, &["run", "--grace", "1d"]);
    project.run(&["runs", "cancel", "latest"]).exits(0);
    running.wait_to_complain("press Ctrl-C again to stop: deaf");
    running.signal(Signal::INT);
    running.wait_to_complain("press Ctrl-C again to kill: deaf");
    project.run(&["runs", "cancel", "latest", "--stop"]).exits(0); // it is there already
    running.signal(Signal::INT);
    running.wait_to_complain("pyoco: killing 1 task: deaf");
    running.wait().dies_of(2);
    assert_eq!(levels(&project), ["drain runs cancel", "stop SIGINT", "kill SIGINT"]);
}

#[test]
fn what_raised_the_level_last_says_how_the_run_exits() {
    let project = Project::with(DEAF);
    let mut running = start(&project, &["run", "--grace", "1d"]);
    running.signal(Signal::TERM);
    running.wait_to_complain("press Ctrl-C again to kill: deaf");
    project.run(&["runs", "cancel", "latest", "--kill"]).exits(0);
    running.wait().exits(130);
    assert_eq!(levels(&project), ["stop SIGTERM", "kill runs cancel"]);
}

#[test]
fn an_ended_run_cannot_be_cancelled() {
    for (script, state, code) in [("true", "COMPLETED", 0), ("exit 3", "FAILED", 1)] {
        let project = Project::with(&format!("tasks: {{a: '{script}'}}"));
        project.run(&["run"]).exits(code);
        for flags in [&[][..], &["--stop"], &["--kill"], &["--wait"]] {
            let args = [&["runs", "cancel", "latest"], flags].concat();
            project.run(&args).exits(2).complains(state);
        }
    }
    let project = Project::with("tasks: {a: 'kill -TERM $PPID; exec sleep 86400'}");
    project.run(&["run"]).dies_of(15);
    project.run(&["runs", "cancel", "latest"]).exits(2).complains("CANCELLED");
}

#[test]
fn a_killed_runner_leaves_a_lost_run_and_the_next_one_works() {
    let project = Project::with(DEAF);
    let running = start(&project, &["run"]);
    let id = short(&project);
    running.signal(Signal::KILL);
    running.wait().dies_of(9);
    project.run(&["runs", "show", &id]).exits(0).says("LOST");
    assert_eq!(project.run(&["runs", "show", &id, "--json"]).exits(0).json()["status"], "LOST");
    project.run(&["runs", "list"]).exits(0).says("LOST");
    for flags in [&[][..], &["--kill", "--wait"]] {
        let args = [&["runs", "cancel", &id], flags].concat();
        project.run(&args).exits(2).complains("LOST");
    }
    // Without its runner nobody may be there to end the task: it may be too young for a watchdog.
    let pid: i32 = project.read("pid").trim().parse().expect("a pid");
    let pid = Pid::from_raw(pid).expect("no process has the number 0");
    let _ = kill_process(pid, Signal::KILL);
    project.file("pyoco.yaml", "tasks: {a: 'true'}");
    project.run(&["run"]).exits(0);
    assert_eq!(project.records().len(), 2);
    assert!(!project.records()[0].status().is_final(), "LOST is never written");
}

#[test]
fn a_running_run_is_shown_as_it_stands_and_followed_to_its_end() {
    let project = Project::with(WAITING);
    let mut running = start(&project, &["run"]);
    running.wait_to_say("ready\n");
    let shown = project.run(&["runs", "show", "latest"]).exits(0);
    assert!(shown.stdout.contains("\nRUNNING  a "), "{shown:?}");
    assert!(shown.stdout.contains("\nPENDING  b"), "{shown:?}");
    let mut logs = project.spawn(&["runs", "logs", "latest", "-f", "--as", "raw"]);
    logs.wait_to_say("ready\n");
    assert!(!logs.has_ended());
    running.signal(Signal::INT);
    running.wait_to_complain("press Ctrl-C again to stop: a");
    let shown = project.run(&["runs", "show", "latest"]).exits(0);
    assert!(shown.stdout.contains("CANCELLING"), "{shown:?}");
    project.file("go", "word\n");
    running.wait().dies_of(2);
    let logs = logs.wait().exits(0);
    assert_eq!(logs.stdout, "ready\nover\n");
    project.run(&["runs", "show", "latest"]).exits(0).says("CANCELLED");
}

const OUTER: &str = "tasks: {outer: '\"$PYOCO_EXE\" run inner.yaml'}";

/// Returns where the record of the outer run and that of the inner one stand in the list.
fn outer_and_inner(project: &Project) -> (usize, usize) {
    let records = project.records();
    assert_eq!(records.len(), 2);
    let outer = records.iter().position(|record| record.values[0]["parent_run"].is_null());
    let outer = outer.expect("one run has no parent");
    (outer, 1 - outer)
}

#[test]
fn runs_within_runs_name_each_other() {
    let project = Project::with(OUTER);
    project.file("inner.yaml", "tasks: {inner: 'echo deep'}");
    project.run(&["run"]).exits(0).says("deep\n");
    let (outer, inner) = outer_and_inner(&project);
    let records = project.records();
    let (outer, inner) = (&records[outer], &records[inner]);
    assert_eq!(inner.values[0]["parent_run"], outer.run_id.to_string());
    let outer_id = outer.run_id.to_string();
    let inner_id = inner.run_id.to_string();
    let short = |id: &pyoco::model::RunId| id.short().to_string();
    project.run(&["runs", "show", &inner_id]).exits(0).says(&short(&outer.run_id));
    project.run(&["runs", "show", &outer_id]).exits(0).says(&short(&inner.run_id));
}

#[test]
fn a_drain_of_the_outer_run_drains_the_inner_one() {
    let project = Project::with(OUTER);
    let inner = "
tasks:
  inner: 'mkfifo go; : > ready; read word < go'
  after: {run: ': > after.ran', needs: inner}
";
    project.file("inner.yaml", inner);
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::INT);
    let is_drained = || project.records().iter().all(|r| r.status() == RunStatus::Cancelling);
    support::wait_for("both runs to be cancelling", is_drained);
    project.file("go", "word\n");
    running.wait().dies_of(2);
    let (outer, inner) = outer_and_inner(&project);
    let records = project.records();
    assert_eq!(records[inner].ends(), "inner SUCCEEDED\nafter CANCELLED cancelled\n");
    assert_eq!(records[outer].ends(), "outer FAILED exit(130)\n");
    let by = records[inner].events("run_cancelling")[0]["by"].as_str().map(str::to_owned);
    assert_eq!(by, Some(format!("outer run {}", records[outer].run_id.short())));
    assert!(!project.has("after.ran"));
}

#[test]
fn a_run_that_is_started_within_a_drained_one_is_drained() {
    let project = Project::with(
        "tasks: {outer: 'mkfifo go; : > ready; read word < go; \"$PYOCO_EXE\" run inner.yaml'}",
    );
    project.file("inner.yaml", "tasks: {first: 'true', second: {run: 'true', needs: first}}");
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::INT);
    support::wait_for("the cancel", || project.record().status() == RunStatus::Cancelling);
    project.file("go", "word\n");
    running.wait().dies_of(2);
    let (_, inner) = outer_and_inner(&project);
    assert_eq!(project.records()[inner].status(), RunStatus::Cancelled);
}

#[test]
fn a_stop_of_the_outer_run_ends_the_inner_one_with_its_record() {
    let project = Project::with(OUTER);
    project.file("inner.yaml", "tasks: {inner: ': > ready; exec sleep 86400', after: 'true'}");
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    let (outer, inner) = outer_and_inner(&project);
    let records = project.records();
    assert_eq!(records[outer].status(), RunStatus::Cancelled);
    assert_eq!(records[inner].status(), RunStatus::Cancelled);
    assert_eq!(records[inner].state("inner"), TaskState::Cancelled);
}

#[test]
fn a_stop_of_the_outer_run_leaves_nothing_of_a_deaf_inner_task() {
    let project = Project::with(OUTER);
    project.file("inner.yaml", "tasks: {inner: \"trap '' TERM; : > ready; exec sleep 86400\"}");
    let running = project.spawn(&["run", "--grace", "1s"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    let (_, inner) = outer_and_inner(&project);
    let inner = &project.records()[inner];
    assert_eq!(inner.status(), RunStatus::Cancelled);
    assert_eq!(inner.events("task_finished")[0]["signal"], "SIGKILL");
}

#[test]
fn rubbish_in_the_cancel_file_swallows_no_request() {
    // A line far longer than any request, and more lines than are read at once.
    for rubbish in ["head -c 3000000 /dev/zero", "head -c 3000000 /dev/zero | tr '\\0' '\\n'"] {
        let flow = format!(
            "tasks:\n  a: |\n    {rubbish} > \"$PYOCO_CANCEL_FILE\"; : > ready.a; exec sleep 86400\n"
        );
        let project = Project::with(&flow);
        let running = project.spawn(&["run"]);
        wait_for_file(&project.dir().join("ready.a"));
        project.run(&["runs", "cancel", "latest", "--kill"]).exits(0);
        running.wait().exits(130);
        assert_eq!(project.record().ends(), "a CANCELLED cancelled\n");
    }
}
