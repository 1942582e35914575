//! `check`, `explain` and the schema of what `check` prints, through the binary.

mod support;

use serde_json::Value;
use support::{Project, Schema};

const WRONG: &str = "tasks:\n  a: {rnu: 'x, y: 100%'}\n  b: {run: x, needs: [a, a]}\n";

#[test]
fn annotations_of_github_stand_on_standard_output() {
    let project = Project::new();
    project.file("a.yaml", WRONG);
    let outcome = project.run(&["check", "--format", "github", "a.yaml"]).exits(2);
    assert_eq!(
        outcome.stdout,
        "::error file=a.yaml,line=2,endLine=2,col=7,endColumn=10,title=E0101::unknown key `rnu` in a task; \
         did you mean `run`?%0Ahelp: write `run`\n\
         ::warning file=a.yaml,line=3,endLine=3,col=26,endColumn=27,title=W0001::`a` is there twice in \
         `needs`%0Ahelp: remove one of the two\n"
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn what_github_would_take_for_its_own_is_escaped() {
    let project = Project::new();
    project.file("a, b:c%.yaml", "tasks:\n  a: ls\n  b: {run: x, needs: ['100%\\n::error::x']}\n");
    let outcome = project.run(&["check", "--format", "github", "a, b:c%.yaml"]).exits(2);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("::error file=a%2C b%3Ac%25.yaml,line=3,"), "{lines:?}");
    assert!(lines[0].contains("100%25"), "{lines:?}");
}

#[test]
fn a_file_that_is_not_there_is_an_annotation_without_a_place() {
    let project = Project::new();
    let outcome = project.run(&["check", "--format", "github", "no.yaml"]).exits(2);
    assert!(
        outcome.stdout.starts_with("::error title=E0001::there is no file `no.yaml`"),
        "{outcome:?}"
    );
}

#[test]
fn several_files_are_checked_and_all_of_them_are_told() {
    let project = Project::new();
    project.file("good.yaml", "tasks: {a: ls}\n");
    project.file("wrong.yaml", WRONG);
    project.file("warned.toml", "[tasks]\na = 'ls'\nb = { run = 'ls', needs = ['a', 'a'] }\n");
    let outcome = project.run(&["check", "good.yaml", "wrong.yaml", "warned.toml"]).exits(2);
    assert_eq!(outcome.stdout, "good.yaml: ok, 1 task\nwarned.toml: ok, 2 tasks\n");
    for told in ["error: 1 error, 1 warning in wrong.yaml", "warning: 1 warning in warned.toml"] {
        assert!(outcome.stderr.contains(told), "{outcome:?}");
    }
    project.run(&["check", "good.yaml", "warned.toml"]).exits(0);
    project.run(&["check", "--strict", "good.yaml", "warned.toml"]).exits(2);
    project.run(&["check", "--strict", "--format", "github", "warned.toml"]).exits(2);
}

#[test]
fn what_check_prints_fits_its_schema() {
    let project = Project::new();
    let printed = project.run(&["schema", "check"]).exits(0).stdout;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/check.schema.json");
    let committed = std::fs::read_to_string(path).expect("it is committed");
    assert_eq!(printed, committed, "write it: pyoco schema check > schemas/check.schema.json");
    let schema = Schema::open("check");
    project.file("good.yaml", "tasks: {a: ls}\n");
    project.file("wrong.yaml", WRONG);
    project.file("cycle.yaml", "tasks:\n  a: {run: x, needs: b}\n  b: {run: x, needs: a}\n");
    let files = ["good.yaml", "wrong.yaml", "cycle.yaml", "no.yaml"];
    let outcome = project.run(&[&["check", "--json"][..], &files].concat()).exits(2);
    let document: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(document.as_array().map(Vec::len), Some(4));
    schema.accepts("what check prints", &document);
    let mut other = document.clone();
    other[1]["diagnostics"][0]["code"] = "E9999".into();
    schema.refuses("an unknown code", &other);
}

#[test]
fn oversights_are_told_by_check_and_not_by_run() {
    let project = Project::with(
        "tasks:\n  count: echo 1 > counts.txt\n  report: test -d . && cat counts.txt || true\n",
    );
    let outcome = project.run(&["check", "pyoco.yaml"]).exits(0);
    let expected = "\
warning[W0006]: `report` names `counts.txt`, which `count` writes, and does not wait for it
 --> pyoco.yaml:3:3
  |
3 |   report: test -d . && cat counts.txt || true
  |   ^^^^^^ this names the file
  |
 ::: pyoco.yaml:2:3
  |
2 |   count: echo 1 > counts.txt
  |   ----- this writes it
  |
  = help: write `needs: count` in `report`
";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    let outcome = project.run(&["run", "--jobs", "1"]).exits(0);
    assert!(!outcome.stderr.contains("W0006"), "{}", outcome.stderr);
}

#[test]
fn words_are_explained() {
    let project = Project::new();
    for (word, beginning) in [
        ("E0101", "E0101: unknown-key\n"),
        ("e101", "E0101: unknown-key\n"),
        ("missing-edge", "W0006: missing-edge\n"),
        ("retry.max", "max: in `retry`\n"),
        ("$PYOCO_OUTPUT", "PYOCO_OUTPUT\n"),
        ("contains", "contains(a, b)\n"),
    ] {
        let outcome = project.run(&["explain", word]).exits(0);
        assert!(outcome.stdout.starts_with(beginning), "{word}: {}", outcome.stdout);
        assert_eq!(outcome.stderr, "");
    }
    let outcome = project.run(&["explain", "retyr"]).exits(2);
    assert_eq!(outcome.stderr, "error: nothing is known of `retyr`\n  did you mean `retry`?\n");
    let outcome = project.run(&["explain", "zebra"]).exits(2);
    assert!(outcome.stderr.contains("`pyoco explain` lists all that can be explained"));
    let list = project.run(&["explain"]).exits(0).stdout;
    for part in ["W0006", "unknown-key", "needs_any", "starts_with(a, b)", "PYOCO_JOBS"] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[test]
fn the_reference_is_fresh() {
    let project = Project::new();
    let printed = project.run(&["explain", "--markdown"]).exits(0).stdout;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");
    let committed = std::fs::read_to_string(path).expect("it is committed");
    assert!(printed == committed, "write it: pyoco explain --markdown > docs/reference.md");
}
