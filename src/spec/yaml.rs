//! YAML 1.2 into the tree.
//!
//! The events of serde_yaml's own parser are taken, not its serde front: a plain scalar must keep its
//! source text, a file with five duplicate keys must get five diagnostics, and an alias must stay a
//! pointer, which is what makes an alias bomb harmless. Nothing here recurses while it reads.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_yaml::granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span as Range, StrInput, Tag,
};

use super::diag::{Diagnostic, Diagnostics};
use super::tree::{Entry, Kind, Node, Span, Style};

const DEPTH: usize = 100; // the format itself needs 5
const EXPANDED: u64 = 10_000_000; // values that all aliases and merge keys together may stand for

/// Reads a file; `None` where there is nothing in it, or an error that leaves no tree.
pub(crate) fn read<'s>(text: &'s str, found: &mut Diagnostics) -> Option<Node<'s>> {
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH;
    options.block_nesting_limit = DEPTH;
    options.set_emit_comments(false);
    let mut reader =
        Reader { text, found, stack: Vec::new(), anchors: HashMap::new(), expanded: 0 };
    let mut root = None;
    let mut n_documents = 0;
    for event in Parser::<StrInput<'s>>::new_from_str_with_options(text, options) {
        let (event, range) = match event {
            Ok(event) => event,
            Err(error) => {
                let place = place_of_error(text, &error);
                reader.found.push(syntax_error(text, &error, place));
                return None;
            }
        };
        let span = span_of(range);
        let node = match event {
            Event::DocumentStart(..) => {
                n_documents += 1;
                if n_documents > 1 {
                    let start = span.start as usize;
                    let mark = Span::new(start, (start + 3).min(text.len()));
                    reader.found.push(
                        Diagnostic::error("second-document", "a second YAML document begins here")
                            .at(mark)
                            .help("a workflow file holds one document: remove the `---`"),
                    );
                    return None;
                }
                None
            }
            Event::Scalar(value, style, anchor, tag) => {
                let kind = reader.scalar(value, style, tag.as_deref(), span);
                reader.finish(Node { span, kind }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                reader.tag(tag.as_deref(), &["seq"], span);
                reader.stack.push(Frame::list(span, anchor));
                None
            }
            Event::MappingStart(_, anchor, tag) => {
                reader.tag(tag.as_deref(), &["map"], span);
                reader.stack.push(Frame::map(span, anchor));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => reader.close(span),
            Event::Alias(anchor) => match reader.alias(anchor, span) {
                Ok((node, size)) => reader.finish(node, 0, size),
                Err(diagnostic) => {
                    reader.found.push(*diagnostic);
                    return None;
                }
            },
            // Streams, document ends and whatever a later parser may add carry no value.
            _ => None,
        };
        if reader.expanded > EXPANDED {
            reader.found.push(bomb(span));
            return None;
        }
        root = node.or(root);
    }
    root
}

/// A collection that is still open.
struct Frame<'s> {
    span: Span,
    anchor: usize,
    /// How many values are in it, aliases counted as what they stand for.
    size: u64,
    body: Body<'s>,
}

enum Body<'s> {
    List(Vec<Node<'s>>),
    Map { entries: Vec<Entry<'s>>, key: Option<(Cow<'s, str>, Span, bool)>, merges: bool },
}

impl<'s> Frame<'s> {
    fn list(span: Span, anchor: usize) -> Frame<'s> {
        Frame { span, anchor, size: 1, body: Body::List(Vec::new()) }
    }

    fn map(span: Span, anchor: usize) -> Frame<'s> {
        let body = Body::Map { entries: Vec::new(), key: None, merges: false };
        Frame { span, anchor, size: 1, body }
    }
}

struct Reader<'s, 'd> {
    text: &'s str,
    found: &'d mut Diagnostics,
    stack: Vec<Frame<'s>>,
    anchors: HashMap<usize, (Rc<Node<'s>>, u64)>,
    expanded: u64,
}

impl<'s> Reader<'s, '_> {
    fn scalar(
        &mut self,
        value: Cow<'s, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Kind<'s> {
        self.tag(tag, &["str", "int", "float", "bool", "null"], span);
        let is_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        match style {
            ScalarStyle::Plain if is_text => Kind::Text(value, Style::Literal),
            ScalarStyle::Plain => match &*value {
                "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
                _ => Kind::Plain(value),
            },
            ScalarStyle::SingleQuoted => Kind::Text(value, Style::Literal),
            ScalarStyle::DoubleQuoted => Kind::Text(value, Style::Escaped),
            // The place of a block is that of its lines, without the header.
            ScalarStyle::Literal | ScalarStyle::Folded => Kind::Text(value, Style::Literal),
        }
    }

    /// Refuses tags that would change what a value is.
    fn tag(&mut self, tag: Option<&Tag>, allowed: &[&str], span: Span) {
        let Some(tag) = tag else { return };
        if tag.core_suffix().is_none_or(|suffix| !allowed.contains(&suffix)) {
            let message = format!("the tag `{}` has no meaning here", tag.original());
            self.found.push(
                Diagnostic::error("yaml-tag", message)
                    .at(span)
                    .help("remove the tag; a text that begins with `!` needs quotes"),
            );
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(Node<'s>, u64), Box<Diagnostic>> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Box::new(
                Diagnostic::error("yaml-alias", "this alias stands inside of what it names")
                    .at(span)
                    .help("a value cannot hold itself: write it out, or move the anchor"),
            ));
        };
        self.expanded = self.expanded.saturating_add(*size);
        Ok((Node { span, kind: Kind::Shared(Rc::clone(node)) }, *size))
    }

