//! What the end of one task means for the others: the failure policies, `needs_any`, timeouts, retries
//! and the codes that count.

mod support;

use support::{Project, same};

/// A task that fails in the middle, while `slow` runs and `late` waits for a slot or for `slow`.
///
/// `slow` ends once the failure stands in the record (or never, under `kill`): nothing else tells a
/// task that another has failed.
fn middle(policy: &str) -> String {
    format!(
        "
{policy}
jobs: 2
tasks:
  slow: |
    touch slow
    until grep -q 'FAILE[D]' \"$PYOCO_RUN_DIR/events.jsonl\"; do sleep 0.01; done
  bad: 'while ! [ -e slow ]; do sleep 0.01; done; exit 7'
  after-bad: {{run: touch after-bad, needs: bad}}
  after-after: {{run: 'true', needs: after-bad}}
  after-slow: {{run: touch after-slow, needs: slow}}
  free: touch free
"
    )
}

#[test]
fn stop_lets_running_tasks_finish_and_starts_nothing_new() {
    for policy in ["", "on_failure: stop"] {
        let project = Project::with(&middle(policy));
        project.run(&["run"]).exits(1);
        let record = project.record();
        same(
            &record.ends(),
            "slow SUCCEEDED\nbad FAILED exit(7)\nafter-bad SKIPPED upstream(bad)\n\
             after-after SKIPPED upstream(after-bad)\nafter-slow SKIPPED stopped_by(bad)\n\
             free SKIPPED stopped_by(bad)\n",
        );
        let end = record.values.last().expect("there are lines");
        assert_eq!(end["status"], "FAILED");
        assert_eq!(end["reason"], "failed(bad)");
        assert_eq!(end["first_failure"], "bad");
    }
}

#[test]
fn isolate_goes_on_with_what_does_not_depend_on_it() {
    for (policy, args) in [
        ("on_failure: isolate", &[][..]),
        ("", &["-k"]),
        ("", &["--keep-going"]),
        ("on_failure: kill", &["-k"]),
        ("on_failure: kill", &["--on-failure", "isolate"]),
        ("defaults: {fail: kill}", &["-k"]),
        ("defaults: {fail: isolate}", &[]),
    ] {
        let project = Project::with(&middle(policy));
        project.run(&[&["run"], args].concat()).exits(1);
        same(
            &project.record().ends(),
            "slow SUCCEEDED\nbad FAILED exit(7)\nafter-bad SKIPPED upstream(bad)\n\
             after-after SKIPPED upstream(after-bad)\nafter-slow SUCCEEDED\nfree SUCCEEDED\n",
        );
        assert!(project.has("free") && project.has("after-slow") && !project.has("after-bad"));
    }
}

#[test]
fn kill_stops_what_runs() {
    for (policy, args) in [
        ("on_failure: kill", &[][..]),
        ("on_failure: isolate", &["--on-failure", "kill"]),
        ("defaults: {fail: kill}", &[]),
    ] {
        let flow = middle(policy).replace("until grep", "exec sleep 86400 # ");
        let project = Project::with(&flow);
        project.run(&[&["run"], args].concat()).exits(1);
        let record = project.record();
        same(
            &record.ends(),
            "slow CANCELLED stopped_by(bad)\nbad FAILED exit(7)\nafter-bad SKIPPED upstream(bad)\n\
             after-after SKIPPED upstream(after-bad)\nafter-slow SKIPPED stopped_by(bad)\n\
             free SKIPPED stopped_by(bad)\n",
        );
        let stopping = record.events("task_stopping");
        assert_eq!(
            (&stopping[0]["name"], &stopping[0]["signal"]),
            (&"slow".into(), &"SIGTERM".into())
        );
        let mut ends = record.events("task_finished").into_iter();
        let end = ends.find(|line| line["name"] == "slow").expect("it ended");
        assert_eq!(end["signal"], "SIGTERM");
    }
}

#[test]
fn kill_takes_the_whole_group() {
    let project = Project::with(
        "
on_failure: kill
jobs: 2
tasks:
  tree:
    run: |
      trap 'echo quitting; exit 0' TERM
      sleep 86400 & sleep 86400 & touch up
      wait
  bad: 'while ! [ -e up ]; do sleep 0.01; done; exit 1'
",
    );
    let outcome = project.run(&["run"]).exits(1);
    // A task that pyoco had to stop is CANCELLED with its code, whatever that is.
    same(&project.record().ends(), "tree CANCELLED stopped_by(bad)\nbad FAILED exit(1)\n");
    assert!(outcome.stdout.contains("quitting"), "{outcome:?}");
}

