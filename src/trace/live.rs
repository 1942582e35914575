//! The live view: a progress bar and a line per running task below what has been printed.
//!
//! Knows no stream: [`Live::draw`] and [`Live::clear`] return the bytes to write, so that a frame and
//! the lines above it leave in one write and nothing flickers. Nothing of it outlives the process:
//! the cursor stays visible, and the region is gone after [`Live::clear`].

use std::sync::{Arc, Mutex, PoisonError};

use console::measure_text_width;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::model::Ms;

/// What a frame shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Tasks that have ended.
    pub(super) done: u64,
    /// All tasks.
    pub(super) total: u64,
    /// Since the start of the run.
    pub(super) took: Ms,
    /// How long the run still takes, where that can be said.
    pub(super) remaining: Option<Ms>,
    /// Whether a cancel was asked.
    pub(super) cancelling: bool,
    /// The tasks that run, the oldest first; all text harmless.
    pub(super) rows: Vec<Row>,
}

/// One running task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// How long it has taken.
    pub(super) took: Ms,
    /// The last line that it printed.
    pub(super) said: String,
}

/// The live view of a run.
#[derive(Debug)]
pub(super) struct Live {
    bar: ProgressBar,
    canvas: Canvas,
    /// The width of each line that is on the screen.
    drawn: Vec<usize>,
}

/// Whether there is a live view in this build.
pub(super) const AVAILABLE: bool = true;

/// Columns that stay free for keys: the cursor rests behind the last line, where the terminal echoes
/// `^C`, three times before the next frame at worst. A line that they wrapped would not be cleared.
const ECHOED: usize = 6;

const STYLE: &str = "{spinner} [{bar:24}] {pos}/{len} {msg}";

impl Live {
    /// Returns a view that shows nothing yet.
    pub(super) fn new() -> Live {
        let canvas = Canvas::default();
        let target = ProgressDrawTarget::term_like(Box::new(canvas.clone()));
        let style = ProgressStyle::with_template(STYLE).expect("the template is well-formed");
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        Live { bar, canvas, drawn: Vec::new() }
    }

    /// Returns whether anything is on the screen.
    pub(super) fn is_shown(&self) -> bool {
        !self.drawn.is_empty()
    }

