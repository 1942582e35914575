//! Floor 0: the plain values that every other floor speaks of, each with its text form.
//!
//! Nothing here knows a file, a clock, a process or a terminal.

pub mod expr;
mod flow;
mod glob;
mod id;
mod lists;
mod mask;
#[cfg(test)]
mod mask_tests;
mod member;
mod param;
mod pool;
mod size;
mod state;
mod text;
mod time;

pub use self::glob::{Glob, GlobPart};
pub(crate) use flow::Part;
pub use flow::{
    Flow, InheritEnv, Kill, OnCancel, OnFailure, OnTaskFailure, Options, Promises, Records, Retry,
    Secret, Secrets, Shell, Syntax, Task, Work,
};
pub use id::{BadRunId, RunId, TaskId};
pub use lists::{ListId, Lists};
pub use mask::{MASKED, MIN_SECRET, Mask, MaskStream};
pub(crate) use member::entry_length;
pub use member::{EntryName, Member};
pub(crate) use param::variable;
pub use param::{Param, ParamKind, ParamValue};
pub(crate) use pool::pool_variable;
pub use pool::{Held, HeldSlots, Pool, PoolId, PoolNeeds, Resources, Slots};
pub use size::{BadSize, LARGEST_SIZE, Size};
pub use state::{CancelToken, Counts, Level, Reason, RunStatus, TaskState, signal_name};
pub(crate) use state::{SIGKILL, SIGTERM};
pub(crate) use text::shell_word;
pub use text::{escape, one_line, without_commands};
pub use time::{BadDuration, LONGEST_DURATION, Ms, Wall};
