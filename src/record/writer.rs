//! Writes lines to a run's file of events: whole ones, in one write a turn.
//!
//! What the disk refuses is kept and tried again with the next lines, so that a disk that was full
//! for a while costs nothing; a line that could only be written in part is taken back.

use std::fs::File;
use std::io::{self, Write};

use crate::event::{Line, MAX_LINE};

/// How much of what could not be written is kept for another try.
const MAX_BACKLOG: usize = 8 << 20;

/// The file of events on the side of the runner.
#[derive(Debug)]
pub(super) struct Writer {
    /// Holds the run's lock until it is closed.
    pub(super) file: File,
    /// Where the last whole line ends.
    end: u64,
    /// Whether bytes of a line that could not be finished may stand behind `end`.
    torn: bool,
    /// Lines that are not written.
    backlog: Vec<u8>,
    /// Lines that were given up because the backlog was full.
    given_up: u64,
    /// The number of the last line taken, and of the last one that was surely written.
    taken: u64,
    written: u64,
}

impl Writer {
    /// Returns the writer of a file that is empty and locked.
    pub(super) fn new(file: File) -> Writer {
        Writer { file, end: 0, torn: false, backlog: Vec::new(), given_up: 0, taken: 0, written: 0 }
    }

    /// Returns the number of the last line that was surely written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes these lines, and before them those that could not be written so far.
    ///
    /// # Errors
    /// Where not all of them are written, or lines were given up for good.
    pub(super) fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        self.take(lines);
        if let Err(error) = self.flush() {
            self.trim();
            return Err(error);
        }
        self.written = self.taken;
        match self.given_up {
            0 => Ok(()),
            lost => Err(io::Error::other(format!("{lost} lines could not be kept"))),
        }
    }

    fn take(&mut self, lines: &[Line]) {
        for line in lines {
            let start = self.backlog.len();
            line.write(&mut self.backlog);
            let length = self.backlog.len() - start;
            debug_assert!(length <= MAX_LINE, "BUG: a line of {length} bytes");
            if length > MAX_LINE {
                self.backlog.truncate(start);
                self.given_up += 1;
            }
            self.taken = self.taken.max(line.seq);
        }
    }

    /// Writes the backlog, or as many whole lines of it as the disk takes.
    fn flush(&mut self) -> io::Result<()> {
        if rustix::fs::fstat(&self.file)?.st_nlink == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted"));
        }
        if self.torn {
            self.file.set_len(self.end)?;
            self.torn = false;
        }
        let mut written = 0;
        let result = loop {
            if written == self.backlog.len() {
                break Ok(());
            }
            match self.file.write(&self.backlog[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let whole = end_of_lines(&self.backlog[..written]);
        self.end += whole as u64;
        self.torn = whole < written;
        self.backlog.drain(..whole);
        self.backlog.shrink_to(MAX_BACKLOG); // one turn of a huge flow is far larger than all others
        if self.torn && self.file.set_len(self.end).is_ok() {
            self.torn = false;
        }
        result
    }

    /// Gives up the newest lines of a backlog that has grown too long. Only what could not be
    /// written counts: a turn of a huge flow has more lines than that.
    fn trim(&mut self) {
        let Some(head) = self.backlog.get(..MAX_BACKLOG) else { return };
        let end = end_of_lines(head);
        self.given_up += memchr::memchr_iter(b'\n', &self.backlog[end..]).count() as u64;
        self.backlog.truncate(end);
    }
}

/// Returns where the last line ends that lies whole within these bytes.
fn end_of_lines(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1)
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing alone would not do: a process that is just being started holds a copy of the
        // descriptor until its program begins.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::queued;

    #[test]
    fn what_the_disk_refuses_is_written_later_and_never_torn() {
        let full = File::options().append(true).open("/dev/full");
        let Ok(full) = full else { return }; // only Linux has one
        let mut writer = Writer::new(full);
        let lines = queued(3);
        writer.take(&lines[..2]);
        assert!(writer.flush().is_err());
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writer.file = file.reopen().expect("to open");
        writer.take(&lines[2..]);
        writer.flush().expect("this disk has room");
        let mut text = String::new();
        io::Read::read_to_string(&mut file, &mut text).expect("to read");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(writer.end, text.len() as u64);
    }

    #[test]
    fn a_turn_of_many_lines_is_kept_whole() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut writer = Writer::new(file.reopen().expect("to open"));
        let lines = queued(100_000);
        writer.append(&lines).expect("this disk has room");
        let bytes = std::fs::read(file.path()).expect("to read");
        assert!(bytes.len() > MAX_BACKLOG);
        assert_eq!(memchr::memchr_iter(b'\n', &bytes).count(), lines.len());
        assert_eq!(writer.written(), 100_000);
    }

    #[test]
    fn a_backlog_is_bounded_and_its_loss_is_told() {
        let full = File::options().append(true).open("/dev/full");
        let Ok(full) = full else { return }; // only Linux has one
        let mut writer = Writer::new(full);
        let lines = queued(5_000);
        for _ in 0..30 {
            assert!(writer.append(&lines).is_err());
        }
        assert!(writer.backlog.len() <= MAX_BACKLOG);
        assert!(writer.backlog.ends_with(b"\n"));
        let given_up = writer.given_up;
        assert!(given_up > 0);
        let file = tempfile::NamedTempFile::new().expect("a file");
        writer.file = file.reopen().expect("to open");
        let error = writer.append(&[]).expect_err("lines are missing for good");
        assert_eq!(error.to_string(), format!("{given_up} lines could not be kept"));
        let bytes = std::fs::read(file.path()).expect("to read");
        let kept = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        assert_eq!(kept + given_up, 30 * 5_000);
    }
}
