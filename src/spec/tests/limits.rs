//! Files that are large, or large once they are read: what is said stays short, and nothing is lost.

use super::*;

#[test]
fn no_error_hides_behind_warnings() {
    let mut text = "tasks:\n  a: x\n".to_owned();
    for task in 0..10_050 {
        text.push_str(&format!("  t{task}: {{run: x, needs: [a, a]}}\n"));
    }
    text.push_str("  z: {rnu: x}\n");
    let source = source(&text, Syntax::Yaml);
    let loaded = load(&source);
    assert!(loaded.flow.is_none());
    let errors = loaded.diagnostics.iter().filter(|one| one.severity() == Severity::Error);
    assert_eq!(errors.count(), 1);
    let said = report(Some(&source), &loaded.diagnostics, false);
    assert!(said.contains("unknown key `rnu` in a task"), "{said}");
    assert!(said.ends_with("error: 1 error, 10000 or more warnings in f.yaml\n"), "{said}");
}

#[test]
fn a_message_stays_short_whatever_a_name_holds() {
    let name = "y".repeat(100_000);
    for text in [
        format!("tasks: {{a: {{run: x, needs: \"{name}\", fail: \"{name}\"}}, b: {{{name}: x}}}}"),
        format!("graph: a {}\ntasks: {{a: x}}", "& a ".repeat(100_000)),
    ] {
        let said = said(&text, Syntax::Yaml);
        assert!(said.len() < 20_000, "{} bytes", said.len());
    }
    let said = said("tasks: {a: {run: x, needs: [abc]}, abd: x}", Syntax::Yaml);
    assert!(said.contains("unknown task `abc`; did you mean `abd`?"), "{said}");
}

#[test]
fn aliases_of_long_texts_are_counted_by_their_length() {
    let mut text = format!("x-a: &a \"{}\"\ntasks:\n", "x".repeat(100_000));
    for task in 100..500 {
        text.push_str(&format!("  t{task}: *a\n"));
    }
    let said = short(&text, Syntax::Yaml);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("402:9 alias-bomb "), "{said:?}");
}

#[test]
fn environments_that_every_task_copies_are_counted() {
    let names: Vec<String> = (0..4_000).map(|name| format!("K{name}: v")).collect();
    let mut text = format!("env: {{{}}}\ntasks:\n", names.join(", "));
    for task in 0..1_000 {
        text.push_str(&format!("  t{task}: {{run: x, env: {{A: \"{task}\"}}}}\n"));
    }
    let said = short(&text, Syntax::Yaml);
    let message = "the tasks of this file together hold more than 3,000,000 variables";
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(message), "{said:?}");
}

#[test]
fn a_file_of_too_many_values_is_refused() {
    let mut found = Diagnostics::default();
    assert!(yaml::read_within("tasks: {a: x, b: x}", 7, &mut found).is_some());
    assert!(yaml::read_within("tasks: {a: x, b: x}", 6, &mut found).is_none());
    assert!(found.sorted()[0].message().contains("more than 6 keys and values"));
    let text = format!("x-a = [{}]\ntasks = {{a = 'x'}}", "a,".repeat(1_000_000));
    assert!(said(&text, Syntax::Toml).contains("more than 1000000 keys and values"));
    let (lines, mistakes) = notation::parse_within("a >> b; c >> d", 7);
    assert_eq!((lines.len(), &*mistakes[0].message), (1, "more than 7 names and signs"));
}

#[test]
fn the_mark_of_the_byte_order_is_no_column() {
    let marked = |text: &str, syntax| short(&format!("\u{feff}{text}"), syntax)[0].clone();
    assert!(marked("{tasks: {a: {rnu: x}}}", Syntax::Yaml).starts_with("1:14 unknown-key"));
    assert!(marked("tsaks.a = 'x'", Syntax::Toml).starts_with("1:1 unknown-key"));
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let mut source = source("", Syntax::Yaml);
    source.bytes = b"tasks:\n  a: caf\xe9 x\n".to_vec();
    let said = report(Some(&source), &load(&source).diagnostics, false);
    assert!(said.contains("2 |   a: caf\\xe9 x\n  |         ^^^^\n"), "{said}");
}
