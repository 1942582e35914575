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
//! meanwhile is short and in memory, but for one thing: where a task changes its stream tens of
//! thousands of times while the console is behind, its notes go to the private file in one write of
//! [`MAX_NOTED`] bytes. Output is copied before, without that lock: see [`Copies`].

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};

use crate::event::{Chunk, Line, Stream, TerminalUse};
use crate::model::TaskId;

/// From here on output joins what waits of its task: some hundred KiB of items.
const MAX_ITEMS: usize = 4096;
/// The most output that waits in memory because no log takes it, in bytes. What is more is lost.
const MAX_IN_MEMORY: u64 = 4 << 20;
/// The longest piece that is shown at once, in bytes: between two the live view moves on.
const MAX_PIECE: u64 = 1 << 20;
/// The most files that output waits in: each is a descriptor, and with it the disk holds what was
/// already cut from a log. What comes then is copied into one file.
const MAX_FILES: usize = 100;
/// How long a file of copies becomes, in bytes, before another one is begun: so the disk holds at most
/// about two of these more than what still waits, and a descriptor is good for much.
const MAX_COPIES: u64 = 256 << 20;
/// How much is noted in memory of the turns of two streams, in bytes.
const MAX_NOTED: usize = 128 << 10;

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
    /// In how many files output waits.
    n_files: usize,
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
        self.n_files >= MAX_FILES
    }

    /// Adds output.
    pub(super) fn output(&mut self, attempt: Attempt, chunk: Chunk) {
        let last = self.items.len().checked_sub(1);
        let newest = self.newest.get(&attempt).map(|at| (*at - self.taken) as usize);
        let is_near = newest.is_some() && (newest == last || self.items.len() >= MAX_ITEMS);
        if is_near
            && let Some(Item::Output(_, stretch)) = newest.and_then(|at| self.items.get_mut(at))
            && stretch.push(&chunk)
        {
            return;
        }
        let in_memory = chunk.in_memory_len();
        if self.in_memory + in_memory > MAX_IN_MEMORY {
            return self.lose(attempt.0, in_memory);
        }
        self.in_memory += in_memory;
        let begins_file = match newest.and_then(|at| self.items.get(at)) {
            Some(Item::Output(_, stretch)) => !stretch.whole.shares_file(&chunk),
            Some(
                Item::Lines(_)
                | Item::Lost(..)
                | Item::Notice(_)
                | Item::Terminal { .. }
                | Item::Finish,
            )
            | None => true,
        };
        let begins_file = begins_file && in_memory == 0;
        self.n_files += usize::from(begins_file);
        self.newest.insert(attempt, self.taken + self.items.len() as u64);
        self.items.push_back(Item::Output(attempt, Stretch::new(chunk, begins_file)));
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
            self.n_files -= usize::from(stretch.begins_file);
        }
        self.taken += 1;
        Some(item)
    }
}

/// Where output is copied to once it waits in too many files: private files without a name. Each is
/// gone with the last of what waits in it.
///
/// They have a lock of their own, for a disk may hang: then it holds up the tasks' workers, which write
/// their logs anyhow, and not the runner.
#[derive(Debug)]
pub(super) struct Copies {
    /// The newest, while anything waits in it.
    file: Weak<File>,
    end: u64,
    /// At which length another one is begun.
    most: u64,
}

impl Default for Copies {
    fn default() -> Copies {
        Copies { file: Weak::new(), end: 0, most: MAX_COPIES }
    }
}

impl Copies {
    /// Returns the same output in a file of these; as it is where that fails: rather one more file than
    /// less output.
    pub(super) fn copy(&mut self, chunk: Chunk) -> Chunk {
        self.try_copy(&chunk).unwrap_or(chunk)
    }

    fn try_copy(&mut self, chunk: &Chunk) -> io::Result<Chunk> {
        let file = match self.file.upgrade().filter(|_| self.end < self.most) {
            Some(file) => file,
            None => {
                let file = Arc::new(tempfile::tempfile()?);
                (self.file, self.end) = (Arc::downgrade(&file), 0);
                file
            }
        };
        let start = self.end;
        chunk.read(&mut |bytes| {
            file.write_all_at(bytes, self.end)?;
            self.end += bytes.len() as u64;
            Ok(())
        })?;
        Ok(Chunk::in_file(chunk.stream, file, start, self.end - start))
    }
}

/// Output of one attempt that lies in a row in its log.
#[derive(Debug)]
pub(super) struct Stretch {
    /// All of it; its stream is that of the first byte.
    whole: Chunk,
    /// Whose the bytes are, where they are not all of one stream.
    turns: Option<Box<Turns>>,
    /// Whether it is the first of its attempt that waits in its file.
    begins_file: bool,
}

impl Stretch {
    fn new(whole: Chunk, begins_file: bool) -> Stretch {
        Stretch { whole, turns: None, begins_file }
    }

