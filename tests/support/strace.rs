//! Reads what strace wrote of pyoco and all below it, and holds every signal that pyoco sent against
//! the groups whose leaders were there at that moment.

use std::collections::{HashMap, HashSet};

/// The system calls that must be traced: `strace -f -e trace=…`.
pub(crate) const TRACED: &str = "kill,tkill,tgkill,pidfd_open,pidfd_send_signal,wait4,waitid,clone,clone3,vfork,fork,exit_group";

/// What the signals of a program came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Processes that it started and that led a group.
    pub(crate) leaders: usize,
    /// Leaders that it reaped.
    pub(crate) reaped: usize,
    /// Signals to groups by their number.
    pub(crate) by_number: usize,
    /// Signals to groups by a descriptor.
    pub(crate) by_descriptor: usize,
    /// The shortest distance between the last signal to a group and the reaping of its leader, in
    /// lines of the log: how near the two came.
    pub(crate) nearest: Option<usize>,
    /// Numbers that were given to more than one leader.
    pub(crate) reused: usize,
}

/// One system call: the line where it began, the one where it ended, and what it was.
#[derive(Debug)]
struct Call<'a> {
    from: usize,
    to: usize,
    thread: u32,
    name: &'a str,
    arguments: String,
    result: Option<i64>,
}

/// Goes through the log of a program that strace itself started.
///
/// # Errors
/// With what the first stray signal was.
pub(crate) fn check(log: &str) -> Result<Tally, String> {
    let (calls, exits) = calls(log);
    let program = log.split_whitespace().next().and_then(|word| word.parse().ok());
    let program: u32 = program.ok_or("the log is empty")?;
    let threads = threads(&calls, &exits, program, log.lines().count());
    let is_ours = |call: &&Call<'_>| {
        let spans = threads.get(&call.thread);
        spans.is_some_and(|spans| spans.iter().any(|(from, to)| (*from..=*to).contains(&call.from)))
    };
    let mut state = State::default();
    // What a call needs must be there when it begins, and what it takes away is gone from then on.
    let mut moments: Vec<(usize, bool, &Call<'_>)> = Vec::new();
    for call in calls.iter().filter(is_ours) {
        moments.push((call.from, true, call));
        moments.push((call.to, false, call));
    }
    moments.sort_by_key(|(line, begins, _)| (*line, !*begins));
    for (line, begins, call) in moments {
        state.take(line, begins, call)?;
    }
    Ok(state.tally)
}

#[derive(Default)]
struct State {
    tally: Tally,
    /// The leaders that were started and are not being reaped, with the line of the last signal.
    live: HashMap<i64, Option<usize>>,
    /// Signals on their way.
    sending: HashMap<i64, usize>,
    seen: HashSet<i64>,
}

