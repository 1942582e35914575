//! The ladder of a cancel, at any moment of a task's life.

use super::*;

#[test]
fn a_cancel_ends_a_pause_with_the_last_reason() {
    let sims = [Sim { retries: 3, ..fails(&[]) }];
    check(&sims, OnFailure::Stop, &[(20, Level::Drain)], "FAILED exit(2); CANCELLED cancelled");
}

#[test]
fn drain_lets_what_runs_finish_and_starts_nothing() {
    let sims = [Sim { attempts: vec![(100, 3)], ..ok(&[]) }, ok(&[0]), ok(&[1])];
    check(
        &sims,
        OnFailure::Stop,
        &[(50, Level::Drain)],
        "FAILED exit(3), CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled",
    );
}

/// Cancels while one of two processes is still being started; returns what was told, in order.
fn cancel_during_a_start(level: Level) -> Vec<String> {
    let sims = [ok(&[]), ok(&[]), ok(&[])];
    let mut scheduler = Scheduler::new(plan(&sims, 2, OnFailure::Stop));
    let mut decisions = Decisions::default();
    let mut input = |input| scheduler.handle(Moment::default(), input, &mut decisions);
    let started = |task| {
        let started = Started { task: TaskId(task), attempt: 1, ..Started::default() };
        Input::Started(Box::new(started))
    };
    input(Input::Begin(Box::default()));
    input(Input::Tick);
    input(started(0));
    input(Input::Cancel(CancelRequest { level, by: "test".to_owned(), reason: None }));
    input(started(1));
    let told = |line: &crate::event::Line| match &line.event {
        Event::TaskStarted(started) => Some(format!("{} starts", started.name)),
        Event::RunCancelling(cancelling) => Some(cancelling.level.to_string()),
        Event::TaskStopping(stopping) => Some(format!("{} is stopped", stopping.name)),
        Event::TaskFinished(finished) => Some(format!("{} {}", finished.name, finished.state)),
        _ => None,
    };
    decisions.lines.iter().filter_map(told).collect()
}

#[test]
fn a_plan_without_slots_has_one() {
    let none = Plan { jobs: 0, ..plan(&[ok(&[])], 1, OnFailure::Stop) };
    assert_eq!(start_order(&none), [TaskId(0)]);
}

#[test]
fn a_drain_waits_for_what_is_just_being_started() {
    let expected = ["t0 starts", "t1 starts", "drain", "t2 CANCELLED"];
    assert_eq!(cancel_during_a_start(Level::Drain), expected);
    let expected =
        ["t0 starts", "stop", "t2 CANCELLED", "t0 is stopped", "t1 starts", "t1 is stopped"];
    assert_eq!(cancel_during_a_start(Level::Stop), expected);
}

#[test]
fn stop_gives_one_deadline_to_all() {
    let stubborn = Sim { attempts: vec![(86_400_000, 0)], ignores_term: true, ..ok(&[]) };
    let sims = [stubborn.clone(), stubborn];
    let world = World::new(&sims, plan(&sims, 2, OnFailure::Stop))
        .run(&[(50, Level::Drain), (70, Level::Stop)]);
    assert_eq!(world.states(), "CANCELLED cancelled, CANCELLED cancelled; CANCELLED cancelled");
    assert_eq!(world.now, 2_070);
}

#[test]
fn stop_shortens_the_grace_of_what_another_failure_stops_while_it_is_being_started() {
    let sims = [ok(&[]), ok(&[])];
    let mut scheduler = Scheduler::new(plan(&sims, 2, OnFailure::Kill));
    let mut decisions = Decisions::default();
    let mut input = |input| scheduler.handle(Moment::default(), input, &mut decisions);
    let started = |task| {
        let started = Started { task: TaskId(task), attempt: 1, ..Started::default() };
        Input::Started(Box::new(started))
    };
    let level = Level::Stop;
    let measured = Measured { exit_code: Some(1), ..Measured::default() };
    let ended = Ended {
        task: TaskId(0),
        attempt: 1,
        not_started: None,
        measured,
        results: Ok(Results::default()),
    };
    input(Input::Begin(Box::default()));
    input(Input::Tick);
    input(started(0));
    input(Input::Ended(Box::new(ended)));
    input(Input::Cancel(CancelRequest { level, by: "test".to_owned(), reason: None }));
    input(started(1));
    let kill = scheduler.wake_at();
    assert_eq!(kill, Some(Ms(2_000)), "the grace of level stop, not that of the task");
    decisions = Decisions::default();
    let at = |ms| Moment { ms: Ms(ms), ..Moment::default() };
    scheduler.handle(at(2_000), Input::Tick, &mut decisions);
    let kills = |action: &Action| matches!(action, Action::Signal { signal: 9, .. });
    assert!(decisions.actions.iter().any(kills), "{:?}", decisions.actions);
}
