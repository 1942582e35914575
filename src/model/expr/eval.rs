//! What an expression comes to, once its names are known.

use std::sync::Arc;

use super::{Comparison, Expr, Function, Name, Part, StateFunction, Template, Value};
use crate::model::TaskId;

const LONGEST: usize = 16 << 20; // bytes; the kernel takes 128 KiB of a variable

/// Knows what names stand for.
pub trait Lookup {
    /// Returns the value of a name: of the type that the name has.
    ///
    /// # Errors
    /// With an output that its task did not leave.
    fn value(&self, name: &Name) -> Result<Value, Missing>;
}

/// An output that is not there, as its task did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The task.
    pub task: TaskId,
    /// The output's name.
    pub output: Arc<str>,
}

/// Why an expression came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An output is not there.
    #[error("the output `{}` is missing", .0.output)]
    Missing(Missing),
    /// The text would be longer than any program can be given.
    #[error("the text is longer than {LONGEST} bytes")]
    TooLong,
    /// A lookup gave a value of another type than the name has.
    #[error("a value is not {0}")]
    Mistyped(&'static str),
}

impl From<Missing> for EvalError {
    fn from(missing: Missing) -> EvalError {
        EvalError::Missing(missing)
    }
}

impl Expr {
    /// Returns the value. `&&` and `||` stop early, and `default` at a text that is not empty: what
    /// stands behind is not looked up.
    ///
    /// # Errors
    /// Where an output that is looked up is not there, or a text becomes too long.
    pub fn eval(&self, lookup: &dyn Lookup) -> Result<Value, EvalError> {
        match self {
            Expr::Value(value) => Ok(value.clone()),
            Expr::Name(Name::Call(StateFunction::Always)) => Ok(Value::Bool(true)),
            Expr::Name(name) => Ok(lookup.value(name)?),
            Expr::Not(inner) => Ok(Value::Bool(!truth(&inner.eval(lookup)?)?)),
            Expr::All(items) => Ok(Value::Bool(!any_is(false, items, lookup)?)),
            Expr::Any(items) => Ok(Value::Bool(any_is(true, items, lookup)?)),
            Expr::Compare(comparison, sides) => {
                let (left, right) = (sides[0].eval(lookup)?, sides[1].eval(lookup)?);
                comparison.of(&left, &right).map(Value::Bool)
            }
            Expr::Call(Function::Default, arguments) => {
                match text_of(arguments[0].eval(lookup)?)? {
                    first if first.is_empty() => arguments[1].eval(lookup),
                    first => Ok(Value::Text(first)),
                }
            }
            Expr::Call(function, arguments) => {
                let (whole, part) = (arguments[0].eval(lookup)?, arguments[1].eval(lookup)?);
                function.of(&whole, &part).map(Value::Bool)
            }
            Expr::Text(template) => template.eval(lookup).map(Value::Text),
        }
    }
}

impl Template {
    /// Returns the whole text.
    ///
    /// # Errors
    /// Where an output that is looked up is not there, or the text becomes too long.
    pub fn eval(&self, lookup: &dyn Lookup) -> Result<Vec<u8>, EvalError> {
        if let Some(text) = self.constant() {
            return Ok(text.as_bytes().to_vec());
        }
        let mut whole = Vec::new();
        for part in self.parts() {
            match part {
                Part::Text(text) => whole.extend_from_slice(text.as_bytes()),
                Part::Expr(expr) => whole.extend(expr.eval(lookup)?.to_text()),
            }
            if whole.len() > LONGEST {
                return Err(EvalError::TooLong);
            }
        }
        Ok(whole)
    }
}

fn any_is(wanted: bool, items: &[Expr], lookup: &dyn Lookup) -> Result<bool, EvalError> {
    for item in items {
        if truth(&item.eval(lookup)?)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a value is true.
pub(super) fn truth(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Int(_) | Value::Text(_) | Value::List(_) => {
            Err(EvalError::Mistyped("true or false"))
        }
    }
}

fn text_of(value: Value) -> Result<Vec<u8>, EvalError> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Bool(_) | Value::Int(_) | Value::List(_) => Err(EvalError::Mistyped("a text")),
    }
}

impl Comparison {
    /// Returns whether it holds.
    pub(super) fn of(self, left: &Value, right: &Value) -> Result<bool, EvalError> {
        let numbers = match (left, right) {
            (Value::Int(left), Value::Int(right)) => Ok((*left, *right)),
            (Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_), _) => {
                Err(EvalError::Mistyped("an integer"))
            }
        };
        Ok(match self {
            Comparison::Equal => left == right,
            Comparison::Unequal => left != right,
            Comparison::Less => numbers.map(|(left, right)| left < right)?,
            Comparison::AtMost => numbers.map(|(left, right)| left <= right)?,
            Comparison::Greater => numbers.map(|(left, right)| left > right)?,
            Comparison::AtLeast => numbers.map(|(left, right)| left >= right)?,
        })
    }
}

impl Function {
    /// Returns whether the second value is in the first one, as this function means it.
    pub(super) fn of(self, whole: &Value, part: &Value) -> Result<bool, EvalError> {
        let Value::Text(part) = part else { return Err(EvalError::Mistyped("a text")) };
        match (self, whole) {
            (Function::Contains, Value::List(items)) => Ok(items.contains(part)),
            (Function::Contains, Value::Text(text)) => {
                Ok(memchr::memmem::find(text, part).is_some())
            }
            (Function::StartsWith, Value::Text(text)) => Ok(text.starts_with(part)),
            (Function::EndsWith, Value::Text(text)) => Ok(text.ends_with(part)),
            (
                Function::Contains | Function::StartsWith | Function::EndsWith | Function::Default,
                Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_),
            ) => Err(EvalError::Mistyped("a text")),
        }
    }
}
