//! Keeps the output of an attempt: the bytes as they came, both streams in the order of reading.
//!
//! ```text
//! logs/0003-1.log      the first half of what may be kept
//! logs/0003-1.4.log    segments of a quarter each, of which the newest two stay
//! logs/0003-1.5.log
//! logs/0003-1.idx      [250,"o",1200,0]
//! ```
//!
//! A line of the index stands for one write: milliseconds since the start of the run, the stream (`o`,
//! `e`, or `p` for pyoco's own words), how many bytes, and in which segment. An `x` for the stream
//! stands where so many bytes are missing that could not be kept. Files appear at the first byte. A segment that is unlinked stays readable for whoever still holds a [`Chunk`] of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::make_file;
use crate::event::{Chunk, StoreError, Stream, TaskLog};
use crate::model::{Ms, Size};

/// How much output of an attempt is kept where nothing else is said.
pub const DEFAULT_MAX_LOG: Size = Size(64 << 20);

/// The longest index. Output in crumbs would else make it far longer than the log; what comes later
/// is read back as one stream, but for pyoco's own words: they are few, and no output of the task.
pub(super) const MAX_INDEX: u64 = 16 << 20;

/// How much of the index waits for a disk that is full.
const MAX_WAITING: usize = 64 << 10;

/// Stands in the index where output is missing that could not be kept.
pub(super) const UNKEPT: &str = "x";

/// Returns the path of a segment, or of the index, beside the others of the attempt.
pub(super) fn segment_path(stem: &Path, segment: u32) -> PathBuf {
    let name = stem.file_name().unwrap_or_default().to_string_lossy();
    match segment {
        0 => stem.with_file_name(format!("{name}.log")),
        _ => stem.with_file_name(format!("{name}.{segment}.log")),
    }
}

/// Returns the path of the attempt's index.
pub(super) fn index_path(stem: &Path) -> PathBuf {
    let name = stem.file_name().unwrap_or_default().to_string_lossy();
    stem.with_file_name(format!("{name}.idx"))
}

/// The writing side of an attempt's log.
#[derive(Debug)]
pub(super) struct FileLog {
    stem: PathBuf,
    max: Size,
    segment: u32,
    file: Option<Arc<File>>,
    /// Where in the segment the next byte goes.
    at: u64,
    index: Option<File>,
    indexed: u64,
    /// Lines that the disk did not take yet.
    lines: Vec<u8>,
    /// Bytes at the end of the segment of which the index, being full, does not speak.
    unexplained: u64,
    /// Bytes that could not be kept, and how many of them the index does not speak of yet.
    unkept: u64,
    unmarked: u64,
    /// Whether a line of the index is torn or missing: nothing can follow it.
    is_torn: bool,
    /// Whether an error was reported.
    reported: bool,
}

impl FileLog {
    /// Returns the log whose files begin with `stem`.
    pub(super) fn new(stem: PathBuf, max: Size) -> FileLog {
        FileLog {
            stem,
            max,
            segment: 0,
            file: None,
            at: 0,
            index: None,
            indexed: 0,
            lines: Vec::new(),
            unexplained: 0,
            unkept: 0,
            unmarked: 0,
            is_torn: false,
            reported: false,
        }
    }

    /// How much goes into the current segment.
    fn room(&self) -> u64 {
        (if self.segment == 0 { self.max.0 / 2 } else { self.max.0 / 4 }).max(1)
    }

    /// Keeps the bytes, or as many as the disk takes; returns how many, and what they are.
    fn keep(&mut self, stream: Stream, bytes: &[u8]) -> (usize, io::Result<Chunk>) {
        let length = bytes.len() as u64;
        // A chunk lies in one segment whole.
        if self.at > 0 && self.at + length > self.room() {
            self.next_segment();
        }
        let file = match &self.file {
            Some(file) => file.clone(),
            None => match make_file_at(&self.stem, self.segment) {
                Ok(file) => self.file.insert(Arc::new(file)).clone(),
                Err(error) => return (0, Err(error)),
            },
        };
        let start = self.at;
        let (written, result) = write_at(&file, bytes, start);
        self.at += written as u64;
        (written, result.map(|()| Chunk::in_file(stream, file, start, length)))
    }

    fn next_segment(&mut self) {
        self.segment += 1;
        self.file = None;
        self.at = 0;
        self.unexplained = 0;
        if let Some(old) = self.segment.checked_sub(2).filter(|old| *old > 0) {
            // One that cannot be removed takes room, and harms nobody.
            let _ = fs::remove_file(segment_path(&self.stem, old));
        }
    }

