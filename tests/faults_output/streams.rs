//! Streams in their order, and streams that are closed, full, or gone.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use crate::started::Started;
use crate::support::{Project, Running, same, wait_for_end};

const VIEWS: [&str; 6] = ["live", "group", "prefix", "stream", "failed", "none"];

/// Two tasks at once that number what they write to both of their streams, and fail in the end.
const NUMBERS: &str = "
jobs: 2
on_failure: isolate
tasks:
  one: 'for n in $(seq 500); do echo one out $n; echo one err $n >&2; done; exit 3'
  two: 'for n in $(seq 500); do echo two out $n; echo two err $n >&2; done; exit 4'
";

/// Returns the lines of a task's stream in a text, without what a view put before them.
fn lines_of(text: &str, task: &str, stream: &str) -> String {
    let start = format!("{task} {stream} ");
    let lines =
        text.lines().filter_map(|line| line.rsplit_once(" | ").map_or(Some(line), |l| Some(l.1)));
    lines.filter(|line| line.starts_with(&start)).map(|line| format!("{line}\n")).collect()
}

fn numbered(task: &str, stream: &str) -> String {
    (1..=500).map(|n| format!("{task} {stream} {n}\n")).collect()
}

#[test]
fn each_stream_keeps_its_order_in_every_view_and_under_every_trace() {
    for view in VIEWS {
        for trace in ["plain", "cute", "json"] {
            let project = Project::with(NUMBERS);
            let outcome = project.run(&["run", "-o", view, "--trace", trace]).exits(1);
            // The summary repeats some of the end.
            let err = outcome.stderr.split("first failure: ").next().expect("there is a first");
            let out = if trace == "json" { err } else { &outcome.stdout };
            for task in ["one", "two"] {
                let (out, err) = (lines_of(out, task, "out"), lines_of(err, task, "err"));
                let expected =
                    |stream| if view == "none" { String::new() } else { numbered(task, stream) };
                assert!(out == expected("out"), "{view} {trace} {task}: {out}");
                assert!(err == expected("err"), "{view} {trace} {task}: {err}");
            }
            if trace == "json" {
                let is_json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
                assert!(outcome.stdout.lines().all(is_json), "{view}: {outcome:?}");
            } else {
                assert!(!outcome.stdout.contains(" err "), "{view} {trace}: {outcome:?}");
            }
        }
    }
}

#[test]
fn standard_error_of_a_task_is_byte_for_byte_in_a_file() {
    let bytes: Vec<u8> = (0..=255).chain(*b"\x1b[2J\r\nx\rno newline\xc3").collect();
    for ci in ["", "true"] {
        let mut project = Project::with("tasks: {gen: 'cat bytes >&2'}");
        project.env("CI", ci);
        project.file("bytes", &bytes);
        let err = File::create(project.dir().join("err")).expect("ours");
        // Quiet: nothing of pyoco's own stands between.
        let args = ["run", "gen", "--quiet", "-o", "stream"];
        Started::pyoco(&project, &args, Stdio::null(), err).exits(0);
        let written = std::fs::read(project.dir().join("err")).expect("ours");
        assert!(written == bytes, "{ci}: {}", written.escape_ascii());
    }
}

/// A flow that shows what its tasks see, and fails.
const SEES: &str = "
on_failure: isolate
tasks:
  a: 'echo out; echo err >&2; readlink /proc/self/fd/0; cat; : > a.ran'
  b: {run: ': > b.ran; exit 3', needs: a}
";

#[test]
fn descriptors_that_are_closed_at_the_start_change_nothing() {
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"]
    {
        for more in ["", "--trace json", "--no-record", "-o prefix"] {
            let project = Project::with(SEES);
            let mut command = project.command_of("/bin/sh");
            command.args(["-c", &format!("exec \"$0\" run {more} {closed}")]);
            command.arg(env!("CARGO_BIN_EXE_pyoco"));
            let outcome = Running::spawn(command).wait().exits(1);
            assert!(project.has("a.ran") && project.has("b.ran"), "{closed} {more}: {outcome:?}");
            assert!(!closed.contains("1>") || outcome.stdout.is_empty(), "{closed}: {outcome:?}");
            assert!(!closed.contains("2>") || outcome.stderr.is_empty(), "{closed}: {outcome:?}");
            if more == "--no-record" {
                continue;
            }
            let record = project.record();
            same(&record.ends(), "a SUCCEEDED\nb FAILED exit(3)\n");
            let log = String::from_utf8(record.log("a", 1)).expect("text");
            let mut lines: Vec<&str> = log.lines().collect();
            lines.sort_unstable();
            assert_eq!(lines, ["/dev/null", "err", "out"], "{closed} {more}");
            // No file of pyoco's took the place of a stream: the record is what it should be.
            let text = std::fs::read_to_string(record.dir.join("events.jsonl")).expect("ours");
            assert!(text.lines().all(|line| line.starts_with("{\"v\":1,")), "{text}");
        }
    }
}

