//! Reads the output of an attempt back, in order, with streams and times; also while it grows.
//!
//! The index may be missing, short or damaged: then the bytes it does not explain come as one
//! stream without a time. Segments may be gone: then the gap is named. What was cut away on purpose is
//! told from what is lost: the writer removes no segment but those between the first and the last two.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files::{LOGS_DIR, log_stem, open_regular};
use super::lines::{Lines, RawLine};
use super::logs::{MAX_INDEX, UNKEPT, index_path, segment_path};
use crate::event::Stream;
use crate::model::{Ms, TaskId};

/// How much of the end of an index is looked at for its last line: some lines.
const LAST_LINES: u64 = 1024;

/// What is read at once.
const PIECE: u64 = 64 << 10;

/// How many lines of an index are held at once.
const BATCH: usize = 4096;

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
    /// Here output is missing that was kept once.
    Lost {
        /// How much.
        bytes: u64,
    },
    /// Here output is missing that could not be kept.
    Unkept {
        /// How much.
        bytes: u64,
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
    /// How many bytes of this segment the index speaks of.
    claimed: u64,
    /// The last segment there ever was, once somebody had to know it.
    last: Option<u32>,
    /// What was cut away before the next byte.
    cut: u64,
    /// Whether a segment is missing whose size is not known.
    unknown: bool,
    /// What was lost before the next byte.
    gap: u64,
    /// What was lost in all.
    lost: u64,
    /// How many bytes were given.
    given: u64,
    /// How many could not be kept.
    unkept: u64,
}

/// How much of an attempt's output is lost that was kept once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// How many bytes are lost.
    pub bytes: u64,
    /// Of how many.
    pub of: u64,
}

impl AttemptLog {
    /// Returns the output of an attempt of the run in this folder; it need not be there yet.
    pub fn new(run_dir: &Path, task: TaskId, attempt: u32) -> AttemptLog {
        let dir = run_dir.join(LOGS_DIR);
        // A link may lead out of the state folder; behind it there is no output of this run.
        let dir = if dir.is_symlink() { dir.join("none") } else { dir };
        AttemptLog {
            stem: dir.join(log_stem(task, attempt)),
            index_at: 0,
            segment: 0,
            file: None,
            at: 0,
            astray: false,
            claimed: 0,
            last: None,
            cut: 0,
            unknown: false,
            gap: 0,
            lost: 0,
            given: 0,
            unkept: 0,
        }
    }

    /// Returns what is lost, after [`advance`](AttemptLog::advance) has reached the end; `printed` is how
    /// much the record says the task printed.
    ///
    /// What was kept of that may be shorter or longer, where secrets were taken out: it counts only
    /// where nothing else tells that there was output.
    pub fn loss(&self, printed: u64) -> Option<Loss> {
        let has_nothing = self.given == 0 && self.index_at == 0 && self.paths().is_empty();
        match (self.lost, printed) {
            (0, 1..) if has_nothing => Some(Loss { bytes: printed, of: printed }),
            (0, _) => None,
            (bytes, _) => Some(Loss { bytes, of: bytes.saturating_add(self.given) }),
        }
    }

    /// Returns how many bytes could not be kept, as far as the index tells and was read.
    pub fn unkept(&self) -> u64 {
        self.unkept
    }

