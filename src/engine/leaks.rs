//! What a task left behind: processes that hold its output open after it has ended.
//!
//! Their output is drained to nowhere until the run ends, so that they do not block on a full pipe;
//! then the pipes close.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;

use super::lock;
use super::poll::readable;

/// Drains the output of what a run's tasks left behind.
#[derive(Debug, Default)]
pub(super) struct Drains {
    /// Its write end closes when the run ends, which every drain sees.
    end: Mutex<Option<(PipeReader, PipeWriter)>>,
}

impl Drains {
    /// Drains `pipes` until they close or the run ends. Where no thread can be had they close now.
    pub(super) fn add(&self, pipes: Vec<PipeReader>) {
        let Ok(end) = self.end_reader() else { return };
        let thread = std::thread::Builder::new().name("leak".into());
        // Without a thread the pipes close: what was left behind then dies of SIGPIPE, if of anything.
        let _ = thread.spawn(move || drain(pipes, &end));
    }

    fn end_reader(&self) -> io::Result<PipeReader> {
        let mut end = lock(&self.end);
        let (reader, _) = match &*end {
            Some(pipe) => pipe,
            None => end.insert(io::pipe()?),
        };
        reader.try_clone()
    }

    /// Ends all drains.
    pub(super) fn close(&self) {
        *lock(&self.end) = None;
    }
}

fn drain(mut pipes: Vec<PipeReader>, end: &PipeReader) {
    let mut buffer = vec![0; 64 << 10];
    while !pipes.is_empty() {
        let mut descriptors: Vec<BorrowedFd<'_>> = pipes.iter().map(AsFd::as_fd).collect();
        descriptors.push(end.as_fd());
        let Ok(ready) = readable(&descriptors, None) else { return };
        if ready.last() == Some(&true) {
            return;
        }
        let mut index = 0;
        pipes.retain_mut(|pipe| {
            let is_ready = ready[index];
            index += 1;
            !is_ready || pipe.read(&mut buffer).is_ok_and(|bytes| bytes > 0)
        });
    }
}
