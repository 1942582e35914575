//! How many files this process may have open: the usual 1024 is too few for some hundreds of tasks
//! at once, and most systems give more to who asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a task takes at most, while it is being started: two pipes with both ends, its standard
/// input, its log with the index, its exit, and its share of what the console reads back.
const FOR_A_TASK: u64 = 10;

/// What pyoco has open for itself, with the parts of long logs that wait for the console or in it.
const FOR_PYOCO: u64 = 32 + 200;

/// Raises the soft limit to what so many tasks at once need, as far as the system lets us. Where it
/// is enough it stays as it is: tasks inherit it, and some count on a small one.
///
/// Where it cannot be had, those that find no descriptor fail with that reason.
pub(super) fn make_room(n_tasks: u32) {
    let needed = FOR_PYOCO + FOR_A_TASK * u64::from(n_tasks);
    let limit = getrlimit(Resource::Nofile);
    let (Some(current), maximum) = (limit.current, limit.maximum) else { return };
    if current < needed {
        let raised = maximum.map_or(needed, |maximum| needed.min(maximum));
        // A system may refuse although its limit says otherwise; then it stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    }
}
