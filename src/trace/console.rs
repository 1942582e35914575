//! What `pyoco run` shows of a run: the lines of its style, the output of its tasks, the live view,
//! and at the end the summary.
//!
//! Called by the console thread alone. Knows what stands on the screen; where things go is the
//! [`Screen`]'s business, and what is shown of output that of `blocks`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::blocks::Blocks;
use super::live::{self, Frame, Row};
use super::mode::{Choice, OutputView, Style};
use super::own_words::OwnWords;
use super::screen::{Inner, Kind, Screen, Side, Streams};
use super::summary::{SummaryOptions, summary};
use super::{cute, json, plain, words};
use crate::event::{
    Chunk, Event, Line, RunView, Stream, TaskFinished, TaskStarted, TerminalUse, Trace,
};
use crate::model::{Ms, TaskId, TaskState, Wall, escape};

/// After so long without a sign of life the running tasks are named, so that no CI kills a silent job
/// and nobody wonders.
const STILL_RUNNING: Ms = Ms::secs(30);
/// The pause between two frames of the live view: at most 15 a second.
const FRAME: Duration = Duration::from_millis(67);
/// How often it is asked how long the run still takes.
const ASK_EVERY: Ms = Ms::secs(1);
/// How often it is looked whether a sign of life is due.
const LOOK: Duration = Duration::from_secs(1);
/// Runs that are shorter have no live view.
const LIVE_AFTER: Ms = Ms(100);
/// How many tasks in a row that never ran have a line of their own in the cute style.
const MAX_SKIP_LINES: usize = 10;
/// The most names in a line of tasks that run.
const MAX_NAMES: usize = 8;

/// How a console shows a run.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// Style, view and streams, as [`mode::choose`](super::mode::choose) chooses them.
    pub choice: Choice,
    /// Whether the run has a record, which the last line names.
    pub record: bool,
    /// The folder of the records, where it may be gone at the end: a last line that names a record
    /// which is no longer there would mislead.
    pub records_dir: Option<PathBuf>,
    /// The PATH of the tasks, in which a program near to a missing one is looked for.
    pub path: String,
    /// Says in the live view how long the run still takes.
    pub remaining: Option<Remaining>,
}

/// Returns how long a run still takes from a moment on, where that can be said. Called about once a
/// second while there is a live view, and never else.
#[derive(Clone)]
pub struct Remaining(pub Arc<RemainingHook>);

/// See [`Remaining`].
pub type RemainingHook = dyn Fn(&RunView, Ms) -> Option<Ms> + Send + Sync;

impl fmt::Debug for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remaining").finish_non_exhaustive()
    }
}

/// Shows a run on two streams.
#[derive(Debug)]
pub struct Console {
    options: ConsoleOptions,
    screen: Screen,
    blocks: Blocks,
    /// Whether there is a live view.
    has_live: bool,
    flood: Flood,
    own_words: OwnWords,
    /// The latest moment that was heard of.
    now: Ms,
    /// When something was shown last.
    last_shown: Ms,
    /// When the live view was drawn last.
    last_frame: Option<Ms>,
    /// When it was asked how long the run still takes, and what the answer was.
    last_remaining: Option<(Ms, Option<Ms>)>,
    /// The attempt that has the terminal; its start was told before it got it.
    lent_to: Option<(TaskId, u32)>,
}

/// Tasks in a row that ended in the same way without ever running.
#[derive(Debug, Default)]
struct Flood {
    kind: Option<(TaskState, String)>,
    n_tasks: usize,
}

impl Console {
    /// Returns a console on these streams.
    pub fn new(options: ConsoleOptions, streams: Streams) -> Console {
        let choice = options.choice;
        let header: fn(&str) -> String = match choice.style {
            Style::Cute => |name| format!("📄 output node={}", escape(name)),
            Style::Plain | Style::Json => {
                |name| format!("INFO pyoco output node={}", words::logfmt(name))
            }
        };
        let has_live = Console::has_live_view(&choice);
        let blocks = Blocks::new(choice.output, choice.style == Style::Json, header);
        let screen = Screen::new(streams, choice.out, choice.err);
        Console {
            options,
            screen,
            blocks,
            has_live,
            flood: Flood::default(),
            own_words: OwnWords::default(),
            now: Ms::default(),
            last_shown: Ms::default(),
            last_frame: None,
            last_remaining: None,
            lent_to: None,
        }
    }

    /// Returns a console on the process's own standard output and standard error.
    pub fn stdio(options: ConsoleOptions) -> Console {
        Console::new(options, Streams::stdio())
    }

    /// Returns whether a run that is shown so has a live view.
    pub fn has_live_view(choice: &Choice) -> bool {
        live::AVAILABLE
            && choice.output == OutputView::Live
            && choice.style == Style::Cute
            && choice.err.kind == Kind::Terminal
            && !choice.quiet
    }

