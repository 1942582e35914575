//! `env_file` and `inherit_env`: what tasks see beside the `env` that the file itself holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::diag::{Diagnostic, Diagnostics};
use super::dotenv::{self, Variable};
use super::remedy;
use super::scope::KeyScope;
use super::source::read_text;
use super::tree::{Kind, Node};
use super::values::{self, Env};
use crate::model::InheritEnv;
use crate::model::expr::Template;

/// Reads files of variables, each once.
pub(crate) struct EnvFiles {
    base_dir: PathBuf,
    /// What each file holds; `None` where it could not be read, which was said then.
    read: HashMap<PathBuf, Option<Rc<[Variable]>>>,
    /// All variables that were read, for the secrets among them.
    pub(crate) seen: Vec<Rc<[Variable]>>,
}

impl EnvFiles {
    pub(crate) fn new(base_dir: &Path) -> EnvFiles {
        EnvFiles { base_dir: base_dir.to_owned(), read: HashMap::new(), seen: Vec::new() }
    }

    /// Reads the key: a path or a list of paths; a later file wins, and all of them over `below`.
    pub(crate) fn env(
        &mut self,
        node: &Node<'_>,
        below: &Env,
        scope: KeyScope<'_, '_>,
        found: &mut Diagnostics,
    ) -> Env {
        let mut env = below.clone();
        for item in node.items() {
            if matches!(node.kind(), Kind::List(_))
                && values::item(item, "a path in `env_file`", found).is_none()
            {
                continue;
            }
            let Some(written) = scope.known_text(item, "env_file", found) else { continue };
            let (path, is_optional) = match written.strip_suffix('?') {
                Some(path) => (path, true),
                None => (&*written, false),
            };
            if path.is_empty() {
                let help = "write a path, for example `env_file: .env`, or remove the key";
                let error = Diagnostic::error("empty", "a path in `env_file` is empty");
                found.push(error.at(item.span).help(help));
                continue;
            }
            let full = self.base_dir.join(path);
            if is_optional && !full.exists() {
                continue;
            }
            if let Some(variables) = self.variables(path, full, item, found) {
                let literal = |(name, value): &Variable| (name.clone(), Template::from(&**value));
                values::lay_over(&mut env, variables.iter().map(literal));
            }
        }
        if node.items().is_empty() {
            let help = "write a path, for example `env_file: .env`, or remove the key";
            let error = Diagnostic::error("empty", "`env_file` is empty");
            found.push(error.at(node.span).help(help));
        }
        env
    }

    fn variables(
        &mut self,
        written: &str,
        path: PathBuf,
        item: &Node<'_>,
        found: &mut Diagnostics,
    ) -> Option<Rc<[Variable]>> {
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        let mut wrong = |message: String, help: &str| {
            found.push(Diagnostic::error("env-file", message).at(item.span).help(help));
        };
        let variables = match read_env_text(&path) {
            Ok(variables) => Some(Rc::from(variables)),
            Err(EnvFileError::Unreadable(why)) => {
                let help = format!("make it, or mark it as one that may be absent: `{written}?`");
                wrong(format!("cannot read `{written}`: {why}"), &help);
                None
            }
            Err(EnvFileError::Wrong(mistakes)) => {
                for mistake in mistakes {
                    let message = format!("{written}:{}: {}", mistake.line, mistake.message);
                    wrong(message, &mistake.help);
                }
                None
            }
        };
        self.seen.extend(variables.clone());
        self.read.insert(path, variables.clone());
        variables
    }
}

enum EnvFileError {
    Unreadable(String),
    Wrong(Vec<dotenv::Mistake>),
}

fn read_env_text(path: &Path) -> Result<Vec<Variable>, EnvFileError> {
    let text = read_text(path).map_err(EnvFileError::Unreadable)?;
    dotenv::parse(&text).map_err(EnvFileError::Wrong)
}

/// Reads a `.env` file that the caller names; a relative path starts at the current folder.
///
/// # Errors
/// With each mistake on a line of its own, as `FILE:LINE: what is wrong`.
pub fn read_env_file(file: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    let (path, is_optional) = match file.strip_suffix('?') {
        Some(path) => (path, true),
        None => (file, false),
    };
    if is_optional && !Path::new(path).exists() {
        return Ok(Vec::new());
    }
    match read_env_text(Path::new(path)) {
        Ok(variables) => {
            Ok(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
        }
        Err(EnvFileError::Unreadable(why)) => Err(vec![format!("cannot read `{path}`: {why}")]),
        Err(EnvFileError::Wrong(mistakes)) => Err(mistakes
            .into_iter()
            .map(|mistake| {
                format!("{path}:{}: {}; {}", mistake.line, mistake.message, mistake.help)
            })
            .collect()),
    }
}

/// Reads `inherit_env`: `true`, `false`, or the names that tasks see.
pub(crate) fn inherit_env(node: &Node<'_>, found: &mut Diagnostics) -> InheritEnv {
    let Kind::List(items) = node.kind() else {
        if let Some(text) = node.scalar().filter(|text| is_name(text)) {
            let message =
                format!("`inherit_env` takes `true`, `false` or a list of names, not `{text}`");
            let help = format!("write `inherit_env: {}`", remedy::list(&remedy::words_of(text)));
            found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
            return InheritEnv::All;
        }
        return match values::bool(node, "inherit_env", found) {
            Some(false) => InheritEnv::Only([].into()),
            Some(true) | None => InheritEnv::All,
        };
    };
    let mut names: Vec<Box<str>> = Vec::with_capacity(items.len());
    for item in items {
        if values::item(item, "a name in `inherit_env`", found).is_none() {
            continue;
        }
        let Some(name) = values::plain_text(item, "inherit_env", found) else { continue };
        // A function that bash exports stands there as `BASH_FUNC_name%%`.
        if !dotenv::is_variable(name.strip_suffix("%%").unwrap_or(name)) {
            let message = format!("`{name}` cannot be the name of an environment variable");
            let bare = name.trim_start_matches(['$', '{']).trim_end_matches('}');
            let help = match bare != name && is_name(bare) {
                true => format!("write `{bare}`"),
                false => "name each variable that tasks see, without patterns".to_owned(),
            };
            found.push(Diagnostic::error("env-name", message).at(item.span).help(help));
        } else if names.iter().any(|other| **other == *name) {
            let message = format!("`{name}` is there twice in `inherit_env`");
            let help = "remove one of the two";
            found.push(Diagnostic::warning("named-twice", message).at(item.span).help(help));
        } else {
            names.push(name.into());
        }
    }
    InheritEnv::Only(names.into())
}

/// Returns whether a text is names of variables, and none of the words for true and false.
fn is_name(text: &str) -> bool {
    let words = remedy::words_of(text);
    let is_word = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    !words.is_empty() && words.iter().all(is_word) && !values::is_bool_word(text)
}
