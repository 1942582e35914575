//! The traits between the floors: where events go, where runs are kept, where work waits.
//!
//! Each has at least two real implementations: in memory (here) and on disk (`record`), and later
//! on a server; the console and the user's own for [`Trace`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{CancelRequest, Line, RunView};
use crate::model::{Ms, RunId, Size, Syntax, TaskId, Wall};

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A call on a file or folder failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `create`, `write`, `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such run.
    #[error("no run `{0}`")]
    NoRun(RunId),
    /// This side of a record only reads, or only writes.
    #[error("this record is open for reading only")]
    ReadOnly,
}

/// What a store needs to know of a run before its first line.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// The run's id.
    pub run_id: RunId,
    /// The workflow file's bytes, for the copy in the record; `None` for a flow made in code.
    pub source: Option<&'a [u8]>,
    /// The syntax of `source`.
    pub syntax: Syntax,
    /// Whether every append must reach the disk before it returns.
    pub durable: bool,
    /// How much output is kept of one attempt.
    pub max_log: Size,
}

/// Keeps runs, for looking at them; nothing is ever resumed from it.
pub trait StateStore: Send + Sync {
    /// Makes the record of a new run.
    ///
    /// # Errors
    /// Where it cannot be made whole; then nothing may run.
    fn create(&self, new: &NewRun<'_>) -> Result<Arc<dyn RunLog>, StoreError>;

    /// Takes the record of a run back that has no line yet, because the run could not begin.
    ///
    /// # Errors
    /// Where it cannot be removed; then it reads as a run that was lost at its start.
    fn discard(&self, run_id: RunId) -> Result<(), StoreError>;

    /// Opens the record of a run for reading.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    fn open(&self, run_id: RunId) -> Result<Arc<dyn RunLog>, StoreError>;

    /// Returns all runs, the newest first.
    ///
    /// # Errors
    /// Where the store itself cannot be read.
    fn list(&self) -> Result<Vec<RunId>, StoreError>;

    /// Removes ended runs that `retention` does not keep; returns them.
    ///
    /// # Errors
    /// Where the store itself cannot be read; a run that cannot be removed is left.
    fn prune(&self, retention: &Retention) -> Result<Vec<RunId>, StoreError>;
}

/// Which ended runs are kept; a run under way always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Only runs of the flow with this name and this file are looked at; `None`: all runs.
    pub only: Option<(String, Option<String>)>,
    /// At most so many, the newest.
    pub keep_runs: Option<u32>,
    /// Only those that ended after this moment.
    pub ended_after: Option<Wall>,
    /// At most so many bytes together, the newest.
    pub max_size: Option<Size>,
    /// Whether to say what would be removed and leave it.
    pub dry_run: bool,
}

/// The record of one run.
///
/// One writer appends; any number of readers, in this process or another, follow.
pub trait RunLog: Send + Sync {
    /// Appends whole lines in one write.
    ///
    /// # Errors
    /// Where they could not all be kept. What was not is tried again at the next append.
    fn append(&self, lines: &[Line]) -> Result<(), StoreError>;

    /// Brings what was appended to the disk, where there is one.
    ///
    /// # Errors
    /// Where the disk fails.
    fn sync(&self) -> Result<(), StoreError>;

    /// Calls `each` with all lines from `from_seq` on, in order; damaged ones are counted.
    ///
    /// # Errors
    /// Where the record cannot be read at all.
    fn read(&self, from_seq: u64, each: &mut dyn FnMut(Line)) -> Result<ReadReport, StoreError>;

    /// Waits until there is a line after `seq`, at most so long; returns whether there is one.
    ///
    /// # Errors
    /// Where the record cannot be read at all.
    fn wait(&self, seq: u64, at_most: Duration) -> Result<bool, StoreError>;

    /// Returns the run's own folder, where it has one.
    fn dir(&self) -> Option<&Path>;

    /// Makes the log of an attempt; a file appears at its first byte.
    fn task_log(&self, task: TaskId, attempt: u32) -> Box<dyn TaskLog>;

    /// Returns the requests to cancel that come from outside of the process, if any can.
    fn requests(&self) -> Option<Box<dyn Requests>>;
}

/// What a reader met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Lines read.
    pub lines: u64,
    /// Lines that could not be read, or that were longer than a line may be.
    pub damaged: u64,
    /// Bytes after the last newline: a line that was never finished, or is being written.
    pub torn_bytes: u64,
}

/// Requests to cancel a run, from outside of the runner's process.
pub trait Requests: Send {
    /// Blocks until there are new requests, and returns them; `None` once the run is closed.
    fn next(&mut self) -> Option<Vec<CancelRequest>>;

    /// Returns what makes a blocked [`Requests::next`] return `None`; callable from any thread.
    fn closer(&self) -> Box<dyn Fn() + Send + Sync>;
}

/// One of the two output streams of a task, or pyoco's own words in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// What pyoco itself wrote into the log.
    Pyoco,
}

impl Stream {
    /// Returns the stream's letter in a log's index: `o`, `e`, `p`.
    pub fn letter(self) -> &'static str {
        match self {
            Stream::Out => "o",
            Stream::Err => "e",
            Stream::Pyoco => "p",
        }
    }
}

/// Where the output of one attempt is kept.
pub trait TaskLog: Send {
    /// Keeps `bytes`, which were read from `stream` at `ms`; returns where they can be read back.
    ///
    /// Where they cannot be kept the chunk holds them itself, and the error is reported once.
    fn write(&mut self, stream: Stream, ms: Ms, bytes: &[u8]) -> (Chunk, Option<StoreError>);

    /// Returns the files in which all of it lies that is still there: what a task hands on as a secret
    /// is taken out of them at its end.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Nothing follows; returns how many bytes could not be kept.
    fn finish(&mut self, _ms: Ms) -> u64 {
        0
    }
}

/// Some output of a task: a place in its log. Holding it costs next to nothing, so that a reader
/// which is slow, or wants the output only when the task has ended, holds no bytes.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Where it came from.
    pub stream: Stream,
    source: Source,
}

/// A file that chunks lie in: another one than that of any other chunk that is there meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(usize);

#[derive(Clone, Debug)]
enum Source {
    File { file: Arc<File>, offset: u64, len: u64 },
    Memory(Arc<[u8]>),
}

impl Chunk {
    /// Returns a chunk that lies in a file.
    pub fn in_file(stream: Stream, file: Arc<File>, offset: u64, len: u64) -> Chunk {
        Chunk { stream, source: Source::File { file, offset, len } }
    }

    /// Returns a chunk that holds its bytes.
    pub fn in_memory(stream: Stream, bytes: &[u8]) -> Chunk {
        Chunk { stream, source: Source::Memory(bytes.into()) }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> u64 {
        match &self.source {
            Source::File { len, .. } => *len,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes `next` in where it lies right behind this one in the same file and comes from the same
    /// stream; returns whether it did.
    pub fn join(&mut self, next: &Chunk) -> bool {
        self.stream == next.stream && self.extend(next)
    }

    /// The same whatever streams the two come from: whose the bytes are, the caller keeps in mind.
    pub fn extend(&mut self, next: &Chunk) -> bool {
        let Source::File { file, offset, len } = &mut self.source else { return false };
        let Source::File { file: next_file, offset: next_offset, len: next_len } = &next.source
        else {
            return false;
        };
        let follows = Arc::ptr_eq(file, next_file) && *offset + *len == *next_offset;
        if follows {
            *len += next_len;
        }
        follows
    }

    /// Takes the first `most` bytes off, or all where there are no more.
    pub fn take_front(&mut self, most: u64) -> Chunk {
        let taken = most.min(self.len());
        let source = match &mut self.source {
            Source::File { file, offset, len } => {
                let front = Source::File { file: file.clone(), offset: *offset, len: taken };
                (*offset, *len) = (*offset + taken, *len - taken);
                front
            }
            Source::Memory(bytes) => {
                let front = Source::Memory(bytes[..taken as usize].into());
                *bytes = bytes[taken as usize..].into();
                front
            }
        };
        Chunk { stream: self.stream, source }
    }

    /// Returns how many bytes of memory it holds: none where they lie in a file.
    pub fn in_memory_len(&self) -> u64 {
        match &self.source {
            Source::File { .. } => 0,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns whether both lie in the same file; each file that is held is a descriptor.
    pub fn shares_file(&self, other: &Chunk) -> bool {
        match (&self.source, &other.source) {
            (Source::File { file, .. }, Source::File { file: other, .. }) => {
                Arc::ptr_eq(file, other)
            }
            (Source::Memory(_), _) | (_, Source::Memory(_)) => false,
        }
    }

    /// Returns which file it lies in; `None` where it is in memory.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match &self.source {
            Source::File { file, .. } => Some(FileId(Arc::as_ptr(file).addr())),
            Source::Memory(_) => None,
        }
    }

    /// Returns the end of the chunk: at most its last `most` bytes.
    pub fn last(&self, most: u64) -> Chunk {
        let skip = self.len().saturating_sub(most);
        let source = match &self.source {
            Source::File { file, offset, len } => {
                Source::File { file: file.clone(), offset: offset + skip, len: len - skip }
            }
            Source::Memory(bytes) => Source::Memory(bytes[skip as usize..].into()),
        };
        Chunk { stream: self.stream, source }
    }

    /// Calls `each` with the bytes, in pieces of at most 64 KiB.
    ///
    /// # Errors
    /// Where the log cannot be read back, or `each` fails.
    pub fn read(&self, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.source {
            Source::Memory(bytes) => each(bytes),
            Source::File { file, offset, len } => {
                let mut buffer = vec![0; (*len).min(64 << 10) as usize];
                let (mut at, end) = (*offset, *offset + *len);
                while at < end {
                    let most = (end - at).min(buffer.len() as u64) as usize;
                    let read = file.read_at(&mut buffer[..most], at)?;
                    if read == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    each(&buffer[..read])?;
                    at += read as u64;
                }
                Ok(())
            }
        }
    }
}

/// A change of who may use the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalUse {
    /// A task is about to get it: until it is taken back nothing else may be written to it.
    Lent {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
    },
    /// It was taken back.
    Returned,
}

/// Shows a run as it goes. All calls come from one thread, in the order of the events, and never
/// hold up the run.
pub trait Trace: Send {
    /// Something happened; `view` is the state after it.
    fn event(&mut self, view: &RunView, line: &Line);

    /// A task printed something. What has to be shown later is kept as the chunk, not as bytes.
    fn output(&mut self, view: &RunView, task: TaskId, attempt: u32, chunk: &Chunk);

    /// How often [`Trace::tick`] is wanted; `None`: never.
    fn tick_every(&self) -> Option<Duration> {
        None
    }

    /// Time has passed: `now` counts from the start of the run.
    fn tick(&mut self, _view: &RunView, _now: Ms) {}

    /// Something about the run that is no event, for people: a record that broke.
    fn notice(&mut self, _text: &str) {}

    /// A task gets the terminal, or it was taken back.
    fn terminal(&mut self, _view: &RunView, _terminal: TerminalUse) {}

    /// The run is over; nothing follows.
    fn finish(&mut self, _view: &RunView) {}
}

/// A task that waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueItem {
    /// The run.
    pub run_id: RunId,
    /// The task.
    pub task: TaskId,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// Where ready tasks wait for a worker. It decides nothing: the scheduler enqueues only what holds
/// its slots, in the order in which it shall start.
pub trait QueueBackend: Send + Sync {
    /// Adds a task at the end.
    fn enqueue(&self, item: QueueItem);

    /// Takes the first task; blocks while there is none. `None` once the queue is closed.
    fn dequeue(&self) -> Option<QueueItem>;

    /// Removes what still waits of a run; returns it.
    fn remove(&self, run_id: RunId) -> Vec<QueueItem>;

    /// Lets every [`QueueBackend::dequeue`] return `None` from now on.
    fn close(&self);
}
