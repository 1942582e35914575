//! A machine that misbehaves: any system call fails once, at any moment; disks that are full, broken,
//! read-only or gone; no processes, no descriptors. No fault makes a run hang, costs a process or
//! makes a record say what is not so.
//!
//! `PYOCO_SWEEP=all` lets every call in the list fail with every error at every place of its
//! occurrence, not only at some: `PYOCO_SWEEP=all cargo test --test faults_machine sweep -- --nocapture`.

mod support;

use std::os::unix::fs::PermissionsExt;

use pyoco::model::{RunStatus, TaskState};
use rustix::process::Signal;
use support::faults::{
    Faults, as_nobody, can_be_nobody, can_inject, can_mount, n_injected, run_with_fault,
    with_mounts,
};
use support::{Outcome, Project, Running, has_tool, wait_for_file};

/// Calls and the errors that each may end in.
const SWEEP: [(&str, &[&str]); 32] = [
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
    // Where no write succeeds any more nobody can be told.
    let is_mute = inject.starts_with("write:") && inject.ends_with('+');
    if let Err(broken) = check(&project, &outcome, is_mute) {
        panic!("{inject}: {broken}\n{outcome:?}");
    }
    is_injected
}

fn check(project: &Project, outcome: &Outcome, is_mute: bool) -> Result<(), String> {
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
                    hold(is_told || is_mute, "the record broke and nobody was told")?;
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
    let (mut broken, mut n_done) = (Vec::new(), 0);
    let pairs = SWEEP.iter().flat_map(|(call, errors)| errors.iter().map(move |e| (call, e)));
    for (index, (call, error)) in pairs.enumerate() {
        // Of the short form each takes another place; one that is behind the last tells nothing.
        let places = if all { 1..=MAX_PLACES } else { index % 6 + 1..=index % 6 + 1 };
        for place in places {
            let once = format!("{call}:error={error}:when={place}");
            // And from there on for good, but where the call is rightly tried until it succeeds.
            let is_retried = call.ends_with("poll") || ["EINTR", "EAGAIN"].contains(error);
            let for_good = all && (!is_retried || *call == "clone3");
            let for_good = for_good.then(|| format!("{once}+"));
            let mut is_met = false;
            for inject in [once].into_iter().chain(for_good) {
                match std::panic::catch_unwind(|| survives(&inject)) {
                    Ok(met) => is_met |= met,
                    Err(_) => {
                        is_met = true;
                        broken.push(inject);
                    }
                }
            }
            if !is_met {
                break;
            }
            n_done += 1;
        }
    }
    eprintln!("{n_done} faults survived");
    assert!(n_done > 40, "only {n_done} faults came to pass");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Runs this script, in which the state folder is a disk of its own; what lies there at the end comes
/// back to `kept`.
fn on_a_disk(project: &Project, mount: &str, script: &str) -> Outcome {
    std::fs::create_dir_all(project.dir().join(".pyoco")).expect("ours");
    let script = format!(
        "{mount}\ncode=0\n{script} || code=$?\ncp -a .pyoco kept; rm -rf kept/fill; exit $code"
    );
    Running::spawn(with_mounts(project, &script)).wait()
}

/// Moves what was kept of the disk to where the project looks for its records.
fn keep(project: &Project) {
    let dir = project.dir();
    std::fs::remove_dir_all(dir.join(".pyoco")).expect("it is empty now");
    std::fs::rename(dir.join("kept"), dir.join(".pyoco")).expect("ours");
}

/// A comment so long that the lines of its task need another page of the disk.
fn long() -> String {
    format!("# {}", "x".repeat(5000))
}

/// Fills the disk that the state folder lies on.
const FILL: &str = "head -c 9M /dev/zero > $PYOCO_STATE_DIR/fill 2>/dev/null || true";

const SMALL: &str = "mount -t tmpfs -o size=256k none .pyoco";

#[test]
fn a_disk_that_is_full_costs_the_record_and_neither_tasks_nor_exit_code() {
    if !can_mount() {
        return;
    }
    for (last, code) in [("echo last", 0), ("echo last; exit 7", 1)] {
        let project = Project::with(&format!(
            "tasks: {{fill: '{FILL}', more: {{run: 'seq 9 {}', needs: fill}}, \
             last: {{run: '{last}', needs: more}}}}",
            long()
        ));
        let outcome = on_a_disk(&project, SMALL, "\"$0\" run -j1").exits(code);
        assert!(outcome.stdout.ends_with("9\nlast\n"), "{outcome:?}");
        for (warning, n) in [
            ("the record is not complete: cannot write `", 1),
            ("No space left on device (os error 28); the tasks go on", 2), // and the output of `more`
            ("this run has no complete record", 1),
        ] {
            assert_eq!(outcome.stderr.matches(warning).count(), n, "{warning}: {outcome:?}");
        }
        keep(&project);
        assert_eq!(project.record().state("more"), TaskState::Queued, "its start had no room");
        let listed = project.run(&["runs", "list", "--json"]).exits(0).json();
        assert_eq!(listed[0]["status"], "LOST");
    }
}

#[test]
fn a_disk_that_was_full_for_a_while_costs_nothing() {
    if !can_mount() {
        return;
    }
    let project = Project::with(&format!(
        "tasks: {{fill: '{FILL}', more: {{run: 'true {}', needs: fill}}, \
         free: {{run: 'rm $PYOCO_STATE_DIR/fill', needs: more}}}}",
        long()
    ));
    let outcome = on_a_disk(&project, SMALL, "\"$0\" run -j1").exits(0);
    let outcome = outcome.complains("the record is not complete: ");
    let outcome = outcome.complains("the record of this run is complete after all");
    assert!(!outcome.stderr.contains("no complete record"), "{outcome:?}");
    keep(&project);
    let record = project.record();
    assert_eq!(record.status(), RunStatus::Completed);
    assert_eq!(record.events("task_finished").len(), 3);
}

#[test]
fn output_that_a_disk_full_for_a_while_did_not_take_is_told_where_it_is_missing() {
    if !can_mount() {
        return;
    }
    // It fills the disk once pyoco has taken what there is room for, and frees it once pyoco has taken
    // what there is none for: what is shown was kept before, or is lost.
    let shown = |word| format!("until grep -q {word} shown; do sleep 0.01; done");
    let project = Project::with(&format!(
        "tasks:\n  a: |\n    echo first\n    {}\n    {FILL}\n    seq 10000 13999\n    {}\n    \
         rm $PYOCO_STATE_DIR/fill\n    echo last >&2\n",
        shown("first"),
        shown("13999")
    ));
    let outcome = on_a_disk(&project, SMALL, "\"$0\" run -j1 -o stream > shown").exits(0);
    outcome.complains("output is not kept: ");
    keep(&project);
    let record = project.record();
    let finished = record.events("task_finished").remove(0);
    let unkept = finished["unkept"].as_u64().expect("a count");
    let printed = finished["bytes"].as_u64().expect("a count");
    assert!((1..=24_000).contains(&unkept), "{finished}");
    let warning = format!("warning: {unkept} bytes of the output of `a` could not be kept\n");
    let logs = project.run(&["runs", "logs", "latest", "a"]).exits(0);
    assert_eq!(logs.stderr, warning);
    let (before, after) = logs.stdout.split_once("… ").expect("a mark where it is missing");
    let (mark, after) = after.split_once('\n').expect("a line of its own");
    assert!(before.starts_with("first\n") && mark.ends_with(" not kept …"), "{logs:?}");
    assert_eq!(after, "last\n");
    let kept = std::fs::metadata(record.dir.join("logs/0000-1.log")).expect("ours").len();
    assert_eq!(kept + unkept, printed);
    let errors = project.run(&["runs", "logs", "latest", "a", "--stream", "err", "--tail", "1"]);
    assert_eq!(errors.stdout, format!("… {mark}\nlast\n"), "{errors:?}");
    let task = project.run(&["runs", "show", "latest", "--task", "a"]).exits(0);
    task.says(&format!("  not kept  {unkept} bytes of the output\n"));
    let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!(json["tasks"][0]["unkept"], unkept);
}

#[test]
fn a_disk_that_is_full_at_the_start_is_refused() {
    if !can_mount() {
        return;
    }
    let project = Project::with("tasks: {a: ': > a.ran'}");
    let mount = format!("{SMALL}; PYOCO_STATE_DIR=.pyoco; {FILL}");
    let outcome = on_a_disk(&project, &mount, "\"$0\" run").exits(2);
    let outcome = outcome.complains("error: the run cannot be recorded: cannot create `");
    outcome.complains("nothing was run; try `--no-record`, or another `--state-dir`");
    assert!(!project.has("a.ran"));
    keep(&project);
    assert!(project.records().is_empty());
}

#[test]
fn a_state_folder_that_cannot_be_written_to_is_refused_at_the_start() {
    let refused = |outcome: Outcome, project: &Project| {
        let outcome = outcome.exits(2);
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
        assert!(outcome.stderr.contains("--state-dir"), "{outcome:?}");
        assert!(!project.has("a.ran"));
    };
    let flow = "tasks: {a: ': > a.ran'}";
    let project = Project::with(flow);
    project.file("plain", "");
    for dir in ["plain", "plain/below", "/proc/pyoco", "/dev/null"] {
        refused(project.run(&["run", "--state-dir", dir]), &project);
    }
    if can_mount() {
        let project = Project::with(flow);
        let mount = "mount --bind .pyoco .pyoco; mount -o remount,ro,bind .pyoco";
        refused(on_a_disk(&project, mount, "\"$0\" run"), &project);
    }
    if can_be_nobody() && has_tool("prlimit") {
        for closed in [".pyoco", ".pyoco/runs", "."] {
            let project = Project::with(flow);
            std::fs::create_dir_all(project.dir().join(closed)).expect("ours");
            let command = as_nobody(&project, &[], &["run"]);
            let path = project.dir().join(closed);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o555)).expect("ours");
            refused(Running::spawn(command).wait(), &project);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
        }
    }
}

