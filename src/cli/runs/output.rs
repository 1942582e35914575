//! Turns stored output into what a reader gets: as bytes, or as lines with what stands before them.
//!
//! To a program the bytes go as they came. To a terminal they go line by line, with nothing in them
//! that the terminal would obey but tabs and colours. As JSON a line is
//!
//! ```text
//! {"task": "build", "attempt": 1, "stream": "out", "ts": "2026-03-01T12:00:00.250Z", "text": "…",
//!  "newline": true}
//! {"task": "build", "attempt": 1, "lost": "cut", "bytes": 2048}
//! ```
//!
//! where `stream` is `out`, `err` or `pyoco`, `ts` null where it is not known, `text` has U+FFFD for what
//! is no UTF-8, and `newline` says whether one ended it: a very long line comes in pieces. What is lost
//! there is `cut` (by `max_log`), `missing` (from the log) or `not kept`; `bytes` may be null.
use std::io::{self, Write};

use serde_json::json;

use crate::event::Stream;
use crate::model::{Ms, Size, Wall};
use crate::record::Piece;
use crate::trace::Sanitiser;

/// The longest line that is held; the rest of it goes on as another one.
const MAX_HELD: usize = 64 << 10;

/// How an attempt's output is written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// What stands before every line.
    pub(super) prefix: Option<String>,
    /// When the run began, where every line shall begin with its time.
    pub(super) timestamps: Option<Wall>,
    /// Only this stream.
    pub(super) stream: Option<Stream>,
    /// What reads it.
    pub(super) reader: Reader,
    /// Of which attempt it is, where lines are objects of JSON.
    pub(super) json: Option<Of>,
}

/// An attempt, as lines of JSON name it.
#[derive(Clone, Debug)]
pub(super) struct Of {
    /// The task's name.
    pub(super) task: String,
    /// Which attempt.
    pub(super) attempt: u32,
    /// When the run began.
    pub(super) started: Option<Wall>,
}

/// What reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A program, or a file.
    Program,
    /// A terminal that shows colours.
    ColourTerminal,
    /// A terminal that does not.
    PlainTerminal,
}

/// The output of one attempt on its way out.
#[derive(Debug)]
pub(super) struct Output {
    style: Style,
    /// Lines that are still to be left out.
    skip: u64,
    /// Lines that have begun.
    lines: u64,
    /// Whether the last byte written ended a line.
    at_start: bool,
    out: Held,
    err: Held,
    own: Held,
}

/// The unfinished line of a stream.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    ms: Option<Ms>,
}

impl Output {
    /// Returns output that leaves out its first `skip` lines.
    pub(super) fn new(style: Style, skip: u64) -> Output {
        let (out, err, own) = (Held::default(), Held::default(), Held::default());
        Output { style, skip, lines: 0, at_start: true, out, err, own }
    }

    /// Returns how many lines there were.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes a piece.
    pub(super) fn piece(&mut self, piece: Piece<'_>, to: &mut dyn Write) -> io::Result<()> {
        match piece {
            Piece::Cut { bytes } => self.gap(bytes, "cut", to),
            Piece::Lost { bytes } => self.gap(Some(bytes), "missing", to),
            Piece::Unkept { bytes } => self.gap(Some(bytes), "not kept", to),
            Piece::Bytes { stream, .. } if self.style.stream.is_some_and(|s| s != stream) => Ok(()),
            Piece::Bytes { stream, bytes, .. } if self.is_raw() => {
                // Our own words begin a line, whatever the task left unfinished.
                if stream == Stream::Pyoco && self.is_open() {
                    self.at_start = true;
                    if self.lines > self.skip {
                        to.write_all(b"\n")?;
                    }
                }
                self.raw(bytes, to)
            }
            Piece::Bytes { stream, ms, bytes } => self.by_lines(stream, ms, bytes, to),
        }
    }

    /// Names what is missing here, on a line of its own.
    fn gap(&mut self, bytes: Option<u64>, what: &str, to: &mut dyn Write) -> io::Result<()> {
        self.finish(to)?;
        if self.skip > self.lines {
            return Ok(());
        }
        if !std::mem::replace(&mut self.at_start, true) {
            to.write_all(b"\n")?;
        }
        if let Some(of) = &self.style.json {
            let (task, attempt) = (&of.task, of.attempt);
            let gap = json!({ "task": task, "attempt": attempt, "lost": what, "bytes": bytes });
            return writeln!(to, "{gap}");
        }
        let much = bytes.map_or("output".to_owned(), |bytes| Size(bytes).to_string());
        writeln!(to, "… {much} {what} …")
    }

