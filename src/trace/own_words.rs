//! What pyoco itself has to say of a task, for the summary: it is no output of the task, and so it is
//! not shown among it.

use std::collections::BTreeMap;

use crate::event::{Chunk, RunView};
use crate::model::{TaskId, TaskState};

/// How much is held of one task, in bytes; the log holds all of it.
const MAX: usize = 16 << 10;

/// Pyoco's words on the tasks that run, and on the first that failed.
#[derive(Debug, Default)]
pub(super) struct OwnWords(BTreeMap<TaskId, Vec<u8>>);

impl OwnWords {
    /// Adds a piece; one of a task whose words nobody will want is passed over.
    pub(super) fn add(&mut self, view: &RunView, task: TaskId, chunk: &Chunk) {
        if !is_wanted(view, task) {
            return;
        }
        let held = self.0.entry(task).or_default();
        // Of a log that cannot be read back the shown part ends early.
        let _ = chunk.read(&mut |bytes| {
            let room = MAX.saturating_sub(held.len());
            held.extend_from_slice(&bytes[..bytes.len().min(room)]);
            Ok(())
        });
    }

    /// Another attempt begins.
    pub(super) fn forget(&mut self, task: TaskId) {
        self.0.remove(&task);
    }

    /// A task ended.
    pub(super) fn ended(&mut self, view: &RunView, task: TaskId) {
        if !is_wanted(view, task) {
            self.0.remove(&task);
        }
    }

    /// Returns the words on the task of which the summary tells most.
    pub(super) fn on_first_failure(&self, view: &RunView) -> String {
        let first = view.first_failure().and_then(|name| view.find(name));
        let words = first.and_then(|task| self.0.get(&task));
        words.map_or(String::new(), |words| String::from_utf8_lossy(words).into_owned())
    }
}

/// Returns whether the task runs, or was the first to fail.
fn is_wanted(view: &RunView, task: TaskId) -> bool {
    view.task(task).is_some_and(|known| {
        known.state() == TaskState::Running || view.first_failure() == Some(&*known.name)
    })
}
