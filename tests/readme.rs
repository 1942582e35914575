//! The README and docs/ are tried as they are read: their files are checked, their examples exist,
//! their links lead somewhere, their words are known. `guide.rs` tries what the guide shows.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use support::Project;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn readme() -> String {
    read(&root().join("README.md"))
}

/// Returns all that is written for users.
fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for folder in ["docs", "docs/guide"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        documents.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    assert!(documents.len() >= 15, "{documents:?}");
    documents
}

/// Returns what a link to each heading of this text says after its `#`.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(slug).collect()
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
    let text = readme();
    let words = text.split(|c: char| c.is_whitespace() || "`()[],;".contains(c));
    let named: BTreeSet<&str> = words
        .filter(|word| ["examples/", "schemas/"].iter().any(|dir| word.starts_with(dir)))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.ends_with('/'))
        .collect();
    assert!(named.len() >= 6, "{named:?}");
    for name in named {
        assert!(root().join(name).is_file(), "the README names `{name}`");
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)").expect("a valid pattern");
    let code = Regex::new(r"(?s)```.*?```").expect("a valid pattern");
    let mut tried = 0;
    for document in documents() {
        let text = read(&document);
        for found in link.captures_iter(&code.replace_all(&text, "")) {
            let (path, anchor) = (&found[1], found.get(2).map(|anchor| anchor.as_str()));
            if path.contains("://") {
                continue;
            }
            let here = document.parent().expect("a file lies in a folder");
            let target = if path.is_empty() { document.clone() } else { here.join(path) };
            let shown = format!("{}: {}", document.display(), &found[0]);
            assert!(target.exists(), "{shown}");
            if let Some(anchor) = anchor {
                assert!(anchors(&read(&target)).contains(anchor), "{shown}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 40, "only {tried} links were found");
}

#[test]
fn commands_and_flags_are_known() {
    let project = Project::new();
    let mut tried = 0;
    let texts: Vec<String> = documents().iter().map(|document| read(document)).collect();
    for line in blocks(&texts.concat(), "sh").concat().lines() {
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
