//! `pyoco explain`: the long form of a code, of a key, of a name; and the reference, which is all of
//! them in one document.

mod variables;

use std::io::Write;

use super::exit::{self, Exit, Failure, written};
use super::limit::{Limit, first_lines, limit};
use crate::model::escape;
use crate::spec;

const HELP: &str = "\
Examples:
  pyoco explain                 the list of codes, keys, names and variables
  pyoco explain E0101           a code of a diagnostic; `e101` and `unknown-key` are the same
  pyoco explain retry.max       a key of the file
  pyoco explain PYOCO_OUTPUT    an environment variable";

/// The words of `pyoco explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ExplainArgs {
    /// A code, its name, a key of the file, a name in expressions, or a variable.
    #[arg(value_name = "CODE|KEY")]
    word: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// At most so many lines of the list [default: all].
    #[arg(long, value_name = "N", value_parser = limit, conflicts_with_all = ["word", "json"])]
    limit: Option<Limit>,
    /// Print the reference: all of it as Markdown.
    #[arg(long, hide = true, conflicts_with_all = ["word", "json"])]
    markdown: bool,
}

/// Does it.
pub(crate) fn main(args: &ExplainArgs) -> Result<Exit, Failure> {
    let text = match &args.word {
        word if args.json => json(word.as_deref())?,
        Some(word) => explained(word)?,
        None if args.markdown => reference(),
        None => {
            let text = overview();
            let all = Limit::new(text.lines().count()).filter(|_| args.limit.is_none());
            first_lines(&text, args.limit.or(all)).to_owned()
        }
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}

fn explained(word: &str) -> Result<String, Failure> {
    let word = bare(word);
    spec::explain(word, &variables::ALL).map_err(|near| unknown(word, near))
}

fn json(word: Option<&str>) -> Result<String, Failure> {
    let word = word.map(bare);
    let document = spec::explain_json(word, &variables::ALL)
        .map_err(|near| unknown(word.unwrap_or_default(), near))?;
    Ok(format!("{document:#}\n"))
}

/// Returns a variable as it is called without the `$` of a shell.
fn bare(word: &str) -> &str {
    word.strip_prefix('$').unwrap_or(word)
}

fn unknown(word: &str, near: Option<String>) -> Failure {
    let failure = Failure::new(format!("nothing is known of `{}`", escape(word)));
    match near {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`pyoco explain` lists all that can be explained"),
    }
}

/// Returns the words that can be explained, each with what it means.
pub(crate) fn words() -> Vec<spec::Explained> {
    spec::explained_words(&variables::ALL)
}

fn overview() -> String {
    let mut text = spec::overview();
    text.push_str("\nvariables\n");
    for (name, _) in variables::ALL {
        text.push_str(&format!("  {name}\n"));
    }
    text
}

/// Returns the whole reference.
fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nWritten by `pyoco explain --markdown`; do not edit. `pyoco explain WORD` says the \
         same of one word.\n\n",
    );
    text.push_str(&spec::reference());
    let tables = [
        ("Variables that tasks see", variables::OF_TASKS),
        ("Variables that pyoco reads", variables::READ),
    ];
    for (title, table) in tables {
        text.push_str(&format!("## {title}\n\n| variable | meaning |\n|---|---|\n"));
        for (name, help) in table {
            text.push_str(&format!("| `{name}` | {help} |\n"));
        }
        text.push('\n');
    }
    text.push_str("## Exit codes\n\n| code | when |\n|---|---|\n");
    for (code, when) in exit::MEANINGS {
        text.push_str(&format!("| {code} | {when} |\n"));
    }
    text
}
