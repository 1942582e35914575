//! pyoco runs a declared DAG of shell commands on one machine and remembers what happened.
#![cfg_attr(not(unix), doc = "It needs Unix.")]

#[cfg(not(unix))]
compile_error!("pyoco runs on Linux and macOS only: it needs process groups and signals");

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod engine;
pub mod event;
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
