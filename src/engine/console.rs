//! The one console thread of a run: folds the lines and hands them, and the output, to the trace.
//!
//! It gets places in logs, not bytes, over a channel that never blocks a sender: a reader that is
//! slow, or has gone, holds up nothing but this thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::event::{Chunk, Event, Line, RunView, TerminalUse, Trace};
use crate::model::TaskId;

#[derive(Debug)]
enum Item {
    Lines(Vec<Line>),
    Output { task: TaskId, attempt: u32, chunk: Chunk },
    Notice(String),
    Terminal { terminal: TerminalUse, is_done: Sender<()> },
    Finish,
}

/// How long a task that gets the terminal waits for what was to be shown before.
const SHOWN_AT_MOST: Duration = Duration::from_secs(2);

/// The way to the console thread; goes nowhere where a run has no trace.
#[derive(Clone, Debug)]
pub(super) struct ConsoleSender(Option<Sender<Item>>);

impl ConsoleSender {
    pub(super) fn lines(&self, lines: Vec<Line>) {
        self.send(Item::Lines(lines));
    }

    pub(super) fn output(&self, task: TaskId, attempt: u32, chunk: Chunk) {
        self.send(Item::Output { task, attempt, chunk });
    }

    pub(super) fn notice(&self, text: String) {
        self.send(Item::Notice(text));
    }

    /// Says that a task is about to use the terminal, or does so no longer; waits a while for all that
    /// was to be shown before.
    pub(super) fn terminal(&self, terminal: TerminalUse) {
        let (is_done, done) = mpsc::channel();
        self.send(Item::Terminal { terminal, is_done });
        // A console that is held up, or has gone, must not hold up the task.
        let _ = done.recv_timeout(SHOWN_AT_MOST);
    }

    pub(super) fn finish(&self) {
        self.send(Item::Finish);
    }

    fn send(&self, item: Item) {
        if let Some(sender) = &self.0 {
            // A console that has gone is no matter of the run's.
            let _ = sender.send(item);
        }
    }
}

/// Starts the console thread of a run, if it has a trace.
pub(super) fn start(
    trace: Option<Box<dyn Trace>>,
    clock: Arc<Clock>,
) -> io::Result<(ConsoleSender, Option<JoinHandle<()>>)> {
    let Some(trace) = trace else { return Ok((ConsoleSender(None), None)) };
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("console".into());
    let thread = thread.spawn(move || show(trace, &receiver, &clock))?;
    Ok((ConsoleSender(Some(sender)), Some(thread)))
}

fn show(mut trace: Box<dyn Trace>, items: &Receiver<Item>, clock: &Clock) {
    let mut view = RunView::new();
    // Output comes straight from the workers and can overtake the line that says its task started.
    let mut early: Vec<(TaskId, u32, Chunk)> = Vec::new();
    let mut next_tick = trace.tick_every().map(|every| Instant::now() + every);
    loop {
        let now = Instant::now();
        if let (Some(at), Some(every)) = (next_tick, trace.tick_every())
            && at <= now
        {
            trace.tick(&view, clock.ms());
            next_tick = Some(Instant::now() + every);
        }
        let at_most = next_tick.map(|at| at.saturating_duration_since(Instant::now()));
        match receive(items, at_most) {
            Ok(Some(Item::Lines(lines))) => {
                for line in &lines {
                    view.apply(line);
                    trace.event(&view, line);
                    if matches!(line.event, Event::TaskStarted(_)) {
                        let is_in_time = |(task, attempt, _): &mut (TaskId, u32, Chunk)| {
                            has_started(&view, *task, *attempt)
                        };
                        for (task, attempt, chunk) in early.extract_if(.., is_in_time) {
                            trace.output(&view, task, attempt, &chunk);
                        }
                    }
                }
            }
            Ok(Some(Item::Output { task, attempt, chunk })) => {
                if has_started(&view, task, attempt) {
                    trace.output(&view, task, attempt, &chunk);
                } else {
                    early.push((task, attempt, chunk));
                }
            }
            Ok(Some(Item::Notice(text))) => trace.notice(&text),
            Ok(Some(Item::Terminal { terminal, is_done })) => {
                trace.terminal(&view, terminal);
                // Who asked has perhaps lost patience.
                let _ = is_done.send(());
            }
            Ok(None) => {}
            Ok(Some(Item::Finish)) | Err(Closed) => break,
        }
    }
    trace.finish(&view);
}

fn has_started(view: &RunView, task: TaskId, attempt: u32) -> bool {
    let last = view.task(task).and_then(|task| task.last());
    last.is_some_and(|last| last.number >= attempt)
}

struct Closed;

/// Returns the next item, `None` where none came in time.
fn receive(items: &Receiver<Item>, at_most: Option<Duration>) -> Result<Option<Item>, Closed> {
    match at_most {
        None => items.recv().map(Some).map_err(|_| Closed),
        Some(at_most) => match items.recv_timeout(at_most) {
            Ok(item) => Ok(Some(item)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Declared, RunStarted, Stream, TaskStarted, TasksDeclared};
    use crate::model::{Ms, Wall};

    /// Notes what it is told.
    struct Notes(Sender<String>);

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