    /// Writes lines that were never finished, and ends the last one.
    pub(super) fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        for stream in [Stream::Out, Stream::Err, Stream::Pyoco] {
            let held = self.held(stream);
            if !held.bytes.is_empty() {
                let held = std::mem::take(held);
                self.line(stream, &held, to)?;
            }
        }
        Ok(())
    }

    /// Returns whether the last line was written without its newline.
    pub(super) fn is_open(&self) -> bool {
        !self.at_start
    }

    fn is_raw(&self) -> bool {
        self.style.json.is_none()
            && self.style.prefix.is_none()
            && self.style.timestamps.is_none()
            && self.style.reader == Reader::Program
    }

    fn raw(&mut self, bytes: &[u8], to: &mut dyn Write) -> io::Result<()> {
        let mut from = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.at_start {
                self.lines += 1;
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            self.at_start = rest[end - 1] == b'\n';
            rest = &rest[end..];
            if self.lines <= self.skip {
                from = bytes.len() - rest.len();
            }
        }
        to.write_all(&bytes[from..])
    }

    fn held(&mut self, stream: Stream) -> &mut Held {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
            Stream::Pyoco => &mut self.own,
        }
    }

    fn by_lines(
        &mut self,
        stream: Stream,
        ms: Option<Ms>,
        bytes: &[u8],
        to: &mut dyn Write,
    ) -> io::Result<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let held = self.held(stream);
            if held.bytes.is_empty() {
                held.ms = ms;
            }
            held.bytes.extend_from_slice(part);
            if part.ends_with(b"\n") || held.bytes.len() >= MAX_HELD {
                let held = std::mem::take(held);
                self.line(stream, &held, to)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, stream: Stream, held: &Held, to: &mut dyn Write) -> io::Result<()> {
        self.lines += 1;
        if self.lines <= self.skip {
            return Ok(());
        }
        if let Some(of) = &self.style.json {
            return writeln!(to, "{}", of.line(stream, held));
        }
        if let Some(prefix) = &self.style.prefix {
            to.write_all(prefix.as_bytes())?;
        }
        if let Some(start) = self.style.timestamps {
            match held.ms {
                Some(ms) => write!(to, "{} ", start.plus(ms))?,
                None => write!(to, "{:24} ", "-")?,
            }
        }
        let line = held.bytes.strip_suffix(b"\n").unwrap_or(&held.bytes);
        match self.style.reader {
            Reader::Program => to.write_all(line)?,
            Reader::ColourTerminal => to.write_all(shown(line, true).as_bytes())?,
            Reader::PlainTerminal => to.write_all(shown(line, false).as_bytes())?,
        }
        to.write_all(b"\n")
    }
}

impl Of {
    /// Returns a line as JSON.
    fn line(&self, stream: Stream, held: &Held) -> serde_json::Value {
        let stream = match stream {
            Stream::Out => "out",
            Stream::Err => "err",
            Stream::Pyoco => "pyoco",
        };
        let ts = self.started.zip(held.ms).map(|(started, ms)| started.plus(ms));
        let text = held.bytes.strip_suffix(b"\n");
        let (text, newline) = (text.unwrap_or(&held.bytes), text.is_some());
        json!({
            "task": self.task, "attempt": self.attempt, "stream": stream, "ts": ts,
            "text": String::from_utf8_lossy(text), "newline": newline,
        })
    }
}

/// Makes one document of JSON out of one a line, as they come.
pub(super) struct Listed<W: Write> {
    to: W,
    /// Whether the last byte ended a line.
    at_end: bool,
}

impl<W: Write> Listed<W> {
    /// Begins the document.
    pub(super) fn new(mut to: W) -> io::Result<Listed<W>> {
        to.write_all(b"[\n")?;
        Ok(Listed { to, at_end: false })
    }

    /// Ends it.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.to.write_all(if self.at_end { b"\n]\n" } else { b"]\n" })?;
        self.to.flush()
    }
}

impl<W: Write> Write for Listed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.at_end {
                self.to.write_all(b",\n")?;
            }
            let text = part.strip_suffix(b"\n");
            self.to.write_all(text.unwrap_or(part))?;
            self.at_end = text.is_some();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Returns a line as a terminal may get it.