#[test]
fn a_state_folder_that_is_deleted_costs_the_record_alone() {
    for (then, code) in [("echo b", 0), ("echo b; exit 7", 1)] {
        let project = Project::with(&format!(
            "tasks: {{a: 'rm -rf $PYOCO_STATE_DIR', b: {{run: '{then}', needs: a}}}}"
        ));
        let outcome = project.run(&["run", "-j1"]).exits(code).says("b\n");
        let n = |text: &str| outcome.stderr.matches(text).count();
        assert_eq!(n("the record is not complete: cannot "), 1, "{outcome:?}");
        assert_eq!(n("warning: this run has no complete record"), 1, "{outcome:?}");
        assert_eq!(n("warning: "), 2, "one at once and one at the end: {outcome:?}");
        assert_eq!(n("pyoco runs show"), 0, "there is nothing to show: {outcome:?}");
        assert!(!project.has(".pyoco"), "it was not made again");
    }
}

#[test]
fn a_disk_that_fails_to_keep_is_told_though_all_was_written() {
    if !can_inject() {
        return;
    }
    // The first is that of the start, of three; the last are those of the end.
    for (place, n_lines) in [(1, 1), (3, 1), (4, 1), (6, 1)] {
        let project = Project::with("tasks: {a: 'echo a'}");
        let fault = format!("fsync:error=EIO:when={place}");
        let outcome = run_with_fault(&project, &fault, &["run", "-j1"]).exits(0).says("a\n");
        let n = |text: &str| outcome.stderr.matches(text).count();
        assert_eq!(
            n("warning: the record is not complete: cannot write `"),
            n_lines,
            "{outcome:?}"
        );
        assert_eq!(n("warning: this run has no complete record"), 1, "{outcome:?}");
        assert_eq!(project.record().status(), RunStatus::Completed);
    }
}

