//! `pyoco schema`.

use std::io::Write;

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};
use crate::{record, spec};

const HELP: &str = "\
Examples:
  pyoco schema > workflow.schema.json     for an editor that completes and explains the file

The first line of a YAML file names it to the editor:
  # yaml-language-server: $schema=workflow.schema.json";

/// The words of `pyoco schema`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct SchemaArgs {
    /// What the schema is of.
    #[arg(value_name = "WHAT", default_value = "workflow")]
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A workflow file.
    Workflow,
    /// A line of a run's events.
    Events,
    /// What `runs show --json` and `runs list --json` print.
    Run,
    /// What `check --json` prints.
    Check,
}

/// Does it.
pub(crate) fn main(args: &SchemaArgs) -> Result<Exit, Failure> {
    let text = match args.what {
        What::Workflow => spec::workflow_schema(),
        What::Events => record::events_schema(),
        What::Run => record::run_schema(),
        What::Check => spec::check_schema(),
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}
