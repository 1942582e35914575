//! `.env` files: lines `NAME=value`. A pure parser; who reads the file says where it stands.
//!
//! - blank lines, and lines that begin with `#`, say nothing; `export ` before a name is passed over;
//! - blanks around the name and around a value without quotes are dropped, and ` #` ends such a value;
//! - `'…'` is taken as it stands, also over several lines;
//! - in `"…"`, also over several lines, `\n`, `\r`, `\t`, `\"`, `\\` and `\$` have their meaning;
//! - nothing is expanded: `$NAME` is the text `$NAME`.
//!
//! No mistake shows a part of the line: it may be a part of a secret.

/// A variable of a file: its name and its value.
pub(crate) type Variable = (Box<str>, Box<str>);

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Returns whether a text can be the name of an environment variable: what is none of a shell's own has
/// at least the letters that programs use. `.` and `-` are read by programs, if not by shells.
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// Parses a file; a name that stands twice has the later value.
pub(crate) fn parse(text: &str) -> Result<Vec<Variable>, Vec<Mistake>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut variables, mut mistakes): (Vec<Variable>, Vec<Mistake>) = (Vec::new(), Vec::new());
    let mut reader = Reader { rest: text, line: 1 };
    while !reader.rest.is_empty() {
        match reader.variable() {
            Ok(None) => {}
            Ok(Some(variable)) => variables.push(variable),
            Err(mistake) => {
                mistakes.push(mistake);
                reader.skip_line();
            }
        }
    }
    if mistakes.is_empty() { Ok(variables) } else { Err(mistakes) }
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Reader<'t> {
    /// Reads one line, or several where a quoted value spans them.
    fn variable(&mut self) -> Result<Option<Variable>, Mistake> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let line = self.rest[..end].trim();
        if line.is_empty() || line.starts_with('#') {
            self.skip_line();
            return Ok(None);
        }
        let Some(equals) = self.rest[..end].find('=') else {
            let help = "write `NAME=value`; a comment begins with `#`";
            return Err(self.mistake("the line has no `=`", help.to_owned()));
        };
        let name = self.rest[..equals].trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if !is_variable(name) {
            let message = "what stands before the `=` is not the name of a variable";
            return Err(self.mistake(message, "use letters, digits and `_`".to_owned()));
        }
        let value = self.rest[equals + 1..].trim_start_matches([' ', '\t']);
        let value = match value.as_bytes().first() {
            Some(b'\'') => self.quoted(&value[1..], '\'')?,
            Some(b'"') => self.quoted(&value[1..], '"')?,
            Some(_) | None => {
                let line = &self.rest[equals + 1..end];
                let value = without_comment(line).trim().to_owned();
                self.skip_line();
                value
            }
        };
        if value.contains('\0') {
            return Err(self.mistake("a NUL character", "remove it".to_owned()));
        }
        Ok(Some((name.into(), value.into())))
    }

    /// Reads a value up to its closing quote, and the rest of that line.
    fn quoted(&mut self, inside: &'t str, quote: char) -> Result<String, Mistake> {
        let mut value = String::new();
        let mut letters = inside.char_indices();
        while let Some((at, c)) = letters.next() {
            match c {
                c if c == quote => {
                    let after = &inside[at + 1..];
                    let line_end = after.find('\n').unwrap_or(after.len());
                    let tail = after[..line_end].trim();
                    if !(tail.is_empty() || tail.starts_with('#')) {
                        let help = match quote {
                            '"' => "write `\\\"` for a quote inside, or end the line",
                            _ => "end the line, or put the value in double quotes",
                        };
                        let message = "text stands after the closing quote";
                        return Err(self.mistake(message, help.to_owned()));
                    }
                    self.line += inside[..at].matches('\n').count();
                    self.rest = after;
                    self.skip_line();
                    return Ok(value);
                }
                '\\' if quote == '"' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => value.push('\\'),
                },
                c => value.push(c),
            }
        }
        let message = format!("the value is not closed: its `{quote}` has no partner");
        Err(self.mistake(&message, format!("end it with `{quote}`")))
    }

    fn skip_line(&mut self) {
        match self.rest.find('\n') {
            Some(end) => {
                self.rest = &self.rest[end + 1..];
                self.line += 1;
            }
            None => self.rest = "",
        }
    }

    fn mistake(&self, message: &str, help: String) -> Mistake {
        Mistake { line: self.line, message: message.to_owned(), help }
    }
}

/// Cuts a comment off, which begins with `#` after a blank.
fn without_comment(line: &str) -> &str {
    let is_comment = |(at, _): &(usize, &str)| line[..*at].ends_with([' ', '\t']);
    match line.match_indices('#').find(is_comment) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let variables = parse(text).unwrap_or_else(|wrong| panic!("{text:?}: {wrong:?}"));
        let seen: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(seen, expected, "{text:?}");
    }

    #[test]
    fn lines_are_variables() {
        check("", &[]);
        check("\n  \n# c\n", &[]);
        check("A=1\nB=two words\n", &[("A", "1"), ("B", "two words")]);
        check("export A=1", &[("A", "1")]);
        check("  A = 1  \r\nB=2\r\n", &[("A", "1"), ("B", "2")]);
        check("A=", &[("A", "")]);
        check("A=b=c", &[("A", "b=c")]);
        check("A=1 # one\nB=1#one", &[("A", "1"), ("B", "1#one")]);
        check("A= # none", &[("A", "")]);
        check("\u{feff}A=1", &[("A", "1")]);
        check("A=$HOME ${X} `x`", &[("A", "$HOME ${X} `x`")]);
    }

    #[test]
    fn quotes_keep_what_is_inside() {
        check("A=' 1 # $x \\n '", &[("A", " 1 # $x \\n ")]);
        check("A=\"a\\nb\\t\\\"c\\\\ \\$d \\x\"", &[("A", "a\nb\t\"c\\ $d \\x")]);
        check("A='x\ny' # two\nB=1", &[("A", "x\ny"), ("B", "1")]);
        check("A=\"x\r\ny\"\nB=it's", &[("A", "x\r\ny"), ("B", "it's")]);
    }

    #[test]
    fn mistakes_have_their_line() {
        let check = |text: &str, expected: &str| {
            let wrong = parse(text).expect_err(text);
            let shown: Vec<_> =
                wrong.iter().map(|m| format!("{}: {}; {}", m.line, m.message, m.help)).collect();
            assert_eq!(shown.join("\n"), expected, "{text:?}");
        };
        check(
            "A=1\nwhat\n",
            "2: the line has no `=`; write `NAME=value`; a comment begins with `#`",
        );
        check(
            "A='x\ny'\n1B=2",
            "3: what stands before the `=` is not the name of a variable; use letters, digits and `_`",
        );
        check("A='x", "1: the value is not closed: its `'` has no partner; end it with `'`");
        check(
            "A='x'y",
            "1: text stands after the closing quote; end the line, or put the value in double quotes",
        );
        check(
            "A=\"x\"y\"",
            "1: text stands after the closing quote; write `\\\"` for a quote inside, or end the line",
        );
        let both =
            "what stands before the `=` is not the name of a variable; use letters, digits and `_`";
        check("=1\nA b=2", &format!("1: {both}\n2: {both}"));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic_and_single_quotes_keep_all(text in "[ -&(-~\n\t\"#=]{0,60}") {
            let _ = parse(&text);
            let quoted = format!("A='{text}'\nB=1\n");
            let variables = parse(&quoted).expect("one quoted value");
            prop_assert_eq!(&*variables[0].1, text.as_str());
            prop_assert_eq!(&*variables[1].1, "1");
        }
    }
}
