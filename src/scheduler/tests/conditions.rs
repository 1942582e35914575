//! `if`: when it is decided, what it sees, and what its answer means for others.

use super::*;
use crate::event::TaskView;
use crate::model::expr::{Comparison, Condition, Expr, Name, StateFunction, Value};

/// A condition of a simulated task.
#[derive(Clone, Debug)]
pub(super) enum If {
    Is(bool),
    Call(StateFunction),
    /// Whether a task is in this state.
    State(u32, TaskState),
    Not(Box<If>),
    Both(Box<[If; 2]>),
    Either(Box<[If; 2]>),
}

impl If {
    pub(super) fn condition(&self) -> Condition {
        Condition::new(self.expr())
    }

    fn expr(&self) -> Expr {
        match self {
            If::Is(value) => Expr::Value(Value::Bool(*value)),
            If::Call(function) => Expr::Name(Name::Call(*function)),
            If::State(task, state) => {
                let of = Expr::Name(Name::State([TaskId(*task)].into()));
                let word = Expr::Value(Value::text(state.name()));
                Expr::Compare(Comparison::Equal, Box::new([of, word]))
            }
            If::Not(inner) => Expr::Not(Box::new(inner.expr())),
            If::Both(sides) => Expr::All(sides.iter().map(If::expr).collect()),
            If::Either(sides) => Expr::Any(sides.iter().map(If::expr).collect()),
        }
    }

    /// Gives the states that are asked for tasks that may be asked for.
    fn of(self, tasks: &[u32]) -> If {
        let both = |sides: Box<[If; 2]>| Box::new(sides.map(|side| side.of(tasks)));
        match self {
            If::State(..) if tasks.is_empty() => If::Is(true),
            If::State(task, state) => If::State(tasks[task as usize % tasks.len()], state),
            If::Not(inner) => If::Not(Box::new(inner.of(tasks))),
            If::Both(sides) => If::Both(both(sides)),
            If::Either(sides) => If::Either(both(sides)),
            If::Is(_) | If::Call(_) => self,
        }
    }
}

fn ifs() -> impl Strategy<Value = If> {
    let state = prop_oneof![
        Just(TaskState::Succeeded),
        Just(TaskState::Failed),
        Just(TaskState::Skipped),
        Just(TaskState::Cancelled),
    ];
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(If::Is),
        3 => prop::sample::select(&StateFunction::ALL).prop_map(If::Call),
        2 => (0u32..20, state).prop_map(|(task, state)| If::State(task, state)),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| If::Not(Box::new(inner))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| If::Both(Box::new([a, b]))),
            (inner.clone(), inner).prop_map(|(a, b)| If::Either(Box::new([a, b]))),
        ]
    })
}

/// Returns all that a task needs, directly or through others; in `finally` the tasks of `tasks`.
fn ancestors(sims: &[Sim], task: usize) -> Vec<u32> {
    if sims[task].finally {
        return (0..sims.len()).filter(|at| !sims[*at].finally).map(|at| at as u32).collect();
    }
    let mut found = std::collections::BTreeSet::new();
    let mut todo = vec![task as u32];
    while let Some(one) = todo.pop() {
        let sim = &sims[one as usize];
        todo.extend(sim.needs.iter().chain(&sim.needs_any).filter(|need| found.insert(**need)));
    }
    found.into_iter().collect()
}

fn conditional_sims() -> impl Strategy<Value = Vec<Sim>> {
    (some_sims(), prop::collection::vec(prop::option::weighted(0.5, ifs()), 18)).prop_map(
        |(mut sims, ifs)| {
            for (at, one) in ifs.into_iter().enumerate().take(sims.len()) {
                sims[at].condition = one.map(|one| one.of(&ancestors(&sims, at)));
            }
            sims
        },
    )
}

/// What must hold of the moment at which a task is decided: an answer of its own to each `if`, from the
/// log before that moment and what the tasks of the simulation are.
struct Oracle<'a> {
    sims: &'a [Sim],
    stood: Option<RunStatus>,
    view: RunView,
}

