//! The terminal that this process has: lends it to a task that is `interactive`, and takes it back.
//!
//! The task's group becomes the terminal's foreground group in the child itself, before its program
//! is there: so the program never finds itself in the background. It is taken back as soon as the
//! leader has exited, however that came about, and so are the terminal's modes.
//!
//! Ctrl-Z stops the task, since it has the terminal. Its worker sees that, takes the terminal back
//! and stops this process's own group, as a shell would stop the whole job; when that is continued
//! in the foreground, the task gets the terminal again.
//!
//! A task that is not `interactive` can make itself the foreground. That too is undone at its end.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duct::Expression;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process_group, test_kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use super::clock::Clock;
use super::console::ConsoleSender;
use super::group::Start;
use super::local::Context;
use super::os::End;
use super::signal_mask;
use crate::model::{Reason, TaskId};

/// How often a task that has the terminal is looked at: a person waits for Ctrl-Z to take effect.
pub(super) const LOOK_AT_INTERACTIVE: Duration = Duration::from_millis(50);
/// How often any other task is looked at: one that wants the terminal waits in vain for ever.
pub(super) const LOOK_AT_OTHERS: Duration = Duration::from_secs(1);
/// How often the foreground is asked for before a task fails that needs it. Each time stops us, where
/// anybody can continue us.
const CLAIMS: u32 = 3;
/// How long we wait for the foreground without asking for it.
const BEFORE_CLAIM: Duration = Duration::from_millis(200);
/// How long the system has to stop us, or a shell to give us the terminal.
const CLAIM_AT_MOST: Duration = Duration::from_secs(1);
/// What a program that draws on a whole terminal undoes at its end: colours, the hidden cursor, the keys'
/// other meaning, reports of pastes, of the mouse and of the focus, and last the other screen. Where
/// that is not shown, some terminals go to the place that was last saved, so it is saved before.
const AS_BEFORE: &[u8] =
    b"\x1b[0m\x1b[?25h\x1b[?1l\x1b>\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\
    \x1b[?1006l\x1b[?1004l\x1b7\x1b[?1049l";
/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The terminal that controls this process.
#[derive(Clone, Debug)]
pub(super) struct Terminal(Arc<OwnedFd>);

impl Terminal {
    /// Returns it, where there is one.
    pub(super) fn of_this_process() -> Option<Terminal> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
        rustix::fs::open("/dev/tty", flags, Mode::empty()).ok().map(|tty| Terminal(Arc::new(tty)))
    }

    /// Returns the group in the foreground; `None` where there is none any more.
    fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&*self.0).ok()
    }

    fn give(&self, group: Pid) -> io::Result<()> {
        past_ttou(|| tcsetpgrp(&*self.0, group))?;
        Ok(())
    }

    fn set_modes(&self, modes: &Termios) {
        // It may have hung up; then there is nothing to set.
        let _ = past_ttou(|| tcsetattr(&*self.0, OptionalActions::Now, modes));
    }

    /// Shows it as it was before a program that could not do so itself.
    fn clean(&self) {
        // On a description of its own: one that waits for Ctrl-Q must not hold us up.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let Ok(tty) = rustix::fs::open("/dev/tty", flags, Mode::empty()) else { return };
        // It may have hung up; then there is nothing to clean.
        let _ = past_ttou(|| rustix::io::write(&tty, AS_BEFORE));
    }

    fn is_ours(&self) -> bool {
        self.foreground() == Some(getpgrp())
    }

    /// Waits until we are in the foreground. As any job that wants the terminal we stop until then.
    fn claim(&self, is_wanted: &dyn Fn() -> bool) -> Result<(), Reason> {
        let has_come = |at_most: Duration| {
            let deadline = Instant::now() + at_most;
            while !self.is_ours() && is_wanted() {
                if Instant::now() >= deadline {
                    return false;
                }
                std::thread::sleep(LOOK_AGAIN);
            }
            true
        };
        for _ in 0..CLAIMS {
            // Who continued us in the background may have done so in order to end us.
            if has_come(BEFORE_CLAIM) {
                return Ok(());
            }
            // In a group that nobody could continue it does nothing.
            let _ = kill_process_group(getpgrp(), Signal::TTIN);
            if has_come(CLAIM_AT_MOST) {
                return Ok(());
            }
        }
        Err(Reason::spawn(
            "the terminal belongs to another job, and an `interactive` task needs it",
        ))
    }

    /// Returns a descriptor of the terminal: the one that we were given, where it is one.
    fn stream(&self, ours: impl AsFd + IsTerminal) -> io::Result<File> {
        let fd = if ours.is_terminal() { ours.as_fd() } else { self.0.as_fd() };
        Ok(fd.try_clone_to_owned()?.into())
    }
}

