//! `kill` never races `wait`: with so few process numbers that they come back all the time, no signal
//! goes to a group whose leader is not there or is being reaped. The kernel's word for it is strace's.
//!
//! `PYOCO_SOAK=long` runs the long form: 10,000 tasks, and 400 runs that are cancelled.

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use support::{Project, has_tool, is_allowed, strace};

fn is_long() -> bool {
    std::env::var("PYOCO_SOAK").is_ok_and(|value| value == "long")
}

/// Makes process numbers come back soon, in a namespace of its own: where that can have a limit of
/// its own, by that; elsewhere by telling the kernel again and again where to go on.
const FEW_NUMBERS: &str = "
few_numbers() {
  IFS=.- read -r major minor _ < /proc/sys/kernel/osrelease
  if [ \"$major\" -gt 6 ] || { [ \"$major\" -eq 6 ] && [ \"$minor\" -ge 14 ]; }; then
    echo 400 > /proc/sys/kernel/pid_max
    for i in {1..300}; do (:); done # the first 300 are given once only
  else
    while echo 300 > /proc/sys/kernel/ns_last_pid; do sleep 0.05; done &
  fi
}
few_numbers || echo 'process numbers do not come back here' >&2
";

/// Returns bash in a process namespace of its own, where the system allows that.
fn bash(project: &Project, script: &str) -> Option<Command> {
    if !["timeout", "unshare", "strace", "bash"].into_iter().all(has_tool) {
        return None;
    }
    let unshare = || {
        // With `unshare` the namespace ends, and all that is in it.
        let mut command = project.command_of("timeout");
        command.args([if is_long() { "3600" } else { "120" }, "unshare", "--kill-child"]);
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]);
        command
    };
    let trial = ["strace", "-o", "/dev/null", "true"];
    if !is_allowed("strace in a namespace", unshare().args(trial)) {
        return None;
    }
    let mut command = unshare();
    let script = format!("{FEW_NUMBERS}\n{script}");
    command.args(["bash", "-c", &script, env!("CARGO_BIN_EXE_pyoco"), strace::TRACED]);
    Some(command)
}

#[test]
fn no_signal_goes_astray_when_timeouts_are_near_the_durations() {
    let n_tasks = if is_long() { 10_000 } else { 250 };
    let task = |n: usize| {
        let timeout = 8 + n % 13;
        format!("  t{n}: {{cmd: [sleep, '0.01'], fail: continue, timeout: {timeout}ms}}\n")
    };
    let tasks: String = (0..n_tasks).map(task).collect();
    let project = Project::with(&format!("jobs: 6\ntasks:\n{tasks}"));
    let script = "exec strace -f --seccomp-bpf -o log -e trace=\"$1\" \"$0\" run -q";
    let Some(mut command) = bash(&project, script) else { return };
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    let tally = strace::check(&project.read("log")).unwrap_or_else(|stray| panic!("{stray}"));
    let mut reasons = BTreeMap::<String, usize>::new();
    let record = project.record();
    (0..n_tasks).for_each(|n| *reasons.entry(record.reason(&format!("t{n}"))).or_default() += 1);
    eprintln!("{tally:?} {reasons:?}");
    // On a slow machine a task may take so long that the run gets a watchdog, which leads a group too.
    assert!((n_tasks..=n_tasks + 1).contains(&tally.leaders), "{tally:?}");
    assert_eq!(tally.reaped, tally.leaders, "{tally:?}");
    assert!(tally.by_number > n_tasks / 10 && tally.reused > n_tasks / 4, "{tally:?}");
    assert!(reasons[""] > 0 && reasons["timeout"] > 0, "{reasons:?}");
}

