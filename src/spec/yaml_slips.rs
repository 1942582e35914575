//! The usual slips behind an error of the YAML syntax: a text that needs quotes, a colon or a comma that
//! was forgotten, a quote or a bracket that was opened far above. The parser says where it could not go
//! on; here the lines around that place are looked at, and nothing is parsed anew.

use serde_yaml::granit_parser::ErrorKind;

use super::diag::Diagnostic;
use super::keys::KEYS;
use super::tree::Span;

const SYNTAX: &str = "yaml-syntax";
const ABOVE: usize = 1_000; // lines that are looked at

/// Returns what was probably meant, where the text shows it. `open` are the brackets around the place.
pub(super) fn slip(text: &str, at: usize, kind: &ErrorKind, open: &[usize]) -> Option<Diagnostic> {
    let place = Place { text, at, line: line_at(text, at) };
    match kind {
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::ExpectedFlowMappingSeparator => {
            place.never_closed(open).or_else(|| place.bare_in_brackets(kind))
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => place
            .never_closed(open)
            .or_else(|| place.no_colon_above())
            .or_else(|| place.keys_below_a_text())
            .or_else(|| place.second_colon()),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            place.block_not_indented().or_else(|| place.no_colon())
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidBlockScalarIndent => place.block_indented_less(),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => place.after_a_quote(open),
        ErrorKind::UnexpectedCharacter { character } if !character.is_control() => {
            Some(place.odd_sign(*character, open))
        }
        _ if open.is_empty() => place.after_a_bracket(),
        _ => None,
    }
}

/// Puts a text in quotes: in single ones, in which YAML escapes nothing, if that is possible.
pub(crate) fn in_quotes(text: &str) -> String {
    match text.contains('\'') && !text.contains(['"', '\\']) {
        true => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Returns where a text in brackets ends: at a `,` or a bracket of the outside, or with the line.
pub(crate) fn end_in_brackets(line: &str) -> usize {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in line.char_indices() {
        match (c, quote) {
            (c, Some(open)) => quote = (c != open).then_some(open),
            ('\'' | '"', None) => quote = Some(c),
            ('(' | '[' | '{', None) => depth += 1,
            (',' | ')' | ']' | '}', None) if depth == 0 => return line[..at].trim_end().len(),
            (')' | ']' | '}', None) => depth -= 1,
            _ => {}
        }
    }
    line.trim_end().len()
}

/// A line of the file.
#[derive(Clone, Copy)]
struct Line<'t> {
    start: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn indent(self) -> usize {
        self.text.len() - self.text.trim_start_matches(' ').len()
    }

    /// Returns what stands on it, without a comment.
    fn content(self) -> &'t str {
        let bare = self.text.split(" #").next().unwrap_or(self.text).trim();
        if bare.starts_with('#') { "" } else { bare }
    }

    fn span(self) -> Span {
        let start = self.start + self.indent();
        Span::new(start, start + self.content().len())
    }

    /// Returns its key and what follows; `None` where it is no key with a colon.
    fn pair(self) -> Option<(&'t str, &'t str)> {
        let content = self.content();
        match content.split_once(": ") {
            Some((key, value)) => Some((key, value.trim())),
            None => content.strip_suffix(':').map(|key| (key, "")),
        }
    }

    /// Returns the key above a block of text: `run: |`.
    fn block_key(self) -> Option<&'t str> {
        let (key, value) = self.pair()?;
        let rest = value.strip_prefix(['|', '>'])?;
        rest.chars().all(|c| "+-123456789".contains(c)).then_some(key)
    }
}

fn line_at(text: &str, at: usize) -> Line<'_> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].split('\n').next().unwrap_or_default();
    Line { start, text: line.trim_end_matches('\r') }
}