fn shown(line: &[u8], colours: bool) -> String {
    let mut text = String::new();
    let mut add = |piece: &str, _| text.push_str(piece);
    let mut sanitiser = Sanitiser::new(colours);
    sanitiser.push(line, &mut add);
    sanitiser.finish(&mut add);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style =
        Style { prefix: None, timestamps: None, stream: None, reader: Reader::Program, json: None };

    fn check(style: Style, skip: u64, pieces: &[(Stream, &[u8])], expected: &str) {
        let mut output = Output::new(style, skip);
        let mut to = Vec::new();
        for (stream, bytes) in pieces {
            let piece = Piece::Bytes { stream: *stream, ms: Some(Ms(1)), bytes };
            output.piece(piece, &mut to).expect("memory takes all");
        }
        output.finish(&mut to).expect("memory takes all");
        assert_eq!(String::from_utf8_lossy(&to), expected);
    }

    #[test]
    fn a_program_gets_the_bytes() {
        check(PLAIN, 0, &[(Stream::Out, b"a\x1b[2J\r\n"), (Stream::Err, b"b")], "a\x1b[2J\r\nb");
        let two = [(Stream::Out, b"one\ntw".as_slice()), (Stream::Out, b"o\nthree")];
        check(PLAIN, 1, &two, "two\nthree");
        check(PLAIN, 2, &two, "three");
        check(Style { stream: Some(Stream::Err), ..PLAIN }, 0, &two, "");
    }

    #[test]
    fn pyocos_own_words_share_no_line_with_the_task() {
        let pieces = [
            (Stream::Err, b"Password: ".as_slice()),
            (Stream::Pyoco, b"pyoco: late\n  1 sh\n"),
            (Stream::Err, b"bye\n"),
        ];
        check(PLAIN, 0, &pieces, "Password: \npyoco: late\n  1 sh\nbye\n");
        check(PLAIN, 1, &pieces, "pyoco: late\n  1 sh\nbye\n");
        check(PLAIN, 3, &pieces, "bye\n");
        check(Style { stream: Some(Stream::Err), ..PLAIN }, 0, &pieces, "Password: bye\n");
        check(Style { stream: Some(Stream::Pyoco), ..PLAIN }, 1, &pieces, "  1 sh\n");
        let style = Style { prefix: Some("t | ".into()), ..PLAIN };
        check(style, 0, &pieces, "t | pyoco: late\nt |   1 sh\nt | Password: bye\n");
    }

    #[test]
    fn a_cut_is_marked_on_a_line_of_its_own() {
        let mut output = Output::new(PLAIN, 0);
        let mut to = Vec::new();
        let bytes = |bytes| Piece::Bytes { stream: Stream::Out, ms: None, bytes };
        for piece in [bytes(b"one\ntw"), Piece::Cut { bytes: Some(2048) }, bytes(b"ee\n")] {
            output.piece(piece, &mut to).expect("memory takes all");
        }
        assert_eq!(String::from_utf8_lossy(&to), "one\ntw\n… 2.0 KiB cut …\nee\n");
    }

    #[test]
    fn a_line_is_an_object_of_json() {
        let of = Of { task: "t".into(), attempt: 2, started: Some(Wall(0)) };
        let mut output = Output::new(Style { json: Some(of), ..PLAIN }, 1);
        let mut to = Listed::new(Vec::new()).expect("memory takes all");
        let bytes = |bytes| Piece::Bytes { stream: Stream::Err, ms: Some(Ms(5)), bytes };
        for piece in [bytes(b"one\n"), bytes(b"t\xffwo\n"), Piece::Cut { bytes: None }, bytes(b"3")]
        {
            output.piece(piece, &mut to).expect("memory takes all");
        }
        output.finish(&mut to).expect("memory takes all");
        let listed = std::mem::take(&mut to.to);
        to.close().expect("memory takes all");
        let expected = "[\n\
            {\"attempt\":2,\"newline\":true,\"stream\":\"err\",\"task\":\"t\",\
             \"text\":\"t\u{fffd}wo\",\"ts\":\"1970-01-01T00:00:00.005Z\"},\n\
            {\"attempt\":2,\"bytes\":null,\"lost\":\"cut\",\"task\":\"t\"},\n\
            {\"attempt\":2,\"newline\":false,\"stream\":\"err\",\"task\":\"t\",\"text\":\"3\",\
             \"ts\":\"1970-01-01T00:00:00.005Z\"}";
        assert_eq!(String::from_utf8_lossy(&listed), expected);
    }

    #[test]
    fn a_prefix_stands_before_whole_lines() {
        let style = Style { prefix: Some("t | ".into()), ..PLAIN };
        let pieces =
            [(Stream::Out, b"ou".as_slice()), (Stream::Err, b"err\n"), (Stream::Out, b"t")];
        check(style.clone(), 0, &pieces, "t | err\nt | out\n");
        check(style, 1, &pieces, "t | out\n");
    }

    #[test]
    fn a_terminal_gets_nothing_that_it_would_obey() {
        assert_eq!(shown(b"10%\r20%\r\n".trim_ascii_end(), true), "20%");
        assert_eq!(
            shown(b"a\tb\x1b[31mred\x1b[2J\xff", true),
            "a\tb\x1b[31mred\\x1b[2J\u{fffd}\x1b[0m"
        );
        assert_eq!(shown(b"\x1b[1;31mred\x1b]0;x\x07", false), "\\x1b[1;31mred\\x1b]0;x\\x07");
    }
}
