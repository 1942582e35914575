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

pub mod cute;
pub mod json;
pub mod plain;
mod sanitise;
mod words;

#[cfg(test)]
mod testing;
