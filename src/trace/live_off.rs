//! Stands in for the live view in a build without the feature `cli`: there is none.

use crate::model::Ms;

/// What a frame would show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Tasks that have ended.
    pub(super) done: u64,
    /// All tasks.
    pub(super) total: u64,
    /// Since the start of the run.
    pub(super) took: Ms,
    /// How long the run still takes, where that can be said.
    pub(super) remaining: Option<Ms>,
    /// Whether a cancel was asked.
    pub(super) cancelling: bool,
    /// The tasks that run.
    pub(super) rows: Vec<Row>,
}

/// One running task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// How long it has taken.
    pub(super) took: Ms,
    /// The last line that it printed.
    pub(super) said: String,
}

/// The live view that is none.
#[derive(Debug)]
pub(super) struct Live;

/// Whether there is a live view in this build.
pub(super) const AVAILABLE: bool = false;

impl Live {
    /// Returns a view that never shows anything.
    pub(super) fn new() -> Live {
        Live
    }

    /// Returns whether anything is on the screen: never.
    pub(super) fn is_shown(&self) -> bool {
        false
    }

    /// Returns no bytes.
    pub(super) fn draw(&mut self, _: &Frame, _: u16, _: u16) -> Vec<u8> {
        Vec::new()
    }

    /// Returns no bytes.
    pub(super) fn clear(&mut self, _: u16) -> Vec<u8> {
        Vec::new()
    }
}
