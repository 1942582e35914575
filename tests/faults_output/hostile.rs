//! Bytes that a terminal or a CI would obey: the console is safe, the log is byte for byte.

use crate::support::{Outcome, Project, Running, wait_for, wait_for_file};

/// What clears the screen, sets the title, writes to the clipboard, moves the cursor by C1 controls.
const EVIL: &str =
    "\x1b[2J\x1b]0;title\x07\x1b]52;c;aGk=\x07\u{9b}2J\u{9d}52;c;aGk=\u{9c}\x1bc\x08\x7f\0";

/// Requires that nothing is shown that a terminal obeys but colours, tabs and the ends of lines.
#[track_caller]
fn is_safe(shown: &str) {
    let mut rest = shown.to_owned();
    let colours = regex::Regex::new("\x1b\\[[0-9;:]*m").expect("a pattern");
    rest = colours.replace_all(&rest, "").replace("\r\n", "\n");
    let bad = rest.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert!(bad.is_none(), "{bad:?} in {}", rest.escape_debug());
    assert!(!rest.contains(['\u{202e}', '\u{2066}', '\u{200f}']), "{}", rest.escape_debug());
}

/// Requires that no line is a command to a CI.
#[track_caller]
fn is_no_command(shown: &str) {
    let marker = regex::Regex::new("##[A-Za-z]*\\[").expect("a pattern");
    for line in shown.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
        assert!(!marker.is_match(line), "{line}");
    }
}

fn script(bytes: &[u8]) -> (Project, Vec<u8>) {
    let project = Project::with("tasks: {a: 'cat bytes; cat bytes >&2; exit 3'}");
    project.file("bytes", bytes);
    let twice = [bytes, bytes].concat();
    (project, twice)
}

#[test]
fn a_terminal_and_a_ci_log_are_safe_in_every_view_and_the_log_is_byte_for_byte() {
    let bytes = [EVIL.as_bytes(), b" \xff\xfe\xc3\nsecond line\nno end \x1b["].concat();
    for view in ["live", "group", "prefix", "stream", "failed"] {
        let (mut project, twice) = script(&bytes);
        project.env("CI", "true");
        let outcome = project.run(&["run", "-o", view, "--cute"]).exits(1);
        is_safe(&outcome.stdout);
        is_safe(&outcome.stderr);
        assert_eq!(project.record().log("a", 1), twice, "{view}");
        // The live view draws with sequences of its own; elsewhere there are none.
        if view != "live" {
            let outcome = project.terminal(&["run", "-o", view]).finish().exits(1);
            is_safe(&outcome.stdout);
            assert_eq!(project.record().log("a", 1), twice, "{view}");
        }
        for args in
            [&["runs", "logs", "latest", "a"][..], &["runs", "logs", "latest", "--as", "prefix"]]
        {
            is_safe(&project.terminal(args).finish().exits(0).stdout);
        }
        is_safe(&project.terminal(&["runs", "show", "latest"]).finish().exits(0).stdout);
        let raw = project.run(&["runs", "logs", "latest", "a"]).exits(0).bytes;
        assert_eq!(raw, twice, "{view}");
    }
}

#[test]
fn the_live_view_shows_nothing_that_a_terminal_obeys() {
    let project = Project::with(
        "jobs: 2\ntasks:\n  a: 'cat bytes; : > ready; until [ -e go ]; do sleep 0.01; done'\n  b: 'until [ -e go ]; do sleep 0.01; done'\n",
    );
    project.file("bytes", EVIL.replace('\x1b', "\x1b\x1b"));
    let mut terminal = project.terminal_of(24, 200, &["run"]);
    wait_for_file(&project.dir().join("ready"));
    terminal.expect("b (");
    terminal.expect("] 0/2");
    terminal.expect("b (");
    project.file("go", "");
    let outcome = terminal.finish().exits(0);
    let ours = regex::Regex::new("\x1b\\[(\\?7[lh]|[0-9]+A|2K)|\r").expect("a pattern");
    is_safe(&ours.replace_all(&outcome.stdout, ""));
}

#[test]
fn a_character_that_is_written_in_halves_is_shown_whole() {
    let project = Project::with(
        "tasks: {a: \"printf '\\\\346\\\\227'; : > half; until [ -e go ]; do sleep 0.01; done; printf '\\\\245\\\\r\\\\n'\"}",
    );
    for terminal in [true, false] {
        for name in ["half", "go"] {
            let _ = std::fs::remove_file(project.dir().join(name));
        }
        let mut ci = project.command(&["run", "-o", "stream"]);
        ci.env("CI", "true");
        let (on_terminal, in_ci) = if terminal {
            (Some(project.terminal(&["run", "-o", "stream"])), None)
        } else {
            (None, Some(Running::spawn(ci)))
        };
        wait_for_file(&project.dir().join("half"));
        // The log is written before anything is shown: the two halves are two reads.
        wait_for("the first half in the log", || project.record().log("a", 1).len() == 2);
        project.file("go", "");
        let outcome = match (on_terminal, in_ci) {
            (Some(terminal), _) => terminal.finish(),
            (None, Some(running)) => running.wait(),
            (None, None) => unreachable!("one of them was started"),
        };
        let outcome = outcome.exits(0);
        assert!(
            outcome.stdout.contains('日') && !outcome.stdout.contains('\u{fffd}'),
            "{outcome:?}"
        );
        assert_eq!(project.record().log("a", 1), "日\r\n".as_bytes());
    }
}

