//! The graph in one text: `gather >> (chop & boil) >> curry`.
//!
//! ```text
//! graph = line { (";" | newline) line }       # comments
//! line  = group { ">>" group }
//! group = entry | "(" entry { "&" entry } ")" | "(" entry "|" [ entry { "|" entry } ] ")"
//! ```
//!
//! It is parsed, never evaluated, and knows no task: what a name means is for `lower`.

use super::remedy::words_of;
use crate::model::entry_length;

const TOKENS: usize = 5_000_000; // a million edges, each on a line of its own, are 4,000,000

/// Some tasks between two arrows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group<'t> {
    /// Whether one of them is enough for what follows.
    pub(crate) is_any: bool,
    /// The names, each with its byte in the text.
    pub(crate) entries: Vec<(&'t str, usize)>,
}

/// A mistake: its bytes in the text, what is wrong and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    Arrow,
    Open,
    Close,
    And,
    Or,
    End,
    Odd(&'t str),
}

/// Parses a text into its lines; a line with a mistake is left out.
pub(crate) fn parse(text: &str) -> (Vec<Vec<Group<'_>>>, Vec<Mistake>) {
    parse_within(text, TOKENS)
}

/// Parses a text of so many names and signs at most.
pub(super) fn parse_within(text: &str, most: usize) -> (Vec<Vec<Group<'_>>>, Vec<Mistake>) {
    let (mut lines, mut mistakes) = (Vec::new(), Vec::new());
    let mut tokens: Vec<(Token<'_>, usize)> = Vec::new();
    let mut scanner = Scanner { text, at: 0 };
    let mut n_tokens = 0;
    loop {
        let start = scanner.skip();
        let token = scanner.token();
        n_tokens += 1;
        if n_tokens > most {
            let message = format!("more than {most} names and signs");
            let help = "a graph of that size is a mistake".to_owned();
            mistakes.push(Mistake { at: start, length: 1, message, help });
            return (lines, mistakes);
        }
        if let Some(Token::End) | None = token
            && !tokens.is_empty()
        {
            match (Line { tokens: &tokens, at: 0, end: start }).groups() {
                Ok(groups) => lines.push(groups),
                Err(mistake) => mistakes.push(mistake),
            }
            tokens.clear();
        }
        match token {
            Some(Token::End) => {}
            Some(token) => tokens.push((token, start)),
            None => return (lines, mistakes),
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Passes over blanks and comments; returns where the next token begins.
    fn skip(&mut self) -> usize {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => {
                    let rest = &bytes[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => break,
            }
        }
        self.at
    }

    fn token(&mut self) -> Option<Token<'t>> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let (token, length) = match first {
            '\n' | ';' => (Token::End, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '&' => (Token::And, 1 + usize::from(rest[1..].starts_with('&'))),
            '|' => (Token::Or, 1 + usize::from(rest[1..].starts_with('|'))),
            '>' if rest.starts_with(">>") => (Token::Arrow, 2),
            '[' => {
                let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
                let length = line.find(']').map_or(1, |end| end + 1);
                (Token::Odd(&rest[..length]), length)
            }
            _ => match entry_length(rest, &['(', ')', '&', '|', ';', '#', '>', ',', '"', '\'']) {
                0 => {
                    let length = first.len_utf8();
                    (Token::Odd(&rest[..length]), length)
                }
                length => (Token::Name(&rest[..length]), length),
            },
        };
        self.at += length;
        Some(token)
    }
}

struct Line<'a, 't> {
    tokens: &'a [(Token<'t>, usize)],
    at: usize,
    /// The byte at which the line ends.
    end: usize,
}

