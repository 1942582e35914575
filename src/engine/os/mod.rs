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
pub(super) use linux::{ExitWatch, holders, look_closer, members, peek_end, processes};
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
pub(super) use portable::{
    ExitWatch, belonging, holders, look_closer, members, peek_end, processes, start_time,
    untold_groups,
};

use crate::model::Ms;

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
    #[cfg_attr(
        not(all(target_os = "linux", not(pyoco_portable))),
        expect(dead_code, reason = "what can be known elsewhere is clear at once")
    )]
    Unclear,
}

/// A process as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: u32,
    /// The number of its parent.
    pub(super) parent: u32,
    /// Its group.
    pub(super) group: u32,
    /// What the system calls it, which is mostly the name of its program.
    pub(super) name: String,
    /// The system's letter for what it is doing.
    pub(super) state: Option<char>,
    /// Processor time so far.
    pub(super) cpu: Option<Ms>,
    /// How many threads it has.
    pub(super) n_threads: u64,
}

/// What a closer look tells of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closer {
    /// The place in the kernel where it waits.
    pub(super) waits_in: Option<String>,
    /// The call that it is in, where that is about a descriptor.
    pub(super) call: Option<String>,
    /// Its command line as one would type it, harmless.
    pub(super) command: Option<String>,
}
