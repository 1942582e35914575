//! `pyoco graph`.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};
use super::load::{coloured, load, shown};
use super::params::ParamArgs;
use super::runs::{self, StateArgs};
use super::say::say;
use crate::graph::{NodeState, Picture, RunStates, draw, draw_run};
use crate::model::{Flow, escape};
use crate::record::{JsonlStore, Record};
use crate::spec::{self, Given, ParamSetting, Purpose, SetBy, Settings, Source};

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
fn of_run(store: &JsonlStore, record: &Record, mut settings: Settings) -> Result<Flow, Failure> {
    let header = record.view.header();
    // Its params, but what the record masks or cuts, and not those of our own environment.
    let is_whole = |value: &str| !value.contains("***") && !value.ends_with('…');
    let of_run = header.params.iter().filter(|(_, value)| is_whole(value));
    let of_run = of_run.map(|(name, value)| ParamSetting {
        name: name.clone(),
        given: Given::Text(value.clone()),
        from: SetBy::Env(name.clone()), // in a flag `@` would read any file that a record names
    });
    settings.params.splice(0..0, of_run);
    settings.env.retain(|(name, _)| !name.starts_with(b"PYOCO_PARAM_"));
    if let Some((syntax, bytes)) = store.source(record.run_id)? {
        let path = header.file.clone().unwrap_or_default();
        let base_dir = Path::new(&path).parent().filter(|dir| dir.is_absolute());
        let base_dir = base_dir.map_or_else(|| store.run_dir(record.run_id), PathBuf::from);
        let (name, default_name) = (path.clone(), header.flow.clone());
        let source = Source { name, default_name, path, base_dir, syntax, bytes };
        // What is wrong with it was said when it ran; what the copy lacks, the file may have.
        if let Some(flow) = spec::load_with(&source, &settings).flow {
            return Ok(flow);
        }
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
