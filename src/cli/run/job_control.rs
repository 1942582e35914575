//! Being stopped and continued as a job of a shell: Ctrl-Z, `fg`, `bg`, and the two signals for who
//! uses the terminal in the background. The run is suspended first, and resumed afterwards.
//!
//! A signal that stops us does so with what it does by default, so that the shell sees it; where
//! nobody could continue us (a group without a parent in its session) the system does nothing then,
//! and the run goes on.
//!
//! One thread sees to it. What is to stop us is kept back and not taken until the run is suspended:
//! so the system itself takes it away where SIGCONT comes meanwhile, as it does for any process. Two
//! handlers, which may run on two threads, could not tell which of the two signals was the later one.
//!
//! A thread that starts a task lets both signals in for that moment, as the task inherits its mask. What
//! then reaches it is handed over. There a gap is left: a SIGCONT that comes between the look whether one
//! has come and the handing over is taken away by the latter, and pyoco stays stopped until the next one.

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
mod portable;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};

use signal_hook::consts::{SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};

#[cfg(all(target_os = "linux", not(pyoco_portable)))]
use self::linux::Kept;
#[cfg(not(all(target_os = "linux", not(pyoco_portable))))]
use self::portable::Kept;
use super::signals::{self, Fate, settle};
use crate::cli::exit::Failure;
use crate::engine::RunHandle;
use crate::engine::signal_mask::{self, SignalSet};
use crate::model::Level;
use crate::trace::Screen;

/// The thread that sees to it, for handlers.
static THREAD: OnceLock<libc::pthread_t> = OnceLock::new();

/// Whether that thread is settling a signal: nothing is handed over meanwhile that would stop us once
/// more, just as we are continued.
static IS_SETTLING: AtomicBool = AtomicBool::new(false);

/// What was not handed over for that; 0 where there was nothing. It may be the very signal that is
/// being settled: its handler can run after that thread has seen it.
static LATE: AtomicI32 = AtomicI32::new(0);

/// What is done when the program is to stop.
#[derive(Clone)]
pub(super) struct JobControl {
    run: Arc<OnceLock<(RunHandle, Screen)>>,
}

impl JobControl {
    /// Listens from now on. A signal that the caller wants ignored stays so.
    ///
    /// It is for the first thread, before there are others: they inherit that SIGTSTP and SIGCONT are
    /// kept from them. The two others are not, or who writes to the terminal in the background could.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(super) fn listen() -> Result<JobControl, Failure> {
        JobControl::start().map_err(signals::cannot_listen)
    }

    fn start() -> io::Result<JobControl> {
        let job = JobControl { run: Arc::default() };
        let wanted: Vec<i32> = [SIGTSTP, SIGTTIN, SIGTTOU]
            .into_iter()
            .filter(|signal| !signals::is_deaf_to(*signal))
            .collect();
        signal_mask::block(&signal_mask::KEPT).forget();
        let kept = Kept::new(&wanted)?;
        let (tell, told) = mpsc::channel();
        let (listener, blocked) = (job.clone(), wanted.clone());
        let listen = move || {
            signal_mask::block(&blocked).forget();
            THREAD.get_or_init(this_thread);
            drop(tell);
            loop {
                let signal = kept.wait();
                IS_SETTLING.store(true, Ordering::SeqCst);
                listener.stop(signal);
                IS_SETTLING.store(false, Ordering::SeqCst);
                let late = LATE.swap(0, Ordering::SeqCst);
                if late != 0 {
                    raise(late); // to be looked at anew
                }
            }
        };
        std::thread::Builder::new().name("job".into()).spawn(listen)?;
        // It ends with the sender, once there is somebody to hand to.
        let _: Result<(), _> = told.recv();
        wanted.into_iter().try_for_each(hand_over)?;
        Ok(job)
    }

    /// Suspends this run from now on before the program is stopped, and clears its screen.
    pub(super) fn lead_to(&self, handle: RunHandle, screen: Screen) {
        // It is said once: there is one run.
        let _ = self.run.set((handle, screen));
    }

    /// Suspends the run and stops the program; returns when both are over.
    fn stop(&self, signal: i32) {
        // A thread that is told again and again that it must not write can be told so once more after
        // we were continued.
        let is_stale = matches!(signal, SIGTTIN | SIGTTOU) && is_in_foreground();
        if is_stale {
            return settle(signal, Fate::Dropped);
        }
        let Some((handle, screen)) = self.run.get() else {
            return settle(signal, Fate::Stops);
        };
        // The end is near, and who is ended needs no terminal.
        let level = if signal == SIGTTIN { Level::Stop } else { Level::Kill };
        let is_over = handle.status().is_final();
        if !is_over && handle.level() >= Some(level) {
            return settle(signal, Fate::Dropped);
        }
        handle.suspend();
        screen.pause();
        // What an outer pyoco sends can have stopped and continued us in the middle of this, and a
        // cancel resumes the run.
        let is_to_stop = is_over || handle.is_suspended();
        settle(signal, if is_to_stop { Fate::Stops } else { Fate::Dropped });
        screen.resume();
        handle.resume();
    }
}

/// Sends a signal to this thread, which blocks it.
#[expect(unsafe_code, reason = "no crate in use sends a signal to a thread")]
fn raise(signal: i32) {
    // SAFETY: a call with a number.
    unsafe { libc::raise(signal) };
}

#[expect(unsafe_code, reason = "the standard library tells it of a thread's handle only")]
fn this_thread() -> libc::pthread_t {
    // SAFETY: it cannot fail.
    unsafe { libc::pthread_self() }
}

/// Lets the job's thread have this signal where it reaches another one.
#[expect(unsafe_code, reason = "the safe ways let SIGCONT in while they handle another signal")]
fn hand_over(signal: i32) -> io::Result<()> {
    // SAFETY: the structure is plain C data, filled before its use; the handler keeps to what a
    // handler may do.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = hand_to_thread as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        action.sa_mask = SignalSet::of(&[SIGTSTP, SIGCONT]).into_raw();
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "no crate in use wraps this call")]
extern "C" fn hand_to_thread(signal: i32) {
    // It came after this signal, which takes away what came before.
    if SignalSet::pending().has(SIGCONT) {
        return;
    }
    // Who must not use the terminal is told so each time it tries, again and again until we stop, and
    // that stop may well come here.
    if matches!(signal, SIGTTIN | SIGTTOU) {
        LATE.store(signal, Ordering::SeqCst);
        if IS_SETTLING.load(Ordering::SeqCst) {
            return;
        }
        LATE.store(0, Ordering::SeqCst);
    }
    if let Some(thread) = THREAD.get() {
        // SAFETY: the thread never ends. In a child that has not executed its program yet it is not
        // there, which is an error and nothing else.
        unsafe { libc::pthread_kill(*thread, signal) };
    }
}

/// Returns whether we may use the terminal.
fn is_in_foreground() -> bool {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let terminal = open("/dev/tty", flags, Mode::empty());
    let group = terminal.and_then(rustix::termios::tcgetpgrp);
    group == Ok(rustix::process::getpgrp())
}
