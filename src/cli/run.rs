//! `pyoco run`.

use super::exit::{Exit, Failure};

/// The words of `pyoco run`.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {}

/// Does it.
pub(crate) fn main(_args: &RunArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