/// Returns the lines above one on which something stands, the nearest first.
fn above<'t>(text: &'t str, line: Line<'t>) -> impl Iterator<Item = Line<'t>> {
    let before = |line: &Line<'t>| line.start.checked_sub(1).map(|end| line_at(text, end));
    let lines = std::iter::successors(before(&line), before).take(ABOVE);
    lines.filter(|line| !line.content().is_empty())
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn is_key(word: &str) -> bool {
    KEYS.iter().any(|key| key.name == word)
}

/// The place of an error.
struct Place<'t> {
    text: &'t str,
    at: usize,
    line: Line<'t>,
}

impl Place<'_> {
    /// Returns the text of the line up to the place, and from there on.
    fn sides(&self) -> (&str, &str) {
        self.line.text.split_at((self.at - self.line.start).min(self.line.text.len()))
    }

    /// `[a, b` and a line with a key below it.
    fn never_closed(&self, open: &[usize]) -> Option<Diagnostic> {
        let bracket = *open.last()?;
        let first = line_at(self.text, bracket);
        let written_in_lines = first.text[bracket + 1 - first.start..].trim().is_empty();
        if first.start == self.line.start || written_in_lines {
            return None;
        }
        let bracket_itself = &self.text[bracket..=bracket];
        let close = if bracket_itself == "[" { "]" } else { "}" };
        let message = format!("this `{bracket_itself}` is not closed");
        let help = format!("write the `{close}` at the end of what belongs to it");
        let error = Diagnostic::error(SYNTAX, message).at(Span::new(bracket, bracket + 1));
        Some(error.help(help))
    }

    /// `[a[py=3.12]]`, `{A: ${{ x }}}`, `{run: echo a: b}`, `{run: x needs: y}`.
    fn bare_in_brackets(&self, kind: &ErrorKind) -> Option<Diagnostic> {
        let (before, after) = self.sides();
        let sign = after.chars().next().filter(|sign| "[{:".contains(*sign))?;
        let is_map = matches!(kind, ErrorKind::ExpectedFlowMappingSeparator);
        let begin = before.rfind(['[', '{', ',']).map_or(0, |at| at + 1);
        let begin = match before[begin..].find(": ") {
            Some(colon) if is_map => begin + colon + 2,
            Some(_) | None => begin,
        };
        let begin = before.len() - before[begin..].trim_start().len();
        let word = before[begin..].rsplit(' ').next().unwrap_or_default();
        if word.is_empty() || (sign == ':' && !is_map) {
            return None;
        }
        let start = self.line.start + begin;
        if sign == ':' && is_key(word) && begin + word.len() < before.len() {
            let place = Span::new(self.at - word.len(), self.at);
            let message = format!("a `,` is missing before `{word}`");
            let text = before[begin..before.len() - word.len()].trim_end();
            let help = format!("write `{text}, {word}:`");
            return Some(Diagnostic::error(SYNTAX, message).at(place).help(help));
        }
        let whole = &self.line.text[begin..];
        let whole = &whole[..end_in_brackets(whole)];
        let sign = if sign == ':' { ": ".to_owned() } else { sign.to_string() };
        let inside = if is_map { "{ }" } else { "[ ]" };
        let message = format!("inside of `{inside}`, a text that holds `{sign}` needs quotes");
        let place = Span::new(start, start + whole.len());
        let error = Diagnostic::error(SYNTAX, message).at(place);
        Some(error.help(format!("write `{}`", in_quotes(whole))))
    }

    /// A line without a colon, which YAML reads as the beginning of this line's key.
    fn no_colon_above(&self) -> Option<Diagnostic> {
        if !is_word(self.sides().0.trim()) {
            return None;
        }
        let mut top = self.line;
        for line in above(self.text, self.line) {
            let is_child = line.pair().is_some_and(|(_, value)| !value.is_empty());
            if line.pair().is_some() || line.content().starts_with("- ") {
                // Of a text that began there, these lines are more.
                if is_child && line.indent() < top.indent() {
                    return None;
                }
                break;
            }
            top = line;
        }
        (top.start != self.line.start).then(|| no_colon(top))
    }

    /// `a: make` with `needs: b` further in, below it.
    fn keys_below_a_text(&self) -> Option<Diagnostic> {
        let key = self.sides().0.trim();
        let parent = above(self.text, self.line).next()?;
        let (name, value) = parent.pair()?;
        if !is_key(key) || value.is_empty() || parent.indent() >= self.line.indent() {
            return None;
        }
        let message = format!("`{key}` cannot stand below `{name}`, which has its value already");
        let help = match is_key(name) {
            true => format!("give `{key}` the indentation of `{name}`"),
            false => format!("write `{name}:`, and below it `run: {value}` and `{key}`"),
        };
        let start = self.at - key.len();
        Some(Diagnostic::error(SYNTAX, message).at(Span::new(start, self.at)).help(help))
    }

    /// `a: run: x`, `a: echo b: c`.
    fn second_colon(&self) -> Option<Diagnostic> {
        let (before, after) = self.sides();
        let (outer, inner) = before.split_once(": ")?;
        let (outer, inner) = (outer.trim_start().trim_start_matches("- "), inner.trim());
        let start = before.len() - before[before.find(": ")? + 2..].trim_start().len();
        let value = self.line.text[start..].split(" #").next().unwrap_or_default().trim_end();
        let rest = after.strip_prefix(':')?.split(" #").next().unwrap_or_default().trim();
        let has_keys = ["tasks", "finally", "env", "params", "defaults", "pools", "matrix"];
        if is_word(inner) && (is_key(inner) || has_keys.contains(&outer)) {
            let start = self.at - inner.len();
            let message = format!("a key cannot stand on the line of another one: `{inner}`");
            let line = format!("{inner}: {rest}");
            let below = format!("`{}` on a line below `{outer}:`", line.trim_end());
            let help = match rest.is_empty() || rest.contains([',', '[', ']', '{', '}', ':', '#']) {
                true => format!("write {below}"),
                false => format!("write `{outer}: {{{line}}}`, or {below}"),
            };
            let place = Span::new(start, self.at);
            return Some(Diagnostic::error(SYNTAX, message).at(place).help(help));
        }
        let message = "a text that holds `: ` needs quotes";
        let place = Span::new(self.line.start + start, self.line.start + start + value.len());
        let help =
            format!("write `{outer}: {}`, or the text as a block below `|`", in_quotes(value));
        Some(Diagnostic::error(SYNTAX, message).at(place).help(help))
    }

    /// `run: |` and its text below it without indentation.
    fn block_not_indented(&self) -> Option<Diagnostic> {
        let head = above(self.text, self.line).next()?;
        let key = head.block_key().filter(|_| self.line.indent() <= head.indent())?;
        let message = format!("the text of `{key}` is not indented");
        let help = format!("indent it further than `{key}`");
        Some(Diagnostic::error(SYNTAX, message).at(self.line.span()).help(help))
    }

    fn no_colon(&self) -> Option<Diagnostic> {
        self.line.pair().is_none().then(|| no_colon(self.line))
    }

    /// A line of a block that stands between its key and its first line.
    fn block_indented_less(&self) -> Option<Diagnostic> {
        let indent = self.line.indent();
        let head = above(self.text, self.line).find(|line| line.indent() < indent)?;
        let key = head.block_key()?;
        let message = format!("this line is indented less than the first one of `{key}`");
        let help = "indent all lines of a text as far as its first line, or further";
        Some(Diagnostic::error(SYNTAX, message).at(self.line.span()).help(help))
    }

    /// `a: @x`.
    fn odd_sign(&self, sign: char, open: &[usize]) -> Diagnostic {
        let rest = self.sides().1;
        let whole = match open.is_empty() {
            true => rest.split(" #").next().unwrap_or(rest).trim_end(),
            false => &rest[..end_in_brackets(rest)],
        };
        let error = Diagnostic::error(SYNTAX, format!("a value cannot begin with `{sign}`"));
        let help = format!("put the text in quotes: `{}`", in_quotes(whole));
        error.at(Span::new(self.at, self.at + sign.len_utf8())).help(help)
    }

    /// `a: [ -f x ] && y`.
    fn after_a_bracket(&self) -> Option<Diagnostic> {
        let (before, after) = self.sides();
        let start = before.find(": ").map_or(0, |colon| colon + 2);
        let start = before.len() - before[start..].trim_start().len();
        let is_closed = before.trim_end().ends_with([']', '}']);
        let whole = self.line.text[start..].split(" #").next().unwrap_or_default().trim_end();
        // What could be another entry belongs into the brackets.
        if !is_closed || !whole.starts_with(['[', '{']) || after.contains(": ") {
            return None;
        }
        let place = Span::new(self.at, self.at + after.chars().next()?.len_utf8());
        if after.trim().chars().all(|c| "]}".contains(c)) {
            let error = Diagnostic::error(SYNTAX, "this bracket closes nothing");
            return Some(error.at(place).help("remove it"));
        }
        let error = Diagnostic::error(SYNTAX, "text follows the closing bracket");
        let help = format!(
            "put a text that begins with `[` or `{{` in quotes, or write it as a block below `|`: `{}`",
            in_quotes(whole)
        );
        Some(error.at(place).help(help))
    }

    /// A text goes on after its quotes; or these quotes are two, and the first one was not closed.
    fn after_a_quote(&self, open: &[usize]) -> Option<Diagnostic> {
        let end = self.text[..self.at].trim_end().len().checked_sub(1)?;
        let quote = self.text[end..].chars().next().filter(|quote| "'\"".contains(*quote))?;
        let start = opening(&self.text[..end], quote)?;
        if start < self.line.start {
            let error = Diagnostic::error(SYNTAX, "this quote is not closed on its line");
            let help = format!("write the `{quote}` at the end of the text");
            return Some(error.at(Span::new(start, start + 1)).help(help));
        }
        if !open.is_empty() {
            return None; // nobody knows where the text was to end
        }
        let whole = self.line.text[start - self.line.start..].trim_end();
        let error = Diagnostic::error(SYNTAX, "text follows the closing quote");
        let help = format!("put the whole value in quotes: `{}`", in_quotes(whole));
        Some(error.at(Span::new(self.at, self.at + 1)).help(help))
    }
}

