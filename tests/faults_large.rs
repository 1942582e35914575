//! A folder or a run that is large, and a clock that jumps: a reader reads no more than it shows, and
//! nothing is judged by the clock.

mod support;

use std::fs;
use std::sync::Arc;

use pyoco::event::{
    Declared, Event, Line, Measured, NewRun, Retention, RunLog, RunStarted, StateStore,
    TaskFinished, TaskQueued, TaskStarted, TasksDeclared, audit,
};
use pyoco::model::{Ms, RunId, RunStatus, Size, Syntax, TaskId, TaskState, Wall};
use pyoco::record::{JsonlStore, Seen};
use pyoco::scheduler::{Action, Decisions, Ended, Input, Moment, Plan, Scheduler, Started};
use pyoco::spec::{FlowBuilder, TaskBuilder};
use support::faults::{can_inject, with_runs};
use support::{Project, Running, has_tool};

/// Returns how often the program opened a file with this name.
fn opens(project: &Project, name: &str, words: &[&str]) -> usize {
    let trace = project.dir().with_file_name("strace.out");
    let mut command = project.command_of("strace");
    command.args(["-f", "-qq", "-e", "trace=openat,open", "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_pyoco")).args(words);
    Running::spawn(command).wait().exits(0);
    let text = fs::read_to_string(trace).expect("strace wrote it");
    text.lines().filter(|line| line.contains(&format!("/{name}\""))).count()
}

#[test]
fn of_ten_thousand_runs_only_those_are_read_that_are_shown() {
    if !can_inject() {
        return;
    }
    let (project, ids) = with_runs(10_000);
    let oldest = ids.first().expect("there are some").to_string();
    let newest = ids.last().expect("there are some").to_string();
    let n = |words: &[&str]| opens(&project, "events.jsonl", &[&["runs"], words].concat());
    assert_eq!(n(&["list"]), 21, "twenty, and whether there are more");
    assert_eq!(n(&["list", "--limit", "3", "--json"]), 4);
    assert_eq!(n(&["show", "failed"]), 2);
    assert_eq!(n(&["show", &newest, "--json"]), 1);
    assert_eq!(n(&["logs", "latest~9999"]), 2);
    // Its children are looked for among the runs that follow, and not for ever.
    assert!(n(&["show", &oldest]) <= 1001);
    let listed = project.run(&["runs", "list", "--limit", "99999", "--json"]).exits(0).json();
    let listed = listed.as_array().expect("a list");
    let listed: Vec<&str> = listed.iter().filter_map(|run| run["run_id"].as_str()).collect();
    let expected: Vec<String> = ids.iter().rev().map(ToString::to_string).collect();
    assert!(listed == expected, "{} of {}", listed.len(), expected.len());
    let pruned = project.run(&["runs", "prune", "--keep", "9000", "--limit", "9999"]).exits(0);
    assert_eq!(pruned.stdout.lines().count(), ids.len() - 9000);
}

/// Returns the store of a project that has no run yet.
fn store_of(project: &Project) -> JsonlStore {
    let store = JsonlStore::new(project.dir().join(".pyoco"));
    pyoco::record::make_state_dir(store.state_dir()).expect("ours");
    store
}

fn create(store: &JsonlStore, run_id: RunId) -> Arc<dyn RunLog> {
    let (syntax, max_log) = (Syntax::Yaml, Size(1 << 20));
    let new = NewRun { run_id, source: None, syntax, durable: false, max_log };
    store.create(&new).expect("a record")
}

/// Writes the record of a run of so many tasks, which lacks its end; returns how many lines it has.
fn write_large(log: &dyn RunLog, run_id: RunId, n_tasks: u32, start: Wall) -> u64 {
    let name = |task: u32| format!("task-{task}").into();
    let mut events = vec![Event::RunStarted(Box::new(RunStarted {
        run_id: Some(run_id),
        flow: "large".to_owned(),
        jobs: 1,
        n_tasks,
        ..RunStarted::default()
    }))];
    for from in (0..n_tasks).step_by(500) {
        let tasks = (from..n_tasks.min(from + 500))
            .map(|task| Declared { name: name(task), ..Declared::default() })
            .collect();
        events.push(Event::TasksDeclared(TasksDeclared {
            from,
            tasks,
            ..TasksDeclared::default()
        }));
    }
    for task in 0..n_tasks {
        let (name, task) = (name(task), TaskId(task));
        events.push(Event::TaskQueued(TaskQueued { task, name: Arc::clone(&name) }));
        events.push(Event::TaskStarted(Box::new(TaskStarted {
            task,
            name: Arc::clone(&name),
            attempt: 1,
            pid: Some(1),
            argv: vec!["/bin/sh".to_owned(), "-e".to_owned(), "-c".to_owned(), "true".to_owned()],
            argv_cut: false,
            dir: Some("/src".to_owned()),
            jobs: 1,
            slots: Default::default(),
        })));
        let (state, reason, measured) = (TaskState::Succeeded, None, Measured::default());
        let finished = TaskFinished { task, name, attempt: 1, state, reason, measured };
        events.push(Event::TaskFinished(Box::new(finished)));
    }
    let number = |(index, event)| {
        let ms = Ms(index as u64 / 10);
        Line { v: 1, seq: index as u64 + 1, ts: start.plus(ms), ms, event }
    };
    let lines: Vec<Line> = events.into_iter().enumerate().map(number).collect();
    lines.chunks(1000).for_each(|lines| log.append(lines).expect("to append"));
    lines.len() as u64
}

