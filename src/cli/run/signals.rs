//! Signals of `pyoco run`: the ladder of a cancel, and dying by one's own signal.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::engine::{RunHandle, signal_mask};
use crate::event::CancelRequest;
use crate::model::{Level, signal_name};

const HUP: i32 = signal_hook::consts::SIGHUP;
const INT: i32 = signal_hook::consts::SIGINT;
const QUIT: i32 = signal_hook::consts::SIGQUIT;
const TERM: i32 = signal_hook::consts::SIGTERM;

/// How long a kill waits for the record, and after it for the console; and how long the console has
/// once a signal came too late to cancel anything.
const KILL_AT_MOST: Duration = Duration::from_secs(1);

/// Where signals go while a run is under way.
#[derive(Clone, Default)]
pub(super) struct Ladder(Arc<Rungs>);

#[derive(Default)]
struct Rungs {
    run: Mutex<Run>,
    had_term: AtomicBool,
}

#[derive(Default)]
struct Run {
    handle: Option<RunHandle>,
    level: Option<Level>,
    /// Signals that came before there was a run.
    early: Vec<i32>,
    /// Whether all that is left is a slow reader.
    is_over: bool,
    /// The signal that cancelled the run that is over.
    cancelled_by: Option<i32>,
    /// A signal that came after the last line of the record and before that.
    late: Option<i32>,
    /// Whether the slow reader is waited for no longer than [`KILL_AT_MOST`].
    is_hasty: bool,
}

impl Ladder {
    /// Listens for signals from now on. One that the caller wants ignored stays ignored.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(super) fn listen() -> Result<Ladder, Failure> {
        let ladder = Ladder::default();
        if !is_ignored(INT) {
            let ladder = ladder.clone();
            ctrlc::set_handler(move || ladder.signal(INT)).map_err(|error| match error {
                ctrlc::Error::System(error) => cannot_listen(error),
                other => cannot_listen(io::Error::other(other)),
            })?;
        }
        let wanted: Vec<i32> =
            [TERM, HUP, QUIT].into_iter().filter(|signal| !is_ignored(*signal)).collect();
        let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(cannot_listen)?;
        let listener = ladder.clone();
        let thread = std::thread::Builder::new().name("signals".into());
        let listen = move || signals.forever().for_each(|signal| listener.signal(signal));
        thread.spawn(listen).map_err(cannot_listen)?;
        Ok(ladder)
    }

    /// Lets signals reach a run, also those that came before it.
    pub(super) fn lead_to(&self, handle: RunHandle) {
        let mut run = self.run();
        run.handle = Some(handle);
        let early = std::mem::take(&mut run.early);
        drop(run);
        early.into_iter().for_each(|signal| self.signal(signal));
    }

    /// Waits until all is shown of a run that is over: only a slow reader is waited for. That is cut
    /// short after a kill, which must end us also where the terminal hangs, and by any signal. But
    /// what comes in the last moment changes nothing: a reader that reads gets all, and we end as the
    /// run has ended.
    ///
    /// `cancelled_by` is the signal that cancelled the run: it ends the program then too.
    pub(super) fn wait_for_trace(&self, handle: &RunHandle, cancelled_by: Option<i32>) {
        let mut run = self.run();
        run.is_over = true;
        run.cancelled_by = cancelled_by;
        let late = run.late;
        if late.is_some() || handle.level() >= Some(Level::Kill) {
            run.make_haste(late);
        }
        drop(run);
        handle.wait_for_trace();
    }

    fn signal(&self, signal: i32) {
        let mut run = self.run();
        if run.is_over {
            return run.make_haste(Some(signal));
        }
        let Some(handle) = run.handle.clone() else {
            run.early.push(signal);
            return;
        };
        if handle.status().is_final() {
            run.late = Some(signal);
            return;
        }
        // What somebody else asked for, say `pyoco runs cancel`, counts as a rung too.
        let before = run.level.max(handle.level());
        let level = self.level(signal, before);
        run.level = before.max(Some(level));
        drop(run);
        let by = signal_name(signal).into_owned();
        handle.request(CancelRequest { level, by, reason: None });
        if level == Level::Kill {
            give_up_on(handle, signal);
        }
    }

    fn level(&self, signal: i32, before: Option<Level>) -> Level {
        match signal {
            INT => before.map_or(Level::Drain, Level::next),
            QUIT => Level::Kill,
            TERM if self.0.had_term.swap(true, Ordering::SeqCst) => Level::Kill,
            _ => Level::Stop,
        }
    }

    fn run(&self) -> std::sync::MutexGuard<'_, Run> {
        self.0.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Ends the program a moment from now, if it has not ended by then: by the signal that cancelled
    /// the run, or else by this one.
    fn make_haste(&mut self, signal: Option<i32>) {
        if std::mem::replace(&mut self.is_hasty, true) {
            return;
        }
        let signal = self.cancelled_by.or(signal);
        let end = move || {
            std::thread::sleep(KILL_AT_MOST);
            end_by(signal);
        };
        if std::thread::Builder::new().name("haste".into()).spawn(end).is_err() {
            end_by(signal);
        }
    }
}

/// Ends the program by a signal, or as `pyoco runs cancel` ends it where there was none.
fn end_by(signal: Option<i32>) -> ! {
    match signal {
        Some(signal) => die_by(signal),
        None => std::process::exit(Exit::As(INT).code().into()),
    }
}

