//! `pyoco graph`.

use std::io::Write;

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};
use super::load::{coloured, load, shown};
use super::params::ParamArgs;
use crate::graph::{Picture, draw};
use crate::spec::Purpose;

const HELP: &str = "\
Examples:
  pyoco graph                             a tree: what each task needs stands below it
  pyoco graph ci.yaml --as dot | dot -Tsvg > ci.svg
  pyoco graph ci.yaml --as pyoco          in the notation of the key `graph`";

/// The words of `pyoco graph`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct GraphArgs {
    /// The workflow file; `-` is standard input. Without one it is searched in this folder and above.
    file: Option<String>,
    #[command(flatten)]
    params: ParamArgs,
    /// How it is drawn.
    #[arg(long = "as", value_name = "FORM", default_value = "text")]
    form: Form,
    /// Colour the states of a run (does not work yet in this version).
    #[arg(long, value_name = "ID")]
    run: Option<String>,
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
    /// An image (does not work yet in this version).
    Svg,
}

/// Does it.
pub(crate) fn main(args: &GraphArgs) -> Result<Exit, Failure> {
    if args.run.is_some() {
        return Err(
            Failure::not_yet("--run").hint("`pyoco runs show ID` tells the states of a run")
        );
    }
    let picture = match args.form {
        Form::Text => Picture::Text,
        Form::Mermaid => Picture::Mermaid,
        Form::Dot => Picture::Dot,
        Form::Json => Picture::Json,
        Form::Pyoco => Picture::Pyoco,
        Form::Svg => {
            return Err(Failure::not_yet("--as svg")
                .hint("use Graphviz: `pyoco graph --as dot | dot -Tsvg`"));
        }
    };
    let settings = args.params.settings(Purpose::Look)?;
    let (_, flow) = load(args.file.as_deref(), &settings, coloured())?;
    let flow = shown(&flow);
    written(std::io::stdout().write_all(draw(&flow, picture).as_bytes()))
}
