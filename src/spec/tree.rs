//! The one tree that both syntaxes are read into: maps, lists and scalars, each with its place.
//!
//! A plain scalar keeps its source text (`3.10` stays `3.10`): what it means is decided by the key
//! that it stands under, never by the syntax. The tree knows no key and no rule of the format.

use std::borrow::Cow;
use std::rc::Rc;

/// A range of bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    /// The first byte.
    pub(crate) start: u32,
    /// The byte after the last one.
    pub(crate) end: u32,
}

impl Span {
    /// The place of what stands in no file.
    pub(crate) const NONE: Span = Span { start: u32::MAX, end: u32::MAX };

    /// Returns the range; every file is far below 4 GiB.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX - 1);
        Span { start: narrow(start), end: narrow(end.max(start)) }
    }

    /// Returns whether the place is in a file.
    pub(crate) fn is_some(self) -> bool {
        self != Span::NONE
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node<'s> {
    /// Where it stands; for an alias, where the alias stands.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind<'s>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind<'s> {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar without quotes: its source text.
    Plain(Cow<'s, str>),
    /// A scalar in quotes or a block: its text.
    Text(Cow<'s, str>, Style),
    /// A list.
    List(Vec<Node<'s>>),
    /// A map in file order; its keys are unique.
    Map(Vec<Entry<'s>>),
    /// A value with an anchor, at its own place or at that of an alias.
    Shared(Rc<Node<'s>>),
}

/// How a text is written, as far as it matters for finding a place inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Backslashes have no meaning.
    Literal,
    /// Backslashes have no meaning, and a quote is written twice.
    Quoted,
    /// Backslashes begin escapes.
    Escaped,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'s> {
    /// The key's text.
    pub(crate) key: Cow<'s, str>,
    /// The key's place.
    pub(crate) span: Span,
    /// The value.
    pub(crate) value: Node<'s>,
}

impl<'s> Node<'s> {
    /// Returns what the value is, through anchors and aliases.
    pub(crate) fn kind(&self) -> &Kind<'s> {
        let mut node = self;
        while let Kind::Shared(inner) = &node.kind {
            node = inner;
        }
        &node.kind
    }

    /// Returns the text of a scalar that is not null.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match self.kind() {
            Kind::Plain(text) | Kind::Text(text, _) => Some(text),
            Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => None,
        }
    }

    /// Returns the entries of a map.
    pub(crate) fn map(&self) -> Option<&[Entry<'s>]> {
        match self.kind() {
            Kind::Map(entries) => Some(entries),
            Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Shared(_) => None,
        }
    }

    /// Returns the value itself where it is the only one, else the items of a list.
    pub(crate) fn items(&self) -> &[Node<'s>] {
        match self.kind() {
            Kind::List(items) => items,
            Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Map(_) | Kind::Shared(_) => {
                std::slice::from_ref(self)
            }
        }
    }

    /// Names the kind in messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind() {
            Kind::Null => "an empty value",
            Kind::Plain(_) | Kind::Text(..) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Shared(_) => unreachable!("BUG: `kind` looks through anchors"),
        }
    }
}

/// Returns, for sorted bytes `at` of a scalar's text, the bytes of the file that they came from.
///
/// Lines are joined, indented and escaped in more ways than one; so both texts are walked together,
/// character by character, and white space, which is what the syntaxes fold, is passed over.
pub(crate) fn places_in(file: &str, node: &Node<'_>, at: &[usize]) -> Vec<usize> {
    let mut inner = node;
    while let Kind::Shared(shared) = &inner.kind {
        inner = shared;
    }
    let (start, end) = (inner.span.start as usize, inner.span.end as usize);
    let (text, style) = match &inner.kind {
        Kind::Plain(text) => (text, Style::Literal),
        Kind::Text(text, style) => (text, *style),
        Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
            return vec![start; at.len()];
        }
    };
    let Some(source) = file.get(start..end) else { return vec![start; at.len()] };
    let quote = match style {
        Style::Literal => 0,
        Style::Escaped if source.starts_with("\"\"\"") => 3, // in TOML alone
        Style::Quoted | Style::Escaped => 1,
    };
    let mut here = quote.min(source.len());
    let mut place = here;
    let mut places = Vec::with_capacity(at.len());
    for (offset, wanted) in text.char_indices() {
        if places.len() == at.len() {
            break;
        }
        if wanted.is_whitespace() {
            place = here;
        } else {
            (place, here) = next_place(source, here, wanted, style).unwrap_or((place, here));
        }
        while at.get(places.len()).is_some_and(|at| *at < offset + wanted.len_utf8()) {
            places.push(start + place);
        }
    }
    places.resize(at.len(), start + here.min(source.len()));
    places
}

/// Returns the place in the file of a part of a scalar's text.
pub(crate) fn place_of(file: &str, node: &Node<'_>, part: std::ops::Range<usize>) -> Span {
    match *places_in(file, node, &[part.start, part.end.saturating_sub(1)]) {
        [start, last] => Span::new(start, last + 1),
        _ => node.span,
    }
}