    fn note(&mut self, stream: Stream, ms: Ms, bytes: usize) -> io::Result<()> {
        if self.is_torn || bytes == 0 {
            return Ok(());
        }
        if self.indexed >= MAX_INDEX && stream != Stream::Pyoco {
            self.unexplained += bytes as u64;
            return Ok(());
        }
        self.mark(ms);
        self.add_line(stream.letter(), ms, bytes as u64);
        self.flush()
    }

    /// Says what is not said yet of the bytes so far, or nobody knows where the next ones begin.
    fn mark(&mut self, ms: Ms) {
        for (letter, bytes) in [
            (Stream::Out.letter(), std::mem::take(&mut self.unexplained)),
            (UNKEPT, std::mem::take(&mut self.unmarked)),
        ] {
            if bytes > 0 {
                self.add_line(letter, ms, bytes);
            }
        }
    }

    fn add_line(&mut self, letter: &str, ms: Ms, bytes: u64) {
        let line = format!("[{},\"{letter}\",{bytes},{}]\n", ms.0, self.segment);
        self.lines.extend_from_slice(line.as_bytes());
    }

    /// Writes the lines that are not written.
    fn flush(&mut self) -> io::Result<()> {
        let written = self.try_flush();
        // A missing line would give all that follows to the wrong stream: it ends the index.
        self.is_torn |= self.lines.len() > MAX_WAITING;
        if written.is_ok() || self.is_torn {
            self.lines = Vec::new();
        }
        written
    }

    /// Writes all of them or none: behind the beginning of a line nothing could follow.
    fn try_flush(&mut self) -> io::Result<()> {
        let index = match &mut self.index {
            Some(index) => index,
            None => self.index.insert(make_file(&index_path(&self.stem))?),
        };
        // One write, so that a reader sees whole lines.
        let written = loop {
            match index.write(&self.lines) {
                Ok(written) if written < self.lines.len() => {
                    break Err(io::ErrorKind::WriteZero.into());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match written {
            Ok(written) => self.indexed += written as u64,
            Err(_) => self.is_torn = index.set_len(self.indexed).is_err(),
        }
        written.map(drop)
    }

    /// Behaves from here on as if the index had no more room.
    #[cfg(test)]
    pub(super) fn fill_index(&mut self) {
        self.indexed = MAX_INDEX;
    }

    fn report(&mut self, source: io::Error) -> Option<StoreError> {
        let first = !std::mem::replace(&mut self.reported, true);
        let path = segment_path(&self.stem, self.segment);
        first.then_some(StoreError::Io { action: "keep output in", path, source })
    }
}

/// Makes a segment, one that takes any offset: a file opened for appending would not.
fn make_file_at(stem: &Path, segment: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = segment_path(stem, segment);
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Writes the bytes, or as many as the disk takes.
fn write_at(file: &File, bytes: &[u8], at: u64) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&bytes[written..], at + written as u64) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

impl TaskLog for FileLog {
    fn write(&mut self, stream: Stream, ms: Ms, bytes: &[u8]) -> (Chunk, Option<StoreError>) {
        if bytes.is_empty() {
            return (Chunk::in_memory(stream, bytes), None);
        }
        let (written, chunk) = self.keep(stream, bytes);
        let noted = self.note(stream, ms, written);
        let missing = (bytes.len() - written) as u64;
        self.unkept += missing;
        self.unmarked += missing;
        match chunk {
            Ok(chunk) => (chunk, noted.err().and_then(|error| self.report(error))),
            Err(error) => (Chunk::in_memory(stream, bytes), self.report(error)),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        if self.segment == 0 && self.file.is_none() {
            return Vec::new();
        }
        let newest = [self.segment.saturating_sub(1), self.segment].into_iter();
        let segments = std::iter::once(0).chain(newest.filter(|segment| *segment > 0));
        segments.map(|segment| segment_path(&self.stem, segment)).collect()
    }

    fn finish(&mut self, ms: Ms) -> u64 {
        if self.unmarked > 0 && !self.is_torn {
            self.mark(ms);
        }
        if !self.lines.is_empty() && !self.is_torn {
            // It was reported before, and the event says how much is missing.
            let _ = self.flush();
        }
        self.unkept
    }
}
