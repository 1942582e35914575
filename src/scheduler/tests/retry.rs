//! The pauses between attempts: doubled, capped, scattered from a seed, and only where they are wanted.

use std::collections::BTreeSet;

use super::*;

/// Returns the pauses of a task that fails each time, under a seed.
fn pauses(retry: Retry, seed: u64) -> Vec<u64> {
    let sims = [Sim { attempts: vec![(0, 9)], ..ok(&[]) }];
    let mut flow = Arc::unwrap_or_clone(flow(&sims, OnFailure::Stop));
    flow.tasks[0].options = Arc::new(Options { retry, ..Options::default() });
    let mut plan = Plan::all_of(Arc::new(flow), 1);
    plan.seed = seed;
    let world = World::new(&sims, plan).run(&[]);
    let pause = |line: &Line| match &line.event {
        Event::TaskRetrying(retrying) => Some(retrying.after.0),
        _ => None,
    };
    world.lines.iter().filter_map(pause).collect()
}

fn retry() -> Retry {
    Retry { max: 6, delay: Ms(1_000), max_delay: Ms(10_000), ..Retry::default() }
}

#[test]
fn pauses_double_up_to_their_limit_and_are_scattered_by_a_quarter() {
    let due = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000];
    for seed in 0..200 {
        let pauses = pauses(retry(), seed);
        assert_eq!(pauses.len(), due.len());
        for (pause, due) in pauses.iter().zip(due) {
            let most = (due * 5 / 4).min(10_000);
            assert!(
                (due * 3 / 4..=most).contains(pause),
                "seed {seed}: {pause} where {due} is due"
            );
        }
    }
}

#[test]
fn pauses_at_their_limit_are_scattered_as_well() {
    let retry = Retry { max: 1, delay: Ms(300_000), max_delay: Ms(300_000), ..Retry::default() };
    let pauses: BTreeSet<u64> = (0..200).flat_map(|seed| pauses(retry.clone(), seed)).collect();
    assert!(pauses.iter().all(|pause| (225_000..=300_000).contains(pause)), "{pauses:?}");
    assert!(pauses.len() > 190, "{pauses:?}");
}

#[test]
fn the_seed_decides_how_they_are_scattered() {
    assert_eq!(pauses(retry(), 1), pauses(retry(), 1));
    assert_ne!(pauses(retry(), 1), pauses(retry(), 2));
}

#[test]
fn only_the_codes_that_are_named_are_worth_another_attempt() {
    let codes = |codes: &[i32]| Retry { codes: codes.into(), ..retry() };
    assert_eq!(pauses(codes(&[9]), 1).len(), 6);
    assert_eq!(pauses(codes(&[8, 10]), 1).len(), 0);
    // A timeout is, in any case.
    let hangs = Sim { timeout: Some(50), attempts: vec![(86_400_000, 0)], ..ok(&[]) };
    let sims = [hangs];
    let mut flow = Arc::unwrap_or_clone(flow(&sims, OnFailure::Stop));
    let options = Options { timeout: Some(Ms(50)), retry: codes(&[8]), ..Options::default() };
    flow.tasks[0].options = Arc::new(options);
    let world = World::new(&sims, Plan::all_of(Arc::new(flow), 1)).run(&[]);
    assert_eq!(world.scheduler.view().tasks()[0].attempts.len(), 7);
}
