//! What holds for any workflow: a file that `check` accepts can be planned, a graph that is drawn in
//! pyoco's notation is the same graph when it is read, and a flow is the same whether YAML, TOML or code
//! made it.

mod drafts;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use drafts::{Draft, Param, Value, drafts, text};
use proptest::prelude::*;
use pyoco::graph::{Picture, draw};
use pyoco::model::{Flow, Syntax};
use pyoco::scheduler::{Plan, start_order};
use pyoco::spec::{Diagnostic, Purpose, Settings, Severity, Source, load_with, report};
use support::Project;

/// Takes out of a draft what is wrong with it, so that more than a few are good.
fn mended(mut draft: Draft) -> Draft {
    for _ in 0..30 {
        let Err(Refused { report: said, .. }) =
            loaded(&draft.tree().file(Syntax::Yaml), Syntax::Yaml, Purpose::Look)
        else {
            break;
        };
        let is_blamed = |name: &str| said.contains(name);
        let tasks = draft.tasks.iter_mut().chain(&mut draft.finally);
        for task in tasks.filter(|task| is_blamed(&format!("{}\"", task.name))) {
            // One thing after the other, what is most often wrong first.
            if !std::mem::take(&mut task.include).is_empty()
                || !std::mem::take(&mut task.exclude).is_empty()
                || task.condition.take().is_some()
                || !std::mem::take(&mut task.pool).is_empty()
                || task.env.pop().is_some()
                || task.needs.pop().is_some()
                || task.needs_any.pop().is_some()
                || task.matrix.pop().is_some()
            {
                break;
            }
        }
        if said.contains("params") {
            draft.params.pop();
        }
        if said.contains("\nenv") {
            draft.env.pop();
        }
        if said.contains("pools") {
            draft.pools.clear();
        }
    }
    draft
}

/// Why a file is refused.
#[derive(Debug)]
struct Refused {
    report: String,
    messages: BTreeSet<String>,
}

/// Returns the errors, without the task that those of code name in the place of a line.
fn messages(found: &[Diagnostic]) -> BTreeSet<String> {
    let subject = regex::Regex::new("^task `[^`]*`: ").expect("it is an expression");
    let errors = found.iter().filter(|one| one.severity() == Severity::Error);
    errors.map(|one| subject.replace(&one.message(), "").into_owned()).collect()
}

fn loaded(text: &str, syntax: Syntax, purpose: Purpose) -> Result<Flow, Refused> {
    let source = Source {
        name: "draft".to_owned(),
        path: "/nowhere/draft".to_owned(),
        base_dir: "/nowhere".into(),
        default_name: "draft".to_owned(),
        syntax,
        bytes: text.as_bytes().to_vec(),
    };
    let loaded = load_with(&source, &Settings { purpose, ..Settings::default() });
    loaded.flow.ok_or_else(|| Refused {
        report: report(Some(&source), &loaded.diagnostics, false),
        messages: messages(&loaded.diagnostics),
    })
}

/// Returns all that a flow says, without where it was read.
fn said(flow: &Flow) -> String {
    let place = regex::Regex::new(
        r#"line: \d+|file: (Some\(\s*"[^"]*",?\s*\)|None)|file_sha256: (Some\(\s*"[^"]*",?\s*\)|None)|syntax: \w+"#,
    );
    place.expect("it is an expression").replace_all(&format!("{flow:#?}"), "").into_owned()
}

/// Returns the needs of each task, by name.
fn graph_of(flow: &Flow) -> BTreeMap<String, [Vec<String>; 2]> {
    let name = |id: &pyoco::model::TaskId| flow.task(*id).name().to_owned();
    let names = |ids: &[pyoco::model::TaskId]| ids.iter().map(name).collect();
    flow.ids().map(|id| (name(&id), [names(flow.needs(id)), names(flow.needs_any(id))])).collect()
}

