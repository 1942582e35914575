//! What a console writes, from events and chunks made by hand.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use super::mode::{Choice, OutputView, Style};
use super::testing::Story;
use super::{Console, ConsoleOptions, Kind, Streams, Surface};
use crate::event::{Chunk, Event, Line, Measured, RunView, Stream, TaskQueued, Trace};
use crate::model::{Level, Ms, Reason, RunStatus, TaskState};

/// Everything written to one stream, or to both in their order.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test thread panicked")).into_owned()
    }
}

/// A stream that records twice, and can be broken.
struct Tap {
    own: Tape,
    both: Tape,
    broken: bool,
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::StorageFull.into());
        }
        for tape in [&self.own, &self.both] {
            tape.0.lock().expect("no test thread panicked").extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run on a console whose streams are recorded.
struct Stage {
    story: Story,
    view: RunView,
    n_told: usize,
    console: Console,
    out: Tape,
    err: Tape,
    both: Tape,
}

const RAW: Surface = Surface { kind: Kind::Raw, colour: false };
const CI: Surface = Surface { kind: Kind::CiLog, colour: false };
const TERMINAL: Surface = Surface { kind: Kind::Terminal, colour: true };

fn choice(style: Style, output: OutputView, both: Surface) -> Choice {
    Choice { style, output, quiet: false, out: both, err: both }
}

impl Stage {
    fn new(names: &[&str], choice: Choice) -> Stage {
        Stage::with_broken(names, choice, false, false)
    }

    fn with_broken(names: &[&str], choice: Choice, out_broken: bool, err_broken: bool) -> Stage {
        let (out, err, both) = (Tape::default(), Tape::default(), Tape::default());
        let tap =
            |own: &Tape, broken| Box::new(Tap { own: own.clone(), both: both.clone(), broken });
        let streams = Streams {
            out: tap(&out, out_broken),
            err: tap(&err, err_broken),
            size: || Some((60, 8)),
            past: None,
        };
        let options = ConsoleOptions {
            choice,
            record: true,
            records_dir: None,
            path: String::new(),
            remaining: None,
        };
        let console = Console::new(options, streams);
        let story = Story::new(names);
        let mut stage = Stage { story, view: RunView::new(), n_told: 0, console, out, err, both };
        stage.tell();
        stage
    }

    /// Hands over what happened in the story since the last time.
    fn tell(&mut self) -> &mut Stage {
        let lines: Vec<Line> = self.story.lines()[self.n_told..].to_vec();
        for line in lines {
            self.view.apply(&line);
            self.console.event(&self.view, &line);
            self.n_told += 1;
        }
        self
    }

    fn start(&mut self, name: &str) -> &mut Stage {
        self.story.start(name, 1);
        self.tell()
    }

    fn end(&mut self, name: &str) -> &mut Stage {
        self.story.after(1000).end(name, 1, TaskState::Succeeded, None);
        self.tell()
    }

    fn fail(&mut self, name: &str) -> &mut Stage {
        self.story.end(name, 1, TaskState::Failed, Some(Reason::exit(1)));
        self.tell()
    }

    fn prints(&mut self, name: &str, stream: Stream, bytes: &[u8]) -> &mut Stage {
        let task = self.story.id(name);
        self.console.output(&self.view, task, 1, &Chunk::in_memory(stream, bytes));
        self
    }

    fn tick(&mut self, at: u64) -> &mut Stage {
        self.console.tick(&self.view, Ms(at));
        self
    }

    fn finish(&mut self, status: RunStatus) -> &mut Stage {
        let first = self.view.first_failure().map(str::to_owned);
        self.story.finish(status, first.as_deref());
        self.tell();
        self.console.finish(&self.view);
        self
    }

    /// Both streams, without the line of the run's start.
    fn shown(&self) -> String {
        let text = self.both.text();
        text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
    }
}

#[test]
fn a_whole_run_in_the_plain_style() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Group, CI));
    stage.start("a").prints("a", Stream::Out, b"hello\n").end("a");
    stage.start("b").prints("b", Stream::Err, b"no\rbad\n").fail("b");
    stage.finish(RunStatus::Failed);
    assert_eq!(stage.out.text(), "hello\n");
    let expected = "\
INFO pyoco start node=a attempt=1
hello
INFO pyoco end node=a dur_ms=1000
INFO pyoco start node=b attempt=1
bad
ERROR pyoco error node=b exit=1 dur_ms=0
INFO pyoco end flow=release status=FAILED dur_ms=1000
first failure: b
  ended: exit 1
  command: make b
