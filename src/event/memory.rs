//! The ports in memory: what the library uses where nothing else is asked for.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    Chunk, Line, NewRun, QueueBackend, QueueItem, ReadReport, Requests, Retention, RunLog, RunView,
    StateStore, StoreError, Stream, TaskLog,
};
use crate::model::{Ms, RunId, TaskId};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every single step, also one that panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A queue in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<(VecDeque<QueueItem>, bool)>,
    changed: Condvar,
}

impl QueueBackend for MemoryQueue {
    fn enqueue(&self, item: QueueItem) {
        lock(&self.state).0.push_back(item);
        self.changed.notify_one();
    }

    fn dequeue(&self) -> Option<QueueItem> {
        let mut state = lock(&self.state);
        loop {
            if let Some(item) = state.0.pop_front() {
                return Some(item);
            }
            if state.1 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn remove(&self, run_id: RunId) -> Vec<QueueItem> {
        let mut state = lock(&self.state);
        let (removed, kept) = state.0.drain(..).partition(|item| item.run_id == run_id);
        state.0 = kept;
        removed.into()
    }

    fn close(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }
}

/// Runs in memory, for as long as the store lives. It knows no size of a run: of a [`Retention`] it
/// ignores `max_size`.
#[derive(Debug, Default)]
pub struct MemoryStore {
    runs: Mutex<HashMap<RunId, Arc<MemoryLog>>>,
}

#[derive(Debug, Default)]
struct MemoryLog {
    lines: Mutex<Vec<Line>>,
    grown: Condvar,
}

impl StateStore for MemoryStore {
    fn create(&self, new: &NewRun<'_>) -> Result<Arc<dyn RunLog>, StoreError> {
        let log = Arc::new(MemoryLog::default());
        lock(&self.runs).insert(new.run_id, log.clone());
        Ok(log)
    }

    fn discard(&self, run_id: RunId) -> Result<(), StoreError> {
        lock(&self.runs).remove(&run_id);
        Ok(())
    }

    fn open(&self, run_id: RunId) -> Result<Arc<dyn RunLog>, StoreError> {
        let runs = lock(&self.runs);
        let log = runs.get(&run_id).ok_or(StoreError::NoRun(run_id))?;
        Ok(log.clone())
    }

    fn list(&self) -> Result<Vec<RunId>, StoreError> {
        let mut ids: Vec<RunId> = lock(&self.runs).keys().copied().collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn prune(&self, retention: &Retention) -> Result<Vec<RunId>, StoreError> {
        let mut removed = Vec::new();
        let mut kept = 0;
        for id in self.list()? {
            let log = self.open(id)?;
            let mut view = RunView::new();
            log.read(0, &mut |line| view.apply(&line))?;
            let header = view.header();
            let ours = retention.only.as_ref().is_none_or(|(name, file)| {
                *name == header.flow && (file.is_none() || *file == header.file)
            });
            let Some((ended, _)) = view.ended().filter(|_| ours) else { continue };
            kept += 1;
            let too_many = retention.keep_runs.is_some_and(|most| kept > most);
            let too_old = retention.ended_after.is_some_and(|after| ended < after);
            if too_many || too_old {
                removed.push(id);
            }
        }
        if !retention.dry_run {
            let mut runs = lock(&self.runs);
            for id in &removed {
                runs.remove(id);
            }
        }
        Ok(removed)
    }
}

impl RunLog for MemoryLog {
    fn append(&self, lines: &[Line]) -> Result<(), StoreError> {
        lock(&self.lines).extend_from_slice(lines);
        self.grown.notify_all();
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn read(&self, from_seq: u64, each: &mut dyn FnMut(Line)) -> Result<ReadReport, StoreError> {
        let lines = lock(&self.lines);
        let first = lines.partition_point(|line| line.seq < from_seq);
        let wanted = lines[first..].to_vec();
        drop(lines); // `each` may well use the log
        let report = ReadReport { lines: wanted.len() as u64, ..ReadReport::default() };
        wanted.into_iter().for_each(each);
        Ok(report)
    }

    fn wait(&self, seq: u64, at_most: Duration) -> Result<bool, StoreError> {
        let has_more = |lines: &[Line]| lines.last().is_some_and(|line| line.seq > seq);
        let (lines, _) = self
            .grown
            .wait_timeout_while(lock(&self.lines), at_most, |lines| !has_more(lines))
            .unwrap_or_else(PoisonError::into_inner);
        Ok(has_more(&lines))
    }

    fn dir(&self) -> Option<&Path> {
        None
    }

    fn task_log(&self, _task: TaskId, _attempt: u32) -> Box<dyn TaskLog> {
        Box::new(PrivateLog { file: None })
    }

    fn requests(&self) -> Option<Box<dyn Requests>> {
        None
    }
}

/// Output in a private file that has no name, so that a reader can be slow and memory stays flat.
#[derive(Debug, Default)]
struct PrivateLog {
    file: Option<(Arc<File>, u64)>,
}

impl PrivateLog {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<(Arc<File>, u64)> {
        let (file, end) = match &mut self.file {
            Some(file) => file,
            None => self.file.insert((Arc::new(tempfile::tempfile()?), 0)),
        };
        let start = *end;
        file.write_all_at(bytes, start)?;
        *end += bytes.len() as u64;
        Ok((file.clone(), start))
    }
}

impl TaskLog for PrivateLog {
    fn write(&mut self, stream: Stream, _: Ms, bytes: &[u8]) -> (Chunk, Option<StoreError>) {
        match self.keep(bytes) {
            Ok((file, start)) => (Chunk::in_file(stream, file, start, bytes.len() as u64), None),
            Err(source) => {
                let path = std::env::temp_dir();
                let error = StoreError::Io { action: "keep output in", path, source };
                (Chunk::in_memory(stream, bytes), Some(error))
            }
        }
    }
}