#[test]
fn a_wait_that_the_system_has_no_memory_for_loses_no_output() {
    if !can_inject() {
        return;
    }
    // More than a pipe holds, so that a worker that gave up would leave the task waiting for ever.
    let project = Project::with("tasks: {a: 'seq 100000'}");
    let outcome = run_with_fault(&project, "ppoll:error=ENOMEM:when=1..3", &["run"]).exits(0);
    let numbers: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(outcome.stdout == numbers, "{} bytes", outcome.stdout.len());
    assert_eq!(project.record().log("a", 1).len(), numbers.len());
}

#[test]
fn a_run_that_cannot_begin_leaves_no_record() {
    if !can_inject() {
        return;
    }
    let mut n_refused = 0;
    // The first threads are pyoco's own; without one of the later ones it can do.
    for place in 1..=9 {
        let project = Project::with("tasks: {a: ': > a.ran'}");
        let fault = format!("clone3:error=EAGAIN:when={place}");
        let faults = Faults { inject: &[&fault], paths: &[] };
        let outcome = Running::spawn(faults.command(&project, &["run"])).wait();
        if outcome.code != Some(2) {
            break;
        }
        outcome.complains("nothing was run; the system has no room for more threads");
        assert!(project.records().is_empty() && !project.has("a.ran"));
        n_refused += 1;
    }
    assert!(n_refused >= 5, "{n_refused}");
}

#[test]
fn whatever_stands_in_the_place_of_cancel_a_signal_gets_through() {
    for put in [
        "mkfifo $PYOCO_CANCEL_FILE",
        "mkdir $PYOCO_CANCEL_FILE",
        "ln -s /dev/zero $PYOCO_CANCEL_FILE",
    ] {
        let project = Project::with(&format!("tasks: {{a: '{put}; : > ready; exec sleep 86400'}}"));
        let running = project.spawn(&["run"]);
        wait_for_file(&project.dir().join("ready"));
        let refused = project.run(&["runs", "cancel", "latest"]).exits(2);
        assert!(refused.stderr.starts_with("error: cannot write `"), "{refused:?}");
        running.signal(Signal::TERM);
        let outcome = running.wait().dies_of(15);
        outcome.complains("warning: tasks cannot see the cancel: cannot write `");
        assert_eq!(project.record().status(), RunStatus::Cancelled);
    }
}
