//! `pyoco init`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};
use super::load::caller_dir;
use super::say::say;
use crate::model::{escape, shell_word};

const HELP: &str = "\
Examples:
  pyoco init && pyoco run            write a starter file, and run it
  pyoco init --toml                  the same as TOML
  pyoco init --ci github             a workflow for GitHub that runs it, too";

/// The names that a workflow file is found by.
const NAMES: [&str; 3] = ["pyoco.yaml", "pyoco.yml", "pyoco.toml"];

/// The words of `pyoco init`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct InitArgs {
    /// Write `pyoco.toml` instead of `pyoco.yaml`.
    #[arg(long)]
    toml: bool,
    /// Write a workflow for a CI system too; a workflow file of yours stays as it is.
    #[arg(long, value_name = "SYSTEM")]
    ci: Option<Ci>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ci {
    /// `.github/workflows/pyoco.yaml`.
    Github,
}

/// A file to be written.
struct New {
    name: &'static str,
    text: String,
}

/// Does it.
pub(crate) fn main(args: &InitArgs) -> Result<Exit, Failure> {
    let folder = caller_dir()?;
    let is_there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    let mut files = Vec::new();
    // Another starter file would be found before this one, or hidden by it.
    match (NAMES.into_iter().find(|name| is_there(name)), args.ci) {
        (None, _) => files.push(starter(args.toml)),
        (Some(other), None) => {
            return Err(refusal(other, &format!("run it with `pyoco run {other}`")));
        }
        (Some(other), Some(Ci::Github)) if args.toml && other != "pyoco.toml" => {
            return Err(refusal(other, "leave out `--toml`"));
        }
        (Some(other), Some(Ci::Github)) => {
            say(format_args!("`{other}` is there already and stays as it is"));
        }
    }
    if let Some(Ci::Github) = args.ci {
        let workflow = github();
        if is_there(workflow.name) {
            return Err(refusal(workflow.name, "leave out `--ci github`"));
        }
        files.push(workflow);
    }
    for file in &files {
        write(&folder, file)
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", file.name)))?;
    }
    if args.ci.is_some()
        && !is_there(".git")
        && let Some(top) = repository_above(&folder)
    {
        let below = folder.strip_prefix(top).unwrap_or(&folder).join(name_of(args, &folder));
        say(format_args!(
            "warning: GitHub reads `.github` in the top folder of a repository alone: {}\n  \
             move `{}` there, and let it run `pyoco run {} --no-cute`",
            escape(&top.display().to_string()),
            github().name,
            escape(&shell_word(&below.display().to_string())),
        ));
    }
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    let said = format!("wrote {}; run it with `pyoco run`\n", names.join(" and "));
    written(io::stdout().write_all(said.as_bytes()))
}

/// Returns the name of the workflow file of a folder that has one.
fn name_of(args: &InitArgs, folder: &Path) -> &'static str {
    let there = NAMES.into_iter().find(|name| folder.join(name).exists());
    there.unwrap_or(starter(args.toml).name)
}

fn starter(is_toml: bool) -> New {
    match is_toml {
        false => New { name: "pyoco.yaml", text: include_str!("init/pyoco.yaml").to_owned() },
        true => New { name: "pyoco.toml", text: include_str!("init/pyoco.toml").to_owned() },
    }
}

fn github() -> New {
    let text = include_str!("init/github.yaml").replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    New { name: ".github/workflows/pyoco.yaml", text }
}

fn refusal(name: &str, way_out: &str) -> Failure {
    Failure::new(format!("`{name}` is there already; nothing was written"))
        .hint(format!("{way_out}, or move it away first"))
}

fn write(folder: &Path, file: &New) -> io::Result<()> {
    let path = folder.join(file.name);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    // `create_new`: what came between the look and now is not overwritten either.
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(file.text.as_bytes())
}

/// Returns the top folder of the repository that this folder lies in, where it is another one.
fn repository_above(folder: &Path) -> Option<&Path> {
    folder.ancestors().skip(1).find(|above| above.join(".git").exists())
}
