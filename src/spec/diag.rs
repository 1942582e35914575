//! What is wrong with a file, and how it is shown: the place, the source line, a caret, the remedy.
//!
//! Only `spec` words diagnostics. Everything in them may come out of a file, so all of it is escaped
//! here, where it becomes text for people.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::json;

use super::Source;
use super::codes;
use super::secrets::Hidden;
use super::spelling::in_toml;
use super::tree::{LineIndex, Span};
use crate::model::{MASKED, Syntax, escape};

const SHOWN: usize = 50; // what a person reads at once
const KEPT: usize = 10_000; // of errors, and of warnings: a generated file may be wrong everywhere
const LONGEST: usize = 2_000; // bytes of one message: it may speak of many names
const LONGEST_NAME: usize = 128; // bytes: what a message says of a longer value can be read off its line
const LONGEST_CODE: usize = 500; // bytes: what a remedy tells to write is short enough to be copied
const SHOWN_OF_LONG: usize = 60; // bytes of what is longer than these
const WINDOW: usize = 400; // bytes shown of a longer source line

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be run.
    Error,
    /// The file can be run, and probably does not do what its author thinks.
    Warning,
}

/// Something about a file that its author can mend.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub(crate) severity: Severity,
    /// Which kind it is: a name of the table of codes.
    pub(crate) name: &'static str,
    pub(crate) message: String,
    /// The places, the first one being where it is; empty where there is none.
    pub(crate) labels: Vec<(Span, String)>,
    pub(crate) help: Vec<String>,
    /// What is not shown of the file that it is about.
    hidden: Option<Arc<Hidden>>,
}

impl Diagnostic {
    /// Makes an error.
    pub(crate) fn error(name: &'static str, message: impl Into<String>) -> Diagnostic {
        let (message, labels, help) = (message.into(), Vec::new(), Vec::new());
        Diagnostic { severity: Severity::Error, name, message, labels, help, hidden: None }
    }

