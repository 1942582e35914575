//! What `--json` prints of a run: the fold written out, the same object wherever a run is asked for.
//!
//! What is unknown is `null`; no field ever goes missing. Times are RFC 3339, durations milliseconds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ArtifactView, ResultsView, RunStarted, RunView, TaskView};
use crate::model::{Counts, Ms, Reason, RunId, TaskState, Wall, signal_name};

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunJson {
    /// The run's id.
    pub run_id: Option<RunId>,
    /// Its last eight digits.
    pub short_id: Option<String>,
    /// The flow's name.
    pub flow: String,
    /// Where the run stands; also `LOST`, which no event says.
    pub status: String,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
    /// When it began.
    pub started: Option<Wall>,
    /// When it ended.
    pub ended: Option<Wall>,
    /// How long it took.
    pub ms: Option<Ms>,
    /// How many tasks are in which state.
    pub counts: Counts,
    /// The first task that really failed.
    pub first_failure: Option<String>,
    /// The params of the run.
    pub params: BTreeMap<String, String>,
    /// What `--label` said.
    pub labels: BTreeMap<String, String>,
    /// The tasks in file order; absent in a list of runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<TaskJson>>,
}

/// A task of a run.
#[derive(Clone, Debug, Serialize)]
pub struct TaskJson {
    /// The task's name.
    pub name: String,
    /// Where it stands; null where its run has ended and the record lacks how the task did.
    pub state: Option<TaskState>,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the first one started.
    pub started: Option<Wall>,
    /// When the task ended.
    pub ended: Option<Wall>,
    /// How long it took, from its first start to its end.
    pub ms: Option<Ms>,
    /// The exit code of the last attempt.
    pub exit_code: Option<i32>,
    /// The signal that ended the last attempt.
    pub signal: Option<String>,
    /// Processor time of the last attempt.
    pub cpu_ms: Option<u64>,
    /// The most memory of one process of the last attempt, in bytes.
    pub max_rss: Option<u64>,
    /// Bytes of output of the last attempt; null while it is not known.
    pub bytes: Option<u64>,
    /// Bytes of it that could not be kept in the log; null while it is not known.
    pub unkept: Option<u64>,
    /// Bytes of it that are not in the log because they are a secret; null while it is not known.
    pub withheld: Option<u64>,
    /// What it handed on, by name.
    pub outputs: BTreeMap<String, String>,
    /// The files that it left behind, sorted by their paths.
    pub artifacts: Vec<ArtifactJson>,
    /// Processes that outlived the last attempt.
    pub leaked: Vec<u32>,
}

/// A file that a task left behind.
#[derive(Clone, Debug, Serialize)]
pub struct ArtifactJson {
    /// Its path, relative to the task's folder where the glob was.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex; null where it is not known: too large, changed or gone, or not yet.
    pub sha256: Option<String>,
}

impl RunJson {
    /// Returns the object for a run without its tasks, as it stands in lists.
    pub fn head(header: &RunStarted, run_id: Option<RunId>, status: &str) -> RunJson {
        let run_id = run_id.or(header.run_id);
        RunJson {
            run_id,
            short_id: run_id.map(RunId::short),
            flow: header.flow.clone(),
            status: status.to_owned(),
            reason: None,
            started: None,
            ended: None,
            ms: None,
            counts: Counts::default(),
            first_failure: None,
            params: header.params.clone(),
            labels: header.labels.clone(),
            tasks: None,
        }
    }

    /// Returns the object for a run; `status` is what its reader knows of it, which may be `LOST`.
    pub fn new(view: &RunView, run_id: Option<RunId>, status: &str) -> RunJson {
        let start = view.started();
        RunJson {
            reason: view.reason().cloned(),
            started: start,
            ended: view.ended().map(|(wall, _)| wall),
            ms: view.ended().map(|(_, ms)| ms),
            counts: view.counts(),
            first_failure: view.first_failure().map(str::to_owned),
            tasks: Some(view.tasks().iter().map(|task| TaskJson::new(task, start)).collect()),
            ..RunJson::head(view.header(), run_id, status)
        }
    }
}

impl TaskJson {
    /// Returns the object for a task of a run that began at `start`.
    pub fn new(task: &TaskView, start: Option<Wall>) -> TaskJson {
        let wall = |ms: Option<Ms>| Some(start?.plus(ms?));
        let last = task.last();
        let ended = last.filter(|last| last.ended.is_some());
        let measured = last.map(|attempt| &attempt.measured);
        TaskJson {
            name: task.name.to_string(),
            state: task.known(),
            reason: task.reason.clone(),
            attempts: u32::try_from(task.attempts.len()).unwrap_or(u32::MAX),
            started: wall(task.started()),
            ended: wall(task.ended),
            ms: task.ended.and_then(|ended| task.took(ended)),
            exit_code: measured.and_then(|m| m.exit_code),
            signal: measured.and_then(|m| m.signal).map(|signal| signal_name(signal).into_owned()),
            cpu_ms: measured.and_then(|m| m.cpu_ms),
            max_rss: measured.and_then(|m| m.max_rss),
            bytes: ended.map(|last| last.measured.bytes),
            unkept: ended.map(|last| last.measured.unkept),
            withheld: ended.map(|last| last.measured.withheld),
            outputs: task.results().outputs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            artifacts: artifacts(task.results()),
            leaked: measured.map(|m| m.leaked.clone()).unwrap_or_default(),
        }
    }
}

fn artifacts(results: &ResultsView) -> Vec<ArtifactJson> {
    let json = |(path, file): (&str, &ArtifactView)| ArtifactJson {
        path: path.to_owned(),
        size: file.size,
        sha256: file.sha256().map(str::to_owned),
    };
    results.artifacts().map(json).collect()
}
