//! What a caller gives a file beside its bytes: values for its params, and the environment.

use std::path::{Path, PathBuf};

use super::source::read_text;
use super::tree::{Entry, Kind, LineIndex, Node};
use super::{Diagnostic, toml, yaml};
use crate::model::{Syntax, variable};

/// Why a file is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be run: what must be set is set, or it is an error.
    #[default]
    Run,
    /// To be looked at: what is not set is not known.
    Look,
    /// To be told what is wrong with it, and also what is probably an oversight.
    Check,
}

/// What a caller gives a file beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Why the file is loaded.
    pub purpose: Purpose,
    /// The caller's environment; it may hold the values of secrets and of params.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The folder of the caller, absolute, where it is known already.
    pub caller_dir: Option<PathBuf>,
    /// Values for params; a later one wins over an earlier one, and each over the environment.
    pub params: Vec<ParamSetting>,
}

impl Settings {
    /// Returns the text that the environment holds for a param.
    pub(crate) fn of_env(&self, param: &str) -> Option<ParamSetting> {
        let name = variable("PYOCO_PARAM_", param);
        let (_, value) = self.env.iter().find(|(key, _)| *key == name.as_bytes())?;
        let given = match String::from_utf8(value.clone()) {
            Ok(text) => Given::Text(text),
            Err(_) => Given::NoText,
        };
        Some(ParamSetting { name: param.to_owned(), given, from: SetBy::Env(name) })
    }
}

/// A value for a param.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSetting {
    /// The name of the param.
    pub name: String,
    /// The value.
    pub given: Given,
    /// Where it was given.
    pub from: SetBy,
}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text, which may stand for a number or a list.
    Text(String),
    /// The items of a list.
    Items(Vec<String>),
    /// Bytes that are no text.
    NoText,
}

/// Where a value for a param was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// `-p NAME=VALUE`.
    Flag,
    /// A variable of this name.
    Env(String),
    /// `--params-file`, at `FILE:LINE:COLUMN`.
    File(String),
}

impl SetBy {
    /// Says where the value of this param was given.
    pub(crate) fn phrase(&self, param: &str) -> String {
        match self {
            SetBy::Flag => format!("`-p {param}=…`"),
            SetBy::Env(variable) => format!("`{variable}` in the environment"),
            SetBy::File(place) => place.clone(),
        }
    }
}

/// Reads a file of params: YAML, TOML or JSON, by its ending; a map of names to scalars and lists.
///
/// # Errors
/// With all that is wrong with it, each with its place.
pub fn read_params(path: &Path) -> Result<Vec<ParamSetting>, Vec<Diagnostic>> {
    let shown = path.display().to_string();
    let wrong = |message: String, help: &str| {
        vec![Diagnostic::error("params-file", format!("{shown}: {message}")).help(help)]
    };
    let text = read_text(path)
        .map_err(|why| wrong(why, "`--params-file` takes a YAML, TOML or JSON file"))?;
    let is_toml = path.extension().is_some_and(|ending| ending == "toml");
    let syntax = if is_toml { Syntax::Toml } else { Syntax::Yaml };
    let mut found = super::diag::Diagnostics::default();
    let tree = match syntax {
        Syntax::Yaml => yaml::read(&text, &mut found),
        Syntax::Toml => toml::read(&text, &mut found),
    };
    let index = LineIndex::new(text.as_bytes());
    let place = |start: u32| {
        let (line, column) =
            (index.line(start as usize), index.column(text.as_bytes(), start as usize));
        format!("{shown}:{line}:{column}")
    };
    if found.has_error() {
        let placed = |one: Diagnostic| match one.labels.first() {
            Some((span, _)) => {
                let message = format!("{}: {}", place(span.start), one.message);
                let moved = Diagnostic::error("params-file", message);
                one.help.into_iter().fold(moved, Diagnostic::help)
            }
            None => one,
        };
        return Err(found.sorted().into_iter().map(placed).collect());
    }
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let help = "write each param on a line of its own: `name: value`";
    match tree.kind() {
        Kind::Null => Ok(Vec::new()),
        Kind::Map(entries) => {
            let mut wrong = Vec::new();
            let settings = entries.iter().filter_map(|entry| {
                let given =
                    given(entry).map_err(|message| {
                        let message = format!("{}: {message}", place(entry.span.start));
                        wrong.push(Diagnostic::error("params-file", message).help(
                            "a param is a text, a number, `true`, `false`, or a list of these",
                        ));
                    });
                let from = SetBy::File(place(entry.span.start));
                Some(ParamSetting { name: entry.key.to_string(), given: given.ok()?, from })
            });
            let settings: Vec<_> = settings.collect();
            if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
        }
        Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => {
            let message = format!("a file of params is a map, not {}", tree.noun());
            Err(wrong(message, help))
        }
    }
}

fn given(entry: &Entry<'_>) -> Result<Given, String> {
    let name = &entry.key;
    let scalar = |node: &Node<'_>| {
        let text = node.scalar().map(str::to_owned);
        text.ok_or_else(|| format!("`{name}` cannot hold {}", node.noun()))
    };
    match entry.value.kind() {
        Kind::List(items) => Ok(Given::Items(items.iter().map(scalar).collect::<Result<_, _>>()?)),
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Map(_) | Kind::Shared(_) => {
            Ok(Given::Text(scalar(&entry.value)?))
        }
    }
}
