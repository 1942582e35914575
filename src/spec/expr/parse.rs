//! Expressions as they are written, with places; what a name means is for `check`.
//!
//! ```text
//! any     = all { "||" all }
//! all     = compare { "&&" compare }
//! compare = unary [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) unary ]
//! unary   = "!" unary | "(" any ")" | INT | 'TEXT' | true | false | call | path
//! call    = WORD "(" [ any { "," any } ] ")"
//! path    = WORD { "." WORD | "[" 'TEXT' "]" }
//! ```

use super::Mistake;
use super::lex::{BARE, Lexer, Placed, SYNTAX, Token, unquoted};
use super::words;
use crate::model::expr::Comparison;
use crate::spec::remedy::SHELL_TEST;

const DEPTH: usize = 50; // parentheses and `!` inside one another
const LONGEST: usize = 1 << 16; // bytes of one expression

/// A part of an expression with its bytes in the text: the first, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    pub(super) place: (usize, usize),
    pub(super) ast: Ast,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ast {
    Bool(bool),
    Int(i64),
    Text(String),
    Path(Step, Vec<Step>),
    Call(Step, Vec<Spanned>),
    Not(Box<Spanned>),
    All(Vec<Spanned>),
    Any(Vec<Spanned>),
    Compare(Comparison, Box<[Spanned; 2]>),
}

/// A name in a path, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) place: (usize, usize),
}

/// A text with its expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'t> {
    /// There is none in it.
    Constant(&'t str),
    /// In the order of the text.
    Parts(Vec<Piece<'t>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    Expr(Spanned),
}

/// Parses an `if`.
pub(crate) fn parse_if(text: &str) -> Result<Spanned, Vec<Mistake>> {
    if let Some(mistake) = wrapped(text).or_else(|| shell_test(text)) {
        return Err(vec![mistake]);
    }
    if text.trim().is_empty() {
        let help = "write a condition, for example `params.deploy`, or remove the key";
        return Err(vec![Mistake::error(SYNTAX, (0, text.len()), "`if` is empty", help)]);
    }
    let mut parser = Parser::new(text, 0, false).map_err(|mistake| vec![mistake])?;
    parser.whole().map_err(|mistake| vec![mistake])
}

/// `${{ a }}`, or `!${{ a }}`, where an expression stands bare.
fn wrapped(text: &str) -> Option<Mistake> {
    let inner = text.trim();
    let inside = inner.strip_prefix("${{")?.strip_suffix("}}")?;
    let at = text.len() - text.trim_start().len();
    let help = match inside.contains("${{") {
        true => "remove `${{` and `}}`".to_owned(),
        false => format!("remove `${{{{ }}}}`: write `{}`", inside.trim()),
    };
    Some(Mistake::error(SYNTAX, (at, inner.len()), BARE, help))
}

/// `test -f x`, `[ -f x ]`, `$(command)`: a test that is written for a shell.
fn shell_test(text: &str) -> Option<Mistake> {
    let inner = text.trim();
    let bare = inner.trim_start_matches('!').trim_start();
    let words = ["test -", "[ ", "[[ ", "$(", "`"];
    if !words.iter().any(|word| bare.starts_with(word)) {
        return None;
    }
    let at = text.len() - text.trim_start().len();
    let message = "`if` is an expression, not a shell command";
    Some(Mistake::error(SYNTAX, (at, inner.len()), message, SHELL_TEST))
}

/// Parses a text in which `${{ … }}` may stand. What can be read is returned beside mistakes, so that
/// all that is wrong with it is said.
pub(crate) fn parse_template<'t>(text: &'t str, mistakes: &mut Vec<Mistake>) -> Parsed<'t> {
    let mut next = text.find("${{");
    if next.is_none() {
        return Parsed::Constant(text);
    }
    let (mut pieces, mut at) = (Vec::new(), 0);
    while let Some(start) = next {
        if start > at {
            pieces.push(Piece::Text(&text[at..start]));
        }
        match part(text, start) {
            Ok((expr, end)) => {
                pieces.push(Piece::Expr(expr));
                at = end;
            }
            Err((mistake, end)) => {
                mistakes.push(mistake);
                at = end;
            }
        }
        next = text[at..].find("${{").map(|found| at + found);
    }
    if at < text.len() {
        pieces.push(Piece::Text(&text[at..]));
    }
    Parsed::Parts(pieces)
}

