//! `pyoco run`: which task starts when, how many at once, and how the program ends.

mod support;

use serde_json::Value;
use support::{Project, Running, same};

/// Two tasks that can only end where both run at the same time.
const TOGETHER: &str = "
tasks:
  a: ': > a; while ! [ -e b ]; do sleep 0.01; done'
  b: ': > b; while ! [ -e a ]; do sleep 0.01; done'
";

/// Six tasks, of which `long-1` begins the longest path.
const LADDER: &str = "
tasks:
  short: echo short >> order
  middle-1: echo middle-1 >> order
  long-1: echo long-1 >> order
  middle-2: {run: echo middle-2 >> order, needs: middle-1}
  long-2: {run: echo long-2 >> order, needs: long-1}
  long-3: {run: echo long-3 >> order, needs: long-2}
";

#[test]
fn two_lines_are_a_flow() {
    let project = Project::with("tasks:\n  hello: echo hi\n");
    let outcome = project.run(&["run"]).exits(0);
    assert_eq!(outcome.stdout, "hi\n");
    same(
        &project.redact(&outcome.stderr),
        "INFO pyoco start flow=project run_id=[RUN]\n\
         INFO pyoco start node=hello attempt=1\n\
         INFO pyoco end node=hello dur_ms=[N]\n\
         INFO pyoco end flow=project status=COMPLETED dur_ms=[N]\n\
         pyoco runs show [ID]\n",
    );
    let record = project.record();
    same(&record.ends(), "hello SUCCEEDED\n");
    let kinds: Vec<&str> = record.values.iter().filter_map(|line| line["event"].as_str()).collect();
    let expected = [
        "run_started",
        "tasks_declared",
        "task_queued",
        "task_started",
        "task_finished",
        "run_finished",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(record.log("hello", 1), b"hi\n");
}

#[test]
fn one_job_takes_the_tasks_in_file_order() {
    let project = Project::with(LADDER);
    project.run(&["run", "-j", "1"]).exits(0);
    same(&project.read("order"), "short\nmiddle-1\nlong-1\nmiddle-2\nlong-2\nlong-3\n");
}

#[test]
fn several_jobs_take_the_longest_path_first() {
    // The two that begin the longer paths write before they wait for each other, so that a third can
    // only come after them if they have both slots.
    let wait = |mine: &str, other: &str| {
        format!("'echo {mine} >> order; while ! grep -q {other} order; do sleep 0.01; done'")
    };
    let flow = LADDER
        .replace("echo long-1 >> order", &wait("long-1", "middle-1"))
        .replace("echo middle-1 >> order", &wait("middle-1", "long-1"));
    let project = Project::with(&flow);
    project.run(&["run", "-j", "2"]).exits(0);
    let order = project.read("order");
    let mut first: Vec<&str> = order.lines().take(2).collect();
    first.sort_unstable();
    assert_eq!(first, ["long-1", "middle-1"]);
    let plan = project.run(&["run", "-n", "-j", "2", "--state-dir", "none"]).exits(0).stdout;
    for line in ["   1  long-1", "   2  middle-1", "   3  long-2"] {
        assert!(plan.contains(line), "{plan}");
    }
}

#[test]
fn ready_tasks_of_one_height_start_in_file_order() {
    let names: Vec<String> = (0..40).map(|n| format!("t{}", (n * 7) % 40)).collect();
    let tasks: String = names.iter().map(|name| format!("  {name}: 'true'\n")).collect();
    let project = Project::with(&format!("tasks:\n{tasks}"));
    for jobs in ["1", "3"] {
        project.run(&["run", "-q", "-j", jobs]).exits(0);
        assert_eq!(project.record().names("task_queued"), names);
    }
    project.run(&["run", "-q", "-j1"]).exits(0);
    assert_eq!(project.record().names("task_started"), names);
}

#[test]
fn jobs_from_flag_environment_and_file() {
    let jobs = |env: Option<&str>, args: &[&str], file: &str| -> u64 {
        let mut project = Project::with(&format!("{file}tasks:\n  a: 'true'\n"));
        if let Some(value) = env {
            project.env("PYOCO_JOBS", value);
        }
        project.run(&[&["run", "-q"], args].concat()).exits(0);
        project.record().values[0]["jobs"].as_u64().expect("a number")
    };
    let processors = std::thread::available_parallelism().expect("it is known here").get() as u64;
    assert_eq!(jobs(None, &[], ""), processors);
    assert_eq!(jobs(None, &[], "jobs: 7\n"), 7);
    assert_eq!(jobs(Some("5"), &[], "jobs: 7\n"), 5);
    assert_eq!(jobs(Some(""), &[], "jobs: 7\n"), 7);
    assert_eq!(jobs(Some("5"), &["-j", "3"], "jobs: 7\n"), 3);
    assert_eq!(jobs(Some("5"), &["--jobs=0"], "jobs: 7\n"), processors);
    assert_eq!(jobs(Some("0"), &[], "jobs: 7\n"), processors);
}

#[test]
fn a_bad_number_of_jobs_is_refused() {
    let mut project = Project::with("tasks:\n  a: touch ran\n");
    for bad in ["-1", "many", "1.5", "99999999999"] {
        project.run(&["run", &format!("--jobs={bad}")]).exits(2).complains("--jobs");
    }
    project.env("PYOCO_JOBS", "many\u{1b}[2J");
    let outcome =
        project.run(&["run"]).exits(2).complains("`PYOCO_JOBS=many\\x1b[2J`: write a number");
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    assert!(!project.has("ran") && project.records().is_empty());
}

#[test]
fn two_jobs_run_at_once() {
    let project = Project::with(TOGETHER);
    project.run(&["run", "-j", "2"]).exits(0);
    same(&project.record().ends(), "a SUCCEEDED\nb SUCCEEDED\n");
}

#[test]
fn one_job_never_runs_two() {
    let task = "mkdir lock && rmdir lock";
    let tasks: String = (0..20).map(|n| format!("  t{n}: {task}\n")).collect();
    let project = Project::with(&format!("tasks:\n{tasks}"));
    project.run(&["run", "-j1"]).exits(0);
}

#[test]
fn needs_are_waited_for_and_a_diamond_closes() {
    let project = Project::with(
        "
graph: a >> (b & c) >> d
tasks:
  a: touch a
  b: test -e a && touch b
  c: test -e a && touch c
  d: test -e b && test -e c
",
    );
    project.run(&["run", "-j", "4"]).exits(0);
    let record = project.record();
    let order = record.names("task_started");
    assert_eq!((order[0], order[3]), ("a", "d"));
    // A task is queued only once it is ready.
    let queued = record.events("task_queued");
    let seq = |line: &Value| line["seq"].as_u64().expect("a number");
    let end_of = |name: &str| {
        let mut ends = record.events("task_finished").into_iter();
        seq(ends.find(|line| line["name"] == name).expect("it ended"))
    };
    assert!(seq(queued.iter().find(|line| line["name"] == "d").expect("queued")) > end_of("c"));
}

#[test]
fn exit_codes() {
    let code = |flow: &str| project_run(flow).0;
    assert_eq!(code("tasks:\n  a: 'true'\n"), 0);
    assert_eq!(code("tasks:\n  a: exit 3\n"), 1);
    assert_eq!(code("tasks:\n  a: {cmd: [no-such-program-here]}\n"), 1);
    assert_eq!(code("tasks:\n  a: {run: exit 3, fail: continue}\n"), 0);
    assert_eq!(code("tasks:\n  a: {run: exit 3, ok_codes: [3]}\n"), 0);
    assert_eq!(code("tasks:\n  a: {run: 'true', ok_codes: [3]}\n"), 1);
    let (code, has_record) = project_run("tasks:\n  a: [1]\n");
    assert_eq!((code, has_record), (2, false));
}

fn project_run(flow: &str) -> (i32, bool) {
    let project = Project::with(flow);
    let outcome = project.run(&["run", "-q"]);
    (outcome.code.expect("no signal ends it"), !project.records().is_empty())
}

#[test]
fn usage_that_is_wrong_runs_nothing() {
    let project = Project::with("tasks:\n  a: touch ran\n");
    for args in [
        &["run", "--no-such-flag"][..],
        &["run", "nope.yaml"],
        &["run", "./nope"],
        &["run", "-k", "--on-failure", "stop"],
        &["run", "--on-failure", "explode"],
        &["run", "--cute", "--no-cute"],
        &["run", "--trace", "pretty"],
        &["run", "--output", "all"],
        &["run", "--color", "rainbow"],
        &["run", "--durable", "--no-record"],
        &["run", "--label", "novalue"],
        &["run", "--label", "=x"],
        &["run", "--grace", "5"],
        &["run", "--on-cancel", "wait"],
        &["runn"],
    ] {
        let outcome = project.run(args).exits(2);
        assert!(!outcome.stderr.is_empty() && outcome.stdout.is_empty(), "{args:?}: {outcome:?}");
    }
    for (name, value) in [
        ("PYOCO_GRACE", "5"),
        ("PYOCO_ON_CANCEL", "wait"),
        ("PYOCO_CUTE", "yes"),
        ("PYOCO_OUTPUT_MODE", "all"),
    ] {
        let mut command = project.command(&["run"]);
        command.env(name, value);
        Running::spawn(command).wait().exits(2).complains(name);
    }
    assert!(!project.has("ran") && project.records().is_empty());
}

#[test]
fn flags_of_later_versions_say_so_and_run_nothing() {
    let mut project = Project::with("tasks:\n  a: touch ran\n");
    for args in [
        &["-w"][..],
        &["--watch"],
        &["--restart"],
        &["--ci", "github"],
        &["--report", "junit=x.xml"],
        &["--order", "file"],
        &["--executor", "slurm"],
        &["--server"],
        &["--server=http://localhost"],
        &["--detach"],
    ] {
        let outcome = project.run(&[&["run"], args].concat()).exits(2);
        let outcome = outcome.complains("does not work yet in this version of pyoco");
        assert!(outcome.stdout.is_empty(), "{args:?}: {outcome:?}");
    }
    // A flag that there never was is answered with the way to write it.
    project
        .run(&["run", "--profile"])
        .exits(2)
        .complains("Usage: pyoco run [OPTIONS] [FILE] [TASK]");
    project.env("PYOCO_EXECUTOR", "slurm");
    project.run(&["run"]).exits(2).complains("`PYOCO_EXECUTOR` does not work yet");
    assert!(!project.has("ran") && project.records().is_empty());
}

#[test]
fn a_state_folder_that_cannot_be_made_runs_nothing() {
    let project = Project::with("tasks:\n  a: touch ran\n");
    project.file(".pyoco", "a plain file");
    let outcome = project.run(&["run"]).exits(2).complains(".pyoco").complains("--state-dir");
    assert!(outcome.stdout.is_empty() && !project.has("ran"), "{outcome:?}");
    project.run(&["run", "--no-record"]).exits(0);
    assert!(project.has("ran"));
}

#[test]
fn the_state_folder_is_where_flag_or_environment_say() {
    let mut project = Project::with("tasks:\n  a: echo \"$PYOCO_STATE_DIR\"\n");
    project.file("deep/.keep", "");
    let state_dir = |project: &Project, args: &[&str]| {
        let mut command = project.command(&[&["run"], args].concat());
        command.current_dir(project.dir().join("deep"));
        project.redact(&Running::spawn(command).wait().exits(0).stdout)
    };
    assert_eq!(state_dir(&project, &[]), "[DIR]/.pyoco\n");
    // A path of the command line starts at the caller's folder; tasks are told the whole of it.
    assert_eq!(state_dir(&project, &["--state-dir", "state"]), "[DIR]/deep/state\n");
    project.env("PYOCO_STATE_DIR", "other");
    assert_eq!(state_dir(&project, &[]), "[DIR]/deep/other\n");
    assert_eq!(state_dir(&project, &["--state-dir", "state"]), "[DIR]/deep/state\n");
    for (dir, n_runs) in [(".pyoco", 1), ("deep/state", 2), ("deep/other", 1)] {
        let runs = std::fs::read_dir(project.dir().join(dir).join("runs")).expect("it was made");
        assert_eq!(runs.count(), n_runs, "{dir}");
    }
}

#[test]
fn labels_and_words_are_recorded() {
    let project = Project::with("tasks:\n  a: 'true'\n");
    let labels = ["--label", "branch=main", "--label", "note=a=b c", "--label", "empty="];
    project.run(&[&["run", "a", "-q"], &labels[..], &["--", "x y", ""]].concat()).exits(0);
    let first = &project.record().values[0];
    let expected = serde_json::json!({"branch": "main", "note": "a=b c", "empty": ""});
    assert_eq!(first["labels"], expected);
    assert_eq!(first["args"], serde_json::json!(["x y", ""]));
}

#[test]
fn without_a_record_there_is_no_trace_of_the_run() {
    let project = Project::with(
        "
tasks:
  a: |
    test -d \"$PYOCO_RUN_DIR\" && echo \"$PYOCO_RUN_DIR\"
    case $PYOCO_RUN_DIR in \"$TMPDIR\"/*) ;; *) exit 9 ;; esac
    stat -c %a \"$PYOCO_RUN_DIR\"
",
    );
    let outcome = project.run(&["run", "--no-record"]).exits(0);
    let (dir, mode) = outcome.stdout.trim().split_once('\n').expect("two lines");
    assert_eq!(mode, "700");
    assert!(!std::path::Path::new(dir).exists(), "{dir} is still there");
    assert!(!project.has(".pyoco"));
    assert!(project.private_files().is_empty(), "{:?}", project.private_files());
    assert!(!outcome.stderr.contains("runs show"), "{outcome:?}");
}

#[test]
fn durable_brings_every_turn_to_the_disk() {
    let syncs = |args: &[&str]| {
        let tasks: String = (0..10).map(|n| format!("  t{n}: 'true'\n")).collect();
        let project = Project::with(&format!("tasks:\n{tasks}"));
        let mut command = project.command_of("strace");
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", "syncs"]);
        command.args([env!("CARGO_BIN_EXE_pyoco"), "run", "-q", "-j1"]).args(args);
        Running::spawn(command).wait().exits(0);
        project.read("syncs").matches("sync(").count()
    };
    let is_there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
    };
    if !is_there("strace") {
        assert!(std::env::var_os("CI").is_none(), "a CI has strace");
        eprintln!("without strace there is nothing to count");
        return;
    }
    let (usual, durable) = (syncs(&[]), syncs(&["--durable"]));
    assert!(usual >= 2, "before the first task and at the end: {usual}");
    assert!(durable >= usual + 10, "{usual} and with --durable {durable}");
}

#[test]
fn quiet_is_silent_unless_something_fails() {
    let project = Project::with(
        "tasks:\n  good: echo out; echo err >&2\n  bad: {run: echo why; exit 4, needs: good}\n",
    );
    let outcome = project.run(&["run", "-q", "good"]).exits(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    let outcome = project.run(&["run", "--quiet"]).exits(1);
    assert_eq!(outcome.stdout, "why\n");
    same(
        &project.redact(&outcome.stderr),
        "first failure: bad\n  ended: exit 4\n  command: echo why; exit 4\n  last output:\n  \
         | why\npyoco runs show [ID]\n",
    );
}
