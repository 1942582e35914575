//! The head of a run: what a list of runs shows of it. Of a run that has ended it is its first and
//! its last line, however many lie between them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::facts::Here;
use super::files::{EVENTS_FILE, failed, open_regular};
use super::lines::{Lines, RawLine};
use super::reader::{Record, Seen};
use crate::event::{Event, Line, RunFinished, RunStarted, StoreError};
use crate::model::{Counts, Ms, Reason, RunId, Wall};

/// How much of the end of a file is searched for the last line.
const LAST: usize = 8 << 10;

/// What a list shows of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run's id: that of its folder.
    pub run_id: RunId,
    /// Where it stands.
    pub seen: Seen,
    /// The facts that stood when it began.
    pub header: RunStarted,
    /// When it began.
    pub started: Option<Wall>,
    /// When it ended, on the wall clock and since its start.
    pub ended: Option<(Wall, Ms)>,
    /// The last moment that its lines speak of.
    pub last: Ms,
    /// Why it ended as it did.
    pub reason: Option<Reason>,
    /// How many tasks are in which state.
    pub counts: Counts,
    /// The first task that really failed.
    pub first_failure: Option<String>,
    /// How many damaged lines were met. Of an ended run only its ends are read.
    pub damaged: u64,
}

impl Summary {
    /// Reads the head of the run in the folder `dir`.
    pub(super) fn read(run_id: RunId, dir: &Path, here: &Here) -> Result<Summary, StoreError> {
        let path = dir.join(EVENTS_FILE);
        let file = open_regular(&path).map_err(failed("read", &path))?;
        let ends = read_ends(&file).map_err(failed("read", &path))?;
        match ends {
            Some(ends) => Ok(Summary::of_ends(run_id, ends)),
            None => Ok(Summary::of_record(&Record::read(run_id, dir, here)?)),
        }
    }

    /// Returns the head of a run that was read whole.
    pub fn of_record(record: &Record) -> Summary {
        let view = &record.view;
        Summary {
            run_id: record.run_id,
            seen: record.seen,
            header: view.header().clone(),
            started: view.started(),
            ended: view.ended(),
            last: view.now(),
            reason: view.reason().cloned(),
            counts: view.counts(),
            first_failure: view.first_failure().map(str::to_owned),
            damaged: record.report.damaged,
        }
    }

    fn of_ends(run_id: RunId, ends: Ends) -> Summary {
        Summary {
            run_id,
            seen: Seen::Known(ends.finished.status),
            header: ends.header,
            started: Some(ends.started),
            ended: Some(ends.ended),
            last: ends.ended.1,
            reason: ends.finished.reason,
            counts: ends.finished.counts,
            first_failure: ends.finished.first_failure.map(|name| name.to_string()),
            damaged: 0,
        }
    }
}

/// Reads the first line of the run in the folder `dir`, where it is the beginning of one.
pub(super) fn read_header(dir: &Path) -> Option<(RunStarted, Wall)> {
    let file = open_regular(&dir.join(EVENTS_FILE)).ok()?;
    first_line(&file).ok().flatten()
}

fn first_line(file: &File) -> io::Result<Option<(RunStarted, Wall)>> {
    let mut lines = Lines::new(file, 0);
    let Some(RawLine::Whole(first)) = lines.next()? else { return Ok(None) };
    match Line::parse(first) {
        Ok(Line { event: Event::RunStarted(header), ts, .. }) => Ok(Some((*header, ts))),
        Ok(_) | Err(_) => Ok(None),
    }
}

struct Ends {
    header: RunStarted,
    started: Wall,
    ended: (Wall, Ms),
    finished: RunFinished,
}

/// Reads the first and the last line where they are the beginning and the end of a run.
fn read_ends(file: &File) -> io::Result<Option<Ends>> {
    let Some(Line { event: Event::RunFinished(finished), ts, ms, .. }) = last_line(file)? else {
        return Ok(None);
    };
    if !finished.status.is_final() {
        return Ok(None);
    }
    let first = first_line(file)?;
    Ok(first.map(|(header, started)| Ends { header, started, ended: (ts, ms), finished }))
}

/// Returns the last whole line, where it is no longer than the end of a run.
fn last_line(file: &File) -> io::Result<Option<Line>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LAST as u64);
    let mut bytes = vec![0; (length - from) as usize];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], from + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    let Some(end) = memchr::memrchr(b'\n', &bytes) else { return Ok(None) };
    let start = match memchr::memrchr(b'\n', &bytes[..end]) {
        Some(before) => before + 1,
        None if from == 0 => 0,
        None => return Ok(None),
    };
    Ok(Line::parse(&bytes[start..end]).ok())
}
