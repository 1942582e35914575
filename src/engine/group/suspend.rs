//! Suspends the groups of a run and resumes them.
//!
//! Everyone hears SIGTSTP first, as from a terminal: a pyoco among the tasks then suspends its own
//! tasks, whose groups we do not know. Who is not stopped by that within a moment gets SIGSTOP.
//!
//! Whoever stopped itself before is left so: it did not ask to be continued.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Groups, lock};
use crate::engine::os;
use crate::model::TaskId;

/// How long SIGTSTP has to do what it should.
const POLITE: Duration = Duration::from_millis(500);
/// How long a suspension waits for processes that are just being started: one hangs in a file system
/// that hangs.
const STARTING_AT_MOST: Duration = Duration::from_millis(500);
/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// How the groups of a run stand to being suspended.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_suspended: bool,
    /// Processes that are being started, and are not in the table yet.
    n_starting: usize,
}

/// While it is there, a process may be started and entered.
#[derive(Debug)]
pub(in crate::engine) struct Start<'a>(&'a Gate);

impl Drop for Start<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).n_starting -= 1;
        self.0.changed.notify_all();
    }
}

impl Gate {
    pub(super) fn is_suspended(&self) -> bool {
        lock(&self.state).is_suspended
    }

    /// Returns whether there may be processes that the table does not hold yet.
    pub(super) fn is_starting(&self) -> bool {
        lock(&self.state).n_starting > 0
    }

    /// Lets nothing start, if that is still wanted; returns whether it is. A kill says that it is not
    /// before it opens the gate, and so cannot be missed.
    fn close(&self, is_wanted: impl FnOnce() -> bool) -> bool {
        let mut state = lock(&self.state);
        let is_wanted = is_wanted();
        state.is_suspended |= is_wanted;
        is_wanted
    }

    /// Lets nothing wait any longer: what still starts is killed as it comes.
    pub(super) fn open(&self) {
        lock(&self.state).is_suspended = false;
        self.changed.notify_all();
    }
}

