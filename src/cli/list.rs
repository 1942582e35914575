//! `pyoco list`.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::{Exit, Failure, written};
use super::limit::{Limit, first_lines, limit};
use super::load::{caller_env, coloured, load, shown};
use super::params::{ParamArgs, typed};
use crate::graph::folded;
use crate::model::expr::Condition;
use crate::model::{
    Flow, Mask, Param, ParamKind, PoolId, Resources, Task, TaskId, Work, escape, one_line,
};
use crate::spec::Purpose;

/// How much of a description is shown, in characters.
const MAX_DESCRIPTION: usize = 120;

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
    /// Print at most so many tasks, the first ones of the file [default: 200; in JSON all].
    #[arg(long, value_name = "N", value_parser = limit)]
    limit: Option<Limit>,
}

/// Does it.
pub(crate) fn main(args: &ListArgs) -> Result<Exit, Failure> {
    let settings = args.params.settings(Purpose::Look)?;
    let (_, flow) = load(args.file.as_deref(), &settings, coloured())?;
    let flow = shown(&flow);
    let text = match args.json {
        true => json(&flow, args.limit.map_or(usize::MAX, Limit::get)),
        false => {
            let rows = table(&folded(&flow));
            format!("{}{}", first_lines(&rows, args.limit), params(&flow))
        }
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// Returns a line for each task: its name and what it says of itself.
pub(crate) fn table(flow: &Flow) -> String {
    const WIDEST: usize = 40; // a longer name moves its own description alone
    let lengths = flow.tasks().iter().map(|task| task.name().len());
    let width = lengths.max().unwrap_or(0).min(WIDEST);
    let mut text = String::new();
    for task in flow.tasks() {
        let description = one_line(task.description().unwrap_or_default(), MAX_DESCRIPTION);
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
        let description = one_line(param.description().unwrap_or_default(), MAX_DESCRIPTION);
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
            text => typed(&text),
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
    let mask = flow.secrets().mask(caller_env());
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
            "run": run, "cmd": cmd, "dir": dir(task, &mask), "artifacts": artifacts(task, &mask),
            "if": task.condition().map(Condition::text), "finally": task.is_finally(),
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

/// Returns the folder of a task as written; null where it is that of the file.
pub(crate) fn dir(task: &Task, mask: &Mask) -> Option<String> {
    task.options().dir.as_ref().map(|dir| mask.text(&dir.to_string()).into_owned())
}

/// Returns the files that a task promises, as written; null where it promises none.
pub(crate) fn artifacts(task: &Task, mask: &Mask) -> Option<Vec<String>> {
    let promises = task.options().promises.as_ref().filter(|one| !one.artifacts.is_empty())?;
    let paths = promises.artifacts.iter();
    Some(paths.map(|path| mask.text(&path.to_string()).into_owned()).collect())
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
