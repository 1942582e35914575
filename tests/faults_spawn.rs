//! Tasks that the system does not start, or not as their author meant: each fails with a reason that
//! says what to do, and nothing else comes to harm.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::faults::{as_nobody, can_be_nobody, can_inject, run_with_fault};
use support::{Project, Running, has_tool, same};

fn script(project: &Project, name: &str, text: &str) {
    let path = project.file(name, text);
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("ours");
}

#[test]
fn a_script_with_crlf_line_ends_is_named_as_such() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  direct: {cmd: [./direct]}
  by-env: {cmd: [./by-env]}
  from-sh: {run: ./by-env}
",
    );
    script(&project, "direct", "#!/bin/sh\r\necho reached\r\n");
    script(&project, "by-env", "#!/usr/bin/env sh\r\necho reached\r\n");
    let outcome = project.run(&["run", "-j1"]).exits(1);
    assert!(!outcome.stdout.contains("reached"), "{outcome:?}");
    same(
        &project.redact(&project.record().ends()),
        "direct FAILED spawn(`#!/bin/sh` of [DIR]/direct ends with a carriage return (CRLF line \
         ends): save it with LF)\nby-env FAILED exit(127)\nfrom-sh FAILED exit(127)\n",
    );
    let why = project.run(&["runs", "show", "latest", "--why", "by-env"]).exits(0);
    why.says("127 = not found: sh\\r: a script has CRLF line ends; save it with LF");
    outcome.complains("also failed: from-sh: 127 = not found: sh\\r: a script has CRLF line ends");
}

#[test]
fn a_script_in_the_file_with_crlf_line_ends_is_warned_of() {
    let project = Project::with("tasks:\n  a: {run: \"echo a\\r\\nls\\r\\n\"}\n");
    let warning = "this script has CRLF line ends; a shell takes the CR for a part of a word";
    project.run(&["check"]).exits(0).complains(warning);
    let outcome = project.run(&["run"]).exits(1).complains(warning);
    outcome.complains("127 = not found: ls\\r: a script has CRLF line ends; save it with LF");
}

#[test]
fn a_file_with_crlf_line_ends_means_the_same() {
    let yaml = "tasks:\n  a: |\n    if true; then\n      echo a\n    fi\n";
    let toml = "[tasks.a]\nrun = \"\"\"\nif true; then\n  echo a\nfi\"\"\"\n\
                [tasks.b]\nneeds = \"a\"\nrun = '''\nif true; then\n  echo b\nfi'''\n";
    for (name, text, said) in [("x.yaml", yaml, "a\n"), ("x.toml", toml, "a\nb\n")] {
        let project = Project::new();
        project.file(name, text.replace('\n', "\r\n"));
        let outcome = project.run(&["run", name, "-j1"]).exits(0);
        assert_eq!(outcome.stdout, said, "{name}: {outcome:?}");
        assert!(!outcome.stderr.contains("warning"), "{outcome:?}");
    }
}

#[test]
fn what_the_author_got_wrong_is_said_with_its_place() {
    let mut project = Project::with(
        "
on_failure: isolate
tasks:
  no-line: {cmd: [./no-line]}
  loop: {cmd: [./loop]}
  deep: {run: 'true', dir: plain/below}
  gone-dir: {run: 'true', dir: link}
  folder-on-path: {cmd: [folder]}
",
    );
    project.env("PATH", &format!("{}:/usr/bin:/bin", project.dir().display()));
    script(&project, "no-line", "echo no line\n");
    script(&project, "loop", "#!./loop\n");
    project.file("plain", "");
    project.file("folder/x", "");
    std::os::unix::fs::symlink("nowhere", project.dir().join("link")).expect("a link");
    project.run(&["run", "-j1"]).exits(1);
    same(
        &project.redact(&project.record().ends()),
        "no-line FAILED spawn(neither a program nor a script with a `#!` line: [DIR]/no-line)
loop FAILED spawn(the `#!` line of [DIR]/loop leads from script to script)
deep FAILED spawn(cannot enter [DIR]/plain/below: Not a directory (os error 20))
gone-dir FAILED spawn(no such folder: [DIR]/link)
folder-on-path FAILED spawn(not found: folder)
",
    );
}

