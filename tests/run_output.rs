//! Where the output of tasks goes, byte for byte, and what pyoco says around it.

mod support;

use std::fs::File;
use std::process::Stdio;

use support::{Project, Running, same};

const VIEWS: [&str; 6] = ["live", "group", "prefix", "stream", "failed", "none"];

#[test]
fn streams_go_where_they_belong_in_every_view() {
    let project = Project::with("tasks:\n  a: echo to-out; echo to-err >&2\n");
    for view in VIEWS {
        for style in ["cute", "plain"] {
            let outcome = project.run(&["run", "-o", view, "--trace", style]).exits(0);
            let out = match view {
                "failed" | "none" => "",
                "prefix" => "a | to-out\n",
                _ => "to-out\n",
            };
            assert_eq!(outcome.stdout, out, "{view} {style}");
            assert_eq!(outcome.stderr.contains("to-err"), !out.is_empty(), "{view} {style}");
            assert!(!outcome.stderr.contains("to-out"), "{view} {style}: {outcome:?}");
        }
        // Between the two streams the order is that in which pyoco read them.
        let log = project.record().log("a", 1);
        assert!(log == b"to-out\nto-err\n" || log == b"to-err\nto-out\n", "{log:?}");
    }
}

#[test]
fn bytes_pass_unchanged_into_a_pipe_a_file_and_the_log() {
    let project = Project::with("tasks:\n  gen: cat bytes; cat other >&2\n");
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\x1b[31mred\x1b[0m\r\nover\rwritten\n\0\xff\xfe::error::no\n");
    bytes.extend(std::iter::repeat_n(b'x', 300_000)); // a line longer than any buffer
    bytes.extend_from_slice(b"\nno newline at the end\xc3");
    project.file("bytes", &bytes);
    project.file("other", "to stderr \x1b[2J");
    for view in ["group", "stream", "live"] {
        let outcome = project.run(&["run", "gen", "-o", view]).exits(0);
        assert!(outcome.bytes == bytes, "{view}: {} bytes", outcome.bytes.len());
        let out = File::create(project.dir().join("out.bin")).expect("ours");
        let mut command = project.command_of("/bin/sh");
        command.args(["-c", "exec \"$0\" run gen -o \"$1\" > out.bin"]);
        command.args([env!("CARGO_BIN_EXE_pyoco"), view]);
        drop(out);
        Running::spawn(command).wait().exits(0).complains("to stderr \u{1b}[2J");
        let written = std::fs::read(project.dir().join("out.bin")).expect("ours");
        assert!(written == bytes, "{view}: {} bytes", written.len());
    }
    let log = project.record().log("gen", 1);
    assert_eq!(log.len(), bytes.len() + "to stderr \x1b[2J".len());
}

#[test]
fn a_regular_file_gets_the_bytes_also_in_ci() {
    let mut project = Project::with("tasks:\n  gen: printf 'a\\033[2J\\r\\nb'\n");
    project.env("CI", "true");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run > out.bin", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(0);
    assert_eq!(project.read("out.bin"), "a\u{1b}[2J\r\nb");
    // A pipe in CI is the CI's log: harmless, and with whole lines.
    assert_eq!(project.run(&["run"]).exits(0).stdout, "a\\x1b[2J\nb\n");
    // But not inside of another run, whose pyoco sees to that.
    let mut command = project.command(&["run"]);
    command.env("PYOCO_RUN_ID", "01923000-0000-7000-8000-000000000000");
    assert_eq!(Running::spawn(command).wait().exits(0).stdout, "a\u{1b}[2J\r\nb");
}

/// Two tasks that run at the same time before the first prints anything, and then take turns, so that
/// their lines alternate in time.
const TURNS: &str = "
jobs: 2
tasks:
  one: 'while ! [ -e up ]; do sleep 0.01; done; echo 1a; : > a; while ! [ -e b ]; do sleep 0.01; done; echo 1b; : > c'
  two: ': > up; while ! [ -e a ]; do sleep 0.01; done; echo 2a; : > b; while ! [ -e c ]; do sleep 0.01; done; echo 2b'
";

#[test]
fn blocks_of_parallel_tasks_are_not_mixed() {
    for view in ["group", "live"] {
        let project = Project::with(TURNS);
        let out = project.run(&["run", "-o", view]).exits(0).stdout;
        // Which of them ends first is open, and what runs alone as far as pyoco knows may stream;
        // but a block of the other is never cut.
        assert_eq!(out.len(), 12, "{view}: {out}");
        assert!(out.contains("1a\n1b\n") || out.contains("2a\n2b\n"), "{view}: {out}");
    }
}

#[test]
fn stream_and_prefix_show_lines_as_they_come() {
    // Each of them waits until it reads the other's line in pyoco's own output, held open meanwhile.
    let flow = "
jobs: 2
tasks:
  one: 'echo 1a; until grep -q 2a out; do sleep 0.01; done; echo 1b'
  two: 'until grep -q 1a out; do sleep 0.01; done; echo 2a; until grep -q 1b out; do sleep 0.01; done; echo 2b'
";
    for (view, expected) in
        [("stream", "1a\n2a\n1b\n2b\n"), ("prefix", "one | 1a\ntwo | 2a\none | 1b\ntwo | 2b\n")]
    {
        let project = Project::with(flow);
        let mut command = project.command_of("/bin/sh");
        command.args(["-c", "exec \"$0\" run -o \"$1\" > out"]);
        command.args([env!("CARGO_BIN_EXE_pyoco"), view]);
        Running::spawn(command).wait().exits(0);
        same(&project.read("out"), expected);
    }
}

#[test]
fn a_prefix_stands_before_whole_lines_only() {
    let project = Project::with(
        "tasks:\n  a: printf 'no '; sleep 0.05; printf 'break\\nlast'\n  b: {run: echo b, needs: a}\n",
    );
    let out = project.run(&["run", "-o", "prefix"]).exits(0).stdout;
    assert_eq!(out, "a | no break\na | last\nb | b\n");
}

#[test]
fn a_task_that_runs_alone_streams_at_once() {
    for view in ["group", "live", "stream", "prefix"] {
        let project =
            Project::with("tasks:\n  a: 'echo ready; while ! [ -e go ]; do sleep 0.01; done'\n");
        let mut running = project.spawn(&["run", "-o", view]);
        running.wait_to_say("ready\n");
        project.file("go", "");
        running.wait().exits(0);
    }
}

#[test]
fn failed_shows_what_failed_alone() {
    let project = Project::with(
        "on_failure: isolate\ntasks:\n  good: echo good; echo good >&2\n  bad: echo bad; exit 1\n",
    );
    let outcome = project.run(&["run", "-o", "failed"]).exits(1);
    assert_eq!(outcome.stdout, "bad\n");
    assert!(!outcome.stderr.contains("good\n"), "{outcome:?}");
    let outcome = project.run(&["run", "-o", "none"]).exits(1);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn events_own_standard_output_under_the_json_trace() {
    let project = Project::with(
        "on_failure: isolate\ntasks:\n  a: echo to-out; echo to-err >&2\n  b: exit 2\n",
    );
    let outcome = project.run(&["run", "--trace", "json"]).exits(1);
    let record = project.record();
    let recorded = std::fs::read_to_string(record.dir.join("events.jsonl")).expect("the record");
    same(&outcome.stdout, &recorded);
    assert!(outcome.stderr.contains("to-out\n") && outcome.stderr.contains("to-err\n"));
    let outcome = project.run(&["run", "--trace", "json", "--no-record", "a"]).exits(0);
    let last = outcome.stdout.lines().last().expect("there are lines");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["event"], "run_finished");
    let outcome = project.run(&["run", "--trace", "json", "-q"]).exits(2);
    outcome.complains("error: `--quiet` leaves out the trace that `--trace json` asks for\n");
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let flow = "tasks:\n  a: seq 20000; seq 20000 >&2; exit 3\n  b: {run: touch b, needs: a}\n";
    for redirect in ["| head -c 1 >/dev/null", "2>&1 >/dev/null | head -c 1 >/dev/null"] {
        let project = Project::with(flow);
        let mut command = project.command_of("bash");
        let script = format!("set -o pipefail; \"$0\" run {redirect}; echo ${{PIPESTATUS[0]}}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_pyoco")]);
        let outcome = Running::spawn(command).wait().exits(0);
        assert_eq!(outcome.stdout, "1\n", "{redirect}");
        same(&project.record().ends(), "a FAILED exit(3)\nb SKIPPED upstream(a)\n");
        assert_eq!(project.record().log("a", 1).len(), 2 * 108_894);
    }
}

