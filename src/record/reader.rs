//! Reads a file of events, whatever happened to it, and says where its run stands.
//!
//! Damage costs the damaged lines and no others: a line that cannot be read is counted, one that is
//! too long is never held, and a number that cannot be right for where the line stands does not
//! make its neighbours look old. LOST is found here and never written: only the run's lock tells it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::facts::Here;
use super::files::{EVENTS_FILE, failed, open_regular};
use super::lines::{Lines, RawLine};
use crate::event::{FORMAT_VERSION, Line, ReadReport, RunStarted, RunView, StoreError};
use crate::model::{RunId, RunStatus};

/// Where a run stands, as far as somebody outside of it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What its events say, which is all that there is to say.
    Known(RunStatus),
    /// It has no end, and nobody holds its lock.
    Lost,
    /// It has no end, its lock cannot be tested, and it began on another machine.
    Elsewhere(RunStatus),
}

impl Seen {
    /// Returns the word for it: `COMPLETED`, `LOST`.
    pub fn name(self) -> &'static str {
        match self {
            Seen::Known(status) | Seen::Elsewhere(status) => status.name(),
            Seen::Lost => "LOST",
        }
    }

    /// Returns whether nothing more will come.
    pub fn is_over(self) -> bool {
        match self {
            Seen::Known(status) => status.is_final(),
            Seen::Lost => true,
            Seen::Elsewhere(_) => false,
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Seen::Known(_) | Seen::Lost => f.pad(self.name()),
            Seen::Elsewhere(status) => f.pad(&format!("{status} (other host)")),
        }
    }
}

/// A run as it was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run's id: that of its folder.
    pub run_id: RunId,
    /// What its events say.
    pub view: RunView,
    /// Where it stands.
    pub seen: Seen,
    /// What was met in reading.
    pub report: ReadReport,
    /// The version of the format, where it is newer than this program's.
    pub newer_format: Option<u32>,
}

impl Record {
    /// Reads the run in the folder `dir`.
    ///
    /// # Errors
    /// Where its events cannot be read at all.
    pub(super) fn read(run_id: RunId, dir: &Path, here: &Here) -> Result<Record, StoreError> {
        let path = dir.join(EVENTS_FILE);
        let file = open_regular(&path).map_err(failed("read", &path))?;
        let mut view = RunView::new();
        let mut newest = FORMAT_VERSION;
        let mut cursor = Cursor::default();
        let mut take = |cursor: &mut Cursor, view: &mut RunView| {
            read_events(&file, cursor, &mut |line| {
                newest = newest.max(line.v);
                view.apply(&line);
            })
        };
        let mut report = take(&mut cursor, &mut view).map_err(failed("read", &path))?;
        let mut lock = Lock::Held;
        if !view.status().is_final() {
            lock = test_lock(&file);
            if lock == Lock::Free {
                // The end may have come between reading and testing; after it nothing can.
                let rest = take(&mut cursor, &mut view).map_err(failed("read", &path))?;
                report.lines += rest.lines;
                report.damaged += rest.damaged;
                report.torn_bytes = rest.torn_bytes;
            }
        }
        view.settle();
        let seen = judge(view.status(), view.header(), lock, here);
        let newer_format = (newest > FORMAT_VERSION).then_some(newest);
        Ok(Record { run_id, view, seen, report, newer_format })
    }
}

/// What a test of a run's lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// A runner lives.
    Held,
    /// No runner lives, and none ever will again: a run is locked before it can be seen.
    Free,
    /// The file system has no locks.
    Untestable,
}

/// Tests the lock of the run whose events these are. A shared lock, so that readers never disturb
/// each other; released at once.
pub(super) fn test_lock(file: &File) -> Lock {
    match file.try_lock_shared() {
        Ok(()) => {
            // Closing the file would release it as well.
            let _ = file.unlock();
            Lock::Free
        }
        Err(TryLockError::WouldBlock) => Lock::Held,
        Err(TryLockError::Error(_)) => Lock::Untestable,
    }
}

