//! Every shipped example is a good file, names its schema, and ends as it says it does.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Project, Schema};

/// What a run of an example ends with.
enum Ends {
    /// This exit code, and these states.
    With(i32, &'static str),
    /// Not run here: it would call itself.
    NotRun,
}

/// Every file of the folder must stand here.
const EXAMPLES: [(&str, Ends); 9] = [
    ("cancel.yaml", Ends::With(0, "prepare import index report")),
    ("ci.yaml", Ends::NotRun),
    ("finally.yaml", Ends::With(0, "up test down tell")),
    ("graph.yaml", Ends::With(0, "freezer vegetables chop boil curry rice serve")),
    ("outputs.yaml", Ends::With(0, "version notes pack")),
    ("pipeline.toml", Ends::With(0, "gather words lines check pack report")),
    ("pipeline.yaml", Ends::With(0, "gather words lines check pack report")),
    ("policies.yaml", Ends::With(1, "build search flaky notes")),
    ("pools.yaml", Ends::With(0, "train-a train-b compare serve-a serve-b render tell")),
];

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}

/// Makes a project that holds a copy of the examples, so that runs do not meet in one folder.
fn copy() -> Project {
    let project = Project::new();
    for (name, _) in EXAMPLES {
        let bytes = fs::read(examples().join(name)).expect("the example can be read");
        project.file(&format!("examples/{name}"), bytes);
    }
    project
}

fn value(name: &str) -> Value {
    let text = fs::read_to_string(examples().join(name)).expect("the example can be read");
    if name.ends_with(".toml") {
        toml::from_str(&text).expect("the example is TOML")
    } else {
        serde_yaml::from_str(&text).expect("the example is YAML")
    }
}

#[test]
fn every_example_is_in_the_table() {
    let entries = fs::read_dir(examples()).expect("the folder can be read");
    let files: BTreeSet<String> = entries
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().expect("file names are UTF-8"))
        .filter(|name| !name.ends_with(".rs")) // cargo builds and the documentation tests run those
        .collect();
    let known: BTreeSet<String> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, known);
}

#[test]
fn every_example_names_its_schema_and_fits_it() {
    let schema = Schema::open("workflow");
    for (name, _) in EXAMPLES {
        let text = fs::read_to_string(examples().join(name)).expect("the example can be read");
        let expected = if name.ends_with(".toml") {
            "#:schema ../schemas/workflow.schema.json"
        } else {
            "# yaml-language-server: $schema=../schemas/workflow.schema.json"
        };
        assert_eq!(text.lines().next(), Some(expected), "{name}");
        schema.accepts(name, &value(name));
    }
    // A schema that accepts everything would say nothing.
    schema.refuses("a file without tasks", &serde_json::json!({ "name": "x" }));
    schema.refuses("an unknown key", &serde_json::json!({ "tasks": { "a": "true" }, "nmae": "x" }));
}

/// The places of expressions and of what else a value may be beside its plain form.
const FORMS: [&str; 12] = [
    "params: {t: 5m}\ntimeout: '${{ params.t }}'\ntasks: {a: x}",
    "params: {t: 5m}\ndefaults: {timeout: '${{ params.t }}', dir: '${{ run.file_dir }}'}\ntasks: {a: x}",
    "params: {t: 5m}\ntasks: {a: {run: x, timeout: '${{ params.t }}', dir: '${{ env.HOME }}'}}",
    "params: {p: gpu}\npools: {gpu: 2}\ntasks: {a: {run: x, pool: '${{ params.p }}'}}",
    "params: {p: gpu}\npools: {gpu: 2}\ntasks: {a: {run: x, pool: ['${{ params.p }}']}}",
    "params: {f: x}\nenv_file: '${{ params.f }}.env?'\nenv: {A: '${{ params.f }}'}\ntasks: {a: x}",
    "params: {f: [x]}\ntasks: {a: {run: x, matrix: {f: '${{ params.f }}'}, if: always()}}",
    "params: {f: x}\ntasks: {a: {run: x, artifacts: ['${{ params.f }}/*']}}",
    "records: {max_log: 1.5GiB}\ntasks: {a: {run: x, kill: {signal: SIGTERM, after: 1.5s}}}",
    "tasks: {a: {run: 3, ok_codes: 0, retry: {max: 1, codes: 3}}}\nfinally: {b: x}",
    "records: {max_log: 20MB}\ninherit_env: [LANG]\ntasks: {a: x}",
    "secrets: [T, \"tasks['a[k=1]'].outputs.o\"]\ntasks: {a: {run: x, outputs: [o], matrix: {k: [1, 2], include: [{k: 3}]}}}",
];

