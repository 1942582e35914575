//! `pyoco __complete`: what the scripts ask at every TAB.
//!
//! `--current=WORD -- WORD…` gives the word at the cursor and those before it, without the program;
//! `--line=TEXT --breaks=CHARACTERS` is bash's: the line up to the cursor, and what bash takes for the
//! end of a word there. The answer has a line for each proposal: the word, a tab, what it is.

use std::ffi::OsString;
use std::io::Write;

use super::line::Line;
use super::tree::propose;
use crate::cli::exit::{Exit, Failure, written};
use crate::model::escape;

const COMMAND: &str = "__complete";
/// The most proposals: more help nobody.
const MOST: usize = 1000;
/// How many characters are shown of what a proposal is.
const MAX_ABOUT: usize = 70;

/// Returns the arguments of the hook, where it is what was called.
pub(crate) fn words() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == COMMAND).then(|| words.collect())
}

/// Answers.
pub(crate) fn main(words: &[OsString]) -> Result<Exit, Failure> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let flag = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let line = match (flag("--line="), flag("--current=")) {
        (Some(line), _) => Line::of_bash(line, flag("--breaks=").unwrap_or_default()),
        (None, Some(current)) => {
            let before = words.iter().skip_while(|word| *word != "--").skip(1);
            Line::of_words(before.cloned().collect(), current.to_owned())
        }
        (None, None) => {
            return Err(Failure::new(format!("`{COMMAND}` is for the scripts of shells"))
                .hint("`pyoco completions --help` tells how to use one"));
        }
    };
    let mut text = String::new();
    for (word, about) in propose(&line.before, &line.current).into_iter().take(MOST) {
        // A script reads lines: what holds an end of one cannot be proposed.
        if word.contains(|c: char| c.is_control()) {
            continue;
        }
        let about: String =
            about.lines().next().unwrap_or_default().chars().take(MAX_ABOUT).collect();
        text.push_str(&line.as_typed(&word));
        text.push('\t');
        text.push_str(&escape(&about).replace('\t', " "));
        text.push('\n');
    }
    written(std::io::stdout().write_all(text.as_bytes()))
}