pyoco runs show 1a2b3c4d
";
    assert_eq!(stage.shown(), expected);
}

#[test]
fn group_shows_a_block_when_a_task_ends() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Cute, OutputView::Group, CI));
    stage.start("a").prints("a", Stream::Out, b"a1\n").start("b");
    stage.prints("b", Stream::Out, b"b1\nb2").prints("a", Stream::Err, b"a2\n");
    stage.prints("b", Stream::Err, b"b3\n");
    stage.end("b");
    // Alone again, it streams at once.
    stage.prints("a", Stream::Out, b"a3\n");
    stage.end("a");
    let expected = "\
🏃 start node=a
a1
🏃 start node=b
b1
b3
b2
✅ done node=b (1.0 s)
📄 output node=a
a2
a3
✅ done node=a (2.0 s)
";
    assert_eq!(stage.shown(), expected);
    assert_eq!(stage.out.text(), "a1\nb1\nb2\na3\n");
}

/// A run of two tasks that are ready together, where there is room for both.
fn of_two_queued() -> Stage {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Group, CI));
    for name in ["a", "b"] {
        let task = stage.story.id(name);
        stage.story.push(Event::TaskQueued(TaskQueued { task, name: name.into() }));
    }
    stage.tell();
    stage
}

#[test]
fn a_block_is_not_torn_by_a_task_that_is_about_to_start() {
    let mut stage = of_two_queued();
    stage.start("a").prints("a", Stream::Out, b"a1\n");
    stage.start("b").prints("b", Stream::Out, b"b1\n").end("b");
    stage.prints("a", Stream::Out, b"a2\n").end("a");
    assert_eq!(stage.out.text(), "b1\na1\na2\n");
}

#[test]
fn a_task_beside_one_that_waits_for_something_else_streams_after_a_while() {
    let mut stage = of_two_queued();
    stage.start("a").prints("a", Stream::Out, b"a1\n").tick(999);
    assert_eq!(stage.out.text(), "");
    stage.tick(1000);
    assert_eq!(stage.out.text(), "a1\n");
    stage.prints("a", Stream::Out, b"a2\n");
    assert_eq!(stage.out.text(), "a1\na2\n");
}

#[test]
fn files_get_the_bytes_unchanged() {
    for view in [OutputView::Group, OutputView::Stream, OutputView::Live] {
        let choice = Choice { out: RAW, ..choice(Style::Cute, view, TERMINAL) };
        let mut stage = Stage::new(&["a"], choice);
        stage.start("a").prints("a", Stream::Out, b"\xff\x00\x1b[2J 1%\r2%\r\nend");
        stage.end("a").finish(RunStatus::Completed);
        assert_eq!(
            stage.out.0.lock().expect("no panic")[..],
            b"\xff\x00\x1b[2J 1%\r2%\r\nend"[..],
            "{view}"
        );
    }
}

#[test]
fn prefix_names_each_line() {
    for (surface, middle) in [(CI, "a | y\\x07\n"), (RAW, "a | x\ry\x07\n")] {
        let mut stage =
            Stage::new(&["a", "b c"], choice(Style::Plain, OutputView::Prefix, surface));
        stage.start("a").start("b c").prints("a", Stream::Out, b"x\r");
        stage.prints("b c", Stream::Out, b"::one\ntw").prints("a", Stream::Out, b"y\x07\n");
        stage.prints("b c", Stream::Out, b"o").end("b c").end("a");
        assert_eq!(stage.out.text(), format!("b c | ::one\n{middle}b c | two\n"));
    }
}

#[test]
fn stream_shows_it_as_it_comes() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Stream, RAW));
    stage.start("a").start("b").prints("a", Stream::Out, b"1").prints("b", Stream::Out, b"2\n");
    assert_eq!(stage.out.text(), "12\n");
}

#[test]
fn failed_shows_only_what_failed() {
    let choice = Choice { quiet: true, ..choice(Style::Cute, OutputView::Failed, CI) };
    let mut stage = Stage::new(&["a", "b"], choice);
    stage.start("a").prints("a", Stream::Out, b"fine\n").end("a");
    stage.start("b").prints("b", Stream::Out, b"broken\n");
    assert_eq!(stage.both.text(), "");
    stage.fail("b").tick(60_000);
    assert_eq!(stage.both.text(), "📄 output node=b\nbroken\n");
    let mut quiet = Stage::new(&["a"], choice);
    quiet.start("a").prints("a", Stream::Out, b"fine\n").end("a").finish(RunStatus::Completed);
    assert_eq!(quiet.both.text(), "");
}