    /// Puts a finished value where it belongs; returns it where it is the document.
    fn finish(&mut self, node: Node<'s>, anchor: usize, size: u64) -> Option<Node<'s>> {
        let node = if anchor == 0 {
            node
        } else {
            let span = node.span;
            let shared = Rc::new(node);
            self.anchors.insert(anchor, (Rc::clone(&shared), size));
            Node { span, kind: Kind::Shared(shared) }
        };
        let Some(frame) = self.stack.last_mut() else { return Some(node) };
        frame.size = frame.size.saturating_add(size);
        match &mut frame.body {
            Body::List(items) => items.push(node),
            Body::Map { entries, key, merges } => match key.take() {
                Some((key, span, is_merge)) => {
                    *merges |= is_merge;
                    entries.push(Entry { key, span, value: node });
                }
                None => {
                    let is_merge = matches!(&node.kind, Kind::Plain(text) if text == "<<");
                    let text = match node.kind {
                        Kind::Plain(text) | Kind::Text(text, _) => Some(text),
                        Kind::Null if node.span.start < node.span.end => Some(Cow::Borrowed(
                            &self.text[node.span.start as usize..node.span.end as usize],
                        )),
                        Kind::Shared(inner) => {
                            inner.scalar().map(|text| Cow::Owned(text.to_owned()))
                        }
                        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
                    };
                    let text = text.unwrap_or_else(|| {
                        self.found.push(
                            Diagnostic::error("yaml-key", "a key must be a word or a text")
                                .at(node.span)
                                .help("write `key: value`"),
                        );
                        Cow::Borrowed("x-")
                    });
                    *key = Some((text, node.span, is_merge));
                }
            },
        }
        None
    }

    /// Closes the innermost collection.
    fn close(&mut self, end: Span) -> Option<Node<'s>> {
        let frame = self.stack.pop()?;
        let (span, kind) = match frame.body {
            Body::List(items) => {
                let first = items.first().map(|item| item.span);
                (visible(self.text, frame.span, first, end), Kind::List(items))
            }
            Body::Map { mut entries, merges, .. } => {
                let first = entries.first().map(|entry| entry.span);
                if merges {
                    entries = self.merged(entries);
                }
                self.unique(&mut entries);
                (visible(self.text, frame.span, first, end), Kind::Map(entries))
            }
        };
        self.finish(Node { span, kind }, frame.anchor, frame.size)
    }

