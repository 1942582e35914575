//! Terminals that hang up, and a pager.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;

use pyoco::model::RunStatus;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::started::Started;
use crate::support::{Project, same, wait_for, wait_for_file};

/// Makes a terminal; returns its own end, and the one for programs.
pub(crate) fn open() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let terminal = openpt(flags).expect("a terminal can be made");
    // Whoever inherits it would keep it from hanging up.
    rustix::io::fcntl_setfd(&terminal, rustix::io::FdFlags::CLOEXEC).expect("ours");
    grantpt(&terminal).expect("ours");
    unlockpt(&terminal).expect("ours");
    let name = ptsname(&terminal, Vec::new()).expect("it has a name");
    let name = name.into_string().expect("it is ASCII");
    let mode = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let side = rustix::fs::open(name, mode, rustix::fs::Mode::empty()).expect("it was unlocked");
    (terminal, side)
}

/// Returns all that is shown until no program has the terminal any more.
pub(crate) fn read_all(terminal: &OwnedFd) -> Vec<u8> {
    let mut shown = Vec::new();
    let mut file = File::from(terminal.try_clone().expect("ours"));
    let mut buffer = vec![0; 1 << 16];
    // The end of a terminal is an error.
    while let Ok(n) = file.read(&mut buffer)
        && n > 0
    {
        shown.extend_from_slice(&buffer[..n]);
    }
    shown
}

const WAITS: &str = "
tasks:
  a: 'echo hello; : > ready; until [ -e go ]; do sleep 0.01; done; seq 50000; seq 50000 >&2; : > a.ran; exit 3'
  b: {run: ': > b.ran', needs: [], fail: continue}
";

#[test]
fn a_terminal_that_hangs_up_changes_nothing_where_no_signal_comes() {
    for view in ["live", "group", "stream", "prefix"] {
        let project = Project::with(WAITS);
        let (terminal, side) = open();
        let other = side.try_clone().expect("ours");
        // In a session of its own, which has no terminal.
        let mut command = project.command_of("setsid");
        command.args([env!("CARGO_BIN_EXE_pyoco"), "run", "-k", "-o", view]).env("TERM", "xterm");
        let started = Started::new(command, side, other);
        wait_for_file(&project.dir().join("ready"));
        drop(terminal);
        project.file("go", "");
        ends_as_if_nothing_had_happened(&project, started);
        assert_eq!(project.record().log("a", 1).len(), 2 * 288_894 + 6, "{view}");
    }
}

#[track_caller]
fn ends_as_if_nothing_had_happened(project: &Project, started: Started) {
    started.exits(1);
    assert!(project.has("a.ran") && project.has("b.ran"));
    same(&project.record().ends(), "a FAILED exit(3)\nb SUCCEEDED\n");
}

/// Starts pyoco as the leader of the terminal's session.
fn lead(project: &Project, before: &str, args: &str) -> (OwnedFd, Started) {
    let (terminal, side) = open();
    let script = format!("exec setsid --ctty sh -c '{before} exec \"$0\" run {args}' \"$0\" <&1");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pyoco")]).env("TERM", "xterm");
    let other = side.try_clone().expect("ours");
    (terminal, Started::new(command, side, other))
}

#[test]
fn a_terminal_that_hangs_up_stops_the_run_of_its_session() {
    let project = Project::with(
        "tasks: {a: \"trap ': > asked; exit 0' TERM; : > ready; until [ -e go ]; do sleep 0.01; done\"}",
    );
    let (terminal, started) = lead(&project, "", "");
    wait_for_file(&project.dir().join("ready"));
    drop(terminal);
    let (status, _) = started.wait();
    assert_eq!(status.signal(), Some(1), "{status}");
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Cancelled);
    assert_eq!(record.view.cancelled_by().0, Some("SIGHUP"));
    assert!(project.has("asked"));
}

#[test]
fn a_terminal_that_hangs_up_changes_nothing_under_nohup() {
    let project = Project::with(WAITS);
    let (terminal, started) = lead(&project, "trap \"\" HUP;", "-k");
    wait_for_file(&project.dir().join("ready"));
    drop(terminal);
    project.file("go", "");
    ends_as_if_nothing_had_happened(&project, started);
}

#[test]
fn a_full_disk_behind_standard_output_leaves_a_clean_screen() {
    let flow = "
jobs: 2
tasks:
  a: 'until [ -e go ]; do sleep 0.01; done; echo lost; : > said; until [ -e end ]; do sleep 0.01; done'
  b: {run: 'true', needs: [a]}
";
    let project = Project::with(flow);
    let mut command = project.command_of("/bin/sh");
    let script = "stty rows 24 cols 80 && exec \"$0\" run > /dev/full";
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    command.env("TERM", "xterm");
    let mut terminal = crate::support::Terminal::spawn(command);
    terminal.expect("] 0/2");
    project.file("go", "");
    wait_for_file(&project.dir().join("said"));
    terminal.expect("] 0/2");
    project.file("end", "");
    let outcome = terminal.finish().exits(0);
    let size = |n| std::num::NonZeroU16::new(n).expect("a terminal has lines and columns");
    let mut screen = vt100::Parser::new(size(24), size(80), 0);
    screen.process(&outcome.bytes);
    let shown = screen.screen().contents();
    assert_eq!(shown.matches("warning: standard output is gone").count(), 1, "{shown}");
    assert!(!shown.contains("0/2") && !shown.contains("  a ("), "something is left: {shown}");
}

#[test]
fn a_pager_is_read_through_and_left_as_it_likes() {
    let project =
        Project::with("tasks: {a: 'seq 300000; : > flooded', b: {run: ': > b.ran', needs: [a]}}");
    if !crate::support::has_tool("less") {
        return;
    }
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "\"$0\" run | less; echo left", env!("CARGO_BIN_EXE_pyoco")]);
    command.env("TERM", "xterm").env_remove("LESS");
    let mut terminal = crate::support::Terminal::spawn(command);
    // The first page is there at once, and the tasks do not wait for the second.
    terminal.expect("\r\n3\r\n");
    wait_for_file(&project.dir().join("b.ran"));
    wait_for("the end in the record", || project.record().status().is_final());
    // Its end is there, though it was written long before anybody asked for it.
    terminal.type_keys("G");
    terminal.expect("300000");
    terminal.type_keys("q");
    let outcome = terminal.finish().exits(0);
    // Nothing of the live view was drawn over the page.
    assert!(!outcome.stdout.contains("[==") && !outcome.stdout.contains("] 0/2"), "{outcome:?}");
    same(&project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\n");
}

#[test]
fn a_pager_that_is_left_at_the_first_page_changes_nothing() {
    let project = Project::with(
        "tasks: {a: 'seq 300000; until [ -e go ]; do sleep 0.01; done', b: {run: ': > b.ran; exit 3', needs: [a]}}",
    );
    if !crate::support::has_tool("less") {
        return;
    }
    let mut command = project.command_of("bash");
    let script = "\"$0\" run | less; echo \"code ${PIPESTATUS[0]}\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    command.env("TERM", "xterm").env_remove("LESS");
    let mut terminal = crate::support::Terminal::spawn(command);
    terminal.expect("\r\n3\r\n");
    terminal.type_keys("q");
    project.file("go", "");
    terminal.expect("code 1");
    terminal.finish().exits(0);
    assert!(project.has("b.ran"));
    same(&project.record().ends(), "a SUCCEEDED\nb FAILED exit(3)\n");
}
