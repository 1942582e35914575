//! The store on disk: a folder a run, one JSON object a line.
//!
//! A run appears whole and locked: it is made under a hidden name, locked there, and then renamed.
//! So a reader that sees a run whose lock is free knows that its runner is gone for good.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::facts::Here;
use super::files::{
    EVENTS_FILE, LOGS_DIR, failed, log_stem, make_file, make_private_dir, open_regular, run_dir,
    runs_dir, sync_dir,
};
use super::logs::FileLog;
use super::reader::{Cursor, Lock, Record, Seen, judge, read_events, test_lock};
use super::requests::{FifoRequests, make_fifo};
use super::state_dir::{StateDirError, make_state_dir};
use super::summary::Summary;
use super::writer::Writer;
use super::{lines, retention};
use crate::event::{
    Line, NewRun, ReadReport, Requests, Retention, RunLog, RunView, StateStore, StoreError,
    TaskLog, WAKE_FIFO,
};
use crate::model::{RunId, Size, Syntax, TaskId};

/// How often a reader looks whether another process has written: a follower is promised 100 ms.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The name under which a run is made, before it can be seen.
pub(super) const HIDDEN_NEW: &str = ".new-";

/// Keeps runs in a state folder.
#[derive(Clone, Debug)]
pub struct JsonlStore {
    state_dir: PathBuf,
    here: Here,
}

impl JsonlStore {
    /// Returns the store in this state folder, which need not be there: the first run makes it.
    pub fn new(state_dir: PathBuf) -> JsonlStore {
        JsonlStore { state_dir, here: Here::find() }
    }

    /// Returns the state folder.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Returns the folder that holds the folders of the runs.
    pub fn runs_dir(&self) -> PathBuf {
        runs_dir(&self.state_dir)
    }

    /// Returns the folder of a run, be it there or not.
    pub fn run_dir(&self, run_id: RunId) -> PathBuf {
        run_dir(&self.state_dir, run_id)
    }

    /// Reads a run whole, and finds out where it stands.
    ///
    /// # Errors
    /// Where there is none, or its events cannot be read at all.
    pub fn load(&self, run_id: RunId) -> Result<Record, StoreError> {
        let dir = self.existing(run_id)?;
        Record::read(run_id, &dir, &self.here).or_else(|error| self.or_gone(run_id, error))
    }

    /// Reads the head of a run: of an ended one two lines, however many it has.
    ///
    /// # Errors
    /// Where there is none, or its events cannot be read at all.
    pub fn summary(&self, run_id: RunId) -> Result<Summary, StoreError> {
        let dir = self.existing(run_id)?;
        Summary::read(run_id, &dir, &self.here).or_else(|error| self.or_gone(run_id, error))
    }

    /// Finds out where a run stands whose events so far are `view`'s. Cheap: it reads nothing of a
    /// run under way.
    ///
    /// # Errors
    /// Where there is none, or its events cannot be read at all.
    pub fn liveness(&self, run_id: RunId, view: &RunView) -> Result<Seen, StoreError> {
        let path = self.existing(run_id)?.join(EVENTS_FILE);
        let file = open_regular(&path).map_err(failed("read", &path))?;
        match test_lock(&file) {
            // Its end may have come since.
            Lock::Free => Ok(self.load(run_id)?.seen),
            lock @ (Lock::Held | Lock::Untestable) => {
                Ok(judge(view.status(), view.header(), lock, &self.here))
            }
        }
    }

    /// Calls `each` with the bytes of every whole line of a run's events, as they stand there.
    ///
    /// # Errors
    /// Where they cannot be read, or `each` fails.
    pub fn raw_lines(
        &self,
        run_id: RunId,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.existing(run_id)?.join(EVENTS_FILE);
        let mut read = || -> io::Result<()> {
            let file = open_regular(&path)?;
            let mut lines = lines::Lines::new(&file, 0);
            while let Some(line) = lines.next()? {
                if let lines::RawLine::Whole(bytes) = line {
                    each(bytes)?;
                }
            }
            Ok(())
        };
        read().map_err(failed("read", &path))
    }

    /// Tells a run that was pruned while it was read from one that cannot be read.
    fn or_gone<T>(&self, run_id: RunId, error: StoreError) -> Result<T, StoreError> {
        self.existing(run_id)?;
        Err(error)
    }

