//! `pyoco check`.

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use super::exit::{Exit, Failure, written};
use super::load::{caller_dir, coloured, file_or_found};
use super::params::ParamArgs;
use super::say::say_text;
use crate::model::escape;
use crate::spec::{self, Diagnostic, Purpose, Severity, Source};

const HELP: &str = "\
Examples:
  pyoco check                        the `pyoco.yaml` of this folder or one above it
  pyoco check a.yaml b.toml          several files
  generate | pyoco check -           YAML on standard input
  pyoco check --strict --format github    in a workflow of GitHub Actions

A diagnostic has a code such as E0101: `pyoco explain E0101` says more. Beside errors, `check` warns of
what is probably an oversight: unused params and outputs, missing folders, missing needs.

Exit code 2 where there is an error (with --strict: or a warning), else 0.";

/// The words of `pyoco check`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct CheckArgs {
    /// Workflow files; `-` is standard input. Without one `pyoco.yaml`, `pyoco.yml` or `pyoco.toml`
    /// is searched in this folder and above it.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    params: ParamArgs,
    /// Take warnings as errors.
    #[arg(long)]
    strict: bool,
    /// Print the diagnostics as one JSON document.
    #[arg(long)]
    json: bool,
    /// How the diagnostics are printed: for people, or as annotations of a CI system.
    #[arg(long, value_name = "KIND", default_value = "text", conflicts_with = "json")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// On standard error, with the source lines.
    Text,
    /// On standard output, as GitHub Actions reads them.
    Github,
}

/// Does it.
pub(crate) fn main(args: &CheckArgs) -> Result<Exit, Failure> {
    let caller_dir = caller_dir()?;
    let settings = args.params.settings(Purpose::Check)?;
    let files = match &*args.files {
        [] => vec![file_or_found(None, &caller_dir)?],
        files => files.to_vec(),
    };
    let (mut is_wrong, mut documents, mut said) = (false, Vec::new(), String::new());
    for file in &files {
        let (source, loaded) = match spec::read(file, &caller_dir) {
            Ok(source) => {
                let loaded = spec::load_with(&source, &settings);
                (Some(source), loaded)
            }
            Err(diagnostic) => (None, spec::Loaded { flow: None, diagnostics: vec![*diagnostic] }),
        };
        let fails = |one: &spec::Diagnostic| args.strict || one.severity() == Severity::Error;
        let fails = loaded.diagnostics.iter().any(fails);
        is_wrong |= fails;
        let n_tasks = loaded.flow.as_ref().map(|flow| flow.tasks().len());
        if args.json {
            let diagnostics = spec::report_json(source.as_ref(), &loaded.diagnostics);
            documents.push(serde_json::json!({
                "file": file, "ok": !fails, "n_tasks": n_tasks, "diagnostics": diagnostics,
            }));
            continue;
        }
        match args.format {
            Format::Text => {
                say_text(spec::report(source.as_ref(), &loaded.diagnostics, coloured()))
            }
            Format::Github => said.push_str(&annotations(source.as_ref(), &loaded.diagnostics)),
        }
        if args.format == Format::Github && !loaded.diagnostics.is_empty() {
            continue;
        }
        if let Some(n_tasks) = n_tasks.filter(|_| !fails) {
            let plural = if n_tasks == 1 { "" } else { "s" };
            said.push_str(&format!("{}: ok, {n_tasks} task{plural}\n", escape(file)));
        }
    }
    if args.json {
        said = serde_json::to_string_pretty(&documents).expect("diagnostics are plain values");
        said.push('\n');
    }
    written(std::io::stdout().write_all(said.as_bytes()))?;
    Ok(if is_wrong { Exit::Usage } else { Exit::Success })
}

/// Returns the diagnostics as commands of GitHub Actions, one a line.
fn annotations(source: Option<&Source>, diagnostics: &[Diagnostic]) -> String {
    let documents = spec::report_json(source, diagnostics);
    let list = documents.as_array().into_iter().flatten();
    list.map(annotation).collect()
}

fn annotation(one: &Value) -> String {
    let text = |key: &str| one[key].as_str().unwrap_or_default();
    let place = &one["places"][0];
    let mut properties: Vec<String> = Vec::new();
    if let Some(file) = place["file"].as_str() {
        properties.push(format!("file={}", property(&escape(file))));
        let numbers = [
            ("line", "line"),
            ("endLine", "end_line"),
            ("col", "column"),
            ("endColumn", "end_column"),
        ];
        // GitHub refuses columns of a place with several lines.
        let is_one_line = place["line"] == place["end_line"];
        for (name, key) in
            numbers.into_iter().filter(|(_, key)| is_one_line || !key.contains("col"))
        {
            properties.push(format!("{name}={}", place[key]));
        }
    }
    properties.push(format!("title={}", property(text("code"))));
    let help = one["help"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let lines: Vec<String> = std::iter::once(text("message").to_owned())
        .chain(help.map(|line| format!("help: {line}")))
        .map(|line| escape(&line).into_owned())
        .collect();
    format!("::{} {}::{}\n", text("severity"), properties.join(","), data(&lines.join("\n")))
}

/// Escapes what stands after the `::` of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes what stands before it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
