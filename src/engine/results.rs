//! What an attempt leaves behind: the file behind `$PYOCO_OUTPUT`, its standard output where that is a
//! value, and its files. It is looked at once the process has been reaped, and only after a good exit
//! code.
//!
//! The path in `$PYOCO_OUTPUT` is a new one for each attempt, so that every attempt begins with an
//! empty file. The file itself is made beforehand only for a task that promises values: to others the
//! first `>>` makes it. All of them lie in one folder, which goes away with the run, since what stands
//! in them is not masked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::artifacts;
use super::local::Context;
use super::output_file::{MAX_FILE, MAX_VALUE, parse};
use crate::event::{CANCEL_FILE, Measured, open_regular};
use crate::model::{Promises, Reason, TaskId};
use crate::scheduler::{Fault, Output, Results};

/// The folder of outputs, below the run's own.
const FOLDER: &str = "output";
/// How long it may take from the run's file `cancel` to the request that it holds.
const CANCEL_AT_MOST: Duration = Duration::from_secs(1);
/// How many names a notice shows.
const MAX_NAMES: usize = 8;

/// The folder in which the files behind `$PYOCO_OUTPUT` lie.
pub(super) struct OutputFolder {
    dir: PathBuf,
    /// Another one, where that one could not be made or was taken away.
    spare: OnceLock<TempDir>,
}

impl OutputFolder {
    /// Makes the folder of a run.
    pub(super) fn new(run_dir: &Path) -> OutputFolder {
        let folder = OutputFolder { dir: run_dir.join(FOLDER), spare: OnceLock::new() };
        if folder.make().is_err() {
            // A task that promises values tries again, and says what is wrong.
            let _ = folder.make_spare();
        }
        folder
    }

    fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(&self.dir)
    }

    fn make_spare(&self) -> io::Result<&Path> {
        if self.spare.get().is_none() {
            let spare = tempfile::Builder::new().prefix("pyoco-").tempdir()?;
            // Where two were made at once the second one goes away again.
            let _ = self.spare.set(spare);
        }
        self.spare.get().map(TempDir::path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the path of an attempt's file, which is there and empty where values are promised.
    pub(super) fn prepare(
        &self,
        promises: Option<&Promises>,
        task: TaskId,
        attempt: u32,
    ) -> Result<PathBuf, Reason> {
        let name = format!("{:04}-{attempt}", task.0);
        let path = self.spare.get().map_or(&*self.dir, TempDir::path).join(&name);
        if promises.is_none_or(|promises| promises.outputs.is_empty()) || create(&path).is_ok() {
            return Ok(path);
        }
        // Where the run's folder was taken away the tasks go on all the same.
        let spare = || -> io::Result<PathBuf> {
            let path = self.make_spare()?.join(name);
            create(&path)?;
            Ok(path)
        };
        spare().map_err(|error| Reason::spawn(&format!("cannot make its $PYOCO_OUTPUT: {error}")))
    }

    /// Removes the folder with all that is left in it.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if !is_none(&error) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Returns whether there is nothing at a path, be it that its folder is none.
fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Keeps the standard output of an attempt, as it becomes a value: without the white space at both
/// ends.
#[derive(Default)]
pub(super) struct Capture {
    bytes: Vec<u8>,
    /// Whether more than white space follows what is kept.
    is_too_long: bool,
}

impl Capture {
    /// Takes some output.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        if self.bytes.is_empty() {
            bytes = bytes.trim_ascii_start();
        }
        if bytes.is_empty() || self.is_too_long {
            return;
        }
        let room = (MAX_VALUE + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let more = &bytes[bytes.len().min(room)..];
        self.is_too_long = more.iter().any(|byte| !byte.is_ascii_whitespace());
    }

    /// Returns the value.
    fn value(self) -> Result<String, String> {
        let bytes = self.bytes.trim_ascii_end();
        if self.is_too_long || bytes.len() > MAX_VALUE {
            return Err(format!("is longer than the {MAX_VALUE} bytes that a value may have"));
        }
        if bytes.contains(&0) {
            return Err("holds a NUL character, which no variable can hold".to_owned());
        }
        let value = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        Ok(value.to_owned())
    }
}

/// An attempt that has ended.
pub(super) struct Left<'a> {
    /// The globs of its files.
    pub(super) globs: &'a [String],
    pub(super) task: TaskId,
    /// The folder that it ran in.
    pub(super) dir: &'a Path,
    /// Its file behind `$PYOCO_OUTPUT`.
    pub(super) output: &'a Path,
    pub(super) measured: &'a Measured,
    pub(super) capture: Option<Capture>,
}

