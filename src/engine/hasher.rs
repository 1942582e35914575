//! Sums up the files that tasks left behind, on one thread of its own beside the run, which waits for
//! it only at its end.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::local::Context;
use super::os;
use crate::model::TaskId;
use crate::scheduler::{Artifact, Hashed, Input};

/// The largest file that is summed up: that takes some seconds.
const MAX_SIZE: u64 = 1 << 30;
/// How much is read at once; between two reads it is looked whether anybody still waits.
const PIECE: usize = 256 << 10;

struct Job {
    task: TaskId,
    attempt: u32,
    artifacts: Vec<Artifact>,
}

/// The thread, once there is anything to sum up. It goes away with this.
#[derive(Default)]
pub(super) struct Hasher {
    queue: Option<Sender<Job>>,
    is_over: Arc<AtomicBool>,
}

impl Hasher {
    /// Sums up files, each of which is told to the runner.
    pub(super) fn add(
        &mut self,
        run: &Arc<Context>,
        task: TaskId,
        attempt: u32,
        artifacts: Vec<Artifact>,
    ) {
        let job = Job { task, attempt, artifacts };
        if self.queue.is_none() {
            match start(run, &self.is_over) {
                Ok(queue) => self.queue = Some(queue),
                Err(error) => run.notice(&format!("artifacts are not summed up: {error}")),
            }
        }
        let unsent = match &self.queue {
            Some(queue) => queue.send(job).err().map(|error| error.0),
            None => Some(job),
        };
        if let Some(job) = unsent {
            job.artifacts.iter().for_each(|artifact| tell(run, &job, artifact, None));
        }
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

fn start(run: &Arc<Context>, is_over: &Arc<AtomicBool>) -> io::Result<Sender<Job>> {
    let (queue, jobs) = mpsc::channel();
    let (run, is_over) = (run.clone(), is_over.clone());
    let work = move || {
        os::yield_to_others();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&run, &jobs, &is_over))) {
            run.report_bug(panic);
        }
    };
    std::thread::Builder::new().name("hasher".into()).spawn(work)?;
    Ok(queue)
}

fn work(run: &Context, jobs: &Receiver<Job>, is_over: &AtomicBool) {
    let mut buffer = vec![0; PIECE];
    while let Ok(job) = jobs.recv() {
        for artifact in &job.artifacts {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            let sum = sum(artifact, &mut buffer, is_over);
            tell(run, &job, artifact, sum.unwrap_or_default());
        }
    }
}

fn tell(run: &Context, job: &Job, artifact: &Artifact, sha256: Option<String>) {
    let path = artifact.path.clone();
    let hashed = Hashed { task: job.task, attempt: job.attempt, path, sha256 };
    run.tell(Input::Hashed(Box::new(hashed)));
}

/// Returns the sum of a file; `None` where it is too large, or not what its task left behind.
fn sum(artifact: &Artifact, buffer: &mut [u8], is_over: &AtomicBool) -> io::Result<Option<String>> {
    if artifact.size > MAX_SIZE {
        return Ok(None);
    }
    let mut file = open(&artifact.file)?;
    let (mut sha256, mut size) = (Sha256::new(), 0);
    while size <= artifact.size && !is_over.load(Ordering::SeqCst) {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(n) => {
                sha256.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let metadata = file.metadata()?;
    let is_same = metadata.is_file()
        && size == artifact.size
        && metadata.len() == artifact.size
        && (metadata.mtime(), metadata.mtime_nsec()) == artifact.modified;
    Ok(is_same.then(|| {
        sha256.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // to memory
            hex
        })
    }))
}

/// Opens a file, perhaps by a link, which may be something else by now: a FIFO is not waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(path: &Path) -> Artifact {
        let metadata = path.metadata().expect("it is there");
        Artifact {
            path: "x".into(),
            file: path.into(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    fn sum_of(artifact: &Artifact) -> Option<String> {
        sum(artifact, &mut [0; 16], &AtomicBool::new(false)).unwrap_or_default()
    }

    #[test]
    fn a_file_that_is_another_has_no_sum() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x");
        std::fs::write(&path, "hello\n").expect("a file");
        let hello = artifact(&path);
        assert_eq!(
            sum_of(&hello).as_deref(),
            Some("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
        );
        let other = Artifact { modified: (1, 2), ..hello.clone() };
        assert_eq!(sum_of(&other), None);
        std::fs::write(&path, "hello, hello, hello\n").expect("a file");
        assert_eq!(sum_of(&hello), None);
        std::fs::write(&path, "").expect("a file");
        assert_eq!(sum_of(&hello), None);
        std::fs::remove_file(&path).expect("it was there");
        assert_eq!(sum_of(&hello), None);
        std::fs::create_dir(&path).expect("a folder");
        assert_eq!(sum_of(&hello), None);
    }

    #[test]
    fn a_fifo_in_its_place_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x");
        std::fs::write(&path, "").expect("a file");
        let empty = artifact(&path);
        std::fs::remove_file(&path).expect("it was there");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is everywhere").success());
        assert_eq!(sum_of(&empty), None);
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let path = Path::new("/nowhere");
        let large =
            Artifact { path: "x".into(), file: path.into(), size: MAX_SIZE + 1, modified: (0, 0) };
        assert_eq!(sum_of(&large), None);
    }
}
