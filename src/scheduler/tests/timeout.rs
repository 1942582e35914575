//! What a timeout does to a task: the look at it, the signal, and the grace after that.

use super::*;

#[test]
fn a_timeout_asks_and_then_kills() {
    let sims =
        [Sim { timeout: Some(500), attempts: vec![(60_000, 0)], ignores_term: true, ..ok(&[]) }];
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    assert_eq!(world.states(), "FAILED timeout; FAILED failed(t0)");
    assert_eq!(world.now, 10_500);
}

#[test]
fn what_runs_at_a_timeout_is_looked_at_once_an_attempt_and_at_no_other_end() {
    let slow = Sim { timeout: Some(500), attempts: vec![(60_000, 0)], ..ok(&[]) };
    let sims = [Sim { retries: 1, ignores_term: true, ..slow.clone() }];
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    let again = world.post_mortems[1].0;
    assert_eq!(world.post_mortems, [(500, 1, SIGTERM), (again, 2, SIGTERM)]);
    let starts: Vec<u64> = world
        .lines
        .iter()
        .filter(|line| matches!(line.event, Event::TaskStarted(_)))
        .map(|line| line.ms.0)
        .collect();
    assert_eq!(again, starts[1] + 500);
    assert_eq!(world.now, again + 10_000);
    for level in [Level::Stop, Level::Kill] {
        let sims = [slow.clone()];
        let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[(100, level)]);
        assert_eq!(world.post_mortems, []);
    }
}

#[test]
fn the_grace_follows_a_signal_that_waited_for_a_look() {
    let sims = [Sim { timeout: Some(500), ..ok(&[]) }];
    let mut scheduler = Scheduler::new(plan(&sims, 1, OnFailure::Stop));
    let mut signals = |ms, input| {
        let mut decisions = Decisions::default();
        let now = Moment { ms: Ms(ms), ..Moment::default() };
        scheduler.handle(now, input, &mut decisions);
        let signal = |action: &Action| match action {
            Action::Signal { signal, overdue, .. } => Some((*signal, *overdue)),
            _ => None,
        };
        let signals: Vec<_> = decisions.actions.iter().filter_map(signal).collect();
        (signals, scheduler.wake_at())
    };
    let (task, attempt) = (TaskId(0), 1);
    let started = Started { task, attempt, ..Started::default() };
    signals(0, Input::Begin(Box::default()));
    signals(0, Input::Tick);
    signals(0, Input::Started(Box::new(started)));
    let (told, wake_at) = signals(500, Input::Tick);
    assert_eq!(told, [(SIGTERM, Some(Overdue::Attempt(Ms(500))))]);
    assert_eq!(wake_at, Some(Ms(12_500)), "it is killed also where the look never ends");
    let (_, wake_at) = signals(1_300, Input::Signalled { task, attempt });
    assert_eq!(wake_at, Some(Ms(11_300)));
    assert_eq!(signals(11_300, Input::Tick).0, [(SIGKILL, None)]);
}
