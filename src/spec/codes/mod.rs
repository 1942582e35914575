//! The one table of what diagnostics are: a stable code for each, and its long form.
//!
//! A source names a diagnostic by its name (`unknown-key`); the table gives it its code (`E0101`). `E`
//! is an error, `W` a warning, each with numbers of its own; a number is never given twice, and one
//! that is no longer used is not given to anything else. The text for people, `check --json`,
//! `explain` and the reference all come from here.

mod expressions;
mod file;
mod tasks;
mod values;
mod warnings;

use std::sync::OnceLock;

/// A kind of diagnostic.
#[derive(Debug)]
pub(crate) struct Code {
    /// `E0101`: never changes.
    pub(crate) code: &'static str,
    /// `unknown-key`: how sources name it.
    pub(crate) name: &'static str,
    /// What is wrong, in a sentence.
    pub(crate) mistake: &'static str,
    /// Why it is one.
    pub(crate) why: &'static str,
    /// What to do.
    pub(crate) fix: &'static str,
    /// A file with the mistake; empty where no file shows it.
    pub(crate) wrong: &'static str,
    /// The same without it.
    pub(crate) right: &'static str,
}

/// Returns all of them, errors before warnings, in the order of their numbers.
pub(crate) fn all() -> impl Iterator<Item = &'static Code> {
    let tables: [&'static [Code]; 5] =
        [file::CODES, values::CODES, tasks::CODES, expressions::CODES, warnings::CODES];
    tables.into_iter().flatten()
}

/// Returns the code of a name; every name in the sources has one.
pub(crate) fn of(name: &str) -> &'static str {
    static SORTED: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    let sorted = SORTED.get_or_init(|| {
        let mut names: Vec<_> = all().map(|code| (code.name, code.code)).collect();
        names.sort_unstable();
        names
    });
    let at = sorted.binary_search_by_key(&name, |(name, _)| name);
    at.map_or_else(|_| unreachable!("BUG: `{name}` is in no table of codes"), |at| sorted[at].1)
}

/// Returns the code that a word means: `E0101`, `e101`, `unknown-key`.
pub(crate) fn find(word: &str) -> Option<&'static Code> {
    if let Some(code) = all().find(|code| code.name == word) {
        return Some(code);
    }
    let letter = word.chars().next()?.to_ascii_uppercase();
    let digits = word.get(1..).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number: u32 = digits.parse().ok()?;
    let wanted = format!("{letter}{number:04}");
    all().find(|code| code.code == wanted)
}

#[cfg(test)]
mod tests;
