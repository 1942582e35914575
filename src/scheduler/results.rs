//! What attempts leave behind where they succeed: values that later tasks use, and files.
//!
//! The record gets values as they may be shown. What tasks use is kept beside it, as it was written,
//! and only as long as the run lasts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Action, Scheduler, Turn};
use crate::event::{ArtifactHashed, Event, TaskArtifact, TaskOutput};
use crate::model::{Level, Reason, TaskId};

/// What an attempt left behind that ended with a good exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The values that it promised, each name once.
    pub outputs: Vec<Output>,
    /// The files that it promised, each once.
    pub artifacts: Vec<Artifact>,
}

/// A value for later tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: Box<str>,
    /// As the task wrote it, for tasks that use it.
    pub value: Arc<str>,
    /// As it may be shown; `None`: as it is.
    pub shown: Option<Box<str>>,
}

/// A file that a task left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// As it is recorded: as the glob of the task found it.
    pub path: Arc<str>,
    /// Where it lies.
    pub file: Arc<Path>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
}

/// Why an attempt with a good exit code failed all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something that it promised is not there; after a cancel that is no failure.
    Missing(Reason),
    /// What is there cannot be taken.
    Wrong(Reason),
}

/// The values of the tasks that have succeeded, as they were written.
#[derive(Debug, Default)]
pub struct Outputs(HashMap<TaskId, HashMap<Box<str>, Arc<str>>>);

impl Outputs {
    /// Returns a value of a task that has succeeded.
    pub fn get(&self, task: TaskId, name: &str) -> Option<&Arc<str>> {
        self.0.get(&task)?.get(name)
    }

    /// Keeps a value as an earlier run had it.
    pub(super) fn set(&mut self, task: TaskId, name: &str, value: &str) {
        self.0.entry(task).or_default().insert(name.into(), value.into());
    }
}

impl Scheduler {
    /// Returns the values that tasks use: unlike those in the view they are not masked.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Returns how many files are still being summed up, where the run waits for nothing else.
    pub fn waits_for_sums_alone(&self) -> Option<usize> {
        (self.ended_as.is_some() && !self.is_over()).then_some(self.hashes_left)
    }

    /// Records what a task has left behind that is about to succeed.
    pub(super) fn keep_results(&mut self, turn: &mut Turn<'_>, id: TaskId, results: Results) {
        let attempt = self.tasks[id.index()].attempt;
        let Results { outputs, artifacts } = results;
        for output in outputs {
            let Output { name, value, shown } = output;
            let shown = shown.map_or_else(|| value.to_string(), String::from);
            let event = TaskOutput {
                task: id,
                name: self.name(id),
                attempt,
                output: name.clone().into(),
                value: shown,
            };
            self.emit(turn, Event::TaskOutput(Box::new(event)));
            self.outputs.0.entry(id).or_default().insert(name, value);
        }
        for artifact in &artifacts {
            let (path, size) = (artifact.path.to_string(), artifact.size);
            let event = TaskArtifact { task: id, name: self.name(id), attempt, path, size };
            self.emit(turn, Event::TaskArtifact(Box::new(event)));
        }
        if !artifacts.is_empty() && self.waits_for_hashes() {
            self.hashes_left += artifacts.len();
            turn.act(Action::Hash { task: id, attempt, artifacts });
        }
    }

    /// Takes the sum of a file.
    pub(super) fn hashed(&mut self, turn: &mut Turn<'_>, hashed: Hashed) {
        let Hashed { task, attempt, path, sha256 } = hashed;
        let is_due = self.view.task(task).is_some_and(|task| {
            let results = task.results();
            let file = results.file(&path).filter(|_| results.attempt() == attempt);
            file.is_some_and(|file| !file.is_summed())
        });
        if !is_due || self.is_over() {
            return;
        }
        self.hashes_left = self.hashes_left.saturating_sub(1);
        let (name, path) = (self.name(task), path.to_string());
        let event = ArtifactHashed { task, name, attempt, path, sha256 };
        self.emit(turn, Event::ArtifactHashed(Box::new(event)));
    }

    /// Returns whether the run waits for sums at its end: whoever asked for a stop does not.
    pub(super) fn waits_for_hashes(&self) -> bool {
        self.view.level() < Some(Level::Stop)
    }
}

/// See [`super::Input::Hashed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// The file, as it is recorded.
    pub path: Arc<str>,
    /// Its SHA-256 in hex; `None`: too large, changed or gone.
    pub sha256: Option<String>,
}
