//! `kill -9` of pyoco: its watchdog ends the tasks, and is itself gone after every other end. Each
//! project checks at its end that nothing is alive: here that is most of what is tested.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Stdio};

use pyoco::engine::{Engine, WATCHDOG};
use pyoco::model::{RunId, RunStatus};
use pyoco::spec::{FlowBuilder, TaskBuilder};
use rustix::process::{Pid, Signal, kill_process};
use support::proc::Stat;
use support::{Project, Running, has_tool, wait_for, wait_for_file};

const PYOCO: &str = env!("CARGO_BIN_EXE_pyoco");

/// Goes on until the test says so.
const UNTIL_GO: &str = "until [ -e go ]; do sleep 0.02; done";

/// Returns whether there is a `/proc` to look into; says it where a test cannot do without.
fn can_look() -> bool {
    let is_there = Path::new("/proc/self/stat").exists();
    if !is_there {
        eprintln!("skipped: there is no /proc to find a watchdog by");
    }
    is_there
}

/// Returns what `/proc` says of a process; `None` where it has gone.
fn stat(pid: Pid) -> Option<Stat> {
    support::proc::stat(pid.as_raw_nonzero().get())
}

/// Returns whether a process runs.
fn is_alive(pid: Pid) -> bool {
    stat(pid).is_some_and(|stat| stat.is_alive())
}

/// Returns the watchdogs of these runs.
fn watchdogs(run_ids: &[RunId]) -> Vec<Pid> {
    let ids: Vec<String> = run_ids.iter().map(ToString::to_string).collect();
    let is_watchdog = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        let words: Vec<&str> = words.split('\0').collect();
        words.get(1) == Some(&WATCHDOG)
            && words.get(2).is_some_and(|id| ids.contains(&(*id).into()))
    };
    let pids = support::proc::all().into_iter().filter(is_watchdog);
    pids.filter_map(Pid::from_raw).filter(|pid| is_alive(*pid)).collect()
}

/// Waits for the watchdog of the newest run.
#[track_caller]
fn watchdog(project: &Project) -> Pid {
    let mut found = None;
    wait_for("the watchdog", || {
        found = project.records().last().and_then(|record| watchdogs(&[record.run_id]).pop());
        found.is_some()
    });
    found.expect("it was waited for")
}

/// Starts a run whose tasks say that they are ready, and waits for its watchdog.
#[track_caller]
fn start(project: &Project, args: &[&str]) -> (Running, Pid) {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join("ready"));
    (running, watchdog(project))
}

fn kill(running: Running) {
    running.signal(Signal::KILL);
    // This waits until its standard output and error have no writer, too.
    running.wait().dies_of(9);
}

#[track_caller]
fn is_lost(project: &Project) {
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!(shown["status"], "LOST");
    assert!(!project.record().status().is_final(), "LOST is never written");
}

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

#[test]
fn a_watchdog_has_nothing_in_common_with_anybody_and_is_deaf() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: ': > ready; exec sleep 86400'}");
    // Descriptor 7 is left open on purpose, as a make jobserver is. It leads where stdout does: who
    // holds it keeps this test waiting for the end of the output.
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run 7>&1", PYOCO]);
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    let watchdog = watchdog(&project);
    let proc = format!("/proc/{}", watchdog.as_raw_nonzero());
    let descriptors = || {
        let entries = fs::read_dir(format!("{proc}/fd")).expect("it is alive");
        let shown = entries.map(|entry| {
            let path = entry.expect("an entry").path();
            let target = fs::read_link(&path).unwrap_or_default();
            let kind = target.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
            format!("{} {kind}", path.file_name().expect("a number").to_string_lossy())
        });
        shown.collect::<BTreeSet<_>>()
    };
    let wanted: BTreeSet<_> =
        ["0 pipe", "1 /dev/null", "2 /dev/null"].into_iter().map(str::to_owned).collect();
    wait_for("the end of what it inherited", || descriptors() == wanted);
    assert_eq!(fs::read_link(format!("{proc}/cwd")).expect("it is alive"), Path::new("/"));
    let now = stat(watchdog).expect("it is alive");
    let own = watchdog.as_raw_nonzero().get();
    assert_eq!((now.group, now.session), (own, own), "its group and its session");
    let status = fs::read_to_string(format!("{proc}/status")).expect("it is alive");
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a set");
        u64::from_str_radix(line.trim(), 16).expect("a set of signals")
    };
    let signals = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP];
    let deaf_to = signals.iter().fold(0, |set, signal| set | 1 << (signal.as_raw() - 1));
    assert_eq!(set("SigIgn:") & deaf_to, deaf_to, "{status}");
    assert_eq!(set("SigBlk:"), 0, "{status}");
    for signal in signals {
        kill_process(watchdog, signal).expect("it is there");
    }
    kill(running);
}

