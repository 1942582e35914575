//! Pools and `cpus`: never more than there is, in order, and nothing starves.

use super::*;

/// A task that takes so long, and holds so many slots of which pools.
fn holds(takes: u64, pools: &[(u32, u32)]) -> Sim {
    Sim { attempts: vec![(takes, 0)], pools: pools.to_vec(), ..ok(&[]) }
}

/// Runs all, and returns `task@moment` in the order of the starts; then what it holds of pools.
fn starts(sims: &[Sim], jobs: u32) -> String {
    let world = World::new(sims, plan(sims, jobs, OnFailure::Isolate)).run(&[]);
    assert!(world.scheduler.is_over(), "it hangs: {}", world.states());
    audit(&world.lines, &rules(sims)).expect("an honest log");
    let start = |line: &Line| match &line.event {
        Event::TaskStarted(started) => {
            let slots: Vec<String> =
                started.slots.iter().map(|(pool, slots)| format!(" {pool}{slots:?}")).collect();
            Some(format!("{}@{}{}", started.task.0, line.ms.0, slots.concat()))
        }
        _ => None,
    };
    world.lines.iter().filter_map(start).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_lowest_free_slot_comes_first() {
    let one = |takes| holds(takes, &[(2, 1)]);
    let sims = [one(30), one(10), one(20), one(15), one(10), holds(5, &[(2, 3)])];
    assert_eq!(
        starts(&sims, 9),
        "0@0 p2[0], 1@0 p2[1], 2@0 p2[2], 3@10 p2[1], 4@20 p2[2], 5@30 p2[0, 1, 2]"
    );
}

#[test]
fn what_does_not_fit_waits_and_others_go_on() {
    // With two at once, one place is for those that want no slot of the pool.
    let sims = [
        holds(10, &[(0, 1)]),
        holds(10, &[(0, 1)]),
        holds(10, &[(0, 1)]),
        ok(&[]),
        ok(&[]),
        ok(&[]),
    ];
    assert_eq!(starts(&sims, 2), "0@0 p0[0], 3@0, 1@10 p0[0], 4@10, 2@20 p0[0], 5@20");
    // It is ready from the beginning.
    let world = World::new(&sims, plan(&sims, 2, OnFailure::Stop)).run(&[]);
    let queued = world.lines.iter().filter(|line| matches!(line.event, Event::TaskQueued(_)));
    assert_eq!(queued.filter(|line| line.ms == Ms(0)).count(), sims.len());
}

#[test]
fn no_later_task_takes_a_slot_that_an_earlier_one_waits_for() {
    let sims =
        [holds(10, &[(1, 1)]), holds(10, &[(1, 2)]), holds(5, &[(1, 1)]), holds(5, &[(2, 1)])];
    assert_eq!(starts(&sims, 9), "0@0 p1[0], 3@0 p2[0], 1@10 p1[0, 1], 2@20 p1[0]");
    let wide = Sim { cpus: Some(3), ..holds(10, &[]) };
    let sims = [holds(10, &[]), wide, holds(1, &[]), holds(1, &[])];
    assert_eq!(starts(&sims, 3), "0@0, 1@10, 2@20, 3@20");
}

#[test]
fn more_cpus_than_jobs_are_all_of_them() {
    let wide = Sim { cpus: Some(9), ..holds(10, &[]) };
    assert_eq!(starts(&[holds(10, &[]), wide, holds(10, &[])], 2), "0@0, 1@10, 2@20");
}

#[test]
fn who_wants_two_pools_gets_them_one_after_the_other() {
    // Either pool is always in use: where only what is lacked at the moment were kept for the third,
    // all others would go before it.
    let mut sims = vec![holds(10, &[(0, 1)]), holds(15, &[(1, 2)]), holds(10, &[(0, 1), (1, 2)])];
    for _ in 0..20 {
        sims.push(holds(10, &[(0, 1)]));
        sims.push(holds(10, &[(1, 2)]));
    }
    let order = starts(&sims, 9);
    assert!(order.starts_with("0@0 p0[0], 1@0 p1[0, 1], 2@15 p0[0] p1[0, 1], "), "{order}");
    // A pool that it does not lack serves others, until it has what it lacks.
    let sims = [
        holds(30, &[(0, 1)]),
        holds(10, &[(0, 1), (1, 2)]),
        holds(10, &[(1, 2)]),
        holds(25, &[(1, 2)]),
    ];
    let expected = "0@0 p0[0], 2@0 p1[0, 1], 3@10 p1[0, 1], 1@35 p0[0] p1[0, 1]";
    assert_eq!(starts(&sims, 9), expected);
}

#[test]
fn while_a_task_waits_for_a_pool_others_use_the_processors() {
    let wide = Sim { cpus: Some(2), ..holds(10, &[(0, 1)]) };
    let sims =
        [holds(25, &[(0, 1)]), wide, holds(10, &[]), holds(10, &[]), holds(10, &[]), holds(1, &[])];
    // At 25 it has the pool and waits for the processors: nothing else starts.
    assert_eq!(starts(&sims, 2), "0@0 p0[0], 2@0, 3@10, 4@20, 1@30 p0[0], 5@40");
}

#[test]
fn between_attempts_nothing_is_held() {
    let retried =
        Sim { retries: 1, attempts: vec![(10, 1), (10, 0)], cpus: Some(2), ..holds(1, &[(0, 1)]) };
    let sims = [retried, holds(10, &[(0, 1)])];
    let world = World::new(&sims, plan(&sims, 2, OnFailure::Stop)).run(&[]);
    assert_eq!(world.states(), "SUCCEEDED, SUCCEEDED; COMPLETED");
    assert!(starts(&sims, 2).starts_with("0@0 p0[0], 1@10 p0[0], 0@"), "{}", starts(&sims, 2));
}

#[test]
fn finally_holds_slots_too() {
    let last = Sim { finally: true, ..holds(10, &[(0, 1)]) };
    assert_eq!(
        starts(&[holds(5, &[(0, 1)]), last.clone(), last], 9),
        "0@0 p0[0], 1@5 p0[0], 2@15 p0[0]"
    );
}

#[test]
fn a_task_that_cannot_start_gives_its_slots_back() {
    let broken = Sim { cannot_start: true, ..holds(1, &[(0, 1)]) };
    assert_eq!(starts(&[broken, holds(5, &[(0, 1)])], 9), "1@0 p0[0]");
}

#[test]
fn a_hundred_thousand_tasks_may_wait_for_one_pool() {
    let mut sims = vec![holds(1, &[(0, 1)]); 100_000];
    sims[7].pools = vec![(1, 1)];
    let order = start_order(&plan(&sims, 4, OnFailure::Stop));
    assert_eq!(order.len(), sims.len());
    assert_eq!(order[..3], [TaskId(0), TaskId(7), TaskId(1)]);
}

#[test]
fn a_pool_may_have_other_slots_in_a_run() {
    let sims = [holds(1, &[(1, 2)]), holds(1, &[])];
    let plan = || plan(&sims, 2, OnFailure::Stop);
    let with = |plan: Plan, count| plan.with_slots([(PoolId(1), Slots::Numbered(count))]);
    assert_eq!(with(plan(), 5).expect("enough").pools[1].slots.count(), 5);
    let too_few = with(plan(), 1).expect_err("one of two");
    assert_eq!(too_few.to_string(), "`t0` wants 2 slots of the pool `p1`, which has 1");
    let mut without = plan();
    without.left_out[0] = true;
    assert!(with(without, 1).is_ok(), "nobody wants them");
}

/// Holds what waits against what is free: the first of all ready tasks always gets what is there.
pub(super) fn check_first(scheduler: &Scheduler) {
    let is_ready = |id: &TaskId| scheduler.tasks[id.index()].phase == Phase::Ready;
    let place = |id: &TaskId| (Reverse(scheduler.heights[id.index()]), *id);
    let Some(first) = scheduler.plan.flow.ids().filter(is_ready).min_by_key(place) else { return };
    let held = |pool: PoolId| -> u32 {
        let all = scheduler.held.values().flat_map(|held| held.iter());
        all.filter(|held| held.pool == pool).map(|held| held.slots.len() as u32).sum()
    };
    let needs = &scheduler.plan.flow.task(first).options.pools;
    let has_pools = needs.iter().all(|(pool, count)| held(*pool) + count <= POOLS[pool.index()]);
    let fits = has_pools && scheduler.plan.jobs_of(first) <= scheduler.free_jobs;
    assert!(!fits || scheduler.held_drain.is_some(), "task {} could start", first.0);
}

/// What a task holds of pools, and of `jobs`.
type Wants = (Vec<(u32, u32)>, Option<u32>);

fn with_pools(sims: Vec<Sim>, wants: &[Wants]) -> Vec<Sim> {
    let with = |(sim, (pools, cpus)): (Sim, &Wants)| {
        let mut pools: Vec<(u32, u32)> =
            pools.iter().map(|(pool, count)| (*pool, count % POOLS[*pool as usize] + 1)).collect();
        pools.sort_unstable();
        pools.dedup_by_key(|(pool, _)| *pool);
        Sim { pools, cpus: *cpus, ..sim }
    };
    sims.into_iter().zip(wants.iter().cycle()).map(with).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_slot_is_shared_and_every_run_ends(
        sims in some_sims(),
        wants in prop::collection::vec(
            (prop::collection::vec((0u32..3, 0u32..3), 0..4), prop::option::weighted(0.3, 1u32..4)),
            1..18,
        ),
        jobs in 1u32..6,
        policy in prop_oneof![Just(OnFailure::Isolate), Just(OnFailure::Stop), Just(OnFailure::Kill)],
        cancel in prop::option::weighted(0.3, (0u64..600, prop_oneof![Just(Level::Drain), Just(Level::Stop)])),
        duplicates in any::<bool>(),
    ) {
        let sims = with_pools(sims, &wants);
        let cancels: Vec<(u64, Level)> = cancel.into_iter().collect();
        let run = || {
            let world = World::new(&sims, plan(&sims, jobs, policy));
            World { duplicates, ..world }.run(&cancels)
        };
        let world = run();
        prop_assert!(world.scheduler.is_over(), "it hangs: {}", world.states());
        if let Err(broken) = audit(&world.lines, &rules(&sims)) {
            return Err(TestCaseError::fail(broken));
        }
        prop_assert!(world.scheduler.held.is_empty());
        prop_assert_eq!(world.scheduler.free_jobs, jobs);
        prop_assert_eq!(run().lines, world.lines);
    }
}
