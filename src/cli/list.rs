//! `pyoco list`.

use super::exit::{Exit, Failure};

/// The words of `pyoco list`.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {}

/// Does it.
pub(crate) fn main(_args: &ListArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
