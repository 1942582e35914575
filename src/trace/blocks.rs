//! The views of task output: which of it is shown when, and how it is told apart.
//!
//! - `group` and `live`: what a task prints is held and shown as one block when the attempt ends; a
//!   task that runs alone streams at once.
//! - `prefix`: each line behind the task's name. `stream`: as it comes.
//! - `failed`: only of failed tasks, at their end. `none`: nothing.
//!
//! Holds places in logs, not bytes: see [`Chunk`].

use std::collections::{BTreeMap, VecDeque};
use std::io;

use super::mode::OutputView;
use super::sanitise::{MAX_HELD, Sanitiser, last_lines};
use super::screen::{Inner, Kind, Side};
use crate::event::{Chunk, RunView, Stream};
use crate::model::{Ms, Size, TaskId, TaskState, escape};

/// The most pieces that are held of one task: about 1 MiB. Only a task that changes between its two
/// streams all the time has so many, since neighbours of one stream are one piece.
const MAX_PIECES: usize = 16_000;

/// The most parts of logs beside the first of each task that are held of all tasks together. A part
/// is a descriptor, and often holds what was already cut from its log: 100 are some 1.6 GiB.
const MAX_FILES: usize = 100;

/// The most that is held of one task because no log took it, in bytes.
const MAX_IN_MEMORY: u64 = 512 << 10;

/// After so long without a change a task that is queued waits for something else than its process:
/// for a pool, or a task that has the run to itself.
const SETTLED: Ms = Ms::secs(1);

/// How much of the end of the output is looked at for the last line, in bytes.
const LAST: u64 = 1024;

/// The output of the tasks that run.
#[derive(Debug)]
pub(super) struct Blocks {
    view: OutputView,
    /// Whether everything goes to standard error, because events own standard output.
    all_to_err: bool,
    /// How a block is announced.
    header: fn(&str) -> String,
    tasks: BTreeMap<TaskId, Showing>,
    /// The task that the last thing on the screen spoke of.
    owner: Option<TaskId>,
    /// When something happened last that may let a task start.
    stirred: Ms,
}

/// What is known of the output of one running task.
#[derive(Debug, Default)]
struct Showing {
    started: Ms,
    held: VecDeque<Chunk>,
    /// In how many files that lies.
    n_files: usize,
    /// How many bytes of it lie in memory.
    in_memory: u64,
    /// Bytes of output that could not be held any longer.
    dropped: u64,
    out: Option<Lines>,
    err: Option<Lines>,
    last: Option<Chunk>,
}

impl Blocks {
    /// Returns the output of a run that has printed nothing yet.
    pub(super) fn new(view: OutputView, all_to_err: bool, header: fn(&str) -> String) -> Blocks {
        let (tasks, stirred) = (BTreeMap::new(), Ms::default());
        Blocks { view, all_to_err, header, tasks, owner: None, stirred }
    }

    /// An attempt starts; its line was just shown, so that its output needs no header.
    pub(super) fn started(&mut self, task: TaskId, now: Ms, line_shown: bool) {
        self.tasks.entry(task).or_insert_with(|| Showing { started: now, ..Showing::default() });
        self.owner = line_shown.then_some(task);
    }

    /// A task became ready or left its slot: one that is queued may be about to start.
    pub(super) fn stirred(&mut self, now: Ms) {
        self.stirred = now;
    }

    /// Returns whether one task at most runs and no other is about to start. A process that is being
    /// made is queued until its start is told; its output must not come in the middle of another's.
    fn is_alone(&self, view: &RunView, now: Ms) -> bool {
        let counts = view.counts();
        let may_start = counts.queued > 0
            && counts.running < view.header().jobs
            && now - self.stirred < SETTLED;
        self.tasks.len() <= 1 && counts.running <= 1 && !may_start
    }

    /// Something else was shown.
    pub(super) fn interrupted(&mut self) {
        self.owner = None;
    }

