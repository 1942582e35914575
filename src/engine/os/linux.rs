//! Linux: the exit of a process as a descriptor, its end with its resource usage while it is not
//! reaped, and who holds a pipe open.

mod belonging;
mod holders;
mod proc;
mod processes;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use self::proc::Stat;
use super::{End, first_ended_child};

pub(in crate::engine) use belonging::{belonging, kill_started_at, start_time, untold_groups};
pub(in crate::engine) use holders::Holders;
pub(in crate::engine) use processes::{look_closer, processes};

/// Becomes readable when a process has exited.
#[derive(Debug)]
pub(in crate::engine) struct ExitWatch(OwnedFd);

impl ExitWatch {
    /// Watches a child that was not reaped.
    pub(in crate::engine) fn new(pid: Pid) -> io::Result<ExitWatch> {
        Ok(ExitWatch(pidfd_open(pid, PidfdFlags::empty())?))
    }
}

impl AsFd for ExitWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What is left of a group whose leader is reaped. It is known by the leader's descriptor, which
/// means this group and no other: its number may be somebody else's once the last member has gone.
#[derive(Debug)]
pub(in crate::engine) struct Remnant {
    leader: Pid,
    descriptor: OwnedFd,
}

impl Remnant {
    /// Returns what is left of the group of a leader that was just reaped; `None` where nothing is,
    /// or where the kernel cannot tell (before Linux 6.9).
    pub(in crate::engine) fn of(leader: Pid, exit: ExitWatch) -> Option<Remnant> {
        let remnant = Remnant { leader, descriptor: exit.0 };
        remnant.is_there().then_some(remnant)
    }

    /// Returns the number of the group.
    pub(in crate::engine) fn leader(&self) -> Pid {
        self.leader
    }

    /// Sends a signal to the group. One that has gone meanwhile is no error.
    pub(in crate::engine) fn send(&self, signal: Signal) {
        let _ = self.signal(signal.as_raw());
    }

    /// Returns whether anything is left of it. As long as it is, nobody else has its number.
    pub(in crate::engine) fn is_there(&self) -> bool {
        self.signal(0).is_ok()
    }

    #[expect(unsafe_code, reason = "no wrapper takes the flag for a whole group")]
    fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the descriptor is open, and a null says that there is no information to hand on.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.descriptor.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                PIDFD_SIGNAL_PROCESS_GROUP,
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Sends a signal to the group that the process leads, or has led.
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// Waits for the end of a child and says how it ended, without reaping it.
pub(in crate::engine) fn peek_end(pid: Pid) -> io::Result<End> {
    loop {
        match waitid_with_usage(pid) {
            Ok((info, usage)) => return Ok(end_of(&info, &usage)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[expect(unsafe_code, reason = "no wrapper gives waitid its fifth argument, the resource usage")]
fn waitid_with_usage(pid: Pid) -> io::Result<(libc::siginfo_t, libc::rusage)> {
    // SAFETY: both are plain C structures for which all zeroes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers are to live, writable structures of the types that the kernel fills.
    let result = unsafe {
        libc::syscall(
            libc::SYS_waitid,
            libc::P_PID,
            pid.as_raw_nonzero().get(),
            std::ptr::from_mut(&mut info),
            libc::WEXITED | libc::WNOWAIT,
            std::ptr::from_mut(&mut usage),
        )
    };
    if result == 0 { Ok((info, usage)) } else { Err(io::Error::last_os_error()) }
}

fn end_of(info: &libc::siginfo_t, usage: &libc::rusage) -> End {
    // SAFETY: waitid filled the structure for a child that has exited.
    #[expect(unsafe_code, reason = "the status lies in a C union")]
    let status = unsafe { info.si_status() };
    let exited = info.si_code == libc::CLD_EXITED;
    let micros = |time: &libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    End {
        code: exited.then_some(status),
        signal: (!exited).then_some(status),
        cpu_ms: Some((micros(&usage.ru_utime) + micros(&usage.ru_stime)) / 1000),
        // The kernel counts in KiB. Until its program was loaded the child had our memory, and that
        // counts as its own: only what is more than we ever had is known to be the task's.
        max_rss: Some(usage.ru_maxrss as u64 * 1024).filter(|peak| is_more_than_ours(*peak)),
    }
}

/// Returns whether this is more memory than this process ever held.
fn is_more_than_ours(bytes: u64) -> bool {
    // Ours only grows: what was read last decides for most tasks, and a read costs a system call.
    static LAST_READ: AtomicU64 = AtomicU64::new(0);
    if bytes <= LAST_READ.load(Ordering::Relaxed) {
        return false;
    }
    let Some(ours) = own_peak() else { return false };
    LAST_READ.store(ours, Ordering::Relaxed);
    bytes > ours
}

/// Returns the most memory that this process has held, in bytes.
fn own_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let in_kib: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(in_kib * 1024)
}

/// Returns the living processes of every group.
pub(in crate::engine) fn living() -> HashMap<Pid, Vec<Pid>> {
    let mut living: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for pid in proc::all() {
        if let Some(group) = living_group_of(pid) {
            living.entry(group).or_default().push(pid);
        }
    }
    living
}

/// Returns a descriptor of a process that becomes readable when it exits; `None` where it is no living
/// member of the group any more.
pub(in crate::engine) fn member(pid: Pid, group: Pid) -> io::Result<Option<OwnedFd>> {
    match pidfd_open(pid, PidfdFlags::empty()) {
        // Only now: the number cannot have become another's between the two.
        Ok(process) => Ok(Some(process).filter(|_| is_in_group(pid, group))),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the groups that have a process which is neither stopped nor dead; `None` where they cannot
/// be seen. One that the kernel does not let go counts as stopped: it waits for a child that is.
pub(in crate::engine) fn running_groups() -> Option<HashSet<Pid>> {
    let runs = |stat: &Stat| stat.is_alive() && !matches!(stat.state, 'T' | 't' | 'D');
    let group = |pid: Pid| Stat::of(pid).filter(runs)?.group;
    proc::is_ours().then(|| proc::all().filter_map(group).collect())
}

/// Returns children that have ended and are not reaped yet: all of them, where `/proc` is that of our
/// own process namespace.
pub(in crate::engine) fn ended_children() -> Vec<Pid> {
    if !proc::is_ours() {
        return first_ended_child().into_iter().collect();
    }
    let own = std::process::id();
    let is_child =
        |pid: &Pid| Stat::of(*pid).is_some_and(|stat| !stat.is_alive() && stat.parent == own);
    proc::all().filter(is_child).collect()
}

fn is_in_group(pid: Pid, group: Pid) -> bool {
    living_group_of(pid) == Some(group)
}

fn living_group_of(pid: Pid) -> Option<Pid> {
    Stat::of(pid).filter(Stat::is_alive)?.group
}

/// Lets this thread run only where hardly another wants to.
pub(in crate::engine) fn yield_to_others() {
    // Here no process means the calling thread. Where it is refused, tasks lose some of their time.
    let _ = rustix::process::setpriority_process(None, 19);
}
