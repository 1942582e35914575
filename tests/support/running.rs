//! A program under way, and what became of it.

use std::fmt;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Once};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;

use super::{DEADLINE, Project, wait_for};

/// What became of a program.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// Its exit code, where it exited.
    pub(crate) code: Option<i32>,
    /// The number of the signal that ended it, where one did.
    pub(crate) signal: Option<i32>,
    /// What it wrote to its standard output (of a terminal: all that it showed).
    pub(crate) stdout: String,
    /// What it wrote to its standard error.
    pub(crate) stderr: String,
    /// Its standard output as it came.
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, signal) = (self.code, self.signal);
        writeln!(f, "code {code:?}, signal {signal:?}")?;
        write!(f, "--- stdout\n{}\n--- stderr\n{}\n---", self.stdout, self.stderr)
    }
}

impl Outcome {
    /// Requires this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Requires that this signal ended it.
    #[track_caller]
    pub(crate) fn dies_of(self, signal: i32) -> Outcome {
        assert_eq!(self.signal, Some(signal), "{self:?}");
        self
    }

    /// Requires that its standard output holds this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Outcome {
        assert!(self.stdout.contains(text), "no `{text}` in: {self:?}");
        self
    }

    /// Requires that its standard error holds this text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Outcome {
        assert!(self.stderr.contains(text), "no `{text}` in: {self:?}");
        self
    }

    /// Returns its standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A program under way; it is killed with the value.
pub(crate) struct Running {
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts it with nothing to read, and its streams on pipes that are read all the time.
    #[track_caller]
    pub(crate) fn spawn(command: Command) -> Running {
        Running::spawn_reading(command, Stdio::null())
    }

    /// The same with this as its standard input.
    #[track_caller]
    pub(crate) fn spawn_reading(mut command: Command, stdin: impl Into<Stdio>) -> Running {
        take_signals();
        command.stdin(stdin);
        // A group of its own: a test that signals the group must not hit the test runner.
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let (stdout, reader) = collect(child.stdout.take().expect("it is a pipe"));
        let (stderr, other) = collect(child.stderr.take().expect("it is a pipe"));
        Running { child, stdout, stderr, readers: vec![reader, other] }
    }

    /// Returns its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program is not reaped yet");
    }

    /// Sends its whole group a signal, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).expect("the program is not reaped yet");
    }

    /// Returns what it has written to its standard output so far.
    pub(crate) fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// Returns what it has written to its standard error so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until its standard output holds this text.
    #[track_caller]
    pub(crate) fn wait_to_say(&mut self, text: &str) {
        self.wait_until(&format!("`{text}` on stdout"), |running| running.stdout().contains(text));
    }

    /// Waits until its standard error holds this text.
    #[track_caller]
    pub(crate) fn wait_to_complain(&mut self, text: &str) {
        self.wait_until(&format!("`{text}` on stderr"), |running| running.stderr().contains(text));
    }

    /// Waits until something is true, and fails where the program ends before that.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, is_true: impl Fn(&Running) -> bool) {
        let start = Instant::now();
        while !is_true(self) {
            let ended = self.has_ended() && self.readers.iter().all(JoinHandle::is_finished);
            let is_late = start.elapsed() > DEADLINE;
            if (ended && !is_true(self)) || is_late {
                let said = format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr());
                panic!("waited for {what} (it has ended: {ended})\n{said}");
            }
            std::thread::sleep(std::time::Duration::from_millis(5)); // the pause of the poll
        }
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        let start = Instant::now();
        while !(self.has_ended() && self.readers.iter().all(JoinHandle::is_finished)) {
            if start.elapsed() > DEADLINE {
                let said = format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr());
                panic!("the program has not ended after {DEADLINE:?}\n{said}");
            }
            std::thread::sleep(std::time::Duration::from_millis(2)); // the pause of the poll
        }
        let status: ExitStatus = self.child.wait().expect("the child is ours");
        Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: self.stderr(),
            bytes: self.stdout.lock().expect("no reader panics").clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where it has ended these change nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("no reader panics")).into_owned()
}

fn collect(mut from: impl Read + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let kept = bytes.clone();
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n) = from.read(&mut buffer)
            && n > 0
        {
            kept.lock().expect("no reader panics").extend_from_slice(&buffer[..n]);
        }
    });
    (bytes, reader)
}

/// Makes children start with default signals, also where the tests run under `nohup` or in the
/// background of a shell: an ignored signal is inherited, one that is handled is not.
pub(crate) fn take_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let always = Arc::new(AtomicBool::new(true));
            register_conditional_shutdown(signal, 128 + signal, always)
                .expect("these four can be handled");
        }
    });
}

/// Waits until a file is there: a task's way to say that it is ready.
#[track_caller]
pub(crate) fn wait_for_file(path: &std::path::Path) {
    wait_for(&format!("the file {}", path.display()), || path.exists());
}

/// Waits until a run of the project has its end in its record.
#[track_caller]
pub(crate) fn wait_for_end(project: &Project) {
    let is_over = || project.records().iter().any(|record| record.status().is_final());
    wait_for("the end in the record", is_over);
}
