//! Floor 1: the events of a run. Everything turns on them: the scheduler emits them, and the record,
//! the trace, `runs show` and a server are readers of the one stream.
//!
//! # Format
//!
//! One JSON object a line, at most [`MAX_LINE`] bytes:
//!
//! ```json
//! {"v":1,"seq":7,"ts":"2026-03-01T12:00:00.250Z","ms":250,"event":"task_queued","task":0,"name":"build"}
//! ```
//!
//! - `v`: version of the format; a reader shows what it knows of a newer one.
//! - `seq`: counts the lines of a run from 1, without holes.
//! - `ts`: wall clock, never going back inside a run. `ms`: monotonic since the start of the run.
//! - `event`: one of the kinds of [`Event`]; its fields follow. A reader ignores what it does not
//!   know, fields and kinds alike.
//!
//! A line holds facts only, nothing that [`RunView`] can compute from earlier lines.

mod audit;
mod export;
mod files;
mod memory;
mod port;
mod request;
mod results;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Counts, Level, Ms, Reason, RunId, RunStatus, Slots, TaskId, TaskState, Wall};

#[doc(hidden)]
pub use audit::{Rules, audit};
pub use export::{ArtifactJson, RunJson, TaskJson};
pub(crate) use files::{open_regular, open_wary};
pub use memory::{MemoryQueue, MemoryStore};
pub(crate) use port::FileId;
pub use port::{
    Chunk, NewRun, QueueBackend, QueueItem, ReadReport, Requests, Retention, RunLog, StateStore,
    StoreError, Stream, TaskLog, TerminalUse, Trace,
};
pub use request::{CANCEL_FILE, CancelRequest, WAKE_FIFO};
pub use results::{ArtifactHashed, ArtifactView, ResultsView, TaskArtifact, TaskOutput};
pub use view::{AttemptView, RunView, TaskView};

/// The version of the format that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// The longest line, in bytes with its newline; a reader skips longer ones without holding them.
pub const MAX_LINE: usize = 1 << 20;

/// The longest tail of output that an event carries, in bytes.
pub const MAX_TAIL: usize = 4096;

/// One event with its place in the stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Version of the format.
    pub v: u32,
    /// Counts the lines of a run from 1.
    pub seq: u64,
    /// When, on the wall clock.
    pub ts: Wall,
    /// When, on a monotonic clock that began with the run and stands still while the run is suspended
    /// (Ctrl-Z), so that no duration holds that time.
    pub ms: Ms,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began: always the first line.
    RunStarted(Box<RunStarted>),
    /// Which tasks there are; as many lines as it takes, before the first task.
    TasksDeclared(TasksDeclared),
    /// What was learnt beside the first tasks.
    RunNoted(RunNoted),
    /// A task is ready and waits for a slot.
    TaskQueued(TaskQueued),
    /// An attempt has a process.
    TaskStarted(Box<TaskStarted>),
    /// An attempt was sent its first signal.
    TaskStopping(TaskStopping),
    /// An attempt failed and another will follow.
    TaskRetrying(Box<TaskRetrying>),
    /// A task that is about to succeed handed on a value.
    TaskOutput(Box<TaskOutput>),
    /// A task that is about to succeed left a file behind.
    TaskArtifact(Box<TaskArtifact>),
    /// Such a file was summed up.
    ArtifactHashed(Box<ArtifactHashed>),
    /// A task reached a final state.
    TaskFinished(Box<TaskFinished>),
    /// A cancel was asked, or its level rose.
    RunCancelling(RunCancelling),
    /// The run ended: always the last line.
    RunFinished(RunFinished),
    /// Something that this version does not know.
    Unknown,
}

/// The facts of a run that stand when it begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunStarted {
    /// The run's id.
    pub run_id: Option<RunId>,
    /// The flow's name.
    pub flow: String,
    /// The workflow file, as an absolute path, `-` for standard input, null for a flow made in code.
    pub file: Option<String>,
    /// SHA-256 of the file's bytes, in hex.
    pub file_sha256: Option<String>,
    /// The params of the run, as text.
    pub params: BTreeMap<String, String>,
    /// The words after `--`.
    pub args: Vec<String>,
    /// Whether `args` was cut to fit the line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_cut: bool,
    /// What `--label` said.
    pub labels: BTreeMap<String, String>,
    /// How many tasks run at once.
    pub jobs: u32,
    /// The pools and their slots: how many, or the text of each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<Box<str>, Slots>,
    /// How many tasks the run has.
    pub n_tasks: u32,
    /// The run whose task started this one.
    pub parent_run: Option<RunId>,
    /// The machine's name.
    pub host: Option<String>,
    /// The runner's process id.
    pub pid: Option<u32>,
    /// The kernel's id of this boot, where there is one.
    pub boot_id: Option<String>,
    /// The version of pyoco.
    pub pyoco: String,
    /// The commit that the workflow file's repository stood at.
    pub git_commit: Option<String>,
    /// The page of the CI job, where the environment names one.
    pub ci_url: Option<String>,
}

