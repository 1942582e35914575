//! The ladder of a cancel as signals climb it: who may finish, who is asked to end, who is killed,
//! what is said of it, and how pyoco itself ends.

mod support;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::Signal;
use support::{Project, Record, Running, wait_for_file};

const DRAINING: &str = "pyoco: cancelling: nothing new starts, ";
const STOPPING: &str = "pyoco: stopping: ";

/// Two tasks that end when the test says so, one as it should and one not; one that needs the first,
/// and one for which there is no room.
const WAITING: &str = "
jobs: 2
tasks:
  good: 'mkfifo go.good; : > ready.good; read word < go.good'
  bad: 'mkfifo go.bad; : > ready.bad; read word < go.bad; exit 3'
  after: {run: ': > after.ran', needs: [good]}
  extra: {run: ': > extra.ran', needs: []}
";

/// One task that ends by itself when it is asked to, and one that does not listen. The first is ready
/// only when its child is no longer the shell: that one would take the signal and forget it.
const ASKED: &str = "
tasks:
  polite: \"trap 'exit 7' TERM; sleep 86400 & until ps -o comm= -p $! | grep sleep; do :; done > /dev/null; : > ready.polite; wait\"
  deaf: \"trap '' TERM; : > ready.deaf; exec sleep 86400\"
";

fn start(project: &Project, args: &[&str], tasks: &[&str]) -> Running {
    let running = project.spawn(args);
    for task in tasks {
        wait_for_file(&project.dir().join(format!("ready.{task}")));
    }
    // A task that is ready has been recorded as running, or is about to be.
    let is_running =
        || tasks.iter().all(|task| project.record().names("task_started").contains(task));
    support::wait_for("the tasks in the record", is_running);
    running
}

fn exit_of(record: &Record, task: &str) -> (Option<i64>, Option<String>) {
    let ends = record.events("task_finished");
    let end = ends.iter().find(|end| end["name"] == task).expect("it has its end");
    (end["exit_code"].as_i64(), end["signal"].as_str().map(str::to_owned))
}

fn levels(record: &Record) -> Vec<String> {
    let told = record.events("run_cancelling");
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    told.iter().map(|event| format!("{} {}", word(&event["level"]), word(&event["by"]))).collect()
}

#[test]
fn ctrl_c_lets_running_tasks_finish_and_keeps_their_results() {
    let project = Project::with(WAITING);
    let mut running = start(&project, &["run"], &["good", "bad"]);
    running.signal_group(Signal::INT);
    running.wait_to_complain(&format!(
        "{DRAINING}2 tasks may finish; press Ctrl-C again to stop: good, bad\n"
    ));
    // What has not started has its end in the record at once, while the others still run.
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Cancelling);
    assert_eq!(
        record.ends(),
        "good RUNNING\nbad RUNNING\nafter CANCELLED cancelled\nextra CANCELLED cancelled\n"
    );
    project.file("go.good", "word\n");
    project.file("go.bad", "word\n");
    running.wait().dies_of(2);
    let record = project.record();
    assert_eq!(
        record.ends(),
        "good SUCCEEDED\nbad FAILED exit(3)\nafter CANCELLED cancelled\nextra CANCELLED cancelled\n"
    );
    assert_eq!(record.status(), RunStatus::Cancelled);
    assert_eq!(levels(&record), ["drain SIGINT"]);
    assert!(record.events("task_stopping").is_empty(), "a drained task gets no signal");
    assert!(!project.has("after.ran") && !project.has("extra.ran"));
}

