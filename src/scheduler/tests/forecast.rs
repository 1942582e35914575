//! What a plan comes to: waves, the critical path, and totals under limits.

use super::*;

fn ids(ids: &[u32]) -> Vec<TaskId> {
    ids.iter().copied().map(TaskId).collect()
}

#[test]
fn the_critical_path_goes_by_time_where_it_is_known_and_else_by_count() {
    // 0 → 1 → 3, 0 → 2
    let sims = [ok(&[]), ok(&[0]), ok(&[0]), ok(&[1])];
    let plan = plan(&sims, 2, OnFailure::Stop);
    let nothing = forecast(&plan, |_| None);
    assert_eq!((nothing.critical, nothing.total), (ids(&[0, 1, 3]), Ms(0)));
    assert_eq!(nothing.waves, [Some(1), Some(2), Some(2), Some(3)]);
    let times = [10, 10, 100, 10].map(Ms);
    let all = forecast(&plan, |id| Some(times[id.index()]));
    assert_eq!((all.critical, all.total), (ids(&[0, 2]), Ms(110)));
}

#[test]
fn waves_know_no_limit_and_totals_do() {
    let held = |needs: &[u32]| Sim { pools: vec![(0, 1)], ..ok(needs) };
    let sims = [held(&[]), held(&[]), ok(&[]), ok(&[0])];
    let plan = plan(&sims, 2, OnFailure::Stop);
    let forecast = forecast(&plan, |_| Some(Ms(10)));
    assert_eq!(forecast.waves, [Some(1), Some(1), Some(1), Some(2)]);
    assert_eq!(forecast.total, Ms(20), "the pool has one slot");
    assert_eq!(simulate(&Plan { jobs: 1, ..plan }, |_| Ms(10)).total, Ms(40));
}

#[test]
fn the_first_of_needs_any_counts_and_finally_comes_after_all() {
    let either = Sim { needs_any: vec![0, 1], ..ok(&[]) };
    let last = Sim { finally: true, ..ok(&[]) };
    let sims = [ok(&[]), ok(&[]), either, last];
    let times = [50, 10, 10, 5].map(Ms);
    let plan = plan(&sims, 9, OnFailure::Stop);
    let simulated = simulate(&plan, |id| times[id.index()]);
    assert_eq!(simulated.times[2], Some((Ms(10), Ms(20))));
    let forecast = forecast(&plan, |id| Some(times[id.index()]));
    assert_eq!((forecast.critical, forecast.total), (ids(&[0, 3]), Ms(55)));
}

#[test]
fn no_limit_of_time_ends_a_simulated_task() {
    let sims = [Sim { timeout: Some(5), ..ok(&[]) }, ok(&[0])];
    let plan = Plan { timeout: Some(Ms(7)), ..plan(&sims, 2, OnFailure::Stop) };
    assert_eq!(simulate(&plan, |_| Ms(1_000)).total, Ms(2_000));
}

#[test]
fn a_hundred_thousand_tasks_are_foreseen() {
    let sims: Vec<Sim> =
        (0..100_000u32).map(|n| if n % 1_000 == 0 { ok(&[]) } else { ok(&[n - 1]) }).collect();
    let forecast = forecast(&plan(&sims, 8, OnFailure::Stop), |_| None);
    assert_eq!((forecast.order.len(), forecast.critical.len()), (100_000, 1_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn totals_lie_between_the_critical_path_and_the_sum(
        needs in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..25),
        times in prop::collection::vec(0u64..50, 25),
        jobs in 1u32..6,
    ) {
        let sims: Vec<Sim> = needs.iter().enumerate().map(|(at, needs)| {
            let mut needs: Vec<u32> =
                needs.iter().filter(|_| at > 0).map(|need| need.index(at.max(1)) as u32).collect();
            needs.sort_unstable();
            needs.dedup();
            ok(&needs)
        }).collect();
        let plan = plan(&sims, jobs, OnFailure::Stop);
        let takes = |id: TaskId| Ms(times[id.index()]);
        let forecast = forecast(&plan, |id| Some(takes(id)));
        let sum: u64 = plan.flow.ids().map(|id| takes(id).0).sum();
        let path: u64 = forecast.critical.iter().map(|id| takes(*id).0).sum();
        prop_assert!(path <= forecast.total.0 && forecast.total.0 <= sum);
        prop_assert_eq!(simulate(&Plan { jobs: 1, ..plan.clone() }, takes).total.0, sum);
        let free = simulate(&plan.unlimited(), |id| takes(id).max(Ms(1)));
        let weight = |id: &TaskId| takes(*id).max(Ms(1)).0;
        prop_assert_eq!(forecast.critical.iter().map(weight).sum::<u64>(), free.total.0);
        for pair in forecast.critical.windows(2) {
            prop_assert!(plan.flow.needs(pair[1]).contains(&pair[0]));
        }
    }
}

#[test]
fn what_is_left_is_known_as_long_as_nothing_else_happens() {
    // 0 → 1 → 3, 0 → 2, two at once
    let plan = plan(&[ok(&[]), ok(&[0]), ok(&[0]), ok(&[1])], 2, OnFailure::Stop);
    let mut scheduler = Scheduler::new(plan.clone());
    let mut decisions = Decisions::default();
    let moment = |ms| Moment { ms: Ms(ms), wall: Wall(0) };
    scheduler.handle(moment(0), Input::Begin(Box::default()), &mut decisions);
    scheduler.handle(moment(0), Input::Tick, &mut decisions);
    let left = |scheduler: &Scheduler, now, third: Option<Ms>| {
        let times = [Some(Ms(1_000)), Some(Ms(2_000)), Some(Ms(500)), third];
        remaining(&plan, |id| times[id.index()], scheduler.view(), Ms(now))
    };
    let known = Some(Ms(4_000));
    assert_eq!(left(&scheduler, 0, known), Some(Ms(7_000)));
    assert_eq!(left(&scheduler, 0, None), None, "one is not known");
    let begin = |scheduler: &mut Scheduler, ms, task| {
        let started = Started { task: TaskId(task), attempt: 1, ..Started::default() };
        let input = Input::Started(Box::new(started));
        scheduler.handle(moment(ms), input, &mut Decisions::default());
    };
    let end = |scheduler: &mut Scheduler, ms, task, code| {
        let measured = Measured { exit_code: Some(code), ..Measured::default() };
        let results = Ok(Results::default());
        let ended = Ended { task: TaskId(task), attempt: 1, not_started: None, measured, results };
        scheduler.handle(moment(ms), Input::Ended(Box::new(ended)), &mut Decisions::default());
    };
    begin(&mut scheduler, 0, 0);
    assert_eq!(left(&scheduler, 400, known), Some(Ms(6_600)));
    assert_eq!(left(&scheduler, 3_000, known), Some(Ms(6_000)), "it takes longer than it did");
    assert_eq!(left(&scheduler, 3_001, known), None, "nobody knows when it ends");
    end(&mut scheduler, 3_500, 0, 0);
    assert_eq!(left(&scheduler, 3_500, known), Some(Ms(6_000)));
    begin(&mut scheduler, 3_500, 1);
    begin(&mut scheduler, 3_500, 2);
    end(&mut scheduler, 4_000, 2, 2);
    assert_eq!(left(&scheduler, 4_000, known), None, "a failure ends it otherwise");
}