/// The foreground, which was ours when a task started that has no business with it.
#[derive(Debug)]
pub(super) struct Held {
    /// How often the run had been suspended by then: each time a shell takes it from us.
    n_pauses: u64,
}

impl Held {
    /// Returns it, where we have a terminal and are in its foreground.
    pub(super) fn now(run: &Context) -> Option<Held> {
        let is_ours = run.terminal.as_ref().is_some_and(Terminal::is_ours);
        is_ours.then(|| Held { n_pauses: run.clock.n_pauses() })
    }

    /// Takes the foreground back from the task with this leader, which has ended, or from a group of
    /// nobody. Any other group is that of another task or of a shell.
    pub(super) fn keep(self, run: &Context, leader: Pid) {
        let Some(terminal) = &run.terminal else { return };
        let Some(foreground) = terminal.foreground().filter(|group| *group != getpgrp()) else {
            return;
        };
        let is_nobodys = || test_kill_process_group(foreground) == Err(Errno::SRCH);
        let was_taken = foreground == leader || is_nobodys();
        if was_taken && self.n_pauses == run.clock.n_pauses() {
            // Where it has hung up there is nothing to take.
            let _ = terminal.give(getpgrp());
        }
    }
}

/// The terminal in the hands of a task; taken back with the value.
#[derive(Debug)]
pub(super) struct Loan {
    terminal: Terminal,
    task: TaskId,
    attempt: u32,
    /// The modes that the terminal had before.
    modes: Option<Termios>,
    /// Whether it understands what [`AS_BEFORE`] says.
    has_escapes: bool,
    /// Whether the task had no chance to leave it as it was.
    was_cut_short: bool,
    /// Who has it.
    group: Option<Pid>,
    /// How often the run had been suspended when it was given: each time a shell takes it from us.
    n_pauses: u64,
    clock: Arc<Clock>,
    console: ConsoleSender,
}

impl Loan {
    /// Prepares to lend the terminal, where the task is interactive and there is one. Nothing else is
    /// written to it from now on.
    ///
    /// # Errors
    /// With the reason for which the task cannot have it.
    pub(super) fn prepare(
        run: &Context,
        task: TaskId,
        attempt: u32,
    ) -> Result<Option<Loan>, Reason> {
        if !run.plan.flow.task(task).options.interactive {
            return Ok(None);
        }
        let Some(terminal) = run.terminal.clone() else { return Ok(None) };
        terminal.claim(&|| !run.groups.is_killed())?;
        run.console.lent(task, attempt, &|| !run.groups.is_killed());
        Ok(Some(Loan {
            task,
            attempt,
            modes: tcgetattr(&*terminal.0).ok(),
            has_escapes: has_escapes(&run.plan.inherited),
            was_cut_short: false,
            group: None,
            n_pauses: run.clock.n_pauses(),
            clock: run.clock.clone(),
            console: run.console.clone(),
            terminal,
        }))
    }

