//! `pyoco graph`.

use super::exit::{Exit, Failure};

/// The words of `pyoco graph`.
#[derive(clap::Args, Debug)]
pub(crate) struct GraphArgs {}

/// Does it.
pub(crate) fn main(_args: &GraphArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
