//! `finally` and the timeout of the run, against the simulated clock.

use super::*;

fn last(needs: &[u32]) -> Sim {
    Sim { finally: true, ..ok(needs) }
}

fn long(ms: u64) -> Sim {
    Sim { attempts: vec![(ms, 0)], ..ok(&[]) }
}

fn deaf(sim: Sim) -> Sim {
    Sim { ignores_term: true, ..sim }
}

/// Runs with a grace and perhaps a timeout; returns the states and the moment of the end.
#[track_caller]
fn run(sims: &[Sim], grace: u64, timeout: Option<u64>, cancels: &[(u64, Level)]) -> (String, u64) {
    let mut plan = plan(sims, 2, OnFailure::Stop);
    (plan.grace, plan.timeout) = (Ms(grace), timeout.map(Ms));
    let world = World::new(sims, plan).run(cancels);
    audit(&world.lines, &rules(sims)).expect("an honest log");
    (world.states(), world.now)
}

/// Returns what the tasks of `finally` were told.
fn told(sims: &[Sim], on_failure: OnFailure) -> (RunStatus, Vec<String>) {
    let mut scheduler = Scheduler::new(plan(sims, 2, on_failure));
    let mut decisions = Decisions::default();
    let now = Moment::default();
    scheduler.handle(now, Input::Begin(Box::default()), &mut decisions);
    scheduler.handle(now, Input::Tick, &mut decisions);
    loop {
        let actions = std::mem::take(&mut decisions.actions);
        assert!(!actions.is_empty(), "it ends before `finally`");
        for action in actions {
            match action {
                Action::OpenFinally { status, failed } => {
                    return (status, failed.iter().map(ToString::to_string).collect());
                }
                Action::Spawn { task, attempt, given: _ } => {
                    let started = Started { task, attempt, ..Started::default() };
                    scheduler.handle(now, Input::Started(Box::new(started)), &mut decisions);
                    let exit_code = Some(sims[task.index()].attempts[0].1);
                    let measured = Measured { exit_code, ..Measured::default() };
                    let ended = Ended {
                        task,
                        attempt,
                        not_started: None,
                        measured,
                        results: Ok(Results::default()),
                    };
                    scheduler.handle(now, Input::Ended(Box::new(ended)), &mut decisions);
                }
                Action::Signal { .. }
                | Action::SignalLeaked { .. }
                | Action::Hash { .. }
                | Action::Announce { .. } => {}
            }
        }
    }
}

#[test]
fn it_runs_after_success_and_after_failure() {
    check(&[ok(&[]), last(&[])], OnFailure::Stop, &[], "SUCCEEDED, SUCCEEDED; COMPLETED");
    for policy in [OnFailure::Stop, OnFailure::Isolate, OnFailure::Kill] {
        check(
            &[fails(&[]), ok(&[0]), last(&[])],
            policy,
            &[],
            "FAILED exit(2), SKIPPED upstream(t0), SUCCEEDED; FAILED failed(t0)",
        );
    }
}

#[test]
fn it_is_told_how_the_tasks_ended() {
    let failing = [fails(&[]), ok(&[]), fails(&[1]), last(&[])];
    let both = vec!["t0".to_owned(), "t2".to_owned()];
    assert_eq!(told(&failing, OnFailure::Isolate), (RunStatus::Failed, both));
    assert_eq!(told(&[ok(&[]), last(&[])], OnFailure::Stop), (RunStatus::Completed, vec![]));
    let may_fail = Sim { fail: Some(OnTaskFailure::Continue), ..fails(&[]) };
    let one = vec!["t0".to_owned()];
    assert_eq!(told(&[may_fail, last(&[])], OnFailure::Stop), (RunStatus::Completed, one));
}

#[test]
fn its_own_failure_fails_a_good_run_and_stops_no_other() {
    let bad = Sim { finally: true, ..fails(&[]) };
    check(
        &[ok(&[]), bad.clone(), last(&[1]), last(&[])],
        OnFailure::Kill,
        &[],
        "SUCCEEDED, FAILED exit(2), SUCCEEDED, SUCCEEDED; FAILED failed(t1)",
    );
    check(
        &[fails(&[]), bad],
        OnFailure::Stop,
        &[],
        "FAILED exit(2), FAILED exit(2); FAILED failed(t0)",
    );
}

#[test]
fn it_is_retried_after_a_failed_run() {
    let twice = Sim { retries: 1, attempts: vec![(10, 1), (10, 0)], ..last(&[]) };
    check(
        &[fails(&[]), twice],
        OnFailure::Stop,
        &[],
        "FAILED exit(2), SUCCEEDED; FAILED failed(t0)",
    );
}

