//! `pyoco runs …`: looks back at runs, and cancels them.

use super::exit::{Exit, Failure};

/// The words of `pyoco runs`.
#[derive(clap::Args, Debug)]
pub(crate) struct RunsArgs {}

/// Does it.
pub(crate) fn main(_args: &RunsArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