/// Takes what an attempt has left behind; its file goes away. The secrets in it are known from then on,
/// also where the attempt failed.
pub(super) fn collect(run: &Context, left: Left<'_>) -> Result<Results, Fault> {
    let flow = &run.plan.flow;
    let options = flow.task(left.task).options();
    let is_ok = left.measured.code().is_some_and(|code| options.is_ok(code));
    let has_secret = flow.has_secret_output(left.task);
    let file = if is_ok || has_secret { read(left.output) } else { Ok(None) };
    if let (true, Ok(Some(bytes))) = (has_secret, &file)
        && let Ok(written) = parse(bytes)
    {
        run.mask.learn_written(flow, left.task, &written);
    }
    if !is_ok || !matches!(file, Ok(None)) {
        let _ = fs::remove_file(left.output); // what stays goes with the folder
    }
    if !is_ok {
        return Ok(Results::default());
    }
    let nothing = Promises::default();
    let promises = options.promises.as_deref().unwrap_or(&nothing);
    let mut results = file.map_err(|what| Fault::Wrong(Reason::output(&what))).and_then(|file| {
        let outputs = outputs(run, left.task, promises, file.as_deref(), left.capture)?;
        let artifacts = artifacts::find(run, left.task, left.dir, left.globs)?;
        Ok(Results { outputs, artifacts })
    });
    if let Ok(results) = &mut results {
        run.mask.learn(flow, left.task, results);
    }
    if matches!(results, Err(Fault::Missing(_))) {
        wait_for_cancel(run);
    }
    results
}

/// Lets a request come first that the task may have seen: who asks writes the file before anything
/// else.
fn wait_for_cancel(run: &Context) {
    let asked = Instant::now();
    let file = run.dir.join(CANCEL_FILE);
    while run.token.level().is_none() && file.exists() && asked.elapsed() < CANCEL_AT_MOST {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the content of an attempt's file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let cannot = |error: io::Error| format!("cannot read $PYOCO_OUTPUT: {error}");
    let file = match open_regular(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if is_none(&error) => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > MAX_FILE {
        return Err(format!("$PYOCO_OUTPUT holds more than {MAX_FILE} bytes"));
    }
    Ok(Some(bytes))
}

/// Returns the values that were promised.
fn outputs(
    run: &Context,
    task: TaskId,
    promises: &Promises,
    file: Option<&[u8]>,
    capture: Option<Capture>,
) -> Result<Vec<Output>, Fault> {
    let wrong = |what: String| Fault::Wrong(Reason::output(&what));
    let mut written = parse(file.unwrap_or_default()).map_err(|bad| wrong(bad.to_string()))?;
    let own = run.plan.flow.task(task).name();
    if let (Some(name), Some(capture)) = (&promises.capture, capture) {
        let value = capture.value().map_err(|what| wrong(format!("standard output {what}")))?;
        if written.iter().any(|(other, _)| **other == **name) {
            run.notice(&format!(
                "task `{own}` wrote `{name}` to $PYOCO_OUTPUT too; its standard output counts"
            ));
            written.retain(|(other, _)| **other != **name);
        }
        written.push((name, value));
    }
    let (kept, stray): (Vec<_>, Vec<_>) =
        written.into_iter().partition(|(name, _)| promises.has(name));
    if !stray.is_empty() {
        let names = stray.iter().take(MAX_NAMES).map(|(name, _)| format!("`{}`", shortened(name)));
        let names = names.collect::<Vec<_>>().join(", ");
        let more = stray.len().saturating_sub(MAX_NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        run.notice(&format!(
            "task `{own}` wrote what it does not promise: {names}{more}; name it in `outputs`"
        ));
    }
    let is_there = |name: &&str| kept.iter().any(|(other, _)| other == name);
    if let Some(missing) = promises.names().find(|name| !is_there(name)) {
        return Err(Fault::Missing(Reason::missing_output(missing)));
    }
    let output = |(name, value): (&str, String)| Output {
        name: name.into(),
        value: value.into(),
        shown: None,
    };
    Ok(kept.into_iter().map(output).collect())
}

fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_may_have_so_many_bytes_and_no_more() {
        for (n, is_good) in [(MAX_VALUE, true), (MAX_VALUE + 1, false)] {
            let mut capture = Capture::default();
            capture.take(b" \n");
            "x".repeat(n).as_bytes().chunks(1000).for_each(|piece| capture.take(piece));
            (0..100).for_each(|_| capture.take(b"\n \n"));
            assert_eq!(capture.value().is_ok(), is_good);
        }
    }

    #[test]
    fn what_no_variable_can_hold_is_refused() {
        for bytes in [&b"a\0b"[..], b"a\xff"] {
            let mut capture = Capture::default();
            capture.take(bytes);
            assert!(capture.value().is_err());
        }
    }

    proptest! {
        #[test]
        fn pieces_are_what_the_whole_is(pieces in prop::collection::vec("[a \n\t]{0,4}", 0..10)) {
            let mut capture = Capture::default();
            pieces.iter().for_each(|piece| capture.take(piece.as_bytes()));
            let whole = pieces.concat();
            prop_assert_eq!(capture.value().expect("short"), whole.trim());
        }
    }
}
