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
