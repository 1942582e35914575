//! YAML 1.2 into the tree.
//!
//! The events of serde_yaml's own parser are taken, not its serde front: a plain scalar must keep its
//! source text, a file with five duplicate keys must get five diagnostics, and an alias must stay a
//! pointer, which is what makes an alias bomb harmless. Nothing here recurses while it reads.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use serde_yaml::granit_parser::{
    Event, Options, Parser, ScalarStyle, Span as Range, StrInput, Tag,
};

use super::diag::{Diagnostic, Diagnostics};
use super::tree::{Entry, Kind, Node, Span, Style};
use super::yaml_errors::{map_in_a_map, negated_if, syntax_error};
use super::yaml_slips::in_quotes;

pub(crate) const DEPTH: usize = 100; // the format itself needs 5
const VALUES: usize = 2_500_000; // of a file: a million tasks are 2,000,000, and take 1.5 s to read
const EXPANDED: u64 = 5_000_000; // values that all aliases and merge keys together may stand for
const COPIED: u64 = 4; // what a merged value counts for: it is looked up by its key, and copied
const WEIGHT: usize = 8; // bytes of a text that weigh as much as one more value

/// Reads a file; `None` where there is nothing in it, or an error that leaves no tree.
pub(crate) fn read<'s>(text: &'s str, found: &mut Diagnostics) -> Option<Node<'s>> {
    read_within(text, VALUES, found)
}

/// Reads a file of so many keys and values at most.
pub(super) fn read_within<'s>(
    text: &'s str,
    most: usize,
    found: &mut Diagnostics,
) -> Option<Node<'s>> {
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH;
    options.block_nesting_limit = DEPTH;
    options.set_emit_comments(false);
    let mut reader = Reader {
        text,
        found,
        stack: Vec::new(),
        anchors: HashMap::new(),
        unused: BTreeMap::new(),
        expanded: 0,
    };
    let mut root = None;
    let (mut n_documents, mut n_values) = (0, 0);
    for event in Parser::<StrInput<'s>>::new_from_str_with_options(text, options) {
        let (event, range) = match event {
            Ok(event) => event,
            Err(error) => {
                let open = reader.open_brackets();
                reader.found.push(syntax_error(text, &error, &open));
                return None;
            }
        };
        let span = span_of(range);
        n_documents += usize::from(matches!(event, Event::DocumentStart(..)));
        if n_documents > 1 {
            reader.found.push(second_document(text, span));
            break; // what is wrong with the first one is said all the same
        }
        n_values += cost(&event);
        if n_values > most {
            reader.found.push(too_much(span, most));
            return None;
        }
        match reader.event(event, span) {
            Ok(node) => root = node.or(root),
            Err(diagnostic) => {
                reader.found.push(*diagnostic);
                return None;
            }
        }
    }
    // `if: !a && b` is said to need quotes already.
    let unused = reader.unused.into_values();
    for span in unused.filter(|span| negated_if(text, span.start as usize).is_none()) {
        reader.found.push(unused_anchor(text, span));
    }
    root
}

/// Warns of `run: &name x`, where the shell gets `x` alone.
fn unused_anchor(text: &str, value: Span) -> Diagnostic {
    let before = text[..value.start as usize].trim_end();
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let anchor = &before[start..];
    let message = format!("`{anchor}` is an anchor that no alias names, not part of the text");
    let whole = text[start..value.end as usize].trim_end();
    let help = match whole.contains('\n') {
        true => "put a text that begins with `&` in quotes, or remove the anchor".to_owned(),
        false => format!("write `{}`, or remove the anchor", in_quotes(whole)),
    };
    Diagnostic::warning("yaml-anchor", message).at(Span::new(start, before.len())).help(help)
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
    Map { entries: Vec<Entry<'s>>, key: Option<Key<'s>>, merges: bool },
}

/// A key whose value is still to come.
struct Key<'s> {
    /// `None` where it is no key: its value is passed over.
    text: Option<Cow<'s, str>>,
    span: Span,
    is_merge: bool,
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
    /// Texts without quotes that have an anchor which no alias has named yet.
    unused: BTreeMap<usize, Span>,
    expanded: u64,
}

