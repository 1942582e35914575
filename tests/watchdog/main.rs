//! `kill -9` of pyoco: its watchdog ends the tasks, and is itself gone after every other end. Each
//! project checks at its end that nothing is alive: here that is most of what is tested.

#[path = "../support/mod.rs"]
mod support;

mod life;
mod nested;
mod tasks;
mod words;

use std::fs;
use std::path::Path;

use pyoco::engine::WATCHDOG;
use pyoco::model::RunId;
use rustix::process::{Pid, Signal};
use support::proc::Stat;
use support::{Project, Running, wait_for, wait_for_file};

const PYOCO: &str = env!("CARGO_BIN_EXE_pyoco");

/// Goes on until the test says so.
const UNTIL_GO: &str = "until [ -e go ]; do sleep 0.02; done";

fn can_look() -> bool {
    let is_there = Path::new("/proc/self/stat").exists();
    if !is_there {
        eprintln!("skipped: there is no /proc to find a watchdog by");
    }
    is_there
}

/// Returns what `/proc` says of a process; `None` where it has gone.
fn stat(pid: Pid) -> Option<Stat> {
    support::proc::stat(pid.as_raw_nonzero().get())
}

/// Returns whether a process runs.
fn is_alive(pid: Pid) -> bool {
    stat(pid).is_some_and(|stat| stat.is_alive())
}

/// Returns the watchdogs of these runs.
fn watchdogs(run_ids: &[RunId]) -> Vec<Pid> {
    let ids: Vec<String> = run_ids.iter().map(ToString::to_string).collect();
    let is_watchdog = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        let words: Vec<&str> = words.split('\0').collect();
        words.get(1) == Some(&WATCHDOG)
            && words.get(2).is_some_and(|id| ids.contains(&(*id).into()))
    };
    let pids = support::proc::all().into_iter().filter(is_watchdog);
    pids.filter_map(Pid::from_raw).filter(|pid| is_alive(*pid)).collect()
}

/// Waits for the watchdog of the newest run.
#[track_caller]
fn watchdog(project: &Project) -> Pid {
    let mut found = None;
    wait_for("the watchdog", || {
        found = project.records().last().and_then(|record| watchdogs(&[record.run_id]).pop());
        found.is_some()
    });
    found.expect("it was waited for")
}

/// Starts a run whose tasks say that they are ready, and waits for its watchdog.
#[track_caller]
fn start(project: &Project, args: &[&str]) -> (Running, Pid) {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join("ready"));
    (running, watchdog(project))
}

fn kill(running: Running) {
    running.signal(Signal::KILL);
    // This waits until its standard output and error have no writer, too.
    running.wait().dies_of(9);
}

#[track_caller]
fn is_lost(project: &Project) {
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!(shown["status"], "LOST");
    assert!(!project.record().status().is_final(), "LOST is never written");
}
