//! Finds the processes that a test left behind: every one of them carries the test's mark in its
//! environment, however deep it was started. Where there is no `/proc` there is nothing to find.

use std::fs;
use std::time::{Duration, Instant};

use super::proc::{self, Stat};

/// The variable that holds the mark.
pub(crate) const MARK: &str = "PYOCO_TEST_MARK";

/// Fails the test where a process that carries the mark is alive.
#[track_caller]
pub(crate) fn require_none(mark: &str) {
    let start = Instant::now();
    let mut left = find(mark);
    // What was killed is gone only when the kernel has taken it down.
    while !left.is_empty() && start.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(5));
        left = find(mark);
    }
    let shown: Vec<String> = left.iter().map(|pid| format!("{pid} {}", command(*pid))).collect();
    kill(mark);
    assert!(left.is_empty(), "processes were left behind:\n{}", shown.join("\n"));
}

/// Kills every process that carries the mark.
pub(crate) fn kill(mark: &str) {
    for pid in find(mark) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            // It may have gone by now, which is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Returns every process that carries the mark.
pub(crate) fn find(mark: &str) -> Vec<i32> {
    let wanted = format!("{MARK}={mark}");
    let is_marked = |pid: &i32| environment(*pid).any(|variable| variable == wanted);
    proc::all().into_iter().filter(is_marked).collect()
}

/// Returns the living processes that carry the mark with their states.
pub(crate) fn states(mark: &str) -> Vec<(i32, char)> {
    let state = |pid| Some((pid, proc::stat(pid).filter(Stat::is_alive)?.state));
    find(mark).into_iter().filter_map(state).collect()
}

/// Returns what can be seen of the processes that carry the mark, for who reads why a test has failed.
pub(crate) fn describe(mark: &str) -> String {
    let describe_one = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // State, parent, group, session, terminal, its foreground group.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = rest.split(' ').skip(1).take(6).collect();
        let mut text = format!("{pid} [{}] {}\n", fields.join(" "), command(pid));
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let read =
                |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let wanted = ["State", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"];
            let status = read("status");
            let is_wanted = |line: &&str| wanted.iter().any(|name| line.starts_with(name));
            let status: Vec<&str> = status.lines().filter(is_wanted).collect();
            let (name, place) = (read("comm"), read("wchan"));
            text += &format!("    {} {place} {}\n", name.trim_end(), status.join(" "));
        }
        text.replace('\t', " ")
    };
    find(mark).into_iter().map(describe_one).collect()
}

/// Returns the variables of a process. Of one of somebody else, or one that has gone, there is nothing to
/// read.
fn environment(pid: i32) -> impl Iterator<Item = String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let variables =
        bytes.split(|byte| *byte == 0).map(|bytes| String::from_utf8_lossy(bytes).into());
    variables.collect::<Vec<String>>().into_iter()
}

/// Returns the run whose task a process is.
pub(crate) fn run_id(pid: i32) -> Option<String> {
    environment(pid).find_map(|variable| variable.strip_prefix("PYOCO_RUN_ID=").map(str::to_owned))
}

/// Returns the words of a process; empty where it has gone.
pub(crate) fn command(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Returns the parent of a process.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    Some(proc::stat(pid)?.parent)
}
