//! What a task left behind: processes that hold its output open after it has ended.
//!
//! Their output is drained to nowhere until the run ends, so that they do not block on a full pipe;
//! then the pipes close.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::lock;

/// How long a wait that the system has no memory for is put off.
const SHORT_OF_MEMORY: Duration = Duration::from_millis(10);

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

/// Waits until one of the descriptors can be read, or has its end; returns which.
pub(super) fn readable(
    descriptors: &[BorrowedFd<'_>],
    at_most: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let timeout = at_most.map(|time| rustix::event::Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        // The system is short of memory for a moment; to give up would leave output undrained.
        Err(rustix::io::Errno::NOMEM | rustix::io::Errno::AGAIN) => {
            std::thread::sleep(SHORT_OF_MEMORY)
        }
        Err(error) => return Err(error.into()),
    }
    Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect())
}
