//! Linux: a descriptor tells that a signal was sent, and leaves it where it is.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::engine::signal_mask::SignalSet;

/// How long a wait that the system has no memory for is put off.
const SHORT_OF_MEMORY: Duration = Duration::from_millis(10);

/// Signals that are kept back, and waited for.
pub(super) struct Kept {
    signals: Vec<i32>,
    descriptor: OwnedFd,
}

impl Kept {
    /// Prepares to wait for these.
    #[expect(unsafe_code, reason = "no crate in use wraps this call")]
    pub(super) fn new(signals: &[i32]) -> io::Result<Kept> {
        let set = SignalSet::of(signals);
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set was made, and the call asks for a new descriptor.
        let raw = unsafe { libc::signalfd(-1, set.as_ptr(), flags) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just made, and nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Kept { signals: signals.to_vec(), descriptor })
    }

    /// Waits until one of them was sent, which this thread must block, and returns which. It is still
    /// there then.
    pub(super) fn wait(&self) -> i32 {
        loop {
            let mut polled = [PollFd::new(&self.descriptor, PollFlags::IN)];
            match poll(&mut polled, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => std::thread::sleep(SHORT_OF_MEMORY),
            }
            let pending = SignalSet::pending();
            // None where SIGCONT was faster.
            if let Some(signal) = self.signals.iter().find(|signal| pending.has(**signal)) {
                return *signal;
            }
        }
    }
}
