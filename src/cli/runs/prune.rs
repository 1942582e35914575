//! `pyoco runs prune`: removes old runs, never one that is under way.
use std::collections::HashMap;
use std::io::{self, Write};

use clap::Args;

use super::StateArgs;
use super::list::print_json;
use super::text::{candidate, now, plural};
use crate::cli::exit::{Exit, Failure, written};
use crate::cli::limit::{Limit, first_lines, limit};
use crate::cli::say::say;
use crate::cli::tips::whole;
use crate::event::{Retention, StateStore};
use crate::model::{Ms, RunId, Size};
use crate::record::Summary;

/// The words of `pyoco runs prune`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pyoco runs prune --keep 50 --older-than 30d --dry-run")]
pub(crate) struct PruneArgs {
    /// Remove all but the newest N
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    keep: Option<u32>,
    /// Remove those that ended longer ago than this: `30d`
    #[arg(long, value_name = "TIME")]
    older_than: Option<Ms>,
    /// Remove the oldest until what is left takes no more than this: `1GiB`
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// Say what would be removed, and leave it
    #[arg(long)]
    dry_run: bool,
    /// Print the runs as one JSON document, as `pyoco runs list` does
    #[arg(long)]
    json: bool,
    /// At most so many lines of runs [default: 200]
    #[arg(long, value_name = "N", value_parser = limit, conflicts_with = "json")]
    limit: Option<Limit>,
    #[command(flatten)]
    state: StateArgs,
}

/// Does it.
pub(super) fn main(args: &PruneArgs) -> Result<Exit, Failure> {
    if args.keep.is_none() && args.older_than.is_none() && args.max_size.is_none() {
        return Err(Failure::new("nothing says which runs shall go")
            .hint("say it with --keep N, --older-than TIME or --max-size SIZE"));
    }
    let store = args.state.store()?;
    let mut retention = Retention {
        only: None,
        keep_runs: args.keep,
        ended_after: args.older_than.map(|age| now().minus(age)),
        max_size: args.max_size,
        dry_run: true,
    };
    // What is gone cannot be described any more.
    let planned = store.prune(&retention)?;
    let runs: HashMap<RunId, Summary> =
        planned.iter().filter_map(|id| Some((*id, store.summary(*id).ok()?))).collect();
    let (removed, trouble) = if args.dry_run {
        (planned, None)
    } else {
        retention.dry_run = false;
        match store.prune(&retention) {
            Ok(removed) => (removed, None),
            // The others are gone all the same.
            Err(error) => {
                let left = store.list()?;
                (planned.into_iter().filter(|id| !left.contains(id)).collect(), Some(error))
            }
        }
    };
    let exit = written(match args.json {
        true => print_json(removed.iter().filter_map(|id| runs.get(id))),
        false => {
            let line = |id: &RunId| runs.get(id).map_or_else(|| id.to_string(), candidate) + "\n";
            let text: String = removed.iter().map(line).collect();
            io::stdout().lock().write_all(first_lines(&text, args.limit).as_bytes())
        }
    })?;
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let (n, s) = plural(removed.len() as u64);
    say(format_args!("{} {n} run{s}", if args.dry_run { "would remove" } else { "removed" }));
    Ok(exit)
}
