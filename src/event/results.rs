//! What tasks leave behind, as lines and as the fold keeps it: values, and files with their sums.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::TaskId;

/// See [`super::Event::TaskOutput`]. As in all lines `name` is the task's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskOutput {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// Which attempt.
    #[serde(default = "super::one")]
    pub attempt: u32,
    /// The value's name.
    pub output: String,
    /// The value, without secrets.
    #[serde(default)]
    pub value: String,
}

/// See [`super::Event::TaskArtifact`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskArtifact {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// Which attempt.
    #[serde(default = "super::one")]
    pub attempt: u32,
    /// The file as the glob of the task found it.
    pub path: String,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
}

/// See [`super::Event::ArtifactHashed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactHashed {
    /// The task.
    pub task: TaskId,
    /// Its name.
    #[serde(default)]
    pub name: Arc<str>,
    /// Which attempt.
    #[serde(default = "super::one")]
    pub attempt: u32,
    /// The file, as [`TaskArtifact`] named it.
    pub path: String,
    /// Its SHA-256 in hex; null: too large, changed or gone.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What the last attempt of a task left behind.
#[derive(Clone, Debug, Default)]
pub struct ResultsView {
    attempt: u32,
    outputs: BTreeMap<String, String>,
    artifacts: BTreeMap<String, ArtifactView>,
}

/// A file that a task left behind.
#[derive(Clone, Debug)]
pub struct ArtifactView {
    /// Its size in bytes.
    pub size: u64,
    /// `None`: not summed up yet.
    sum: Option<Option<Box<str>>>,
}

impl ArtifactView {
    /// Returns the file's SHA-256 in hex, where it is known.
    pub fn sha256(&self) -> Option<&str> {
        self.sum.as_ref()?.as_deref()
    }

    /// Returns whether it was summed up, be it in vain.
    pub fn is_summed(&self) -> bool {
        self.sum.is_some()
    }
}

impl ResultsView {
    pub(super) const NONE: ResultsView =
        ResultsView { attempt: 0, outputs: BTreeMap::new(), artifacts: BTreeMap::new() };

    /// Returns the values by name, without secrets.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outputs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns a value, without secrets.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Returns the files by their paths.
    pub fn artifacts(&self) -> impl Iterator<Item = (&str, &ArtifactView)> {
        self.artifacts.iter().map(|(path, artifact)| (&**path, artifact))
    }

    /// Returns a file.
    pub fn file(&self, path: &str) -> Option<&ArtifactView> {
        self.artifacts.get(path)
    }

    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.artifacts.is_empty()
    }

    /// Returns which attempt left it behind.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Leaves out what an earlier attempt left behind.
    pub(super) fn begin(&mut self, attempt: u32) {
        if self.attempt != attempt {
            *self = ResultsView { attempt, ..ResultsView::NONE };
        }
    }

    pub(super) fn output(&mut self, output: &TaskOutput) {
        self.outputs.insert(output.output.clone(), output.value.clone());
    }

    pub(super) fn artifact(&mut self, file: &TaskArtifact) {
        self.artifacts.insert(file.path.clone(), ArtifactView { size: file.size, sum: None });
    }

    pub(super) fn hashed(&mut self, hashed: &ArtifactHashed) {
        if self.attempt == hashed.attempt
            && let Some(file) = self.artifacts.get_mut(&hashed.path)
            && !file.is_summed()
        {
            file.sum = Some(hashed.sha256.as_deref().map(Box::from));
        }
    }
}
