//! The scheduler and the terminal: who wants it is stopped, who has it runs alone.

use std::sync::Arc;

use super::super::*;
use crate::event::{Rules, audit};
use crate::spec::{FlowBuilder, TaskBuilder};

/// A run, driven by hand.
struct Stage {
    scheduler: Scheduler,
    lines: Vec<Line>,
    actions: Vec<Action>,
    now: u64,
}

impl Stage {
    fn new(jobs: u32, tasks: Vec<TaskBuilder>) -> Stage {
        let flow = FlowBuilder::new("stage").on_failure("isolate");
        let flow = tasks.into_iter().fold(flow, FlowBuilder::task).build().expect("a sound flow");
        let scheduler = Scheduler::new(Plan::all_of(Arc::new(flow), jobs));
        let mut stage = Stage { scheduler, lines: Vec::new(), actions: Vec::new(), now: 0 };
        let run_id = "01900000-0000-7000-8000-000000000001".parse().ok();
        let facts = RunStarted { run_id, pyoco: "0".into(), ..RunStarted::default() };
        stage.input(Input::Begin(Box::new(facts)));
        stage.input(Input::Tick);
        stage
    }

    fn input(&mut self, input: Input) {
        let mut decisions = Decisions::default();
        let now = Moment { ms: Ms(self.now), wall: Wall(self.now as i64) };
        self.scheduler.handle(now, input, &mut decisions);
        self.lines.extend(decisions.lines);
        self.actions.extend(decisions.actions);
    }

    /// Lets everything that was spawned have its process; returns their numbers.
    fn start(&mut self) -> Vec<u32> {
        let mut started = Vec::new();
        for action in std::mem::take(&mut self.actions) {
            if let Action::Spawn { task, attempt, given: _ } = action {
                started.push(task.0);
                let begun =
                    Started { task, attempt, pid: Some(100 + task.0), ..Started::default() };
                self.input(Input::Started(Box::new(begun)));
            }
        }
        started
    }

    fn end(&mut self, task: u32, attempt: u32, code: Option<i32>) {
        let signal = code.is_none().then_some(9);
        let measured = Measured { exit_code: code, signal, ..Measured::default() };
        let ended = Ended {
            task: TaskId(task),
            attempt,
            not_started: None,
            measured,
            results: Ok(Results::default()),
        };
        self.input(Input::Ended(Box::new(ended)));
    }

    fn wants_terminal(&mut self, task: u32, attempt: u32) {
        self.input(Input::WantsTerminal { task: TaskId(task), attempt });
    }

    fn n_signals(&self) -> usize {
        self.actions.iter().filter(|action| matches!(action, Action::Signal { .. })).count()
    }

    fn end_of(&self, task: u32) -> String {
        let task = self.scheduler.view().task(TaskId(task)).expect("it is declared");
        let reason = task.reason.as_ref().map_or("", |reason| reason.as_str());
        format!("{} {reason}", task.state())
    }

    fn audit(&self) {
        assert!(self.scheduler.is_over());
        audit(&self.lines, &Rules::default()).expect("a sound log");
    }
}

#[test]
fn a_task_that_wants_the_terminal_is_killed_once_and_not_tried_again() {
    let mut stage = Stage::new(2, vec![TaskBuilder::run("a", "read x </dev/tty").retry(3)]);
    assert_eq!(stage.start(), [0]);
    stage.wants_terminal(0, 2); // no such attempt
    stage.wants_terminal(7, 1); // no such task
    assert_eq!(stage.n_signals(), 0);
    for _ in 0..2 {
        stage.wants_terminal(0, 1);
    }
    let (task, attempt) = (TaskId(0), 1);
    let kill = Action::Signal { task, attempt, signal: 9, overdue: None };
    assert_eq!(stage.actions, [kill]);
    stage.end(0, 1, None);
    assert_eq!(stage.end_of(0), "FAILED terminal");
    let why = stage.lines.iter().filter_map(|line| match &line.event {
        Event::TaskStopping(stopping) => Some((&*stopping.why, &*stopping.signal)),
        _ => None,
    });
    assert_eq!(why.collect::<Vec<_>>(), [("terminal", "SIGKILL")]);
    stage.audit();
}

#[test]
fn who_is_being_stopped_already_keeps_that_reason() {
    let mut stage = Stage::new(2, vec![TaskBuilder::run("a", "x").timeout("1s")]);
    stage.start();
    stage.now = 1000;
    stage.input(Input::Tick);
    assert_eq!(stage.n_signals(), 1);
    stage.wants_terminal(0, 1);
    assert_eq!(stage.n_signals(), 1);
    stage.end(0, 1, None);
    assert_eq!(stage.end_of(0), "FAILED timeout");
    stage.audit();
}

#[test]
fn a_report_that_comes_after_the_end_changes_nothing() {
    let mut stage = Stage::new(2, vec![TaskBuilder::run("a", "x")]);
    stage.start();
    stage.end(0, 1, Some(0));
    stage.wants_terminal(0, 1);
    assert_eq!(stage.n_signals(), 0);
    stage.audit();
}

#[test]
fn an_interactive_task_runs_alone_and_does_not_starve() {
    let tasks = vec![
        TaskBuilder::run("a", "x"),
        TaskBuilder::run("ask", "x").interactive(),
        TaskBuilder::run("b", "x"),
        TaskBuilder::run("c", "x"),
    ];
    let mut stage = Stage::new(3, tasks);
    assert_eq!(stage.start(), [0], "it waits for all slots, and nobody takes them meanwhile");
    stage.end(0, 1, Some(0));
    assert_eq!(stage.start(), [1]);
    stage.end(1, 1, Some(0));
    assert_eq!(stage.start(), [2, 3]);
    stage.end(2, 1, Some(0));
    stage.end(3, 1, Some(0));
    stage.audit();
}
