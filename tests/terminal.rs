//! What people see on a terminal: the lines of the cute style, the live view below them, and a clean
//! screen afterwards, whatever happens meanwhile.

mod support;

use pyoco::model::RunStatus;
use support::{Outcome, Project, same, wait_for, wait_for_file};

/// What a terminal shows in the end, without the blank lines below.
fn screen(outcome: &Outcome, lines: u16, columns: u16) -> String {
    let size = |n| std::num::NonZeroU16::new(n).expect("a terminal has lines and columns");
    let mut terminal = vt100::Parser::new(size(lines), size(columns), 0);
    terminal.process(&outcome.bytes);
    assert!(!terminal.screen().hide_cursor(), "the cursor is hidden: {outcome:?}");
    assert_eq!(terminal.screen().cursor_position().1, 0, "the cursor is within a line");
    let shown = terminal.screen().contents();
    shown.trim_end().lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_cute_lines() {
    let project = Project::with(
        "
name: release
jobs: 1
tasks:
  build: 'echo built'
  flaky: {run: 'test $PYOCO_ATTEMPT = 2', retry: {max: 1, delay: 1ms, max_delay: 1ms}}
  test: {run: 'echo no >&2; exit 2', needs: [build, flaky]}
  pack: {run: 'true', needs: [test]}
",
    );
    let outcome = project.terminal_of(40, 120, &["run", "--color", "never"]).finish().exits(1);
    same(
        &project.redact(&screen(&outcome, 40, 120)),
        "\
🐇 pyoco > start flow=release run_id=[RUN]
🏃 start node=build
built
✅ done node=build ([DURATION])
🏃 start node=flaky
🔁 retry node=flaky in [DURATION] exit(1)
🏃 start node=flaky
✅ done node=flaky ([DURATION])
🏃 start node=test
no
💥 error node=test exit 2
⏭️ skip node=pack upstream(test)
💥 failed flow=release ([DURATION])
first failure: test
  ended: exit 2
  command: echo no >&2; exit 2
  last output:
  | no
not run or stopped: 1 skipped upstream(test): pack
pyoco runs show [ID]
",
    );
}

/// Tasks that run until the test lets them go.
fn crowd(n: u32) -> String {
    let task = |n| {
        format!("  t{n}: 'echo says {n}; : > ready.{n}; until [ -e go ]; do sleep 0.01; done'\n")
    };
    format!("name: crowd\njobs: {n}\ntasks:\n{}", (1..=n).map(task).collect::<String>())
}

fn wait_for_crowd(project: &Project, n: u32) {
    (1..=n).for_each(|n| wait_for_file(&project.dir().join(format!("ready.{n}"))));
}

#[test]
fn the_live_view_shows_progress_and_a_line_for_each_running_task() {
    let project = Project::with(&crowd(2));
    let mut terminal = project.terminal(&["run"]);
    wait_for_crowd(&project, 2);
    terminal.expect("t1 (");
    terminal.expect(") | says 1");
    terminal.expect("t2 (");
    terminal.expect(") | says 2");
    project.file("go", "");
    let outcome = terminal.finish().exits(0);
    assert!(outcome.stdout.contains("] 0/2 ("), "{outcome:?}");
    let shown = screen(&outcome, 24, 80);
    let shown = project.redact(&shown);
    for line in
        ["🥕 done flow=crowd ([DURATION])\n", "pyoco runs show [ID]\n", "says 1\n", "says 2\n"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("0/2") && !shown.contains("| says"), "something is left: {shown}");
}

/// Makes the record of a run of `crowd(1)` that took so long.
fn record_of_crowd(project: &Project, ms: u64) {
    let id = "018f0000-0000-7000-8000-000000000001";
    let file = project.dir().join("pyoco.yaml").display().to_string();
    let lines = [
        (0, format!(r#""event":"run_started","run_id":"{id}","flow":"crowd","file":"{file}","jobs":1,"n_tasks":1"#)),
        (0, r#""event":"tasks_declared","from":0,"tasks":[{"name":"t1"}]"#.to_owned()),
        (0, r#""event":"task_started","task":0,"name":"t1","attempt":1"#.to_owned()),
        (ms, r#""event":"task_finished","task":0,"name":"t1","attempt":1,"state":"SUCCEEDED","exit_code":0"#.to_owned()),
        (ms, r#""event":"run_finished","status":"COMPLETED","counts":{"succeeded":1}"#.to_owned()),
    ];
    let line = |(at, (ms, event)): (usize, (u64, String))| {
        format!(
            "{{\"v\":1,\"seq\":{},\"ts\":\"2026-03-01T12:00:00.000Z\",\"ms\":{ms},{event}}}\n",
            at + 1
        )
    };
    let text: String = lines.into_iter().enumerate().map(line).collect();
    project.file(&format!(".pyoco/runs/{id}/events.jsonl"), text);
}

#[test]
fn the_live_view_says_how_long_the_run_still_takes_where_records_know() {
    let mut project = Project::with(&crowd(1));
    project.damages_records(); // the earlier run was never queued
    record_of_crowd(&project, 3_600_000);
    let mut terminal = project.terminal(&["run"]);
    terminal.expect("] 0/1 (");
    terminal.expect(", about 59m");
    terminal.expect("s left)");
    terminal.press_control('c');
    terminal.expect(", cancelling)");
    project.file("go", "");
    let outcome = terminal.finish();
    let shown = screen(&outcome, 24, 80);
    assert!(!shown.contains("left)"), "something is left: {shown}");
}

#[test]
fn the_live_view_is_never_taller_than_the_terminal() {
    let project = Project::with(&crowd(10));
    let mut terminal = project.terminal_of(6, 80, &["run"]);
    wait_for_crowd(&project, 10);
    // The start lines and this frame: it has room for four lines below the bar, and says so.
    terminal.expect("… and 7 more");
    let frames = terminal.expect("… and 7 more");
    // One frame ends where the other one ends: between them lies exactly one.
    assert_eq!(frames.matches("\r\n").count(), 4, "{frames:?}");
    project.file("go", "");
    let outcome = terminal.finish().exits(0);
    let shown = screen(&outcome, 6, 80);
    assert!(!shown.contains("more") && !shown.contains("/10"), "something is left: {shown}");
    assert!(shown.contains("🥕 done flow=crowd"), "{shown}");
}

#[test]
fn a_key_pressed_below_a_line_of_full_width_leaves_a_clean_screen() {
    let project = Project::with(
        "
tasks:
  wide: 'printf %0300d 7; : > ready; until [ -e go ]; do sleep 0.01; done'
",
    );
    let mut terminal =
        project.terminal_of(24, 60, &["run", "--output", "live", "--color", "never"]);
    wait_for_file(&project.dir().join("ready"));
    terminal.expect("0…");
    // Echoed as `^C` where the cursor rests: behind the last line of the live view.
    terminal.press_control('c');
    terminal.expect("cancelling: ");
    terminal.expect("0…");
    project.file("go", "");
    let outcome = terminal.finish();
    let shown = screen(&outcome, 24, 60);
    assert!(!shown.contains("] 0/1 ("), "something is left: {shown}");
}

#[test]
fn ctrl_c_on_the_keyboard_climbs_the_ladder_and_leaves_a_clean_screen() {
    for presses in 1..=3 {
        let project = Project::with(
            "
tasks:
  polite: \"trap 'exit 7' TERM; : > ready.1; until [ -e go ]; do sleep 0.01; done\"
  deaf: \"trap '' TERM; : > ready.2; until [ -e go ]; do sleep 0.01; done\"
",
        );
        let mut terminal = project.terminal(&["run", "--grace", "1d"]);
        wait_for_crowd(&project, 2);
        terminal.expect("polite (");
        terminal.press_control('c');
        terminal.expect("press Ctrl-C again to stop: polite, deaf");
        terminal.expect(", cancelling)");
        if presses > 1 {
            terminal.press_control('c');
            terminal.expect("press Ctrl-C again to kill: polite, deaf");
        }
        if presses > 2 {
            terminal.press_control('c');
            terminal.expect("pyoco: killing ");
        } else {
            project.file("go", "");
        }
        let outcome = terminal.finish().dies_of(2);
        let shown = screen(&outcome, 24, 80);
        assert!(!shown.contains("0/2") && !shown.contains("| "), "something is left: {shown}");
        assert!(shown.contains("🛑 cancelled flow=project ("), "{shown}");
        let record = project.record();
        assert_eq!(record.status(), RunStatus::Cancelled);
        let ends = [
            "polite SUCCEEDED\ndeaf SUCCEEDED\n",
            "polite CANCELLED cancelled\ndeaf CANCELLED cancelled\n",
        ];
        assert_eq!(record.ends(), ends[usize::from(presses > 1)]);
    }
}

#[test]
fn a_shell_script_on_the_terminal_does_not_go_on_after_ctrl_c() {
    let project = Project::with(
        "tasks: {a: ': > ready.1; until [ -e \"$PYOCO_CANCEL_FILE\" ]; do sleep 0.01; done'}",
    );
    let mut command = project.command_of("bash");
    if project.command_of("bash").args(["-c", ":"]).output().is_err() {
        return;
    }
    command.args(["-c", "\"$0\" run; echo next", env!("CARGO_BIN_EXE_pyoco")]);
    let mut terminal = support::Terminal::spawn(command);
    wait_for_crowd(&project, 1);
    terminal.press_control('c');
    let outcome = terminal.finish().dies_of(2);
    assert!(!outcome.stdout.contains("next"), "{outcome:?}");
    assert_eq!(project.record().status(), RunStatus::Cancelled);
}

#[test]
fn output_stands_above_the_live_view_ungarbled() {
    let lines: String = (1..=300).map(|n| format!("line {n} of the output\n")).collect();
    let project = Project::with(
        "
tasks:
  slow: ': > ready.1; until [ -e go ]; do sleep 0.01; done'
  loud: 'for n in $(seq 300); do echo line $n of the output; sleep 0.002; done; : > go'
",
    );
    let outcome = project.terminal_of(400, 80, &["run", "-o", "stream"]).finish().exits(0);
    let shown = screen(&outcome, 400, 80);
    let printed: String = shown
        .lines()
        .filter(|line| line.contains("of the output"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(printed, lines);
}

#[test]
fn control_characters_of_tasks_do_not_reach_the_terminal() {
    let project = Project::with(
        "tasks: {a: {cmd: [printf, 'x\\033[2J\\033]0;title\\007y\\nold\\rnew\\n\\033[31mred\\033[0m\\n']}}",
    );
    let outcome = project.terminal(&["run"]).finish().exits(0);
    assert!(!outcome.stdout.contains("\x1b[2J") && !outcome.stdout.contains('\x07'), "{outcome:?}");
    let shown = screen(&outcome, 24, 80);
    assert!(shown.contains("x\\x1b[2J\\x1b]0;title\\x07y\nnew\nred\n"), "{shown}");
    assert!(outcome.stdout.contains("\x1b[31mred"), "{outcome:?}");
    // The record has every byte.
    assert!(project.record().log("a", 1).starts_with(b"x\x1b[2J"));
}

#[test]
fn a_terminal_that_changes_its_size_is_followed() {
    // The task itself changes the size: the terminal then tells pyoco, as a window does.
    let project = Project::with(
        "
name: crowd
jobs: 9
tasks:
  t1: |
    trap '' TTOU
    : > ready.1
    until [ -e narrow ]; do sleep 0.01; done
    stty rows 5 cols 30 < /dev/tty
    : > ready.2
    until [ -e go ]; do sleep 0.01; done
  t2: 'echo 0123456789012345678901234567890123456789; until [ -e go ]; do sleep 0.01; done'
  t3: 'until [ -e go ]; do sleep 0.01; done'
  t4: 'until [ -e go ]; do sleep 0.01; done'
  t5: 'until [ -e go ]; do sleep 0.01; done'
  t6: 'until [ -e go ]; do sleep 0.01; done'
",
    );
    let mut terminal = project.terminal_of(24, 80, &["run"]);
    wait_for_crowd(&project, 1);
    terminal.expect("t6 (");
    project.file("narrow", "");
    wait_for_crowd(&project, 2);
    terminal.expect("… and 4 more");
    project.file("go", "");
    let outcome = terminal.finish().exits(0);
    assert!(outcome.stdout.contains("🥕 done flow=crowd"), "{outcome:?}");
    assert_eq!(project.record().status(), RunStatus::Completed);
}

#[test]
fn a_dumb_terminal_and_plain_lines_have_no_escape_sequence() {
    let mut project = Project::with(&crowd(2));
    project.file("go", "");
    project.env("TERM", "dumb");
    for args in [&["run"][..], &["run", "--no-cute"]] {
        let outcome = project.terminal(args).finish().exits(0);
        assert!(!outcome.stdout.contains('\x1b'), "{outcome:?}");
        assert!(
            outcome.stdout.contains("INFO pyoco end flow=crowd status=COMPLETED"),
            "{outcome:?}"
        );
    }
    project.env("TERM", "xterm");
    let outcome = project.terminal(&["run", "--no-cute"]).finish().exits(0);
    assert!(!outcome.stdout.contains('\x1b'), "{outcome:?}");
}

#[test]
fn pyoco_ends_though_its_terminal_hangs() {
    let project = Project::with(
        "tasks: {a: \"trap '' TERM; until [ -e go ]; do sleep 0.01; done; seq 100000; : > flooded; sleep 86400\"}",
    );
    let mut terminal = project.terminal(&["run", "-o", "stream"]);
    terminal.expect("start node=a");
    terminal.press_control('s'); // holds the output
    project.file("go", "");
    wait_for_file(&project.dir().join("flooded"));
    let pid = project.record().values[0]["pid"].as_i64().expect("the record names the process");
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("no process has the number 0");
    rustix::process::kill_process(pid, rustix::process::Signal::QUIT).expect("it is there");
    wait_for("the end in the record", || project.record().status().is_final());
    terminal.finish().dies_of(3);
    assert_eq!(project.record().log("a", 1).len(), 588_895);
}
