//! `pyoco runs …`: looks back at runs, and cancels them.
//!
//! Nothing here runs a task or makes a state folder. What a record holds is foreign text: it passes
//! `escape` before anybody sees it.

mod cancel;
mod detail;
mod list;
mod logs;
mod names;
mod output;
mod prune;
mod show;
mod text;
mod timeline;
mod why;
use std::ffi::OsString;
use std::path::Path;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use crate::event::StateStore;
use crate::model::{RunId, escape};
use crate::record::{JsonlStore, Record, SelectError, find_state_dir, resolve};

pub(crate) use list::STATUSES;
pub(crate) use text::ago;

/// The words of `pyoco runs`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pyoco runs show latest")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Subcommand, Debug)]
enum RunsCommand {
    /// List runs, the newest first.
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show what happened in a run.
    Show(show::ShowArgs),
    /// Print the output of a run's tasks.
    Logs(logs::LogsArgs),
    /// Cancel a run that is under way, from any terminal.
    Cancel(cancel::CancelArgs),
    /// Remove old runs.
    Prune(prune::PruneArgs),
    #[command(hide = true)]
    Watch(LaterArgs),
    #[command(hide = true)]
    Diff(LaterArgs),
    #[command(hide = true)]
    Stats(LaterArgs),
    #[command(hide = true)]
    Export(LaterArgs),
}

/// The words of a command that is still to come.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
struct LaterArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

/// Which state folder is read.
#[derive(Args, Debug)]
pub(crate) struct StateArgs {
    /// The state folder [default: `.pyoco` in the nearest folder, from this one upwards, that holds it,
    /// a `pyoco.yaml` or `.git`]
    #[arg(long, value_name = "DIR", env = "PYOCO_STATE_DIR", hide_env_values = true)]
    state_dir: Option<OsString>,
}

/// A run, in one of the ways in which people name one.
#[derive(Args, Debug)]
pub(crate) struct IdArgs {
    /// The run: its id, four or more digits of its beginning or end, `latest`, `latest~2`, `failed`
    /// or `running`
    #[arg(value_name = "ID")]
    id: String,
}

/// Does it.
pub(crate) fn main(args: &RunsArgs) -> Result<Exit, Failure> {
    match &args.command {
        RunsCommand::List(args) => list::main(args),
        RunsCommand::Show(args) => show::main(args),
        RunsCommand::Logs(args) => logs::main(args),
        RunsCommand::Cancel(args) => cancel::main(args),
        RunsCommand::Prune(args) => prune::main(args),
        RunsCommand::Watch(_) => later("watch"),
        RunsCommand::Diff(_) => later("diff"),
        RunsCommand::Stats(_) => later("stats"),
        RunsCommand::Export(_) => later("export"),
    }
}

fn later(command: &str) -> Result<Exit, Failure> {
    Err(Failure::not_yet(&format!("pyoco runs {command}")))
}

impl StateArgs {
    /// Returns the store in it; a folder that is not there holds no runs.
    pub(crate) fn store(&self) -> Result<JsonlStore, Failure> {
        let cwd = std::env::current_dir()
            .map_err(|error| Failure::new(format!("cannot tell the current folder: {error}")))?;
        // The flag and the variable come as one; the flag has won where there are both.
        Ok(JsonlStore::new(find_state_dir(self.state_dir.as_deref().map(Path::new), None, &cwd)))
    }
}

impl IdArgs {
    fn resolve(&self, store: &JsonlStore) -> Result<RunId, Failure> {
        run_of(store, &self.id)
    }

    /// Reads the run; says on standard error what was met on the way.
    fn load(&self, store: &JsonlStore) -> Result<Record, Failure> {
        record_of(store, &self.id)
    }
}

fn run_of(store: &JsonlStore, id: &str) -> Result<RunId, Failure> {
    resolve(store, id).map_err(|error| refused(store, &error))
}

/// Reads the run that `id` names; says on standard error what was met on the way.
pub(crate) fn record_of(store: &JsonlStore, id: &str) -> Result<Record, Failure> {
    let record = store.load(run_of(store, id)?)?;
    text::warn_of(&record);
    Ok(record)
}

/// Says where there are no runs, and how to look elsewhere: where a run was started decides.
fn no_runs(store: &JsonlStore) -> String {
    let dir = store.state_dir().display().to_string();
    let dir = escape(&dir);
    format!(
        "no runs in `{dir}`; runs that were started in another folder may be kept elsewhere: \
         `--state-dir DIR` shows them"
    )
}

/// Words an id that names no run, or several.
fn refused(store: &JsonlStore, error: &SelectError) -> Failure {
    let failure = Failure::new(escape(&error.to_string()));
    match error {
        SelectError::Ambiguous { n, candidates, .. } => {
            let mut lines: Vec<String> = candidates.iter().map(text::candidate).collect();
            if *n > candidates.len() {
                lines.push(format!("… and {} older ones", n - candidates.len()));
            }
            failure.hint(lines.join("\n"))
        }
        SelectError::Empty | SelectError::NotAnId(_) | SelectError::TooShort(_) => failure.hint(
            "name a run by its id, by four or more digits of its beginning or end, or by \
             `latest`, `latest~2`, `failed`, `running`",
        ),
        SelectError::Unknown(_) | SelectError::NoneSuch(_) | SelectError::TooFew { .. } => {
            match store.list() {
                Ok(ids) if ids.is_empty() => failure.hint(no_runs(store)),
                Ok(_) | Err(_) => failure.hint("`pyoco runs list` shows which there are"),
            }
        }
        SelectError::Store(_) => failure,
    }
}
