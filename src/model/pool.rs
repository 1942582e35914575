//! Pools: named semaphores of a flow, and what tasks hold of them. And what a task asks of a cluster.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Ms, Size};

/// Names a pool inside one flow: its index in the order of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u32);

impl PoolId {
    /// Returns the id as an index into a table of pools.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named semaphore: a running task that names it holds slots of it that no other one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The pool's name.
    pub name: Box<str>,
    /// What can be held.
    pub slots: Slots,
}

impl Pool {
    /// Returns the environment variable in which a task sees the slots that it holds.
    pub fn variable(&self) -> String {
        pool_variable(&self.name)
    }
}

/// Returns the environment variable of a pool with this name.
pub(crate) fn pool_variable(name: &str) -> String {
    format!("PYOCO_POOL_{}", name.to_ascii_uppercase().replace(['-', '.'], "_"))
}

/// The slots of a pool. On the wire a number, or a list of texts, as in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Slots {
    /// So many, whose texts are their numbers from 0.
    Numbered(u32),
    /// One for each text.
    Named(Arc<[Box<str>]>),
}

impl Slots {
    /// Returns how many there are.
    pub fn count(&self) -> u32 {
        match self {
            Slots::Numbered(count) => *count,
            Slots::Named(texts) => u32::try_from(texts.len()).unwrap_or(u32::MAX),
        }
    }

    /// Returns what a task sees of a slot.
    pub fn text(&self, slot: u32) -> Cow<'_, str> {
        match self {
            Slots::Numbered(_) => slot.to_string().into(),
            Slots::Named(texts) => match texts.get(slot as usize) {
                Some(text) => Cow::Borrowed(text),
                None => slot.to_string().into(), // of a record that is damaged
            },
        }
    }

    /// Returns what a task sees of the slots that it holds: their texts, joined by `,`.
    pub fn texts(&self, held: &[u32]) -> String {
        held.iter().map(|slot| self.text(*slot)).collect::<Vec<_>>().join(",")
    }
}

/// How many slots of which pools a task holds while it runs, by pool in the order of the file.
pub type PoolNeeds = Arc<[(PoolId, u32)]>;

/// The slots that an attempt holds, by pool.
pub type HeldSlots = Arc<[Held]>;

/// The slots of one pool that an attempt holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The pool.
    pub pool: PoolId,
    /// Which slots, the lowest first.
    pub slots: Box<[u32]>,
}

/// What a task asks of the place where it runs. On this machine `cpus` alone has a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// How many slots of `jobs` it holds; `None`: one.
    pub cpus: Option<u32>,
    /// How much memory.
    pub memory: Option<Size>,
    /// How long it runs at most.
    pub time: Option<Ms>,
    /// How many graphics processors.
    pub gpus: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_its_variable_and_its_slots_their_texts() {
        let texts: Arc<[Box<str>]> = ["a".into(), "b c".into()].into();
        let pool = Pool { name: "gpu-a100.big".into(), slots: Slots::Named(texts) };
        assert_eq!(pool.variable(), "PYOCO_POOL_GPU_A100_BIG");
        assert_eq!(pool.slots.texts(&[0, 1]), "a,b c");
        assert_eq!(Slots::Numbered(3).texts(&[0, 2]), "0,2");
        let json = serde_json::to_string(&[pool.slots, Slots::Numbered(3)]).expect("plain");
        assert_eq!(json, r#"[["a","b c"],3]"#);
    }
}
