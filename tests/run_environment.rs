//! The environment and the folder of a task, and runs inside of runs.

mod support;

use support::{Project, Running, same};

#[test]
fn the_environment_has_its_levels() {
    let mut project = Project::with(
        r#"
env: {A: flow, B: flow, C: flow, EMPTY: "", OCTAL: 010}
defaults: {env: {B: defaults, C: defaults}}
tasks:
  a: {run: 'echo "$INHERITED $A $B $C [$EMPTY] $OCTAL"', env: {C: task}}
  b: 'echo "$INHERITED $A $B $C"'
"#,
    );
    project.env("INHERITED", "caller").env("A", "caller").env("EMPTY", "caller");
    let outcome = project.run(&["run", "-j1"]).exits(0);
    assert_eq!(outcome.stdout, "caller flow defaults task [] 010\ncaller flow defaults defaults\n");
}

#[test]
fn pyoco_tells_a_task_where_it_is() {
    let mut project = Project::with(
        r#"
name: my flow
env: {PYOCO_TASK: from-file}
tasks:
  a.b: env | grep ^PYOCO_ | sort
"#,
    );
    // What an outer run or a careless caller has set does not leak.
    for name in [
        "PYOCO_OUTPUT",
        "PYOCO_STATUS",
        "PYOCO_FAILED_TASKS",
        "PYOCO_PARENT_RUN",
        "PYOCO_PARAM_X",
        "PYOCO_MATRIX_X",
        "PYOCO_POOL_X",
        "PYOCO_SERVER",
        "PYOCO_TOKEN",
        "PYOCO_TASK",
        "PYOCO_ATTEMPT",
        "PYOCO_RUN_DIR",
        "PYOCO_CANCEL_FILE",
    ] {
        project.env(name, "outer");
    }
    project.file("deep/.keep", "");
    let mut command = project.command(&["run", "-q", "-o", "stream"]);
    command.current_dir(project.dir().join("deep"));
    let outcome = Running::spawn(command).wait().exits(0);
    let text = project.redact(&outcome.stdout).replace(env!("CARGO_BIN_EXE_pyoco"), "[EXE]");
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("PYOCO_TEST_MARK"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    same(
        &text,
        "PYOCO_ATTEMPT=1
PYOCO_CALLER_DIR=[DIR]/deep
PYOCO_CANCEL_FILE=[DIR]/.pyoco/runs/[RUN]/cancel
PYOCO_EXE=[EXE]
PYOCO_FILE_DIR=[DIR]
PYOCO_FLOW=my flow
PYOCO_OUTPUT=[DIR]/.pyoco/runs/[RUN]/output/0000-1
PYOCO_PARENT_GRACE=1500ms
PYOCO_RUN_DIR=[DIR]/.pyoco/runs/[RUN]
PYOCO_RUN_ID=[RUN]
PYOCO_STATE_DIR=[DIR]/.pyoco
PYOCO_TASK=a.b
",
    );
    let run_id = project.record().run_id.to_string();
    assert!(outcome.stdout.contains(&format!("PYOCO_RUN_ID={run_id}\n")));
}

#[test]
fn relative_folders_start_at_the_file() {
    let project = Project::new();
    project.file(
        "flows/f.yaml",
        "tasks:\n  a: pwd\n  b: {run: pwd, dir: sub}\n  c: {run: pwd, dir: /}\n",
    );
    project.file("flows/sub/.keep", "");
    project.file("sub/.keep", "");
    let outcome = project.run(&["run", "flows/f.yaml", "-j1"]).exits(0);
    assert_eq!(project.redact(&outcome.stdout), "[DIR]/flows\n[DIR]/flows/sub\n/\n");
    // From standard input they start at the caller's folder.
    let text = project.read("flows/f.yaml");
    let outcome = project.run_with_input(&["run", "-", "-j1"], text.as_bytes()).exits(0);
    assert_eq!(project.redact(&outcome.stdout), "[DIR]\n[DIR]/sub\n/\n");
    let mut command = project.command_of("bash");
    let script = "\"$0\" run <(cat flows/f.yaml) -j1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    let outcome = Running::spawn(command).wait().exits(0);
    assert_eq!(project.redact(&outcome.stdout), "[DIR]\n[DIR]/sub\n/\n");
}

#[test]
fn an_inner_run_names_its_parent() {
    let project = Project::with("tasks:\n  outer: '\"$PYOCO_EXE\" run inner/inner.yaml'\n");
    project.file("inner/inner.yaml", "tasks:\n  a: 'echo \"$PYOCO_PARENT_RUN $PYOCO_RUN_ID\"'\n");
    let outcome = project.run(&["run"]).exits(0);
    let records = project.records();
    let [outer, inner] = &records[..] else { panic!("{} records", records.len()) };
    assert_eq!(inner.values[0]["parent_run"], outer.run_id.to_string());
    assert!(outer.values[0]["parent_run"].is_null());
    assert_eq!(outcome.stdout, format!("{} {}\n", outer.run_id, inner.run_id));
}
