//! Logs written by hand: one that keeps every rule, and for each rule one that breaks it.

use super::*;
use crate::event::{Declared, RunNoted, TaskQueued};
use crate::model::RunId;

mod results;

/// A log under construction; tasks go by their index, and are called `a`, `b`, `c` ….
struct Log(Vec<Line>);

fn name(task: u32) -> Arc<str> {
    char::from(b'a' + task as u8).to_string().into()
}

fn reason(text: &str) -> Option<Reason> {
    (!text.is_empty()).then(|| Reason::from_wire(text))
}

impl Log {
    /// Begins a run of tasks with these needs and needs_any.
    fn new(jobs: u32, tasks: &[(&[u32], &[u32])]) -> Log {
        let header = RunStarted {
            run_id: Some(RunId::fresh()),
            jobs,
            n_tasks: tasks.len() as u32,
            ..RunStarted::default()
        };
        let declare = |(index, (needs, any)): (usize, &(&[u32], &[u32]))| Declared {
            name: name(index as u32),
            needs: needs.to_vec(),
            needs_any: any.to_vec(),
            same_needs_as: None,
            finally: false,
            after_ends: false,
            may_fail: false,
        };
        let tasks = tasks.iter().enumerate().map(declare).collect();
        Log(Vec::new())
            .then(Event::RunStarted(Box::new(header)))
            .then(Event::TasksDeclared(TasksDeclared { tasks, ..TasksDeclared::default() }))
    }

    fn then(mut self, event: Event) -> Log {
        let seq = self.0.len() as u64 + 1;
        self.0.push(Line { v: 1, seq, ts: Wall(seq as i64), ms: Ms(seq), event });
        self
    }

    fn queued(self, task: u32) -> Log {
        self.then(Event::TaskQueued(TaskQueued { task: TaskId(task), name: name(task) }))
    }

    fn started(self, task: u32, attempt: u32) -> Log {
        self.then(Event::TaskStarted(Box::new(TaskStarted {
            task: TaskId(task),
            name: name(task),
            attempt,
            pid: Some(1),
            argv: Vec::new(),
            argv_cut: false,
            dir: None,
            jobs: 1,
            slots: Default::default(),
        })))
    }

    /// Starts a task that holds so many slots of `jobs`, and these of the pool `gpu`.
    fn holding(mut self, task: u32, jobs: u32, slots: &[u32]) -> Log {
        self = self.started(task, 1);
        if let Some(Event::TaskStarted(started)) = self.0.last_mut().map(|line| &mut line.event) {
            started.jobs = jobs;
            if !slots.is_empty() {
                started.slots = [("gpu".into(), slots.into())].into();
            }
        }
        self
    }

    /// Gives the run a pool `gpu` with so many slots.
    fn with_gpus(mut self, count: u32) -> Log {
        if let Event::RunStarted(started) = &mut self.0[0].event {
            started.pools = [("gpu".into(), Slots::Numbered(count))].into();
        }
        self
    }

    fn stopping(self, task: u32, why: &str) -> Log {
        self.then(Event::TaskStopping(TaskStopping {
            task: TaskId(task),
            name: name(task),
            attempt: 1,
            why: why.to_owned(),
            signal: "SIGTERM".to_owned(),
        }))
    }

    fn retrying(self, task: u32, attempt: u32) -> Log {
        self.then(Event::TaskRetrying(Box::new(TaskRetrying {
            task: TaskId(task),
            name: name(task),
            attempt,
            after: Ms(1),
            reason: Reason::exit(1),
            measured: Measured::default(),
        })))
    }

    fn finished(self, task: u32, attempt: u32, state: TaskState, why: &str) -> Log {
        self.then(Event::TaskFinished(Box::new(TaskFinished {
            task: TaskId(task),
            name: name(task),
            attempt,
            state,
            reason: reason(why),
            measured: Measured::default(),
        })))
    }

    /// Lets a task run and succeed, from its queue to its end.
    fn runs(self, task: u32) -> Log {
        self.queued(task).started(task, 1).finished(task, 1, TaskState::Succeeded, "")
    }

