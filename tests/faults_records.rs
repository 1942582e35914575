//! Records that were cut, damaged, shuffled: every command that looks back ends, shows
//! nothing that was never so, hides no other run and says what is damaged.
//!
//! `PYOCO_SWEEP=all` cuts at every byte.

mod support;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::FileExt;

use pyoco::event::RunView;
use pyoco::model::{RunStatus, TaskState};
use pyoco::record::{JsonlStore, Seen};
use support::faults::with_two_runs;

use support::{Project, Record, Schema};

/// The states that each task of a run went through.
fn histories(record: &Record) -> HashMap<String, Vec<TaskState>> {
    let mut histories: HashMap<String, Vec<TaskState>> = HashMap::new();
    let mut view = RunView::new();
    for line in &record.lines {
        view.apply(line);
        for task in view.tasks() {
            histories.entry(task.name.to_string()).or_default().push(task.state());
        }
    }
    histories
}

#[test]
fn of_a_record_that_was_cut_anywhere_what_is_left_is_shown() {
    let (project, _, young) = with_two_runs();
    let store = JsonlStore::new(project.dir().join(".pyoco"));
    let path = young.dir.join("events.jsonl");
    let whole = fs::read(&path).expect("to read");
    let file = fs::File::options().write(true).open(&path).expect("to open");
    let mut view = RunView::new();
    let states = |view: &RunView| view.tasks().iter().map(|t| t.state()).collect::<Vec<_>>();
    let check = |at: usize, view: &RunView, n_lines: u64| {
        let record = store.load(young.run_id).expect("it is there");
        assert_eq!(states(&record.view), states(view), "cut at {at}");
        let end = if at == whole.len() { Seen::Known(RunStatus::Failed) } else { Seen::Lost };
        assert_eq!(record.seen, end, "cut at {at}");
        assert_eq!((record.report.damaged, record.report.lines), (0, n_lines), "cut at {at}");
        let summary = store.summary(young.run_id).expect("it is there");
        assert_eq!(summary.seen, end, "cut at {at}");
    };
    let mut n_lines = 0;
    file.set_len(0).expect("to cut");
    let all = std::env::var("PYOCO_SWEEP").is_ok_and(|value| value == "all");
    let is_end = |at: usize| whole[at.saturating_sub(2)..whole.len().min(at + 2)].contains(&b'\n');
    for at in 0..=whole.len() {
        if all || at % 16 == 0 || is_end(at) {
            check(at, &view, n_lines);
        }
        let Some(byte) = whole.get(at) else { break };
        file.write_all_at(&[*byte], at as u64).expect("to write");
        if *byte == b'\n' {
            view.apply(&young.lines[n_lines as usize]);
            n_lines += 1;
        }
    }
}

/// Holds what is shown of the damaged run against what once was so, and wants the good one listed.
fn check_shown(project: &Project, good: &Record, young: &Record, what: &str) {
    let listed = project.run(&["runs", "list", "--json"]).exits(0);
    let shown = listed.json();
    let runs = shown.as_array().expect("a list");
    let find = |record: &Record| {
        let id = record.run_id.to_string();
        runs.iter().find(|run| run["run_id"] == id.as_str())
    };
    assert_eq!(find(good).expect("it is not hidden")["status"], "COMPLETED", "{what}");
    let Some(listed_as) = find(young) else {
        assert!(
            listed.stderr.contains(&young.run_id.short()),
            "{what}: nobody was told: {listed:?}"
        );
        return;
    };
    let is_so = |status: &serde_json::Value| status == "FAILED" || status == "LOST";
    assert!(is_so(&listed_as["status"]), "{what}: {listed_as}");
    let id = young.run_id.to_string();
    let shown = project.run(&["runs", "show", &id, "--json"]).exits(0);
    let run = shown.json();
    assert_eq!(run["status"], listed_as["status"], "{what}");
    let histories = histories(young);
    for task in run["tasks"].as_array().expect("a list") {
        // An end that is missing is told.
        let has_ended = run["status"] == "FAILED";
        let lacks_end = has_ended && task["ended"].is_null();
        assert!(!lacks_end || shown.stderr.contains("warning: "), "{what}: {task}\n{shown:?}");
        let Some(state) = task["state"].as_str() else {
            assert!(lacks_end, "{what}: {task}");
            continue;
        };
        let state: TaskState = state.parse().expect("a state");
        assert!(state.is_final() || !has_ended, "{what}: {task}");
        if let Some(history) = histories.get(task["name"].as_str().expect("text")) {
            assert!(history.contains(&state), "{what}: {task}");
        }
    }
}

