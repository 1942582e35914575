//! A state folder with records that are made here, and what its tests compare.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use pyoco::event::{
    Declared, Event, Line, Measured, NewRun, RunFinished, RunLog, RunStarted, StateStore, Stream,
    TaskFinished, TaskQueued, TaskRetrying, TaskStarted, TasksDeclared,
};
use pyoco::model::Wall;
use pyoco::model::{Counts, Ms, Reason, RunId, RunStatus, Size, Syntax, TaskId, TaskState};
use pyoco::record::JsonlStore;
use tempfile::TempDir;

/// A state folder of its own.
pub(crate) struct Space {
    pub(crate) dir: TempDir,
    pub(crate) store: JsonlStore,
    /// When the runs began: two hours and a second ago.
    pub(crate) start: Wall,
}

impl Space {
    pub(crate) fn new() -> Space {
        let dir = TempDir::new().expect("a folder");
        let store = JsonlStore::new(dir.path().join(".pyoco"));
        pyoco::record::make_state_dir(store.state_dir()).expect("a state folder");
        let start = Wall(Wall::from(std::time::SystemTime::now()).0 - 7_201_000);
        Space { dir, store, start }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pyoco"));
        command.args(["runs"]).args(words).env_clear().env("TZ", "UTC");
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Done {
        Done::of(self.command(words).output().expect("the binary runs"))
    }

    /// Fails unless the command succeeds, prints this and says nothing.
    pub(crate) fn check(&self, words: &[&str], stdout: &str) {
        let done = self.run(words);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{words:?}");
        similar(&done.stdout, stdout);
    }

    /// Fails unless the command is refused with this.
    pub(crate) fn refused(&self, words: &[&str], stderr: &str) {
        let done = self.run(words);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{words:?}: {}", done.stderr);
        similar(&done.stderr, stderr);
    }

    pub(crate) fn create(&self, run_id: RunId) -> Arc<dyn RunLog> {
        let (source, syntax) = (Some(b"tasks: {}\n".as_slice()), Syntax::Yaml);
        let new = NewRun { run_id, source, syntax, durable: false, max_log: Size(64 << 20) };
        self.store.create(&new).expect("to make a record")
    }

    /// Makes the record of a run that failed; returns its id.
    pub(crate) fn failed(&self) -> RunId {
        let run_id = RunId::fresh();
        let log = self.create(run_id);
        log.append(&numbered(self.start, failing(run_id))).expect("to append");
        let write = |task, attempt, pieces: &[(Stream, &str)]| {
            let mut task_log = log.task_log(TaskId(task), attempt);
            for (index, (stream, text)) in pieces.iter().enumerate() {
                task_log.write(*stream, Ms(10 * index as u64), text.as_bytes());
            }
        };
        write(
            0,
            1,
            &[
                (Stream::Out, "compiling\n"),
                (Stream::Err, "war"),
                (Stream::Out, "ok\n"),
                (Stream::Err, "ning\n"),
            ],
        );
        write(1, 1, &[(Stream::Out, "first try\n")]);
        write(
            1,
            2,
            &[(Stream::Out, "one\ntwo\n"), (Stream::Err, "assertion \x1b[31mfailed\x1b[0m")],
        );
        run_id
    }

    /// Makes the record of a run under way, which lives as long as what is returned.
    pub(crate) fn running(&self) -> (RunId, Arc<dyn RunLog>) {
        let run_id = RunId::fresh();
        let log = self.create(run_id);
        log.append(&numbered(self.start, failing(run_id))[..5]).expect("to append");
        (run_id, log)
    }
}

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Done {
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Compares text after what changes from run to run was taken out of it.
pub(crate) fn similar(actual: &str, expected: &str) {
    assert_eq!(redact(actual), expected, "\n{actual}");
}

/// Replaces run ids and moments.
pub(crate) fn redact(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + &redact_line(line) + "\n")
}

pub(crate) fn redact_line(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let found = [
            ("dddd-dd-dd dd:dd:dd", "<TIME>"),
            ("dddd-dd-ddTdd:dd:dd.dddZ", "<WALL>"),
            ("hhhhhhhh-hhhh-7hhh-hhhh-hhhhhhhhhhhh", "<RUN>"),
            ("hhhhhhhh", "<ID>"),
        ]
        .into_iter()
        .find(|(shape, _)| has_shape(rest, shape));
        match found {
            Some((shape, word)) => {
                shown.push_str(word);
                rest = &rest[shape.len()..];
            }
            None => {
                let next = rest.chars().next().map_or(1, char::len_utf8);
                shown.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
    }
    shown
}

/// Returns whether `text` begins with a digit for every `d`, a hex digit for every `h`.
pub(crate) fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, kind)| match kind {
            b'd' => byte.is_ascii_digit(),
            b'h' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            _ => byte == kind,
        })
}

