//! What only some systems have, behind the same signatures: Linux (pidfd, `/proc`, `waitid` with its
//! resource usage), and a portable stand-in, which `--cfg pyoco_portable` builds on Linux too.

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
mod belonging;
#[cfg(all(target_os = "linux", not(pyoco_portable)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
mod portable;
mod session;

pub(super) use session::{session_of, spawn_apart};

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
pub(super) use belonging::{belonging, start_time, untold_groups};
#[cfg(all(target_os = "linux", not(pyoco_portable)))]
pub(super) use linux::{ExitWatch, holders, members, peek_end};
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
pub(super) use portable::{
    ExitWatch, belonging, holders, members, peek_end, start_time, untold_groups,
};

/// How a process ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// Processor time of it and of the children that it waited for.
    pub(super) cpu_ms: Option<u64>,
    /// The most memory that one of them held, in bytes, where it is known.
    pub(super) max_rss: Option<u64>,
}

/// Whose a group is, for the watchdog of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belonging {
    /// A task's of the run.
    Ours,
    /// Somebody else's, or nobody's.
    Foreign,
    /// It cannot be seen just now; it may be worth another look.
    Unclear,
}
