//! What a task inherits in unusual surroundings, how pyoco ends for those who wait for it, and what it
//! does as the first process of a container.

mod support;

use std::fs;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{Project, Running, has_tool, is_allowed, proc, wait_for, wait_for_file};

fn shell(project: &Project, shell: &str, script: &str) -> Running {
    let mut command = project.command_of(shell);
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command)
}

/// Tasks that write down what they see of descriptors, each started in its own way, while others run
/// whose pipes are open.
fn descriptor_tasks() -> String {
    let long = "# a line that makes the script too long for an argument\n      ".repeat(2_500);
    format!(
        "
jobs: 9
tasks:
  other1: &other {{run: ': > ready.$PYOCO_TASK; echo x; until [ -e over ]; do sleep 0.01; done'}}
  other2: *other
  other3: *other
  leaks: 'sleep 86400 & echo $! > leaked'
  run: &list 'until [ -e ready.other1 ] && [ -e ready.other2 ] && [ -e ready.other3 ]; do sleep 0.01; done; ls /proc/self/fd > fds.$PYOCO_TASK'
  late: {{run: ls /proc/self/fd > fds.late, needs: [run, leaks]}}
  cmd: {{cmd: [sh, -c, 'ls /proc/self/fd > fds.cmd'], needs: run}}
  bash: {{run: ls /proc/self/fd > fds.bash, shell: bash, needs: run}}
  input: {{run: *list, stdin: text}}
  file:
    needs: run
    stdin: text
    run: |
      {long}
      ls /proc/self/fd > fds.file
  last: {{run: ': > over', needs: [late, cmd, bash, input, file]}}
"
    )
}

#[test]
fn no_task_sees_a_descriptor_of_pyoco() {
    if !fs::exists("/proc/self/fd").expect("it can be asked") {
        eprintln!("skipped: there is no /proc");
        return;
    }
    for flags in ["", "--no-record", "--durable"] {
        for open in ["", "exec 7>handed;"] {
            let project = Project::with(&descriptor_tasks());
            let list = "ls /proc/self/fd > fds.direct";
            shell(&project, "/bin/sh", &format!("{open} {list}")).wait().exits(0);
            let script = format!("{open} exec \"$0\" run -q {flags}");
            shell(&project, "/bin/sh", &script).wait().exits(0);
            let leaked: i32 = project.read("leaked").trim().parse().expect("a pid");
            let leaked = Pid::from_raw(leaked).expect("no process has the number 0");
            kill_process(leaked, Signal::KILL).expect("it was left alone");
            let expected = project.read("fds.direct");
            assert_eq!(expected.contains("7\n"), !open.is_empty(), "{expected}");
            for task in ["run", "late", "cmd", "bash", "input", "file"] {
                assert_eq!(project.read(&format!("fds.{task}")), expected, "{task} {flags} {open}");
            }
        }
    }
}

const SHOWS_IGNORED: &str = "tasks: {a: 'grep SigIgn /proc/self/status > ignored; : > ready; \
                             until [ -e go ]; do sleep 0.01; done; echo alive'}";

/// Returns which of the first 31 signals a task found ignored.
fn ignored(project: &Project) -> u64 {
    let line = project.read("ignored");
    let bits = line.split_whitespace().next_back().expect("a line of two words");
    u64::from_str_radix(bits, 16).expect("a set of signals") & 0x7fff_ffff
}

#[test]
fn a_job_in_the_background_of_a_script_is_deaf_to_the_keyboard() {
    // A shell without job control lets INT and QUIT be ignored in what it puts into the background.
    let project = Project::with(SHOWS_IGNORED);
    let script = "\"$0\" run & pid=$!
until [ -e ready ]; do sleep 0.01; done
kill -INT $pid; kill -QUIT $pid; kill -INT $pid; kill -QUIT $pid
: > go
wait $pid; echo code $?";
    shell(&project, "/bin/sh", script).wait().exits(0).says("alive\n").says("code 0\n");
    assert_eq!(ignored(&project), 1 << 1 | 1 << 2, "INT and QUIT, and nothing else");
    assert!(project.record().events("run_cancelling").is_empty());
}

#[test]
fn such_a_job_is_cancelled_by_term_all_the_same() {
    let project = Project::with("tasks: {a: ': > ready; exec sleep 86400'}");
    let script = "\"$0\" run & pid=$!
until [ -e ready ]; do sleep 0.01; done
kill -TERM $pid; wait $pid; echo code $?";
    shell(&project, "/bin/sh", script).wait().exits(0).says("code 143\n");
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn under_nohup_a_hangup_changes_nothing() {
    if !has_tool("nohup") {
        return;
    }
    let project = Project::with(SHOWS_IGNORED);
    let mut command = project.command_of("nohup");
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run"]);
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::HUP);
    running.signal(Signal::HUP);
    project.file("go", "");
    running.wait().exits(0).says("alive\n");
    assert_eq!(ignored(&project), 1, "HUP, and nothing else");
    assert!(project.record().events("run_cancelling").is_empty());
}

