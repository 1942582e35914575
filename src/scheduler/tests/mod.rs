//! The scheduler against simulated tasks and a simulated clock.

mod cancel;
mod finally;
mod pools;
mod results;
mod retry;
mod terminal;
mod timeout;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::event::{Rules, audit};
use crate::model::{
    Flow, Lists, OnFailure, OnTaskFailure, Options, Pool, PoolId, Resources, Retry, SIGKILL,
    SIGTERM, Slots, Task, Work,
};

/// A task of a simulated run: what it needs, and how its attempts end.
#[derive(Clone, Debug, Default)]
struct Sim {
    needs: Vec<u32>,
    needs_any: Vec<u32>,
    fail: Option<OnTaskFailure>,
    retries: u32,
    timeout: Option<u64>,
    /// Of each attempt: how long it takes, and its exit code; the last one stands for all further.
    attempts: Vec<(u64, i32)>,
    ignores_term: bool,
    cannot_start: bool,
    finally: bool,
    /// How many slots of which of [`POOLS`].
    pools: Vec<(u32, u32)>,
    cpus: Option<u32>,
    leaves: Leaves,
}

/// What a simulated attempt with a good code leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Leaves {
    #[default]
    Nothing,
    /// A value, and a file whose sum takes so long.
    All(u64),
    /// Not what it promised.
    Less,
    /// What cannot be taken.
    Rubbish,
}

impl Leaves {
    fn results(self) -> Result<Results, Fault> {
        match self {
            Leaves::Nothing => Ok(Results::default()),
            Leaves::All(_) => Ok(results::all()),
            Leaves::Less => Err(Fault::Missing(Reason::missing_output("v"))),
            Leaves::Rubbish => Err(Fault::Wrong(Reason::output("line 1"))),
        }
    }
}

/// How many slots the pools of every simulated flow have.
const POOLS: [u32; 3] = [1, 2, 3];

fn ok(needs: &[u32]) -> Sim {
    Sim { needs: needs.to_vec(), attempts: vec![(10, 0)], ..Sim::default() }
}

fn fails(needs: &[u32]) -> Sim {
    Sim { attempts: vec![(10, 2)], ..ok(needs) }
}

fn pools() -> Arc<[Pool]> {
    let pool = |(index, count): (usize, &u32)| Pool {
        name: format!("p{index}").into(),
        slots: Slots::Numbered(*count),
    };
    POOLS.iter().enumerate().map(pool).collect()
}

fn flow(sims: &[Sim], on_failure: OnFailure) -> Arc<Flow> {
    let mut lists = Lists::default();
    let mut list = |ids: &[u32]| {
        let mut ids: Vec<TaskId> = ids.iter().map(|id| TaskId(*id)).collect();
        ids.dedup();
        if ids.is_empty() { crate::model::ListId::EMPTY } else { lists.push(&ids) }
    };
    let task = |(index, sim): (usize, &Sim)| Task {
        name: format!("t{index}").into(),
        description: None,
        work: Work::Run("true".into()),
        needs: list(&sim.needs),
        needs_any: list(&sim.needs_any),
        options: Arc::new(Options {
            fail: sim.fail,
            timeout: sim.timeout.map(Ms),
            retry: Retry { max: sim.retries, delay: Ms(100), ..Retry::default() },
            pools: sim.pools.iter().map(|(pool, count)| (PoolId(*pool), *count)).collect(),
            resources: Resources { cpus: sim.cpus, ..Resources::default() },
            ..Options::default()
        }),
        member: None,
        condition: None,
        line: 0,
        finally: sim.finally,
    };
    let tasks = sims.iter().enumerate().map(task).collect();
    Arc::new(Flow {
        name: "sim".into(),
        base_dir: "/".into(),
        tasks,
        lists,
        pools: pools(),
        on_failure,
        ..Flow::default()
    })
}

/// A running simulated attempt ends at a moment, with a code or by a signal.
#[derive(Clone, Copy, Debug)]
struct Running {
    attempt: u32,
    ends: u64,
    code: Option<i32>,
    signal: Option<i32>,
}

