//! Floods: much from one task, one line without an end, many tasks at once, byte by byte. Memory is
//! bounded, and the log and the reader get every byte.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use crate::started::Started;
use crate::support::{Project, wait_for_end, wait_for_file};

const MIB: usize = 1 << 20;
const VIEWS: [&str; 6] = ["live", "group", "prefix", "stream", "failed", "none"];

/// Writes `size` bytes without a newline between `begin` and `end`.
fn flood(size: usize) -> String {
    format!("printf begin; head -c {size} /dev/zero | tr '\\0' x; printf end")
}

/// Counts what comes out of a pipe: all bytes, and those that are an `x`.
fn count(mut from: impl Read) -> (usize, usize) {
    let (mut all, mut xs) = (0, 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut buffer).expect("it can be read");
        if n == 0 {
            return (all, xs);
        }
        all += n;
        xs += buffer[..n].iter().filter(|byte| **byte == b'x').count();
    }
}

/// Requires that the log has the beginning and the end of so many bytes, with the cut marked.
#[track_caller]
fn head_and_tail(project: &Project, task: &str, size: usize) {
    let logs = project.run(&["runs", "logs", "latest", task]).exits(0).bytes;
    let text = logs.escape_ascii().to_string();
    assert!(logs.starts_with(b"beginxxx") && logs.ends_with(b"xxxend"), "{} bytes", logs.len());
    let cut = text.matches("cut").count();
    if size <= 64 * MIB {
        assert_eq!((logs.len(), cut), (size + 8, 0));
        return;
    }
    assert_eq!(cut, 1);
    let kept = logs.iter().filter(|byte| **byte == b'x').count();
    assert!((48 * MIB..=64 * MIB).contains(&kept), "{kept} bytes are kept");
    let record = project.record();
    let logs = std::fs::read_dir(record.dir.join("logs")).expect("there are logs");
    let on_disk: u64 = logs.map(|log| log.expect("an entry").metadata().expect("ours").len()).sum();
    assert!(on_disk <= 65 * MIB as u64, "{on_disk} bytes on the disk");
    let bytes = record.events("task_finished")[0]["bytes"].as_u64();
    assert_eq!(bytes, Some(size as u64 + 8));
}

#[test]
fn a_long_line_goes_byte_for_byte_into_a_file_and_its_log_is_cut() {
    let size = 150 * MIB;
    let project =
        Project::with(&format!("tasks: {{a: \"{}\"}}", flood(size).replace('\\', "\\\\")));
    let out = File::create(project.dir().join("out")).expect("ours");
    Started::pyoco(&project, &["run"], out, Stdio::null()).exits(0);
    let out = File::open(project.dir().join("out")).expect("ours");
    assert_eq!(count(out), (size + 8, size));
    head_and_tail(&project, "a", size);
}

#[test]
fn a_long_line_passes_every_view_in_bounded_memory() {
    let size = 20 * MIB;
    for view in VIEWS {
        let mut project =
            Project::with(&format!("tasks: {{a: \"{}\"}}", flood(size).replace('\\', "\\\\")));
        // A pipe that is a CI's log: every byte is looked at on its way.
        project.env("CI", "true");
        let (out, writer) = std::io::pipe().expect("a pipe can be made");
        let started = Started::pyoco(&project, &["run", "-o", view], writer, Stdio::null());
        let (_, xs) = count(out);
        started.exits(0);
        assert_eq!(xs, if matches!(view, "failed" | "none") { 0 } else { size }, "{view}");
        head_and_tail(&project, "a", size);
    }
}

#[test]
fn a_flood_on_a_terminal_takes_bounded_memory() {
    let size = 10 * MIB;
    for view in ["live", "group", "prefix", "stream"] {
        let flow = format!(
            "jobs: 2\ntasks: {{a: \"{}\", b: 'seq 20000'}}",
            flood(size).replace('\\', "\\\\")
        );
        let project = Project::with(&flow);
        let (terminal, side) = crate::terminals::open();
        let other = side.try_clone().expect("ours");
        let started = Started::pyoco(&project, &["run", "-o", view], side, other);
        let reader = std::thread::spawn(move || crate::terminals::read_all(&terminal));
        started.exits(0);
        let shown = reader.join().expect("it only reads");
        let xs = shown.iter().filter(|byte| **byte == b'x').count();
        // The live view repeats some, in lines of its own.
        assert!(xs >= size && (view == "live" || xs < size + 100), "{view}: {xs}");
        head_and_tail(&project, "a", size);
    }
}

/// Tasks that print at once, each letters of its own.
fn crowd(n_tasks: usize, size: usize) -> String {
    let task = |n: usize| {
        format!("  t{n}: 'head -c {size} /dev/zero | tr \"\\0\" x; echo; echo end of {n} >&2'\n")
    };
    format!("jobs: {n_tasks}\ntasks:\n{}", (0..n_tasks).map(task).collect::<String>())
}

