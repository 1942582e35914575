//! Ctrl-Z, `fg` and `bg`: a run is suspended with its tasks and its clock, and resumed.

mod support;

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{PROMPT, Project, Running, Terminal, leftovers, proc, wait_for, wait_for_file};

/// A task that says it is ready, and ends when it is told to; a process of its own beside it.
const WAITING: &str = "
name: waiting
tasks:
  wait: |
    sleep 86400 & other=$!
    echo $$ > leader; : > ready
    until [ -e go ]; do sleep 0.01; done
    kill $other
";

/// Waits until every process of the run, pyoco included, is stopped.
#[track_caller]
fn wait_for_all_stopped(project: &Project, pyoco: Pid) {
    wait_for("all to be stopped", || is_all_stopped(project, pyoco));
}

fn is_all_stopped(project: &Project, pyoco: Pid) -> bool {
    // Not the watchdogs: should a suspended pyoco be killed, they must be awake.
    let ours: Vec<(i32, char)> = project
        .processes()
        .into_iter()
        .filter(|(pid, _)| is_of(*pid, pyoco) && !is_watchdog(*pid))
        .collect();
    !ours.is_empty() && ours.iter().all(|one| stands_still(*one, &ours))
}

/// Returns whether a process is stopped, or waits in the kernel for a child that is: as a shell does until
/// the child has loaded its program. Who waits for a disk is in the same state, and goes on.
fn stands_still((pid, state): (i32, char), all: &[(i32, char)]) -> bool {
    let is_child = |other: i32| leftovers::parent(other) == Some(pid);
    match state {
        'T' | 't' => true, // the latter where it is traced
        'D' => all.iter().any(|other| is_child(other.0) && stands_still(*other, all)),
        _ => false,
    }
}

fn is_watchdog(pid: i32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).nth(1) == Some(pyoco::engine::WATCHDOG.as_bytes())
}

/// Returns whether a process is pyoco itself or comes from it.
fn is_of(pid: i32, pyoco: Pid) -> bool {
    let mut at = pid;
    while at > 1 {
        if at == pyoco.as_raw_nonzero().get() {
            return true;
        }
        at = leftovers::parent(at).unwrap_or(0);
    }
    false
}

/// Waits until pyoco is there and goes on, and all of its run with it.
#[track_caller]
fn wait_for_going(project: &Project, pyoco: Pid) {
    wait_for("all to go on", || {
        let all = project.processes();
        let is_there = all.iter().any(|(pid, _)| *pid == pyoco.as_raw_nonzero().get());
        is_there && all.iter().all(|(_, state)| *state != 'T')
    });
}

/// Returns the process of the newest run, as its record names it.
#[track_caller]
fn pyoco_of(project: &Project) -> Pid {
    let pid = project.record().values[0]["pid"].as_i64().expect("the record names the process");
    Pid::from_raw(i32::try_from(pid).expect("it is small")).expect("no process has the number 0")
}

/// Starts `pyoco run` in a shell, and waits until its task runs.
fn in_shell(project: &Project) -> (Terminal, Pid) {
    let mut shell = project.shell();
    shell.type_line("$PYOCO run");
    wait_for_file(&project.dir().join("ready"));
    shell.expect("wait ("); // the live view
    let pyoco = pyoco_of(project);
    (shell, pyoco)
}

/// The same, stopped by Ctrl-Z: the shell waits for a command.
fn stopped_in_shell(project: &Project) -> (Terminal, Pid) {
    let (mut shell, pyoco) = in_shell(project);
    shell.press_control('z');
    shell.expect("Stopped");
    shell.expect(PROMPT);
    wait_for_all_stopped(project, pyoco);
    (shell, pyoco)
}

/// Returns how long the run's clock stood still.
fn stood_still(project: &Project) -> Duration {
    let record = project.record();
    let (first, last) = (&record.lines[0], record.lines.last().expect("it has lines"));
    let by_wall = u64::try_from(last.ts.0 - first.ts.0).expect("the clock was not set back");
    Duration::from_millis(by_wall - (last.ms.0 - first.ms.0))
}