    /// Takes `next` in where it lies right behind; returns whether it did.
    fn push(&mut self, next: &Chunk) -> bool {
        let before = self.whole.len();
        if !self.whole.extend(next) {
            return false;
        }
        match &mut self.turns {
            Some(turns) => turns.push(next.stream, next.len()),
            None if next.stream == self.whole.stream => {}
            None => {
                let mut turns = Turns::starting(self.whole.stream, before);
                turns.push(next.stream, next.len());
                self.turns = Some(Box::new(turns));
            }
        }
        true
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

/// How many bytes of which stream in turn: first in, first out.
#[derive(Debug)]
struct Turns {
    /// What is taken next.
    next: Option<(Stream, u64)>,
    /// What follows it, as it is noted, from `at` on.
    head: Vec<u8>,
    at: usize,
    /// What follows that, in blocks of these lengths.
    blocks: Option<Blocks>,
    /// What follows that.
    tail: Vec<u8>,
    /// At which length the tail becomes a block.
    most: usize,
    /// The newest, which may still grow.
    last: (Stream, u64),
}

/// Blocks in a private file without a name.
#[derive(Debug)]
struct Blocks {
    file: File,
    from: u64,
    lengths: VecDeque<usize>,
}

impl Turns {
    fn starting(stream: Stream, len: u64) -> Turns {
        let (head, tail) = (Vec::new(), Vec::new());
        let last = (stream, len);
        Turns { next: None, head, at: 0, blocks: None, tail, most: MAX_NOTED, last }
    }

    fn push(&mut self, stream: Stream, len: u64) {
        if self.last.0 == stream {
            self.last.1 += len;
            return;
        }
        let (before, n) = std::mem::replace(&mut self.last, (stream, len));
        note(before, n, &mut self.tail);
        if self.tail.len() < self.most {
            return;
        }
        match self.add_block() {
            Ok(()) => self.tail.clear(),
            // It stays in memory then, and the next try is far off.
            Err(_) => self.most *= 2,
        }
    }

    fn add_block(&mut self) -> io::Result<()> {
        let blocks = match &mut self.blocks {
            Some(blocks) => blocks,
            None => {
                let file = tempfile::tempfile()?;
                self.blocks.insert(Blocks { file, from: 0, lengths: VecDeque::new() })
            }
        };
        let end = blocks.from + blocks.lengths.iter().sum::<usize>() as u64;
        blocks.file.write_all_at(&self.tail, end)?;
        blocks.lengths.push_back(self.tail.len());
        Ok(())
    }

    /// Takes the next turn off, or the first `most` bytes of it.
    fn take(&mut self, most: u64) -> io::Result<(Stream, u64)> {
        let (stream, len) = match self.next.take() {
            Some(next) => next,
            None => self.following()?,
        };
        if len > most {
            self.next = Some((stream, len - most));
        }
        Ok((stream, len.min(most)))
    }

    fn following(&mut self) -> io::Result<(Stream, u64)> {
        if self.at == self.head.len() {
            self.refill()?;
        }
        if self.at == self.head.len() {
            return Ok((self.last.0, std::mem::take(&mut self.last.1)));
        }
        let (turn, n_bytes) = noted(&self.head[self.at..]);
        self.at += n_bytes;
        Ok(turn)
    }

    fn refill(&mut self) -> io::Result<()> {
        self.head.clear();
        self.at = 0;
        if let Some(blocks) = &mut self.blocks
            && let Some(length) = blocks.lengths.pop_front()
        {
            self.head.resize(length, 0);
            blocks.file.read_exact_at(&mut self.head, blocks.from)?;
            blocks.from += length as u64;
        } else {
            std::mem::swap(&mut self.head, &mut self.tail);
        }
        Ok(())
    }
}

/// Notes a turn: seven bits a byte, the lowest first, the highest bit where more follow; the lowest
/// two bits of the number are the stream.
fn note(stream: Stream, len: u64, to: &mut Vec<u8>) {
    let stream = match stream {
        Stream::Out => 0,
        Stream::Err => 1,
        Stream::Pyoco => 2,
    };
    let mut rest = len << 2 | stream;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Reads a turn back; returns how many bytes it took, too.
fn noted(bytes: &[u8]) -> ((Stream, u64), usize) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("turns are noted whole");
    let fold = |number, byte: &u8| number << 7 | u64::from(byte & 0x7f);
    let number = bytes[..=end].iter().rev().fold(0, fold);
    let stream = match number & 3 {
        0 => Stream::Out,
        1 => Stream::Err,
        _ => Stream::Pyoco,
    };
    ((stream, number >> 2), end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut backlog = Backlog::default();
        let mut expected = Vec::new();
        let mut n = 0u64;
        while !rest.is_empty() {
            n += 1;
            let mut piece = rest.take_front(if n.is_multiple_of(1000) { 300 } else { 1 });
            piece.stream = if n.is_multiple_of(2) { Stream::Err } else { Stream::Out };
            expected.push((piece.stream, piece.len()));
            backlog.output(A, piece);
        }
        assert_eq!(backlog.items.len(), 1);
        let Some(Item::Output(_, mut stretch)) = backlog.take() else { panic!("it is output") };
        let turns = stretch.turns.as_ref().expect("both streams");
        assert!(turns.tail.len() < MAX_NOTED && turns.blocks.as_ref().is_some());
        let mut taken = Vec::new();
        while let Some(piece) = stretch.take().expect("all is known") {
            taken.push((piece.stream, piece.len()));
        }
        assert!(taken == expected, "{} turns of {}", taken.len(), expected.len());
    }

    /// Sends output as the channel does.
    fn send(backlog: &mut Backlog, copies: &mut Copies, attempt: Attempt, chunk: Chunk) {
        let chunk = if backlog.wants_copies() { copies.copy(chunk) } else { chunk };
        backlog.output(attempt, chunk);
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
        assert_eq!((copies.file.strong_count(), backlog.n_files), (0, 0));
    }

    #[test]
    fn copies_are_let_go_while_a_steady_reader_stays_behind() {
        let (mut backlog, mut copies) =
            (Backlog::default(), Copies { most: 1000, ..Copies::default() });
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

    #[test]
    fn turns_are_read_as_they_were_noted() {
        for stream in [Stream::Out, Stream::Err, Stream::Pyoco] {
            for len in [1, 31, 32, 4095, 4096, u64::MAX >> 2] {
                let mut bytes = Vec::new();
                note(stream, len, &mut bytes);
                bytes.push(0x81);
                assert_eq!(noted(&bytes), ((stream, len), bytes.len() - 1));
            }
        }
    }
}
