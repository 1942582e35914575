//! The copy of the workflow file in a run's folder.

use std::io::{self, Read};

use super::files::{failed, open_regular};
use super::jsonl::{JsonlStore, copy_name};
use crate::event::StoreError;
use crate::model::{RunId, Syntax};

/// The longest copy that is read: no longer file is run.
const MOST: u64 = 32 << 20;

impl JsonlStore {
    /// Returns the workflow file of a run as the record keeps it, its secrets masked; `None` where it
    /// keeps none.
    ///
    /// # Errors
    /// Where there is no such run, or its copy cannot be read.
    pub fn source(&self, run_id: RunId) -> Result<Option<(Syntax, Vec<u8>)>, StoreError> {
        let dir = self.existing(run_id)?;
        for syntax in [Syntax::Yaml, Syntax::Toml] {
            let path = dir.join(copy_name(syntax));
            let file = match open_regular(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &path)(error)),
            };
            let mut bytes = Vec::new();
            file.take(MOST).read_to_end(&mut bytes).map_err(failed("read", &path))?;
            return Ok(Some((syntax, bytes)));
        }
        Ok(None)
    }
}