#[test]
fn a_script_stops_where_pyoco_was_stopped() {
    for name in ["/bin/sh", "bash"] {
        for (signal, rungs) in [(Signal::INT, 3), (Signal::QUIT, 1)] {
            let project =
                Project::with("tasks: {a: \"trap '' TERM; : > ready; exec sleep 86400\"}");
            // What the shell itself makes of a QUIT is its own business: it asks pyoco's.
            let next = if signal == Signal::QUIT { "[ $? -gt 128 ] || " } else { "" };
            let script = format!("trap : QUIT; \"$0\" run --grace 1d; {next}echo next; exit 9");
            let script =
                if signal == Signal::INT { script.replace("trap : QUIT; ", "") } else { script };
            let mut running = shell(&project, name, &script);
            wait_for_file(&project.dir().join("ready"));
            wait_for("the start in the record", || {
                !project.record().events("task_started").is_empty()
            });
            for rung in 0..rungs {
                running.signal_group(signal);
                let said = ["Ctrl-C again to stop", "Ctrl-C again to kill", "killing"][rung];
                if rung + 1 < rungs {
                    running.wait_to_complain(said);
                }
            }
            let outcome = running.wait();
            assert!(!outcome.stdout.contains("next"), "{name} {signal:?}: {outcome:?}");
            if signal == Signal::INT {
                assert_eq!(outcome.signal, Some(2), "{name}: {outcome:?}");
            }
        }
    }
}

/// Returns a command that makes its argument the first process of a container; none where the system
/// does not allow that.
fn alone(project: &Project, own_proc: bool) -> Option<std::process::Command> {
    if !has_tool("unshare") {
        return None;
    }
    let unshare = || {
        let mut command = project.command_of("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]);
        command.args(own_proc.then_some("--mount-proc"));
        command
    };
    is_allowed("a process namespace", unshare().arg("true")).then(unshare)
}

/// Tasks that make orphans which end at once and tasks that end meanwhile, each with its own code.
fn orphanage(wait: &str) -> String {
    let orphans =
        "for i in 1 2 3 4 5 6 7 8; do sh -c 'sleep 0.01 &'; sh -c '(setsid true &)'; done";
    let short: String = (1..=40)
        .map(|n| format!("  t{n}: {{run: exit {n}, fail: continue, needs: leaks}}\n"))
        .collect();
    let needs: Vec<String> = (1..=40).map(|n| format!("t{n}")).collect();
    format!(
        "
jobs: 4
tasks:
  leaks: '(sleep 86400 & sleep 86400 >/dev/null 2>&1 &) & true'
  orphans: \"{orphans}; {orphans}; {orphans}\"
{short}
  wait: {{needs: [orphans, {}], run: '{wait}'}}
",
        needs.join(", ")
    )
}

fn require_codes(project: &Project) {
    let record = project.record();
    for n in 1..=40 {
        assert_eq!(record.reason(&format!("t{n}")), format!("exit({n})"));
    }
    assert_eq!(record.status(), RunStatus::Completed);
}

#[test]
#[cfg_attr(
    any(pyoco_portable, not(target_os = "linux")),
    ignore = "without /proc nothing behind the leader of a leaked group is seen"
)]
fn as_the_first_process_it_reaps_orphans_and_takes_no_end_from_its_tasks() {
    // The leader of the leaked group stays, as it should; it is the only one.
    let wait = "until [ $(cat /proc/[0-9]*/stat 2>/dev/null | grep -c \") Z 1 \") -le 1 ]; do sleep 0.02; done; \
                cat /proc/[0-9]*/stat | grep \") Z 1 \"";
    let project = Project::with(&orphanage(wait));
    let Some(mut command) = alone(&project, true) else { return };
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run", "-o", "stream"]);
    let outcome = Running::spawn(command).wait().exits(0);
    assert_eq!(outcome.stdout.lines().filter(|line| line.contains(") Z 1 ")).count(), 1);
    require_codes(&project);
}

