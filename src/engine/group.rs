//! The table of live process groups: the only place that sends signals to tasks of a living run, usable
//! from any thread.
//!
//! A group may be signalled by its number only while its leader is known not to be reaped, or the
//! number might be somebody else's by then. So leaders are reaped under the table's lock, and only
//! after they were taken out of it; and the leader of a group that holds its task's output open stays
//! unreaped until the run ends. What else is left of a group is known by a descriptor ([`Remnant`]).
//!
//! What comes and goes here is told to the run's watchdog, where it has one, under the same lock: it
//! hears that a group is gone before it can hear of another one with that number.

mod orphans;
mod suspend;
mod watched;

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use duct::Handle;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use super::lock;
use super::look::SharedLook;
use super::os::{self, ExitWatch, Holders, Remnant};
use super::watchdog::{Message, Watchdog};
use crate::model::{SIGKILL, TaskId};

pub(super) use suspend::{Start, stop_signal};

/// From so many on it is looked which remnants are gone.
const MOST_REMNANTS: usize = 32;

/// The groups of one run.
#[derive(Debug, Default)]
pub(super) struct Groups {
    table: Mutex<Table>,
    /// Something came to pass that a start or a suspension may wait for.
    changed: Condvar,
    killed: AtomicBool,
    /// The living processes of every group.
    living: SharedLook<HashMap<Pid, Vec<Pid>>>,
    holders: SharedLook<Holders>,
}

#[derive(Debug, Default)]
struct Table {
    live: HashMap<(TaskId, u32), Live>,
    /// Groups that hold their task's output open after their leader has exited.
    leaked: Vec<(Pid, Handle)>,
    /// Groups whose leader has exited while the output of the others goes elsewhere.
    remnants: Vec<Remnant>,
    /// The last signal that went to all that is left of groups: it is for those to come too.
    to_leaked: Option<i32>,
    /// How many remnants there may be before it is looked which of them are gone.
    most_remnants: usize,
    /// Processes that are being started, and are not in the table yet.
    n_starting: usize,
    is_suspended: bool,
    watchdog: Option<Watchdog>,
    /// Children that are out of the table, and that a thread waits for.
    awaited: Vec<Pid>,
}

#[derive(Debug)]
struct Live {
    leader: Pid,
    since: Instant,
    /// Whether it was sent a signal.
    is_asked: bool,
    is_killed: bool,
    /// Whether it has the terminal, as long as it is not stopped.
    has_terminal: bool,
    /// Whether it is stopped because the run is suspended.
    is_held: bool,
}