    /// Lets a task run and fail, from its queue to its end.
    fn fails(self, task: u32) -> Log {
        self.queued(task).started(task, 1).finished(task, 1, TaskState::Failed, "exit(1)")
    }

    fn skipped(self, task: u32, why: &str) -> Log {
        self.finished(task, 0, TaskState::Skipped, why)
    }

    fn cancelling(self, level: Level) -> Log {
        let by = "SIGINT".to_owned();
        self.then(Event::RunCancelling(RunCancelling { level, by, text: None }))
    }

    /// Ends the run with the counts that the fold gives.
    fn ends(self, status: RunStatus, why: &str, first_failure: Option<u32>) -> Log {
        let mut view = RunView::new();
        self.0.iter().for_each(|line| view.apply(line));
        let counts = view.counts();
        self.ends_with(status, why, first_failure, counts)
    }

    fn ends_with(self, status: RunStatus, why: &str, first: Option<u32>, counts: Counts) -> Log {
        let first_failure = first.map(name);
        let reason = reason(why);
        self.then(Event::RunFinished(RunFinished { status, reason, counts, first_failure }))
    }

    fn edit(mut self, line: usize, edit: impl FnOnce(&mut Line)) -> Log {
        edit(&mut self.0[line]);
        self
    }
}

use RunStatus::{Cancelled as RunCancelled, Completed, Failed as RunFailed};
use TaskState::{Cancelled, Failed, Skipped, Succeeded};

const ONE: &[(&[u32], &[u32])] = &[(&[], &[])];
const TWO: &[(&[u32], &[u32])] = &[(&[], &[]), (&[], &[])];
const CHAIN: &[(&[u32], &[u32])] = &[(&[], &[]), (&[0], &[])];
const ANY: &[(&[u32], &[u32])] = &[(&[], &[]), (&[], &[0])];

fn good(log: Log) {
    audit(&log.0, &Rules::default()).expect("the log keeps every rule");
}

fn bad(log: Log, expected: &str) {
    let broken = audit(&log.0, &Rules::default()).expect_err(expected);
    assert!(broken.contains(expected), "expected `{expected}`, got: {broken}");
}

#[test]
fn good_logs_pass() {
    good(Log(Vec::new()));
    good(Log::new(1, CHAIN).runs(0).runs(1).ends(Completed, "", None));
    good(Log::new(1, CHAIN).runs(0).queued(1)); // the runner was killed here
    good(Log::new(1, ONE).then(Event::RunNoted(RunNoted::default())).then(Event::Unknown).runs(0));
    good(Log::new(1, CHAIN).fails(0).skipped(1, "upstream(a)").ends(
        RunFailed,
        "failed(a)",
        Some(0),
    ));
    good(Log::new(1, TWO).fails(0).skipped(1, "stopped_by(a)").ends(
        RunFailed,
        "failed(a)",
        Some(0),
    ));
    good(Log::new(1, CHAIN).skipped(0, "not_selected").runs(1).ends(Completed, "", None));
    good(Log::new(1, ANY).skipped(0, "not_selected").runs(1).ends(Completed, "", None));
    good(Log::new(1, ANY).fails(0).skipped(1, "upstream(a)").ends(RunFailed, "failed(a)", Some(0)));
}