    /// Returns the tasks that run, with when they started, the oldest first.
    pub(super) fn running(&self) -> Vec<(TaskId, Ms)> {
        let mut running: Vec<(TaskId, Ms)> =
            self.tasks.iter().map(|(task, showing)| (*task, showing.started)).collect();
        running.sort_by_key(|(_, started)| *started);
        running
    }

    /// Returns the last line that a task printed, harmless and without colours.
    pub(super) fn last_line(&self, task: TaskId) -> String {
        let last = self.tasks.get(&task).and_then(|showing| showing.last.as_ref());
        let Some(last) = last else { return String::new() };
        let mut bytes = Vec::new();
        // An unreadable log is reported where the output itself is shown.
        let _ = last.last(LAST).read(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        let line = last_lines(&without_colours(&bytes), 1, false).pop();
        line.map_or(String::new(), |line| line.trim().replace('\t', " "))
    }

    /// A task printed something; returns whether any of it was shown.
    pub(super) fn output(
        &mut self,
        to: &mut Inner,
        view: &RunView,
        task: TaskId,
        chunk: &Chunk,
        now: Ms,
    ) -> bool {
        if chunk.is_empty() {
            return false;
        }
        let alone = self.is_alone(view, now);
        let showing = self.tasks.entry(task).or_default();
        if self.view == OutputView::Live {
            let joined = showing.last.as_mut().is_some_and(|last| last.join(chunk));
            if !joined {
                showing.last = Some(chunk.clone());
            }
        }
        match self.view {
            OutputView::None => false,
            OutputView::Prefix | OutputView::Stream => {
                self.show(to, view, task, chunk);
                true
            }
            OutputView::Live | OutputView::Group => {
                showing.hold(chunk);
                let is_due = alone || showing.is_full();
                let due = if is_due { Some(task) } else { self.holder_of_too_much() };
                if let Some(task) = due {
                    self.release(to, view, task);
                }
                due.is_some()
            }
            OutputView::Failed => {
                showing.hold(chunk);
                while showing.is_full() {
                    showing.drop_oldest();
                }
                if let Some(holder) = self.holder_of_too_much()
                    && let Some(showing) = self.tasks.get_mut(&holder)
                {
                    let n_files = showing.n_files;
                    while showing.n_files == n_files {
                        showing.drop_oldest();
                    }
                }
                false
            }
        }
    }

    /// Returns the task of which the most files are held, where they are too many.
    fn holder_of_too_much(&self) -> Option<TaskId> {
        let more_than_one = |showing: &Showing| showing.n_files.saturating_sub(1);
        if self.tasks.values().map(more_than_one).sum::<usize>() <= MAX_FILES {
            return None;
        }
        self.tasks.iter().max_by_key(|(_, showing)| showing.n_files).map(|(task, _)| *task)
    }

    /// An attempt ended and another follows.
    pub(super) fn attempt_ended(&mut self, to: &mut Inner, view: &RunView, task: TaskId) {
        match self.view {
            OutputView::Failed | OutputView::None => {}
            OutputView::Live | OutputView::Group | OutputView::Prefix | OutputView::Stream => {
                self.release(to, view, task);
                self.finish_lines(to, view, task);
            }
        }
    }

    /// A task ended.
    pub(super) fn ended(&mut self, to: &mut Inner, view: &RunView, task: TaskId, state: TaskState) {
        let is_wanted = match self.view {
            OutputView::None => false,
            OutputView::Failed => state == TaskState::Failed,
            OutputView::Live | OutputView::Group | OutputView::Prefix | OutputView::Stream => true,
        };
        if is_wanted {
            self.release(to, view, task);
            self.finish_lines(to, view, task);
        }
        self.tasks.remove(&task);
    }

    /// Where one task is left that runs, it streams from now on: shows what was held of it, and returns
    /// whether there was such.
    pub(super) fn release_lonely(&mut self, to: &mut Inner, view: &RunView, now: Ms) -> bool {
        let is_grouped = matches!(self.view, OutputView::Live | OutputView::Group);
        if is_grouped
            && self.is_alone(view, now)
            && let Some((task, showing)) = self.tasks.first_key_value()
            && !showing.held.is_empty()
        {
            let task = *task;
            self.release(to, view, task);
            return true;
        }
        false
    }

    /// Shows everything that is still held, at the end of the run.
    pub(super) fn close(&mut self, to: &mut Inner, view: &RunView) {
        for task in self.tasks.keys().copied().collect::<Vec<_>>() {
            let state = view.task(task).map_or(TaskState::Cancelled, |task| task.state());
            self.ended(to, view, task, state);
        }
    }

    /// Shows what was held of a task.
    fn release(&mut self, to: &mut Inner, view: &RunView, task: TaskId) {
        let Some(showing) = self.tasks.get_mut(&task) else { return };
        let held = showing.take_held();
        let dropped = std::mem::take(&mut showing.dropped);
        if dropped > 0 {
            to.own(&format!("… {} of earlier output not shown …", Size(dropped)));
        }
        for chunk in &held {
            self.show(to, view, task, chunk);
        }
    }

    fn show(&mut self, to: &mut Inner, view: &RunView, task: TaskId, chunk: &Chunk) {
        let name = name(view, task);
        let side = self.side(chunk.stream);
        let looked_at = |side| to.surface(side).kind != Kind::Raw;
        let is_block = match self.view {
            OutputView::Live | OutputView::Group | OutputView::Failed => true,
            OutputView::Prefix | OutputView::Stream | OutputView::None => false,
        };
        if is_block && self.owner != Some(task) && looked_at(side) && looked_at(Side::Err) {
            to.own(&(self.header)(&name));
            self.owner = Some(task);
        }
        let prefix = (self.view == OutputView::Prefix).then(|| format!("{} | ", escape(&name)));
        let Some(showing) = self.tasks.get_mut(&task) else { return };
        let lines = match side {
            Side::Out => &mut showing.out,
            Side::Err => &mut showing.err,
        };
        let surface = to.surface(side);
        let lines = lines.get_or_insert_with(|| match surface.kind {
            Kind::Raw if prefix.is_some() => Lines::Bytes(Vec::new()),
            Kind::Raw => Lines::Unchanged,
            Kind::Terminal | Kind::CiLog => Lines::Clean(Sanitiser::new(surface.colour), false),
        });
        let mut shown = Vec::new();
        let read = chunk.read(&mut |bytes| {
            lines.push(bytes, prefix.as_deref(), &mut shown);
            to.put(side, &shown);
            shown.clear();
            Ok(())
        });
        if let Err(error) = read {
            to.own(&unreadable(&name, &error));
        }
    }

    /// Ends the unfinished lines of a task.
    fn finish_lines(&mut self, to: &mut Inner, view: &RunView, task: TaskId) {
        let prefix = format!("{} | ", escape(&name(view, task)));
        let prefix = (self.view == OutputView::Prefix).then_some(prefix);
        let Some(showing) = self.tasks.get_mut(&task) else { return };
        for (side, lines) in [(Side::Out, &mut showing.out), (Side::Err, &mut showing.err)] {
            if let Some(lines) = lines {
                let mut shown = Vec::new();
                lines.finish(prefix.as_deref(), &mut shown);
                to.put(side, &shown);
            }
        }
    }

    fn side(&self, stream: Stream) -> Side {
        match stream {
            Stream::Out if !self.all_to_err => Side::Out,
            Stream::Out | Stream::Err | Stream::Pyoco => Side::Err,
        }
    }
}

impl Showing {
    fn hold(&mut self, chunk: &Chunk) {
        let last = self.held.back_mut();
        if last.is_some_and(|last| last.join(chunk)) {
            return;
        }
        let in_memory = chunk.in_memory_len();
        let is_known = self.held.back().is_some_and(|last| last.shares_file(chunk));
        self.n_files += usize::from(in_memory == 0 && !is_known);
        self.in_memory += in_memory;
        self.held.push_back(chunk.clone());
    }

