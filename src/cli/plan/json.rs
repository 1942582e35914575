//! A plan as one JSON document.
//!
//! ```text
//! {"flow", "jobs", "n_tasks", "n_run",
//!  "tasks": [{"name", "group", "runs", "why", "needed_by", "if", "holds", "wave", "order", "needs",
//!             "needs_any", "finally", "dir", "artifacts", "critical", "expected_ms", "n_runs"}],
//!  "critical_path": {"tasks", "ms", "n_known"},
//!  "expected": {"ms", "is_complete", "n_known", "n_runs", "last_run"},
//!  "simulated": [{"jobs", "ms", "steps"}]}
//! ```
//!
//! `tasks` are those of the file, in its order; `group` is the name that a member of a matrix has there. `why` is `named`, `only`, `default`, `all`, `needed`,
//! `finally`; of what would not run `not_only`, `skip`, `if`, `after_failure`, `upstream`,
//! `not_selected`. `if` is the text of it, null without one; `holds` is whether it holds where all goes
//! well, null where nobody can know before. `dir` and `artifacts` are as written, null where they are
//! not there. A time is null where nothing is known; one of which a part is known is what it takes at
//! least.

use serde_json::json;

use super::Report;
use super::why::Entry;
use crate::cli::list::{artifacts, dir};
use crate::model::expr::Condition;
use crate::model::{Ms, TaskId};

/// Returns the document with at most so many tasks.
pub(super) fn render(report: &Report<'_>, limit: usize) -> String {
    let plan = report.plan;
    let name = |id: &TaskId| plan.flow.task(*id).name();
    let n_tasks = report.times.len();
    let (mut orders, mut is_critical) = (vec![None; n_tasks], vec![false; n_tasks]);
    for (order, id) in report.forecast.order.iter().enumerate() {
        orders[id.index()] = Some(order + 1);
    }
    report.forecast.critical.iter().for_each(|id| is_critical[id.index()] = true);
    let task = |entry: &Entry<'_>| {
        let index = entry.id.map(TaskId::index);
        let names = |ids: &[TaskId]| ids.iter().map(name).collect::<Vec<_>>();
        let needed_by = entry.fate.needed_by().map(|by| name(&by));
        json!({
            "name": entry.task.name(),
            "group": entry.task.member().map(|member| member.group()),
            "runs": entry.fate.runs(),
            "why": entry.fate.word(),
            "needed_by": needed_by,
            "if": entry.task.condition().map(|one| report.mask.text(one.text())),
            "holds": entry.task.condition().and_then(holds),
            "wave": index.and_then(|index| report.forecast.waves[index]),
            "order": index.and_then(|index| orders[index]),
            "needs": entry.id.map(|id| names(plan.flow.needs(id))),
            "needs_any": entry.id.map(|id| names(plan.flow.needs_any(id))),
            "finally": entry.task.is_finally(),
            "dir": dir(entry.task, &report.mask), "artifacts": artifacts(entry.task, &report.mask),
            "critical": index.is_some_and(|index| is_critical[index]),
            "expected_ms": report.history.of(entry.task.name()),
            "n_runs": report.history.n_runs_of(entry.task.name()),
        })
    };
    let n_run = report.forecast.order.len();
    let n_known = report.n_known();
    let known = |ms: Ms| (n_known > 0).then_some(ms);
    let path = &report.forecast.critical;
    let n_path = path.iter().filter(|id| report.times[id.index()].is_some()).count();
    let simulated = report
        .simulated
        .iter()
        .map(|total| json!({ "jobs": total.jobs, "ms": known(total.ms), "steps": total.steps }));
    let document = json!({
        "flow": plan.flow.name(), "jobs": plan.jobs,
        "n_tasks": report.entries.len(), "n_run": n_run,
        "tasks": report.entries.iter().take(limit).map(task).collect::<Vec<_>>(),
        "critical_path": {
            "tasks": path.iter().map(name).collect::<Vec<_>>(),
            "ms": (n_path > 0).then(|| report.critical_ms()), "n_known": n_path,
        },
        "expected": {
            "ms": known(report.forecast.total), "is_complete": n_known == n_run,
            "n_known": n_known, "n_runs": report.history.n_runs, "last_run": report.history.last,
        },
        "simulated": simulated.collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a plan is plain values");
    text.push('\n');
    text
}

/// Returns whether an `if` holds, as far as that is known.
fn holds(condition: &Condition) -> Option<bool> {
    condition.constant().or_else(|| condition.where_all_goes_well())
}
