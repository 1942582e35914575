//! `pyoco list`.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::{Exit, Failure, written};
use super::load::{coloured, load, shown};
use super::params::ParamArgs;
use super::say::say;
use crate::graph::folded;
use crate::model::{Flow, Param, ParamKind, PoolId, Resources, Task, TaskId, Work, escape};
use crate::spec::Purpose;

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
    #[command(flatten)]
    params: ParamArgs,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Print at most so many tasks, the first ones of the file.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Does it.
pub(crate) fn main(args: &ListArgs) -> Result<Exit, Failure> {
    let settings = args.params.settings(Purpose::Look)?;
    let (_, flow) = load(args.file.as_deref(), &settings, coloured())?;
    let flow = shown(&flow);
    let limit = args.limit.unwrap_or(usize::MAX);
    let text = if args.json {
        json(&flow, limit)
    } else {
        format!("{}{}", table(&folded(&flow), limit), params(&flow))
    };
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
        let line = format!("{:width$}  {mark}{description}", escape(task.name()));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns a line for each param: its name with what it takes, its default, what it is for.
fn params(flow: &Flow) -> String {
    if flow.params().is_empty() {
        return String::new();
    }
    let shown: Vec<(String, &Param)> =
        flow.params().iter().map(|param| (param_use(param), param)).collect();
    let width = shown.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0).min(60);
    let mut text = "\nparams\n".to_owned();
    for (written, param) in shown {
        let description = escape(param.description().unwrap_or_default().trim_end());
        text.push_str(format!("  {written:width$}  {description}").trim_end());
        text.push('\n');
    }
    text
}

/// Returns how a param is set, and its default: `-p mode=debug|release (debug)`.
fn param_use(param: &Param) -> String {
    let takes = match param.kind() {
        ParamKind::Enum(values) => values.join("|"),
        ParamKind::Int => "N".to_owned(),
        ParamKind::Bool => "true|false".to_owned(),
        ParamKind::List => "A,B".to_owned(),
        ParamKind::String => "TEXT".to_owned(),
    };
    let default = match param.default() {
        None => "required".to_owned(),
        Some(value) => match value.to_string() {
            text if text.is_empty() => "empty".to_owned(),
            text => text.replace('\n', ","),
        },
    };
    escape(&format!("-p {}={takes} ({default})", param.name())).into_owned()
}

fn param_json(param: &Param) -> serde_json::Value {
    let values = match param.kind() {
        ParamKind::Enum(values) => Some(values.to_vec()),
        ParamKind::Int | ParamKind::Bool | ParamKind::List | ParamKind::String => None,
    };
    serde_json::json!({
        "name": param.name(), "type": param.kind().word(), "values": values,
        "default": param.default().map(ToString::to_string),
        "value": param.value().map(ToString::to_string),
        "required": param.default().is_none(), "description": param.description(),
    })
}

/// Returns the values of a member of a matrix by key.
fn matrix(task: &Task) -> Option<serde_json::Map<String, serde_json::Value>> {
    let values = task.member()?.values().iter();
    Some(values.map(|(key, value)| (key.to_string(), (&**value).into())).collect())
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
            "name": task.name(), "matrix": matrix(task), "description": task.description(), "line": task.line(),
            "needs": names(flow.needs(id)), "needs_any": names(flow.needs_any(id)),
            "run": run, "cmd": cmd, "finally": task.is_finally(),
            "pool": held(flow, task), "tags": task.options().tags,
            "resources": resources(&task.options().resources),
        })
    });
    let document = json!({
        "flow": flow.name(), "description": flow.description(), "pools": pools(flow),
        "params": flow.params().iter().map(param_json).collect::<Vec<_>>(),
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
