//! The lists of tasks that tasks need.

use super::TaskId;

/// Names one of a flow's [`Lists`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub u32);

impl ListId {
    /// The empty list, which every flow has.
    pub const EMPTY: ListId = ListId(0);

    /// Returns the id as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The lists of tasks that tasks need: each different list is kept once.
///
/// Two full layers of a thousand tasks are a million edges but one list; every walk over the graph
/// goes from tasks to lists and on to tasks, and so costs what the lists cost.
#[derive(Clone, Debug)]
pub struct Lists {
    offsets: Vec<u32>,
    items: Vec<TaskId>,
}

impl Default for Lists {
    fn default() -> Lists {
        Lists { offsets: vec![0, 0], items: Vec::new() }
    }
}

impl Lists {
    /// Adds a list that is not there yet; returns its id.
    pub(crate) fn push(&mut self, list: &[TaskId]) -> ListId {
        let id = ListId(u32::try_from(self.len()).expect("fewer lists than tasks"));
        self.items.extend_from_slice(list);
        self.offsets.push(u32::try_from(self.items.len()).expect("fewer than 2^32 edges"));
        id
    }

    /// Returns the tasks in a list, in the order in which they were written, each once.
    pub fn get(&self, id: ListId) -> &[TaskId] {
        let (start, end) = (self.offsets[id.index()], self.offsets[id.index() + 1]);
        &self.items[start as usize..end as usize]
    }

    /// Returns how many lists there are, the empty one included.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns whether there is no list but the empty one.
    pub fn is_empty(&self) -> bool {
        self.len() == 1
    }

    /// Returns all ids.
    pub fn ids(&self) -> impl Iterator<Item = ListId> + Clone + use<> {
        (0..self.len() as u32).map(ListId)
    }
}
