//! `pyoco list`.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::{Exit, Failure, written};
use super::load::{coloured, load, shown};
use super::say::say;
use crate::model::{Flow, PoolId, Resources, Task, TaskId, Work, escape};

const HELP: &str = "\
Examples:
  pyoco list                         the tasks of the `pyoco.yaml` of this folder or one above it
  pyoco list release.yaml --json     as JSON, with needs and lines";

/// The words of `pyoco list`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ListArgs {
    /// The workflow file; `-` is standard input. Without one it is searched in this folder and above.
    file: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Print at most so many tasks, the first ones of the file.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Does it.
pub(crate) fn main(args: &ListArgs) -> Result<Exit, Failure> {
    let (_, flow) = load(args.file.as_deref(), coloured())?;
    let flow = shown(&flow);
    let limit = args.limit.unwrap_or(usize::MAX);
    let text = if args.json { json(&flow, limit) } else { table(&flow, limit) };
    let n_more = flow.tasks().len().saturating_sub(limit);
    if n_more > 0 {
        say(format_args!("… and {n_more} more; --limit shows them"));
    }
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// Returns a line for each task: its name and what it says of itself.
pub(crate) fn table(flow: &Flow, limit: usize) -> String {
    const WIDEST: usize = 40; // a longer name moves its own description alone
    let lengths = flow.tasks().iter().map(|task| task.name().len());
    let width = lengths.max().unwrap_or(0).min(WIDEST);
    let mut text = String::new();
    for task in flow.tasks().iter().take(limit) {
        let description = escape(task.description().unwrap_or_default().trim_end());
        let mark = if task.is_finally() { "(finally) " } else { "" };
        let line = format!("{:width$}  {mark}{description}", task.name());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn json(flow: &Flow, limit: usize) -> String {
    let names = |ids: &[TaskId]| -> Vec<String> {
        ids.iter().map(|id| flow.task(*id).name().to_owned()).collect()
    };
    let tasks = flow.ids().take(limit).map(|id| {
        let task = flow.task(id);
        let (run, cmd) = match task.work() {
            Work::Run(script) => (Some(script), None),
            Work::Cmd(words) => (None, Some(words)),
        };
        json!({
            "name": task.name(), "description": task.description(), "line": task.line(),
            "needs": names(flow.needs(id)), "needs_any": names(flow.needs_any(id)),
            "run": run, "cmd": cmd, "finally": task.is_finally(),
            "pool": held(flow, task), "tags": task.options().tags,
            "resources": resources(&task.options().resources),
        })
    });
    let document = json!({
        "flow": flow.name(), "description": flow.description(), "pools": pools(flow),
        "tasks": tasks.collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a flow is plain values");
    text.push('\n');
    text
}

fn pools(flow: &Flow) -> Value {
    flow.pools().iter().map(|pool| (pool.name.to_string(), json!(pool.slots))).collect()
}

/// Returns how many slots of which pools a task holds.
fn held(flow: &Flow, task: &Task) -> Value {
    let name = |pool: PoolId| flow.pools()[pool.index()].name.to_string();
    task.options().pools.iter().map(|(pool, count)| (name(*pool), json!(count))).collect()
}

/// Returns what a task asks of the place where it runs; null where it asks nothing.
fn resources(resources: &Resources) -> Value {
    let Resources { cpus, memory, time, gpus } = resources;
    if *resources == Resources::default() {
        return Value::Null;
    }
    json!({ "cpus": cpus, "memory_bytes": memory, "time_ms": time, "gpus": gpus })
}
