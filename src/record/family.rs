//! The runs that a run's tasks started: their own first lines name it.

use super::jsonl::JsonlStore;
use super::summary::read_header;
use crate::event::{RunView, StateStore};
use crate::model::RunId;

/// How many later runs are looked at; a run that long ago is not searched for ever.
const MOST: usize = 1000;

/// A run that another one's task started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The run's id.
    pub run_id: RunId,
    /// Its flow's name.
    pub flow: String,
}

/// Returns the runs that the tasks of this run started, the first one first.
///
/// Ids sort by time: only runs after this one, and before it ended, can be meant.
pub fn children(store: &JsonlStore, run_id: RunId, view: &RunView) -> Vec<Child> {
    let Ok(ids) = store.list() else { return Vec::new() };
    let ended = view.ended().map(|(wall, _)| wall);
    let mut children = Vec::new();
    let later = ids.into_iter().rev().filter(|id| *id > run_id).take(MOST);
    for id in later {
        let Some((header, started)) = read_header(&store.run_dir(id)) else { continue };
        if ended.is_some_and(|ended| started > ended) {
            break;
        }
        if header.parent_run == Some(run_id) {
            children.push(Child { run_id: id, flow: header.flow });
        }
    }
    children
}
