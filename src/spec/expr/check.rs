//! Names and types: a syntax tree into a checked expression, or what is wrong with it.

use std::sync::Arc;

use super::Mistake;
use super::parse::{Ast, Parsed, Piece, Spanned, Step};
use super::scope::{Root, Scope, Type};
use super::words::{self, mismatch, plural, written};
use crate::model::expr::{
    Comparison, Condition, EvalError, Expr, Function, Lookup, Missing, Name, Part, RunFact,
    StateFunction, Template, Value,
};
use crate::model::{RunStatus, TaskId, TaskState};
use crate::spec::diag::Severity;
use crate::spec::hints::{quoted_list, suggest};

/// The code of wrong types.
pub(super) const TYPE: &str = "expression-type";

/// Checks an `if`.
pub(crate) fn check_if(
    parsed: &Spanned,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Condition> {
    let mut checker = Checker { scope, mistakes };
    let expr = checker.condition(parsed)?;
    checker.warn_of_constant(parsed, &expr);
    Some(Condition::new(expr))
}

/// Checks a text with expressions. What needs no lookup is text in the result.
pub(crate) fn check_template(
    parsed: &Parsed<'_>,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Template> {
    let pieces = match parsed {
        Parsed::Constant(text) => return Some(Template::from(*text)),
        Parsed::Parts(pieces) => pieces,
    };
    let mut checker = Checker { scope, mistakes };
    let mut parts = Vec::with_capacity(pieces.len());
    let mut is_whole = true;
    for piece in pieces {
        match piece {
            Piece::Text(text) => parts.push(Part::Text((*text).into())),
            Piece::Expr(spanned) => match checker.part(spanned) {
                Some(expr) => parts.push(Part::Expr(expr)),
                None => is_whole = false,
            },
        }
    }
    is_whole.then(|| Template::new(parts))
}

/// Checks a value of `matrix`, which is one `${{ params.X }}`; returns the name of the param.
pub(crate) fn check_matrix(
    parsed: &Parsed<'_>,
    scope: &dyn Scope,
    mistakes: &mut Vec<Mistake>,
) -> Option<Arc<str>> {
    let mut checker = Checker { scope, mistakes };
    let help = "write a list, or `${{ params.NAME }}` of a `list` param, and nothing beside it";
    let (spanned, place) = match parsed {
        Parsed::Parts(pieces) => match &pieces[..] {
            [Piece::Expr(spanned)] => (Some(spanned), spanned.place),
            pieces => {
                let exprs = pieces.iter().find_map(|piece| match piece {
                    Piece::Text(_) => None,
                    Piece::Expr(spanned) => Some(spanned.place),
                });
                (None, exprs.unwrap_or_default())
            }
        },
        Parsed::Constant(text) => (None, (0, text.len())),
    };
    let Some(spanned) = spanned else {
        checker.error(TYPE, place, "a value of `matrix` is a whole list", help);
        return None;
    };
    match checker.expr(spanned)? {
        (Expr::Name(Name::Param(param)), Type::List) => Some(param),
        (Expr::Name(Name::Param(param)), Type::Text | Type::Int | Type::Bool) => {
            let message = format!("`{}` is not a list", written(spanned));
            let help = format!("declare it as one: `params: {{{param}: {{type: list}}}}`");
            checker.error(TYPE, place, message, help);
            None
        }
        (
            Expr::Value(_)
            | Expr::Name(_)
            | Expr::Not(_)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Compare(..)
            | Expr::Call(..)
            | Expr::Text(_),
            _,
        ) => {
            checker.error(TYPE, place, "a value of `matrix` is a whole list", help);
            None
        }
    }
}

pub(super) struct Checker<'c> {
    pub(super) scope: &'c dyn Scope,
    mistakes: &'c mut Vec<Mistake>,
}

type Checked = Option<(Expr, Type)>;