#[test]
fn a_full_disk_behind_one_stream_is_said_once_on_the_other() {
    let flow =
        "tasks:\n  a: seq 5000; seq 5000 >&2; exit 3\n  b: {run: ': > b.ran', fail: continue}\n";
    let full = || File::options().write(true).open("/dev/full").expect("there is one");
    let numbers: String = (1..=5000).map(|n| format!("{n}\n")).collect();
    for view in ["group", "stream", "prefix"] {
        let project = Project::with(flow);
        let (mut err, writer) = std::io::pipe().expect("a pipe can be made");
        let started = Started::pyoco(&project, &["run", "-j1", "-k", "-o", view], full(), writer);
        let mut said = String::new();
        err.read_to_string(&mut said).expect("text");
        started.exits(1);
        assert_eq!(said.matches("warning: standard output is gone").count(), 1, "{view}: {said}");
        assert!(said.contains("first failure: a\n"), "{said}");
        same(&project.record().ends(), "a FAILED exit(3)\nb SUCCEEDED\n");
        assert!(project.has("b.ran"));

        let project = Project::with(flow);
        let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
        let started = Started::pyoco(&project, &["run", "-j1", "-k", "-o", view], writer, full());
        let mut bytes = String::new();
        out.read_to_string(&mut bytes).expect("text");
        started.exits(1);
        // What reads the output of tasks gets nothing else.
        let expected =
            if view == "prefix" { numbers.replace('\n', "\na | ") } else { numbers.clone() };
        let expected = if view == "prefix" {
            format!("a | {}", expected.trim_end_matches("a | "))
        } else {
            expected
        };
        assert!(bytes == expected, "{view}: {} bytes", bytes.len());
        same(&project.record().ends(), "a FAILED exit(3)\nb SUCCEEDED\n");
    }
}

#[test]
fn the_ci_log_is_told_what_broke_too() {
    let mut project = Project::with("tasks: {a: 'echo x'}");
    project.env("CI", "true");
    let full = File::options().write(true).open("/dev/full").expect("there is one");
    let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
    let started = Started::pyoco(&project, &["run"], writer, full);
    let mut said = String::new();
    out.read_to_string(&mut said).expect("text");
    started.exits(0);
    assert_eq!(said.matches("warning: standard error is gone").count(), 1, "{said}");
    assert!(said.ends_with("x\n"), "{said}");
}

#[test]
fn a_reader_that_goes_away_in_the_middle_changes_nothing_in_any_view() {
    for view in VIEWS {
        for trace in ["plain", "json"] {
            let flow = "jobs: 2\ntasks:\n  a: 'seq 100000; exit 3'\n  b: {run: 'seq 100000 >&2; : > b.ran', fail: continue}\n";
            let project = Project::with(flow);
            let (mut out, out_writer) = std::io::pipe().expect("a pipe can be made");
            let (err, err_writer) = std::io::pipe().expect("a pipe can be made");
            let args = ["run", "-k", "-o", view, "--trace", trace];
            let started = Started::pyoco(&project, &args, out_writer, err_writer);
            drop(err);
            let mut some = [0; 1000];
            // Where a view shows nothing there is nothing to read.
            let _ = out.read(&mut some).expect("a pipe can be read");
            drop(out);
            started.exits(1);
            assert!(project.has("b.ran"));
            same(&project.record().ends(), "a FAILED exit(3)\nb SUCCEEDED\n");
            assert_eq!(project.record().log("a", 1).len(), 588_895, "{view} {trace}");
        }
    }
}

#[test]
fn a_reader_that_reads_nothing_slows_no_task_in_any_view_and_gets_all_later() {
    for view in ["live", "group", "prefix", "stream"] {
        let flow = "tasks: {a: 'seq 200000; exit 3', b: 'seq 200000 >&2'}";
        let project = Project::with(flow);
        let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
        let err = File::create(project.dir().join("err")).expect("ours");
        // Quiet: a line of the trace would cut one of a task that is not whole yet.
        let args = ["run", "-k", "--quiet", "-o", view];
        let mut started = Started::pyoco(&project, &args, writer, err);
        wait_for_end(&project);
        assert!(!started.has_ended(), "{view}: there is a reader still");
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        started.exits(1);
        let prefix = if view == "prefix" { "a | " } else { "" };
        let expected: String = (1..=200_000).map(|n| format!("{prefix}{n}\n")).collect();
        assert!(text == expected, "{view}: {} bytes", text.len());
        let err = project.read("err");
        let prefix = if view == "prefix" { "b | " } else { "" };
        let lines = err.lines().filter_map(|line| line.strip_prefix(prefix)?.parse::<u32>().ok());
        assert!(lines.eq(1..=200_000), "{view}");
    }
}

#[test]
fn a_pipe_that_somebody_made_non_blocking_gets_every_byte() {
    for view in ["group", "stream", "prefix"] {
        let project = Project::with("tasks: {a: 'seq 200000'}");
        let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
        let flags = rustix::fs::fcntl_getfl(&writer).expect("ours");
        let flags = flags | rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&writer, flags).expect("ours");
        let started = Started::pyoco(&project, &["run", "-o", view], writer, Stdio::null());
        wait_for_end(&project);
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        started.exits(0);
        let prefix = if view == "prefix" { "a | " } else { "" };
        let expected: String = (1..=200_000).map(|n| format!("{prefix}{n}\n")).collect();
        assert!(text == expected, "{view}: {} bytes", text.len());
    }
}
