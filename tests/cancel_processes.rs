//! What is left of processes: tasks that do not want to end, what they leave behind, and what a
//! caller hands down. Each project checks at its end that nothing is alive.

mod support;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{Project, Running, wait_for, wait_for_file};

fn start(project: &Project, args: &[&str]) -> Running {
    let running = project.spawn(args);
    wait_for_file(&project.dir().join("ready"));
    wait_for("the start in the record", || !project.record().events("task_started").is_empty());
    running
}

fn pid(project: &Project, file: &str) -> Pid {
    let pid: i32 = project.read(file).trim().parse().expect("a pid");
    Pid::from_raw(pid).expect("no process has the number 0")
}

/// Scripts that end only when they are made to.
const NASTY: [(&str, &str); 8] = [
    ("deaf", "trap '' TERM INT HUP; : > ready; while :; do sleep 86400; done"),
    ("a deaf child", "(trap '' TERM; exec sleep 86400) & : > ready; wait"),
    (
        "a deaf child without the pipe",
        "(trap '' TERM; exec sleep 86400) >/dev/null 2>&1 & : > ready; wait",
    ),
    (
        "forked twice",
        "(trap '' TERM; sleep 86400 & : > ready; sleep 86400 &) & wait; exec sleep 86400",
    ),
    ("stopped", ": > ready; kill -STOP $$; sleep 86400"),
    ("stopped and deaf", "trap '' TERM; : > ready; kill -STOP $$; exec sleep 86400"),
    ("children on end", "trap '' TERM; : > ready; while :; do sleep 0.001 & wait; done"),
    ("waits for what holds the pipe", "sleep 86400 & (sleep 86400; echo x) & : > ready; wait"),
];

#[test]
fn nothing_is_left_of_a_stopped_task() {
    for (what, script) in NASTY {
        let project = Project::new();
        project.file("pyoco.yaml", format!("tasks:\n  a: |\n    {script}\n"));
        let running = start(&project, &["run", "--grace", "100ms"]);
        running.signal(Signal::TERM);
        running.wait().dies_of(15);
        assert_eq!(project.record().ends(), "a CANCELLED cancelled\n", "{what}");
        assert_eq!(project.record().status(), RunStatus::Cancelled, "{what}");
    }
}

#[test]
fn nothing_is_left_of_a_killed_task() {
    for (what, script) in NASTY {
        let project = Project::new();
        project.file("pyoco.yaml", format!("tasks:\n  a: |\n    {script}\n"));
        let running = start(&project, &["run"]);
        running.signal(Signal::QUIT);
        running.wait().dies_of(3);
        assert_eq!(project.record().ends(), "a CANCELLED cancelled\n", "{what}");
    }
}

#[test]
fn nothing_is_left_of_a_task_at_its_timeout_but_what_it_needed_to_end() {
    // The leader ends at once; what it started gets the grace all the same, and uses it.
    let project = Project::with(
        "tasks:\n  a:\n    timeout: 1s\n    run: |\n      (trap 'echo cleaned; exit 0' TERM; \
         sleep 86400 & wait) & wait\n",
    );
    project.run(&["run"]).exits(1).says("cleaned\n");
    assert_eq!(project.record().ends(), "a FAILED timeout\n");
}

#[test]
#[cfg_attr(any(pyoco_portable, not(target_os = "linux")), ignore = "no member of a group is seen")]
fn the_grace_is_for_the_group_and_not_only_for_its_leader() {
    // `npm start` and its like: the shell dies of TERM at once, the server takes its time to clean
    // up, longer than the second for which output may stay open after an end.
    for redirect in ["", ">/dev/null 2>&1"] {
        let project = Project::new();
        let server = "trap 'sleep 1.2; : > cleaned; exit 0' TERM; sleep 86400 & until ps -o comm= -p $! | grep sleep; do :; done > /dev/null; : > ready; wait";
        let script = format!("({server}) {redirect} & wait");
        project.file("pyoco.yaml", format!("tasks:\n  a: |\n    {script}\n"));
        let running = start(&project, &["run", "--grace", "1d"]);
        running.signal(Signal::TERM);
        running.wait().dies_of(15);
        assert!(project.has("cleaned"), "{redirect}");
    }
}