#[test]
fn a_full_disk_behind_the_streams_changes_nothing() {
    let project =
        Project::with("tasks:\n  a: seq 1000; seq 1000 >&2\n  b: {run: touch b, needs: a}\n");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run > /dev/full 2> /dev/full", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(0);
    assert!(project.has("b"));
    same(&project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\n");
}

#[test]
fn a_stopped_reader_does_not_hold_up_the_tasks() {
    let project = Project::with(
        "tasks:\n  a: seq 200000\n  b: {run: 'seq 200000 >&2; touch done', needs: a}\n",
    );
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = project.command(&["run"]);
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("ours")).stderr(writer);
    let mut child = command.spawn().expect("it starts");
    drop(command);
    // Nobody reads, and yet the run has its end in the record.
    support::wait_for("the end of the run", || {
        let path = project.dir().join(".pyoco/runs");
        let Ok(mut runs) = std::fs::read_dir(path) else { return false };
        let Some(Ok(run)) = runs.next() else { return false };
        let text = std::fs::read_to_string(run.path().join("events.jsonl")).unwrap_or_default();
        text.contains("\"run_finished\"")
    });
    assert!(project.has("done"));
    // And nothing is dropped for a slow reader.
    let text = std::io::read_to_string(reader).expect("it can be read");
    assert_eq!(text.lines().filter(|line| *line == "199999").count(), 2);
    assert!(child.wait().expect("it is ours").success());
}

