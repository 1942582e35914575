//! What the TOML parser says, in our words, with the place of the slip and a way out.

use std::ops::Range;

use super::diag::{Diagnostic, Diagnostics};
use super::tree::Span;

const SYNTAX: &str = "toml-syntax";

/// Says what the parser found, the consequences of an earlier mistake apart.
pub(super) fn report<'e>(
    text: &str,
    errors: impl Iterator<Item = (&'e str, Option<Range<usize>>)>,
    found: &mut Diagnostics,
) {
    let (mut told, mut is_yaml, mut second_table) = (None, false, None);
    let mut errors: Vec<_> =
        errors.map(|(words, range)| (words, Place::new(text, range))).collect();
    errors.sort_by_key(|(_, place)| place.range.start);
    for (message, place) in errors {
        if told == Some(place.start) {
            continue; // the rest of a line that was not understood
        }
        told = Some(place.start);
        if is_duplicate(message) {
            let is_in = |table: usize| !text[table..place.start].contains("\n[");
            if second_table.is_some_and(is_in) {
                continue;
            }
            second_table = place.is_header().then_some(place.start + 1);
        }
        if place.is_yaml(message) {
            if !is_yaml {
                found.push(place.yaml());
            }
            is_yaml = true;
            continue;
        }
        found.push(place.words(message));
        // Where a text or a bracket ends is not known, and so not what follows.
        if message.contains("unclosed") || place.open_quote(message).is_some() {
            return;
        }
    }
}

/// Returns whether the parser found a key or a table for the second time.
pub(super) fn is_duplicate(message: &str) -> bool {
    message.contains("duplicate key")
}

/// Returns whether a place is in the header of a table.
pub(super) fn is_header(text: &str, range: Option<Range<usize>>) -> bool {
    Place::new(text, range).is_header()
}

/// Where the parser could not go on.
struct Place<'t> {
    text: &'t str,
    range: Range<usize>,
    /// The line of it, and its first byte.
    line: &'t str,
    start: usize,
}

impl<'t> Place<'t> {
    fn new(text: &'t str, range: Option<Range<usize>>) -> Place<'t> {
        let mut range = range.unwrap_or(0..0);
        if range.start >= text.len() {
            let last = text.trim_end().char_indices().next_back();
            range = last.map_or(0..0, |(at, last)| at..at + last.len_utf8());
        }
        let start = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        Place { text, range, line, start }
    }

    fn wrong(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(SYNTAX, message).at(Span::new(self.range.start, self.range.end))
    }

    fn wrong_at(&self, start: usize, length: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(SYNTAX, message).at(Span::new(start, start + length))
    }

    fn is_header(&self) -> bool {
        self.line.trim_start().starts_with('[')
    }

    /// Returns the text of the line before the place.
    fn before(&self) -> &'t str {
        &self.line[..(self.range.start - self.start).min(self.line.len())]
    }

    /// Returns the key of the line, and what stands after its `=`.
    fn pair(&self) -> Option<(&'t str, &'t str)> {
        let (key, value) = self.line.split_once('=')?;
        Some((key.trim(), value.trim()))
    }

