//! Suspends the groups of a run and resumes them.
//!
//! Everyone hears SIGTSTP first, as from a terminal: a pyoco among the tasks then suspends its own
//! tasks, whose groups we do not know. Who is not stopped by that within a moment gets SIGSTOP.
//!
//! Whoever stopped itself before is left so: it did not ask to be continued.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Groups, lock};
use crate::engine::os;
use crate::engine::watchdog::Message;
use crate::model::TaskId;

/// How long SIGTSTP has to do what it should.
const POLITE: Duration = Duration::from_millis(500);
/// How long a suspension waits for processes that are just being started: one hangs in a file system
/// that hangs.
const STARTING_AT_MOST: Duration = Duration::from_millis(500);
/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// While it is there, a process may be started: [`Start::entered`] says that it was. Where that does not
/// come, there is none.
#[derive(Debug)]
pub(in crate::engine) struct Start<'a> {
    groups: &'a Groups,
    is_entered: bool,
}

impl Start<'_> {
    /// Enters the group of an attempt, whose leader was just started.
    pub(in crate::engine) fn entered(mut self, task: TaskId, attempt: u32, leader: Pid) {
        self.is_entered = true;
        self.groups.enter(task, attempt, leader);
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        if self.is_entered {
            return;
        }
        let mut table = lock(&self.groups.table);
        table.n_starting -= 1;
        table.tell(Message::NotStarted);
        drop(table);
        self.groups.changed.notify_all();
    }
}

impl Groups {
    /// Asks to start a process; waits while the run is suspended.
    pub(in crate::engine) fn begin_start(&self) -> Start<'_> {
        let table = lock(&self.table);
        let table = self.changed.wait_while(table, |table| table.is_suspended);
        let mut table = table.unwrap_or_else(PoisonError::into_inner);
        table.n_starting += 1;
        table.tell(Message::Starting);
        Start { groups: self, is_entered: false }
    }

    /// Returns whether the groups are suspended.
    pub(in crate::engine) fn is_suspended(&self) -> bool {
        lock(&self.table).is_suspended
    }

    /// Stops every group, and all that will still be entered before [`Groups::resume`]; a killed run is
    /// let be. `with` is done where it is not, so that no resume comes between.
    pub(in crate::engine) fn suspend(&self, with: impl FnOnce()) {
        let Some(stopped) = self.stop_politely(with) else { return };
        let deadline = Instant::now() + POLITE;
        while Instant::now() < deadline && !are_stopped(&stopped) {
            std::thread::sleep(LOOK_AGAIN);
        }
        let table = lock(&self.table);
        // One that takes longer is stopped as it is entered.
        let waited =
            self.changed.wait_timeout_while(table, STARTING_AT_MOST, |table| table.is_starting());
        let (table, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !table.is_suspended {
            return; // a kill or a resume came meanwhile
        }
        for live in table.live.values().filter(|live| live.is_held) {
            stop(live.leader);
        }
        table.leaked.iter().for_each(|(leader, _)| stop(*leader));
        table.remnants.iter().for_each(|remnant| remnant.send(Signal::STOP));
    }

    /// Lets nothing start any more and sends SIGTSTP to all; returns the leaders of the groups that shall stop, or
    /// `None` where everything was killed.
    fn stop_politely(&self, with: impl FnOnce()) -> Option<Vec<Pid>> {
        let mut table = lock(&self.table);
        // A kill says that it comes before it asks for the table, and so cannot be missed.
        if self.is_killed() {
            return None;
        }
        table.is_suspended = true;
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
        if !table.is_suspended {
            return;
        }
        table.is_suspended = false;
        for live in table.live.values_mut().filter(|live| live.is_held && !live.has_terminal) {
            live.is_held = false;
            go_on(live.leader);
        }
        table.leaked.iter().for_each(|(leader, _)| go_on(*leader));
        table.remnants.iter().for_each(|remnant| remnant.send(Signal::CONT));
        drop(table);
        self.changed.notify_all();
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
        let is_suspended = table.is_suspended;
        let Some(live) = table.live.get_mut(&(task, attempt)) else { return };
        live.has_terminal = false;
        if live.is_held && !is_suspended {
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
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_killed_is_not_suspended() {
        let groups = Groups::default();
        groups.kill_all();
        groups.suspend(|| panic!("it stands still for ever"));
        assert!(!groups.is_suspended());
    }

    #[test]
    fn a_start_waits_for_the_end_of_a_suspension() {
        for ends in [|groups: &Groups| groups.resume(|| {}), Groups::kill_all] {
            let groups = Groups::default();
            groups.suspend(|| {});
            let (tell, told) = channel();
            thread::scope(|scope| {
                let groups = &groups;
                scope.spawn(move || {
                    let start = groups.begin_start();
                    tell.send(groups.is_suspended()).expect("it is awaited");
                    drop(start);
                });
                ends(groups);
                assert_eq!(told.recv(), Ok(false));
            });
            assert!(!lock(&groups.table).is_starting(), "a start that came to nothing is over");
        }
    }

    #[test]
    fn a_start_that_takes_longer_than_the_suspension_waits_is_stopped_as_it_is_entered() {
        let groups = Groups::default();
        let start = groups.begin_start();
        groups.suspend(|| {});
        // Not stopped it comes to its end.
        let mut child = Command::new("sleep").arg("3").process_group(0).spawn().expect("sleep");
        let leader = Pid::from_child(&child);
        start.entered(TaskId(0), 1, leader);
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(leader), options).expect("it is ours").expect("it changed");
        let (is_stopped, is_held) = (status.stopped(), groups.take_held(TaskId(0), 1));
        child.kill().expect("it is not reaped");
        child.wait().expect("it is ours");
        assert!(is_stopped && is_held);
    }

    #[test]
    fn who_stopped_itself_before_it_was_entered_is_left_so() {
        let groups = Groups::default();
        let start = groups.begin_start();
        groups.suspend(|| {});
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", "kill -STOP $$"]).process_group(0);
        let mut child = shell.spawn().expect("sh");
        let leader = Pid::from_child(&child);
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(leader), options).expect("it is ours");
        start.entered(TaskId(0), 1, leader);
        let is_held = groups.take_held(TaskId(0), 1);
        child.kill().expect("it is not reaped");
        child.wait().expect("it is ours");
        assert!(!is_held, "resume would continue it");
    }
}
