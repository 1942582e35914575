//! `pyoco shell`: the caller's shell where a task runs, with what the task sees.

mod support;

use std::fs;

use support::{Outcome, Project};

const FLOW: &str = r#"
name: release
secrets: [params.token]
params:
  mode: {type: enum, values: [fast, slow], default: fast}
  items: {type: list, default: [a]}
  token: {default: open sesame}
pools: {port: [8001, 8002]}
env: {GREETING: "it's", TOKEN: "${{ params.token }}"}
tasks:
  build:
    dir: sub
    outputs: [version]
    run: echo version=1.2 >> "$PYOCO_OUTPUT"
  test:
    matrix: {os: [linux, mac]}
    pool: port
    env: {WHERE: "${{ params.mode }}-${{ matrix.os }}"}
    run: 'true'
  deploy:
    needs: build
    env: {VERSION: "v${{ tasks.build.outputs.version }}"}
    run: 'true'
  broken: {run: exit 3, env: {HOW: "${{ tasks.build.state }}"}, needs: build}
finally:
  clean: {run: 'true', env: {STOOD: "${{ run.status }}"}}
"#;

fn project() -> Project {
    let mut project = Project::with(FLOW);
    fs::create_dir(project.dir().join("sub")).expect("ours");
    project.env("SHELL", "/bin/sh");
    project
}

/// Lets the shell of a task run a script.
#[track_caller]
fn script(project: &Project, words: &[&str], script: &str) -> Outcome {
    project.run_with_input(&[&["shell"], words].concat(), script.as_bytes())
}

#[test]
fn the_shell_stands_where_the_task_runs() {
    let project = project();
    let outcome = script(&project, &["build"], "pwd; echo \"$GREETING $PYOCO_TASK\"; exit 7");
    let dir = project.dir().display();
    let outcome = outcome.exits(7);
    assert_eq!(outcome.stdout, format!("{dir}/sub\nit's build\n"));
    assert_eq!(outcome.stderr, format!("pyoco: task build of release, in {dir}/sub\n"));
    assert!(!project.has(".pyoco"), "nothing is recorded");
}

#[test]
fn params_members_and_pools_are_seen() {
    let project = project();
    let words = ["test[os=mac]", "-p", "mode=slow", "-e", "EXTRA=1"];
    let show = "echo \"$WHERE $PYOCO_MATRIX_OS $PYOCO_PARAM_MODE $PYOCO_POOL_PORT $EXTRA\"; \
                echo \"${PYOCO_RUN_ID-none}\"; test -w \"$PYOCO_OUTPUT\" && echo writable";
    let outcome = script(&project, &words, show).exits(0);
    assert_eq!(outcome.stdout, "slow-mac mac slow 8001 1\nnone\nwritable\n");
}

#[test]
fn with_a_run_come_its_params_and_outputs() {
    let project = project();
    project.run(&["run", "-k", "-p", "mode=slow", "-p", "items=x,y"]).exits(1);
    let record = project.record();
    let run_id = record.events("run_started")[0]["run_id"].as_str().expect("an id");
    let show = "echo \"$VERSION $PYOCO_PARAM_MODE $PYOCO_RUN_ID\"; echo \"$PYOCO_PARAM_ITEMS\"; \
                test -f \"$PYOCO_RUN_DIR/events.jsonl\" && echo \"${PYOCO_CANCEL_FILE-none}\"";
    let outcome = script(&project, &["deploy", "--run", "latest"], show).exits(0);
    assert_eq!(outcome.stdout, format!("v1.2 slow {run_id}\nx\ny\nnone\n"));
    let note = "keeps no values of secrets: they are `***` in `PYOCO_PARAM_TOKEN`, `TOKEN`\n";
    let outcome = outcome.complains(note).complains("of release after run ");
    assert_eq!(outcome.stderr.matches("***").count(), 1, "{outcome:?}");

    // What is said on the line wins, and nothing is masked any more.
    let words = ["deploy", "--run", "latest", "-p", "mode=fast", "-p", "token=another one"];
    let outcome = script(&project, &words, "echo \"$PYOCO_PARAM_MODE $TOKEN\"").exits(0);
    assert_eq!(outcome.stdout, "fast another one\n");
    assert!(!outcome.stderr.contains("***"), "{outcome:?}");

    let outcome = script(&project, &["broken", "--run", "latest"], "echo $HOW").exits(0);
    assert_eq!(outcome.stdout, "SUCCEEDED\n");
    let show = "echo \"$STOOD $PYOCO_STATUS $PYOCO_FAILED_TASKS\"";
    let outcome = script(&project, &["clean", "--run", "latest"], show).exits(0);
    assert_eq!(outcome.stdout, "FAILED FAILED broken\n");
}

