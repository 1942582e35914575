//! Every key has an example that can be read, and every word leads somewhere.

use super::*;
use crate::model::Syntax;
use crate::model::expr::{Function, RunFact, StateFunction};
use crate::spec::tests::source;
use crate::spec::{Purpose, Settings, load_with, report};

const MORE: &[Explained] = &[("PYOCO_JOBS", "How many.")];

#[test]
fn every_key_has_an_example_that_can_be_read() {
    let frame = "tasks: {build: ls, docs: ls, test: ls, package: ls, mirror-a: ls, mirror-b: ls";
    for key in KEYS {
        let example = example(key);
        assert!(!example.is_empty(), "{} {}", key.name, key.places[0].phrase());
        let is_in_task = match key.places[0] {
            Place::Task | Place::Retry | Place::Kill | Place::Resources => true,
            Place::Top | Place::Defaults | Place::Records | Place::Param => false,
        };
        let text = if is_in_task {
            let work = if ["run", "cmd"].contains(&key.name) { "" } else { "run: ls, " };
            format!(
                "params: {{deploy: false}}\npools: {{gpu: 2}}\n{frame}, it: {{{work}{example}}}}}\n"
            )
        } else if key.name == "tasks" {
            format!("{example}\n")
        } else {
            format!("{example}\n{frame}}}\n")
        };
        let settings = Settings { purpose: Purpose::Look, ..Settings::default() };
        let source = source(&text, Syntax::Yaml);
        let diagnostics = load_with(&source, &settings).diagnostics;
        let errors = diagnostics.iter().filter(|one| one.code().starts_with('E'));
        assert_eq!(errors.count(), 0, "{text}\n{}", report(Some(&source), &diagnostics, false));
        assert!(example.starts_with(key.name) || example.contains(&format!("{}:", key.name)));
    }
}

#[test]
fn codes_are_explained_by_number_and_by_name() {
    let text = explain("e101", &[]).expect("a code");
    assert!(text.starts_with("E0101: unknown-key\n\nA key is not one of those"), "{text}");
    assert!(text.contains("\nWhy: ") && text.contains("\nInstead: "), "{text}");
    assert!(text.contains("\nWrong:\n    tasks:\n      a: {rnu: make}\n"), "{text}");
    assert_eq!(explain("unknown-key", &[]), Ok(text));
}

#[test]
fn keys_are_explained_in_all_their_places() {
    let text = explain("retry", &[]).expect("a key");
    assert!(text.starts_with("retry: in a task, in `defaults`\n"), "{text}");
    assert!(text.contains("  keys     max, delay, backoff, max_delay, codes\n"), "{text}");
    assert!(text.contains("YAML:\n    retry: 3\n\nTOML:\n    retry = 3\n"), "{text}");
    assert!(text.contains("\nE0209: retry\n"), "{text}");
    let text = explain("timeout", &[]).expect("a key");
    assert!(text.contains("timeout: at the top level\n"), "{text}");
    assert!(text.contains("timeout: in a task, in `defaults`\n"), "{text}");
    for (word, beginning) in [
        ("retry.max", "max: in `retry`\n"),
        ("tasks.build.retry.max", "max: in `retry`\n"),
        ("params.type", "type: in a param\n"),
        ("defaults.env", "env: at the top level, in a task, in `defaults`\n"),
        ("depends_on", "`depends_on` of other tools is written `needs` here.\n"),
    ] {
        let text = explain(word, &[]).unwrap_or_default();
        assert!(text.starts_with(beginning), "{word}: {text}");
    }
}

#[test]
fn names_are_explained_and_unknown_words_lead_to_near_ones() {
    for word in ["contains", "contains(a, b)", "run.os", "PYOCO_JOBS"] {
        assert!(explain(word, MORE).is_ok(), "{word}");
    }
    for (word, near) in [
        ("retyr", Some("retry")),
        ("unknown-kye", Some("unknown-key")),
        ("PYOCO_JOB", Some("PYOCO_JOBS")),
        ("zebra", None),
        ("retry.zebra", None),
        ("", None),
    ] {
        assert_eq!(explain(word, MORE), Err(near.map(str::to_owned)), "{word}");
    }
}

#[test]
fn every_name_and_function_of_expressions_is_there() {
    let is_there = |name: &str| assert!(explain(name, &[]).is_ok(), "{name}");
    RunFact::ALL.iter().for_each(|fact| is_there(&format!("run.{}", fact.name())));
    StateFunction::ALL.iter().for_each(|function| is_there(&format!("{}()", function.name())));
    Function::ALL.iter().for_each(|function| is_there(function.name()));
}

#[test]
fn the_overview_and_the_reference_hold_everything() {
    let (overview, reference) = (overview(), reference());
    for code in codes::all() {
        assert!(overview.contains(code.code) && reference.contains(code.code), "{}", code.code);
    }
    for key in KEYS {
        assert!(reference.contains(&format!("| `{}` |", key.name)), "{}", key.name);
        assert!(overview.contains(&format!(" {}", key.name)), "{}", key.name);
    }
}
