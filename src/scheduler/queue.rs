//! Which ready task starts next: the order, and the slots that it waits for.
//!
//! A task takes all its slots at once, those of pools and those of `jobs`, or none. Among ready tasks
//! the first goes first. One that does not fit waits, and no later one takes a slot that it waits for:
//!
//! - It waits for pools first: for those that it lacks, and once these have slots for it, for those that
//!   it lacks then, since they served later tasks meanwhile. The slots of a pool that it has waited for
//!   are kept for it. So it gets one pool after the other, however many later tasks share one of them,
//!   and a slot lies idle only for a task that has waited for it.
//! - Only then it waits for slots of `jobs`. All tasks need these, so that nothing starts until it does.
//!   While it waits for a pool, others run on them.
//!
//! Nothing is held while waiting. So the first task of all gets everything once the running ones have
//! ended, and there is no deadlock.
//!
//! Tasks that hold the same of the same pools form a group: where the first does not fit, none does. A
//! look at the first of each group is enough, however many wait.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::Bound;

use crate::model::{Flow, Held, HeldSlots, Pool, PoolId, PoolNeeds, TaskId};

/// How many groups that do not fit are passed over in search of one that does. Past it those in front
/// go first, though others might fit.
const MAX_PASSED: usize = 1_000;

/// The place of a ready task in the order: the longest remaining path first, then the file.
type Place = (Reverse<u32>, TaskId);

/// The ready tasks, and the slots of pools.
#[derive(Debug)]
pub(super) struct Queue {
    pools: Vec<FreeSlots>,
    groups: Vec<Group>,
    /// By task; empty where no task holds slots of a pool, and all are in the first group.
    group_of: Vec<u32>,
    /// The first task of each group that has one.
    firsts: BTreeSet<(Place, u32)>,
    /// Whether a search may find what the last one did not.
    is_changed: bool,
}

/// The ready tasks that hold the same of the same pools.
#[derive(Debug, Default)]
struct Group {
    needs: PoolNeeds,
    /// By need: whether the pool was waited for since a task of the group last started.
    lacked: Vec<bool>,
    ready: BinaryHeap<Reverse<Place>>,
}

/// How far one search for tasks that can start has come.
#[derive(Debug)]
pub(super) struct Search {
    /// By pool: the slots that no task waits for which was passed over.
    left: Vec<u32>,
    after: Option<(Place, u32)>,
    n_passed: usize,
}

impl Queue {
    pub(super) fn new(flow: &Flow, pools: &[Pool]) -> Queue {
        let mut groups = vec![Group::default()];
        let mut group_of = Vec::new();
        if flow.tasks().iter().any(|task| !task.options.pools.is_empty()) {
            let mut known: HashMap<PoolNeeds, u32> = [(PoolNeeds::default(), 0)].into();
            group_of.reserve_exact(flow.tasks().len());
            for task in flow.tasks() {
                let needs = &task.options.pools;
                let group = known.get(needs).copied().unwrap_or_else(|| {
                    let group = u32::try_from(groups.len()).expect("fewer groups than tasks");
                    groups.push(Group::new(needs.clone()));
                    known.insert(needs.clone(), group);
                    group
                });
                group_of.push(group);
            }
        }
        let pools = pools.iter().map(FreeSlots::of).collect();
        Queue { pools, groups, group_of, firsts: BTreeSet::new(), is_changed: false }
    }

    /// Adds a task that is ready.
    pub(super) fn push(&mut self, task: TaskId, height: u32) {
        self.is_changed = true;
        let group = self.group_of.get(task.index()).copied().unwrap_or(0);
        let place = (Reverse(height), task);
        let ready = &mut self.groups[group as usize].ready;
        let first = ready.peek().map(|first| first.0);
        ready.push(Reverse(place));
        if first.is_none_or(|first| place < first) {
            first.map(|first| self.firsts.remove(&(first, group)));
            self.firsts.insert((place, group));
        }
    }

    /// Notes that slots of `jobs` were given back, or a task waits no more.
    pub(super) fn change(&mut self) {
        self.is_changed = true;
    }

