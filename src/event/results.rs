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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Event, Line, Measured, RunView, TaskFinished};
    use crate::model::{Ms, TaskState, Wall};

    fn event(kind: u32, task: u32, attempt: u32, text: String) -> Event {
        let (task, name) = (TaskId(task), Arc::from("t"));
        match kind {
            0 => Event::TaskOutput(Box::new(TaskOutput {
                task,
                name,
                attempt,
                output: text.clone(),
                value: text,
            })),
            1 => {
                let size = u64::from(attempt);
                Event::TaskArtifact(Box::new(TaskArtifact {
                    task,
                    name,
                    attempt,
                    path: text,
                    size,
                }))
            }
            2 => {
                let sha256 = Some(text.clone());
                let hashed = ArtifactHashed { task, name, attempt, path: text, sha256 };
                Event::ArtifactHashed(Box::new(hashed))
            }
            _ => Event::TaskFinished(Box::new(TaskFinished {
                task,
                name,
                attempt,
                state: TaskState::Succeeded,
                reason: None,
                measured: Measured::default(),
            })),
        }
    }

    fn view(events: impl IntoIterator<Item = Event>) -> RunView {
        let mut view = RunView::new();
        for (seq, event) in (1..).zip(events) {
            view.apply(&Line { v: 1, seq, ts: Wall(0), ms: Ms(seq), event });
        }
        view
    }

    #[test]
    fn the_last_attempt_counts_and_an_end_is_an_end() {
        let view = view([
            event(0, 0, 1, "a".to_owned()),
            event(0, 0, 2, "b".to_owned()),
            event(1, 0, 2, "f".to_owned()),
            event(3, 0, 2, String::new()),
            event(0, 0, 2, "c".to_owned()),
            event(2, 0, 1, "f".to_owned()),
            event(2, 0, 2, "g".to_owned()),
        ]);
        let results = view.tasks()[0].results();
        assert_eq!(results.outputs().collect::<Vec<_>>(), [("b", "b")]);
        assert!(results.file("f").is_some_and(|file| !file.is_summed()));
        assert_eq!(results.artifacts().count(), 1);
    }

    proptest! {
        #[test]
        fn any_order_of_lines_is_survived(
            lines in prop::collection::vec((0u32..4, 0u32..3, 0u32..3, "[a-c]"), 0..40),
        ) {
            let events: Vec<Event> = lines
                .into_iter()
                .map(|(kind, task, attempt, text)| {
                    let task = if task == 2 { u32::MAX } else { task };
                    event(kind, task, attempt, text)
                })
                .collect();
            let mut bytes = Vec::new();
            for event in &events {
                let event = event.clone();
                let line = Line { v: 1, seq: 1, ts: Wall(0), ms: Ms(0), event };
                bytes.clear();
                line.write(&mut bytes);
                prop_assert_eq!(Line::parse(&bytes).expect("it is whole"), line);
            }
            view(events);
        }
    }
}