#[test]
fn ctrl_z_stops_tasks_and_clock_and_fg_resumes_both() {
    let project = Project::with(WAITING);
    let (mut shell, pyoco) = stopped_in_shell(&project);
    let stopped_at = Instant::now();
    // Another run, from its start to its end: so much the world moves on meanwhile.
    let other = Project::with("tasks: {a: 'sleep 0.1'}");
    other.run(&["run"]).exits(0);
    let pause = stopped_at.elapsed();
    shell.type_line("fg");
    wait_for_going(&project, pyoco);
    shell.expect("wait ("); // the live view is back
    project.file("go", "");
    shell.expect("done flow=waiting");
    shell.expect(PROMPT);
    shell.type_line("exit");
    shell.finish();
    assert_eq!(project.record().status(), RunStatus::Completed);
    let stood_still = stood_still(&project);
    // Both clocks are cut to milliseconds.
    assert!(stood_still + Duration::from_millis(5) >= pause, "{stood_still:?} of {pause:?}");
}

#[test]
fn the_screen_is_clean_while_it_is_stopped() {
    let project = Project::with(WAITING);
    let (mut shell, pyoco) = stopped_in_shell(&project);
    // What comes after that is none of the screen's: it ends without another line.
    kill_process(pyoco, Signal::KILL).expect("it is stopped");
    project.file("go", "");
    shell.type_line("kill -CONT -$(cat leader); exit; exit");
    let outcome = shell.finish();
    let size = |n| std::num::NonZeroU16::new(n).expect("not 0");
    let mut screen = vt100::Parser::new(size(24), size(80), 0);
    screen.process(&outcome.bytes);
    let shown = screen.screen().contents();
    assert!(!shown.contains("wait (") && !shown.contains("0/1"), "{shown}");
}

#[test]
fn in_the_background_it_goes_on_without_a_live_view() {
    let project = Project::with(WAITING);
    let (mut shell, pyoco) = stopped_in_shell(&project);
    shell.type_line("bg");
    shell.expect(PROMPT);
    wait_for_going(&project, pyoco);
    project.file("go", "");
    let shown = shell.expect("done flow=waiting");
    assert!(!shown.contains("0/1"), "{shown}");
    wait_for("the end in the record", || project.record().status() == RunStatus::Completed);
    shell.type_line("exit");
    shell.finish();
}

#[test]
fn a_terminal_that_stops_writers_in_the_background_stops_all_of_the_run() {
    let project = Project::with(
        "
tasks:
  wait: |
    sleep 86400 & other=$!
    : > ready
    until [ -e say ]; do sleep 0.01; done
    echo said
    until [ -e go ]; do sleep 0.01; done
    kill $other
",
    );
    let mut shell = project.shell();
    // Without the shell's own job control this stands for `pyoco run &` with `stty tostop` before.
    shell.type_line("$PYOCO run 2>log &");
    shell.expect(PROMPT);
    wait_for_file(&project.dir().join("ready"));
    let pyoco = pyoco_of(&project);
    shell.type_line("stty tostop; : > say");
    shell.expect(PROMPT);
    wait_for_all_stopped(&project, pyoco);
    shell.type_line("fg");
    wait_for_going(&project, pyoco);
    project.file("go", "");
    shell.expect("said");
    wait_for("the end in the record", || project.record().status() == RunStatus::Completed);
    shell.type_line("exit");
    shell.finish();
}

/// Starts a run, and stops and continues it some times.
fn stopped_and_continued(project: &Project) -> Running {
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    for _ in 0..4 {
        pyoco.signal(Signal::TSTP);
        wait_for_all_stopped(project, pyoco.pid());
        pyoco.signal(Signal::CONT);
        wait_for_going(project, pyoco.pid());
    }
    pyoco
}

#[test]
fn without_a_terminal_the_signals_do_the_same() {
    let project = Project::with(WAITING);
    let pyoco = stopped_and_continued(&project);
    project.file("go", "");
    pyoco.wait().exits(0);
}