    /// Replaces `<<` by the entries of the maps that it names, where the map has none of its own.
    fn merged(&mut self, entries: Vec<Entry<'s>>) -> Vec<Entry<'s>> {
        let (merges, mut own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        let mut names: HashSet<String> = own.iter().map(|entry| entry.key.to_string()).collect();
        for merge in &merges {
            for source in merge.value.items() {
                let Some(map) = source.map() else {
                    self.found.push(
                        Diagnostic::error("yaml-merge", "`<<` takes a map, or a list of maps")
                            .at(source.span)
                            .help("write `<<: *name`, where `&name` stands before a map"),
                    );
                    continue;
                };
                for entry in map {
                    if self.expanded <= EXPANDED && names.insert(entry.key.to_string()) {
                        self.expanded += size_of(&entry.value);
                        own.push(entry.clone());
                    }
                }
            }
        }
        own
    }

    /// Keeps the first of equal keys.
    fn unique(&mut self, entries: &mut Vec<Entry<'s>>) {
        let twice = duplicates(entries);
        for (first, second) in &twice {
            let (first, second) = (&entries[*first], &entries[*second]);
            self.found.push(duplicate_key(&second.key, second.span, first.span));
        }
        let mut place = 0..;
        let gone: HashSet<usize> = twice.into_iter().map(|(_, second)| second).collect();
        if !gone.is_empty() {
            entries.retain(|_| !gone.contains(&place.next().expect("the range has no end")));
        }
    }
}

/// Returns the indices of entries with the same key: the first one, and each later one.
fn duplicates(entries: &[Entry<'_>]) -> Vec<(usize, usize)> {
    if entries.len() < 12 {
        let is_first = |at: usize| entries[..at].iter().position(|one| one.key == entries[at].key);
        return (1..entries.len()).filter_map(|at| Some((is_first(at)?, at))).collect();
    }
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
    let mut twice = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match first.get(&*entry.key) {
            Some(first) => twice.push((*first, at)),
            None => drop(first.insert(&entry.key, at)),
        }
    }
    twice
}

/// Returns the diagnostic for a key that is there already.
pub(crate) fn duplicate_key(key: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-key", format!("the key `{key}` is there already"))
        .label(span, "again here")
        .label(first, "first here")
        .help("keep one of the two")
}

/// Counts the values in a tree that a merge copies; what is shared is not copied.
fn size_of(node: &Node<'_>) -> u64 {
    match &node.kind {
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => 1,
        Kind::List(items) => 1 + items.iter().map(size_of).sum::<u64>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| size_of(&entry.value)).sum::<u64>(),
    }
}

fn bomb(span: Span) -> Diagnostic {
    let message = "the aliases of this file stand for more than 10,000,000 values";
    Diagnostic::error("alias-bomb", message)
        .at(span)
        .help("a workflow needs no such file; use fewer aliases of aliases")
}

fn span_of(range: Range) -> Span {
    range.byte_range().map_or(Span::NONE, |range| Span::new(range.start, range.end))
}

/// Returns what a caret can point at for a collection: its bracket, or its first key or item.
fn visible(text: &str, start: Span, first: Option<Span>, end: Span) -> Span {
    let at = start.start as usize;
    if matches!(text.as_bytes().get(at), Some(b'[' | b'{')) {
        let end = end.end as usize;
        let one_line = end > at && !text.as_bytes()[at..end].contains(&b'\n');
        return if one_line { Span::new(at, end) } else { Span::new(at, at + 1) };
    }
    first.unwrap_or(Span::new(at, at + 1))
}

/// Returns a place that exists for an error that may lie behind the end.
fn place_of_error(text: &str, error: &ScanError) -> Span {
    let mut at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    if at == text.len() {
        // The last character that can be seen: a caret below an empty line says nothing.
        at = text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
    }
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    Span::new(at, at + length)
}

/// Puts an error of the syntax into our words, with a way out.
fn syntax_error(text: &str, error: &ScanError, place: Span) -> Diagnostic {
    let before = text[..place.start as usize].rfind('\n').map_or(0, |end| end + 1);
    let indent = text[before..].len() - text[before..].trim_start_matches([' ', '\t']).len();
    if let Some(tab) = text[before..before + indent].find('\t') {
        return Diagnostic::error("yaml-tab", "a tab cannot indent YAML")
            .at(Span::new(before + tab, before + tab + 1))
            .help("indent with spaces: two for each level");
    }
    let (message, help) = words(error.kind());
    Diagnostic::error("yaml-syntax", message).at(place).help(help)
}

fn words(kind: &ErrorKind) -> (String, &'static str) {
    let fixed = |message: &str, help| (message.to_owned(), help);
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            fixed("a tab cannot stand here", "use spaces, and put a text with a tab in quotes")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => fixed(
            "a `:` cannot stand here",
            "put a text that holds `: ` in quotes, or write it as a block below `|`",
        ),
        ErrorKind::UnclosedQuotedScalar => fixed("this quote is never closed", "close the quote"),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("this `{open}` is never closed"), "close the bracket")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), "use brackets of one kind")
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            fixed("this bracket closes nothing", "remove it, or put the text in quotes")
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            fixed("a `,` or `}` is missing before this", "separate entries with `, `")
        }
        ErrorKind::ExpectedFlowSequenceSeparator => {
            fixed("a `,` or `]` is missing before this", "separate items with `, `")
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            fixed("the file ends inside brackets", "close the bracket")
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::ExpectedDocumentStart => fixed(
            "this line does not fit the indentation above it",
            "give all keys of one map, and all items of one list, the same indentation",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => fixed(
            "a `:` is missing after this key",
            "write `key: value`; a text of several lines stands below `|`",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => fixed(
            "a list item cannot begin here",
            "begin a list on its own line, with `- ` before each item; put other text in quotes",
        ),
        ErrorKind::UnknownAnchor => fixed(
            "this alias names no anchor before it",
            "define it with `&name`; put a text that begins with `*` in quotes",
        ),
        ErrorKind::MissingAnchorOrAliasName => fixed(
            "`&` and `*` begin anchors and aliases here",
            "put a text that begins with `&` or `*` in quotes",
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot begin with `{character}`"), "put the text in quotes")
        }
        ErrorKind::RecursionLimitExceeded => {
            (format!("more than {DEPTH} levels of nesting"), "a workflow file needs five")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => fixed(
            "this escape does not exist",
            "write `\\\\` for a backslash, or use single quotes, in which nothing is escaped",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => fixed(
            "text follows the closing quote",
            "put the whole value in quotes, with the inner quotes doubled (`''`) or escaped (`\\\"`)",
        ),
        ErrorKind::CommentNotSeparated | ErrorKind::InvalidBlockScalarHeader => {
            fixed("this cannot stand behind the value", "put a space before a `#` comment")
        }
        // The parser has some fifty more, which only odd files meet; its own words serve for those.
        other => {
            (format!("this is not YAML: {other}"), "put text with special characters in quotes")
        }
    }
}