struct World<'a> {
    sims: &'a [Sim],
    scheduler: Scheduler,
    now: u64,
    running: BTreeMap<u32, Running>,
    lines: Vec<Line>,
    /// When the executor was to look at an attempt before its signal: moment, attempt, signal.
    post_mortems: Vec<(u64, u32, i32)>,
    duplicates: bool,
    /// Files that are being summed up, and when that ends.
    hashing: Vec<(u64, Hashed)>,
}

impl<'a> World<'a> {
    fn new(sims: &'a [Sim], plan: Plan) -> World<'a> {
        World {
            sims,
            scheduler: Scheduler::new(plan),
            now: 0,
            running: BTreeMap::new(),
            lines: Vec::new(),
            post_mortems: Vec::new(),
            duplicates: false,
            hashing: Vec::new(),
        }
    }

    fn input(&mut self, input: Input) {
        let mut decisions = Decisions::default();
        let starts_none = matches!(input, Input::Begin(_));
        let now = Moment { ms: Ms(self.now), wall: Wall(self.now as i64) };
        self.scheduler.handle(now, input.clone(), &mut decisions);
        if self.duplicates {
            self.scheduler.handle(now, input, &mut decisions);
        }
        if self.sims.len() < 100 && !starts_none {
            pools::check_first(&self.scheduler);
        }
        self.lines.append(&mut decisions.lines);
        for action in decisions.actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn { task, attempt, given: _ } => {
                let sim = &self.sims[task.index()];
                if sim.cannot_start {
                    let not_started = Some(Reason::spawn("not found: nowhere"));
                    let measured = Measured::default();
                    let ended = Ended {
                        task,
                        attempt,
                        not_started,
                        measured,
                        results: Ok(Results::default()),
                    };
                    return self.input(Input::Ended(Box::new(ended)));
                }
                let index = (attempt as usize - 1).min(sim.attempts.len() - 1);
                let (takes, code) = sim.attempts[index];
                let running =
                    Running { attempt, ends: self.now + takes, code: Some(code), signal: None };
                self.running.insert(task.0, running);
                let started = Started { task, attempt, pid: Some(1), ..Started::default() };
                self.input(Input::Started(Box::new(started)));
            }
            Action::Signal { task, attempt, signal, overdue } => {
                if overdue.is_some() {
                    self.post_mortems.push((self.now, attempt, signal));
                }
                let ignores = self.sims[task.index()].ignores_term && signal != 9;
                if let Some(running) = self.running.get_mut(&task.0)
                    && running.attempt == attempt
                    && !ignores
                {
                    (running.ends, running.code, running.signal) = (self.now, None, Some(signal));
                }
                if overdue.is_some() {
                    self.input(Input::Signalled { task, attempt });
                }
            }
            Action::Hash { task, attempt, artifacts } => {
                let Leaves::All(takes) = self.sims[task.index()].leaves else {
                    panic!("it left no file")
                };
                self.hashing.extend(results::hashed(task, attempt, artifacts, self.now + takes));
            }
            Action::SignalLeaked { .. } | Action::Announce { .. } | Action::OpenFinally { .. } => {}
        }
    }