impl<'s> Reader<'s, '_> {
    /// Returns where the brackets stand that are still open, the innermost last.
    fn open_brackets(&self) -> Vec<usize> {
        let starts = self.stack.iter().map(|frame| frame.span.start as usize);
        starts.filter(|at| matches!(self.text.as_bytes().get(*at), Some(b'[' | b'{'))).collect()
    }

    /// Takes what the parser found; returns the document where it is whole.
    fn event(&mut self, event: Event<'s>, span: Span) -> Result<Option<Node<'s>>, Box<Diagnostic>> {
        let node = match event {
            Event::Scalar(value, style, anchor, tag) => {
                let size = weight(&value);
                let span = self.visible_scalar(&value, style, span);
                let kind = self.scalar(value, style, tag.as_deref(), span);
                if anchor > 0 && matches!(kind, Kind::Plain(_)) {
                    self.unused.insert(anchor, span);
                }
                self.finish(Node { span, kind }, anchor, size)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), &["seq"], span);
                self.stack.push(Frame::list(span, anchor));
                None
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), &["map"], span);
                self.stack.push(Frame::map(span, anchor));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let (node, size) = self.alias(anchor, span)?;
                self.finish(node, 0, size)
            }
            // Streams, documents and whatever a later parser may add carry no value.
            _ => None,
        };
        if self.expanded > EXPANDED { Err(Box::new(bomb(span))) } else { Ok(node) }
    }

    /// Returns what a caret can point at: nothing, or a block of nothing, has no place of its own, and so
    /// its key is taken.
    fn visible_scalar(&self, value: &str, style: ScalarStyle, span: Span) -> Span {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        // In braces the parser gives the place of the colon for a value that is not there.
        let is_nothing = is_block && value.trim().is_empty() || span.start == span.end;
        match self.stack.last().map(|frame| &frame.body) {
            Some(Body::Map { key: Some(key), .. }) if is_nothing => key.span,
            _ => span,
        }
    }

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
            ScalarStyle::SingleQuoted => Kind::Text(value, Style::Quoted),
            ScalarStyle::DoubleQuoted => Kind::Text(value, Style::Escaped),
            // The place of a block is that of its lines, without the header.
            ScalarStyle::Literal | ScalarStyle::Folded => Kind::Text(value, Style::Literal),
        }
    }

    /// Refuses tags that would change what a value is.
    fn tag(&mut self, tag: Option<&Tag>, allowed: &[&str], span: Span) {
        let Some(tag) = tag else { return };
        if tag.core_suffix().is_none_or(|suffix| !allowed.contains(&suffix)) {
            let key = match self.stack.last().map(|frame| &frame.body) {
                Some(Body::Map { key: Some(key), .. }) => Some(key.span),
                Some(Body::Map { key: None, .. } | Body::List(_)) | None => None,
            };
            let negated = key.and_then(|key| negated_if(self.text, key.start as usize));
            self.found.push(negated.unwrap_or_else(|| {
                let message = format!("the tag `{}` has no meaning here", tag.original());
                Diagnostic::error("yaml-tag", message)
                    .at(span)
                    .help("remove the tag; a text that begins with `!` needs quotes")
            }));
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
        self.unused.remove(&anchor);
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
                Some(Key { text: Some(key), span, is_merge }) => {
                    *merges |= is_merge;
                    entries.push(Entry { key, span, value: node });
                }
                Some(Key { text: None, .. }) => {}
                None => *key = Some(key_of(node, self.text, self.found)),
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
            Body::Map { entries, .. } if entries.is_empty() && self.is_map_in_a_map(frame.span) => {
                let span = visible(self.text, frame.span, None, end);
                let whole = &self.text[span.start as usize..span.end as usize];
                let in_brackets = !self.open_brackets().is_empty();
                self.found.push(map_in_a_map(whole, span, in_brackets));
                (span, Kind::Text(Cow::Borrowed(whole), Style::Literal))
            }
            Body::Map { mut entries, merges, .. } => {
                let first = entries.first().map(|entry| entry.span);
                self.unique(&mut entries);
                if merges {
                    entries = self.merged(entries);
                }
                (visible(self.text, frame.span, first, end), Kind::Map(entries))
            }
        };
        self.finish(Node { span, kind }, frame.anchor, frame.size)
    }

    /// Returns whether `{{` stands here.
    fn is_map_in_a_map(&self, start: Span) -> bool {
        self.text.get(start.start as usize..).is_some_and(|text| text.starts_with("{{"))
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
                        self.expanded += COPIED * size_of(&entry.value);
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
            self.found.push_error(|| duplicate_key(&second.key, second.span, first.span));
        }
        let mut place = 0..;
        let gone: HashSet<usize> = twice.into_iter().map(|(_, second)| second).collect();
        if !gone.is_empty() {
            entries.retain(|_| !gone.contains(&place.next().expect("the range has no end")));
        }
    }
}

