//! Cuts a file into lines without ever holding one that is too long.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::event::MAX_LINE;

/// A line of a file, as far as it can be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawLine<'a> {
    /// A whole line without its newline.
    Whole(&'a [u8]),
    /// A line longer than a line may be; its bytes were passed over.
    TooLong,
}

/// Reads a file's lines from some place on; what stands after the last newline is no line.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    /// The part of `buffer` that was not handed out yet.
    start: usize,
    end: usize,
    /// Where in the file `buffer[start]` stands.
    at: u64,
    /// Where the line that is being read begins.
    line_at: u64,
    /// Whether the beginning of the line was thrown away because it is too long.
    skipping: bool,
}

/// What is read at first: who wants one line alone shall not pay for many.
const FIRST_PIECE: usize = 4 << 10;

/// What is read at once later.
const PIECE: usize = 64 << 10;

impl<'a> Lines<'a> {
    /// Returns the lines of `file` from the byte `at` on, which begins a line.
    pub(super) fn new(file: &'a File, at: u64) -> Lines<'a> {
        Lines { file, buffer: Vec::new(), start: 0, end: 0, at, line_at: at, skipping: false }
    }

    /// Returns where the next line begins; after the last line, where the torn rest does.
    pub(super) fn position(&self) -> u64 {
        self.line_at
    }

    /// Returns the number of bytes that stand after the last newline, once there are no more lines.
    pub(super) fn torn(&self) -> u64 {
        self.at + (self.end - self.start) as u64 - self.line_at
    }

    /// Returns the next line.
    pub(super) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        let mut searched = 0;
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', &held[searched..]) {
                let length = searched + found;
                let line = self.start..self.start + length;
                self.start += length + 1;
                self.at += length as u64 + 1;
                self.line_at = self.at;
                if std::mem::take(&mut self.skipping) || length >= MAX_LINE {
                    return Ok(Some(RawLine::TooLong));
                }
                return Ok(Some(RawLine::Whole(&self.buffer[line])));
            }
            searched = held.len();
            if searched >= MAX_LINE {
                // The rest of the line is thrown away as it comes.
                self.skipping = true;
                self.at += searched as u64;
                self.start = self.end;
                searched = 0;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads more behind what is held; returns whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let piece = if self.buffer.is_empty() { FIRST_PIECE } else { PIECE };
        if self.buffer.len() < self.end + piece {
            self.buffer.resize(self.end + piece, 0);
        }
        let from = self.at + self.end as u64;
        loop {
            match self.file.read_at(&mut self.buffer[self.end..], from) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(bytes: &[u8], lines: &[Option<&[u8]>], torn: u64) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("to write");
        let mut reader = Lines::new(&file, 0);
        let mut got = Vec::new();
        while let Some(line) = reader.next().expect("to read") {
            got.push(match line {
                RawLine::Whole(line) => Some(line.to_vec()),
                RawLine::TooLong => None,
            });
        }
        let wanted: Vec<_> = lines.iter().map(|line| line.map(<[u8]>::to_vec)).collect();
        assert_eq!(got, wanted);
        assert_eq!(reader.torn(), torn);
    }

    #[test]
    fn a_line_ends_with_its_newline() {
        check(b"", &[], 0);
        check(b"a\n\nbc", &[Some(b"a"), Some(b"")], 2);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_never_held() {
        let mut bytes = b"first\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 5 * MAX_LINE));
        bytes.extend(b"\nlast\n");
        check(&bytes, &[Some(b"first"), None, Some(b"last")], 0);
    }
}
