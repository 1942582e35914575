//! What an `if` asked that did not hold, out of the copy of the file in the record: its text, and what
//! the names in it stood for, as far as the record knows.

use std::fmt::Write as _;

use crate::cli::load::{as_in_run, caller_env, load_copy};
use crate::event::{RunView, TaskView};
use crate::model::expr::{Condition, Expr, Name};
use crate::model::{Flow, Member, Task, TaskId, escape, one_line};
use crate::record::{JsonlStore, Record};
use crate::spec::{Purpose, Settings};

/// How much of a text is shown, in characters.
const MOST: usize = 200;

/// Returns the lines on the `if` of a task; none where the record keeps no copy that has it.
pub(super) fn render(store: &JsonlStore, record: &Record, task: &TaskView) -> String {
    let env = caller_env().collect();
    let settings = Settings { purpose: Purpose::Look, env, ..Settings::default() };
    // A copy that cannot be read takes nothing away from the reason.
    let flow = load_copy(store, record, &as_in_run(settings, record)).ok().flatten();
    let lines = flow.and_then(|flow| {
        let task = flow.tasks().iter().find(|known| *known.name() == *task.name)?;
        let asked = Asked { flow: &flow, record, task };
        let lines = asked.lines(task.condition()?);
        Some(flow.secrets().mask(caller_env()).text(&lines).into_owned())
    });
    lines.unwrap_or_default()
}

struct Asked<'a> {
    flow: &'a Flow,
    record: &'a Record,
    task: &'a Task,
}

impl Asked<'_> {
    fn lines(&self, condition: &Condition) -> String {
        let mut text = format!("its `if` did not hold: {}\n", one_line(condition.text(), MOST));
        let task_name = |ids: &[TaskId]| self.name(ids);
        for name in condition.names() {
            if let Some(value) = self.value(name) {
                let name = Expr::Name(name.clone());
                let name = name.shown(&task_name).to_string();
                let _ = writeln!(text, "  {} is `{}`", escape(&name), one_line(&value, MOST));
            }
        }
        text
    }

    /// Returns how an expression calls a task, or all members of a matrix.
    fn name(&self, ids: &[TaskId]) -> String {
        let task = |id: &TaskId| self.flow.task(*id);
        match ids {
            [one] => task(one).name().to_owned(),
            ids => {
                ids.first().and_then(|id| task(id).member()).map_or("", Member::group).to_owned()
            }
        }
    }

    /// Returns what a name stood for; `None` where the record does not know.
    fn value(&self, name: &Name) -> Option<String> {
        let view = &self.record.view;
        match name {
            Name::Param(param) => view.header().params.get(&**param).cloned(),
            Name::Matrix(key) => Some(self.task.member()?.value(key)?.to_owned()),
            Name::State(ids) => {
                let mut states: Vec<&str> = Vec::new();
                for state in ids.iter().filter_map(|id| self.then(view, *id)?.known()) {
                    if !states.contains(&state.name()) {
                        states.push(state.name());
                    }
                }
                (!states.is_empty()).then(|| states.join(", "))
            }
            Name::ExitCode(id) => {
                Some(self.then(view, *id)?.last()?.measured.exit_code?.to_string())
            }
            Name::Output(id, output) => {
                Some(self.then(view, *id)?.results().get(output)?.to_owned())
            }
            Name::Env(_) | Name::Run(_) | Name::Call(_) => None,
        }
    }

    /// Returns a task as the record has it.
    fn then<'v>(&self, view: &'v RunView, id: TaskId) -> Option<&'v TaskView> {
        view.task(view.find(self.flow.task(id).name())?)
    }
}