    /// Returns the folder of the runs, be it there or not; a link to another place is refused.
    ///
    /// A link could come with a checkout, and a prune would follow it to other people's records.
    pub(super) fn runs(&self) -> Result<PathBuf, StoreError> {
        let runs = runs_dir(&self.state_dir);
        match runs.is_symlink() {
            true => Err(failed("use", &runs)(io::Error::other(
                "it is a link; remove it, or choose another folder with --state-dir",
            ))),
            false => Ok(runs),
        }
    }

    fn make_state_dir(&self) -> Result<(), StoreError> {
        make_state_dir(&self.state_dir).map_err(|error| match error {
            StateDirError::Refused { path, source } => failed("create", &path)(source),
            StateDirError::NotAFolder(path) => {
                failed("create", &path)(io::Error::other("something else has its name"))
            }
        })
    }

    /// Returns the links that stand where a run's folder would: nothing is read through them.
    ///
    /// # Errors
    /// Where the folder of the runs cannot be read.
    pub fn links(&self) -> Result<Vec<PathBuf>, StoreError> {
        let names = self.names()?;
        Ok(names.links.into_iter().map(|id| self.run_dir(id)).collect())
    }

    fn names(&self) -> Result<Names, StoreError> {
        let runs = self.runs()?;
        let mut names = Names::default();
        let entries = match fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(failed("read", &runs)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &runs))?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A link or a file that only has a run's name must not stand for the latest run.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => names.runs.push(id),
                Ok(kind) if kind.is_symlink() => names.links.push(id),
                Ok(_) | Err(_) => {}
            }
        }
        for ids in [&mut names.runs, &mut names.links] {
            ids.sort_unstable_by(|a: &RunId, b| b.cmp(a));
        }
        Ok(names)
    }

    /// Returns the folder of a run that is there: a real folder, no link to one elsewhere.
    pub(super) fn existing(&self, run_id: RunId) -> Result<PathBuf, StoreError> {
        let dir = self.runs()?.join(run_id.to_string());
        match fs::symlink_metadata(&dir) {
            Ok(metadata) if metadata.is_dir() => Ok(dir),
            Ok(_) => Err(StoreError::NoRun(run_id)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NoRun(run_id)),
            Err(error) => Err(failed("read", &dir)(error)),
        }
    }
}

/// What stands in the folder of the runs under the name of a run, the newest first.
#[derive(Default)]
struct Names {
    runs: Vec<RunId>,
    links: Vec<RunId>,
}

impl StateStore for JsonlStore {
    fn create(&self, new: &NewRun<'_>) -> Result<Arc<dyn RunLog>, StoreError> {
        self.make_state_dir()?;
        let runs = self.runs()?;
        make_private_dir(&runs).map_err(failed("create", &runs))?;
        let hidden = runs.join(format!("{HIDDEN_NEW}{}", new.run_id));
        let made = make_run(&hidden, new).and_then(|file| {
            // A run that nobody could cancel from outside must not begin.
            let path = hidden.join(WAKE_FIFO);
            let dir = self.run_dir(new.run_id);
            let requests = FifoRequests::open(&path, &dir).map_err(failed("open", &path))?;
            fs::rename(&hidden, &dir).map_err(failed("create", &dir))?;
            Ok(JsonlLog {
                dir,
                max_log: new.max_log,
                durable: new.durable,
                writer: Some(Mutex::new(Writer::new(file))),
                requests: Mutex::new(Some(requests)),
                grown: Condvar::new(),
                cursor: Mutex::default(),
            })
        });
        match made {
            Ok(log) => Ok(Arc::new(log)),
            Err(error) => {
                let _ = fs::remove_dir_all(&hidden); // what is left of it the next prune takes
                Err(error)
            }
        }
    }

    fn discard(&self, run_id: RunId) -> Result<(), StoreError> {
        retention::take_away(&self.runs()?, run_id).map(drop)
    }

    fn open(&self, run_id: RunId) -> Result<Arc<dyn RunLog>, StoreError> {
        let dir = self.existing(run_id)?;
        let path = dir.join(EVENTS_FILE);
        open_regular(&path).map_err(failed("read", &path))?;
        Ok(Arc::new(JsonlLog {
            dir,
            max_log: super::DEFAULT_MAX_LOG,
            durable: false,
            writer: None,
            requests: Mutex::default(),
            grown: Condvar::new(),
            cursor: Mutex::default(),
        }))
    }

