//! Expressions in a file: text → syntax tree with places → checked expression.
//!
//! `lex` and `parse` know the notation alone, `check` the names and types, which a [`Scope`] gives it:
//! which key the text stands under, the params, the matrix, and what a task is. Nothing here is
//! evaluated. A mistake has its bytes in the text; [`report`] finds them in the file.

mod check;
mod lex;
mod names;
mod parse;
mod scope;
#[cfg(test)]
mod tests;
mod words;

use super::diag::{Diagnostic, Diagnostics, Severity};
use super::tree::{Node, Span, places_in};

pub(crate) use check::{check_if, check_matrix, check_template};
#[cfg(test)]
use parse::{Parsed, Spanned};
pub(crate) use parse::{parse_if, parse_template};
pub(crate) use scope::{Field, Key, Points, Problem, Root, Scope, Type};

/// A mistake: its bytes in the text, what is wrong and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Mistake {
    pub(crate) fn error(
        code: &'static str,
        (at, length): (usize, usize),
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Mistake {
        let (message, help) = (message.into(), help.into());
        Mistake { at, length, severity: Severity::Error, code, message, help }
    }
}

/// Says mistakes in the text of a scalar, each at its place in the file; `None` for a flow made in code.
pub(crate) fn report(
    mut mistakes: Vec<Mistake>,
    file: Option<&str>,
    node: &Node<'_>,
    found: &mut Diagnostics,
) {
    mistakes.sort_by_key(|mistake| mistake.at);
    let places = |at: fn(&Mistake) -> usize| match file {
        // The ends are looked up by themselves: each list must be sorted.
        Some(file) => {
            let mut wanted: Vec<usize> = mistakes.iter().map(at).collect();
            wanted.sort_unstable();
            let places = places_in(file, node, &wanted);
            wanted.into_iter().zip(places).collect()
        }
        None => Vec::new(),
    };
    let starts = places(|mistake| mistake.at);
    let ends = places(|mistake| mistake.at + mistake.length);
    let place = |places: &[(usize, usize)], at: usize| {
        let index = places.partition_point(|(wanted, _)| *wanted < at);
        places.get(index).map(|(_, place)| *place)
    };
    for mistake in &mistakes {
        let start = place(&starts, mistake.at);
        let end = place(&ends, mistake.at + mistake.length);
        let span = match start.zip(end) {
            Some((start, end)) => Span::new(start, end.max(start)),
            None => Span::NONE,
        };
        let diagnostic = match mistake.severity {
            Severity::Error => Diagnostic::error(mistake.code, &*mistake.message),
            Severity::Warning => Diagnostic::warning(mistake.code, &*mistake.message),
        };
        found.push(diagnostic.at(span).help(&*mistake.help));
    }
}