impl Groups {
    /// Asks to start a process; waits while the run is suspended.
    pub(in crate::engine) fn begin_start(&self) -> Start<'_> {
        let state = lock(&self.gate.state);
        let state = self.gate.changed.wait_while(state, |state| state.is_suspended);
        state.unwrap_or_else(PoisonError::into_inner).n_starting += 1;
        Start(&self.gate)
    }

    /// Returns whether the groups are suspended.
    pub(in crate::engine) fn is_suspended(&self) -> bool {
        self.gate.is_suspended()
    }

    /// Stops every group, and all that will still be entered before [`Groups::resume`]; a killed run is
    /// let be. `with` is done where it is not, so that no resume comes between.
    pub(in crate::engine) fn suspend(&self, with: impl FnOnce()) {
        let Some(stopped) = self.stop_politely(with) else { return };
        let deadline = Instant::now() + POLITE;
        while Instant::now() < deadline && !are_stopped(&stopped) {
            std::thread::sleep(LOOK_AGAIN);
        }
        let while_any = |state: &mut State| state.n_starting > 0;
        let state = lock(&self.gate.state);
        // One that takes longer is stopped as it is entered.
        drop(self.gate.changed.wait_timeout_while(state, STARTING_AT_MOST, while_any));
        let table = lock(&self.table);
        if !self.gate.is_suspended() {
            return; // a kill or a resume came meanwhile
        }
        for live in table.live.values().filter(|live| live.is_held) {
            stop(live.leader);
        }
        table.leaked.iter().for_each(|(leader, _)| stop(*leader));
        table.remnants.iter().for_each(|remnant| remnant.send(Signal::STOP));
    }

    /// Closes the gate and sends SIGTSTP to all; returns the leaders of the groups that shall stop, or
    /// `None` where everything was killed.
    fn stop_politely(&self, with: impl FnOnce()) -> Option<Vec<Pid>> {
        // The gate too is closed under this lock: whoever resumes sees both or neither.
        let mut table = lock(&self.table);
        if !self.gate.close(|| !self.is_killed()) {
            return None;
        }
        with();
        let mut told = Vec::new();
        for live in table.live.values_mut().filter(|live| stop_signal(live.leader).is_none()) {
            live.is_held = true;
            told.push(live.leader);
        }
        told.extend(table.leaked.iter().map(|(leader, _)| *leader));
        table.remnants.iter().for_each(|remnant| remnant.send(Signal::TSTP));
        for leader in &told {
            // A group that is already gone is no error, here and below.
            let _ = kill_process_group(*leader, Signal::TSTP);
        }
        Some(told)
    }

    /// Continues every group that [`Groups::suspend`] stopped. One that had the terminal is left to
    /// its worker, which gives it the terminal first. `with` is done in any case, before a suspension
    /// can come.
    pub(in crate::engine) fn resume(&self, with: impl FnOnce()) {
        let mut table = lock(&self.table);
        with();
        if !self.gate.is_suspended() {
            return;
        }
        self.gate.open();
        for live in table.live.values_mut().filter(|live| live.is_held && !live.has_terminal) {
            live.is_held = false;
            go_on(live.leader);
        }
        table.leaked.iter().for_each(|(leader, _)| go_on(*leader));
        table.remnants.iter().for_each(|remnant| remnant.send(Signal::CONT));
    }

    /// Notes that a group has the terminal.
    pub(in crate::engine) fn has_terminal(&self, task: TaskId, attempt: u32) {
        if let Some(live) = lock(&self.table).live.get_mut(&(task, attempt)) {
            live.has_terminal = true;
        }
    }

    /// Notes that the terminal was taken from a group: who is left of it needs none to go on.
    pub(in crate::engine) fn lost_terminal(&self, task: TaskId, attempt: u32) {
        let mut table = lock(&self.table);
        let Some(live) = table.live.get_mut(&(task, attempt)) else { return };
        live.has_terminal = false;
        if live.is_held && !self.gate.is_suspended() {
            live.is_held = false; // it was resumed, and left to the worker
            go_on(live.leader);
        }
    }

    /// Returns whether [`Groups::suspend`] stopped this group, and forgets it.
    pub(in crate::engine) fn take_held(&self, task: TaskId, attempt: u32) -> bool {
        let mut table = lock(&self.table);
        let live = table.live.get_mut(&(task, attempt));
        live.is_some_and(|live| std::mem::take(&mut live.is_held))
    }

    /// Continues the group of an attempt.
    pub(in crate::engine) fn go_on(&self, task: TaskId, attempt: u32) {
        if let Some(live) = lock(&self.table).live.get(&(task, attempt)) {
            go_on(live.leader);
        }
    }
}

fn stop(leader: Pid) {
    let _ = kill_process_group(leader, Signal::STOP);
}

fn go_on(leader: Pid) {
    let _ = kill_process_group(leader, Signal::CONT);
}

/// Returns whether no process of these groups runs, as far as can be seen.
fn are_stopped(leaders: &[Pid]) -> bool {
    if leaders.is_empty() {
        return true; // a look costs as much as there are processes
    }
    match os::running_groups() {
        Some(running) => !leaders.iter().any(|leader| running.contains(leader)),
        // A leader says nothing of a run inside, which needs its moment: all of it is waited for.
        None => false,
    }
}

/// Returns the signal by which a child that was not reaped is stopped, if it is.
pub(in crate::engine) fn stop_signal(pid: Pid) -> Option<i32> {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    waitid(WaitId::Pid(pid), options).ok()??.stopping_signal()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_comes_between_the_gate_and_the_table() {
        let groups = Groups::default();
        let table = lock(&groups.table);
        let (tell, told) = channel();
        thread::scope(|scope| {
            let suspension = scope.spawn(|| {
                let own = std::fs::read_link("/proc/thread-self").expect("there is a /proc");
                tell.send(own).expect("it is awaited");
                groups.suspend(|| {});
            });
            let stat = Path::new("/proc").join(told.recv().expect("it was sent")).join("stat");
            // It sleeps once it waits for the table.
            let sleeps = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S "));
            while !sleeps() && !suspension.is_finished() {
                thread::yield_now();
            }
            let is_suspended = groups.is_suspended();
            drop(table);
            assert!(!is_suspended, "a resume would find nothing stopped, and leave it so");
        });
        assert!(groups.is_suspended());
    }

    #[test]
    fn what_is_killed_is_not_suspended() {
        let groups = Groups::default();
        groups.kill_all();
        groups.suspend(|| panic!("it stands still for ever"));
        assert!(!groups.is_suspended());
    }
}
