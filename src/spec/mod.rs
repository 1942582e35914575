//! Floor 2: reads a workflow file into a [`Flow`](crate::model::Flow), or into diagnostics.

use std::path::{Path, PathBuf};

use crate::model::{Flow, Syntax};

/// A workflow file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name for messages: the path as the caller wrote it, `-` for standard input.
    pub name: String,
    /// The absolute path, for the record; `-` where there is no regular file.
    pub path: String,
    /// The absolute folder that relative paths start at.
    pub base_dir: PathBuf,
    /// The flow's name where the file gives none.
    pub default_name: String,
    /// The syntax.
    pub syntax: Syntax,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something about a file that its author can mend.
#[derive(Clone, Debug)]
pub struct Diagnostic {}

/// A file after it was loaded: a flow where nothing is wrong, and what there is to say.
#[derive(Debug)]
pub struct Loaded {
    /// The flow; `None` where any diagnostic is an error.
    pub flow: Option<Flow>,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file, a pipe or standard input (`-`) within the limits of the format.
///
/// # Errors
/// With a diagnostic that names the place and the way out.
pub fn read(_file: &str, _caller_dir: &Path) -> Result<Source, Box<Diagnostic>> {
    Err(Box::new(Diagnostic {}))
}

/// Loads a file.
pub fn load(_source: &Source) -> Loaded {
    Loaded { flow: None, diagnostics: Vec::new() }
}

/// Returns the diagnostics as text for people, each with its place, its source line and its remedy.
pub fn report(_source: Option<&Source>, _diagnostics: &[Diagnostic], _colour: bool) -> String {
    String::new()
}
