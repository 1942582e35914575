//! Expressions in their own notation. A task is known by its id here, so whoever shows one to people
//! says its name; without it a task is shown as `tasks['#3']`, which no task can be called.

use std::fmt::{self, Display, Write};

use super::{Expr, Name, Part, Template, Value};
use crate::model::TaskId;

/// An expression or a template with names for its tasks.
pub struct Shown<'e, T> {
    what: &'e T,
    name: &'e dyn Fn(&[TaskId]) -> String,
}

impl Expr {
    /// Shows the expression, with the name that is written for these tasks: one, or all members of one.
    pub fn shown<'e>(&'e self, name: &'e dyn Fn(&[TaskId]) -> String) -> Shown<'e, Expr> {
        Shown { what: self, name }
    }
}

impl Template {
    /// Shows the template, with the name that is written for these tasks.
    pub fn shown<'e>(&'e self, name: &'e dyn Fn(&[TaskId]) -> String) -> Shown<'e, Template> {
        Shown { what: self, name }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(&by_id).fmt(f)
    }
}

impl Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(&by_id).fmt(f)
    }
}

impl Display for Shown<'_, Expr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Writer { f, name: self.name }.expr(self.what)
    }
}

impl Display for Shown<'_, Template> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Writer { f, name: self.name }.template(self.what)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

fn by_id(tasks: &[TaskId]) -> String {
    tasks.iter().map(|task| format!("#{}", task.0)).collect::<Vec<_>>().join(",")
}

struct Writer<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    name: &'a dyn Fn(&[TaskId]) -> String,
}

impl Writer<'_, '_> {
    fn template(&mut self, template: &Template) -> fmt::Result {
        // The mark itself can only be written as a text in an expression.
        let plain = |text: &str| text.replace("${{", "${{ '${{' }}");
        if let Some(text) = template.constant() {
            return self.f.write_str(&plain(text));
        }
        for part in template.parts() {
            match part {
                Part::Text(text) => self.f.write_str(&plain(text))?,
                Part::Expr(expr) => {
                    self.f.write_str("${{ ")?;
                    self.expr(expr)?;
                    self.f.write_str(" }}")?;
                }
            }
        }
        Ok(())
    }

    fn expr(&mut self, expr: &Expr) -> fmt::Result {
        match expr {
            Expr::Value(value) => self.value(value),
            Expr::Name(name) => self.name(name),
            Expr::Not(inner) => {
                self.f.write_char('!')?;
                self.operand(inner)
            }
            Expr::All(items) => self.items(items, " && ", "true"),
            Expr::Any(items) => self.items(items, " || ", "false"),
            Expr::Compare(comparison, sides) => {
                self.operand(&sides[0])?;
                write!(self.f, " {} ", comparison.sign())?;
                self.operand(&sides[1])
            }
            Expr::Call(function, arguments) => {
                write!(self.f, "{}(", function.name())?;
                self.expr(&arguments[0])?;
                self.f.write_str(", ")?;
                self.expr(&arguments[1])?;
                self.f.write_char(')')
            }
            // The language has no such thing; what is shown tells it to people.
            Expr::Text(template) => {
                self.f.write_char('"')?;
                self.template(template)?;
                self.f.write_char('"')
            }
        }
    }

    fn items(&mut self, items: &[Expr], sign: &str, none: &str) -> fmt::Result {
        if items.is_empty() {
            return self.f.write_str(none);
        }
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.f.write_str(sign)?;
            }
            match item {
                Expr::Compare(..) => self.expr(item)?,
                Expr::Value(_)
                | Expr::Name(_)
                | Expr::Not(_)
                | Expr::All(_)
                | Expr::Any(_)
                | Expr::Call(..)
                | Expr::Text(_) => self.operand(item)?,
            }
        }
        Ok(())
    }

    /// Writes what binds as tightly as a name does.
    fn operand(&mut self, expr: &Expr) -> fmt::Result {
        match expr {
            Expr::All(_) | Expr::Any(_) | Expr::Compare(..) => {
                self.f.write_char('(')?;
                self.expr(expr)?;
                self.f.write_char(')')
            }
            Expr::Value(_) | Expr::Name(_) | Expr::Not(_) | Expr::Call(..) | Expr::Text(_) => {
                self.expr(expr)
            }
        }
    }

    fn value(&mut self, value: &Value) -> fmt::Result {
        match value {
            Value::Bool(value) => write!(self.f, "{value}"),
            Value::Int(value) => write!(self.f, "{value}"),
            Value::Text(text) => self.quoted(&String::from_utf8_lossy(text)),
            Value::List(items) => {
                let shown = items.iter().map(|item| String::from_utf8_lossy(item).into_owned());
                write!(self.f, "[{}]", shown.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn quoted(&mut self, text: &str) -> fmt::Result {
        write!(self.f, "'{}'", text.replace('\'', "''"))
    }

    fn name(&mut self, name: &Name) -> fmt::Result {
        match name {
            Name::Param(param) => self.step("params", param),
            Name::Env(variable) => self.step("env", variable),
            Name::Matrix(key) => self.step("matrix", key),
            Name::Run(fact) => self.step("run", fact.name()),
            Name::Output(task, output) => {
                self.task(&[*task])?;
                self.step(".outputs", output)
            }
            Name::State(tasks) => {
                self.task(tasks)?;
                self.f.write_str(".state")
            }
            Name::ExitCode(task) => {
                self.task(&[*task])?;
                self.f.write_str(".exit_code")
            }
            Name::Call(function) => write!(self.f, "{}()", function.name()),
        }
    }

    fn task(&mut self, tasks: &[TaskId]) -> fmt::Result {
        self.step("tasks", &(self.name)(tasks))
    }

    fn step(&mut self, before: &str, name: &str) -> fmt::Result {
        self.f.write_str(before)?;
        if is_word(name) {
            return write!(self.f, ".{name}");
        }
        self.f.write_char('[')?;
        self.quoted(name)?;
        self.f.write_char(']')
    }
}

/// Returns whether a name can stand after a `.`.
pub(crate) fn is_word(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
}
