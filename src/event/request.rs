//! A request to cancel a run, as it stands on a line of the run's file `cancel`:
//! `{"level":"drain","by":"runs cancel","reason":"wrong branch"}`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::open_regular;
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

    /// Appends the request to the file at `path` in one write; makes the file for its owner alone. The
    /// one writer for all who ask, from inside of the run or from outside.
    ///
    /// # Errors
    /// Where it cannot be written, or is no regular file.
    pub(crate) fn append_to(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file =
            open_regular(path, options.read(true).append(true).create(true).mode(0o600))?;
        let mut line = self.to_line();
        let len = file.metadata()?.len();
        // Where a disk was full half a line may stand there, which must not swallow this one.
        let mut last = [b'\n'];
        if len > 0 {
            file.read_exact_at(&mut last, len - 1)?;
        }
        if last != [b'\n'] {
            line.insert(0, '\n');
        }
        file.write_all(line.as_bytes())
    }

    /// Reads all requests in the text of the file; what is no request is passed over.
    pub fn parse_all(text: &str) -> Vec<CancelRequest> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