#[test]
fn damage_is_met_by_the_program_with_a_warning_and_no_lie() {
    let (project, good, young) = with_two_runs();
    let path = young.dir.join("events.jsonl");
    let whole = fs::read(&path).expect("to read");
    let file = fs::File::options().write(true).open(&path).expect("to open");
    let mut seed = 7_u64;
    for _ in 0..50 {
        // A step of a plain generator: the same places in every test of the same length.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (seed >> 33) as usize % whole.len();
        let byte = [b'\n', b'"', 0, 0xff, whole[at] ^ 1, b'9'][(seed >> 20) as usize % 6];
        file.write_all_at(&[byte], at as u64).expect("to write");
        check_shown(&project, &good, &young, &format!("byte {at} made {byte:#x}"));
        file.write_all_at(&whole[at..=at], at as u64).expect("to write");
    }
}

/// Puts another file of events in place of the young run's.
fn with_events(change: impl Fn(&[String]) -> Vec<u8>) -> (Project, Record, Record) {
    let (project, good, young) = with_two_runs();
    let path = young.dir.join("events.jsonl");
    let text = fs::read_to_string(&path).expect("to read");
    let lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    fs::write(path, change(&lines)).expect("to write");
    (project, good, young)
}

#[test]
fn lines_that_are_foreign_long_or_garbage_cost_themselves_alone() {
    let (project, good, young) = with_events(|lines| {
        let mut bytes = b"garbage \x00\xff\x1b[2J\n\n[]\n{}\n".to_vec();
        bytes.extend(lines[0].as_bytes());
        bytes.extend(vec![b'['; 30 << 20]);
        bytes.push(b'\n');
        for line in &lines[1..] {
            bytes.extend(line.replacen("{\"v\":1,", "{\"v\":1,\"new\":{\"x\":[1]},", 1).as_bytes());
            bytes.extend(b"{\"v\":2,\"seq\":3,\"ts\":\"2026-01-01T00:00:00Z\",\"ms\":0,\"event\":\"task_flown\"}\n");
        }
        bytes.extend(vec![b'x'; 30 << 20]);
        bytes
    });
    check_shown(&project, &good, &young, "foreign lines");
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0);
    assert_eq!(shown.json()["status"], "FAILED");
    let text = project.run(&["runs", "show", "latest"]).exits(0);
    assert!(!text.stdout.contains('\x1b') && !text.stderr.contains('\x1b'), "{text:?}");
    let text = text.complains("damaged lines in the record of run ");
    text.complains("was recorded in format 2, which is newer than this pyoco");
}

/// Makes another file out of the lines of a run.
type Change<'a> = &'a dyn Fn(&[String]) -> Vec<u8>;

#[test]
fn lines_in_another_order_or_twice_show_nothing_that_was_never_so() {
    let twice = |lines: &[String]| {
        lines.iter().flat_map(|l| [l.as_bytes(), l.as_bytes()]).collect::<Vec<_>>().concat()
    };
    let whole_twice = |lines: &[String]| [lines.concat(), lines.concat()].concat().into_bytes();
    let reversed = |lines: &[String]| lines.iter().rev().cloned().collect::<String>().into_bytes();
    let swapped = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.chunks_mut(2).for_each(|pair| pair.reverse());
        lines.concat().into_bytes()
    };
    let changes: [(&str, Change<'_>); 4] = [
        ("every line twice", &twice),
        ("the whole twice", &whole_twice),
        ("reversed", &reversed),
        ("pairs swapped", &swapped),
    ];
    for (what, change) in changes {
        let (project, good, young) = with_events(change);
        check_shown(&project, &good, &young, what);
        for words in
            [&["show", "latest"][..], &["logs", "latest"], &["prune", "--keep", "0", "--dry-run"]]
        {
            let outcome = project.run(&[&["runs"], words].concat()).exits(0);
            assert!(outcome.stderr.is_empty() || outcome.stderr.contains("run"), "{outcome:?}");
        }
    }
}