#[test]
fn sixty_four_floods_at_once_take_bounded_memory_in_every_view() {
    let size = MIB;
    for view in VIEWS {
        let project = Project::with(&crowd(64, size));
        let (out, writer) = std::io::pipe().expect("a pipe can be made");
        let started = Started::pyoco(&project, &["run", "-o", view], writer, Stdio::null());
        let (_, xs) = count(out);
        started.exits(0);
        assert_eq!(xs, if matches!(view, "failed" | "none") { 0 } else { 64 * size }, "{view}");
        let record = project.record();
        for n in 0..64 {
            let expected = size + 1 + format!("end of {n}\n").len();
            assert_eq!(record.log(&format!("t{n}"), 1).len(), expected, "{view}");
        }
    }
}

#[test]
fn sixty_four_floods_without_a_reader_take_bounded_memory_and_lose_nothing() {
    let size = 2 * MIB;
    let project = Project::with(&crowd(64, size));
    let (out, writer) = std::io::pipe().expect("a pipe can be made");
    let started = Started::pyoco(&project, &["run"], writer, Stdio::null());
    wait_for_end(&project);
    assert_eq!(count(out), (64 * (size + 1), 64 * size));
    started.exits(0);
}

#[test]
fn a_log_that_is_cut_all_the_time_takes_no_more_descriptors_for_a_reader_that_does_not_read() {
    // A part of such a log has a quarter of it, and a part that waits for the reader is a descriptor.
    let size = 20 * MIB;
    let flow = "
records: {max_log: 64KiB}
tasks:
  a: 'head -c SIZE /dev/zero | tr \"\\0\" x'
  b: {run: ': > b.ran', needs: [a]}
";
    let project = Project::with(&flow.replace("SIZE", &size.to_string()));
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "ulimit -n 400 && exec \"$0\" run", env!("CARGO_BIN_EXE_pyoco")]);
    let (out, writer) = std::io::pipe().expect("a pipe can be made");
    let err = File::create(project.dir().join("err")).expect("ours");
    let started = Started::new(command, writer, err);
    wait_for_end(&project);
    assert!(project.has("b.ran"));
    assert_eq!(count(out), (size, size));
    started.exits(0);
    assert!(!project.read("err").contains("warning"), "{}", project.read("err"));
}

/// A task that writes a number that goes round byte by byte, to one stream or to both in turn.
fn crumbs(n: usize, stream: &str) -> Project {
    Project::with(&format!(
        "
tasks:
  a:
    shell: python
    run: |
      import os
      for n in range({n}):
          os.write({stream}, b'%d' % (n % 7))
          n == 200000 and open('begun', 'w')
      open('ready', 'w')
"
    ))
}

/// Returns every `step`th of the bytes that such a task writes.
fn crumbs_from(first: usize, step: usize, n: usize) -> String {
    (first..n).step_by(step).map(|n| char::from(b'0' + (n % 7) as u8)).collect()
}

#[test]
fn crumbs_of_one_stream_without_a_reader_all_come_later() {
    for view in ["group", "stream"] {
        let project = crumbs(200_000, "1");
        let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
        let started = Started::pyoco(&project, &["run", "-o", view], writer, Stdio::null());
        wait_for_file(&project.dir().join("ready"));
        wait_for_end(&project);
        let mut read = String::new();
        out.read_to_string(&mut read).expect("text");
        started.exits(0);
        assert!(read == crumbs_from(0, 1, 200_000), "{view}: {} bytes", read.len());
    }
}

#[test]
fn crumbs_of_two_streams_without_a_reader_take_next_to_no_memory() {
    let n = 1_500_000;
    let project = crumbs(n, "1 + n % 2");
    let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
    let err = File::create(project.dir().join("err")).expect("ours");
    let started = Started::pyoco(&project, &["run", "--quiet", "-o", "stream"], writer, err);
    wait_for_file(&project.dir().join("begun"));
    let before = started.peak();
    wait_for_file(&project.dir().join("ready"));
    wait_for_end(&project);
    let grown = started.peak() - before;
    assert!(grown < 2 << 10, "{grown} KiB more than {before} KiB");
    let mut read = String::new();
    out.read_to_string(&mut read).expect("text");
    started.exits(0);
    assert!(read == crumbs_from(0, 2, n), "{} bytes", read.len());
    assert!(project.read("err") == crumbs_from(1, 2, n));
}

#[test]
fn both_streams_in_turn_reach_one_reader_in_the_order_of_the_log() {
    let project = crumbs(200_000, "1 + n % 2");
    let (mut out, writer) = std::io::pipe().expect("a pipe can be made");
    let both = writer.try_clone().expect("ours");
    let started = Started::pyoco(&project, &["run", "--quiet", "-o", "stream"], writer, both);
    wait_for_file(&project.dir().join("ready"));
    wait_for_end(&project);
    let mut read = Vec::new();
    out.read_to_end(&mut read).expect("it can be read");
    started.exits(0);
    assert!(read == project.record().log("a", 1), "{} bytes", read.len());
    assert_eq!(read.len(), 200_000);
}
