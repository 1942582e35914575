//! Runs made by hand, for the tests of this floor: events with their times, folded as they come.

use crate::event::{
    Declared, Event, Line, Measured, RunCancelling, RunFinished, RunStarted, RunView, TaskFinished,
    TaskRetrying, TaskStarted, TasksDeclared,
};
use crate::model::{Counts, Level, Ms, Reason, RunStatus, TaskId, TaskState, Wall};

/// A run as a list of lines.
#[derive(Default)]
pub(super) struct Story {
    names: Vec<String>,
    lines: Vec<Line>,
    now: u64,
}

impl Story {
    /// Returns a run of flow `release` that has just begun, with tasks of these names.
    pub(super) fn new(names: &[&str]) -> Story {
        let names_owned = names.iter().map(|name| (*name).to_owned()).collect();
        let mut story = Story { names: names_owned, ..Story::default() };
        story.push(Event::RunStarted(Box::new(RunStarted {
            run_id: "0195a1b2-0000-7000-8000-00001a2b3c4d".parse().ok(),
            flow: "release".to_owned(),
            n_tasks: names.len() as u32,
            jobs: 4,
            ..RunStarted::default()
        })));
        let declared =
            names.iter().map(|name| Declared { name: (*name).into(), ..Declared::default() });
        story.push(Event::TasksDeclared(TasksDeclared {
            from: 0,
            tasks: declared.collect(),
            ..TasksDeclared::default()
        }));
        story
    }

    /// Adds a line; returns it.
    pub(super) fn push(&mut self, event: Event) -> Line {
        let line = Line {
            v: 1,
            seq: self.lines.len() as u64 + 1,
            ts: Wall(1_772_366_400_000 + self.now as i64),
            ms: Ms(self.now),
            event,
        };
        self.lines.push(line.clone());
        line
    }

    /// Lets time pass.
    pub(super) fn after(&mut self, ms: u64) -> &mut Story {
        self.now += ms;
        self
    }

    /// Returns the id of a task.
    pub(super) fn id(&self, name: &str) -> TaskId {
        let index = self.names.iter().position(|known| known == name);
        TaskId::from_index(index.expect("the test declares its tasks"))
    }

    /// A task starts.
    pub(super) fn start(&mut self, name: &str, attempt: u32) -> Line {
        let argv = vec!["sh".into(), "-e".into(), "-c".into(), format!("make {name}\n")];
        self.start_argv(name, attempt, argv)
    }

    /// A task starts with this command.
    pub(super) fn start_argv(&mut self, name: &str, attempt: u32, argv: Vec<String>) -> Line {
        let task = self.id(name);
        self.push(Event::TaskStarted(Box::new(TaskStarted {
            task,
            name: name.into(),
            attempt,
            pid: Some(100 + task.0),
            argv,
            argv_cut: false,
            dir: None,
            jobs: 1,
            slots: Default::default(),
        })))
    }

    /// An attempt failed and another follows.
    pub(super) fn retry(&mut self, name: &str, attempt: u32, reason: Reason) -> Line {
        self.push(Event::TaskRetrying(Box::new(TaskRetrying {
            task: self.id(name),
            name: name.into(),
            attempt,
            after: Ms(1000),
            reason,
            measured: Measured::default(),
        })))
    }

    /// A task ends.
    pub(super) fn end(
        &mut self,
        name: &str,
        attempt: u32,
        state: TaskState,
        reason: Option<Reason>,
    ) -> Line {
        self.end_measured(name, attempt, state, reason, Measured::default())
    }

    /// A task ends, and this was measured.
    pub(super) fn end_measured(
        &mut self,
        name: &str,
        attempt: u32,
        state: TaskState,
        reason: Option<Reason>,
        measured: Measured,
    ) -> Line {
        self.push(Event::TaskFinished(Box::new(TaskFinished {
            task: self.id(name),
            name: name.into(),
            attempt,
            state,
            reason,
            measured,
        })))
    }

    /// Somebody cancels.
    pub(super) fn cancel(&mut self, level: Level) -> Line {
        self.push(Event::RunCancelling(RunCancelling { level, by: "SIGINT".into(), text: None }))
    }

    /// The run ends.
    pub(super) fn finish(&mut self, status: RunStatus, first_failure: Option<&str>) -> Line {
        self.push(Event::RunFinished(RunFinished {
            status,
            reason: first_failure.map(Reason::failed),
            counts: Counts::default(),
            first_failure: first_failure.map(Into::into),
        }))
    }

    /// Returns the lines.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Returns the state after all lines.
    pub(super) fn view(&self) -> RunView {
        let mut view = RunView::new();
        self.lines.iter().for_each(|line| view.apply(line));
        view
    }

    /// Returns what a style says of it.
    pub(super) fn told(&self, style: impl Fn(&RunView, &Line) -> Option<String>) -> String {
        let mut view = RunView::new();
        let mut told = String::new();
        for line in &self.lines {
            view.apply(line);
            if let Some(text) = style(&view, line) {
                told.push_str(&text);
                told.push('\n');
            }
        }
        told
    }

    /// Returns a run that ends in this way after 12.4 s.
    pub(super) fn ending(status: RunStatus) -> Story {
        let mut story = Story::new(&["build"]);
        story.after(12_400).finish(status, None);
        story
    }

    /// Returns a run in which everything happens that has a line.
    pub(super) fn of_everything() -> Story {
        let names = ["build", "test", "oom", "slow", "lost", "pack", "a b", "serve"];
        let mut story = Story::new(&names);
        story.start("build", 1);
        story.after(1204).end("build", 1, TaskState::Succeeded, None);
        story.start("test", 1);
        story.retry("test", 1, Reason::exit(2));
        story.after(1000).start("test", 2);
        story.after(310).end("test", 2, TaskState::Failed, Some(Reason::exit(2)));
        story.start("oom", 1);
        story.after(310).end("oom", 1, TaskState::Failed, Some(Reason::signal(9)));
        story.start("slow", 1);
        story.after(500).end("slow", 1, TaskState::Failed, Some(Reason::TIMEOUT));
        story.end("lost", 1, TaskState::Failed, Some(Reason::spawn("no such file `np m`")));
        story.end("pack", 0, TaskState::Skipped, Some(Reason::upstream("test")));
        story.end("a b", 0, TaskState::Skipped, Some(Reason::NOT_SELECTED));
        story.cancel(Level::Drain);
        story.end("serve", 0, TaskState::Cancelled, Some(Reason::CANCELLED));
        let rest = 12_400 - story.now;
        story.after(rest).finish(RunStatus::Failed, Some("test"));
        story
    }
}