#[test]
fn none_shows_nothing() {
    let mut stage = Stage::new(&["a"], choice(Style::Plain, OutputView::None, CI));
    stage.start("a").prints("a", Stream::Out, b"x\n").fail("a").finish(RunStatus::Failed);
    assert_eq!(stage.out.text(), "");
}

#[test]
fn json_owns_standard_output() {
    let mut stage = Stage::new(&["a"], choice(Style::Json, OutputView::Group, RAW));
    stage.start("a").prints("a", Stream::Out, b"x\n").end("a").finish(RunStatus::Completed);
    let mut record = Vec::new();
    stage.story.lines().iter().for_each(|line| line.write(&mut record));
    assert_eq!(stage.out.text().as_bytes(), record);
    assert_eq!(stage.err.text(), "x\npyoco runs show 1a2b3c4d\n");
}

#[test]
fn each_attempt_has_its_block() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Cute, OutputView::Group, CI));
    stage.start("b").start("a").prints("a", Stream::Out, b"first");
    stage.story.retry("a", 1, Reason::exit(2));
    stage.story.start("a", 2);
    stage.tell().prints("a", Stream::Out, b"second\n");
    stage.story.end("a", 2, TaskState::Succeeded, None);
    stage.tell();
    let expected = "\
🏃 start node=b
🏃 start node=a
first
🔁 retry node=a in 1.0 s exit(2)
🏃 start node=a
second
✅ done node=a (0 ms)
";
    assert_eq!(stage.shown(), expected);
}

#[test]
fn silence_is_broken_every_half_minute() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Group, CI));
    stage.start("a").story.after(90_000);
    stage.start("b").tick(100_000).tick(119_999).tick(120_000).tick(149_000).tick(220_000);
    let expected = "\
INFO pyoco start node=a attempt=1
INFO pyoco start node=b attempt=1
still running: a (2m00s), b (30.0 s)
still running: a (3m40s), b (2m10s)
";
    assert_eq!(stage.shown(), expected);
}

#[test]
fn a_flood_of_skipped_tasks_is_one_line_for_people_and_all_lines_for_tools() {
    let names: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (style, n_lines) in [(Style::Cute, 10 + 1 + 2), (Style::Plain, 100 + 2)] {
        let mut stage = Stage::new(&names, choice(style, OutputView::Group, CI));
        for name in &names {
            let reason = Some(Reason::upstream("x"));
            stage.story.end(name, 0, TaskState::Skipped, reason);
        }
        stage.tell().finish(RunStatus::Completed);
        assert_eq!(stage.shown().lines().count(), n_lines, "{}", stage.shown());
        let more = "⏭️ skip 90 more tasks upstream\n🥕 done";
        assert_eq!(stage.shown().contains(more), style == Style::Cute);
    }
}

#[test]
fn a_stream_that_breaks_stops_nothing() {
    let plain = choice(Style::Plain, OutputView::Group, CI);
    let mut stage = Stage::with_broken(&["a"], plain, true, false);
    stage.start("a").prints("a", Stream::Out, b"x\n").prints("a", Stream::Out, b"y\n").end("a");
    assert_eq!(stage.out.text(), "");
    assert_eq!(stage.err.text().matches("warning: standard output is gone").count(), 1);
    assert!(stage.err.text().ends_with("INFO pyoco end node=a dur_ms=1000\n"));
    let mut stage = Stage::with_broken(&["a"], plain, false, true);
    stage.start("a").prints("a", Stream::Out, b"x\n").end("a").finish(RunStatus::Completed);
    assert!(stage.out.text().starts_with("warning: standard error is gone"));
    assert!(stage.out.text().ends_with("x\n"));
}

#[test]
fn a_log_that_is_gone_is_said() {
    let mut stage = Stage::new(&["a\n"], choice(Style::Plain, OutputView::Group, CI));
    let file = tempfile::tempfile().expect("a temp file");
    let task = stage.start("a\n").story.id("a\n");
    let chunk = Chunk::in_file(Stream::Out, Arc::new(file), 0, 10);
    stage.console.output(&stage.view, task, 1, &chunk);
    assert!(stage.err.text().contains("warning: cannot read the output of `a\\n` back: "));
}

