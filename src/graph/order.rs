//! The graph turned round, and what follows from it: a topological order and the heights of tasks.

use crate::model::{Flow, ListId, Task, TaskId};

/// For each task the lists it stands in, and for each list the tasks that need it.
///
/// Arrays of ids with offsets (CSR), so that a flow of 100,000 tasks costs a few megabytes and a
/// walk touches memory in order.
#[derive(Clone, Debug)]
pub(crate) struct Dependents {
    lists_of_task: Csr<ListId>,
    needed_by: Csr<TaskId>,
    any_needed_by: Csr<TaskId>,
}

#[derive(Clone, Debug)]
struct Csr<T> {
    offsets: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default> Csr<T> {
    /// Sorts pairs of row and item into rows; the items of a row keep their order.
    fn new(n_rows: usize, pairs: impl Iterator<Item = (usize, T)> + Clone) -> Csr<T> {
        let mut offsets = vec![0u32; n_rows + 1];
        for (row, _) in pairs.clone() {
            offsets[row + 1] += 1;
        }
        for row in 0..n_rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut items = vec![T::default(); offsets[n_rows] as usize];
        for (row, item) in pairs {
            items[next[row] as usize] = item;
            next[row] += 1;
        }
        Csr { offsets, items }
    }

    fn row(&self, row: usize) -> &[T] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

impl Dependents {
    /// Turns the graph of a flow round.
    pub(crate) fn of(flow: &Flow) -> Dependents {
        let (n_tasks, n_lists) = (flow.tasks.len(), flow.lists.len());
        let members = flow
            .lists
            .ids()
            .flat_map(|list| flow.lists.get(list).iter().map(move |task| (task.index(), list)));
        let needed = |of: fn(&Task) -> ListId| {
            flow.ids()
                .map(move |id| (of(flow.task(id)).index(), id))
                .filter(|(list, _)| *list != ListId::EMPTY.index())
        };
        Dependents {
            lists_of_task: Csr::new(n_tasks, members),
            needed_by: Csr::new(n_lists, needed(|task| task.needs)),
            any_needed_by: Csr::new(n_lists, needed(|task| task.needs_any)),
        }
    }

    /// Returns the lists that `task` stands in.
    pub(crate) fn lists_of(&self, task: TaskId) -> &[ListId] {
        self.lists_of_task.row(task.index())
    }

    /// Returns the tasks whose `needs` is `list`.
    pub(crate) fn needing(&self, list: ListId) -> &[TaskId] {
        self.needed_by.row(list.index())
    }

    /// Returns the tasks whose `needs_any` is `list`.
    pub(crate) fn needing_any(&self, list: ListId) -> &[TaskId] {
        self.any_needed_by.row(list.index())
    }
}

/// Returns all tasks so that each comes after all that it needs.
fn topological(flow: &Flow, dependents: &Dependents) -> Vec<TaskId> {
    let mut left_of_list: Vec<u32> =
        flow.lists.ids().map(|list| flow.lists.get(list).len() as u32).collect();
    let mut left_of_task: Vec<u32> = flow.tasks.iter().map(Task::n_lists).collect();
    let mut order: Vec<TaskId> = flow.ids().filter(|id| left_of_task[id.index()] == 0).collect();
    let mut next = 0;
    while let Some(&task) = order.get(next) {
        next += 1;
        for &list in dependents.lists_of(task) {
            left_of_list[list.index()] -= 1;
            if left_of_list[list.index()] > 0 {
                continue;
            }
            for &freed in dependents.needing(list).iter().chain(dependents.needing_any(list)) {
                left_of_task[freed.index()] -= 1;
                if left_of_task[freed.index()] == 0 {
                    order.push(freed);
                }
            }
        }
    }
    order
}

/// Returns for each task the length of the longest path from it to an end, itself included, each
/// task counting as one.
pub(crate) fn heights(flow: &Flow, dependents: &Dependents) -> Vec<u32> {
    let mut of_list = vec![0u32; flow.lists.len()];
    let mut of_task = vec![0u32; flow.tasks.len()];
    for &id in topological(flow, dependents).iter().rev() {
        let below = dependents.lists_of(id).iter().map(|list| of_list[list.index()]).max();
        let height = 1 + below.unwrap_or(0);
        of_task[id.index()] = height;
        for list in [flow.task(id).needs, flow.task(id).needs_any] {
            of_list[list.index()] = of_list[list.index()].max(height);
        }
    }
    of_task
}
