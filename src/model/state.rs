//! The states of tasks and runs, the reasons behind them, and the levels of a cancel.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// Where a task stands. A final state never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskState {
    /// Waits for what it needs.
    #[default]
    Pending,
    /// Is ready and waits for a slot.
    Queued,
    /// Has a process, or waits for its next attempt.
    Running,
    /// Ended as it should.
    Succeeded,
    /// Ended otherwise.
    Failed,
    /// Was stopped, or never started because of a cancel.
    Cancelled,
    /// Was not started, for a reason that is no cancel.
    Skipped,
}

impl TaskState {
    /// All states, in the order in which people list them.
    pub const ALL: [TaskState; 7] = [
        TaskState::Pending,
        TaskState::Queued,
        TaskState::Running,
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::Cancelled,
        TaskState::Skipped,
    ];

    /// Returns whether this state is an end.
    pub fn is_final(self) -> bool {
        match self {
            TaskState::Pending | TaskState::Queued | TaskState::Running => false,
            TaskState::Succeeded
            | TaskState::Failed
            | TaskState::Cancelled
            | TaskState::Skipped => true,
        }
    }

    /// Returns the state's name on the wire and on the screen: `SUCCEEDED`.
    pub fn name(self) -> &'static str {
        match self {
            TaskState::Pending => "PENDING",
            TaskState::Queued => "QUEUED",
            TaskState::Running => "RUNNING",
            TaskState::Succeeded => "SUCCEEDED",
            TaskState::Failed => "FAILED",
            TaskState::Cancelled => "CANCELLED",
            TaskState::Skipped => "SKIPPED",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TaskState {
    type Err = String;
    /// Parses a state's name in either case.
    fn from_str(text: &str) -> Result<TaskState, String> {
        TaskState::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                let names = TaskState::ALL.map(TaskState::name).join(", ");
                format!("a task's state is one of {names}")
            },
        )
    }
}

/// What a fold over a run's events can say of the run.
///
/// LOST is not here: only a test of the run's lock can tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Not begun.
    #[default]
    Pending,
    /// Under way.
    Running,
    /// Under way, with a cancel asked.
    Cancelling,
    /// Ended, and no task failed it.
    Completed,
    /// Ended, and something failed it.
    Failed,
    /// Ended after a cancel.
    Cancelled,
}

impl RunStatus {
    /// Returns whether this status is an end.
    pub fn is_final(self) -> bool {
        match self {
            RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => false,
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => true,
        }
    }

    /// Returns the status's name on the wire and on the screen: `COMPLETED`.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Pending => "PENDING",
            RunStatus::Running => "RUNNING",
            RunStatus::Cancelling => "CANCELLING",
            RunStatus::Completed => "COMPLETED",
            RunStatus::Failed => "FAILED",
            RunStatus::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many tasks are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Tasks that wait for what they need.
    pub pending: u32,
    /// Tasks that wait for a slot.
    pub queued: u32,
    /// Tasks under way.
    pub running: u32,
    /// Tasks that ended well.
    pub succeeded: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Tasks that were stopped or never started because of a cancel.
    pub cancelled: u32,
    /// Tasks that were not started for another reason.
    pub skipped: u32,
}

impl Counts {
    /// Returns the number of tasks in `state`.
    pub fn of(&self, state: TaskState) -> u32 {
        let mut copy = *self;
        *copy.slot(state)
    }

    /// Returns the place where the tasks in `state` are counted.
    pub fn slot(&mut self, state: TaskState) -> &mut u32 {
        match state {
            TaskState::Pending => &mut self.pending,
            TaskState::Queued => &mut self.queued,
            TaskState::Running => &mut self.running,
            TaskState::Succeeded => &mut self.succeeded,
            TaskState::Failed => &mut self.failed,
            TaskState::Cancelled => &mut self.cancelled,
            TaskState::Skipped => &mut self.skipped,
        }
    }

    /// Returns the number of tasks that have ended.
    pub fn ended(&self) -> u32 {
        self.succeeded + self.failed + self.cancelled + self.skipped
    }
}

