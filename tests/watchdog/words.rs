//! What a watchdog makes of what it is told, and who may have one.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};

use pyoco::engine::{Engine, WATCHDOG};
use pyoco::model::{RunId, RunStatus};
use pyoco::spec::{FlowBuilder, TaskBuilder};
use rustix::process::{Pid, Signal, kill_process};

use super::support::{Project, wait_for, wait_for_file};
use super::{PYOCO, UNTIL_GO, can_look, stat, watchdogs};

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
