//! `pyoco schema`.

use super::exit::{Exit, Failure};

/// The words of `pyoco schema`.
#[derive(clap::Args, Debug)]
pub(crate) struct SchemaArgs {}

/// Does it.
pub(crate) fn main(_args: &SchemaArgs) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
