//! Runs inside of runs: a drain of ours reaches the runs that our tasks started, and one of the outer
//! run reaches us. Stop and kill need no help: they go to whole process groups.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::event::{CANCEL_FILE, CancelRequest, RunView};
use crate::model::{Level, RunId};
use crate::record::{JsonlStore, ask_cancel, children};

/// The runs that the tasks of one run start, in the same state folder.
#[derive(Clone)]
pub(super) struct InnerRuns {
    state_dir: PathBuf,
    outer: Arc<OnceLock<RunId>>,
}

impl InnerRuns {
    /// Returns the inner runs of a run that has no id yet.
    pub(super) fn new(state_dir: &Path) -> InnerRuns {
        InnerRuns { state_dir: state_dir.to_path_buf(), outer: Arc::default() }
    }

    /// Says which run is the outer one.
    pub(super) fn belong_to(&self, outer: RunId) {
        // It is said once: a run has one id.
        let _ = self.outer.set(outer);
    }

    /// Asks all of them to drain, on a thread of its own: nobody's terminal must hold that up, and it
    /// must hold up no announcement.
    pub(super) fn drain_aside(&self) {
        let inner_runs = self.clone();
        let thread = std::thread::Builder::new().name("inner".into());
        // Without a thread the inner runs go on, as their tasks do that are named as running.
        let _ = thread.spawn(move || inner_runs.drain());
    }

    /// Before the run has its id there are none.
    fn drain(&self) {
        let Some(outer) = self.outer.get() else { return };
        let store = JsonlStore::new(self.state_dir.clone());
        let request = drain_by(*outer);
        for child in children(&store, *outer, &RunView::new()) {
            let is_over = store.summary(child.run_id).is_ok_and(|run| run.seen.is_over());
            if !is_over {
                // One that cannot be asked goes on; its task is named among those still running.
                let _ = ask_cancel(&store.run_dir(child.run_id), &request);
            }
        }
    }
}

/// Returns the drain of the outer run whose task we are, where one was asked before we could be found.
pub(super) fn drain_of_outer() -> Option<CancelRequest> {
    let outer: RunId = std::env::var("PYOCO_RUN_ID").ok()?.parse().ok()?;
    let dir = PathBuf::from(std::env::var_os("PYOCO_RUN_DIR")?);
    dir.join(CANCEL_FILE).exists().then(|| drain_by(outer))
}

fn drain_by(outer: RunId) -> CancelRequest {
    CancelRequest { level: Level::Drain, by: format!("outer run {}", outer.short()), reason: None }
}
