//! The files that a task leaves behind: its globs, matched in its folder.
//!
//! Only regular files count, and links to such; a folder is named by what is in it. Links to folders
//! are followed where the glob names them, never below `**`, which could go round in circles.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::local::Context;
use crate::model::{Glob, GlobPart, Reason, TaskId};
use crate::scheduler::{Artifact, Fault};

/// The most files that a task may leave behind: each is a line of the record.
const MAX_FILES: usize = 10_000;
/// The most names that are looked at for one task: a `/**` goes over the whole disk.
const MAX_LOOKS: usize = 1_000_000;

/// Returns the files that the globs of a task mean, sorted by their paths.
pub(super) fn find(
    run: &Context,
    task: TaskId,
    dir: &Path,
    globs: &[String],
) -> Result<Vec<Artifact>, Fault> {
    if globs.is_empty() {
        return Ok(Vec::new());
    }
    let is_killed = || run.groups.is_killed();
    let mut search = Search::new(dir, &is_killed);
    let own = run.plan.flow.task(task).name();
    let mut missing = None;
    for text in globs {
        let glob = Glob::parse(text)
            .map_err(|(what, _)| Fault::Wrong(Reason::artifact(&format!("`{text}` {what}"))))?;
        let found = search
            .glob(&glob)
            .map_err(|what| Fault::Wrong(Reason::artifact(&format!("`{text}` {what}"))))?;
        if let Found::Nothing { folder } = found {
            if let Some(folder) = folder {
                let folder = folder.display();
                run.notice(&format!(
                    "task `{own}`: `{folder}` is a folder, which is no artifact; \
                     `{folder}/**` means the files below it"
                ));
            }
            missing.get_or_insert(text);
        }
    }
    if let Some((path, error)) = &search.closed {
        let path = path.display();
        run.notice(&format!(
            "task `{own}`: artifacts may be missing: cannot look into `{path}`: {error}"
        ));
    }
    match missing {
        Some(glob) => Err(Fault::Missing(Reason::missing_artifact(glob))),
        None => Ok(search.artifacts()),
    }
}

/// What a glob came to.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Files,
    /// No file; perhaps it is a folder that was meant.
    Nothing {
        folder: Option<PathBuf>,
    },
}

struct Search<'a> {
    dir: &'a Path,
    is_killed: &'a dyn Fn() -> bool,
    /// The files by their paths, as they are recorded.
    files: BTreeMap<PathBuf, Metadata>,
    n_looks: usize,
    /// The first folder that could not be looked into.
    closed: Option<(PathBuf, io::Error)>,
}