#[test]
fn a_full_process_table_fails_tasks_with_a_reason() {
    if !can_inject() {
        return;
    }
    let tasks: String = (1..=40).map(|n| format!("  t{n}: {{cmd: [echo, x]}}\n")).collect();
    let project = Project::with(&format!("on_failure: isolate\ntasks:\n{tasks}"));
    // Calls are counted a thread: none but a worker makes so many.
    let outcome = run_with_fault(&project, "clone3:error=EAGAIN:when=8", &["run", "-j1"]);
    let n_failed = 40 - outcome.stdout.lines().count();
    outcome.exits(1).complains("no room for a process");
    let record = project.record();
    let reasons = (1..=40).map(|n| record.reason(&format!("t{n}")));
    let reasons: Vec<String> = reasons.filter(|reason| !reason.is_empty()).collect();
    assert!(n_failed > 0 && reasons.len() == n_failed, "{n_failed}: {reasons:?}");
    let expected = "Resource temporarily unavailable (os error 11): no room for a process; raise \
                    `ulimit -u`, or run fewer at once (-j))";
    let is_told = |reason: &String| reason.starts_with("spawn(/") && reason.ends_with(expected);
    assert!(reasons.iter().all(is_told), "{reasons:?}");
}

#[test]
fn however_few_processes_there_are_the_run_ends_and_tells() {
    if !(can_be_nobody() && has_tool("prlimit")) {
        return;
    }
    let flow = "
on_failure: isolate
tasks:
  a: ': > a.ran; echo a'
  b: {cmd: [echo, b]}
  c: 'echo c | cat'
";
    let mut ends = Vec::new();
    // The limit counts every process of that user, so that it is not known from which one on it is enough.
    for limit in 1..=200 {
        let project = Project::with(flow);
        let limits = [format!("--nproc={limit}")];
        let command = as_nobody(&project, &[&limits[0]], &["run", "-j3", "--no-cute"]);
        let outcome = Running::spawn(command).wait();
        match outcome.code {
            Some(2) => {
                assert!(outcome.stderr.contains("nothing was run"), "{limit}: {outcome:?}");
                assert!(!project.has("a.ran") && project.records().is_empty(), "{limit}");
            }
            Some(0 | 1) => {
                let record = project.record();
                assert!(record.status().is_final(), "{limit}: {outcome:?}");
                let is_ended = |name| record.state(name).is_final();
                assert!(["a", "b", "c"].into_iter().all(is_ended), "{limit}");
            }
            Some(_) | None => panic!("{limit}: {outcome:?}"),
        }
        ends.push(outcome.code);
        if outcome.code == Some(0) {
            break;
        }
    }
    assert!(ends.contains(&Some(2)) && ends.contains(&Some(0)), "{ends:?}");
}

#[test]
fn however_few_descriptors_there_are_the_run_ends_and_tells() {
    for limit in (3..=40).chain([64]) {
        let project = Project::with(
            "on_failure: isolate\ntasks: {a: ': > a.ran; echo a', b: {run: cat, stdin: b}}",
        );
        let mut command = project.command_of("/bin/sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" run -j2 --no-cute");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_pyoco")]);
        let outcome = Running::spawn(command).wait();
        let records = project.records();
        match outcome.code {
            Some(2) => assert!(!project.has("a.ran") && records.is_empty(), "{limit}: {outcome:?}"),
            Some(code @ (0 | 1)) => {
                let ends = records[0].ends();
                assert_eq!(code == 0, project.has("a.ran") && !ends.contains("FAILED"), "{limit}");
                let is_whole = records[0].status().is_final();
                let is_told = outcome.stderr.contains("no complete record");
                assert!(is_whole || is_told, "{limit}: {outcome:?}");
            }
            // Too few for the program to be loaded.
            Some(127) => assert!(limit < 5, "{limit}: {outcome:?}"),
            Some(_) | None => panic!("{limit}: {outcome:?}"),
        }
    }
}
