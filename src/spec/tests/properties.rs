//! The schema, and what holds for any input.

use super::flows::{FULL_TOML, FULL_YAML};
use super::*;

/// The table's schema, held against the files of these tests.
#[test]
fn the_schema_takes_what_the_loader_takes() {
    let schema: serde_json::Value =
        serde_json::from_str(&workflow_schema()).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let value: serde_json::Value = serde_yaml::from_str(FULL_YAML).expect("it is YAML");
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for wrong in ["{}", "tasks: {}", "tasks: {a: {rnu: x}}", "tasks: {a: {run: x, timeout: 10}}"] {
        let value: serde_json::Value = serde_yaml::from_str(wrong).expect("it is YAML");
        assert!(!validator.is_valid(&value), "{wrong}");
    }
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/workflow.schema.json");
    let committed = std::fs::read_to_string(path).expect("the schema is committed");
    let fresh = workflow_schema();
    assert!(
        committed == fresh,
        "write it again: pyoco schema workflow > schemas/workflow.schema.json"
    );
}

/// Makes a random graph: for each task which of those before it it needs, and which one of.
fn graphs() -> impl Strategy<Value = Vec<(Vec<bool>, Vec<bool>)>> {
    (1..12_usize).prop_flat_map(|n_tasks| {
        let needs = |chance| proptest::collection::vec(proptest::bool::weighted(chance), n_tasks);
        proptest::collection::vec((needs(0.3), needs(0.1)), n_tasks)
    })
}

proptest! {
    #[test]
    fn a_drawn_notation_makes_the_same_graph_again(graph in graphs()) {
        let mut builder = FlowBuilder::new("random");
        for (task, (needs, needs_any)) in graph.iter().enumerate() {
            let names = |needs: &[bool]| -> Vec<String> {
                (0..task).filter(|other| needs[*other]).map(|other| format!("t{other}")).collect()
            };
            builder = builder.task(
                TaskBuilder::run(format!("t{task}"), "x").needs(names(needs)).needs_any(names(needs_any)),
            );
        }
        let drawn = builder.build().expect("needs point back alone");
        let mut text = "graph: |\n".to_owned();
        for line in draw(&drawn, Picture::Pyoco).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str("tasks:\n");
        for task in drawn.tasks() {
            text.push_str(&format!("  {}: x\n", task.name()));
        }
        let again = flow(&text, Syntax::Yaml);
        for id in drawn.ids() {
            prop_assert_eq!(drawn.needs(id), again.needs(id));
            prop_assert_eq!(drawn.needs_any(id), again.needs_any(id));
        }
        for picture in [Picture::Text, Picture::Mermaid, Picture::Dot, Picture::Json] {
            let picture = draw(&drawn, picture);
            prop_assert!(drawn.tasks().iter().all(|task| picture.contains(task.name())));
        }
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_toml: bool) {
        let syntax = if is_toml { Syntax::Toml } else { Syntax::Yaml };
        let source = Source { bytes, ..source("", syntax) };
        report(Some(&source), &load(&source).diagnostics, true);
    }

    #[test]
    fn no_damaged_file_makes_a_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[\\PC\n\t ]{0,3}"), 1..6),
        is_toml: bool,
    ) {
        let (text, syntax) = if is_toml { (FULL_TOML, Syntax::Toml) } else { (FULL_YAML, Syntax::Yaml) };
        let mut text: Vec<char> = text.chars().collect();
        for (start, length, new) in cuts {
            let start = start.index(text.len());
            let end = (start + length.index(8)).min(text.len());
            text.splice(start..end, new.chars());
        }
        let source = source(&text.into_iter().collect::<String>(), syntax);
        let loaded = load(&source);
        report(Some(&source), &loaded.diagnostics, false);
        report_json(Some(&source), &loaded.diagnostics);
        if let Some(flow) = &loaded.flow {
            draw(flow, Picture::Text);
        }
    }

    #[test]
    fn the_tree_is_what_serde_reads(value in values()) {
        let text = serde_json::to_string_pretty(&value).expect("plain values"); // JSON is YAML
        let mut found = Diagnostics::default();
        let tree = yaml::read(&text, &mut found).expect("it is YAML");
        prop_assert!(!found.has_error());
        let serde: serde_json::Value = serde_yaml::from_str(&text).expect("it is YAML");
        prop_assert_eq!(plain(&tree), serde);
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        "\\PC{0,8}".prop_map(serde_json::Value::from),
        "[ a-z\n\t\"\\\\:#]{0,8}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 0..5)
                .prop_map(serde_json::Value::from_iter),
        ]
    })
}

fn plain(node: &tree::Node<'_>) -> serde_json::Value {
    match node.kind() {
        tree::Kind::Null => serde_json::Value::Null,
        tree::Kind::Plain(text) | tree::Kind::Text(text, _) => text.to_string().into(),
        tree::Kind::List(items) => items.iter().map(plain).collect(),
        tree::Kind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.to_string(), plain(&entry.value))).collect()
        }
        tree::Kind::Shared(_) => unreachable!("`kind` looks through anchors"),
    }
}