/// Returns where the quote stands that the one after this text closes.
fn opening(before: &str, quote: char) -> Option<usize> {
    let bytes = before.as_bytes();
    let mut end = before.len();
    loop {
        let at = before[..end].rfind(quote)?;
        let escapes = match quote {
            '"' => before[..at].bytes().rev().take_while(|byte| *byte == b'\\').count(),
            _ => usize::from(at > 0 && bytes[at - 1] == b'\''),
        };
        match (quote, escapes % 2) {
            (_, 0) => return Some(at),
            ('"', _) => end = at,
            _ => end = at - 1,
        }
    }
}

/// Words what is missing on a line that is to be a key.
fn no_colon(line: Line<'_>) -> Diagnostic {
    let content = line.content();
    let (name, value) = content.split_once(' ').unwrap_or((content, ""));
    let value = value.trim_start();
    let value =
        ["?= ", ":= ", "= "].iter().find_map(|sign| value.strip_prefix(sign)).unwrap_or(value);
    if let Some((key, value)) = content.split_once(':').filter(|(key, _)| is_word(key)) {
        let error = Diagnostic::error(SYNTAX, format!("a blank is missing after `{key}:`"));
        return error.at(line.span()).help(format!("write `{key}: {value}`"));
    }
    let (message, help) = match (is_word(name), value) {
        (true, "") => (
            format!("a `:` is missing after `{name}`"),
            format!("write `{name}:`, and its value after it or on the lines below it"),
        ),
        (true, value) if !value.contains(": ") => {
            (format!("a `:` is missing after `{name}`"), format!("write `{name}: {value}`"))
        }
        (true | false, _) => (
            "a `:` is missing on this line".to_owned(),
            "write `key: value`; a text of several lines stands below `|`".to_owned(),
        ),
    };
    Diagnostic::error(SYNTAX, message).at(line.span()).help(help)
}