#[test]
fn of_a_progress_bar_the_last_text_is_shown_in_ci_and_all_of_it_in_a_file() {
    let flow = "tasks: {a: \"for n in 1 2 3; do printf '\\\\r%d0%%' $n; printf '\\\\rerr %d' $n >&2; done; echo; echo >&2\"}";
    let mut project = Project::with(flow);
    project.env("CI", "true");
    let outcome = project.run(&["run"]).exits(0);
    assert_eq!(outcome.stdout, "30%\n");
    assert!(outcome.stderr.contains("\nerr 3\n") && !outcome.stderr.contains('\r'), "{outcome:?}");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run -q -o stream > out 2> err", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(0);
    assert_eq!(project.read("out"), "\r10%\r20%\r30%\n");
    assert_eq!(project.read("err"), "\rerr 1\rerr 2\rerr 3\n");
    let shown = project.terminal(&["run"]).finish().exits(0).stdout;
    assert!(shown.contains("30%\r\n") && !shown.contains("10%"), "{shown}");
}

#[test]
fn a_tasks_own_commands_pass_under_github_and_nothing_of_pyocos_is_one() {
    let lines = "::error::own\n##[error]own\n##vso[task.complete]own\n";
    let mut project = Project::with(
        "
name: '::error::flow'
description: '::error::what'
on_failure: isolate
tasks:
  own: 'cat lines; exit 3'
  missing: {cmd: ['::error::nope ##[error]x'], description: '::error::why'}
  nowhere: {run: 'true', dir: '##[error]dir'}
",
    );
    project.file("lines", lines);
    project.env("CI", "true").env("GITHUB_ACTIONS", "true");
    let outcome = project.run(&["run", "-j1"]).exits(1);
    assert_eq!(outcome.stdout, lines);
    is_no_command(&outcome.stderr);
    outcome.complains("#\\x23[error]x");
    let cute = project.run(&["run", "-j1", "--cute"]).exits(1);
    assert_eq!(cute.stdout, lines);
    is_no_command(&cute.stderr);
    // A prefix is put before every line, so that none is a command to GitHub.
    let outcome = project.run(&["run", "-o", "prefix", "own"]).exits(1);
    assert_eq!(
        outcome.stdout,
        "own | ::error::own\nown | ##[error]own\nown | ##vso[task.complete]own\n"
    );
    is_no_command(&outcome.stderr);
    for args in [
        &["run", "-n"][..],
        &["list"],
        &["graph"],
        &["check"],
        &["run", "::error::x"],
        &["run", "no/such/##[error]file.yaml"],
        &["runs", "list"],
        &["runs", "show", "latest"],
        &["runs", "show", "latest", "--why", "own"],
        &["runs", "show", "::error::"],
    ] {
        let Outcome { stdout, stderr, .. } = project.run(args);
        is_no_command(&stdout);
        is_no_command(&stderr);
    }
}

#[test]
fn a_record_that_somebody_made_shows_nothing_that_a_terminal_or_a_ci_obeys() {
    let mut project = Project::with(
        "
name: FLOW
on_failure: isolate
tasks:
  NAME: {run: 'echo TAIL; exit 3'}
  other: {run: 'true', needs: [NAME]}
",
    );
    project.run(&["run", "--label", "KEY=VALUE", "-j1"]).exits(1);
    project.damages_records();
    let path = project.record().dir.join("events.jsonl");
    let text = std::fs::read_to_string(&path).expect("ours");
    let evil = |start: &str| {
        let json =
            serde_json::to_string(&format!("{start}{EVIL}##[error]\u{202e}x")).expect("text");
        json.trim_matches('"').to_owned()
    };
    let text = text.replace("FLOW", &evil("::error::")).replace("NAME", &evil("::warning::"));
    let text = text.replace("TAIL", &evil("::group::")).replace("VALUE", &evil("::"));
    let text = text.replace("KEY", &evil("::notice::")).replace("exit(3)", &evil("::stop::"));
    std::fs::write(&path, text).expect("ours");
    for args in [
        &["runs", "list"][..],
        &["runs", "show", "latest"],
        &["runs", "show", "latest", "--why", "other"],
        &["runs", "show", "latest", "--timeline"],
        &["runs", "show", "latest", "--status", "FAILED"],
        &["runs", "logs", "latest"],
        &["runs", "logs", "latest", "--as", "prefix"],
        &["runs", "cancel", "latest"],
    ] {
        let shown = project.terminal(args).finish().stdout;
        is_safe(&shown);
        is_no_command(&shown);
        let Outcome { stdout, stderr, .. } = project.run(args);
        is_safe(&stderr);
        is_no_command(&stderr);
        if args[1] != "logs" {
            is_safe(&stdout);
            is_no_command(&stdout);
        }
    }
}