#[test]
fn the_end_of_a_chunk_is_a_chunk() {
    let file: File = tempfile::tempfile().expect("a temp file");
    file.write_all_at(b"0123456789", 0).expect("room");
    let in_file = Chunk::in_file(Stream::Out, Arc::new(file), 2, 8);
    for chunk in [in_file, Chunk::in_memory(Stream::Out, b"23456789")] {
        let mut read = Vec::new();
        for most in [0, 3, 100] {
            let piece = chunk.last(most).read(&mut |bytes| {
                read.extend_from_slice(bytes);
                Ok(())
            });
            piece.expect("the file is there");
            read.push(b' ');
        }
        assert_eq!(read, b" 789 23456789 ");
    }
}

#[test]
fn output_that_is_far_longer_than_memory_allows_goes_through() {
    let file: File = tempfile::tempfile().expect("a temp file");
    let line = vec![b'x'; 1 << 20];
    for part in 0..8u64 {
        file.write_all_at(&line, part << 20).expect("room for 8 MiB");
    }
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Group, CI));
    stage.start("a").start("b");
    let task = stage.story.id("a");
    let chunk = Chunk::in_file(Stream::Out, Arc::new(file), 0, 8 << 20);
    stage.console.output(&stage.view, task, 1, &chunk);
    stage.end("a");
    assert_eq!(stage.out.text().len(), (8 << 20) + 1);
}

#[test]
fn a_block_that_no_log_takes_is_shown_in_parts() {
    let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, OutputView::Group, RAW));
    stage.start("a").start("b");
    let piece = vec![b'x'; 100 << 10];
    for _ in 0..5 {
        stage.prints("a", Stream::Out, &piece);
    }
    assert_eq!(stage.out.text(), "");
    stage.prints("a", Stream::Out, &piece);
    assert_eq!(stage.out.text().len(), 6 * piece.len());
    stage.prints("a", Stream::Out, &piece).end("a");
    assert_eq!(stage.out.text().len(), 7 * piece.len());
}

/// Output in files of a byte each, as of a log that is cut all the time.
fn parts(stage: &mut Stage, name: &str, n_parts: usize) {
    let task = stage.story.id(name);
    for n in 0..n_parts {
        let file = tempfile::tempfile().expect("a temp file");
        file.write_all_at(&[b'0' + (n % 10) as u8], 0).expect("room");
        let chunk = Chunk::in_file(Stream::Out, Arc::new(file), 0, 1);
        stage.console.output(&stage.view, task, 1, &chunk);
    }
}

#[test]
fn of_long_logs_a_hundred_files_are_held_and_no_more() {
    let mut stage = Stage::new(&["a", "b", "c"], choice(Style::Plain, OutputView::Group, RAW));
    stage.start("a").start("b").start("c");
    parts(&mut stage, "a", 80);
    parts(&mut stage, "b", 22);
    assert_eq!(stage.out.text(), "");
    // Of whom most is held it is shown.
    parts(&mut stage, "b", 1);
    assert_eq!(stage.out.text().len(), 80);
    stage.end("b").end("a");
    assert_eq!(stage.out.text().len(), 103);
    let choice = Choice { quiet: true, ..choice(Style::Plain, OutputView::Failed, CI) };
    let mut stage = Stage::new(&["a", "b"], choice);
    stage.start("a").start("b");
    parts(&mut stage, "a", 300);
    parts(&mut stage, "b", 10);
    stage.fail("a").fail("b");
    let text = stage.both.text();
    assert!(text.starts_with("… 208 B of earlier output not shown …\n"), "{text}");
    // One more file than the 100 is each task's first.
    assert_eq!(stage.out.text().len(), 92 + 1 + 10 + 1);
}

#[test]
fn announcements_and_notices_stand_on_lines_of_their_own() {
    let mut stage = Stage::new(&["a"], choice(Style::Cute, OutputView::Stream, CI));
    stage.start("a").prints("a", Stream::Err, &vec![b'x'; 70_000]);
    stage.console.screen().announce("pyoco: cancelling");
    stage.console.notice("the record broke\n::error::");
    stage.story.cancel(Level::Drain);
    stage.tell();
    let tail = "\npyoco: cancelling\nwarning: the record broke\\n::error::\n\
                🛑 cancelling … level=drain by=SIGINT\n";
    assert!(stage.err.text().ends_with(tail));
}

