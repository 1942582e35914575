//! `/proc`: which processes there are, and what it says of each in its line `stat`.

use std::fs;

use rustix::process::{Pid, getpid};

/// What is said of a process in `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// What the system calls it, which is mostly the name of its program.
    pub(super) name: String,
    /// The system's letter for what it is doing.
    pub(super) state: char,
    pub(super) parent: u32,
    /// `None` for some threads of the kernel, and for who is just going.
    pub(super) group: Option<Pid>,
    pub(super) session: i32,
    /// Processor time so far, in ticks.
    pub(super) cpu: u64,
    pub(super) n_threads: u64,
    /// In ticks since the start of the machine.
    pub(super) start: u64,
}

impl Stat {
    /// Returns `None` for a process that is not there.
    pub(super) fn of(pid: Pid) -> Option<Stat> {
        Stat::parse(&fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
    }

    /// Reads the line `pid (name) state parent group …`. The name may hold anything, also parentheses,
    /// and bytes that are no text: the system cuts it anywhere.
    fn parse(line: &[u8]) -> Option<Stat> {
        let line = String::from_utf8_lossy(line);
        let (before, rest) = line.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        // Counted from the state, which is the third field in proc(5).
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let signed = |index: usize| fields.get(index)?.parse::<i32>().ok();
        Some(Stat {
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            group: Some(signed(2)?).filter(|group| *group > 0).and_then(Pid::from_raw),
            session: signed(3)?,
            cpu: number(11)?.saturating_add(number(12)?),
            n_threads: number(17)?,
            start: number(19)?,
        })
    }

    /// Returns whether it has not exited yet.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// Returns the numbers of all processes.
pub(super) fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pid = |name: &str| name.parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    entries.filter_map(move |entry| pid(entry.ok()?.file_name().to_str()?))
}

/// Returns whether `/proc` speaks of the processes that we see: in a namespace of processes with the
/// outer one's `/proc` the numbers there are other processes.
pub(super) fn is_ours() -> bool {
    let own = getpid().as_raw_nonzero().to_string();
    fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "S 5 4711 4710 0 -1 4194304 1 2 3 4 150 50 7 8 20 0 3 0 815 1 2";

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        for name in ["sh", "a b", "a) R 7 7 7", "((", "", "\n"] {
            let stat = Stat {
                name: name.to_owned(),
                state: 'S',
                parent: 5,
                group: Pid::from_raw(4711),
                session: 4710,
                cpu: 200,
                n_threads: 3,
                start: 815,
            };
            assert_eq!(Stat::parse(format!("7 ({name}) {REST}").as_bytes()), Some(stat), "{name}");
        }
        let cut = [b"7 (half a letter \xc3) ", REST.as_bytes()].concat();
        let stat = Stat::parse(&cut).expect("it is whole");
        assert_eq!((stat.name.as_str(), stat.start), ("half a letter \u{fffd}", 815));
    }

    #[test]
    fn a_damaged_line_is_none() {
        for line in ["", "7 (sh", "7 (sh) S", "7 (sh) S x 6", "7 (sh) S 1 x 2", "7 (sh) S 1 2 3 4"]
        {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn who_has_exited_is_not_alive() {
        for (state, is_alive) in [("R", true), ("D", true), ("T", true), ("Z", false), ("X", false)]
        {
            let line = format!("7 (sh) {state}{}", &REST[1..]);
            let stat = Stat::parse(line.as_bytes()).expect("it is whole");
            assert_eq!(stat.is_alive(), is_alive, "{state}");
        }
    }

    #[test]
    fn who_is_in_no_group_is_a_process_too() {
        let line = format!("7 (kthreadd) {}", REST.replace("4711 4710", "-1 -1"));
        assert_eq!(Stat::parse(line.as_bytes()).expect("it is whole").group, None);
    }
}
