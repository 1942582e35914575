//! The notation of the key `graph`.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::{Edge, layers};
use crate::model::{Flow, TaskId};

/// Writes the notation: a line for each list, joined where one list is just what the last one leads
/// to; a task that stands in no list has a line of its own. What stands in `finally` has no place in the
/// notation and is named in a comment.
pub(super) fn notation(flow: &Flow) -> String {
    let mut layers = layers(flow);
    layers.retain(|(_, _, users)| !flow.task(users[0]).finally);
    let by_tasks: HashMap<&[TaskId], usize> =
        layers.iter().enumerate().map(|(at, (_, list, _))| (flow.lists.get(*list), at)).collect();
    // A layer goes on in the line of another one that leads to exactly its tasks.
    let mut next: Vec<Option<usize>> = Vec::with_capacity(layers.len());
    let mut is_joined: HashSet<usize> = HashSet::new();
    for (_, _, users) in &layers {
        let after = by_tasks.get(&**users).copied();
        next.push(after.filter(|after| is_joined.insert(*after)));
    }
    let sizes = sizes(flow);
    let group = |edge: Edge, ids: &[TaskId]| {
        let names = entries(flow, &sizes, ids);
        match (edge, &*names) {
            (Edge::All, [name]) => (*name).to_owned(),
            (Edge::All, names) => format!("({})", names.join(" & ")),
            (Edge::Any, [name]) => format!("({name} |)"),
            (Edge::Any, names) => format!("({})", names.join(" | ")),
        }
    };
    let mut stands = vec![false; flow.tasks().len()];
    let mut picture = String::new();
    for first in (0..layers.len()).filter(|at| !is_joined.contains(at)) {
        let mut at = first;
        loop {
            let (edge, list, users) = &layers[at];
            let needs = flow.lists.get(*list);
            for id in needs.iter().chain(users) {
                stands[id.index()] = true;
            }
            let _ = write!(picture, "{} >> ", group(*edge, needs));
            match next[at] {
                Some(after) => at = after,
                None => {
                    let _ = writeln!(picture, "{}", group(Edge::All, users));
                    break;
                }
            }
        }
    }
    let alone: Vec<TaskId> =
        flow.ids().filter(|id| !stands[id.index()] && !flow.task(*id).finally).collect();
    for name in entries(flow, &sizes, &alone) {
        let _ = writeln!(picture, "{name}");
    }
    let finally: Vec<&str> =
        flow.tasks().iter().filter(|task| task.finally).map(|task| task.name()).collect();
    if !finally.is_empty() {
        let _ = writeln!(picture, "# finally: {}", finally.join(", "));
    }
    picture
}

/// Returns how many members each matrix has.
fn sizes(flow: &Flow) -> HashMap<&str, usize> {
    let mut sizes = HashMap::new();
    for member in flow.tasks().iter().filter_map(|task| task.member()) {
        *sizes.entry(member.group()).or_default() += 1;
    }
    sizes
}

/// Returns the names of tasks; all members of a matrix are named together.
fn entries<'f>(flow: &'f Flow, sizes: &HashMap<&str, usize>, ids: &[TaskId]) -> Vec<&'f str> {
    let group = |id: TaskId| flow.task(id).member().map(|member| member.group());
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(id) = ids.get(at) {
        let first = group(*id);
        let same =
            ids[at..].iter().take_while(|id| first.is_some() && group(**id) == first).count();
        match first.filter(|group| sizes.get(group) == Some(&same)) {
            Some(group) => {
                names.push(group);
                at += same;
            }
            None => {
                names.push(flow.task(*id).name());
                at += 1;
            }
        }
    }
    names
}
