//! The watchdog of a run: a small process that outlives pyoco where pyoco is killed, and then ends
//! the tasks that were running.
//!
//! It is started only once a task has run for a while, so that short runs pay nothing, neither a
//! process nor a thread: the runner's own timer decides ([`Watch`]). A run within a run has its own
//! from the start: it is killed with its task, however young it is. All that it holds is the reading
//! end of a pipe. Over that pipe it is told which groups come and go (`protocol`); when the writing
//! end is gone without a word, pyoco is dead (`keep`).
//!
//! The pipe's end on our side does not block: a watchdog that is stuck must not hold up a run. What
//! the pipe does not take waits in memory and is tried again with the next message, or by the timer.
//! A thread that may block would do the same and cost more. One that has died, which a thread waits
//! for, or is too far behind, is replaced, but not for ever.

mod keep;
mod protocol;

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

pub use keep::{Watched, keep_watch};
pub(super) use protocol::Message;

use super::group::Groups;
use super::os::{ExitWatch, session_of, spawn_apart};
use super::poll::readable;
use crate::model::RunId;

/// The hidden subcommand of the program `pyoco` that is a watchdog. Its arguments are the run's id
/// and the number of the session of its tasks.
pub const WATCHDOG: &str = "__watchdog";

/// The signals that a watchdog is deaf to: what ends a job, or stops it, is not meant for who cleans
/// up after it. It ignores them itself; until then they are blocked.
pub const DEAF_TO: [i32; 5] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP];

/// How long a task must have run before there is a watchdog.
const AFTER: Duration = Duration::from_millis(100);
/// How often a watchdog that is behind is told again what it lacks.
const TELL_AGAIN: Duration = Duration::from_millis(100);
/// How far behind it may be, in bytes: some ten thousand groups. One so far behind is stuck.
const MAX_BEHIND: usize = 1 << 20;
/// How many watchdogs a run has at most, one after another.
const MOST: u32 = 2;
/// How long a watchdog has to go by itself, and after a kill.
const GOES_WITHIN: Duration = Duration::from_millis(100);
const DIES_WITHIN: Duration = Duration::from_secs(1);

/// A run's end of its watchdog.
#[derive(Debug)]
pub(super) struct Watchdog {
    pipe: PipeWriter,
    pid: Option<Pid>,
    /// What the pipe has not taken yet.
    behind: Vec<u8>,
    is_lost: bool,
}

/// How a watchdog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It was told everything.
    Sound,
    /// Its pipe is full.
    Behind,
    /// It has died, or is too far behind.
    Lost,
}

/// What a watchdog reads from.
pub(super) struct Kennel(PipeReader);

