//! The table of codes against the sources that use it, and its examples against the loader.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::model::Syntax;
use crate::spec::tests::source;
use crate::spec::{Purpose, Settings, load_with, report};

/// Returns the sources of this floor, those of tests apart.
fn sources() -> String {
    fn read(dir: &Path, text: &mut String) {
        for entry in fs::read_dir(dir).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" && name != "codes" {
                read(&path, text);
            } else if name.ends_with(".rs") && !name.contains("tests") {
                text.push_str(&fs::read_to_string(&path).expect("a source is UTF-8"));
            }
        }
    }
    let mut text = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/spec"), &mut text);
    text
}

/// Returns the names that follow `before`, which may stand on a line of their own.
fn names_after<'s>(sources: &'s str, before: &str) -> impl Iterator<Item = &'s str> {
    let parts = sources.split(before).skip(1).map(str::trim_start);
    parts.filter_map(|part| part.strip_prefix('"')?.split('"').next())
}

#[test]
fn every_name_of_the_sources_has_a_code_and_every_code_is_used() {
    let sources = sources();
    let mut used = BTreeSet::new();
    for (before, letter) in
        [("Diagnostic::error(", 'E'), ("Diagnostic::warning(", 'W'), ("self.error(", 'E')]
    {
        for name in names_after(&sources, before) {
            let code = all().find(|code| code.name == name);
            let code = code.unwrap_or_else(|| panic!("`{name}` has no code"));
            assert!(
                code.code.starts_with(letter),
                "`{name}` is {} and used as {letter}",
                code.code
            );
            used.insert(name);
        }
    }
    // Those that stand in a constant or a field.
    for before in [
        "Mistake::error(",
        "code: ",
        "const SYNTAX: &str = ",
        "const UNKNOWN: &str = ",
        "const TYPE: &str = ",
        "let code = ",
    ] {
        for name in names_after(&sources, before) {
            assert!(all().any(|code| code.name == name), "`{name}` has no code");
            used.insert(name);
        }
    }
    let unused: Vec<_> = all().filter(|code| !used.contains(code.name)).collect();
    assert!(unused.is_empty(), "nothing uses {unused:?}");
}

#[test]
fn every_number_and_name_is_there_once_and_in_order() {
    let mut names = BTreeSet::new();
    let mut last = "";
    for code in all() {
        assert!(code.code > last, "{} stands after {last}", code.code);
        last = code.code;
        assert!(names.insert(code.name), "{} is there twice", code.name);
        for text in [code.mistake, code.why, code.fix] {
            assert!(text.ends_with('.') && !text.contains('\n'), "{}: {text:?}", code.code);
        }
        assert_eq!(code.wrong.is_empty(), code.right.is_empty(), "{}", code.code);
        assert_eq!(of(code.name), code.code);
    }
}

#[test]
fn every_example_shows_its_mistake_and_the_way_out() {
    let settings = Settings { purpose: Purpose::Check, ..Settings::default() };
    for code in all().filter(|code| !code.wrong.is_empty()) {
        let syntax = if code.name.starts_with("toml") { Syntax::Toml } else { Syntax::Yaml };
        let wrong = source(&format!("{}\n", code.wrong), syntax);
        let told = load_with(&wrong, &settings).diagnostics;
        let names: Vec<_> = told.iter().map(|one| one.name()).collect();
        let text = report(Some(&wrong), &told, false);
        assert_eq!(names, [code.name], "{}\n{text}", code.code);
        let right = source(&format!("{}\n", code.right), syntax);
        let text = report(Some(&right), &load_with(&right, &settings).diagnostics, false);
        assert_eq!(text, "", "{}", code.code);
    }
}

#[test]
fn a_code_is_found_by_its_number_or_its_name() {
    let found = |word| find(word).map(|code| code.code);
    for word in ["E0101", "e0101", "e101", "unknown-key"] {
        assert_eq!(found(word), Some("E0101"), "{word}");
    }
    assert_eq!(found("w1"), Some("W0001"));
    for word in ["", "E", "101", "E9999", "éa", "unknown", "E99999999999"] {
        assert_eq!(found(word), None, "{word}");
    }
}
