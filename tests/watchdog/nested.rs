//! Runs within a run: each has a watchdog of its own.

use pyoco::model::{RunId, RunStatus};
use rustix::process::Signal;

use super::support::{self, Project, Running, wait_for, wait_for_file};
use super::{UNTIL_GO, can_look, kill, watchdogs};

/// The three files of nested runs.
fn nested() -> Project {
    let project = Project::with("tasks: {outer: '\"$PYOCO_EXE\" run middle.yaml'}");
    project.file("middle.yaml", "tasks: {middle: '\"$PYOCO_EXE\" run inner.yaml'}");
    let inner = format!("': > ready; {UNTIL_GO}'");
    project.file("inner.yaml", format!("tasks: {{inner: {inner}, two: {inner}}}"));
    project
}

/// Starts them, and waits for their watchdogs.
fn start_nested(project: &Project, args: &[&str]) -> Running {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join("ready"));
    wait_for("three watchdogs", || {
        let ids: Vec<RunId> = project.records().iter().map(|record| record.run_id).collect();
        watchdogs(&ids).len() == 3
    });
    running
}

/// Returns where the runs stand, the outermost first, once no process of theirs is left.
fn nested_ends(project: &Project) -> Vec<String> {
    let records = project.records();
    let ids: Vec<RunId> = records.iter().map(|record| record.run_id).collect();
    wait_for("the end of the watchdogs", || watchdogs(&ids).is_empty());
    let mut shown: Vec<(u64, String)> = Vec::new();
    for record in &records {
        let run = project.run(&["runs", "show", &record.run_id.to_string(), "--json"]).exits(0);
        let depth = match record.values[0]["file"].as_str().map(|file| file.rsplit('/').next()) {
            Some(Some("pyoco.yaml")) => 0,
            Some(Some("middle.yaml")) => 1,
            _ => 2,
        };
        shown.push((depth, run.json()["status"].as_str().expect("a status").to_owned()));
    }
    shown.sort();
    shown.into_iter().map(|(_, status)| status).collect()
}

#[test]
fn a_kill_of_the_outermost_of_nested_runs_leaves_nothing() {
    if !can_look() {
        return;
    }
    let project = nested();
    let running = start_nested(&project, &["run"]);
    kill(running);
    assert_eq!(nested_ends(&project), ["LOST", "LOST", "LOST"]);
}

#[test]
fn each_level_of_a_cancel_reaches_nested_runs() {
    if !can_look() {
        return;
    }
    let levels = [
        (Signal::INT, &[][..], ["CANCELLED", "CANCELLED", "CANCELLED"]),
        (Signal::TERM, &["--stop"], ["CANCELLED", "CANCELLED", "CANCELLED"]),
        (Signal::QUIT, &["--kill"], ["CANCELLED", "LOST", "LOST"]),
    ];
    for (signal, flags, wanted) in levels {
        for by_signal in [true, false] {
            let project = nested();
            // Long enough for three levels on a machine with much to do; all of them end at once.
            let mut running = start_nested(&project, &["run", "--grace", "50s"]);
            if by_signal {
                running.signal(signal);
            } else {
                let outer = project.records()[0].run_id.to_string();
                project.run(&[&["runs", "cancel", &outer], flags].concat()).exits(0);
            }
            if signal == Signal::INT {
                running.wait_to_complain("press Ctrl-C again to stop: outer");
                let is_cancelling = |run: &support::Record| run.status() == RunStatus::Cancelling;
                wait_for("all three", || project.records().iter().all(is_cancelling));
                project.file("go", "");
            }
            let outcome = running.wait();
            if by_signal {
                outcome.dies_of(signal.as_raw());
            } else {
                outcome.exits(130);
            }
            assert_eq!(nested_ends(&project), wanted, "{signal:?} {by_signal}");
        }
    }
}

/// One run within another, whose task is ready as soon as it has begun.
const YOUNG: &str = "tasks: {young: ': > ready.inner; exec sleep 86400'}\n";

#[test]
fn a_kill_leaves_nothing_of_an_inner_run_however_young_it_is() {
    for flags in [None, Some("--kill")] {
        for _ in 0..5 {
            let project = Project::with("tasks: {outer: exec \"$PYOCO_EXE\" run inner.yaml}\n");
            project.file("inner.yaml", YOUNG);
            let running = project.spawn(&["run"]);
            wait_for_file(&project.dir().join("ready.inner"));
            match flags {
                None => running.signal(Signal::QUIT),
                Some(flag) => {
                    let outer = project.records()[0].run_id.to_string();
                    project.run(&["runs", "cancel", &outer, flag]).exits(0);
                }
            }
            running.wait(); // and no process is left: the project looks at its end
        }
    }
}

#[test]
fn a_killed_outer_run_leaves_nothing_of_an_inner_one_however_young_it_is() {
    if !can_look() {
        return;
    }
    for _ in 0..3 {
        let flow = "tasks: {outer: 'until [ -e go ]; do sleep 0.01; done; exec \"$PYOCO_EXE\" run inner.yaml'}\n";
        let project = Project::with(flow);
        project.file("inner.yaml", YOUNG);
        let running = project.spawn(&["run"]);
        wait_for("the watchdog of the outer run", || {
            let ids: Vec<RunId> = project.records().iter().map(|record| record.run_id).collect();
            watchdogs(&ids).len() == 1
        });
        project.file("go", "");
        wait_for_file(&project.dir().join("ready.inner"));
        kill(running);
    }
}