#[test]
fn what_the_loader_takes_the_schema_takes() {
    let schema = Schema::open("workflow");
    let project = Project::new();
    for text in FORMS {
        project.file("f.yaml", text);
        project.run(&["check", "f.yaml"]).exits(0);
        schema.accepts(text, &serde_yaml::from_str(text).expect("it is YAML"));
    }
}

#[test]
fn every_example_is_checked() {
    let project = copy();
    for (name, _) in EXAMPLES {
        let outcome = project.run(&["check", &format!("examples/{name}")]).exits(0);
        assert!(!outcome.stderr.contains("warning"), "{name}: {outcome:?}");
    }
    assert!(!project.has(".pyoco"), "a command that only reads makes no record");
}

#[test]
fn every_example_ends_as_it_says() {
    for (name, ends) in EXAMPLES {
        let project = copy();
        let file = format!("examples/{name}");
        match ends {
            Ends::With(code, succeed) => {
                project.run(&["run", &file, "--no-cute"]).exits(code);
                let record = project.record();
                let done = (record.view.tasks().iter())
                    .filter(|task| task.state() == pyoco::model::TaskState::Succeeded)
                    .map(|task| &*task.name);
                assert_eq!(done.collect::<Vec<_>>().join(" "), succeed, "{name}");
            }
            Ends::NotRun => {
                project.run(&["run", &file, "--dry-run"]).exits(0);
                assert!(project.records().is_empty(), "a dry run leaves no record");
            }
        }
    }
}

#[test]
fn the_twins_say_the_same() {
    assert_eq!(value("pipeline.yaml"), value("pipeline.toml"));
}

#[test]
fn the_pipeline_does_its_job() {
    let project = copy();
    let outcome = project.run(&["run", "examples/pipeline.yaml", "--no-cute"]).exits(0);
    for file in ["text", "words", "lines", "result.tar"] {
        let path = format!("examples/pipeline-out/{file}");
        let bytes = fs::metadata(project.dir().join(&path)).expect("it was made").len();
        let row = outcome.stdout.lines().find(|row| row.ends_with(&format!("  {file}")));
        let row = row.unwrap_or_else(|| panic!("no row for {file}: {outcome:?}"));
        assert!(row.contains(&format!(" {bytes} ")), "{row}");
    }
    // It writes below one folder of its own and nowhere else.
    let mut names: Vec<String> = fs::read_dir(project.dir().join("examples"))
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| EXAMPLES.iter().all(|(example, _)| example != name))
        .collect();
    names.sort();
    assert_eq!(names, ["pipeline-out"]);
}

#[test]
fn the_policies_do_what_the_comments_say() {
    let project = copy();
    project.run(&["run", "examples/policies.yaml", "--no-cute"]).exits(1);
    let ends = "advice FAILED exit(3)\n\
                build SUCCEEDED\n\
                search SUCCEEDED\n\
                flaky SUCCEEDED\n\
                slow FAILED timeout\n\
                test FAILED exit(2)\n\
                package SKIPPED upstream(test)\n\
                publish SKIPPED upstream(package)\n\
                notes SUCCEEDED\n";
    let record = project.record();
    assert_eq!(record.ends(), ends);
    assert_eq!(record.names("task_retrying"), ["flaky"]);
}

#[test]
fn what_stands_in_finally_cleans_up_after_a_failure_too() {
    let mut project = copy();
    project.env("FAIL", "1");
    let outcome = project.run(&["run", "examples/finally.yaml", "--no-cute"]).exits(1);
    outcome.says("failed: test\n");
    let ends = "up SUCCEEDED\ntest FAILED exit(1)\ndown SUCCEEDED\ntell SUCCEEDED\n";
    assert_eq!(project.record().ends(), ends);
    assert!(!project.has("examples/finally-out"));
}

#[test]
fn a_cancel_of_the_example_leaves_nothing_half_done() {
    let project = copy();
    let mut running = project.spawn(&["run", "examples/cancel.yaml", "--no-cute", "-j", "2"]);
    running.wait_until("three started tasks", |_| {
        project.records().last().is_some_and(|record| record.names("task_started").len() == 3)
    });
    running.signal(rustix::process::Signal::INT);
    let outcome = running.wait();
    assert_eq!(outcome.signal, Some(2), "pyoco ends by its own signal: {outcome:?}");
    let record = project.record();
    assert_eq!(record.reason("report"), "cancelled");
    let ends = "prepare SUCCEEDED\nimport SUCCEEDED\nindex SUCCEEDED\nreport CANCELLED cancelled\n";
    let log = String::from_utf8_lossy(&record.log("import", 1)).into_owned();
    assert!(log.contains("nothing is half done"), "{log}");
    assert_eq!(record.ends(), ends);
}