/// Draws a graph, reads the picture as `graph` of the same tasks without their needs, and compares.
fn holds_its_picture(draft: &Draft, flow: &Flow) -> Result<(), TestCaseError> {
    let picture = draw(flow, Picture::Pyoco);
    let mut bare = draft.clone();
    for task in &mut bare.tasks {
        // What a task may see of others depends on its needs, and is no part of the graph.
        (task.needs, task.needs_any) = (Vec::new(), Vec::new());
        (task.condition, task.env) = (None, Vec::new());
    }
    for task in &mut bare.finally {
        (task.condition, task.env) = (None, Vec::new());
    }
    bare.env = Vec::new();
    let Value::Map(mut keys) = bare.tree() else { panic!("a file is a map") };
    keys.push(("graph".to_owned(), text(&picture)));
    let file = Value::Map(keys).file(Syntax::Yaml);
    let again = loaded(&file, Syntax::Yaml, Purpose::Look);
    let again = again.map_err(|said| TestCaseError::fail(format!("{picture}\n{}", said.report)))?;
    prop_assert_eq!(graph_of(flow), graph_of(&again), "{}\n{}", picture, file);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn yaml_toml_and_code_make_the_same_flow_or_the_same_errors(draft in drafts(), mend: bool) {
        let draft = if mend { mended(draft) } else { draft };
        let tree = draft.tree();
        let (yaml, toml) = (tree.file(Syntax::Yaml), tree.file(Syntax::Toml));
        let of_yaml = loaded(&yaml, Syntax::Yaml, Purpose::Run);
        let of_toml = loaded(&toml, Syntax::Toml, Purpose::Run);
        let of_code = draft.builder().build();
        match (of_yaml, of_toml, of_code) {
            (Ok(yaml), Ok(toml), Ok(code)) => {
                prop_assert_eq!(said(&yaml), said(&toml));
                prop_assert_eq!(said(&yaml), said(&code));
            }
            (Err(yaml), Err(toml), Err(code)) => {
                prop_assert_eq!(&yaml.messages, &toml.messages, "{}\n{}", yaml.report, toml.report);
                prop_assert_eq!(yaml.messages, messages(&code), "{}\n{:?}", yaml.report, code);
            }
            (of_yaml, of_toml, of_code) => {
                let said = [of_yaml.err(), of_toml.err()];
                let code = of_code.err();
                return Err(TestCaseError::fail(format!("{said:?}\n{code:?}\n{yaml}\n{toml}")));
            }
        }
    }

    #[test]
    fn what_is_accepted_can_be_planned_and_drawn(draft in drafts()) {
        let draft = mended(draft);
        let file = draft.tree().file(Syntax::Yaml);
        let looked = loaded(&file, Syntax::Yaml, Purpose::Look);
        prop_assume!(looked.is_ok());
        let flow = looked.expect("it is good");
        holds_its_picture(&draft, &flow)?;
        for picture in [Picture::Text, Picture::Mermaid, Picture::Dot, Picture::Json] {
            prop_assert!(!draw(&flow, picture).is_empty());
        }
        let is_open = draft.params.iter().any(|(_, param)| matches!(param, Param::Required(_)));
        let run = loaded(&file, Syntax::Yaml, Purpose::Run);
        prop_assert_eq!(run.is_err(), is_open, "{:?}\n{}", run.err(), file);
        let Ok(run) = loaded(&file, Syntax::Yaml, Purpose::Run) else { return Ok(()) };
        let n_tasks = run.tasks().len();
        let certain = run.tasks().iter().filter(|task| task.condition().is_none()).count();
        let plan = Plan::all_of(run.into(), 2);
        let order = start_order(&plan);
        let mut once = order.clone();
        once.sort_unstable_by_key(|id| id.0);
        once.dedup();
        prop_assert_eq!(once.len(), order.len(), "a task starts twice");
        prop_assert!((certain..=n_tasks).contains(&order.len()), "{:?}\n{}", order, file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 10_000, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn the_program_runs_dry_what_it_accepts(draft in drafts()) {
        let draft = mended(draft);
        let file = draft.tree().file(Syntax::Yaml);
        let is_open = draft.params.iter().any(|(_, param)| matches!(param, Param::Required(_)));
        prop_assume!(!is_open && loaded(&file, Syntax::Yaml, Purpose::Look).is_ok());
        let project = Project::with(&file);
        project.run(&["check"]).exits(0);
        project.run(&["run", "--dry-run"]).exits(0);
    }
}
