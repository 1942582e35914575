//! The watchdog itself: when there is one, what it has in common with others, and how it goes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use pyoco::engine::WATCHDOG;
use rustix::process::{Pid, Signal, kill_process};

use super::support::faults::can_inject;
use super::support::{Project, Running, wait_for, wait_for_file};
use super::{PYOCO, UNTIL_GO, can_look, is_alive, kill, start, stat, watchdog, watchdogs};

#[test]
fn a_watchdog_has_nothing_in_common_with_anybody_and_is_deaf() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: ': > ready; exec sleep 86400'}");
    // Descriptor 7 is left open on purpose, as a make jobserver is. It leads where stdout does: who
    // holds it keeps this test waiting for the end of the output.
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run 7>&1", PYOCO]);
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    let watchdog = watchdog(&project);
    let proc = format!("/proc/{}", watchdog.as_raw_nonzero());
    let descriptors = || {
        let entries = fs::read_dir(format!("{proc}/fd")).expect("it is alive");
        let shown = entries.map(|entry| {
            let path = entry.expect("an entry").path();
            let target = fs::read_link(&path).unwrap_or_default();
            let kind = target.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
            format!("{} {kind}", path.file_name().expect("a number").to_string_lossy())
        });
        shown.collect::<BTreeSet<_>>()
    };
    let wanted: BTreeSet<_> =
        ["0 pipe", "1 /dev/null", "2 /dev/null"].into_iter().map(str::to_owned).collect();
    wait_for("the end of what it inherited", || descriptors() == wanted);
    assert_eq!(fs::read_link(format!("{proc}/cwd")).expect("it is alive"), Path::new("/"));
    let now = stat(watchdog).expect("it is alive");
    let own = watchdog.as_raw_nonzero().get();
    assert_eq!((now.group, now.session), (own, own), "its group and its session");
    let status = fs::read_to_string(format!("{proc}/status")).expect("it is alive");
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a set");
        u64::from_str_radix(line.trim(), 16).expect("a set of signals")
    };
    let signals = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP];
    let deaf_to = signals.iter().fold(0, |set, signal| set | 1 << (signal.as_raw() - 1));
    assert_eq!(set("SigIgn:") & deaf_to, deaf_to, "{status}");
    assert_eq!(set("SigBlk:"), 0, "{status}");
    for signal in signals {
        kill_process(watchdog, signal).expect("it is there");
    }
    kill(running);
}

