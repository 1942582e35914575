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
//! `e`, or `p` for pyoco's own words), how many bytes, and in which segment. Files appear at the first
//! byte. A segment that is unlinked stays readable for whoever still holds a [`Chunk`] of it.

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
    /// Bytes at the end of the segment of which the index, being full, does not speak.
    unexplained: u64,
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
            unexplained: 0,
            is_torn: false,
            reported: false,
        }
    }

    /// How much goes into the current segment.
    fn room(&self) -> u64 {
        (if self.segment == 0 { self.max.0 / 2 } else { self.max.0 / 4 }).max(1)
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<Chunk> {
        let length = bytes.len() as u64;
        // A chunk lies in one segment whole.
        if self.at > 0 && self.at + length > self.room() {
            self.next_segment();
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(Arc::new(make_file_at(&self.stem, self.segment)?)),
        };
        file.write_all_at(bytes, self.at)?;
        let chunk = Chunk::in_file(Stream::Out, file.clone(), self.at, length);
        self.at += length;
        Ok(chunk)
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
        if self.is_torn {
            return Ok(());
        }
        let noted = self.try_note(stream, ms, bytes);
        // A missing line would give all that follows to the wrong stream: it ends the index.
        self.is_torn = noted.is_err();
        noted
    }

    fn try_note(&mut self, stream: Stream, ms: Ms, bytes: usize) -> io::Result<()> {
        if self.indexed >= MAX_INDEX {
            if stream != Stream::Pyoco {
                self.unexplained += bytes as u64;
                return Ok(());
            }
            // What came before it must be explained too, or nobody knows where it begins.
            let before = std::mem::take(&mut self.unexplained);
            if before > 0 {
                self.add_line(Stream::Out, ms, before)?;
            }
        }
        self.add_line(stream, ms, bytes as u64)
    }

    fn add_line(&mut self, stream: Stream, ms: Ms, bytes: u64) -> io::Result<()> {
        let index = match &mut self.index {
            Some(index) => index,
            None => self.index.insert(make_file(&index_path(&self.stem))?),
        };
        let line = format!("[{},\"{}\",{bytes},{}]\n", ms.0, stream.letter(), self.segment);
        // One write a line, so that a reader sees whole lines.
        let written = loop {
            match index.write(line.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if written < line.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.indexed += written as u64;
        Ok(())
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

impl TaskLog for FileLog {
    fn write(&mut self, stream: Stream, ms: Ms, bytes: &[u8]) -> (Chunk, Option<StoreError>) {
        if bytes.is_empty() {
            return (Chunk::in_memory(stream, bytes), None);
        }
        match self.keep(bytes) {
            Ok(mut chunk) => {
                chunk.stream = stream;
                let noted = self.note(stream, ms, bytes.len());
                (chunk, noted.err().and_then(|error| self.report(error)))
            }
            Err(error) => (Chunk::in_memory(stream, bytes), self.report(error)),
        }
    }
}
