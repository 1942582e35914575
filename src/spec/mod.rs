//! Floor 2: reads a workflow file into a [`Flow`], or into diagnostics.
//!
//! Bytes ([`Source`]) become one tree with places, the same for YAML and TOML; the tree is held
//! against the table of keys and becomes a flow. Every mistake is found, and all of them are said at
//! once. Nothing here knows a run, a terminal or an exit code.

mod builder;
mod codes;
mod diag;
pub(crate) mod dotenv;
mod env_files;
mod explain;
pub(crate) mod expr;
mod fields;
mod foreign;
mod hints;
mod keys;
mod lint;
mod lower;
mod maps;
mod matrix;
mod misplaced;
mod names;
pub(crate) mod notation;
mod params;
mod pools;
mod promises;
mod raw_secrets;
mod remedy;
mod schema;
mod scope;
mod secrets;
mod settings;
mod source;
mod spelling;
mod task;
mod toml;
mod toml_errors;
mod tree;
mod values;
mod wiring;
mod yaml;
mod yaml_errors;
mod yaml_slips;

use sha2::{Digest, Sha256};

use crate::model::{Flow, Syntax};
use diag::Diagnostics;
use tree::{Kind, LineIndex, Span};

pub use builder::{FlowBuilder, TaskBuilder};
pub use diag::{Diagnostic, Severity, report, report_json, report_parts};
pub use env_files::read_env_file;
pub use explain::{Explained, explain, overview, reference};
#[cfg(feature = "cli")]
pub(crate) use hints::suggest;
#[cfg(feature = "cli")]
pub(crate) use pools::slots_of;
pub use schema::{check_schema, workflow_schema};
pub use secrets::masked_source;
pub use settings::{Given, ParamSetting, Purpose, SetBy, Settings, read_params};
pub use source::{Source, find, read};

pub(crate) const MAX_FLOW_NAME: usize = 256; // bytes

/// A file after it was loaded: a flow where nothing is wrong, and what there is to say.
#[derive(Debug)]
pub struct Loaded {
    /// The flow; `None` where any diagnostic is an error.
    pub flow: Option<Flow>,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads a file, with the defaults of its params.
pub fn load(source: &Source) -> Loaded {
    load_with(source, &Settings::default())
}

/// Loads a file with what its caller gives it. No diagnostic shows the value of a secret.
pub fn load_with(source: &Source, settings: &Settings) -> Loaded {
    let mut found = Diagnostics::default();
    found.env.extend(settings.env.iter().cloned());
    found.syntax = source.syntax;
    let tree = text(&source.bytes, &mut found).and_then(|text| {
        let tree = match source.syntax {
            Syntax::Yaml => yaml::read(text, &mut found),
            Syntax::Toml => toml::read(text, &mut found),
        };
        // `---`, `null` and comments alone say no more than an empty file.
        let tree = tree.filter(|tree| match tree.kind() {
            Kind::Null => false,
            Kind::Map(entries) => !entries.is_empty() || source.syntax == Syntax::Yaml,
            Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => true,
        })?;
        Some((text, tree))
    });
    let Some((text, tree)) = tree else {
        raw_secrets::guess(&source.bytes, &mut found);
        if !found.has_error() {
            found.push(
                Diagnostic::error("empty-file", format!("`{}` is empty", source.name))
                    .help("a workflow begins with `tasks:`; `pyoco init` writes a starter file"),
            );
        }
        return Loaded { flow: None, diagnostics: found.sorted() };
    };
    let index = LineIndex::new(&source.bytes);
    let sha256 = Sha256::digest(&source.bytes);
    let origin = lower::Origin {
        file: Some(source.name.clone()),
        file_sha256: Some(sha256.iter().map(|byte| format!("{byte:02x}")).collect()),
        syntax: source.syntax,
        base_dir: source.base_dir.clone(),
        default_name: source.default_name.clone(),
        text: Some((text, &index)),
    };
    let mut loaded = lower::lower(&tree, origin, settings, found);
    if source.syntax == Syntax::Yaml {
        yaml_errors::add_quotes(text, &mut loaded.diagnostics);
    }
    loaded
}

/// Returns the text of a file that is one.
fn text<'s>(bytes: &'s [u8], found: &mut Diagnostics) -> Option<&'s str> {
    let help = "a workflow file is text in UTF-8; `iconv -f latin1 -t utf-8 FILE > NEW` makes it of another encoding";
    let (at, message) = match std::str::from_utf8(bytes) {
        Ok(text) => match memchr::memchr(0, bytes) {
            None if text.trim_start_matches('\u{feff}').trim().is_empty() => return None,
            None => return Some(text),
            Some(at) => (at, "a NUL byte: this is binary data, not text".to_owned()),
        },
        Err(error) => {
            let at = error.valid_up_to();
            (at, format!("the byte 0x{:02x} is not UTF-8", bytes[at]))
        }
    };
    found.push(Diagnostic::error("binary", message).at(Span::new(at, at + 1)).help(help));
    None
}

#[cfg(test)]
mod tests;
