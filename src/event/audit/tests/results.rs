//! Logs of tasks that leave something behind.

use super::*;
use crate::event::{ArtifactHashed, TaskArtifact, TaskOutput};

impl Log {
    fn output(self, task: u32, attempt: u32, output: &str) -> Log {
        self.then(Event::TaskOutput(Box::new(TaskOutput {
            task: TaskId(task),
            name: name(task),
            attempt,
            output: output.to_owned(),
            value: "x".to_owned(),
        })))
    }

    fn artifact(self, task: u32, path: &str) -> Log {
        let (task, name, path) = (TaskId(task), name(task), path.to_owned());
        let artifact = TaskArtifact { task, name, attempt: 1, path, size: 3 };
        self.then(Event::TaskArtifact(Box::new(artifact)))
    }

    fn hashed(self, task: u32, path: &str, sha256: Option<&str>) -> Log {
        let (task, name, path) = (TaskId(task), name(task), path.to_owned());
        let sha256 = sha256.map(str::to_owned);
        let hashed = ArtifactHashed { task, name, attempt: 1, path, sha256 };
        self.then(Event::ArtifactHashed(Box::new(hashed)))
    }
}

fn begun() -> Log {
    Log::new(1, ONE).queued(0).started(0, 1)
}

fn left_a_file() -> Log {
    begun().artifact(0, "f").finished(0, 1, Succeeded, "")
}

#[test]
fn who_succeeds_may_leave_something() {
    let log = begun().output(0, 1, "v").output(0, 1, "w").artifact(0, "f").artifact(0, "g");
    let log = log.finished(0, 1, Succeeded, "").hashed(0, "g", None);
    good(log.hashed(0, "f", Some(&"a".repeat(64))).ends(Completed, "", None));
    let again = begun().retrying(0, 1).started(0, 2).output(0, 2, "v");
    good(again.finished(0, 2, Succeeded, "").ends(Completed, "", None));
    // Whoever asked for a stop does not wait for sums; the run keeps its result.
    good(left_a_file().cancelling(Level::Stop).ends(Completed, "", None));
}

#[test]
fn nothing_is_left_out_of_turn() {
    bad(Log::new(1, ONE).queued(0).output(0, 1, "v"), "does not run");
    bad(begun().output(0, 2, "v"), "does not run");
    bad(begun().retrying(0, 1).artifact(0, "f"), "does not run");
    bad(Log::new(1, ONE).runs(0).output(0, 1, "v"), "had ended");
    bad(begun().output(0, 1, ""), "without a name");
    bad(begun().output(0, 1, "v").output(0, 1, "v"), "twice");
    bad(begun().artifact(0, "f").artifact(0, "f"), "twice");
    let failed = begun().output(0, 1, "v").finished(0, 1, Failed, "exit(1)");
    bad(failed, "leaves something and is FAILED");
}

#[test]
fn every_file_is_summed_up_once() {
    bad(begun().artifact(0, "f").hashed(0, "f", None), "which is RUNNING");
    bad(left_a_file().hashed(0, "g", None), "for no reason");
    bad(left_a_file().hashed(0, "f", None).hashed(0, "f", None), "for no reason");
    bad(left_a_file().hashed(0, "f", Some("abc")), "is none");
    bad(left_a_file().ends(Completed, "", None), "was not summed up");
    bad(left_a_file().cancelling(Level::Drain).ends(Completed, "", None), "was not summed up");
}

#[test]
fn who_gives_up_after_a_cancel_has_ended_by_itself() {
    let cancelled = || begun().cancelling(Level::Drain).finished(0, 1, Cancelled, "cancelled");
    bad(cancelled(), "was not stopped");
    let by_itself = |line: &mut Line| {
        if let Event::TaskFinished(finished) = &mut line.event {
            finished.measured.exit_code = Some(0);
        }
    };
    good(cancelled().edit(5, by_itself).ends(RunCancelled, "cancelled", None));
}