#[test]
fn a_run_of_a_hundred_thousand_events_is_read_in_bounded_memory() {
    if !has_tool("prlimit") {
        return;
    }
    let project = Project::new();
    let (store, run_id) = (store_of(&project), RunId::fresh());
    let log = create(&store, run_id);
    let n_lines = write_large(&*log, run_id, 34_000, Wall(1_772_366_400_000));
    assert!(n_lines > 100_000);
    let limited = |words: &[&str]| {
        let mut command = project.command_of("prlimit");
        command.args(["--data=96000000", env!("CARGO_BIN_EXE_pyoco"), "runs"]).args(words);
        Running::spawn(command).wait().exits(0)
    };
    limited(&["list"]).says("RUNNING");
    assert_eq!(limited(&["show", "latest", "--events"]).stdout.lines().count() as u64, n_lines);
    limited(&["show", "latest", "--json"]).says("\"status\": \"RUNNING\"");
    assert_eq!(limited(&["logs", "latest"]).stdout, "");
}

#[test]
fn a_clock_that_jumps_makes_no_run_lost_and_no_run_old() {
    const HOUR: i64 = 3_600_000;
    let project = Project::new();
    let store = store_of(&project);
    let now = Wall::from(std::time::SystemTime::now());
    // Both began an hour from now, as a clock says that was put back since.
    let (living, dead) = (RunId::fresh(), RunId::fresh());
    let living_log = create(&store, living);
    write_large(&*living_log, living, 2, Wall(now.0 + HOUR));
    let dead_log = create(&store, dead);
    write_large(&*dead_log, dead, 2, Wall(now.0 + HOUR));
    drop(dead_log);
    let seen = |id| store.load(id).expect("it is there").seen;
    assert_eq!((seen(living), seen(dead)), (Seen::Known(RunStatus::Running), Seen::Lost));
    let listed = project.run(&["runs", "list"]).exits(0).stdout;
    let rows: Vec<&str> = listed.lines().skip(1).collect();
    assert!(rows[0].starts_with(&dead.short()) && rows[0].contains("LOST"), "{listed}");
    assert!(rows[1].starts_with(&living.short()) && rows[1].contains("RUNNING"), "{listed}");
    assert!(!listed.contains('-'), "no time is negative: {listed}");
    project.run(&["runs", "show", "latest"]).exits(0);
    project.run(&["runs", "show", "latest~1"]).exits(0).says("so far");
    // What has just ended by a clock that runs ahead is not older than a minute.
    let retention = Retention { ended_after: Some(Wall(now.0 - 60_000)), ..Retention::default() };
    assert_eq!(store.prune(&retention).expect("to prune"), []);
    assert_eq!(store.list().expect("to list"), [dead, living]);
}

#[test]
fn a_clock_that_jumps_moves_no_time_of_a_run_and_ends_no_task_early() {
    const HOUR: i64 = 3_600_000;
    let task = TaskBuilder::run("a", "sleep 9").timeout("10s");
    let flow = FlowBuilder::new("clock").task(task).task(TaskBuilder::run("b", "x").needs(["a"]));
    let plan = Plan::all_of(Arc::new(flow.build().expect("a flow")), 1);
    let mut scheduler = Scheduler::new(plan);
    let (mut lines, mut signals) = (Vec::new(), Vec::new());
    let start = 1_772_366_400_000;
    let mut at = |ms: u64, jump: i64, input: Input| {
        let mut decisions = Decisions::default();
        let wall = Wall(start + ms as i64 + jump);
        scheduler.handle(Moment { ms: Ms(ms), wall }, input, &mut decisions);
        lines.append(&mut decisions.lines);
        let is_signal = |action: &Action| matches!(action, Action::Signal { .. });
        signals.extend(decisions.actions.iter().filter(|a| is_signal(a)).map(|_| ms));
    };
    let begin =
        RunStarted { run_id: Some(RunId::fresh()), pyoco: "0".into(), ..Default::default() };
    let started =
        |task| Started { task: TaskId(task), attempt: 1, pid: Some(1), ..Default::default() };
    let ended = |task, code, signal| {
        let measured = Measured { exit_code: code, signal, ..Measured::default() };
        Input::Ended(Box::new(Ended {
            task: TaskId(task),
            attempt: 1,
            not_started: None,
            measured,
            results: Ok(Default::default()),
        }))
    };
    at(0, 0, Input::Begin(Box::new(begin)));
    at(0, 0, Input::Tick);
    at(5, 0, Input::Started(Box::new(started(0))));
    at(100, HOUR, Input::Tick);
    at(9_000, -HOUR, Input::Tick);
    at(10_004, HOUR, Input::Tick);
    at(10_005, -HOUR, Input::Tick);
    at(10_010, -HOUR, ended(0, None, Some(15)));
    assert_eq!(signals, [10_005], "by the monotonic clock alone");
    assert!(lines.windows(2).all(|pair| pair[0].ts <= pair[1].ts && pair[0].ms <= pair[1].ms));
    let last = lines.last().expect("there are some");
    assert!(matches!(&last.event, Event::RunFinished(end) if end.status == RunStatus::Failed));
    assert_eq!(last.ms, Ms(10_010));
    audit(&lines, &Default::default()).expect("it keeps all rules");
}
