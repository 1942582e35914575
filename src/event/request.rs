//! A request to cancel a run, as it stands on a line of the run's file `cancel`:
//! `{"level":"drain","by":"runs cancel","reason":"wrong branch"}`.

use serde::{Deserialize, Serialize};

use crate::model::Level;

/// The file in a run's folder that holds the requests; its being there is what tells tasks that a
/// cancel was asked.
pub const CANCEL_FILE: &str = "cancel";

/// The FIFO in a run's folder: a byte written into it tells the runner that [`CANCEL_FILE`] changed.
pub const WAKE_FIFO: &str = "wake";

/// Somebody's wish that a run ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// How hard.
    pub level: Level,
    /// Who asks: `runs cancel`, `SIGINT`, `api`.
    #[serde(default)]
    pub by: String,
    /// Why, in the asker's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl CancelRequest {
    /// Returns the request as a line with its newline.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a request is plain text");
        line.push('\n');
        line
    }

    /// Reads all requests in the text of the file; what is no request is passed over.
    pub fn parse_all(text: &str) -> Vec<CancelRequest> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
