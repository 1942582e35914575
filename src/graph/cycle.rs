//! Cycles.
//!
//! Tasks and lists are taken as the two kinds of nodes of one graph: a full layer costs its tasks and
//! its lists, not their product.

use std::collections::{HashMap, VecDeque};

use petgraph::algo::kosaraju_scc; // not `tarjan_scc`, which recurses
use petgraph::graph::{DiGraph, NodeIndex};

use crate::model::{ListId, Lists, TaskId};

/// Returns the tasks of one whole cycle, each needed by the next, the last by the first.
pub fn find_cycle(needs: &[(ListId, ListId)], lists: &Lists) -> Option<Vec<TaskId>> {
    find_cycles(needs, lists, 1).pop()
}

/// Returns a short cycle out of each knot of tasks that wait for one another, `most` of them at most,
/// in the order of their first tasks.
pub fn find_cycles(needs: &[(ListId, ListId)], lists: &Lists, most: usize) -> Vec<Vec<TaskId>> {
    let is_left = unordered(needs, lists);
    if !is_left.contains(&true) {
        return Vec::new();
    }
    let mut graph = DiGraph::<(), ()>::new();
    let mut tasks: HashMap<TaskId, NodeIndex> = HashMap::new();
    let mut names: Vec<Option<TaskId>> = Vec::new(); // of the nodes; lists have none
    for (index, _) in is_left.iter().enumerate().filter(|(_, is_left)| **is_left) {
        let task = TaskId::from_index(index);
        tasks.insert(task, graph.add_node(()));
        names.push(Some(task));
    }
    let mut nodes: HashMap<ListId, NodeIndex> = HashMap::new();
    for (task, node) in &tasks {
        let (all, any) = needs[task.index()];
        for list in [all, any] {
            let list_node = *nodes.entry(list).or_insert_with(|| {
                let node = graph.add_node(());
                names.push(None);
                for needed in lists.get(list) {
                    if let Some(needed) = tasks.get(needed) {
                        graph.add_edge(*needed, node, ());
                    }
                }
                node
            });
            graph.add_edge(list_node, *node, ());
        }
    }
    let mut cycles: Vec<Vec<TaskId>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|knot| knot.len() > 1)
        .filter_map(|knot| shortest(&graph, &names, &knot))
        .collect();
    cycles.sort();
    cycles.truncate(most);
    cycles
}

/// Returns for each task whether no order has a place for it: it is in a cycle or behind one.
fn unordered(needs: &[(ListId, ListId)], lists: &Lists) -> Vec<bool> {
    let (members, users) = (Reverse::of_lists(needs.len(), lists), Reverse::of_needs(needs, lists));
    let mut tasks_left: Vec<usize> = lists.ids().map(|list| lists.get(list).len()).collect();
    let mut lists_left = vec![2_u8; needs.len()];
    let mut is_left = vec![true; needs.len()];
    let mut ready: Vec<ListId> = lists.ids().filter(|list| tasks_left[list.index()] == 0).collect();
    while let Some(list) = ready.pop() {
        for task in users.of(list.index()) {
            lists_left[*task as usize] -= 1;
            if lists_left[*task as usize] > 0 {
                continue;
            }
            is_left[*task as usize] = false;
            for list in members.of(*task as usize) {
                tasks_left[*list as usize] -= 1;
                if tasks_left[*list as usize] == 0 {
                    ready.push(ListId(*list));
                }
            }
        }
    }
    is_left
}

/// For each of some things the things that point at it, in two flat arrays.
struct Reverse {
    offsets: Vec<usize>,
    items: Vec<u32>,
}

impl Reverse {
    /// For each task the lists that hold it.
    fn of_lists(n_tasks: usize, lists: &Lists) -> Reverse {
        let ids = 0..u32::try_from(lists.len()).expect("lists have ids of this width");
        let pairs = ids
            .map(ListId)
            .flat_map(|list| lists.get(list).iter().map(move |task| (task.index(), list.0)));
        Reverse::new(n_tasks, pairs)
    }

