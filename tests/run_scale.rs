//! Many tasks and many edges: the record stays in small lines, and nothing takes the square of a count.

mod support;

use pyoco::event::MAX_LINE;
use support::Project;

/// Returns the length of the longest line of the newest record.
fn longest_line(project: &Project) -> usize {
    let record = project.record();
    let bytes = std::fs::read(record.dir.join("events.jsonl")).expect("the record can be read");
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}

#[test]
fn two_thousand_tasks_run_and_are_recorded() {
    let tasks: String = (0..2000).map(|n| format!("  t{n}: {{cmd: ['true']}}\n")).collect();
    let project = Project::with(&format!("tasks:\n{tasks}"));
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    assert_eq!(record.values.last().expect("an end")["counts"]["succeeded"], 2000);
    assert_eq!(record.events("task_finished").len(), 2000);
}

#[test]
fn a_long_chain_is_dry_run_and_skipped_to_its_end() {
    let mut flow = "tasks:\n  t0: exit 1\n".to_owned();
    for n in 1..20_000 {
        flow.push_str(&format!("  t{n}: {{run: 'true', needs: t{}}}\n", n - 1));
    }
    let project = Project::with(&flow);
    let plan = project.run(&["run", "-n"]).exits(0).stdout;
    assert!(plan.starts_with("project: 20000 of 20000 tasks would run"), "{}", &plan[..200]);
    assert!(plan.contains("… and 19800 more; --limit 20000 shows all"), "{plan}");
    project.run(&["run", "-q"]).exits(1);
    assert_eq!(project.record().reason("t19999"), "upstream(t19998)");
    assert!(longest_line(&project) <= MAX_LINE);
}

/// Two layers of a thousand, every task of the second needing all of the first: a million edges.
fn check_layers(flow: &str) {
    let project = Project::with(flow);
    // All but two are left out, so that the declaration is whole and the run short.
    project.run(&["run", "-q", "--only", "a0", "--only", "b999"]).exits(0);
    let record = project.record();
    assert_eq!(record.view.tasks().len(), 2000);
    assert_eq!(record.names("task_started"), ["a0", "b999"]);
    let declared = record.events("tasks_declared");
    let same = |task: &serde_json::Value| task["same_needs_as"].is_number();
    let tasks = declared.iter().filter_map(|line| line["tasks"].as_array()).flatten();
    assert_eq!(tasks.filter(|task| same(task)).count(), 999);
    assert!(longest_line(&project) < 1 << 20);
}

fn layer(name: &str, separator: &str) -> String {
    (0..1000).map(|n| format!("{name}{n}")).collect::<Vec<_>>().join(separator)
}

#[test]
fn a_million_edges_by_notation_are_declared_in_small_lines() {
    let mut flow = format!("graph: ({}) >> ({})\ntasks:\n", layer("a", " & "), layer("b", " & "));
    for name in ["a", "b"] {
        (0..1000).for_each(|n| flow.push_str(&format!("  {name}{n}: 'true'\n")));
    }
    check_layers(&flow);
}

#[test]
fn a_million_edges_by_an_alias_are_declared_in_small_lines() {
    let mut flow = format!("x-all: &all [{}]\ntasks:\n", layer("a", ", "));
    (0..1000).for_each(|n| flow.push_str(&format!("  a{n}: 'true'\n")));
    (0..1000).for_each(|n| flow.push_str(&format!("  b{n}: {{run: 'true', needs: *all}}\n")));
    check_layers(&flow);
}

#[test]
fn a_wide_fan_is_declared_in_small_lines() {
    let mut flow = "tasks:\n  end:\n    run: 'true'\n    needs:\n".to_owned();
    let name = |n: u32| format!("a-task-with-quite-a-long-name-{n}");
    (0..20_000).for_each(|n| flow.push_str(&format!("      - {}\n", name(n))));
    (0..20_000).for_each(|n| flow.push_str(&format!("  {}: 'true'\n", name(n))));
    let project = Project::with(&flow);
    project.run(&["run", "-q", "--only", "end"]).exits(0);
    assert!(longest_line(&project) < 1 << 20);
    let needs = project.record();
    assert_eq!(needs.view.tasks().len(), 20_001);
}
