//! What the YAML parser says, in our words, with a place that can be seen and a way out.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::diag::Diagnostic;
use super::tree::Span;
use super::yaml::DEPTH;

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
pub(crate) fn syntax_error(text: &str, error: &ScanError) -> Diagnostic {
    let place = place_of_error(text, error);
    let before = text[..place.start as usize].rfind('\n').map_or(0, |end| end + 1);
    let indent = text[before..].len() - text[before..].trim_start_matches([' ', '\t']).len();
    if let Some(tab) = text[before..before + indent].find('\t') {
        return tab_error(before + tab);
    }
    if let Some(negated) = negated_if(text, place.start as usize) {
        return negated;
    }
    if let ErrorKind::TabAtBlockScalarStart = error.kind()
        && let Some(tab) = text[place.start as usize..].find("\n\t")
    {
        return tab_error(place.start as usize + tab + 1);
    }
    let (message, help) =
        misplaced(text, place.start as usize, error.kind()).unwrap_or_else(|| words(error.kind()));
    Diagnostic::error("yaml-syntax", message).at(place).help(help)
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

/// Adds to what is said of a value that its text, begun with a sign of YAML, needs quotes.
pub(crate) fn add_quotes(text: &str, found: &mut [Diagnostic]) {
    for one in found {
        let Some((span, _)) = one.labels.first() else { continue };
        let Some(rest) = text.get(span.start as usize..) else { continue };
        let line = rest.lines().next().unwrap_or_default();
        let sign = match one.name {
            "no-value" | "no-work" => {
                let value = line.split_once(':').map_or(line, |(_, value)| value);
                value.trim_start().starts_with('#').then_some("#")
            }
            "yaml-key" if line.starts_with('{') && text[..span.start as usize].ends_with('{') => {
                Some("{{")
            }
            "wrong-type" if line.starts_with("{{") => Some("{{"),
            "wrong-type"
                if is_command(line)
                    && ["a text", "a script"].iter().any(|noun| one.message.contains(noun)) =>
            {
                ["[", "{"].into_iter().find(|sign| line.starts_with(sign))
            }
            _ => None,
        };
        if let Some(sign) = sign {
            if one.name == "wrong-type" {
                one.help.clear(); // it speaks of a list or a map, which nobody wrote
            }
            one.help.push(format!("a text that begins with `{sign}` needs quotes"));
        }
    }
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
    // In braces nobody knows where it ends.
    let written = match line[..key].contains('{') {
        true => "!EXPRESSION".to_owned(),
        false => bare.replace('\'', "''"),
    };
    let place = start + line.len() - value.len();
    let message = "an `if` that begins with `!` needs quotes: in YAML `!` begins a tag";
    let error = Diagnostic::error("yaml-tag", message).at(Span::new(place, place + 1));
    Some(error.help(format!("write `if: '{written}'`")))
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