/// Parses the `${{ … }}` that begins at `start`; returns where it ends, also of one that is wrong.
fn part(text: &str, start: usize) -> Result<(Spanned, usize), (Mistake, usize)> {
    let inside = start + 3;
    let Some(end) = text[inside..].find("}}").map(|end| inside + end) else {
        let help = "close it with `}}`; the text itself is written `${{ '${{' }}`";
        let mistake = Mistake::error(SYNTAX, (start, 3), "this `${{` is never closed", help);
        return Err((mistake, text.len()));
    };
    if text[inside..end].trim().is_empty() {
        let message = "`${{ }}` holds no expression";
        let help = "write one, for example `${{ params.name }}`, or remove it";
        let mistake = Mistake::error(SYNTAX, (start, end + 2 - start), message, help);
        return Err((mistake, end + 2));
    }
    let parsed = Parser::new(text, inside, true).and_then(|mut parser| {
        let expr = parser.whole()?;
        Ok((expr, parser.peeked.1))
    });
    match parsed {
        Ok((expr, (at, 2))) => Ok((expr, at + 2)),
        Ok((_, (at, _))) => {
            // The only `}}` stands in a text.
            let help = "close it with `}}` after the expression";
            let mistake = Mistake::error(SYNTAX, (start, 3), "this `${{` is never closed", help);
            Err((mistake, at))
        }
        Err(mistake) => {
            let after = text[mistake.at.max(inside)..].find("}}");
            let end = after.map_or(text.len(), |after| mistake.at.max(inside) + after + 2);
            Err((mistake, end))
        }
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    peeked: Placed<'t>,
    start: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, at: usize, in_template: bool) -> Result<Parser<'t>, Mistake> {
        let mut lexer = Lexer { text, at, in_template };
        let peeked = lexer.next()?;
        Ok(Parser { lexer, peeked, start: at, depth: 0 })
    }

    fn take(&mut self) -> Result<Placed<'t>, Mistake> {
        let taken = self.peeked;
        if self.lexer.at - self.start > LONGEST {
            let message = format!("this expression is longer than {LONGEST} bytes");
            let help = "let a task's script decide, and use its output";
            return Err(Mistake::error(SYNTAX, (self.start, 1), message, help));
        }
        self.peeked = self.lexer.next()?;
        Ok(taken)
    }

    fn take_sign(&mut self, sign: &str) -> Result<bool, Mistake> {
        let is_there = matches!(self.peeked.0, Token::Sign(found) if found == sign);
        if is_there {
            self.take()?;
        }
        Ok(is_there)
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        if self.depth == DEPTH {
            let message = format!("more than {DEPTH} parentheses and `!` inside one another");
            let help = "let a task's script decide, and use its output";
            return Err(Mistake::error(SYNTAX, self.peeked.1, message, help));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Parses all that there is.
    fn whole(&mut self) -> Result<Spanned, Mistake> {
        let expr = self.any()?;
        match self.peeked.0 {
            Token::End => Ok(expr),
            Token::Word(_) | Token::Int(_) | Token::Text(_) | Token::Sign(_) => {
                Err(self.unexpected("an operator or the end"))
            }
        }
    }

    fn any(&mut self) -> Result<Spanned, Mistake> {
        self.chain("||", Self::all, Ast::Any)
    }

    fn all(&mut self) -> Result<Spanned, Mistake> {
        self.chain("&&", Self::compare, Ast::All)
    }

    fn chain(
        &mut self,
        sign: &str,
        item: fn(&mut Self) -> Result<Spanned, Mistake>,
        ast: fn(Vec<Spanned>) -> Ast,
    ) -> Result<Spanned, Mistake> {
        let first = item(self)?;
        let mut items = vec![first];
        while self.take_sign(sign)? {
            items.push(item(self)?);
        }
        Ok(match items.len() {
            1 => items.remove(0),
            last => {
                let place = from_to(items[0].place, items[last - 1].place);
                Spanned { place, ast: ast(items) }
            }
        })
    }

    fn comparison(&self) -> Option<Comparison> {
        let Token::Sign(sign) = self.peeked.0 else { return None };
        Comparison::ALL.into_iter().find(|comparison| comparison.sign() == sign)
    }

    fn compare(&mut self) -> Result<Spanned, Mistake> {
        let left = self.unary()?;
        if let (Token::Word("in"), place) = self.peeked {
            return Err(self.membership(&left, place));
        }
        let Some(comparison) = self.comparison() else { return Ok(left) };
        self.take()?;
        let right = self.unary()?;
        if self.comparison().is_some() {
            let help = "join two comparisons with `&&`, or put one in parentheses";
            return Err(Mistake::error(
                SYNTAX,
                self.peeked.1,
                "comparisons cannot be chained",
                help,
            ));
        }
        let place = from_to(left.place, right.place);
        Ok(Spanned { place, ast: Ast::Compare(comparison, Box::new([left, right])) })
    }

    /// `'a' in params.l`: says how it is written here.
    fn membership(&mut self, left: &Spanned, place: (usize, usize)) -> Mistake {
        let whole = self.take().and_then(|_| self.unary());
        let text = |(at, length): (usize, usize)| &self.lexer.text[at..at + length];
        let help = match whole {
            Ok(whole) => format!("write `contains({}, {})`", text(whole.place), text(left.place)),
            Err(_) => "write `contains(a, b)`".to_owned(),
        };
        Mistake::error(SYNTAX, place, "`in` is not an operator here", help)
    }

    /// `not params.b`: says how it is written here, in quotes where YAML would take `!` for a tag.
    fn negation(&self, place: (usize, usize)) -> Mistake {
        let text = self.lexer.text;
        let rest = text[place.0 + place.1..].trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.[]()'".contains(c);
        let help = match text[..place.0].trim().is_empty() {
            true if rest.chars().all(is_name) || is_in_parentheses(rest) => {
                format!("write `if: '!{}'`", rest.replace('\'', "''"))
            }
            true => "write `!`, and put the whole in quotes: `if: '!…'`".to_owned(),
            false => "write `!`".to_owned(),
        };
        Mistake::error(SYNTAX, place, "`not` is not an operator here", help)
    }

    fn unary(&mut self) -> Result<Spanned, Mistake> {
        let (token, place) = self.peeked;
        let ast = match token {
            Token::Sign("!") => {
                self.take()?;
                let inner = self.deeper(Self::unary)?;
                let place = from_to(place, inner.place);
                return Ok(Spanned { place, ast: Ast::Not(Box::new(inner)) });
            }
            Token::Sign("(") => {
                self.take()?;
                let inner = self.deeper(Self::any)?;
                let end = self.peeked.1;
                self.close(")", "an operator or `)`", place)?;
                return Ok(Spanned { place: from_to(place, end), ast: inner.ast });
            }
            Token::Int(value) => Ast::Int(value),
            Token::Text(text) => Ast::Text(unquoted(text)),
            Token::Word("true") => Ast::Bool(true),
            Token::Word("false") => Ast::Bool(false),
            Token::Word(word) => return self.named(word, place),
            Token::Sign(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.take()?;
        Ok(Spanned { place, ast })
    }

    /// Takes a closing bracket.
    fn close(&mut self, sign: &str, wanted: &str, open: (usize, usize)) -> Result<(), Mistake> {
        if self.take_sign(sign)? {
            return Ok(());
        }
        if self.peeked.0 == Token::End {
            let open_sign = &self.lexer.text[open.0..open.0 + open.1];
            let message = format!("this `{open_sign}` is never closed");
            let help = format!("close it with `{sign}`");
            return Err(Mistake::error(SYNTAX, open, message, help));
        }
        let mistake = self.unexpected(wanted);
        Err(match sign {
            "]" => mistake.with_help("a name in brackets is written `['a.b']`"),
            _ => mistake,
        })
    }

    /// A call or a path.
    fn named(&mut self, word: &str, place: (usize, usize)) -> Result<Spanned, Mistake> {
        self.take()?;
        let first = Step { name: word.to_owned(), place };
        let open = self.peeked.1;
        if word == "not" && !matches!(self.peeked.0, Token::Sign("." | "[")) {
            return Err(self.negation(place));
        }
        if self.take_sign("(")? {
            return self.call(first, open);
        }
        let (mut steps, mut end) = (Vec::new(), place);
        loop {
            let open = self.peeked.1;
            if self.take_sign(".")? {
                let Token::Word(word) = self.peeked.0 else { return Err(self.no_step()) };
                end = self.peeked.1;
                steps.push(Step { name: word.to_owned(), place: end });
                self.take()?;
            } else if self.take_sign("[")? {
                let Token::Text(text) = self.peeked.0 else {
                    let help = self.quoted_name(&first.name, &steps, open);
                    return Err(self.unexpected("a name in quotes").with_help(&help));
                };
                steps.push(Step { name: unquoted(text), place: self.peeked.1 });
                self.take()?;
                end = self.peeked.1;
                self.close("]", "`]`", open)?;
            } else {
                let place = from_to(place, end);
                return Ok(Spanned { place, ast: Ast::Path(first, steps) });
            }
        }
    }

    /// `tasks.test[py=3.12].state`: says how a name in brackets is written.
    fn quoted_name(&self, root: &str, steps: &[Step], open: (usize, usize)) -> String {
        let inside = &self.lexer.text[open.0 + open.1..];
        let end = inside.find(']').filter(|end| !inside[..*end].contains(['\'', '\n']));
        let (Some(end), true) = (end, matches!(steps, [] | [_])) else {
            return "a name in brackets stands in single quotes: `['a.b']`".to_owned();
        };
        let rest = &inside[end + 1..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let rest = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        match steps {
            [step] => format!("write `{root}['{}[{}]']{rest}`", step.name, &inside[..end]),
            _ => format!("write `{root}['{}']{rest}`", inside[..end].trim_matches('"')),
        }
    }

    fn call(&mut self, name: Step, open: (usize, usize)) -> Result<Spanned, Mistake> {
        let mut arguments = Vec::new();
        if self.peeked.0 != Token::Sign(")") {
            arguments.push(self.deeper(Self::any)?);
            while self.take_sign(",")? {
                arguments.push(self.deeper(Self::any)?);
            }
        }
        let end = self.peeked.1;
        self.close(")", "`,` or `)`", open)?;
        let place = from_to(name.place, end);
        Ok(Spanned { place, ast: Ast::Call(name, arguments) })
    }

    /// A `.` with no name after it.
    fn no_step(&self) -> Mistake {
        let help = "a name that holds other signs is written `['a.b']`";
        self.unexpected("a name").with_help(help)
    }

    fn unexpected(&self, wanted: &str) -> Mistake {
        let (token, place) = self.peeked;
        let (at, length) = place;
        let written = &self.lexer.text[at..at + length];
        let after_quote = self.lexer.text[..at].ends_with('\'');
        let found = match token {
            Token::End if length == 0 => "the expression ends".to_owned(),
            Token::Word(_) | Token::Int(_) | Token::Text(_) | Token::Sign(_) | Token::End => {
                format!("`{written}` stands")
            }
        };
        let (message, help) = match (token, words::operator(written)) {
            (Token::Word(word), Some(sign)) => {
                (format!("`{word}` is not an operator here"), format!("write `{sign}`"))
            }
            (
                Token::Word(_) | Token::Int(_) | Token::Text(_) | Token::Sign(_) | Token::End,
                Some(_) | None,
            ) => {
                let help = match token {
                    Token::Int(value) if value < 0 => {
                        "there is no arithmetic here: let a task's script compute it"
                    }
                    Token::Sign("." | "[") => {
                        "a name begins with `params`, `env`, `matrix`, `run` or `tasks`"
                    }
                    Token::Sign(")" | "]") => "remove it, or write what opens it",
                    Token::Word(_) if after_quote => {
                        "a quote inside a text is written twice: `'it''s'`"
                    }
                    Token::Word(_) | Token::Int(_) | Token::Text(_) | Token::Sign(_) => {
                        "an expression is written `params.mode == 'fast' && !params.dry`"
                    }
                    Token::End => "write what is missing, or remove the sign before it",
                };
                (format!("{found} where {wanted} is expected"), help.to_owned())
            }
        };
        Mistake::error(SYNTAX, place, message, help)
    }
}

impl Mistake {
    fn with_help(self, help: &str) -> Mistake {
        Mistake { help: help.to_owned(), ..self }
    }
}

/// Returns whether one pair of parentheses is around a whole expression.
fn is_in_parentheses(text: &str) -> bool {
    let mut depth = 0_i32;
    let ends = text.char_indices().find(|(_, c)| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    ends.is_some_and(|(at, _)| at > 0 && at + 1 == text.len())
}

/// Returns the bytes from the first of one to the last of another.
fn from_to(first: (usize, usize), last: (usize, usize)) -> (usize, usize) {
    (first.0, (last.0 + last.1).saturating_sub(first.0))
}