impl Oracle<'_> {
    fn task(&self, id: u32) -> &TaskView {
        self.view.task(TaskId(id)).expect("it was declared")
    }

    fn has_ended(&self, ids: &[u32]) -> bool {
        ids.iter().all(|id| self.task(*id).state().is_final())
    }

    fn is_left_out(&self, id: u32) -> bool {
        self.task(id).reason == Some(Reason::NOT_SELECTED)
    }

    fn satisfied(&self, sim: &Sim) -> bool {
        let satisfies = |id: &u32| {
            let task = self.task(*id);
            match task.state() {
                TaskState::Succeeded => true,
                TaskState::Failed => self.sims[*id as usize].fail == Some(OnTaskFailure::Continue),
                TaskState::Skipped => {
                    self.is_left_out(*id) || task.reason == Some(Reason::CONDITION)
                }
                TaskState::Pending
                | TaskState::Queued
                | TaskState::Running
                | TaskState::Cancelled => false,
            }
        };
        let any = &sim.needs_any;
        sim.needs.iter().all(satisfies)
            && (any.iter().all(|id| self.is_left_out(*id))
                || any.iter().any(|id| self.task(*id).state() == TaskState::Succeeded))
    }

    /// Returns whether all has ended that a task waits for: what it needs, and what that was waiting for
    /// when it was skipped before its turn.
    fn has_nothing_left(&self, at: usize) -> bool {
        let sim = &self.sims[at];
        sim.needs.iter().chain(&sim.needs_any).all(|id| {
            let task = self.task(*id);
            let had_turn = task.state() != TaskState::Skipped
                || self.is_left_out(*id)
                || task.reason == Some(Reason::CONDITION);
            task.state().is_final() && (had_turn || self.has_nothing_left(*id as usize))
        })
    }

    fn call(&self, function: StateFunction, task: usize) -> bool {
        let sim = &self.sims[task];
        let stood = self.stood.filter(|_| sim.finally);
        match (function, stood) {
            (StateFunction::Always, _) => true,
            (StateFunction::Success, Some(stood)) => stood == RunStatus::Completed,
            (StateFunction::Failure, Some(stood)) => stood == RunStatus::Failed,
            (StateFunction::Cancelled, Some(stood)) => stood == RunStatus::Cancelled,
            (StateFunction::Success, None) => self.satisfied(sim),
            (StateFunction::Failure, None) => {
                let all = ancestors(self.sims, task);
                all.iter().any(|id| self.task(*id).state() == TaskState::Failed)
            }
            (StateFunction::Cancelled, None) => self.view.level().is_some(),
        }
    }

    fn holds(&self, condition: &If, task: usize) -> bool {
        match condition {
            If::Is(value) => *value,
            If::Call(function) => self.call(*function, task),
            If::State(of, state) => self.task(*of).state() == *state,
            If::Not(inner) => !self.holds(inner, task),
            If::Both(sides) => sides.iter().all(|side| self.holds(side, task)),
            If::Either(sides) => sides.iter().any(|side| self.holds(side, task)),
        }
    }

    /// Judges the line that decides whether a task may run.
    fn decided(&self, at: usize, end: Option<&Reason>) -> Result<(), String> {
        let sim = &self.sims[at];
        let waits = sim.condition.as_ref().is_some_and(|one| one.condition().waits_for_ends());
        let waits = waits && !sim.finally;
        let holds = sim.condition.as_ref().is_none_or(|one| self.holds(one, at));
        let need = |is_good: bool, what: &str| {
            let said = || format!("t{at}, {end:?}: {what}: {:?}", sim.condition);
            if is_good { Ok(()) } else { Err(said()) }
        };
        let direct = [&*sim.needs, &sim.needs_any].concat();
        match end.map(Reason::kind) {
            None | Some("condition") => {
                need(holds == end.is_none(), "the answer is another one")?;
                need(self.view.level().is_none() || sim.finally, "decided after a cancel")?;
                need(!waits || self.has_nothing_left(at), "decided too early")?;
                need(!sim.finally || self.has_ended(&direct), "decided too early")?;
                need(waits || sim.finally || self.satisfied(sim), "its needs are not satisfied")
            }
            Some("upstream") => {
                need(!waits && !sim.finally && !self.satisfied(sim), "it is exempt")
            }
            Some("stopped_by") => need(!waits && !sim.finally, "it is exempt"),
            Some("cancelled") => need(self.view.level().is_some(), "nobody asked for it"),
            Some("not_selected" | "run_timeout") => Ok(()),
            Some(_) => need(false, "that is no reason before the first attempt"),
        }
    }
}

