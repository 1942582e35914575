//! What a run tells its watchdog: lines over a pipe, one message each.
//!
//! ```text
//! starting            a task is being started; its group is not known yet
//! not started         that start has failed
//! group 4711 815      it has succeeded: the group, and its leader's start time (`-`: unknown)
//! gone 4711           the group is no longer the run's; told before its number can be another's
//! over                the run has its end, and nothing is left to do
//! ```
//!
//! A line that is none of these changes nothing, nor does one that has not come to its end.

use std::collections::HashMap;
use std::fmt;

use rustix::process::Pid;

/// No line is longer; what is, is none of ours.
const MAX_LINE: usize = 64;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Message {
    Starting,
    NotStarted,
    Group { leader: Pid, start: Option<u64> },
    Gone { leader: Pid },
    Over,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Starting => writeln!(f, "starting"),
            Message::NotStarted => writeln!(f, "not started"),
            Message::Group { leader, start: Some(start) } => {
                writeln!(f, "group {} {start}", leader.as_raw_nonzero())
            }
            Message::Group { leader, start: None } => {
                writeln!(f, "group {} -", leader.as_raw_nonzero())
            }
            Message::Gone { leader } => writeln!(f, "gone {}", leader.as_raw_nonzero()),
            Message::Over => writeln!(f, "over"),
        }
    }
}

impl Message {
    /// Reads a line without its newline.
    fn parse(line: &[u8]) -> Option<Message> {
        let words: Vec<&str> = str::from_utf8(line).ok()?.split(' ').collect();
        match words[..] {
            ["starting"] => Some(Message::Starting),
            ["not", "started"] => Some(Message::NotStarted),
            ["group", leader, "-"] => Some(Message::Group { leader: group(leader)?, start: None }),
            ["group", leader, start] => {
                Some(Message::Group { leader: group(leader)?, start: Some(number(start)?) })
            }
            ["gone", leader] => Some(Message::Gone { leader: group(leader)? }),
            ["over"] => Some(Message::Over),
            _ => None,
        }
    }
}

fn number(word: &str) -> Option<u64> {
    // Without this a sign would pass.
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// Reads the number of a group. 1 is nobody's task, and to signal it means to signal everybody.
fn group(word: &str) -> Option<Pid> {
    let raw = i32::try_from(number(word)?).ok()?;
    Pid::from_raw(raw).filter(|_| raw > 1)
}

/// What a watchdog knows of its run: the fold over all messages.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The leaders of the groups that are there, with their start times.
    pub(super) groups: HashMap<Pid, Option<u64>>,
    /// How many tasks are being started.
    pub(super) starting: usize,
    /// Whether the run has its end.
    pub(super) is_over: bool,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Told {
    /// Takes what came over the pipe, cut anywhere.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                if let Some(message) = Message::parse(&self.line) {
                    self.apply(message);
                }
                self.line.clear();
            } else if self.line.len() <= MAX_LINE {
                self.line.push(*byte); // one too many makes it none of ours
            }
        }
    }

    fn apply(&mut self, message: Message) {
        match message {
            Message::Starting => self.starting += 1,
            Message::NotStarted => self.starting = self.starting.saturating_sub(1),
            Message::Group { leader, start } => {
                self.starting = self.starting.saturating_sub(1);
                self.groups.insert(leader, start);
            }
            Message::Gone { leader } => drop(self.groups.remove(&leader)),
            Message::Over => self.is_over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).expect("no process has the number 0")
    }

    /// Returns what is known after these bytes: groups, tasks being started, whether it is over.
    fn told(bytes: &[u8]) -> (Vec<(i32, Option<u64>)>, usize, bool) {
        let mut told = Told::default();
        told.take(bytes);
        let mut groups: Vec<_> =
            told.groups.iter().map(|(pid, start)| (pid.as_raw_nonzero().get(), *start)).collect();
        groups.sort_unstable();
        (groups, told.starting, told.is_over)
    }

    #[test]
    fn what_is_written_is_read() {
        let messages = [
            Message::Starting,
            Message::NotStarted,
            Message::Group { leader: pid(4711), start: Some(u64::MAX) },
            Message::Group { leader: pid(i32::MAX), start: None },
            Message::Gone { leader: pid(2) },
            Message::Over,
        ];
        for message in messages {
            let line = message.to_string();
            let read = line.strip_suffix('\n').and_then(|line| Message::parse(line.as_bytes()));
            assert_eq!(read, Some(message), "{line}");
            assert!(line.len() <= MAX_LINE, "{line}");
        }
    }

    #[test]
    fn groups_come_and_go() {
        assert_eq!(told(b""), (vec![], 0, false));
        assert_eq!(told(b"starting\nstarting\ngroup 7 12\n"), (vec![(7, Some(12))], 1, false));
        assert_eq!(told(b"starting\nnot started\n"), (vec![], 0, false));
        assert_eq!(told(b"group 7 12\ngroup 8 -\ngone 7\n"), (vec![(8, None)], 0, false));
        assert_eq!(told(b"group 7 12\ngroup 7 13\n"), (vec![(7, Some(13))], 0, false));
        assert_eq!(told(b"gone 7\nnot started\n"), (vec![], 0, false));
        assert_eq!(told(b"group 7 12\nover\n"), (vec![(7, Some(12))], 0, true));
    }

    #[test]
    fn garbage_names_no_group() {
        let garbage: [&[u8]; 22] = [
            b"group 1 12\n",
            b"group 0 12\n",
            b"group -1 12\n",
            b"group -7 12\n",
            b"group +7 12\n",
            b"group 7\n",
            b"group  7 12\n",
            b"group 7 12 \n",
            b"group 7 12 13\n",
            b"group 7 -1\n",
            b"group 7 --\n",
            b"group 7 12\r\n",
            b"group 7 99999999999999999999\n",
            b"group 4294967303 12\n",
            b"group 2147483648 12\n",
            b"Group 7 12\n",
            b"xgroup 7 12\n",
            b"group 7 12\0\n",
            b"group\t7\t12\n",
            b"\xff\xfe\n",
            b"\n\n\n",
            b"7\n",
        ];
        for bytes in garbage {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(told(bytes), (vec![], 0, false), "{shown}");
            // The next line is good again.
            let then = [bytes, b"group 9 1\n"].concat();
            assert_eq!(told(&then), (vec![(9, Some(1))], 0, false), "{shown}");
        }
    }

    #[test]
    fn a_line_without_its_end_says_nothing() {
        let all = b"starting\ngroup 123 456\n";
        for cut in 0..all.len() {
            assert_eq!(told(&all[..cut]).0, [], "{cut}");
        }
        assert_eq!(told(all).0, [(123, Some(456))]);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_come() {
        let all = b"starting\ngroup 123 456\nstarting\ngroup 77 -\ngone 123\nstarting\n";
        for cut in 0..=all.len() {
            let mut told = Told::default();
            told.take(&all[..cut]);
            told.take(&all[cut..]);
            assert_eq!(told.groups, HashMap::from([(pid(77), None)]), "{cut}");
            assert_eq!(told.starting, 1, "{cut}");
        }
    }

    #[test]
    fn a_line_that_does_not_end_takes_no_memory() {
        let mut told = Told::default();
        for _ in 0..1000 {
            told.take(&[b'7'; 1000]);
        }
        assert!(told.line.len() <= MAX_LINE + 1);
        told.take(b"\ngroup 9 1\n");
        assert_eq!(told.groups.len(), 1);
    }
}
