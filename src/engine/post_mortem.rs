//! What the processes of an attempt are doing when its time is over: written to its log before the
//! first signal, since afterwards nobody can tell.
//!
//! Three threads, because each may hang where the next must go on: the one that looks into the
//! system, the one that writes to the log, and the one that sends the signal.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::local::Context;
use super::os::{self, Closer, Process};
use crate::model::{Mask, Ms, TaskId, escape, signal_name};
use crate::scheduler::{Input, Overdue};

/// The longest that the signal waits for the log.
const AT_MOST: Duration = Duration::from_secs(1);
/// The longest look; what it has seen by then is written.
const LOOK_AT_MOST: Duration = Duration::from_millis(800);
/// How many processes are shown.
const MAX_SHOWN: usize = 200;
/// How much of a command line, and of a call, is shown, in characters.
const MAX_WIDTH: usize = 300;
/// How many bytes of a program's name the system keeps.
const MAX_NAME: usize = 15;
/// From this depth on the tree grows no wider.
const MAX_DEPTH: usize = 20;

/// Writes to its log what an attempt is doing, and then sends a signal to its group. Returns at once.
pub(super) fn then_signal(
    run: &Arc<Context>,
    task: TaskId,
    attempt: u32,
    signal: i32,
    overdue: Overdue,
) {
    let Some(leader) = run.groups.expect_signal(task, attempt) else { return };
    let (written, is_written) = mpsc::channel::<()>();
    let context = run.clone();
    // Where it cannot be had, `written` is dropped at once, and the signal does not wait.
    let _ = thread("post-mortem", move || {
        let words = words(&context, overdue, signal, leader);
        context.logs.say(&context, task, attempt, &words);
        drop(written);
    });
    let context = run.clone();
    let send = move || {
        let _ = is_written.recv_timeout(AT_MOST); // nothing is ever sent: it is the end that counts
        context.groups.signal(task, attempt, signal);
        context.tell(Input::Signalled { task, attempt });
    };
    if thread("timeout", send).is_err() {
        run.groups.signal(task, attempt, signal);
        run.tell(Input::Signalled { task, attempt });
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

/// What was seen of the processes of an attempt.
#[derive(Debug, Default)]
struct Sight {
    /// The first of them, or why none could be seen.
    shown: Option<Result<Vec<Node>, String>>,
    n_more: usize,
    closer: HashMap<u32, Closer>,
}

/// A process in the tree.
#[derive(Debug)]
struct Node {
    process: Process,
    depth: usize,
}

/// News of the thread that looks.
enum News {
    Tree { shown: Result<Vec<Node>, String>, n_more: usize },
    Closer(u32, Closer),
}

fn words(run: &Context, overdue: Overdue, signal: i32, leader: Pid) -> String {
    let leader_pid = leader.as_raw_nonzero().get().cast_unsigned();
    let (news, seen) = mpsc::channel();
    let mask = run.mask.now();
    let sight = match thread("processes", move || look(leader, &mask, &news)) {
        Ok(()) => gather(&seen, Instant::now() + LOOK_AT_MOST),
        Err(error) => Sight { shown: Some(Err(error.to_string())), ..Sight::default() },
    };
    text(&sight, leader_pid, overdue, &signal_name(signal))
}

/// Looks at the processes, first at which there are, then at each more closely.
fn look(leader: Pid, mask: &Arc<Mask>, news: &Sender<News>) {
    let leader_pid = leader.as_raw_nonzero().get().cast_unsigned();
    let mut shown = match os::processes(leader) {
        Ok(all) => Ok(tree(all, leader_pid)),
        Err(error) => Err(error.to_string()),
    };
    let (mut pids, mut n_more) = (Vec::new(), 0);
    if let Ok(nodes) = &mut shown {
        n_more = nodes.len().saturating_sub(MAX_SHOWN);
        nodes.truncate(MAX_SHOWN);
        nodes.iter_mut().for_each(|node| node.process.name = masked_name(&node.process.name, mask));
        pids.extend(nodes.iter().map(|node| node.process.pid));
    }
    // Whoever waits for this may have given up: then there is nobody to tell.
    let mut goes_on = news.send(News::Tree { shown, n_more }).is_ok();
    for pid in pids {
        if !goes_on {
            return;
        }
        goes_on = news.send(News::Closer(pid, os::look_closer(pid, mask))).is_ok();
    }
}

/// Returns the name of a process without secrets.
fn masked_name(name: &str, mask: &Mask) -> String {
    if name.len() < MAX_NAME {
        return mask.text(name).into_owned();
    }
    // The cut may have gone through a character.
    mask.cut_text(name.trim_end_matches('\u{fffd}'))
}

/// Takes in what is seen until a moment.
fn gather(seen: &Receiver<News>, until: Instant) -> Sight {
    let mut sight = Sight::default();
    while let Ok(news) = seen.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match news {
            News::Tree { shown, n_more } => {
                sight.shown = Some(shown);
                sight.n_more = n_more;
            }
            News::Closer(pid, closer) => {
                sight.closer.insert(pid, closer);
            }
        }
    }
    sight
}

/// Returns the leader with all that descend from it, and the others of its group with theirs, every
/// parent before its children.
fn tree(all: Vec<Process>, leader: u32) -> Vec<Node> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut processes: HashMap<u32, Process> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process.pid);
        processes.insert(process.pid, process);
    }
    children.values_mut().for_each(|pids| pids.sort_unstable_by(|a, b| b.cmp(a)));
    let is_member = |pid: u32| processes.get(&pid).is_some_and(|p| p.group == leader);
    // Those whose parent is one of the group too are found below it.
    let mut adopted: Vec<u32> = processes
        .values()
        .filter(|process| process.group == leader && !is_member(process.parent))
        .map(|process| process.pid)
        .collect();
    adopted.sort_unstable_by(|a, b| b.cmp(a));
    // The last is taken first.
    let mut stack: Vec<(u32, usize)> = adopted.into_iter().map(|pid| (pid, 0)).collect();
    stack.push((leader, 0));
    let mut met = HashSet::new();
    let mut nodes = Vec::new();
    while let Some((pid, depth)) = stack.pop() {
        // A number that was given anew while we looked could make a circle.
        let Some(process) = processes.get(&pid).filter(|_| met.insert(pid)) else { continue };
        nodes.push(Node { process: process.clone(), depth });
        let below = children.get(&pid).into_iter().flatten();
        stack.extend(below.map(|child| (*child, depth + 1)));
    }
    nodes
}

