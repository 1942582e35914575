//! The one console thread of a run: folds the lines and hands them, and the output, to the trace.
//!
//! It gets places in logs, not bytes, and no sender waits for what it shows: a reader that is slow, or
//! has gone, holds up nothing but this thread. What waits meanwhile is the [`Backlog`]'s business.
//! Senders and this thread share a lock, but none of them shows anything under it.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::backlog::{Attempt, Backlog, Copies, Item, Stretch};
use super::clock::Clock;
use super::lock;
use crate::event::{Chunk, Event, Line, RunView, TerminalUse, Trace};
use crate::model::{Size, TaskId, escape};

/// How long a task that gets the terminal waits for what was to be shown before.
const SHOWN_AT_MOST: Duration = Duration::from_secs(2);
/// How often it looks meanwhile whether it is wanted still.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The way to the console thread; goes nowhere where a run has no trace.
#[derive(Clone, Debug)]
pub(super) struct ConsoleSender(Option<Arc<Sender>>);

impl ConsoleSender {
    pub(super) fn lines(&self, lines: Vec<Line>) {
        self.send(|backlog| backlog.push(Item::Lines(lines)));
    }

    pub(super) fn output(&self, task: TaskId, attempt: u32, chunk: Chunk) {
        if let Some(sender) = &self.0 {
            sender.0.output((task, attempt), chunk);
        }
    }

    pub(super) fn notice(&self, text: String) {
        self.send(|backlog| backlog.push(Item::Notice(text)));
    }

    /// Says that a task is about to use the terminal; waits a while for all that was to be shown
    /// before, as long as the task is wanted. A console that is held up, or has gone, must not hold up
    /// the task, let alone its end.
    pub(super) fn lent(&self, task: TaskId, attempt: u32, is_wanted: &dyn Fn() -> bool) {
        let done = self.terminal(TerminalUse::Lent { task, attempt });
        let deadline = Instant::now() + SHOWN_AT_MOST;
        while Instant::now() < deadline
            && is_wanted()
            && done.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout)
        {}
    }

    /// Says that a task uses the terminal no longer. Nobody waits until that is told: it comes before
    /// all that is sent from now on.
    pub(super) fn returned(&self) {
        drop(self.terminal(TerminalUse::Returned));
    }

    /// Returns where it is told that all is shown that was sent before, this included.
    fn terminal(&self, terminal: TerminalUse) -> mpsc::Receiver<()> {
        let (is_done, done) = mpsc::channel();
        self.send(|backlog| backlog.push(Item::Terminal { terminal, is_done }));
        done
    }

    pub(super) fn finish(&self) {
        self.send(|backlog| backlog.push(Item::Finish));
    }

    fn send(&self, add: impl FnOnce(&mut Backlog)) {
        if let Some(sender) = &self.0 {
            sender.0.send(add);
        }
    }
}

/// The senders' end: with the last of them the console has all that it will ever get.
#[derive(Debug)]
struct Sender(Arc<Channel>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.send(|backlog| backlog.push(Item::Finish));
    }
}

/// What the senders and the console thread share.
#[derive(Debug, Default)]
struct Channel {
    /// `None` once the console has gone: that is no matter of the run's.
    backlog: Mutex<Option<Backlog>>,
    grown: Condvar,
    /// Never taken while `backlog` is: it may be held for as long as a disk takes.
    copies: Mutex<Copies>,
}

impl Channel {
    fn send(&self, add: impl FnOnce(&mut Backlog)) {
        if let Some(backlog) = &mut *lock(&self.backlog) {
            // The one who receives waits only for the first.
            let is_awaited = backlog.is_empty();
            add(backlog);
            if is_awaited {
                self.grown.notify_one();
            }
        }
    }

    /// Sends output. Who sends that of one attempt holds its log meanwhile, so it stays in its order.
    fn output(&self, attempt: Attempt, chunk: Chunk) {
        let wants_copies = lock(&self.backlog).as_ref().is_some_and(Backlog::wants_copies);
        let chunk = if wants_copies { lock(&self.copies).copy(chunk) } else { chunk };
        let mut notes = None;
        self.send(|backlog| notes = backlog.output(attempt, chunk));
        if let Some(notes) = notes {
            lock(&self.copies).keep(&notes);
        }
    }

