//! The library as somebody outside uses it: flows made in code or read from text, run by an engine
//! with the ports of the user's own choice.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyoco::engine::{Engine, RunHandle, RunOptions, Surroundings};
use pyoco::event::{
    CancelRequest, Chunk, Event, Line, MemoryQueue, MemoryStore, QueueBackend, QueueItem, Rules,
    RunView, StateStore, Trace, audit,
};
use pyoco::model::{Flow, Level, RunId, RunStatus, Syntax, TaskId, TaskState};
use pyoco::record::JsonlStore;
use pyoco::scheduler::Plan;
use pyoco::spec::{FlowBuilder, Source, TaskBuilder};

const DEADLINE: Duration = Duration::from_secs(60);

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < DEADLINE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(2)); // the pause of the poll
    }
}

fn flow(dir: &Path, text: &str) -> Flow {
    let source = Source {
        name: "flow.yaml".to_owned(),
        path: "flow.yaml".to_owned(),
        bytes: text.as_bytes().to_vec(),
        syntax: Syntax::Yaml,
        base_dir: dir.to_owned(),
        default_name: "flow".to_owned(),
    };
    let loaded = pyoco::spec::load(&source);
    loaded.flow.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Returns the lines of a run, held against the rules.
fn lines(store: &dyn StateStore, run_id: RunId) -> Vec<Line> {
    let mut lines = Vec::new();
    let log = store.open(run_id).expect("the run is there");
    log.read(0, &mut |line| lines.push(line)).expect("it can be read");
    audit(&lines, &Rules::default()).unwrap_or_else(|broken| panic!("{broken}"));
    lines
}

/// Two tasks that can only end where both run at the same time.
const TOGETHER: &str = "
jobs: 2
tasks:
  a: ': > a; while ! [ -e b ]; do sleep 0.01; done'
  b: ': > b; while ! [ -e a ]; do sleep 0.01; done'
";

/// A task that runs until `go` appears, and one that waits for it.
const HELD: &str = "
tasks:
  held: ': > ready; while ! [ -e go ]; do sleep 0.01; done'
  after: {run: ': > after', needs: held}
";

#[test]
fn a_flow_made_in_code_runs() {
    let dir = folder();
    let flow = FlowBuilder::new("dinner")
        .base_dir(dir.path())
        .env("SALT", "some")
        .jobs(2)
        .task(TaskBuilder::run("chop", "echo \"$SALT\" > chopped"))
        .task(TaskBuilder::cmd("boil", ["cp", "chopped", "boiled"]).needs(["chop"]))
        .build()
        .expect("a sound flow");
    let engine = Engine::new();
    let handle = engine.start(&flow).expect("it can be recorded in memory");
    let view = handle.wait();
    assert_eq!(view.status(), RunStatus::Completed);
    assert_eq!(view.run_id(), Some(handle.run_id()));
    let names: Vec<_> = handle.tasks().iter().map(|task| task.name.to_string()).collect();
    assert_eq!(names, ["chop", "boil"]);
    assert!(handle.tasks().iter().all(|task| task.state() == TaskState::Succeeded));
    let boiled = std::fs::read_to_string(dir.path().join("boiled")).expect("it was made");
    assert_eq!(boiled, "some\n");
}

#[test]
fn a_handle_shows_the_run_as_it_stands() {
    let dir = folder();
    let engine = Engine::new();
    let handle = engine.start(&flow(dir.path(), HELD)).expect("it starts");
    wait_for("the first task", || dir.path().join("ready").exists());
    assert_eq!(handle.status(), RunStatus::Running);
    assert_eq!(handle.level(), None);
    wait_for("its start in the view", || handle.tasks()[0].state() == TaskState::Running);
    assert_eq!(handle.tasks()[1].state(), TaskState::Pending);
    assert!(!handle.is_over_within(Duration::ZERO));
    std::fs::write(dir.path().join("go"), "").expect("the folder is ours");
    let waiting = handle.clone();
    let waiter = std::thread::spawn(move || waiting.wait().status());
    assert_eq!(handle.wait().status(), RunStatus::Completed);
    assert_eq!(waiter.join().expect("it does not panic"), RunStatus::Completed);
    assert_eq!(handle.wait().status(), RunStatus::Completed, "waiting again is harmless");
    assert!(dir.path().join("after").exists());
}

/// Runs `HELD`, cancels it by `cancel` while the first task runs, then lets that one go.
fn cancelled(cancel: impl Fn(&Engine, &RunHandle)) -> RunView {
    let dir = folder();
    let engine = Engine::new();
    let handle = engine.start(&flow(dir.path(), HELD)).expect("it starts");
    wait_for("the first task", || dir.path().join("ready").exists());
    cancel(&engine, &handle);
    wait_for("the cancel", || handle.level().is_some());
    std::fs::write(dir.path().join("go"), "").expect("the folder is ours");
    let view = handle.wait();
    assert!(!dir.path().join("after").exists());
    lines(&**engine.store(), handle.run_id());
    assert!(!engine.cancel(handle.run_id()), "there is nothing left to cancel");
    view
}

#[test]
fn a_cancel_drains() {
    let by_handle = cancelled(|_, handle| {
        handle.cancel();
        handle.cancel();
    });
    let by_engine = cancelled(|engine, handle| assert!(engine.cancel(handle.run_id())));
    for view in [by_handle, by_engine] {
        assert_eq!(view.status(), RunStatus::Cancelled);
        let states: Vec<TaskState> = view.tasks().iter().map(|task| task.state()).collect();
        // What was drained keeps its true result.
        assert_eq!(states, [TaskState::Succeeded, TaskState::Cancelled]);
    }
    assert!(!Engine::new().cancel(RunId::fresh()));
}

#[test]
fn a_cancel_at_level_kill_ends_at_once() {
    let dir = folder();
    let engine = Engine::new();
    let text = "tasks:\n  deaf: trap '' TERM INT; touch ready; while :; do sleep 86400; done\n";
    let handle = engine.start(&flow(dir.path(), text)).expect("it starts");
    wait_for("the task", || dir.path().join("ready").exists());
    let by = "a test".to_owned();
    handle.request(CancelRequest { level: Level::Kill, by, reason: None });
    assert_eq!(handle.wait().status(), RunStatus::Cancelled);
    assert_eq!(handle.tasks()[0].state(), TaskState::Cancelled);
}

/// Counts what passes.
#[derive(Default)]
struct Counting {
    queue: MemoryQueue,
    enqueued: Arc<AtomicUsize>,
    dequeued: Arc<AtomicUsize>,
}

impl QueueBackend for Counting {
    fn enqueue(&self, item: QueueItem) {
        self.enqueued.fetch_add(1, Ordering::SeqCst);
        self.queue.enqueue(item);
    }

    fn dequeue(&self) -> Option<QueueItem> {
        let item = self.queue.dequeue();
        self.dequeued.fetch_add(usize::from(item.is_some()), Ordering::SeqCst);
        item
    }

    fn remove(&self, run_id: RunId) -> Vec<QueueItem> {
        self.queue.remove(run_id)
    }

    fn close(&self) {
        self.queue.close();
    }
}

/// A queue of somebody's own that has a bug.
struct Broken(MemoryQueue);

impl QueueBackend for Broken {
    fn enqueue(&self, item: QueueItem) {
        self.0.enqueue(item);
    }

    fn dequeue(&self) -> Option<QueueItem> {
        panic!("this queue gives nothing");
    }

    fn remove(&self, run_id: RunId) -> Vec<QueueItem> {
        self.0.remove(run_id)
    }

    fn close(&self) {
        self.0.close();
    }
}

#[test]
fn the_panic_of_a_queue_reaches_the_one_who_waits() {
    let dir = folder();
    let flow = flow(dir.path(), TOGETHER);
    let engine = Engine::new().with_queue(|| Broken(MemoryQueue::default()));
    let handle = engine.start(&flow).expect("it starts");
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.wait()));
        said.send(waited.is_err()).expect("the test waits");
    });
    assert!(heard.recv_timeout(DEADLINE).expect("a run never waits for a worker that is gone"));
}