    /// Returns the bytes that draw a frame on a terminal of this size, at the start of a line.
    pub(super) fn draw(&mut self, frame: &Frame, width: u16, height: u16) -> Vec<u8> {
        let mut lines = vec![self.bar_line(frame)];
        // One row stays free for what stands above.
        let room = usize::from(height).saturating_sub(2);
        let n_rows = if frame.rows.len() <= room { room } else { room.saturating_sub(1) };
        lines.extend(frame.rows.iter().take(n_rows).map(row));
        let left_out = frame.rows.len().saturating_sub(n_rows);
        if left_out > 0 && room > 0 {
            lines.push(format!("… and {left_out} more"));
        }
        // A character that the terminal takes for wider than we do must not wrap the line.
        let mut bytes = b"\x1b[?7l".to_vec();
        let most = usize::from(width).saturating_sub(1 + ECHOED).max(1);
        self.drawn.clear();
        for (index, line) in lines.iter().enumerate() {
            let cut = console::truncate_str(line, most, "…");
            if index > 0 {
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(cut.as_bytes());
            self.drawn.push(measure_text_width(&cut));
        }
        bytes.extend_from_slice(b"\x1b[?7h");
        bytes
    }

    /// Returns the bytes that remove what [`Live::draw`] drew, on a terminal that is `width` wide by
    /// now: one that became narrower has wrapped the lines.
    pub(super) fn clear(&mut self, width: u16) -> Vec<u8> {
        if self.drawn.is_empty() {
            return Vec::new();
        }
        let width = usize::from(width).max(1);
        let rows: usize = self.drawn.iter().map(|drawn| drawn.div_ceil(width).max(1)).sum();
        self.drawn.clear();
        // Line by line: what is cleared from the first line of the screen to its end at once goes into
        // the history of tmux, frame by frame.
        format!("\r\x1b[2K{}", "\x1b[1A\x1b[2K".repeat(rows - 1)).into_bytes()
    }

    fn bar_line(&mut self, frame: &Frame) -> String {
        let remaining = frame.remaining.and_then(about).unwrap_or_default();
        let rest = if frame.cancelling { ", cancelling" } else { &remaining };
        self.bar.set_length(frame.total);
        self.bar.set_position(frame.done);
        self.bar.set_message(format!("({}{rest})", frame.took));
        self.bar.tick();
        self.canvas.take();
        self.bar.force_draw();
        self.canvas.take().trim_end().to_owned()
    }
}

/// Returns how long is left in words, in whole seconds; `None` where that is less than one.
fn about(left: Ms) -> Option<String> {
    match left.0 / 1000 {
        0 => None,
        seconds @ 1..60 => Some(format!(", about {seconds} s left")),
        _ => Some(format!(", about {left} left")),
    }
}

fn row(row: &Row) -> String {
    let said = if row.said.is_empty() { String::new() } else { format!(" | {}", row.said) };
    format!("  {} ({}){said}", row.name, row.took)
}

/// What the bar draws on: it keeps the text, and where it stands is [`Live`]'s own business.
#[derive(Clone, Debug, Default)]
struct Canvas(Arc<Mutex<String>>);

impl Canvas {
    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        // Wider than the bar's line ever is; the cut comes later.
        200
    }
    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)
    }
    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n_rows: u64) -> Frame {
        let row =
            |n| Row { name: format!("t{n}"), took: Ms(n * 1000), said: "日本語".repeat(9) };
        Frame {
            done: 3,
            total: 12,
            took: Ms(1500),
            rows: (0..n_rows).map(row).collect(),
            ..Frame::default()
        }
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let text = text.strip_prefix("\x1b[?7l").and_then(|text| text.strip_suffix("\x1b[?7h"));
        text.expect("wrapping is off while drawing").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_frame_fits_the_terminal() {
        let mut live = Live::new();
        let shown = lines(&live.draw(&frame(20), 40, 6));
        assert!(shown[0].starts_with("- [======>                 ] 3/1"), "{shown:?}");
        assert_eq!(shown.len(), 5);
        assert_eq!(shown[4], "… and 17 more");
        assert!(shown.iter().all(|line| measure_text_width(line) < 40), "{shown:?}");
        assert_eq!(lines(&live.draw(&frame(4), 80, 6)).len(), 5);
        assert_eq!(lines(&live.draw(&frame(4), 80, 1)).len(), 1);
        assert!(measure_text_width(&lines(&live.draw(&frame(0), 2, 1))[0]) < 2);
    }

    #[test]
    fn what_is_left_stands_in_whole_seconds() {
        let bar = |remaining: Option<u64>, cancelling| {
            let frame = Frame { remaining: remaining.map(Ms), cancelling, ..frame(0) };
            let shown = lines(&Live::new().draw(&frame, 100, 6));
            shown[0].split_once("] ").expect("a bar").1.to_owned()
        };
        assert_eq!(bar(None, false), "3/12 (1.5 s)");
        assert_eq!(bar(Some(999), false), "3/12 (1.5 s)");
        assert_eq!(bar(Some(12_900), false), "3/12 (1.5 s, about 12 s left)");
        assert_eq!(bar(Some(130_000), false), "3/12 (1.5 s, about 2m10s left)");
        assert_eq!(bar(Some(130_000), true), "3/12 (1.5 s, cancelling)");
    }

    #[test]
    fn clearing_knows_what_was_drawn() {
        let mut live = Live::new();
        assert!(!live.is_shown());
        assert!(live.clear(80).is_empty());
        live.draw(
            &Frame { rows: vec![Row { name: "x".repeat(60), ..Row::default() }], ..frame(0) },
            100,
            24,
        );
        assert!(live.is_shown());
        assert_eq!(live.clear(100), b"\r\x1b[2K\x1b[1A\x1b[2K");
        live.draw(
            &Frame { rows: vec![Row { name: "x".repeat(60), ..Row::default() }], ..frame(0) },
            100,
            24,
        );
        // 67 columns of text take two rows of 40, and so does the bar's line of 45.
        let up = b"\x1b[1A\x1b[2K".repeat(3);
        assert_eq!(live.clear(40), [&b"\r\x1b[2K"[..], &up].concat());
        assert!(!live.is_shown());
    }
}