#[test]
fn no_stop_is_lost() {
    let project = Project::with(WAITING);
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    let number = pyoco.pid().as_raw_nonzero().get();
    let is_stopped = || proc::stat(number).is_some_and(|stat| stat.state == 'T');
    for signal in [Signal::TTIN, Signal::TTOU, Signal::TSTP].into_iter().cycle().take(300) {
        pyoco.signal(signal);
        wait_for(&format!("{signal:?} to stop it"), is_stopped);
        pyoco.signal(Signal::CONT);
        wait_for_going(&project, pyoco.pid());
    }
    project.file("go", "");
    pyoco.wait().exits(0);
}

#[test]
fn where_nobody_could_continue_it_a_run_goes_on() {
    // The leader of a session is in a group that nobody continues.
    let project = Project::with(WAITING);
    let mut terminal = project.terminal(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    terminal.expect("wait (");
    terminal.press_control('z');
    terminal.expect("wait (");
    project.file("go", "");
    terminal.finish().exits(0);
    assert_eq!(project.record().status(), RunStatus::Completed);
}

#[test]
fn a_caller_that_ignores_the_signal_is_not_stopped() {
    let project = Project::with("tasks: {a: 'kill -TSTP $PPID; echo on'}");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "trap '' TSTP; exec \"$0\" run", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(0).says("on");
}

#[test]
fn a_task_that_stopped_itself_is_left_so() {
    let project = Project::with(
        "
tasks:
  still: ': > still; kill -STOP $$; : > awake'
  wait: ': > ready; until [ -e go ]; do sleep 0.01; done'
",
    );
    let mut pyoco = project.spawn(&["run", "-j", "2"]);
    wait_for_file(&project.dir().join("still"));
    wait_for_file(&project.dir().join("ready"));
    let stopped = || project.processes().iter().filter(|(_, state)| *state == 'T').count();
    wait_for("the task to stop itself", || stopped() == 1);
    pyoco.signal(Signal::TSTP);
    wait_for_all_stopped(&project, pyoco.pid());
    pyoco.signal(Signal::CONT);
    project.file("go", "");
    wait_for("the other task's end", || project.record().state("wait") == TaskState::Succeeded);
    assert_eq!(stopped(), 1);
    assert!(!project.has("awake") && !pyoco.has_ended());
    pyoco.signal(Signal::TERM);
    pyoco.wait().dies_of(15);
    assert_eq!(project.record().state("still"), TaskState::Cancelled);
}

#[test]
fn a_stop_of_pyoco_alone_lets_its_tasks_go_on() {
    let project =
        Project::with("tasks: {a: ': > ready; until [ -e go ]; do sleep 0.01; done; : > gone'}");
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    wait_for("its start in the record", || project.record().state("a") == TaskState::Running);
    pyoco.signal(Signal::STOP);
    let stopped = || project.processes().iter().any(|(_, state)| *state == 'T');
    wait_for("pyoco to be stopped", stopped);
    project.file("go", "");
    wait_for_file(&project.dir().join("gone"));
    assert_eq!(project.record().state("a"), TaskState::Running);
    pyoco.signal(Signal::CONT);
    pyoco.wait().exits(0);
}

#[test]
fn what_is_asked_of_a_suspended_run_is_done_when_it_goes_on() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::QUIT, 3)] {
        let project = Project::with(WAITING);
        let pyoco = project.spawn(&["run"]);
        wait_for_file(&project.dir().join("ready"));
        pyoco.signal(Signal::TSTP);
        wait_for_all_stopped(&project, pyoco.pid());
        pyoco.signal(signal);
        pyoco.signal(Signal::CONT);
        pyoco.wait().dies_of(number);
        assert_eq!(project.record().state("wait"), TaskState::Cancelled);
    }
}