#[test]
fn a_task_has_its_own_policy() {
    let project = Project::with(
        "
jobs: 1
tasks:
  harmless: {run: exit 1, fail: isolate}
  fatal: {run: exit 2, fail: stop}
  rest: 'true'
",
    );
    project.run(&["run"]).exits(1);
    let ends = "harmless FAILED exit(1)\nfatal FAILED exit(2)\nrest SKIPPED stopped_by(fatal)\n";
    same(&project.record().ends(), ends);
    project.run(&["run", "-k"]).exits(1);
    let ends = "harmless FAILED exit(1)\nfatal FAILED exit(2)\nrest SUCCEEDED\n";
    same(&project.record().ends(), ends);
    // The first that failed the run is named, not the first in the file.
    assert_eq!(project.record().values.last().expect("an end")["first_failure"], "harmless");
}

#[test]
fn continue_fails_the_task_and_nothing_else() {
    for args in [&["run"][..], &["run", "-k"], &["run", "--on-failure", "kill"]] {
        let project = Project::with(
            "
tasks:
  may-fail: {run: echo no; exit 5, fail: continue}
  after: {run: echo yes, needs: may-fail}
",
        );
        let outcome = project.run(args).exits(0).says("no\nyes\n");
        same(&project.record().ends(), "may-fail FAILED exit(5)\nafter SUCCEEDED\n");
        assert_eq!(project.record().values.last().expect("an end")["status"], "COMPLETED");
        outcome.complains("failed, as it may: may-fail: exit 5");
    }
}

#[test]
fn what_may_fail_is_never_the_first_failure() {
    let flow = |last: &str| {
        Project::with(&format!(
            "jobs: 1\ntasks:\n  may-fail: {{run: exit 5, fail: continue}}\n  \
             last: {{run: '{last}', needs: may-fail}}\n  after: {{run: x, needs: last}}\n"
        ))
    };
    let project = flow("kill -INT $PPID; until [ -e $PYOCO_CANCEL_FILE ]; do sleep 0.01; done");
    let outcome = project.run(&["run"]);
    assert_eq!(project.record().values.last().expect("an end")["status"], "CANCELLED");
    let told = &outcome.stderr;
    assert!(told.contains("\nfailed, as it may: may-fail: exit 5\n"), "{told}");
    assert!(!told.contains("first failure"), "{told}");
    let outcome = flow("exit 6").run(&["run"]).exits(1).complains("first failure: last\n");
    assert!(outcome.stderr.contains("\nfailed, as it may: may-fail: exit 5\n"), "{outcome:?}");
}

#[test]
fn needs_any_takes_the_first_success() {
    let project = Project::with(
        "
jobs: 2
tasks:
  never: 'while ! [ -e third ]; do sleep 0.01; done'
  first: {run: exit 1, fail: isolate}
  second: {run: exit 1, fail: continue}
  third: {run: touch third, needs_any: [first, second, quick]}
  quick: 'true'
  both: {run: 'true', needs: quick, needs_any: [third, never]}
",
    );
    // `third` does not wait for the others: `never` ends only when it has run.
    project.run(&["run", "-j4"]).exits(1);
    same(
        &project.record().ends(),
        "never SUCCEEDED\nfirst FAILED exit(1)\nsecond FAILED exit(1)\nthird SUCCEEDED\n\
         quick SUCCEEDED\nboth SUCCEEDED\n",
    );
}

#[test]
fn needs_any_without_a_success_is_skipped() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  first: exit 1
  second: {run: exit 1, fail: continue}
  third: {run: 'true', needs: first}
  any: {run: 'true', needs_any: [third, second, first]}
  after: {run: 'true', needs: any}
",
    );
    project.run(&["run", "-j1"]).exits(1);
    let record = project.record();
    assert_eq!(record.reason("any"), "upstream(first)");
    assert_eq!(record.reason("after"), "upstream(any)");
}

#[test]
fn a_timeout_ends_an_attempt_and_its_group() {
    let project =
        Project::with("tasks:\n  slow: {run: 'sleep 86400 & sleep 86400', timeout: 200ms}\n");
    let outcome = project.run(&["run"]).exits(1).complains("ended: timeout after ");
    let record = project.record();
    same(&record.ends(), "slow FAILED timeout\n");
    let stopping = &record.events("task_stopping")[0];
    assert_eq!((&stopping["why"], &stopping["signal"]), (&"timeout".into(), &"SIGTERM".into()));
    let end = &record.events("task_finished")[0];
    assert!(end["ms"].as_u64() >= Some(200), "{end}");
    outcome.complains("ERROR pyoco error node=slow reason=timeout");
}

#[test]
fn a_task_that_ends_well_in_its_grace_has_timed_out_all_the_same() {
    let project = Project::with(
        "tasks:\n  tidy: {run: 'trap \"exit 0\" TERM; sleep 86400 & wait', timeout: 1s}\n",
    );
    project.run(&["run"]).exits(1);
    same(&project.record().ends(), "tidy FAILED timeout\n");
    assert_eq!(project.record().events("task_finished")[0]["exit_code"], 0);
}

