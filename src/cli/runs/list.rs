//! `pyoco runs list`: runs, the newest first.
use std::io::{self, Write};

use clap::Args;
use console::measure_text_width;

use super::StateArgs;
use super::text::{self, Table, ago, now};
use crate::cli::exit::{Exit, Failure, written};
use crate::cli::say::say;
use crate::cli::tips::whole;
use crate::event::{RunJson, StateStore};
use crate::model::{Counts, Ms, TaskState, Wall, escape};
use crate::record::Summary;

/// What a run's status can be called.
pub(crate) const STATUSES: [&str; 7] =
    ["PENDING", "RUNNING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED", "LOST"];

/// The words of `pyoco runs list`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pyoco runs list --status FAILED,LOST --since 7d --label env=prod")]
pub(crate) struct ListArgs {
    /// Only runs with one of these statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<&'static str>,
    /// Only runs of the flow with this name
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only runs that began within this time: `7d`
    #[arg(long, value_name = "TIME")]
    since: Option<Ms>,
    /// Only runs with this label
    #[arg(long, value_name = "K=V", value_parser = label)]
    label: Vec<(String, String)>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<usize>)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: StateArgs,
}

fn status(text: &str) -> Result<&'static str, String> {
    let known = STATUSES.into_iter().find(|status| status.eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("a run's status is one of {}", STATUSES.join(", ")))
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as `key=value`")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Does it.
pub(super) fn main(args: &ListArgs) -> Result<Exit, Failure> {
    let store = args.state.store()?;
    let now = now();
    let ids = store.list()?;
    for link in store.links()? {
        let link = link.display().to_string();
        say(format_args!("warning: `{}` is a link, and is not read", escape(&link)));
    }
    let mut runs = Vec::new();
    let mut more = false;
    for id in &ids {
        match store.summary(*id) {
            Ok(summary) if !args.wants(&summary, now) => {}
            Ok(_) if runs.len() == args.limit => {
                more = true;
                break;
            }
            Ok(summary) => runs.push(summary),
            // One that was pruned meanwhile is no damage.
            Err(crate::event::StoreError::NoRun(_)) => {}
            Err(error) => {
                say(format_args!("warning: run {}: {}", id.short(), escape(&error.to_string())));
            }
        }
    }
    if runs.is_empty() && !more && !args.json {
        match ids.is_empty() {
            true => say(super::no_runs(&store)),
            false => {
                let dir = store.state_dir().display().to_string();
                say(format_args!("no such runs in `{}`", escape(&dir)));
            }
        }
        return Ok(Exit::Success);
    }
    runs.iter().for_each(|run| text::warn_of_damage(run.run_id, run.damaged));
    let exit = written(match args.json {
        true => print_json(&runs),
        false if runs.is_empty() => Ok(()),
        false => io::stdout().lock().write_all(table(&runs, now).as_bytes()),
    })?;
    if more {
        say(format_args!("… and older ones; --limit shows more"));
    }
    Ok(exit)
}

impl ListArgs {
    fn wants(&self, run: &Summary, now: Wall) -> bool {
        let header = &run.header;
        (self.status.is_empty() || self.status.contains(&run.seen.name()))
            && self.flow.as_ref().is_none_or(|flow| *flow == header.flow)
            && self.since.is_none_or(|since| run.started.is_some_and(|s| s.until(now) <= since))
            && self.label.iter().all(|(key, value)| header.labels.get(key) == Some(value))
    }
}

fn table(runs: &[Summary], now: Wall) -> String {
    let mut table = Table::new(&["RUN", "STATUS", "FLOW", "STARTED", "TOOK", "TASKS", ""]);
    for run in runs {
        let cells = vec![
            run.run_id.short(),
            run.seen.to_string(),
            shortened(&escape(&run.header.flow), 30),
            run.started.map(|started| ago(started, now)).unwrap_or_default(),
            text::took(run, now).map(|ms| ms.to_string()).unwrap_or_default(),
            short_counts(run.counts),
            shortened(&notes(run), 60),
        ];
        table.row(1, text::seen_style(run.seen), cells);
    }
    table.render()
}

/// Returns the counts in few letters: `3/5`, `3/5, 1 failed`.
fn short_counts(counts: Counts) -> String {
    let total: u32 = TaskState::ALL.iter().map(|state| counts.of(*state)).sum();
    let mut parts = vec![format!("{}/{total} ok", counts.succeeded)];
    let rest = [
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.skipped, "skipped"),
        (counts.running, "running"),
    ];
    let rest = rest.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    parts.extend(rest);
    parts.join(", ")
}

fn notes(run: &Summary) -> String {
    let failure = run.first_failure.as_ref().map(|name| format!("failed: {}", escape(name)));
    let labels = run.header.labels.iter().map(|(k, v)| format!("{}={}", escape(k), escape(v)));
    failure.into_iter().chain(labels).collect::<Vec<_>>().join("  ")
}

fn shortened(text: &str, most: usize) -> String {
    match measure_text_width(text) > most {
        true => console::truncate_str(text, most, "…").into_owned(),
        false => text.to_owned(),
    }
}

fn print_json(runs: &[Summary]) -> io::Result<()> {
    let runs: Vec<RunJson> = runs.iter().map(to_json).collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, &runs).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn to_json(run: &Summary) -> RunJson {
    RunJson {
        reason: run.reason.clone(),
        started: run.started,
        ended: run.ended.map(|(wall, _)| wall),
        ms: run.ended.map(|(_, ms)| ms),
        counts: run.counts,
        first_failure: run.first_failure.clone(),
        ..RunJson::head(&run.header, Some(run.run_id), &run.seen.to_string())
    }
}
