//! What the tests of this module share: a store in a folder of its own, and the lines of a run.

use std::sync::Arc;

use tempfile::TempDir;

use super::{DEFAULT_MAX_LOG, JsonlStore};
use crate::event::{
    Declared, Event, Line, Measured, NewRun, RunFinished, RunLog, RunStarted, StateStore,
    TaskFinished, TaskQueued, TaskRetrying, TaskStarted, TasksDeclared,
};
use crate::model::{Counts, Ms, Reason, RunId, RunStatus, Syntax, TaskId, TaskState, Wall};

/// When the runs of the tests begin.
pub(super) const START: Wall = Wall(1_772_366_400_000);

/// Returns an empty store.
pub(super) fn store() -> (TempDir, JsonlStore) {
    let dir = TempDir::new().expect("a folder");
    let store = JsonlStore::new(dir.path().to_owned());
    (dir, store)
}

/// Makes a run's record without lines.
pub(super) fn create(store: &JsonlStore, run_id: RunId) -> Arc<dyn RunLog> {
    let source = Some(b"tasks: {}\n".as_slice());
    let (syntax, max_log) = (Syntax::Yaml, DEFAULT_MAX_LOG);
    let new = NewRun { run_id, source, syntax, durable: false, max_log };
    store.create(&new).expect("to make a record")
}

/// Makes the record of a run that has ended; returns its id.
pub(super) fn ended(store: &JsonlStore, flow: &str) -> RunId {
    let run_id = RunId::fresh();
    let log = create(store, run_id);
    log.append(&failing(run_id, flow)).expect("to append");
    log.sync().expect("to sync");
    run_id
}

/// Returns events with numbers and times.
pub(super) fn numbered(events: Vec<Event>) -> Vec<Line> {
    let number = |(index, event)| {
        let ms = Ms(index as u64 * 10);
        Line { v: 1, seq: index as u64 + 1, ts: START.plus(ms), ms, event }
    };
    events.into_iter().enumerate().map(number).collect()
}

/// Returns lines that say the same again and again.
pub(super) fn queued(n_lines: usize) -> Vec<Line> {
    let event = Event::TaskQueued(TaskQueued { task: TaskId(0), name: "t".into() });
    numbered(vec![event; n_lines])
}

/// Returns the first line's event.
pub(super) fn run_started(run_id: RunId, flow: &str, n_tasks: u32) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        run_id: Some(run_id),
        flow: flow.to_owned(),
        file: Some("/src/pipeline.yaml".to_owned()),
        jobs: 2,
        n_tasks,
        host: Some("alpha".to_owned()),
        pid: Some(7),
        boot_id: Some("boot".to_owned()),
        pyoco: "0.1.0".to_owned(),
        ..RunStarted::default()
    }))
}

/// Returns a whole run: `build` succeeds, `test` fails twice, `deploy` is skipped.
pub(super) fn failing(run_id: RunId, flow: &str) -> Vec<Line> {
    let declared =
        |name: &str, needs: Vec<u32>| Declared { name: name.into(), needs, ..Declared::default() };
    let queued =
        |task, name: &str| Event::TaskQueued(TaskQueued { task: TaskId(task), name: name.into() });
    let started = |task, name: &str, attempt| {
        Event::TaskStarted(Box::new(TaskStarted {
            task: TaskId(task),
            name: name.into(),
            attempt,
            pid: Some(100 + attempt),
            argv: vec!["make".to_owned(), name.to_owned()],
            argv_cut: false,
            dir: Some("/src".to_owned()),
            jobs: 1,
            slots: Default::default(),
        }))
    };
    let finished = |task, name: &str, attempt, state, reason, measured| {
        Event::TaskFinished(Box::new(TaskFinished {
            task: TaskId(task),
            name: name.into(),
            attempt,
            state,
            reason,
            measured,
        }))
    };
    let exit = |code, tail: Option<&str>| Measured {
        exit_code: Some(code),
        bytes: 5,
        tail: tail.map(str::to_owned),
        ..Measured::default()
    };
    let counts = Counts { succeeded: 1, failed: 1, skipped: 1, ..Counts::default() };
    numbered(vec![
        run_started(run_id, flow, 3),
        Event::TasksDeclared(TasksDeclared {
            from: 0,
            tasks: vec![
                declared("build", vec![]),
                declared("test", vec![0]),
                declared("deploy", vec![1]),
            ],
            ..TasksDeclared::default()
        }),
        queued(0, "build"),
        started(0, "build", 1),
        finished(0, "build", 1, TaskState::Succeeded, None, exit(0, None)),
        queued(1, "test"),
        started(1, "test", 1),
        Event::TaskRetrying(Box::new(TaskRetrying {
            task: TaskId(1),
            name: "test".into(),
            attempt: 1,
            after: Ms(5),
            reason: Reason::exit(2),
            measured: exit(2, Some("once\n")),
        })),
        started(1, "test", 2),
        finished(1, "test", 2, TaskState::Failed, Some(Reason::exit(2)), exit(2, Some("again\n"))),
        finished(
            2,
            "deploy",
            0,
            TaskState::Skipped,
            Some(Reason::upstream("test")),
            Measured::default(),
        ),
        Event::RunFinished(RunFinished {
            status: RunStatus::Failed,
            reason: Some(Reason::failed("test")),
            counts,
            first_failure: Some("test".into()),
        }),
    ])
}

/// Returns lines as they stand in a file.
pub(super) fn bytes_of(lines: &[Line]) -> Vec<u8> {
    let mut bytes = Vec::new();
    lines.iter().for_each(|line| line.write(&mut bytes));
    bytes
}