impl Groups {
    /// Enters the group of an attempt right after its start.
    fn enter(&self, task: TaskId, attempt: u32, leader: Pid) {
        let mut table = lock(&self.table);
        table.n_starting -= 1;
        table.tell_group(leader);
        let is_killed = self.killed.load(Ordering::SeqCst);
        if is_killed {
            send(leader, SIGKILL); // the kill came while this one was being started
        }
        // It may have run for a while already, and have stopped itself.
        let is_held = !is_killed && table.is_suspended && stop_signal(leader).is_none();
        if is_held {
            let _ = kill_process_group(leader, Signal::STOP); // one that has exited is no error
        }
        let live = Live {
            leader,
            since: Instant::now(),
            is_asked: false,
            is_killed,
            has_terminal: false,
            is_held,
        };
        table.live.insert((task, attempt), live);
        drop(table);
        self.changed.notify_all();
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

    /// Sends a signal to every group that outlived its leader, and to those that still will.
    pub(super) fn signal_leaked(&self, signal: i32) {
        let mut table = lock(&self.table);
        table.to_leaked = Some(signal);
        table.signal_leaked(signal);
    }

    /// Kills every group, and all that will still be entered.
    pub(super) fn kill_all(&self) {
        self.killed.store(true, Ordering::SeqCst);
        let mut table = lock(&self.table);
        table.is_suspended = false; // nothing waits any longer: what still starts is killed as it comes
        for live in table.live.values_mut() {
            live.is_killed = true;
            send(live.leader, SIGKILL);
        }
        table.signal_leaked(SIGKILL);
        drop(table);
        self.changed.notify_all();
    }

    /// Returns whether everything was killed.
    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Takes out the group of an attempt whose leader has exited, and reaps the leader. What is left
    /// of the group is kept in view: it is killed at stop and kill.
    pub(super) fn reap(&self, task: TaskId, attempt: u32, handle: Handle, exit: ExitWatch) {
        let mut table = lock(&self.table);
        let Some(live) = table.live.remove(&(task, attempt)) else { return };
        let is_killed = live.is_asked || self.is_killed();
        if is_killed {
            // Where members cannot be seen, some may be left.
            send(live.leader, SIGKILL);
        }
        // Its end is known already; reaping it cannot block, and says nothing new.
        let _ = handle.wait();
        if !is_killed && let Some(remnant) = Remnant::of(live.leader, exit) {
            table.keep(remnant); // the watchdog knows the group already
        } else {
            table.tell(Message::Gone { leader: live.leader });
        }
    }

    /// Takes out and kills the group of an attempt that cannot be watched.
    pub(super) fn give_up(&self, task: TaskId, attempt: u32, handle: &Handle) {
        let mut table = lock(&self.table);
        let Some(live) = table.live.remove(&(task, attempt)) else { return };
        send(live.leader, SIGKILL);
        table.tell(Message::Gone { leader: live.leader });
        table.awaited.push(live.leader);
        drop(table); // one that hangs in a file system dies late, and the others can be killed meanwhile
        // Why it cannot be watched is what is told, whatever comes of its end.
        let _ = handle.wait();
        lock(&self.table).awaited.retain(|pid| *pid != live.leader);
    }

    /// Keeps the group of an attempt whose leader has exited while others hold its output open.
    pub(super) fn keep_leaked(&self, task: TaskId, attempt: u32, handle: Handle) {
        let mut table = lock(&self.table);
        if let Some(live) = table.live.remove(&(task, attempt)) {
            if live.is_asked || self.killed.load(Ordering::SeqCst) {
                send(live.leader, SIGKILL);
            } else if let Some(signal) = table.to_leaked {
                send(live.leader, signal);
            }
            table.leaked.push((live.leader, handle));
        }
    }

    /// Returns the living processes of a group, as far as can be seen, as descriptors that become
    /// readable when one exits.
    ///
    /// # Errors
    /// Where there are some, and none of them can be watched.
    pub(super) fn members(&self, group: Pid) -> io::Result<Vec<OwnedFd>> {
        loop {
            let living = self.living.fresh(os::living);
            let Some(pids) = living.get(&group) else { return Ok(Vec::new()) };
            let found = watched(pids, group)?;
            if !found.is_empty() {
                return Ok(found);
            }
            // All have gone meanwhile, and may have left others.
        }
    }

    /// Returns the processes that belong to a group or hold one of its pipes open.
    pub(super) fn holders(&self, group: Pid, pipes: &[BorrowedFd<'_>]) -> Vec<u32> {
        self.holders.fresh(Holders::look).of(group, pipes)
    }

    /// Returns the living processes of the groups that outlived their leaders.
    pub(super) fn leaked_members(&self) -> Vec<OwnedFd> {
        let leaders: HashSet<Pid> = lock(&self.table).outlived().collect();
        if leaders.is_empty() {
            return Vec::new(); // a look costs as much as there are processes
        }
        let living = self.living.fresh(os::living); // without the lock of the table: it takes its time
        let of_one = |leader: &Pid| watched(living.get(leader)?, *leader).ok();
        let found: Vec<_> =
            leaders.iter().filter_map(|leader| Some((*leader, of_one(leader)?))).collect();
        let table = lock(&self.table);
        // Who still is what it was has had its number during the look, too.
        let remnants = table.remnants.iter().filter(|remnant| remnant.is_there());
        let leaked = table.leaked.iter().map(|(leader, _)| *leader);
        let there: HashSet<Pid> = leaked.chain(remnants.map(Remnant::leader)).collect();
        let ours = found.into_iter().filter(|(group, _)| there.contains(group));
        ours.flat_map(|(_, members)| members).collect()
    }

    /// Lets go of the groups that outlived their leaders; at stop and kill they are killed.
    pub(super) fn release_leaked(&self, kill: bool) {
        let mut table = lock(&self.table);
        if kill {
            table.signal_leaked(SIGKILL);
        }
        let leaders: Vec<Pid> = table.outlived().collect();
        leaders.into_iter().for_each(|leader| table.tell(Message::Gone { leader }));
        table.remnants.clear();
        for (_, handle) in table.leaked.drain(..) {
            // The leader has exited: this reaps it and cannot block. There is nothing to do about
            // an error, and nobody to tell: the task has long ended.
            let _ = handle.wait();
        }
    }
}

impl Table {
    /// Returns whether there may be processes that the table does not hold yet.
    fn is_starting(&self) -> bool {
        self.n_starting > 0
    }

    fn is_live(&self, pid: Pid) -> bool {
        self.live.values().any(|live| live.leader == pid)
    }

    fn has_leaked(&self, pid: Pid) -> bool {
        self.leaked.iter().any(|(leader, _)| *leader == pid)
    }

    /// Returns the leaders of the groups that outlived them.
    fn outlived(&self) -> impl Iterator<Item = Pid> {
        self.leaked
            .iter()
            .map(|(leader, _)| *leader)
            .chain(self.remnants.iter().map(Remnant::leader))
    }

    fn signal_leaked(&self, signal: i32) {
        self.leaked.iter().for_each(|(leader, _)| send(*leader, signal));
        for remnant in &self.remnants {
            to_group(signal, |signal| remnant.send(signal));
        }
    }

    fn keep(&mut self, remnant: Remnant) {
        if let Some(signal) = self.to_leaked {
            to_group(signal, |signal| remnant.send(signal));
        }
        // Most are gone soon, and each costs a descriptor. The doubling keeps the looks few.
        if self.remnants.len() >= self.most_remnants {
            let living = os::living();
            let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.remnants)
                .into_iter()
                .partition(|remnant| living.contains_key(&remnant.leader()));
            self.remnants = kept;
            for leader in gone.iter().map(Remnant::leader) {
                // Its number may be that of another group of ours by now, a dead one that is known.
                if !self.is_live(leader) && !self.has_leaked(leader) {
                    self.tell(Message::Gone { leader });
                }
            }
            self.most_remnants = (2 * self.remnants.len()).max(MOST_REMNANTS);
        }
        self.remnants.push(remnant);
    }
}

/// Returns descriptors of those of a group that are still there, as many as can be had.
fn watched(pids: &[Pid], group: Pid) -> io::Result<Vec<OwnedFd>> {
    let mut found = Vec::new();
    for pid in pids {
        match os::member(*pid, group) {
            Ok(member) => found.extend(member),
            Err(error) if found.is_empty() => return Err(error),
            Err(_) => break, // those that are watched are enough to know that some are there
        }
    }
    Ok(found)
}

/// Sends a signal to a whole group. A group that is already gone is no error.
fn send(leader: Pid, signal: i32) {
    to_group(signal, |signal| {
        let _ = kill_process_group(leader, signal);
        // A leader that has gone to another group is still our child, and not reaped.
        if getpgid(Some(leader)).is_ok_and(|group| group != leader) {
            let _ = kill_process(leader, signal);
        }
    });
}

/// Sends a signal by the means of `send`, so that stopped processes hear it too.
fn to_group(signal: i32, send: impl Fn(Signal)) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    send(signal);
    if signal != Signal::KILL && signal != Signal::CONT {
        send(Signal::CONT); // a stopped process hears the signal only once it is continued
    }
}
