//! `pyoco check`.

use std::io::Write;

use super::exit::{Exit, Failure, written};
use super::load::{caller_dir, coloured, file_or_found};
use super::params::ParamArgs;
use super::say::say_text;
use crate::model::escape;
use crate::spec::{self, Purpose, Severity};

const HELP: &str = "\
Examples:
  pyoco check                        the `pyoco.yaml` of this folder or one above it
  pyoco check a.yaml b.toml          several files
  generate | pyoco check -           YAML on standard input

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
    /// Print the diagnostics for a CI system (does not work yet in this version).
    #[arg(long, value_name = "KIND")]
    format: Option<String>,
}

/// Does it.
pub(crate) fn main(args: &CheckArgs) -> Result<Exit, Failure> {
    if args.format.is_some() {
        return Err(Failure::not_yet("--format").hint("use the text form, or `--json`"));
    }
    let caller_dir = caller_dir()?;
    let settings = args.params.settings(Purpose::Look)?;
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
        say_text(spec::report(source.as_ref(), &loaded.diagnostics, coloured()));
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