    /// Returns the next item, `None` where none came in time.
    fn receive(&self, until: Option<Instant>) -> Option<Item> {
        let mut backlog = lock(&self.backlog);
        loop {
            let Some(item) = backlog.as_mut().map(Backlog::take) else { return Some(Item::Finish) };
            if item.is_some() {
                return item;
            }
            backlog = match until.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.grown.wait(backlog).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    let waited = self.grown.wait_timeout(backlog, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The console thread's end.
struct Receiver(Arc<Channel>);

impl Drop for Receiver {
    fn drop(&mut self) {
        *lock(&self.0.backlog) = None;
    }
}

/// Starts the console thread of a run, if it has a trace.
pub(super) fn start(
    trace: Option<Box<dyn Trace>>,
    clock: Arc<Clock>,
) -> io::Result<(ConsoleSender, Option<JoinHandle<()>>)> {
    let Some(trace) = trace else { return Ok((ConsoleSender(None), None)) };
    let channel = Arc::new(Channel::default());
    *lock(&channel.backlog) = Some(Backlog::default());
    let sender = ConsoleSender(Some(Arc::new(Sender(channel.clone()))));
    let receiver = Receiver(channel);
    let thread = std::thread::Builder::new().name("console".into());
    let thread = thread.spawn(move || show(trace, &receiver, &clock))?;
    Ok((sender, Some(thread)))
}

fn show(trace: Box<dyn Trace>, receiver: &Receiver, clock: &Clock) {
    let mut shown = Shown::new(trace);
    let mut next_tick = shown.trace.tick_every().map(|every| Instant::now() + every);
    loop {
        let now = Instant::now();
        if let (Some(at), Some(every)) = (next_tick, shown.trace.tick_every())
            && at <= now
        {
            shown.trace.tick(&shown.view, clock.ms());
            next_tick = Some(Instant::now() + every);
        }
        if shown.piece() {
            continue;
        }
        match receiver.0.receive(next_tick) {
            Some(Item::Lines(lines)) => shown.to_fold.extend(lines),
            Some(Item::Output(attempt, stretch)) => shown.output(attempt, stretch),
            Some(Item::Lost(task, bytes)) => shown.lost(task, bytes),
            Some(Item::Notice(text)) => shown.trace.notice(&text),
            Some(Item::Terminal { terminal, is_done }) => {
                shown.trace.terminal(&shown.view, terminal);
                // Who asked has perhaps lost patience, or did not wait at all.
                let _ = is_done.send(());
            }
            Some(Item::Finish) => break,
            None => {}
        }
    }
    shown.trace.finish(&shown.view);
}

/// What the console thread knows.
struct Shown {
    trace: Box<dyn Trace>,
    view: RunView,
    /// Lines that were taken and not told yet.
    to_fold: VecDeque<Line>,
    /// Output that was taken and not told yet; it comes before those lines.
    to_show: VecDeque<(Attempt, Stretch)>,
    /// Output comes straight from the workers and can overtake the line that says its task started.
    early: Vec<(Attempt, Stretch)>,
}

impl Shown {
    fn new(trace: Box<dyn Trace>) -> Shown {
        let (to_fold, to_show, early) = (VecDeque::new(), VecDeque::new(), Vec::new());
        Shown { trace, view: RunView::new(), to_fold, to_show, early }
    }

    /// Tells the next of what was taken, a line or a piece of output; returns whether there was one.
    fn piece(&mut self) -> bool {
        if let Some(((task, attempt), stretch)) = self.to_show.front_mut() {
            let (task, attempt) = (*task, *attempt);
            match stretch.take() {
                Ok(Some(chunk)) => self.trace.output(&self.view, task, attempt, &chunk),
                Ok(None) => drop(self.to_show.pop_front()),
                Err(error) => {
                    self.to_show.pop_front();
                    let name = self.name(task);
                    let error = escape(&error.to_string()).into_owned();
                    self.trace.notice(&format!("cannot show all output of `{name}`: {error}"));
                }
            }
            return true;
        }
        let Some(line) = self.to_fold.pop_front() else { return false };
        self.view.apply(&line);
        self.trace.event(&self.view, &line);
        if matches!(line.event, Event::TaskStarted(_)) {
            let view = &self.view;
            self.to_show.extend(self.early.extract_if(.., |(of, _)| has_started(view, *of)));
        }
        true
    }

    fn output(&mut self, attempt: Attempt, stretch: Stretch) {
        if has_started(&self.view, attempt) {
            self.to_show.push_back((attempt, stretch));
        } else {
            self.early.push((attempt, stretch));
        }
    }

    fn lost(&mut self, task: TaskId, bytes: u64) {
        let (name, size) = (self.name(task), Size(bytes));
        self.trace.notice(&format!("{size} of the output of `{name}` could be kept nowhere"));
    }

    fn name(&self, task: TaskId) -> String {
        self.view.task(task).map_or(String::new(), |task| escape(&task.name).into_owned())
    }
}

fn has_started(view: &RunView, (task, attempt): Attempt) -> bool {
    let last = view.task(task).and_then(|task| task.last());
    last.is_some_and(|last| last.number >= attempt)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::event::{Declared, RunStarted, Stream, TaskStarted, TasksDeclared};
    use crate::model::{Ms, Wall};

    /// Notes what it is told.
    struct Notes(mpsc::Sender<String>);

    impl Trace for Notes {
        fn event(&mut self, view: &RunView, line: &Line) {
            let told = format!("line {}, {} running", line.seq, view.counts().running);
            self.0.send(told).expect("the test listens");
        }

        fn output(&mut self, _: &RunView, task: TaskId, _: u32, chunk: &Chunk) {
            let mut bytes = Vec::new();
            let read = chunk.read(&mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            });
            read.expect("it is in memory");
            let told = format!("output of {}: {}", task.0, String::from_utf8_lossy(&bytes));
            self.0.send(told).expect("the test listens");
        }
    }

    #[test]
    fn output_that_overtakes_its_start_waits_for_it() {
        let (notes, told) = mpsc::channel();
        let (console, thread) =
            start(Some(Box::new(Notes(notes))), Arc::new(Clock::start())).expect("a thread");
        let output = |task: u32, text: &str| {
            let chunk = Chunk::in_memory(Stream::Out, text.as_bytes());
            console.output(TaskId(task), 1, chunk);
        };
        let line = |seq, event| Line { v: 1, seq, ts: Wall(0), ms: Ms(0), event };
        let name = |task: u32| ["a", "b"][task as usize].into();
        let begun = |seq, task| {
            let started = TaskStarted {
                task: TaskId(task),
                name: name(task),
                attempt: 1,
                pid: None,
                argv: Vec::new(),
                argv_cut: false,
                dir: None,
                jobs: 1,
                slots: Default::default(),
            };
            line(seq, Event::TaskStarted(Box::new(started)))
        };
        let declared = (0..2).map(|task| Declared { name: name(task), ..Declared::default() });
        let declared = TasksDeclared { tasks: declared.collect(), ..TasksDeclared::default() };
        let run = RunStarted { n_tasks: 2, ..RunStarted::default() };
        output(1, "early");
        console.lines(vec![
            line(1, Event::RunStarted(Box::new(run))),
            line(2, Event::TasksDeclared(declared)),
            begun(3, 0),
        ]);
        output(0, "in time");
        output(1, "still early");
        console.lines(vec![begun(4, 1)]);
        output(1, "late");
        console.finish();
        thread.expect("there is a trace").join().expect("it does not panic");
        let told: Vec<String> = told.iter().collect();
        let expected = [
            "line 1, 0 running",
            "line 2, 0 running",
            "line 3, 1 running",
            "output of 0: in time",
            "line 4, 2 running",
            "output of 1: early",
            "output of 1: still early",
            "output of 1: late",
        ];
        assert_eq!(told, expected);
    }
}
