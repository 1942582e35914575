//! `runs logs`, `cancel` and `prune`, ids, schemas, damage.

use std::path::Path;
use std::process::{Command, Stdio};

use pyoco::event::{CancelRequest, Event, NewRun, RunStarted, StateStore, Stream};
use pyoco::model::Wall;
use pyoco::model::{Level, Ms, RunId, Size, Syntax, TaskId};
use pyoco::record::JsonlStore;
use tempfile::TempDir;

use crate::space::*;

#[test]
fn logs_are_the_bytes_unless_another_view_is_asked_for() {
    let space = Space::new();
    space.failed();
    let exact = |words: &[&str], stdout: &str| {
        let done = space.run(words);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{words:?}");
        assert_eq!(done.stdout, stdout, "{words:?}");
    };
    let test = "one\ntwo\nassertion \x1b[31mfailed\x1b[0m";
    let build = "compiling\nwarok\nning\n";
    exact(&["logs", "latest", "test"], test);
    exact(&["logs", "latest", "build"], build);
    exact(&["logs", "latest", "deploy"], "");
    exact(&["logs", "latest", "test", "--attempt", "1"], "first try\n");
    exact(&["logs", "latest", "build", "--stream", "err"], "warning\n");
    exact(&["logs", "latest", "build", "--stream", "out"], "compiling\nok\n");
    exact(&["logs", "latest", "test", "--tail", "2"], "two\nassertion \x1b[31mfailed\x1b[0m");
    exact(&["logs", "latest", "test", "--tail", "99"], test);
    exact(&["logs", "latest", "test", "--tail", "0"], "");
    exact(
        &["logs", "latest", "--as", "prefix", "--tail", "1"],
        "build | warning\ntest | assertion \x1b[31mfailed\x1b[0m\n",
    );
    let blocks =
        format!("=== build  SUCCEEDED\n{build}=== test  FAILED  exit(2)  attempt 2 of 2\n{test}\n");
    exact(&["logs", "latest"], &blocks);
    exact(&["logs", "latest", "-f"], &blocks);
    let failed = format!("=== test  FAILED  exit(2)  attempt 2 of 2\n{test}\n");
    exact(&["logs", "latest", "--failed"], &failed);
    exact(&["logs", "latest", "--as", "raw"], &format!("{build}{test}"));
    let times = space.run(&["logs", "latest", "build", "--timestamps"]).stdout;
    similar(&times, "<WALL> compiling\n<WALL> ok\n<WALL> warning\n");
    space.refused(
        &["logs", "latest", "test", "--attempt", "3"],
        "error: task `test` has no attempt 3: there were 2\n",
    );
    space.refused(
        &["logs", "latest", "biuld"],
        "error: unknown task `biuld`; did you mean `build`?\n",
    );
}