#[test]
fn no_signal_goes_astray_when_runs_are_cancelled_at_any_moment() {
    let n_runs = if is_long() { 400 } else { 24 };
    let project = Project::with(
        "
jobs: 4
tasks:
  leaks: 'sleep 86400 & true'
  daemon: 'sleep 86400 >/dev/null 2>&1 &'
  late: {cmd: [sleep, '0.02'], timeout: 20ms, fail: continue}
  deaf: \"trap '' TERM; sleep 0.1\"
  a1: &a {cmd: [sleep, '0.01'], needs: late}
  a2: *a
  a3: *a
  a4: *a
  a5: &b {cmd: [sh, -c, 'sleep 0.01 & wait'], needs: [a1, a2]}
  a6: *b
  a7: *b
  last: {cmd: [sleep, '0.05'], needs: [a5, a6, a7]}
",
    );
    let seed = std::env::var("PYOCO_SEED").unwrap_or_else(|_| std::process::id().to_string());
    eprintln!("PYOCO_SEED={seed}");
    // With job control a job in the background hears INT and QUIT as well.
    let script = format!(
        r#"
set -m
RANDOM={seed}
signals=(INT TERM HUP QUIT 'INT INT' 'TERM TERM' 'INT INT INT' 'INT QUIT' 'TERM INT')
for n in $(seq {n_runs}); do
  strace -D -f --seccomp-bpf -o log.$n -e trace="$1" "$0" run --grace 50ms >out.$n 2>&1 &
  pid=$!
  until [ -s log.$n ]; do sleep 0.005; done # what comes before strace leaves no log
  sleep 0.$(printf %03d $((RANDOM % 500)))
  for signal in ${{signals[RANDOM % 9]}}; do
    kill -$signal $pid 2>/dev/null
    ((RANDOM % 2)) && sleep 0.0$((RANDOM % 3))
  done
  wait $pid 2>/dev/null
  echo $? >> codes
  until grep -qE "^$pid +\+\+\+ " log.$n; do sleep 0.01; done
  kill -9 -1 2>/dev/null # what was left alone at a normal end; we are the namespace's first process
done
true
"#
    );
    let Some(mut command) = bash(&project, &script) else { return };
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    let mut total = strace::Tally::default();
    for n in 1..=n_runs {
        let tally = strace::check(&project.read(&format!("log.{n}")))
            .unwrap_or_else(|stray| panic!("run {n}: {stray}\n{}", project.read("codes")));
        total.leaders += tally.leaders;
        total.reaped += tally.reaped;
        total.by_number += tally.by_number;
        total.by_descriptor += tally.by_descriptor;
        total.nearest = [total.nearest, tally.nearest].into_iter().flatten().min();
    }
    let mut codes = BTreeMap::<String, usize>::new();
    project.read("codes").lines().for_each(|code| *codes.entry(code.to_owned()).or_default() += 1);
    eprintln!("{total:?} {codes:?}");
    let known = ["0", "129", "130", "131", "143"];
    assert!(codes.keys().all(|code| known.contains(&&**code)), "{codes:?}");
    assert!(codes.len() > 2 && total.by_number > n_runs, "{codes:?} {total:?}");
}

#[test]
fn the_check_sees_a_stray_signal() {
    let started = "7 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88) = 50\n";
    let reaped = "7 wait4(50, [{WIFEXITED(s)}], 0, NULL) = 50\n";
    let peeked = "7 waitid(P_PID, 50, {si_pid=50}, WEXITED|WNOWAIT, {ru_utime={tv_sec=0}}) = 0\n";
    let sent = "7 kill(-50, SIGTERM) = 0\n";
    let watchdog = [started, "7 kill(50, SIGKILL) = 0\n", reaped].concat();
    assert!(strace::check(&watchdog).is_ok());
    let thread = "7 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 8\n";
    let good = [started, sent, peeked, sent, reaped].concat();
    let tally = strace::check(&good).expect("all is well");
    assert_eq!((tally.leaders, tally.reaped, tally.by_number), (1, 1, 2));
    let during = "7 wait4(50,  <unfinished ...>\n8 kill(-50, SIGKILL) = 0\n\
                  7 <... wait4 resumed>[{WIFEXITED(s)}], 0, NULL) = 50\n";
    let across = "8 kill(-50, SIGKILL <unfinished ...>\n7 wait4(50, NULL, 0, NULL) = 50\n\
                  8 <... kill resumed>) = 0\n";
    for bad in [
        [sent, started, ""],
        [started, reaped, sent],
        [started, "7 kill(50, SIGTERM) = 0\n", reaped],
        [started, "7 kill(-51, SIGTERM) = 0\n", reaped],
        [started, reaped, "7 kill(50, SIGKILL) = 0\n"],
        [started, "7 tgkill(7, 8, SIGTERM) = 0\n", reaped],
        [started, "7 pidfd_send_signal(9, SIGTERM, NULL, 0) = 0\n", reaped],
        [thread, started, during],
        [thread, started, across],
    ] {
        let log = bad.concat();
        assert!(strace::check(&log).is_err(), "{log}");
    }
    // What others do among themselves is no business of ours.
    let others = [started, "50 kill(-1, SIGTERM) = 0\n", reaped].concat();
    assert!(strace::check(&others).is_ok());
}