    /// Returns the paths of the files that hold output now, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut segments = self.segments();
        if segment_path(&self.stem, 0).exists() {
            segments.insert(0);
        }
        segments.into_iter().map(|segment| segment_path(&self.stem, segment)).collect()
    }

    /// Returns whether pyoco said something in this log that is still there.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn has_own_words(&mut self) -> io::Result<bool> {
        loop {
            let entries = self.read_index()?;
            if entries.is_empty() {
                return Ok(false);
            }
            let own = |entry: &&Entry| entry.stream == Some(Stream::Pyoco);
            let mut said = entries.iter().flatten().filter(own);
            if said.any(|entry| segment_path(&self.stem, entry.segment).exists()) {
                return Ok(true);
            }
        }
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
        loop {
            let entries = self.read_index()?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                match entry {
                    None => self.astray = true,
                    Some(entry) => self.entry(&entry, end, each)?,
                }
            }
        }
        if end == End::Reached {
            let explained = self.at;
            self.rest(each)?;
            if self.at > explained || self.may_go_on() {
                self.other_segments(each)?;
            }
            self.leave(End::Reached);
            self.gap = 0; // nothing follows it
            self.tell_missing(each)?;
        }
        Ok(())
    }

    /// Returns whether there can be segments of which the index does not speak.
    ///
    /// Searching for them for nothing is dear: the folder holds the files of all tasks.
    fn may_go_on(&self) -> bool {
        let has_no_index = self.index_at == 0 && self.file.is_some();
        let next = segment_path(&self.stem, self.segment.saturating_add(1));
        has_no_index || self.index_at >= MAX_INDEX || self.astray || next.exists()
    }

    /// Gives the segments after the current one, as one stream.
    fn other_segments(
        &mut self,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let read = self.segment;
        for segment in self.segments().into_iter().filter(|segment| *segment > read) {
            self.unknown |= segment > self.segment.saturating_add(1);
            self.leave(End::Reached);
            self.enter(segment);
            self.rest(each)?;
        }
        Ok(())
    }

    /// Reads the next lines of the index, a batch at a time; `None` for a damaged one.
    fn read_index(&mut self) -> io::Result<Vec<Option<Entry>>> {
        let mut entries = Vec::new();
        let file = match open_regular(&index_path(&self.stem)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
            Err(_) => return Ok(entries), // what is no index explains nothing
        };
        let mut lines = Lines::new(&file, self.index_at);
        while entries.len() < BATCH
            && let Some(line) = lines.next()?
        {
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
        end: End,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if entry.segment > self.segment {
            self.rest(each)?;
            self.leave(end);
            self.enter(entry.segment);
        }
        if entry.segment < self.segment {
            return Ok(());
        }
        let Some(stream) = entry.stream else { return self.mark_unkept(entry.bytes, each) };
        self.claimed = self.claimed.saturating_add(entry.bytes);
        if self.astray {
            return Ok(());
        }
        let Some(length) = self.length()? else { return Ok(()) };
        let end = self.at.saturating_add(entry.bytes);
        if end > length {
            // The index speaks of bytes that are not there: it is wrong from here on.
            self.astray = true;
            return Ok(());
        }
        self.copy(end, stream, Some(entry.ms), each)
    }

    /// Marks the place of output that could not be kept, where it is known.
    fn mark_unkept(
        &mut self,
        bytes: u64,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.unkept = self.unkept.saturating_add(bytes);
        if self.astray {
            return Ok(());
        }
        self.tell_missing(each)?;
        each(Piece::Unkept { bytes })
    }

    /// Counts what the current segment should hold and does not.
    fn leave(&mut self, end: End) {
        let missing = std::mem::take(&mut self.claimed).saturating_sub(self.at);
        if missing == 0 {
            return;
        }
        if self.file.is_none() && self.is_cut(end) {
            self.cut = self.cut.saturating_add(missing);
        } else {
            self.gap = self.gap.saturating_add(missing);
            self.lost = self.lost.saturating_add(missing);
        }
    }

    /// Returns whether the current segment, which is gone, was cut away by the writer: that keeps the
    /// first and the last two.
    fn is_cut(&mut self, end: End) -> bool {
        if self.segment == 0 {
            return false;
        }
        match end {
            // Its successor but one need not have its first byte yet.
            End::Open => true,
            End::Reached => {
                let last = match self.last {
                    Some(last) => last,
                    None => *self.last.insert(self.last_segment()),
                };
                self.segment.saturating_add(2) <= last
            }
        }
    }

    /// Returns the number of the last segment of which there is a trace.
    fn last_segment(&self) -> u32 {
        let on_disk = self.segments().last().copied().unwrap_or(0);
        let Ok(index) = open_regular(&index_path(&self.stem)) else { return on_disk };
        let length = index.metadata().map_or(0, |metadata| metadata.len());
        let mut end = vec![0; length.min(LAST_LINES) as usize];
        // What cannot be read here is met again, and told, where the index is read as a whole.
        let from = length - end.len() as u64;
        let read = index.read_exact_at(&mut end, from);
        let lines = read.iter().flat_map(|()| end.split(|byte| *byte == b'\n'));
        let indexed = lines.filter_map(Entry::parse).map(|entry| entry.segment).max();
        on_disk.max(indexed.unwrap_or(0))
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
            self.given += read as u64;
            each(Piece::Bytes { stream, ms, bytes: &buffer[..read] })?;
        }
        Ok(())
    }

    fn tell_missing(
        &mut self,
        each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let cut = std::mem::take(&mut self.cut);
        match (cut, std::mem::take(&mut self.unknown)) {
            (0, false) => {}
            (_, true) => each(Piece::Cut { bytes: None })?,
            (_, false) => each(Piece::Cut { bytes: Some(cut) })?,
        }
        match std::mem::take(&mut self.gap) {
            0 => Ok(()),
            bytes => each(Piece::Lost { bytes }),
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
    /// `None` for bytes that are in no segment: they could not be kept.
    stream: Option<Stream>,
    bytes: u64,
    segment: u32,
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Entry> {
        let (ms, letter, bytes, segment): (u64, String, u64, u32) =
            serde_json::from_slice(line).ok()?;
        let stream = match letter.as_str() {
            "o" => Some(Stream::Out),
            "e" => Some(Stream::Err),
            "p" => Some(Stream::Pyoco),
            UNKEPT => None,
            _ => return None,
        };
        Some(Entry { ms: Ms(ms), stream, bytes, segment })
    }
}

#[cfg(test)]
mod tests;