/// Says where a run stands; never by a process id, which may belong to anybody by now.
pub(super) fn judge(status: RunStatus, header: &RunStarted, lock: Lock, here: &Here) -> Seen {
    if status.is_final() {
        return Seen::Known(status);
    }
    match lock {
        Lock::Held => Seen::Known(status),
        Lock::Free => Seen::Lost,
        Lock::Untestable => {
            let same_host = header.host.is_none() || header.host == here.host;
            let same_boot = header.boot_id.is_none() || header.boot_id == here.boot_id;
            match (same_host, same_boot) {
                (true, true) => Seen::Known(status),
                (true, false) => Seen::Lost,
                (false, _) => Seen::Elsewhere(status),
            }
        }
    }
}

/// How far a file of events was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Where the next line begins.
    pub(super) at: u64,
    /// The number of the last line.
    pub(super) seq: u64,
}

/// Calls `each` with the lines after `cursor`, and moves it behind them.
pub(super) fn read_events(
    file: &File,
    cursor: &mut Cursor,
    each: &mut dyn FnMut(Line),
) -> io::Result<ReadReport> {
    let mut lines = Lines::new(file, cursor.at);
    let mut report = ReadReport::default();
    let mut sequence = Sequence { last: cursor.seq, lost: 0, held: None };
    while let Some(raw) = lines.next()? {
        let parsed = match raw {
            RawLine::Whole(bytes) => Line::parse(bytes).ok(),
            RawLine::TooLong => None,
        };
        match parsed {
            None => {
                report.damaged += 1;
                sequence.lost += 1;
            }
            Some(line) => {
                report.lines += 1;
                sequence.take(line, &mut report, each);
            }
        }
    }
    sequence.finish(each);
    report.torn_bytes = lines.torn();
    *cursor = Cursor { at: lines.position(), seq: sequence.last };
    Ok(report)
}

/// Tells a number that is damaged from lines that are missing.
struct Sequence {
    last: u64,
    /// Lines that could not be read since `last`.
    lost: u64,
    /// A line whose number leaps; the one after it tells whether lines are missing before it.
    held: Option<Line>,
}

impl Sequence {
    fn take(&mut self, mut line: Line, report: &mut ReadReport, each: &mut dyn FnMut(Line)) {
        if let Some(mut held) = self.held.take() {
            if held.seq >= line.seq {
                held.seq = self.next();
                report.damaged += 1;
            }
            self.give(held, each);
        }
        if line.seq > self.next() {
            self.held = Some(line);
            return;
        }
        if line.seq <= self.last {
            line.seq = self.next();
            report.damaged += 1;
        }
        self.give(line, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Line)) {
        if let Some(held) = self.held.take() {
            self.give(held, each);
        }
    }

    /// The highest number that the next line can have where no line is missing.
    fn next(&self) -> u64 {
        self.last.saturating_add(self.lost).saturating_add(1)
    }

    fn give(&mut self, line: Line, each: &mut dyn FnMut(Line)) {
        self.last = line.seq;
        self.lost = 0;
        each(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_there_are_no_locks_host_and_boot_decide() {
        let here = Here { host: Some("alpha".to_owned()), boot_id: Some("b1".to_owned()) };
        let header = |host: &str, boot: &str| RunStarted {
            host: Some(host.to_owned()),
            boot_id: Some(boot.to_owned()),
            pid: Some(1), // lives always, and says nothing
            ..RunStarted::default()
        };
        let running = RunStatus::Running;
        let check = |lock, host, boot, expected: Seen| {
            assert_eq!(judge(running, &header(host, boot), lock, &here), expected);
        };
        check(Lock::Held, "beta", "b9", Seen::Known(running));
        check(Lock::Free, "alpha", "b1", Seen::Lost);
        check(Lock::Free, "beta", "b9", Seen::Lost);
        check(Lock::Untestable, "alpha", "b1", Seen::Known(running));
        check(Lock::Untestable, "alpha", "b9", Seen::Lost);
        check(Lock::Untestable, "beta", "b1", Seen::Elsewhere(running));
        let ended = judge(RunStatus::Failed, &header("beta", "b9"), Lock::Free, &here);
        assert_eq!(ended, Seen::Known(RunStatus::Failed));
        assert_eq!(Seen::Elsewhere(running).to_string(), "RUNNING (other host)");
    }
}