    /// Goes to the next moment at which something happens; returns whether there is one.
    fn step(&mut self) -> bool {
        let next_end = self.running.iter().map(|(task, running)| (running.ends, *task)).min();
        let wake = self.scheduler.wake_at().map(|at| at.0);
        if let Some(ends) = self.next_hash(next_end.map(|(ends, _)| ends), wake) {
            self.now = self.now.max(ends);
            return true;
        }
        match (next_end, wake) {
            (Some((ends, task)), wake) if wake.is_none_or(|wake| ends <= wake) => {
                self.now = self.now.max(ends);
                if let Some(running) = self.running.remove(&task) {
                    let Running { attempt, code, signal, .. } = running;
                    let measured = Measured { exit_code: code, signal, ..Measured::default() };
                    let task = TaskId(task);
                    let ended = Ended {
                        task,
                        attempt,
                        not_started: None,
                        measured,
                        results: self.sims[task.index()].leaves.results(),
                    };
                    self.input(Input::Ended(Box::new(ended)));
                }
                true
            }
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.input(Input::Tick);
                true
            }
            (_, None) => false,
        }
    }

    fn run(mut self, cancels: &[(u64, Level)]) -> World<'a> {
        let run_id = "01900000-0000-7000-8000-000000000001".parse().ok();
        let facts = RunStarted { run_id, pyoco: "0".into(), ..RunStarted::default() };
        self.input(Input::Begin(Box::new(facts)));
        self.input(Input::Tick);
        let mut cancels = cancels.iter().peekable();
        for _ in 0..100_000 {
            while let Some((at, level)) = cancels.peek() {
                let ends = self.running.values().map(|running| running.ends);
                let next = ends.chain(self.hashing.iter().map(|(ends, _)| *ends)).min();
                let wake = self.scheduler.wake_at().map(|wake| wake.0);
                if next.into_iter().chain(wake).min().is_some_and(|next| next < *at) {
                    break;
                }
                self.now = self.now.max(*at);
                let by = "test".to_owned();
                self.input(Input::Cancel(CancelRequest { level: *level, by, reason: None }));
                cancels.next();
            }
            if self.scheduler.is_over() || !self.step() {
                break;
            }
        }
        self
    }

    fn states(&self) -> String {
        let of = |task: &crate::event::TaskView| match &task.reason {
            None => task.state().to_string(),
            Some(reason) => format!("{} {reason}", task.state()),
        };
        let tasks: Vec<String> = self.scheduler.view().tasks().iter().map(of).collect();
        let status = self.scheduler.view().status();
        let reason = self.scheduler.view().reason().map(|r| format!(" {r}")).unwrap_or_default();
        format!("{}; {status}{reason}", tasks.join(", "))
    }
}

fn plan(sims: &[Sim], jobs: u32, on_failure: OnFailure) -> Plan {
    let mut plan = Plan::all_of(flow(sims, on_failure), jobs);
    plan.seed = 7;
    plan
}

#[track_caller]
fn check(sims: &[Sim], on_failure: OnFailure, cancels: &[(u64, Level)], expected: &str) {
    let world = World::new(sims, plan(sims, 2, on_failure)).run(cancels);
    assert_eq!(world.states(), expected);
    audit(&world.lines, &rules(sims)).expect("an honest log");
}

fn rules(sims: &[Sim]) -> Rules {
    let may_fail = |(_, sim): &(usize, &Sim)| sim.fail == Some(OnTaskFailure::Continue);
    sims.iter()
        .enumerate()
        .filter(may_fail)
        .fold(Rules::default(), |rules, (index, _)| rules.may_fail(&format!("t{index}")))
}

#[test]
fn a_good_run_completes() {
    check(&[ok(&[]), ok(&[0])], OnFailure::Stop, &[], "SUCCEEDED, SUCCEEDED; COMPLETED");
}

#[test]
fn the_three_policies() {
    let sims =
        [fails(&[]), ok(&[0]), ok(&[1]), Sim { attempts: vec![(50, 0)], ..ok(&[]) }, ok(&[3])];
    check(
        &sims,
        OnFailure::Stop,
        &[],
        "FAILED exit(2), SKIPPED upstream(t0), SKIPPED upstream(t1), SUCCEEDED, \
         SKIPPED stopped_by(t0); FAILED failed(t0)",
    );
    check(
        &sims,
        OnFailure::Isolate,
        &[],
        "FAILED exit(2), SKIPPED upstream(t0), SKIPPED upstream(t1), SUCCEEDED, SUCCEEDED; \
         FAILED failed(t0)",
    );
    check(
        &sims,
        OnFailure::Kill,
        &[],
        "FAILED exit(2), SKIPPED upstream(t0), SKIPPED upstream(t1), CANCELLED stopped_by(t0), \
         SKIPPED stopped_by(t0); FAILED failed(t0)",
    );
}

#[test]
fn a_failure_that_may_be_satisfies_dependents() {
    let sims = [Sim { fail: Some(OnTaskFailure::Continue), ..fails(&[]) }, ok(&[0])];
    check(&sims, OnFailure::Stop, &[], "FAILED exit(2), SUCCEEDED; COMPLETED");
}

