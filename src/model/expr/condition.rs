//! An `if`: an expression that is true or false, the functions that its text calls, and the text.

use std::collections::HashSet;
use std::sync::Arc;

use super::eval::truth;
use super::{EvalError, Expr, Lookup, Name, Replacement, StateFunction, TooLarge, Value};

/// A task's `if`.
///
/// Which functions it calls is a matter of its text: `params.deploy || failure()` calls `failure()`
/// also where `params.deploy` is known to be true, and so it is asked before anything is worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    expr: Expr,
    calls: Vec<StateFunction>,
    text: Arc<str>,
    names: Arc<[Name]>,
}

impl Condition {
    /// Takes an expression that is true or false, as it is written.
    pub fn new(expr: Expr) -> Condition {
        let called = |function: &StateFunction| {
            expr.names().any(|name| matches!(name, Name::Call(call) if call == function))
        };
        let calls = StateFunction::ALL.into_iter().filter(called).collect();
        let mut seen = HashSet::new();
        let names = expr.names().filter(|name| seen.insert(*name)).cloned().collect();
        Condition { expr, calls, text: "".into(), names }
    }

    /// Keeps the text that it was read from, for people.
    pub fn with_text(self, text: &str) -> Condition {
        Condition { text: text.into(), ..self }
    }

    /// Returns the text that it was read from; empty where there is none.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what its text asks for, each once, also what was replaced since.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Returns the expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns whether its text calls one of these functions.
    pub fn calls_any_of(&self, functions: &[StateFunction]) -> bool {
        self.calls.iter().any(|call| functions.contains(call))
    }

    /// Returns whether its text calls `success`, `failure`, `cancelled` or `always`.
    pub fn calls_state_function(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Returns whether its text calls `failure`, `cancelled` or `always`: then it is decided once, when
    /// all that the task needs has ended, however that ended.
    pub fn waits_for_ends(&self) -> bool {
        self.calls_any_of(&[
            StateFunction::Failure,
            StateFunction::Cancelled,
            StateFunction::Always,
        ])
    }

    /// Returns whether it holds, where that needs no lookup.
    pub fn constant(&self) -> Option<bool> {
        match self.expr.constant()? {
            Value::Bool(value) => Some(*value),
            Value::Int(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// Returns whether it holds where nothing fails and nobody cancels, as far as that says it.
    pub fn where_all_goes_well(&self) -> Option<bool> {
        let call = |name: &Name| match name {
            Name::Call(StateFunction::Success | StateFunction::Always) => Some(true),
            Name::Call(StateFunction::Failure | StateFunction::Cancelled) => Some(false),
            Name::Param(_)
            | Name::Env(_)
            | Name::Matrix(_)
            | Name::Run(_)
            | Name::Output(..)
            | Name::State(_)
            | Name::ExitCode(_) => None,
        };
        let told = self.substitute(|name| Some(Replacement::Value(Value::Bool(call(name)?))));
        told.ok()?.constant()
    }

    /// Returns whether it holds.
    ///
    /// # Errors
    /// Where an output that is looked up is not there.
    pub fn eval(&self, lookup: &dyn Lookup) -> Result<bool, EvalError> {
        truth(&self.expr.eval(lookup)?)
    }

    /// Returns the condition with names replaced; the functions that its text calls stay.
    ///
    /// # Errors
    /// Where it grew past all reason.
    pub fn substitute(
        &self,
        replace: impl FnMut(&Name) -> Option<Replacement>,
    ) -> Result<Condition, TooLarge> {
        let (text, names) = (Arc::clone(&self.text), Arc::clone(&self.names));
        Ok(Condition {
            expr: self.expr.substitute(replace)?,
            calls: self.calls.clone(),
            text,
            names,
        })
    }
}
