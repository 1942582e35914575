//! The two streams that a run is shown on, and the live view below them.
//!
//! Knows nothing of tasks and events: it takes lines of pyoco's own and bytes of tasks, keeps the two
//! from sharing a line, keeps the live view below both, and goes on when a stream breaks.
//!
//! Behind one lock, which the console thread holds while it writes. A reader that blocks therefore
//! blocks the lock too; [`Screen::announce`], which must be seen whatever happens, waits for it a
//! moment and then writes past it.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::live::{Frame, Live};
use crate::model::escape;

/// How long an announcement waits for the console thread; a person takes it for at once.
const ANNOUNCE_WAIT: Duration = Duration::from_millis(100);

/// How much waits for the next frame of the live view, in bytes.
const MAX_PENDING: usize = 64 << 10;

/// What a stream leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody looks at it.
    Terminal,
    /// The log of a CI job, which people read later.
    CiLog,
    /// A file or a program: it gets what tasks print unchanged.
    Raw,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// What it leads to.
    pub kind: Kind,
    /// Whether colours are shown on it.
    pub colour: bool,
}

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Out,
    Err,
}

/// The streams as they are handed in: where the bytes go, and what is known of them.
pub struct Streams {
    /// Standard output, or what stands for it.
    pub out: Box<dyn Write + Send>,
    /// Standard error, or what stands for it.
    pub err: Box<dyn Write + Send>,
    /// Returns width and height of the terminal behind `err`, where there is one.
    pub size: fn() -> Option<(u16, u16)>,
    /// Writes an announcement while the streams are held up; `None`: it waits for them.
    pub past: Option<fn(&str)>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Streams {
    /// Returns the process's own standard output and standard error.
    pub fn stdio() -> Streams {
        Streams {
            out: Box::new(Descriptor(rustix::stdio::stdout())),
            err: Box::new(Descriptor(rustix::stdio::stderr())),
            size: terminal_size,
            past: Some(|text| {
                // Where even this fails there is nobody left to tell.
                let _ = Descriptor(rustix::stdio::stderr()).write_all(text.as_bytes());
            }),
        }
    }
}

fn terminal_size() -> Option<(u16, u16)> {
    use rustix::process::getpgrp;
    // In the background the live view would overwrite what others show.
    let err = rustix::stdio::stderr();
    if rustix::termios::tcgetpgrp(err).is_ok_and(|foreground| foreground != getpgrp()) {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(err).ok()?;
    // A terminal that does not know its size says 0.
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// A descriptor without a buffer and without the lock of the standard library's streams, which a
/// blocked writer would hold.
struct Descriptor(rustix::fd::BorrowedFd<'static>);

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        use rustix::io::Errno;
        loop {
            match rustix::io::write(self.0, bytes) {
                Ok(written) => return Ok(written),
                Err(Errno::INTR) => {}
                // Some other program made the shared pipe or terminal non-blocking.
                Err(Errno::AGAIN) => {
                    match poll(&mut [PollFd::from_borrowed_fd(self.0, PollFlags::OUT)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen of a run. Clones are the same screen.
#[derive(Clone)]
pub struct Screen {
    inner: Arc<Mutex<Inner>>,
    /// Whether the process is about to stop: no live view then. Beside the lock, which a reader that
    /// blocks may hold for long.
    is_paused: Arc<AtomicBool>,
    past: Option<fn(&str)>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl Screen {
    /// Returns a screen over these streams.
    pub fn new(streams: Streams, out: Surface, err: Surface) -> Screen {
        let is_paused = Arc::<AtomicBool>::default();
        let inner = Inner {
            out: Sink::new(streams.out, out),
            err: Sink::new(streams.err, err),
            size: streams.size,
            live: None,
            pending: Vec::new(),
            n_pending: 0,
            is_paused: is_paused.clone(),
            is_lent: false,
        };
        Screen { inner: Arc::new(Mutex::new(inner)), is_paused, past: streams.past }
    }

    /// Writes free text of one or more lines to standard error, from any thread. Where the console
    /// thread does not let go of the streams within a moment, it writes past it.
    ///
    /// The text must be harmless already, as [`announcement`](super::announcement) makes it.
    pub fn announce(&self, text: &str) {
        let Some(past) = self.past else {
            self.lock().say(text);
            return;
        };
        match self.try_lock() {
            Some(mut inner) => inner.say(text),
            None => past(&format!("\n{}\n", text.trim_end())),
        }
    }

    /// Removes the live view, and shows none until [`Screen::resume`]; for a process that is about to
    /// be stopped. Where the console thread does not let go of the streams within a moment nothing
    /// is removed.
    pub fn pause(&self) {
        self.is_paused.store(true, Ordering::SeqCst);
        if let Some(mut inner) = self.try_lock() {
            inner.clear();
        }
    }

    /// Lets the live view be shown again.
    pub fn resume(&self) {
        self.is_paused.store(false, Ordering::SeqCst);
    }

    /// Waits a moment for the streams.
    fn try_lock(&self) -> Option<MutexGuard<'_, Inner>> {
        let deadline = Instant::now() + ANNOUNCE_WAIT;
        loop {
            match self.inner.try_lock() {
                Ok(inner) => return Some(inner),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic between two writes leaves at worst an unfinished line.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream.
struct Sink {
    to: Box<dyn Write + Send>,
    surface: Surface,
    /// Whether the last byte was no newline.
    in_line: bool,
    /// Why nothing is written any more, and whether that was said.
    broken: Option<(io::Error, bool)>,
}

impl Sink {
    fn new(to: Box<dyn Write + Send>, surface: Surface) -> Sink {
        Sink { to, surface, in_line: false, broken: None }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.broken.is_none()
            && let Err(error) = self.to.write_all(bytes).and_then(|()| self.to.flush())
        {
            self.broken = Some((error, false));
        }
    }
}

/// The streams behind the lock.
pub(super) struct Inner {
    out: Sink,
    err: Sink,
    size: fn() -> Option<(u16, u16)>,
    live: Option<Live>,
    /// What waits for the next frame, in the order in which it is to be seen.
    pending: Vec<(Side, Vec<u8>)>,
    n_pending: usize,
    /// That of the [`Screen`].
    is_paused: Arc<AtomicBool>,
    /// Whether a task has the terminal: what is for a terminal waits until it is taken back.
    is_lent: bool,
}

impl Inner {
    /// Returns what is known of a stream.
    pub(super) fn surface(&self, side: Side) -> Surface {
        match side {
            Side::Out => self.out.surface,
            Side::Err => self.err.surface,
        }
    }

    fn sink(&mut self, side: Side) -> &mut Sink {
        match side {
            Side::Out => &mut self.out,
            Side::Err => &mut self.err,
        }
    }

    /// Writes bytes of a task, or a whole line of JSON.
    pub(super) fn put(&mut self, side: Side, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        let sink = self.sink(side);
        sink.in_line = *last != b'\n';
        let on_terminal = sink.surface.kind == Kind::Terminal;
        let waits = self.is_lent || self.live.as_ref().is_some_and(Live::is_shown);
        if !on_terminal || !waits {
            self.sink(side).write(bytes);
            self.tell_what_broke();
            return;
        }
        match self.pending.last_mut() {
            Some((of, text)) if *of == side => text.extend_from_slice(bytes),
            Some(_) | None => self.pending.push((side, bytes.to_vec())),
        }
        self.n_pending += bytes.len();
        if self.n_pending > MAX_PENDING {
            self.clear();
        }
    }

    /// Writes whole lines of pyoco's own to standard error, never behind an unfinished line.
    pub(super) fn own(&mut self, text: &str) {
        if self.err.in_line {
            self.put(Side::Err, b"\n");
        }
        let looked_at = |sink: &Sink| sink.surface.kind != Kind::Raw;
        // The two are most likely the same terminal or log. A file gets no byte that is not a task's.
        if self.out.in_line && looked_at(&self.out) && looked_at(&self.err) {
            self.put(Side::Out, b"\n");
        }
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.trim_end_matches('\n').as_bytes());
        bytes.push(b'\n');
        self.put(Side::Err, &bytes);
    }

    /// Writes a line of pyoco's own at once.
    fn say(&mut self, text: &str) {
        self.clear();
        self.own(text);
    }

    /// Brings everything onto the screen and the live view below it.
    pub(super) fn frame(&mut self, frame: &Frame) {
        if self.is_paused.load(Ordering::SeqCst) || self.is_lent {
            return;
        }
        let Some((width, height)) = (self.size)() else { return self.clear() };
        self.clear_into_pending(width);
        // The live view cannot stand behind an unfinished line; the rest of the line comes soon.
        let is_open = |sink: &Sink| sink.in_line && sink.surface.kind == Kind::Terminal;
        if !is_open(&self.err) && !is_open(&self.out) {
            let live = self.live.get_or_insert_with(Live::new);
            let drawn = live.draw(frame, width, height);
            self.pending.push((Side::Err, drawn));
        }
        self.write_pending();
    }

    /// Removes the live view and writes what waited for it.
    pub(super) fn clear(&mut self) {
        if self.is_lent {
            return;
        }
        let width = (self.size)().map_or(u16::MAX, |(width, _)| width);
        self.clear_into_pending(width);
        self.write_pending();
    }

    /// Lets a task have the terminal: nothing is written to it from now on.
    pub(super) fn lend(&mut self) {
        self.clear();
        self.is_lent = true;
    }

    /// Returns whether a task has the terminal.
    pub(super) fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// Takes the terminal back, and writes what waited for that.
    pub(super) fn take_back(&mut self) {
        self.is_lent = false;
        self.clear();
    }

    fn clear_into_pending(&mut self, width: u16) {
        let Some(live) = &mut self.live else { return };
        let cleared = live.clear(width);
        if !cleared.is_empty() {
            self.pending.insert(0, (Side::Err, cleared));
        }
    }

    fn write_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        self.n_pending = 0;
        // Neighbours of one stream leave in one write, so that no half frame is ever seen.
        pending.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1.append(&mut next.1);
            }
            same
        });
        for (side, bytes) in &pending {
            self.sink(*side).write(bytes);
        }
        self.tell_what_broke();
    }

    /// Says once on the other stream that one is gone.
    fn tell_what_broke(&mut self) {
        let told = |sink: &mut Sink| {
            let (error, told) = sink.broken.as_mut().filter(|(_, told)| !told)?;
            *told = true;
            Some(escape(&error.to_string()).into_owned())
        };
        if let Some(error) = told(&mut self.out) {
            self.own(&format!("warning: standard output is gone, the run goes on: {error}"));
        }
        if let Some(error) = told(&mut self.err)
            && self.out.surface.kind != Kind::Raw
        {
            let begin = if self.out.in_line { "\n" } else { "" };
            let text =
                format!("{begin}warning: standard error is gone, the run goes on: {error}\n");
            self.put(Side::Out, text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes nothing until it is told to.
    struct Blocked {
        entered: Sender<()>,
        released: Receiver<()>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            let _ = self.released.recv(); // also ends when the test is over
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    static PAST: Mutex<String> = Mutex::new(String::new());

    #[test]
    fn a_blocked_reader_does_not_hold_back_an_announcement() {
        let (entered, has_entered) = channel();
        let (release, released) = channel();
        let streams = Streams {
            out: Box::new(Blocked { entered, released }),
            err: Box::new(io::sink()),
            size: || None,
            past: Some(|text| PAST.lock().expect("no panic").push_str(text)),
        };
        let raw = Surface { kind: Kind::Raw, colour: false };
        let screen = Screen::new(streams, raw, raw);
        let console = screen.clone();
        let thread = thread::spawn(move || console.lock().put(Side::Out, b"x"));
        has_entered.recv().expect("the console thread writes");
        screen.announce("pyoco: stopping\n");
        assert_eq!(*PAST.lock().expect("no panic"), "\npyoco: stopping\n");
        drop(release);
        thread.join().expect("the console thread ends");
        screen.announce("again");
        assert_eq!(*PAST.lock().expect("no panic"), "\npyoco: stopping\n");
    }

    #[test]
    fn the_live_view_comes_back_though_the_reader_blocked_at_the_resume() {
        let (entered, has_entered) = channel();
        let (release, released) = channel();
        let streams = Streams {
            out: Box::new(Blocked { entered, released }),
            err: Box::new(io::sink()),
            size: || Some((80, 24)),
            past: None,
        };
        let raw = Surface { kind: Kind::Raw, colour: false };
        let screen = Screen::new(streams, raw, raw);
        screen.pause();
        screen.lock().frame(&Frame::default());
        assert!(screen.lock().live.is_none(), "it is paused");
        let console = screen.clone();
        let thread = thread::spawn(move || console.lock().put(Side::Out, b"x"));
        has_entered.recv().expect("the console thread writes");
        screen.resume();
        drop(release);
        thread.join().expect("the console thread ends");
        screen.lock().frame(&Frame::default());
        assert!(screen.lock().live.is_some());
    }
}