#[test]
fn good_logs_with_retries_stops_and_cancels_pass() {
    let retried = Log::new(1, TWO).queued(0).started(0, 1).retrying(0, 1);
    good(retried.runs(1).started(0, 2).finished(0, 2, Succeeded, "").ends(Completed, "", None));
    let waits = Log::new(1, TWO).queued(1).queued(0).started(0, 1).retrying(0, 1);
    good(
        waits
            .cancelling(Level::Drain)
            .finished(0, 1, Failed, "exit(1)")
            .finished(1, 0, Cancelled, "cancelled")
            .ends(RunCancelled, "cancelled", Some(0)),
    );
    let stopped = Log::new(1, ONE).queued(0).started(0, 1).cancelling(Level::Stop);
    good(stopped.stopping(0, "stop").finished(0, 1, Cancelled, "cancelled").ends(
        RunCancelled,
        "cancelled",
        None,
    ));
    good(
        Log::new(2, TWO)
            .queued(0)
            .started(0, 1)
            .fails(1)
            .stopping(0, "failure")
            .finished(0, 1, Cancelled, "stopped_by(b)")
            .ends(RunFailed, "failed(b)", Some(1)),
    );
    good(
        Log::new(1, ONE)
            .queued(0)
            .started(0, 1)
            .stopping(0, "timeout")
            .finished(0, 1, Failed, "timeout")
            .ends(RunFailed, "failed(a)", Some(0)),
    );
    good(Log::new(1, ONE).queued(0).finished(0, 1, Failed, "spawn(no such program)").ends(
        RunFailed,
        "failed(a)",
        Some(0),
    ));
    // A cancel that comes when all tasks have ended changes nothing.
    good(Log::new(1, ONE).runs(0).cancelling(Level::Drain).ends(Completed, "", None));
}

#[test]
fn a_task_that_may_fail_satisfies_and_fails_no_run() {
    let log = || Log::new(1, CHAIN).fails(0).runs(1);
    let rules = Rules::default().may_fail("a");
    audit(&log().ends(Completed, "", None).0, &rules).expect("`a` may fail");
    let broken = audit(&log().ends(RunFailed, "failed(a)", Some(0)).0, &rules);
    assert!(broken.expect_err("not a failed run").contains("the run is FAILED, not COMPLETED"));
    bad(log(), "`b` goes before `a`");
}

#[test]
fn the_stream_itself_is_whole() {
    let log = || Log::new(1, ONE).runs(0).ends(Completed, "", None);
    good(log());
    bad(log().edit(3, |line| line.seq = 5), "seq 5 where 4 is due");
    bad(log().edit(3, |line| line.seq = 3), "seq 3 where 4 is due");
    bad(log().edit(3, |line| line.ts = Wall(1)), "ts goes back");
    bad(log().edit(3, |line| line.ms = Ms(1)), "ms goes back");
    bad(log().edit(3, |line| line.v = 2), "version 2");
    bad(log().edit(0, |line| line.event = Event::Unknown), "run_started is the first line");
    bad(
        log().edit(1, |line| line.event = Event::RunStarted(Box::default())),
        "run_started is the first line",
    );
    bad(log().then(Event::Unknown), "a line after run_finished");
    bad(Log(Vec::new()).then(Event::RunStarted(Box::default())), "a run without an id");
    bad(Log::new(0, ONE), "a run without a slot");
}

#[test]
fn tasks_are_declared_first_and_once() {
    let declare = |from: u32, names: &[&str]| {
        let tasks = names.iter().map(|n| Declared { name: (*n).into(), ..Declared::default() });
        let tasks = tasks.collect();
        Event::TasksDeclared(TasksDeclared { from, tasks, ..TasksDeclared::default() })
    };
    let begun = |n: u32| {
        Log::new(1, &[]).edit(0, |line| {
            if let Event::RunStarted(started) = &mut line.event {
                started.n_tasks = n;
            }
        })
    };
    // `Log::new` declares nothing here, in a line that says so.
    let begun = |n: u32| begun(n).edit(1, |line| line.event = Event::Unknown);
    good(begun(2).then(declare(0, &["a"])).then(declare(1, &["b"])).runs(1));
    bad(begun(2).then(declare(0, &["a"])).queued(0), "1 of 2 are declared");
    bad(begun(2).then(declare(1, &["b"])), "tasks from 1 where 0 is due");
    bad(begun(1).then(declare(0, &["a", "b"])), "more tasks than the 1");
    bad(begun(2).then(declare(0, &["a", "a"])), "`a` is declared twice");
    bad(begun(1).then(declare(0, &[""])), "has no name");
    bad(begun(1).then(declare(0, &[])), "more needs of a task that is not declared");
    bad(begun(1).then(declare(0, &["a"])).queued(0).then(declare(0, &[])), "after the first task");
    bad(Log::new(1, &[(&[7], &[])]), "a need on task 7");
    bad(Log::new(1, &[(&[], &[1])]), "a need on task 1");
    let same = Declared { name: "a".into(), same_needs_as: Some(0), ..Declared::default() };
    let same = TasksDeclared { tasks: vec![same], ..TasksDeclared::default() };
    bad(begun(1).then(Event::TasksDeclared(same)), "needs the same as a later task");
    bad(Log::new(1, ONE).queued(1), "task 1 is not declared");
    let other = TaskQueued { task: TaskId(0), name: "z".into() };
    bad(Log::new(1, ONE).then(Event::TaskQueued(other)), "task 0 is `a`, not `z`");
}