    fn list(&self) -> Result<Vec<RunId>, StoreError> {
        self.names().map(|names| names.runs)
    }

    fn prune(&self, retention: &Retention) -> Result<Vec<RunId>, StoreError> {
        retention::prune(self, retention)
    }
}

/// Makes a run's folder; returns its file of events, locked.
fn make_run(dir: &Path, new: &NewRun<'_>) -> Result<File, StoreError> {
    make_private_dir(dir).map_err(failed("create", dir))?;
    let path = dir.join(EVENTS_FILE);
    let file = make_file(&path).map_err(failed("create", &path))?;
    match lock_file(&file) {
        Ok(()) => {}
        // A file system without locks; readers go by host and boot id there.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) => {}
        Err(error) => return Err(failed("lock", &path)(error)),
    }
    if let Some(source) = new.source {
        let path = dir.join(copy_name(new.syntax));
        let written = make_file(&path).and_then(|mut file| file.write_all(source));
        written.map_err(failed("create", &path))?;
    }
    let path = dir.join(LOGS_DIR);
    make_private_dir(&path).map_err(failed("create", &path))?;
    let path = dir.join(WAKE_FIFO);
    make_fifo(&path).map_err(failed("create", &path))?;
    Ok(file)
}

/// Returns the name of the copy of a workflow file inside a run's folder.
pub(super) fn copy_name(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Yaml => "flow.yaml",
        Syntax::Toml => "flow.toml",
    }
}

