//! What every command does first that reads a workflow file: which file is meant, and loading it.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::exit::Failure;
use super::say::say_text;
use crate::model::{Flow, escape};
use crate::spec::{self, Diagnostic, Settings, Source};

/// Returns the folder that the program was called in.
pub(crate) fn caller_dir() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::new(format!("the current folder cannot be told: {error}"))
            .hint("go to a folder that exists")
    })
}

/// Returns the file that was named, or the one that is found in this folder or above it.
pub(crate) fn file_or_found(file: Option<&str>, caller_dir: &Path) -> Result<String, Failure> {
    match file {
        Some(file) => Ok(file.to_owned()),
        None => {
            let found = spec::find(caller_dir).map_err(|diagnostic| failure(&diagnostic))?;
            Ok(found.to_string_lossy().into_owned())
        }
    }
}

/// Does as [`load`] for words of the command line of which the first one may be a FILE; `targets` are those
/// that are not. Where there is no file, the first of them may have been meant as one.
pub(crate) fn load_for(
    file: Option<&str>,
    targets: &[String],
    settings: &Settings,
    colour: bool,
) -> Result<(Source, Flow), Failure> {
    let caller_dir = caller_dir()?;
    if let (None, Some(word)) = (file, targets.first())
        && let Err(nothing) = file_or_found(None, &caller_dir)
    {
        let path = caller_dir.join(word);
        if (path.is_dir() || path.is_file())
            && let Err(diagnostic) = spec::read(word, &caller_dir)
        {
            return Err(failure(&diagnostic));
        }
        let message = format!("for the task `{}` there is {}", escape(word), nothing.message);
        return Err(Failure { message, ..nothing });
    }
    load(file, settings, colour)
}

/// Reads and loads a file, and says on standard error what is wrong with it.
///
/// # Errors
/// Where there is no flow; why was said, and the failure only sums it up.
pub(crate) fn load(
    file: Option<&str>,
    settings: &Settings,
    colour: bool,
) -> Result<(Source, Flow), Failure> {
    let caller_dir = caller_dir()?;
    let file = file_or_found(file, &caller_dir)?;
    let source = spec::read(&file, &caller_dir).map_err(|diagnostic| failure(&diagnostic))?;
    let loaded = spec::load_with(&source, settings);
    let (said, summary) = spec::report_parts(&source, &loaded.diagnostics, colour);
    say_text(said);
    match loaded.flow {
        Some(flow) => Ok((source, flow)),
        None => Err(Failure::new(summary)),
    }
}

/// Returns a flow as it can be shown: without the values of its secrets.
pub(crate) fn shown(flow: &Flow) -> Cow<'_, Flow> {
    if flow.secrets().0.is_empty() {
        return Cow::Borrowed(flow);
    }
    Cow::Owned(flow.shown(&flow.secrets().mask(caller_env())))
}

/// Returns the environment that the program was called with.
pub(crate) fn caller_env() -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let env = std::env::vars_os();
    env.map(|(name, value)| (name.into_encoded_bytes(), value.into_encoded_bytes()))
}

/// Turns a diagnostic without a place into the failure of a command.
pub(crate) fn failure(diagnostic: &Diagnostic) -> Failure {
    let code = Some(diagnostic.code());
    let failure = Failure { code, ..Failure::new(escape(&diagnostic.message())) };
    let help: Vec<_> = diagnostic.help_lines().collect();
    if help.is_empty() { failure } else { failure.hint(help.join("\n  ")) }
}

/// Returns whether diagnostics are coloured: on a terminal, where nobody asked otherwise.
pub(crate) fn coloured() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    let forced =
        |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") || (std::io::stderr().is_terminal() && !dumb)
}
