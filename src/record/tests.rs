//! What holds for the record as a whole: damage anywhere, and many at once.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::testing::{bytes_of, create, ended, failing, store};
use super::{Record, Seen};
use crate::event::{Retention, StateStore, StoreError};
use crate::model::{RunId, RunStatus, TaskState};

/// The states that each task of the run goes through.
fn truth() -> HashMap<&'static str, Vec<TaskState>> {
    use TaskState::{Failed, Pending, Queued, Running, Skipped, Succeeded};
    HashMap::from([
        ("build", vec![Pending, Queued, Running, Succeeded]),
        ("test", vec![Pending, Queued, Running, Failed]),
        ("deploy", vec![Pending, Skipped]),
    ])
}

/// Fails where a record shows something that was never so.
fn check_shown(record: &Record, what: &str) {
    match record.seen {
        Seen::Known(status) => assert_eq!(status, RunStatus::Failed, "{what}"),
        Seen::Lost => {}
        Seen::Elsewhere(_) => panic!("{what}: the lock can be tested"),
    }
    let truth = truth();
    for task in record.view.tasks() {
        if let Some(states) = truth.get(&*task.name) {
            assert!(states.contains(&task.state()), "{what}: {} {}", task.name, task.state());
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_is_read_as_far_as_it_goes() {
    let (_dir, store) = store();
    let run_id = ended(&store, "flow");
    let path = store.run_dir(run_id).join("events.jsonl");
    let whole = fs::read(&path).expect("to read");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("to write");
        let record = store.load(run_id).expect("it is there");
        let what = format!("cut at {length}");
        check_shown(&record, &what);
        assert_eq!(record.seen, Seen::Lost, "{what}: its end is missing");
        assert_eq!(record.report.damaged, 0, "{what}: a torn line is no damage");
        let n_lines = whole[..length].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(record.report.lines, n_lines as u64, "{what}");
        store.summary(run_id).expect("its head is there");
    }
}

#[test]
fn a_damaged_byte_never_makes_up_a_state() {
    let (_dir, store) = store();
    let run_id = ended(&store, "flow");
    let path = store.run_dir(run_id).join("events.jsonl");
    let whole = fs::read(&path).expect("to read");
    let file = fs::File::options().write(true).open(&path).expect("to open");
    for at in 0..whole.len() {
        let kinds = [b'0', whole[at] ^ 1, b'7', b'\n', b'"', 0xff, b'9', 0];
        let turn = at * 7 + at / 8;
        for byte in [kinds[turn % 8], kinds[(turn + 3) % 8]] {
            file.write_all_at(&[byte], at as u64).expect("to write");
            let record = store.load(run_id).expect("it is there");
            let what = format!("byte {at} made {byte:#x}");
            check_shown(&record, &what);
            // What a list shows of it is no other than what is shown of it alone.
            assert_eq!(store.summary(run_id).expect("it is there").seen, record.seen, "{what}");
        }
        file.write_all_at(&whole[at..=at], at as u64).expect("to write");
    }
}

#[test]
fn a_damaged_line_costs_itself_alone() {
    let (_dir, store) = store();
    let run_id = ended(&store, "flow");
    let path = store.run_dir(run_id).join("events.jsonl");
    let mut lines = failing(run_id, "flow");
    // A number that leaps does not make all that follows look old.
    lines[3].seq = 900;
    fs::write(&path, bytes_of(&lines)).expect("to write");
    let record = store.load(run_id).expect("it is there");
    assert_eq!(record.seen, Seen::Known(RunStatus::Failed));
    assert_eq!((record.report.lines, record.report.damaged), (12, 1));
    assert_eq!(record.view.counts().succeeded, 1);

    let mut bytes = bytes_of(&failing(run_id, "flow")[..2]);
    bytes.extend(vec![b'x'; 3 << 20]);
    bytes.push(b'\n');
    bytes.extend(bytes_of(&failing(run_id, "flow")[2..]));
    fs::write(&path, bytes).expect("to write");
    let record = store.load(run_id).expect("it is there");
    assert_eq!((record.report.lines, record.report.damaged), (12, 1));
    assert_eq!(record.view.counts().failed, 1);
}

#[test]
fn a_damaged_run_hides_no_other_and_nothing_leads_out_of_the_folder() {
    let (dir, store) = store();
    let good = ended(&store, "flow");
    let runs = dir.path().join("runs");
    let hostile: Vec<RunId> = (0..4).map(|_| RunId::fresh()).collect();
    let run_dir = |id: RunId| runs.join(id.to_string());
    // A link to another run's folder, a link as the file, a folder as the file, no file.
    std::os::unix::fs::symlink(run_dir(good), run_dir(hostile[0])).expect("a link");
    fs::create_dir(run_dir(hostile[1])).expect("a folder");
    std::os::unix::fs::symlink(
        run_dir(good).join("events.jsonl"),
        run_dir(hostile[1]).join("events.jsonl"),
    )
    .expect("a link");
    fs::create_dir_all(run_dir(hostile[2]).join("events.jsonl")).expect("a folder");
    fs::create_dir(run_dir(hostile[3])).expect("a folder");
    // A FIFO without a writer would block whoever opens it for ever.
    let fifo = RunId::fresh();
    fs::create_dir(run_dir(fifo)).expect("a folder");
    super::requests::make_fifo(&run_dir(fifo).join("events.jsonl")).expect("a FIFO");

    assert_eq!(store.list().expect("to list").len(), 5, "a link is no run");
    assert!(matches!(store.load(hostile[0]), Err(StoreError::NoRun(_))));
    for id in hostile[1..].iter().chain([&fifo]) {
        assert!(matches!(store.load(*id), Err(StoreError::Io { .. })), "{id}");
        assert!(store.summary(*id).is_err() && store.open(*id).is_err());
    }
    assert_eq!(store.load(good).expect("it is there").seen, Seen::Known(RunStatus::Failed));
}

#[test]
fn a_run_is_lost_once_its_runner_is_gone_and_not_before() {
    let (_dir, store) = store();
    let run_id = RunId::fresh();
    let log = create(&store, run_id);
    log.append(&failing(run_id, "flow")[..6]).expect("to append");
    let running = store.load(run_id).expect("it is there");
    assert_eq!(running.seen, Seen::Known(RunStatus::Running));
    assert_eq!(store.liveness(run_id, &running.view).expect("to look"), running.seen);
    drop(log);
    assert_eq!(store.load(run_id).expect("it is there").seen, Seen::Lost);
    assert_eq!(store.summary(run_id).expect("it is there").seen, Seen::Lost);
    assert_eq!(store.liveness(run_id, &running.view).expect("to look"), Seen::Lost);
}

#[test]
fn the_head_of_a_run_is_what_the_whole_of_it_says() {
    let (_dir, store) = store();
    let run_id = ended(&store, "flow");
    let (head, whole) = (store.summary(run_id), store.load(run_id));
    let (head, whole) = (head.expect("it is there"), whole.expect("it is there"));
    assert_eq!(format!("{head:?}"), format!("{:?}", super::Summary::of_record(&whole)));
}

#[test]
fn two_runs_ten_readers_and_a_prune_lose_nothing_and_tear_nothing() {
    const N_RUNS: usize = 20;
    let (_dir, store) = store();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..N_RUNS {
                        let run_id = RunId::fresh();
                        let log = create(&store, run_id);
                        for line in failing(run_id, "flow") {
                            // Nobody removes a run that is under way.
                            log.append(&[line]).expect("to append");
                        }
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    for id in store.list().expect("to list").into_iter().take(5) {
                        let Ok(record) = store.load(id) else { continue };
                        assert_ne!(record.seen, Seen::Lost, "a runner holds it, or it has ended");
                        assert_eq!(record.report.damaged, 0);
                        assert_eq!(record.report.lines, record.view.seq());
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let retention = Retention { keep_runs: Some(3), ..Retention::default() };
                while !over.load(Ordering::SeqCst) {
                    store.prune(&retention).expect("to prune");
                }
            });
        }
        writers.into_iter().for_each(|writer| writer.join().expect("no writer fails"));
        over.store(true, Ordering::SeqCst);
    });
    store.prune(&Retention { keep_runs: Some(3), ..Retention::default() }).expect("to prune");
    let left: Vec<String> = fs::read_dir(store.state_dir().join("runs"))
        .expect("to read")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|name| name.parse::<RunId>().is_ok()), "{left:?}");
}
