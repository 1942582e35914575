//! How long a run still takes, for its live view: what its tasks took in earlier runs, held against
//! where they stand now.
//!
//! The records are read on a thread of their own, and not before the live view asks for the first
//! time: a run that is short or that nobody looks at does none of this.

use std::sync::{Arc, Once, OnceLock};

use crate::cli::plan::history_of;
use crate::event::RunView;
use crate::model::Ms;
use crate::record::JsonlStore;
use crate::scheduler::{self, Plan};
use crate::trace::Remaining;

/// A larger run is not thought through every second: it takes the live view more than a frame.
const MAX_TASKS: usize = 5_000;

/// Returns what answers for this plan of the file with this path in the records; `None` for a run that
/// is too large.
pub(super) fn remaining(plan: &Plan, path: &str, store: JsonlStore) -> Option<Remaining> {
    if plan.flow.tasks().len() > MAX_TASKS {
        return None;
    }
    let (plan, path) = (Arc::new(plan.clone()), path.to_owned());
    let (times, begun) = (Arc::new(OnceLock::new()), Once::new());
    Some(Remaining(Arc::new(move |view: &RunView, now: Ms| {
        begun.call_once(|| {
            let (plan, path) = (Arc::clone(&plan), path.clone());
            let (times, store) = (Arc::clone(&times), store.clone());
            let read = move || drop(times.set(times_of(&plan, &path, &store)));
            // Without a thread there is no answer, and nothing else is missing.
            drop(std::thread::Builder::new().name("history".into()).spawn(read));
        });
        let times = times.get()?;
        scheduler::remaining(&plan, |id| times[id.index()], view, now)
    })))
}

/// Returns by task how long it takes, where that is known.
fn times_of(plan: &Plan, path: &str, store: &JsonlStore) -> Vec<Option<Ms>> {
    // Records that cannot be read are told of by those who look at them.
    let history = history_of(&plan.flow, path, store).unwrap_or_default();
    plan.flow.tasks().iter().map(|task| history.of(task.name())).collect()
}
