//! Any Unix: a thread waits for the exit and closes a pipe; resource usage and the holders of a pipe
//! are unknown.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::session::is_led_in;
use super::{Belonging, Closer, End, Process, first_ended_child};
use crate::engine::watchdog::Watched;
use crate::model::Mask;

/// Becomes readable when a process has exited.
#[derive(Debug)]
pub(in crate::engine) struct ExitWatch(io::PipeReader);

impl ExitWatch {
    /// Watches a child that was not reaped.
    pub(in crate::engine) fn new(pid: Pid) -> io::Result<ExitWatch> {
        let (reader, writer) = io::pipe()?;
        std::thread::Builder::new().name("exit".into()).spawn(move || {
            // Whatever comes of it, the end of the wait is the news; `peek_end` has the details.
            let _ = peek_end(pid);
            drop(writer);
        })?;
        Ok(ExitWatch(reader))
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
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => {
                let code = status.exit_status();
                let signal = status.terminating_signal();
                return Ok(End { code, signal, ..End::default() });
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Nobody: there is no portable way to find who holds a pipe open.
#[derive(Debug)]
pub(in crate::engine) struct Holders;

impl Holders {
    /// Looks at nothing.
    pub(in crate::engine) fn look() -> Holders {
        Holders
    }

    /// Returns nobody.
    pub(in crate::engine) fn of(&self, _group: Pid, _pipes: &[BorrowedFd<'_>]) -> Vec<u32> {
        Vec::new()
    }
}

/// Returns nobody: there is no portable way to find them.
pub(in crate::engine) fn living() -> HashMap<Pid, Vec<Pid>> {
    HashMap::new()
}

/// Returns nothing: nobody was found.
pub(in crate::engine) fn member(_pid: Pid, _group: Pid) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// Does nothing: without its start time it cannot be known to be that process.
pub(in crate::engine) fn kill_started_at(_pid: Pid, _start: Option<u64>) {}

/// Returns nothing: there is no portable way to know it.
pub(in crate::engine) fn start_time(_pid: Pid) -> Option<u64> {
    None
}

/// Returns whether a group is still that of the run's task, as far as it can be known: it has its
/// leader, in the session that pyoco was in. Should the number be somebody else's by now, it is that
/// of a new group of the same session at least. A group without its leader is let be: nothing tells
/// whose it is.
pub(in crate::engine) fn belonging(
    leader: Pid,
    _start: Option<u64>,
    watched: Watched,
) -> Belonging {
    if is_led_in(watched.session, leader) { Belonging::Ours } else { Belonging::Foreign }
}

/// Returns nobody: there is no portable way to find them.
pub(in crate::engine) fn untold_groups(_watched: Watched, _known: &HashSet<Pid>) -> Vec<Pid> {
    Vec::new()
}

/// Returns that it is unknown: there is no portable way to find them.
pub(in crate::engine) fn running_groups() -> Option<HashSet<Pid>> {
    None
}

/// Returns the leader alone: there is no portable way to find others.
pub(in crate::engine) fn processes(leader: Pid) -> io::Result<Vec<Process>> {
    let pid = leader.as_raw_nonzero().get().cast_unsigned();
    Ok(vec![Process {
        pid,
        parent: std::process::id(),
        group: pid,
        name: "this system tells no more".to_owned(),
        state: None,
        cpu: None,
        n_threads: 1,
    }])
}

/// Returns nothing: there is no portable way to learn it.
pub(in crate::engine) fn look_closer(_pid: u32, _mask: &Arc<Mask>) -> Closer {
    Closer::default()
}

/// What is left of a group whose leader is reaped. There is no portable way to signal it and to be
/// sure that it is that group, so that there never is one.
#[derive(Debug)]
pub(in crate::engine) enum Remnant {}

impl Remnant {
    /// Returns nothing.
    pub(in crate::engine) fn of(_leader: Pid, _exit: ExitWatch) -> Option<Remnant> {
        None
    }

    /// Returns the number of the group.
    pub(in crate::engine) fn leader(&self) -> Pid {
        match *self {}
    }

    /// Sends a signal to the group.
    pub(in crate::engine) fn send(&self, _signal: Signal) {
        match *self {}
    }

    /// Returns whether anything is left of it.
    pub(in crate::engine) fn is_there(&self) -> bool {
        match *self {}
    }
}

/// Returns children that have ended and are not reaped yet, not always all of them.
pub(in crate::engine) fn ended_children() -> Vec<Pid> {
    first_ended_child().into_iter().collect()
}

/// Would let this thread run only where no other wants to, which only Linux can say of one thread.
pub(in crate::engine) fn yield_to_others() {}
