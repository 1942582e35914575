//! Linux: the exit of a process as a descriptor, its end with its resource usage while it is not
//! reaped, and who holds a pipe open.

mod processes;

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::End;

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

/// Returns the processes that belong to `group` or hold one of `pipes` open, this one excepted.
///
/// A look into `/proc`, so that it can miss who comes and goes meanwhile.
pub(in crate::engine) fn holders(group: Pid, pipes: &[BorrowedFd<'_>]) -> Vec<u32> {
    let names: Vec<String> = pipes.iter().filter_map(|pipe| pipe_name(*pipe)).collect();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id();
    let mut found: Vec<u32> = processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own && (is_in_group(*pid, group) || holds(*pid, &names)))
        .collect();
    found.sort_unstable();
    found
}

/// Returns the living processes of `group` as descriptors that become readable when one exits.
pub(in crate::engine) fn members(group: Pid) -> Vec<OwnedFd> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let member = |entry: io::Result<fs::DirEntry>| {
        let pid = entry.ok()?.file_name().to_str()?.parse::<u32>().ok()?;
        let is_member = is_in_group(pid, group);
        // One that has gone meanwhile, and whose number is another's by now, costs a second look.
        pidfd_open(Pid::from_raw(is_member.then_some(pid)?.cast_signed())?, PidfdFlags::empty())
            .ok()
    };
    processes.filter_map(member).collect()
}

fn pipe_name(pipe: BorrowedFd<'_>) -> Option<String> {
    let file = fs::File::from(pipe.try_clone_to_owned().ok()?);
    Some(format!("pipe:[{}]", file.metadata().ok()?.ino()))
}

fn is_in_group(pid: u32, group: Pid) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // pid (name) state parent group …; the name may hold anything, also parentheses.
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    let mut fields = rest.split_whitespace();
    let is_alive = fields.next().is_some_and(|state| state != "Z" && state != "X");
    is_alive && fields.nth(1) == Some(&*group.as_raw_nonzero().to_string())
}

fn holds(pid: u32, names: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| names.iter().any(|name| name == target)))
}
