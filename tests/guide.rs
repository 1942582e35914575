//! The pages of docs/guide are tried as they are read: their files are those of examples/guide, and
//! what they show is what pyoco prints.
//!
//! A block opened by "```yaml examples/…" holds that file without its first line. In a block opened
//! by "```console" a line that begins with `$ ` is run, and what follows is what it prints, but for
//! ids and times. The commands of a page share one project. `SNAPSHOTS=overwrite cargo test --test
//! guide` writes what is true now into the pages.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use support::{Project, Running, Schema};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files of this folder, with paths from the root of the crate.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let files = paths.filter(|path| path.is_file());
    let names = files.map(|path| path.file_name().map(|n| n.to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.flatten().map(|name| format!("{folder}/{name}")).collect();
    names.sort();
    names
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("`{name}`: {error}"))
}

/// Makes a project that holds a copy of the examples, and a shell's way to this pyoco.
fn copy() -> Project {
    let mut project = Project::new();
    for name in [files("examples"), files("examples/guide")].concat() {
        project.file(&name, read(&name));
    }
    let program = PathBuf::from(env!("CARGO_BIN_EXE_pyoco"));
    let folder = program.parent().expect("a program lies in a folder").display();
    project.env("PATH", &format!("{folder}:{}", std::env::var("PATH").expect("it is text")));
    project
}

/// Returns what a shell shows of this line: both streams as they come.
fn shown(project: &Project, line: &str) -> String {
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", &format!("exec 2>&1\n{line}")]);
    if !line.starts_with("CI=") {
        command.env("PYOCO_CUTE", "1"); // as people see it
    }
    let text = Running::spawn(command).wait().stdout;
    text.replace(&*project.dir().to_string_lossy(), "/home/me/project")
}

/// Returns the block of a file: all of it but the line for editors.
fn block_of_file(name: &str) -> String {
    let text = read(name);
    text.split_once('\n').map(|(_, rest)| rest.trim_start_matches('\n').to_owned()).unwrap_or(text)
}

/// Returns `text` without what differs from run to run and from machine to machine.
fn redact(project: &Project, text: &str) -> String {
    static KINDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let kinds = [
            (r"(?m)^  on +\S+, pid \d+", "  on [HOST], pid [N]"),
            (r"(?m)\((now|[^()]* ago)\)$", "([AGO])"),
            (" +", " "), // a time of another length moves the column beside it
        ];
        let compile = |(pattern, shown)| (Regex::new(pattern).expect("a valid pattern"), shown);
        kinds.into_iter().map(compile).collect()
    });
    let mut text = project.redact(text);
    for (pattern, shown) in &*KINDS {
        text = pattern.replace_all(&text, *shown).into_owned();
    }
    text
}

/// Returns the block of a session with what its commands print now. What differs only in ids and
/// times stays.
fn session(project: &Project, block: &str) -> String {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in block.split_inclusive('\n') {
        let continues = steps.last().is_some_and(|(command, _)| command.ends_with("\\\n"));
        match steps.last_mut() {
            Some((command, _)) if continues => command.push_str(line),
            Some((_, output)) if !line.starts_with("$ ") => output.push_str(line),
            _ => steps.push((line.to_owned(), String::new())),
        }
    }
    let mut text = String::new();
    for (index, (command, output)) in steps.iter().enumerate() {
        // The empty line before the next command is the page's.
        let gap = if index + 1 < steps.len() { "\n" } else { "" };
        let line = command.strip_prefix("$ ").expect("a session begins with a command");
        let now = format!("{}{gap}", shown(project, line));
        let is_same = redact(project, &now) == redact(project, output);
        text.push_str(command);
        text.push_str(if is_same { output } else { &now });
    }
    text
}

/// Returns a page with what is true now in its blocks.
fn renewed(text: &str) -> String {
    let project = copy();
    let mut page = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        page.push_str(line);
        let Some(kind) = line.trim_end().strip_prefix("```") else { continue };
        if kind.is_empty() {
            continue;
        }
        let block: String = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
        page.push_str(&match kind.strip_prefix("yaml examples/") {
            Some(name) => block_of_file(&format!("examples/{name}")),
            None if kind == "console" => session(&project, &block),
            None => block,
        });
        page.push_str("```\n");
    }
    page
}

/// A test for each page, so that they run side by side.
macro_rules! pages {
    ($($name:ident: $file:literal),* $(,)?) => {
        const PAGES: &[&str] = &[$(concat!("docs/guide/", $file)),*];

        $(#[test]
        fn $name() {
            let path = root().join("docs/guide").join($file);
            let now = renewed(&fs::read_to_string(&path).expect("the page can be read"));
            snapbox::assert_data_eq!(now, snapbox::Data::read_from(&path, None).raw());
        })*
    };
}

pages! {
    one_step: "one-step.md",
    values: "values.md",
    params: "params.md",
    matrix: "matrix.md",
    conditions: "conditions.md",
    retry: "retry.md",
    limits: "limits.md",
    cleanup: "cleanup.md",
    secrets: "secrets.md",
    failures: "failures.md",
    ci: "ci.md",
    coming_from: "coming-from.md",
}

#[test]
fn every_page_is_tried() {
    let tried: Vec<&str> = PAGES.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(files("docs/guide"), tried);
}

#[test]
fn every_file_of_the_guide_is_shown_checked_and_fits_its_schema() {
    let schema = Schema::open("workflow");
    let pages: String = PAGES.iter().map(|page| read(page)).collect();
    let project = copy();
    for name in files("examples/guide").iter().filter(|name| name.ends_with(".yaml")) {
        let text = read(name);
        let first = "# yaml-language-server: $schema=../../schemas/workflow.schema.json";
        assert_eq!(text.lines().next(), Some(first), "{name}");
        let value: serde_json::Value = serde_yaml::from_str(&text).expect("it is YAML");
        schema.accepts(name, &value);
        assert!(pages.contains(&format!("```yaml {name}\n")), "no page shows `{name}`");
        assert!(pages.contains(&format!("run {name}")), "no page runs `{name}`");
        let outcome = project.run(&["check", name]).exits(0);
        assert!(!outcome.stderr.contains("warning"), "{name}: {outcome:?}");
    }
}
