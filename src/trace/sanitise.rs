//! Makes the output of a task harmless for a terminal or a CI log, line by line.
//!
//! Invalid UTF-8 becomes U+FFFD, control characters become visible escapes (but tab and, where
//! colours are shown, SGR colours), `\r\n` is a line end, and of a line that was rewritten with `\r`
//! only the last text is shown. A colour never leaks out of its task: each line ends without one and
//! the next begins with it again.
//!
//! Works byte by byte, so that the result does not depend on how the output was cut into chunks, and
//! holds at most [`MAX_HELD`] bytes of a line: a longer one is shown in pieces.

use std::fmt::Write;

/// How much of an unfinished line is held, in bytes.
pub(super) const MAX_HELD: usize = 64 << 10;

/// The longest colour sequence that is taken for one; real ones have under 20 bytes.
const MAX_SGR: usize = 32;

/// The output of one stream of one task on its way to the screen.
#[derive(Debug, Default)]
pub(super) struct Sanitiser {
    colour: bool,
    /// What was read of the line since its last `\r` that was followed by text.
    held: Vec<u8>,
    /// Whether the byte before was a `\r`: only the next one tells what it means.
    returned: bool,
    /// Whether a piece of the line was shown.
    in_line: bool,
    /// The colours in force since the last reset.
    active: String,
}

impl Sanitiser {
    /// Returns a sanitiser that keeps colours or escapes them.
    pub(super) fn new(colour: bool) -> Sanitiser {
        Sanitiser { colour, ..Sanitiser::default() }
    }

    /// Takes in output and calls `each` with every piece that can be shown, and with whether the
    /// piece ends its line; pieces have no newline of their own.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&str, bool)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Most bytes are ordinary: they are taken in as a run up to the next special one.
            let most = rest.len().min(MAX_HELD - self.held.len());
            let plain = memchr::memchr2(b'\n', b'\r', &rest[..most]).unwrap_or(most);
            if plain > 0 {
                self.carriage_return();
                // After a return the held text is gone, which only widens the room.
                self.held.extend_from_slice(&rest[..plain]);
                rest = &rest[plain..];
                if self.held.len() == MAX_HELD {
                    self.piece(each);
                }
                continue;
            }
            if rest[0] == b'\n' {
                self.line(each);
            } else {
                self.returned = true;
            }
            rest = &rest[1..];
        }
    }

    /// Shows what is left of an unfinished line; the next output begins a new one.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(&str, bool)) {
        if !self.held.is_empty() || self.in_line {
            self.line(each);
        }
        self.active.clear();
    }

    fn carriage_return(&mut self) {
        if std::mem::take(&mut self.returned) {
            self.held.clear();
        }
    }

    fn line(&mut self, each: &mut dyn FnMut(&str, bool)) {
        self.returned = false;
        let held = std::mem::take(&mut self.held);
        let text = self.shown(&held);
        each(&text, true);
        self.in_line = false;
        self.held = held;
        self.held.clear();
    }

    fn piece(&mut self, each: &mut dyn FnMut(&str, bool)) {
        let mut held = std::mem::take(&mut self.held);
        let whole = held.len() - unfinished(&held, self.colour);
        let text = self.shown(&held[..whole]);
        each(&text, false);
        self.in_line = true;
        held.drain(..whole);
        self.held = held;
    }

    /// Returns `bytes` as they are shown, colours closed at the end.
    fn shown(&mut self, bytes: &[u8]) -> String {
        let mut shown = String::with_capacity(bytes.len() + 8);
        shown.push_str(&self.active);
        for chunk in bytes.utf8_chunks() {
            self.show(chunk.valid(), &mut shown);
            if !chunk.invalid().is_empty() {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if !self.active.is_empty() {
            shown.push_str("\x1b[0m");
        }
        shown
    }

    fn show(&mut self, text: &str, shown: &mut String) {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
            shown.push_str(&rest[..at]);
            rest = &rest[at..];
            if self.colour
                && let Some(sgr) = sgr(rest)
            {
                shown.push_str(sgr);
                self.remember(sgr);
                rest = &rest[sgr.len()..];
                continue;
            }
            let control = rest.chars().next().expect("`find` found a character");
            let _ = write!(shown, "\\x{:02x}", control as u32); // a String takes everything
            rest = &rest[control.len_utf8()..];
        }
        shown.push_str(rest);
    }

    fn remember(&mut self, sgr: &str) {
        if matches!(sgr, "\x1b[m" | "\x1b[0m") || self.active.len() > 4 * MAX_SGR {
            self.active.clear();
        }
        if !matches!(sgr, "\x1b[m" | "\x1b[0m") {
            self.active.push_str(sgr);
        }
    }
}

/// Returns the colour sequence that `text` begins with.
fn sgr(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    let length = 2 + end + 1;
    (parameters.as_bytes()[end] == b'm' && length <= MAX_SGR).then(|| &text[..length])
}