#[test]
fn a_task_ends_once_and_every_task_ends() {
    bad(Log::new(1, ONE).runs(0).finished(0, 1, Failed, "exit(1)"), "had ended as SUCCEEDED");
    bad(Log::new(1, ONE).runs(0).queued(0), "had ended as SUCCEEDED");
    bad(Log::new(1, TWO).runs(0).ends(Completed, "", None), "1 of 2 tasks have ended");
    bad(Log::new(1, ONE).queued(0).finished(0, 1, TaskState::Running, ""), "ends as RUNNING");
}

#[test]
fn nothing_starts_out_of_turn() {
    bad(Log::new(2, CHAIN).queued(0).queued(1), "`b` goes before `a`, which it needs");
    bad(Log::new(2, CHAIN).fails(0).queued(1), "`b` goes before `a`");
    bad(Log::new(2, CHAIN).skipped(0, "stopped_by(b)"), "does not explain");
    bad(Log::new(2, ANY).fails(0).queued(1), "before one of its needs_any has succeeded");
    bad(Log::new(1, ONE).started(0, 1), "`a` starts while PENDING");
    bad(Log::new(1, ONE).queued(0).queued(0), "is queued while QUEUED");
    bad(Log::new(2, ONE).queued(0).started(0, 1).started(0, 2), "starts while RUNNING");
    bad(Log::new(1, TWO).queued(0).queued(1).started(0, 1).started(1, 1), "takes 1 of 1 slots");
    let rules = Rules { jobs: Some(1), ..Rules::default() };
    let log = Log::new(2, TWO).queued(0).queued(1).started(0, 1).started(1, 1);
    assert!(audit(&log.0, &rules).is_err(), "a rule beats the first line");
}

#[test]
fn no_slot_is_held_twice() {
    let two = || Log::new(2, TWO).with_gpus(3).queued(0).queued(1);
    let first = || two().holding(0, 1, &[0, 1]);
    good(first().holding(1, 1, &[2]));
    good(first().finished(0, 1, Succeeded, "").holding(1, 2, &[1]));
    good(first().retrying(0, 1).holding(1, 1, &[0]));
    bad(first().holding(1, 1, &[1]), "`b` takes slot 1 of `gpu`, which Some(\"a\") holds");
    bad(first().holding(1, 1, &[3]), "`b` takes slot 3 of `gpu`, which has 3");
    bad(two().holding(0, 1, &[0, 0]), "`a` takes slot 0 of `gpu`, which Some(\"a\") holds");
    bad(first().holding(1, 2, &[]), "`b` takes 2 of 2 slots, and too few are free");
    bad(two().holding(0, 0, &[]), "`a` takes 0 of 2 slots");
    let without = Log::new(2, TWO).queued(0).holding(0, 1, &[0]);
    bad(without, "`a` takes slot 0 of `gpu`, which has 0");
}

