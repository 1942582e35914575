//! What goes into the scheduler and what comes out of it: inputs, actions, and who carries these out.

use std::sync::Arc;

use super::results::{Artifact, Fault, Hashed, Results};
use super::scope::Resolved;
use crate::event::{CancelRequest, Measured, RunNoted, RunStarted};
use crate::model::{HeldSlots, Level, Ms, Reason, RunStatus, TaskId, Wall};

/// A moment: since the start of the run on a monotonic clock, and on the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since the start of the run.
    pub ms: Ms,
    /// On the wall clock.
    pub wall: Wall,
}

/// What the world tells the scheduler.
#[derive(Clone, Debug)]
pub enum Input {
    /// The run begins: always the first. Nothing starts before the next input, so that a cancel which
    /// came meanwhile is taken first.
    Begin(Box<RunStarted>),
    /// An attempt has a process.
    Started(Box<Started>),
    /// An attempt is over, or could not be started.
    Ended(Box<Ended>),
    /// A process of an attempt was stopped by the system because it wanted the terminal.
    WantsTerminal {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
    },
    /// A signal that waited for a look at what the attempt was doing has gone out.
    Signalled {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
    },
    /// Somebody asked for a cancel.
    Cancel(CancelRequest),
    /// A file that a task left behind was summed up.
    Hashed(Box<Hashed>),
    /// Something was learnt beside the tasks.
    Noted(RunNoted),
    /// Nothing but the time has changed.
    Tick,
}

/// See [`Input::Started`].
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// The task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// The process.
    pub pid: Option<u32>,
    /// Program and arguments, perhaps cut.
    pub argv: Vec<String>,
    /// Whether they were.
    pub argv_cut: bool,
    /// The folder.
    pub dir: Option<String>,
}

/// See [`Input::Ended`].
#[derive(Clone, Debug)]
pub struct Ended {
    /// The task.
    pub task: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// `None`: as `measured` says; else why there was no process.
    pub not_started: Option<Reason>,
    /// How it ended.
    pub measured: Measured,
    /// What it left behind; it counts only where the exit code is good.
    pub results: Result<Results, Fault>,
}

/// What the scheduler wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an attempt; it holds its slots already.
    Spawn {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// What it is given beside what the flow says.
        given: Given,
    },
    /// Send a signal to the group of an attempt.
    Signal {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// The signal's number.
        signal: i32,
        /// The limit that was passed: what the attempt is doing is written to its log before the
        /// signal, since nobody knows why it took so long.
        overdue: Option<Overdue>,
    },
    /// Send a signal to every group that outlived its leader.
    SignalLeaked {
        /// The signal's number.
        signal: i32,
    },
    /// Sum up files, each answered by [`Input::Hashed`].
    Hash {
        /// The task.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// The files.
        artifacts: Vec<Artifact>,
    },
    /// Tell people at once that running tasks are, or may soon be, stopped.
    Announce {
        /// What happened.
        what: Announced,
        /// The names of the tasks that ran when it did.
        running: Vec<Arc<str>>,
    },
    /// All of `tasks` have ended: those of `finally` are told how, and begin.
    OpenFinally {
        /// How the run stood then.
        status: RunStatus,
        /// The names of the tasks that failed, in file order.
        failed: Vec<Arc<str>>,
    },
}

/// What an attempt is given beside what the flow says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// What it holds of pools.
    pub slots: HeldSlots,
    /// What was known only when it started; `None`: everything was known before.
    pub resolved: Option<Arc<Resolved>>,
}

impl Given {
    /// Returns whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.resolved.is_none()
    }
}

/// A limit that an attempt has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Its own timeout.
    Attempt(Ms),
    /// That of the whole run.
    Run(Ms),
}

/// What people are told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// A cancel reached this level.
    Cancel {
        /// The level.
        level: Level,
        /// How long running tasks have at level stop.
        grace: Ms,
    },
    /// A cancel reached level stop while `finally` runs, which has this much time left.
    FinallyGoesOn {
        /// How long.
        left: Ms,
    },
    /// The whole run took longer than it may.
    RunTimeout,
}

/// Carries out what the scheduler wants: local processes, or a test's simulation.
pub trait Executor {
    /// Starts an attempt that holds these slots of pools, later answered by [`Input::Started`] and
    /// [`Input::Ended`], or by the latter alone.
    fn spawn(&self, task: TaskId, attempt: u32, given: Given);
    /// Sends a signal to the group of an attempt, if it is still there.
    fn signal(&self, task: TaskId, attempt: u32, signal: i32);
    /// Writes to its log what an attempt is doing, and then sends a signal to its group, which is
    /// answered by [`Input::Signalled`]. Returns at once.
    fn signal_overdue(&self, task: TaskId, attempt: u32, signal: i32, overdue: Overdue);
    /// Sends a signal to every group that outlived its leader.
    fn signal_leaked(&self, signal: i32);
}
