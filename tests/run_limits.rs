//! What a file says of time and room: the timeout of the run, how a task is stopped, the grace, and what
//! is kept of runs.

mod support;

use pyoco::model::RunStatus;
use rustix::process::Signal;
use support::{Project, wait_for_file};

#[test]
fn a_run_that_takes_too_long_is_stopped_and_cleans_up() {
    let project = Project::with(
        "
timeout: 200ms
tasks:
  slow: exec sleep 86400
  next: {run: ': > ran.next', needs: slow}
finally:
  clean: 'echo \"$PYOCO_STATUS\"'
",
    );
    let outcome = project.run(&["run"]).exits(124).says("FAILED\n");
    outcome
        .complains("pyoco: timeout of the run: 1 task asked to end: slow\n")
        .complains("the run failed: timeout after ");
    let record = project.record();
    let ends = "slow CANCELLED run_timeout\nnext SKIPPED run_timeout\nclean SUCCEEDED\n";
    assert_eq!((&*record.ends(), record.status()), (ends, RunStatus::Failed));
    assert_eq!(record.events("task_stopping")[0]["why"], "run_timeout");
    assert_eq!(record.events("run_finished")[0]["reason"], "timeout");
    project.run(&["runs", "show", "latest"]).exits(0).says("FAILED  timeout");
    // What it was doing is looked at here too.
    let words = project.run(&["runs", "logs", "latest", "slow", "--stream", "pyoco"]).exits(0);
    words.says("pyoco: timeout of the run, 200 ms; ").says("sleep 86400");
    let task = project.run(&["runs", "show", "latest", "--task", "slow"]).exits(0);
    task.says("runs logs ").says("--stream pyoco");
}

#[test]
fn the_flag_goes_before_the_file() {
    let project = Project::with("timeout: 1h\ntasks: {slow: exec sleep 86400}\n");
    project.run(&["run", "--timeout", "100ms"]).exits(124);
    project.run(&["run", "--timeout", "0s"]).exits(2).complains("nothing could end in time");
    project.run(&["run", "--timeout", "5"]).exits(2).complains("give it a unit: `5s`");
}

#[test]
fn a_run_in_time_and_one_that_is_cancelled_do_not_time_out() {
    let project = Project::with("timeout: 1h\ntasks: {a: 'true'}\n");
    project.run(&["run"]).exits(0);
    // Its limit comes while it drains: what runs is stopped, and the cancel is what it was.
    let project = Project::with(
        "timeout: 2s\ntasks:\n  slow: ': > ready.slow; exec sleep 86400'\nfinally: {b: 'true'}\n",
    );
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready.slow"));
    running.signal(Signal::INT);
    running.wait().dies_of(2);
    assert_eq!(project.record().ends(), "slow CANCELLED run_timeout\nb SUCCEEDED\n");
}

#[test]
fn a_task_is_stopped_by_its_own_signal() {
    let script = "\"trap 'echo got INT; exit 9' INT; sleep 86400 & : > ready.a; wait\"";
    let flow =
        |rest: &str| format!("tasks:\n  a: {{run: {script}, kill: {{signal: INT}}{rest}}}\n");
    // At its timeout,
    let project = Project::with(&flow(", timeout: 1s"));
    project.run(&["run"]).exits(1).says("got INT\n");
    let record = project.record();
    assert_eq!(record.ends(), "a FAILED timeout\n");
    assert_eq!(record.events("task_stopping")[0]["signal"], "SIGINT");
    // at the first cancel where it wants that,
    let project = Project::with(&flow(", on_cancel: stop"));
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready.a"));
    running.signal(Signal::INT);
    running.wait().dies_of(2).says("got INT\n");
    assert_eq!(project.record().ends(), "a CANCELLED cancelled\n");
    // and at stop.
    let project = Project::with(&flow(""));
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready.a"));
    running.signal(Signal::TERM);
    running.wait().dies_of(15).says("got INT\n");
}

#[test]
fn what_does_not_end_after_its_signal_is_killed() {
    let project = Project::with(
        "
tasks:
  a: {run: \"trap '' TERM; exec sleep 86400\", timeout: 100ms, kill: {after: 100ms}}
",
    );
    project.run(&["run"]).exits(1);
    let record = project.record();
    let end = &record.events("task_finished")[0];
    assert_eq!((&end["reason"], &end["signal"]), (&"timeout".into(), &"SIGKILL".into()));
    // The first signal comes first, however short the grace is.
    let project = Project::with(
        "
tasks:
  a:
    run: \"trap 'echo got TERM' TERM; : > ready; while :; do sleep 0.01; done\"
    timeout: 500ms
    kill: {after: 300ms}
",
    );
    project.run(&["run"]).exits(1).says("got TERM\n");
}

#[test]
fn the_grace_of_the_file_gives_way_to_environment_and_flag() {
    let mut project = Project::with(
        "
grace: 59s
tasks:
  a: {run: \"trap '' TERM; : > ready.a; exec sleep 86400\", kill: {after: 1h}}
",
    );
    let stop = |project: &Project, args: &[&str], grace: &str| {
        let mut running = project.spawn(args);
        wait_for_file(&project.dir().join("ready.a"));
        // What is ready has been recorded as running, or is about to be.
        running.wait_to_complain("start node=a");
        running.signal(Signal::TERM);
        running.wait_to_complain(&format!("1 task asked to end, killed in {grace}; "));
        running.signal(Signal::TERM);
        running.wait().dies_of(15);
        std::fs::remove_file(project.dir().join("ready.a")).expect("it is there");
    };
    stop(&project, &["run"], "59.0 s");
    stop(&project, &["run", "--grace", "50s"], "50.0 s");
    project.env("PYOCO_GRACE", "40s");
    stop(&project, &["run"], "40.0 s");
    stop(&project, &["run", "--grace", "50s"], "50.0 s");
}

#[test]
fn the_file_says_how_many_runs_are_kept() {
    let project = Project::with("records: {keep_runs: 2}\ntasks: {a: 'true'}\n");
    for _ in 0..4 {
        project.run(&["run"]).exits(0);
    }
    assert_eq!(project.records().len(), 2);
    project.file("other.yaml", "records: {keep_for: 0s}\ntasks: {a: 'true'}\n");
    for _ in 0..3 {
        project.run(&["run", "other.yaml"]).exits(0);
    }
    // Its own older runs are gone, and no other flow's.
    let flows = |record: &support::Record| record.events("run_started")[0]["flow"].to_string();
    let flows: Vec<String> = project.records().iter().map(flows).collect();
    let of = |name: &str| flows.iter().filter(|flow| flow.contains(name)).count();
    assert_eq!(flows.len() - of("other"), 2, "{flows:?}");
    assert!(of("other") <= 1, "{flows:?}");
}

#[test]
fn the_file_says_how_much_output_is_kept() {
    let project = Project::with(
        "records: {max_log: 64KiB}\ntasks: {a: 'head -c 1000000 /dev/zero | tr \"\\0\" x'}\n",
    );
    let outcome = project.run(&["run"]).exits(0);
    assert_eq!(outcome.stdout.len(), 1_000_000, "what is shown is whole");
    let logs = project.record().dir.join("logs");
    let sizes = std::fs::read_dir(logs)
        .expect("it has a log")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("it can be read").len());
    let kept: u64 = sizes.sum();
    assert!((48 << 10..80 << 10).contains(&kept), "{kept} bytes");
    project.run(&["runs", "logs", "latest", "a"]).exits(0).says(" cut …\n");
}