#[test]
fn attempts_are_counted_from_one() {
    bad(Log::new(1, ONE).queued(0).started(0, 2), "attempt 2 of `a` after attempt 0");
    let once = || Log::new(1, TWO).queued(0).started(0, 1).retrying(0, 1);
    bad(once().started(0, 3), "attempt 3 of `a` after attempt 1");
    bad(once().started(0, 1), "attempt 1 of `a` after attempt 1");
    bad(once().finished(0, 2, Succeeded, ""), "ends with no process and no spawn error");
    // Whether the run timed out is known at its end alone.
    let early = || once().finished(0, 1, Failed, "exit(1)").runs(1);
    bad(
        early().ends(RunFailed, "failed(a)", Some(0)),
        "is not retried, for which nothing happened",
    );
    good(early().ends(RunFailed, "timeout", Some(0)));
    bad(once().fails(1).finished(0, 1, Failed, "exit(2)"), "not as its last one did");
    bad(once().fails(1).finished(0, 1, Cancelled, "cancelled"), "not as its last one did");
    bad(Log::new(1, ONE).queued(0).retrying(0, 2), "attempt 2 of `a` ends and never began");
    bad(
        Log::new(1, ONE).finished(0, 1, Failed, "spawn(x)"),
        "attempt 1 of `a` ends and never began",
    );
}

#[test]
fn a_cancel_starts_nothing() {
    let drained = || Log::new(1, TWO).queued(0).started(0, 1).cancelling(Level::Drain);
    bad(drained().queued(1), "`b` begins after a cancel");
    bad(drained().retrying(0, 1), "`a` is retried after a cancel");
    bad(Log::new(1, ONE).queued(0).cancelling(Level::Drain).started(0, 1), "begins after a cancel");
    bad(drained().skipped(1, "not_selected"), "`b` is SKIPPED after a cancel");
    let stopped = || Log::new(1, TWO).queued(0).cancelling(Level::Stop);
    good(stopped().started(0, 1).stopping(0, "stop"));
    bad(stopped().started(1, 1), "`b` starts while PENDING");
    bad(drained().cancelling(Level::Drain), "does not rise to drain");
    bad(drained().cancelling(Level::Kill).cancelling(Level::Stop), "does not rise to stop");
    let nobody = RunCancelling { level: Level::Stop, by: String::new(), text: None };
    bad(drained().then(Event::RunCancelling(nobody)), "a cancel by nobody");
}

#[test]
fn signals_have_a_cause() {
    let running = || Log::new(1, TWO).queued(0).started(0, 1);
    bad(running().stopping(0, "cancel"), "for which nothing happened");
    bad(running().cancelling(Level::Drain).stopping(0, "stop"), "for which nothing happened");
    bad(running().cancelling(Level::Stop).stopping(0, "kill"), "for which nothing happened");
    bad(running().stopping(0, "failure"), "for which nothing happened");
    bad(running().stopping(0, "whim"), "for which nothing happened");
    bad(running().stopping(0, "timeout").stopping(0, "timeout"), "its first signal twice");
    bad(running().stopping(1, "timeout"), "attempt 1 of `b` does not run");
    let silent = |line: &mut Line| {
        if let Event::TaskStopping(stopping) = &mut line.event {
            stopping.signal.clear();
        }
    };
    bad(running().stopping(0, "timeout").edit(4, silent), "is stopped by no signal");
    bad(running().finished(0, 1, Failed, "timeout"), "timed out and was not stopped for it");
    bad(
        running().cancelling(Level::Stop).finished(0, 1, Cancelled, "cancelled"),
        "is CANCELLED and was not stopped",
    );
}

#[test]
fn every_end_has_its_reason() {
    let running = || Log::new(1, TWO).queued(0).started(0, 1);
    bad(running().finished(0, 1, Failed, ""), "is FAILED with the reason None");
    bad(running().finished(0, 1, Succeeded, "exit(0)"), "is SUCCEEDED with the reason");
    bad(running().finished(0, 1, Skipped, "condition"), "is SKIPPED and ran");
    bad(running().finished(1, 0, Skipped, ""), "is SKIPPED with the reason None");
    bad(running().finished(1, 0, Succeeded, ""), "never started and is SUCCEEDED");
    bad(running().finished(1, 0, Failed, "exit(1)"), "never started and is FAILED");
    bad(running().finished(1, 0, Cancelled, "cancelled"), "never started and is CANCELLED");
    bad(running().skipped(1, "boredom"), "never started and is SKIPPED(boredom)");
    bad(running().skipped(1, "stopped_by(a)"), "stopped_by(a) does not explain");
    bad(running().skipped(1, "upstream(nobody)"), "upstream(nobody) does not explain");
    let tail = |line: &mut Line| {
        if let Event::TaskFinished(finished) = &mut line.event {
            finished.measured.tail = Some("x".repeat(MAX_TAIL + 1));
        }
    };
    bad(running().finished(0, 1, Failed, "exit(1)").edit(4, tail), "is longer than 4096 bytes");
    bad(
        Log::new(1, TWO).fails(0).skipped(1, "upstream(a)").ends(RunFailed, "failed(a)", Some(0)),
        "`b` is skipped and all that it needs is satisfied",
    );
}

