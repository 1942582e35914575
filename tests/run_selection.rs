//! What of a file a run is about: FILE and TASK words, `--only`, `--skip`, `default`, `--`, and the dry
//! run that tells it.

mod support;

use support::{Project, Running, same};

const FLOW: &str = "
tasks:
  fetch: echo fetch
  build: {run: echo build, needs: fetch}
  test: {run: echo test, needs: build}
  lint: {run: echo lint, needs: fetch}
  fallback: echo fallback
  either: {run: echo either, needs_any: [build, fallback]}
";

fn ran(args: &[&str]) -> String {
    let project = Project::with(FLOW);
    project.run(&[&["run", "-j1"], args].concat()).exits(0).stdout.replace('\n', " ")
}

#[test]
fn targets_run_with_all_that_they_need() {
    assert_eq!(ran(&[]), "fetch build test lint fallback either ");
    assert_eq!(ran(&["test"]), "fetch build test ");
    assert_eq!(ran(&["lint", "fallback"]), "fetch lint fallback ");
    // Every entry of a `needs_any` belongs to it.
    assert_eq!(ran(&["either"]), "fetch build fallback either ");
    assert_eq!(ran(&["pyoco.yaml", "lint"]), "fetch lint ");
    assert_eq!(ran(&["./pyoco.yaml", "fetch"]), "fetch ");
}

#[test]
fn what_is_not_selected_by_name_is_not_part_of_the_run() {
    let project = Project::with(FLOW);
    project.run(&["run", "-q", "test"]).exits(0);
    same(&project.record().ends(), "fetch SUCCEEDED\nbuild SUCCEEDED\ntest SUCCEEDED\n");
    assert_eq!(project.record().values[0]["n_tasks"], 3);
}

#[test]
fn only_and_skip_leave_out_and_count_as_satisfied() {
    assert_eq!(ran(&["--only", "test"]), "test ");
    assert_eq!(ran(&["--only", "t*", "--only", "?int"]), "test lint ");
    assert_eq!(ran(&["--skip", "build", "--skip", "f*"]), "test lint either ");
    assert_eq!(ran(&["--only", "*t*", "--skip", "either"]), "fetch test lint ");
    // They choose within the selection of the TASKs.
    assert_eq!(ran(&["test", "--skip", "fetch"]), "build test ");
    let project = Project::with(FLOW);
    project.run(&["run", "-q", "--only", "test"]).exits(0);
    same(
        &project.record().ends(),
        "fetch SKIPPED not_selected\nbuild SKIPPED not_selected\ntest SUCCEEDED\n\
         lint SKIPPED not_selected\nfallback SKIPPED not_selected\neither SKIPPED not_selected\n",
    );
}

#[test]
fn entries_left_out_are_dropped_from_needs_any() {
    let flow = "
tasks:
  bad: {run: exit 1, fail: continue}
  good: 'true'
  either: {run: echo either, needs_any: [bad, good]}
";
    let project = Project::with(flow);
    project.run(&["run", "-q", "--skip", "good"]).exits(0);
    // What was left out does not count as a success: the one that is left failed.
    let ends = "bad FAILED exit(1)\ngood SKIPPED not_selected\neither SKIPPED upstream(bad)\n";
    same(&project.record().ends(), ends);
    project.run(&["run", "-q", "--only", "either"]).exits(0);
    let ends = "bad SKIPPED not_selected\ngood SKIPPED not_selected\neither SUCCEEDED\n";
    same(&project.record().ends(), ends);
}

#[test]
fn names_and_globs_that_match_nothing_are_refused() {
    let project = Project::with(FLOW);
    let tell = |args: &[&str]| {
        let outcome = project.run(&[&["run"], args].concat()).exits(2);
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        outcome.stderr
    };
    same(&tell(&["tset"]), "error: unknown task `tset`\n  did you mean `test`?\n");
    same(
        &tell(&["zzzzzzzzzz"]),
        "error: unknown task `zzzzzzzzzz`\n  the tasks are: fetch, build, test, lint, fallback, \
         either\n",
    );
    same(
        &tell(&["--only", "tset"]),
        "error: `--only tset` matches no task\n  did you mean `test`?\n",
    );
    assert!(tell(&["--skip", "x*"]).contains("`--skip x*` matches no task"));
    // A glob looks within the TASKs.
    assert!(tell(&["test", "--only", "lint"]).contains("`--only lint` matches no task"));
    assert!(tell(&["--skip", "*"]).contains("nothing is left to run"));
    assert!(tell(&["test", "--only", "build", "--skip", "b*"]).contains("nothing is left to run"));
    assert!(!tell(&["a\u{1b}[2J"]).contains('\u{1b}'));
    // In a glob only `*` and `?` are special.
    assert!(tell(&["--only", "[tl]*"]).contains("matches no task"));
    assert!(project.records().is_empty());
}

#[test]
fn default_says_what_a_bare_run_is_for() {
    let project = Project::with(&format!("default: [lint, fallback]\n{FLOW}"));
    let run = |args: &[&str]| {
        project.run(&[&["run", "-j1"], args].concat()).exits(0).stdout.replace('\n', " ")
    };
    assert_eq!(run(&[]), "fetch lint fallback ");
    assert_eq!(run(&["build"]), "fetch build ");
    // `--only` and `--skip` without TASK choose among all tasks.
    assert_eq!(run(&["--only", "test"]), "test ");
    assert_eq!(run(&["--skip", "*t*"]), "build fallback ");
    let project = Project::with(&format!("default: test\n{FLOW}"));
    let outcome = project.run(&["run", "-j1"]).exits(0);
    assert_eq!(outcome.stdout, "fetch\nbuild\ntest\n");
}

