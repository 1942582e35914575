//! The tests' own tools are tested too: a check that cannot fail proves nothing.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::Signal;
use support::{Project, Running, Terminal, redact, same, wait_for, wait_for_file};

fn sh(project: &Project, script: &str) -> std::process::Command {
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", script]);
    command
}

#[test]
fn the_environment_is_cleared_and_the_outcome_is_whole() {
    let mut project = Project::new();
    project.env("GIVEN", "yes");
    let script = "env | cut -d= -f1 | sort | tr '\\n' ' '; echo bad >&2; exit 3";
    let outcome = Running::spawn(sh(&project, script)).wait().exits(3).complains("bad");
    for name in ["GIVEN ", "HOME ", "PATH ", "PYOCO_TEST_MARK ", "TERM ", "TMPDIR "] {
        assert!(outcome.stdout.contains(name), "{name}: {outcome:?}");
    }
    for name in ["CARGO", "NO_COLOR ", "CI "] {
        assert!(!outcome.stdout.contains(name), "{name}: {outcome:?}");
    }
    Running::spawn(sh(&project, "kill -9 $$")).wait().dies_of(9);
}

#[test]
fn a_running_program_is_watched_and_signalled() {
    let project = Project::new();
    let script = "trap 'echo term; exit 4' TERM; : > ready; while :; do sleep 0.01; done";
    let mut running = Running::spawn(sh(&project, script));
    wait_for_file(&project.dir().join("ready"));
    assert!(!running.has_ended());
    running.signal(Signal::TERM);
    running.wait_to_say("term");
    running.wait().exits(4);
}

#[test]
fn what_is_left_behind_fails_the_test() {
    let project = Project::new();
    let outcome = Running::spawn(sh(&project, "sleep 86400 >/dev/null 2>&1 & echo $!")).wait();
    let pid: i32 = outcome.stdout.trim().parse().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("no process has the number 0");
    if !std::path::Path::new("/proc/self/environ").exists() {
        rustix::process::kill_process(pid, Signal::KILL).expect("it is ours");
        return;
    }
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(project)));
    assert!(dropped.is_err(), "the sleeping process was not seen");
    wait_for("the process's end", || rustix::process::test_kill_process(pid).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_does_not_hide_behind_its_name() {
    use std::os::unix::ffi::OsStrExt;

    let project = Project::new();
    // A script gives its process its own name.
    let name = std::ffi::OsStr::from_bytes(b"a) Z 1 \xff");
    let path = project.dir().join(name);
    std::fs::write(&path, "#!/bin/sh\n: > ready\nwhile :; do sleep 0.05; done\n").expect("ours");
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, all).expect("ours");
    let running = Running::spawn(project.command_of(&path));
    wait_for_file(&project.dir().join("ready"));
    let pid = running.pid().as_raw_nonzero().get();
    let comm = std::fs::read(format!("/proc/{pid}/comm")).expect("it is alive");
    assert!(comm.starts_with(name.as_bytes()), "{comm:?}");
    assert!(project.processes().iter().any(|(of, state)| *of == pid && *state != 'Z'));
    let own = std::process::id().cast_signed();
    assert_eq!(support::leftovers::parent(pid), Some(own));
}

#[test]
fn a_record_that_breaks_a_rule_fails_the_test() {
    let record = |line: &str| {
        let project = Project::new();
        let name = ".pyoco/runs/01923000-0000-7000-8000-000000000000/events.jsonl";
        project.file(name, format!("{line}\n"));
        project
    };
    let good = r#"{"v":1,"seq":1,"ts":"2026-03-01T12:00:00.000Z","ms":0,"event":"run_started","run_id":"01923000-0000-7000-8000-000000000000","jobs":1}"#;
    drop(record(good));
    let bad = good.replace("\"seq\":1", "\"seq\":2");
    assert!(catch_unwind(|| drop(record(&bad))).is_err(), "a hole in `seq` was not seen");
    assert!(catch_unwind(|| drop(record("{"))).is_err(), "a damaged line was not seen");
}

#[test]
fn a_terminal_shows_takes_keys_and_ends() {
    let project = Project::new();
    let script = "stty rows 24 cols 80; trap 'echo stopped; exit 5' INT; stty size; echo ready; \
                  while :; do sleep 0.01; done";
    let mut terminal = Terminal::spawn(sh(&project, script));
    let before = terminal.expect("ready");
    assert!(before.contains("24 80"), "{before}");
    terminal.press_control('c');
    terminal.finish().exits(5).says("stopped");
}

#[test]
fn what_differs_from_run_to_run_is_redacted() {
    let text = "run_id=01923000-0000-7000-8000-0000deadbeef in /a/b: 12 ms, 1.2 s, 2m10s at \
                2026-03-01T12:00:00.250Z dur_ms=1204 \"ms\":7 pyoco runs show deadbeef 3 ms5";
    same(
        &redact(text, std::path::Path::new("/a/b")),
        "run_id=[RUN] in [DIR]: [DURATION], [DURATION], [DURATION] at [TIME] dur_ms=[N] \
         \"ms\":[N] pyoco runs show [ID] 3 ms5",
    );
    assert!(catch_unwind(|| same("a", "b")).is_err());
    assert!(catch_unwind(|| same("abc", "a[..]")).is_err(), "expected text is exact");
}

#[test]
fn signals_that_the_tests_ignore_are_not_ignored_in_them() {
    let project = Project::new();
    // Only a test process that has ignored signals shows the difference: it is this one, once more.
    if std::env::var_os("PYOCO_TEST_INNER").is_none() {
        let this = std::env::current_exe().expect("there is a program");
        let name = "signals_that_the_tests_ignore_are_not_ignored_in_them";
        let script = format!("trap '' HUP INT; exec '{}' --exact {name}", this.display());
        let mut command = sh(&project, &script);
        command.env("PYOCO_TEST_INNER", "1");
        Running::spawn(command).wait().exits(0).says("1 passed");
    } else {
        Running::spawn(sh(&project, "kill -INT $$; exit 7")).wait().dies_of(2);
    }
}
