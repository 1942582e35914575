//! A program on a terminal of its own, as the leader of a session.
//!
//! The descriptor of the terminal's other end is inherited by whatever the same test binary starts
//! meanwhile: a test that counts a task's descriptors belongs into a binary without terminals.

use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};

use super::running::take_signals;
use super::{DEADLINE, Outcome, leftovers, wait_for};

/// A program on a terminal; it is stopped with the value.
pub(crate) struct Terminal {
    session: PtySession,
    /// What was shown so far, each byte as a character: see [`as_chars`].
    seen: String,
    /// That of the test.
    mark: String,
}

impl Terminal {
    /// Starts it.
    #[track_caller]
    pub(crate) fn spawn(command: Command) -> Terminal {
        take_signals();
        let mark = command.get_envs().find(|(name, _)| *name == leftovers::MARK);
        let mark = mark.and_then(|(_, mark)| mark?.to_str()).unwrap_or_default().to_owned();
        let most = u64::try_from(DEADLINE.as_millis()).expect("a minute is a small number");
        let mut session = spawn_command(command, Some(most)).expect("a terminal can be made");
        session.process_mut().set_kill_timeout(Some(10_000));
        Terminal { session, seen: String::new(), mark }
    }

    /// Waits until it shows this text; returns what it showed before.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let wanted = as_chars(text);
        let before = self.session.exp_string(&wanted);
        let before =
            before.unwrap_or_else(|error| panic!("no `{text}`: {error}\nbefore: {}", self.seen));
        self.seen.push_str(&before);
        self.seen.push_str(&wanted);
        String::from_utf8_lossy(&as_bytes(&before)).into_owned()
    }

    /// Presses a key together with the control key.
    pub(crate) fn press_control(&mut self, key: char) {
        self.session.send_control(key).expect("the terminal is there");
    }

    /// Types a line, and presses the return key.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.session.send_line(&as_chars(line)).expect("the terminal is there");
    }

    /// Presses keys one after the other.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.session.send(keys).and_then(|_| self.session.flush()).expect("the terminal is there");
    }

    /// Waits for its end; the outcome's `stdout` is all that it showed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        let rest = self.session.exp_eof();
        self.seen.push_str(
            &rest.unwrap_or_else(|error| panic!("no end: {error}\nbefore: {}", self.seen)),
        );
        let mut status = WaitStatus::StillAlive;
        wait_for("the program's end", || {
            status = self.session.process().status().expect("the child is ours");
            status != WaitStatus::StillAlive
        });
        let (code, signal) = match status {
            WaitStatus::Exited(_, code) => (Some(code), None),
            WaitStatus::Signaled(_, signal, _) => (None, Some(signal as i32)),
            other => panic!("neither exited nor killed: {other:?}"),
        };
        let bytes = as_bytes(&self.seen);
        let stdout = String::from_utf8_lossy(&bytes).into_owned();
        Outcome { code, signal, stdout, stderr: String::new(), bytes }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let more = std::iter::from_fn(|| self.session.try_read()).collect::<String>();
            eprintln!("the terminal showed:\n{}\nand then, not awaited:\n{more}", self.seen);
            // They are gone with the terminal.
            eprintln!("processes of the test:\n{}", leftovers::describe(&self.mark));
        }
    }
}

/// Returns a text as rexpect sees it: it takes every byte for a character of its own.
fn as_chars(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

fn as_bytes(chars: &str) -> Vec<u8> {
    chars.chars().map(|c| u8::try_from(c).expect("rexpect makes one of each byte")).collect()
}