#[test]
fn a_follower_sees_output_and_the_end() {
    let space = Space::new();
    let (run_id, log) = space.running();
    let mut command = space.command(&["logs", "running", "-f", "--as", "raw"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    let mut next = |line: &mut String| {
        line.clear();
        std::io::BufRead::read_line(&mut stdout, line).expect("to read")
    };
    let mut task_log = log.task_log(TaskId(0), 1);
    task_log.write(Stream::Out, Ms(1), b"hello\n");
    next(&mut line);
    assert_eq!(line, "hello\n");
    log.append(&numbered(space.start, failing(run_id))[5..9]).expect("to append");
    let mut task_log = log.task_log(TaskId(1), 2);
    task_log.write(Stream::Err, Ms(2), b"world\n");
    next(&mut line);
    assert_eq!(line, "world\n");
    log.append(&numbered(space.start, failing(run_id))[9..]).expect("to append");
    assert_eq!(next(&mut line), 0, "the run has ended: {line}");
    assert!(child.wait().expect("to wait").success());
}

#[test]
fn whoever_follows_a_run_sees_a_line_while_its_task_still_runs() {
    let space = Space::new();
    let (_, log) = space.running();
    let mut child = space
        .command(&["logs", "running", "-f"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
    log.append(&numbered(space.start, failing(RunId::fresh()))[5..7]).expect("to append");
    let mut task_log = log.task_log(TaskId(1), 1);
    task_log.write(Stream::Out, Ms(1), b"hello\n");
    let (told, is_told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut line).expect("to read");
        let _ = told.send(line);
    });
    let line = is_told.recv_timeout(std::time::Duration::from_secs(30));
    child.kill().expect("ours");
    child.wait().expect("to wait");
    reader.join().expect("it has read");
    assert_eq!(line.as_deref(), Ok("test | hello\n"));
}

#[test]
fn a_cancel_reaches_the_runner_and_waits_for_the_end() {
    let space = Space::new();
    let (run_id, log) = space.running();
    let mut requests = log.requests().expect("a runner has them");
    let words = ["cancel", "running", "--stop", "--wait", "--reason", "wrong branch"];
    let child = space.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the binary runs");
    let request = CancelRequest {
        level: Level::Stop,
        by: "runs cancel".to_owned(),
        reason: Some("wrong branch".to_owned()),
    };
    assert_eq!(requests.next(), Some(vec![request]));
    log.append(&numbered(space.start, failing(run_id))[5..]).expect("to append");
    let done = Done::of(child.wait_with_output().expect("to wait"));
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    let said = "run <ID>: asked for stop: running tasks are asked to end\nrun <ID>: FAILED\n";
    similar(&done.stderr, said);
    space.refused(&["cancel", "latest"], "error: run <ID> has ended: FAILED\n");
}

#[test]
fn a_lost_run_is_named_so_and_cannot_be_cancelled() {
    let space = Space::new();
    let (_, log) = space.running();
    let mut requests = log.requests().expect("a runner has them");
    let child = space.command(&["cancel", "latest", "--wait"]).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the binary runs");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).expect("to read");
    similar(&line, "run <ID>: asked for drain: nothing new starts, running tasks finish\n");
    assert!(requests.next().is_some());
    drop((log, requests));
    line.clear();
    std::io::BufRead::read_line(&mut stderr, &mut line).expect("to read");
    similar(&line, "run <ID>: LOST: its runner is gone\n");
    assert_eq!(child.wait().expect("to wait").code(), Some(1));
    space.refused(&["cancel", "latest"], "error: run <ID> is LOST: its runner is gone\n");
    let shown = space.run(&["show", "latest"]).stdout;
    assert!(shown.lines().next().is_some_and(|line| line.ends_with("  LOST")), "{shown}");
    assert!(space.run(&["list"]).stdout.contains("LOST"));
}

#[test]
fn prune_removes_what_it_says() {
    let space = Space::new();
    space.failed();
    let kept = space.failed();
    let (running, _log) = space.running();
    space.refused(
        &["prune"],
        "error: nothing says which runs shall go\n  say it with --keep N, --older-than TIME or --max-size SIZE\n",
    );
    let line = "<RUN>  FAILED  release  2 h ago\n";
    let done = space.run(&["prune", "--keep", "1", "--dry-run"]);
    similar(&done.stdout, line);
    assert_eq!((done.code, done.stderr.as_str()), (0, "would remove 1 run\n"));
    let done = space.run(&["prune", "--keep", "1", "--older-than", "3h"]);
    similar(&done.stdout, line);
    assert_eq!((done.code, done.stderr.as_str()), (0, "removed 1 run\n"));
    assert_eq!(space.store.list().expect("to list"), [running, kept]);
    let done = space.run(&["prune", "--older-than", "1h", "--max-size", "1GiB"]);
    assert_eq!(done.stderr, "removed 1 run\n");
    assert_eq!(space.store.list().expect("to list"), [running]);
}

#[test]
fn ids_that_name_no_run_are_answered() {
    let space = Space::new();
    let none = space.run(&["show", "latest"]);
    assert_eq!(none.code, 2);
    let start = "error: no run `latest`: there are none\n  no runs in `";
    assert!(none.stderr.starts_with(start), "{}", none.stderr);
    let end = "`; runs that were started in another folder may be kept elsewhere: `--state-dir DIR` \
               shows them\n";
    assert!(none.stderr.ends_with(end), "{}", none.stderr);
    let id = space.failed();
    space.failed();
    let ways = "  name a run by its id, by four or more digits of its beginning or end, or by `latest`, \
                `latest~2`, `failed`, `running`\n";
    for (text, message) in [
        ("", "the run id is empty"),
        ("../../etc", "`../../etc` is not a run id"),
        ("/etc/passwd", "`/etc/passwd` is not a run id"),
        ("abc", "`abc` is too short for a run id: at least 4 digits"),
        ("x\u{1b}[2J", "`x\\x1b[2J` is not a run id"),
    ] {
        space.refused(&["show", text], &format!("error: {message}\n{ways}"));
    }
    let which = "  `pyoco runs list` shows which there are\n";
    space
        .refused(&["logs", "latest~7"], &format!("error: no run `latest~7`: there are 2\n{which}"));
    space.refused(&["cancel", "running"], &format!("error: no running run\n{which}"));
    let done = space.run(&["show", &id.to_string()[..4]]);
    assert_eq!(done.code, 2);
    let candidates = "  <RUN>  FAILED  release  2 h ago\n".repeat(2);
    let named = done.stderr.split_once('\n').map_or("", |(_, rest)| rest);
    similar(named, &candidates);
    assert!(!space.dir.path().join("etc").exists());
}

#[test]
fn what_comes_later_is_refused_and_reading_makes_no_folder() {
    let space = Space::new();
    for command in ["watch", "diff", "stats", "export"] {
        space.refused(
            &[command, "latest", "--as", "html"],
            &format!("error: `pyoco runs {command}` does not work yet in this version of pyoco\n"),
        );
    }
    let empty = TempDir::new().expect("a folder");
    let done = space.command(&["list"]).current_dir(empty.path()).output().map(Done::of);
    assert_eq!(done.expect("the binary runs").code, 0);
    assert_eq!(std::fs::read_dir(empty.path()).expect("to read").count(), 0);
    let plain = empty.path().join("plain");
    std::fs::write(&plain, "x").expect("to write");
    let plain = plain.display().to_string();
    let done = space.run(&["list", "--state-dir", &plain]);
    assert_eq!(done.code, 2);
    assert_eq!(
        done.stderr,
        format!("error: cannot read `{plain}/runs`: Not a directory (os error 20)\n")
    );
    let env = space.command(&["ls"]).env("PYOCO_STATE_DIR", "").output().map(Done::of);
    assert!(env.expect("the binary runs").stderr.starts_with("no runs in"));
}

#[test]
fn parent_and_child_name_each_other() {
    let space = Space::new();
    let (parent, _log) = space.running();
    let child = RunId::fresh();
    let header = RunStarted { parent_run: Some(parent), ..run_started(child, "inner", 0) };
    let log = space.create(child);
    log.append(&numbered(space.start, vec![Event::RunStarted(Box::new(header))]))
        .expect("to append");
    let shown = space.run(&["show", &parent.to_string()]).stdout;
    assert!(shown.contains(&format!("  child     run {child}  inner\n")), "{shown}");
    let shown = space.run(&["show", &child.to_string()]).stdout;
    assert!(shown.contains(&format!("  parent    run {parent}\n")), "{shown}");
}

#[test]
fn a_damaged_record_is_shown_as_far_as_it_goes() {
    let space = Space::new();
    let whole = space.failed();
    let id = space.failed();
    let path = space.store.run_dir(id).join("events.jsonl");
    let mut text = std::fs::read_to_string(&path).expect("to read");
    text.insert_str(0, "noise\n");
    text.push_str(
        "{\"v\":9,\"seq\":14,\"ts\":\"2026-03-01T12:00:00Z\",\"ms\":9,\"event\":\"moon\"}\n{\"to",
    );
    std::fs::write(&path, text).expect("to write");
    let done = space.run(&["show", "latest", "--names", "FAILED"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "test\n"));
    let said = "\
warning: 1 damaged line in the record of run <ID>
warning: run <ID> was recorded in format 9, which is newer than this pyoco; what it knows of it is shown
";
    similar(&done.stderr, said);
    std::fs::remove_file(&path).expect("to remove");
    let done = space.run(&["list"]);
    assert!(done.stdout.contains(&whole.short()), "{}", done.stdout);
    assert!(done.stderr.starts_with("warning: run "), "{}", done.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let space = Space::new();
    space.failed();
    for words in [["show", "latest"], ["logs", "latest"], ["list", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let done = space.command(&words).stdout(writer).output().map(Done::of);
        let done = done.expect("the binary runs");
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{words:?}");
    }
}

/// Fails unless `value` is as the schema says.
fn conforms(schema: &str, value: &serde_json::Value) {
    let schema = serde_json::from_str(schema).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{value:#}");
}

#[test]
fn records_and_json_are_as_the_schemas_say() {
    let space = Space::new();
    let id = space.failed();
    let (_, log) = space.running();
    let more = vec![
        Event::RunNoted(pyoco::event::RunNoted { git_dirty: Some(true) }),
        Event::TaskStopping(pyoco::event::TaskStopping {
            task: TaskId(1),
            name: "test".into(),
            attempt: 1,
            why: "stop".to_owned(),
            signal: "SIGTERM".to_owned(),
        }),
        Event::RunCancelling(pyoco::event::RunCancelling {
            level: Level::Stop,
            by: "SIGINT".to_owned(),
            text: None,
        }),
    ];
    log.append(&numbered(space.start, more)).expect("to append");
    let schema = pyoco::record::events_schema();
    for run_id in space.store.list().expect("to list") {
        let path = space.store.run_dir(run_id).join("events.jsonl");
        for line in std::fs::read_to_string(path).expect("to read").lines() {
            conforms(&schema, &serde_json::from_str(line).expect("a line is JSON"));
        }
    }
    let schema = pyoco::record::run_schema();
    for words in [
        &["show", &id.to_string(), "--json"][..],
        &["show", "running", "--json"],
        &["ls", "--json"],
    ] {
        let done = space.run(words);
        assert_eq!(done.code, 0, "{}", done.stderr);
        conforms(&schema, &serde_json::from_str(&done.stdout).expect("JSON"));
    }
}

#[test]
fn the_schemas_in_the_repository_are_fresh() {
    for (name, fresh) in [
        ("events.schema.json", pyoco::record::events_schema()),
        ("run.schema.json", pyoco::record::run_schema()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == fresh, "write it anew: pyoco schema {} > {}", &name[..3], path.display());
    }
}

#[test]
fn a_terminal_gets_colours_and_nothing_else_that_it_would_obey() {
    let space = Space::new();
    let (run_id, log) = space.running();
    let mut task_log = log.task_log(TaskId(0), 1);
    task_log.write(Stream::Out, Ms(1), b"10%\r\x1b[31mred\x1b[2J\n");
    log.append(&numbered(space.start, failing(run_id))[5..]).expect("to append");
    let read = |words: &[&str]| {
        let mut command = space.command(words);
        command.env("TERM", "xterm");
        let mut session = rexpect::session::spawn_command(command, Some(60_000)).expect("a pty");
        session.exp_eof().expect("it ends")
    };
    let shown = read(&["logs", "latest", "build"]);
    assert_eq!(shown, "\u{1b}[31mred\\x1b[2J\u{1b}[0m\r\n");
    let shown = read(&["list"]);
    assert!(shown.contains("\u{1b}[31mFAILED\u{1b}[0m"), "{shown:?}");
}

/// The other half of the next test: runs in a process of its own whose files cannot grow.
#[test]
fn appends_under_a_limit() {
    let Some(dir) = std::env::var_os("TEST_STATE_DIR") else { return };
    let run_id = RunId::fresh();
    let new = NewRun {
        run_id,
        source: None,
        syntax: Syntax::Yaml,
        durable: false,
        max_log: Size(64 << 20),
    };
    let store = JsonlStore::new(dir.into());
    let log = store.create(&new).expect("it is small enough");
    let lines = numbered(Wall(0), failing(run_id));
    let refused = lines.chunks(4).filter(|lines| log.append(lines).is_err()).count();
    assert!(refused > 0, "the limit was met");
    let path = store.run_dir(run_id).join("events.jsonl");
    let text = std::fs::read_to_string(&path).expect("to read");
    assert!(text.is_empty() || text.ends_with('\n'), "a torn line: {text}");
    assert!(text.lines().count() < lines.len());
    // The disk has room again: nothing is lost.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    let limit = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("to raise it");
    log.append(&[]).expect("there is room");
    let mut read = Vec::new();
    log.read(1, &mut |line| read.push(line)).expect("to read");
    assert_eq!(read, lines);
    println!("nothing was lost");
}

#[test]
fn a_disk_that_fills_up_tears_no_line_and_loses_none() {
    let space = Space::new();
    // One block, of 512 or 1024 bytes; without the signal the write fails as on a full disk.
    let script =
        "trap '' XFSZ; ulimit -S -f 1; exec \"$0\" --exact more::appends_under_a_limit --nocapture";
    let test = std::env::current_exe().expect("this program");
    let done = Command::new("sh")
        .args(["-c", script])
        .arg(test)
        .env("TEST_STATE_DIR", space.store.state_dir())
        .output()
        .map(Done::of)
        .expect("sh runs");
    assert!(done.stdout.contains("nothing was lost"), "{}\n{}", done.stdout, done.stderr);
}
