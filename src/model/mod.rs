//! Floor 0: the plain values that every other floor speaks of, each with its text form.
//!
//! Nothing here knows a file, a clock, a process or a terminal.

mod flow;
mod glob;
mod id;
mod mask;
#[cfg(test)]
mod mask_tests;
mod size;
mod state;
mod text;
mod time;

pub use self::glob::{Glob, GlobPart};
pub use flow::{
    Flow, Kill, ListId, Lists, OnCancel, OnFailure, OnTaskFailure, Options, Promises, Records,
    Retry, Secret, Secrets, Shell, Syntax, Task, Work,
};
pub use id::{BadRunId, RunId, TaskId};
pub use mask::{MASKED, MIN_SECRET, Mask, MaskStream};
pub use size::{BadSize, Size};
pub use state::{CancelToken, Counts, Level, Reason, RunStatus, TaskState, signal_name};
pub(crate) use state::{SIGKILL, SIGTERM};
pub(crate) use text::shell_word;
pub use text::{escape, without_commands};
pub use time::{BadDuration, Ms, Wall};