#[test]
fn a_task_does_not_see_the_pipe() {
    if !can_look() {
        return;
    }
    // What the caller of the tests left open stands in both lists.
    let list = "cd /proc/self/fd && echo fd: *";
    let project = Project::with(&format!(
        "tasks:\n  a: '({list}); : > ready; {UNTIL_GO}'\n  b: {{needs: a, run: '({list})'}}\n"
    ));
    let (running, _) = start(&project, &["run"]);
    project.file("go", "");
    let outcome = running.wait().exits(0);
    let lists: Vec<&str> = outcome.stdout.lines().filter(|l| l.starts_with("fd: ")).collect();
    assert_eq!(lists.len(), 2, "{outcome:?}");
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn after_every_end_the_watchdog_is_gone() {
    if !can_look() {
        return;
    }
    let ends: [(&str, Option<Signal>); 4] = [
        ("true", None),
        ("false", None),
        ("true", Some(Signal::TERM)),
        ("true", Some(Signal::QUIT)),
    ];
    for (last, signal) in ends {
        let project = Project::with(&format!("tasks: {{a: ': > ready; {UNTIL_GO}; {last}'}}"));
        let (running, watchdog) = start(&project, &["run"]);
        let before = stat(watchdog).expect("it is alive").started;
        match signal {
            Some(signal) => running.signal(signal),
            None => drop(project.file("go", "")),
        }
        let outcome = running.wait();
        // Not even as a process that nobody has reaped; somebody else may have its number by now.
        let is_there = stat(watchdog).is_some_and(|stat| stat.started == before);
        assert!(!is_there, "{last} {signal:?} {outcome:?}");
        assert!(project.record().status().is_final());
    }
}

#[test]
fn a_watchdog_that_is_stuck_holds_up_nothing() {
    if !can_look() {
        return;
    }
    let mut flow = format!("tasks:\n  a: ': > ready; {UNTIL_GO}'\n");
    for n in 0..50 {
        flow += &format!("  t{n}: {{needs: a, run: 'true'}}\n");
    }
    let project = Project::with(&flow);
    let (running, watchdog) = start(&project, &["run"]);
    kill_process(watchdog, Signal::STOP).expect("it is there");
    project.file("go", "");
    let outcome = running.wait().exits(0);
    assert!(!outcome.stderr.contains("watchdog"), "{outcome:?}");
    assert!(!is_alive(watchdog));
}

#[test]
fn a_watchdog_that_dies_is_replaced_once_and_hurts_no_run() {
    if !can_look() {
        return;
    }
    let mut flow = format!("jobs: 9\ntasks:\n  long: ': > ready; {UNTIL_GO}'\n");
    for n in 1..=4 {
        flow += &format!("  t{n}: 'until [ -e go{n} ]; do sleep 0.02; done'\n");
    }
    let project = Project::with(&flow);
    let (mut running, first) = start(&project, &["run"]);
    let die = |watchdog: Pid| {
        kill_process(watchdog, Signal::KILL).expect("it is there");
        wait_for("its death", || !is_alive(watchdog));
    };
    die(first);
    project.file("go1", ""); // that a group is gone cannot be told: so it is noticed
    let second = watchdog(&project);
    assert_ne!(first, second);
    die(second);
    project.file("go2", "");
    running.wait_to_complain("there is no watchdog: it dies each time; ");
    for file in ["go3", "go4", "go"] {
        project.file(file, "");
    }
    let outcome = running.wait().exits(0);
    assert_eq!(outcome.stderr.matches("watchdog").count(), 1, "{outcome:?}");
    assert_eq!(watchdogs(&[project.record().run_id]), []);
    // The one that takes its place knows all that runs.
    let project = Project::with(&flow);
    let (running, first) = start(&project, &["run"]);
    die(first);
    project.file("go1", "");
    watchdog(&project);
    kill(running);
}

#[test]
fn a_program_that_was_replaced_meanwhile_matters_to_nobody() {
    if !can_look() {
        return;
    }
    let project = Project::with("tasks: {a: 'rm pyoco; : > ready; exec sleep 86400'}");
    let program = project.dir().join("pyoco");
    // By another process: what is open for writing here, a child that is just being started has too,
    // and then it cannot be executed.
    let copied = project.command_of("cp").arg(PYOCO).arg(&program).status().expect("cp");
    assert!(copied.success());
    let mut command = project.command_of(&program);
    command.arg("run");
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    watchdog(&project);
    kill(running);
}

/// Returns the arguments of all programs that are executed in a run, by `strace`; `None` where there
/// is none and this is no CI.
fn executed(project: &Project, file: &str) -> Option<String> {
    if !has_tool("strace") {
        return None;
    }
    let mut command = project.command_of("strace");
    command.args(["-f", "-qq", "-s", "200", "-e", "trace=execve", "-o", "trace.txt"]);
    command.args([PYOCO, "run", file]).stderr(Stdio::null());
    command.stdout(Stdio::null());
    let status = command.status().expect("strace is there");
    assert!(status.success(), "strace: {status}");
    Some(project.read("trace.txt"))
}

#[test]
fn where_no_task_runs_for_long_there_is_no_watchdog() {
    let project = Project::new();
    project.file("long.yaml", "tasks: {a: 'sleep 0.3'}");
    let Some(executed_long) = executed(&project, "long.yaml") else { return };
    assert_eq!(executed_long.matches(WATCHDOG).count(), 1, "{executed_long}");
    let many: String = (0..20).map(|n| format!("  t{n}: 'true'\n")).collect();
    project.file("short.yaml", format!("jobs: 1\ntasks:\n{many}"));
    // On a busy machine even `true` may take its time: then that run says nothing.
    let is_short = || {
        let record = project.record();
        let ms = |event: &serde_json::Value| event["ms"].as_u64().expect("a time");
        let times = record.events("task_started").into_iter().map(ms);
        times.zip(record.events("task_finished").into_iter().map(ms)).all(|(a, b)| b - a < 60)
    };
    let mut executed_short = String::new();
    wait_for("a run of short tasks", || {
        executed_short = executed(&project, "short.yaml").unwrap_or_default();
        is_short()
    });
    assert_eq!(executed_short.matches(WATCHDOG).count(), 0, "{executed_short}");
}

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

/// A process that leads a group of its own, and which a watchdog is told of.
struct Bystander(Child);

impl Bystander {
    fn start(project: &Project, run_id: Option<&RunId>) -> Bystander {
        let mut command = project.command_of("sleep");
        command.arg("86400").process_group(0);
        if let Some(run_id) = run_id {
            command.env("PYOCO_RUN_ID", run_id.to_string());
        }
        Bystander(command.spawn().expect("sleep is everywhere"))
    }

    fn started_at(&self) -> String {
        stat(Pid::from_child(&self.0)).expect("it is alive").started.to_string()
    }

    /// Ends it; returns whether somebody else had done it before.
    fn was_killed(mut self) -> bool {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it is not reaped");
        self.0.wait().expect("it is ours").signal() == Some(Signal::KILL.as_raw())
    }
}

/// Lets a watchdog of this run and session hear these words, and then nobody any more.
fn watch(project: &Project, run_id: &RunId, session: i32, words: &str) {
    let mut command = project.command(&[WATCHDOG, &run_id.to_string(), &session.to_string()]);
    let mut watchdog = command.stdin(Stdio::piped()).spawn().expect("it can be started");
    let mut stdin = watchdog.stdin.take().expect("it is a pipe");
    stdin.write_all(words.as_bytes()).expect("it reads");
    drop(stdin);
    assert!(watchdog.wait().expect("it is ours").success());
}

#[test]
fn a_group_that_is_not_of_the_run_is_not_killed() {
    if !can_look() || cfg!(pyoco_portable) {
        return;
    }
    let project = Project::new();
    let (ours, theirs) = (RunId::fresh(), RunId::fresh());
    // What is said of a process, with its number as P and its start as S; which run's id it has in
    // its environment; and whether it is killed.
    let cases: [(&str, Option<&RunId>, bool); 16] = [
        ("group P S\n", None, true),
        ("group P S\n", Some(&ours), true),
        ("group P 1\n", Some(&ours), true),
        ("group P -\n", Some(&ours), true),
        ("group P 1\n", None, false),
        ("group P -\n", None, false),
        ("group P 1\n", Some(&theirs), false),
        ("group P -\n", Some(&theirs), false),
        ("group P S\ngone P\n", Some(&ours), false),
        ("group P S\nover\n", Some(&ours), false),
        ("group P S", Some(&ours), false),
        ("group P\n", Some(&ours), false),
        ("group P S x\n", Some(&ours), false),
        ("", Some(&ours), false),
        // One that is being started is found by the run's id, if it is in the session of the run.
        ("starting\n", Some(&ours), true),
        ("starting\n", Some(&theirs), false),
    ];
    let session = stat(rustix::process::getpid()).expect("we are alive").session;
    for (words, run_id, is_killed) in cases {
        let process = Bystander::start(&project, run_id);
        let words = words.replace('P', &process.0.id().to_string());
        let words = words.replace('S', &process.started_at());
        watch(&project, &ours, session, &words);
        assert_eq!(process.was_killed(), is_killed, "{words:?} {run_id:?}");
    }
    for (words, session) in [("starting\n", 1), ("starting\nnot started\n", session)] {
        let process = Bystander::start(&project, Some(&ours));
        watch(&project, &ours, session, words);
        assert!(!process.was_killed(), "{words:?} {session}");
    }
}

#[test]
fn a_group_that_is_on_its_way_from_program_to_program_is_killed() {
    if !can_look() || cfg!(pyoco_portable) {
        return;
    }
    // Meanwhile the kernel shows no environment. This one is on its way for much of its time.
    let project = Project::new();
    let script = project
        .file("again", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; exec /bin/sh \"$0\"\n");
    let run_id = RunId::fresh();
    for _ in 0..100 {
        let mut command = project.command_of("/bin/sh");
        command.arg(&script).process_group(0).env("PYOCO_RUN_ID", run_id.to_string());
        let process = Bystander(command.spawn().expect("it can be executed"));
        watch(&project, &run_id, 1, &format!("group {} 1\n", process.0.id()));
        assert!(process.was_killed());
    }
}

#[test]
fn the_subcommand_is_for_nobody_else() {
    let project = Project::new();
    for args in [&[WATCHDOG][..], &[WATCHDOG, "x", "1"], &[WATCHDOG, "--help"]] {
        project.run(args).exits(2).complains("it is for pyoco's own use");
    }
    let help = project.run(&["--help"]).exits(0);
    assert!(!help.stdout.contains("watchdog"), "{help:?}");
    let near = project.run(&["__watchdo"]).exits(2);
    assert!(!near.stderr.contains(WATCHDOG), "{near:?}");
}

#[test]
fn the_library_has_a_watchdog_only_where_it_is_given_a_program() {
    if !can_look() {
        return;
    }
    for program in [None, Some(PYOCO), Some("/nowhere/pyoco"), Some("/bin/true")] {
        let project = Project::new();
        let script = format!("cd \"$DIR\"; sleep 0.3; : > late; {UNTIL_GO}");
        let dir = project.dir().to_str().expect("plain").to_owned();
        let task = |name: &str| TaskBuilder::run(name, script.as_str()).env("DIR", dir.as_str());
        let flow = FlowBuilder::new("f").task(task("a")).task(task("b"));
        let flow = flow.build().expect("a sound flow");
        let engine = match program {
            Some(program) => Engine::new().with_watchdog(program),
            None => Engine::new(),
        };
        let handle = engine.start(&flow).expect("a record in memory");
        wait_for_file(&project.dir().join("late"));
        let found = || watchdogs(&[handle.run_id()]).len();
        if program == Some(PYOCO) {
            wait_for("the watchdog", || found() == 1);
        } else {
            assert_eq!(found(), 0, "{program:?}");
        }
        project.file("go", "");
        assert_eq!(handle.wait().status(), RunStatus::Completed, "{program:?}");
        assert_eq!(found(), 0, "{program:?}");
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
