//! Tasks and the terminal: one that wants it without having it fails and says why; an `interactive`
//! one has it, alone, and gives it back however it ends.

mod support;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::{Pid, Signal, kill_process};
use support::{PROMPT, Project, Running, Terminal, has_tool, wait_for, wait_for_file};

/// Says who has the terminal (pyoco's group, the terminal's foreground group) and how it is set.
const LOOK: &str = "cut -d' ' -f5,8 /proc/$PPID/stat; stty -g </dev/tty";

/// Requires that pyoco's group had the terminal when a task looked, and returns how it was set.
#[track_caller]
fn modes_where_pyoco_has_it(project: &Project, task: &str) -> String {
    let said = String::from_utf8(project.record().log(task, 1)).expect("text");
    let mut lines = said.lines();
    let groups = lines.next().unwrap_or_else(|| panic!("{}", project.record().ends()));
    let groups: Vec<&str> = groups.split(' ').collect();
    assert_eq!(groups[0], groups[1], "pyoco's group has no terminal: {said}");
    lines.next().expect("another").to_owned()
}

#[test]
fn a_task_that_wants_the_terminal_is_noticed_and_told_what_to_do() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  reads: 'echo asking; read x </dev/tty'
  sets: 'stty -echo </dev/tty'
  child: {run: '(cat </dev/tty; true); true', retry: 3}
  still: 'kill -STOP $$'
",
    );
    let mut terminal = project.terminal(&["run", "-j", "4", "--color", "never"]);
    let advice = "terminal: it wanted the terminal, which `interactive: true` gives it";
    for _ in 0..3 {
        terminal.expect(&format!(" {advice}"));
    }
    // Who stopped itself wanted something else.
    assert_eq!(project.record().state("still"), TaskState::Running);
    for level in ["drain", "stop"] {
        terminal.press_control('c');
        terminal.expect(&format!("level={level}"));
    }
    let outcome = terminal.finish().dies_of(2);
    assert!(outcome.stdout.contains(&format!("ended: {advice}")), "{outcome:?}");
    let record = project.record();
    let ends = "reads FAILED terminal\nsets FAILED terminal\nchild FAILED terminal\n\
                still CANCELLED cancelled\n";
    assert_eq!(record.ends(), ends);
    let stopping = record.events("task_stopping");
    let why = |name: &str| stopping.iter().filter(|line| line["name"] == name).count();
    assert!(["reads", "sets", "child"].into_iter().all(|name| why(name) == 1), "{stopping:?}");
    let by = |line: &&&serde_json::Value| line["why"] == "terminal" && line["signal"] == "SIGKILL";
    assert_eq!(stopping.iter().filter(by).count(), 3, "{stopping:?}");
    assert_eq!(record.log("reads", 1), b"asking\n");
    let id = record.run_id.to_string();
    project.run(&["runs", "show", &id]).exits(0).says("interactive: true");
}

#[test]
fn a_secret_is_asked_for_on_the_terminal() {
    let project = Project::with(
        "
tasks:
  first: 'echo first'
  ask:
    run: 'stty -echo; printf \"Secret: \"; read x; stty echo; echo; echo \"heard $x\"; test -t 0 && test -t 1 && test -t 2'
    interactive: true
    needs: [first]
  last: {run: 'echo last', needs: [ask]}
",
    );
    let mut terminal = project.terminal(&["run", "--color", "never"]);
    let before = terminal.expect("Secret: ");
    let lines: Vec<&str> = before.lines().filter(|line| line.contains("node=")).collect();
    assert!(lines[1].contains("done node=first"), "{before}");
    assert!(lines[2].ends_with("start node=ask"), "{before}");
    terminal.type_line("hush");
    let echoed = terminal.expect("heard hush");
    assert!(!echoed.contains("hush"), "the secret was shown: {echoed}");
    let after = terminal.expect("start node=last");
    assert!(after.contains("done node=ask") && !after.contains("start node=ask"), "{after}");
    terminal.finish().exits(0);
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Completed);
    assert_eq!(record.log("ask", 1), b"", "what it showed is not taken");
}

