//! Foreign things in the place of a record's files, and readers whose system calls fail: every command
//! ends, leads nowhere out of the state folder, hides no other run and says what it could not do.
//!
//! `PYOCO_SWEEP=all` lets every call of a reader fail at every place.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::faults::{Faults, can_inject, n_injected, with_two_runs};
use support::{Project, Running, wait_for_file};

/// What may stand where a run's file or folder should.
const KINDS: [&str; 8] =
    ["fifo", "folder", "out", "zero", "loop", "garbage", "nothing", "unreadable"];

/// Puts such a thing in the place of whatever is there.
fn put(kind: &str, path: &Path) {
    let remove = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all
    } else {
        fs::remove_file::<&Path>
    };
    let _ = remove(path); // it need not be there
    match kind {
        "fifo" => {
            let made = Command::new("mkfifo").arg(path).status();
            assert!(made.expect("there is a mkfifo").success());
        }
        "folder" => fs::create_dir(path).expect("ours"),
        "out" => symlink("/etc/passwd", path).expect("ours"),
        "zero" => symlink("/dev/zero", path).expect("ours"),
        "loop" => symlink(path.file_name().expect("a name"), path).expect("ours"),
        "garbage" => fs::write(path, b"\x00\xff garbage").expect("ours"),
        "nothing" => {}
        "unreadable" => {
            fs::write(path, "").expect("ours");
            fs::set_permissions(path, PermissionsExt::from_mode(0o000)).expect("ours");
        }
        other => panic!("no such kind: {other}"),
    }
}

#[test]
fn whatever_stands_in_the_place_of_a_file_every_command_ends_and_leads_nowhere() {
    for place in [
        "events.jsonl",
        "logs",
        "logs/0000-1.log",
        "logs/0000-1.idx",
        "cancel",
        "wake",
        "flow.yaml",
        ".",
    ] {
        let (project, good, young) = with_two_runs();
        for kind in KINDS {
            let path = if place == "." { young.dir.clone() } else { young.dir.join(place) };
            put(kind, &path);
            let what = format!("{kind} as {place}");
            let (id, short) = (young.run_id.to_string(), good.run_id.short());
            for words in [
                &["list"][..],
                &["show", &id],
                &["show", &id, "--task", "a"],
                &["show", &id, "--events"],
                &["logs", &id],
                &["logs", &id, "-f", "--as", "prefix"],
                &["logs", &id, "a", "--tail", "3", "--timestamps"],
                &["cancel", &id],
                &["prune", "--keep", "0", "--dry-run"],
            ] {
                let outcome = project.run(&[&["runs"], words].concat());
                let said = format!("{what}: {words:?}: {outcome:?}");
                assert!(matches!(outcome.code, Some(0 | 2)), "{said}");
                assert!(
                    !outcome.stdout.contains("root:") && !outcome.stderr.contains("panicked"),
                    "{said}"
                );
                assert!(outcome.code == Some(0) || outcome.stderr.starts_with("error: "), "{said}");
                assert!(words != ["list"] || outcome.stdout.contains(&short), "{said}");
                assert!(!outcome.stderr.contains("standard output"), "{said}");
            }
        }
        project.run(&["runs", "prune", "--keep", "0"]).exits(0);
        assert!(!good.dir.exists(), "the good run went too");
        assert!(Path::new("/etc/passwd").exists());
    }
}

#[test]
fn one_log_that_cannot_be_read_hides_no_other() {
    let (project, _, young) = with_two_runs();
    put("fifo", &young.dir.join("logs/0000-1.log"));
    let outcome = project.run(&["runs", "logs", "latest", "--as", "raw"]).exits(0);
    assert!(outcome.stdout.contains("b\n") && outcome.stdout.contains("i\n"), "{outcome:?}");
    outcome.complains("warning: cannot read the output of `a`: it is not a regular file");
}

#[test]
fn a_link_as_the_folder_of_the_runs_is_refused_and_nothing_behind_it_is_touched() {
    let (project, _, young) = with_two_runs();
    let other = project.dir().join("other");
    fs::rename(project.dir().join(".pyoco/runs"), &other).expect("ours");
    symlink(&other, project.dir().join(".pyoco/runs")).expect("ours");
    for words in [
        &["runs", "list"][..],
        &["runs", "show", "latest"],
        &["runs", "prune", "--keep", "0"],
        &["run"],
    ] {
        let outcome = project.run(words).exits(2);
        outcome.complains("it is a link; remove it, or choose another folder with --state-dir");
    }
    let name = young.dir.file_name().expect("a name");
    assert!(other.join(name).join("events.jsonl").exists());
    assert_eq!(fs::read_dir(other).expect("ours").count(), 2);
}