#[test]
fn control_characters_are_escaped_on_a_terminal_and_kept_in_the_log() {
    let project = Project::new();
    let flow = "tasks:\n  a: \"printf 'x\\\\033[2Jy\\\\007\\\\n'; cat bin\"\n";
    project.file("pyoco.yaml", flow);
    project.file("bin", b"\xff\x00\xc2\x9b31m tab\there\n");
    let shown = project.terminal(&["run", "--color", "never"]).finish().exits(0).stdout;
    assert!(!shown.contains("\u{1b}[2J") && !shown.contains('\u{7}'), "{shown}");
    assert!(shown.contains("x\\x1b[2Jy\\x07\r\n"), "{shown}");
    assert!(shown.contains("\u{fffd}\\x00\\x9b31m tab\there\r\n"), "{shown}");
    let mut raw = b"x\x1b[2Jy\x07\n".to_vec();
    raw.extend_from_slice(b"\xff\x00\xc2\x9b31m tab\there\n");
    assert_eq!(project.record().log("a", 1), raw);
}

#[test]
fn colours_of_tasks_are_kept_where_colours_are_shown() {
    let project = Project::with("tasks:\n  a: printf '\\033[31mred\\033[0m\\n'\n");
    let outcome = project.terminal(&["run", "--no-cute"]).finish().exits(0);
    outcome.says("\u{1b}[31mred\u{1b}[0m");
    let outcome = project.terminal(&["run", "--no-cute", "--color", "never"]).finish().exits(0);
    outcome.says("\\x1b[31mred");
}

#[test]
fn names_from_files_are_escaped_everywhere() {
    let project = Project::with("tasks:\n  a: {cmd: [\"./x\\e[2J\"]}\n");
    for args in [&["run"][..], &["run", "--cute"], &["run", "-n"], &["run", "\u{1b}[2J"]] {
        let outcome = project.run(args);
        let all = outcome.stdout.clone() + &outcome.stderr;
        assert!(!all.contains('\u{1b}'), "{args:?}: {outcome:?}");
    }
    project.run(&["run"]).exits(1).complains("not found: ./x\\x1b[2J");
}

fn failing(script: &str) -> String {
    let project = Project::with(&format!("tasks:\n  bad: {script}\n"));
    let outcome = project.run(&["run"]).exits(1);
    let told = outcome.stderr.split_once("first failure: bad\n  ended: ").expect("a root cause").1;
    told.lines().next().expect("a line").to_owned()
}

#[test]
fn the_end_of_the_first_failure_is_decoded() {
    assert_eq!(failing("exit 2"), "exit 2");
    assert_eq!(failing("exit 126"), "126 = not executable");
    assert_eq!(failing("kill -TERM $$"), "signal SIGTERM");
    assert_eq!(failing("exit 139"), "139 = SIGSEGV");
    assert_eq!(failing("exit 143"), "143 = SIGTERM");
    assert_eq!(failing("exit 137"), "137 = SIGKILL, often out of memory");
    // What a task held is told where it is more than pyoco itself did.
    let told = failing("{shell: python, run: 'x = bytearray([1]) * (100 << 20); exit(137)'}");
    assert!(told.starts_with("137 = SIGKILL, often out of memory; peak "), "{told}");
    let told = failing("kill -9 $$");
    assert!(told.starts_with("signal SIGKILL, often out of memory"), "{told}");
    assert_eq!(failing("catt file"), "127 = not found: catt (did you mean cat?)");
    assert_eq!(failing("zzqqxxyyvvww"), "127 = not found: zzqqxxyyvvww");
    assert_eq!(failing("{cmd: [catt, file]}"), "spawn not found: catt (did you mean cat?)");
}

#[test]
fn the_summary_names_the_root_first_and_the_rest_in_a_line() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  bad: |
    echo one
    echo two
    false
  also: {run: exit 5, needs_any: [other]}
  other: 'true'
  left: {run: 'true', needs: bad}
  right: {run: 'true', needs: bad}
