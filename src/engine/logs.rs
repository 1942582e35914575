//! The logs of attempts under way: what a task prints, and pyoco's own words between.
//!
//! A worker writes what it reads, another thread what pyoco has to say of the task. They take turns
//! under the log's lock, so that the order in the log is the order in which things happened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::local::Context;
use super::lock;
use crate::event::{Stream, TaskLog};
use crate::model::TaskId;

/// The log of one attempt.
pub(super) struct Log {
    task: TaskId,
    attempt: u32,
    /// `None` once the attempt has ended.
    to: Mutex<Option<Box<dyn TaskLog>>>,
}

impl Log {
    /// Returns whose log it is.
    pub(super) fn task(&self) -> TaskId {
        self.task
    }

    /// Returns the files in which it lies; none once the attempt has ended.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        lock(&self.to).as_ref().map(|log| log.files()).unwrap_or_default()
    }

    /// Keeps bytes in the log and hands them to the console. All that goes there passes here.
    pub(super) fn keep(&self, run: &Context, stream: Stream, bytes: &[u8]) {
        let mut to = lock(&self.to);
        let Some(log) = &mut *to else { return };
        let (chunk, error) = log.write(stream, run.clock.now().ms, bytes);
        // Still under the lock: the console gets them in the order of the log.
        run.console.output(self.task, self.attempt, chunk);
        drop(to);
        if let Some(error) = error {
            run.log_broke(&error);
        }
    }
}

/// The logs in which pyoco may have to say something: those of attempts that have a timeout,
/// or whose run has one.
#[derive(Default)]
pub(super) struct Logs(Mutex<HashMap<(TaskId, u32), Arc<Log>>>);

impl Logs {
    /// Opens the log of an attempt.
    pub(super) fn open(&self, run: &Context, task: TaskId, attempt: u32) -> Arc<Log> {
        let to = Mutex::new(Some(run.log.task_log(task, attempt)));
        let log = Arc::new(Log { task, attempt, to });
        let options = run.plan.flow.task(task).options();
        let has_own = options.timeout.is_some() || options.timeout_later.is_some();
        if has_own || run.plan.timeout.is_some() {
            lock(&self.0).insert((task, attempt), log.clone());
        }
        log
    }

    /// Closes the log of an attempt that has ended; nothing comes after its own last words. Returns how
    /// many bytes it could not keep.
    pub(super) fn close(&self, run: &Context, log: &Log) -> u64 {
        lock(&self.0).remove(&(log.task, log.attempt));
        let to = lock(&log.to).take();
        to.map_or(0, |mut to| to.finish(run.clock.now().ms))
    }

    /// Says something in the log of an attempt, if it is under way. All of pyoco's own words in logs
    /// pass here.
    pub(super) fn say(&self, run: &Context, task: TaskId, attempt: u32, text: &str) {
        let log = lock(&self.0).get(&(task, attempt)).cloned();
        if let Some(log) = log {
            log.keep(run, Stream::Pyoco, run.mask.now().text(text).as_bytes());
        }
    }
}
