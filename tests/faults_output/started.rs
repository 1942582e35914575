//! A program under way whose streams the test chooses, and how much memory it took.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Project, wait_for};

/// The most that pyoco itself may take, in KiB, whatever tasks print and whoever reads.
pub(crate) const MOST_MEMORY: u64 = 200 << 10;

/// A program under way; it is killed with the value.
pub(crate) struct Started {
    child: Child,
    peak: Option<JoinHandle<u64>>,
}

impl Started {
    /// Starts it with these streams.
    #[track_caller]
    pub(crate) fn new(
        mut command: Command,
        out: impl Into<Stdio>,
        err: impl Into<Stdio>,
    ) -> Started {
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        drop(command); // it holds the streams too, and a pipe ends only when nobody has it
        let child = child.expect("the program can be started");
        let pid = child.id();
        let peak = Some(std::thread::spawn(move || watch(pid)));
        Started { child, peak }
    }

    /// Starts `pyoco ARG…`.
    #[track_caller]
    pub(crate) fn pyoco(
        project: &Project,
        args: &[&str],
        out: impl Into<Stdio>,
        err: impl Into<Stdio>,
    ) -> Started {
        Started::new(project.command(args), out, err)
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    /// Returns the most memory that it has taken so far, in KiB; 0 where there is no `/proc`.
    pub(crate) fn peak(&self) -> u64 {
        peak(self.child.id()).unwrap_or_default()
    }

    /// Waits for its end; returns how it ended, and the most memory that it took, in KiB.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, u64) {
        wait_for("the program's end", || self.has_ended());
        let status = self.child.wait().expect("the child is ours");
        let peak = self.peak.take().expect("it was not waited for before");
        (status, peak.join().expect("it only reads"))
    }

    /// The same, with the exit code alone, and no more memory than may be.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) {
        let (status, peak) = self.wait();
        assert_eq!(status.code(), Some(code), "{status}");
        assert!(peak < MOST_MEMORY, "it took {peak} KiB");
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Where it has ended these change nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks at the most memory that a process has taken until it ends. Where there is no `/proc` it
/// has taken none.
fn watch(pid: u32) -> u64 {
    let mut most = 0;
    let start = Instant::now();
    // One that has ended and was not waited for has no memory any more.
    while start.elapsed() < 2 * DEADLINE
        && let Some(now) = peak(pid)
    {
        most = now;
        std::thread::sleep(Duration::from_millis(5)); // the pause of the poll
    }
    most
}

fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse().expect("a number of KiB"))
}
