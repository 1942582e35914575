//! A machine that misbehaves: any system call fails once, at any moment; disks that are full, broken,
//! read-only or gone; no processes, no descriptors. No fault makes a run hang, costs a process or
//! makes a record say what is not so.
//!
//! `PYOCO_SWEEP=all` lets every call in the list fail with every error at every place of its
//! occurrence, not only at some: `PYOCO_SWEEP=all cargo test --test faults_machine sweep -- --nocapture`.

mod support;

use pyoco::model::RunStatus;
use support::faults::{Faults, can_inject, n_injected};
use support::{Outcome, Project, Running};

/// Calls and the errors that each may end in.
const SWEEP: [(&str, &[&str]); 33] = [
    ("write", &["ENOSPC", "EIO", "EINTR", "EAGAIN"]),
    ("pwrite64", &["ENOSPC", "EIO", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC", "EINTR"]),
    ("openat", &["EMFILE", "ENOSPC", "EACCES", "EIO", "EINTR"]),
    ("mkdir", &["ENOSPC", "EACCES", "EROFS"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("mknodat", &["EPERM", "ENOSPC"]),
    ("flock", &["ENOLCK", "EINTR", "EIO"]),
    ("clone3", &["EAGAIN", "ENOMEM"]),
    ("pipe2", &["EMFILE", "ENFILE"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("pidfd_open", &["EMFILE", "ENOMEM"]),
    ("waitid", &["EINTR", "ECHILD"]),
    ("wait4", &["EINTR", "ECHILD"]),
    ("read", &["EIO", "EINTR"]),
    ("pread64", &["EIO", "EINTR"]),
    ("ftruncate", &["EIO"]),
    ("fcntl", &["EMFILE", "EINTR"]),
    ("fstat", &["EIO"]),
    ("newfstatat", &["EIO", "EACCES"]),
    ("statx", &["EIO", "EACCES"]),
    ("dup2", &["EMFILE"]),
    ("execve", &["EAGAIN", "ENOMEM", "E2BIG"]),
    ("setpgid", &["EPERM"]),
    ("unlink", &["EIO"]),
    ("getdents64", &["EIO"]),
    ("socketpair", &["EMFILE"]),
    ("readlink", &["EIO"]),
    ("getcwd", &["ENOENT"]),
    ("chdir", &["EACCES"]),
    ("prlimit64", &["EPERM"]),
    ("lseek", &["EIO"]),
];

/// The most places of a call at which it is made to fail.
const MAX_PLACES: usize = 60;

const FLOW: &str = "
tasks:
  a: ': > a.ran; echo a; echo e >&2'
  b: {run: 'cat; : > b.ran', stdin: text, needs: a}
  c: {run: 'echo c; exit 3', needs: a, fail: continue}
";

/// Runs the flow with one fault, and holds what came of it against the promises. Returns whether the
/// fault came to pass.
fn survives(inject: &str) -> bool {
    let project = Project::with(FLOW);
    let faults = Faults { inject: &[inject], paths: &[] };
    let outcome = Running::spawn(faults.command(&project, &["run", "-j1", "--no-cute"])).wait();
    let is_injected = n_injected(&project) > 0;
    if let Err(broken) = check(&project, &outcome) {
        panic!("{inject}: {broken}\n{outcome:?}");
    }
    is_injected
}

fn check(project: &Project, outcome: &Outcome) -> Result<(), String> {
    let hold = |holds: bool, text: &str| if holds { Ok(()) } else { Err(text.to_owned()) };
    project.requires_no_process();
    hold(!outcome.stderr.contains("panicked"), "it panicked")?;
    let records = project.records();
    let has_run = project.has("a.ran");
    // Where the program's own libraries could not be loaded it is not pyoco that speaks.
    let is_loaded = !outcome.stderr.contains("error while loading shared libraries");
    match outcome.code {
        Some(2) => {
            hold(!has_run, "it says that nothing was run")?;
            hold(records.is_empty(), "it says that nothing was run, and left a record")
        }
        Some(127) if !is_loaded => hold(!has_run && records.is_empty(), "it was never loaded"),
        Some(code @ (0 | 1)) => {
            hold(records.len() == 1, "there is no record")?;
            let (seen, is_told) =
                (records[0].status(), outcome.stderr.contains("no complete record"));
            let listed = project.run(&["runs", "list", "--json"]);
            let listed = listed.json()[0]["status"].as_str().unwrap_or_default().to_owned();
            match seen {
                RunStatus::Completed => hold(code == 0, "COMPLETED is 0")?,
                RunStatus::Failed => hold(code == 1, "FAILED is 1")?,
                RunStatus::Pending | RunStatus::Running => {
                    hold(listed == "LOST", "the lock is not free")?;
                    hold(is_told, "the record broke and nobody was told")?;
                }
                RunStatus::Cancelling | RunStatus::Cancelled => hold(false, "who cancelled it?")?,
            }
            hold(!seen.is_final() || listed == seen.name(), "the list says something else")?;
            hold(code == 1 || project.has("b.ran"), "COMPLETED, and a task has not run")
        }
        Some(_) | None => hold(false, "no such exit code"),
    }
}

#[test]
fn sweep() {
    if !can_inject() {
        return;
    }
    let all = std::env::var("PYOCO_SWEEP").is_ok_and(|value| value == "all");
    let only = std::env::var("PYOCO_SWEEP_CALL").unwrap_or_default();
    let mut broken = Vec::new();
    for (call, errors) in SWEEP.iter().filter(|(call, _)| only.is_empty() || *call == only) {
        for error in *errors {
            for place in 1..=MAX_PLACES {
                let inject = format!("{call}:error={error}:when={place}");
                let survived = std::panic::catch_unwind(|| survives(&inject));
                match survived {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) => broken.push(inject),
                }
                if !all {
                    break;
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