#[test]
fn each_attempt_has_its_record_and_its_log() {
    let project = Project::with(
        "
tasks:
  flaky:
    run: echo \"try $PYOCO_ATTEMPT\"; test \"$PYOCO_ATTEMPT\" = 3
    retry: {max: 5, delay: 1ms}
  after: {run: 'true', needs: flaky}
",
    );
    let outcome = project.run(&["run"]).exits(0);
    assert_eq!(outcome.stdout, "try 1\ntry 2\ntry 3\n");
    let record = project.record();
    same(&record.ends(), "flaky SUCCEEDED\nafter SUCCEEDED\n");
    for attempt in 1..=3 {
        assert_eq!(record.log("flaky", attempt), format!("try {attempt}\n").into_bytes());
    }
    assert!(record.log("flaky", 4).is_empty());
    let retrying = record.events("task_retrying");
    assert_eq!(retrying.len(), 2);
    assert_eq!(retrying[1]["attempt"], 2);
    assert_eq!(retrying[1]["reason"], "exit(1)");
    outcome.complains("WARN pyoco retry node=flaky attempt=1 reason=exit(1)");
}

#[test]
fn attempts_come_to_an_end() {
    let project = Project::with(
        "tasks:\n  bad: {run: exit $PYOCO_ATTEMPT, retry: {max: 2, delay: 1ms, backoff: 1}}\n",
    );
    let outcome = project.run(&["run"]).exits(1);
    same(&project.record().ends(), "bad FAILED exit(3)\n");
    assert_eq!(project.record().names("task_started").len(), 3);
    outcome.complains("first failure: bad (after 3 attempts)");
}

#[test]
fn only_the_codes_named_are_retried_and_a_timeout_always() {
    let attempts = |task: &str, ends: &str| {
        let project = Project::with(&format!("tasks:\n  t: {task}\n"));
        project.run(&["run", "-q"]);
        same(&project.record().ends(), ends);
        project.record().names("task_started").len()
    };
    let retry = "retry: {max: 1, delay: 1ms, codes: [9, 143]}";
    assert_eq!(attempts(&format!("{{run: exit 9, {retry}}}"), "t FAILED exit(9)\n"), 2);
    assert_eq!(attempts(&format!("{{run: exit 8, {retry}}}"), "t FAILED exit(8)\n"), 1);
    let signalled = |name| format!("{{run: 'kill -{name} $$', {retry}}}");
    assert_eq!(attempts(&signalled("TERM"), "t FAILED signal(SIGTERM)\n"), 2);
    assert_eq!(attempts(&signalled("KILL"), "t FAILED signal(SIGKILL)\n"), 1);
    let slow = format!("{{run: exec sleep 86400, timeout: 50ms, {retry}}}");
    assert_eq!(attempts(&slow, "t FAILED timeout\n"), 2);
    let spawn = format!("{{cmd: [no-such-program-here], {retry}}}");
    assert_eq!(attempts(&spawn, "t FAILED spawn(not found: no-such-program-here)\n"), 0);
}

#[test]
fn between_attempts_a_task_holds_no_slot() {
    let project = Project::with(
        "
jobs: 1
tasks:
  first: {run: test -e second, retry: {max: 1, delay: 300ms}}
  second: touch second
",
    );
    project.run(&["run"]).exits(0);
    assert_eq!(project.record().names("task_started"), ["first", "second", "first"]);
}

#[test]
fn a_failure_elsewhere_ends_the_wait_for_another_attempt() {
    for policy in ["stop", "kill"] {
        let project = Project::with(&format!(
            "
on_failure: {policy}
jobs: 1
tasks:
  waits: {{run: exit 6, retry: {{max: 1, delay: 1d, max_delay: 1d}}}}
  bad: exit 1
",
        ));
        project.run(&["run"]).exits(1);
        same(&project.record().ends(), "waits FAILED exit(6)\nbad FAILED exit(1)\n");
        assert_eq!(project.record().values.last().expect("an end")["first_failure"], "bad");
    }
}

#[test]
fn ok_codes_are_the_codes_that_are_good() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  listed: {run: exit 3, ok_codes: [0, 3]}
  zero: {run: exit 0, ok_codes: [3]}
  signalled: {run: 'kill -9 $$', ok_codes: [137]}
  own: {run: exit 137, ok_codes: [137]}
",
    );
    project.run(&["run"]).exits(1);
    same(
        &project.record().ends(),
        "listed SUCCEEDED\nzero FAILED exit(0)\nsignalled SUCCEEDED\nown SUCCEEDED\n",
    );
}

#[test]
fn a_deep_chain_is_skipped_link_by_link() {
    let mut flow = "tasks:\n  t0: exit 1\n".to_owned();
    for n in 1..500 {
        flow.push_str(&format!("  t{n}: {{run: 'true', needs: t{}}}\n", n - 1));
    }
    let project = Project::with(&flow);
    project.run(&["run", "-q"]).exits(1);
    let record = project.record();
    for n in 1..500 {
        assert_eq!(record.reason(&format!("t{n}")), format!("upstream(t{})", n - 1));
    }
}
