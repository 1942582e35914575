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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_nearest_project_holds_the_records() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let top = dir.path();
        let deep = top.join("a/b");
        fs::create_dir_all(&deep).expect("folders");
        let find = |flag: Option<&str>, env: Option<&str>| {
            find_state_dir(flag.map(Path::new), env.map(Path::new), &deep)
        };
        fs::create_dir(top.join(".git")).expect("a folder");
        assert_eq!(find(None, None), top.join(".pyoco"));
        fs::write(top.join("a/pyoco.toml"), "").expect("a file");
        assert_eq!(find(None, None), top.join("a/.pyoco"));
        fs::create_dir(deep.join(".pyoco")).expect("a folder");
        assert_eq!(find(None, None), deep.join(".pyoco"));
        assert_eq!(find(None, Some("/env")), Path::new("/env"));
        assert_eq!(find(Some("rel"), Some("/env")), deep.join("rel"));
        assert_eq!(find(Some(""), Some("")), deep.join(".pyoco"));
    }

    #[test]
    fn the_folder_is_private_and_unseen_by_git() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let path = dir.path().join("x/.pyoco");
        make_state_dir(&path).expect("to make it");
        make_state_dir(&path).expect("it is there");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(fs::read_to_string(path.join(".gitignore")).expect("a file"), "*\n");
        let plain = path.join(".gitignore");
        let error = make_state_dir(&plain).expect_err("a file has its name").to_string();
        let shown = plain.display();
        assert_eq!(
            error,
            format!(
                "the state folder `{shown}` is no folder; remove it, or choose another with --state-dir"
            )
        );
        assert!(make_state_dir(&plain.join("below")).is_err());
    }
}
