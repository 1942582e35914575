//! Floor 6: the command line. Arguments in, exit codes out; only this floor knows either.

mod check;
mod completions;
mod exit;
mod explain;
mod graph;
mod init;
mod limit;
mod list;
mod load;
mod man;
mod other;
mod params;
mod plan;
mod run;
mod runs;
mod say;
mod schema;
mod shell;
mod tips;
mod watchdog;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs a YAML or TOML file of shell-command tasks as a DAG, and remembers what happened.
#[derive(Parser, Debug)]
#[command(
    name = "pyoco",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:
  pyoco init                       write a starter file
  pyoco run                        run it
  pyoco runs show latest           see what happened"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a workflow file.
    Run(Box<run::RunArgs>),
    /// Say everything that is wrong with a workflow file, and run nothing.
    Check(check::CheckArgs),
    /// Say what would run, in which order, why, and how long it would take.
    Plan(Box<plan::PlanArgs>),
    /// List the tasks of a workflow file.
    #[command(visible_alias = "list-tasks")]
    List(list::ListArgs),
    /// Draw the graph of a workflow file.
    Graph(graph::GraphArgs),
    /// Write a starter file.
    Init(init::InitArgs),
    /// Look back at runs, or cancel one.
    Runs(runs::RunsArgs),
    /// Open your shell where a task runs, with its environment.
    Shell(Box<shell::ShellArgs>),
    /// Say more of a diagnostic's code, or of a key of the file.
    Explain(explain::ExplainArgs),
    /// Print a JSON schema.
    Schema(schema::SchemaArgs),
    /// Print the script that completes the words of pyoco in your shell.
    Completions(completions::CompletionsArgs),
    /// Print the man page.
    Man(man::ManArgs),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default_hook(panic);
        say::say(format_args!(
            "pyoco has a bug; please report it with the lines above (pyoco {}, {} {})",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
        ));
    }));
    match std::panic::catch_unwind(dispatch) {
        Ok(exit) => exit.into(),
        Err(_) => exit::Exit::Bug.into(),
    }
}

fn dispatch() -> exit::Exit {
    // Past clap, so that no help, suggestion or completion speaks of it.
    let result = match (watchdog::words(), completions::hook_words()) {
        (Some(words), _) => watchdog::main(&words),
        (None, Some(words)) => completions::hook(&words),
        (None, None) => command(),
    };
    result.unwrap_or_else(|failure| {
        failure.print();
        exit::Exit::Usage
    })
}

fn command() -> Result<exit::Exit, exit::Failure> {
    let arguments =
        Arguments::try_parse().unwrap_or_else(|error| tips::without_hidden(error).exit());
    match &arguments.command {
        Command::Run(args) => run::main(args),
        Command::Check(args) => check::main(args),
        Command::Plan(args) => plan::main(args),
        Command::List(args) => list::main(args),
        Command::Graph(args) => graph::main(args),
        Command::Init(args) => init::main(args),
        Command::Runs(args) => runs::main(args),
        Command::Explain(args) => explain::main(args),
        Command::Schema(args) => schema::main(args),
        Command::Shell(args) => shell::main(args),
        Command::Completions(args) => completions::main(args),
        Command::Man(args) => man::main(args),
        Command::Other(words) => Err(other::refuse(words)),
    }
}
