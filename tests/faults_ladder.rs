//! The ladder of a cancel in every phase of a run, by every means, at random moments; and the last
//! moment, in which it must change nothing.

mod support;

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use pyoco::model::{RunStatus, TaskState};
use rustix::process::Signal;
use support::faults::can_inject;
use support::{Outcome, Project, Running, Terminal, wait_for, wait_for_end, wait_for_file};

/// Holds how pyoco ended against what its record says: see the table of exit codes.
#[track_caller]
fn require_truth(project: &Project, outcome: &Outcome) -> RunStatus {
    let Some(record) = project.records().pop() else {
        // The signal came before pyoco listened: nothing has run.
        assert!(outcome.signal.is_some(), "{outcome:?}");
        return RunStatus::Pending;
    };
    let status = record.status();
    match status {
        RunStatus::Completed => assert_eq!(outcome.code, Some(0), "{outcome:?}"),
        RunStatus::Failed => assert_eq!(outcome.code, Some(1), "{outcome:?}"),
        RunStatus::Cancelled => {
            let told = record.events("run_cancelling");
            let by = told.last().and_then(|event| event["by"].as_str()).expect("it says who");
            let numbers = [("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3), ("SIGTERM", 15)];
            match numbers.iter().find(|(name, _)| *name == by) {
                Some((_, number)) => assert_eq!(outcome.signal, Some(*number), "{outcome:?}"),
                None => assert_eq!(outcome.code, Some(130), "{outcome:?}"),
            }
        }
        RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => {
            panic!("a record without an end: {status}\n{outcome:?}\n{}", record.ends())
        }
    }
    status
}

/// A run that goes through all phases: starts, retries, leaks, failures, output that is drained.
const PHASES: &str = "
jobs: 3
on_failure: isolate
tasks:
  deaf: \"trap '' TERM INT; sleep 0.05\"
  again: {run: exit 1, fail: continue, retry: {max: 2, delay: 20ms, max_delay: 20ms}}
  drains: 'sleep 0.1 & echo x'
  late: {run: sleep 0.03, timeout: 30ms, fail: continue}
  elsewhere: 'sleep 0.3 >/dev/null 2>&1 &'
  a: {run: 'true', needs: [deaf]}
  b: {run: exit 3, needs: [again, late]}
  c: {run: echo y, needs: [a]}
";

/// A small generator of numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn new(what: &str) -> Dice {
        let seed = std::env::var("PYOCO_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("{what}: PYOCO_SEED={seed}");
        Dice(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Lets a random moment pass; nothing is waited for.
fn let_pass(micros: usize) {
    std::thread::sleep(Duration::from_micros(micros as u64));
}

/// Returns how long an undisturbed run takes, in microseconds.
fn length(project: &Project) -> usize {
    let start = Instant::now();
    project.run(&["run", "-q"]).exits(1);
    start.elapsed().as_micros().try_into().expect("it is short")
}

const SIGNALS: [&[Signal]; 9] = [
    &[Signal::INT],
    &[Signal::TERM],
    &[Signal::HUP],
    &[Signal::QUIT],
    &[Signal::INT, Signal::INT],
    &[Signal::TERM, Signal::TERM],
    &[Signal::INT, Signal::INT, Signal::INT],
    &[Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP],
    &[Signal::INT, Signal::HUP],
];

#[test]
fn signals_at_any_moment_one_by_one_or_all_at_once() {
    let whole = length(&Project::with(PHASES));
    let mut dice = Dice::new("signals");
    for round in 0..45 {
        let project = Project::with(PHASES);
        let mut running = project.spawn(&["run", "--grace", "40ms"]);
        let_pass(dice.below(whole + whole / 8));
        for signal in SIGNALS[round % SIGNALS.len()] {
            if !running.has_ended() {
                running.signal(*signal);
            }
            let_pass(dice.below(2) * dice.below(20_000));
        }
        require_truth(&project, &running.wait());
    } // each project sees that nothing is left
}

#[test]
fn runs_cancel_at_any_moment() {
    let whole = length(&Project::with(PHASES));
    let mut dice = Dice::new("runs cancel");
    for round in 0..16 {
        let project = Project::with(PHASES);
        let running = project.spawn(&["run", "--grace", "40ms"]);
        let_pass(dice.below(whole));
        let flags = [&[][..], &["--stop"], &["--kill"], &["--stop", "--wait"]][round % 4];
        let args = [&["runs", "cancel", "latest"], flags].concat();
        let both: Vec<Running> = (0..=round % 2).map(|_| project.spawn(&args)).collect();
        let outcome = running.wait();
        for cancel in both.into_iter().map(Running::wait) {
            // Either it was taken, or there was nothing to cancel yet or any more.
            assert!(matches!(cancel.code, Some(0 | 2)), "{cancel:?}");
        }
        require_truth(&project, &outcome);
    }
}

/// Starts a run whose first fsync takes that long: no task starts before it.
fn slow_disk(project: &Project, seconds: u32) -> Option<Running> {
    if !can_inject() {
        return None;
    }
    let mut command = project.command_of("strace");
    let inject = format!("inject=fsync,fdatasync:delay_enter={seconds}s:when=1");
    command.args(["-D", "-f", "-o", "trace.log", "-e", "trace=fsync,fdatasync", "-e", &inject]);
    command.args([env!("CARGO_BIN_EXE_pyoco"), "run"]);
    let running = Running::spawn(command);
    wait_for("the first lines", || {
        project.records().iter().any(|record| !record.events("tasks_declared").is_empty())
    });
    Some(running)
}

#[test]
fn a_cancel_before_the_first_task_starts_nothing() {
    for signals in
        [&[Signal::INT][..], &[Signal::TERM], &[Signal::HUP], &[Signal::INT, Signal::INT]]
    {
        let project =
            Project::with("tasks: {a: ': > ran; sleep 86400', b: ': > ran; sleep 86400'}");
        let Some(running) = slow_disk(&project, 1) else { return };
        signals.iter().for_each(|signal| running.signal(*signal));
        let outcome = running.wait();
        assert_eq!(require_truth(&project, &outcome), RunStatus::Cancelled);
        assert!(project.record().events("task_started").is_empty() && !project.has("ran"));
        assert_eq!(project.record().ends(), "a CANCELLED cancelled\nb CANCELLED cancelled\n");
    }
}

#[test]
fn a_kill_does_not_wait_for_a_disk_that_hangs() {
    let mut project = Project::with("tasks: {a: ': > ran; sleep 86400'}");
    let Some(running) = slow_disk(&project, 8) else { return };
    running.signal(Signal::QUIT);
    running.wait().dies_of(3);
    assert!(!project.has("ran"));
    // There is no end in the record: it could not be written within the second that a kill has.
    let id = project.record().run_id.to_string();
    project.run(&["runs", "show", &id, "--json"]).exits(0).says("\"LOST\"");
    project.damages_records();
}

#[test]
fn all_groups_have_one_deadline() {
    // The first is deaf; the others end one after the other if each had a grace of its own.
    let deaf = "\"trap '' TERM; : > ready.$PYOCO_TASK; while :; do sleep 86400; done\"";
    let tasks: String = (0..6).map(|n| format!("  t{n}: {deaf}\n")).collect();
    let project = Project::with(&format!("jobs: 6\ntasks:\n{tasks}"));
    let running = project.spawn(&["run", "--grace", "400ms"]);
    (0..6).for_each(|n| wait_for_file(&project.dir().join(format!("ready.t{n}"))));
    wait_for("all starts", || project.record().events("task_started").len() == 6);
    running.signal(Signal::TERM);
    running.wait().dies_of(15);
    let record = project.record();
    let ms = |event: &serde_json::Value| event["ms"].as_i64().expect("every line has its time");
    let asked: Vec<i64> = record.events("task_stopping").into_iter().map(ms).collect();
    assert_eq!(asked.len(), 6);
    assert!(asked.iter().all(|at| *at == asked[0]), "not asked at once: {asked:?}");
    for end in record.events("task_finished") {
        assert_eq!(end["signal"], "SIGKILL", "{end}");
        assert!(ms(end) - asked[0] >= 400, "{end}");
    }
}

fn keyboard(project: &Project, args: &[&str]) -> Terminal {
    let terminal = project.terminal(args);
    wait_for_file(&project.dir().join("ready"));
    wait_for("the start in the record", || !project.record().events("task_started").is_empty());
    terminal
}

fn levels(project: &Project) -> Vec<String> {
    let record = project.record();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let told = record.events("run_cancelling");
    told.iter().map(|event| format!("{} {}", word(&event["level"]), word(&event["by"]))).collect()
}

#[test]
fn the_keyboard_climbs_the_ladder() {
    let project = Project::with("tasks: {deaf: \"trap '' TERM INT; : > ready; exec sleep 86400\"}");
    let mut terminal = keyboard(&project, &["run", "--grace", "1d"]);
    terminal.press_control('c');
    terminal.expect("press Ctrl-C again to stop: deaf");
    terminal.press_control('c');
    terminal.expect("press Ctrl-C again to kill: deaf");
    terminal.press_control('c');
    terminal.finish().dies_of(2);
    assert_eq!(levels(&project), ["drain SIGINT", "stop SIGINT", "kill SIGINT"]);
    assert_eq!(project.record().state("deaf"), TaskState::Cancelled);
}

#[test]
fn a_quit_from_the_keyboard_kills_at_once() {
    let project =
        Project::with("tasks: {deaf: \"trap '' TERM INT QUIT; : > ready; exec sleep 86400\"}");
    let mut terminal = keyboard(&project, &["run", "--grace", "1d"]);
    terminal.press_control('\\');
    terminal.finish().dies_of(3);
    assert_eq!(levels(&project), ["kill SIGQUIT"]);
}

#[test]
fn ctrl_c_ends_the_line_of_an_interactive_shell() {
    for shell in ["sh", "bash --norc --noprofile"] {
        let project =
            Project::with("tasks: {a: ': > ready; until [ -e go ]; do sleep 0.01; done'}");
        let mut command = project.command_of("/bin/sh");
        // Where there is no such shell, as with any other: what is typed would be shown.
        command.args(["-c", &format!("exec {shell} -i")]);
        command.env("PS1", "prompt> ").env("PYOCO", env!("CARGO_BIN_EXE_pyoco"));
        let mut terminal = Terminal::spawn(command);
        terminal.expect("prompt> ");
        terminal.type_line("\"$PYOCO\" run; echo ne''xt");
        wait_for_file(&project.dir().join("ready"));
        wait_for("the start in the record", || !project.record().events("task_started").is_empty());
        terminal.press_control('c');
        terminal.expect("press Ctrl-C again to stop: a");
        project.file("go", "");
        terminal.expect("prompt> ");
        terminal.type_line("echo co''de $?; exit 0");
        let outcome = terminal.finish();
        assert!(outcome.stdout.contains("code 130"), "{shell}: {outcome:?}");
        assert!(!outcome.stdout.contains("next"), "{shell}: {outcome:?}");
    }
}

/// Starts a run whose output goes into a FIFO that nobody reads yet.
fn unread(project: &Project) -> (Running, File) {
    let path = project.dir().join("out");
    let made = project.command_of("mkfifo").arg(&path).status();
    assert!(made.expect("there is a mkfifo").success());
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run > out", env!("CARGO_BIN_EXE_pyoco")]);
    let running = Running::spawn(command);
    (running, File::open(path).expect("the shell opens the other end"))
}

/// Returns the names of its threads, where the system tells.
fn threads(running: &Running) -> Vec<String> {
    let tasks = format!("/proc/{}/task", running.pid().as_raw_nonzero());
    let Ok(tasks) = std::fs::read_dir(tasks) else { return Vec::new() };
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| Some(name(task.ok()?)?.trim().to_owned())).collect()
}

#[test]
fn a_signal_after_the_last_task_changes_no_exit_code_where_somebody_reads() {
    for (script, code) in [("true", 0), ("exit 3", 1)] {
        for signal in [Signal::INT, Signal::TERM, Signal::QUIT] {
            // A little more than a pipe holds.
            let project = Project::with(&format!("tasks: {{a: 'seq 20000; {script}'}}"));
            let (running, mut out) = unread(&project);
            wait_for_end(&project);
            // From the end of the record on until nothing but the reader is waited for.
            wait_for("the runner's end", || {
                running.signal(signal);
                !threads(&running).contains(&"runner".to_owned())
            });
            for _ in 0..8 {
                let_pass(5_000);
                running.signal(signal);
            }
            let mut text = String::new();
            out.read_to_string(&mut text).expect("it can be read");
            running.wait().exits(code);
            assert!(text.ends_with("\n20000\n"), "{} bytes", text.len());
        }
    }
}

#[test]
fn a_signal_ends_the_wait_for_one_who_does_not_read() {
    for script in ["true", "exit 3"] {
        let project = Project::with(&format!("tasks: {{a: 'seq 20000; {script}'}}"));
        let (running, out) = unread(&project);
        wait_for_end(&project);
        running.signal(Signal::INT);
        running.wait().dies_of(2);
        drop(out);
    }
}