",
    );
    let outcome = project.run(&["run", "-j1"]).exits(1);
    let at = outcome.stderr.find("first failure").expect("a root cause");
    same(
        &project.redact(&outcome.stderr[at..]),
        "first failure: bad
  ended: exit 1
  command:
  $ echo one
  $ echo two
  $ false
  last output:
  | one
  | two
also failed: also: exit 5
not run or stopped: 2 skipped upstream(bad): left, right
pyoco runs show [ID]
",
    );
}

#[test]
fn the_last_line_says_how_to_see_the_run_again() {
    let project = Project::with("tasks:\n  a: 'true'\n");
    let outcome = project.run(&["run"]).exits(0);
    let last = outcome.stderr.lines().last().expect("a line").to_owned();
    let id = last.strip_prefix("pyoco runs show ").expect("the last line");
    assert_eq!(id, project.record().run_id.short().to_string());
    project.run(&["runs", "show", id]).exits(0);
}

#[test]
fn the_style_follows_flag_environment_and_stream() {
    let project = Project::with("tasks:\n  a: 'true'\n");
    let is_cute = |text: &str| {
        assert_ne!(text.contains("🐇 pyoco > start"), text.contains("INFO pyoco start"), "{text}");
        text.contains("🐇")
    };
    let piped = |env: &[(&str, &str)], args: &[&str]| {
        let mut command = project.command(&[&["run"], args].concat());
        command.envs(env.iter().copied());
        is_cute(&Running::spawn(command).wait().exits(0).stderr)
    };
    assert!(!piped(&[], &[]));
    assert!(piped(&[], &["--cute"]) && piped(&[], &["--trace", "cute"]));
    assert!(piped(&[("PYOCO_CUTE", "1")], &[]));
    assert!(!piped(&[("PYOCO_CUTE", "1")], &["--no-cute"]));
    assert!(!piped(&[("PYOCO_CUTE", "1")], &["--non-cute"]));
    let shown = |env: &[(&str, &str)], args: &[&str]| {
        let mut project = Project::with("tasks:\n  a: 'true'\n");
        for (name, value) in env {
            project.env(name, value);
        }
        project.terminal(&[&["run"], args].concat()).finish().exits(0).stdout
    };
    assert!(is_cute(&shown(&[], &[])));
    assert!(!is_cute(&shown(&[("CI", "true")], &[])));
    assert!(!is_cute(&shown(&[("TERM", "dumb")], &[])));
    assert!(!is_cute(&shown(&[("PYOCO_CUTE", "0")], &[])));
    assert!(is_cute(&shown(&[("CI", "true")], &["--cute"])));
    let plain = shown(&[], &["--no-cute"]);
    assert!(!is_cute(&plain) && !plain.contains('\u{1b}') && plain.is_ascii(), "{plain:?}");
    assert!(!shown(&[("NO_COLOR", "1")], &["--cute"]).contains("\u{1b}[3"));
}

#[test]
fn a_choice_of_colours_is_handed_to_the_tasks() {
    let mut project = Project::with("tasks:\n  a: env | grep COLOR | sort || true\n");
    let colours = |project: &Project, args: &[&str]| {
        project.run(&[&["run"], args].concat()).exits(0).stdout.replace('\n', " ")
    };
    assert_eq!(colours(&project, &[]), "");
    assert_eq!(colours(&project, &["--color", "always"]), "CLICOLOR_FORCE=1 FORCE_COLOR=1 ");
    assert_eq!(colours(&project, &["--color", "never"]), "NO_COLOR=1 ");
    project.env("NO_COLOR", "yes");
    assert_eq!(colours(&project, &[]), "NO_COLOR=yes ");
    assert_eq!(colours(&project, &["--color", "always"]), "CLICOLOR_FORCE=1 FORCE_COLOR=1 ");
}

#[test]
fn the_cute_lines_are_the_original_ones() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  build: 'true'
  flaky: {run: test $PYOCO_ATTEMPT = 2, retry: {max: 1, delay: 1ms}}
  test: {run: exit 2, needs: build}
  pack: {run: 'true', needs: test}
",
    );
    let outcome = project.run(&["run", "-j1", "--cute"]).exits(1);
    let text = project.redact(&outcome.stderr);
    for line in [
        "🐇 pyoco > start flow=project run_id=[RUN]",
        "🏃 start node=build",
        "✅ done node=build ([DURATION])",
        "🔁 retry node=flaky in [DURATION] exit(1)",
        "💥 error node=test exit 2",
        "⏭️ skip node=pack upstream(test)",
        "💥 failed flow=project ([DURATION])",
    ] {
        assert!(text.lines().any(|other| other == line), "no `{line}` in:\n{text}");
    }
    let outcome = project.run(&["run", "-j1", "--cute", "build"]).exits(0);
    assert!(project.redact(&outcome.stderr).contains("🥕 done flow=project ([DURATION])\n"));
}
