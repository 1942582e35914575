//! A text with expressions in it. Most hold none, and are kept as the text alone.

use super::{Expr, Names, Value};

/// A text in which `${{ expr }}` may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Repr);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    Constant(Box<str>),
    /// At least one part, no two texts side by side, none empty.
    Parts(Box<[Part]>),
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text that stands as it is.
    Text(Box<str>),
    /// An expression, whose text stands here.
    Expr(Expr),
}

impl From<&str> for Template {
    fn from(text: &str) -> Template {
        Template(Repr::Constant(text.into()))
    }
}

impl Template {
    /// Joins parts; where none has anything to look up, the template becomes constant.
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Template {
        let mut joined = Joined { parts: Vec::new(), text: String::new() };
        parts.into_iter().for_each(|part| joined.add(part));
        let Joined { mut parts, text } = joined;
        if parts.is_empty() {
            return Template(Repr::Constant(text.into()));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Template(Repr::Parts(parts.into()))
    }

    /// Returns the text where no expression is in it.
    pub fn constant(&self) -> Option<&str> {
        match &self.0 {
            Repr::Constant(text) => Some(text),
            Repr::Parts(_) => None,
        }
    }

    /// Returns the parts of a template with expressions; none of a constant one.
    pub fn parts(&self) -> &[Part] {
        match &self.0 {
            Repr::Constant(_) => &[],
            Repr::Parts(parts) => parts,
        }
    }

    /// Returns the parts, that of a constant template too.
    pub fn into_parts(self) -> Vec<Part> {
        match self.0 {
            Repr::Constant(text) => vec![Part::Text(text)],
            Repr::Parts(parts) => parts.into_vec(),
        }
    }

    /// Returns its expressions.
    pub(super) fn exprs(&self) -> impl DoubleEndedIterator<Item = &Expr> {
        self.parts().iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expr(expr) => Some(expr),
        })
    }

    /// Returns all names in it, from left to right.
    pub fn names(&self) -> Names<'_> {
        Names { todo: self.exprs().rev().collect() }
    }
}

struct Joined {
    parts: Vec<Part>,
    /// What stands after the last part.
    text: String,
}

impl Joined {
    fn add(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.text.push_str(&text),
            Part::Expr(Expr::Text(template)) => {
                template.into_parts().into_iter().for_each(|part| self.add(part));
            }
            Part::Expr(Expr::Value(value)) => match String::from_utf8(value.to_text()) {
                Ok(text) => self.text.push_str(&text),
                Err(error) => self.keep(Expr::Value(Value::Text(error.into_bytes()))),
            },
            Part::Expr(expr) => self.keep(expr),
        }
    }

    fn keep(&mut self, expr: Expr) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text).into()));
        }
        self.parts.push(Part::Expr(expr));
    }
}
