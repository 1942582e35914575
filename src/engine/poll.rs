//! The one way to wait for several descriptors at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// How long a wait that the system has no memory for is put off.
const SHORT_OF_MEMORY: Duration = Duration::from_millis(10);

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
