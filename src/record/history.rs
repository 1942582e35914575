//! How long the tasks of a flow took in its last runs.

use std::collections::HashMap;
use std::sync::Arc;

use super::jsonl::JsonlStore;
use super::reader::Seen;
use crate::event::{StateStore, StoreError};
use crate::model::{Ms, RunStatus, TaskState, Wall};

/// How many runs are read whole.
const MAX_RUNS: usize = 10;

/// Of how many runs the heads are read in search of them: a folder may hold thousands of other flows.
const MAX_HEADS: usize = 1_000;

/// After how many tasks no further run is read: about half a second.
const MAX_TASKS: usize = 100_000;

/// How long the tasks of a flow took in its last COMPLETED runs.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How many runs were read.
    pub n_runs: usize,
    /// When the last of them ended.
    pub last: Option<Wall>,
    /// The tasks that SUCCEEDED in any of them, by name.
    tasks: HashMap<Arc<str>, Vec<Ms>>,
}

impl History {
    /// Reads the last COMPLETED runs of the flow with this name out of this file. Where there are no
    /// records it is empty; runs that cannot be read are passed over.
    ///
    /// # Errors
    /// Where the folder of the runs cannot be read.
    pub fn read(store: &JsonlStore, flow: &str, file: &str) -> Result<History, StoreError> {
        let mut history = History::default();
        let mut n_tasks = 0;
        for id in store.list()?.into_iter().take(MAX_HEADS) {
            if history.n_runs == MAX_RUNS || n_tasks >= MAX_TASKS {
                break;
            }
            let Ok(head) = store.summary(id) else { continue };
            let is_ours = head.header.flow == flow && head.header.file.as_deref() == Some(file);
            if !is_ours || head.seen != Seen::Known(RunStatus::Completed) {
                continue;
            }
            let Ok(record) = store.load(id) else { continue };
            history.n_runs += 1;
            history.last = history.last.max(record.view.ended().map(|(wall, _)| wall));
            n_tasks += record.view.tasks().len();
            for task in record.view.tasks() {
                let took = task.ended.and_then(|ended| task.took(ended));
                if let Some(took) = took.filter(|_| task.known() == Some(TaskState::Succeeded)) {
                    history.tasks.entry(task.name.clone()).or_default().push(took);
                }
            }
        }
        history.tasks.values_mut().for_each(|times| times.sort_unstable());
        Ok(history)
    }

    /// Returns how long a task takes, its retries included: the middle of what it took.
    pub fn of(&self, task: &str) -> Option<Ms> {
        let times = self.tasks.get(task)?;
        times.get(times.len() / 2).copied()
    }

    /// Returns in how many of the runs the task SUCCEEDED.
    pub fn n_runs_of(&self, task: &str) -> usize {
        self.tasks.get(task).map_or(0, Vec::len)
    }
}