/// Returns where `wanted` stands in `source` from `here` on, and the byte after it.
fn next_place(source: &str, mut here: usize, wanted: char, style: Style) -> Option<(usize, usize)> {
    loop {
        let found = source[here..].chars().next()?;
        let place = here;
        if style == Style::Escaped && found == '\\' {
            let (decoded, length) = escape_at(&source[here..]);
            here += length;
            if decoded == Some(wanted) {
                return Some((place, here));
            }
            continue;
        }
        here += found.len_utf8();
        if style == Style::Quoted && found == '\'' && source[here..].starts_with('\'') {
            here += 1;
        }
        if found == wanted {
            return Some((place, here));
        }
    }
}

/// Returns what the escape at the start of `text` stands for (where that is one visible character)
/// and how long it is.
fn escape_at(text: &str) -> (Option<char>, usize) {
    let Some(letter) = text[1..].chars().next() else { return (None, 1) };
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '"' | '\\' | '/' => return (Some(letter), 2),
        other => return (None, 1 + other.len_utf8()),
    };
    let code = text.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    match code {
        Some(code) => (char::from_u32(code), 2 + digits),
        None => (None, 2),
    }
}

/// Finds lines and columns.
#[derive(Debug)]
pub(crate) struct LineIndex {
    starts: Vec<u32>,
    /// How many characters begin before each block of bytes: a line may be as long as the file.
    characters: Vec<u32>,
}

const BLOCK: usize = 1 << 12; // bytes that are counted anew for each column

impl LineIndex {
    /// Returns the index of a file's lines.
    pub(crate) fn new(bytes: &[u8]) -> LineIndex {
        let ends = memchr::memchr_iter(b'\n', bytes);
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        // The mark of the byte order is no part of the first line.
        let first = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        let starts = std::iter::once(first).chain(ends.map(|end| narrow(end + 1))).collect();
        let mut n_characters = 0;
        let characters = bytes.chunks(BLOCK).map(|block| {
            let before = n_characters;
            n_characters += count_characters(block);
            narrow(before)
        });
        LineIndex { starts, characters: characters.collect() }
    }

    /// Returns the column, from 1 and in characters, of a byte.
    pub(crate) fn column(&self, bytes: &[u8], at: usize) -> usize {
        let before = |at: usize| {
            let at = at.min(bytes.len());
            let block = (at / BLOCK).min(self.characters.len().saturating_sub(1));
            let counted = self.characters.get(block).map_or(0, |count| *count as usize);
            counted + count_characters(&bytes[block * BLOCK..at])
        };
        let (start, _) = self.bounds(self.line(at));
        before(at).saturating_sub(before(start)) + 1
    }

    /// Returns the number of the line, from 1, that holds this byte.
    pub(crate) fn line(&self, at: usize) -> usize {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    /// Returns the first byte of a line, and of the one after it where there is one.
    pub(crate) fn bounds(&self, line: usize) -> (usize, Option<usize>) {
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (start as usize, self.starts.get(line).map(|next| *next as usize))
    }
}

/// Counts the bytes that begin a character.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_inside_a_text_are_found_in_the_file() {
        let check = |file: &'static str, text: &'static str, style, word: &str| {
            let node =
                Node { span: Span::new(0, file.len()), kind: Kind::Text(text.into(), style) };
            let at = places_in(file, &node, &[text.find(word).expect("the word is there")])[0];
            assert!(file[at..].starts_with(word), "{file:?} {at}");
        };
        check("a >> b\n    c >> d\n", "a >> b\nc >> d\n", Style::Literal, "d");
        check("'a >>   b'", "a >>   b", Style::Quoted, "b");
        check("\"a >> b\\n c >> \\\n   d\"", "a >> b\n c >> d", Style::Escaped, "d");
        check("\"\\u0061 >> bn\\nm\"", "a >> bn\nm", Style::Escaped, "m");
    }

    #[test]
    fn lines_are_counted_from_one() {
        let index = LineIndex::new(b"a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6, 7].map(|at| index.line(at)), [1, 1, 2, 2, 3, 4, 4]);
        assert_eq!(index.bounds(2), (2, Some(5)));
        assert_eq!(index.bounds(4), (6, None));
    }

    #[test]
    fn columns_are_counted_in_characters_from_the_start_of_the_line() {
        let text = format!("a\n{}b\u{e9}c", "\u{65e5}".repeat(10_000));
        let index = LineIndex::new(text.as_bytes());
        let column = |word| index.column(text.as_bytes(), text.find(word).expect("it is there"));
        assert_eq!((column("a"), column("b"), column("c")), (1, 10_001, 10_003));
        let text = "\u{feff}ab";
        assert_eq!(LineIndex::new(text.as_bytes()).column(text.as_bytes(), 4), 2);
    }
}