    /// Makes a warning.
    pub(crate) fn warning(name: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(name, message) }
    }

    /// Adds a place.
    pub(crate) fn at(self, span: Span) -> Diagnostic {
        self.label(span, "")
    }

    /// Adds a place with a word about it.
    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        if span.is_some() {
            self.labels.push((span, text.into()));
        }
        self
    }

    /// Adds a way out.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }

    /// Cuts what is too long to be read.
    fn shorten(&mut self) {
        let labels = self.labels.iter_mut().map(|(_, text)| text);
        for text in [&mut self.message].into_iter().chain(labels) {
            *text = shortened(std::mem::take(text), LONGEST_NAME);
        }
        for text in &mut self.help {
            *text = shortened(std::mem::take(text), LONGEST_CODE);
        }
    }

    /// Adds a way out to one from which the values of secrets were taken out.
    pub(crate) fn add_help(&mut self, text: String) {
        let text = match &self.hidden {
            Some(hidden) => hidden.text(&text).into_owned(),
            None => text,
        };
        self.help.push(shortened(text, LONGEST_CODE));
    }

    /// Takes the values of secrets out of all that it says.
    fn hide(&mut self, hidden: &Arc<Hidden>) {
        let labels = self.labels.iter_mut().map(|(_, text)| text);
        for text in [&mut self.message].into_iter().chain(labels).chain(&mut self.help) {
            *text = hidden.text(text).into_owned();
        }
        self.hidden = Some(Arc::clone(hidden));
    }

    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns the stable code of this kind of diagnostic, such as `E0101`.
    pub fn code(&self) -> &'static str {
        codes::of(self.name)
    }

    /// Returns the short name of this kind of diagnostic, such as `unknown-key`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what is wrong, on one line that is safe to show.
    pub fn message(&self) -> Cow<'_, str> {
        escape(&self.message)
    }

    /// Returns the ways out, each on one line that is safe to show.
    pub fn help_lines(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.help.iter().map(|line| escape(line))
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Diagnostic {}

/// Cuts the middle out of each part between backticks that is longer than this, and out of the text
/// where it is too long all the same.
fn shortened(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let is_code = |at: usize| at % 2 == 1;
    let parts = text.split('`').enumerate().map(|(at, part)| match is_code(at) {
        true if part.len() > most => Cow::Owned(without_middle(part, SHOWN_OF_LONG)),
        _ => Cow::Borrowed(part),
    });
    let text = parts.collect::<Vec<_>>().join("`");
    if text.len() > LONGEST { without_middle(&text, LONGEST) } else { text }
}

fn without_middle(text: &str, length: usize) -> String {
    let head = text.floor_char_boundary(length * 3 / 4);
    let tail = text.ceil_char_boundary(text.len() - length / 5);
    format!("{} … {}", &text[..head], &text[tail..])
}

/// Gathers diagnostics.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    list: Vec<Diagnostic>,
    /// An alias shows the same mistake once for each of its uses, a matrix for each of its members.
    seen: HashSet<(Span, &'static str, String)>,
    n_errors: usize,
    n_warnings: usize,
    /// The task that is being read: named where there is no place to show.
    pub(crate) subject: Option<String>,
    /// What is not shown of the file.
    pub(crate) hidden: Option<Arc<Hidden>>,
    /// The caller's environment, where secrets may come from.
    pub(crate) env: Vec<(Vec<u8>, Vec<u8>)>,
    /// In which remedies are spelt.
    pub(crate) syntax: Syntax,
}

impl Diagnostics {
    /// Adds one.
    pub(crate) fn push(&mut self, mut diagnostic: Diagnostic) {
        if let (Some(subject), []) = (&self.subject, &*diagnostic.labels)
            && !diagnostic.message.contains(&format!("`{subject}`"))
        {
            diagnostic.message = format!("task `{subject}`: {}", diagnostic.message);
        }
        let kept = match diagnostic.severity {
            Severity::Error => &mut self.n_errors,
            Severity::Warning => &mut self.n_warnings,
        };
        if *kept >= KEPT {
            return;
        }
        // First: a part of a value would not be found.
        if let Some(hidden) = &self.hidden {
            diagnostic.hide(hidden);
        }
        diagnostic.shorten();
        let span = diagnostic.labels.first().map_or(Span::NONE, |(span, _)| *span);
        if !self.seen.insert((span, diagnostic.name, diagnostic.message.clone())) {
            return;
        }
        *kept += 1;
        self.list.push(diagnostic);
    }

    /// Adds an error, which is made only where it is kept: a file of keys that are all unknown costs
    /// no suggestion for each of them.
    pub(crate) fn push_error(&mut self, error: impl FnOnce() -> Diagnostic) {
        if self.n_errors < KEPT {
            self.push(error());
        }
    }

    /// Returns whether one of this kind was said.
    pub(crate) fn says(&self, code: &str) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.name == code)
    }

    /// Returns how many errors there are.
    pub(crate) fn n_errors(&self) -> usize {
        self.n_errors
    }

    /// Returns whether there is an error.
    pub(crate) fn has_error(&self) -> bool {
        self.n_errors > 0
    }

    /// Returns them sorted by place.
    pub(crate) fn sorted(mut self) -> Vec<Diagnostic> {
        // First: what is spelt in another way would not be found.
        if let Some(hidden) = &self.hidden {
            self.list.iter_mut().for_each(|diagnostic| diagnostic.hide(hidden));
        }
        if self.syntax == Syntax::Toml {
            let helps = self.list.iter_mut().flat_map(|diagnostic| &mut diagnostic.help);
            helps.for_each(|help| *help = in_toml(help).into_owned());
        }
        self.list.sort_by_key(|diagnostic| {
            (diagnostic.labels.first().map(|(span, _)| span.start), diagnostic.severity)
        });
        self.list
    }
}

/// Counts errors and warnings.
fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

