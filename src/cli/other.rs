//! A first word that is no command: one that does not work yet, a slip, or a file without `run`.

use std::ffi::OsString;

use clap::CommandFactory;

use super::Arguments;
use super::exit::Failure;
use super::run::is_file;
use crate::model::escape;

/// The commands that the command line has and this version does not.
const LATER: [&str; 4] = ["watch", "server", "worker", "import"];

/// The least likeness of a word to a command that it was meant for.
const LIKENESS: f64 = 0.75;

/// Says what is wrong with the first word, and what to write instead.
pub(crate) fn refuse(words: &[OsString]) -> Failure {
    let word = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    if LATER.contains(&&*word) {
        return Failure::not_yet(&word);
    }
    let failure = Failure::new(format!("unknown command `{}`", escape(&word)));
    if is_file(&word) {
        return failure.hint(format!("write `pyoco run {}`", escape(&word)));
    }
    let program = Arguments::command();
    if let Some(runs) = program.find_subcommand("runs")
        && runs.find_subcommand(&*word).is_some()
    {
        return failure.hint(format!("write `pyoco runs {word}`"));
    }
    let names = program
        .get_subcommands()
        .flat_map(|command| std::iter::once(command.get_name()).chain(command.get_all_aliases()));
    let near = names
        .map(|name| (strsim::jaro_winkler(name, &word), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name);
    match near {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`pyoco --help` lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_answered() {
        let check = |word: &str, message: &str, hint: Option<&str>| {
            let failure = refuse(&[word.into()]);
            assert_eq!((failure.message.as_str(), failure.hint.as_deref()), (message, hint));
        };
        check("server", "`server` does not work yet in this version of pyoco", None);
        check("chek", "unknown command `chek`", Some("did you mean `check`?"));
        check("lst-tasks", "unknown command `lst-tasks`", Some("did you mean `list-tasks`?"));
        check("a.yaml", "unknown command `a.yaml`", Some("write `pyoco run a.yaml`"));
        check("logs", "unknown command `logs`", Some("write `pyoco runs logs`"));
        check("cancel", "unknown command `cancel`", Some("write `pyoco runs cancel`"));
        check("\x1b[2J", "unknown command `\\x1b[2J`", Some("`pyoco --help` lists the commands"));
    }
}
