//! Looks into the system that many share: each goes through all processes, and where many tasks end at
//! the same moment a look for each would cost as much as there are of both.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::lock;

/// The latest of the looks of one kind, and when it began.
#[derive(Debug)]
pub(super) struct SharedLook<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for SharedLook<T> {
    fn default() -> SharedLook<T> {
        SharedLook(Mutex::new(None))
    }
}

impl<T> SharedLook<T> {
    /// Returns what was seen by a look that began after this was asked for. One at a time is taken: it
    /// serves all who came while the one before was under way.
    pub(super) fn fresh(&self, look: impl FnOnce() -> T) -> Arc<T> {
        self.since(Instant::now(), look)
    }

    fn since(&self, asked: Instant, look: impl FnOnce() -> T) -> Arc<T> {
        let mut latest = lock(&self.0);
        if let Some((began, seen)) = &*latest
            && *began >= asked
        {
            return seen.clone();
        }
        let began = Instant::now();
        let seen = Arc::new(look());
        *latest = Some((began, seen.clone()));
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_serves_who_asked_before_it_began() {
        let looks = SharedLook::default();
        let (before, mut during) = (Instant::now(), None);
        let look = || {
            during = Some(Instant::now());
            1
        };
        assert_eq!(*looks.fresh(look), 1);
        assert_eq!(*looks.since(before, || panic!("one was taken since")), 1);
        // It may have missed already what came while it was taken.
        assert_eq!(*looks.since(during.expect("it was taken"), || 2), 2);
        assert_eq!(*looks.fresh(|| 3), 3);
    }
}