/// Returns events with numbers and times, of a run that began at `start`.
pub(crate) fn numbered(start: Wall, events: Vec<Event>) -> Vec<Line> {
    let number = |(index, event)| {
        let ms = Ms(index as u64 * 100);
        Line { v: 1, seq: index as u64 + 1, ts: start.plus(ms), ms, event }
    };
    events.into_iter().enumerate().map(number).collect()
}

pub(crate) fn run_started(run_id: RunId, flow: &str, n_tasks: u32) -> RunStarted {
    RunStarted {
        run_id: Some(run_id),
        flow: flow.to_owned(),
        file: Some("/src/pipeline.yaml".to_owned()),
        labels: [("env".to_owned(), "prod".to_owned())].into(),
        jobs: 2,
        n_tasks,
        host: Some("alpha".to_owned()),
        pid: Some(7),
        pyoco: "0.1.0".to_owned(),
        ..RunStarted::default()
    }
}

pub(crate) fn declared(name: &str, needs: Vec<u32>) -> Declared {
    Declared { name: name.into(), needs, ..Declared::default() }
}

pub(crate) fn queued(task: u32, name: &str) -> Event {
    Event::TaskQueued(TaskQueued { task: TaskId(task), name: name.into() })
}

pub(crate) fn started(task: u32, name: &str, attempt: u32) -> Event {
    Event::TaskStarted(Box::new(TaskStarted {
        task: TaskId(task),
        name: name.into(),
        attempt,
        pid: Some(100 + attempt),
        argv: ["sh", "-e", "-c", &format!("make {name}")].map(str::to_owned).into(),
        argv_cut: false,
        dir: Some("/src".to_owned()),
        jobs: 1,
        slots: Default::default(),
    }))
}

pub(crate) fn finished(
    task: u32,
    name: &str,
    attempt: u32,
    state: TaskState,
    reason: Option<Reason>,
    measured: Measured,
) -> Event {
    Event::TaskFinished(Box::new(TaskFinished {
        task: TaskId(task),
        name: name.into(),
        attempt,
        state,
        reason,
        measured,
    }))
}

pub(crate) fn exit(code: i32, tail: Option<&str>) -> Measured {
    Measured {
        exit_code: Some(code),
        cpu_ms: Some(90),
        max_rss: Some(3 << 20),
        bytes: 20,
        tail: tail.map(str::to_owned),
        ..Measured::default()
    }
}

/// A run of four tasks: `build` succeeds, `test` fails twice, `deploy` and `announce` are skipped.
pub(crate) fn failing(run_id: RunId) -> Vec<Event> {
    let skipped = |task, name, by: &str| {
        let (state, reason) = (TaskState::Skipped, Some(Reason::upstream(by)));
        finished(task, name, 0, state, reason, Measured::default())
    };
    let counts = Counts { succeeded: 1, failed: 1, skipped: 2, ..Counts::default() };
    let tasks = vec![
        declared("build", vec![]),
        declared("test", vec![0]),
        declared("deploy", vec![1]),
        declared("announce", vec![2]),
    ];
    vec![
        Event::RunStarted(Box::new(run_started(run_id, "release", 4))),
        Event::TasksDeclared(TasksDeclared { from: 0, tasks, ..TasksDeclared::default() }),
        queued(0, "build"),
        started(0, "build", 1),
        finished(0, "build", 1, TaskState::Succeeded, None, exit(0, None)),
        queued(1, "test"),
        started(1, "test", 1),
        Event::TaskRetrying(Box::new(TaskRetrying {
            task: TaskId(1),
            name: "test".into(),
            attempt: 1,
            after: Ms(50),
            reason: Reason::exit(2),
            measured: exit(2, Some("first try\n")),
        })),
        started(1, "test", 2),
        finished(
            1,
            "test",
            2,
            TaskState::Failed,
            Some(Reason::exit(2)),
            exit(2, Some("one\ntwo\nassertion \x1b[31mfailed")),
        ),
        skipped(2, "deploy", "test"),
        skipped(3, "announce", "deploy"),
        Event::RunFinished(RunFinished {
            status: RunStatus::Failed,
            reason: Some(Reason::failed("test")),
            counts,
            first_failure: Some("test".into()),
        }),
    ]
}