#[test]
fn the_run_ends_as_its_tasks_say() {
    let done = || Log::new(1, ONE).runs(0);
    bad(done().ends(RunFailed, "failed(a)", Some(0)), "the run is FAILED, not COMPLETED");
    bad(done().ends(RunCancelled, "cancelled", None), "the run is CANCELLED, not COMPLETED");
    bad(done().ends(RunStatus::Running, "", None), "the run is RUNNING, not COMPLETED");
    bad(done().ends(Completed, "cancelled", None), "does not explain a run that is COMPLETED");
    bad(done().ends(Completed, "", Some(0)), "is not the first task that failed");
    bad(done().ends_with(Completed, "", None, Counts::default()), "the counts are");
    let failed = || Log::new(1, ONE).fails(0);
    bad(failed().ends(Completed, "", None), "the run is COMPLETED, not FAILED");
    bad(failed().ends(RunFailed, "", Some(0)), "does not explain a run that is FAILED");
    bad(failed().ends(RunFailed, "failed(b)", Some(0)), "does not explain");
    bad(failed().ends(RunFailed, "failed(a)", None), "is not the first task that failed");
    let drained = Log::new(1, ONE).queued(0).started(0, 1).cancelling(Level::Drain);
    let drained = drained.finished(0, 1, Succeeded, "");
    bad(drained.ends(Completed, "", None), "the run is COMPLETED, not CANCELLED");
}

/// Two tasks, and one of `finally`.
fn with_finally() -> Log {
    Log::new(2, &[(&[], &[]), (&[], &[]), (&[], &[])]).edit(1, |line| {
        let Event::TasksDeclared(declared) = &mut line.event else { panic!("the second line") };
        declared.tasks[2].finally = true;
    })
}

#[test]
fn finally_comes_last_and_whatever_happened() {
    bad(with_finally().runs(0).queued(2), "`c` of `finally` begins before all of `tasks`");
    good(with_finally().runs(0).runs(1).runs(2).ends(Completed, "", None));
    let failed = || with_finally().fails(0).skipped(1, "stopped_by(a)");
    good(failed().runs(2).ends(RunFailed, "failed(a)", Some(0)));
    let drained = || {
        let log = with_finally().queued(0).started(0, 1).cancelling(Level::Drain);
        log.finished(0, 1, Succeeded, "").finished(1, 0, Cancelled, "cancelled")
    };
    good(drained().runs(2).ends(RunCancelled, "cancelled", None));
    good(drained().cancelling(Level::Stop).finished(2, 0, Cancelled, "cancelled"));
    bad(drained().ends(RunCancelled, "cancelled", None), "the run ends when 2 of 3 tasks");
}

#[test]
fn a_run_that_takes_too_long_has_its_own_reason() {
    let stopped = || {
        let log = with_finally().queued(0).started(0, 1).skipped(1, "run_timeout");
        log.stopping(0, "run_timeout").finished(0, 1, Cancelled, "run_timeout").runs(2)
    };
    good(stopped().ends(RunFailed, "timeout", None));
    bad(stopped().ends(Completed, "", None), "the run is COMPLETED, not FAILED");
    bad(stopped().ends(RunFailed, "cancelled", None), "does not explain a run that is FAILED");
}
