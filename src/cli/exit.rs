//! The one table of exit codes, and the error that ends a command.

use std::io;
use std::process::ExitCode;

use super::say::say;
use crate::event::StoreError;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// COMPLETED, or a command that did what it should.
    Success,
    /// The run FAILED.
    Failed,
    /// Nothing was started or found.
    Usage,
    /// A bug in pyoco.
    Bug,
    /// The run took longer than it may.
    TimedOut,
    /// Cancelled as by this signal, which does not end the process itself.
    As(i32),
}

impl Exit {
    /// Returns the code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Bug => 70,
            Exit::TimedOut => 124, // as `timeout` of coreutils
            Exit::As(signal) => u8::try_from(128 + signal).unwrap_or(1),
        }
    }
}

/// The codes in words.
pub(crate) const MEANINGS: [(&str, &str); 6] = [
    ("0", "the run is COMPLETED, or a command did what it should"),
    ("1", "the run FAILED"),
    ("2", "nothing was started or found: wrong words, a file with errors, an unknown run"),
    ("70", "a bug in pyoco"),
    ("124", "the run took longer than its `timeout`"),
    (
        "129, 130, 131, 143",
        "cancelled: by SIGHUP, by SIGINT or `runs cancel`, by SIGQUIT, by SIGTERM",
    ),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// What ends a command before it did anything: exit code 2.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code of what is wrong with a file.
    pub(crate) code: Option<&'static str>,
    /// What is wrong, lower case, without a full stop; escaped by whoever made it.
    pub(crate) message: String,
    /// The way out, on a line of its own.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Prints it on standard error.
    pub(crate) fn print(&self) {
        match self.code {
            Some(code) => say(format_args!("error[{code}]: {}", self.message)),
            None => say(format_args!("error: {}", self.message)),
        }
        if let Some(hint) = &self.hint {
            hint.lines().for_each(|line| say(format_args!("  {line}")));
        }
    }

    /// Returns a failure with this message.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { code: None, message: message.into(), hint: None }
    }

    /// Returns the failure that refuses what belongs to later versions: a flag, say.
    pub(crate) fn not_yet(what: &str) -> Failure {
        Failure::new(format!("`{what}` does not work yet in this version of pyoco"))
    }

    /// Adds the way out.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::new(crate::model::escape(&error.to_string()))
    }
}

/// An error of standard output: a reader that has gone ends a command quietly.
pub(crate) fn written(result: io::Result<()>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Success),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(Failure::new(format!("cannot write to standard output: {error}"))),
    }
}
