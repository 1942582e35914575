//! Names replaced by what is known of them, and what is known then worked out at once: `params` and
//! `matrix` are gone when a file is loaded.

use super::eval::truth;
use super::{Expr, Function, Name, Part, Template, Value};

const MOST: usize = 1 << 20; // parts and bytes of text: levels of `env` may name one another often

/// What stands for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// A value of the name's type.
    Value(Value),
    /// A text with parts, for a name that is a text.
    Template(Template),
}

/// What came of a replacement would be too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value becomes larger than {MOST} bytes")]
pub struct TooLarge;

impl Expr {
    /// Returns the expression with names replaced, and with all worked out that can be. It comes to the
    /// same as before under every lookup that agrees with what was replaced, a missing output included.
    ///
    /// # Errors
    /// Where it grew past all reason.
    pub fn substitute(
        &self,
        mut replace: impl FnMut(&Name) -> Option<Replacement>,
    ) -> Result<Expr, TooLarge> {
        Substitution { replace: &mut replace, left: MOST }.expr(self)
    }
}

impl Template {
    /// Returns the template with names replaced, and with all worked out that can be.
    ///
    /// # Errors
    /// Where it grew past all reason.
    pub fn substitute(
        &self,
        mut replace: impl FnMut(&Name) -> Option<Replacement>,
    ) -> Result<Template, TooLarge> {
        match self.constant() {
            Some(_) => Ok(self.clone()),
            None => Substitution { replace: &mut replace, left: MOST }.template(self),
        }
    }
}

struct Substitution<'r> {
    replace: &'r mut dyn FnMut(&Name) -> Option<Replacement>,
    /// How much more may come of it.
    left: usize,
}

impl Substitution<'_> {
    fn pay(&mut self, weight: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(weight).ok_or(TooLarge)?;
        Ok(())
    }

    fn template(&mut self, template: &Template) -> Result<Template, TooLarge> {
        let mut parts = Vec::with_capacity(template.parts().len());
        for part in template.parts() {
            parts.push(match part {
                Part::Text(text) => {
                    self.pay(text.len())?;
                    Part::Text(text.clone())
                }
                Part::Expr(expr) => Part::Expr(self.expr(expr)?),
            });
        }
        Ok(Template::new(parts))
    }

    fn expr(&mut self, expr: &Expr) -> Result<Expr, TooLarge> {
        self.pay(1)?;
        Ok(match expr {
            Expr::Value(value) => {
                self.pay(value_weight(value))?;
                Expr::Value(value.clone())
            }
            Expr::Name(name) => self.name(name)?,
            Expr::Not(inner) => match self.expr(inner)? {
                Expr::Value(Value::Bool(value)) => Expr::Value(Value::Bool(!value)),
                inner => Expr::Not(Box::new(inner)),
            },
            Expr::All(items) => self.items(items, false)?,
            Expr::Any(items) => self.items(items, true)?,
            Expr::Compare(comparison, sides) => {
                let sides = [self.expr(&sides[0])?, self.expr(&sides[1])?];
                let known = constants(&sides).and_then(|[a, b]| comparison.of(a, b).ok());
                match known {
                    Some(known) => Expr::Value(Value::Bool(known)),
                    None => Expr::Compare(*comparison, Box::new(sides)),
                }
            }
            Expr::Call(Function::Default, arguments) => self.default(arguments)?,
            Expr::Call(function, arguments) => {
                let arguments = [self.expr(&arguments[0])?, self.expr(&arguments[1])?];
                let known = constants(&arguments).and_then(|[a, b]| function.of(a, b).ok());
                match known {
                    Some(known) => Expr::Value(Value::Bool(known)),
                    None => Expr::Call(*function, Box::new(arguments)),
                }
            }
            Expr::Text(template) => text(self.template(template)?),
        })
    }

    fn name(&mut self, name: &Name) -> Result<Expr, TooLarge> {
        Ok(match (self.replace)(name) {
            None => Expr::Name(name.clone()),
            Some(Replacement::Value(value)) => {
                self.pay(value_weight(&value))?;
                Expr::Value(value)
            }
            Some(Replacement::Template(template)) => {
                self.pay(template_weight(&template))?;
                text(template)
            }
        })
    }

    /// `&&` ends at false, `||` at true; the other one changes nothing. What stands before an end stays,
    /// as it may miss an output.
    fn items(&mut self, items: &[Expr], end: bool) -> Result<Expr, TooLarge> {
        let mut kept = Vec::new();
        for item in items {
            let item = self.expr(item)?;
            match item.constant().and_then(|value| truth(value).ok()) {
                Some(known) if known == end => {
                    kept.push(item);
                    break;
                }
                Some(_) => {}
                None => kept.push(item),
            }
        }
        Ok(match (kept.len(), end) {
            (0, _) => Expr::Value(Value::Bool(!end)),
            (1, _) => kept.remove(0),
            (_, false) => Expr::All(kept),
            (_, true) => Expr::Any(kept),
        })
    }

    fn default(&mut self, arguments: &[Expr; 2]) -> Result<Expr, TooLarge> {
        let first = self.expr(&arguments[0])?;
        match &first {
            Expr::Value(Value::Text(text)) if text.is_empty() => self.expr(&arguments[1]),
            Expr::Value(Value::Text(_)) => Ok(first),
            Expr::Value(_)
            | Expr::Name(_)
            | Expr::Not(_)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Compare(..)
            | Expr::Call(..)
            | Expr::Text(_) => {
                let second = self.expr(&arguments[1])?;
                Ok(Expr::Call(Function::Default, Box::new([first, second])))
            }
        }
    }
}

/// Returns a template as an expression.
fn text(template: Template) -> Expr {
    match template.constant() {
        Some(text) => Expr::Value(Value::text(text)),
        None => Expr::Text(Box::new(template)),
    }
}

fn constants(pair: &[Expr; 2]) -> Option<[&Value; 2]> {
    Some([pair[0].constant()?, pair[1].constant()?])
}

fn value_weight(value: &Value) -> usize {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::List(_) => 1, // a list is shared
        Value::Text(text) => text.len(),
    }
}

fn template_weight(template: &Template) -> usize {
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Expr(expr) => expr_weight(expr),
    });
    template.constant().map_or(0, str::len) + parts.sum::<usize>()
}

fn expr_weight(expr: &Expr) -> usize {
    1 + match expr {
        Expr::Value(value) => value_weight(value),
        Expr::Name(_) => 0,
        Expr::Not(inner) => expr_weight(inner),
        Expr::All(items) | Expr::Any(items) => items.iter().map(expr_weight).sum(),
        Expr::Compare(_, pair) | Expr::Call(_, pair) => pair.iter().map(expr_weight).sum(),
        Expr::Text(template) => template_weight(template),
    }
}
