//! The file behind `$PYOCO_OUTPUT`: what a task wrote into it, as values by name. Pure.
//!
//! The grammar is that of GitHub Actions, so that scripts port:
//!
//! ```text
//! name=value
//! name<<WORD
//! several
//! lines
//! WORD
//! ```
//!
//! What comes first in a line, `=` or `<<`, says which of the two it is. A line may end with CRLF; then
//! the lines of its value do so too and are joined with a newline, like others. Empty lines between
//! values mean nothing. Of a name that stands twice the last value counts.

use std::fmt;

/// The longest value, in bytes.
pub(crate) const MAX_VALUE: usize = 64 << 10;
/// The most that a task may write, in bytes.
pub(super) const MAX_FILE: usize = 1 << 20;

/// What is wrong in the file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The line, from 1.
    line: usize,
    what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of $PYOCO_OUTPUT {}", self.line, self.what)
    }
}

/// Reads the file; names come in the order in which they first stand there.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(&str, String)>, Wrong> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            return Err(wrong(line_at(bytes, error.valid_up_to()), "is not UTF-8"));
        }
    };
    if let Some(at) = memchr::memchr(0, bytes) {
        let what = "holds a NUL character, which no variable can hold";
        return Err(wrong(line_at(bytes, at), what));
    }
    let mut values: Vec<(&str, String)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut lines = text.split_terminator('\n').enumerate().map(|(at, line)| (at + 1, line));
    while let Some((at, line)) = lines.next() {
        let (line, has_cr) = without_cr(line);
        if line.is_empty() {
            continue;
        }
        let (name, value) = match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(heredoc)) => {
                let (name, word) = (&line[..heredoc], &line[heredoc + 2..]);
                (name, block(at, word, has_cr, &mut lines)?)
            }
            (Some(_) | None, None) => {
                return Err(wrong(at, "is neither `name=value` nor `name<<WORD`"));
            }
        };
        if name.is_empty() {
            return Err(wrong(at, "has no name before its value"));
        }
        if value.len() > MAX_VALUE {
            let what = format!(
                "gives `{}` a value of {} bytes; {MAX_VALUE} is the most",
                shortened(name),
                value.len()
            );
            return Err(wrong(at, what));
        }
        match places.get(name) {
            Some(place) => {
                let (_, old): &mut (&str, String) = &mut values[*place];
                *old = value;
            }
            None => {
                places.insert(name, values.len());
                values.push((name, value));
            }
        }
    }
    Ok(values)
}

/// Reads the lines of a value up to its word.
fn block<'t>(
    at: usize,
    word: &str,
    has_cr: bool,
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> Result<String, Wrong> {
    if word.is_empty() {
        return Err(wrong(at, "has no word after `<<`, which ends the value"));
    }
    let mut value: Option<String> = None;
    for (_, line) in lines {
        let (bare, _) = without_cr(line);
        if bare == word {
            return Ok(value.unwrap_or_default());
        }
        let line = if has_cr { bare } else { line };
        match &mut value {
            None => value = Some(line.to_owned()),
            Some(value) => {
                value.push('\n');
                value.push_str(line);
            }
        }
    }
    Err(wrong(at, format!("begins a value that no line `{}` ends", shortened(word))))
}

fn without_cr(line: &str) -> (&str, bool) {
    match line.strip_suffix('\r') {
        Some(line) => (line, true),
        None => (line, false),
    }
}

/// Returns the beginning of a name: a message has one line.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}

fn line_at(bytes: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1
}

fn wrong(line: usize, what: impl Into<String>) -> Wrong {
    Wrong { line, what: what.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let values = parse(text.as_bytes()).expect("it is good");
        let values: Vec<(&str, &str)> = values.iter().map(|(name, v)| (*name, &**v)).collect();
        assert_eq!(values, expected, "{text:?}");
    }

    #[track_caller]
    fn check_wrong(bytes: &[u8], expected: &str) {
        let wrong = parse(bytes).expect_err("it is wrong");
        assert_eq!(wrong.to_string(), format!("line {expected}"));
    }

    #[test]
    fn values_are_read() {
        check("", &[]);
        check("\n\n", &[]);
        check("a=1\nb=2\n", &[("a", "1"), ("b", "2")]);
        check("a=1", &[("a", "1")]);
        check("a=\n", &[("a", "")]);
        check("a=b=c<<d\n", &[("a", "b=c<<d")]);
        check("a= 1 \n", &[("a", " 1 ")]);
        check("a=1\nb=2\na=3\n", &[("a", "3"), ("b", "2")]);
        check("a=1\r\nb=2\r\n", &[("a", "1"), ("b", "2")]);
    }

    #[test]
    fn values_of_several_lines_are_read() {
        check("a<<E\nx\n\ny=z\nE\nb=1\n", &[("a", "x\n\ny=z"), ("b", "1")]);
        check("a<<E\nE\n", &[("a", "")]);
        check("a<<E\n\nE\n", &[("a", "")]);
        check("a<<E\n\n\nE", &[("a", "\n")]);
        check("a<<E=F\nx\nE=F\n", &[("a", "x")]);
        check("a<<E\n E\nE \nE\n", &[("a", " E\nE ")]);
        check("a<<E\r\nx\r\ny\r\nE\r\n", &[("a", "x\ny")]);
        // Only where the file itself has such line ends.
        check("a<<E\nx\r\ny\nE\n", &[("a", "x\r\ny")]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        check_wrong(
            b"a=1\n\nhello\n",
            "3 of $PYOCO_OUTPUT is neither `name=value` nor `name<<WORD`",
        );
        check_wrong(b"=1\n", "1 of $PYOCO_OUTPUT has no name before its value");
        check_wrong(b"<<E\nE\n", "1 of $PYOCO_OUTPUT has no name before its value");
        check_wrong(b"a=1\nb<<E\nx\n", "2 of $PYOCO_OUTPUT begins a value that no line `E` ends");
        check_wrong(b"a<<\n", "1 of $PYOCO_OUTPUT has no word after `<<`, which ends the value");
        check_wrong(b"a=1\nb=\xff\n", "2 of $PYOCO_OUTPUT is not UTF-8");
        check_wrong(
            b"a=1\nb=2\nc=x\0y\n",
            "3 of $PYOCO_OUTPUT holds a NUL character, which no variable can hold",
        );
        let long = format!("a=1\nb={}\n", "x".repeat(MAX_VALUE + 1));
        let message = "2 of $PYOCO_OUTPUT gives `b` a value of 65537 bytes; 65536 is the most";
        check_wrong(long.as_bytes(), message);
        check(&format!("b={}", "x".repeat(MAX_VALUE)), &[("b", &"x".repeat(MAX_VALUE))]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "([ab=<>EF\r\n]|<<|\r\n){0,60}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read(values in prop::collection::vec(("[a-z]{1,3}", "[a-z=< \n\r]{0,12}"), 0..8)) {
            let (mut text, mut expected) = (String::new(), std::collections::BTreeMap::new());
            for (name, value) in &values {
                text.push_str(&format!("{name}<<EOF\n{value}\nEOF\n"));
                expected.insert(&**name, value.clone());
            }
            let read: std::collections::BTreeMap<_, _> =
                parse(text.as_bytes()).expect("it is good").into_iter().collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn a_line_is_what_stands_after_the_first_sign(value in "[a-z=<\" ]{0,12}") {
            let text = format!("name={value}\n");
            let read = parse(text.as_bytes()).expect("it is good");
            prop_assert_eq!(&read, &vec![("name", value)]);
        }
    }
}