fn lock_file(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// One run's record.
#[derive(Debug)]
struct JsonlLog {
    dir: PathBuf,
    max_log: Size,
    durable: bool,
    /// Only the runner has one.
    writer: Option<Mutex<Writer>>,
    /// Until the runner takes them.
    requests: Mutex<Option<FifoRequests>>,
    grown: Condvar,
    /// How far the last reader came, so that the next need not begin at the start.
    cursor: Mutex<Cursor>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every single step, also one that panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JsonlLog {
    fn events(&self) -> PathBuf {
        self.dir.join(EVENTS_FILE)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        self.writer.as_ref().map(lock).ok_or(StoreError::ReadOnly)
    }

    fn open_events(&self) -> Result<File, StoreError> {
        let path = self.events();
        open_regular(&path).map_err(failed("read", &path))
    }

    /// Returns whether a line after `seq` stands in another process' file.
    fn has_after(&self, file: &File, seq: u64) -> io::Result<bool> {
        let mut cursor = *lock(&self.cursor);
        if cursor.seq > seq {
            return Ok(true);
        }
        let mut found = false;
        read_events(file, &mut cursor, &mut |line| found |= line.seq > seq)?;
        Ok(found)
    }
}

impl RunLog for JsonlLog {
    fn append(&self, lines: &[Line]) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        let mut result = writer.append(lines);
        if self.durable {
            result = result.and(writer.file.sync_data());
        }
        drop(writer);
        self.grown.notify_all();
        result.map_err(failed("write", &self.events()))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let writer = self.writer()?;
        let result = writer.file.sync_all();
        drop(writer);
        result.map_err(failed("write", &self.events()))?;
        sync_dir(&self.dir).map_err(failed("write", &self.dir))?;
        let runs = self.dir.parent().unwrap_or(&self.dir);
        sync_dir(runs).map_err(failed("write", runs))
    }

    fn read(&self, from_seq: u64, each: &mut dyn FnMut(Line)) -> Result<ReadReport, StoreError> {
        let file = self.open_events()?;
        let known = *lock(&self.cursor);
        let mut cursor = if from_seq > known.seq { known } else { Cursor::default() };
        let report = read_events(&file, &mut cursor, &mut |line| {
            if line.seq >= from_seq {
                each(line);
            }
        });
        let report = report.map_err(failed("read", &self.events()))?;
        *lock(&self.cursor) = cursor;
        Ok(report)
    }

    fn wait(&self, seq: u64, at_most: Duration) -> Result<bool, StoreError> {
        if let Some(writer) = &self.writer {
            let (writer, _) = self
                .grown
                .wait_timeout_while(lock(writer), at_most, |writer| writer.written() <= seq)
                .unwrap_or_else(PoisonError::into_inner);
            return Ok(writer.written() > seq);
        }
        let file = self.open_events()?;
        let path = self.events();
        let deadline = Instant::now() + at_most;
        let mut length = None;
        loop {
            let now_length = file.metadata().map_err(failed("read", &path))?.len();
            if length != Some(now_length) {
                length = Some(now_length);
                if self.has_after(&file, seq).map_err(failed("read", &path))? {
                    return Ok(true);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    fn dir(&self) -> Option<&Path> {
        Some(&self.dir)
    }

    fn task_log(&self, task: TaskId, attempt: u32) -> Box<dyn TaskLog> {
        let stem = self.dir.join(LOGS_DIR).join(log_stem(task, attempt));
        Box::new(FileLog::new(stem, self.max_log))
    }

    fn requests(&self) -> Option<Box<dyn Requests>> {
        lock(&self.requests).take().map(|requests| Box::new(requests) as Box<dyn Requests>)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::record::testing::{create, failing, queued, store};

    #[test]
    fn a_run_reads_back_as_it_was_written() {
        let (dir, store) = store();
        let run_id = RunId::fresh();
        let log = create(&store, run_id);
        let lines = failing(run_id, "flow");
        log.append(&lines[..5]).expect("to append");
        log.append(&lines[5..]).expect("to append");
        log.sync().expect("to sync");
        for log in [log.clone(), store.open(run_id).expect("to open")] {
            let mut read = Vec::new();
            let report = log.read(1, &mut |line| read.push(line)).expect("to read");
            assert_eq!(read, lines);
            assert_eq!(report, ReadReport { lines: 12, damaged: 0, torn_bytes: 0 });
            let mut last = Vec::new();
            log.read(12, &mut |line| last.push(line.seq)).expect("to read");
            assert_eq!(last, [12]);
            assert!(log.wait(11, Duration::ZERO).expect("to look"));
            assert!(!log.wait(12, Duration::ZERO).expect("to look"));
        }
        assert!(matches!(
            store.open(run_id).expect("to open").append(&lines),
            Err(StoreError::ReadOnly)
        ));
        let run_dir = dir.path().join("runs").join(run_id.to_string());
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode(&run_dir) & 0o777, 0o700);
        assert_eq!(mode(&run_dir.join("events.jsonl")) & 0o777, 0o600);
        assert_eq!(fs::read(run_dir.join("flow.yaml")).expect("a copy"), b"tasks: {}\n");
        assert!(!run_dir.join("cancel").exists(), "it tells tasks that a cancel was asked");
    }

    #[test]
    fn a_follower_is_woken_by_the_next_line() {
        let (_dir, store) = store();
        let run_id = RunId::fresh();
        let log = create(&store, run_id);
        let lines = queued(2);
        log.append(&lines[..1]).expect("to append");
        let reader = store.open(run_id).expect("to open");
        std::thread::scope(|scope| {
            for follower in [reader, log.clone()] {
                scope.spawn(move || {
                    assert!(follower.wait(1, Duration::from_secs(60)).expect("to look"));
                });
            }
            log.append(&lines[1..]).expect("to append");
        });
    }

    #[test]
    fn a_record_that_was_deleted_is_an_error_and_no_panic() {
        let (_dir, store) = store();
        let run_id = RunId::fresh();
        let log = create(&store, run_id);
        fs::remove_dir_all(store.run_dir(run_id)).expect("to remove");
        let error = log.append(&queued(1)).expect_err("there is nothing to write to");
        assert!(error.to_string().contains("it was deleted"), "{error}");
        assert!(log.sync().is_err());
    }

    #[test]
    fn a_record_that_cannot_be_made_leaves_nothing() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let file = dir.path().join("plain");
        fs::write(&file, "x").expect("to write");
        let store = JsonlStore::new(file);
        let new = NewRun {
            run_id: RunId::fresh(),
            source: None,
            syntax: Syntax::Toml,
            durable: true,
            max_log: Size(1),
        };
        assert!(store.create(&new).is_err());
        assert!(store.list().is_err());
        let empty = JsonlStore::new(dir.path().join("none"));
        assert_eq!(empty.list().expect("none is no error"), []);
        assert!(!dir.path().join("none").exists(), "who only reads makes nothing");
    }
}
