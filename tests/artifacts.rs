//! Files that tasks leave behind: `artifacts`, their sizes and sums.

mod support;

use pyoco::event::Rules;
use pyoco::model::RunStatus;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Project, Record, Schema};

const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn artifacts(project: &Project, task: usize) -> Value {
    let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    json["tasks"][task]["artifacts"].clone()
}

/// Returns the paths of a kind of events, with what stands under a key.
fn of(record: &Record, kind: &str, key: &str) -> Vec<String> {
    let line = |event: &Value| format!("{} {}", event["path"].as_str().unwrap_or(""), event[key]);
    record.events(kind).into_iter().map(line).collect()
}

#[test]
fn files_are_noted_with_size_and_sum() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: |
      mkdir -p out/sub out/.hidden
      echo hello > out/b.txt; echo hello > out/sub/c.txt; : > out/a.txt
      echo hello > out/.hidden/x.txt; echo hello > out/.y.txt
      ln -s b.txt out/link.txt; ln -s nowhere out/dangling.txt; mkdir out/folder.txt
    dir: .
    artifacts: ['out/*.txt', 'out/**/*.txt', 'out/b.txt']
  b: {run: 'echo hello > z', dir: out, artifacts: [z, ../out/a.txt], needs: a}
"#,
    );
    project.file("out/.keep", "");
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    record.audit(&Rules::default());
    let schema = Schema::open("events");
    record.values.iter().for_each(|line| schema.accepts("a line", line));
    let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    Schema::open("run").accepts("the run", &json);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let file =
        |path: &str, size: u64, sha256: &str| json!({"path": path, "size": size, "sha256": sha256});
    assert_eq!(
        artifacts(&project, 0),
        json!([
            file("out/a.txt", 0, empty),
            file("out/b.txt", 6, HELLO),
            file("out/link.txt", 6, HELLO),
            file("out/sub/c.txt", 6, HELLO),
        ])
    );
    assert_eq!(
        artifacts(&project, 1),
        json!([file("../out/a.txt", 0, empty), file("z", 6, HELLO)])
    );
    let shown = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    shown.says(&format!("  artifact  out/b.txt  6 B  sha256 {HELLO}\n"));
}

#[test]
fn a_glob_that_matches_nothing_fails_the_task() {
    let project = Project::with(
        r#"
on_failure: isolate
tasks:
  none: {run: 'true', artifacts: ['dist/*.tar', 'other/*']}
  half: {run: 'echo x > there', artifacts: [there, 'not-there?']}
  folder: {run: 'mkdir -p folder; : > folder/x', artifacts: [folder]}
  bad: {run: 'exit 2', artifacts: [nothing]}
"#,
    );
    project
        .run(&["run", "--no-cute"])
        .exits(1)
        .complains("missing_artifact dist/*.tar: no file matches it")
        .complains("task `folder`: `folder` is a folder, which is no artifact; `folder/**` means");
    let record = project.record();
    record.audit(&Rules::default());
    assert_eq!(record.reason("none"), "missing_artifact(dist/*.tar)");
    assert_eq!(record.reason("half"), "missing_artifact(not-there?)");
    assert_eq!(record.reason("folder"), "missing_artifact(folder)");
    assert_eq!(record.reason("bad"), "exit(2)");
    assert!(record.events("task_artifact").is_empty());
}

#[test]
fn more_files_than_a_record_should_hold_fail_the_task() {
    let project = Project::with(
        "tasks:\n  a: {run: 'mkdir d; cd d; seq 10001 | xargs touch', artifacts: ['d/*']}\n",
    );
    project.run(&["run", "-q"]).exits(1);
    let reason = "artifact(`d/*` brings the files to more than 10000)";
    assert_eq!(project.record().reason("a"), reason);
}

#[test]
fn many_files_are_all_summed_up() {
    let project = Project::with(
        "tasks:\n  a: {run: 'mkdir d; cd d; seq 3000 | xargs touch', artifacts: ['d/*']}\n",
    );
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    record.audit(&Rules::default());
    assert_eq!(record.events("artifact_hashed").len(), 3000);
}

#[test]
fn what_another_task_changes_ends_no_run() {
    // Which of them is summed up before the second task comes is a matter of luck.
    let project = Project::with(
        r#"
tasks:
  a: {run: 'truncate -s 20M a-large; echo 1 > changed; echo 2 > gone', artifacts: [changed, gone, a-large]}
  b: {run: 'echo more >> changed; rm gone a-large; mkfifo a-large', needs: a}
"#,
    );
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    record.audit(&Rules::default());
    assert_eq!(of(&record, "task_artifact", "size"), ["a-large 20971520", "changed 2", "gone 2"]);
    assert_eq!(record.events("artifact_hashed").len(), 3);
    assert_eq!(record.status(), RunStatus::Completed);
}

#[test]
fn what_is_too_large_has_no_sum() {
    let project = Project::with("tasks:\n  a: {run: 'truncate -s 1073741825 x', artifacts: [x]}\n");
    project.run(&["run", "-q"]).exits(0);
    assert_eq!(
        artifacts(&project, 0),
        json!([{"path": "x", "size": 1_073_741_825_u64, "sha256": null}])
    );
}

#[test]
fn a_kill_does_not_wait_for_sums() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: for n in $(seq 2000); do truncate -s 1G "$n.bin"; done
    artifacts: ['*.bin']
  b: {run: 'touch begun; sleep 86400', needs: a}
"#,
    );
    let running = project.spawn(&["run", "-q"]);
    support::wait_for("the second task", || project.has("begun"));
    running.signal(Signal::QUIT);
    running.wait().dies_of(Signal::QUIT.as_raw());
    let record = project.record();
    record.audit(&Rules::default());
    assert!(record.events("artifact_hashed").len() < 2000, "a terabyte and more takes its time");
    assert_eq!(record.status(), RunStatus::Cancelled);
}

#[test]
fn a_stop_while_nothing_but_sums_is_left_keeps_the_result() {
    let project = Project::with(
        "tasks:\n  a: {run: 'for n in $(seq 9000); do echo $n; done | xargs truncate -s 20M', artifacts: ['[0-9]*']}\n",
    );
    let mut running = project.spawn(&["run"]);
    running.wait_to_complain("all tasks have ended; ");
    running.signal(Signal::TERM);
    running.wait();
    let record = project.record();
    record.audit(&Rules::default());
    assert_eq!(record.status(), RunStatus::Completed, "all its tasks had ended");
}