#[test]
fn a_task_does_not_see_the_pipe() {
    if !can_look() {
        return;
    }
    // What the caller of the tests left open stands in both lists.
    let list = "cd /proc/self/fd && echo fd: *";
    let project = Project::with(&format!(
        "tasks:\n  a: '({list}); : > ready; {UNTIL_GO}'\n  b: {{needs: a, run: '({list})'}}\n"
    ));
    let (running, _) = start(&project, &["run"]);
    project.file("go", "");
    let outcome = running.wait().exits(0);
    let lists: Vec<&str> = outcome.stdout.lines().filter(|l| l.starts_with("fd: ")).collect();
    assert_eq!(lists.len(), 2, "{outcome:?}");
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn after_every_end_the_watchdog_is_gone() {
    if !can_look() {
        return;
    }
    let ends: [(&str, Option<Signal>); 4] = [
        ("true", None),
        ("false", None),
        ("true", Some(Signal::TERM)),
        ("true", Some(Signal::QUIT)),
    ];
    for (last, signal) in ends {
        let project = Project::with(&format!("tasks: {{a: ': > ready; {UNTIL_GO}; {last}'}}"));
        let (running, watchdog) = start(&project, &["run"]);
        let before = stat(watchdog).expect("it is alive").started;
        match signal {
            Some(signal) => running.signal(signal),
            None => drop(project.file("go", "")),
        }
        let outcome = running.wait();
        // Not even as a process that nobody has reaped; somebody else may have its number by now.
        let is_there = stat(watchdog).is_some_and(|stat| stat.started == before);
        assert!(!is_there, "{last} {signal:?} {outcome:?}");
        assert!(project.record().status().is_final());
    }
}

#[test]
fn a_watchdog_that_is_stuck_holds_up_nothing() {
    if !can_look() {
        return;
    }
    let mut flow = format!("tasks:\n  a: ': > ready; {UNTIL_GO}'\n");
    for n in 0..50 {
        flow += &format!("  t{n}: {{needs: a, run: 'true'}}\n");
    }
    let project = Project::with(&flow);
    let (running, watchdog) = start(&project, &["run"]);
    kill_process(watchdog, Signal::STOP).expect("it is there");
    project.file("go", "");
    let outcome = running.wait().exits(0);
    assert!(!outcome.stderr.contains("watchdog"), "{outcome:?}");
    assert!(!is_alive(watchdog));
}

#[test]
fn a_watchdog_that_dies_is_replaced_once_and_hurts_no_run() {
    if !can_look() {
        return;
    }
    let mut flow = format!("jobs: 9\ntasks:\n  long: ': > ready; {UNTIL_GO}'\n");
    for n in 1..=4 {
        flow += &format!("  t{n}: 'until [ -e go{n} ]; do sleep 0.02; done'\n");
    }
    let project = Project::with(&flow);
    let (mut running, first) = start(&project, &["run"]);
    let die = |watchdog: Pid| {
        kill_process(watchdog, Signal::KILL).expect("it is there");
        wait_for("its death", || !is_alive(watchdog));
    };
    die(first);
    let second = watchdog(&project); // at once, though no task comes or goes
    assert_ne!(first, second);
    die(second);
    running.wait_to_complain("there is no watchdog: it dies each time; ");
    for file in ["go1", "go2", "go3", "go4", "go"] {
        project.file(file, "");
    }
    let outcome = running.wait().exits(0);
    assert_eq!(outcome.stderr.matches("watchdog").count(), 1, "{outcome:?}");
    assert_eq!(watchdogs(&[project.record().run_id]), []);
    // The one that takes its place knows all that runs.
    let project = Project::with(&flow);
    let (running, first) = start(&project, &["run"]);
    die(first);
    assert_ne!(watchdog(&project), first);
    kill(running);
}

#[test]
fn a_program_that_was_replaced_meanwhile_matters_to_nobody() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: 'rm pyoco; : > ready; exec sleep 86400'}");
    let program = project.dir().join("pyoco");
    // By another process: what is open for writing here, a child that is just being started has too,
    // and then it cannot be executed.
    let copied = project.command_of("cp").arg(PYOCO).arg(&program).status().expect("cp");
    assert!(copied.success());
    let mut command = project.command_of(&program);
    command.arg("run");
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    watchdog(&project);
    kill(running);
}

/// Returns the arguments of all programs that are executed in a run, by `strace`; `None` where there
/// is none and this is no CI.
fn executed(project: &Project, file: &str) -> Option<String> {
    if !can_inject() {
        return None;
    }
    let mut command = project.command_of("strace");
    command.args(["-f", "-qq", "-s", "200", "-e", "trace=execve", "-o", "trace.txt"]);
    command.args([PYOCO, "run", file]).stderr(Stdio::null());
    command.stdout(Stdio::null());
    let status = command.status().expect("strace is there");
    assert!(status.success(), "strace: {status}");
    Some(project.read("trace.txt"))
}

#[test]
fn where_no_task_runs_for_long_there_is_no_watchdog() {
    let project = Project::new();
    project.file("long.yaml", "tasks: {a: 'sleep 0.3'}");
    let Some(executed_long) = executed(&project, "long.yaml") else { return };
    assert_eq!(executed_long.matches(WATCHDOG).count(), 1, "{executed_long}");
    let many: String = (0..20).map(|n| format!("  t{n}: 'true'\n")).collect();
    project.file("short.yaml", format!("jobs: 1\ntasks:\n{many}"));
    // On a busy machine even `true` may take its time: then that run says nothing.
    let is_short = || {
        let record = project.record();
        let ms = |event: &serde_json::Value| event["ms"].as_u64().expect("a time");
        let times = record.events("task_started").into_iter().map(ms);
        times.zip(record.events("task_finished").into_iter().map(ms)).all(|(a, b)| b - a < 60)
    };
    let mut executed_short = String::new();
    wait_for("a run of short tasks", || {
        executed_short = executed(&project, "short.yaml").unwrap_or_default();
        is_short()
    });
    assert_eq!(executed_short.matches(WATCHDOG).count(), 0, "{executed_short}");
}