#[test]
fn one_of_several_is_enough_and_none_is_not() {
    let any = |needs: &[u32]| Sim { needs_any: needs.to_vec(), ..ok(&[]) };
    let sims = [fails(&[]), ok(&[]), any(&[0, 1]), any(&[0])];
    check(
        &sims,
        OnFailure::Isolate,
        &[],
        "FAILED exit(2), SUCCEEDED, SUCCEEDED, SKIPPED upstream(t0); FAILED failed(t0)",
    );
}

#[test]
fn attempts_are_made_again_until_one_succeeds() {
    let sims = [Sim { retries: 3, attempts: vec![(10, 1), (10, 1), (10, 0)], ..ok(&[]) }];
    check(&sims, OnFailure::Stop, &[], "SUCCEEDED; COMPLETED");
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    assert_eq!(world.scheduler.view().tasks()[0].attempts.len(), 3);
    assert!(world.now >= 75 + 150 + 30, "pauses of 100 ms and 200 ms, less a quarter");
}

#[test]
fn what_cannot_start_fails() {
    let sims = [Sim { cannot_start: true, ..ok(&[]) }, ok(&[0])];
    check(
        &sims,
        OnFailure::Stop,
        &[],
        "FAILED spawn(not found: nowhere), SKIPPED upstream(t0); FAILED failed(t0)",
    );
}