#[test]
fn what_cannot_be_entered_is_said() {
    let project = project();
    let check = |words: &[&str], message: &str| {
        let outcome = script(&project, words, "echo entered").exits(2);
        assert_eq!(outcome.stdout, "", "{words:?}");
        assert_eq!(outcome.stderr, message, "{words:?}");
    };
    check(&["biuld"], "error: unknown task `biuld`\n  did you mean `build`?\n");
    check(
        &["test"],
        "error: `test` is 2 tasks\n  name one of them:\n  test[os=linux]\n  test[os=mac]\n",
    );
    check(
        &["deploy"],
        "error: `deploy` uses the output `version` of `build`, which only a run can tell\n  \
         no run of this flow is on record: run it first\n",
    );
    check(
        &["broken"],
        "error: `broken` uses how `build` has ended, which only a run can tell\n  \
         no run of this flow is on record: run it first\n",
    );
    fs::remove_dir(project.dir().join("sub")).expect("it is empty");
    let dir = project.dir().display();
    check(&["build"], &format!("error: `build` cannot start: no such folder: {dir}/sub\n"));
    assert_eq!(project.private_files(), Vec::<String>::new());
}

#[test]
fn a_run_that_lacks_the_output_is_named() {
    let project = project();
    project.run(&["run", "test"]).exits(0);
    let outcome = script(&project, &["deploy", "--run", "latest"], "").exits(2);
    outcome
        .complains("error: `deploy` cannot start: missing_output(build.version)\n")
        .complains("`pyoco runs show ");
    project.file("other.yaml", "tasks: {a: x}\n");
    let outcome = script(&project, &["a", "other.yaml", "--run", "latest"], "").exits(2);
    outcome.complains(" is one of `release`, and the file is `other`\n");
    // The newest run is of another flow by now.
    project.run(&["run", "other.yaml"]);
    let outcome = script(&project, &["deploy"], "").exits(2);
    let short = project.run(&["runs", "list", "--flow", "release", "--jsonl"]).exits(0).stdout;
    let run: serde_json::Value = serde_json::from_str(&short).expect("one line");
    let id = run["run_id"].as_str().expect("an id");
    let advice = format!("take it from one: `pyoco shell deploy --run {}`\n", &id[id.len() - 8..]);
    outcome.complains(&advice);
    let outcome = script(&project, &["deploy", "--run", "latest"], "").exits(2);
    outcome.complains("error: unknown task `deploy`\n").complains("/other.yaml`; name the FILE");
}

#[test]
fn a_shell_that_is_not_there_leaves_nothing() {
    let mut project = project();
    project.env("SHELL", "/no/such/shell");
    let outcome = script(&project, &["build"], "");
    outcome.exits(2).complains("error: cannot start the shell `/no/such/shell`: ");
    assert_eq!(project.private_files(), Vec::<String>::new());
}

#[test]
fn lines_to_source_hold_what_differs() {
    let mut project = project();
    project.env("SAME", "as it is").env("GREETING", "hello");
    let outcome = project.run(&["shell", "build", "--print"]).exits(0);
    assert!(!outcome.stdout.contains("SAME"), "{outcome:?}");
    assert_eq!(outcome.stderr, "", "a pipe is no screen: {outcome:?}");
    let dir = project.dir().display();
    assert!(outcome.stdout.ends_with(&format!("\ncd '{dir}/sub'\n")), "{outcome:?}");
    // The caller's environment wins over nothing that the file sets.
    let outcome = outcome.says("export GREETING='it'\\''s'\n");

    let mut shell = project.command_of("/bin/sh");
    shell.args(["-c", &format!("{}\npwd; echo \"$GREETING $TOKEN\"", outcome.stdout)]);
    let shown = shell.output().expect("there is a shell");
    assert_eq!(String::from_utf8_lossy(&shown.stdout), format!("{dir}/sub\nit's open sesame\n"));
}

#[test]
fn what_the_task_does_not_inherit_is_unset() {
    let mut project = Project::with("inherit_env: [PATH]\ntasks: {a: x}\n");
    project.env("EXTRA", "1");
    let outcome = project.run(&["shell", "a", "--print"]).exits(0).says("\nunset EXTRA\n");
    assert!(!outcome.stdout.contains("unset PATH"), "{outcome:?}");
}

#[test]
fn secrets_on_a_screen_are_warned_of() {
    let project = project();
    let outcome = project.terminal(&["shell", "build", "--print"]).finish().exits(0);
    let said = "warning: these lines show secrets: `PYOCO_PARAM_TOKEN`, `TOKEN`";
    assert!(outcome.stdout.contains(said), "{outcome:?}");
}

#[test]
fn on_a_terminal_the_shell_is_in_charge() {
    let mut project = project();
    project.env("PS1", "in the task> ");
    let mut terminal = project.terminal_of(24, 200, &["shell", "build"]);
    terminal.expect("pyoco: task build of release, in ");
    terminal.expect("; `exit` leaves");
    terminal.expect("in the task> ");
    // What it prints is not what stands on its line: it is in the foreground by then.
    terminal.type_line("sh -c 'echo under''way; exec sleep 86400'");
    terminal.expect("underway");
    terminal.press_control('c');
    terminal.expect("in the task> ");
    terminal.type_line("exit 9");
    terminal.finish().exits(9);
}
