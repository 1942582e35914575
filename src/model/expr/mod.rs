//! Checked expressions: `params.mode == 'fast' && tasks.build.state == 'SUCCEEDED'`.
//!
//! A pure part: what a name stands for comes in through [`Lookup`], and nothing here knows a file, a
//! task's name or a run. Only `spec` makes expressions of text, and it checks their types, so that
//! here an operator meets what it takes. Texts are bytes, since an inherited variable may hold any.

mod condition;
mod eval;
mod show;
mod substitute;
mod template;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{TaskId, TaskState};

pub use condition::Condition;
pub use eval::{EvalError, Lookup, Missing};
pub use show::Shown;
pub(crate) use show::is_word;
pub use substitute::{Replacement, TooLarge};
pub use template::{Part, Template};

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text; not always UTF-8.
    Text(Vec<u8>),
    /// A list of texts, which only a parameter is.
    List(Arc<[Vec<u8>]>),
}

impl Value {
    /// Makes a text.
    pub fn text(text: impl Into<Vec<u8>>) -> Value {
        Value::Text(text.into())
    }

    /// Returns the value as a task is given it: integers in decimals, a list one item a line.
    pub fn to_text(&self) -> Vec<u8> {
        match self {
            Value::Bool(value) => value.to_string().into_bytes(),
            Value::Int(value) => value.to_string().into_bytes(),
            Value::Text(text) => text.clone(),
            Value::List(items) => items.join(&b'\n'),
        }
    }
}

/// Something that an expression can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `params.x`.
    Param(Arc<str>),
    /// `env.X`: a text, empty where there is none.
    Env(Box<str>),
    /// `matrix.x`: a text.
    Matrix(Arc<str>),
    /// `run.id` and its like.
    Run(RunFact),
    /// `tasks.T.outputs.O`: a text.
    Output(TaskId, Arc<str>),
    /// `tasks.T.state`, of all members of a matrix task together: [`state_of`].
    State(Arc<[TaskId]>),
    /// `tasks.T.exit_code`.
    ExitCode(TaskId),
    /// `success()` and its like: true or false.
    Call(StateFunction),
}

/// What an expression can know of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunFact {
    /// The run's id.
    Id,
    /// The run's status; in `finally` as it stood when the last of `tasks` ended.
    Status,
    /// The workflow file's folder.
    FileDir,
    /// The caller's folder.
    CallerDir,
    /// The operating system: `linux`, `macos`.
    Os,
    /// The processor: `x86_64`, `aarch64`.
    Arch,
}

impl RunFact {
    /// All of them.
    pub const ALL: [RunFact; 6] = [
        RunFact::Id,
        RunFact::Status,
        RunFact::FileDir,
        RunFact::CallerDir,
        RunFact::Os,
        RunFact::Arch,
    ];

    /// Returns what stands after `run.`.
    pub fn name(self) -> &'static str {
        match self {
            RunFact::Id => "id",
            RunFact::Status => "status",
            RunFact::FileDir => "file_dir",
            RunFact::CallerDir => "caller_dir",
            RunFact::Os => "os",
            RunFact::Arch => "arch",
        }
    }
}

/// A function without arguments that asks how things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateFunction {
    /// All that the task needs is satisfied; in `finally`: nothing failed and no cancel was asked.
    Success,
    /// An ancestor is FAILED; in `finally`: the run has failed.
    Failure,
    /// A cancel was asked.
    Cancelled,
    /// True.
    Always,
}

impl StateFunction {
    /// All of them.
    pub const ALL: [StateFunction; 4] = [
        StateFunction::Success,
        StateFunction::Failure,
        StateFunction::Cancelled,
        StateFunction::Always,
    ];

    /// Returns the function's name.
    pub fn name(self) -> &'static str {
        match self {
            StateFunction::Success => "success",
            StateFunction::Failure => "failure",
            StateFunction::Cancelled => "cancelled",
            StateFunction::Always => "always",
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    Unequal,
    /// `<`, of integers.
    Less,
    /// `<=`, of integers.
    AtMost,
    /// `>`, of integers.
    Greater,
    /// `>=`, of integers.
    AtLeast,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::Unequal,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Greater,
        Comparison::AtLeast,
    ];

    /// Returns its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Whether a list has an item, or a text has a part.
    Contains,
    /// Whether a text begins so.
    StartsWith,
    /// Whether a text ends so.
    EndsWith,
    /// The first text, or the second where the first is empty.
    Default,
}

impl Function {
    /// All of them.
    pub const ALL: [Function; 4] =
        [Function::Contains, Function::StartsWith, Function::EndsWith, Function::Default];

    /// Returns the function's name.
    pub fn name(self) -> &'static str {
        match self {
            Function::Contains => "contains",
            Function::StartsWith => "starts_with",
            Function::EndsWith => "ends_with",
            Function::Default => "default",
        }
    }
}

/// A checked expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A value that is known.
    Value(Value),
    /// A value to be looked up.
    Name(Name),
    /// `!a`.
    Not(Box<Expr>),
    /// `a && b && c`: the first that is false ends it.
    All(Vec<Expr>),
    /// `a || b || c`: the first that is true ends it.
    Any(Vec<Expr>),
    /// `a == b`.
    Compare(Comparison, Box<[Expr; 2]>),
    /// `contains(a, b)`.
    Call(Function, Box<[Expr; 2]>),
    /// A text with parts, which stands where a name was replaced by one.
    Text(Box<Template>),
}

impl Expr {
    /// Returns the value of an expression that needs no lookup.
    pub fn constant(&self) -> Option<&Value> {
        match self {
            Expr::Value(value) => Some(value),
            Expr::Name(_)
            | Expr::Not(_)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Compare(..)
            | Expr::Call(..)
            | Expr::Text(_) => None,
        }
    }

    /// Returns all names in it, from left to right.
    pub fn names(&self) -> Names<'_> {
        Names { todo: vec![self] }
    }
}

/// The names in an expression or a template.
#[derive(Clone, Debug)]
pub struct Names<'e> {
    /// What is still to be looked through, the next one last.
    todo: Vec<&'e Expr>,
}

impl<'e> Iterator for Names<'e> {
    type Item = &'e Name;

    fn next(&mut self) -> Option<&'e Name> {
        loop {
            match self.todo.pop()? {
                Expr::Value(_) => {}
                Expr::Name(name) => return Some(name),
                Expr::Not(inner) => self.todo.push(inner),
                Expr::All(items) | Expr::Any(items) => self.todo.extend(items.iter().rev()),
                Expr::Compare(_, sides) => self.todo.extend(sides.iter().rev()),
                Expr::Call(_, arguments) => self.todo.extend(arguments.iter().rev()),
                Expr::Text(template) => self.todo.extend(template.exprs().rev()),
            }
        }
    }
}

/// Returns the state of a matrix task from those of its members: FAILED if any is, else CANCELLED if any
/// is, else that of one that has not ended, else SUCCEEDED if any is, else SKIPPED.
pub fn state_of(members: impl IntoIterator<Item = TaskState>) -> TaskState {
    let rank = |state: TaskState| match state {
        TaskState::Failed => 6,
        TaskState::Cancelled => 5,
        TaskState::Running => 4,
        TaskState::Queued => 3,
        TaskState::Pending => 2,
        TaskState::Succeeded => 1,
        TaskState::Skipped => 0,
    };
    members.into_iter().max_by_key(|state| rank(*state)).unwrap_or(TaskState::Skipped)
}
