//! Where the records lie: finds the state folder, and makes it for commands that write.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf, absolute};

use super::files::make_private_dir;

/// The name of the state folder.
const NAME: &str = ".pyoco";

/// What marks the top of a project, beside a state folder.
const MARKS: [&str; 4] = ["pyoco.yaml", "pyoco.yml", "pyoco.toml", ".git"];

/// Why there is no state folder.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Something else has its name.
    #[error("the state folder `{}` is no folder; remove it, or choose another with --state-dir", .0.display())]
    NotAFolder(PathBuf),
    /// The system refuses.
    #[error("cannot create the state folder `{}`: {source}; choose another with --state-dir", path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Returns the state folder as an absolute path, be it there or not.
///
/// `flag` is what `--state-dir` says, `env` what `PYOCO_STATE_DIR` does; an empty one says nothing.
/// Without either it is `.pyoco` in the nearest folder at or above `cwd` that holds one, a
/// `pyoco.{yaml,yml,toml}` or a `.git`, else in `cwd`.
pub fn find_state_dir(flag: Option<&Path>, env: Option<&Path>, cwd: &Path) -> PathBuf {
    let given = |path: &&Path| !path.as_os_str().is_empty();
    if let Some(path) = flag.filter(given).or(env.filter(given)) {
        let path = cwd.join(path);
        return absolute(&path).unwrap_or(path);
    }
    let is_top =
        |dir: &&Path| dir.join(NAME).is_dir() || MARKS.iter().any(|mark| dir.join(mark).exists());
    cwd.ancestors().find(is_top).unwrap_or(cwd).join(NAME)
}

/// Makes the state folder, for its owner alone and unseen by git; one that is there is left as it is.
///
/// # Errors
/// Where something else has its name, or the system refuses.
pub fn make_state_dir(path: &Path) -> Result<(), StateDirError> {
    let refused = |source| StateDirError::Refused { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(StateDirError::NotAFolder(path.to_owned())),
        Err(_) => {} // making it tells why it cannot be seen, if that is so
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(refused)?;
    }
    make_private_dir(path).map_err(refused)?;
    let ignore = path.join(".gitignore");
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(ignore);
    match made.and_then(|mut file| file.write_all(b"*\n")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(refused(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
