//! What `/proc` says of a process. It is read as bytes: a process may name itself anything, also what is
//! no UTF-8, and must not hide by that.

use std::fs;

/// A process as `/proc/PID/stat` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Stat {
    /// `R`, `S`, `D`, `T` (stopped), `Z` (has exited, and nobody has waited for it), …
    pub(crate) state: char,
    /// Its parent.
    pub(crate) parent: i32,
    /// Its group.
    pub(crate) group: i32,
    /// Its session.
    pub(crate) session: i32,
    /// When it started, in ticks since the machine did: tells it from a later one with its number.
    pub(crate) started: u64,
}

impl Stat {
    /// Returns whether it runs: one that has exited and is not reaped does not.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// Returns what is said of a process; `None` where it has gone.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `pid (name) state parent group session …`; the name may hold anything, also
/// parentheses, and nothing behind it holds one.
fn parse(bytes: &[u8]) -> Option<Stat> {
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&bytes[end + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Returns the numbers of all processes; none where there is no `/proc`.
pub(crate) fn all() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