    /// Returns whether more is held than may be of one task.
    fn is_full(&self) -> bool {
        self.held.len() > MAX_PIECES || self.in_memory > MAX_IN_MEMORY
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.held.pop_front() else {
            self.n_files = 0;
            return;
        };
        let in_memory = oldest.in_memory_len();
        let goes_on = self.held.front().is_some_and(|next| next.shares_file(&oldest));
        self.n_files -= usize::from(in_memory == 0 && !goes_on);
        self.in_memory -= in_memory;
        self.dropped += oldest.len();
    }

    fn take_held(&mut self) -> VecDeque<Chunk> {
        (self.n_files, self.in_memory) = (0, 0);
        std::mem::take(&mut self.held)
    }
}

fn name(view: &RunView, task: TaskId) -> String {
    view.task(task).map_or(String::new(), |task| task.name.to_string())
}

fn unreadable(name: &str, error: &io::Error) -> String {
    let error = error.to_string();
    format!("warning: cannot read the output of `{}` back: {}", escape(name), escape(&error))
}

/// How one stream of one task becomes bytes on the screen.
#[derive(Debug)]
enum Lines {
    /// As they came.
    Unchanged,
    /// Whole lines, bytes unchanged, for a prefix on a stream that is not looked at.
    Bytes(Vec<u8>),
    /// Harmless; whether the next piece goes on with a line that was begun.
    Clean(Sanitiser, bool),
}

impl Lines {
    fn push(&mut self, bytes: &[u8], prefix: Option<&str>, shown: &mut Vec<u8>) {
        match self {
            Lines::Unchanged => shown.extend_from_slice(bytes),
            Lines::Bytes(held) => {
                for part in bytes.split_inclusive(|b| *b == b'\n') {
                    for part in part.chunks(MAX_HELD) {
                        held.extend_from_slice(part);
                        if held.ends_with(b"\n") || held.len() >= MAX_HELD {
                            flush_line(held, prefix, shown);
                        }
                    }
                }
            }
            Lines::Clean(sanitiser, in_line) => {
                sanitiser.push(bytes, &mut |text, ends| {
                    put_piece(text, ends, in_line, prefix, shown);
                });
            }
        }
    }

