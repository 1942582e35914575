//! `pyoco check`.

use super::exit::{Exit, Failure};

/// The words of `pyoco check`.
#[derive(clap::Args, Debug)]
pub(crate) struct CheckArgs {}

/// Does it.
pub(crate) fn main(_args: &CheckArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