impl<'a> Search<'a> {
    fn new(dir: &'a Path, is_killed: &'a dyn Fn() -> bool) -> Search<'a> {
        Search { dir, is_killed, files: BTreeMap::new(), n_looks: 0, closed: None }
    }

    /// Finds the files of one glob. Where it stands is a path and the parts that are left.
    fn glob(&mut self, glob: &Glob) -> Result<Found, String> {
        let start = PathBuf::from(if glob.is_absolute { "/" } else { "" });
        let mut left: Vec<(PathBuf, &[GlobPart])> = vec![(start, &glob.parts)];
        let mut found = Found::Nothing { folder: None };
        while let Some((path, parts)) = left.pop() {
            let (part, rest) = match parts {
                [] => {
                    self.add(path, &mut found)?;
                    continue;
                }
                [part, rest @ ..] => (part, rest),
            };
            match part {
                GlobPart::Name(name) => {
                    self.look()?;
                    left.push((path.join(&**name), rest));
                }
                GlobPart::Pattern(_) => {
                    for (child, _) in self.children(&path, part)? {
                        left.push((child, rest));
                    }
                }
                GlobPart::Folders => {
                    for (child, is_folder) in self.children(&path, part)? {
                        if is_folder {
                            left.push((child, parts));
                        } else if rest.is_empty() {
                            self.add(child, &mut found)?;
                        }
                    }
                    if !rest.is_empty() {
                        left.push((path, rest));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Adds a file, if it is one.
    fn add(&mut self, path: PathBuf, found: &mut Found) -> Result<(), String> {
        match fs::metadata(self.dir.join(&path)) {
            Ok(metadata) if metadata.is_file() => {
                *found = Found::Files;
                self.files.insert(path, metadata);
                if self.files.len() > MAX_FILES {
                    return Err(format!("brings the files to more than {MAX_FILES}"));
                }
            }
            Ok(metadata) if metadata.is_dir() => {
                if let Found::Nothing { folder } = found {
                    folder.get_or_insert(path);
                }
            }
            Ok(_) | Err(_) => {} // a device, or gone again
        }
        Ok(())
    }

    /// Returns what a folder holds that matches, and whether each is a folder itself and no link.
    fn children(&mut self, path: &Path, part: &GlobPart) -> Result<Vec<(PathBuf, bool)>, String> {
        let full = self.dir.join(path);
        let entries = match fs::read_dir(&full) {
            Ok(entries) => entries,
            Err(error) => {
                self.cannot_look(full, error);
                return Ok(Vec::new());
            }
        };
        let mut children = Vec::new();
        for entry in entries {
            self.look()?;
            match entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))) {
                Ok((name, kind)) if part.matches(&name.to_string_lossy()) => {
                    children.push((path.join(name), kind.is_dir()));
                }
                Ok(_) => {}
                Err(error) => self.cannot_look(full.clone(), error),
            }
        }
        Ok(children)
    }

    /// Keeps in mind a folder that is there and cannot be looked into.
    fn cannot_look(&mut self, path: PathBuf, error: io::Error) {
        let is_none =
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if !is_none && self.closed.is_none() {
            self.closed = Some((path, error));
        }
    }

    fn look(&mut self) -> Result<(), String> {
        self.n_looks += 1;
        if self.n_looks > MAX_LOOKS {
            return Err(format!("goes over more than {MAX_LOOKS} files and folders"));
        }
        if (self.is_killed)() {
            return Err("was not looked for: the run was killed".to_owned());
        }
        Ok(())
    }

    fn artifacts(self) -> Vec<Artifact> {
        let artifact = |(path, metadata): (PathBuf, Metadata)| Artifact {
            path: Arc::from(&*path.to_string_lossy()),
            file: Arc::from(self.dir.join(&path)),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        };
        let mut artifacts: Vec<Artifact> = self.files.into_iter().map(artifact).collect();
        // Names that are no text may look the same.
        artifacts.dedup_by(|one, other| one.path == other.path);
        artifacts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, file).expect("a file");
        }
        dir
    }

    #[track_caller]
    fn check(dir: &Path, glob: &str, expected: &[&str]) {
        let never = || false;
        let mut search = Search::new(dir, &never);
        search.glob(&Glob::parse(glob).expect("a good glob")).expect("few files");
        let found: Vec<String> =
            search.artifacts().iter().map(|artifact| artifact.path.to_string()).collect();
        assert_eq!(found, expected, "{glob}");
    }

    #[test]
    fn files_are_found_as_in_a_shell() {
        let files = ["a.txt", "b.txt", ".c.txt", "d/e.txt", "d/f/g.txt", "d/.h/i.txt", "d/.j.txt"];
        let tree = tree(&files);
        let dir = tree.path();
        check(dir, "*.txt", &["a.txt", "b.txt"]);
        check(dir, ".*.txt", &[".c.txt"]);
        check(dir, "d", &[]);
        check(dir, "d/*", &["d/e.txt"]);
        check(dir, "*/*.txt", &["d/e.txt"]);
        check(dir, "**/*.txt", &["a.txt", "b.txt", "d/e.txt", "d/f/g.txt"]);
        check(dir, "d/**", &["d/e.txt", "d/f/g.txt"]);
        check(dir, "**", &["a.txt", "b.txt", "d/e.txt", "d/f/g.txt"]);
        check(dir, "**/g.txt", &["d/f/g.txt"]);
        check(dir, "d/**/f/**", &["d/f/g.txt"]);
        check(dir, "d/.h/*", &["d/.h/i.txt"]);
        check(dir, "d/../a.txt", &["d/../a.txt"]);
        check(dir, "./d//e.txt", &["d/e.txt"]);
        check(dir, "x/*", &[]);
        check(dir, "a.txt/*", &[]);
        let absolute = dir.join("a.txt");
        let absolute = absolute.to_str().expect("text");
        check(Path::new("/"), absolute, &[absolute]);
    }

    #[test]
    fn links_are_followed_where_they_are_named() {
        let tree = tree(&["d/e.txt"]);
        let dir = tree.path();
        let link = |to: &str, at: &str| {
            std::os::unix::fs::symlink(to, dir.join(at)).expect("a link");
        };
        link("e.txt", "d/link.txt");
        link("nowhere", "d/dangling");
        link("..", "d/round");
        check(dir, "d/*", &["d/e.txt", "d/link.txt"]);
        check(dir, "d/**", &["d/e.txt", "d/link.txt"]);
        check(dir, "d/round/d/e*", &["d/round/d/e.txt"]);
    }

    #[test]
    fn a_folder_is_told_apart_from_nothing() {
        let tree = tree(&["d/e.txt"]);
        let never = || false;
        let mut search = Search::new(tree.path(), &never);
        let mut find = |glob: &str| search.glob(&Glob::parse(glob).expect("good")).expect("few");
        assert_eq!(find("d"), Found::Nothing { folder: Some("d".into()) });
        assert_eq!(find("x"), Found::Nothing { folder: None });
        assert_eq!(find("d/e.txt"), Found::Files);
    }

    #[test]
    fn a_search_that_goes_too_far_is_ended() {
        let tree = tree(&["d/e.txt"]);
        let killed = || true;
        let mut search = Search::new(tree.path(), &killed);
        assert!(search.glob(&Glob::parse("**").expect("good")).is_err());
        let never = || false;
        let mut search = Search::new(tree.path(), &never);
        search.n_looks = MAX_LOOKS;
        assert!(search.glob(&Glob::parse("**").expect("good")).is_err());
    }
}