/// Why a task or run stands where it stands: one word, perhaps with an argument in parentheses.
///
/// Open on purpose: a reason that this version does not know is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// Takes a reason as it stands on the wire.
    pub fn from_wire(text: impl Into<String>) -> Reason {
        Reason(Cow::Owned(text.into()))
    }

    /// `exit(2)`: the process ended with this code.
    pub fn exit(code: i32) -> Reason {
        Reason::from_wire(format!("exit({code})"))
    }

    /// `signal(SIGKILL)`: the process was ended by this signal.
    pub fn signal(signal: i32) -> Reason {
        Reason::from_wire(format!("signal({})", signal_name(signal)))
    }

    /// `spawn(…)`: the process could not be started.
    pub fn spawn(what: &str) -> Reason {
        Reason::from_wire(format!("spawn({what})"))
    }

    /// `upstream(build)`: a task that it needs did not end as it had to.
    pub fn upstream(task: &str) -> Reason {
        Reason::from_wire(format!("upstream({task})"))
    }

    /// `stopped_by(build)`: another task's failure stopped the run.
    pub fn stopped_by(task: &str) -> Reason {
        Reason::from_wire(format!("stopped_by({task})"))
    }

    /// `failed(build)`: of a run, the first task that failed it.
    pub fn failed(task: &str) -> Reason {
        Reason::from_wire(format!("failed({task})"))
    }

    /// `missing_output(version)`: it promised this value and did not write it.
    pub fn missing_output(name: &str) -> Reason {
        Reason::from_wire(format!("missing_output({name})"))
    }

    /// `missing_artifact(dist/*)`: it promised such files and there are none.
    pub fn missing_artifact(glob: &str) -> Reason {
        Reason::from_wire(format!("missing_artifact({glob})"))
    }

    /// `output(…)`: what it handed on cannot be taken.
    pub fn output(what: &str) -> Reason {
        Reason::from_wire(format!("output({what})"))
    }

    /// `artifact(…)`: its files cannot be noted.
    pub fn artifact(what: &str) -> Reason {
        Reason::from_wire(format!("artifact({what})"))
    }

    /// `timeout`: the attempt took longer than it may; of a run, the whole of it.
    pub const TIMEOUT: Reason = Reason(Cow::Borrowed("timeout"));
    /// `run_timeout`: the whole run took longer than it may.
    pub const RUN_TIMEOUT: Reason = Reason(Cow::Borrowed("run_timeout"));
    /// `terminal`: wanted the terminal, which only an `interactive` task has.
    pub const TERMINAL: Reason = Reason(Cow::Borrowed("terminal"));
    /// `cancelled`: somebody asked for it.
    pub const CANCELLED: Reason = Reason(Cow::Borrowed("cancelled"));
    /// `not_selected`: left out by `--only` or `--skip`.
    pub const NOT_SELECTED: Reason = Reason(Cow::Borrowed("not_selected"));
    /// `expression(timeout)`: what this key came to cannot be used.
    pub fn expression(key: &str) -> Reason {
        Reason::from_wire(format!("expression({key})"))
    }

    /// `condition`: its `if` was false.
    pub const CONDITION: Reason = Reason(Cow::Borrowed("condition"));

    /// Returns the word before the parentheses.
    pub fn kind(&self) -> &str {
        self.0.split_once('(').map_or(&*self.0, |(kind, _)| kind)
    }

    /// Returns the text inside the parentheses.
    pub fn argument(&self) -> Option<&str> {
        self.0.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'))
    }

    /// Returns the reason as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The number of SIGKILL, the same on every Unix.
pub(crate) const SIGKILL: i32 = 9;
/// The number of SIGTERM, the same on every Unix.
pub(crate) const SIGTERM: i32 = 15;

/// Returns the name of a signal: `SIGTERM`, or `SIG64` for one without a name.
pub fn signal_name(signal: i32) -> Cow<'static, str> {
    match signal_hook::low_level::signal_name(signal) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("SIG{signal}")),
    }
}

/// How hard a cancel presses. The order is that of the presses: a level only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing new starts; what runs finishes naturally.
    Drain,
    /// What runs is asked to end, and killed after a grace.
    Stop,
    /// What runs is killed.
    Kill,
}

impl Level {
    /// Returns the level's name on the wire and on the screen: `drain`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Drain => "drain",
            Level::Stop => "stop",
            Level::Kill => "kill",
        }
    }

    /// Returns the level that another press of Ctrl-C leads to.
    pub fn next(self) -> Level {
        match self {
            Level::Drain => Level::Stop,
            Level::Stop | Level::Kill => Level::Kill,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The level of a run's cancel, shared between threads; it only rises.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicU8>);

impl CancelToken {
    /// Raises the level to `level` unless it is that high; returns the level before.
    pub fn raise(&self, level: Level) -> Option<Level> {
        let number = match level {
            Level::Drain => 1,
            Level::Stop => 2,
            Level::Kill => 3,
        };
        decode(self.0.fetch_max(number, Ordering::SeqCst))
    }

    /// Returns the level, or `None` where no cancel was asked.
    pub fn level(&self) -> Option<Level> {
        decode(self.0.load(Ordering::SeqCst))
    }
}

fn decode(number: u8) -> Option<Level> {
    match number {
        0 => None,
        1 => Some(Level::Drain),
        2 => Some(Level::Stop),
        _ => Some(Level::Kill),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_kind_and_an_argument() {
        let reason = Reason::upstream("test[py=3.12]");
        assert_eq!(reason.kind(), "upstream");
        assert_eq!(reason.argument(), Some("test[py=3.12]"));
        assert_eq!(Reason::TIMEOUT.argument(), None);
        assert_eq!(Reason::signal(9).as_str(), "signal(SIGKILL)");
    }

    #[test]
    fn a_cancel_only_rises() {
        let token = CancelToken::default();
        assert_eq!(token.raise(Level::Stop), None);
        assert_eq!(token.raise(Level::Drain), Some(Level::Stop));
        assert_eq!(token.level(), Some(Level::Stop));
        assert!(Level::Drain < Level::Stop && Level::Stop < Level::Kill);
    }
}
