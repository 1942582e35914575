//! `pyoco init`.

use super::exit::{Exit, Failure};

/// The words of `pyoco init`.
#[derive(clap::Args, Debug)]
pub(crate) struct InitArgs {}

/// Does it.
pub(crate) fn main(_args: &InitArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
