//! The soak: random flows, random harm at random moments, and what must hold afterwards whatever
//! happened: no process is left, every record can be read and is true, no lock is held, and the exit
//! code is what the table says.
//!
//! Each round is made from a number. A round that fails prints it, and
//!
//! ```text
//! PYOCO_SEED=kill:7 cargo test --test soak
//! ```
//!
//! makes that round again, ten times, since the moment of the harm is never quite the same. The rounds
//! here are the short form; `PYOCO_SOAK=10` makes ten times as many.

mod support;

use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use pyoco::model::signal_name;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use support::faults::{self, Faults};
use support::{Outcome, Project, Running, leftovers};

/// The rounds of a kind of harm.
#[track_caller]
fn rounds(kind: &str, n_rounds: u64, round: impl Fn(u64)) {
    let factor = match std::env::var("PYOCO_SOAK") {
        Ok(factor) => factor.parse().expect("PYOCO_SOAK is how many times as long"),
        Err(_) => 1,
    };
    let seeds: Vec<u64> = match std::env::var("PYOCO_SEED") {
        Err(_) => (0..n_rounds * factor).collect(),
        Ok(wanted) => {
            let (wanted_kind, seed) = wanted.split_once(':').expect("PYOCO_SEED is KIND:NUMBER");
            let seed: u64 = seed.parse().expect("PYOCO_SEED is KIND:NUMBER");
            if wanted_kind == kind { vec![seed; 10] } else { Vec::new() }
        }
    };
    for seed in seeds {
        // Printed with the failure, and not without one.
        println!("PYOCO_SEED={kind}:{seed}");
        round(seed);
    }
}

/// What a task does.
const SCRIPTS: [&str; 12] = [
    "'true'",
    "sleep 0.02",
    "exec sleep 86400",
    "{run: exit 3, retry: {max: 2, delay: 20ms}}",
    "{run: exit 4, fail: continue}",
    "\"trap '' TERM; sleep 86400 & wait; wait\"",
    "'sleep 86400 & sleep 86400 & wait'",
    "'(exec sleep 0.3) &'",
    "'head -c 300000 /dev/zero | tr \"\\0\" x; exec sleep 86400'",
    "{run: exec sleep 86400, timeout: 60ms, kill: {after: 50ms}}",
    "'\"$PYOCO_EXE\" run inner.yaml --no-cute'",
    "{run: 'until [ -e \"$PYOCO_CANCEL_FILE\" ]; do sleep 0.01; done', on_cancel: finish}",
];

const INNER: &str = "
tasks:
  quick: echo quick
  slow: exec sleep 86400
  deaf: \"trap '' TERM; sleep 86400 & wait; wait\"
finally: {last: echo last}
";

/// Makes a random project, and the words to run it with.
fn random_project(random: &mut fastrand::Rng) -> (Project, Vec<String>) {
    let n_tasks = random.usize(1..8);
    let mut flow = "tasks:\n".to_owned();
    for task in 0..n_tasks {
        let script = SCRIPTS[random.usize(..SCRIPTS.len())];
        flow.push_str(&format!("  t{task}: {script}\n"));
    }
    let mut edges = String::new();
    for task in 1..n_tasks {
        if random.u8(..3) == 0 {
            edges.push_str(&format!("  t{} >> t{task}\n", random.usize(..task)));
        }
    }
    if !edges.is_empty() {
        flow.push_str(&format!("graph: |\n{edges}"));
    }
    if random.bool() {
        flow.push_str("finally:\n  f0: echo $PYOCO_STATUS\n  f1: {run: sleep 0.02, needs: f0}\n");
    }
    let policies = ["stop", "isolate", "kill"];
    flow.push_str(&format!("on_failure: {}\n", policies[random.usize(..3)]));
    flow.push_str(&format!("grace: {}ms\n", [50, 300, 4000][random.usize(..3)]));
    if random.u8(..4) == 0 {
        flow.push_str(&format!("timeout: {}ms\n", random.u32(1..600)));
    }
    let project = Project::with(&flow);
    project.file("inner.yaml", INNER);
    let jobs = random.u32(1..5).to_string();
    let mut words = vec!["run".to_owned(), "-j".to_owned(), jobs];
    if random.u8(..5) == 0 {
        words.push("--trace=json".to_owned());
    }
    (project, words)
}