#[test]
fn as_the_first_process_with_the_proc_of_others_it_reaps_orphans_too() {
    // Nothing leaks here: where `/proc` says nothing, what is behind such a leader is not seen.
    let flow = orphanage(": > ready; until [ -e go ]; do sleep 0.01; done");
    let project = Project::with(&flow.replace("sleep 86400 & sleep 86400", "true & true"));
    let Some(mut command) = alone(&project, false) else { return };
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run"]);
    let running = Running::spawn(command);
    wait_for_file(&project.dir().join("ready"));
    let children = |parent: i32| -> Vec<(i32, char)> {
        let child = |pid| {
            let stat = proc::stat(pid).filter(|stat| stat.parent == parent)?;
            Some((pid, stat.state))
        };
        proc::all().into_iter().filter_map(child).collect()
    };
    let unshare = running.pid().as_raw_nonzero().get();
    let (pyoco, _) = children(unshare)[0];
    wait_for("the orphans' end", || children(pyoco).iter().all(|(_, state)| *state != 'Z'));
    project.file("go", "");
    running.wait().exits(0);
    require_codes(&project);
}

/// Whether the kernel can tell what is left of a group once its leader is reaped.
fn knows_remnants() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|word| word.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let knows = support::SEES_PROCESSES && version >= (6, 9);
    if !knows {
        eprintln!("skipped: this system knows no group by a descriptor");
    }
    knows
}

/// A task that leaves processes behind whose output goes elsewhere: one polite, one deaf, one stopped.
const DAEMONS: &str = "
tasks:
  a: |
    (trap '' TERM; exec sleep 86400) >/dev/null 2>&1 &
    (sh -c 'sleep 86400 & sleep 86400' &) >/dev/null 2>&1
    sh -c 'echo $$ > stops; until [ -e left ]; do sleep 0.02; done; kill -STOP $$; sleep 86400' >/dev/null 2>&1 &
    (trap 'echo cleaned > cleaned; exit' TERM; : > set; while :; do sleep 0.02; done) >/dev/null 2>&1 &
    until [ -e set ] && [ -s stops ]; do sleep 0.01; done
  b:
    needs: a
    run: |
      : > left
      until ps -o stat= -p $(cat stops) | grep T; do sleep 0.01; done
      : > ready; exec sleep 86400
";

#[test]
fn what_runs_on_with_its_output_elsewhere_is_killed_at_stop_and_kill() {
    if !knows_remnants() {
        return;
    }
    for signal in [Signal::TERM, Signal::QUIT] {
        let project = Project::with(DAEMONS);
        let running = project.spawn(&["run", "--grace", "1s"]);
        wait_for_file(&project.dir().join("ready"));
        running.signal(signal);
        running.wait().dies_of(signal.as_raw());
        let record = project.record();
        assert_eq!(record.ends(), "a SUCCEEDED\nb CANCELLED cancelled\n");
        assert!(record.events("task_finished")[0].get("leaked").is_none(), "it holds no pipe");
        assert_eq!(project.has("cleaned"), signal == Signal::TERM);
    } // that nothing is left, each project sees by itself
}

#[test]
fn many_such_processes_are_all_killed() {
    if !knows_remnants() {
        return;
    }
    let tasks: String = (0..70)
        .map(|n| {
            let stays = if n % 2 == 0 { "sleep 86400" } else { "true" };
            format!("  t{n}: '{stays} >/dev/null 2>&1 &'\n")
        })
        .collect();
    let names: Vec<String> = (0..70).map(|n| format!("t{n}")).collect();
    let project = Project::with(&format!(
        "jobs: 8\ntasks:\n{tasks}  last: {{run: ': > ready; exec sleep 86400', needs: [{}]}}\n",
        names.join(", ")
    ));
    let running = project.spawn(&["run", "--grace", "1d"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    assert_eq!(project.record().state("last"), TaskState::Cancelled);
}

#[test]
fn what_runs_on_with_its_output_elsewhere_is_left_alone_at_a_normal_end() {
    for (script, code) in [("true", 0), ("exit 3", 1)] {
        let project = Project::with(&format!(
            "tasks: {{a: 'sleep 86400 >/dev/null 2>&1 & echo $! > pid; {script}'}}"
        ));
        project.run(&["run"]).exits(code);
        let pid: i32 = project.read("pid").trim().parse().expect("a pid");
        let pid = Pid::from_raw(pid).expect("no process has the number 0");
        kill_process(pid, Signal::KILL).expect("it is alive");
    }
}

#[test]
fn what_leaked_is_named_with_its_pid_in_both_styles() {
    for style in ["--cute", "--no-cute"] {
        let project = Project::with("tasks: {a: 'sleep 86400 & echo $! > pid'}");
        let outcome = project.run(&["run", style]).exits(0);
        let pid = project.read("pid").trim().to_owned();
        if support::SEES_PROCESSES {
            let line = format!("left behind by a: process {pid}\n");
            outcome.clone().complains(&line);
            let record = project.record();
            assert_eq!(record.events("task_finished")[0]["leaked"][0].to_string(), pid);
        }
        let pid = Pid::from_raw(pid.parse().expect("a pid")).expect("no process has the number 0");
        kill_process(pid, Signal::KILL).expect("it is alive");
    }
}
