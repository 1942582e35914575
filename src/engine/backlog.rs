//! What waits for the console: lines, notices and places in logs, in their order, within a bound.
//!
//! Output is kept as a [`Stretch`]: a range of a log, and beside it how many bytes belong to which
//! stream in turn. Neighbours become one, so that a task that writes byte by byte costs nothing, and
//! one that changes its stream with every byte costs a byte each, which go to a private file before
//! they are many.
//!
//! The order is the one in which things were sent, until the console is far behind: then what a task
//! prints joins what still waits of it, before other tasks' output that was sent meanwhile. Within a
//! task the order always stays.
//!
//! All of this happens under one lock, which the runner takes too when it tells its lines. What is done
//! meanwhile is short and in memory. Output is copied before, and notes are put into a file after,
//! without that lock: see [`Copies`].

mod copies;
mod turns;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::event::{Chunk, FileId, Line, TerminalUse};
use crate::model::TaskId;

pub(super) use copies::Copies;
use turns::{Block, Turns};

/// From here on output joins what waits of its task: some hundred KiB of items.
const MAX_ITEMS: usize = 4096;
/// The most output that waits in memory because no log takes it, in bytes. What is more is lost.
const MAX_IN_MEMORY: u64 = 4 << 20;
/// The longest piece that is shown at once, in bytes: between two the live view moves on.
const MAX_PIECE: u64 = 1 << 20;
/// The most files that output waits in: each is a descriptor, and with it the disk holds what was
/// already cut from a log. What comes then is copied into one file.
const MAX_FILES: usize = 100;
/// An attempt of a task.
pub(super) type Attempt = (TaskId, u32);

/// One thing for the console.
#[derive(Debug)]
pub(super) enum Item {
    /// Something happened.
    Lines(Vec<Line>),
    /// An attempt printed something.
    Output(Attempt, Stretch),
    /// So many bytes of a task could be kept nowhere.
    Lost(TaskId, u64),
    /// Something to say to people.
    Notice(String),
    /// A task begins or ends to use the terminal; who says so may wait until all before it is shown.
    Terminal {
        /// Which of the two.
        terminal: TerminalUse,
        /// Where that is told.
        is_done: Sender<()>,
    },
    /// Nothing follows.
    Finish,
}

/// The items, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    items: VecDeque<Item>,
    /// How many items were taken before the first of these.
    taken: u64,
    /// The newest output of each attempt that waits: how many items came before it, from the start.
    newest: HashMap<Attempt, u64>,
    /// Bytes that wait in memory.
    in_memory: u64,
    /// The files that output waits in, and how many items do so in each.
    files: HashMap<FileId, usize>,
}

impl Backlog {
    /// Returns whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds something that is no output.
    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    /// Returns whether output waits in so many files that more of it is copied first.
    pub(super) fn wants_copies(&self) -> bool {
        self.files.len() >= MAX_FILES
    }

    /// Adds output; returns notes that should be put into a file.
    pub(super) fn output(&mut self, attempt: Attempt, chunk: Chunk) -> Option<Arc<Block>> {
        let last = self.items.len().checked_sub(1);
        let newest = self.newest.get(&attempt).map(|at| (*at - self.taken) as usize);
        let is_near = newest.is_some() && (newest == last || self.items.len() >= MAX_ITEMS);
        if is_near
            && let Some(Item::Output(_, stretch)) = newest.and_then(|at| self.items.get_mut(at))
            && let Joined::Taken { notes } = stretch.push(&chunk)
        {
            return notes;
        }
        let in_memory = chunk.in_memory_len();
        if self.in_memory + in_memory > MAX_IN_MEMORY {
            self.lose(attempt.0, in_memory);
            return None;
        }
        self.in_memory += in_memory;
        if let Some(file) = chunk.file_id() {
            *self.files.entry(file).or_default() += 1;
        }
        self.newest.insert(attempt, self.taken + self.items.len() as u64);
        self.items.push_back(Item::Output(attempt, Stretch::new(chunk)));
        None
    }

