//! The README is tried as it is read: its files are checked, its examples exist, its words are known.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use support::Project;

fn readme() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(path).expect("there is a README")
}

/// Returns the blocks of code in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let rest = text.split(&open).skip(1);
    let blocks = rest.map(|rest| rest.split("```").next().expect("a split has a first part"));
    blocks.map(str::to_owned).collect()
}

#[test]
fn its_workflow_files_are_good() {
    let project = Project::new();
    let files = blocks(&readme(), "yaml");
    assert_eq!(files.len(), 2);
    project.file("src/main.c", ""); // a folder that they speak of
    for file in files {
        project.file("pyoco.yaml", &file);
        let outcome = project.run(&["check"]).exits(0);
        assert!(!outcome.stderr.contains("warning"), "{file}\n{outcome:?}");
    }
}

#[test]
fn its_files_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = readme();
    let words = text.split(|c: char| c.is_whitespace() || "`()[],;".contains(c));
    let named: BTreeSet<&str> = words
        .filter(|word| ["examples/", "schemas/"].iter().any(|dir| word.starts_with(dir)))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.ends_with('/'))
        .collect();
    assert!(named.len() >= 6, "{named:?}");
    for name in named {
        assert!(root.join(name).is_file(), "the README names `{name}`");
    }
}

#[test]
fn its_commands_and_flags_are_known() {
    let project = Project::new();
    let mut tried = 0;
    for line in blocks(&readme(), "sh").concat().lines() {
        // What follows `--` belongs to a task, what stands in `$(…)` is a line of its own.
        let line = line.split('#').next().unwrap_or_default();
        let Some(words) = line.strip_prefix("pyoco ") else { continue };
        let words = words.split("$(").next().unwrap_or_default().split(" -- ").next();
        let words: Vec<&str> = words.unwrap_or_default().split_whitespace().collect();
        let is_deep = words.first() == Some(&"runs");
        let command = &words[..if is_deep { 2 } else { 1 }];
        let help = project.run(&[command, &["--help"]].concat()).exits(0).stdout;
        for flag in words.iter().filter(|word| word.starts_with('-')) {
            let known = help.split(|c: char| c.is_whitespace() || ",=[".contains(c));
            assert!(known.into_iter().any(|word| word == *flag), "{command:?} {flag}: {help}");
        }
        tried += 1;
    }
    assert!(tried >= 15, "only {tried} commands were found");
}
