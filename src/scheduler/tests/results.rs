//! What tasks leave behind, and the end of a run that still sums up files.

use super::*;

/// Returns what an attempt leaves behind that keeps all its promises.
pub(super) fn all() -> Results {
    let output = Output { name: "v".into(), value: "secret".into(), shown: Some("***".into()) };
    let path = std::path::Path::new("/w/f");
    let artifact = Artifact { path: "f".into(), file: path.into(), size: 3, modified: (0, 0) };
    Results { outputs: vec![output], artifacts: vec![artifact] }
}

pub(super) fn hashed(
    task: TaskId,
    attempt: u32,
    artifacts: Vec<Artifact>,
    ends: u64,
) -> impl Iterator<Item = (u64, Hashed)> {
    let sha256 = Some("0".repeat(64));
    artifacts.into_iter().map(move |artifact| {
        (ends, Hashed { task, attempt, path: artifact.path, sha256: sha256.clone() })
    })
}

impl World<'_> {
    /// Ends the summing up that ends first, unless something else comes before; returns when.
    pub(super) fn next_hash(&mut self, end: Option<u64>, wake: Option<u64>) -> Option<u64> {
        let (index, (ends, _)) =
            self.hashing.iter().enumerate().min_by_key(|(_, (ends, _))| *ends)?;
        let ends = *ends;
        if end.into_iter().chain(wake).min().is_some_and(|next| next < ends) {
            return None;
        }
        self.now = self.now.max(ends);
        let (_, hashed) = self.hashing.remove(index);
        self.input(Input::Hashed(Box::new(hashed)));
        Some(ends)
    }
}

fn leaves(leaves: Leaves) -> Sim {
    Sim { leaves, ..ok(&[]) }
}

#[test]
fn a_broken_promise_fails_a_task_and_is_tried_again() {
    check(
        &[leaves(Leaves::Less), ok(&[0])],
        OnFailure::Stop,
        &[],
        "FAILED missing_output(v), SKIPPED upstream(t0); FAILED failed(t0)",
    );
    check(
        &[leaves(Leaves::Rubbish)],
        OnFailure::Stop,
        &[],
        "FAILED output(line 1); FAILED failed(t0)",
    );
    let sims = [Sim { retries: 2, ..leaves(Leaves::Less) }];
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    assert_eq!(world.scheduler.view().tasks()[0].attempts.len(), 3);
    // A code that failed nothing is none that is worth another attempt.
    let mut plan = plan(&sims, 1, OnFailure::Stop);
    let flow = Arc::make_mut(&mut plan.flow);
    let options = Arc::make_mut(&mut flow.tasks[0].options);
    options.ok_codes = [0, 3].into();
    options.retry.codes = [3].into();
    let sims = [Sim { attempts: vec![(10, 3)], ..sims[0].clone() }];
    let world = World::new(&sims, plan).run(&[]);
    assert_eq!(world.states(), "FAILED missing_output(v); FAILED failed(t0)");
    assert_eq!(world.scheduler.view().tasks()[0].attempts.len(), 1);
}

#[test]
fn who_gives_up_because_of_a_cancel_is_cancelled() {
    let drain = [(5, Level::Drain)];
    let sims = [leaves(Leaves::Less)];
    check(&sims, OnFailure::Stop, &drain, "CANCELLED cancelled; CANCELLED cancelled");
    let sims = [leaves(Leaves::Rubbish)];
    check(&sims, OnFailure::Stop, &drain, "FAILED output(line 1); CANCELLED cancelled");
    let sims = [Sim { attempts: vec![(10, 2)], ..leaves(Leaves::Less) }];
    check(&sims, OnFailure::Stop, &drain, "FAILED exit(2); CANCELLED cancelled");
}

#[test]
fn tasks_use_what_was_written_and_the_record_has_what_may_be_shown() {
    let sims = [leaves(Leaves::All(1))];
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    let outputs = world.scheduler.outputs();
    assert_eq!(outputs.get(TaskId(0), "v").map(|value| &**value), Some("secret"));
    assert_eq!(outputs.get(TaskId(0), "w"), None);
    let results = world.scheduler.view().tasks()[0].results();
    assert_eq!(results.get("v"), Some("***"));
    assert!(results.file("f").and_then(|file| file.sha256()).is_some());
}

#[test]
fn a_run_waits_for_sums_at_its_end_alone() {
    let sims = [leaves(Leaves::All(1000)), ok(&[0])];
    let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[]);
    assert_eq!(world.states(), "SUCCEEDED, SUCCEEDED; COMPLETED");
    assert_eq!(world.now, 1010);
    let ended = world.scheduler.view().tasks()[1].ended;
    assert_eq!(ended, Some(Ms(20)), "meanwhile other tasks go on");
}

#[test]
fn a_cancel_that_comes_after_the_last_task_changes_nothing_but_the_wait() {
    let sims = [leaves(Leaves::All(1000))];
    for (level, ends) in [(Level::Drain, 1010), (Level::Stop, 100), (Level::Kill, 100)] {
        let world = World::new(&sims, plan(&sims, 1, OnFailure::Stop)).run(&[(100, level)]);
        assert_eq!(world.states(), "SUCCEEDED; COMPLETED", "{level}");
        assert_eq!(world.now, ends, "{level}");
        audit(&world.lines, &Rules::default()).expect("an honest log");
    }
}