impl Checker<'_> {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        place: (usize, usize),
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::error(code, place, message, help));
    }

    fn expr(&mut self, spanned: &Spanned) -> Checked {
        Some(match &spanned.ast {
            Ast::Bool(value) => (Expr::Value(Value::Bool(*value)), Type::Bool),
            Ast::Int(value) => (Expr::Value(Value::Int(*value)), Type::Int),
            Ast::Text(text) => (Expr::Value(Value::text(text.as_str())), Type::Text),
            Ast::Path(root, steps) => {
                let (name, kind) = self.name(root, steps, spanned.place)?;
                (Expr::Name(name), kind)
            }
            Ast::Call(name, arguments) => return self.call(name, arguments, spanned.place),
            Ast::Not(inner) => (Expr::Not(Box::new(self.negated(inner)?)), Type::Bool),
            Ast::All(items) => (Expr::All(self.conditions(items)?), Type::Bool),
            Ast::Any(items) => {
                self.no_default(items)?;
                (Expr::Any(self.conditions(items)?), Type::Bool)
            }
            Ast::Compare(comparison, sides) => {
                (self.compare(*comparison, sides, spanned.place)?, Type::Bool)
            }
        })
    }

    /// Refuses `env.A || 'x'`, which in other languages is a default.
    fn no_default(&mut self, items: &[Spanned]) -> Option<()> {
        let [first, second] = items else { return Some(()) };
        let (Ast::Path(..), Ast::Text(_)) = (&first.ast, &second.ast) else { return Some(()) };
        let message = "`||` joins conditions, not texts";
        let help = format!("write `default({}, {})`", written(first), written(second));
        self.error(TYPE, first.place, message, help);
        None
    }

    /// Returns the way out where a param without quotes was meant to be true or false, and is a text.
    fn meant_bool(&self, expr: &Expr) -> Option<String> {
        let Expr::Name(Name::Param(param)) = expr else { return None };
        let default = self.scope.param_default(param)?;
        let meant = match &*default.to_ascii_lowercase() {
            "true" | "yes" | "on" => "true",
            "false" | "no" | "off" => "false",
            _ => return None,
        };
        Some(format!("its default `{default}` is a text: write `{param}: {meant}`"))
    }

    /// Checks all of them, so that all that is wrong is said.
    fn conditions(&mut self, items: &[Spanned]) -> Option<Vec<Expr>> {
        let checked: Vec<_> = items.iter().map(|item| self.condition(item)).collect();
        checked.into_iter().collect()
    }

    fn condition(&mut self, spanned: &Spanned) -> Option<Expr> {
        let (expr, kind) = self.expr(spanned)?;
        if kind == Type::Bool {
            return Some(expr);
        }
        let written = written(spanned);
        let message = format!("`{written}` is {}, not a condition", kind.noun());
        let help = match kind {
            Type::Text => match self.example(&expr) {
                Some(value) => format!("compare it: `{written} == '{value}'`"),
                None => format!("compare it: `{written} == 'a'`, or `{written} != ''`"),
            },
            Type::Int => format!("compare it: `{written} != 0`"),
            Type::List | Type::Bool => format!("ask what is in it: `contains({written}, 'a')`"),
        };
        let help = match expr.constant() {
            Some(_) => "write what it is to be compared with".to_owned(),
            None => self.meant_bool(&expr).unwrap_or(help),
        };
        self.error(TYPE, spanned.place, message, help);
        None
    }

    /// `!params.x == 'a'` negates `params.x` alone.
    fn negated(&mut self, inner: &Spanned) -> Option<Expr> {
        if !matches!(inner.ast, Ast::Path(..)) {
            return self.condition(inner);
        }
        let (expr, kind) = self.expr(inner)?;
        if kind == Type::Bool {
            return Some(expr);
        }
        let written = written(inner);
        let message = format!("`!` negates `{written}` alone, which is {}", kind.noun());
        let other = match kind {
            Type::Int => "0",
            Type::Text | Type::Bool | Type::List => "'a'",
        };
        let help = match kind {
            Type::List => format!("write `!contains({written}, 'a')`"),
            Type::Text | Type::Int | Type::Bool => self.meant_bool(&expr).unwrap_or_else(|| {
                format!("write `{written} != {other}`, or put the comparison in parentheses")
            }),
        };
        self.error(TYPE, inner.place, message, help);
        None
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        sides: &[Spanned; 2],
        place: (usize, usize),
    ) -> Option<Expr> {
        let (left, right) = (self.expr(&sides[0]), self.expr(&sides[1]));
        let (left, left_kind) = left?;
        let (right, right_kind) = right?;
        let sign = comparison.sign();
        let list = [left_kind, right_kind].iter().position(|kind| *kind == Type::List);
        if let Some(list) = list {
            let written = written(&sides[list]);
            let message = format!("`{written}` is a list, which cannot be compared");
            let help = format!("ask what is in it: `contains({written}, 'a')`");
            self.error(TYPE, sides[list].place, message, help);
            return None;
        }
        let is_order = match comparison {
            Comparison::Equal | Comparison::Unequal => false,
            Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
                true
            }
        };
        let other = [left_kind, right_kind].into_iter().find(|kind| *kind != Type::Int);
        if is_order && let Some(other) = other {
            let message = format!("`{sign}` compares integers, not {}", plural(other));
            let help = words::order(sides, [left_kind, right_kind]);
            self.error(TYPE, place, message, help);
            return None;
        }
        if left_kind != right_kind {
            let known =
                sides.iter().zip([&left, &right]).find(|(_, expr)| expr.constant().is_some());
            let place = known.map_or(place, |(side, _)| side.place);
            let (a, b) = (left_kind.noun(), right_kind.noun());
            let message = format!("`{sign}` compares {a} with {b}");
            let meant = match (left_kind, right_kind) {
                (Type::Text, Type::Bool) => self.meant_bool(&left),
                (Type::Bool, Type::Text) => self.meant_bool(&right),
                _ => None,
            };
            let help =
                meant.unwrap_or_else(|| mismatch(comparison, sides, [left_kind, right_kind]));
            self.error(TYPE, place, message, help);
            return None;
        }
        self.possible(&left, &sides[0], &sides[1])?;
        self.possible(&right, &sides[1], &sides[0])?;
        Some(Expr::Compare(comparison, Box::new([left, right])))
    }

    /// Refuses a text that a name never is.
    fn possible(&mut self, name: &Expr, named: &Spanned, other: &Spanned) -> Option<()> {
        let (Expr::Name(name), Ast::Text(text)) = (name, &other.ast) else { return Some(()) };
        let Some(values) = self.values(name) else { return Some(()) };
        if values.iter().any(|value| value == text) {
            return Some(());
        }
        let near = words::machine(text).filter(|near| values.iter().any(|value| value == near));
        let near = near.or_else(|| suggest(text, values.iter().map(String::as_str)));
        let message = match near {
            Some(near) => format!("`{}` is never `{text}`; did you mean `{near}`?", written(named)),
            None => format!("`{}` is never `{text}`", written(named)),
        };
        let help = match &values[..] {
            [] => "it has no values".to_owned(),
            [only] => format!("its only value is `{only}`"),
            values => format!("it is one of {}", quoted_list(values)),
        };
        self.error("no-such-value", other.place, message, help);
        None
    }

    /// Returns all texts that a name can stand for, where that is known.
    fn values(&self, name: &Name) -> Option<Vec<String>> {
        let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
        match name {
            Name::Param(param) => self.scope.param_values(param).map(owned),
            Name::Matrix(key) => self.scope.matrix_values(key).map(owned),
            Name::State(_) => {
                let ends = TaskState::ALL.into_iter().filter(|state| state.is_final());
                Some(ends.map(|state| state.name().to_owned()).collect())
            }
            Name::Run(RunFact::Status) => {
                let all = [
                    RunStatus::Running,
                    RunStatus::Cancelling,
                    RunStatus::Completed,
                    RunStatus::Failed,
                    RunStatus::Cancelled,
                ];
                Some(all.into_iter().map(|status| status.name().to_owned()).collect())
            }
            Name::Run(RunFact::Os) => Some(owned(words::SYSTEMS.to_vec())),
            Name::Run(RunFact::Arch) => Some(owned(words::MACHINES.to_vec())),
            Name::Run(RunFact::Id | RunFact::FileDir | RunFact::CallerDir)
            | Name::Env(_)
            | Name::Output(..)
            | Name::ExitCode(_)
            | Name::Call(_) => None,
        }
    }

    /// Returns a text that a name can stand for.
    fn example(&self, expr: &Expr) -> Option<String> {
        let values = match expr {
            Expr::Name(name) => self.values(name),
            Expr::Value(_)
            | Expr::Not(_)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Compare(..)
            | Expr::Call(..)
            | Expr::Text(_) => None,
        };
        Some(values?.first()?.replace('\'', "''"))
    }

    fn call(&mut self, name: &Step, arguments: &[Spanned], place: (usize, usize)) -> Checked {
        if let Some(state) = StateFunction::ALL.into_iter().find(|one| one.name() == name.name) {
            if let Some(first) = arguments.first() {
                let message = format!("`{}()` takes no argument", name.name);
                self.error(TYPE, first.place, message, format!("write `{}()`", name.name));
                return None;
            }
            self.allowed(Root::States, name, None)?;
            return Some((Expr::Name(Name::Call(state)), Type::Bool));
        }
        let Some(function) = Function::ALL.into_iter().find(|one| one.name() == name.name) else {
            self.unknown_function(name);
            return None;
        };
        let [first, second] = arguments else {
            let message = format!("`{}` takes two arguments, not {}", name.name, arguments.len());
            self.error(TYPE, place, message, format!("write `{}(a, b)`", name.name));
            return None;
        };
        let (first, second) =
            (self.argument(function, first, true), { self.argument(function, second, false) });
        let (first, second) = (first?, second?);
        let kind = match function {
            Function::Default => Type::Text,
            Function::Contains | Function::StartsWith | Function::EndsWith => Type::Bool,
        };
        Some((Expr::Call(function, Box::new([first, second])), kind))
    }

    fn argument(&mut self, function: Function, spanned: &Spanned, is_first: bool) -> Option<Expr> {
        let (expr, kind) = self.expr(spanned)?;
        let takes_list = function == Function::Contains && is_first;
        if kind == Type::Text || takes_list && kind == Type::List {
            return Some(expr);
        }
        let wanted = if takes_list { "a list or a text" } else { "a text" };
        let message = format!("`{}` takes {wanted}, not {}", function.name(), kind.noun());
        let help = match (kind, &spanned.ast) {
            (Type::Int | Type::Bool, Ast::Int(_) | Ast::Bool(_)) => {
                format!("write `'{}'`", written(spanned))
            }
            (Type::Int, _) => "compare integers with `==` or `<`".to_owned(),
            (Type::Bool, _) => "join conditions with `&&` and `||`".to_owned(),
            (Type::List, _) if function == Function::Contains => {
                "the list stands first: `contains(params.list, 'a')`".to_owned()
            }
            (Type::List | Type::Text, _) => {
                "a list can only be asked what is in it: `contains(params.list, 'a')`".to_owned()
            }
        };
        self.error(TYPE, spanned.place, message, help);
        None
    }

    fn unknown_function(&mut self, name: &Step) {
        let known = StateFunction::ALL.into_iter().map(StateFunction::name);
        let known: Vec<&str> = known.chain(Function::ALL.into_iter().map(Function::name)).collect();
        let near = suggest(&name.name, known.iter().copied());
        let (message, help) = match (words::foreign_function(&name.name), near) {
            (Some(foreign), _) => {
                (format!("there is no function `{}`", name.name), foreign.to_owned())
            }
            (None, Some(near)) => (
                format!("unknown function `{}`; did you mean `{near}`?", name.name),
                format!("write `{near}`"),
            ),
            (None, None) => (
                format!("unknown function `{}`", name.name),
                format!("the functions are {}", quoted_list(&known)),
            ),
        };
        self.error("unknown-function", name.place, message, help);
    }

    /// Checks an expression that becomes part of a text.
    fn part(&mut self, spanned: &Spanned) -> Option<Expr> {
        let (expr, kind) = self.expr(spanned)?;
        if kind != Type::List {
            return Some(expr);
        }
        let written = written(spanned);
        let message = format!("`{written}` is a list, which cannot be part of a text");
        let variable = match &expr {
            Expr::Name(Name::Param(param)) => param.to_uppercase().replace(['-', '.'], "_"),
            Expr::Value(_)
            | Expr::Name(_)
            | Expr::Not(_)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Compare(..)
            | Expr::Call(..)
            | Expr::Text(_) => "NAME".to_owned(),
        };
        let help = format!("a script reads it from `$PYOCO_PARAM_{variable}`, one item a line");
        self.error(TYPE, spanned.place, message, help);
        None
    }

    fn warn_of_constant(&mut self, spanned: &Spanned, expr: &Expr) {
        let known = Known { scope: self.scope, calls: expr.names().filter_map(called).collect() };
        let (message, help) = match expr.eval(&known) {
            Ok(Value::Bool(false)) => {
                ("this is always false: the task never runs", known.way_out())
            }
            Ok(_) if expr.names().next().is_some() => return, // `always()` has a meaning of its own
            Ok(Value::Bool(true) | Value::Int(_) | Value::Text(_) | Value::List(_)) => (
                "this is always true, as if there were no `if`",
                "remove `if`; a task that runs after failures too has `if: always()`",
            ),
            Err(EvalError::Missing(_) | EvalError::TooLong | EvalError::Mistyped(_)) => return,
        };
        let mistake = Mistake::error("constant-condition", spanned.place, message, help);
        self.mistakes.push(Mistake { severity: Severity::Warning, ..mistake });
    }
}