#[test]
fn what_the_record_lacks_is_said() {
    // One letter turns the end of a task into an event of another time.
    let unknown = |lines: &[String]| {
        let text = lines.concat();
        text.replacen("\"event\":\"task_finished\",", "\"event\":\"task_finishex\",", 1)
            .into_bytes()
    };
    let (project, good, young) = with_events(unknown);
    check_shown(&project, &good, &young, "an unknown event");
    let shown = project.run(&["runs", "show", "latest"]).exits(0);
    let lacks = format!("warning: the record of run {} lacks ", young.run_id.short());
    shown.complains(&format!("{lacks}the end of 1 task: the end of the run tells how it came\n"));

    let (project, _, young) = with_events(|lines| lines[1..].concat().into_bytes());
    let lacks = format!("warning: the record of run {} lacks ", young.run_id.short());
    let shown = project.run(&["runs", "show", "latest"]).exits(0);
    shown.complains(&format!("{lacks}its beginning\n"));

    // Of a run without an end the list reads all, and says what it met.
    let (project, _, young) = with_events(|lines| [&lines[0], "garbage\n"].concat().into_bytes());
    let listed = project.run(&["runs", "list"]).exits(0).says("LOST");
    let short = young.run_id.short();
    listed.complains(&format!("warning: 1 damaged line in the record of run {short}\n"));
}

#[test]
fn of_a_run_that_has_ended_nothing_is_shown_as_under_way() {
    let mut project = Project::with(
        "on_failure: isolate\ntasks: {a: 'true', b: {run: 'exit 3', fail: continue}, c: 'exit 4', d: 'true'}",
    );
    project.run(&["run", "-j1", "-q", "-o", "none"]).exits(1);
    project.damages_records();
    let path = project.record().dir.join("events.jsonl");
    let whole = fs::read_to_string(&path).expect("to read");
    let lose = |names: &[&str]| {
        let is_lost = |line: &&str| {
            let is_end = line.contains("\"task_finished\"");
            is_end && names.iter().any(|name| line.contains(&format!("\"name\":\"{name}\"")))
        };
        let lines = whole.lines().map(|line| if is_lost(&line) { "damaged" } else { line });
        fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").expect("to write");
        let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
        Schema::open("run").accepts("a damaged run", &json);
        let listed = project.run(&["runs", "list", "--json"]).exits(0).json();
        assert_eq!(
            (&listed[0]["counts"], &listed[0]["status"]),
            (&json["counts"], &json["status"])
        );
        let states = json["tasks"].as_array().expect("a list").iter();
        let states: Vec<&str> = states.map(|task| task["state"].as_str().unwrap_or("?")).collect();
        states.join(" ")
    };
    let show =
        |words: &[&str]| project.run(&[&["runs", "show", "latest"], words].concat()).exits(0);
    assert_eq!(lose(&["a"]), "SUCCEEDED FAILED FAILED SUCCEEDED");
    show(&[]).complains("lacks the end of 1 task: the end of the run tells how it came\n");
    show(&["--names", "SUCCEEDED"]).says("a\nd\n");
    assert_eq!(lose(&["a", "c", "d"]), "SUCCEEDED FAILED FAILED SUCCEEDED");
    show(&["--task", "c"]).says("task c  FAILED\n");
    show(&["--why", "c"]).says("FAILED c");

    assert_eq!(lose(&["a", "b"]), "? ? FAILED SUCCEEDED");
    let text = show(&[]).complains("lacks the end of 2 tasks: nobody knows how it came\n");
    assert!(!text.stdout.contains("RUNNING"), "{text:?}");
    let text = text.says("  tasks     2 SUCCEEDED, 2 FAILED\n");
    text.says("\n?          a           1\n?          b           1\n");
    show(&["--task", "a"]).says("task a  ?\n");
    show(&["--why", "b"]).says("? b\n  the record lacks its end\n");
    show(&["--timeline"]).says("? ?\n");
    assert_eq!(show(&["--names", "RUNNING,SUCCEEDED"]).stdout, "d\n");
    project.run(&["runs", "logs", "latest"]).exits(0);
}

/// Runs this, and hands over its record to be damaged.
fn recorded(flow: &str) -> (Project, Record) {
    let mut project = Project::with(flow);
    project.run(&["run", "-q", "-o", "none"]).exits(0);
    project.damages_records();
    let record = project.records().remove(0);
    (project, record)
}

/// A task that prints 4053 bytes, and one that prints none.
const PRINTING: &str = "\
tasks:
  a: 'printf %04052d 7; echo'
  quiet: 'true'
";