    fn lose(&mut self, task: TaskId, bytes: u64) {
        if let Some(Item::Lost(of, lost)) = self.items.back_mut()
            && *of == task
        {
            *lost += bytes;
        } else {
            self.items.push_back(Item::Lost(task, bytes));
        }
    }

    /// Takes the oldest. Output that is taken grows no more: what its task prints from now on waits
    /// behind all others.
    pub(super) fn take(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Item::Output(attempt, stretch) = &item {
            if self.newest.get(attempt) == Some(&self.taken) {
                self.newest.remove(attempt);
            }
            self.in_memory -= stretch.whole.in_memory_len();
            self.leave(&stretch.whole);
        }
        self.taken += 1;
        Some(item)
    }

    /// Counts a chunk less that waits in its file.
    fn leave(&mut self, chunk: &Chunk) {
        let Some(file) = chunk.file_id() else { return };
        if let Entry::Occupied(mut n_items) = self.files.entry(file) {
            *n_items.get_mut() -= 1;
            if *n_items.get() == 0 {
                n_items.remove();
            }
        }
    }
}

/// Output of one attempt that lies in a row in its log.
#[derive(Debug)]
pub(super) struct Stretch {
    /// All of it; its stream is that of the first byte.
    whole: Chunk,
    /// Whose the bytes are, where they are not all of one stream.
    turns: Option<Box<Turns>>,
}

/// What became of output that might lie right behind some.
enum Joined {
    Apart,
    /// It is part of it now; the notes should be put into a file.
    Taken {
        notes: Option<Arc<Block>>,
    },
}

impl Stretch {
    fn new(whole: Chunk) -> Stretch {
        Stretch { whole, turns: None }
    }

    /// Takes `next` in where it lies right behind.
    fn push(&mut self, next: &Chunk) -> Joined {
        let before = self.whole.len();
        if !self.whole.extend(next) {
            return Joined::Apart;
        }
        let notes = match &mut self.turns {
            Some(turns) => turns.push(next.stream, next.len()),
            None if next.stream == self.whole.stream => None,
            None => {
                let turns = Turns::starting(self.whole.stream, before);
                self.turns.insert(Box::new(turns)).push(next.stream, next.len())
            }
        };
        Joined::Taken { notes }
    }

