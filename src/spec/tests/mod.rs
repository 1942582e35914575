//! A file beside what is said of it, in both syntaxes; and that no file at all makes a panic.

mod errors;
mod flows;
mod foreign;
mod habits;
mod limits;
mod maps;
mod matrix;
mod params;
mod pools;
mod promises;
mod properties;
mod remedies;
mod rules;
mod secrets;
mod slips;
mod table;
mod traps;
mod values;

use proptest::prelude::*;

use super::*;
use crate::graph::{Picture, draw};
use crate::model::expr::Template;
use crate::model::{
    Kill, ListId, Ms, OnCancel, OnFailure, OnTaskFailure, Options, Promises, Records, Retry,
    Secret, Shell, Size, Task, TaskId, Work,
};

pub(super) fn source(text: &str, syntax: Syntax) -> Source {
    let name = match syntax {
        Syntax::Yaml => "f.yaml",
        Syntax::Toml => "f.toml",
    };
    Source {
        name: name.to_owned(),
        path: format!("/w/{name}"),
        base_dir: "/w".into(),
        default_name: "f".to_owned(),
        syntax,
        bytes: text.as_bytes().to_vec(),
    }
}

fn said(text: &str, syntax: Syntax) -> String {
    let source = source(text, syntax);
    report(Some(&source), &load(&source).diagnostics, false)
}

/// Holds all that is said of a YAML file against the expected text.
fn check(text: &str, expected: &str) {
    let said = said(text, Syntax::Yaml);
    assert_eq!(said.trim_end(), expected.trim(), "\n{text}\n---\n{said}");
}

/// Returns `line:column name message` of each diagnostic, and the ways out.
fn short(text: &str, syntax: Syntax) -> Vec<String> {
    let source = source(text, syntax);
    let json = report_json(Some(&source), &load(&source).diagnostics);
    let line = |one: &serde_json::Value| {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let place = &one["places"][0];
        let help = one["help"][0].as_str().unwrap_or_default();
        format!(
            "{}:{} {} {}; {help}",
            place["line"],
            place["column"],
            text("name"),
            text("message")
        )
    };
    json.as_array().expect("an array").iter().map(line).collect()
}

fn lines(text: &str, expected: &[&str]) {
    assert_eq!(short(text, Syntax::Yaml), expected, "\n{text}");
}

/// The same for a task with these lines.
fn task(lines_of_task: &str, expected: &[&str]) {
    let indented = lines_of_task.replace('\n', "\n    ");
    lines(&format!("tasks:\n  a:\n    {indented}\n"), expected);
}

fn flow(text: &str, syntax: Syntax) -> Flow {
    let loaded = load(&source(text, syntax));
    assert!(loaded.diagnostics.is_empty(), "{}", said(text, syntax));
    loaded.flow.expect("no diagnostics, so a flow")
}