impl State {
    fn take(&mut self, line: usize, begins: bool, call: &Call<'_>) -> Result<(), String> {
        match (call.name, begins) {
            ("clone" | "clone3" | "vfork" | "fork", false) if !is_thread(call) => {
                if let Some(pid) = call.result.filter(|pid| *pid > 0) {
                    self.live.insert(pid, None);
                    self.tally.leaders += 1;
                    self.tally.reused += usize::from(!self.seen.insert(pid));
                }
            }
            ("wait4" | "waitid", true) => {
                if let Some(pid) = reaped(call) {
                    if self.sending.get(&pid).is_some_and(|n| *n > 0) {
                        return Err(format!("line {line}: {pid} is reaped during a signal to it"));
                    }
                    if let Some(last) = self.live.remove(&pid) {
                        self.tally.reaped += 1;
                        let distance = last.map(|last| line - last);
                        self.tally.nearest =
                            [self.tally.nearest, distance].into_iter().flatten().min();
                    }
                }
            }
            ("kill", _) => return self.signal(line, begins, call),
            ("tkill" | "tgkill", true) => {
                let target = call.arguments.split(", ").nth(usize::from(call.name == "tgkill"));
                if target != Some(&call.thread.to_string()) {
                    return Err(format!("line {line}: a signal to another: {}", call.arguments));
                }
            }
            ("pidfd_send_signal", true) => {
                // Such a descriptor means one group, whatever becomes of the number.
                let flags = call.arguments.rsplit(", ").next().unwrap_or_default();
                if flags != "0x4" && flags != "PIDFD_SIGNAL_PROCESS_GROUP" {
                    return Err(format!("line {line}: not to a group: {}", call.arguments));
                }
                self.tally.by_descriptor += usize::from(!call.arguments.contains(", 0, "));
            }
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self, line: usize, begins: bool, call: &Call<'_>) -> Result<(), String> {
        let target = call.arguments.split(", ").next().and_then(|word| word.parse::<i64>().ok());
        let target = target.ok_or_else(|| format!("line {line}: kill({})", call.arguments))?;
        let stray = || format!("line {line}: a stray signal: kill({})", call.arguments);
        if target >= 0 {
            // The watchdog, which leads no task, is killed where it does not go by itself in time.
            let is_kill = call.arguments.ends_with("SIGKILL");
            let is_ours = is_kill && (!begins || self.live.contains_key(&target));
            return if is_ours { Ok(()) } else { Err(stray()) };
        }
        let sending = self.sending.entry(-target).or_default();
        if begins {
            *sending += 1;
            let last = self.live.get_mut(&-target).ok_or_else(stray)?;
            *last = Some(line);
            self.tally.by_number += 1;
        } else {
            *sending -= 1;
            if let Some(last) = self.live.get_mut(&-target) {
                *last = Some(line);
            }
        }
        Ok(())
    }
}

/// Returns the spans in which each number was a thread of the program.
fn threads(
    calls: &[Call<'_>],
    exits: &[(usize, u32)],
    program: u32,
    end: usize,
) -> HashMap<u32, Vec<(usize, usize)>> {
    let mut threads: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
    let until = |from: usize, thread: u32| {
        let exit = exits.iter().find(|(line, of)| *line >= from && *of == thread);
        exit.map_or(end, |(line, _)| *line)
    };
    threads.insert(program, vec![(0, until(0, program))]);
    for call in calls.iter().filter(|call| is_thread(call)) {
        let is_ours = threads
            .get(&call.thread)
            .is_some_and(|spans| spans.iter().any(|(from, to)| (*from..=*to).contains(&call.from)));
        if is_ours && let Some(thread) = call.result.and_then(|pid| u32::try_from(pid).ok()) {
            // Its first lines may come before the end of the call that made it, but an exit between
            // the two is that of the number's last owner only where it begins no line after it.
            let span = (call.from, until(call.to, thread));
            threads.entry(thread).or_default().push(span);
        }
    }
    threads
}

fn is_thread(call: &Call<'_>) -> bool {
    call.name.starts_with("clone") && call.arguments.contains("CLONE_THREAD")
}

/// Returns the process that a call reaps, if it does. One that is told to leave it does not.
fn reaped(call: &Call<'_>) -> Option<i64> {
    let words: Vec<&str> = call.arguments.split(", ").collect();
    match call.name {
        "wait4" => call.result.filter(|pid| *pid > 0),
        _ if call.arguments.contains("WNOWAIT") || call.result != Some(0) => None,
        _ if words[0] == "P_PID" => words[1].parse().ok(),
        _ => {
            let (_, rest) = call.arguments.split_once("si_pid=")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        }
    }
}

/// Returns the calls in the order of their beginnings, and the exits of threads.
fn calls(log: &str) -> (Vec<Call<'_>>, Vec<(usize, u32)>) {
    let (mut calls, mut exits): (Vec<Call<'_>>, Vec<(usize, u32)>) = (Vec::new(), Vec::new());
    let mut open: HashMap<u32, usize> = HashMap::new();
    for (line, text) in log.lines().enumerate() {
        let Some((thread, text)) = text.split_once(char::is_whitespace) else { continue };
        let Ok(thread) = thread.parse::<u32>() else { continue };
        let text = text.trim_start();
        if text.starts_with("+++") {
            exits.push((line, thread));
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let Some(index) = open.remove(&thread) else { continue };
            let rest = rest.split_once(" resumed>").map_or("", |(_, rest)| rest);
            let (arguments, result) = ended(rest);
            calls[index].to = line;
            calls[index].arguments.push_str(arguments);
            calls[index].result = result;
        } else if let Some((name, rest)) = text.split_once('(') {
            if name.starts_with("---") {
                continue;
            }
            let is_unfinished = rest.split_once(" <unfinished ...>");
            let (arguments, result) = is_unfinished.map_or_else(|| ended(rest), |(a, _)| (a, None));
            if is_unfinished.is_some() {
                open.insert(thread, calls.len());
            }
            let arguments = arguments.to_owned();
            calls.push(Call { from: line, to: line, thread, name, arguments, result });
        }
    }
    (calls, exits)
}

/// Splits the end of a call into what is left of its arguments and its result.
fn ended(text: &str) -> (&str, Option<i64>) {
    let Some((arguments, result)) = text.rsplit_once(" = ") else { return (text, None) };
    let arguments = arguments.trim_end().trim_end_matches(')');
    (arguments, result.split_whitespace().next().and_then(|word| word.parse().ok()))
}