#[test]
fn ctrl_c_twice_asks_tasks_to_end_and_kills_those_that_do_not() {
    let project = Project::with(ASKED);
    let mut running = start(&project, &["run", "--grace", "300ms"], &["polite", "deaf"]);
    running.signal_group(Signal::INT);
    running.wait_to_complain(&format!(
        "{DRAINING}2 tasks may finish; press Ctrl-C again to stop: polite, deaf\n"
    ));
    running.signal_group(Signal::INT);
    running.wait_to_complain(&format!(
        "{STOPPING}2 tasks asked to end, killed in 300 ms; press Ctrl-C again to kill: polite, deaf\n"
    ));
    running.wait().dies_of(2);
    let record = project.record();
    assert_eq!(record.ends(), "polite CANCELLED cancelled\ndeaf CANCELLED cancelled\n");
    assert_eq!(exit_of(&record, "polite"), (Some(7), None));
    assert_eq!(exit_of(&record, "deaf"), (None, Some("SIGKILL".into())));
    assert_eq!(record.names("task_finished"), ["polite", "deaf"]);
    let ms = |value: &serde_json::Value| value["ms"].as_i64().expect("every line has its time");
    let asked = ms(record.events("task_stopping")[1]);
    let killed = ms(record.events("task_finished")[1]);
    assert!(killed - asked >= 300, "killed {} ms after it was asked", killed - asked);
}

#[test]
fn ctrl_c_three_times_kills() {
    let project = Project::with(ASKED);
    let mut running = start(&project, &["run", "--grace", "1d"], &["polite", "deaf"]);
    running.signal_group(Signal::INT);
    running.wait_to_complain(DRAINING);
    running.signal_group(Signal::INT);
    running.wait_to_complain(STOPPING);
    running.wait_until("the polite end", |_| project.record().state("polite").is_final());
    running.signal_group(Signal::INT);
    running.wait_to_complain("pyoco: killing 1 task: deaf\n");
    running.wait().dies_of(2);
    let record = project.record();
    assert_eq!(exit_of(&record, "deaf"), (None, Some("SIGKILL".into())));
    assert_eq!(levels(&record), ["drain SIGINT", "stop SIGINT", "kill SIGINT"]);
    assert_eq!(record.status(), RunStatus::Cancelled);
}

#[test]
fn term_and_hup_stop_at_once() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let project = Project::with(ASKED);
        let mut running = start(&project, &["run", "--grace", "100ms"], &["polite", "deaf"]);
        running.signal(signal);
        running.wait_to_complain(&format!("{STOPPING}2 tasks asked to end"));
        running.wait().dies_of(signal.as_raw());
        let record = project.record();
        assert_eq!(levels(&record), [format!("stop {name}")]);
        assert_eq!(exit_of(&record, "polite"), (Some(7), None));
        assert_eq!(exit_of(&record, "deaf"), (None, Some("SIGKILL".into())));
    }
}

#[test]
fn a_second_term_kills() {
    let project = Project::with(ASKED);
    let mut running = start(&project, &["run", "--grace", "1d"], &["deaf"]);
    running.signal(Signal::TERM);
    running.wait_to_complain(STOPPING);
    running.signal(Signal::TERM);
    running.wait_to_complain("pyoco: killing ");
    running.wait().dies_of(15);
    assert_eq!(levels(&project.record()), ["stop SIGTERM", "kill SIGTERM"]);
}

#[test]
fn the_signal_that_raised_the_level_last_ends_pyoco() {
    let project = Project::with(ASKED);
    let mut running = start(&project, &["run", "--grace", "1d"], &["polite", "deaf"]);
    running.signal(Signal::INT);
    running.wait_to_complain(DRAINING);
    running.signal(Signal::TERM);
    running.wait_until("the polite end", |_| project.record().state("polite").is_final());
    running.signal(Signal::HUP); // it is at stop already: harmless
    running.signal(Signal::INT);
    // Who ran when the level was taken is named, also where nobody does by the time it is said.
    running.wait_to_complain("pyoco: killing 1 task: deaf\n");
    running.wait().dies_of(2);
    assert_eq!(levels(&project.record()), ["drain SIGINT", "stop SIGTERM", "kill SIGINT"]);
}

