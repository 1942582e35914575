//! What the YAML parser says, in our words, with a place that can be seen and a way out.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::diag::Diagnostic;
use super::tree::Span;
use super::yaml::DEPTH;
use super::yaml_slips::{end_in_brackets, in_quotes, is_word, slip};

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

/// Puts an error of the syntax into our words, with a way out; `open` are the brackets around it.
pub(crate) fn syntax_error(text: &str, error: &ScanError, open: &[usize]) -> Diagnostic {
    let place = place_of_error(text, error);
    if let Some(tab) = indenting_tab(text, place.start as usize, error.kind()) {
        return tab_error(tab);
    }
    if let Some(negated) = negated_if(text, place.start as usize) {
        return negated;
    }
    if let Some(slip) = slip(text, place.start as usize, error.kind(), open) {
        return slip;
    }
    let (message, help) =
        misplaced(text, place.start as usize, error.kind()).unwrap_or_else(|| words(error.kind()));
    Diagnostic::error("yaml-syntax", message).at(place).help(help)
}

/// Returns the tab that indents the line of an error, or the one after it: the parser may say that of
/// the end of the line before.
fn indenting_tab(text: &str, at: usize, kind: &ErrorKind) -> Option<usize> {
    let is_tab = matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    );
    let mut start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    for line in text[start..].split_inclusive('\n').take(if is_tab { 2 } else { 1 }) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

fn tab_error(at: usize) -> Diagnostic {
    Diagnostic::error("yaml-tab", "a tab cannot indent YAML")
        .at(Span::new(at, at + 1))
        .help("indent with spaces: two for each level")
}

/// Words what the parser says of the wrong thing: a text that begins with a sign, or a key that is
/// indented further than those above it.
fn misplaced(text: &str, at: usize, kind: &ErrorKind) -> Option<(String, &'static str)> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = text[start..at].trim();
    let sign = text[at..].chars().next()?;
    let fixed = |message: &str, help| Some((message.to_owned(), help));
    match kind {
        _ if before.ends_with([']', '}']) && !matches!(kind, ErrorKind::MappingValueNotAllowed) => {
            fixed(
                "text follows the closing bracket",
                "put a text that begins with `[` or `{` in quotes, or write it as a block below `|`",
            )
        }
        ErrorKind::CommentNotSeparated | ErrorKind::InvalidBlockScalarHeader
            if matches!(sign, '|' | '>') =>
        {
            Some((
                format!("`{sign}` begins a block of text, which stands on the lines below it"),
                "write the text there; put a text that itself begins with `|` or `>` in quotes",
            ))
        }
        ErrorKind::MappingValueNotAllowed
            if start > 0
                && !before.is_empty()
                && before
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) =>
        {
            fixed(
                "this line does not fit the indentation above it",
                "give all keys of one map the same indentation, further in than the key above them",
            )
        }
        _ if matches!(sign, '?' | ',') && before.ends_with(':') => {
            Some((format!("a value cannot begin with `{sign}`"), "put the text in quotes"))
        }
        _ => None,
    }
}

/// Adds to what is said of a value that its text, begun with a sign of YAML, needs quotes, or that a
/// blank is missing in it.
pub(crate) fn add_quotes(text: &str, found: &mut [Diagnostic]) {
    for one in found {
        let Some((span, _)) = one.labels.first() else { continue };
        let Some(rest) = text.get(span.start as usize..) else { continue };
        let line = rest.lines().next().unwrap_or_default();
        let whole = &rest[..((span.end - span.start) as usize).min(line.len())];
        let sign = match one.name {
            "no-value" | "no-work" => {
                let value = line.split_once(':').map_or(line, |(_, value)| value);
                value.trim_start().starts_with('#').then_some("#")
            }
            // Several scripts in a list are meant as one.
            "wrong-type" if one.help.iter().any(|help| help.starts_with("write `run: |`")) => None,
            "wrong-type"
                if is_command(line)
                    && ["a text", "a script", "a word"]
                        .iter()
                        .any(|it| one.message.contains(it)) =>
            {
                ["[", "{"].into_iter().find(|sign| line.starts_with(sign))
            }
            _ => None,
        };
        let missing = (one.name == "wrong-type").then(|| missing_blank(whole)).flatten();
        if let Some(sign) = sign {
            if one.name == "wrong-type" {
                one.help.clear(); // it speaks of a list or a map, which nobody wrote
            }
            one.add_help(match whole.len() > 1 && sign != "#" {
                true => {
                    format!("a text that begins with `{sign}` needs quotes: `{}`", in_quotes(whole))
                }
                false => format!("a text that begins with `{sign}` needs quotes"),
            });
        } else if let Some(help) = missing {
            one.help.clear();
            one.add_help(help);
        }
    }
}

