//! The one function that everything passes before it is shown: names, reasons, values out of files
//! and records may hold anything, and a terminal obeys what it is sent.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns `text` on one line without anything that a terminal or the log of a CI job would obey:
/// control characters, the marks that turn the direction of writing, and the beginnings of a CI's
/// commands become visible escapes such as `\n`, `\x1b`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return without_commands(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if !is_hostile(c) => shown.push(c),
            c if (c as u32) < 0x100 => {
                let _ = write!(shown, "\\x{:02x}", c as u32);
            }
            c => {
                let _ = write!(shown, "\\u{{{:x}}}", c as u32);
            }
        }
    }
    match without_commands(&shown) {
        Cow::Borrowed(_) => Cow::Owned(shown),
        Cow::Owned(shown) => Cow::Owned(shown),
    }
}

/// Returns a text of any length on one line of at most so many characters and a `…`: its words with one
/// blank between them, escaped.
pub fn one_line(text: &str, most: usize) -> String {
    let (mut line, mut room) = (String::new(), most);
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        let fits = word.chars().take(room.saturating_sub(gap)).count();
        let end = word.char_indices().nth(fits).map_or(word.len(), |(at, _)| at);
        if room <= gap {
            line.push('…');
            break;
        }
        line.push_str(if gap == 1 { " " } else { "" });
        line.push_str(&word[..end]);
        if end < word.len() {
            line.push('…');
            break;
        }
        room -= gap + fits;
    }
    escape(&line).into_owned()
}

/// Returns `text` without what the log of a CI job would take for a command: GitHub Actions obeys
/// `::error::` at the beginning of a line, blanks before it or not, and `##[error]` anywhere; Azure
/// Pipelines `##vso[…]`, and TeamCity `##teamcity[…]`.
pub fn without_commands(text: &str) -> Cow<'_, str> {
    let start = text.len() - text.trim_start().len();
    let is_start = text[start..].starts_with("::");
    if !is_start && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    if is_start {
        shown.push_str(&text[..start]);
        shown.push_str("\\x3a");
        rest = &text[start + 1..];
    }
    while let Some(at) = rest.find("##") {
        let (before, marker) = rest.split_at(at + 1);
        let is_command =
            marker[1..].trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('[');
        shown.push_str(before);
        if is_command {
            shown.push_str("\\x23");
        }
        rest = &marker[usize::from(is_command)..];
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Returns a word as one would type it in a shell. It is not escaped.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
    }
}

/// Returns whether a terminal would obey the character instead of showing it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_can_be_typed_again() {
        let words = [("a-b/c=1", "a-b/c=1"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")];
        for (word, typed) in words {
            assert_eq!(shell_word(word), typed);
        }
    }

    #[test]
    fn a_long_text_is_one_short_line() {
        let cases = [
            ("", ""),
            (" one\n two\t ", "one two"),
            ("one two", "one two"),
            ("one two thr", "one two…"),
            ("日本日本日本日本", "日本日本日本日…"),
            ("one \x1btwo", "one \\x1btw…"),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text, 7), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_passes() {
        assert_eq!(escape("plain – ✓ 日本"), "plain – ✓ 日本");
        assert_eq!(escape("a\x1b[2J\nb\t\u{9b}\u{202e}"), "a\\x1b[2J\\nb\\t\\x9b\\u{202e}");
    }

    #[test]
    fn nothing_that_a_ci_obeys_passes() {
        let cases = [
            ("::error::x", "\\x3a:error::x"),
            ("  ::error::x", "  \\x3a:error::x"),
            ("x ::error::", "x ::error::"),
            ("a::b ## [c]", "a::b ## [c]"),
            ("##[error]x ##[group]", "#\\x23[error]x #\\x23[group]"),
            ("x ###vso[a]", "x ##\\x23vso[a]"),
            ("####teamcity[", "###\\x23teamcity["),
            ("::##[", "\\x3a:#\\x23["),
            ("\n##[\x1b", "\\n#\\x23[\\x1b"),
            ("# Title ## Sub [link]", "# Title ## Sub [link]"),
            ("##", "##"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
    }
}