#[test]
fn a_cancel_from_outside_waits_until_the_run_goes_on() {
    let project = Project::with(WAITING);
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    pyoco.signal(Signal::TSTP);
    wait_for_all_stopped(&project, pyoco.pid());
    let id = project.record().run_id.to_string();
    project.run(&["runs", "cancel", "--stop", &id]).exits(0);
    pyoco.signal(Signal::CONT);
    pyoco.wait().exits(130);
    assert_eq!(project.record().state("wait"), TaskState::Cancelled);
}

#[test]
fn tasks_of_inner_runs_are_suspended_too() {
    let project = Project::with("tasks: {outer: '\"$PYOCO_EXE\" run inner.yaml; : > over'}");
    project.file("inner.yaml", "tasks: {middle: '\"$PYOCO_EXE\" run inmost.yaml'}");
    project.file("inmost.yaml", WAITING);
    let pyoco = stopped_and_continued(&project);
    project.file("go", "");
    pyoco.wait().exits(0);
    assert!(project.has("over"));
}

#[test]
fn a_stop_that_is_overtaken_is_none_any_more() {
    // While nothing else happens: at the moment in which a task is started there is a gap, see
    // `job_control`.
    let project = Project::with(WAITING);
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    for _ in 0..100 {
        pyoco.signal(Signal::TSTP);
        pyoco.signal(Signal::CONT);
        wait_for_going(&project, pyoco.pid());
    }
    pyoco.signal(Signal::HUP);
    pyoco.signal(Signal::TSTP);
    pyoco.signal(Signal::CONT);
    pyoco.wait().dies_of(1);
    assert_eq!(project.record().state("wait"), TaskState::Cancelled);
}

#[test]
fn a_task_is_kept_from_no_signal() {
    if !std::path::Path::new("/proc/self/status").exists() {
        return;
    }
    let project = Project::with("tasks: {a: 'grep SigBlk /proc/self/status'}");
    project.run(&["run"]).exits(0).says("SigBlk:\t0000000000000000\n");
    let project =
        Project::with("tasks: {a: {run: 'grep SigBlk /proc/self/status', interactive: true}}");
    let shown = project.terminal(&["run"]).finish().exits(0);
    shown.says("SigBlk:\t0000000000000000\r\n");
}

#[test]
fn a_task_that_ignores_the_polite_signal_is_stopped_all_the_same() {
    let project = Project::with(
        "tasks: {a: \"trap '' TSTP; : > ready; until [ -e go ]; do sleep 0.01; done\"}",
    );
    let pyoco = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    pyoco.signal(Signal::TSTP);
    wait_for_all_stopped(&project, pyoco.pid());
    project.file("go", "");
    pyoco.signal(Signal::CONT);
    pyoco.wait().exits(0);
}

#[test]
fn what_is_just_being_started_is_stopped_too() {
    // What was not stopped is still there when it is looked for: every task waits for a line of its own.
    let (n_stops, n_at_once) = (20, 16);
    let n_tasks = (n_stops + 2) * n_at_once;
    let tasks: String =
        (0..n_tasks).map(|n| format!("  t{n}: 'echo >> started; read line < gate'\n")).collect();
    let project = Project::with(&format!("jobs: {}\ntasks:\n{tasks}", 2 * n_at_once));
    let gate = project.dir().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo").success());
    // Held open to the end: a line waits for who comes late.
    let mut gate = File::options().read(true).write(true).open(gate).expect("it is ours");
    let mut release = |n: usize| gate.write_all(&vec![b'\n'; n]).expect("it has room");
    let pyoco = project.spawn(&["run"]);
    let n_started = || std::fs::read(project.dir().join("started")).map_or(0, |marks| marks.len());
    let mut n_awaited = 1;
    for n in 0..n_stops {
        // It comes in the middle of the starts, each time at another place.
        wait_for("starts", || n_started() >= n_awaited);
        pyoco.signal(Signal::TSTP);
        wait_for_all_stopped(&project, pyoco.pid());
        n_awaited = n_started() + 1 + n % 4;
        release(n_at_once);
        pyoco.signal(Signal::CONT);
    }
    release(2 * n_at_once);
    pyoco.wait().exits(0);
    assert_eq!(project.record().status(), RunStatus::Completed);
}