#[test]
fn it_runs_alone_and_nothing_else_is_shown_meanwhile() {
    let project = Project::with(
        "
jobs: 4
tasks:
  a: 'true'
  ask: {run: 'printf \"Go? \"; read x; echo over', interactive: true}
  b: 'true'
  c: 'true'
",
    );
    let mut terminal = project.terminal(&["run"]);
    terminal.expect("Go? ");
    // What others started before it has its end there, and nothing is started beside it.
    wait_for("its start in the record", || project.record().state("ask") == TaskState::Running);
    assert_eq!(project.record().view.counts().running, 1);
    let id = project.record().run_id.to_string();
    // Its announcement waits too.
    project.run(&["runs", "cancel", &id]).exits(0);
    wait_for("the cancel", || project.record().status() == RunStatus::Cancelling);
    terminal.type_line("yes");
    let shown = terminal.expect("over");
    assert_eq!(shown.trim(), "yes", "something else was shown");
    terminal.expect("press Ctrl-C again to stop: ask");
    terminal.finish().exits(130);
}

#[test]
fn ctrl_c_is_the_tasks_own() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  traps: {run: \"trap 'echo caught; exit 0' INT; echo ready; while :; do sleep 0.1; done\", interactive: true}
  dies: {run: 'echo prompt; exec sleep 86400', interactive: true, needs: [traps]}
  after: {run: 'true'}
",
    );
    let mut terminal = project.terminal(&["run", "-j", "1"]);
    terminal.expect("ready");
    terminal.press_control('c');
    terminal.expect("caught");
    terminal.expect("prompt");
    terminal.press_control('c');
    terminal.finish().exits(1);
    let ends = "traps SUCCEEDED\ndies FAILED signal(SIGINT)\nafter SUCCEEDED\n";
    assert_eq!(project.record().ends(), ends);
    assert!(project.record().events("run_cancelling").is_empty());
}

