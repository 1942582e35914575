//! Linux: whether a group is that of a run's task, as `/proc` tells it. For the watchdog, which must
//! not trust numbers: who it was told of may be gone, and the number be somebody else's.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};

use rustix::process::{Pid, getpid};

use super::Belonging;
use super::session::is_led_in;
use crate::engine::watchdog::Watched;

/// What is said of a process in `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    /// Whether it has not exited yet.
    is_alive: bool,
    group: i32,
    session: i32,
    /// In ticks since the start of the machine.
    start: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Stat> {
        // pid (name) state parent group session …; the name may hold anything, also parentheses.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Stat {
            is_alive: !matches!(*fields.first()?, "Z" | "X"),
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Returns when a process was started, in a measure of the system's own.
pub(in crate::engine) fn start_time(pid: Pid) -> Option<u64> {
    if !is_proc_ours() {
        return None;
    }
    Stat::read(pid.as_raw_nonzero().get()).map(|stat| stat.start)
}

/// Returns whether a group is still that of the run's task: its leader has the start time that was
/// told, or a member has the run's id in its environment. Where `/proc` cannot say it, the leader must
/// be in the session that was told.
pub(in crate::engine) fn belonging(leader: Pid, start: Option<u64>, watched: Watched) -> Belonging {
    if !is_proc_ours() {
        let is_ours = is_led_in(watched.session, leader);
        return if is_ours { Belonging::Ours } else { Belonging::Foreign };
    }
    if start.is_some() && start_time(leader) == start {
        return Belonging::Ours;
    }
    let group = leader.as_raw_nonzero().get();
    let is_member =
        |pid: &i32| Stat::read(*pid).is_some_and(|stat| stat.group == group && stat.is_alive);
    let mut found = Belonging::Foreign;
    for pid in processes().filter(is_member) {
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
    if !is_proc_ours() {
        return Vec::new();
    }
    let is_task = |pid: &i32| {
        Stat::read(*pid).is_some_and(|stat| stat.group == *pid && stat.session == watched.session)
            && belonging_of(*pid, watched) == Belonging::Ours
    };
    let found = processes().filter(is_task).filter_map(Pid::from_raw);
    found.filter(|leader| !known.contains(leader)).collect()
}

/// Returns whether `/proc` speaks of the processes that we see: in a namespace of processes with the
/// outer one's `/proc` the numbers there are other processes.
fn is_proc_ours() -> bool {
    let own = getpid().as_raw_nonzero().to_string();
    fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn belonging_of(pid: i32, watched: Watched) -> Belonging {
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
fn environment(pid: i32) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(format!("/proc/{pid}/environ"))?;
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
    fn the_name_of_a_process_may_hold_anything() {
        let rest = "S 1 4711 4710 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 815 9 10";
        let stat = Some(Stat { is_alive: true, group: 4711, session: 4710, start: 815 });
        for name in ["sh", "a b", "a) R 7 7 7", "((", "", "\n"] {
            assert_eq!(Stat::parse(&format!("4712 ({name}) {rest}")), stat, "{name}");
        }
        for text in
            ["", "4712 (sh", "4712 (sh) S", "4712 (sh) S 1 x 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1"]
        {
            assert_eq!(Stat::parse(text), None, "{text}");
        }
    }

    #[test]
    fn who_has_exited_is_not_alive() {
        for (state, is_alive) in [("R", true), ("D", true), ("T", true), ("Z", false), ("X", false)]
        {
            let text = format!("7 (sh) {state} 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 815");
            assert_eq!(Stat::parse(&text).map(|stat| stat.is_alive), Some(is_alive), "{state}");
        }
    }

    #[test]
    fn a_start_time_stays() {
        let own = rustix::process::getpid();
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
    }
}
