//! `pyoco graph`.

use std::collections::HashMap;
use std::io::Write;

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};
use super::limit::{Limit, first_lines, limit};
use super::load::{as_in_run, coloured, load, load_copy, shown};
use super::params::ParamArgs;
use super::runs::{self, StateArgs};
use super::say::say;
use crate::graph::{NodeState, Picture, RunStates, draw, draw_run};
use crate::model::{Flow, escape};
use crate::record::{JsonlStore, Record};
use crate::spec::{Purpose, Settings};

const HELP: &str = "\
Examples:
  pyoco graph                             a tree: what each task needs stands below it
  pyoco graph ci.yaml --as svg > ci.svg
  pyoco graph --run latest                how the last run went
  pyoco graph ci.yaml --as pyoco          in the notation of the key `graph`";

/// The words of `pyoco graph`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct GraphArgs {
    /// The workflow file; `-` is standard input. Without one it is searched in this folder and above;
    /// with --run it is that of the run.
    file: Option<String>,
    #[command(flatten)]
    params: ParamArgs,
    /// How it is drawn.
    #[arg(long = "as", value_name = "FORM", default_value = "text")]
    form: Form,
    /// Print one JSON document: --as json.
    #[arg(long, conflicts_with = "form")]
    json: bool,
    /// At most so many lines of the text [default: 200].
    #[arg(long, value_name = "N", value_parser = limit)]
    limit: Option<Limit>,
    /// Colour the tasks by their states in a run: an id, four or more digits of its beginning or end,
    /// `latest`, `latest~2`, `failed` or `running`.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A tree for the terminal.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// Nodes and edges.
    Json,
    /// The notation of the key `graph`.
    Pyoco,
    /// An image.
    Svg,
}

/// Does it.
pub(crate) fn main(args: &GraphArgs) -> Result<Exit, Failure> {
    let picture = match args.form {
        _ if args.json => Picture::Json,
        Form::Text => Picture::Text,
        Form::Mermaid => Picture::Mermaid,
        Form::Dot => Picture::Dot,
        Form::Json => Picture::Json,
        Form::Pyoco => Picture::Pyoco,
        Form::Svg => Picture::Svg,
    };
    let settings = args.params.settings(Purpose::Look)?;
    let text = match &args.run {
        None => {
            let (_, flow) = load(args.file.as_deref(), &settings, coloured())?;
            draw(&shown(&flow), picture)
        }
        Some(id) => {
            let store = args.state.store()?;
            let record = runs::record_of(&store, id)?;
            let flow = match &args.file {
                Some(file) => of_file(file, &settings, &record)?,
                None => of_run(&store, &record, settings)?,
            };
            let states = states(&flow, &record);
            draw_run(&shown(&flow), picture, &states).ok_or_else(|| {
                Failure::new("the notation of `--as pyoco` has no place for the states of a run")
                    .hint("`text`, `mermaid`, `dot`, `json` and `svg` have")
            })?
        }
    };
    let text = match picture {
        Picture::Text => first_lines(&text, args.limit),
        Picture::Mermaid | Picture::Dot | Picture::Json | Picture::Pyoco | Picture::Svg => &text,
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// Loads a file for the states of a run; says where it is not that of the run.
fn of_file(file: &str, settings: &Settings, record: &Record) -> Result<Flow, Failure> {
    let (_, flow) = load(Some(file), settings, coloured())?;
    let header = record.view.header();
    let short = record.run_id.short();
    let states = states(&flow, record);
    if states.states.iter().all(|state| *state == NodeState::NotInRun) {
        let named = header.file.as_deref().unwrap_or("another file");
        return Err(Failure::new(format!("run {short} has no task of `{}`", escape(file)))
            .hint(format!("it is a run of `{}`; leave FILE out", escape(named))));
    }
    if flow.file_sha256.is_some() && flow.file_sha256 != header.file_sha256 {
        say(format_args!("warning: `{}` has changed since run {short}", escape(file)));
    }
    Ok(flow)
}

/// Returns the flow of a run: out of the copy of its file that lies in the record, else out of the file
/// itself.
fn of_run(store: &JsonlStore, record: &Record, settings: Settings) -> Result<Flow, Failure> {
    let header = record.view.header();
    let settings = as_in_run(settings, record);
    // What the copy lacks, the file may have.
    if let Some(flow) = load_copy(store, record, &settings)? {
        return Ok(flow);
    }
    match header.file.as_deref().filter(|file| *file != "-") {
        Some(file) => of_file(file, &settings, record),
        None => Err(Failure::new(format!(
            "the record of run {} holds no file that can be drawn",
            record.run_id.short()
        ))
        .hint("name the FILE")),
    }
}

/// Returns where the tasks of a flow stand in a run, by their names.
fn states(flow: &Flow, record: &Record) -> RunStates {
    let tasks: HashMap<&str, NodeState> = record
        .view
        .tasks()
        .iter()
        .map(|task| (&*task.name, task.known().map_or(NodeState::Unknown, NodeState::Known)))
        .collect();
    let state = |name: &str| tasks.get(name).copied().unwrap_or(NodeState::NotInRun);
    let states = flow.tasks().iter().map(|task| state(task.name())).collect();
    RunStates { states, is_coloured: console::colors_enabled() }
}