/// What is known of an `if` before any run: what the functions of states that it calls always are.
struct Known<'c> {
    scope: &'c dyn Scope,
    calls: Vec<StateFunction>,
}

impl Known<'_> {
    /// Returns what a function always is.
    fn always(&self, function: StateFunction) -> Option<bool> {
        match function {
            // Without another one it is asked only where the needs are satisfied.
            StateFunction::Success if self.calls.iter().any(|one| *one != function) => None,
            function => self.scope.always(function),
        }
    }

    /// Says how to write an `if` that can be true.
    fn way_out(&self) -> &'static str {
        let is_false =
            |function| self.calls.contains(&function) && self.always(function) == Some(false);
        if is_false(StateFunction::Cancelled) {
            "after a cancel nothing starts but `finally`: put the task there"
        } else if is_false(StateFunction::Failure) {
            "it needs no task that could fail: write `needs: NAME`, or put it in `finally`"
        } else if self.calls.contains(&StateFunction::Success) {
            "without its needs the task is skipped before this is asked: write `if: failure()`, or put it in `finally`"
        } else {
            "ask for a value that can change, for example `params.deploy`, or remove the task"
        }
    }
}

impl Lookup for Known<'_> {
    fn value(&self, name: &Name) -> Result<Value, Missing> {
        let always = called(name).and_then(|function| self.always(function));
        always.map(Value::Bool).ok_or_else(|| Missing { task: TaskId(0), output: "".into() })
    }
}

/// Returns the function of states that a name stands for.
fn called(name: &Name) -> Option<StateFunction> {
    match name {
        Name::Call(function) => Some(*function),
        Name::Param(_)
        | Name::Env(_)
        | Name::Matrix(_)
        | Name::Run(_)
        | Name::Output(..)
        | Name::State(_)
        | Name::ExitCode(_) => None,
    }
}
