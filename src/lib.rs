//! pyoco runs a declared DAG of shell commands on one machine and remembers what happened.
//!
//! A workflow is a file, or is built in code; it is checked as a whole before anything runs:
//!
//! ```
//! use pyoco::engine::Engine;
//! use pyoco::model::{Reason, RunStatus, TaskState};
//! use pyoco::spec::{FlowBuilder, TaskBuilder};
//!
//! let flow = FlowBuilder::new("release")
//!     .task(TaskBuilder::run("build", "echo built"))
//!     .task(TaskBuilder::run("test", "exit 2").needs(["build"]))
//!     .task(TaskBuilder::run("publish", "echo out").needs(["test"]))
//!     .build()
//!     .expect("names and needs are sound");
//!
//! let view = Engine::new().start(&flow)?.wait();
//! assert_eq!(view.status(), RunStatus::Failed);
//! assert_eq!(view.first_failure(), Some("test"));
//! let publish = view.find("publish").and_then(|id| view.task(id)).expect("it was declared");
//! assert_eq!(publish.state(), TaskState::Skipped);
//! assert_eq!(publish.reason, Some(Reason::upstream("test")));
//! # Ok::<(), pyoco::engine::StartError>(())
//! ```
//!
//! # One stream of events
//!
//! Everything that happens in a run is an [`event::Event`] on a numbered [`event::Line`]. The
//! scheduler decides, the engine makes it happen, and the record, the trace and `pyoco runs show`
//! read the same stream. Where a run stands is always the same fold over it, an [`event::RunView`].
//!
//! # Floors
//!
//! A module imports only from floors below its own; those of one floor know nothing of each other.
//!
//! | floor | modules | |
//! |---|---|---|
//! | 4 | [`engine`], [`record`], [`trace`] | does; keeps; shows |
//! | 3 | [`scheduler`] | decides, without a clock, a thread or a process |
//! | 2 | [`spec`] | reads a workflow file, or says all that is wrong with it |
//! | 1 | [`event`], [`graph`] | the events, the fold, the traits; selection and pictures |
//! | 0 | [`model`] | plain values: flow, task, ids, states, reasons, times, sizes |
//!
//! # Your own types
//!
//! - [`event::StateStore`] and [`event::RunLog`]: where runs are kept; here in memory
//!   ([`event::MemoryStore`]) and in files ([`record::JsonlStore`]).
//! - [`event::QueueBackend`]: where ready tasks wait for a worker.
//! - [`event::Trace`]: who is told what happens, as it happens.
//!
//! # Features
//!
//! `cli`, on by default: the program `pyoco` and the live view. Without it the library is all there
//! is, with fewer dependencies.
#![cfg_attr(not(unix), doc = "It needs Unix.")]

#[cfg(not(unix))]
compile_error!("pyoco runs on Linux and macOS only: it needs process groups and signals");

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod engine;
pub mod event;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
pub mod model;
pub mod record;
pub mod scheduler;
pub mod spec;
pub mod trace;

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