    fn finish(&mut self, prefix: Option<&str>, shown: &mut Vec<u8>) {
        match self {
            Lines::Unchanged => {}
            Lines::Bytes(held) if held.is_empty() => {}
            Lines::Bytes(held) => flush_line(held, prefix, shown),
            Lines::Clean(sanitiser, in_line) => {
                sanitiser.finish(&mut |text, ends| put_piece(text, ends, in_line, prefix, shown));
            }
        }
    }
}

/// Writes a line or, of one that is too long to be held, a piece as a line of its own: another task
/// may go on behind it.
fn flush_line(held: &mut Vec<u8>, prefix: Option<&str>, shown: &mut Vec<u8>) {
    shown.extend_from_slice(prefix.unwrap_or_default().as_bytes());
    shown.append(held);
    if !shown.ends_with(b"\n") {
        shown.push(b'\n');
    }
}

fn put_piece(
    text: &str,
    ends: bool,
    in_line: &mut bool,
    prefix: Option<&str>,
    shown: &mut Vec<u8>,
) {
    if let Some(prefix) = prefix {
        // Each piece is a line of its own here, and the empty rest of one is nothing.
        if !(*in_line && text.is_empty()) {
            shown.extend_from_slice(prefix.as_bytes());
            shown.extend_from_slice(text.as_bytes());
            shown.push(b'\n');
        }
    } else {
        shown.extend_from_slice(text.as_bytes());
        if ends {
            shown.push(b'\n');
        }
    }
    *in_line = !ends;
}

/// Returns the bytes without terminal sequences, for the one line of the live view.
fn without_colours(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if rest.first() == Some(&b'[') {
            let end = rest[1..].iter().position(|b| (0x40..=0x7e).contains(b));
            rest = &rest[end.map_or(rest.len(), |end| end + 2)..];
        }
    }
    plain.extend_from_slice(rest);
    plain
}
