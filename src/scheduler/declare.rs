//! Says which tasks a run has, in lines that stay small.

use std::collections::HashMap;

use crate::event::{Declared, Event, TasksDeclared};
use crate::model::expr::Condition;
use crate::model::{Flow, ListId, OnTaskFailure, TaskId};

/// About how many bytes of a line the tasks take.
const LINE: usize = 64 << 10;
/// How many ids of a list one line takes: an id and its comma are at most 11 bytes.
const IDS: usize = LINE / 11;

/// Returns the events that declare all tasks of a flow in order; each list of needs is written once.
pub(super) fn declarations(flow: &Flow) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open = TasksDeclared::default();
    let mut size = 0;
    let mut first_with: HashMap<ListId, u32> = HashMap::new();
    for id in flow.ids() {
        let task = flow.task(id);
        let same = first_with.get(&task.needs).copied();
        let needs = if same.is_some() { &[] } else { flow.needs(id) };
        let needs_any = flow.needs_any(id);
        if task.needs != ListId::EMPTY {
            first_with.entry(task.needs).or_insert(id.0);
        }
        let (needs, more_needs) = split(needs);
        let (needs_any, more_needs_any) = split(needs_any);
        size += 80 + task.name().len() + 11 * (needs.len() + needs_any.len());
        open.tasks.push(Declared {
            name: task.name.clone(),
            needs: ids(needs),
            same_needs_as: same,
            needs_any: ids(needs_any),
            finally: task.finally,
            after_ends: !task.finally && task.condition().is_some_and(Condition::waits_for_ends),
            may_fail: task.options.fail == Some(OnTaskFailure::Continue),
        });
        let is_long = !more_needs.is_empty() || !more_needs_any.is_empty();
        if size > LINE || is_long {
            let next = TasksDeclared { from: id.0 + 1, ..TasksDeclared::default() };
            events.push(Event::TasksDeclared(std::mem::replace(&mut open, next)));
            size = 0;
        }
        let rest = TasksDeclared { from: id.0, ..TasksDeclared::default() };
        events.extend(more_needs.chunks(IDS).map(|more| {
            Event::TasksDeclared(TasksDeclared { more_needs: ids(more), ..rest.clone() })
        }));
        events.extend(more_needs_any.chunks(IDS).map(|more| {
            Event::TasksDeclared(TasksDeclared { more_needs_any: ids(more), ..rest.clone() })
        }));
    }
    if !open.tasks.is_empty() {
        events.push(Event::TasksDeclared(open));
    }
    events
}

fn split(list: &[TaskId]) -> (&[TaskId], &[TaskId]) {
    list.split_at(list.len().min(IDS))
}

fn ids(list: &[TaskId]) -> Vec<u32> {
    list.iter().map(|id| id.0).collect()
}