    /// Asks to start a process that gets the terminal, which must be ours at that moment.
    ///
    /// # Errors
    /// With the reason for which it cannot have it.
    pub(super) fn begin_start<'a>(&mut self, run: &'a Context) -> Result<Start<'a>, Reason> {
        loop {
            let start = run.groups.begin_start();
            // From here on no suspension, and so no shell, comes between.
            if self.terminal.is_ours() || run.groups.is_killed() {
                self.n_pauses = run.clock.n_pauses();
                return Ok(start);
            }
            drop(start);
            self.terminal.claim(&|| !run.groups.is_killed())?;
        }
    }

    /// Lets the process that will be started have the terminal from its first instruction.
    pub(super) fn attach(&self, expression: Expression) -> io::Result<Expression> {
        let terminal = self.terminal.clone();
        let expression = expression
            .stdin_file(self.terminal.stream(io::stdin())?)
            .stdout_file(self.terminal.stream(io::stdout())?)
            .stderr_file(self.terminal.stream(io::stderr())?);
        Ok(expression.before_spawn(move |command| {
            let terminal = terminal.clone();
            let take = move || terminal.give(getpid());
            #[expect(
                unsafe_code,
                reason = "only the child itself can do it before its program runs"
            )]
            // SAFETY: between fork and exec it makes system calls only: it neither allocates nor
            // locks, and an error is returned as a number.
            unsafe {
                command.pre_exec(take)
            };
            Ok(())
        }))
    }

    /// Notes who has the terminal.
    pub(super) fn is_held_by(&mut self, run: &Context, leader: Pid) {
        self.group = Some(leader);
        run.groups.has_terminal(self.task, self.attempt);
    }

    /// Notes how the leader has ended.
    pub(super) fn ended(&mut self, run: &Context, end: &End) {
        // Above 128 a shell speaks of a signal that ended its own child.
        let is_by_signal = end.signal.is_some() || end.code > Some(128);
        self.was_cut_short = is_by_signal || run.groups.has_grace(self.task, self.attempt);
    }

    /// Does what is to be done when the task was stopped by this signal: we are stopped too, and when
    /// we are continued, so is the task.
    ///
    /// # Errors
    /// Where it can no longer have the terminal.
    pub(super) fn stopped(&mut self, run: &Context, by: i32) -> Result<(), Reason> {
        let Some(group) = self.group else { return Ok(()) };
        if self.is_ending(run) {
            return Ok(()); // it is continued by whoever ends it
        }
        let wants_it = by == libc::SIGTTIN || by == libc::SIGTTOU;
        if run.groups.take_held(self.task, self.attempt) || (wants_it && self.was_taken()) {
            self.wait_for_resume(run)?;
        } else if !wants_it {
            self.stop_both(run)?;
        }
        if self.is_ending(run) {
            return Ok(());
        }
        self.n_pauses = run.clock.n_pauses();
        let given = self.terminal.give(group);
        given.map_err(|error| Reason::spawn(&format!("cannot give it the terminal: {error}")))?;
        run.groups.go_on(self.task, self.attempt);
        Ok(())
    }

    /// Stops us as the task was stopped, and waits until we are continued in the foreground.
    fn stop_both(&self, run: &Context) -> Result<(), Reason> {
        let modes = tcgetattr(&*self.terminal.0).ok();
        self.take_back();
        stop_this_process(&run.clock);
        self.wait_for_resume(run)?;
        if let Some(modes) = modes.filter(|_| self.terminal.is_ours()) {
            self.terminal.set_modes(&modes);
        }
        Ok(())
    }

    fn wait_for_resume(&self, run: &Context) -> Result<(), Reason> {
        while !run.clock.is_going_within(LOOK_AT_INTERACTIVE) {
            if self.is_ending(run) {
                return Ok(());
            }
        }
        self.terminal.claim(&|| !self.is_ending(run))
    }

    /// Returns whether the task was asked to end.
    fn is_ending(&self, run: &Context) -> bool {
        run.groups.is_killed() || run.groups.has_grace(self.task, self.attempt)
    }

    /// Returns whether a shell may have taken the terminal since it was given to the task.
    fn was_taken(&self) -> bool {
        self.n_pauses != self.clock.n_pauses()
    }

    /// Takes the terminal back, unless somebody else has it who got it from a shell.
    fn take_back(&self) {
        if self.was_taken() && self.terminal.foreground() != self.group {
            return;
        }
        // Where it has hung up there is nothing to take.
        let _ = self.terminal.give(getpgrp());
        if let Some(modes) = &self.modes {
            self.terminal.set_modes(modes);
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.take_back();
        if self.was_cut_short && self.has_escapes && self.terminal.is_ours() {
            self.terminal.clean();
        }
        self.console.returned();
    }
}

fn has_escapes(env: &[(OsString, OsString)]) -> bool {
    let term = env.iter().find(|(name, _)| name == "TERM");
    term.is_some_and(|(_, term)| !term.is_empty() && term != "dumb")
}

/// Stops the group that we are in, as Ctrl-Z would, and waits until that takes effect. Where nobody
/// could continue us it does nothing.
fn stop_this_process(clock: &Clock) {
    let before = clock.n_pauses();
    let _ = kill_process_group(getpgrp(), Signal::TSTP);
    let deadline = Instant::now() + CLAIM_AT_MOST;
    while Instant::now() < deadline && clock.n_pauses() == before {
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Does something to the terminal that stops whoever does it in the background.
fn past_ttou<T>(act: impl FnOnce() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    let _mask = signal_mask::block(&[libc::SIGTTOU]);
    act()
}