#[test]
#[cfg_attr(any(pyoco_portable, not(target_os = "linux")), ignore = "no member of a group is seen")]
fn the_grace_is_for_a_member_whose_name_is_cut_within_a_character_too() {
    // The system keeps 15 bytes of a program's name, here half a letter at the end. The loop takes
    // its time without a process of another name.
    let project = Project::with(
        "
tasks:
  a: |
    cp \"$(command -v sh)\" aaaaaaaaaaaaaaé
    ./aaaaaaaaaaaaaaé -c '
      trap \"i=0; while [ \\$i -lt 300000 ]; do i=\\$((i + 1)); done; : > cleaned; exit\" TERM
      : > ready; while :; do :; done
    ' > /dev/null 2>&1 &
    wait
",
    );
    let running = start(&project, &["run", "--grace", "1d"]);
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    assert!(project.has("cleaned"));
}

#[test]
fn what_leaked_is_left_alone_at_a_normal_end() {
    let project = Project::with("tasks: {a: 'sleep 86400 & echo $! > pid'}");
    project.run(&["run"]).exits(0);
    let record = project.record();
    let end = &record.events("task_finished")[0];
    assert_eq!(end["state"], "SUCCEEDED");
    let pid = pid(&project, "pid");
    if support::SEES_PROCESSES {
        assert_eq!(end["leaked"], serde_json::json!([pid.as_raw_nonzero().get()]), "{end}");
    }
    kill_process(pid, Signal::KILL).expect("it is alive");
}

#[test]
fn what_leaked_is_killed_at_stop_and_kill() {
    for signal in [Signal::TERM, Signal::QUIT] {
        let project = Project::with(
            "tasks: {a: '(trap \"\" TERM; exec sleep 86400) & true', \
             b: {run: ': > ready; exec sleep 86400', needs: [a]}}",
        );
        let running = start(&project, &["run", "--grace", "50ms"]);
        running.signal(signal);
        running.wait().dies_of(signal.as_raw());
        assert_eq!(project.record().ends(), "a SUCCEEDED\nb CANCELLED cancelled\n");
    }
}

#[test]
#[cfg_attr(any(pyoco_portable, not(target_os = "linux")), ignore = "no member of a group is seen")]
fn what_leaked_has_the_whole_grace_too() {
    let project = Project::with(
        "
tasks:
  a: |
    (trap 'while [ ! -e go ]; do :; done; : > cleaned; exit' TERM; sleep 86400 & until ps -o comm= -p $! | grep sleep; do :; done > /dev/null; : > set; wait) &
  b:
    needs: a
    run: 'while [ ! -e set ]; do :; done; : > ready; exec sleep 86400'
",
    );
    let running = start(&project, &["run", "--grace", "1d"]);
    running.signal(Signal::TERM);
    wait_for("the end in the record", || project.record().status() == RunStatus::Cancelled);
    project.file("go", "");
    running.wait().dies_of(15);
    assert!(project.has("cleaned"));
}

#[test]
fn a_cancel_while_the_output_is_drained_leaves_nothing() {
    for signal in [Signal::TERM, Signal::QUIT] {
        // The leader has gone when the signal comes, and its child holds the pipe.
        let project = Project::with("tasks: {a: 'sleep 86400 & : > ready'}");
        let running = project.spawn(&["run", "--grace", "100ms"]);
        wait_for_file(&project.dir().join("ready"));
        running.signal(signal);
        running.wait().dies_of(signal.as_raw());
        assert_eq!(project.record().status(), RunStatus::Cancelled);
    }
}

