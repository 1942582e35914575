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
use super::{retention, summary::Summary};
use crate::event::{
    Line, MAX_LINE, NewRun, ReadReport, Requests, Retention, RunLog, RunView, StateStore,
    StoreError, TaskLog, WAKE_FIFO,
};
use crate::model::{RunId, Size, Syntax, TaskId};

/// How much of what could not be written is kept for another try.
const MAX_BACKLOG: usize = 8 << 20;

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

    /// Finds out where a run stands whose events so far are `view`'s. Cheap: it reads nothing of an
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
            let mut lines = super::lines::Lines::new(&file, 0);
            while let Some(line) = lines.next()? {
                if let super::lines::RawLine::Whole(bytes) = line {
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

    fn make_state_dir(&self) -> Result<(), StoreError> {
        make_state_dir(&self.state_dir).map_err(|error| match error {
            StateDirError::Refused { path, source } => failed("create", &path)(source),
            StateDirError::NotAFolder(path) => {
                failed("create", &path)(io::Error::other("something else has its name"))
            }
        })
    }

    /// Returns the folder of a run that is there: a real folder, no link to one elsewhere.
    pub(super) fn existing(&self, run_id: RunId) -> Result<PathBuf, StoreError> {
        let dir = self.run_dir(run_id);
        match fs::symlink_metadata(&dir) {
            Ok(metadata) if metadata.is_dir() => Ok(dir),
            Ok(_) => Err(StoreError::NoRun(run_id)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NoRun(run_id)),
            Err(error) => Err(failed("read", &dir)(error)),
        }
    }
}

impl StateStore for JsonlStore {
    fn create(&self, new: &NewRun<'_>) -> Result<Arc<dyn RunLog>, StoreError> {
        self.make_state_dir()?;
        let runs = runs_dir(&self.state_dir);
        make_private_dir(&runs).map_err(failed("create", &runs))?;
        let hidden = runs.join(format!("{HIDDEN_NEW}{}", new.run_id));
        let made = make_run(&hidden, new).and_then(|file| {
            let dir = self.run_dir(new.run_id);
            fs::rename(&hidden, &dir).map_err(failed("create", &dir))?;
            Ok(JsonlLog {
                dir,
                max_log: new.max_log,
                durable: new.durable,
                writer: Some(Mutex::new(Writer::new(file))),
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

    fn open(&self, run_id: RunId) -> Result<Arc<dyn RunLog>, StoreError> {
        let dir = self.existing(run_id)?;
        let path = dir.join(EVENTS_FILE);
        open_regular(&path).map_err(failed("read", &path))?;
        Ok(Arc::new(JsonlLog {
            dir,
            max_log: super::DEFAULT_MAX_LOG,
            durable: false,
            writer: None,
            grown: Condvar::new(),
            cursor: Mutex::default(),
        }))
    }

    fn list(&self) -> Result<Vec<RunId>, StoreError> {
        let runs = runs_dir(&self.state_dir);
        let entries = match fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &runs)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("read", &runs))?;
            if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                ids.push(id);
            }
        }
        ids.sort_unstable_by(|a: &RunId, b| b.cmp(a));
        Ok(ids)
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
    match file.lock() {
        Ok(()) => {}
        // A file system without locks; readers go by host and boot id there.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) => {}
        Err(error) => return Err(failed("lock", &path)(error)),
    }
    if let Some(source) = new.source {
        let path = dir.join(match new.syntax {
            Syntax::Yaml => "flow.yaml",
            Syntax::Toml => "flow.toml",
        });
        let written = make_file(&path).and_then(|mut file| file.write_all(source));
        written.map_err(failed("create", &path))?;
    }
    let path = dir.join(LOGS_DIR);
    make_private_dir(&path).map_err(failed("create", &path))?;
    let path = dir.join(WAKE_FIFO);
    make_fifo(&path).map_err(failed("create", &path))?;
    Ok(file)
}

/// One run's record.
#[derive(Debug)]
struct JsonlLog {
    dir: PathBuf,
    max_log: Size,
    durable: bool,
    /// Only the runner has one.
    writer: Option<Mutex<Writer>>,
    grown: Condvar,
    /// How far the last reader came, so that the next need not begin at the start.
    cursor: Mutex<Cursor>,
}

#[derive(Debug)]
struct Writer {
    /// Holds the run's lock until it is closed.
    file: File,
    /// Where the last whole line ends.
    end: u64,
    /// Whether bytes of a line that could not be finished may stand behind `end`.
    torn: bool,
    /// Lines that are not written.
    backlog: Vec<u8>,
    /// Lines that were given up because the backlog was full.
    given_up: u64,
    /// The number of the last line taken, and of the last one that was surely written.
    taken: u64,
    written: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every single step, also one that panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    fn new(file: File) -> Writer {
        Writer { file, end: 0, torn: false, backlog: Vec::new(), given_up: 0, taken: 0, written: 0 }
    }

    fn take(&mut self, lines: &[Line]) {
        for line in lines {
            let start = self.backlog.len();
            line.write(&mut self.backlog);
            let length = self.backlog.len() - start;
            debug_assert!(length <= MAX_LINE, "BUG: a line of {length} bytes");
            if length > MAX_LINE || (start > 0 && self.backlog.len() > MAX_BACKLOG) {
                self.backlog.truncate(start);
                self.given_up += 1;
            }
            self.taken = self.taken.max(line.seq);
        }
    }

    /// Writes the backlog, or as many whole lines of it as the disk takes.
    fn flush(&mut self) -> io::Result<()> {
        if rustix::fs::fstat(&self.file)?.st_nlink == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted"));
        }
        if self.torn {
            self.file.set_len(self.end)?;
            self.torn = false;
        }
        let mut written = 0;
        let result = loop {
            if written == self.backlog.len() {
                break Ok(());
            }
            match self.file.write(&self.backlog[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let whole = memchr::memrchr(b'\n', &self.backlog[..written]).map_or(0, |at| at + 1);
        self.end += whole as u64;
        self.torn = whole < written;
        self.backlog.drain(..whole);
        if self.torn && self.file.set_len(self.end).is_ok() {
            self.torn = false;
        }
        result
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing alone would not do: a process that is just being started holds a copy of the
        // descriptor until its program begins.
        let _ = self.file.unlock();
    }
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
        writer.take(lines);
        let mut result = writer.flush();
        if result.is_ok() {
            writer.written = writer.taken;
        }
        if result.is_ok() && self.durable {
            result = writer.file.sync_data();
        }
        if result.is_ok() && writer.given_up > 0 {
            let lost = format!("{} lines could not be kept", writer.given_up);
            result = Err(io::Error::other(lost));
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
                .wait_timeout_while(lock(writer), at_most, |writer| writer.written <= seq)
                .unwrap_or_else(PoisonError::into_inner);
            return Ok(writer.written > seq);
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
        self.writer.as_ref()?;
        FifoRequests::open(&self.dir).ok().map(|requests| Box::new(requests) as Box<dyn Requests>)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::event::{Event, TaskQueued};
    use crate::record::testing::{create, failing, numbered, store};

    fn queued(n: u64) -> Vec<Line> {
        let event = Event::TaskQueued(TaskQueued { task: TaskId(0), name: "t".into() });
        numbered(vec![event; n as usize])
    }

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
    fn what_the_disk_refuses_is_written_later_and_never_torn() {
        let full = File::options().append(true).open("/dev/full");
        let Ok(full) = full else { return }; // only Linux has one
        let mut writer = Writer::new(full);
        let lines = queued(3);
        writer.take(&lines[..2]);
        assert!(writer.flush().is_err());
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writer.file = file.reopen().expect("to open");
        writer.take(&lines[2..]);
        writer.flush().expect("this disk has room");
        let mut text = String::new();
        io::Read::read_to_string(&mut file, &mut text).expect("to read");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(writer.end, text.len() as u64);
    }

    #[test]
    fn a_backlog_is_bounded_and_its_loss_is_told() {
        let full = File::options().append(true).open("/dev/full");
        let Ok(full) = full else { return }; // only Linux has one
        let mut writer = Writer::new(full);
        let lines = queued(5_000);
        for _ in 0..30 {
            writer.take(&lines);
        }
        assert!(writer.backlog.len() <= MAX_BACKLOG);
        assert!(writer.given_up > 0);
        assert!(writer.backlog.ends_with(b"\n"));
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
