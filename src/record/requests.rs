//! Requests to cancel a run that come from another process: lines in the run's file `cancel`, and a
//! byte in its FIFO `wake` on which a thread of the runner blocks. Nothing is polled.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use super::files::{failed, open_regular};
use crate::event::{CANCEL_FILE, CancelRequest, Requests, StoreError, WAKE_FIFO, open_wary};

/// The most that is read of a file `cancel`; nobody asks that often.
const MAX_CANCEL: usize = 1 << 20;

/// Makes the FIFO for its owner alone.
#[expect(unsafe_code, reason = "mkfifo has no safe wrapper that works on macOS too")]
pub(super) fn make_fifo(path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` is a NUL-terminated string that outlives the call.
    match unsafe { libc::mkfifo(path.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Opens one end of a FIFO without waiting for the other one; never anything that is no FIFO.
fn open_fifo(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    use std::os::unix::fs::FileTypeExt;
    let file = open_wary(path, options)?;
    if file.metadata()?.file_type().is_fifo() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a FIFO"))
    }
}

/// The runner's end.
#[derive(Debug)]
pub(super) struct FifoRequests {
    cancel: PathBuf,
    /// How much of `cancel` was taken in.
    taken: u64,
    fifo: File,
    /// Held so that the FIFO never comes to its end while nobody asks.
    wake: Arc<File>,
    closed: Arc<AtomicBool>,
    first: bool,
}

impl FifoRequests {
    /// Opens the FIFO at `path` for the requests of the run whose folder is, or will be, `dir`.
    pub(super) fn open(path: &Path, dir: &Path) -> io::Result<FifoRequests> {
        let fifo = open_fifo(path, OpenOptions::new().read(true))?;
        let wake = Arc::new(open_fifo(path, OpenOptions::new().write(true))?);
        rustix::fs::fcntl_setfl(&fifo, OFlags::empty())?; // from here on reading blocks
        let cancel = dir.join(CANCEL_FILE);
        Ok(FifoRequests { cancel, taken: 0, fifo, wake, closed: Arc::default(), first: true })
    }

    /// Returns the requests that were not returned before.
    fn take(&mut self) -> Vec<CancelRequest> {
        let Ok(file) = open_regular(&self.cancel) else { return Vec::new() };
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while bytes.len() < MAX_CANCEL {
            match file.read_at(&mut piece, self.taken + bytes.len() as u64) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1);
        self.taken += whole as u64;
        CancelRequest::parse_all(&String::from_utf8_lossy(&bytes[..whole]))
    }
}

impl Requests for FifoRequests {
    fn next(&mut self) -> Option<Vec<CancelRequest>> {
        loop {
            // A request may be older than this end of the FIFO.
            if !std::mem::take(&mut self.first) {
                let mut bytes = [0; 256];
                match self.fifo.read(&mut bytes) {
                    // Its end cannot come while `wake` is held; if it does, do not spin.
                    Ok(0) => return None,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return None,
                }
            }
            if self.closed.load(Ordering::SeqCst) {
                return None;
            }
            let requests = self.take();
            if !requests.is_empty() {
                return Some(requests);
            }
        }
    }

    fn closer(&self) -> Box<dyn Fn() + Send + Sync> {
        let (wake, closed) = (self.wake.clone(), self.closed.clone());
        Box::new(move || {
            closed.store(true, Ordering::SeqCst);
            // A FIFO that is full wakes its reader too.
            let _ = (&*wake).write(b"c");
        })
    }
}

/// What became of a request that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The runner was told.
    Told,
    /// Nobody listens at the run's FIFO; whether the run is lost, its lock tells.
    NobodyListens,
}

/// Asks for a cancel of the run in this folder: writes the request down, and wakes the runner.
///
/// # Errors
/// Where the request cannot be written.
pub fn ask_cancel(run_dir: &Path, request: &CancelRequest) -> Result<Asked, StoreError> {
    let path = run_dir.join(CANCEL_FILE);
    request.append_to(&path).map_err(failed("write", &path))?;
    let path = run_dir.join(WAKE_FIFO);
    let told = open_fifo(&path, OpenOptions::new().write(true)).and_then(|mut wake| {
        match wake.write(b"w") {
            // Full: the runner has not yet read what others wrote, and will look after it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(1),
            other => other,
        }
    });
    Ok(if told.is_ok() { Asked::Told } else { Asked::NobodyListens })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StateStore;
    use crate::model::{Level, RunId};
    use crate::record::testing::{create, store};

    fn request(level: Level) -> CancelRequest {
        CancelRequest { level, by: "runs cancel".to_owned(), reason: Some("why\n".to_owned()) }
    }

    #[test]
    fn a_request_reaches_the_runner_and_only_once() {
        let (_dir, store) = store();
        let run_id = RunId::fresh();
        let log = create(&store, run_id);
        let dir = store.run_dir(run_id);
        // Before the runner looks the line is kept all the same, also behind half a line.
        std::fs::write(dir.join(CANCEL_FILE), "{\"level\":\"st").expect("to write");
        assert_eq!(ask_cancel(&dir, &request(Level::Drain)).expect("to ask"), Asked::Told);
        let mut requests = log.requests().expect("a runner has them");
        assert_eq!(requests.next(), Some(vec![request(Level::Drain)]));
        let closer = requests.closer();
        let (sender, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for _ in 0..2 {
                let _ = sender.send(requests.next()); // the test has failed where nobody hears
            }
        });
        let hear = || heard.recv_timeout(std::time::Duration::from_secs(60)).expect("an answer");
        assert_eq!(ask_cancel(&dir, &request(Level::Kill)).expect("to ask"), Asked::Told);
        assert_eq!(hear(), Some(vec![request(Level::Kill)]));
        closer();
        assert_eq!(hear(), None);
        assert!(store.open(run_id).expect("to open").requests().is_none());
    }

    #[test]
    fn what_is_no_request_is_passed_over() {
        let (_dir, store) = store();
        let run_id = RunId::fresh();
        let log = create(&store, run_id);
        let line = request(Level::Stop).to_line();
        let text = format!("\n{{}}\nnoise\n{line}{}", &line[..9]);
        std::fs::write(store.run_dir(run_id).join(CANCEL_FILE), text).expect("to write");
        let mut requests = log.requests().expect("a runner has them");
        assert_eq!(requests.next(), Some(vec![request(Level::Stop)]));
    }
}