/// Some of the run's tasks, in declaration order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TasksDeclared {
    /// The id of the first of `tasks`; with `more_needs`, of the task that they belong to.
    pub from: u32,
    /// The tasks.
    pub tasks: Vec<Declared>,
    /// More of what task `from` needs: a list too long for one line goes on here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_needs: Vec<u32>,
    /// The same for what it needs one of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_needs_any: Vec<u32>,
}

/// One declared task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declared {
    /// The task's name.
    pub name: Arc<str>,
    /// What it needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
    /// An earlier task that needs exactly the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_needs_as: Option<u32>,
    /// What it needs one of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_any: Vec<u32>,
    /// Whether it runs at the end, whatever the outcome.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
    /// Whether it may run however what it needs has ended, since its `if` asks for that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub after_ends: bool,
}

/// What was learnt of the run beside its first tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunNoted {
    /// Whether the repository had changes that were not committed.
    pub git_dirty: Option<bool>,
}

/// See [`Event::TaskQueued`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskQueued {
    /// The task.
    pub task: TaskId,
    /// Its name, for people and `jq`.
    #[serde(default)]
    pub name: Arc<str>,
}

/// See [`Event::TaskStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskStarted {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// Which attempt, from 1.
    #[serde(default = "one")]
    pub attempt: u32,
    /// The process, which leads its own group.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The program and its arguments.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Whether `argv` was cut at 4 KiB.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub argv_cut: bool,
    /// The folder it runs in.
    #[serde(default)]
    pub dir: Option<String>,
    /// How many slots of `jobs` it holds.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub jobs: u32,
    /// The slots that it holds of each pool: each a place in the run's `pools`, from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<Box<str>, Box<[u32]>>,
}

/// See [`Event::TaskStopping`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskStopping {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// Which attempt.
    #[serde(default = "one")]
    pub attempt: u32,
    /// Why: `timeout`, `cancel` (at drain), `stop`, `kill`, `terminal`, `failure` (policy kill),
    /// `run_timeout`.
    #[serde(default)]
    pub why: String,
    /// The signal's name.
    #[serde(default)]
    pub signal: String,
}

/// How an attempt ended, as far as it could be measured. On the wire, absent facts take no room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// The exit code, where the process exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal's number, where a signal ended it; on the wire its name.
    #[serde(with = "by_name", skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Processor time of the process and of the children that it waited for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// The most memory that one of them held, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rss: Option<u64>,
    /// Bytes of output, both streams.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Bytes of output that could not be kept in the log: a disk that was full for a while.
    #[serde(skip_serializing_if = "is_zero")]
    pub unkept: u64,
    /// Bytes of output that went neither to the log nor to the console: the standard output of a task
    /// that is a secret.
    #[serde(skip_serializing_if = "is_zero")]
    pub withheld: u64,
    /// The end of the output, at most [`MAX_TAIL`] bytes; only of attempts that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<String>,
    /// Processes that kept the output open after their leader had gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaked: Vec<u32>,
}

impl Measured {
    /// Returns how many bytes of output went to the log, as they came.
    pub fn logged(&self) -> u64 {
        self.bytes.saturating_sub(self.withheld)
    }

    /// Returns the exit code as a shell gives it: 128+n after signal n. A command that is executed
    /// without a shell in between is judged by it as it would be with one.
    pub fn code(&self) -> Option<i32> {
        self.exit_code.or(self.signal.map(|signal| 128 + signal))
    }
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

/// See [`Event::TaskRetrying`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRetrying {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// The attempt that failed.
    #[serde(default = "one")]
    pub attempt: u32,
    /// The pause before the next attempt, in milliseconds.
    #[serde(default)]
    pub after: Ms,
    /// Why the attempt failed.
    pub reason: Reason,
    /// How it ended.
    #[serde(flatten)]
    pub measured: Measured,
}

/// See [`Event::TaskFinished`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskFinished {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// The last attempt; 0 where there was none.
    #[serde(default)]
    pub attempt: u32,
    /// The final state.
    pub state: TaskState,
    /// Why, for all states but SUCCEEDED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How the last attempt ended.
    #[serde(flatten)]
    pub measured: Measured,
}

