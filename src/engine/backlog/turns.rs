//! Whose the bytes of a stretch of output are, where two streams take turns.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use crate::engine::lock;
use crate::event::Stream;

/// How much is noted in memory of the turns of two streams, in bytes.
pub(super) const MAX_NOTED: usize = 128 << 10;

/// How many bytes of which stream in turn: first in, first out.
#[derive(Debug)]
pub(super) struct Turns {
    /// What is taken next.
    next: Option<(Stream, u64)>,
    /// What follows it, as it is noted, from `at` on.
    head: Vec<u8>,
    at: usize,
    /// What follows that.
    pub(super) blocks: VecDeque<Arc<Block>>,
    /// What follows that.
    pub(super) tail: Vec<u8>,
    /// The newest, which may still grow.
    last: (Stream, u64),
}

/// Notes in a row: in memory until somebody has put them into a file. That is done without the lock of
/// the backlog, for a disk may hang.
#[derive(Debug)]
pub(in crate::engine) struct Block(Mutex<Kept>);

#[derive(Clone, Debug)]
enum Kept {
    InMemory(Arc<[u8]>),
    InFile { file: Arc<File>, at: u64, len: usize },
}

impl Block {
    fn new(notes: &[u8]) -> Block {
        Block(Mutex::new(Kept::InMemory(notes.into())))
    }

    /// Returns the notes, if they are in memory.
    pub(super) fn in_memory(&self) -> Option<Arc<[u8]>> {
        match &*lock(&self.0) {
            Kept::InMemory(bytes) => Some(bytes.clone()),
            Kept::InFile { .. } => None,
        }
    }

    /// Lets go of the memory: the same notes lie in a file.
    pub(super) fn is_kept_in(&self, file: Arc<File>, at: u64) {
        let mut kept = lock(&self.0);
        if let Kept::InMemory(bytes) = &*kept {
            let len = bytes.len();
            *kept = Kept::InFile { file, at, len };
        }
    }

    fn read(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let kept = lock(&self.0).clone();
        match kept {
            Kept::InMemory(bytes) => to.extend_from_slice(&bytes),
            Kept::InFile { file, at, len } => {
                to.resize(len, 0);
                file.read_exact_at(to, at)?;
            }
        }
        Ok(())
    }
}

impl Turns {
    pub(super) fn starting(stream: Stream, len: u64) -> Turns {
        let (head, tail) = (Vec::new(), Vec::new());
        let last = (stream, len);
        Turns { next: None, head, at: 0, blocks: VecDeque::new(), tail, last }
    }

    /// Notes more; returns what is to be put into a file.
    pub(super) fn push(&mut self, stream: Stream, len: u64) -> Option<Arc<Block>> {
        if self.last.0 == stream {
            self.last.1 += len;
            return None;
        }
        let (before, n) = std::mem::replace(&mut self.last, (stream, len));
        note(before, n, &mut self.tail);
        if self.tail.len() < MAX_NOTED {
            return None;
        }
        let block = Arc::new(Block::new(&self.tail));
        self.tail.clear();
        self.blocks.push_back(block.clone());
        Some(block)
    }

    /// Takes the next turn off, or the first `most` bytes of it.
    pub(super) fn take(&mut self, most: u64) -> io::Result<(Stream, u64)> {
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
        if let Some(block) = self.blocks.pop_front() {
            block.read(&mut self.head)?;
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