    /// Returns the screen, for announcements from other threads.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Returns whether the run has a record that is still there.
    fn has_record(&self, view: &RunView) -> bool {
        let is_there = |dir: &PathBuf| {
            view.run_id().is_none_or(|run_id| dir.join(run_id.to_string()).exists())
        };
        self.options.record && self.options.records_dir.as_ref().is_none_or(is_there)
    }

    /// Prints the line of an event.
    fn tell(&mut self, to: &mut Inner, view: &RunView, line: &Line) {
        if self.options.choice.quiet {
            return;
        }
        let told = match self.options.choice.style {
            Style::Cute => cute::line(view, line),
            Style::Plain => plain::line(view, line),
            Style::Json => {
                if let Some(mut text) = json::line(view, line) {
                    text.push('\n');
                    to.put(Side::Out, text.as_bytes());
                }
                return;
            }
        };
        let Some(text) = told else { return };
        if !self.is_flooded(to, line) {
            self.blocks.interrupted();
            self.own(to, &text);
        }
    }

    /// Returns whether the start of a task can be told from its name alone.
    fn is_for_people(&self) -> bool {
        self.options.choice.style != Style::Json
    }

    /// Tells that a task starts which is about to get the terminal.
    fn tell_start(&mut self, to: &mut Inner, view: &RunView, task: TaskId, attempt: u32) {
        let started = TaskStarted {
            task,
            name: view.task(task).map_or_else(|| "".into(), |task| task.name.clone()),
            attempt,
            pid: None,
            argv: Vec::new(),
            argv_cut: false,
            dir: None,
            jobs: 1,
            slots: Default::default(),
        };
        let event = Event::TaskStarted(Box::new(started));
        self.tell(to, view, &Line { v: 0, seq: 0, ts: Wall(0), ms: self.now, event });
    }

    fn own(&mut self, to: &mut Inner, text: &str) {
        to.own(text);
        self.last_shown = self.now;
    }

    /// Returns whether a line is one of too many that say the same; they are counted.
    fn is_flooded(&mut self, to: &mut Inner, line: &Line) -> bool {
        if self.options.choice.style != Style::Cute {
            return false; // tools read the plain style, and want every event
        }
        let kind = match &line.event {
            Event::TaskFinished(finished) => never_ran(finished),
            Event::RunStarted(_)
            | Event::TasksDeclared(_)
            | Event::RunNoted(_)
            | Event::TaskQueued(_)
            | Event::TaskStarted(_)
            | Event::TaskStopping(_)
            | Event::TaskRetrying(_)
            | Event::TaskOutput(_)
            | Event::TaskArtifact(_)
            | Event::ArtifactHashed(_)
            | Event::RunCancelling(_)
            | Event::RunFinished(_)
            | Event::Unknown => None,
        };
        if kind.is_none() || kind != self.flood.kind {
            self.end_flood(to);
            self.flood = Flood { kind, n_tasks: 0 };
        }
        self.flood.n_tasks += 1;
        self.flood.kind.is_some() && self.flood.n_tasks > MAX_SKIP_LINES
    }

    /// Says how many were left out.
    fn end_flood(&mut self, to: &mut Inner) {
        let left_out = self.flood.n_tasks.saturating_sub(MAX_SKIP_LINES);
        if let Some((state, kind)) = std::mem::take(&mut self.flood).kind
            && left_out > 0
        {
            self.blocks.interrupted();
            self.own(to, &cute::more(state, &kind, left_out));
        }
    }

    /// Returns how long the run still takes.
    fn remaining(&mut self, view: &RunView) -> Option<Ms> {
        let Remaining(ask) = self.options.remaining.as_ref()?;
        let last = self.last_remaining.filter(|(asked, _)| self.now - *asked < ASK_EVERY);
        let (asked, answer) = last.unwrap_or_else(|| (self.now, ask(view, self.now)));
        self.last_remaining = Some((asked, answer));
        Some(answer? - (self.now - asked))
    }

    fn frame(&mut self, view: &RunView) -> Frame {
        let remaining = self.remaining(view);
        let name = |task: TaskId| {
            view.task(task).map_or(String::new(), |task| escape(&task.name).into_owned())
        };
        let row = |(task, started): (TaskId, Ms)| Row {
            name: name(task),
            took: self.now - started,
            said: self.blocks.last_line(task),
        };
        Frame {
            done: view.counts().ended().into(),
            total: view.tasks().len() as u64,
            took: self.now,
            remaining,
            cancelling: view.level().is_some(),
            rows: self.blocks.running().into_iter().map(row).collect(),
        }
    }

    fn still_running(&self, view: &RunView) -> Option<String> {
        let running = self.blocks.running();
        if running.is_empty() || self.now - self.last_shown < STILL_RUNNING {
            return None;
        }
        let shown: Vec<String> = running
            .iter()
            .take(MAX_NAMES)
            .map(|(task, started)| {
                let name = view.task(*task).map_or("", |task| &*task.name);
                format!("{} ({})", escape(name), self.now - *started)
            })
            .collect();
        let left_out = running.len() - shown.len();
        let more = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
        Some(format!("still running: {}{more}", shown.join(", ")))
    }
}

