//! Values that tasks hand on: `outputs`, `capture`, `$PYOCO_OUTPUT`.

mod support;

use std::fs;

use pyoco::event::Rules;
use pyoco::model::{RunStatus, TaskState};
use support::{Project, Record, Schema, wait_for};

/// Returns the values of the record, as `task.name=value`.
fn values(record: &Record) -> Vec<String> {
    let line = |event: &serde_json::Value| {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        format!("{}.{}={}", text("name"), text("output"), text("value"))
    };
    record.events("task_output").into_iter().map(line).collect()
}

/// Requires that the run has left no file of values.
#[track_caller]
fn require_no_files(project: &Project) {
    for entry in fs::read_dir(project.dir().join(".pyoco/runs")).expect("there are runs") {
        let folder = entry.expect("an entry").path().join("output");
        assert!(!folder.exists(), "{} is left", folder.display());
    }
}

#[test]
fn values_are_taken_recorded_and_shown() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: |
      echo "version=1.2=3" >> "$PYOCO_OUTPUT"
      { echo 'notes<<END'; echo one; echo; echo two=2; echo END; } >> "$PYOCO_OUTPUT"
      echo 'version=1.3' >> "$PYOCO_OUTPUT"
      printf 'empty=\r\n' >> "$PYOCO_OUTPUT"
    outputs: [version, notes, empty]
  b: {run: 'printf "  hello\n\n"; echo oops >&2', capture: greeting}
  c: {run: ':', capture: nothing, needs: [a, b]}
"#,
    );
    project.run(&["run", "-o", "stream"]).exits(0).says("  hello");
    let record = project.record();
    record.audit(&Rules::default());
    let mut found = values(&record);
    found.sort();
    let expected =
        ["a.empty=", "a.notes=one\n\ntwo=2", "a.version=1.3", "b.greeting=hello", "c.nothing="];
    assert_eq!(found, expected);
    assert_eq!(record.log("b", 1), b"  hello\n\noops\n", "what is captured is logged all the same");
    let schema = Schema::open("events");
    record.values.iter().for_each(|line| schema.accepts("a line", line));
    let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    Schema::open("run").accepts("the run", &json);
    assert_eq!(json["tasks"][0]["outputs"]["notes"], "one\n\ntwo=2");
    let shown = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    shown.says("  value     notes=one\\n\\ntwo=2\n").says("  value     version=1.3\n");
    require_no_files(&project);
}

#[test]
fn the_library_offers_the_values_in_the_fold() {
    use pyoco::engine::Engine;
    use pyoco::spec::{FlowBuilder, TaskBuilder};
    let dir = tempfile::tempdir().expect("a folder");
    let flow = FlowBuilder::new("x")
        .base_dir(dir.path())
        .task(TaskBuilder::run("a", "echo v=1 >> $PYOCO_OUTPUT").outputs(["v"]))
        .task(TaskBuilder::run("b", "echo x; echo y > f").capture("w").artifacts(["f"]))
        .build()
        .expect("a sound flow");
    let view = Engine::new().start(&flow).expect("it starts").wait();
    assert_eq!(view.tasks()[0].results().get("v"), Some("1"));
    assert_eq!(view.tasks()[1].results().get("w"), Some("x"));
    assert_eq!(view.tasks()[1].results().file("f").map(|file| file.size), Some(2));
}

#[test]
fn a_broken_promise_fails_the_task() {
    let project = Project::with(
        r#"
on_failure: isolate
tasks:
  none: {run: 'true', outputs: [v]}
  other: {run: 'echo w=1 >> "$PYOCO_OUTPUT"', outputs: [w, v]}
  gone: {run: 'rm "$PYOCO_OUTPUT"', outputs: [v]}
  bad: {run: 'echo v=1 >> "$PYOCO_OUTPUT"; exit 3', outputs: [v]}
  dependent: {run: 'true', needs: none}
"#,
    );
    project.run(&["run", "-q"]).exits(1);
    let record = project.record();
    record.audit(&Rules::default());
    for name in ["none", "other", "gone"] {
        assert_eq!(record.reason(name), "missing_output(v)", "{name}");
    }
    assert_eq!(record.reason("bad"), "exit(3)");
    assert_eq!(record.reason("dependent"), "upstream(none)");
    assert!(values(&record).is_empty(), "who fails hands nothing on");
    require_no_files(&project);
}