    /// Takes the next piece of one stream off; `None` where nothing is left.
    ///
    /// # Errors
    /// Where it is not known any more whose the bytes are.
    pub(super) fn take(&mut self) -> io::Result<Option<Chunk>> {
        if self.whole.is_empty() {
            return Ok(None);
        }
        let Some(turns) = &mut self.turns else {
            return Ok(Some(self.whole.take_front(MAX_PIECE)));
        };
        let (stream, len) = turns.take(MAX_PIECE)?;
        let mut piece = self.whole.take_front(len);
        piece.stream = stream;
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::sync::Weak;

    use super::turns::MAX_NOTED;
    use super::*;
    use crate::event::Stream;

    /// Where the output of a task is kept, as the log of a run does it.
    struct Log {
        file: Arc<File>,
        end: u64,
    }

    impl Log {
        fn new() -> Log {
            Log { file: Arc::new(tempfile::tempfile().expect("a temporary file")), end: 0 }
        }

        fn write(&mut self, stream: Stream, bytes: &[u8]) -> Chunk {
            self.file.write_all_at(bytes, self.end).expect("there is room");
            let chunk = Chunk::in_file(stream, self.file.clone(), self.end, bytes.len() as u64);
            self.end += bytes.len() as u64;
            chunk
        }
    }

    fn text(chunk: &Chunk) -> String {
        let mut bytes = Vec::new();
        let read = chunk.read(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        read.expect("the file is there");
        String::from_utf8(bytes).expect("text")
    }

    /// All that waits, one word an item: `0o:abc` is output of task 0.
    fn told(backlog: &mut Backlog) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(item) = backlog.take() {
            match item {
                Item::Output((task, _), mut stretch) => {
                    while let Some(piece) = stretch.take().expect("all is known") {
                        let letter = piece.stream.letter();
                        told.push(format!("{}{letter}:{}", task.0, text(&piece)));
                    }
                }
                Item::Notice(text) => told.push(text),
                Item::Lost(task, bytes) => told.push(format!("{} lost {bytes}", task.0)),
                Item::Lines(_) | Item::Terminal { .. } | Item::Finish => {
                    told.push("other".to_owned())
                }
            }
        }
        told
    }

    const A: Attempt = (TaskId(0), 1);
    const B: Attempt = (TaskId(1), 1);

    #[test]
    fn the_order_is_that_of_sending_while_there_is_room() {
        let (mut a, mut b) = (Log::new(), Log::new());
        let mut backlog = Backlog::default();
        backlog.output(A, a.write(Stream::Out, b"1"));
        backlog.output(A, a.write(Stream::Out, b"2"));
        backlog.output(A, a.write(Stream::Err, b"3"));
        backlog.output(B, b.write(Stream::Out, b"4"));
        backlog.push(Item::Notice("5".into()));
        backlog.output(A, a.write(Stream::Err, b"6"));
        backlog.output((TaskId(0), 2), a.write(Stream::Err, b"7"));
        assert_eq!(told(&mut backlog), ["0o:12", "0e:3", "1o:4", "5", "0e:6", "0e:7"]);
        assert!(backlog.newest.is_empty());
    }

    #[test]
    fn far_behind_output_joins_what_waits_of_its_task() {
        let (mut a, mut b) = (Log::new(), Log::new());
        let mut backlog = Backlog::default();
        for _ in 0..10 * MAX_ITEMS {
            backlog.output(A, a.write(Stream::Out, b"a"));
            backlog.output(B, b.write(Stream::Err, b"b"));
        }
        assert!(backlog.items.len() <= MAX_ITEMS, "{} items", backlog.items.len());
        // What was taken grows no more.
        assert!(matches!(backlog.take(), Some(Item::Output(A, _))));
        for _ in 0..MAX_ITEMS {
            backlog.take();
        }
        backlog.output(A, a.write(Stream::Out, b"z"));
        let told = told(&mut backlog).concat();
        assert_eq!(told.matches('z').count(), 1);
        let log = |log: &Log| log.end;
        assert_eq!((log(&a), log(&b)), (10 * MAX_ITEMS as u64 + 1, 10 * MAX_ITEMS as u64));
    }

    #[test]
    fn turns_of_two_streams_stay_in_order_and_memory_stays_small() {
        let mut a = Log::new();
        let chunk = a.write(Stream::Out, &vec![b'x'; 2_000_000]);
        let mut rest = chunk;
        let (mut backlog, mut copies) = (Backlog::default(), Copies::default());
        let mut expected = Vec::new();
        let mut n = 0u64;
        while !rest.is_empty() {
            n += 1;
            let mut piece = rest.take_front(if n.is_multiple_of(1000) { 300 } else { 1 });
            piece.stream = if n.is_multiple_of(2) { Stream::Err } else { Stream::Out };
            expected.push((piece.stream, piece.len()));
            send(&mut backlog, &mut copies, A, piece);
        }
        assert_eq!(backlog.items.len(), 1);
        let Some(Item::Output(_, mut stretch)) = backlog.take() else { panic!("it is output") };
        let turns = stretch.turns.as_ref().expect("both streams");
        assert!(turns.tail.len() < MAX_NOTED && turns.blocks.len() > 2);
        assert!(turns.blocks.iter().all(|block| block.in_memory().is_none()));
        let mut taken = Vec::new();
        while let Some(piece) = stretch.take().expect("all is known") {
            taken.push((piece.stream, piece.len()));
        }
        assert!(taken == expected, "{} turns of {}", taken.len(), expected.len());
    }

    /// Sends output as the channel does.
    fn send(backlog: &mut Backlog, copies: &mut Copies, attempt: Attempt, chunk: Chunk) {
        let chunk = if backlog.wants_copies() { copies.copy(chunk) } else { chunk };
        if let Some(block) = backlog.output(attempt, chunk) {
            copies.keep(&block);
        }
    }

    #[test]
    fn output_waits_in_a_few_files_and_no_more() {
        let (mut backlog, mut copies) = (Backlog::default(), Copies::default());
        let mut files = Vec::new();
        let mut expected = String::new();
        for n in 0..1000 {
            let mut log = Log::new();
            let text = format!("{n} ");
            send(&mut backlog, &mut copies, A, log.write(Stream::Out, text.as_bytes()));
            expected.push_str(&text);
            files.push(Arc::downgrade(&log.file));
        }
        let held = files.iter().filter(|file| file.strong_count() > 0).count();
        assert_eq!((held, copies.file.strong_count() > 0), (MAX_FILES, true));
        let told = told(&mut backlog).concat().replace("0o:", "");
        assert_eq!(told, expected);
        assert_eq!((copies.file.strong_count(), backlog.files.len()), (0, 0));
    }

    #[test]
    fn a_file_counts_until_the_last_of_its_output_is_taken() {
        let (mut a, mut b) = (Log::new(), Log::new());
        let mut backlog = Backlog::default();
        for _ in 0..2 {
            backlog.output(A, a.write(Stream::Out, b"a"));
            backlog.output(B, b.write(Stream::Out, b"b"));
        }
        let mut counted = Vec::new();
        while backlog.take().is_some() {
            counted.push(backlog.files.len());
        }
        assert_eq!(counted, [2, 2, 1, 0]);
    }

    #[test]
    fn notes_that_no_file_takes_are_read_from_memory() {
        let mut a = Log::new();
        let mut rest = a.write(Stream::Out, &vec![b'x'; 2 * MAX_NOTED + 2]);
        let mut backlog = Backlog::default();
        let mut n_pieces = 0;
        while !rest.is_empty() {
            let mut piece = rest.take_front(1);
            piece.stream = if n_pieces % 2 == 0 { Stream::Out } else { Stream::Err };
            backlog.output(A, piece); // what it returns is lost, as on a full disk
            n_pieces += 1;
        }
        assert_eq!(told(&mut backlog).len(), n_pieces);
    }

    #[test]
    fn copies_are_let_go_while_a_steady_reader_stays_behind() {
        let (mut backlog, mut copies) = (Backlog::default(), Copies::up_to(1000));
        let mut files: Vec<Weak<File>> = Vec::new();
        let mut n_taken = 0;
        for n in 0..5000 {
            let chunk = Log::new().write(Stream::Out, b"0123456789");
            send(&mut backlog, &mut copies, (TaskId(n), 1), chunk);
            if files.last().is_none_or(|last| !last.ptr_eq(&copies.file)) {
                files.push(copies.file.clone());
            }
            // As fast as it comes, and always behind.
            if n > 2 * MAX_FILES as u32 {
                let Some(Item::Output(_, stretch)) = backlog.take() else { panic!("it waits") };
                n_taken += stretch.whole.len();
            }
        }
        assert!(n_taken > 10_000 && !backlog.is_empty() && files.len() > 10, "{}", files.len());
        let held = files.iter().filter(|file| file.strong_count() > 0).count();
        assert!(held <= 4, "{held} of {} files are held", files.len());
    }

    #[test]
    fn long_output_comes_in_pieces() {
        let mut a = Log::new();
        let mut backlog = Backlog::default();
        backlog.output(A, a.write(Stream::Out, &vec![b'x'; 3 * MAX_PIECE as usize]));
        backlog.output(A, a.write(Stream::Err, b"y"));
        let lengths: Vec<usize> = told(&mut backlog).iter().map(|told| told.len() - 3).collect();
        assert_eq!(lengths, [1 << 20, 1 << 20, 1 << 20, 1]);
    }

    #[test]
    fn output_that_no_log_takes_is_bounded_and_what_is_lost_is_counted() {
        let mut backlog = Backlog::default();
        let bytes = vec![b'x'; 1 << 20];
        for _ in 0..6 {
            backlog.output(A, Chunk::in_memory(Stream::Out, &bytes));
        }
        let told = told(&mut backlog);
        assert_eq!(told.len(), 5);
        assert_eq!(told[4], "0 lost 2097152");
        assert_eq!(backlog.in_memory, 0);
        backlog.output(A, Chunk::in_memory(Stream::Out, &bytes));
        assert_eq!(backlog.items.len(), 1);
    }
}
