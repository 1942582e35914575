//! `pyoco man`: pages for `man`, out of the words that `--help` shows.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::Arguments;
use super::exit::{Exit, Failure, written};
use crate::model::escape;

const HELP: &str = "\
Examples:
  pyoco man | man -l -                    read it
  pyoco man --dir ~/.local/share/man/man1
                                          write a page for each command: `man pyoco-run`";

/// The words of `pyoco man`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Does it.
pub(crate) fn main(args: &ManArgs) -> Result<Exit, Failure> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    match &args.dir {
        None => written(std::io::stdout().write_all(page(&program).as_bytes())),
        Some(dir) => {
            write_all(&program, dir).map_err(|error| {
                let dir = dir.display().to_string();
                Failure::new(format!("cannot write to `{}`: {error}", escape(&dir)))
            })?;
            Ok(Exit::Success)
        }
    }
}

fn write_all(command: &Command, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join(Man::new(command.clone()).get_filename()), page(command))?;
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    shown.into_iter().try_for_each(|inner| write_all(inner, dir))
}

/// Returns the page of a command.
fn page(command: &Command) -> String {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    render(&man, command, &mut page).expect("memory takes all that is written");
    let page = String::from_utf8(page).expect("help is UTF-8");
    // What `roff` begins every piece with stands once, behind the title: `man` wants that first.
    let quotes = Roff::new().render();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".TH {name} 1 \"\" \"pyoco {version}\" \"pyoco\"\n{quotes}{}",
        page.replace(&quotes, "")
    )
}

fn render(man: &Man, command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.get_subcommands().any(|inner| !inner.is_hide_set()) {
        man.render_subcommands_section(page)?;
    }
    let Some(examples) = command.get_after_help() else { return Ok(()) };
    let examples = examples.to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    // As it stands: examples are in columns.
    roff.control("nf", []);
    let lines = examples.trim_start_matches("Examples:\n").trim_start_matches("Example: ");
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}
