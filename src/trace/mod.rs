//! Floor 4: shows a run as it goes, and says at its end what went wrong.
//!
//! - A style turns events into lines: [`cute`], [`plain`], [`json`], each one function
//!   `line(&RunView, &Line) -> Option<String>`.
//! - [`Console`] is the [`Trace`](crate::event::Trace) behind `pyoco run`: it prints the lines of its
//!   style, the output of the tasks in the chosen view, the live view and the summary.
//! - [`Screen`] is the pair of streams under it, shared with whoever must speak past it.
//! - [`mode`] chooses style, view and colour from flags and environment.
//!
//! Knows no scheduler, no engine and no record. Only the console thread calls [`Console`], so that a
//! reader that blocks holds up nothing but what is shown.

mod announce;
mod blocks;
mod console;
pub mod cute;
mod explain;
pub mod json;
#[cfg(feature = "cli")]
mod live;
#[cfg(not(feature = "cli"))]
#[path = "live_off.rs"]
mod live;
pub mod mode;
mod own_words;
pub mod plain;
mod sanitise;
mod screen;
mod summary;
mod words;

pub use announce::announcement;
pub use console::{Console, ConsoleOptions};
pub use explain::{explain_end, explain_exit, withheld};
pub use sanitise::{Sanitiser, last_lines};
pub use screen::{Kind, Screen, Streams, Surface};
pub use summary::{SummaryOptions, summary};

#[cfg(test)]
mod console_tests;
#[cfg(test)]
mod testing;