    /// Returns whether the parser missed a `=` where YAML has its `:`.
    fn is_yaml(&self, message: &str) -> bool {
        let wants_equals = message.contains("expected `=`") || message.contains("unquoted key");
        let key = self.line.trim_start().split(':').next().unwrap_or_default().trim_end();
        let in_braces = self.before().rsplit(['{', ',']).next().unwrap_or_default().trim();
        let rest = self.line[self.before().len()..].trim_start();
        let has_colon = in_braces.ends_with(':') || rest.starts_with(':');
        let in_braces = in_braces.trim_end_matches(':');
        let is_key = |key: &str| {
            !key.is_empty()
                && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.\"'".contains(c))
        };
        wants_equals && (is_key(key) && self.line.contains(':') || is_key(in_braces) && has_colon)
    }

    fn yaml(&self) -> Diagnostic {
        let (before, rest) = self.line.split_at(self.before().len());
        let colon = match before.trim_end().rfind(':') {
            Some(colon) => colon,
            None => before.len() + rest.find(':').unwrap_or(0),
        };
        let key = self.line[..colon].rsplit(['{', ',']).next().unwrap_or_default().trim();
        let value = self.line[colon..].trim_start_matches(':').trim();
        let is_whole = value.starts_with(['\'', '"', '[', '{'])
            || matches!(value, "true" | "false")
            || value.parse::<i64>().is_ok();
        let error = self.wrong_at(self.start + colon, 1, "TOML has `=` where YAML has `:`");
        match (self.text.contains('='), value) {
            (false, _) => error.help("name a file in YAML `*.yaml`, or write `key = \"value\"`"),
            (true, "") => {
                error.help(format!("write `[{key}]` for a table, `{key} = \"value\"` for a text"))
            }
            (true, _) if self.line[..colon].contains(['{', ',']) => {
                error.help(format!("write `{key} = …`, and texts in quotes"))
            }
            (true, value) if is_whole => error.help(format!("write `{key} = {value}`")),
            (true, value) => error.help(format!("write `{key} = {}`", quoted(value))),
        }
    }

    /// Returns the quotes that are not closed, and where they stand.
    fn open_quote(&self, message: &str) -> Option<(&'static str, usize)> {
        let kinds = [
            ("invalid multi-line literal string", "'''"),
            ("invalid multi-line basic string", "\"\"\""),
            ("invalid literal string", "'"),
            ("invalid basic string", "\""),
        ];
        let (_, quotes) = kinds.into_iter().find(|(words, _)| message.contains(words))?;
        let end = (self.start + self.line.len()).min(self.text.len());
        let from = if quotes.len() == 3 { 0 } else { self.start };
        Some((quotes, from + self.text[from..end].rfind(quotes)?))
    }

    fn words(&self, message: &str) -> Diagnostic {
        if is_duplicate(message) {
            return self.duplicate();
        }
        if let Some((quotes, at)) = self.open_quote(message) {
            let error = self.wrong_at(
                at,
                quotes.len(),
                match quotes.len() {
                    1 => "this quote is not closed on its line",
                    _ => "these quotes are not closed",
                },
            );
            return error.help(match quotes.len() {
                1 => format!(
                    "close it with `{quotes}`; a text of several lines stands between `'''`"
                ),
                _ => format!("close them with `{quotes}`"),
            });
        }
        if message.contains("unclosed") {
            return self.unclosed(message);
        }
        if message.contains("unexpected key or value") {
            return self.rest_of_line();
        }
        if message.contains("expected `=`") {
            let key = self.before().rsplit(['{', ',']).next().unwrap_or_default().trim();
            let error = self.wrong(format!("a `=` is missing after `{key}`"));
            return error.help(format!(
                "write `{key} = \"value\"`, one a line; tables begin with `[name]`"
            ));
        }
        if message.contains("unquoted key") || message.contains("missing key") {
            return self.odd_key();
        }
        if message.contains("escape") {
            return self.wrong("this escape does not exist").help(
                "write `\\\\` for a backslash, or use single quotes, in which nothing is escaped",
            );
        }
        if message.contains("recursion") || message.contains("nest") {
            return self
                .wrong("too many levels of nesting")
                .help("a workflow file needs five levels");
        }
        match self.bare_value(message) {
            Some(error) => error,
            None => self
                .wrong(format!("this is not TOML: {message}"))
                .help("write `key = \"value\"`, one a line; tables begin with `[name]`"),
        }
    }

    /// `a = { make; }`, `a+b = 'x'`.
    fn odd_key(&self) -> Diagnostic {
        match self.pair().filter(|(_, value)| value.starts_with('{')) {
            Some((key, value)) => self.wrong("this cannot stand in a map").help(format!(
                "write `key = \"value\"` in it; a text stands in quotes: `{key} = {}`",
                quoted(value)
            )),
            None => self
                .wrong("this cannot stand in a key without quotes")
                .help("write `\"key\" = \"value\"`"),
        }
    }

    /// A text without quotes, which the parser takes for what begins with the same letter: `no` for a
    /// wrong `nan`, `010` for a number.
    fn bare_value(&self, message: &str) -> Option<Diagnostic> {
        let is_boolean = message.contains("invalid boolean");
        let words =
            ["string", "invalid float", "invalid integer", "leading zero", "invalid datetime"];
        if !is_boolean && !words.iter().any(|word| message.contains(word)) {
            return None;
        }
        let before = self.before();
        let from = before.rfind(['=', '[', ',']).map_or(0, |at| at + 1);
        let rest = &self.line[from..];
        let in_brackets = before[..from].contains('[') || before.contains('{');
        let end = rest.find(if in_brackets { &[',', ']', '}', '#'][..] } else { &['#'] });
        let value = rest[..end.unwrap_or(rest.len())].trim();
        let key = self.pair().map(|(key, _)| key).unwrap_or_default();
        if value.is_empty() {
            let error = self.wrong(format!("`{key}` has no value"));
            return Some(error.help(format!("write `{key} = \"\"` for an empty text")));
        }
        let at = self.start + from + (rest.len() - rest.trim_start().len());
        let lower = value.to_ascii_lowercase();
        let whole = format!("a text needs quotes: `{}`", quoted(value));
        let (error, help) = match &*lower {
            "true" | "false" => (
                format!("`{value}` is not a value of TOML"),
                format!("write `true` or `false`: `{key} = {lower}`"),
            ),
            _ if is_boolean => {
                ("a text needs quotes".to_owned(), format!("write `true` or `false`; {whole}"))
            }
            _ if in_brackets => {
                ("a text needs quotes".to_owned(), format!("write `{}`", quoted(value)))
            }
            _ => ("a text needs quotes".to_owned(), format!("write `{key} = {}`", quoted(value))),
        };
        Some(self.wrong_at(at, value.len(), error).help(help))
    }

    fn unclosed(&self, message: &str) -> Diagnostic {
        let end = (self.start + self.line.len()).min(self.text.len());
        let line = self.line.trim_start();
        if message.contains("table") && line.starts_with('[') {
            let name = line.trim_matches(['[', ']', ' ']);
            let brackets = if line.starts_with("[[") { ("[[", "]]") } else { ("[", "]") };
            let at = self.start + self.line.len() - line.len();
            let message = "the header of this table is not closed";
            let error = self.wrong_at(at, line.trim_end().len(), message);
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.\"' ".contains(c);
            return error.help(match name.contains(' ') || !name.chars().all(is_word) {
                true => "a name with a blank or a sign in it stands in quotes".to_owned(),
                false => format!("write `{}{name}{}`", brackets.0, brackets.1),
            });
        }
        let (open, close) = if message.contains("array") { ('[', ']') } else { ('{', '}') };
        match self.text[self.start..end].rfind(open) {
            Some(at) => self.wrong_at(self.start + at, 1, format!("this `{open}` is not closed")),
            None => self.wrong(format!("a `{close}` is missing before this")),
        }
        .help(format!("write the `{close}` at the end of what belongs to it"))
    }

    /// Something stands behind a value or a header.
    fn rest_of_line(&self) -> Diagnostic {
        let rest = &self.line[self.before().len()..];
        let before = self.before().trim_end();
        if before.trim_start().starts_with('[') {
            return self
                .wrong("text follows the header of a table")
                .help("write it on the next line");
        }
        let is_entry = rest.split_once('=').is_some_and(|(key, _)| {
            key.trim().chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        });
        if is_entry {
            let error = self.wrong("two entries stand on one line");
            return error.help(format!("write `{}` on a line of its own", rest.trim()));
        }
        let value = self.pair().map(|(_, value)| value).unwrap_or_default();
        let error = self.wrong("text follows the value");
        match before.ends_with(['"', '\'']) && !value.contains("'''") && !value.contains("\"\"\"") {
            true => error.help(format!("put the whole value in quotes: `{}`", quoted(value))),
            false => error.help("put the whole value in quotes, one entry a line"),
        }
    }

    fn duplicate(&self) -> Diagnostic {
        let key = &self.text[self.range.clone()];
        let span = Span::new(self.range.start, self.range.end);
        let is_table = self.is_header();
        let header = self.line.trim();
        let message = match is_table {
            true => format!("the table `{header}` is there already"),
            false => format!("the key `{key}` is there already"),
        };
        let mut error = Diagnostic::error("duplicate-key", message).label(span, "again here");
        if let Some(first) = self.first(key, is_table) {
            error = error.label(first, "first here");
        }
        error.help(match is_table {
            true => format!("put the keys of both below one `{header}`"),
            false => "keep one of the two".to_owned(),
        })
    }

    /// Returns where the key, or the header, stood first.
    fn first(&self, key: &str, is_table: bool) -> Option<Span> {
        let mut end = self.start;
        let mut first = None;
        for line in self.text[..self.start].split_inclusive('\n').rev() {
            end -= line.len();
            let bare = line.trim();
            let at = end + line.len() - line.trim_start().len();
            let is_key =
                bare.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
            if is_table && bare == self.line.trim() {
                first = Some(Span::new(at, at + bare.len()));
            } else if !is_table && is_key {
                first = Some(Span::new(at, at + key.len()));
            }
            if !is_table && bare.starts_with('[') {
                break;
            }
        }
        first
    }
}

/// Puts a text in quotes of TOML.
fn quoted(text: &str) -> String {
    match text.contains('\'') {
        false => format!("'{text}'"),
        true if !text.contains(['"', '\\']) => format!("\"{text}\""),
        true => format!("'''{text}'''"),
    }
}