/// Returns what is written to the log: a line that tells what it is, and a line a process.
fn text(sight: &Sight, leader: u32, overdue: Overdue, signal: &str) -> String {
    let head = match overdue {
        Overdue::Attempt(limit) => format!("pyoco: timeout of {limit};"),
        Overdue::Run(limit) => format!("pyoco: timeout of the run, {limit};"),
    };
    let nodes = match &sight.shown {
        Some(Ok(nodes)) if nodes.is_empty() => {
            return format!("{head} before {signal} process {leader} was gone already\n");
        }
        Some(Ok(nodes)) => nodes,
        Some(Err(error)) => {
            let error = escape(error);
            return format!("{head} the processes before {signal} cannot be seen: {error}\n");
        }
        None => {
            let waited = Ms::from(LOOK_AT_MOST);
            return format!("{head} the system did not tell within {waited} what runs\n");
        }
    };
    let mut text = format!("{head} the processes before {signal}:\n");
    let heads = ["PID", "PARENT", "STATE", "CPU", "WAITS IN"].map(str::to_owned);
    let mut rows = vec![(heads, "COMMAND".to_owned())];
    rows.extend(nodes.iter().map(|node| row(node, sight.closer.get(&node.process.pid), leader)));
    let width = |column: usize| rows.iter().map(|(cells, _)| cells[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).filter_map(width).collect();
    for (cells, command) in &rows {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "  {cell:width$}"); // a String takes everything
        }
        let _ = writeln!(text, "  {command}");
    }
    if sight.n_more > 0 {
        let _ = writeln!(text, "  … and {} more", sight.n_more);
    }
    text
}

/// Returns the cells of a process, and behind them its command with what is to be noted.
fn row(node: &Node, closer: Option<&Closer>, leader: u32) -> ([String; 5], String) {
    let process = &node.process;
    let unknown = || "-".to_owned();
    let waits_in = closer.and_then(|closer| closer.waits_in.as_deref());
    let cells = [
        process.pid.to_string(),
        process.parent.to_string(),
        state(process.state),
        process.cpu.map_or_else(unknown, |cpu| cpu.to_string()),
        waits_in.map_or_else(unknown, cut),
    ];
    let indent = "  ".repeat(node.depth.min(MAX_DEPTH));
    let command = match closer.and_then(|closer| closer.command.as_deref()) {
        Some(command) => cut(command),
        None => format!("[{}]", cut(&process.name)),
    };
    let mut notes = Vec::new();
    if let Some(call) = closer.and_then(|closer| closer.call.as_deref()) {
        notes.push(format!("in {}", cut(call)));
    }
    if process.n_threads > 1 {
        notes.push(format!("{} threads", process.n_threads));
    }
    if process.group != leader {
        notes.push(format!("left the task's group for {}", process.group));
    }
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) };
    (cells, format!("{indent}{command}{notes}"))
}

/// Returns the beginning of what the system told, harmless.
fn cut(told: &str) -> String {
    let told = escape(told);
    match told.char_indices().nth(MAX_WIDTH) {
        None => told.into_owned(),
        Some((at, _)) => format!("{}…", &told[..at]),
    }
}