#[test]
fn an_empty_default_prints_the_tasks() {
    let project = Project::with(&format!("default: []\n{FLOW}"));
    let outcome = project.run(&["run"]).exits(2);
    same(
        &outcome.stderr,
        "error: this file runs nothing by itself (`default: []`); name a task\n  fetch\n  build\n  \
         test\n  lint\n  fallback\n  either\n",
    );
    assert!(outcome.stdout.is_empty() && project.records().is_empty(), "{outcome:?}");
    assert_eq!(project.run(&["run", "fetch"]).exits(0).stdout, "fetch\n");
    assert_eq!(project.run(&["run", "--only", "lint"]).exits(0).stdout, "lint\n");
}

#[test]
fn words_after_two_dashes_reach_the_named_tasks() {
    let project = Project::with(
        r#"
tasks:
  before: 'echo "before $#"'
  shell: {run: 'printf "[%s]" "$@"; echo " $0"', needs: before}
  bash: {run: 'printf "[%s]" "$@"; echo " $#"', shell: bash}
  words: {cmd: [printf, '[%s]', first]}
  python: {run: 'import sys; print(sys.argv[1:])', shell: python}
  node: {run: 'console.log(JSON.stringify(process.argv.slice(1)))', shell: node}
  file: {run: 'printf "[%s]" "$@"', shell: [sh, '{0}']}
"#,
    );
    let run = |task: &str| {
        let args = ["run", "-j1", task, "--", "a b", "", "$HOME", "-n", "--", "x'\"`"];
        project.run(&args).exits(0).stdout
    };
    let words = "[a b][][$HOME][-n][--][x'\"`]";
    assert_eq!(run("shell"), format!("before 0\n{words} sh\n"));
    assert_eq!(run("bash"), format!("{words} 6\n"));
    assert_eq!(run("words"), format!("[first]{words}"));
    assert_eq!(run("python"), "['a b', '', '$HOME', '-n', '--', 'x\\'\"`']\n");
    assert_eq!(run("node"), "[\"a b\",\"\",\"$HOME\",\"-n\",\"--\",\"x'\\\"`\"]\n");
    assert_eq!(run("file"), words);
    let outcome = project.run(&["run", "--", "x"]).exits(2);
    outcome.complains("words after `--` go to the tasks that are named");
    project.run(&["run", "pyoco.yaml", "--only", "shell", "--", "x"]).exits(2);
}

#[test]
fn a_long_script_gets_its_words_too() {
    let padding = "# padding\n".repeat(12_000);
    let script: String = padding.lines().map(|line| format!("      {line}\n")).collect();
    let project = Project::with(&format!(
        "tasks:\n  long:\n    run: |\n{script}      printf '[%s]' \"$@\"\n"
    ));
    let outcome = project.run(&["run", "long", "--", "a b", ""]).exits(0);
    assert_eq!(outcome.stdout, "[a b][]");
}

#[test]
fn the_file_is_searched_upwards() {
    let project = Project::with("tasks:\n  where: 'pwd; echo \"$PYOCO_CALLER_DIR\"'\n");
    project.file("a/b/c/.keep", "");
    let mut command = project.command(&["run"]);
    command.current_dir(project.dir().join("a/b/c"));
    let outcome = Running::spawn(command).wait().exits(0);
    // Tasks stand in the file's folder, wherever they were called from.
    assert_eq!(project.redact(&outcome.stdout), "[DIR]\n[DIR]/a/b/c\n");
    assert!(project.has(".pyoco/runs") && !project.has("a/b/c/.pyoco"));
    let outcome = Project::new().run(&["run"]).exits(2);
    outcome.complains("pyoco.yaml");
}

#[test]
fn every_spelling_of_the_file_is_found() {
    for (name, text) in
        [("pyoco.yml", "tasks:\n  a: echo yml\n"), ("pyoco.toml", "[tasks]\na = 'echo toml'\n")]
    {
        let project = Project::new();
        project.file(name, text);
        let outcome = project.run(&["run"]).exits(0);
        assert_eq!(outcome.stdout.trim(), name.split_once('.').expect("a dot").1);
    }
}

#[test]
fn a_word_is_a_file_by_its_looks() {
    let project = Project::new();
    project.file("one.yaml", "tasks:\n  a: echo one\n  b.yaml: echo two\n");
    project.file("deep/one.toml", "tasks.a = 'echo three'\n");
    project.file("plain/flow", "tasks:\n  a: echo four\n");
    let run = |args: &[&str]| project.run(&[&["run", "-j1"], args].concat()).exits(0).stdout;
    assert_eq!(run(&["one.yaml", "b.yaml"]), "two\n");
    assert_eq!(run(&["deep/one.toml"]), "three\n");
    project.run(&["run", "plain/flow"]).exits(2).complains("`plain/flow`");
    let outcome = project.run_with_input(&["run", "-", "a"], b"tasks:\n  a: pwd\n");
    assert_eq!(project.redact(&outcome.exits(0).stdout), "[DIR]\n");
}

#[test]
fn a_dry_run_tells_and_runs_nothing() {
    let project = Project::with(FLOW);
    let outcome = project.run(&["run", "-n", "-j2", "either", "lint", "--skip", "build"]).exits(0);
    same(
        &outcome.stdout,
        "project: 4 of 6 tasks would run, at most 2 at once
wave 1: 2 side by side
   1  fetch     needed by lint
   2  fallback  needed by either
wave 2: 2 side by side
   3  lint      after fetch; named
   4  either    after one of build, fallback; named
would not run:
      build  left out by `--skip build`; counts as satisfied
      test   not part of the selection
critical path (2 tasks): fetch → lint
expected: unknown, no COMPLETED run of this flow is on record
",
    );
    assert!(outcome.stderr.is_empty() && !project.has(".pyoco"), "{outcome:?}");
}