/// Returns how and why a task ended that never ran.
fn never_ran(finished: &TaskFinished) -> Option<(TaskState, String)> {
    let kind = finished.reason.as_ref().map_or("", |reason| reason.kind());
    (finished.attempt == 0 && finished.state != TaskState::Failed)
        .then(|| (finished.state, kind.to_owned()))
}

impl Trace for Console {
    fn event(&mut self, view: &RunView, line: &Line) {
        self.now = self.now.max(line.ms);
        let screen = self.screen.clone();
        let to = &mut *screen.lock();
        match &line.event {
            Event::TaskStarted(started) => {
                self.own_words.forget(started.task);
                if self.lent_to != Some((started.task, started.attempt)) || !self.is_for_people() {
                    self.tell(to, view, line);
                }
                let has_line =
                    !self.options.choice.quiet && self.options.choice.style != Style::Json;
                self.blocks.started(started.task, line.ms, has_line);
            }
            Event::TaskRetrying(retrying) => {
                self.blocks.stirred(line.ms);
                self.blocks.attempt_ended(to, view, retrying.task);
                self.tell(to, view, line);
            }
            Event::TaskFinished(finished) => {
                self.own_words.ended(view, finished.task);
                self.blocks.ended(to, view, finished.task, finished.state);
                self.tell(to, view, line);
                self.blocks.stirred(line.ms);
                self.blocks.release_lonely(to, view, self.now);
            }
            Event::TaskQueued(_) => {
                self.blocks.stirred(line.ms);
                self.tell(to, view, line);
            }
            Event::RunStarted(_)
            | Event::TasksDeclared(_)
            | Event::RunNoted(_)
            | Event::TaskStopping(_)
            | Event::TaskOutput(_)
            | Event::TaskArtifact(_)
            | Event::ArtifactHashed(_)
            | Event::RunCancelling(_)
            | Event::RunFinished(_)
            | Event::Unknown => self.tell(to, view, line),
        }
    }

    fn output(&mut self, view: &RunView, task: TaskId, _attempt: u32, chunk: &Chunk) {
        if chunk.stream == Stream::Pyoco {
            return self.own_words.add(view, task, chunk);
        }
        let screen = self.screen.clone();
        if self.blocks.output(&mut screen.lock(), view, task, chunk, self.now) {
            self.last_shown = self.now;
        }
    }

    fn tick_every(&self) -> Option<Duration> {
        let holds = matches!(self.options.choice.output, OutputView::Live | OutputView::Group);
        match (self.has_live, self.options.choice.quiet) {
            (true, _) => Some(FRAME),
            (false, false) => Some(LOOK),
            (false, true) => holds.then_some(LOOK),
        }
    }

    fn tick(&mut self, view: &RunView, now: Ms) {
        self.now = self.now.max(now);
        let screen = self.screen.clone();
        let to = &mut *screen.lock();
        if to.is_lent() {
            return;
        }
        self.end_flood(to);
        if self.blocks.release_lonely(to, view, self.now) {
            self.last_shown = self.now;
        }
        if self.has_live {
            // A caller that ticks more often draws no more often.
            let is_due = self.last_frame.is_none_or(|last| self.now - last >= Ms::from(FRAME));
            if self.now >= LIVE_AFTER && is_due && !view.status().is_final() {
                self.last_frame = Some(self.now);
                let frame = self.frame(view);
                to.frame(&frame);
            }
        } else if !self.options.choice.quiet
            && let Some(text) = self.still_running(view)
        {
            self.blocks.interrupted();
            self.own(to, &text);
        }
    }

    fn terminal(&mut self, view: &RunView, terminal: TerminalUse) {
        let screen = self.screen.clone();
        let to = &mut *screen.lock();
        match terminal {
            TerminalUse::Lent { task, attempt } => {
                if self.is_for_people() {
                    self.tell_start(to, view, task, attempt);
                }
                self.lent_to = Some((task, attempt));
                to.lend();
            }
            TerminalUse::Returned => to.take_back(),
        }
    }

    fn notice(&mut self, text: &str) {
        let screen = self.screen.clone();
        self.blocks.interrupted();
        self.own(&mut screen.lock(), &format!("warning: {}", escape(text)));
    }

    fn finish(&mut self, view: &RunView) {
        let screen = self.screen.clone();
        let to = &mut *screen.lock();
        self.blocks.close(to, view);
        self.end_flood(to);
        let choice = self.options.choice;
        let told = summary(
            view,
            &SummaryOptions {
                record: self.has_record(view),
                quiet: choice.quiet,
                colour: choice.err.colour && choice.style == Style::Cute,
                path: &self.options.path,
                own_words: &self.own_words.on_first_failure(view),
            },
        );
        if !told.is_empty() {
            to.own(&told);
        }
        to.clear();
    }
}
