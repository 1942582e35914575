//! What is left of the tasks of a pyoco that was killed: nothing, whatever they do.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::support::{Project, wait_for, wait_for_file};
use super::{UNTIL_GO, can_look, is_alive, is_lost, kill, start, stat};

#[test]
fn a_killed_pyoco_leaves_no_task() {
    if !can_look() {
        return;
    }
    let scripts = [
        "exec sleep 86400",
        "sleep 86400 & sleep 86400 & wait",
        "trap '' TERM INT HUP QUIT; while :; do sleep 86400; done",
        "(trap '' TERM; exec sleep 86400) >/dev/null 2>&1 & wait",
        "kill -STOP $$; sleep 86400",
        "while :; do sleep 0.001 & wait; done",
        "(sleep 86400 & sleep 86400 &) & exec env -i sleep 86400",
    ];
    for script in scripts {
        let project = Project::new();
        project.file("pyoco.yaml", format!("tasks:\n  a: |\n    : > ready; {script}\n"));
        let (running, _) = start(&project, &["run"]);
        kill(running);
        is_lost(&project);
        project.file("next.yaml", "tasks: {a: 'true'}");
        project.run(&["run", "next.yaml"]).exits(0);
    }
}

#[test]
fn a_task_whose_name_is_cut_within_a_character_is_known_too() {
    if !can_look() {
        return;
    }
    // The system keeps 15 bytes of a program's name, here half a letter at the end.
    let project = Project::with(
        "tasks:\n  a: |\n    cp \"$(command -v sh)\" aaaaaaaaaaaaaaé\n    \
         exec ./aaaaaaaaaaaaaaé -c ': > ready; while :; do :; done'\n",
    );
    let (running, _) = start(&project, &["run"]);
    kill(running);
    is_lost(&project);
}

#[test]
fn tasks_that_come_and_go_while_there_is_a_watchdog_are_known_to_it() {
    if !can_look() {
        return;
    }
    let mut flow = String::from("jobs: 100\ntasks:\n");
    flow += &format!("  first: ': > ready; {UNTIL_GO}; sleep 86400'\n");
    for n in 0..20 {
        flow += &format!("  short-{n}: 'until [ -e go ]; do sleep 0.1; done'\n");
        flow += &format!("  long-{n}: {{needs: short-{n}, run: 'echo up; exec sleep 86400'}}\n");
    }
    let project = Project::with(&flow);
    let (mut running, _) = start(&project, &["run", "--output", "stream"]);
    project.file("go", "");
    running.wait_until("all that is long", |r| r.stdout().matches("up\n").count() == 20);
    kill(running);
    is_lost(&project);
}

#[test]
fn a_suspended_pyoco_that_is_killed_leaves_nothing_either() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: ': > ready; sleep 86400 & sleep 86400'}");
    let (running, watchdog) = start(&project, &["run"]);
    running.signal(Signal::TSTP);
    wait_for("its stop", || stat(running.pid()).is_some_and(|stat| stat.state == 'T'));
    assert_ne!(stat(watchdog).expect("it is there").state, 'T');
    kill(running);
    is_lost(&project);
}

#[test]
fn what_leaked_is_ended_too() {
    if !can_look() {
        return;
    }
    let project = Project::with(
        "tasks:\n  a: 'sleep 86400 & echo $! > pid'\n  b: {needs: a, run: ': > ready; sleep 86400'}\n",
    );
    let (running, _) = start(&project, &["run"]);
    let leaked: i32 = project.read("pid").trim().parse().expect("a pid");
    let leaked = Pid::from_raw(leaked).expect("not 0");
    assert!(is_alive(leaked));
    kill(running);
    if cfg!(pyoco_portable) {
        // Nothing tells whose a group without its leader is.
        kill_process(leaked, Signal::KILL).expect("it was let be");
    }
}

#[test]
fn what_a_task_left_behind_without_its_output_is_ended_too() {
    if !can_look() || cfg!(pyoco_portable) {
        return;
    }
    // One that was there before there was a watchdog, and one that came when there was.
    let leave = |file: &str| format!("sleep 86400 >/dev/null 2>&1 & echo $! > {file}");
    let project = Project::with(&format!(
        "jobs: 9\ntasks:\n  a: '{}'\n  b: {{needs: a, run: ': > ready; {UNTIL_GO}; {}'}}\n  \
         c: {{needs: b, run: ': > last; sleep 86400'}}\n",
        leave("first"),
        leave("second"),
    ));
    let (running, _) = start(&project, &["run"]);
    project.file("go", "");
    wait_for_file(&project.dir().join("last"));
    kill(running);
    if !knows_remnants() {
        eprintln!("not tested: before Linux 6.9 what is left of a group is not known");
        for file in ["first", "second"] {
            let pid: i32 = project.read(file).trim().parse().expect("a pid");
            kill_process(Pid::from_raw(pid).expect("not 0"), Signal::KILL).expect("it was let be");
        }
    }
}

/// Returns whether the kernel can tell what is left of a group once its leader is reaped.
fn knows_remnants() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(9))
}

#[test]
fn a_task_that_is_being_started_is_ended_too() {
    if !can_look() || cfg!(pyoco_portable) {
        return;
    }
    // Tasks without an end to them, started one after another as fast as it goes: at whichever moment
    // pyoco dies, one is on its way.
    let mut flow = String::from("jobs: 1000\ntasks:\n  first: ': > ready; sleep 86400'\n");
    flow += &format!("  gate: '{UNTIL_GO}'\n");
    for n in 0..300 {
        flow += &format!("  t{n}: {{needs: gate, cmd: [sleep, '86400']}}\n");
    }
    for wait_for_n in [1, 20, 60] {
        let project = Project::with(&flow);
        let (running, _) = start(&project, &["run", "--output", "none"]);
        project.file("go", "");
        wait_for("some starts", || project.record().events("task_started").len() > wait_for_n + 2);
        kill(running);
    }
}

#[test]
fn the_run_is_lost_at_once_and_the_next_one_starts_whatever_the_watchdog_does() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: 'echo $$ > pid; : > ready; exec sleep 86400'}");
    let (running, watchdog) = start(&project, &["run"]);
    kill_process(watchdog, Signal::STOP).expect("it is there");
    wait_for("its stop", || stat(watchdog).is_some_and(|stat| stat.state == 'T'));
    let id = project.record().run_id;
    kill(running);
    is_lost(&project);
    project.file("next.yaml", "tasks: {a: 'true'}");
    project.run(&["run", "next.yaml"]).exits(0);
    project.run(&["runs", "cancel", &id.to_string()]).exits(2).complains("LOST");
    let task: i32 = project.read("pid").trim().parse().expect("a pid");
    let task = Pid::from_raw(task).expect("not 0");
    assert!(is_alive(task), "only the watchdog ends it");
    kill_process(watchdog, Signal::CONT).expect("it is there");
    wait_for("the end of the task", || !is_alive(task));
    wait_for("the end of the watchdog", || !is_alive(watchdog));
}
