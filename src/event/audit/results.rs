//! What must hold of the values and files that tasks leave behind.

use super::{Auditor, Verdict, hold};
use crate::event::{ArtifactHashed, TaskArtifact, TaskFinished, TaskOutput};
use crate::model::{Level, TaskId, TaskState};

impl Auditor<'_> {
    pub(super) fn output(&mut self, line: &TaskOutput) -> Verdict {
        let (name, output) = (&line.name, &line.output);
        self.under_way(line.task, name, line.attempt)?;
        hold(!output.is_empty(), || format!("`{name}` hands on a value without a name"))?;
        let results = self.task(line.task, name)?.results();
        let is_new = results.attempt() != line.attempt || results.get(output).is_none();
        hold(is_new, || format!("`{name}` hands on `{output}` twice"))
    }

    pub(super) fn artifact(&mut self, line: &TaskArtifact) -> Verdict {
        let (name, path) = (&line.name, &line.path);
        self.under_way(line.task, name, line.attempt)?;
        hold(!path.is_empty(), || format!("`{name}` leaves a file without a name"))?;
        let results = self.task(line.task, name)?.results();
        let is_new = results.attempt() != line.attempt || results.file(path).is_none();
        hold(is_new, || format!("`{name}` leaves `{path}` twice"))
    }

    /// Checks that an attempt has a process whose end is not told yet.
    fn under_way(&mut self, id: TaskId, name: &str, attempt: u32) -> Verdict {
        let last = self.task(id, name)?.last();
        let runs = last.is_some_and(|last| last.number == attempt && last.ended.is_none());
        hold(runs, || format!("attempt {attempt} of `{name}` leaves something and does not run"))
    }

    pub(super) fn artifact_hashed(&self, line: &ArtifactHashed) -> Verdict {
        let (name, path) = (&line.name, &line.path);
        let task = self.view.task(line.task).filter(|task| task.name == *name);
        let task = task.ok_or_else(|| format!("task {} is not `{name}`", line.task.0))?;
        hold(task.state() == TaskState::Succeeded, || {
            format!("a file of `{name}` is summed up, which is {}", task.state())
        })?;
        let results = task.results();
        let file = results.file(path).filter(|_| results.attempt() == line.attempt);
        let is_due = file.is_some_and(|file| !file.is_summed());
        hold(is_due, || format!("`{path}` of `{name}` is summed up for no reason"))?;
        let hex = |sum: &String| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
        hold(line.sha256.as_ref().is_none_or(hex), || format!("the sum of `{path}` is none"))
    }

    /// Checks that only who succeeds leaves something behind.
    pub(super) fn left_behind(&self, finished: &TaskFinished) -> Verdict {
        let task = self.view.task(finished.task);
        let results = task.map(|task| task.results()).filter(|results| !results.is_empty());
        let fits = results.is_none_or(|results| {
            results.attempt() == finished.attempt && finished.state == TaskState::Succeeded
        });
        hold(fits, || format!("`{}` leaves something and is {}", finished.name, finished.state))
    }

    /// Checks that all files were summed up, unless somebody was in a hurry.
    pub(super) fn all_summed(&self) -> Verdict {
        if self.view.level() >= Some(Level::Stop) {
            return Ok(());
        }
        let files = self.view.tasks().iter().flat_map(|task| task.results().artifacts());
        let left = files.into_iter().find(|(_, file)| !file.is_summed());
        hold(left.is_none(), || format!("{left:?} was not summed up"))
    }
}
