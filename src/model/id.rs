//! Ids: of a task inside a run, and of a run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a task inside one flow or run: its index in declaration order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TaskId(pub u32);

impl TaskId {
    /// Returns the id as an index into a table of tasks.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the id of the task at `index` of a table.
    ///
    /// # Panics
    /// Above `u32::MAX` tasks, which no loader lets through.
    pub fn from_index(index: usize) -> TaskId {
        TaskId(u32::try_from(index).expect("a flow has fewer than 2^32 tasks"))
    }
}

/// Names a run: a UUIDv7, so that ids sort by the time they were made.
///
/// Paths are built from a `RunId` only, never from text that was not parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

/// Text that is no run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a run id")]
pub struct BadRunId(pub String);

impl RunId {
    /// Returns a fresh id, later in order than all that this process made before.
    pub fn fresh() -> RunId {
        RunId(Uuid::now_v7())
    }

    /// Returns the short form shown to people: the last eight hex digits.
    ///
    /// Ids made together share their beginning, so the end tells them apart.
    pub fn short(self) -> String {
        let mut whole = self.0.simple().to_string();
        whole.split_off(24)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = BadRunId;

    /// Parses the canonical form alone (36 characters, lower case), which is also the folder's name.
    fn from_str(text: &str) -> Result<RunId, BadRunId> {
        let id = Uuid::try_parse(text).map_err(|_| BadRunId(text.to_owned()))?;
        let id = RunId(id);
        if id.to_string() == text { Ok(id) } else { Err(BadRunId(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_has_one_text_form() {
        let id = RunId::fresh();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.short().len(), 8);
        assert!(id.to_string().ends_with(&id.short()));
        for bad in ["", "..", "../x", &id.to_string().to_uppercase(), &id.short()] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let ids: Vec<RunId> = (0..1000).map(|_| RunId::fresh()).collect();
        assert!(ids.is_sorted());
    }
}
