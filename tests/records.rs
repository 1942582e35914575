//! Records of real runs, looked back at: large ones, damaged ones, foreign things beside them.

mod support;

use support::Project;

/// Returns a flow of tasks that need each other in a row, the first of which fails.
fn chain(n_tasks: usize) -> String {
    let mut flow = "tasks:\n  t0: exit 3\n".to_owned();
    for n in 1..n_tasks {
        flow.push_str(&format!("  t{n}: {{run: 'true', needs: t{}}}\n", n - 1));
    }
    flow
}

#[test]
fn a_long_chain_of_reasons_is_told_by_its_two_ends() {
    let project = Project::with(&chain(3000));
    project.run(&["run", "-q"]).exits(1);
    let why = project.run(&["runs", "show", "latest", "--why", "t2999"]).exits(0).stdout;
    let lines: Vec<&str> = why.lines().map(str::trim_start).collect();
    assert_eq!(lines[0], "SKIPPED t2999  upstream(t2998)");
    assert_eq!(lines[1], "because SKIPPED t2998  upstream(t2997)");
    assert_eq!(lines[20], "… and 2960 more, each because of the next …");
    assert_eq!(lines[21], "because SKIPPED t19  upstream(t18)");
    assert_eq!(lines[40], "because FAILED t0  exit(3)");
    assert!(lines[42].starts_with("exit 3"), "{why}");
    assert_eq!(lines.len(), 43);
}

#[test]
fn what_only_has_a_name_like_a_run_hides_no_run() {
    let mut project = Project::with("tasks: {a: 'true'}\n");
    project.run(&["run", "-q"]).exits(0);
    project.damages_records();
    let runs = project.dir().join(".pyoco/runs");
    std::fs::write(runs.join("ff000000-0000-7000-8000-000000000001"), "").expect("to write");
    std::os::unix::fs::symlink("/etc", runs.join("ff000000-0000-7000-8000-000000000002"))
        .expect("to link");
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!(shown["status"], "COMPLETED");
    project.run(&["runs", "prune", "--keep", "1"]).exits(0).complains("removed 0 runs");
    project.run(&["runs", "show", "latest"]).exits(0);
    let listed = project.run(&["runs", "list"]).exits(0).says("COMPLETED");
    assert!(listed.stderr.starts_with("warning: `"), "{listed:?}");
    listed.complains("/ff000000-0000-7000-8000-000000000002` is a link, and is not read\n");
}

#[test]
fn a_run_that_cannot_be_removed_is_told() {
    let mut project = Project::with("tasks: {a: 'true'}\n");
    for _ in 0..2 {
        project.run(&["run", "-q"]).exits(0);
    }
    let records = project.records();
    let (old, new) = (&records[0].run_id, &records[1].run_id);
    // Something has the name under which it would be removed.
    project.damages_records();
    let taken = project.dir().join(format!(".pyoco/runs/.gone-{new}"));
    std::fs::write(&taken, "").expect("to write");
    let pruned = project.run(&["runs", "prune", "--keep", "0"]).exits(2);
    assert!(pruned.stderr.starts_with("error: cannot remove `"), "{}", pruned.stderr);
    assert!(pruned.stdout.starts_with(&old.to_string()), "{}", pruned.stdout);
    assert_eq!(pruned.stdout.lines().count(), 1);
    let left = project.run(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(left[0]["run_id"], new.to_string());
    assert_eq!(left.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_list_of_none_says_so() {
    let project = Project::with("tasks: {a: 'true'}\n");
    project.run(&["run", "-q"]).exits(0);
    let listed = project.run(&["runs", "list", "--limit", "0"]).exits(0);
    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.as_str()),
        ("", "… and older ones; --limit shows more\n")
    );
}

#[test]
fn a_timeout_is_told_once() {
    let project = Project::with("tasks: {a: {run: sleep 86400, timeout: 1ms}}\n");
    project.run(&["run", "-q"]).exits(1);
    let shown = project.run(&["runs", "show", "latest"]).exits(0).stdout;
    let line = shown.lines().find(|line| line.starts_with("  timeout after "));
    assert!(line.is_some_and(|line| line.matches("after").count() == 1), "{shown}");
}

#[test]
fn a_run_whose_record_broke_is_lost_and_nothing_is_said_of_a_death() {
    let mut project = Project::with("tasks: {a: 'true'}\n");
    project.run(&["run", "-q"]).exits(0);
    project.damages_records();
    let events = project.record().dir.join("events.jsonl");
    let text = std::fs::read_to_string(&events).expect("the record can be read");
    let (head, _) = text.split_once("\n{\"v\":1,\"seq\":4").expect("a fourth line");
    std::fs::write(&events, format!("{head}\n")).expect("to write");
    let shown = project.run(&["runs", "show", "latest"]).exits(0).stdout;
    let lost = "  lost      its runner is gone; the tasks are shown as it last recorded them\n";
    assert!(shown.contains(lost), "{shown}");
}

#[test]
fn the_exit_of_every_attempt_is_decoded() {
    let project = Project::with(
        "tasks:\n  a:\n    retry: {max: 2, delay: 1ms}\n    run: |\n      \
         case $PYOCO_ATTEMPT in 1) kill -9 $$ ;; 2) exit 126 ;; esac; nosuchprogram\n",
    );
    project.run(&["run", "-q", "-o", "none"]).exits(1);
    let shown = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    let shown = shown.says("  exit      signal SIGKILL, often out of memory");
    let shown = shown.says("  exit      126 = not executable\n");
    shown.says("  exit      127 = not found: nosuchprogram");
}
