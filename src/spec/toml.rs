//! TOML 1.0 into the same tree as YAML.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diag::{Diagnostic, Diagnostics};
use super::toml_errors::{is_duplicate, is_header, report};
use super::tree::{Entry, Kind, Node, Span, Style};

const LARGEST: usize = 8 << 20; // bytes: the parser takes 50 for each of a file of signs alone
const PARTS: usize = 1_000_000; // signs that part keys and values: 100,000 tasks of three lines have half
const RECOVERED: usize = 256 << 10; // bytes of a file of which more than the first mistake is sought

/// Reads a file; `None` where an error leaves no tree.
pub(crate) fn read<'s>(text: &'s str, found: &mut Diagnostics) -> Option<Node<'s>> {
    if let Some((at, message)) = too_large(text) {
        found.push(
            Diagnostic::error("too-large", message)
                .at(Span::new(at, at + 1))
                .help("keep data in files that tasks read, or write a flow of that size as YAML"),
        );
        return None;
    }
    // The list of all mistakes may be a thousand times as large as the file.
    if text.len() > RECOVERED
        && let Err(error) = DeTable::parse(text)
    {
        report(text, std::iter::once((error.message(), error.span())), found);
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    report(text, errors.iter().map(|error| (error.message(), error.span())), found);
    // A second key of the same name leaves a tree with the first one: the rest can be checked too. Of a
    // second table all keys are lost.
    let is_whole =
        |error: &toml::de::Error| is_duplicate(error.message()) && !is_header(text, error.span());
    if !errors.iter().all(is_whole) {
        return None;
    }
    let entries = entries(text, table.into_inner());
    let span = entries.first().map_or(Span::new(0, 0), |entry| entry.span);
    Some(Node { span, kind: Kind::Map(entries) })
}

/// Returns from where on a file is too large, and why.
fn too_large(text: &str) -> Option<(usize, String)> {
    if text.len() > LARGEST {
        return Some((0, format!("this file is larger than {} MiB", LARGEST >> 20)));
    }
    let parts = |(_, byte): &(usize, u8)| matches!(byte, b'\n' | b',' | b'.' | b'[' | b'{');
    let (at, _) = text.bytes().enumerate().filter(parts).nth(PARTS)?;
    Some((at, format!("this file holds more than {PARTS} keys and values")))
}

fn entries<'s>(text: &'s str, table: DeTable<'s>) -> Vec<Entry<'s>> {
    let entry = |(key, value): (Spanned<Cow<'s, str>>, Spanned<DeValue<'s>>)| {
        let span = span_of(key.span());
        let mut value = node(text, value);
        if value.map().is_some() && text.as_bytes().get(value.span.start as usize) != Some(&b'{') {
            value.span = span; // a `[header]`: its name says what the table is
        }
        Entry { key: key.into_inner(), span, value }
    };
    table.into_iter().map(entry).collect()
}

/// The parser bounds the depth of what it returns, and so of this.
fn node<'s>(text: &'s str, value: Spanned<DeValue<'s>>) -> Node<'s> {
    let range = value.span();
    let span = span_of(range.clone());
    let source = text.get(range).unwrap_or_default();
    let kind = match value.into_inner() {
        DeValue::String(value) => {
            let style = if source.starts_with('"') { Style::Escaped } else { Style::Literal };
            Kind::Text(with_plain_breaks(value, source), style)
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            Kind::Plain(Cow::Borrowed(source))
        }
        DeValue::Array(items) => {
            Kind::List(items.into_iter().map(|item| node(text, item)).collect())
        }
        DeValue::Table(table) => Kind::Map(entries(text, table)),
    };
    Node { span, kind }
}

/// Makes every line break of a text that was written over several lines a plain one, as YAML does: a
/// file saved with CRLF means the same, and a shell would take the CR for a part of a word.
fn with_plain_breaks<'s>(value: Cow<'s, str>, source: &str) -> Cow<'s, str> {
    match source.contains("\r\n") {
        true => Cow::Owned(value.replace("\r\n", "\n")),
        false => value,
    }
}

fn span_of(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}
