//! What the checker is told of the place that an expression stands in.

use std::sync::Arc;

use crate::model::TaskId;
use crate::model::expr::StateFunction;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Int,
    Bool,
    List,
}

impl Type {
    /// Names the type in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Type::Text => "a text",
            Type::Int => "an integer",
            Type::Bool => "true or false",
            Type::List => "a list",
        }
    }
}

/// Where a name begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Params,
    Env,
    Matrix,
    Run,
    Tasks,
    /// `success()` and its like.
    States,
}

impl Root {
    pub(crate) const NAMED: [Root; 5] =
        [Root::Params, Root::Env, Root::Matrix, Root::Run, Root::Tasks];

    /// Returns the word that stands for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Root::Params => "params",
            Root::Env => "env",
            Root::Matrix => "matrix",
            Root::Run => "run",
            Root::Tasks => "tasks",
            Root::States => "success()",
        }
    }
}

/// The key that an expression stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    If,
    Env,
    EnvFile,
    /// `env_file` of the flow.
    FlowEnvFile,
    Dir,
    Timeout,
    /// `timeout` of the flow.
    FlowTimeout,
    Pool,
    Artifacts,
    Matrix,
}

impl Key {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Key::If => "if",
            Key::Env => "env",
            Key::EnvFile | Key::FlowEnvFile => "env_file",
            Key::Dir => "dir",
            Key::Timeout | Key::FlowTimeout => "timeout",
            Key::Pool => "pool",
            Key::Artifacts => "artifacts",
            Key::Matrix => "matrix",
        }
    }

    /// Returns whether names of this root may stand under this key.
    pub(crate) fn allows(self, root: Root) -> bool {
        match self {
            Key::If | Key::Env | Key::Dir | Key::Timeout => true,
            Key::Artifacts => match root {
                Root::Params | Root::Env | Root::Matrix | Root::Run => true,
                Root::Tasks | Root::States => false,
            },
            Key::EnvFile | Key::Pool => match root {
                Root::Params | Root::Matrix | Root::Run => true,
                Root::Env | Root::Tasks | Root::States => false,
            },
            Key::FlowEnvFile | Key::FlowTimeout => matches!(root, Root::Params | Root::Run),
            Key::Matrix => root == Root::Params,
        }
    }
}

/// What belongs to one task, not to all members of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    ExitCode,
    Output(&'a str),
}

/// Why a task, or what is wanted of it, cannot be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) points: Points,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// What the caret of a problem points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Points {
    /// The task's name.
    Task,
    /// The name after it: the output.
    Field,
}

/// Knows what names mean where an expression stands.
pub(crate) trait Scope {
    /// Returns the key that it stands under.
    fn key(&self) -> Key;

    /// Returns whether names of this root may stand here.
    fn allows(&self, root: Root) -> bool {
        self.key().allows(root)
    }

    /// Returns what a function of states always is where it decides whether this task runs; `success()`
    /// where the expression calls no other one.
    fn always(&self, _: StateFunction) -> Option<bool> {
        None
    }

    /// Returns whether it stands outside of all tasks.
    fn is_outside(&self) -> bool {
        false
    }

    /// Returns the default of a param that is a text.
    fn param_default(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }

    /// Returns the type of a param; an enum is a text.
    fn param(&self, name: &str) -> Option<Type>;

    /// Returns the names of all params.
    fn params(&self) -> Vec<&str>;

    /// Returns all values that a param can have, where they are known: those of an enum.
    fn param_values(&self, name: &str) -> Option<Vec<&str>>;

    /// Returns whether a name with this root may well be right: something is wrong where it would be
    /// declared, and that was said.
    fn is_in_doubt(&self, _root: Root, _name: &str) -> bool {
        false
    }

    /// Returns the keys of the task's matrix, in file order; none where it has no matrix.
    fn matrix(&self) -> Vec<&str>;

    /// Returns all values of a key of the matrix, where they are known.
    fn matrix_values(&self, key: &str) -> Option<Vec<&str>>;

    /// Returns whether there is a task of this name, whatever can be known of it.
    fn is_task(&self, name: &str) -> bool {
        match self.tasks(name) {
            Ok(tasks) => !tasks.is_empty(),
            Err(problem) => problem.code != "unknown-task",
        }
    }

    /// Returns the task that is written so, or all members of a matrix task, whose state is wanted.
    fn tasks(&self, written: &str) -> Result<Arc<[TaskId]>, Problem>;

    /// Returns the one task that is written so and has this.
    fn task(&self, written: &str, field: Field<'_>) -> Result<TaskId, Problem>;
}
