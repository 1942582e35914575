//! Being stopped and continued as a job of a shell: Ctrl-Z, `fg`, `bg`, and the two signals for who
//! uses the terminal in the background. The run is suspended first, and resumed afterwards.
//!
//! A signal that stops us does so with what it does by default, so that the shell sees it; where
//! nobody could continue us (a group without a parent in its session) the system does nothing then,
//! and the run goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU};

use super::signals;
use crate::cli::exit::Failure;
use crate::engine::RunHandle;
use crate::model::Level;
use crate::trace::Screen;

/// What is done when the program is to stop.
#[derive(Clone)]
pub(super) struct JobControl {
    run: Arc<OnceLock<(RunHandle, Screen)>>,
    /// The last of these signals, 0 for SIGCONT: a stop that one has overtaken is none any more.
    last: Arc<AtomicUsize>,
}

impl JobControl {
    /// Listens from now on. A signal that the caller wants ignored stays so.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(super) fn listen() -> Result<JobControl, Failure> {
        let job = JobControl { run: Arc::default(), last: Arc::default() };
        let wanted: Vec<i32> = [SIGTSTP, SIGTTIN, SIGTTOU]
            .into_iter()
            .filter(|signal| !signals::is_deaf_to(*signal))
            .collect();
        for signal in wanted.iter().chain([&SIGCONT]) {
            let value = if *signal == SIGCONT { 0 } else { signal.unsigned_abs() as usize };
            signal_hook::flag::register_usize(*signal, job.last.clone(), value)
                .map_err(signals::cannot_listen)?;
        }
        let mut stops =
            signal_hook::iterator::Signals::new(&wanted).map_err(signals::cannot_listen)?;
        let listener = job.clone();
        let listen = move || stops.forever().for_each(|signal| listener.stop(signal));
        std::thread::Builder::new()
            .name("job".into())
            .spawn(listen)
            .map_err(signals::cannot_listen)?;
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
        if self.is_continued() || is_stale {
            return;
        }
        let Some((handle, screen)) = self.run.get() else {
            return signals::raise_by_default_once(signal, || self.is_continued());
        };
        // The end is near, and who is ended needs no terminal.
        let level = if signal == SIGTTIN { Level::Stop } else { Level::Kill };
        let is_over = handle.status().is_final();
        if !is_over && handle.level() >= Some(level) {
            return;
        }
        handle.suspend();
        screen.pause();
        // What an outer pyoco sends can have stopped and continued us in the middle of this, and a
        // cancel resumes the run.
        if is_over || handle.is_suspended() {
            signals::raise_by_default_once(signal, || self.is_continued());
        }
        screen.resume();
        handle.resume();
    }

    fn is_continued(&self) -> bool {
        self.last.load(Ordering::SeqCst) == 0
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
