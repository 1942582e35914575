//! `pyoco init`.

use std::fs::OpenOptions;
use std::io::{self, Write};

use super::exit::{Exit, Failure, written};
use super::load::caller_dir;

const HELP: &str = "\
Examples:
  pyoco init && pyoco run            write a starter file, and run it
  pyoco init --toml                  the same as TOML";

/// The words of `pyoco init`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct InitArgs {
    /// Write `pyoco.toml` instead of `pyoco.yaml`.
    #[arg(long)]
    toml: bool,
    /// Write a workflow for a CI system too (does not work yet in this version).
    #[arg(long, value_name = "SYSTEM")]
    ci: Option<String>,
}

/// Does it.
pub(crate) fn main(args: &InitArgs) -> Result<Exit, Failure> {
    if args.ci.is_some() {
        return Err(Failure::not_yet("--ci").hint("a CI job needs one line: `pyoco run`"));
    }
    let folder = caller_dir()?;
    // Another starter file would be found before this one, or hidden by it.
    for other in ["pyoco.yaml", "pyoco.yml", "pyoco.toml"] {
        if folder.join(other).symlink_metadata().is_ok() {
            return Err(Failure::new(format!("`{other}` is there already; nothing was written"))
                .hint(format!("run it with `pyoco run {other}`, or move it away first")));
        }
    }
    let (name, text) = match args.toml {
        false => ("pyoco.yaml", include_str!("init/pyoco.yaml")),
        true => ("pyoco.toml", include_str!("init/pyoco.toml")),
    };
    let unwritable = |error: io::Error| Failure::new(format!("cannot write `{name}`: {error}"));
    // `create_new`: what came between the look and now is not overwritten either.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(folder.join(name))
        .map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    let said = format!("wrote {name}; run it with `pyoco run`\n");
    written(io::stdout().write_all(said.as_bytes()))
}
