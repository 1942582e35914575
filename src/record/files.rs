//! The few ways in which the record touches the file system: with errors that name the path, and
//! without ever following what somebody else may have put there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::event::StoreError;
use crate::model::{RunId, TaskId};

/// The name of the file of events inside a run's folder.
pub(super) const EVENTS_FILE: &str = "events.jsonl";

/// The name of the folder of logs inside a run's folder.
pub(super) const LOGS_DIR: &str = "logs";

/// Returns what turns an error of the system into one that names the path.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

/// Returns the folder that holds the runs.
pub(super) fn runs_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// Returns the folder of a run. A path is built from a parsed id only.
pub(super) fn run_dir(state_dir: &Path, run_id: RunId) -> PathBuf {
    runs_dir(state_dir).join(run_id.to_string())
}

/// Returns the name, without its ending, of an attempt's files in the folder of logs.
pub(super) fn log_stem(task: TaskId, attempt: u32) -> String {
    format!("{:04}-{attempt}", task.0)
}

/// Makes a folder that only its owner can enter; one that is there already is left as it is.
pub(super) fn make_private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Makes a file that was not there, for its owner alone.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)
}

/// Opens a regular file for reading, and nothing else: no link, no FIFO (which could block for
/// ever), no folder, no device.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    crate::event::open_regular(path, OpenOptions::new().read(true))
}

/// Brings a folder's entries to the disk.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
