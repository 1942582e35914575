//! Many at once: runs, readers, cancels and prunes in one folder. Nothing is lost or torn, and a run
//! under way is never removed.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use pyoco::model::{RunId, RunStatus};
use rustix::process::Signal;
use support::faults::{can_inject, with_runs};
use support::{Project, Running, SEES_PROCESSES, wait_for, wait_for_file};

#[test]
fn fifty_runs_with_readers_cancels_and_prunes_lose_nothing() {
    const N_RUNS: usize = 50;
    let project = Project::with("tasks: {a: 'echo a', b: {run: 'echo b; sleep 0.3', needs: a}}");
    let over = AtomicBool::new(false);
    let until_over = |each: &(dyn Fn() + Sync)| {
        while !over.load(Ordering::SeqCst) {
            each();
        }
    };
    let read = |words: &[&str]| {
        let outcome = project.run(&[&["runs"], words].concat());
        let is_said = outcome.code == Some(0) || outcome.stderr.starts_with("error: ");
        assert!(is_said && !outcome.stderr.contains("panicked"), "{words:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("damaged"), "{words:?}: {outcome:?}");
        outcome
    };
    let outcomes = std::thread::scope(|scope| {
        for words in [&["list"][..], &["show", "latest"], &["logs", "latest~1"]] {
            scope.spawn(move || until_over(&|| assert!(!read(words).stdout.contains("LOST"))));
        }
        scope.spawn(|| until_over(&|| drop(read(&["cancel", "latest", "--kill"]))));
        for keep in ["3", "9"] {
            scope.spawn(move || until_over(&|| drop(read(&["prune", "--keep", keep]))));
        }
        // In fives, so that some are in each of their phases.
        let start = |_| project.spawn(&["run", "--no-cute", "-o", "none"]);
        let mut outcomes = Vec::new();
        for _ in 0..N_RUNS / 5 {
            let five: Vec<Running> = (0..5).map(start).collect();
            outcomes.extend(five.into_iter().map(Running::wait));
        }
        over.store(true, Ordering::SeqCst);
        outcomes
    });
    assert_eq!(outcomes.len(), N_RUNS);
    for outcome in &outcomes {
        assert!(matches!(outcome.code, Some(0 | 130)), "{outcome:?}");
        // A run that was removed under way would have lost its record.
        assert!(!outcome.stderr.contains("warning"), "{outcome:?}");
    }
    project.run(&["runs", "prune", "--keep", "3"]).exits(0);
    let runs = fs::read_dir(project.dir().join(".pyoco/runs")).expect("it is there");
    let names: Vec<_> = runs.map(|run| run.expect("an entry").file_name()).collect();
    assert_eq!(names.len(), 3, "nothing hidden is left behind: {names:?}");
    let is_over = |record: &support::Record| record.status().is_final();
    assert!(project.records().iter().all(is_over));
}

#[test]
fn of_two_prunes_at_once_each_run_goes_to_one() {
    let (project, ids) = with_runs(300);
    let prunes = [(); 2].map(|()| project.spawn(&["runs", "prune", "--keep", "0"]));
    let outcomes = prunes.map(|prune| prune.wait().exits(0));
    let mut removed: Vec<RunId> = outcomes
        .iter()
        .flat_map(|outcome| outcome.stdout.lines())
        .map(|line| line[..36].parse().expect("a line begins with the id"))
        .collect();
    removed.sort_unstable();
    assert_eq!(removed, ids.into_iter().collect::<Vec<_>>());
    let left = fs::read_dir(project.dir().join(".pyoco/runs")).expect("it is there");
    assert_eq!(left.count(), 0);
}

#[test]
fn a_prune_leaves_a_run_that_is_under_way() {
    let project = Project::with("tasks: {a: 'echo a; : > ready; exec sleep 86400'}");
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    for words in [["--keep", "0"], ["--older-than", "0s"], ["--max-size", "0B"]] {
        let pruned = project.run(&[&["runs", "prune"], &words[..]].concat()).exits(0);
        assert_eq!((pruned.stdout.as_str(), pruned.stderr.as_str()), ("", "removed 0 runs\n"));
    }
    project.run(&["runs", "list"]).exits(0).says("RUNNING");
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    assert_eq!(project.record().status(), RunStatus::Cancelled);
    project.run(&["runs", "prune", "--keep", "0"]).exits(0);
    assert!(project.records().is_empty());
}

#[test]
fn a_follower_of_a_run_that_is_pruned_ends_with_a_word() {
    let (project, ids) = with_runs(1);
    let newest = ids.last().expect("there are two").to_string();
    let log = fs::File::open(project.dir().join(".pyoco/runs").join(&newest).join("events.jsonl"));
    // Held as a runner holds it, so that the follower goes on.
    let log = log.expect("it is there");
    let path: PathBuf = project.dir().join(".pyoco/runs").join(&newest);
    let text = fs::read_to_string(path.join("events.jsonl")).expect("to read");
    let head: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    fs::remove_file(path.join("events.jsonl")).expect("ours");
    drop(log);
    fs::write(path.join("events.jsonl"), head).expect("ours");
    let held = fs::File::open(path.join("events.jsonl")).expect("ours");
    held.lock().expect("nobody else has it");
    let mut follower = project.spawn(&["runs", "logs", &newest, "-f"]);
    let opened = || {
        let fds = fs::read_dir(format!("/proc/{}/fd", follower.pid().as_raw_nonzero())).ok();
        let mut fds = fds.into_iter().flatten().flatten();
        fds.any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.ends_with("events.jsonl")))
    };
    if Path::new("/proc/self/fd").exists() {
        wait_for("the follower to read", opened);
    }
    assert!(!follower.has_ended());
    fs::remove_dir_all(&path).expect("ours");
    let outcome = follower.wait();
    assert!(matches!(outcome.code, Some(0 | 2)), "{outcome:?}");
    assert!(!outcome.stderr.is_empty() && !outcome.stderr.contains("panicked"), "{outcome:?}");
}

#[test]
fn tasks_that_end_at_the_same_moment_share_the_looks_for_what_is_left_of_them() {
    const N_TASKS: usize = 64;
    if !(SEES_PROCESSES && can_inject()) {
        return;
    }
    // Of each somebody is left who does not want to end.
    let left = "(trap \"\" TERM; exec sleep 86400) & wait";
    let task = |n: usize| format!("  t{n}: ': > ready-{n}; {left}'\n");
    let tasks: String = (0..N_TASKS).map(task).collect();
    let project = Project::with(&format!("jobs: {N_TASKS}\ntasks:\n{tasks}"));
    let mut command = project.command_of("strace");
    command.args(["-D", "-f", "-o", "log", "-e", "trace=openat", "-P", "/proc"]);
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run", "-q"]);
    let running = Running::spawn(command);
    (0..N_TASKS).for_each(|n| wait_for_file(&project.dir().join(format!("ready-{n}"))));
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    let record = project.record();
    for n in 0..N_TASKS {
        assert_eq!(record.state(&format!("t{n}")).to_string(), "CANCELLED");
    }
    let log = project.read("log");
    let n_looks = log.lines().filter(|line| line.contains("openat(")).count();
    assert!((1..N_TASKS / 2).contains(&n_looks), "{n_looks} looks:\n{log}");
}