fn spawn(project: &Project, words: &[String]) -> Running {
    project.spawn(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Lets a random time pass: the harm comes at whatever moment it is then.
fn let_pass(random: &mut fastrand::Rng, most: u64) {
    // Not to wait for anything: the moment itself is what is tried.
    std::thread::sleep(Duration::from_micros(random.u64(..most * 1000)));
}

/// The runs that were seen to have their watchdog. One that is killed before it has, with tasks younger
/// than 100 ms, leaves these to nobody.
#[derive(Default)]
struct Watched(HashSet<String>);

impl Watched {
    /// Looks which runs of a project have theirs now.
    fn look(&mut self, project: &Project) {
        for pid in leftovers::find(project.mark()) {
            let command = leftovers::command(pid);
            if let Some((_, words)) = command.split_once(" __watchdog ") {
                self.0.extend(words.split_whitespace().next().map(str::to_owned));
            }
        }
    }

    /// Returns whether somebody should have ended a process: its run was watched, and is gone. One that
    /// is left to itself with a run inside goes on with all of that.
    fn is_of(&self, pid: i32) -> bool {
        let above = std::iter::successors(Some(pid), |pid| leftovers::parent(*pid)).take(10);
        let has_pyoco = above.skip(1).any(|pid| leftovers::command(pid).contains("/pyoco run "));
        !has_pyoco && leftovers::run_id(pid).is_some_and(|run_id| self.0.contains(&run_id))
    }
}

/// Waits until no process of the project is left, and fails where one stays that somebody could end.
#[track_caller]
fn nothing_is_left(project: &Project, watched: &Watched) {
    const FOR_A_WATCHDOG: Duration = Duration::from_secs(2);
    let start = Instant::now();
    loop {
        let left = leftovers::find(project.mark());
        if left.is_empty() {
            return;
        }
        if start.elapsed() > FOR_A_WATCHDOG && !left.iter().any(|pid| watched.is_of(*pid)) {
            leftovers::kill(project.mark());
        }
        if start.elapsed() > support::DEADLINE / 2 {
            let shown: Vec<String> =
                left.iter().map(|pid| format!("{pid} {}", leftovers::command(*pid))).collect();
            let flow = project.read("pyoco.yaml");
            panic!("processes were left behind:\n{}\nof\n{flow}", shown.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(5)); // the pause of the poll
    }
}

/// Holds all records of a project against the rules, and returns how the outer run stands there;
/// `None`: it has no record.
#[track_caller]
fn records_are_true(project: &Project) -> Option<String> {
    let listed = project.run(&["runs", "list", "--limit", "100", "--json"]).exits(0).json();
    let listed = listed.as_array().expect("a list").clone();
    for run in &listed {
        let status = run["status"].as_str().unwrap_or_default();
        let known = ["COMPLETED", "FAILED", "CANCELLED", "LOST"];
        assert!(known.contains(&status), "a lock is held, or a state is unknown: {run}");
        let id = run["run_id"].as_str().expect("an id");
        project.run(&["runs", "show", id]).exits(0);
        project.run(&["runs", "logs", id]).exits(0);
    }
    project.records().iter().for_each(|record| record.audit(&pyoco::event::Rules::default()));
    // The inner ones are younger.
    let outer = listed.iter().find(|run| run["flow"] == "project")?;
    Some(outer["status"].as_str().expect("a status").to_owned())
}

/// Holds the exit against the table; `sent` are the signals that pyoco was sent.
#[track_caller]
fn exit_is_due(project: &Project, outcome: &Outcome, status: Option<&str>, sent: &[i32]) {
    let of_a_signal = outcome.signal.is_some_and(|signal| sent.contains(&signal));
    let record = || project.records().into_iter().find(|record| record.is_of("project"));
    let due = match status {
        // It was ended before there was anything to record.
        None => of_a_signal || outcome.code == Some(2),
        Some("COMPLETED") => outcome.code == Some(0),
        Some("FAILED") => {
            let reason = record().expect("it is listed").view.reason().map(ToString::to_string);
            outcome.code == Some(if reason.as_deref() == Some("timeout") { 124 } else { 1 })
        }
        Some("CANCELLED") => {
            let record = record().expect("it is listed");
            let by = record.view.cancelled_by().0.unwrap_or_default();
            outcome.signal.is_some_and(|signal| signal_name(signal) == by)
        }
        Some(_) => false,
    };
    assert!(due, "a run that is {status:?} ended so, after the signals {sent:?}: {outcome:?}");
}

#[test]
fn killed_at_any_moment_it_leaves_nothing_but_a_true_record() {
    rounds("kill", 25, |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let (project, words) = random_project(&mut random);
        let running = spawn(&project, &words);
        let_pass(&mut random, 700);
        let mut watched = Watched::default();
        watched.look(&project);
        running.signal(Signal::KILL);
        running.wait();
        nothing_is_left(&project, &watched);
        let status = records_are_true(&project);
        assert!(status.is_none_or(|status| status != "CANCELLED"), "nobody cancelled it");
        // The next one starts without any cleaning.
        project.file("next.yaml", "tasks: {a: 'true'}\n");
        project.run(&["run", "next.yaml"]).exits(0);
    });
}

#[test]
fn signals_at_any_moment_end_it_as_the_table_says() {
    rounds("signal", 70, |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let (project, words) = random_project(&mut random);
        let mut running = spawn(&project, &words);
        let (mut sent, mut watched) = (Vec::new(), Watched::default());
        for _ in 0..random.u8(1..8) {
            let_pass(&mut random, 150);
            watched.look(&project);
            harm(&project, &mut running, &mut random, &mut sent);
        }
        // What is left of the ladder, to its end.
        let start = Instant::now();
        while !running.has_ended() && start.elapsed() < support::DEADLINE {
            watched.look(&project);
            send(&mut running, Signal::TERM, &mut sent);
            let_pass(&mut random, 300);
        }
        let outcome = running.wait();
        nothing_is_left(&project, &watched);
        let status = records_are_true(&project);
        exit_is_due(&project, &outcome, status.as_deref(), &sent);
    });
}

fn send(running: &mut Running, signal: Signal, sent: &mut Vec<i32>) {
    if !running.has_ended() {
        running.signal(signal);
        sent.push(signal.as_raw());
    }
}

/// Sends a signal to pyoco, or to one of its tasks, or to a task's group.
fn harm(project: &Project, running: &mut Running, random: &mut fastrand::Rng, sent: &mut Vec<i32>) {
    const TO_PYOCO: [Signal; 5] =
        [Signal::INT, Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
    const TO_TASKS: [Signal; 4] = [Signal::TERM, Signal::KILL, Signal::STOP, Signal::CONT];
    if random.bool() {
        return send(running, TO_PYOCO[random.usize(..TO_PYOCO.len())], sent);
    }
    let signal = TO_TASKS[random.usize(..TO_TASKS.len())];
    // Those of the outer run: what is done to an inner pyoco is another matter.
    let is_task = |pid: &i32| leftovers::parent(*pid) == Some(running.pid().as_raw_nonzero().get());
    let tasks: Vec<i32> = leftovers::find(project.mark()).into_iter().filter(is_task).collect();
    let pyoco = leftovers::command(running.pid().as_raw_nonzero().get());
    let tasks: Vec<i32> = tasks
        .into_iter()
        // Nor a child before it becomes its program: to stop it is to stop the thread that makes it.
        .filter(|pid| {
            let command = leftovers::command(*pid);
            !command.contains(" __watchdog ") && command != pyoco
        })
        .collect();
    let Some(pid) = random.choice(tasks).and_then(Pid::from_raw) else { return };
    // What a leader leaves behind that is ended alone is left alone at a normal end, as it should be.
    let alone = random.bool() && matches!(signal, Signal::STOP | Signal::CONT);
    // It may have gone by now, which is a moment too.
    let _ = if alone { kill_process(pid, signal) } else { kill_process_group(pid, signal) };
}

#[test]
fn calls_that_fail_at_any_moment_cost_what_they_must_and_nothing_else() {
    const FAULTS: [(&str, &str); 14] = [
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("write", "EINTR"),
        ("pwrite64", "ENOSPC"),
        ("fsync", "EIO"),
        ("openat", "EMFILE"),
        ("openat", "EACCES"),
        ("pipe2", "EMFILE"),
        ("clone3", "EAGAIN"),
        ("clone", "EAGAIN"),
        ("vfork", "EAGAIN"),
        ("mkdir", "ENOSPC"),
        ("poll", "EINTR"),
        ("pidfd_open", "EMFILE"),
    ];
    if !faults::can_inject() {
        return;
    }
    // In how many rounds a fault came to pass, and of how many.
    let (n_struck, n_rounds) = (Cell::new(0), Cell::new(0));
    rounds("fault", 30, |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let (project, words) = random_project(&mut random);
        let (call, error) = FAULTS[random.usize(..FAULTS.len())];
        let first = random.u32(1..60);
        let often = if random.bool() { "+" } else { "" };
        let inject = format!("{call}:error={error}:when={first}{often}");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = Faults { inject: &[&inject], paths: &[] }.command(&project, &words);
        println!("{inject}");
        let mut running = Running::spawn(command);
        let_pass(&mut random, 600);
        // pyoco is the child of strace.
        let (start, mut watched) = (Instant::now(), Watched::default());
        while !running.has_ended() && start.elapsed() < support::DEADLINE {
            watched.look(&project);
            for pid in children_of(&project, running.pid()) {
                let _ = kill_process(pid, Signal::TERM); // it may have gone by now
            }
            let_pass(&mut random, 300);
        }
        let outcome = running.wait();
        let may_be = [Some(0), Some(1), Some(2), Some(124)];
        let is_due = may_be.contains(&outcome.code) || outcome.signal == Some(15);
        assert!(is_due, "{inject}: {outcome:?}");
        nothing_is_left(&project, &watched);
        let status = records_are_true(&project);
        // A record that broke has no end.
        if status.as_deref().is_some_and(|status| status != "LOST") {
            exit_is_due(&project, &outcome, status.as_deref(), &[15]);
        }
        n_rounds.set(n_rounds.get() + 1);
        n_struck.set(n_struck.get() + u64::from(faults::n_injected(&project) > 0));
    });
    let (n_struck, n_rounds) = (n_struck.get(), n_rounds.get());
    eprintln!("a fault came to pass in {n_struck} of {n_rounds} rounds");
    // Many come too late, or are of a call that is not made here. A single seed may be one of these.
    let is_whole = std::env::var_os("PYOCO_SEED").is_none();
    assert!(
        !is_whole || n_struck * 15 >= n_rounds,
        "only {n_struck} of {n_rounds} rounds were hit"
    );
}

fn children_of(project: &Project, parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let is_child = |pid: &i32| leftovers::parent(*pid) == Some(parent);
    let pids = leftovers::find(project.mark()).into_iter().filter(is_child);
    pids.filter_map(Pid::from_raw).collect()
}

#[test]
fn what_the_rounds_are_made_of_is_a_good_file() {
    for seed in 0..200 {
        let (project, _) = random_project(&mut fastrand::Rng::with_seed(seed));
        project.run(&["check"]).exits(0);
    }
}