#[test]
fn it_runs_after_a_drain_and_a_drain_while_it_runs_lets_it_finish() {
    check(
        &[long(100), ok(&[0]), last(&[])],
        OnFailure::Stop,
        &[(50, Level::Drain)],
        "SUCCEEDED, CANCELLED cancelled, SUCCEEDED; CANCELLED cancelled",
    );
    let sims = [ok(&[]), Sim { finally: true, ..long(100) }, last(&[1])];
    check(
        &sims,
        OnFailure::Stop,
        &[(50, Level::Drain)],
        "SUCCEEDED, SUCCEEDED, SUCCEEDED; CANCELLED cancelled",
    );
}

#[test]
fn a_short_stop_cancels_it() {
    let sims = [deaf(long(86_400_000)), last(&[])];
    let cancelled = "CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled".to_owned();
    assert_eq!(run(&sims, 3_999, None, &[(50, Level::Stop)]), (cancelled, 50 + 3_999));
    // Ctrl-C while it runs climbs the ladder.
    let sims = [ok(&[]), deaf(Sim { finally: true, ..long(86_400_000) }), last(&[1])];
    let (states, now) = run(&sims, 2_000, None, &[(50, Level::Drain), (60, Level::Stop)]);
    let expected =
        "SUCCEEDED, CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled".to_owned();
    assert_eq!((states, now), (expected, 2_060));
}

#[test]
fn a_long_stop_leaves_it_what_the_tasks_leave() {
    // The tasks have half of the grace, and what cleans up the rest but its own end.
    let sims = [deaf(long(86_400_000)), Sim { finally: true, ..long(1_000) }, last(&[1])];
    let expected = "CANCELLED cancelled, SUCCEEDED, SUCCEEDED; CANCELLED cancelled".to_owned();
    assert_eq!(run(&sims, 8_000, None, &[(0, Level::Stop)]), (expected, 5_010));
    let slow = deaf(Sim { finally: true, ..long(86_400_000) });
    let sims = [deaf(long(86_400_000)), slow, last(&[1])];
    let expected =
        "CANCELLED cancelled, CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled";
    assert_eq!(run(&sims, 8_000, None, &[(0, Level::Stop)]), (expected.to_owned(), 8_000));
}

#[test]
fn what_hears_the_signal_of_a_long_stop_in_finally_ends_before_the_deadline() {
    let sims = [ok(&[]), Sim { finally: true, ..long(86_400_000) }];
    let expected = "SUCCEEDED, CANCELLED cancelled; CANCELLED cancelled".to_owned();
    assert_eq!(run(&sims, 8_000, None, &[(100, Level::Stop)]), (expected, 7_100));
}

#[test]
fn it_never_runs_at_kill() {
    let sims = [long(86_400_000), last(&[])];
    let cancelled = "CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled".to_owned();
    assert_eq!(run(&sims, 8_000, None, &[(50, Level::Kill)]), (cancelled.clone(), 50));
    let levels = [(50, Level::Stop), (60, Level::Kill)];
    assert_eq!(run(&sims, 8_000, None, &levels), (cancelled, 60));
}

#[test]
fn a_run_that_takes_too_long_fails_and_cleans_up() {
    let sims = [long(86_400_000), ok(&[0]), last(&[])];
    let expected =
        "CANCELLED run_timeout, SKIPPED run_timeout, SUCCEEDED; FAILED timeout".to_owned();
    assert_eq!(run(&sims, 2_000, Some(500), &[]), (expected, 510));
    // The grace is the task's own, and what cleans up is not under the limit.
    let sims = [deaf(long(86_400_000)), Sim { finally: true, ..long(5_000) }];
    let expected = "CANCELLED run_timeout, SUCCEEDED; FAILED timeout".to_owned();
    assert_eq!(run(&sims, 2_000, Some(500), &[]), (expected, 15_500));
}

#[test]
fn a_run_that_takes_too_long_ends_pauses_and_what_drains() {
    let sims = [Sim { retries: 1, ..fails(&[]) }];
    let expected = "FAILED exit(2); FAILED timeout".to_owned();
    assert_eq!(run(&sims, 2_000, Some(20), &[]), (expected, 20));
    let sims = [long(86_400_000), last(&[])];
    let expected = "CANCELLED run_timeout, SUCCEEDED; CANCELLED cancelled".to_owned();
    assert_eq!(run(&sims, 2_000, Some(500), &[(50, Level::Drain)]), (expected, 510));
}

#[test]
fn a_run_that_was_in_time_has_no_timeout() {
    let sims = [ok(&[]), Sim { finally: true, ..long(900) }];
    let expected = "SUCCEEDED, SUCCEEDED; COMPLETED".to_owned();
    assert_eq!(run(&sims, 2_000, Some(500), &[]), (expected, 910));
}

#[test]
fn without_selected_tasks_it_runs_at_once() {
    let sims = [ok(&[]), last(&[])];
    let mut plan = plan(&sims, 2, OnFailure::Stop);
    plan.left_out[0] = true;
    let world = World::new(&sims, plan).run(&[]);
    assert_eq!(world.states(), "SKIPPED not_selected, SUCCEEDED; COMPLETED");
}