/// See [`Event::RunCancelling`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCancelling {
    /// The level reached.
    pub level: Level,
    /// Who asked: `SIGINT`, `runs cancel`, `api`.
    #[serde(default)]
    pub by: String,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// See [`Event::RunFinished`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// The final status.
    pub status: RunStatus,
    /// Why, for all but COMPLETED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many tasks ended in which state.
    #[serde(default)]
    pub counts: Counts,
    /// The name of the first task that really failed.
    #[serde(default)]
    pub first_failure: Option<Arc<str>>,
}

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

/// Writes a signal by its name; a name that this system does not know is read as no signal.
mod by_name {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::signal_name;

    pub(super) fn serialize<S: Serializer>(
        signal: &Option<i32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        signal.map(signal_name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i32>, D::Error> {
        let name = Option::<String>::deserialize(d)?;
        Ok(name.and_then(|name| (1..=64).find(|signal| signal_name(*signal) == name)))
    }
}

/// A line that could not be read as one.
#[derive(Debug, thiserror::Error)]
#[error("damaged line: {0}")]
pub struct DamagedLine(#[from] serde_json::Error);

impl Line {
    /// Reads a line, with or without its newline.
    ///
    /// An event of a kind that this version does not know is [`Event::Unknown`].
    ///
    /// # Errors
    /// Where the bytes are not a JSON object with the fields that its kind must have.
    pub fn parse(bytes: &[u8]) -> Result<Line, DamagedLine> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(default)]
            v: u32,
            seq: u64,
            ts: Wall,
            ms: Ms,
            #[serde(borrow)]
            event: std::borrow::Cow<'a, str>,
        }
        let head: Head<'_> = serde_json::from_slice(bytes)?;
        let event = match &*head.event {
            "run_started" => Event::RunStarted(serde_json::from_slice(bytes)?),
            "tasks_declared" => Event::TasksDeclared(serde_json::from_slice(bytes)?),
            "run_noted" => Event::RunNoted(serde_json::from_slice(bytes)?),
            "task_queued" => Event::TaskQueued(serde_json::from_slice(bytes)?),
            "task_started" => Event::TaskStarted(serde_json::from_slice(bytes)?),
            "task_stopping" => Event::TaskStopping(serde_json::from_slice(bytes)?),
            "task_retrying" => Event::TaskRetrying(serde_json::from_slice(bytes)?),
            "task_output" => Event::TaskOutput(serde_json::from_slice(bytes)?),
            "task_artifact" => Event::TaskArtifact(serde_json::from_slice(bytes)?),
            "artifact_hashed" => Event::ArtifactHashed(serde_json::from_slice(bytes)?),
            "task_finished" => Event::TaskFinished(serde_json::from_slice(bytes)?),
            "run_cancelling" => Event::RunCancelling(serde_json::from_slice(bytes)?),
            "run_finished" => Event::RunFinished(serde_json::from_slice(bytes)?),
            _ => Event::Unknown,
        };
        Ok(Line { v: head.v, seq: head.seq, ts: head.ts, ms: head.ms, event })
    }

    /// Appends the line with its newline to `buffer`.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        serde_json::to_writer(&mut *buffer, self).expect("writing to memory does not fail");
        buffer.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let line = Line {
            v: 1,
            seq: 3,
            ts: Wall(1_772_366_400_250),
            ms: Ms(250),
            event: Event::TaskFinished(Box::new(TaskFinished {
                task: TaskId(1),
                name: "build".into(),
                attempt: 2,
                state: TaskState::Failed,
                reason: Some(Reason::signal(9)),
                measured: Measured { signal: Some(9), bytes: 3, ..Measured::default() },
            })),
        };
        let mut bytes = Vec::new();
        line.write(&mut bytes);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            "{\"v\":1,\"seq\":3,\"ts\":\"2026-03-01T12:00:00.250Z\",\"ms\":250,\
             \"event\":\"task_finished\",\"task\":1,\"name\":\"build\",\"attempt\":2,\
             \"state\":\"FAILED\",\"reason\":\"signal(SIGKILL)\",\"signal\":\"SIGKILL\",\"bytes\":3}\n"
        );
        assert_eq!(Line::parse(&bytes).expect("it is whole"), line);
    }

    #[test]
    fn unknown_kinds_and_fields_are_no_damage() {
        let bytes = br#"{"v":9,"seq":1,"ts":"2026-03-01T12:00:00Z","ms":0,"event":"moon","x":[]}"#;
        assert_eq!(Line::parse(bytes).expect("it is whole").event, Event::Unknown);
        let bytes = br#"{"v":9,"seq":1,"ts":"2026-03-01T12:00:00Z","ms":0,"event":"task_queued","task":3,"x":[]}"#;
        assert!(matches!(Line::parse(bytes).expect("whole").event, Event::TaskQueued(_)));
        assert!(Line::parse(b"{\"v\":1,\"seq\":1,\"ts\":\"20").is_err());
    }
}
