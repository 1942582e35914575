//! Floor 4: keeps runs on disk and reads them back.
//!
//! A record is for looking at, never for resuming. What lies in the state folder:
//!
//! ```text
//! .pyoco/runs/<run id>/
//!     events.jsonl                 one event a line; holds the run's lock as long as the runner lives
//!     flow.yaml | flow.toml        the workflow file as it was read
//!     logs/<nnnn>-<attempt>.log    a task's output (see `logs`)
//!     logs/<nnnn>-<attempt>.idx    when it came, and from which stream
//!     cancel                       appears when a cancel is asked: one line a request
//!     wake                         FIFO: tells the runner that `cancel` has changed
//! ```
//!
//! The writing side is [`JsonlStore`] behind the port [`crate::event::StateStore`]; the reading side
//! trusts nothing that it finds: any file may be cut, damaged, foreign or hostile.

mod copy;
mod facts;
mod family;
mod files;
mod history;
mod jsonl;
mod lines;
mod log_reader;
mod logs;
mod reader;
mod requests;
mod retention;
mod schema;
mod select;
mod state_dir;
mod summary;
mod writer;

pub use facts::{boot_id, ci_url, git_commit, git_dirty, host};
pub use family::{Child, children};
pub use history::History;
pub use jsonl::JsonlStore;
pub use log_reader::{AttemptLog, End, Loss, Piece};
pub use logs::DEFAULT_MAX_LOG;
pub use reader::{Record, Seen};
pub use requests::{Asked, ask_cancel};
pub use schema::{events_schema, run_schema};
pub use select::{SelectError, resolve};
pub use state_dir::{StateDirError, find_state_dir, make_state_dir};
pub use summary::Summary;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
