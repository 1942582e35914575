//! Removes old runs: by count, by age, by size; never one that is under way.
//!
//! Safe beside runs that start and other prunes: a run is locked before it can be seen, and once its
//! lock is free it is never locked again. What is removed first gets a hidden name in one step, so
//! that nobody meets half a run; what a killed prune left behind the next one takes.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::files::{EVENTS_FILE, failed, open_regular};
use super::jsonl::{HIDDEN_NEW, JsonlStore};
use super::reader::{Lock, test_lock};
use super::summary::Summary;
use crate::event::{Retention, StateStore, StoreError};
use crate::model::{RunId, Wall};

/// The name under which a run is removed.
const HIDDEN_GONE: &str = ".gone-";

/// How old a run that was never finished making must be before it is taken for a leftover.
const LEFTOVER_AFTER: Duration = Duration::from_secs(3600); // making one takes milliseconds

/// Removes what `retention` does not keep; returns it, the newest first.
///
/// # Errors
/// Where the store cannot be read, or, once all others are gone, a run cannot be removed.
pub(super) fn prune(store: &JsonlStore, retention: &Retention) -> Result<Vec<RunId>, StoreError> {
    let runs = store.runs()?;
    if !retention.dry_run {
        remove_leftovers(&runs);
    }
    let mut removed = Vec::new();
    let mut trouble = None;
    let (mut kept, mut bytes) = (0, 0);
    for id in store.list()? {
        // A run that cannot be read at all has no flow, and its age is that of its file.
        let summary = store.summary(id).ok();
        if !is_ours(retention, summary.as_ref()) {
            continue;
        }
        if retention.max_size.is_some() {
            bytes += size_of(&store.run_dir(id));
        }
        if summary.as_ref().is_some_and(|summary| !summary.seen.is_over()) {
            continue;
        }
        kept += 1;
        let ended = summary.as_ref().and_then(|summary| Some(summary.ended?.0));
        let ended = ended.unwrap_or_else(|| last_change(&store.run_dir(id)));
        let too_many = retention.keep_runs.is_some_and(|most| kept > most);
        let too_old = retention.ended_after.is_some_and(|after| ended < after);
        let too_big = retention.max_size.is_some_and(|most| bytes > most.0);
        if !(too_many || too_old || too_big) {
            continue;
        }
        if retention.dry_run {
            removed.push(id);
            continue;
        }
        match remove(&runs, id, summary.is_some()) {
            Ok(true) => removed.push(id),
            Ok(false) => {}
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    trouble.map_or(Ok(removed), Err)
}

fn is_ours(retention: &Retention, summary: Option<&Summary>) -> bool {
    match (&retention.only, summary) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((name, file)), Some(summary)) => {
            summary.header.flow == *name && summary.header.file == *file
        }
    }
}

/// Removes a run unless it may be under way; returns whether it was this call that did.
fn remove(runs: &Path, id: RunId, known_over: bool) -> Result<bool, StoreError> {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    let dir = runs.join(id.to_string());
    let path = dir.join(EVENTS_FILE);
    let removable = match open_regular(&path) {
        Ok(file) => match test_lock(&file) {
            Lock::Free => true,
            Lock::Held => false,
            Lock::Untestable => known_over,
        },
        // No run has ever lived without its file of events. Any other error may pass, and says
        // nothing of the run.
        Err(error) => {
            let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
            if !is_link && !matches!(error.kind(), NotFound | InvalidInput | NotADirectory) {
                return Err(failed("read", &path)(error));
            }
            true
        }
    };
    if removable { take_away(runs, id) } else { Ok(false) }
}

/// Removes a run's folder in one step as far as others can see; returns whether it was this call
/// that did.
pub(super) fn take_away(runs: &Path, id: RunId) -> Result<bool, StoreError> {
    let dir = runs.join(id.to_string());
    let hidden = runs.join(format!("{HIDDEN_GONE}{id}"));
    match fs::rename(&dir, &hidden) {
        Ok(()) => match fs::remove_dir_all(&hidden) {
            // Another prune may have taken it for a leftover. What is left the next one takes.
            Err(error) if hidden.exists() => Err(failed("remove", &hidden)(error)),
            Ok(()) | Err(_) => Ok(true),
        },
        // Of two prunes only one gets it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", &dir)(error)),
    }
}