#[test]
fn what_is_no_file_of_values_fails_with_its_place() {
    for (script, reason) in [
        (
            "echo hello >> $PYOCO_OUTPUT",
            "line 1 of $PYOCO_OUTPUT is neither `name=value` nor `name<<WORD`",
        ),
        (
            "echo 'v<<E' >> $PYOCO_OUTPUT",
            "line 1 of $PYOCO_OUTPUT begins a value that no line `E` ends",
        ),
        (r"printf 'v=1\nw=\377\n' >> $PYOCO_OUTPUT", "line 2 of $PYOCO_OUTPUT is not UTF-8"),
        (
            r"printf 'v=a\0b\n' >> $PYOCO_OUTPUT",
            "line 1 of $PYOCO_OUTPUT holds a NUL character, which no variable can hold",
        ),
        (
            "head -c 70000 /dev/zero | tr '\\0' x | sed 's/^/v=/' >> $PYOCO_OUTPUT",
            "line 1 of $PYOCO_OUTPUT gives `v` a value of 70000 bytes; 65536 is the most",
        ),
        (
            "yes v=1 | head -c 1048577 >> $PYOCO_OUTPUT",
            "$PYOCO_OUTPUT holds more than 1048576 bytes",
        ),
        ("truncate -s 10G $PYOCO_OUTPUT", "$PYOCO_OUTPUT holds more than 1048576 bytes"),
        (
            "rm $PYOCO_OUTPUT; mkfifo $PYOCO_OUTPUT",
            "cannot read $PYOCO_OUTPUT: it is not a regular file",
        ),
        (
            "rm $PYOCO_OUTPUT; mkdir $PYOCO_OUTPUT",
            "cannot read $PYOCO_OUTPUT: it is not a regular file",
        ),
        (
            "rm $PYOCO_OUTPUT; ln -s /etc/passwd $PYOCO_OUTPUT",
            "cannot read $PYOCO_OUTPUT: Too many levels of symbolic links (os error 40)",
        ),
    ] {
        let project = Project::new();
        let quoted = script.replace('\'', "''");
        project.file("pyoco.yaml", format!("tasks: {{a: {{run: '{quoted}', outputs: [v]}}}}\n"));
        project.run(&["run", "-q"]).exits(1);
        let record = project.record();
        record.audit(&Rules::default());
        if script.contains("ln -s") && !cfg!(target_os = "linux") {
            assert!(record.reason("a").starts_with("output("), "{script}");
        } else {
            assert_eq!(record.reason("a"), format!("output({reason})"), "{script}");
        }
        require_no_files(&project);
    }
}

#[test]
fn what_cannot_be_captured_fails() {
    for (script, reason) in [
        (r"printf 'a\0b'", "standard output holds a NUL character, which no variable can hold"),
        (r"printf '\377'", "standard output is not UTF-8"),
        (
            "head -c 200000 /dev/zero | tr '\\0' x",
            "standard output is longer than the 65536 bytes that a value may have",
        ),
    ] {
        let project = Project::new();
        let quoted = script.replace('\'', "''");
        project.file("pyoco.yaml", format!("tasks: {{a: {{run: '{quoted}', capture: v}}}}\n"));
        project.run(&["run", "-q"]).exits(1).complains(reason);
        assert_eq!(project.record().reason("a"), format!("output({reason})"));
    }
}

#[test]
fn what_was_not_promised_is_told_and_nothing_more() {
    let project = Project::with(
        r#"
tasks:
  a: {run: 'printf "v=1\nw=2\n" >> "$PYOCO_OUTPUT"', outputs: [v]}
  b: {run: 'echo x=1 >> "$PYOCO_OUTPUT"'}
  c: {run: 'echo y=1 >> "$PYOCO_OUTPUT"; echo y', capture: y}
"#,
    );
    let outcome = project
        .run(&["run", "--no-cute"])
        .exits(0)
        .complains("task `a` wrote what it does not promise: `w`; name it in `outputs`")
        .complains("task `b` wrote what it does not promise: `x`; name it in `outputs`")
        .complains("task `c` wrote `y` to $PYOCO_OUTPUT too; its standard output counts");
    drop(outcome);
    let mut found = values(&project.record());
    found.sort();
    assert_eq!(found, ["a.v=1", "c.y=y"]);
}

#[test]
fn each_attempt_begins_with_an_empty_file() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: |
      if [ "$PYOCO_ATTEMPT" = 1 ]; then echo v=1 >> "$PYOCO_OUTPUT"; exit 1; fi
      test -f "$PYOCO_OUTPUT"; test ! -s "$PYOCO_OUTPUT"
      if [ "$PYOCO_ATTEMPT" = 3 ]; then echo v=3 >> "$PYOCO_OUTPUT"; fi
    outputs: [v]
    retry: {max: 2, delay: 1ms}
  b: {run: 'echo x >> tries', outputs: [v], retry: {max: 2, delay: 1ms, codes: [1, 2]}, fail: continue}
