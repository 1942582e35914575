//! A flow with one task for each matrix, as people read it.

use std::collections::HashMap;

use crate::model::{Flow, ListId, Lists, Member, Task, TaskId};

/// Returns the flow with one task in the place of the members of each matrix, named
/// `test[py,os] ×6`. What a member needs, the one task needs.
pub fn folded(flow: &Flow) -> Flow {
    folded_with_ids(flow).0
}

/// Returns the same, and for each task the one that it is part of there.
pub(super) fn folded_with_ids(flow: &Flow) -> (Flow, Vec<TaskId>) {
    if flow.tasks.iter().all(|task| task.member.is_none()) {
        return (flow.clone(), flow.ids().collect());
    }
    let mut tasks: Vec<Task> = Vec::new();
    let mut counts: Vec<usize> = Vec::new();
    let mut new_ids: Vec<TaskId> = Vec::with_capacity(flow.tasks.len());
    let mut groups: HashMap<&str, TaskId> = HashMap::new();
    for task in &flow.tasks {
        let known = task.member().and_then(|member| groups.get(member.group()));
        let id = *known.unwrap_or(&TaskId::from_index(tasks.len()));
        new_ids.push(id);
        if id.index() < tasks.len() {
            counts[id.index()] += 1;
            continue;
        }
        groups.extend(task.member().map(|member| (member.group(), id)));
        tasks.push(task.clone());
        counts.push(1);
    }
    let mut needs: Vec<[Vec<TaskId>; 2]> = vec![Default::default(); tasks.len()];
    let mut seen_lists: HashMap<(TaskId, ListId), ()> = HashMap::new();
    for (task, id) in flow.tasks.iter().zip(&new_ids) {
        for (place, list) in [task.needs, task.needs_any].into_iter().enumerate() {
            if seen_lists.insert((*id, list), ()).is_some() {
                continue;
            }
            let mut last = None;
            for need in flow.lists.get(list).iter().map(|need| new_ids[need.index()]) {
                // Members stand side by side, so that most of what is equal follows itself.
                if last.replace(need) != Some(need) && !needs[id.index()][place].contains(&need) {
                    needs[id.index()][place].push(need);
                }
            }
        }
    }
    let mut lists = Lists::default();
    let mut interned: HashMap<Vec<TaskId>, ListId> = HashMap::new();
    let mut intern = |list: Vec<TaskId>| match list.is_empty() {
        true => ListId::EMPTY,
        false => *interned.entry(list).or_insert_with_key(|list| lists.push(list)),
    };
    for ((task, [all, any]), count) in tasks.iter_mut().zip(needs).zip(counts) {
        (task.needs, task.needs_any) = (intern(all), intern(any));
        if let Some(member) = task.member.take() {
            task.name = fold_name(&member, count).into();
        }
    }
    (Flow { tasks, lists, default: None, ..flow.clone_head() }, new_ids)
}

/// Returns the name of all members of a matrix together.
fn fold_name(member: &Member, count: usize) -> String {
    let keys: Vec<&str> = member.values().iter().map(|(key, _)| &**key).collect();
    format!("{}[{}] ×{count}", member.group(), keys.join(","))
}
