//! What the integration tests share: a project in a folder of its own, the program run in it under
//! an environment that holds nothing of the caller's, and a look at what it left behind.
//!
//! At its end every project checks by itself that each record it made passes `audit` and that no
//! process it started is still there. No helper sleeps to wait: they wait for something to be true.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary takes in all of it and uses a part"
)]

pub(crate) mod faults;
pub(crate) mod leftovers;
pub(crate) mod proc;
mod record;
mod redact;
mod running;
mod schema;
pub(crate) mod strace;
mod terminal;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pyoco::event::Rules;

pub(crate) use record::Record;
pub(crate) use redact::{redact, same};
pub(crate) use running::{Outcome, Running, wait_for_end, wait_for_file};
pub(crate) use schema::Schema;
pub(crate) use terminal::Terminal;
pub(crate) use tools::{has_tool, is_allowed};

/// The longest that anything in a test may take before the test gives it up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Whether pyoco was built with what only Linux has: it sees the members of a group then, and who
/// holds a pipe open.
pub(crate) const SEES_PROCESSES: bool = cfg!(all(target_os = "linux", not(pyoco_portable)));

/// What the shell of [`Project::shell`] shows when it waits for a command.
pub(crate) const PROMPT: &str = "your turn> ";

/// Waits until `is_true`, and fails the test where it does not come true.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(5)); // the pause of the poll, not of the test
    }
}

/// A folder with a workflow in it, and the program.
pub(crate) struct Project {
    root: tempfile::TempDir,
    dir: PathBuf,
    mark: String,
    env: Vec<(String, String)>,
    is_audited: bool,
}

impl Project {
    /// Makes an empty project.
    pub(crate) fn new() -> Project {
        let root = tempfile::Builder::new().prefix("pyoco-test-").tempdir();
        let root = root.expect("a temporary folder can be made");
        // The canonical path, as it stands in records: on macOS the temporary folder is a link.
        let base = root.path().canonicalize().expect("the folder is there");
        for name in ["project", "home", "tmp"] {
            fs::create_dir(base.join(name)).expect("the folder is ours");
        }
        let mark = base.file_name().expect("it has a name").to_string_lossy().into_owned();
        Project { root, dir: base.join("project"), mark, env: Vec::new(), is_audited: true }
    }

    /// Makes a project with this `pyoco.yaml`.
    pub(crate) fn with(flow: &str) -> Project {
        let project = Project::new();
        project.file("pyoco.yaml", flow);
        project
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().expect("it lies in the project")).expect("ours");
        fs::write(&path, bytes).expect("the file can be written");
        path
    }

    /// Reads a file as text.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.join(name));
        text.unwrap_or_else(|error| panic!("cannot read `{name}`: {error}"))
    }

    /// Returns what every process of the project carries in its environment.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Returns whether there is such a file or folder.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    /// Returns the project's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sets an environment variable for all that is run from here on.
    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Project {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes the last look go past the records: for tests that damage them.
    pub(crate) fn damages_records(&mut self) -> &mut Project {
        self.is_audited = false;
        self
    }

    /// Returns a command in the project's folder with a cleared environment.
    pub(crate) fn command_of(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let base = self.dir.parent().expect("the project lies in our folder");
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .env("HOME", base.join("home"))
            .env("TMPDIR", base.join("tmp"))
            .env("TERM", "dumb")
            .env("LC_ALL", "C")
            .env(leftovers::MARK, &self.mark)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Returns the command `pyoco ARG…`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_pyoco"));
        command.args(args);
        command
    }

    /// Runs `pyoco ARG…` to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.spawn(args).wait()
    }

    /// Runs `pyoco ARG…` to its end, with these bytes as its standard input.
    #[track_caller]
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Outcome {
        let mut file = tempfile::tempfile().expect("a temporary file can be made");
        std::io::Write::write_all(&mut file, input).expect("the input can be written");
        std::io::Seek::rewind(&mut file).expect("a file can be rewound");
        Running::spawn_reading(self.command(args), file).wait()
    }

    /// Starts `pyoco ARG…` and goes on.
    #[track_caller]
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::spawn(self.command(args))
    }

    /// Starts `pyoco ARG…` on a terminal of 24 lines by 80 columns.
    #[track_caller]
    pub(crate) fn terminal(&self, args: &[&str]) -> Terminal {
        self.terminal_of(24, 80, args)
    }

    /// Starts `pyoco ARG…` on a terminal of this size.
    #[track_caller]
    pub(crate) fn terminal_of(&self, lines: u16, columns: u16, args: &[&str]) -> Terminal {
        // The size is set by the same process before it becomes pyoco: there is no race.
        let script = format!("stty rows {lines} cols {columns} echo && exec \"$0\" \"$@\"");
        let mut command = self.command_of("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_pyoco")]).args(args);
        command.env("TERM", "xterm-256color").envs(self.env.iter().map(|(k, v)| (k, v)));
        Terminal::spawn(command)
    }

    /// Fails the test where a process that this project started is alive.
    #[track_caller]
    pub(crate) fn requires_no_process(&self) {
        leftovers::require_none(&self.mark);
    }

    /// Starts a shell with job control on a terminal. Its prompt is [`PROMPT`]; it stands for whoever
    /// presses keys, and knows the program as `$PYOCO`.
    #[track_caller]
    pub(crate) fn shell(&self) -> Terminal {
        let script = "stty rows 24 cols 80 echo && exec /bin/sh -i";
        let mut command = self.command_of("/bin/sh");
        command.args(["-c", script]).env("TERM", "xterm-256color").env("PS1", PROMPT);
        command.env("PYOCO", env!("CARGO_BIN_EXE_pyoco"));
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        let mut terminal = Terminal::spawn(command);
        terminal.expect(PROMPT);
        terminal
    }

    /// Returns the living processes of this project with their states, as `/proc` names them: `T` is
    /// stopped.
    pub(crate) fn processes(&self) -> Vec<(i32, char)> {
        leftovers::states(&self.mark)
    }

    /// Returns the records of the project's state folder, the oldest first.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Record> {
        let runs = self.dir.join(".pyoco/runs");
        let Ok(entries) = fs::read_dir(&runs) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        // A record that is just being made is none yet.
        let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes()[0] == b'.';
        let is_record = |path: &PathBuf| path.file_name().is_some_and(|name| !is_hidden(name));
        let mut paths: Vec<PathBuf> = paths.filter(is_record).collect();
        paths.sort();
        paths.iter().map(|path| Record::open(path)).collect()
    }

    /// Returns the newest record.
    #[track_caller]
    pub(crate) fn record(&self) -> Record {
        self.records().pop().expect("a run left its record")
    }

    /// Returns what lies in the folder for temporary files: nothing, once pyoco has ended.
    pub(crate) fn private_files(&self) -> Vec<String> {
        let tmp = self.dir.parent().expect("the project lies in our folder").join("tmp");
        let entries = fs::read_dir(tmp).expect("the folder is ours");
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Returns `text` with everything that differs from run to run replaced by its kind.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(text, &self.dir)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            leftovers::kill(&self.mark);
            return;
        }
        leftovers::require_none(&self.mark);
        if self.is_audited {
            self.records().iter().for_each(|record| record.audit(&Rules::default()));
        }
    }
}
