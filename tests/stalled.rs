//! A reader that does not read: the tasks, the record and the signals go on without it, and nothing
//! is lost for it.

mod support;

use std::fs::File;
use std::io::Read;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{Project, Running, Terminal, wait_for, wait_for_end, wait_for_file};

/// Starts pyoco under this shell script, which leads a stream into the FIFO `out`; returns the
/// FIFO's other end, from which nothing was read yet.
fn start(project: &Project, script: &str) -> (Running, File) {
    let path = project.dir().join("out");
    let made = project.command_of("mkfifo").arg(&path).status();
    assert!(made.expect("there is a mkfifo").success());
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    let running = Running::spawn(command);
    (running, File::open(path).expect("the shell opens the other end"))
}

fn numbers() -> String {
    (1..=700_000).map(|n| format!("{n}\n")).collect()
}

#[test]
fn a_run_ends_though_nobody_reads_and_a_late_reader_gets_every_byte() {
    let project = Project::with("tasks: {a: 'seq 700000', b: {run: ': > b.ran', needs: [a]}}");
    let (mut running, mut out) = start(&project, "exec \"$0\" run > out");
    wait_for_end(&project);
    assert!(project.has("b.ran"));
    assert!(!running.has_ended(), "there is a reader still");
    project.run(&["runs", "show", "latest"]).exits(0).says("COMPLETED");
    let mut text = String::new();
    out.read_to_string(&mut text).expect("it can be read");
    assert!(text == numbers(), "{} bytes, and not the right ones", text.len());
    running.wait().exits(0);
}

#[test]
fn without_a_record_a_late_reader_gets_every_byte_too() {
    let project = Project::with("tasks: {a: 'seq 700000; : > a.ran'}");
    let (mut running, mut out) = start(&project, "exec \"$0\" run --no-record > out");
    wait_for_file(&project.dir().join("a.ran"));
    assert!(!running.has_ended());
    let mut text = String::new();
    out.read_to_string(&mut text).expect("it can be read");
    assert!(text == numbers(), "{} bytes, and not the right ones", text.len());
    running.wait().exits(0);
    assert_eq!(project.private_files(), Vec::<String>::new());
}

#[test]
fn ctrl_c_ends_the_wait_for_a_reader() {
    let project = Project::with("tasks: {a: 'seq 700000'}");
    let (running, out) = start(&project, "exec \"$0\" run > out");
    wait_for_end(&project);
    running.signal(Signal::INT);
    running.wait().dies_of(2);
    assert_eq!(project.record().status(), RunStatus::Completed);
    drop(out);
}

#[test]
fn a_stop_ends_the_run_though_nobody_reads_what_is_said() {
    let project = Project::with("tasks: {a: 'seq 700000 >&2; : > ready; exec sleep 86400'}");
    let (running, out) = start(&project, "exec \"$0\" run 2> out");
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::TERM);
    wait_for_end(&project);
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Cancelled);
    assert_eq!(record.log("a", 1).len(), numbers().len());
    // Any signal ends the wait for the reader; how pyoco ends, the cancel has said.
    running.signal(Signal::INT);
    running.wait().dies_of(15);
    drop(out);
}

#[test]
fn a_kill_ends_pyoco_though_nobody_reads() {
    for stream in ["> out", "2> out", "> out 2>&1"] {
        let flow =
            "tasks: {a: \"trap '' TERM; seq 700000; seq 700000 >&2; : > ready; exec sleep 86400\"}";
        let project = Project::with(flow);
        let (running, out) = start(&project, &format!("exec \"$0\" run {stream}"));
        wait_for_file(&project.dir().join("ready"));
        running.signal(Signal::QUIT);
        running.wait().dies_of(3);
        assert_eq!(project.record().status(), RunStatus::Cancelled);
        drop(out);
    }
}

#[test]
fn runs_cancel_kill_ends_pyoco_though_nobody_reads() {
    let project = Project::with("tasks: {a: 'seq 700000; : > ready; exec sleep 86400'}");
    let (running, out) = start(&project, "exec \"$0\" run > out");
    wait_for_file(&project.dir().join("ready"));
    project.run(&["runs", "cancel", "latest", "--kill", "--wait"]).exits(0);
    running.wait().exits(130);
    drop(out);
}

#[test]
fn a_cancel_is_announced_though_the_output_has_no_reader() {
    let project = Project::with("tasks: {a: 'seq 700000; : > ready; exec sleep 86400'}");
    let (mut running, out) = start(&project, "exec \"$0\" run > out");
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::INT);
    running.wait_to_complain("press Ctrl-C again to stop: a\n");
    running.signal(Signal::INT);
    running.wait_to_complain("press Ctrl-C again to kill: a\n");
    wait_for_end(&project);
    running.signal(Signal::INT);
    running.wait().dies_of(2);
    drop(out);
}

#[test]
fn a_kill_ends_an_interactive_task_and_its_record_though_nobody_reads() {
    let moments = ["a", "b"]; // while `b` waits for the terminal, and while it has it
    for moment in moments {
        let project = Project::with(
            "
tasks:
  a: 'seq 700000'
  b: {run: ': > ready; exec sleep 86400', interactive: true, needs: [a]}
",
        );
        let path = project.dir().join("out");
        let made = project.command_of("mkfifo").arg(&path).status();
        assert!(made.expect("there is a mkfifo").success());
        let mut command = project.command_of("/bin/sh");
        let script = "exec \"$0\" run > out 2>&1";
        command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
        let terminal = Terminal::spawn(command);
        let out = File::open(path).expect("the shell opens the other end");
        wait_for("the moment", || match moment {
            "a" => project.records().iter().any(|r| !r.events("task_finished").is_empty()),
            _ => project.has("ready"),
        });
        let pid = project.record().values[0]["pid"].as_i64().expect("the record names it");
        let pid = Pid::from_raw(i32::try_from(pid).expect("it is small")).expect("not 0");
        kill_process(pid, Signal::QUIT).expect("it is there");
        terminal.finish().dies_of(3);
        let record = project.record();
        assert_eq!(record.status(), RunStatus::Cancelled, "killed at `{moment}`");
        assert_eq!(record.state("b"), TaskState::Cancelled);
        drop(out);
    }
}