/// Returns the diagnostics as text for people, each with its place, its source line and its remedy,
/// and a line that counts them; nothing where there is none.
pub fn report(source: Option<&Source>, diagnostics: &[Diagnostic], colour: bool) -> String {
    let mut text = body(source, diagnostics, colour);
    if let (Some(source), false) = (source, diagnostics.is_empty()) {
        let word = if count(diagnostics).0 > 0 { "error" } else { "warning" };
        text.push_str(&format!("{word}: {}\n", summary(&source.name, diagnostics)));
    }
    text
}

/// Returns the same in two parts: the diagnostics, and the line that counts without its first word.
pub fn report_parts(source: &Source, diagnostics: &[Diagnostic], colour: bool) -> (String, String) {
    (body(Some(source), diagnostics, colour), summary(&source.name, diagnostics))
}

fn body(source: Option<&Source>, diagnostics: &[Diagnostic], colour: bool) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let file = source.map(|source| File {
        name: escape(&source.name),
        index: LineIndex::new(&source.bytes),
        bytes: &source.bytes,
        hidden: match diagnostics.iter().find_map(|diagnostic| diagnostic.hidden.as_ref()) {
            Some(hidden) => hidden.places(&source.bytes),
            None => Vec::new(),
        },
    });
    let mut text = String::new();
    for diagnostic in shown(diagnostics) {
        let rendered = renderer.render(&[group(file.as_ref(), diagnostic)]);
        // The renderer draws the margin of a source line also where there is none, and an arrow of dots
        // below a place that was given apart from its line.
        let is_bare = diagnostic.labels.is_empty() || file.is_none();
        let is_drawn = |line: &&str| match without_colour(line).trim() {
            "|" => !is_bare,
            ":::" => false,
            _ => true,
        };
        for line in rendered.split('\n').filter(is_drawn) {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    let hidden = diagnostics.len().saturating_sub(SHOWN);
    if hidden > 0 {
        text.push_str(&format!("... and {hidden} more\n\n"));
    }
    text
}

fn without_colour(line: &str) -> String {
    let mut letters = line.chars();
    let mut seen = String::new();
    while let Some(c) = letters.next() {
        match c {
            '\x1b' => drop(letters.find(|c| *c == 'm')),
            c => seen.push(c),
        }
    }
    seen
}

/// Returns as many as a person reads, in order; no warning stands in the way of an error.
fn shown(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    let mut errors = SHOWN;
    let mut warnings = SHOWN.saturating_sub(count(diagnostics).0);
    diagnostics.iter().filter(move |diagnostic| {
        let left = match diagnostic.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        let is_shown = *left > 0;
        *left = left.saturating_sub(1);
        is_shown
    })
}

/// Returns what is counted: `3 errors, 1 warning in pipeline.yaml`.
fn summary(name: &str, diagnostics: &[Diagnostic]) -> String {
    let counted = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        KEPT.. => Some(format!("{count} or more {noun}s")),
        count => Some(format!("{count} {noun}s")),
    };
    let (errors, warnings) = count(diagnostics);
    let parts: Vec<String> =
        [counted(errors, "error"), counted(warnings, "warning")].into_iter().flatten().collect();
    format!("{} in {}", parts.join(", "), escape(name))
}

/// Returns the diagnostics as JSON: an array of
/// `{severity, code, name, message, places: [{file, line, column, end_line, end_column, label}], help: []}`.
pub fn report_json(source: Option<&Source>, diagnostics: &[Diagnostic]) -> serde_json::Value {
    let index = source.map(|source| LineIndex::new(&source.bytes));
    let place = |span: Span, label: &str| {
        let (source, index) = (source?, index.as_ref()?);
        let (start, end) = (span.start as usize, span.end as usize);
        let at = |byte: usize| (index.line(byte), index.column(&source.bytes, byte));
        let ((line, column), (end_line, end_column)) = (at(start), at(end));
        let label = (!label.is_empty()).then_some(label);
        Some(json!({
            "file": source.name, "line": line, "column": column,
            "end_line": end_line, "end_column": end_column, "label": label,
        }))
    };
    let one = |diagnostic: &Diagnostic| {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let labels = diagnostic.labels.iter();
        let places: Vec<_> = labels.filter_map(|(span, text)| place(*span, text)).collect();
        json!({
            "severity": severity, "code": diagnostic.code(), "name": diagnostic.name,
            "message": diagnostic.message, "places": places, "help": diagnostic.help,
        })
    };
    diagnostics.iter().map(one).collect()
}