#[test]
fn the_longest_path_goes_first_and_one_job_goes_by_the_file() {
    let sims = [ok(&[]), ok(&[]), ok(&[1]), ok(&[2]), ok(&[])];
    let order = |jobs| start_order(&plan(&sims, jobs, OnFailure::Stop));
    assert_eq!(order(2).iter().map(|id| id.0).collect::<Vec<_>>(), [1, 0, 2, 4, 3]);
    assert_eq!(order(1).iter().map(|id| id.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_left_out_counts_as_satisfied() {
    let sims = [ok(&[]), ok(&[0]), Sim { needs_any: vec![0], ..ok(&[]) }];
    let mut plan = plan(&sims, 1, OnFailure::Stop);
    plan.left_out[0] = true;
    let world = World::new(&sims, plan).run(&[]);
    assert_eq!(world.states(), "SKIPPED not_selected, SUCCEEDED, SUCCEEDED; COMPLETED");
}

#[test]
fn a_chain_of_100_000_is_walked_without_a_deep_stack() {
    let sims: Vec<Sim> =
        (0..100_000).map(|i| if i == 0 { ok(&[]) } else { ok(&[i - 1]) }).collect();
    let mut skipped = sims.clone();
    skipped[0] = fails(&[]);
    let world = World::new(&skipped, plan(&skipped, 4, OnFailure::Isolate)).run(&[]);
    assert_eq!(world.scheduler.view().counts().skipped, 99_999);
    assert_eq!(start_order(&plan(&sims, 4, OnFailure::Stop)).len(), 100_000);
}

#[test]
fn full_layers_are_declared_in_small_lines() {
    let layer: Vec<u32> = (0..1000).collect();
    let mut sims: Vec<Sim> = (0..1000).map(|_| ok(&[])).collect();
    sims.extend((0..1000).map(|_| ok(&layer)));
    let mut built = Arc::unwrap_or_clone(flow(&sims, OnFailure::Stop));
    // As the loader does: the same list once.
    let first = built.tasks[1000].needs;
    built.tasks.iter_mut().skip(1000).for_each(|task| task.needs = first);
    let world = World::new(&sims, Plan::all_of(Arc::new(built), 8));
    let mut world = world.run(&[]);
    assert_eq!(world.scheduler.view().counts().succeeded, 2000);
    let mut bytes = Vec::new();
    let declared = |line: &&Line| matches!(line.event, Event::TasksDeclared(_));
    world.lines.retain(|line| declared(&line));
    world.lines.iter().for_each(|line| line.write(&mut bytes));
    assert!(bytes.len() < 300_000, "{} bytes", bytes.len());
}

fn a_sim(index: u32) -> impl Strategy<Value = Sim> {
    let earlier = prop::collection::btree_set(0..index.max(1), 0..4);
    let earlier_any = prop::collection::btree_set(0..index.max(1), 0..3);
    let fail = prop_oneof![
        6 => Just(None),
        1 => Just(Some(OnTaskFailure::Continue)),
        1 => Just(Some(OnTaskFailure::As(OnFailure::Isolate))),
        1 => Just(Some(OnTaskFailure::As(OnFailure::Kill))),
    ];
    let attempts =
        prop::collection::vec((0u64..300, prop_oneof![4 => Just(0), 1 => 1i32..4]), 1..4);
    let timeout = prop::option::weighted(0.2, 1u64..300);
    let leaves = prop_oneof![
        6 => Just(Leaves::Nothing),
        2 => (0u64..500).prop_map(Leaves::All),
        1 => Just(Leaves::Less),
        1 => Just(Leaves::Rubbish),
    ];
    let rest = (0u32..3, any::<bool>(), prop::bool::weighted(0.05), leaves);
    (earlier, earlier_any, fail, attempts, timeout, rest).prop_map(
        move |(
            needs,
            needs_any,
            fail,
            attempts,
            timeout,
            (retries, ignores_term, cannot_start, leaves),
        )| {
            let list = |set: std::collections::BTreeSet<u32>| {
                if index == 0 { Vec::new() } else { set.into_iter().collect() }
            };
            Sim {
                needs: list(needs),
                needs_any: if retries == 2 { list(needs_any) } else { Vec::new() },
                fail,
                retries: retries.saturating_sub(1),
                timeout,
                attempts,
                ignores_term,
                cannot_start,
                finally: false,
                leaves,
                ..Sim::default()
            }
        },
    )
}

fn some_sims() -> impl Strategy<Value = Vec<Sim>> {
    let tasks = (1u32..14).prop_flat_map(|n| (0..n).map(a_sim).collect::<Vec<_>>());
    let finally = (0u32..4).prop_flat_map(|n| (0..n).map(a_sim).collect::<Vec<_>>());
    (tasks, finally).prop_map(|(mut sims, finally)| {
        let n_tasks = sims.len() as u32;
        let moved = |ids: Vec<u32>| ids.into_iter().map(|id| id + n_tasks).collect();
        sims.extend(finally.into_iter().map(|sim| Sim {
            needs: moved(sim.needs),
            needs_any: moved(sim.needs_any),
            finally: true,
            ..sim
        }));
        sims
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_run_ends_with_an_honest_log(
        sims in some_sims(),
        jobs in 1u32..5,
        policy in prop_oneof![Just(OnFailure::Stop), Just(OnFailure::Isolate), Just(OnFailure::Kill)],
        cancels in prop::collection::vec((0u64..600, prop_oneof![Just(Level::Drain), Just(Level::Stop), Just(Level::Kill)]), 0..4),
        duplicates in any::<bool>(),
        left_out in prop::collection::vec(prop::bool::weighted(0.1), 18),
        grace in prop_oneof![Just(2_000u64), Just(4_000u64)],
        timeout in prop::option::weighted(0.3, 1u64..800),
    ) {
        let mut cancels = cancels;
        cancels.sort_by_key(|cancel| cancel.0);
        let mut plan = plan(&sims, jobs, policy);
        let n_tasks = sims.len();
        plan.left_out.clone_from_slice(&left_out[..n_tasks]);
        (plan.grace, plan.timeout) = (Ms(grace), timeout.map(Ms));
        let mut world = World::new(&sims, plan.clone());
        world.duplicates = duplicates;
        let world = world.run(&cancels);
        prop_assert!(world.scheduler.is_over(), "it hangs: {}", world.states());
        prop_assert_eq!(world.scheduler.view().counts().ended() as usize, n_tasks);
        if let Err(broken) = audit(&world.lines, &rules(&sims)) {
            return Err(TestCaseError::fail(broken));
        }
        // The live state is the replayed log.
        let mut replayed = RunView::new();
        world.lines.iter().for_each(|line| replayed.apply(line));
        prop_assert_eq!(format!("{replayed:?}"), format!("{:?}", world.scheduler.view()));
        // The same file, selection and results give the same order of starts.
        let again = World { duplicates, ..World::new(&sims, plan) }.run(&cancels);
        prop_assert_eq!(again.lines, world.lines);
    }
}