/// Holds each decision of a log against the oracle.
fn judge(world: &World<'_>) -> Result<(), String> {
    let mut oracle = Oracle { sims: world.sims, stood: world.stood, view: RunView::new() };
    let mut decided = vec![false; world.sims.len()];
    for line in &world.lines {
        match &line.event {
            Event::TaskQueued(queued) => {
                let at = queued.task.index();
                if std::mem::replace(&mut decided[at], true) {
                    return Err(format!("t{at} is decided twice"));
                }
                oracle.decided(at, None)?;
            }
            Event::TaskFinished(finished) => {
                let at = finished.task.index();
                let reason = finished.reason.as_ref();
                if !std::mem::replace(&mut decided[at], true) {
                    oracle.decided(at, reason)?;
                } else if finished.state == TaskState::Skipped {
                    // It was queued, and then stopped by a failure elsewhere.
                    let one = world.sims[at].condition.as_ref();
                    let waits = one.is_some_and(|one| one.condition().waits_for_ends());
                    if reason.map(Reason::kind) == Some("stopped_by") && waits {
                        return Err(format!("t{at} waited for ends, and is {reason:?}"));
                    }
                }
            }
            Event::RunStarted(_)
            | Event::TasksDeclared(_)
            | Event::RunNoted(_)
            | Event::TaskStarted(_)
            | Event::TaskStopping(_)
            | Event::TaskRetrying(_)
            | Event::TaskOutput(_)
            | Event::TaskArtifact(_)
            | Event::ArtifactHashed(_)
            | Event::RunCancelling(_)
            | Event::RunFinished(_)
            | Event::Unknown => {}
        }
        oracle.view.apply(line);
    }
    Ok(())
}

fn when(condition: If, sim: Sim) -> Sim {
    Sim { condition: Some(condition), ..sim }
}

fn call(function: StateFunction) -> If {
    If::Call(function)
}

fn takes(ms: u64, code: i32, needs: &[u32]) -> Sim {
    Sim { attempts: vec![(ms, code)], ..ok(needs) }
}

#[test]
fn what_is_skipped_by_its_condition_satisfies_needs_and_no_needs_any() {
    let any = Sim { needs_any: vec![0], ..ok(&[]) };
    check(
        &[when(If::Is(false), ok(&[])), ok(&[0]), any],
        OnFailure::Stop,
        &[],
        "SKIPPED condition, SUCCEEDED, SKIPPED upstream(t0); COMPLETED",
    );
}

#[test]
fn what_asks_for_failures_runs_under_every_policy() {
    let asks = |function| when(call(function), ok(&[1]));
    let sims = [
        fails(&[]),
        ok(&[0]),
        asks(StateFunction::Failure),
        asks(StateFunction::Always),
        asks(StateFunction::Cancelled),
        asks(StateFunction::Success),
    ];
    for policy in [OnFailure::Stop, OnFailure::Isolate, OnFailure::Kill] {
        check(
            &sims,
            policy,
            &[],
            "FAILED exit(2), SKIPPED upstream(t0), SUCCEEDED, SUCCEEDED, SKIPPED condition, \
             SKIPPED upstream(t1); FAILED failed(t0)",
        );
    }
}