"#,
    );
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    record.audit(&Rules::default().may_fail("b"));
    assert_eq!(values(&record), ["a.v=3"]);
    let retried: Vec<&str> = record
        .events("task_retrying")
        .iter()
        .filter_map(|event| event["reason"].as_str())
        .collect();
    assert_eq!(retried, ["exit(1)", "missing_output(v)"]);
    assert_eq!(project.read("tries"), "x\n", "a code that is good is none of `codes`");
}

#[test]
fn two_writers_at_once_leave_whole_lines() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: |
      (for n in $(seq 300); do echo "x$n=$n" >> "$PYOCO_OUTPUT"; done) &
      for n in $(seq 300); do echo "v=$n" >> "$PYOCO_OUTPUT"; done
      wait
    outputs: [v, x300]
"#,
    );
    project.run(&["run", "-q"]).exits(0);
    assert_eq!(values(&project.record()).len(), 2);
}

#[test]
fn a_secret_is_masked_in_the_record_alone() {
    let mut project = Project::with(
        r#"
secrets: [TOKEN]
on_failure: isolate
tasks:
  a: {run: 'echo "v=<$TOKEN>" >> "$PYOCO_OUTPUT"; echo "$TOKEN" > "f-$TOKEN"', outputs: [v], artifacts: ['f-*']}
  b: {run: 'echo "$TOKEN"', capture: w}
  c: {run: 'echo "$TOKEN<<E" >> "$PYOCO_OUTPUT"', outputs: [x]}
"#,
    );
    project.env("TOKEN", "tok-5f3a9c");
    let outcome = project.run(&["run", "--no-cute"]).exits(1);
    let record = project.record();
    record.audit(&Rules::default());
    let mut found = values(&record);
    found.sort();
    assert_eq!(found, ["a.v=<***>", "b.w=***"]);
    assert_eq!(record.events("task_artifact")[0]["path"], "f-***");
    assert!(record.events("artifact_hashed")[0]["sha256"].is_string());
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0);
    let events = project.run(&["runs", "show", "latest", "--events"]).exits(0);
    for text in [&outcome.stdout, &outcome.stderr, &shown.stdout, &events.stdout] {
        assert!(!text.contains("tok-5f3a9c"), "{text}");
    }
    require_no_files(&project);
}

#[test]
fn who_sees_the_cancel_and_leaves_is_cancelled() {
    let project = Project::with(
        r#"
tasks:
  a:
    run: |
      touch begun
      until [ -e "$PYOCO_CANCEL_FILE" ]; do sleep 0.02; done
    outputs: [v]
  b: {run: 'until [ -e "$PYOCO_CANCEL_FILE" ]; do sleep 0.02; done', artifacts: [no*]}
  c: {run: 'until [ -e "$PYOCO_CANCEL_FILE" ]; do sleep 0.02; done; echo x', capture: v}
"#,
    );
    let running = project.spawn(&["run", "-q", "-j3"]);
    wait_for("the task", || project.has("begun"));
    project.run(&["runs", "cancel", "latest"]).exits(0);
    running.wait().exits(130);
    let record = project.record();
    record.audit(&Rules::default());
    assert_eq!(record.status(), RunStatus::Cancelled);
    assert_eq!((record.state("a"), &*record.reason("a")), (TaskState::Cancelled, "cancelled"));
    assert_eq!(record.state("b"), TaskState::Cancelled);
    assert_eq!(record.state("c"), TaskState::Succeeded);
}

#[test]
fn tasks_go_on_where_the_run_folder_was_taken_away() {
    let project = Project::with(
        r#"
tasks:
  a: rm -rf "$PYOCO_RUN_DIR"
  b: {run: 'echo v=1 >> "$PYOCO_OUTPUT"', outputs: [v], needs: a}
  c: {run: 'echo v=2 >> "$PYOCO_OUTPUT"', outputs: [v], needs: b}
"#,
    );
    project.run(&["run", "-q"]).exits(0);
    let project = Project::with(
        r#"
tasks:
  a: 'cd "$PYOCO_RUN_DIR"; rmdir output; : > output'
  b: {run: 'echo v=1 >> "$PYOCO_OUTPUT"', outputs: [v], needs: a}
"#,
    );
    project.run(&["run", "-q"]).exits(0);
    assert_eq!(values(&project.record()), ["b.v=1"]);
}

#[test]
fn there_is_a_file_without_a_record_too() {
    let project = Project::with(
        "tasks:\n  a: {run: 'echo v=1 >> \"$PYOCO_OUTPUT\"; dirname \"$PYOCO_OUTPUT\"', outputs: [v]}\n",
    );
    let outcome = project.run(&["run", "-q", "--no-record"]).exits(0);
    assert!(!std::path::Path::new(outcome.stdout.trim()).exists());
}