/// Says that signals cannot be listened for, which is when nothing may run.
pub(super) fn cannot_listen(error: io::Error) -> Failure {
    Failure::new(format!("cannot listen for signals: {error}"))
        .hint("nothing was run; the system has no room for more threads or open files")
}

/// Ends the program by a signal where a killed run does not come to its end: its record cannot be
/// written, or a task's program is still being loaded.
fn give_up_on(handle: RunHandle, signal: i32) {
    let wait = move || {
        if !handle.is_over_within(KILL_AT_MOST) {
            die_by(signal);
        }
    };
    // Without a thread it is as slow as the disk.
    let _ = std::thread::Builder::new().name("kill".into()).spawn(wait);
}

/// Puts right what a careless caller left: a blocked mask, and ignored signals that would change
/// what our children do or what we hear of them. Ignored SIGHUP, SIGINT and SIGQUIT stay so: that is
/// how `nohup` asks to be left alone.
#[expect(unsafe_code, reason = "no crate in use wraps these calls safely")]
pub(super) fn reset_inherited() {
    // Who wants the terminal in the background shall be stopped, a task as well as we.
    const OURS: [i32; 4] = [libc::SIGCHLD, TERM, libc::SIGTTOU, libc::SIGTTIN];
    // SIGPIPE is ignored by Rust's start-up, and set right by its way to start a process.
    const KEPT: [i32; 4] = [HUP, INT, QUIT, libc::SIGPIPE];
    signal_mask::clear().forget();
    // SAFETY: no handler of ours is installed yet; the dispositions are the default ones, and the
    // handler does nothing.
    unsafe {
        for signal in OURS {
            libc::signal(signal, libc::SIG_DFL);
        }
        // Past the caller's limit of file sizes a write shall fail as on a full disk, and not end us.
        libc::signal(libc::SIGXFSZ, ignore as *const () as libc::sighandler_t);
        // The other signals are the tasks' business: these get the default, while we go on
        // ignoring them. A handler does both, as the start of a program takes it away.
        let others = (1..LAST_STANDARD).filter(|signal| !KEPT.contains(signal));
        for signal in others.filter(|signal| is_ignored(*signal)) {
            libc::signal(signal, ignore as *const () as libc::sighandler_t);
        }
    }
}

/// Returns whether we go on ignoring a signal because the caller ignores it. For SIGTSTP that means
/// that nobody would continue us.
pub(super) fn is_deaf_to(signal: i32) -> bool {
    disposition(signal).is_some_and(|handler| handler == ignore as *const () as usize)
}

/// One past the last of the signals that every Unix has; those behind are the C library's own, or
/// nobody's.
const LAST_STANDARD: i32 = 32;

extern "C" fn ignore(_signal: i32) {}

fn is_ignored(signal: i32) -> bool {
    disposition(signal) == Some(libc::SIG_IGN)
}

#[expect(unsafe_code, reason = "no crate in use asks for a disposition without changing it")]
fn disposition(signal: i32) -> Option<libc::sighandler_t> {
    // SAFETY: with a null for the new action the call only fills the old one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0;
        asked.then_some(action.sa_sigaction)
    }
}

/// Ends the program by a signal, without a core dump, so that whoever called us sees how it ended: a
/// plain exit code would let a calling shell script go on.
///
/// Where the signal does not end us (the first process of a container), the exit code says it.
pub(super) fn die_by(signal: i32) -> ! {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    // Without the limit there may be a core file; that is no reason to stay.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    raise_by_default(signal);
    std::process::exit(128 + signal)
}

/// Raises a signal with what it does by default. Returns where that does not end us.
#[expect(
    unsafe_code,
    reason = "the safe way to do it ends in `abort` where the signal does not end us"
)]
fn raise_by_default(signal: i32) {
    // SAFETY: the disposition is a default one.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    signal_mask::unblock(&[signal]).forget();
    // SAFETY: a call with a number.
    unsafe { libc::raise(signal) };
}

/// What becomes of a signal that was kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does what it does by default.
    Stops,
    /// It has come for nothing.
    Dropped,
}

/// Settles a signal that this thread blocks and that was sent, and then lets its handler have the next.
/// Of one that stops us it returns when we are continued, or at once where it does not stop us.
///
/// Who continues us takes away what would stop us: where that came first nothing is left here, and
/// nothing happens. The system decides it, so that neither can be overlooked.
#[expect(unsafe_code, reason = "the safe way to do it stops us with another signal")]
pub(super) fn settle(signal: i32, fate: Fate) {
    // SAFETY: the structure is filled before it is used, and the action is written back as it was.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &raw mut action) != 0 {
            return;
        }
        match fate {
            Fate::Stops => {
                libc::signal(signal, libc::SIG_DFL);
                drop(signal_mask::unblock(&[signal]));
            }
            Fate::Dropped => {
                libc::signal(signal, libc::SIG_IGN); // which forgets what was sent
            }
        }
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Returns the signal with this name, of those that cancel a run.
pub(super) fn by_name(name: &str) -> Option<i32> {
    [HUP, INT, QUIT, TERM].into_iter().find(|signal| signal_name(*signal) == name)
}
