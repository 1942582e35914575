//! Any Unix: a signal that is waited for is taken, and sent again at once. A SIGCONT between the two
//! is lost; that is a moment of two calls.

use std::io;

use crate::engine::signal_mask::SignalSet;

/// Signals that are kept back, and waited for.
pub(super) struct Kept(SignalSet);

impl Kept {
    /// Prepares to wait for these.
    pub(super) fn new(signals: &[i32]) -> io::Result<Kept> {
        Ok(Kept(SignalSet::of(signals)))
    }

    /// Waits until one of them was sent, which this thread must block, and returns which. It is still
    /// there then.
    #[expect(unsafe_code, reason = "no crate in use wraps this call")]
    pub(super) fn wait(&self) -> i32 {
        let mut signal = 0;
        // SAFETY: the set was made, and the number is there to be written to.
        while unsafe { libc::sigwait(self.0.as_ptr(), &raw mut signal) } != 0 {}
        super::raise(signal);
        signal
    }
}