fn state(letter: Option<char>) -> String {
    let word = match letter {
        Some('R') => "running",
        Some('S') => "sleeping",
        Some('D') => "disk sleep",
        Some('T') => "stopped",
        Some('t') => "traced",
        Some('Z') => "zombie",
        Some('X' | 'x') => "dead",
        Some('I') => "idle",
        Some(other) => return escape(&other.to_string()).into_owned(),
        None => "unknown",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, group: u32, name: &str) -> Process {
        let (state, cpu) = (Some('S'), Some(Ms(10)));
        Process { pid, parent, group, name: name.into(), state, cpu, n_threads: 1 }
    }

    fn shape(all: Vec<Process>) -> String {
        let nodes = tree(all, 10);
        let node = |node: &Node| format!("{}{}", ">".repeat(node.depth), node.process.pid);
        nodes.iter().map(node).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_tree_is_the_leaders_descendants_and_its_group() {
        let all = vec![
            process(30, 20, 10, "child of an orphan"),
            process(20, 1, 10, "an orphan of the group"),
            process(12, 11, 12, "left the group"),
            process(13, 12, 12, "its child"),
            process(40, 9, 9, "somebody else"),
            process(15, 10, 10, "second child"),
            process(11, 10, 10, "first child"),
            process(9, 1, 9, "pyoco"),
            process(10, 9, 10, "leader"),
        ];
        assert_eq!(shape(all), "10 >11 >>12 >>>13 >15 20 >30");
        // The leader is gone; numbers that were given anew make a circle.
        let circle =
            vec![process(20, 1, 10, "a"), process(21, 22, 5, "b"), process(22, 21, 5, "c")];
        assert_eq!(shape(circle), "20");
        let circle = vec![process(10, 11, 10, "a"), process(11, 10, 10, "b")];
        assert_eq!(shape(circle), "10 >11");
        assert_eq!(shape(vec![process(7, 1, 7, "other")]), "");
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain = (10..100_010).map(|pid| process(pid, pid - 1, 10, "link")).collect();
        assert_eq!(tree(chain, 10).len(), 100_000);
    }

    fn told(sight: &Sight) -> String {
        text(sight, 10, Overdue::Attempt(Ms(1500)), "SIGTERM")
    }

    #[test]
    fn everything_is_told_in_columns_and_harmless() {
        let mut spinning = process(12, 10, 12, "spin");
        (spinning.state, spinning.cpu, spinning.n_threads) = (Some('R'), Some(Ms(70_000)), 3);
        let hostile = process(11, 10, 10, "evil\x1b[2J\n");
        let all = vec![process(10, 9, 10, "sh"), hostile, spinning];
        let mut sight = Sight { shown: Some(Ok(tree(all, 10))), n_more: 7, ..Sight::default() };
        let closer = Closer {
            waits_in: Some("do_wait".into()),
            call: Some("read of fd 0, /a\u{202e}b".into()),
            command: Some("sh -c 'a b'".into()),
        };
        sight.closer.insert(10, closer);
        let expected = "\
pyoco: timeout of 1.5 s; the processes before SIGTERM:
  PID  PARENT  STATE     CPU    WAITS IN  COMMAND
  10   9       sleeping  10 ms  do_wait   sh -c 'a b'  (in read of fd 0, /a\\u{202e}b)
  11   10      sleeping  10 ms  -           [evil\\x1b[2J\\n]
  12   10      running   1m10s  -           [spin]  (3 threads; left the task's group for 12)
  … and 7 more
";
        assert_eq!(told(&sight), expected);
    }

    #[test]
    fn what_cannot_be_seen_is_told_too() {
        let mut sight = Sight::default();
        let expected = "pyoco: timeout of 1.5 s; the system did not tell within 800 ms what runs\n";
        assert_eq!(told(&sight), expected);
        sight.shown = Some(Err("no\nway".into()));
        let expected =
            "pyoco: timeout of 1.5 s; the processes before SIGTERM cannot be seen: no\\nway\n";
        assert_eq!(told(&sight), expected);
        sight.shown = Some(Ok(Vec::new()));
        let expected = "pyoco: timeout of 1.5 s; before SIGTERM process 10 was gone already\n";
        assert_eq!(told(&sight), expected);
    }

    #[test]
    fn a_look_that_hangs_is_waited_for_no_longer_than_it_may() {
        let (news, seen) = mpsc::channel();
        let shown = Ok(tree(vec![process(10, 9, 10, "sh")], 10));
        news.send(News::Tree { shown, n_more: 0 }).expect("it is received");
        // The sender lives on, as that of a thread that hangs would.
        let sight = gather(&seen, Instant::now());
        let told = told(&sight);
        assert!(told.contains("  [sh]\n"), "{told}");
    }
}