impl Kennel {
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Watchdog {
    /// Returns one that can be told things, and is still to be started.
    pub(super) fn new() -> io::Result<(Watchdog, Kennel)> {
        let (reader, pipe) = io::pipe()?;
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        let watchdog = Watchdog { pipe, pid: None, behind: Vec::new(), is_lost: false };
        Ok((watchdog, Kennel(reader)))
    }

    /// Says which process it is.
    pub(super) fn is_started_as(&mut self, pid: Pid) {
        self.pid = Some(pid);
    }

    /// Says that it has died.
    pub(super) fn has_died(&mut self) {
        self.is_lost = true;
    }

    /// Returns which process it is, once it is started.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Tells it something; never blocks.
    pub(super) fn tell(&mut self, message: Message) {
        if self.is_lost {
            return;
        }
        // Writing into memory cannot fail.
        let _ = write!(self.behind, "{message}");
        self.catch_up();
    }

    fn catch_up(&mut self) {
        while !self.behind.is_empty() && !self.is_lost {
            match self.pipe.write(&self.behind) {
                Ok(taken) => drop(self.behind.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_lost = self.behind.len() > MAX_BEHIND;
                    return;
                }
                Err(_) => self.is_lost = true, // nobody reads any more
            }
        }
    }

    /// Returns how it is, after telling it what it lacks.
    pub(super) fn health(&mut self) -> Health {
        self.catch_up();
        match (self.is_lost, self.behind.is_empty()) {
            (true, _) => Health::Lost,
            (false, true) => Health::Sound,
            (false, false) => Health::Behind,
        }
    }

    /// Tells it that the run has its end, and waits until it is gone. One that does not go is killed:
    /// there is nothing left for it to do.
    pub(super) fn end(mut self) {
        self.tell(Message::Over);
        let Some(pid) = self.pid else { return };
        if self.is_lost || !self.behind.is_empty() || !exits_within(pid, GOES_WITHIN) {
            // Asked first, as it might be no child of ours any more: in a library anybody may have
            // reaped it, and its number be somebody else's.
            if !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None)) {
                return;
            }
            let _ = kill_process(pid, Signal::KILL);
            exits_within(pid, DIES_WITHIN);
        }
        // It has exited: this reaps it. Where even a kill did not end it there is nothing to be done.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

fn exits_within(pid: Pid, at_most: Duration) -> bool {
    let Ok(exit) = ExitWatch::new(pid) else { return false };
    readable(&[exit.as_fd()], Some(at_most)).is_ok_and(|ready| ready == [true])
}

/// Lets a thread wait for the end of a watchdog, which calls `then`. Where there is none to be had, the
/// end is noticed when it is to be told something.
pub(super) fn at_the_end_of(pid: Pid, then: impl FnOnce() + Send + 'static) {
    let Ok(exit) = ExitWatch::new(pid) else { return };
    let wait = move || {
        loop {
            match readable(&[exit.as_fd()], None).as_deref() {
                Ok([true]) => return then(),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    };
    let _ = std::thread::Builder::new().name("watchdog".into()).spawn(wait);
}

/// Decides when a run gets its watchdog: the runner asks it at each turn.
pub(super) struct Watch {
    program: Option<PathBuf>,
    look_at: Option<Instant>,
    n_started: u32,
}

impl Watch {
    /// Returns what gives a run its watchdog, by a program that has the subcommand [`WATCHDOG`].
    /// Without a program there never is one.
    pub(super) fn new(program: Option<PathBuf>) -> Watch {
        Watch { program, look_at: None, n_started: 0 }
    }

    /// Returns when it must be asked next, if nothing happens before.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Says that a task has been started.
    pub(super) fn task_started(&mut self, groups: &Groups) {
        if self.program.is_some() && self.look_at.is_none() {
            self.look_at = groups.oldest().map(|since| since + AFTER);
        }
    }

    /// Does what is due; returns which watchdog was started, if one was. Where a run cannot have its watchdog (any more) it goes on without: the error
    /// says why, once.
    pub(super) fn tend(
        &mut self,
        groups: &Groups,
        run_id: RunId,
        env: &[(OsString, OsString)],
    ) -> io::Result<Option<Pid>> {
        if self.look_at.is_none() && self.n_started == 0 {
            return Ok(None);
        }
        let now = Instant::now();
        match groups.watchdog_health() {
            Some(Health::Sound) => self.look_at = None,
            Some(Health::Behind) => self.look_at = Some(now + TELL_AGAIN),
            Some(Health::Lost) => {
                groups.end_watchdog();
                self.look_at = Some(now);
            }
            None => {}
        }
        let is_due = self.look_at.is_some_and(|at| at <= now);
        let Some(program) = self.program.clone().filter(|_| is_due) else { return Ok(None) };
        // Where nothing runs, the next start sets the timer again.
        self.look_at = groups.oldest().map(|since| since + AFTER);
        if self.look_at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        self.look_at = None;
        self.start(groups, &program, run_id, env)
    }

    /// Starts the watchdog before the first task, and returns which it is. A run within a run is killed by its outer one at any
    /// moment, and then nobody else ends its tasks.
    pub(super) fn start_at_once(
        &mut self,
        groups: &Groups,
        run_id: RunId,
        env: &[(OsString, OsString)],
    ) -> io::Result<Option<Pid>> {
        match self.program.clone() {
            Some(program) => self.start(groups, &program, run_id, env),
            None => Ok(None),
        }
    }

    fn start(
        &mut self,
        groups: &Groups,
        program: &Path,
        run_id: RunId,
        env: &[(OsString, OsString)],
    ) -> io::Result<Option<Pid>> {
        let started = if self.n_started == MOST {
            Err(io::Error::other("it dies each time"))
        } else {
            self.n_started += 1;
            groups.set_watchdog(|stdin| spawn(program, run_id, env, stdin))
        };
        if started.is_err() {
            self.program = None;
        }
        started.map(Some)
    }
}

fn spawn(
    program: &Path,
    run_id: RunId,
    env: &[(OsString, OsString)],
    stdin: BorrowedFd<'_>,
) -> io::Result<Pid> {
    let session = session_of(None)?.to_string();
    let words = ["pyoco", WATCHDOG, &run_id.to_string(), &session];
    // With the whole environment: who looks after a job's processes by a variable, as CI systems do,
    // finds this one too.
    spawn_apart(program, &words, env, stdin, &DEAF_TO)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn message(n: usize) -> Message {
        let leader = Pid::from_raw(1_000_000 + n as i32).expect("not 0");
        Message::Group { leader, start: Some(n as u64) }
    }

    #[test]
    fn a_full_pipe_blocks_nobody_and_nothing_is_lost() {
        let (mut watchdog, Kennel(mut reader)) = Watchdog::new().expect("a pipe");
        let mut wanted = String::new();
        for n in 0..10_000 {
            watchdog.tell(message(n)); // some 200 KB, more than a pipe holds
            wanted += &message(n).to_string();
        }
        assert_eq!(watchdog.health(), Health::Behind);
        let (mut got, mut buffer) = (Vec::new(), vec![0; 5000]);
        while got.len() < wanted.len() {
            let n = reader.read(&mut buffer).expect("a pipe");
            got.extend_from_slice(&buffer[..n]);
            watchdog.health();
        }
        assert_eq!(String::from_utf8(got).expect("text"), wanted);
        assert_eq!(watchdog.health(), Health::Sound);
        drop(watchdog);
        assert_eq!(reader.read(&mut buffer).expect("a pipe"), 0);
    }

    #[test]
    fn one_that_is_too_far_behind_is_lost_and_takes_no_more_memory() {
        let (mut watchdog, _kennel) = Watchdog::new().expect("a pipe");
        for n in 0..100_000 {
            watchdog.tell(message(n));
        }
        assert_eq!(watchdog.health(), Health::Lost);
        assert!(watchdog.behind.len() < MAX_BEHIND + 100, "{}", watchdog.behind.len());
    }

    #[test]
    fn one_that_has_died_is_lost_and_an_error_to_nobody() {
        let (mut watchdog, kennel) = Watchdog::new().expect("a pipe");
        watchdog.tell(message(1));
        assert_eq!(watchdog.health(), Health::Sound);
        drop(kennel);
        watchdog.tell(message(2));
        assert_eq!(watchdog.health(), Health::Lost);
        watchdog.end();
    }
}
