//! The table of live process groups: the only place that sends signals, usable from any thread.
//!
//! A group may be signalled only while its leader is known not to be reaped, or the number might be
//! somebody else's by then. So leaders are reaped under the table's lock, and only after they were
//! taken out of it; and the leader of a group that outlived it stays unreaped until the run ends.
//!
//! What comes and goes here is told to the run's watchdog, where it has one, under the same lock: it
//! hears that a group is gone before its number is free.

use std::collections::HashMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use duct::Handle;
use rustix::process::{Pid, Signal, kill_process_group};

use super::lock;
use super::os::{members, start_time};
use super::watchdog::{Health, Message, Watchdog};
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
    /// How many tasks are being started.
    starting: usize,
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Live {
    leader: Pid,
    since: Instant,
    /// Whether it was sent a signal.
    is_asked: bool,
    is_killed: bool,
}

impl Groups {
    /// Says that a process is about to be started: [`Groups::enter`] or [`Groups::not_started`] says
    /// what came of it.
    pub(super) fn starting(&self) {
        let mut table = lock(&self.table);
        table.starting += 1;
        table.tell(Message::Starting);
    }

    /// Says that a start has failed.
    pub(super) fn not_started(&self) {
        let mut table = lock(&self.table);
        table.starting -= 1;
        table.tell(Message::NotStarted);
    }

    /// Enters the group of an attempt right after its start.
    pub(super) fn enter(&self, task: TaskId, attempt: u32, leader: Pid) {
        let mut table = lock(&self.table);
        table.starting -= 1;
        table.tell_group(leader);
        let is_killed = self.killed.load(Ordering::SeqCst);
        if is_killed {
            send(leader, SIGKILL); // the kill came while this one was being started
        }
        let live = Live { leader, since: Instant::now(), is_asked: false, is_killed };
        table.live.insert((task, attempt), live);
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
        if let Some(live) = table.live.remove(&(task, attempt)) {
            if live.is_asked {
                // Where members cannot be seen, some may be left.
                send(live.leader, SIGKILL);
            }
            table.tell(Message::Gone { leader: live.leader });
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
        let mut table = lock(&self.table);
        for (leader, handle) in std::mem::take(&mut table.leaked) {
            if kill {
                send(leader, SIGKILL);
            }
            table.tell(Message::Gone { leader });
            // The leader has exited: this reaps it and cannot block. There is nothing to do about
            // an error, and nobody to tell: the task has long ended.
            let _ = handle.wait();
        }
    }

    /// Returns since when the oldest of the live groups runs.
    pub(super) fn oldest(&self) -> Option<Instant> {
        lock(&self.table).live.values().map(|live| live.since).min()
    }

    /// Gives the run a watchdog, which `spawn` starts with what it shall read. It is told all that is
    /// there before it is started: should pyoco die meanwhile, it finds that in its pipe.
    pub(super) fn set_watchdog(
        &self,
        spawn: impl FnOnce(BorrowedFd<'_>) -> io::Result<Pid>,
    ) -> io::Result<()> {
        let (watchdog, kennel) = Watchdog::new()?;
        lock(&self.table).acquaint(watchdog);
        match spawn(kennel.as_fd()) {
            Ok(pid) => {
                if let Some(watchdog) = &mut lock(&self.table).watchdog {
                    watchdog.is_started_as(pid);
                }
                Ok(())
            }
            Err(error) => {
                lock(&self.table).watchdog = None;
                Err(error)
            }
        }
    }

    /// Returns how the watchdog is, where there is one, after telling it what it lacks.
    pub(super) fn watchdog_health(&self) -> Option<Health> {
        lock(&self.table).watchdog.as_mut().map(Watchdog::health)
    }

    /// Ends the watchdog.
    pub(super) fn end_watchdog(&self) {
        let watchdog = lock(&self.table).watchdog.take();
        if let Some(watchdog) = watchdog {
            watchdog.end(); // past the lock: it takes its moment
        }
    }
}

impl Table {
    fn tell(&mut self, message: Message) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tell(message);
        }
    }

    fn tell_group(&mut self, leader: Pid) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tell(Message::Group { leader, start: start_time(leader) });
        }
    }

    /// Tells a new watchdog all that is there.
    fn acquaint(&mut self, watchdog: Watchdog) {
        self.watchdog = Some(watchdog);
        let leaders = self.live.values().map(|live| live.leader);
        let leaders: Vec<Pid> =
            leaders.chain(self.leaked.iter().map(|(leader, _)| *leader)).collect();
        leaders.into_iter().for_each(|leader| self.tell_group(leader));
        (0..self.starting).for_each(|_| self.tell(Message::Starting));
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
