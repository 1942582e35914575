//! Reads the output of an attempt back, in order, with streams and times; also while it grows.
//!
//! The index may be missing, short or damaged: then the bytes it does not explain come as one
//! stream without a time. Segments may be gone: then the gap is named.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files::{LOGS_DIR, log_stem, open_regular};
use super::lines::{Lines, RawLine};
use super::logs::{index_path, segment_path};
use crate::event::Stream;
use crate::model::{Ms, TaskId};

/// What is read at once.
const PIECE: u64 = 64 << 10;

/// A piece of an attempt's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Some bytes.
    Bytes {
        /// Where they came from; standard output where the index does not tell.
        stream: Stream,
        /// When they were read, since the start of the run.
        ms: Option<Ms>,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Here output is missing, because only its beginning and its end were kept.
    Cut {
        /// How much, where the index tells.
        bytes: Option<u64>,
    },
}

/// The output of one attempt, read from its beginning on.
#[derive(Debug)]
pub struct AttemptLog {
    stem: PathBuf,
    /// How far the index was read.
    index_at: u64,
    segment: u32,
    file: Option<File>,
    /// Where in the segment the next byte stands.
    at: u64,
    /// Whether the index can no longer say where in this segment a write stands.
    astray: bool,
    /// What is missing before the next byte.
    missing: u64,
    /// Whether a segment is missing whose size is not known.
    unknown: bool,
}

impl AttemptLog {
    /// Returns the output of an attempt of the run in this folder; it need not be there yet.
    pub fn new(run_dir: &Path, task: TaskId, attempt: u32) -> AttemptLog {
        AttemptLog {
            stem: run_dir.join(LOGS_DIR).join(log_stem(task, attempt)),
            index_at: 0,
            segment: 0,
            file: None,
            at: 0,
            astray: false,
            missing: 0,
            unknown: false,
        }
    }

    /// Returns the paths of the files that hold output now, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut segments = self.segments();
        if segment_path(&self.stem, 0).exists() {
            segments.insert(0);
        }
        segments.into_iter().map(|segment| segment_path(&self.stem, segment)).collect()
    }

    /// Calls `each` with what was not read before and the index explains. With `End::Reached`, also
    /// with what it does not explain: nothing more will come.
    ///
    /// # Errors
    /// Where the files cannot be read, or `each` fails.
    pub fn advance(
        &mut self,
        end: End,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        for entry in self.read_index()? {
            match entry {
                None => self.astray = true,
                Some(entry) => self.entry(&entry, each)?,
            }
        }
        if end == End::Reached {
            self.rest(each)?;
            let read = self.segment;
            for segment in self.segments().into_iter().filter(|segment| *segment > read) {
                self.unknown |= segment > self.segment + 1;
                self.enter(segment);
                self.rest(each)?;
            }
            self.tell_missing(each)?;
        }
        Ok(())
    }

    /// Reads the new lines of the index; `None` for a damaged one.
    fn read_index(&mut self) -> io::Result<Vec<Option<Entry>>> {
        let mut entries = Vec::new();
        let file = match open_regular(&index_path(&self.stem)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
            Err(_) => return Ok(entries), // what is no index explains nothing
        };
        let mut lines = Lines::new(&file, self.index_at);
        while let Some(line) = lines.next()? {
            entries.push(match line {
                RawLine::Whole(bytes) => Entry::parse(bytes),
                RawLine::TooLong => None,
            });
        }
        self.index_at = lines.position();
        Ok(entries)
    }

    fn entry(
        &mut self,
        entry: &Entry,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if entry.segment > self.segment {
            self.rest(each)?;
            self.enter(entry.segment);
        }
        if entry.segment < self.segment || self.astray {
            return Ok(());
        }
        let Some(length) = self.length()? else {
            self.missing += entry.bytes;
            return Ok(());
        };
        let end = self.at.saturating_add(entry.bytes);
        if end > length {
            // The index speaks of bytes that are not there: it is wrong from here on.
            self.astray = true;
            return Ok(());
        }
        self.copy(end, entry.stream, Some(entry.ms), each)
    }

    /// Goes on in another segment.
    fn enter(&mut self, segment: u32) {
        self.segment = segment;
        self.file = None;
        self.at = 0;
        self.astray = false;
    }

    /// Returns the length of the current segment, or `None` where it is gone.
    fn length(&mut self) -> io::Result<Option<u64>> {
        if self.file.is_none() {
            match open_regular(&segment_path(&self.stem, self.segment)) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        self.file.as_ref().map(|file| file.metadata().map(|metadata| metadata.len())).transpose()
    }

    /// Gives what is left of the current segment, as one stream.
    fn rest(&mut self, each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<()> {
        match self.length()? {
            Some(length) => self.copy(length, Stream::Out, None, each),
            None => Ok(()),
        }
    }

    /// Gives the bytes of the current segment up to `end`.
    fn copy(
        &mut self,
        end: u64,
        stream: Stream,
        ms: Option<Ms>,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.at < end {
            self.tell_missing(each)?;
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut buffer = vec![0; end.saturating_sub(self.at).min(PIECE) as usize];
        while self.at < end {
            let most = (end - self.at).min(PIECE) as usize;
            let read = match file.read_at(&mut buffer[..most], self.at) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read == 0 {
                break; // somebody has shortened it
            }
            self.at += read as u64;
            each(Piece::Bytes { stream, ms, bytes: &buffer[..read] })?;
        }
        Ok(())
    }

    fn tell_missing(
        &mut self,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let missing = std::mem::take(&mut self.missing);
        match (missing, std::mem::take(&mut self.unknown)) {
            (0, false) => Ok(()),
            (_, true) => each(Piece::Cut { bytes: None }),
            (_, false) => each(Piece::Cut { bytes: Some(missing) }),
        }
    }

    /// Returns the numbers of the segments that are there, but for the first.
    fn segments(&self) -> BTreeSet<u32> {
        let stem = self.stem.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entries = self.stem.parent().and_then(|dir| fs::read_dir(dir).ok());
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names
            .filter_map(|name| {
                let rest = name.to_str()?.strip_prefix(&stem)?.strip_prefix('.')?;
                rest.strip_suffix(".log")?.parse().ok()
            })
            .collect()
    }
}

/// Whether more output can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The attempt has ended.
    Reached,
    /// It may be running.
    Open,
}

/// A line of the index.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    ms: Ms,
    stream: Stream,
    bytes: u64,
    segment: u32,
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Entry> {
        let (ms, letter, bytes, segment): (u64, String, u64, u32) =
            serde_json::from_slice(line).ok()?;
        let stream = match letter.as_str() {
            "o" => Stream::Out,
            "e" => Stream::Err,
            "p" => Stream::Pyoco,
            _ => return None,
        };
        Some(Entry { ms: Ms(ms), stream, bytes, segment })
    }
}