/// Wants `runs logs` to print so many bytes of `a` and to say just this; then the same of
/// `runs show --task`.
fn check_loss(project: &Project, n_bytes: usize, warning: &str, shown: &str) {
    let logs = project.run(&["runs", "logs", "latest", "a"]).exits(0);
    assert_eq!((logs.stdout.len(), logs.stderr.as_str()), (n_bytes, warning), "{logs:?}");
    let all = project.run(&["runs", "logs", "latest"]).exits(0);
    assert_eq!(all.stderr, warning, "{all:?}");
    let task = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    let missing: String =
        task.stdout.lines().filter(|line| line.starts_with("  missing")).collect();
    assert_eq!(missing, shown, "{task:?}");
}

#[test]
fn a_log_that_lacks_bytes_is_not_shown_as_if_it_were_whole() {
    let (project, record) = recorded(PRINTING);
    let (log, index) = (record.dir.join("logs/0000-1.log"), record.dir.join("logs/0000-1.idx"));
    check_loss(&project, 4053, "", "");

    fs::File::options().write(true).open(&log).and_then(|file| file.set_len(100)).expect("ours");
    check_loss(
        &project,
        100,
        "warning: 3953 of 4053 bytes of the log of `a` are missing\n",
        "  missing   3953 of 4053 bytes of the log",
    );

    let (warning, shown) = (
        "warning: all 4053 bytes of the log of `a` are missing\n",
        "  missing   all 4053 bytes of the log",
    );
    fs::remove_file(&log).expect("ours");
    check_loss(&project, 0, warning, shown);
    fs::remove_file(&index).expect("ours");
    check_loss(&project, 0, warning, shown);
    fs::remove_dir_all(record.dir.join("logs")).expect("ours");
    check_loss(&project, 0, warning, shown);
    let elsewhere = project.dir().join("elsewhere");
    fs::create_dir(&elsewhere).expect("ours");
    fs::write(elsewhere.join("0000-1.log"), "foreign").expect("ours");
    std::os::unix::fs::symlink(elsewhere, record.dir.join("logs")).expect("ours");
    check_loss(&project, 0, warning, shown);
}

#[test]
fn what_was_cut_on_purpose_is_told_from_what_is_lost() {
    let (project, record) = recorded(
        "records: {max_log: 16KiB}\ntasks:\n  a: 'for n in $(seq 1000 1999); do printf \"%063d\\n\" $n; done'\n",
    );
    let logs = project.run(&["runs", "logs", "latest", "a"]).exits(0);
    assert_eq!(logs.stderr, "", "{logs:?}");
    assert!(logs.stdout.contains(" KiB cut …\n") && !logs.stdout.contains("missing"), "{logs:?}");
    let mut segments: Vec<_> = fs::read_dir(record.dir.join("logs"))
        .expect("ours")
        .map(|entry| entry.expect("ours").path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    assert_eq!(segments.len(), 3, "{segments:?}");
    segments.sort_by_key(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        name.split('.').rev().nth(1).and_then(|number| number.parse::<u32>().ok())
    });
    let n_lost = segments[1].metadata().expect("ours").len();
    fs::remove_file(&segments[1]).expect("ours");
    let logs = project.run(&["runs", "logs", "latest", "a"]).exits(0);
    let warning = format!("warning: {n_lost} of ");
    assert!(logs.stderr.starts_with(&warning) && logs.stderr.contains("`a` are missing\n"));
    assert!(logs.stdout.contains(" KiB cut …\n… "), "{logs:?}");
    assert!(logs.stdout.contains("missing …\n"), "{logs:?}");
}

#[test]
fn a_log_from_which_secrets_were_taken_lacks_nothing() {
    let mut project = Project::with(
        "secrets: [TOKEN]\ntasks:\n  a: 'echo long-long-secret; echo $TOKEN $TOKEN'\n",
    );
    project.env("TOKEN", "long-long-secret");
    project.run(&["run", "-q", "-o", "none"]).exits(0);
    let logs = project.run(&["runs", "logs", "latest", "a"]).exits(0);
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("***\n*** ***\n", ""));
}

#[test]
fn the_lines_of_a_damaged_record_come_with_the_same_warning() {
    let (project, _, young) = with_events(|lines| {
        let mut lines = lines.to_vec();
        lines.insert(1, "garbage\n".to_owned());
        lines.concat().into_bytes()
    });
    let short = young.run_id.short();
    let shown = project.run(&["runs", "show", "latest", "--events"]).exits(0).says("garbage\n");
    shown.complains(&format!("warning: 1 damaged line in the record of run {short}\n"));
}
