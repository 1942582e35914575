//! Whether a group is that of a run's task, as `/proc` tells it. For the watchdog, which must
//! not trust numbers: who it was told of may be gone, and the number be somebody else's.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};

use rustix::process::Pid;

use super::super::Belonging;
use super::super::session::is_led_in;
use super::proc::{self, Stat};
use crate::engine::watchdog::Watched;

/// Returns when a process was started, in a measure of the system's own.
pub(in crate::engine) fn start_time(pid: Pid) -> Option<u64> {
    if !proc::is_ours() {
        return None;
    }
    Stat::of(pid).map(|stat| stat.start)
}

/// Returns whether a group is still that of the run's task: its leader has the start time that was
/// told, or a member has the run's id in its environment. Where `/proc` cannot say it, the leader must
/// be in the session that was told.
pub(in crate::engine) fn belonging(leader: Pid, start: Option<u64>, watched: Watched) -> Belonging {
    if !proc::is_ours() {
        let is_ours = is_led_in(watched.session, leader);
        return if is_ours { Belonging::Ours } else { Belonging::Foreign };
    }
    if start.is_some() && start_time(leader) == start {
        return Belonging::Ours;
    }
    let is_member =
        |pid: &Pid| Stat::of(*pid).is_some_and(|it| it.group == Some(leader) && it.is_alive());
    let mut found = Belonging::Foreign;
    for pid in proc::all().filter(is_member) {
        match belonging_of(pid, watched) {
            Belonging::Ours => return Belonging::Ours,
            Belonging::Foreign => {}
            Belonging::Unclear => found = Belonging::Unclear,
        }
    }
    found
}

/// Returns the groups of the run's tasks that are not among those `known`. Only what leads a group in
/// pyoco's own session is taken for a task: what a task started may have a session of its own.
pub(in crate::engine) fn untold_groups(watched: Watched, known: &HashSet<Pid>) -> Vec<Pid> {
    if !proc::is_ours() {
        return Vec::new();
    }
    let is_task = |pid: &Pid| {
        Stat::of(*pid).is_some_and(|it| it.group == Some(*pid) && it.session == watched.session)
            && belonging_of(*pid, watched) == Belonging::Ours
    };
    proc::all().filter(is_task).filter(|leader| !known.contains(leader)).collect()
}

fn belonging_of(pid: Pid, watched: Watched) -> Belonging {
    match environment(pid) {
        // While a process goes from one program to the next it shows no environment, or its beginning.
        Ok(environment) if environment.last() != Some(&0) => Belonging::Unclear,
        Ok(environment) => {
            let wanted = format!("PYOCO_RUN_ID={}", watched.run_id);
            let is_ours = environment.split(|byte| *byte == 0).any(|it| it == wanted.as_bytes());
            if is_ours { Belonging::Ours } else { Belonging::Foreign }
        }
        Err(_) => Belonging::Unclear,
    }
}

/// Returns the environment that a process was started with, in few reads: each shows one moment.
fn environment(pid: Pid) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(format!("/proc/{}/environ", pid.as_raw_nonzero()))?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(bytes),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_stays() {
        let own = rustix::process::getpid();
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
    }
}