/// What the places of diagnostics are looked up in.
struct File<'a> {
    name: Cow<'a, str>,
    index: LineIndex,
    bytes: &'a [u8],
    /// The places that are not shown, in their order.
    hidden: Vec<Range<usize>>,
}

impl File<'_> {
    /// Returns a piece of a line as it is shown.
    fn piece(&self, from: usize, to: usize) -> String {
        let (mut shown, mut at) = (String::new(), from);
        let show =
            |from: usize, to: usize| escape_line(self.bytes.get(from..to).unwrap_or_default());
        let first = self.hidden.partition_point(|place| place.end <= from);
        for place in self.hidden[first..].iter().take_while(|place| place.start < to) {
            shown.push_str(&show(at, place.start.max(at)));
            shown.push_str(MASKED);
            at = place.end.min(to);
        }
        shown + &show(at, to)
    }
}

/// Lays a diagnostic out for the renderer.
fn group<'a>(file: Option<&File<'a>>, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(diagnostic.message()).id(diagnostic.code()));
    if let Some(file) = file {
        for (number, (span, label)) in diagnostic.labels.iter().enumerate() {
            let kind = match number {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            group = snippet(group, file, *span, label, kind);
        }
    }
    for line in diagnostic.help_lines() {
        group = group.element(Level::HELP.message(line));
    }
    group
}

/// Adds the source line of a place.
fn snippet<'a>(
    group: Group<'a>,
    file: &File<'a>,
    span: Span,
    label: &'a str,
    kind: AnnotationKind,
) -> Group<'a> {
    let start = (span.start as usize).min(file.bytes.len());
    let line = file.index.line(start);
    let (from, next) = file.index.bounds(line);
    let to = next.map_or(file.bytes.len(), |next| next - 1);
    let to = if file.bytes[from..to].ends_with(b"\r") { to - 1 } else { to };
    let to = to.max(start.min(to));
    let (start, end) = (start.min(to), (span.end as usize).clamp(start.min(to), to));
    // A line may be as long as the file: only the part around the place is shown.
    let long = to - from > 2 * WINDOW;
    let (first, last) = if long {
        let first = start.saturating_sub(WINDOW / 2).max(from);
        let last = (end.min(start + WINDOW) + WINDOW / 2).min(to);
        (whole_character(file.bytes, first), whole_character(file.bytes, last))
    } else {
        (from, to)
    };
    let end_shown = end.min(last);
    let (before, marked, after) =
        (file.piece(first, start), file.piece(start, end_shown), file.piece(end_shown, last));
    let place = before.len()..before.len() + marked.len();
    let column = file.index.column(file.bytes, start);
    let snippet = Snippet::source(format!("{before}{marked}{after}"))
        .line_start(line)
        .fold(false)
        .annotation(kind.span(place).label((!label.is_empty()).then(|| escape(label))));
    if before.chars().count() + 1 == column {
        return group.element(snippet.path(file.name.clone()));
    }
    // What was cut or escaped before the place moves it: the true column stands in its own line.
    group.element(Origin::path(file.name.clone()).line(line).char_column(column)).element(snippet)
}

/// Returns the byte at or after this one at which a character begins.
fn whole_character(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count()
}

/// Escapes a piece of a source line, but for tabs: the renderer widens them itself and counts them as
/// one. What is no UTF-8 is shown as its bytes.
fn escape_line(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let parts: Vec<_> = chunk.valid().split('\t').map(escape).collect();
        shown.push_str(&parts.join("\t"));
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}