    /// Begins a search, where one may find what the last one did not.
    pub(super) fn search(&mut self) -> Option<Search> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let left = self.pools.iter().map(FreeSlots::count).collect();
        Some(Search { left, after: None, n_passed: 0 })
    }

    /// Returns the first task, in the order, for which there are slots of all its pools. It stays here.
    ///
    /// Tasks that `is_ready` no longer holds for are forgotten.
    pub(super) fn next(
        &mut self,
        search: &mut Search,
        is_ready: impl Fn(TaskId) -> bool,
    ) -> Option<TaskId> {
        while search.n_passed < MAX_PASSED {
            let from = search.after.map_or(Bound::Unbounded, Bound::Excluded);
            let &(place, group) = self.firsts.range((from, Bound::Unbounded)).next()?;
            let task = place.1;
            if !is_ready(task) {
                self.pop(task);
                continue;
            }
            if self.groups[group as usize].fits(&mut search.left) {
                return Some(task);
            }
            search.after = Some((place, group));
            search.n_passed += 1;
        }
        None
    }

    /// Takes the task that [`Queue::next`] returned, with its slots.
    pub(super) fn take(&mut self, search: &mut Search, task: TaskId) -> HeldSlots {
        let group = self.pop(task);
        let Group { needs, lacked, .. } = &mut self.groups[group as usize];
        lacked.fill(false); // the next one has not waited yet
        let hold = |(pool, count): &(PoolId, u32)| {
            search.left[pool.index()] -= count;
            Held { pool: *pool, slots: self.pools[pool.index()].take(*count) }
        };
        needs.iter().map(hold).collect()
    }

    /// Gives slots back.
    pub(super) fn give_back(&mut self, held: &HeldSlots) {
        for Held { pool, slots } in held.iter() {
            self.pools[pool.index()].given_back.extend(slots.iter().map(|slot| Reverse(*slot)));
        }
    }

    /// Removes the first task of its group; returns the group.
    fn pop(&mut self, task: TaskId) -> u32 {
        let group = self.group_of.get(task.index()).copied().unwrap_or(0);
        let Group { ready, lacked, .. } = &mut self.groups[group as usize];
        if let Some(Reverse(first)) = ready.pop() {
            self.firsts.remove(&(first, group));
        }
        match ready.peek() {
            Some(Reverse(next)) => drop(self.firsts.insert((*next, group))),
            None => lacked.fill(false),
        }
        group
    }
}

impl Group {
    fn new(needs: PoolNeeds) -> Group {
        Group { lacked: vec![false; needs.len()], needs, ready: BinaryHeap::new() }
    }

    /// Returns whether there are slots of all pools. Where not, takes what it waits for out of `left`.
    fn fits(&mut self, left: &mut [u32]) -> bool {
        let lacks = |&(pool, count): &(PoolId, u32)| count > left[pool.index()];
        if !self.needs.iter().any(lacks) {
            return true;
        }
        let still_waits =
            self.needs.iter().zip(&self.lacked).any(|(need, lacked)| *lacked && lacks(need));
        for ((pool, count), lacked) in self.needs.iter().zip(&mut self.lacked) {
            let left = &mut left[pool.index()];
            *lacked |= !still_waits && *count > *left;
            if *lacked {
                *left = left.saturating_sub(*count);
            }
        }
        false
    }
}

/// The slots of a pool that no task holds.
#[derive(Debug)]
struct FreeSlots {
    /// Held before, the lowest first.
    given_back: BinaryHeap<Reverse<u32>>,
    /// From this one on none was ever held.
    untouched: std::ops::Range<u32>,
}

impl FreeSlots {
    fn of(pool: &Pool) -> FreeSlots {
        FreeSlots { given_back: BinaryHeap::new(), untouched: 0..pool.slots.count() }
    }

    fn count(&self) -> u32 {
        self.given_back.len() as u32 + self.untouched.len() as u32
    }

    /// Takes so many, the lowest first.
    fn take(&mut self, count: u32) -> Box<[u32]> {
        let next = |_| {
            let back = self.given_back.pop().map(|slot| slot.0);
            back.or_else(|| self.untouched.next()).expect("BUG: more slots than are free")
        };
        (0..count).map(next).collect()
    }
}