#[test]
fn a_run_whose_fifo_was_taken_away_is_said_to_be_deaf() {
    let project =
        Project::with("tasks: {a: 'rm $PYOCO_RUN_DIR/wake; : > ready; exec sleep 86400'}");
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    let outcome = project.run(&["runs", "cancel", "latest"]).exits(2);
    let outcome = outcome.complains("error: nobody listens at `");
    outcome.complains("`; the run goes on\n  its runner had the process id ");
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
}

#[test]
fn a_line_of_the_index_that_the_disk_did_not_take_at_once_comes_with_the_next() {
    if !can_inject() {
        return;
    }
    let say = "/bin/echo"; // a process each, whose only write is its first
    let wait = |text: &str| format!("until grep -q {text} $LOG; do sleep 0.01; done");
    let mut project = Project::with(&format!(
        "tasks:\n  a: 'LOG=$PYOCO_RUN_DIR/logs/0000-1.log; {say} one; {}; {say} two >&2; {}; {say} three'\n",
        wait("one"),
        wait("two")
    ));
    project.file(".pyoco/.gitignore", "*\n");
    // The second write of every thread: of the worker that takes the output the index's second line.
    let faults = Faults { inject: &["write:error=ENOSPC:when=2"], paths: &[] };
    faults.run(&project, &["run", "--no-cute"]).exits(0);
    project.damages_records();
    let read = |words: &[&str]| {
        project.run(&[&["runs", "logs", "latest", "a"], words].concat()).exits(0).stdout
    };
    assert_eq!(read(&[]), "one\ntwo\nthree\n");
    assert_eq!(read(&["--stream", "err"]), "two\n");
    assert_eq!(read(&["--stream", "out"]), "one\nthree\n");
    let times = read(&["--timestamps"]);
    assert!(
        times.lines().count() == 3 && times.lines().all(|line| line.starts_with("20")),
        "{times}"
    );
}

#[test]
fn a_reader_under_faults_says_so_and_never_calls_a_good_run_lost() {
    if !can_inject() {
        return;
    }
    let (project, good, _) = with_two_runs();
    let (id, mut n_met) = (good.run_id.to_string(), 0);
    let all = std::env::var("PYOCO_SWEEP").is_ok_and(|value| value == "all");
    for (call, error) in [
        ("openat", "EMFILE"),
        ("openat", "EIO"),
        ("openat", "EACCES"),
        ("read", "EIO"),
        ("pread64", "EIO"),
        ("pread64", "EINTR"),
        ("fstat", "EIO"),
        ("statx", "EIO"),
        ("newfstatat", "EACCES"),
        ("getdents64", "EIO"),
        ("flock", "EIO"),
        ("getcwd", "ENOENT"),
        ("write", "ENOSPC"),
        ("write", "EINTR"),
        ("rename", "EIO"),
        ("unlinkat", "EIO"),
    ] {
        for (index, words) in [
            &["list", "--json"][..],
            &["show", &id, "--json"],
            &["logs", &id],
            &["prune", "--keep", "0", "--dry-run"],
        ]
        .into_iter()
        .enumerate()
        {
            let places = if all { 1..=40 } else { 1 + index..=2 + index };
            for place in places {
                let inject = format!("{call}:error={error}:when={place}");
                let faults = Faults { inject: &[&inject], paths: &[] };
                let outcome =
                    Running::spawn(faults.command(&project, &[&["runs"], words].concat())).wait();
                let is_met = n_injected(&project) > 0;
                let is_loaded = !outcome.stderr.contains("error while loading shared libraries");
                let said = format!("{inject}: {words:?}: {outcome:?}");
                assert!(matches!(outcome.code, Some(0 | 2)) || !is_loaded, "{said}");
                assert!(!outcome.stdout.contains("LOST"), "{said}");
                let is_quiet = outcome.stderr.is_empty();
                // What was not told is whole.
                let is_whole = |word: &str| outcome.stdout.contains(word);
                assert!(!is_quiet || words[0] != "list" || is_whole(&id), "{said}");
                assert!(
                    !is_quiet || words[0] != "logs" || outcome.stdout.contains("good"),
                    "{said}"
                );
                n_met += usize::from(is_met);
                if !is_met {
                    break;
                }
            }
        }
    }
    assert!(n_met > 20, "only {n_met} faults came to pass");
}
