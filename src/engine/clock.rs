//! The clock of a run. It stands still while the run is suspended, so that no limit that is counted
//! on it runs out meanwhile: not the scheduler's, and not the engine's own.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::lock;
use crate::model::{Ms, Wall};
use crate::scheduler::Moment;

/// The clock of a run.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    pauses: Mutex<Pauses>,
    resumed: Condvar,
}

#[derive(Debug, Default)]
struct Pauses {
    /// When the clock was stopped, while it stands still.
    since: Option<Instant>,
    /// How long it stood still before that.
    took: Duration,
    /// How often it was stopped.
    count: u64,
}

impl Clock {
    /// Returns a clock that begins now.
    pub(super) fn start() -> Clock {
        Clock { start: Instant::now(), pauses: Mutex::default(), resumed: Condvar::new() }
    }

    /// Returns what it shows; the wall clock goes on whatever happens.
    pub(super) fn now(&self) -> Moment {
        Moment { ms: self.ms(), wall: Wall::from(SystemTime::now()) }
    }

    /// Returns the time since the start of the run that it was not suspended.
    pub(super) fn ms(&self) -> Ms {
        let pauses = lock(&self.pauses);
        let now = pauses.since.unwrap_or_else(Instant::now);
        Ms::from(now.saturating_duration_since(self.start).saturating_sub(pauses.took))
    }

    /// Stops the clock.
    pub(super) fn pause(&self) {
        let mut pauses = lock(&self.pauses);
        if pauses.since.is_none() {
            pauses.since = Some(Instant::now());
            pauses.count += 1;
        }
    }

    /// Lets the clock go on.
    pub(super) fn resume(&self) {
        let mut pauses = lock(&self.pauses);
        if let Some(since) = pauses.since.take() {
            pauses.took += since.elapsed();
            self.resumed.notify_all();
        }
    }

    /// Returns how often the clock was stopped.
    pub(super) fn n_pauses(&self) -> u64 {
        lock(&self.pauses).count
    }

    /// Waits at most so long for the clock to go on; returns whether it does.
    pub(super) fn is_going_within(&self, at_most: Duration) -> bool {
        let pauses = lock(&self.pauses);
        let waited =
            self.resumed.wait_timeout_while(pauses, at_most, |pauses| pauses.since.is_some());
        waited.unwrap_or_else(PoisonError::into_inner).0.since.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_stopped_stands_still_and_goes_on_from_there() {
        let clock = Clock::start();
        clock.pause();
        clock.pause(); // twice is once
        let stopped_at = clock.ms();
        let real = Instant::now();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(clock.ms(), stopped_at);
        assert!(!clock.is_going_within(Duration::ZERO));
        clock.resume();
        let since = Ms::from(real.elapsed());
        assert!(clock.ms() < stopped_at + since, "the pause counts");
        assert!(clock.is_going_within(Duration::ZERO));
        assert_eq!(clock.n_pauses(), 1);
        let before = clock.ms();
        std::thread::sleep(Duration::from_millis(5));
        assert!(clock.ms() > before);
    }
}
