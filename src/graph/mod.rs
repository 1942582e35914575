//! Floor 1: what can be said of a flow's graph without running it: its cycles, the order and heights
//! of its tasks, what a selection leaves of it, and its pictures.
//!
//! All walks are iterative, and go from tasks to lists of needs and on to tasks.

mod cycle;
mod fold;
mod order;
mod render;
mod select;

pub use cycle::{find_cycle, find_cycles};
pub use fold::folded;
pub(crate) use order::{Dependents, heights};
pub use render::{NodeState, Picture, RunStates, draw, draw_run};
pub use select::{Selected, Selection, SelectionError, glob_matches, select};
