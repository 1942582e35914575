//! The table of live process groups: the only place that sends signals, usable from any thread.
//!
//! A group may be signalled only while its leader is known not to be reaped, or the number might be
//! somebody else's by then. So leaders are reaped under the table's lock, and only after they were
//! taken out of it; and the leader of a group that outlived it stays unreaped until the run ends.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use duct::Handle;
use rustix::process::{Pid, Signal, kill_process_group};

use super::lock;
use super::os::members;
use crate::model::{SIGKILL, TaskId};

/// The groups of one run.
#[derive(Debug, Default)]
pub(super) struct Groups {
    table: Mutex<Table>,
    killed: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    live: HashMap<(TaskId, u32), Live>,
    leaked: Vec<(Pid, Handle)>,
}

#[derive(Debug)]
struct Live {
    leader: Pid,
    /// Whether it was sent a signal.
    is_asked: bool,
    is_killed: bool,
}

impl Groups {
    /// Enters the group of an attempt right after its start.
    pub(super) fn enter(&self, task: TaskId, attempt: u32, leader: Pid) {
        let mut table = lock(&self.table);
        let is_killed = self.killed.load(Ordering::SeqCst);
        if is_killed {
            send(leader, SIGKILL); // the kill came while this one was being started
        }
        table.live.insert((task, attempt), Live { leader, is_asked: false, is_killed });
    }

    /// Sends a signal to the group of an attempt, if it is still there.
    pub(super) fn signal(&self, task: TaskId, attempt: u32, signal: i32) {
        let mut table = lock(&self.table);
        if let Some(live) = table.live.get_mut(&(task, attempt)) {
            live.is_asked = true;
            live.is_killed |= signal == SIGKILL;
            send(live.leader, signal);
        }
    }

    /// Notes that the group of an attempt is about to get a signal, and has its grace from now on: a
    /// leader that ends meanwhile leaves the others to it. Returns the leader.
    pub(super) fn expect_signal(&self, task: TaskId, attempt: u32) -> Option<Pid> {
        let mut table = lock(&self.table);
        let live = table.live.get_mut(&(task, attempt))?;
        live.is_asked = true;
        Some(live.leader)
    }

    /// Returns whether the group of an attempt was asked to end and has its grace: it lasts as long
    /// as any of its processes, not only the leader.
    pub(super) fn has_grace(&self, task: TaskId, attempt: u32) -> bool {
        let table = lock(&self.table);
        table.live.get(&(task, attempt)).is_some_and(|live| live.is_asked && !live.is_killed)
    }

    /// Sends a signal to every group that outlived its leader.
    pub(super) fn signal_leaked(&self, signal: i32) {
        let table = lock(&self.table);
        table.leaked.iter().for_each(|(leader, _)| send(*leader, signal));
    }

    /// Kills every group, and all that will still be entered.
    pub(super) fn kill_all(&self) {
        self.killed.store(true, Ordering::SeqCst);
        let mut table = lock(&self.table);
        for live in table.live.values_mut() {
            live.is_killed = true;
            send(live.leader, SIGKILL);
        }
        table.leaked.iter().for_each(|(leader, _)| send(*leader, SIGKILL));
    }

    /// Returns whether everything was killed.
    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Takes out the group of an attempt whose leader has exited, and reaps the leader.
    pub(super) fn reap(&self, task: TaskId, attempt: u32, handle: Handle) -> std::io::Result<()> {
        let mut table = lock(&self.table);
        if let Some(live) = table.live.remove(&(task, attempt))
            && live.is_asked
        {
            // Where members cannot be seen, some may be left.
            send(live.leader, SIGKILL);
        }
        handle.wait().map(drop)
    }

    /// Keeps the group of an attempt whose leader has exited while others hold its output open.
    pub(super) fn keep_leaked(&self, task: TaskId, attempt: u32, handle: Handle) {
        let mut table = lock(&self.table);
        if let Some(live) = table.live.remove(&(task, attempt)) {
            if live.is_asked || self.killed.load(Ordering::SeqCst) {
                send(live.leader, SIGKILL);
            }
            table.leaked.push((live.leader, handle));
        }
    }

    /// Returns the living processes of the groups that outlived their leaders.
    pub(super) fn leaked_members(&self) -> Vec<OwnedFd> {
        let table = lock(&self.table);
        table.leaked.iter().flat_map(|(leader, _)| members(*leader)).collect()
    }

    /// Lets go of the groups that outlived their leaders; at stop and kill they are killed.
    pub(super) fn release_leaked(&self, kill: bool) {
        let leaked = std::mem::take(&mut lock(&self.table).leaked);
        for (leader, handle) in leaked {
            if kill {
                send(leader, SIGKILL);
            }
            // The leader has exited: this reaps it and cannot block. There is nothing to do about
            // an error, and nobody to tell: the task has long ended.
            let _ = handle.wait();
        }
    }
}

/// Sends a signal to a whole group. A group that is already gone is no error.
fn send(leader: Pid, signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    let _ = kill_process_group(leader, signal);
    if signal != Signal::KILL && signal != Signal::CONT {
        // A stopped process hears the signal only once it is continued.
        let _ = kill_process_group(leader, Signal::CONT);
    }
}