impl<'t> Line<'_, 't> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).map(|(token, _)| *token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(_, place)| *place)
    }

    fn groups(mut self) -> Result<Vec<Group<'t>>, Mistake> {
        let mut groups = vec![self.group()?];
        loop {
            match self.peek() {
                None => return Ok(groups),
                Some(Token::Arrow) => {
                    self.at += 1;
                    groups.push(self.group()?);
                }
                Some(Token::And) => return Err(self.bare('&', &groups)),
                Some(Token::Or) => return Err(self.bare('|', &groups)),
                Some(_) => return Err(self.unexpected("`>>` or the end of the line")),
            }
        }
    }

    fn group(&mut self) -> Result<Group<'t>, Mistake> {
        if self.peek() != Some(Token::Open) {
            let entry = self.entry("a task's name or `(`")?;
            return Ok(Group { is_any: false, entries: vec![entry] });
        }
        self.at += 1;
        let mut entries = vec![self.entry("a task's name")?];
        let separator = self.peek();
        let is_any = separator == Some(Token::Or);
        loop {
            match self.peek() {
                Some(Token::Close) => {
                    self.at += 1;
                    return Ok(Group { is_any, entries });
                }
                Some(Token::And | Token::Or) if self.peek() != separator => {
                    let message = "`&` and `|` cannot be mixed in one group";
                    return Err(self.mistake(1, message, &self.apart()));
                }
                Some(Token::And | Token::Or) => {
                    self.at += 1;
                    let lone = is_any && entries.len() == 1 && self.peek() == Some(Token::Close);
                    if !lone {
                        entries.push(self.entry("a task's name")?);
                    }
                }
                _ => return Err(self.unexpected("`&`, `|` or `)`")),
            }
        }
    }

    fn entry(&mut self, wanted: &str) -> Result<(&'t str, usize), Mistake> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let place = self.place();
                self.at += 1;
                Ok((name, place))
            }
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn mistake(&self, length: usize, message: &str, help: &str) -> Mistake {
        let (message, help) = (message.to_owned(), help.to_owned());
        Mistake { at: self.place(), length, message, help }
    }

    /// `(a & b | c) >> d`: says how it is written as two groups.
    fn apart(&self) -> String {
        let name = |at: usize| match self.tokens.get(at) {
            Some((Token::Name(name), _)) => Some(*name),
            _ => None,
        };
        let open = (0..self.at).rev().find(|at| self.tokens[*at].0 == Token::Open).unwrap_or(0);
        let close = (open..self.tokens.len()).find(|at| self.tokens[*at].0 == Token::Close);
        let close = close.unwrap_or(self.tokens.len());
        let is_and = |at: usize| matches!(self.tokens.get(at), Some((Token::And, _)));
        let names = (open + 1..close).filter_map(|at| Some((at, name(at)?)));
        let (all, any): (Vec<_>, Vec<_>) =
            names.partition(|(at, _)| is_and(at.saturating_sub(1)) || is_and(at + 1));
        let (all, any): (Vec<&str>, Vec<&str>) = (
            all.into_iter().map(|one| one.1).collect(),
            any.into_iter().map(|one| one.1).collect(),
        );
        let lone = if any.len() == 1 { " |" } else { "" };
        let (all, any) = (all.join(" & "), any.join(" | "));
        match name(close + 2) {
            Some(next) => {
                format!(
                    "write two lines, which add up: `({all}) >> {next}; ({any}{lone}) >> {next}`"
                )
            }
            None => "give the two kinds in two lines: they add up".to_owned(),
        }
    }

    /// `a & b >> c`: says where the parentheses go.
    fn bare(&self, sign: char, groups: &[Group<'t>]) -> Mistake {
        let mut names = groups.last().map_or(Vec::new(), |group| {
            group.entries.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        });
        let rest = self.tokens[self.at..].iter().take_while(|(token, _)| *token != Token::Arrow);
        names.extend(rest.filter_map(|(token, _)| match token {
            Token::Name(name) => Some(*name),
            Token::Arrow
            | Token::Open
            | Token::Close
            | Token::And
            | Token::Or
            | Token::End
            | Token::Odd(_) => None,
        }));
        let group = names.join(&format!(" {sign} "));
        let message = format!("`{sign}` needs parentheses");
        self.mistake(1, &message, &format!("write `({group})`"))
    }

    fn unexpected(&self, wanted: &str) -> Mistake {
        let (found, length) = match self.peek() {
            None => ("the line ends".to_owned(), 0),
            Some(Token::Name(name)) => (format!("`{name}` stands"), name.len()),
            Some(Token::Odd(text)) => (format!("`{text}` stands"), text.len()),
            Some(Token::Arrow) => ("`>>` stands".to_owned(), 2),
            Some(Token::Open) => ("`(` stands".to_owned(), 1),
            Some(Token::Close) => ("`)` stands".to_owned(), 1),
            Some(Token::And) => ("`&` stands".to_owned(), 1),
            Some(Token::Or) => ("`|` stands".to_owned(), 1),
            Some(Token::End) => unreachable!("BUG: a line holds no line end"),
        };
        if let Some(Token::Odd(text)) = self.peek()
            && let Some(names) = text.strip_prefix('[')
        {
            let names = words_of(names.trim_end_matches(']')).join(" & ");
            let message = format!("{found} where {wanted} is expected");
            let help = format!(
                "a group is written `({})`",
                if names.is_empty() { "a & b" } else { &names }
            );
            return self.mistake(length, &message, &help);
        }
        if let Some(Token::Name("<<" | "<-" | "<" | "<=")) = self.peek()
            && let Some(Token::Name(before)) = self.at.checked_sub(1).map(|at| self.tokens[at].0)
            && let Some((Token::Name(after), _)) = self.tokens.get(self.at + 1)
        {
            let message = format!("{found} where {wanted} is expected");
            let help = format!("an arrow is written `>>`: `{after} >> {before}`");
            return self.mistake(length, &message, &help);
        }
        let help = match self.peek() {
            Some(
                Token::Odd(">") | Token::Name("-" | "--" | "→" | "=" | "=>" | "then" | "before"),
            ) => "an arrow is written `>>`",
            Some(Token::Odd("\"" | "'")) => "names stand without quotes",
            Some(Token::Odd(",")) => "a group is written `(a & b)`",
            Some(Token::Name(_)) if wanted.starts_with("`>>`") => {
                "end the line before it: with `;`, or in a YAML block below `|`, not `>`"
            }
            Some(Token::Open) => "groups cannot stand inside one another",
            _ => "a line is written `a >> (b & c) >> d`",
        };
        self.mistake(length, &format!("{found} where {wanted} is expected"), help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let (lines, mistakes) = parse(text);
        let mut shown: Vec<String> = Vec::new();
        for line in lines {
            let groups = line.iter().map(|group| {
                let names: Vec<_> = group.entries.iter().map(|(name, _)| *name).collect();
                let sign = if group.is_any { " | " } else { " & " };
                format!("[{}]{}", names.join(sign), if group.is_any { "?" } else { "" })
            });
            shown.push(groups.collect::<Vec<_>>().join(" > "));
        }
        for mistake in mistakes {
            let Mistake { at, length, message, help } = mistake;
            shown.push(format!("{at}+{length} {message}; {help}"));
        }
        shown.join("\n")
    }

    #[test]
    fn the_notation_is_parsed() {
        let check = |text, expected: &str| assert_eq!(show(text), expected, "{text}");
        check("", "");
        check(" # nothing\n\n;;", "");
        check("a", "[a]");
        check("a >> b >> c", "[a] > [b] > [c]");
        check("a>>(b&c)>>d # why\n(x|y)>>z", "[a] > [b & c] > [d]\n[x | y]? > [z]");
        check("(a |) >> b; c", "[a]? > [b]\n[c]");
        check("(a) >> b-1.x", "[a] > [b-1.x]");
    }

    #[test]
    fn folded_lines_are_told_apart_again() {
        assert_eq!(
            show("a >> b b >> c"),
            "7+1 `b` stands where `>>` or the end of the line is expected; end the line before it: with `;`, or in a YAML block below `|`, not `>`"
        );
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let check = |text, expected: &str| assert_eq!(show(text), expected, "{text}");
        check("a & b >> c", "2+1 `&` needs parentheses; write `(a & b)`");
        check("a >> b | c", "7+1 `|` needs parentheses; write `(b | c)`");
        check(
            "(a & b | c) >> d",
            "7+1 `&` and `|` cannot be mixed in one group; write two lines, which add up: `(a & b) >> d; (c |) >> d`",
        );
        check(
            "a >>",
            "4+0 the line ends where a task's name or `(` is expected; a line is written `a >> (b & c) >> d`",
        );
        check(
            "a > b",
            "2+1 `>` stands where `>>` or the end of the line is expected; an arrow is written `>>`",
        );
        check(
            "\"a\" >> b",
            "0+1 `\"` stands where a task's name or `(` is expected; names stand without quotes",
        );
        check(
            "((a)) >> b",
            "1+1 `(` stands where a task's name is expected; groups cannot stand inside one another",
        );
        check(
            "(a & ) >> b",
            "5+1 `)` stands where a task's name is expected; a line is written `a >> (b & c) >> d`",
        );
        check(
            "a >> b\n>> c",
            "[a] > [b]\n7+2 `>>` stands where a task's name or `(` is expected; a line is written `a >> (b & c) >> d`",
        );
    }
}
