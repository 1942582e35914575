//! Who holds which pipe open, as `/proc` tells.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Pid, getpid};

use super::{living_group_of, proc};

/// Who is in which group and who holds which pipe open, this process excepted.
///
/// A look into `/proc`, so that it can miss who comes and goes meanwhile.
#[derive(Debug, Default)]
pub(in crate::engine) struct Holders {
    of_groups: HashMap<Pid, Vec<Pid>>,
    /// By the numbers that the system gives to pipes.
    of_pipes: HashMap<u64, Vec<Pid>>,
}

impl Holders {
    /// Looks at all processes.
    pub(in crate::engine) fn look() -> Holders {
        let mut holders = Holders::default();
        let own = getpid();
        for pid in proc::all().filter(|pid| *pid != own) {
            if let Some(group) = living_group_of(pid) {
                holders.of_groups.entry(group).or_default().push(pid);
            }
            for pipe in pipes_of(pid) {
                holders.of_pipes.entry(pipe).or_default().push(pid);
            }
        }
        holders
    }

    /// Returns the processes that belong to `group` or hold one of `pipes` open.
    pub(in crate::engine) fn of(&self, group: Pid, pipes: &[BorrowedFd<'_>]) -> Vec<u32> {
        let of_group = self.of_groups.get(&group).into_iter();
        let numbers = pipes.iter().filter_map(|pipe| number(*pipe));
        let of_pipes = numbers.filter_map(|number| self.of_pipes.get(&number));
        let pids = of_group.chain(of_pipes).flatten();
        let mut pids: Vec<u32> =
            pids.map(|pid| pid.as_raw_nonzero().get().cast_unsigned()).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }
}

fn number(pipe: BorrowedFd<'_>) -> Option<u64> {
    let file = File::from(pipe.try_clone_to_owned().ok()?);
    Some(file.metadata().ok()?.ino())
}

/// Returns the pipes that a process holds; none where it may not be looked at.
fn pipes_of(pid: Pid) -> impl Iterator<Item = u64> {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    let targets = descriptors.into_iter().flatten();
    targets.filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()
    })
}