fn remove_leftovers(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let gone = name.starts_with(HIDDEN_GONE);
        let unfinished = name.starts_with(HIDDEN_NEW) && is_old(&entry.path());
        if gone || unfinished {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_old(dir: &Path) -> bool {
    let held =
        open_regular(&dir.join(EVENTS_FILE)).is_ok_and(|file| test_lock(&file) == Lock::Held);
    let changed = fs::symlink_metadata(dir).and_then(|metadata| metadata.modified());
    let age = changed.map(|changed| SystemTime::now().duration_since(changed).unwrap_or_default());
    !held && age.is_ok_and(|age| age > LEFTOVER_AFTER)
}

/// Returns when a run's events last changed.
fn last_change(dir: &Path) -> Wall {
    let changed = fs::symlink_metadata(dir.join(EVENTS_FILE))
        .or_else(|_| fs::symlink_metadata(dir))
        .and_then(|metadata| metadata.modified());
    changed.map(Wall::from).unwrap_or_default()
}

/// Returns how many bytes lie in a folder; links are not followed.
fn size_of(dir: &Path) -> u64 {
    let mut total = 0;
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => dirs.push(entry.path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {} // gone meanwhile, or nothing that can be told
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ms, Size};
    use crate::record::files::runs_dir;
    use crate::record::testing::{START, create, ended, failing, store};

    fn keep(keep_runs: u32) -> Retention {
        Retention { keep_runs: Some(keep_runs), ..Retention::default() }
    }

    #[test]
    fn the_newest_are_kept_and_a_run_under_way_always() {
        let (_dir, store) = store();
        let running = RunId::fresh();
        let log = create(&store, running);
        log.append(&failing(running, "flow")[..4]).expect("to append");
        let lost = RunId::fresh();
        create(&store, lost).append(&failing(lost, "flow")[..4]).expect("to append");
        let ids: Vec<RunId> = (0..3).map(|_| ended(&store, "flow")).collect();
        let plan = Retention { dry_run: true, ..keep(1) };
        assert_eq!(store.prune(&plan).expect("to plan"), [ids[1], ids[0], lost]);
        assert_eq!(store.list().expect("to list").len(), 5);
        assert_eq!(store.prune(&keep(1)).expect("to prune"), [ids[1], ids[0], lost]);
        assert_eq!(store.list().expect("to list"), [ids[2], running]);
        assert_eq!(store.prune(&keep(0)).expect("to prune"), [ids[2]]);
    }

    #[test]
    fn age_size_and_flow_choose_too() {
        let (_dir, store) = store();
        let ids: Vec<RunId> = ["a", "b", "a"].map(|flow| ended(&store, flow)).into();
        let all = Retention { dry_run: true, ..Retention::default() };
        let check = |retention: Retention, removed: &[RunId]| {
            assert_eq!(store.prune(&retention).expect("to plan"), removed, "{retention:?}");
        };
        check(all.clone(), &[]);
        let file = Some("/src/pipeline.yaml".to_owned());
        let only = |name: &str, file: &Option<String>| Some((name.to_owned(), file.clone()));
        check(Retention { only: only("a", &file), keep_runs: Some(1), ..all.clone() }, &[ids[0]]);
        check(Retention { only: only("a", &None), keep_runs: Some(0), ..all.clone() }, &[]);
        check(Retention { ended_after: Some(START), ..all.clone() }, &[]);
        let later = Some(START.plus(Ms::secs(60)));
        check(Retention { ended_after: later, ..all.clone() }, &[ids[2], ids[1], ids[0]]);
        let one = size_of(&store.run_dir(ids[2]));
        check(Retention { max_size: Some(Size(one)), ..all.clone() }, &[ids[1], ids[0]]);
        check(Retention { max_size: Some(Size(one * 3 + 99)), ..all }, &[]);
    }

    #[test]
    fn what_a_killed_prune_left_behind_the_next_one_takes() {
        let (_dir, store) = store();
        let id = ended(&store, "flow");
        let runs = runs_dir(store.state_dir());
        fs::rename(store.run_dir(id), runs.join(format!("{HIDDEN_GONE}{id}"))).expect("to rename");
        fs::create_dir(runs.join(format!("{HIDDEN_NEW}{id}"))).expect("a run that is being made");
        assert_eq!(store.list().expect("to list"), []);
        store.prune(&keep(9)).expect("to prune");
        let left: Vec<_> = fs::read_dir(&runs).expect("to read").flatten().collect();
        assert_eq!(left.len(), 1, "only the one that is being made: {left:?}");
    }

    #[test]
    fn a_run_that_cannot_be_read_goes_by_count_alone_where_all_are_meant() {
        let (_dir, store) = store();
        let id = ended(&store, "flow");
        fs::write(store.run_dir(id).join(EVENTS_FILE), b"\0\0\0").expect("to write");
        let only = Some(("flow".to_owned(), None));
        assert_eq!(store.prune(&Retention { only, ..keep(0) }).expect("to prune"), []);
        assert_eq!(store.prune(&keep(0)).expect("to prune"), [id]);
    }
}