    /// For each list the tasks that need it; a task whose two lists are the same one stands twice.
    fn of_needs(needs: &[(ListId, ListId)], lists: &Lists) -> Reverse {
        let pairs = needs.iter().enumerate().flat_map(|(task, (all, any))| {
            let task = TaskId::from_index(task).0;
            [(all.index(), task), (any.index(), task)]
        });
        Reverse::new(lists.len(), pairs)
    }

    fn new(length: usize, pairs: impl Iterator<Item = (usize, u32)> + Clone) -> Reverse {
        let mut offsets = vec![0; length + 1];
        for (at, _) in pairs.clone() {
            offsets[at + 1] += 1;
        }
        for at in 0..length {
            offsets[at + 1] += offsets[at];
        }
        let mut next = offsets.clone();
        let mut items = vec![0; offsets[length]];
        for (at, item) in pairs {
            items[next[at]] = item;
            next[at] += 1;
        }
        Reverse { offsets, items }
    }

    fn of(&self, at: usize) -> &[u32] {
        &self.items[self.offsets[at]..self.offsets[at + 1]]
    }
}

/// Returns the shortest way from the first task of a knot back to itself.
fn shortest(
    graph: &DiGraph<(), ()>,
    names: &[Option<TaskId>],
    knot: &[NodeIndex],
) -> Option<Vec<TaskId>> {
    let task = |node: &NodeIndex| names[node.index()];
    let start = *knot.iter().filter(|node| task(node).is_some()).min_by_key(|node| task(node))?;
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    // A node outside of the knot leads nowhere back; its ways end by themselves.
    while let Some(node) = queue.pop_front() {
        for next in graph.neighbors(node) {
            if next == start {
                let mut cycle = Vec::new();
                let mut at = node;
                while at != start {
                    cycle.extend(task(&at));
                    at = came_from[&at];
                }
                cycle.extend(task(&start));
                cycle.reverse();
                return Some(cycle);
            }
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                node
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the needs of tasks from the lists of their needs.
    fn graph(tasks: &[&[u32]]) -> (Vec<(ListId, ListId)>, Lists) {
        let mut lists = Lists::default();
        let mut list = |needs: &[u32]| {
            let needs: Vec<TaskId> = needs.iter().copied().map(TaskId).collect();
            if needs.is_empty() { ListId::EMPTY } else { lists.push(&needs) }
        };
        let needs = tasks.iter().map(|needs| (list(needs), ListId::EMPTY)).collect();
        (needs, lists)
    }

    fn cycles(tasks: &[&[u32]]) -> Vec<Vec<u32>> {
        let (needs, lists) = graph(tasks);
        let cycles = find_cycles(&needs, &lists, 9);
        cycles.into_iter().map(|cycle| cycle.into_iter().map(|task| task.0).collect()).collect()
    }

    #[test]
    fn each_knot_gives_one_short_cycle() {
        assert_eq!(cycles(&[]), [] as [Vec<u32>; 0]);
        assert_eq!(cycles(&[&[], &[0], &[0, 1]]), [] as [Vec<u32>; 0]);
        assert_eq!(cycles(&[&[0]]), [[0]]);
        assert_eq!(cycles(&[&[2], &[0], &[1]]), [[0, 1, 2]]);
        assert_eq!(cycles(&[&[1], &[0], &[1, 3], &[2]]), [[0, 1], [2, 3]]);
        assert_eq!(cycles(&[&[1, 3], &[2], &[0], &[0]]), [[0, 3]]);
    }

    #[test]
    fn a_long_chain_and_a_long_cycle_are_walked_without_recursion() {
        const LENGTH: u32 = 100_000;
        let mut lists = Lists::default();
        let mut needs = vec![(ListId::EMPTY, ListId::EMPTY)];
        for task in 1..LENGTH {
            needs.push((lists.push(&[TaskId(task - 1)]), ListId::EMPTY));
        }
        assert_eq!(find_cycle(&needs, &lists), None);
        needs[0].1 = lists.push(&[TaskId(LENGTH - 1)]);
        let cycle = find_cycle(&needs, &lists).expect("the chain is closed");
        assert_eq!(cycle.len(), LENGTH as usize);
        assert!(cycle.is_sorted());
    }
}