/// Returns what to write for `key:value`, which is one text.
fn missing_blank(whole: &str) -> Option<String> {
    let (key, value) = whole.split_once(':')?;
    let is_meant = is_word(key) && !value.is_empty() && !value.starts_with([' ', '/']);
    is_meant.then(|| format!("a blank is missing after the `:`: write `{key}: {value}`"))
}

/// Refuses `{{ name }}` without quotes: to YAML it is a map in a map.
pub(crate) fn map_in_a_map(whole: &str, span: Span, in_brackets: bool) -> Diagnostic {
    let inside = whole.trim_matches(['{', '}']).trim();
    let is_ours = ["params.", "tasks.", "matrix.", "env.", "run."]
        .iter()
        .any(|root| inside.starts_with(root));
    let help = match (is_ours, in_brackets) {
        (true, true) => format!("write `'${{{{ {inside} }}}}'`"),
        (true, false) => format!("write `${{{{ {inside} }}}}`"),
        (false, _) => {
            format!("a text that begins with `{{{{` needs quotes: `{}`", in_quotes(whole))
        }
    };
    let message = "`{{` begins a map in a map";
    Diagnostic::error("yaml-key", message).at(span).help(help)
}

/// Returns whether what YAML takes for a list or a map is a test or a group of a shell.
fn is_command(line: &str) -> bool {
    let begins = ["[ ", "[[ ", "{ "].iter().any(|sign| line.starts_with(sign));
    begins && !line.contains([',', ':'])
}

/// `if: !success()`: to YAML the `!` begins a tag, and what follows is often no YAML. Both readers of
/// that line say the same of it, and so it is said once.
pub(crate) fn negated_if(text: &str, at: usize) -> Option<Diagnostic> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next()?;
    let (key, value) = line.match_indices("if:").find_map(|(key, word)| {
        let before = line[..key].chars().next_back();
        let value = line[key + word.len()..].trim_start();
        let is_key = before.is_none_or(|before| before.is_whitespace() || "{,".contains(before));
        let is_tag = value.starts_with('!') && !value.starts_with("!!str ");
        (is_key && is_tag).then_some((key, value))
    })?;
    let bare = value.split(" #").next().unwrap_or(value).trim_end();
    let bare = match line[..key].contains('{') {
        true => &bare[..end_in_brackets(bare)],
        false => bare,
    };
    let place = start + line.len() - value.len();
    let message = "an `if` that begins with `!` needs quotes: in YAML `!` begins a tag";
    let error = Diagnostic::error("yaml-tag", message).at(Span::new(place, place + 1));
    // Texts stand in single quotes in an expression: double ones around it are easier to read.
    Some(error.help(format!("write `if: {}`", in_quotes(bare))))
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
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => (
            format!("the character `{character}` cannot stand in YAML"),
            "write it as an escape in double quotes: `\"\\e\"`, `\"\\x07\"`",
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
        ErrorKind::ZeroBlockScalarIndent => {
            fixed("an indentation of 0 means nothing here", "write `|` alone")
        }
        // The parser has some fifty more, which only odd files meet; its own words serve for those.
        other => {
            (format!("this is not YAML: {other}"), "put text with special characters in quotes")
        }
    }
}
