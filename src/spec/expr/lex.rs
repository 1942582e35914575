//! The words and signs of an expression.

use super::Mistake;

/// The code of mistakes in the notation.
pub(super) const SYNTAX: &str = "expression-syntax";
/// What is wrong with braces around an `if`.
pub(super) const BARE: &str = "`if` takes an expression without `${{ }}`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name or a word.
    Word(&'t str),
    Int(i64),
    /// What stands between single quotes, where a quote is still written twice.
    Text(&'t str),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end: of the text, or `}}`.
    End,
}

/// A token with its bytes: the first, and how many.
pub(super) type Placed<'t> = (Token<'t>, (usize, usize));

/// Longer signs come first.
const SIGNS: [&str; 14] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ","];

pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// Whether `}}` ends the expression.
    pub(super) in_template: bool,
}

impl<'t> Lexer<'t> {
    /// Returns the next token; after the end, the end again.
    pub(super) fn next(&mut self) -> Result<Placed<'t>, Mistake> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let (start, rest) = (self.at, &self.text[self.at..]);
        let Some(first) = rest.chars().next() else { return Ok((Token::End, (start, 0))) };
        if self.in_template && rest.starts_with("}}") {
            return Ok((Token::End, (start, 2)));
        }
        let (token, length) = match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = word_at(rest);
                (Token::Word(word), word.len())
            }
            '0'..='9' | '-' => self.number(rest)?,
            '\'' => self.quoted(rest)?,
            '.' => (Token::Sign("."), 1),
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some("==") if rest.starts_with("===") => {
                    return Err(self.odd(3, "`===` is not an operator here", "write `==`"));
                }
                Some("<") if rest.starts_with("<>") => {
                    return Err(self.odd(2, "`<>` is not an operator here", "write `!=`"));
                }
                Some("!=") if rest.starts_with("!==") => {
                    return Err(self.odd(3, "`!==` is not an operator here", "write `!=`"));
                }
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(self.strange(first, rest)),
            },
        };
        self.at += length;
        Ok((token, (start, length)))
    }

    fn odd(&self, length: usize, message: &str, help: &str) -> Mistake {
        Mistake::error(SYNTAX, (self.at, length), message, help)
    }

    fn number(&self, rest: &'t str) -> Result<(Token<'t>, usize), Mistake> {
        let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let sign = rest.len() - digits.len();
        let length = sign + digits.find(ends).unwrap_or(digits.len());
        let number = &rest[..length];
        if number == "-" {
            let help = "there is no arithmetic here: let a task's script compute it";
            return Err(self.odd(1, "`-` is not an operator here", help));
        }
        let fraction = rest[length..].strip_prefix('.');
        if fraction.is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            let all = rest.find(|c: char| ends(c) && c != '.' && c != '-').unwrap_or(rest.len());
            let message = format!("`{}` is not an integer", &rest[..all]);
            let help = format!("write an integer, or the text `'{}'`", &rest[..all]);
            return Err(self.odd(all, &message, &help));
        }
        match number.parse() {
            Ok(value) => Ok((Token::Int(value), length)),
            Err(_) => {
                let message = format!("`{number}` is not an integer");
                let help = match number[sign..].bytes().all(|digit| digit.is_ascii_digit()) {
                    true => "the largest is `9223372036854775807`".to_owned(),
                    false => format!("a text stands in single quotes: `'{number}'`"),
                };
                Err(self.odd(length, &message, &help))
            }
        }
    }

    fn quoted(&self, rest: &'t str) -> Result<(Token<'t>, usize), Mistake> {
        let bytes = rest.as_bytes();
        let mut at = 1;
        while let Some(found) = memchr::memchr(b'\'', &bytes[at..]) {
            at += found + 1;
            if bytes.get(at) != Some(&b'\'') {
                return Ok((Token::Text(&rest[1..at - 1]), at));
            }
            at += 1;
        }
        let help = "end the text with `'`; a quote inside it is written twice: `'it''s'`";
        Err(self.odd(1, "this quote is never closed", help))
    }

    /// Says what to write for a sign that is none here.
    fn strange(&self, first: char, rest: &str) -> Mistake {
        match first {
            '"' | '`' => {
                let end = rest[1..].find(first);
                let length = end.map_or(1, |end| end + 2);
                let inside = end.map_or("text", |end| &rest[1..1 + end]);
                let help = format!("write `'{}'`", inside.replace('\'', "''"));
                self.odd(length, "a text stands in single quotes", &help)
            }
            '=' if rest.starts_with("=~") => {
                let help = "use `contains`, `starts_with` or `ends_with`";
                self.odd(2, "there are no patterns here", help)
            }
            '=' if rest.starts_with("=>") => {
                self.odd(2, "`=>` is not an operator here", "write `>=`")
            }
            '=' if rest.starts_with("=<") => {
                self.odd(2, "`=<` is not an operator here", "write `<=`")
            }
            '=' => self.odd(1, "`=` is not a comparison", "write `==`"),
            '&' => self.odd(1, "`&` is not an operator here", "write `&&`"),
            '|' => self.odd(1, "`|` is not an operator here", "write `||`"),
            '$' if rest.starts_with("${{") && self.in_template => {
                self.odd(3, "`${{` stands inside of `${{ … }}`", "remove the inner one")
            }
            '$' if rest.starts_with("${{") => self.odd(3, BARE, "remove `${{` and `}}`"),
            '$' => {
                let word = rest[1..].trim_start_matches('{');
                let word = word_at(word);
                let help = match word {
                    "" => "write the name alone".to_owned(),
                    word => format!("write `env.{word}`"),
                };
                self.odd(1, "a variable is written without `$`", &help)
            }
            '+' | '*' | '/' | '%' => {
                let help = "there is no arithmetic here: let a task's script compute it";
                self.odd(1, &format!("`{first}` is not an operator here"), help)
            }
            '?' | ':' => {
                let help = "write `default(a, b)` for a text that may be empty, or two tasks with an `if` each";
                self.odd(1, &format!("`{first}` is not an operator here"), help)
            }
            '}' if self.in_template => {
                self.odd(1, "this `${{ … }}` is not closed before", "close it with `}}`")
            }
            '}' if rest.starts_with("}}") => self.odd(2, BARE, "remove `${{` and `}}`"),
            '{' if rest.starts_with("{{") => self.odd(2, BARE, "remove `{{` and `}}`"),
            _ => {
                let help = "a text stands in single quotes: `'text'`";
                self.odd(first.len_utf8(), &format!("`{first}` has no meaning here"), help)
            }
        }
    }
}

/// Returns the name at the start of a text.
pub(super) fn word_at(text: &str) -> &str {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    &text[..text.find(|c| !is_letter(c)).unwrap_or(text.len())]
}

/// Returns the text between quotes, where a quote stands for two.
pub(super) fn unquoted(text: &str) -> String {
    text.replace("''", "'")
}