#[test]
fn nothing_that_asks_for_failures_begins_after_a_cancel() {
    let sims = [takes(100, 2, &[]), when(call(StateFunction::Always), ok(&[0]))];
    check(
        &sims,
        OnFailure::Stop,
        &[(50, Level::Drain)],
        "FAILED exit(2), CANCELLED cancelled; CANCELLED cancelled",
    );
}

#[test]
fn what_waits_for_ends_waits_also_for_what_a_skipped_need_waited_for() {
    // t2 is skipped as soon as t0 fails, while t1 still runs.
    let state = If::State(1, TaskState::Succeeded);
    let both = If::Both(Box::new([call(StateFunction::Always), state]));
    let sims = [fails(&[]), takes(100, 0, &[]), ok(&[0, 1]), when(both, ok(&[2]))];
    check(
        &sims,
        OnFailure::Isolate,
        &[],
        "FAILED exit(2), SUCCEEDED, SKIPPED upstream(t0), SUCCEEDED; FAILED failed(t0)",
    );
    // t2 is stopped by t0, which is no ancestor of t3; t1 is one, and fails later.
    let sims =
        [fails(&[]), takes(100, 2, &[]), ok(&[1]), when(call(StateFunction::Failure), ok(&[2]))];
    check(
        &sims,
        OnFailure::Stop,
        &[],
        "FAILED exit(2), FAILED exit(2), SKIPPED stopped_by(t0), SUCCEEDED; FAILED failed(t0)",
    );
}

#[test]
fn the_state_of_a_task_that_runs_is_that_it_runs() {
    let any = Sim { needs_any: vec![0, 1], ..ok(&[]) };
    let sims = [ok(&[]), takes(100, 0, &[]), when(If::State(1, TaskState::Skipped), any.clone())];
    check(&sims, OnFailure::Stop, &[], "SUCCEEDED, SUCCEEDED, SKIPPED condition; COMPLETED");
    let sims = [ok(&[]), takes(100, 0, &[]), when(If::State(1, TaskState::Running), any)];
    check(&sims, OnFailure::Stop, &[], "SUCCEEDED, SUCCEEDED, SUCCEEDED; COMPLETED");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_condition_is_decided_once_in_its_time(
        sims in conditional_sims(),
        jobs in 1u32..5,
        policy in prop_oneof![Just(OnFailure::Stop), Just(OnFailure::Isolate), Just(OnFailure::Kill)],
        cancels in prop::collection::vec((0u64..600, prop_oneof![Just(Level::Drain), Just(Level::Stop), Just(Level::Kill)]), 0..2),
        duplicates in any::<bool>(),
        left_out in prop::collection::vec(prop::bool::weighted(0.1), 18),
        grace in prop_oneof![Just(2_000u64), Just(4_000u64)],
        timeout in prop::option::weighted(0.2, 1u64..800),
    ) {
        let mut cancels = cancels;
        cancels.sort_by_key(|cancel| cancel.0);
        let mut plan = plan(&sims, jobs, policy);
        plan.left_out.clone_from_slice(&left_out[..sims.len()]);
        (plan.grace, plan.timeout) = (Ms(grace), timeout.map(Ms));
        let mut world = World::new(&sims, plan.clone());
        world.duplicates = duplicates;
        let world = world.run(&cancels);
        prop_assert!(world.scheduler.is_over(), "it hangs: {}", world.states());
        prop_assert_eq!(world.scheduler.view().counts().ended() as usize, sims.len());
        for judged in [audit(&world.lines, &rules(&sims)), judge(&world)] {
            if let Err(broken) = judged {
                return Err(TestCaseError::fail(format!("{broken}\n{}", world.states())));
            }
        }
        let again = World { duplicates, ..World::new(&sims, plan) }.run(&cancels);
        prop_assert_eq!(again.lines, world.lines);
    }
}
