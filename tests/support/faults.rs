//! Ways to make the machine misbehave: system calls that fail (`strace`), another user (`setpriv`),
//! limits (`prlimit`), a small or a read-only disk (`unshare` and `mount`).
//!
//! Whether a machine lets us do so say [`can_inject`], [`can_mount`] and [`can_be_nobody`].

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pyoco::model::RunId;

pub(crate) use super::tools::{can_be_nobody, can_inject, can_mount};
use super::{Outcome, Project, Record, Running};

/// System calls that shall fail, in the words of strace.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    /// One or more of `fsync:error=EIO:when=2`. The calls of every thread are counted on their own.
    pub(crate) inject: &'a [&'a str],
    /// Only calls on these files.
    pub(crate) paths: &'a [PathBuf],
}

impl Faults<'_> {
    /// Returns `pyoco ARG…` under these faults. Its tasks meet them too, where no file is named.
    pub(crate) fn command(&self, project: &Project, args: &[&str]) -> Command {
        let mut command = project.command_of("strace");
        command.args(["-f", "-qq", "-o"]).arg(trace_of(project));
        let calls: Vec<&str> = self.inject.iter().filter_map(|one| one.split(':').next()).collect();
        command.args(["-e", &format!("trace={}", calls.join(","))]);
        for one in self.inject {
            command.args(["-e", &format!("inject={one}")]);
        }
        for path in self.paths {
            command.arg("-P").arg(path);
        }
        command.arg(env!("CARGO_BIN_EXE_pyoco")).args(args);
        command
    }

    /// Runs `pyoco ARG…` under these faults; fails where none of them came to pass.
    #[track_caller]
    pub(crate) fn run(&self, project: &Project, args: &[&str]) -> Outcome {
        let outcome = Running::spawn(self.command(project, args)).wait();
        assert!(n_injected(project) > 0, "{self:?} never came to pass: {outcome:?}");
        outcome
    }
}

/// Runs `pyoco ARG…` with this call failing.
#[track_caller]
pub(crate) fn run_with_fault(project: &Project, inject: &str, args: &[&str]) -> Outcome {
    Faults { inject: &[inject], paths: &[] }.run(project, args)
}

fn trace_of(project: &Project) -> PathBuf {
    project.dir().with_file_name("strace.out")
}

/// Returns how many calls were made to fail.
pub(crate) fn n_injected(project: &Project) -> usize {
    let trace = fs::read(trace_of(project)).unwrap_or_default();
    memchr::memmem::find_iter(&trace, b"(INJECTED)").count()
}

/// Returns `pyoco ARG…` as a user without any rights, who owns the project and all that lies in it.
pub(crate) fn as_nobody(project: &Project, limits: &[&str], args: &[&str]) -> Command {
    let base = project.dir().parent().expect("the project lies in our folder");
    give_away(base);
    let mut command = project.command_of("prlimit");
    command.args(limits);
    command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(program_for_all(base)).args(args);
    command
}

/// Gives a folder and all that lies in it to nobody.
fn give_away(path: &Path) {
    let nobody = Some(65534);
    std::os::unix::fs::lchown(path, nobody, nobody).expect("we may give away what is ours");
    if path.is_dir() && !path.is_symlink() {
        let entries = fs::read_dir(path).expect("the folder is ours");
        entries.for_each(|entry| give_away(&entry.expect("an entry").path()));
    }
}

/// Returns the program at a place that any user can reach, which a home need not be.
fn program_for_all(base: &Path) -> PathBuf {
    let path = base.join("pyoco");
    let own = Path::new(env!("CARGO_BIN_EXE_pyoco"));
    if !path.exists() {
        fs::hard_link(own, &path).or_else(|_| fs::copy(own, &path).map(drop)).expect("a copy");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode | 0o555)).expect("ours");
    }
    path
}

/// Returns this shell script in a mount namespace of its own, which ends with it; `$0` is pyoco.
pub(crate) fn with_mounts(project: &Project, script: &str) -> Command {
    let mut command = project.command_of("unshare");
    command.args(["-m", "sh", "-ec", script]).arg(OsStr::new(env!("CARGO_BIN_EXE_pyoco")));
    command
}

/// Makes copies of a run under new ids; their events are links.
fn copy_run(from: &Path, n_runs: usize) -> BTreeSet<RunId> {
    let ids: BTreeSet<RunId> = (0..n_runs).map(|_| RunId::fresh()).collect();
    for id in &ids {
        let dir = from.with_file_name(id.to_string());
        fs::create_dir(&dir).expect("ours");
        fs::hard_link(from.join("events.jsonl"), dir.join("events.jsonl")).expect("ours");
    }
    ids
}

/// Returns a project with so many runs beside the one that they are copies of, and all their ids.
pub(crate) fn with_runs(n_runs: usize) -> (Project, BTreeSet<RunId>) {
    let mut project = Project::with("name: crowd\ntasks: {a: 'echo a', b: 'exit 3'}");
    project.run(&["run", "-q", "-o", "none"]).exits(1);
    project.damages_records();
    let record = project.record();
    let mut ids = copy_run(&record.dir, n_runs);
    ids.insert(record.run_id);
    (project, ids)
}

/// A dozen tasks with all four ends, retries and output on both streams.
const DOZEN: &str = "
on_failure: isolate
tasks:
  a: 'echo a; echo e >&2'
  b: {run: 'echo b', needs: a}
  c: {run: 'exit 3', needs: a, fail: continue}
  d: {run: 'exit 4', retry: {max: 1, delay: 1ms}}
  e: {run: 'true', needs: d}
  f: {run: 'true', needs: [b, c]}
  g: {cmd: [no-such-program]}
  h: {run: 'true', needs: g}
  i: {cmd: [echo, i], needs: f}
  j: 'cat'
  k: {run: 'kill -9 $$', fail: continue}
  l: {run: 'true', needs: [k, j, i]}
";

/// Returns a project with a good run and a younger one, of which the record can be damaged.
pub(crate) fn with_two_runs() -> (Project, Record, Record) {
    let mut project = Project::with("tasks: {a: 'echo good'}");
    project.run(&["run", "-q", "-o", "none"]).exits(0);
    project.file("pyoco.yaml", DOZEN);
    project.run(&["run", "-q", "-o", "none", "-j2"]).exits(1);
    let mut records = project.records();
    records.iter().for_each(|record| record.audit(&Default::default()));
    project.damages_records();
    let young = records.pop().expect("there are two");
    (project, records.remove(0), young)
}