#[test]
fn every_attempt_passes_the_queue() {
    let dir = folder();
    let (enqueued, dequeued) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (enqueued.clone(), dequeued.clone());
    let engine = Engine::new().with_queue(move || Counting {
        queue: MemoryQueue::default(),
        enqueued: counts.0.clone(),
        dequeued: counts.1.clone(),
    });
    let text = "
tasks:
  a: {run: test $PYOCO_ATTEMPT = 2, retry: {max: 1, delay: 1ms}}
  b: {run: 'true', needs: a}
  c: {run: 'true', needs: b}
";
    let handle = engine.start(&flow(dir.path(), text)).expect("it starts");
    assert_eq!(handle.wait().status(), RunStatus::Completed);
    assert_eq!(enqueued.load(Ordering::SeqCst), 4);
    assert_eq!(dequeued.load(Ordering::SeqCst), 4);
}

/// Tells a channel what it is told.
struct Telling(Sender<String>);

impl Trace for Telling {
    fn event(&mut self, view: &RunView, line: &Line) {
        let told = match &line.event {
            Event::TaskStarted(started) => format!("start {}", started.name),
            Event::TaskFinished(finished) => format!("end {} {}", finished.name, finished.state),
            Event::RunFinished(finished) => format!("over {}", finished.status),
            _ => return,
        };
        assert_eq!(view.seq(), line.seq, "the view is the state after the line");
        self.0.send(told).expect("the test listens");
    }

