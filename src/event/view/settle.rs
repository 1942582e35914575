//! What is to be said of tasks whose own end is missing from the lines of a run that has ended: damage
//! must not make them look as if they were under way.

use super::RunView;
use crate::model::{Counts, TaskId, TaskState};

const ENDS: [TaskState; 4] =
    [TaskState::Succeeded, TaskState::Failed, TaskState::Cancelled, TaskState::Skipped];

impl RunView {
    /// Says how tasks ended whose own end is missing, once the last line of a run that has ended was
    /// taken in: as the run's own end tells it, where that leaves no doubt. Of the others nobody knows,
    /// and [`TaskView::known`](super::TaskView::known) says so. From here on [`counts`](RunView::counts)
    /// are those of the run's end, where they can be right.
    pub fn settle(&mut self) {
        if !self.status.is_final() {
            return;
        }
        if let Some(id) = self.first_failure.as_deref().and_then(|name| self.find(name)) {
            self.set(id, TaskState::Failed);
        }
        let open: Vec<TaskId> =
            self.iter().filter(|(_, task)| !task.state.is_final()).map(|(id, _)| id).collect();
        let left = self.left(open.len());
        let mut states =
            left.iter().flat_map(|left| ENDS.into_iter().filter(|end| left.of(*end) > 0));
        match (states.next(), states.next()) {
            (Some(only), None) => open.iter().for_each(|id| self.set(*id, only)),
            (Some(_), Some(_)) | (None, _) => {
                open.iter().for_each(|id| self.tasks[id.index()].is_unknown = true);
            }
        }
        let is_right = left.is_some();
        self.counts = match self.said.filter(|_| is_right) {
            Some(said) => said,
            None => Counts { pending: 0, queued: 0, running: 0, ..self.counts },
        };
    }

    /// Returns what the run's end counted beside the ends that are known; `None` where it cannot be
    /// right.
    fn left(&self, n_open: usize) -> Option<Counts> {
        let said = self.said?;
        let n_tasks = match self.header.n_tasks {
            0 => self.tasks.len(),
            n_tasks => n_tasks as usize,
        };
        let n_said: u64 = TaskState::ALL.iter().map(|state| u64::from(said.of(*state))).sum();
        let mut left = Counts::default();
        for end in ENDS {
            *left.slot(end) = said.of(end).checked_sub(self.counts.of(end))?;
        }
        let n_left: u64 = ENDS.iter().map(|end| u64::from(left.of(*end))).sum();
        let n_ended: u64 = ENDS.iter().map(|end| u64::from(said.of(*end))).sum();
        (n_said == n_tasks as u64 && n_ended == n_said && n_left >= n_open as u64).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Declared, Event, Line, Measured, RunFinished, RunStarted};
    use crate::event::{TaskFinished, TaskStarted, TasksDeclared};
    use crate::model::{Ms, RunStatus, Wall};

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    /// Folds a run of four tasks that all have started, of which these ends are known; returns what is
    /// known of each in the end, as its first letter.
    fn check(ends: [Option<TaskState>; 4], said: Counts, failed: Option<&str>) -> (String, Counts) {
        let started = RunStarted { n_tasks: 4, ..RunStarted::default() };
        let tasks =
            NAMES.map(|name| Declared { name: name.into(), ..Declared::default() }).to_vec();
        let mut events = vec![
            Event::RunStarted(Box::new(started)),
            Event::TasksDeclared(TasksDeclared { from: 0, tasks, ..TasksDeclared::default() }),
        ];
        for (index, name) in NAMES.into_iter().enumerate() {
            let (task, name) = (TaskId::from_index(index), name.into());
            events.push(Event::TaskStarted(Box::new(TaskStarted {
                task,
                name,
                attempt: 1,
                pid: None,
                argv: Vec::new(),
                argv_cut: false,
                dir: None,
                jobs: 1,
                slots: Default::default(),
            })));
        }
        for (index, end) in ends.into_iter().enumerate() {
            let Some(state) = end else { continue };
            events.push(Event::TaskFinished(Box::new(TaskFinished {
                task: TaskId::from_index(index),
                name: NAMES[index].into(),
                attempt: 1,
                state,
                reason: None,
                measured: Measured::default(),
            })));
        }
        events.push(Event::RunFinished(RunFinished {
            status: RunStatus::Failed,
            reason: None,
            counts: said,
            first_failure: failed.map(Into::into),
        }));
        let mut view = RunView::new();
        for (seq, event) in (1..).zip(events) {
            view.apply(&Line { v: 1, seq, ts: Wall(0), ms: Ms(seq), event });
        }
        view.settle();
        let known = |task: &super::super::TaskView| task.known().map_or("?", TaskState::name);
        let letters = view.tasks().iter().map(|task| known(task)[..1].to_owned()).collect();
        (letters, view.counts())
    }

    #[test]
    fn an_end_that_is_missing_is_that_which_the_run_counted_or_unknown() {
        let (good, bad) = (Some(TaskState::Succeeded), Some(TaskState::Failed));
        let said = |succeeded, failed| Counts { succeeded, failed, ..Counts::default() };
        assert_eq!(check([good, good, good, bad], said(3, 1), Some("d")).0, "SSSF");
        assert_eq!(check([good, None, None, bad], said(3, 1), Some("d")).0, "SSSF");
        assert_eq!(check([good, None, None, good], said(3, 1), Some("c")).0, "SSFS");
        assert_eq!(
            check([good, None, None, bad], said(2, 2), Some("d")),
            ("S??F".into(), said(2, 2))
        );
        // What contradicts itself tells nothing.
        assert_eq!(check([good, None, None, bad], said(0, 0), None), ("S??F".into(), said(1, 1)));
        assert_eq!(check([good, None, None, bad], said(9, 1), None), ("S??F".into(), said(1, 1)));
        let running = Counts { running: 2, ..said(1, 1) };
        assert_eq!(check([good, None, None, bad], running, None), ("S??F".into(), said(1, 1)));
    }
}
