//! `pyoco runs cancel`: asks a run that is under way to end, from any terminal.
//!
//! The runner is told through its run's folder; it is never signalled by its process id, which may
//! belong to somebody else by now.
use std::time::Duration;

use clap::Args;

use super::{IdArgs, StateArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::say::say;
use crate::event::{CancelRequest, RunView, StateStore, WAKE_FIFO};
use crate::model::{Level, RunId, escape};
use crate::record::{Asked, JsonlStore, Seen, ask_cancel};

/// How long one wait for the next line of a run lasts before its lock is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500); // only a runner that dies makes it matter

/// The words of `pyoco runs cancel`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pyoco runs cancel running --stop --wait --reason 'wrong branch'")]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    id: IdArgs,
    /// Ask running tasks to end too, and kill them after a grace
    #[arg(long, conflicts_with = "kill")]
    stop: bool,
    /// Kill running tasks at once
    #[arg(long)]
    kill: bool,
    /// Return once the run has ended
    #[arg(long)]
    wait: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

/// Does it.
pub(super) fn main(args: &CancelArgs) -> Result<Exit, Failure> {
    let store = args.state.store()?;
    let run_id = args.id.resolve(&store)?;
    refuse_if_over(&store, run_id)?;
    let level = match (args.stop, args.kill) {
        (_, true) => Level::Kill,
        (true, false) => Level::Stop,
        (false, false) => Level::Drain,
    };
    let request =
        CancelRequest { level, by: "runs cancel".to_owned(), reason: args.reason.clone() };
    match ask_cancel(&store.run_dir(run_id), &request)? {
        Asked::Told => {}
        Asked::NobodyListens => {
            refuse_if_over(&store, run_id)?;
            return Err(deaf(&store, run_id)?);
        }
    }
    let what = match level {
        Level::Drain => "nothing new starts, running tasks finish",
        Level::Stop => "running tasks are asked to end",
        Level::Kill => "running tasks are killed",
    };
    say(format_args!("run {}: asked for {level}: {what}", run_id.short()));
    if args.wait { wait(&store, run_id) } else { Ok(Exit::Success) }
}

fn refuse_if_over(store: &JsonlStore, run_id: RunId) -> Result<(), Failure> {
    let seen = store.summary(run_id)?.seen;
    let short = run_id.short();
    match seen {
        Seen::Known(status) if status.is_final() => {
            Err(Failure::new(format!("run {short} has ended: {status}")))
        }
        Seen::Known(_) => Ok(()),
        Seen::Lost => Err(Failure::new(format!("run {short} is LOST: its runner is gone"))),
        Seen::Elsewhere(_) => Err(Failure::new(format!("run {short} is {seen}"))
            .hint("cancel it on the machine where it runs")),
    }
}

/// A run that is under way listens from the moment it can be seen, unless its FIFO was taken away.
fn deaf(store: &JsonlStore, run_id: RunId) -> Result<Failure, Failure> {
    let wake = store.run_dir(run_id).join(WAKE_FIFO).display().to_string();
    let wake = escape(&wake);
    let failure = Failure::new(format!("nobody listens at `{wake}`; the run goes on"));
    Ok(match store.summary(run_id)?.header.pid {
        Some(pid) => failure.hint(format!("its runner had the process id {pid}: `kill {pid}`")),
        None => failure,
    })
}

/// Follows the run until it has ended, or its runner has died.
fn wait(store: &JsonlStore, run_id: RunId) -> Result<Exit, Failure> {
    let log = store.open(run_id)?;
    let mut view = RunView::new();
    loop {
        log.read(view.seq() + 1, &mut |line| view.apply(&line))?;
        if view.status().is_final() {
            say(format_args!("run {}: {}", run_id.short(), view.status()));
            return Ok(Exit::Success);
        }
        if !log.wait(view.seq(), LOOK_AGAIN)? && store.summary(run_id)?.seen == Seen::Lost {
            say(format_args!("run {}: LOST: its runner is gone", run_id.short()));
            return Ok(Exit::Failed);
        }
    }
}
