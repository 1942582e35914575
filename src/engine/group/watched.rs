//! What a run's watchdog is told of its groups, and the watchdog's own place among the processes.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::process::Pid;

use super::{Groups, Table, lock};
use crate::engine::os::start_time;
use crate::engine::watchdog::{Health, Message, Watchdog};

impl Groups {
    /// Returns since when the oldest of the live groups runs.
    pub(in crate::engine) fn oldest(&self) -> Option<Instant> {
        lock(&self.table).live.values().map(|live| live.since).min()
    }

    /// Gives the run a watchdog, which `spawn` starts with what it shall read. It is told all that is
    /// there before it is started: should pyoco die meanwhile, it finds that in its pipe.
    pub(in crate::engine) fn set_watchdog(
        &self,
        spawn: impl FnOnce(BorrowedFd<'_>) -> io::Result<Pid>,
    ) -> io::Result<Pid> {
        let (watchdog, kennel) = Watchdog::new()?;
        lock(&self.table).acquaint(watchdog);
        match spawn(kennel.as_fd()) {
            Ok(pid) => {
                if let Some(watchdog) = &mut lock(&self.table).watchdog {
                    watchdog.is_started_as(pid);
                }
                Ok(pid)
            }
            Err(error) => {
                lock(&self.table).watchdog = None;
                Err(error)
            }
        }
    }

    /// Returns how the watchdog is, where there is one, after telling it what it lacks.
    pub(in crate::engine) fn watchdog_health(&self) -> Option<Health> {
        lock(&self.table).watchdog.as_mut().map(Watchdog::health)
    }

    /// Notes that this watchdog has died, if it still is the run's.
    pub(in crate::engine) fn watchdog_died(&self, pid: Pid) {
        let mut table = lock(&self.table);
        if let Some(watchdog) = table.watchdog.as_mut().filter(|it| it.pid() == Some(pid)) {
            watchdog.has_died();
        }
    }

    /// Ends the watchdog.
    pub(in crate::engine) fn end_watchdog(&self) {
        let mut table = lock(&self.table);
        let Some(watchdog) = table.watchdog.take() else { return };
        let pid = watchdog.pid();
        table.awaited.extend(pid);
        drop(table); // it takes its moment
        watchdog.end();
        lock(&self.table).awaited.retain(|awaited| Some(*awaited) != pid);
    }
}

impl Table {
    pub(super) fn tell(&mut self, message: Message) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tell(message);
        }
    }

    pub(super) fn tell_group(&mut self, leader: Pid) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tell(Message::Group { leader, start: start_time(leader) });
        }
    }

    /// Tells a new watchdog all that is there.
    fn acquaint(&mut self, watchdog: Watchdog) {
        self.watchdog = Some(watchdog);
        let leaders = self.live.values().map(|live| live.leader);
        let leaders: Vec<Pid> = leaders.chain(self.outlived()).collect();
        leaders.into_iter().for_each(|leader| self.tell_group(leader));
        (0..self.n_starting).for_each(|_| self.tell(Message::Starting));
    }

    /// Returns whether a child is the watchdog, which is reaped by who ends it; `None` where that is
    /// not known yet, as one is being started.
    pub(super) fn watchdog_is(&self, pid: Pid) -> Option<bool> {
        match &self.watchdog {
            Some(watchdog) => watchdog.pid().map(|watchdog| watchdog == pid),
            None => Some(false),
        }
    }
}
