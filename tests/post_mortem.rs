//! What a task was doing at its timeout: its processes are in its log before the first signal, as
//! pyoco's own words, and never among what the task itself put out.

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::faults::can_inject;
use support::{Project, Record, has_tool, same};

/// Whether the system tells about processes, and this build asks it.
const TELLS: bool = cfg!(all(target_os = "linux", not(pyoco_portable)));

/// A shell with a child, one in a session of its own, and last words at SIGTERM.
const TREE: &str = "
tasks:
  slow:
    timeout: 2s
    run: |
      sleep 86401 &
      setsid sleep 86402 &
      gone=$!
      trap 'kill $gone; printf got; exit 1' TERM
      echo $$ $gone > pids
      echo warned >&2
      printf ready
      wait
";

/// Returns what an attempt's log holds in its order, each chunk with the letter of its stream.
fn chunks(record: &Record, name: &str, attempt: u32) -> Vec<(String, String)> {
    let id = record.view.find(name).expect("the task is there");
    let index = record.dir.join(format!("logs/{:04}-{attempt}.idx", id.0));
    let log = String::from_utf8(record.log(name, attempt)).expect("the test prints text");
    let mut rest = log.as_str();
    let entry = |line: &str| -> (u64, String, usize, u32) {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines = fs::read_to_string(&index).unwrap_or_default();
    let chunk = |line: &str| {
        let (_, letter, length, _) = entry(line);
        let (bytes, after) = rest.split_at(length);
        rest = after;
        (letter, bytes.to_owned())
    };
    let chunks = lines.lines().map(chunk).collect();
    assert_eq!(rest, "", "the index explains all of the log");
    chunks
}

/// Returns pyoco's own words in the log of an attempt.
fn own_words(record: &Record, name: &str, attempt: u32) -> String {
    let chunks = chunks(record, name, attempt);
    chunks.into_iter().filter(|(letter, _)| letter == "p").map(|(_, bytes)| bytes).collect()
}

#[test]
fn the_processes_are_in_the_log_before_the_first_signal() {
    if !has_tool("setsid") {
        return;
    }
    let project = Project::with(TREE);
    project.run(&["run"]).exits(1);
    let record = project.record();
    same(&record.ends(), "slow FAILED timeout\n");
    let chunks = chunks(&record, "slow", 1);
    let letters: Vec<&str> = chunks.iter().map(|(letter, _)| letter.as_str()).collect();
    // What was printed before on the two streams comes in either order.
    let before: BTreeSet<&str> = letters[..2].iter().copied().collect();
    assert_eq!((before, &letters[2..]), (["o", "e"].into(), &["p", "o"][..]), "{chunks:?}");
    assert_eq!(chunks[3].1, "got");
    let words = &chunks[2].1;
    assert!(words.starts_with("pyoco: timeout of 2.0 s; the processes before SIGTERM:\n"));
    let rows: Vec<Vec<&str>> =
        words.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    let pids = project.read("pids");
    let (shell, gone) = pids.trim().split_once(' ').expect("two numbers");
    assert_eq!(rows[0][0], shell, "{words}");
    if !TELLS {
        assert!(words.ends_with("[this system tells no more]\n"), "{words}");
        return;
    }
    assert_eq!(rows.len(), 3, "{words}");
    assert!(rows.iter().all(|row| row[2] == "sleeping"), "{words}");
    assert!(rows[1..].iter().all(|row| row[1] == shell), "{words}");
    assert!(words.lines().nth(2).is_some_and(|line| line.contains("printf got")), "{words}");
    assert!(words.lines().any(|line| line.ends_with("    sleep 86401")), "{words}");
    let left = format!("    sleep 86402  (left the task's group for {gone})");
    assert!(words.lines().any(|line| line.ends_with(&left)), "{words}");
    // A kernel may keep where a process waits to itself, and then it does so for the test too.
    assert_eq!(rows.iter().all(|row| row[5] != "-"), is_place_told(), "{words}");
}

/// Returns whether the kernel tells where a child of ours waits.
fn is_place_told() -> bool {
    let mut child = std::process::Command::new("sleep").arg("86400").spawn().expect("a sleep");
    // Between two looks it can be awake; a kernel that never tells is asked for a second.
    let is_told = (0..200).any(|_| {
        let place = fs::read_to_string(format!("/proc/{}/wchan", child.id())).unwrap_or_default();
        let is_told = !place.is_empty() && place != "0";
        if !is_told {
            std::thread::sleep(std::time::Duration::from_millis(5)); // the pause of the poll
        }
        is_told
    });
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    is_told
}

#[test]
fn what_a_task_prints_is_free_of_it_in_every_view() {
    let flow = "
tasks:
  slow:
    timeout: 500ms
    run: |
      trap 'printf got; echo >&2 gone; exit 1' TERM
      echo warned >&2
      echo ready
      sleep 86400 & wait
";
    for view in ["group", "prefix", "stream", "failed"] {
        let project = Project::with(flow);
        let outcome = project.run(&["run", "--output", view]).exits(1);
        let expected = if view == "prefix" { "slow | ready\nslow | got\n" } else { "ready\ngot" };
        assert_eq!(outcome.stdout, expected, "{view}");
        // It is shown once, in the summary.
        let (before, summary) = outcome.stderr.split_once("first failure: ").expect("a summary");
        assert!(!before.contains("the processes before"), "{view}: {before}");
        assert!(before.contains("warned\n") && before.contains("gone\n"), "{view}: {before}");
        assert!(
            summary.contains("\n  timeout of 500 ms; the processes before SIGTERM:\n  | PID "),
            "{view}: {summary}"
        );
        let end = project.record().events("task_finished")[0].clone();
        assert_eq!(end["bytes"], "ready\ngotwarned\ngone\n".len(), "{end}");
        assert!(!end["tail"].as_str().expect("a tail").contains("pyoco"), "{end}");
    }
    let project = Project::with(flow);
    let outcome = project.run(&["run", "--trace", "json"]).exits(1);
    assert!(!outcome.stdout.contains("the processes before"), "{outcome:?}");
}

#[test]
fn logs_show_it_in_its_place_and_apart() {
    let project = Project::with(
        "
tasks:
  slow:
    timeout: 500ms
    run: |
      trap 'echo got; exit 1' TERM
      printf ready
      sleep 86400 & wait
",
    );
    project.run(&["run"]).exits(1);
    let own = own_words(&project.record(), "slow", 1);
    let logs = |words: &[&str]| {
        let args: Vec<&str> =
            ["runs", "logs", "latest", "slow"].iter().chain(words).copied().collect();
        project.run(&args).exits(0).stdout
    };
    assert_eq!(logs(&[]), format!("ready\n{own}got\n"));
    assert_eq!(logs(&["--stream", "out"]), "readygot\n");
    assert_eq!(logs(&["--stream", "err"]), "");
    assert_eq!(logs(&["--stream", "pyoco"]), own);
    let prefixed: String = own.lines().map(|line| format!("slow | {line}\n")).collect();
    assert_eq!(logs(&["--as", "prefix"]), format!("{prefixed}slow | readygot\n"));
    assert_eq!(logs(&["--tail", "1"]), "got\n");
}

#[test]
fn each_attempt_has_its_own_and_show_points_to_it() {
    let project = Project::with(
        "
tasks:
  a-b: {run: exec sleep 86400, timeout: 300ms, retry: {max: 1, delay: 1ms}}
  bad: exit 3
  after: {needs: [a-b], run: 'true'}
",
    );
    project.run(&["run", "-q", "--on-failure", "isolate"]).exits(1);
    let record = project.record();
    for attempt in [1, 2] {
        let id = record.view.find("a-b").expect("it is declared");
        let pid = record.view.task(id).expect("it is there").attempts[attempt as usize - 1].pid;
        let words = own_words(&record, "a-b", attempt);
        let row = words.lines().nth(2).unwrap_or_default();
        let shown = row.split_whitespace().next().and_then(|pid| pid.parse().ok());
        assert_eq!((shown, pid.is_some()), (pid, true), "{words}");
        assert_eq!(row.ends_with("  sleep 86400"), TELLS, "{words}");
    }
    let short = record.run_id.short();
    let pointer = format!("pyoco runs logs {short} a-b --stream pyoco");
    let show = |words: &[&str]| {
        let args: Vec<&str> = ["runs", "show", "latest"].iter().chain(words).copied().collect();
        project.run(&args).exits(0).stdout
    };
    let line = format!("  the processes at its timeout: {pointer}\n");
    for words in [&[][..], &["--why", "after"]] {
        assert_eq!(show(words).matches(line.trim_start()).count(), 1, "{words:?}");
    }
    let task = show(&["--task", "a-b"]);
    assert!(task.contains(&format!("  processes at its timeout: {pointer}\n")), "{task}");
    let first = pointer.replace(" --stream", " --attempt 1 --stream");
    assert!(task.contains(&format!("  processes at its timeout: {first}\n")), "{task}");
    // The command is one that can be typed.
    for (command, attempt) in [(pointer, 2), (first, 1)] {
        let mut shell = project.command_of("/bin/sh");
        let exe = env!("CARGO_BIN_EXE_pyoco");
        shell.args(["-c", &format!("pyoco() {{ '{exe}' \"$@\"; }}; {command}")]);
        let told = support::Running::spawn(shell).wait().exits(0).stdout;
        assert_eq!(told, own_words(&record, "a-b", attempt));
    }
    assert!(!show(&["--task", "bad"]).contains("--stream pyoco"));
}

#[test]
fn a_pointer_is_shown_only_where_it_leads_somewhere() {
    let mut project = Project::with("tasks: {a: {run: exec sleep 86400, timeout: 300ms}}");
    project.run(&["run", "-q"]).exits(1);
    project.damages_records();
    fs::remove_file(project.record().dir.join("logs/0000-1.log")).expect("it is there");
    let shown = project.run(&["runs", "show", "latest"]).exits(0).says("FAILED a  timeout");
    assert!(!shown.stdout.contains("--stream pyoco"), "{shown:?}");
}

#[test]
fn without_a_record_the_summary_shows_it() {
    let project = Project::with("tasks: {a: {run: exec sleep 86400, timeout: 300ms}}");
    let outcome = project.run(&["run", "--no-record"]).exits(1);
    outcome.clone().complains("  timeout of 300 ms; the processes before SIGTERM:\n");
    assert_eq!(outcome.stderr.contains("  sleep 86400\n"), TELLS, "{outcome:?}");
    assert_eq!(project.private_files(), Vec::<String>::new());
}

#[test]
fn only_a_timeout_has_one() {
    let project = Project::with(
        "tasks: {a: {run: ': > ready; exec sleep 86400', timeout: 1d}, b: 'sleep 86400'}",
    );
    let running = project.spawn(&["run", "-j", "2"]);
    support::wait_for_file(&project.dir().join("ready"));
    running.signal(rustix::process::Signal::TERM);
    running.wait().dies_of(15);
    for name in ["a", "b"] {
        assert_eq!(own_words(&project.record(), name, 1), "");
    }
}

#[test]
fn a_command_line_cannot_steer_the_terminal() {
    // The words after the script are no part of it, and may be anything.
    let script = "printf \"$1\" > hostile; sh -c \"sleep 86400; :\" \"$(cat hostile)\" & wait";
    let project = Project::with(&format!(
        "tasks:\n  a:\n    timeout: 1s\n    cmd: [sh, -c, '{script}', x, '\\033[2J\\007\\nline']\n"
    ));
    let outcome = project.run(&["run"]).exits(1);
    let words = own_words(&project.record(), "a", 1);
    let terminal = project.terminal(&["runs", "logs", "latest", "a"]).finish();
    for text in [&words, &outcome.stderr] {
        assert!(!text.contains(['\x1b', '\x07']), "{text:?}");
        assert_eq!(text.contains("'\\x1b[2J\\x07\\nline'"), TELLS, "{text}");
    }
    assert!(!terminal.stdout.contains("\x1b[2J"), "{terminal:?}");
}

#[test]
fn many_processes_are_counted_and_not_all_shown() {
    let project = Project::with(
        "
tasks:
  a:
    timeout: 5s
    run: |
      i=0
      while [ $i -lt 230 ]; do sleep 86400 & i=$((i + 1)); done
      : > all
      wait
",
    );
    project.run(&["run"]).exits(1);
    let words = own_words(&project.record(), "a", 1);
    assert!(project.has("all"), "this machine is too slow to start 230 processes in 5 s");
    if TELLS {
        assert!(words.ends_with("  … and 31 more\n"), "{words}");
        assert_eq!(words.lines().count(), 2 + 200 + 1);
    }
}

/// Runs a project with every write at a place in a file, of which its tasks must cause none, held up
/// for longer than a signal waits; `None` where that is not possible here.
fn run_with_slow_logs(project: &Project) -> Option<support::Outcome> {
    if !can_inject() {
        return None;
    }
    let mut command = project.command_of("strace");
    let slow = "inject=pwrite64:delay_enter=3000000";
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", slow]);
    command.arg(env!("CARGO_BIN_EXE_pyoco")).args(["run", "-q"]);
    Some(support::Running::spawn(command).wait().exits(1))
}

#[test]
fn a_log_that_hangs_does_not_hold_up_the_signal() {
    let project = Project::with(
        "tasks:\n  a: {run: 'trap \": > term; exit 1\" TERM; sleep 86400 & wait', timeout: 300ms}\n",
    );
    if run_with_slow_logs(&project).is_none() {
        return;
    }
    let record = project.record();
    same(&record.ends(), "a FAILED timeout\n");
    let changed = |path: &std::path::Path| {
        fs::metadata(path).and_then(|metadata| metadata.modified()).expect("it is there")
    };
    let heard = changed(&project.dir().join("term"));
    assert!(heard < changed(&record.dir.join("logs/0000-1.idx")), "the signal came first");
    assert!(own_words(&record, "a", 1).starts_with("pyoco: timeout of 300 ms;"));
}

#[test]
fn a_leader_that_ends_before_the_signal_leaves_the_others_their_grace() {
    if !TELLS {
        return;
    }
    // The leader goes as soon as it sees that its time is over; the signal is still to come.
    let project = Project::with(
        "
tasks:
  a:
    timeout: 300ms
    run: |
      (trap ': > term; exit 0' TERM; : > ready; sleep 86400 & wait) > /dev/null 2>&1 &
      until [ -e ready ] && cat /proc/$PPID/task/*/comm 2> /dev/null | grep -q '^timeout$'; do :; done
",
    );
    if run_with_slow_logs(&project).is_some() {
        same(&project.record().ends(), "a FAILED timeout\n");
        assert!(project.has("term"), "it heard the signal");
    }
}

#[test]
fn the_grace_of_a_timeout_is_the_groups_and_ends_with_sigkill() {
    // The leader dies of the first signal; what hears it too uses its grace, and what is deaf is
    // killed when `kill.after` is over.
    let project = Project::with(
        "
tasks:
  a:
    timeout: 1s
    kill: {signal: USR1, after: 3s}
    run: |
      (trap 'echo cleaned; exit 0' USR1; sleep 86400 & wait) &
      (trap '' USR1 TERM; exec sleep 86400) > /dev/null 2>&1 &
      wait
",
    );
    project.run(&["run", "-q"]).exits(1).says("cleaned\n");
    let record = project.record();
    same(&record.ends(), "a FAILED timeout\n");
    let moment = |kind: &str| record.events(kind)[0]["ms"].as_u64().expect("a moment");
    assert_eq!(record.events("task_stopping")[0]["signal"], "SIGUSR1");
    let grace = moment("task_finished") - moment("task_stopping");
    assert!(!TELLS || grace >= 3000, "the deaf one had its grace: {grace} ms");
    assert!(own_words(&record, "a", 1).contains("the processes before SIGUSR1:\n"));
}
