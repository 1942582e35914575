//! Floor 6: the command line. Arguments in, exit codes out; only this floor knows either.

mod check;
mod exit;
mod graph;
mod init;
mod list;
mod load;
mod run;
mod runs;
mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs a YAML or TOML file of shell-command tasks as a DAG, and remembers what happened.
#[derive(Parser, Debug)]
#[command(name = "pyoco", version, about, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a workflow file.
    Run(run::RunArgs),
    /// Say everything that is wrong with a workflow file, and run nothing.
    Check(check::CheckArgs),
    /// List the tasks of a workflow file.
    #[command(visible_alias = "list-tasks")]
    List(list::ListArgs),
    /// Draw the graph of a workflow file.
    Graph(graph::GraphArgs),
    /// Write a starter file.
    Init(init::InitArgs),
    /// Look back at runs, or cancel one.
    Runs(runs::RunsArgs),
    /// Print a JSON schema.
    Schema(schema::SchemaArgs),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Run(args) => run::main(args),
        Command::Check(args) => check::main(args),
        Command::List(args) => list::main(args),
        Command::Graph(args) => graph::main(args),
        Command::Init(args) => init::main(args),
        Command::Runs(args) => runs::main(args),
        Command::Schema(args) => schema::main(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            if let Some(hint) = failure.hint {
                eprintln!("  {hint}");
            }
            exit::Exit::Usage.into()
        }
    }
}