    fn output(&mut self, view: &RunView, task: TaskId, attempt: u32, chunk: &Chunk) {
        let mut bytes = Vec::new();
        let read = chunk.read(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        read.expect("the output can be read back");
        let name = &view.task(task).expect("it has started").name;
        let told = format!("{name} {attempt} says {}", String::from_utf8_lossy(&bytes).trim());
        self.0.send(told).expect("the test listens");
    }

    fn finish(&mut self, _: &RunView) {
        self.0.send("finish".to_owned()).expect("the test listens");
    }
}

fn told(flow: Flow) -> Receiver<String> {
    let (telling, told) = mpsc::channel();
    let options = RunOptions { trace: Some(Box::new(Telling(telling))), ..RunOptions::default() };
    let engine = Engine::new();
    let handle = engine.start_plan(Plan::all_of(Arc::new(flow), 1), options).expect("it starts");
    handle.wait();
    handle.wait_for_trace();
    told
}

#[test]
fn a_trace_of_ones_own_is_told_everything_in_order() {
    let dir = folder();
    let text = "tasks:\n  a: echo hello\n  b: {run: exit 1, needs: a}\n  c: {run: x, needs: b}\n";
    let told: Vec<String> = told(flow(dir.path(), text)).iter().collect();
    let expected = [
        "start a",
        "a 1 says hello",
        "end a SUCCEEDED",
        "start b",
        "end b FAILED",
        "end c SKIPPED",
        "over FAILED",
        "finish",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_trace_hears_of_a_task_before_it_hears_from_it() {
    let dir = folder();
    let tasks: String = (0..50).map(|n| format!("  t{n}: {{cmd: [echo, hi]}}\n")).collect();
    let told: Vec<String> =
        told(flow(dir.path(), &format!("jobs: 4\ntasks:\n{tasks}"))).iter().collect();
    for n in 0..50 {
        let at = |text: &str| told.iter().position(|line| line == text).expect("it was told");
        let (start, said) = (at(&format!("start t{n}")), at(&format!("t{n} 1 says hi")));
        let end = at(&format!("end t{n} SUCCEEDED"));
        assert!(start < said && said < end, "{told:?}");
    }
}

#[test]
fn memory_keeps_runs_that_can_be_read_back() {
    let dir = folder();
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::new().with_store(store.clone());
    let flow = flow(dir.path(), "tasks:\n  a: echo hi\n");
    let ids: Vec<RunId> = (0..3)
        .map(|_| {
            let handle = engine.start(&flow).expect("it starts");
            handle.wait();
            handle.run_id()
        })
        .collect();
    let listed = store.list().expect("it is in memory");
    assert_eq!(listed, ids.iter().rev().copied().collect::<Vec<_>>());
    for id in ids {
        let lines = lines(&*store, id);
        let mut view = RunView::new();
        lines.iter().for_each(|line| view.apply(line));
        assert_eq!(view.status(), RunStatus::Completed);
    }
}

#[test]
fn records_on_disk_are_those_of_the_command() {
    let dir = folder();
    let state_dir = dir.path().join(".pyoco");
    pyoco::record::make_state_dir(&state_dir).expect("the folder is ours");
    let store = Arc::new(JsonlStore::new(state_dir.clone()));
    let engine = Engine::new().with_store(store.clone());
    let handle = engine.start(&flow(dir.path(), "tasks:\n  a: echo hi\n")).expect("it starts");
    handle.wait();
    let run_dir = store.run_dir(handle.run_id());
    assert!(run_dir.starts_with(&state_dir));
    let log = std::fs::read(run_dir.join("logs/0000-1.log")).expect("the task printed something");
    assert_eq!(log, b"hi\n");
    let last = lines(&*store, handle.run_id()).pop().expect("there are lines");
    assert!(matches!(last.event, Event::RunFinished(_)));
    // A second store on the same folder sees the same.
    let other = JsonlStore::new(state_dir);
    assert_eq!(other.list().expect("it can be read"), [handle.run_id()]);
}

#[test]
fn a_store_that_cannot_make_a_record_starts_nothing() {
    let dir = folder();
    std::fs::write(dir.path().join("plain"), "").expect("the folder is ours");
    let store = Arc::new(JsonlStore::new(dir.path().join("plain")));
    let engine = Engine::new().with_store(store);
    let started = engine.start(&flow(dir.path(), "tasks:\n  a: touch ran\n"));
    let error = started.err().expect("there is no folder to put it in").to_string();
    assert!(error.starts_with("the run cannot be recorded: "), "{error}");
    assert!(!dir.path().join("ran").exists());
}

#[test]
fn two_engines_in_one_process_do_not_meet() {
    let dir = folder();
    // The tasks of one run wait for those of the other: both are under way at the same time.
    let text = |mine: &str, other: &str| {
        format!(
            "tasks:\n  x: ': > {mine}; while ! [ -e {other} ]; do sleep 0.01; done; echo $WHO'\n"
        )
    };
    let engines = ["one", "two"].map(|who| {
        let mut surroundings = Surroundings::of_this_process();
        surroundings.env.push(("WHO".into(), who.into()));
        Engine::new().with_surroundings(surroundings)
    });
    let flows = [flow(dir.path(), &text("a", "b")), flow(dir.path(), &text("b", "a"))];
    let said = Mutex::new(Vec::new());
    let handles: Vec<RunHandle> = engines
        .iter()
        .zip(flows)
        .map(|(engine, flow)| {
            let (telling, told) = mpsc::channel();
            let trace: Option<Box<dyn Trace>> = Some(Box::new(Telling(telling)));
            let options = RunOptions { trace, ..RunOptions::default() };
            let plan = Plan::all_of(Arc::new(flow), 1);
            said.lock().expect("no thread panics").push(told);
            engine.start_plan(plan, options).expect("it starts")
        })
        .collect();
    for handle in &handles {
        assert_eq!(handle.wait().status(), RunStatus::Completed);
        handle.wait_for_trace();
    }
    assert!(!engines[0].cancel(handles[1].run_id()), "that run is the other engine's");
    let said: Vec<Vec<String>> =
        said.into_inner().expect("no thread panics").iter().map(|t| t.iter().collect()).collect();
    assert!(said[0].contains(&"x 1 says one".to_owned()), "{said:?}");
    assert!(said[1].contains(&"x 1 says two".to_owned()), "{said:?}");
    for (engine, handle) in engines.iter().zip(&handles) {
        assert_eq!(engine.store().list().expect("in memory"), [handle.run_id()]);
    }
}

#[test]
fn one_engine_runs_several_flows_at_once() {
    let dir = folder();
    let engine = Engine::new();
    let text = |mine: &str, other: &str| {
        format!("tasks:\n  x: ': > {mine}; while ! [ -e {other} ]; do sleep 0.01; done'\n")
    };
    let one = engine.start(&flow(dir.path(), &text("a", "b"))).expect("it starts");
    let two = engine.start(&flow(dir.path(), &text("b", "a"))).expect("it starts");
    assert_ne!(one.run_id(), two.run_id());
    assert_eq!(one.wait().status(), RunStatus::Completed);
    assert_eq!(two.wait().status(), RunStatus::Completed);
}

#[test]
fn tasks_of_one_run_are_parallel() {
    let dir = folder();
    let handle = Engine::new().start(&flow(dir.path(), TOGETHER)).expect("it starts");
    assert_eq!(handle.wait().status(), RunStatus::Completed);
}

#[test]
fn a_run_outlives_its_engine_and_its_handle() {
    let dir = folder();
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::new().with_store(store.clone());
    let handle = engine.start(&flow(dir.path(), HELD)).expect("it starts");
    let run_id = handle.run_id();
    drop((engine, handle));
    std::fs::write(dir.path().join("go"), "").expect("the folder is ours");
    wait_for("the second task", || dir.path().join("after").exists());
    wait_for("the end of the run", || {
        let is_end = |line: &Line| matches!(line.event, Event::RunFinished(_));
        lines(&*store, run_id).last().is_some_and(is_end)
    });
}
