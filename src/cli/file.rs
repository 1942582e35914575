//! The workflow file of a command: found, read, loaded, and its diagnostics printed.

use std::io::Write;
use std::path::Path;

use super::exit::Failure;
use crate::model::Flow;
use crate::spec::{self, Source};

/// Reads and loads `file`, or the one that is found here or above; prints its diagnostics on
/// standard error. The flow is `None` where one of them is an error.
pub(crate) fn load(
    file: Option<&str>,
    caller_dir: &Path,
    colour: bool,
) -> Result<(Source, Option<Flow>), Failure> {
    let found;
    let file = match file {
        Some(file) => file,
        None => {
            found = spec::find(caller_dir).map_err(|problem| refused(None, &[*problem], colour))?;
            &found.to_string_lossy()
        }
    };
    let source =
        spec::read(file, caller_dir).map_err(|problem| refused(None, &[*problem], colour))?;
    let loaded = spec::load(&source);
    print(&spec::report(Some(&source), &loaded.diagnostics, colour));
    Ok((source, loaded.flow))
}

fn refused(source: Option<&Source>, problems: &[spec::Diagnostic], colour: bool) -> Failure {
    print(&spec::report(source, problems, colour));
    Failure::said()
}

fn print(text: &str) {
    // A standard error that is gone takes no complaint either.
    drop(std::io::stderr().write_all(text.as_bytes()));
}