/// Plays the bytes on a terminal that is wide enough: lines, cursor up, clear a line.
#[cfg(feature = "cli")]
fn on_screen(bytes: &str) -> String {
    let mut lines = vec![String::new()];
    let (mut row, mut rest) = (0, bytes);
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\x1b[") {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic()).expect("it ends");
            match &sequence[end..=end] {
                "A" => row -= sequence[..end].parse::<usize>().expect("a number"),
                "K" => {
                    lines[row].clear();
                    if lines[row..].iter().all(String::is_empty) {
                        lines.truncate(row + 1);
                    }
                }
                _ => {}
            }
            rest = &sequence[end + 1..];
            continue;
        }
        match c {
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(String::new());
                }
            }
            '\r' => {}
            c => lines[row].push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    lines.join("\n")
}

#[cfg(feature = "cli")]
#[test]
fn the_live_view_stays_below_and_leaves_nothing() {
    let mut stage = Stage::new(&["a", "b", "c"], choice(Style::Cute, OutputView::Live, TERMINAL));
    stage.start("a").start("b").prints("a", Stream::Out, b"\x1b[31mone\x1b[0m\n tw\to\n");
    assert!(stage.tick(50).both.text().ends_with("start node=b\n"), "too early for a live view");
    stage.tick(1500);
    let shown = on_screen(&stage.shown());
    let expected = "🏃 start node=a\n🏃 start node=b\n";
    assert!(shown.starts_with(expected), "{shown}");
    assert!(shown.ends_with("0/3 (1.5 s)\n  a (1.5 s) | tw o\n  b (1.5 s)"), "{shown}");
    stage.end("a");
    // What is finished waits for the next frame.
    assert_eq!(on_screen(&stage.shown()), shown);
    stage.tick(1600);
    let shown = on_screen(&stage.shown());
    assert!(shown.contains("\n📄 output node=a\none\n tw\to\n✅ done node=a (1.0 s)\n"), "{shown}");
    assert!(shown.ends_with(" 1/3 (1.6 s)\n  b (1.6 s)"), "{shown}");
    stage.console.screen().announce("pyoco: cancelling");
    assert!(on_screen(&stage.shown()).ends_with("\npyoco: cancelling\n"));
    stage.tick(1700).end("b").finish(RunStatus::Completed);
    let shown = on_screen(&stage.shown());
    assert!(!shown.contains("/3 ("), "{shown}");
    assert!(shown.ends_with("🥕 done flow=release (2.0 s)\npyoco runs show 1a2b3c4d\n"), "{shown}");
}

#[test]
fn leaks_and_tails_reach_the_summary() {
    let mut stage = Stage::new(&["a"], choice(Style::Cute, OutputView::None, TERMINAL));
    let measured = Measured { tail: Some("::x\n".into()), leaked: vec![7], ..Measured::default() };
    stage.start("a");
    stage.story.end_measured("a", 1, TaskState::Failed, Some(Reason::exit(3)), measured);
    stage.tell().finish(RunStatus::Failed);
    let expected = "\
💥 failed flow=release (0 ms)
\x1b[1;31mfirst failure: a\x1b[0m
  ended: exit 3
  command: make a
  last output:
  | ::x
left behind by a: process 7
pyoco runs show 1a2b3c4d
";
    assert!(stage.err.text().ends_with(expected), "{}", stage.err.text());
}

#[test]
fn pyocos_own_words_are_no_output_and_stand_in_the_summary() {
    for view in [OutputView::Group, OutputView::Prefix, OutputView::Stream, OutputView::Failed] {
        let mut stage = Stage::new(&["a", "b"], choice(Style::Plain, view, RAW));
        stage.start("a").prints("a", Stream::Pyoco, b"pyoco: first attempt\n");
        stage.story.retry("a", 1, Reason::TIMEOUT);
        stage.story.start("a", 2);
        stage.tell().start("b").prints("a", Stream::Out, b"x\n");
        stage.prints("a", Stream::Pyoco, b"pyoco: late\n  1").prints("a", Stream::Pyoco, b" sh\n");
        stage.prints("b", Stream::Pyoco, b"pyoco: of b\n");
        stage.story.end("a", 2, TaskState::Failed, Some(Reason::TIMEOUT));
        stage.tell().prints("b", Stream::Pyoco, b"  2 sh\n").fail("b").finish(RunStatus::Failed);
        let err = stage.err.text();
        let (before, summary) = err.split_once("first failure: a").expect("a summary");
        assert!(!before.contains("late") && !stage.out.text().contains("late"), "{before}");
        assert!(summary.contains("\n  late\n  | 1 sh\n"), "{summary}");
        assert!(!summary.contains("of b") && !summary.contains("first attempt"), "{summary}");
    }
}