/// Returns how many bytes at the end may be the beginning of a character or of a colour.
fn unfinished(bytes: &[u8], colour: bool) -> usize {
    let from = bytes.len().saturating_sub(MAX_SGR - 1);
    if colour && let Some(at) = memchr::memrchr(0x1b, &bytes[from..]) {
        let tail = &bytes[from + at..];
        let open = |b: &u8| b.is_ascii_digit() || matches!(b, b';' | b':');
        if tail.len() == 1 || (tail[1] == b'[' && tail[2..].iter().all(open)) {
            return tail.len();
        }
    }
    match std::str::from_utf8(&bytes[bytes.len().saturating_sub(3)..]) {
        Ok(_) => 0,
        // No length: the end is missing, not wrong. Cut from behind, a character may also lack its
        // beginning here, so that only one that starts in these bytes is looked at.
        Err(_) => (1..=3.min(bytes.len()))
            .find(|n| bytes[bytes.len() - n] >= 0xc0)
            .filter(|n| {
                let error = std::str::from_utf8(&bytes[bytes.len() - n..]).err();
                error.is_some_and(|error| error.error_len().is_none())
            })
            .unwrap_or(0),
    }
}

/// Returns the last `most` lines of `text` as they are shown, none of them empty.
pub(super) fn last_lines(bytes: &[u8], most: usize, colour: bool) -> Vec<String> {
    let mut lines = std::collections::VecDeque::new();
    let mut current = String::new();
    let mut sanitiser = Sanitiser::new(colour);
    let mut each = |piece: &str, ends: bool| {
        current.push_str(piece);
        if ends {
            let line = std::mem::take(&mut current);
            if !line.trim().is_empty() {
                if lines.len() == most {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        }
    };
    sanitiser.push(bytes, &mut each);
    sanitiser.finish(&mut each);
    lines.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sanitised(chunks: &[&[u8]], colour: bool) -> String {
        let mut sanitiser = Sanitiser::new(colour);
        let mut shown = String::new();
        let mut each = |piece: &str, ends: bool| {
            shown.push_str(piece);
            if ends {
                shown.push('\n');
            }
        };
        chunks.iter().for_each(|chunk| sanitiser.push(chunk, &mut each));
        sanitiser.finish(&mut each);
        shown
    }

    fn check(input: &str, expected: &str) {
        assert_eq!(sanitised(&[input.as_bytes()], true), expected, "{input:?}");
    }

    #[test]
    fn lines_become_harmless() {
        check("a\tb\nc", "a\tb\nc\n");
        check("a\r\n\r\nb\r\r\n", "a\n\nb\n");
        check(" 10%\r 20%\r100%\n", "100%\n");
        check(" 10%\r 20%\r", " 20%\n");
        check("a\x07b\x1b[2Jc\x7f\u{9b}31m\0\n", "a\\x07b\\x1b[2Jc\\x7f\\x9b31m\\x00\n");
        check("\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n");
        check("\x1b[1mtwo\nlines\x1b[m end\n", "\x1b[1mtwo\x1b[0m\n\x1b[1mlines\x1b[m end\n");
        check("\x1b[31", "\\x1b[31\n");
        check("", "");
        assert_eq!(sanitised(&[b"\x1b[31mred\n"], false), "\\x1b[31mred\n");
        assert_eq!(sanitised(&[b"::error::x\n"], false), "::error::x\n");
    }

    #[test]
    fn characters_may_be_cut() {
        let text = "é日🐇".as_bytes();
        for at in 0..text.len() {
            assert_eq!(sanitised(&[&text[..at], &text[at..]], true), "é日🐇\n");
        }
        assert_eq!(sanitised(&[b"a\xff\xe6\x97", b"b\n"], true), "a\u{fffd}\u{fffd}b\n");
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces() {
        let line = "日".repeat(MAX_HELD);
        let mut sanitiser = Sanitiser::new(true);
        let (mut shown, mut pieces) = (String::new(), 0);
        let mut each = |piece: &str, _| {
            shown.push_str(piece);
            pieces += 1;
        };
        line.as_bytes().chunks(4096).for_each(|chunk| sanitiser.push(chunk, &mut each));
        assert!(sanitiser.held.capacity() <= 2 * MAX_HELD);
        sanitiser.finish(&mut each);
        assert_eq!(pieces, 4);
        assert!(shown == line);
    }

    #[test]
    fn last_lines_are_the_last() {
        assert_eq!(last_lines(b"a\n\nb\nc", 2, false), ["b", "c"]);
        assert!(last_lines(b"\n \n", 2, false).is_empty());
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let special = prop::sample::select(b"\n\r\t\x1b[31;m0\xe6\x97\xa5\xff".to_vec());
        prop::collection::vec(prop_oneof![special, any::<u8>()], 0..400)
    }

    proptest! {
        #[test]
        fn no_control_character_passes_and_no_cut_matters(
            text in bytes(),
            cuts in prop::collection::vec(0usize..400, 0..8),
            colour: bool,
        ) {
            let whole = sanitised(&[&text], colour);
            let mut harmless = whole.clone();
            while let Some(at) = harmless.find("\x1b[") {
                let sgr = sgr(&harmless[at..]).expect("an escape begins a colour").len();
                prop_assert!(colour);
                harmless.replace_range(at..at + sgr, "");
            }
            prop_assert!(!harmless.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            prop_assert_eq!(sanitised(&chunks, colour), whole);
        }

        #[test]
        fn no_cut_matters_around_the_longest_piece(text in bytes(), cut in 0usize..400) {
            let mut long = vec![b'x'; MAX_HELD - 200];
            long.extend_from_slice(&text);
            let cut = MAX_HELD - 200 + cut.min(text.len());
            let whole = sanitised(&[&long], true);
            prop_assert_eq!(sanitised(&[&long[..cut], &long[cut..]], true), whole);
        }
    }
}