#[test]
fn the_terminal_and_its_modes_are_taken_back_however_the_task_ends() {
    let spoil = "stty raw -echo";
    let endings = [
        ("exits", format!("{spoil}; exit 3"), "exit(3)"),
        ("dies", format!("{spoil}; kill -KILL $$"), "signal(SIGKILL)"),
        ("hangs", format!("{spoil}; exec sleep 86400"), "timeout"),
        ("stubborn", format!("trap '' TERM; {spoil}; while :; do sleep 0.1; done"), "timeout"),
        ("gives", format!("{spoil}; set -m; sleep 0.1; kill -KILL $$"), "signal(SIGKILL)"),
        ("missing", "exit 0".to_owned(), "spawn"),
    ];
    for (name, script, reason) in endings {
        let interpreter = if name == "missing" { ", shell: [./broken, '{0}']" } else { "" };
        let project = Project::with(&format!(
            "
on_failure: isolate
tasks:
  before: \"{LOOK}\"
  task: {{run: \"{script}\", interactive: true, needs: [before], timeout: 1s, kill: {{after: 100ms}}{interpreter}}}
  after: \"{LOOK}\"
"
        ));
        let broken = project.file("broken", "#!/no/such/interpreter\n");
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(broken, all).expect("it is ours");
        project.terminal(&["run", "-j", "1"]).finish().exits(1);
        assert!(project.record().reason("task").starts_with(reason), "{}", project.record().ends());
        let before = modes_where_pyoco_has_it(&project, "before");
        assert_eq!(modes_where_pyoco_has_it(&project, "after"), before, "after one that {name}");
    }
}

#[test]
fn a_task_that_makes_itself_the_foreground_has_it_until_its_end() {
    if !has_tool("perl") {
        return;
    }
    let take = "POSIX::tcsetpgrp(fileno($t), getpgrp()) or die $!;";
    let scripts = [
        take.to_owned(),
        // A group of its own that is gone by then.
        format!("my $p = fork // die; if (!$p) {{ setpgrp; {take} exit }} wait; exit $? >> 8;"),
    ];
    for script in scripts {
        let project = Project::with(&format!(
            "
tasks:
  before: \"{LOOK}\"
  takes: {{cmd: [perl, -MPOSIX, task], needs: [before]}}
  after: {{run: \"{LOOK}\", needs: [takes]}}
"
        ));
        let open = "$SIG{TTOU} = 'IGNORE'; open(my $t, '+<', '/dev/tty') or die $!;";
        project.file("task", format!("{open} {script}\n"));
        project.terminal(&["run"]).finish().exits(0);
        let before = modes_where_pyoco_has_it(&project, "before");
        assert_eq!(modes_where_pyoco_has_it(&project, "after"), before);
    }
}

#[test]
fn a_cancel_from_outside_gives_the_terminal_back_to_the_shell() {
    let project = Project::with(
        "tasks: {a: {run: 'stty -echo -icanon; : > ready; exec sleep 86400', interactive: true}}",
    );
    for (level, wait) in [("--stop", true), ("--kill", false)] {
        let mut shell = project.shell();
        shell.type_line("stty -g > before; $PYOCO run; echo code $? end; stty -g > after");
        wait_for_file(&project.dir().join("ready"));
        let id = project.record().run_id.to_string();
        let args = ["runs", "cancel", level, &id, "--wait"];
        project.run(&args[..if wait { 5 } else { 4 }]).exits(0);
        shell.expect("code 130 end");
        shell.expect(PROMPT);
        assert_eq!(project.read("after"), project.read("before"));
        assert_eq!(project.record().state("a"), TaskState::Cancelled);
        shell.type_line("exit");
        shell.finish();
        std::fs::remove_file(project.dir().join("ready")).expect("it is there");
    }
}

/// Returns the process of the newest run, as its record names it.
#[track_caller]
fn pyoco_of(project: &Project) -> Pid {
    let pid = project.record().values[0]["pid"].as_i64().expect("the record names the process");
    Pid::from_raw(i32::try_from(pid).expect("it is small")).expect("no process has the number 0")
}

fn has_stopped(project: &Project, pid: Pid) -> bool {
    project.processes().contains(&(pid.as_raw_nonzero().get(), 'T'))
}

#[test]
fn ctrl_z_stops_both_and_fg_gives_the_terminal_again() {
    let project = Project::with(
        "tasks: {ask: {run: 'stty -echo; printf \"Secret: \"; read x; stty echo; echo \"heard $x.\"', interactive: true}}",
    );
    let mut shell = project.shell();
    shell.type_line("stty -g > before; $PYOCO run");
    shell.expect("Secret: ");
    for _ in 0..2 {
        shell.press_control('z');
        shell.expect("Stopped");
        shell.expect(PROMPT);
        shell.type_line("stty -g > while; echo looked >&2");
        shell.expect("looked\r\n");
        shell.expect(PROMPT);
        // In the background it cannot go on, and the shell keeps the terminal.
        shell.type_line("bg");
        shell.expect(PROMPT);
        wait_for("it to stop again", || has_stopped(&project, pyoco_of(&project)));
        shell.type_line("fg");
        shell.expect("run\r\n");
        wait_for("it to go on", || !has_stopped(&project, pyoco_of(&project)));
        wait_for("the task to go on", || {
            project.processes().iter().all(|(_, state)| *state != 'T')
        });
    }
    shell.type_line("hush");
    let shown = shell.expect("heard hush.");
    assert!(!shown.contains("hush"), "{shown}");
    shell.expect(PROMPT);
    shell.type_line("exit");
    shell.finish();
    assert_eq!(project.record().status(), RunStatus::Completed);
}

#[test]
#[cfg_attr(any(pyoco_portable, not(target_os = "linux")), ignore = "no member of a group is seen")]
fn who_is_left_of_a_task_goes_on_too_after_its_leader_had_the_terminal() {
    let project = Project::with(
        "
tasks:
  ask:
    interactive: true
    timeout: 1s
    run: |
      (trap 'trap \"\" TERM; : > asked; until [ -e go ]; do sleep 0.02; done; : > cleaned; exit' TERM
       : > set; while :; do sleep 0.02; done) &
      until [ -e set ]; do :; done
      wait
",
    );
    let mut shell = project.shell();
    shell.type_line("$PYOCO run --grace 1d");
    wait_for_file(&project.dir().join("asked"));
    // The fields that follow the name: state, parent, group, session, terminal, its foreground group.
    let stat = format!("/proc/{}/stat", pyoco_of(&project).as_raw_nonzero());
    wait_for("pyoco to have the terminal again", || {
        let stat = std::fs::read_to_string(&stat).expect("pyoco is there");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a rest").split(' ').collect();
        fields[3] == fields[6]
    });
    shell.press_control('z');
    shell.expect("Stopped");
    shell.expect(PROMPT);
    project.file("go", "");
    shell.type_line("fg");
    shell.expect(PROMPT);
    assert!(project.has("cleaned"));
    shell.type_line("exit");
    shell.finish();
    assert_eq!(project.record().ends(), "ask FAILED timeout\n");
}

#[test]
fn where_nobody_could_continue_us_ctrl_z_has_no_effect() {
    let project = Project::with(
        "tasks: {ask: {run: 'printf \"Go? \"; read x; echo \"heard $x.\"', interactive: true}}",
    );
    let mut terminal = project.terminal(&["run"]);
    terminal.expect("Go? ");
    terminal.press_control('z');
    terminal.expect("^Z");
    terminal.type_line("on");
    terminal.expect("heard on.");
    terminal.finish().exits(0);
}

#[test]
fn in_the_background_it_waits_for_the_foreground_as_any_job() {
    let project = Project::with(
        "tasks: {ask: {run: 'printf \"Go? \"; read x; echo \"heard $x.\"', interactive: true}}",
    );
    let mut shell = project.shell();
    shell.type_line("$PYOCO run &");
    shell.expect(PROMPT);
    wait_for("pyoco to stop", || {
        // Its first line comes a moment after the record.
        let has_begun = project.records().first().is_some_and(|record| !record.values.is_empty());
        has_begun && has_stopped(&project, pyoco_of(&project))
    });
    shell.type_line("fg");
    shell.expect("Go? ");
    shell.type_line("on");
    shell.expect("heard on.");
    shell.expect(PROMPT);
    shell.type_line("exit");
    shell.finish();
    assert_eq!(project.record().status(), RunStatus::Completed);
}

#[test]
fn a_suspended_run_can_be_ended_in_the_background() {
    let project = Project::with(
        "tasks: {ask: {run: ': > ready; printf \"Go? \"; read x', interactive: true}}",
    );
    let mut shell = project.shell();
    shell.type_line("$PYOCO run");
    wait_for_file(&project.dir().join("ready"));
    shell.expect("Go? ");
    shell.press_control('z');
    shell.expect("Stopped");
    shell.expect(PROMPT);
    let pyoco = pyoco_of(&project);
    kill_process(pyoco, Signal::TERM).expect("it is there");
    kill_process(pyoco, Signal::CONT).expect("it is there");
    wait_for("the end in the record", || project.record().status() == RunStatus::Cancelled);
    assert_eq!(project.record().state("ask"), TaskState::Cancelled);
    shell.type_line("fg"); // it leaves no shell with a job that it takes for stopped
    shell.expect(PROMPT);
    shell.type_line("exit");
    shell.finish();
}

/// Returns `pyoco ARG…` in a session without a terminal, also where the tests run on one.
fn without_terminal(project: &Project, args: &[&str]) -> Option<std::process::Command> {
    if !has_tool("setsid") {
        return None;
    }
    let mut command = project.command_of("setsid");
    command.args(["-w", env!("CARGO_BIN_EXE_pyoco")]).args(args);
    Some(command)
}

#[test]
fn without_a_terminal_it_reads_what_pyoco_reads_and_its_output_is_taken() {
    let project =
        Project::with("tasks: {ask: {run: 'read x; echo \"heard $x\"', interactive: true}}");
    let Some(command) = without_terminal(&project, &["run"]) else { return };
    let input = project.file("input", "hello\n");
    let input = std::fs::File::open(input).expect("it is there");
    Running::spawn_reading(command, input).wait().exits(0).says("heard hello");
    assert_eq!(project.record().log("ask", 1), b"heard hello\n");
}

#[test]
fn a_terminal_program_takes_the_whole_screen_and_leaves_it() {
    let project = Project::with(
        "
tasks:
  first: 'echo first'
  full: {run: 'printf \"\\033[?1049h\\033[2Jedit\"; read x; printf \"\\033[?1049l\"', interactive: true, needs: [first]}
  last: {run: 'echo last', needs: [full]}
",
    );
    let mut terminal: Terminal = project.terminal(&["run", "--color", "never"]);
    terminal.expect("edit");
    terminal.type_line("q");
    let outcome = terminal.finish().exits(0);
    let size = |n| std::num::NonZeroU16::new(n).expect("not 0");
    let mut screen = vt100::Parser::new(size(24), size(80), 0);
    screen.process(&outcome.bytes);
    let shown = screen.screen().contents();
    for text in ["start node=full", "done node=full", "last\n", "done flow="] {
        assert!(shown.contains(text), "{shown}");
    }
}

#[test]
fn what_a_killed_terminal_program_left_on_the_screen_is_undone() {
    let spoil = "printf '\\033[?1049h\\033[?25l\\033[31m\\033[?2004h\\033[?1000hedit'";
    let endings = [
        (format!("{spoil}; kill -KILL $$"), true),
        (format!("sh -c '{}; kill -TERM $$'; exit $?", spoil.replace('\'', "\"")), true),
        (format!("{spoil}; exec sleep 86400"), true),
        ("exit 3".to_owned(), false),
    ];
    for (script, is_undone) in endings {
        let mut project = Project::with("");
        project.file("task", &script);
        project.file(
            "pyoco.yaml",
            "
on_failure: isolate
tasks:
  first: 'echo first'
  full: {cmd: [sh, task], interactive: true, needs: [first], timeout: 1s}
  last: 'echo last'
",
        );
        for term in ["xterm", "dumb"] {
            project.env("TERM", term);
            let args = ["run", "-j", "1", "--color", "never"];
            let outcome = project.terminal(&args).finish().exits(1);
            let is_undone = is_undone && term != "dumb";
            assert_eq!(outcome.stdout.contains("\x1b[?1049l"), is_undone, "{script} {outcome:?}");
            if !is_undone {
                continue;
            }
            let size = |n| std::num::NonZeroU16::new(n).expect("not 0");
            let mut parser = vt100::Parser::new(size(24), size(80), 0);
            parser.process(&outcome.bytes);
            let screen = parser.screen();
            assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{outcome:?}");
            assert!(!screen.bracketed_paste(), "{outcome:?}");
            assert_eq!(screen.fgcolor(), vt100::Color::Default, "{outcome:?}");
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
            let shown = screen.contents();
            assert!(!shown.contains("edit"), "{shown}");
            let lines = ["first\n", "start node=full", "last\n"].map(|text| shown.find(text));
            assert!(lines[0].is_some() && lines.is_sorted(), "{shown}");
        }
    }
}
