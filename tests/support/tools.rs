//! What the machine has and what it lets us do. Where something is missing a test is passed over, which
//! is told on standard error past the capture, so that it is seen in any log; where `CI` is set the test
//! fails.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// With this a CI may refuse things; a tool that is only not installed fails its tests all the same.
const ALLOW_REFUSED: &str = "PYOCO_TEST_ALLOW_REFUSED";

/// Returns whether the tests can use this tool. A CI must have it.
#[track_caller]
pub(crate) fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "a CI has `{name}`: please install it");
        pass_over(&format!("there is no `{name}`"));
    }
    is_there
}

/// Returns whether a trial of something works that a machine may refuse, as containers often do. A CI
/// that does must say that it means to: otherwise nobody would notice what it never tests.
#[track_caller]
pub(crate) fn is_allowed(what: &str, trial: &mut Command) -> bool {
    is_allowed_once(&Known::new(), what, trial)
}

/// Does the same with one trial for all who ask.
#[track_caller]
fn is_allowed_once(known: &Known, what: &str, trial: &mut Command) -> bool {
    let said = known.get_or_init(|| {
        let tried = trial.stdin(Stdio::null()).output().expect("the tool of the trial is there");
        let said = || String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        (!tried.status.success()).then(said)
    });
    if let Some(said) = said {
        refused(what, said);
    }
    said.is_none()
}

/// The words with which a trial was refused, if it was.
type Known = OnceLock<Option<String>>;

#[track_caller]
fn refused(what: &str, said: &str) {
    let may_refuse = std::env::var_os("CI").is_none() || std::env::var_os(ALLOW_REFUSED).is_some();
    assert!(
        may_refuse,
        "{what} is refused here: {said}; allow it, or set `{ALLOW_REFUSED}=1` to go without"
    );
    pass_over(&format!("{what} is refused here: {said}"));
}

/// Says that a test is passed over: also where the test's own output is captured.
fn pass_over(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    writeln!(io::stderr(), "passed over: {test}: {why}").expect("there is a standard error");
}

/// Returns whether system calls can be watched and made to fail.
#[track_caller]
pub(crate) fn can_inject() -> bool {
    static KNOWN: Known = OnceLock::new();
    has_tool("strace")
        && is_allowed_once(
            &KNOWN,
            "strace",
            Command::new("strace").args(["-o", "/dev/null", "true"]),
        )
}

/// Returns whether a disk of our own can be mounted.
#[track_caller]
pub(crate) fn can_mount() -> bool {
    static KNOWN: Known = OnceLock::new();
    let trial = ["-m", "sh", "-c", "mount -t tmpfs -o size=64k none /tmp"];
    has_tool("unshare") && is_allowed_once(&KNOWN, "mounting", Command::new("unshare").args(trial))
}

/// Returns whether programs can be run as a user without any rights.
#[track_caller]
pub(crate) fn can_be_nobody() -> bool {
    static KNOWN: Known = OnceLock::new();
    let trial = ["--reuid=65534", "--regid=65534", "--clear-groups", "true"];
    has_tool("setpriv")
        && is_allowed_once(&KNOWN, "another user", Command::new("setpriv").args(trial))
}
