//! What only some systems have, behind the same signatures: Linux (pidfd, `/proc`, `waitid` with its
//! resource usage), and a portable stand-in, which `--cfg pyoco_portable` builds on Linux too.

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
mod portable;
mod session;

pub(super) use session::{session_of, spawn_apart};

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
pub(super) use linux::{
    ExitWatch, Holders, Remnant, belonging, ended_children, kill_started_at, living, look_closer,
    member, peek_end, processes, running_groups, start_time, untold_groups, yield_to_others,
};
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
pub(super) use portable::{
    ExitWatch, Holders, Remnant, belonging, ended_children, kill_started_at, living, look_closer,
    member, peek_end, processes, running_groups, start_time, untold_groups, yield_to_others,
};

use crate::model::Ms;

/// Returns the first child that has ended and is not reaped yet, whoever waits for it. Without a list
/// of all processes that is the only one that can be found; what is behind it comes later.
#[expect(unsafe_code, reason = "no wrapper of waitid says whose end it was")]
fn first_ended_child() -> Option<rustix::process::Pid> {
    // SAFETY: it is a plain C structure for which all zeroes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the pointer is to a live, writable structure of the type that the kernel fills.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) };
    // SAFETY: where there was no such child the number is still the zero from above.
    let pid = unsafe { info.si_pid() };
    rustix::process::Pid::from_raw(pid).filter(|_| result == 0)
}

/// Returns whether a process is in this process's own group.
#[expect(unsafe_code, reason = "the safe wrappers deny that a group can be out of our namespace")]
pub(super) fn is_in_our_group(pid: rustix::process::Pid) -> bool {
    // SAFETY: the calls take and return numbers.
    unsafe { libc::getpgid(pid.as_raw_nonzero().get()) == libc::getpgid(0) }
}

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