#[test]
fn quit_kills_at_once_and_leaves_no_core() {
    use std::os::unix::process::ExitStatusExt;
    let project =
        Project::with("tasks: {deaf: \"trap '' TERM; kill -QUIT $PPID; exec sleep 86400\"}");
    let mut command = project.command_of("/bin/sh");
    // The task sends the signal itself; all that the shell adds is the wish for a core dump.
    command.args(["-c", "ulimit -c unlimited; exec \"$0\" run", env!("CARGO_BIN_EXE_pyoco")]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let outcome = command.output().expect("it can be started");
    assert_eq!(outcome.status.signal(), Some(3), "{outcome:?}");
    assert!(!outcome.status.core_dumped(), "{outcome:?}");
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(said.contains("pyoco: killing"), "{said}");
    let record = project.record();
    assert_eq!(levels(&record), ["kill SIGQUIT"]);
    assert_eq!(exit_of(&record, "deaf"), (None, Some("SIGKILL".into())));
}

#[test]
fn a_shell_sees_128_and_the_signal() {
    for (signal, code) in [("HUP", 129), ("INT", 130), ("QUIT", 131), ("TERM", 143)] {
        let flow = format!(
            "tasks: {{a: 'kill -{signal} $PPID; \
             until [ -e \"$PYOCO_CANCEL_FILE\" ]; do sleep 0.01; done'}}"
        );
        let project = Project::with(&flow);
        let mut command = project.command_of("/bin/sh");
        command.args(["-c", "\"$0\" run; echo code $?", env!("CARGO_BIN_EXE_pyoco")]);
        Running::spawn(command).wait().exits(0).says(&format!("code {code}\n"));
        assert_eq!(project.record().status(), RunStatus::Cancelled);
    }
}

#[test]
fn tasks_see_the_cancel_in_a_file_and_may_end_well() {
    let project = Project::with(
        "tasks: {a: 'test ! -e \"$PYOCO_CANCEL_FILE\"; : > ready.a; \
         until [ -e \"$PYOCO_CANCEL_FILE\" ]; do sleep 0.01; done; echo saw it'}",
    );
    let running = start(&project, &["run"], &["a"]);
    running.signal(Signal::INT);
    running.wait().dies_of(2).says("saw it\n");
    assert_eq!(project.record().ends(), "a SUCCEEDED\n");
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn on_cancel_stop_ends_tasks_at_the_first_ctrl_c() {
    for is_flag in [true, false] {
        let mut project = Project::with(ASKED);
        if !is_flag {
            project.env("PYOCO_ON_CANCEL", "stop");
        }
        let args: &[&str] = if is_flag { &["run", "--on-cancel", "stop"] } else { &["run"] };
        let mut running = start(&project, args, &["polite", "deaf"]);
        running.signal(Signal::INT);
        running.wait_until("the polite end", |_| project.record().state("polite").is_final());
        let record = project.record();
        assert_eq!(levels(&record), ["drain SIGINT"]);
        assert_eq!(record.state("polite"), TaskState::Cancelled);
        assert_eq!(exit_of(&record, "polite"), (Some(7), None));
        running.signal(Signal::QUIT);
        running.wait().dies_of(3);
    }
}

#[test]
fn on_cancel_finish_goes_before_the_environment() {
    let mut project = Project::with(WAITING);
    project.env("PYOCO_ON_CANCEL", "stop");
    let mut running = start(&project, &["run", "--on-cancel", "finish"], &["good", "bad"]);
    running.signal(Signal::INT);
    running.wait_to_complain(DRAINING);
    project.file("go.good", "word\n");
    project.file("go.bad", "word\n");
    running.wait().dies_of(2);
    assert_eq!(project.record().state("good"), TaskState::Succeeded);
}

#[test]
fn the_grace_may_come_from_the_environment() {
    let mut project = Project::with(ASKED);
    project.env("PYOCO_GRACE", "150ms");
    let mut running = start(&project, &["run"], &["polite", "deaf"]);
    running.signal(Signal::TERM);
    running.wait_to_complain("killed in 150 ms; press Ctrl-C again to kill: ");
    running.wait().dies_of(15);
    assert_eq!(exit_of(&project.record(), "deaf"), (None, Some("SIGKILL".into())));
    project.env("PYOCO_GRACE", "soon");
    project.run(&["run"]).exits(2).complains("PYOCO_GRACE");
}

#[test]
fn a_cancel_ends_the_wait_for_another_attempt() {
    for signal in [Signal::INT, Signal::TERM, Signal::QUIT] {
        let project = Project::with(
            "tasks:\n  a: {run: exit 5, retry: {max: 3, delay: 1h, max_delay: 1h}}\n  b: {run: 'true', needs: [a]}",
        );
        let mut running = project.spawn(&["run"]);
        running.wait_to_complain("WARN pyoco retry node=a");
        running.signal(signal);
        running.wait().dies_of(signal.as_raw());
        let record = project.record();
        assert_eq!(record.state("a"), TaskState::Failed);
        assert_eq!(record.reason("a"), "exit(5)");
        assert_eq!(record.state("b"), TaskState::Cancelled);
        assert_eq!(record.events("task_started").len(), 1);
        assert_eq!(record.status(), RunStatus::Cancelled);
    }
}

#[test]
fn a_signal_while_the_file_is_read_ends_pyoco_and_nothing_ran() {
    let project = Project::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let running = Running::spawn_reading(project.command(&["run", "-"]), reader);
    running.signal(Signal::INT);
    running.wait().dies_of(2);
    drop(writer);
    assert!(project.records().is_empty());
}

#[test]
fn the_policy_kill_stops_what_runs() {
    let project = Project::with(
        "
on_failure: kill
tasks:
  polite: \"trap 'exit 7' TERM; sleep 86400 & until ps -o comm= -p $! | grep sleep; do :; done > /dev/null; : > ready.polite; wait\"
  bad: 'until [ -e ready.polite ]; do sleep 0.01; done; exit 3'
  after: {run: 'true', needs: [polite]}
  needs_bad: {run: 'true', needs: [bad]}
",
    );
    project.run(&["run", "-j", "4"]).exits(1);
    let record = project.record();
    assert_eq!(
        record.ends(),
        "polite CANCELLED stopped_by(bad)\nbad FAILED exit(3)\nafter SKIPPED stopped_by(bad)\n\
         needs_bad SKIPPED upstream(bad)\n"
    );
    assert_eq!(record.status(), RunStatus::Failed);
}

#[test]
fn as_the_first_process_of_a_container_it_exits_with_the_code() {
    // No signal of its own ends such a process. Its number lets the task find it.
    let project = Project::with("tasks: {a: 'kill -TERM 1; exec sleep 86400'}");
    let alone = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
    let unshare = || {
        let mut command = project.command_of("unshare");
        command.args(alone);
        command
    };
    if !unshare().arg("true").output().is_ok_and(|tried| tried.status.success()) {
        return; // this system has no such thing, or does not allow it
    }
    let mut command = unshare();
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run"]);
    Running::spawn(command).wait().exits(143);
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn a_task_between_two_attempts_is_not_named_as_running() {
    let project = Project::with("tasks: {a: {run: exit 3, retry: {max: 1, delay: 1h}}}\n");
    let mut running = project.spawn(&["run"]);
    running.wait_to_complain("retry node=a");
    running.signal(Signal::INT);
    running.wait().dies_of(2).complains("nothing new starts, and nothing is running\n");
}

#[test]
fn half_a_line_in_the_cancel_file_swallows_no_request() {
    for args in [&["run"][..], &["run", "--no-record"]] {
        let project = Project::with(
            "
tasks:
  a: |
    trap 'cp \"$PYOCO_CANCEL_FILE\" seen; exit 1' TERM
    printf half > \"$PYOCO_CANCEL_FILE\"; : > ready
    while :; do sleep 0.1; done
",
        );
        let pyoco = project.spawn(args);
        wait_for_file(&project.dir().join("ready"));
        pyoco.signal(Signal::TERM);
        pyoco.wait().dies_of(15);
        let seen = project.read("seen");
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines[0], "half", "{seen}");
        let request: serde_json::Value = serde_json::from_str(lines[1]).expect("a whole request");
        assert_eq!(request["by"], "SIGTERM");
    }
}