/// Takes a value as a key.
fn key_of<'s>(node: Node<'s>, text: &'s str, found: &mut Diagnostics) -> Key<'s> {
    let span = node.span;
    let is_merge = matches!(&node.kind, Kind::Plain(text) if text == "<<");
    let key = match node.kind {
        Kind::Plain(text) | Kind::Text(text, _) => Some(text),
        Kind::Null if span.start < span.end => {
            Some(Cow::Borrowed(&text[span.start as usize..span.end as usize]))
        }
        Kind::Shared(inner) => inner.scalar().map(|text| Cow::Owned(text.to_owned())),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    };
    // Of `{{ name }}` all is said at its end.
    let is_in_braces =
        text[..span.start as usize].ends_with('{') && text[span.start as usize..].starts_with('{');
    if key.is_none() && !is_in_braces {
        let error = Diagnostic::error("yaml-key", "a key must be a word or a text");
        found.push(error.at(span).help("write `key: value`"));
    }
    Key { text: key, span, is_merge }
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

fn duplicate_key(key: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-key", format!("the key `{key}` is there already"))
        .label(span, "again here")
        .label(first, "first here")
        .help(match key {
            "<<" => "name all maps in one list: `<<: [*a, *b]`",
            _ => "keep one of the two",
        })
}

/// Counts the values in a tree that a merge copies; what is shared is not copied.
fn size_of(node: &Node<'_>) -> u64 {
    match &node.kind {
        Kind::Null | Kind::Shared(_) => 1,
        Kind::Plain(text) | Kind::Text(text, _) => weight(text),
        Kind::List(items) => 1 + items.iter().map(size_of).sum::<u64>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| size_of(&entry.value)).sum::<u64>(),
    }
}

/// Returns what a text counts for: each use of an alias may copy it.
fn weight(text: &str) -> u64 {
    1 + (text.len() / WEIGHT) as u64
}

fn bomb(span: Span) -> Diagnostic {
    let message = "the aliases of this file stand for more than 5,000,000 values or 40 MB";
    Diagnostic::error("alias-bomb", message)
        .at(span)
        .help("a workflow needs no such file; use fewer aliases of aliases")
}

/// Returns what an event counts for; the parser remembers every anchor, which takes it ten times as long.
fn cost(event: &Event<'_>) -> usize {
    match event {
        Event::Scalar(_, _, anchor, _)
        | Event::SequenceStart(_, anchor, _)
        | Event::MappingStart(_, anchor, _) => {
            if *anchor == 0 {
                1
            } else {
                10
            }
        }
        Event::Alias(_) => 1,
        _ => 0,
    }
}

fn too_much(span: Span, most: usize) -> Diagnostic {
    let message = format!("this file holds more than {most} keys and values");
    Diagnostic::error("too-large", message)
        .at(span)
        .help("keep data in files that tasks read, and run a flow of that size in parts")
}

fn second_document(text: &str, start: Span) -> Diagnostic {
    let at = start.start as usize;
    let (mark, wrong) = match text[at..].starts_with("---") {
        true => (3, "the `---`"),
        false => (1, "the `...` before this"),
    };
    let has_tasks = |text: &str| text.lines().any(|line| line.starts_with("tasks:"));
    let help = match has_tasks(&text[..at]) && has_tasks(&text[at..]) {
        true => "make two files, or put all tasks below the first `tasks`".to_owned(),
        false => format!("a workflow file holds one document: remove {wrong}"),
    };
    Diagnostic::error("second-document", "a second YAML document begins here")
        .at(Span::new(at, (at + mark).min(text.len())))
        .help(help)
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
