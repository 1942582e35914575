//! What clap proposes for words that it does not know: nothing that no help speaks of.

use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory};

use super::Arguments;

/// Takes flags and commands that are hidden out of the tips, and values that are near to what was
/// written: all of them are listed above it, and `github` is none for who wants `gitlab`.
pub(super) fn without_hidden(mut error: clap::Error) -> clap::Error {
    error.remove(ContextKind::SuggestedValue);
    let command = Arguments::command();
    let is_shown = |word: &str| is_shown(&command, word);
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        let kept = match error.get(kind) {
            Some(ContextValue::String(word)) if !is_shown(word) => None,
            Some(ContextValue::Strings(words)) => {
                let words: Vec<_> = words.iter().filter(|word| is_shown(word)).cloned().collect();
                (!words.is_empty()).then_some(ContextValue::Strings(words))
            }
            _ => continue,
        };
        match kept {
            Some(kept) => error.insert(kind, kept),
            None => error.remove(kind),
        };
    }
    error
}

/// Returns whether some help speaks of this command or flag.
fn is_shown(command: &Command, word: &str) -> bool {
    let flag = word.strip_prefix("--");
    let is_flag = |flag: &str| {
        let mut shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        shown.any(|argument| argument.get_long() == Some(flag))
    };
    let is_built_in = matches!(word, "help" | "--help" | "--version");
    is_built_in
        || flag.is_some_and(is_flag)
        || command.get_subcommands().filter(|inner| !inner.is_hide_set()).any(|inner| {
            let is_name = |name: &str| name == word;
            is_name(inner.get_name())
                || inner.get_visible_aliases().any(is_name)
                || is_shown(inner, word)
        })
}

/// Reads a whole number.
pub(super) fn whole<N: std::str::FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "write a whole number")
}