#[test]
fn a_process_that_left_its_group_does_not_hold_up_the_end() {
    let project = Project::with(
        "tasks: {a: 'setsid sh -c \"echo \\$\\$ > pid; : > ready; exec sleep 86400\" & wait'}",
    );
    let running = start(&project, &["run", "--grace", "100ms"]);
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    assert_eq!(project.record().state("a"), TaskState::Cancelled);
    kill_process(pid(&project, "pid"), Signal::KILL).expect("it is out of reach");
}

fn sh(project: &Project, script: &str) -> Running {
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command)
}

#[test]
fn what_the_caller_ignores_stays_ignored() {
    let project = Project::with(
        "tasks: {a: 'for s in HUP INT QUIT; do kill -$s $PPID; kill -$s $$; done; echo alive'}",
    );
    sh(&project, "trap '' HUP INT QUIT; exec \"$0\" run").wait().exits(0).says("alive\n");
    assert_eq!(project.record().status(), RunStatus::Completed);
    // TERM is no signal of terminals: it always counts.
    let project = Project::with("tasks: {a: 'kill -TERM $PPID; exec sleep 86400'}");
    sh(&project, "trap '' TERM; exec \"$0\" run").wait().dies_of(15);
}

#[test]
fn tasks_have_default_dispositions_and_no_blocked_signals() {
    if !std::path::Path::new("/proc/self/status").exists() {
        return;
    }
    let project = Project::with("tasks: {a: 'exec grep -E ^Sig.*: /proc/self/status'}");
    let careless = "trap '' CHLD TERM TTOU USR1 ALRM TSTP PIPE; exec \"$0\" run";
    let outcome = sh(&project, careless).wait().exits(0);
    let set = |name: &str| {
        let line = outcome.stdout.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {outcome:?}"));
        let bits = line.split_whitespace().next_back().unwrap_or_default();
        // Beyond 31 lie real-time signals, of which the C library keeps some for itself.
        u64::from_str_radix(bits, 16).expect("a set of signals") & 0x7fff_ffff
    };
    assert_eq!((set("SigBlk:"), set("SigIgn:")), (0, 0), "{outcome:?}");
}

#[test]
fn a_blocked_mask_is_put_right() {
    let project = Project::with("tasks: {a: 'kill -TERM $PPID; exec sleep 86400'}");
    // Only few programs can block signals for another: Perl can, and is nearly everywhere.
    let script = "use POSIX; my $all = POSIX::SigSet->new; $all->fillset; \
                  sigprocmask(SIG_BLOCK, $all); exec @ARGV";
    let mut command = project.command_of("perl");
    command.args(["-e", script, env!("CARGO_BIN_EXE_pyoco"), "run"]);
    if project.command_of("perl").arg("-e1").output().is_err() {
        return;
    }
    Running::spawn(command).wait().dies_of(15);
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

/// A task whose leader goes to the group of pyoco.
const LEAVES: &str = "
tasks:
  a:
    shell: python
    timeout: TIMEOUT
    kill: {after: 100ms}
    run: |
      import os, time
      os.setpgid(0, os.getpgid(os.getppid()))
      open('ready', 'w').close()
      time.sleep(86400)
";

#[test]
fn a_leader_that_left_its_group_is_ended_all_the_same() {
    let project = Project::with(&LEAVES.replace("TIMEOUT", "500ms"));
    project.run(&["run"]).exits(1);
    assert_eq!(project.record().ends(), "a FAILED timeout\n");
    for signal in [Signal::TERM, Signal::QUIT, Signal::KILL] {
        if signal == Signal::KILL && !support::SEES_PROCESSES {
            continue; // the watchdog cannot know there that it is still the same process
        }
        let project = Project::with(&LEAVES.replace("TIMEOUT", "1h"));
        let running = project.spawn(&["run"]);
        wait_for_file(&project.dir().join("ready"));
        if signal == Signal::KILL {
            // Until there is a watchdog.
            support::wait_for("the watchdog", || {
                let pids = support::leftovers::find(project.mark());
                pids.iter().any(|pid| support::leftovers::command(*pid).contains(" __watchdog "))
            });
        }
        running.signal(signal);
        running.wait().dies_of(signal.as_raw());
    }
}
