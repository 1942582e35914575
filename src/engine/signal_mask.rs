//! Which signals are kept from the calling thread. What it starts inherits that.

use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::ptr;

/// What pyoco keeps from all its threads but one, and lets in where a task is started.
pub(crate) const KEPT: [i32; 2] = [libc::SIGTSTP, libc::SIGCONT];

/// A set of signals, as the system takes it.
pub(crate) struct SignalSet(libc::sigset_t);

#[expect(unsafe_code, reason = "no crate in use wraps these calls safely")]
impl SignalSet {
    /// Returns the set of these.
    pub(crate) fn of(signals: &[i32]) -> SignalSet {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the first call makes the set, and the others have it; none allocates or locks.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            SignalSet(set.assume_init())
        }
    }

    /// Returns those that were sent to this thread or to the whole process, and are kept back.
    #[cfg(feature = "cli")]
    pub(crate) fn pending() -> SignalSet {
        let mut set = SignalSet::of(&[]);
        // SAFETY: the set is there to be written to.
        unsafe { libc::sigpending(&raw mut set.0) };
        set
    }

    /// Returns whether it has this signal.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn has(&self, signal: i32) -> bool {
        // SAFETY: the set was made, and a number that is no signal is none of it.
        unsafe { libc::sigismember(&raw const self.0, signal) == 1 }
    }

    /// Returns it as the system has it.
    #[cfg(feature = "cli")]
    pub(crate) fn into_raw(self) -> libc::sigset_t {
        self.0
    }

    /// Returns where it lies, for a call of the system.
    pub(crate) fn as_ptr(&self) -> *const libc::sigset_t {
        &raw const self.0
    }
}

/// The mask that this thread had before; it has it again when this is dropped.
#[must_use = "the mask is set back with the value"]
pub(crate) struct MaskBefore {
    set: SignalSet,
    /// It is this thread's alone.
    _not_send: PhantomData<*const ()>,
}

impl MaskBefore {
    /// Leaves the mask as it is now.
    #[cfg(feature = "cli")]
    pub(crate) fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for MaskBefore {
    fn drop(&mut self) {
        mem::forget(change(libc::SIG_SETMASK, &self.set));
    }
}

/// Keeps these signals from this thread too. Makes system calls only, so that it may stand between
/// fork and exec.
pub(crate) fn block(signals: &[i32]) -> MaskBefore {
    change(libc::SIG_BLOCK, &SignalSet::of(signals))
}

/// Lets these signals reach this thread. One that was kept back has done what it does on return.
pub(crate) fn unblock(signals: &[i32]) -> MaskBefore {
    change(libc::SIG_UNBLOCK, &SignalSet::of(signals))
}

/// Lets all signals reach this thread.
#[cfg(feature = "cli")]
pub(crate) fn clear() -> MaskBefore {
    change(libc::SIG_SETMASK, &SignalSet::of(&[]))
}

#[expect(unsafe_code, reason = "no crate in use wraps this call safely")]
fn change(how: libc::c_int, set: &SignalSet) -> MaskBefore {
    let mut before = SignalSet::of(&[]);
    // SAFETY: both sets were made, and the call touches this thread's mask alone. It cannot fail, as
    // `how` is one of the three that there are.
    unsafe { libc::pthread_sigmask(how, set.as_ptr(), ptr::from_mut(&mut before.0)) };
    MaskBefore { set: before, _not_send: PhantomData }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: i32) -> bool {
        let now = block(&[]);
        now.set.has(signal)
    }

    #[test]
    fn a_mask_is_set_back_with_its_value() {
        assert!(!is_blocked(libc::SIGUSR1));
        let before = block(&[libc::SIGUSR1]);
        assert!(is_blocked(libc::SIGUSR1));
        {
            let _open = unblock(&[libc::SIGUSR1]);
            assert!(!is_blocked(libc::SIGUSR1));
        }
        assert!(is_blocked(libc::SIGUSR1));
        drop(before);
        assert!(!is_blocked(libc::SIGUSR1));
    }
}
