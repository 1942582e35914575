//! Reaps what this process inherited: as the first process of a container it gets the children of all
//! that end before them.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::{Groups, lock};
use crate::engine::os::{ended_children, is_in_our_group};

impl Groups {
    /// Reaps the children that have ended and that nobody here waits for: this process inherited them
    /// from others. Returns whether there may be more in a moment.
    pub(in crate::engine) fn reap_orphans(&self) -> bool {
        loop {
            let looks: Vec<Look> = ended_children().into_iter().map(|pid| self.look(pid)).collect();
            if !looks.contains(&Look::Orphan) {
                return looks.contains(&Look::Unclear);
            }
        }
    }

    /// Looks at a child that has ended; reaps an orphan.
    fn look(&self, pid: Pid) -> Look {
        // Under the lock no leader is entered or reaped. A child that has ended was either started by
        // us before we look whether something is being started, and then that is so or it is in the
        // table; or we inherited it. Or it is a helper such as `git`, which stays in our own group.
        let table = lock(&self.table);
        let is_somebodys = || table.has_leaked(pid) || table.awaited.contains(&pid);
        if !has_ended(pid, WaitIdOptions::NOWAIT) || is_somebodys() || is_in_our_group(pid) {
            return Look::Kept;
        }
        match table.watchdog_is(pid) {
            Some(true) => return Look::Kept,
            None => return Look::Unclear,
            Some(false) => {}
        }
        if table.is_starting() || table.is_live(pid) {
            return Look::Unclear;
        }
        has_ended(pid, WaitIdOptions::empty());
        Look::Orphan
    }
}

/// What a child that has ended is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// One of ours that stays, or none any more.
    Kept,
    /// Perhaps one of ours that is reaped in a moment.
    Unclear,
    /// An orphan, which is reaped now.
    Orphan,
}

/// Returns whether a child has ended; unless told not to, this reaps it.
fn has_ended(pid: Pid, options: WaitIdOptions) -> bool {
    let options = options | WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
}
