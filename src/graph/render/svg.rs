//! An image, drawn without another program: boxes with names from left to right, arrows to what needs
//! them, dashed where one of several is enough. `finally` stands in a frame of its own below.
//!
//! A list that several tasks need passes through one dot, so that two full layers of a thousand tasks are
//! two thousand lines.

use std::fmt::Write;

use super::layout::{Layout, Size, layout};
use super::states::{NodeState, States};
use super::{Edge, layers};
use crate::model::{Flow, Part, TaskId, escape, one_line};

/// How wide a character of the names is, at a size of 12.
const CHARACTER: f64 = 7.3;

/// The longest name that is shown whole, in characters.
const LONGEST: usize = 48;

/// How much of a description is shown, in characters.
const MAX_DESCRIPTION: usize = 300;

const MARGIN: f64 = 16.0;
const GAP: f64 = 14.0;

/// How wide the rows of tasks are that have no edge.
const ROW: f64 = 800.0;

const DOT: Size = Size { width: 6.0, height: 6.0 };

/// Draws the image.
pub(super) fn svg(flow: &Flow, states: Option<&States>) -> String {
    let mut body = String::new();
    let mut drawing = Drawing { flow, states, body: &mut body };
    let (mut width, mut y) = (0.0_f64, MARGIN);
    let part_of = |part: Part| -> Vec<TaskId> {
        flow.ids().filter(|id| flow.task(*id).part() == part).collect()
    };
    let (drawn_width, height) = drawing.part(&part_of(Part::Tasks), MARGIN, y);
    width = width.max(drawn_width);
    y += height;
    let finally = part_of(Part::Finally);
    if !finally.is_empty() {
        y += if height > 0.0 { 2.0 * GAP } else { 0.0 };
        let (inner_width, inner) = drawing.part(&finally, MARGIN + GAP, y + 26.0);
        let (frame_width, frame_height) = (inner_width.max(60.0) + 2.0 * GAP, inner + 26.0 + GAP);
        let _ = write!(
            drawing.body,
            "<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
             <text class=\"note\" x=\"{}\" y=\"{}\">finally</text>\n",
            n(MARGIN),
            n(y),
            n(frame_width),
            n(frame_height),
            n(MARGIN + GAP),
            n(y + 17.0)
        );
        width = width.max(frame_width);
        y += frame_height;
    }
    if let Some(states) = states {
        let (legend_width, height) = drawing.legend(&states.met(), y + GAP);
        width = width.max(legend_width);
        y += GAP + height;
    }
    let (width, height) = (n(width + 2.0 * MARGIN), n(y + MARGIN));
    let title = xml(&escape(flow.name()));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n{STYLE}{body}</svg>\n"
    )
}

const STYLE: &str = "<style>\n\
text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328}\n\
.note{font-size:11px;fill:#57606a}\n\
.task{fill:#f6f8fa;stroke:#57606a}\n\
.frame{fill:none;stroke:#8c959f;stroke-dasharray:2 3}\n\
.edge{fill:none;stroke:#57606a}\n\
.any{stroke-dasharray:5 4}\n\
.dot{fill:#57606a}\n\
</style>\n\
<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#57606a\"/></marker></defs>\n\
<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";

struct Drawing<'f> {
    flow: &'f Flow,
    states: Option<&'f States>,
    body: &'f mut String,
}

/// A line between two nodes of the layout: a task, or the dot of a list.
struct Line {
    from: usize,
    to: usize,
    edge: Edge,
    /// Whether a task is at its end.
    has_arrow: bool,
}

impl Drawing<'_> {
    /// Draws some tasks at a place; returns the size of what was drawn.
    fn part(&mut self, tasks: &[TaskId], x: f64, y: f64) -> (f64, f64) {
        let mut node_of: Vec<Option<usize>> = vec![None; self.flow.tasks().len()];
        let mut nodes: Vec<TaskId> = Vec::new();
        let is_part = |id: &TaskId| tasks.binary_search(id).is_ok(); // they stand in file order
        let lists: Vec<_> =
            layers(self.flow).into_iter().filter(|(_, _, users)| is_part(&users[0])).collect();
        for (_, list, users) in &lists {
            for id in self.flow.lists.get(*list).iter().chain(users) {
                node_of[id.index()] = Some(0);
            }
        }
        for &id in tasks {
            if let Some(node) = &mut node_of[id.index()] {
                *node = nodes.len();
                nodes.push(id);
            }
        }
        let mut sizes: Vec<Size> = nodes.iter().map(|id| self.size(*id)).collect();
        let node = |id: &TaskId| node_of[id.index()].unwrap_or_default();
        let mut lines: Vec<Line> = Vec::new();
        for (edge, list, users) in &lists {
            let (needs, edge) = (self.flow.lists.get(*list), *edge);
            if needs.len() == 1 || users.len() == 1 {
                let pairs =
                    needs.iter().flat_map(|need| users.iter().map(move |user| (need, user)));
                lines.extend(pairs.map(|(need, user)| Line {
                    from: node(need),
                    to: node(user),
                    edge,
                    has_arrow: true,
                }));
                continue;
            }
            let dot = sizes.len();
            sizes.push(DOT);
            let into = |need| Line { from: node(need), to: dot, edge, has_arrow: false };
            lines.extend(needs.iter().map(into));
            let out = |user| Line { from: dot, to: node(user), edge: Edge::All, has_arrow: true };
            lines.extend(users.iter().map(out));
        }
        let edges: Vec<(usize, usize)> = lines.iter().map(|line| (line.from, line.to)).collect();
        let layout = layout(&sizes, &edges);
        for (at, line) in lines.iter().enumerate() {
            self.line(&layout, at, line, &sizes, (x, y));
        }
        for &(left, middle) in &layout.places[nodes.len()..] {
            let (left, middle) = (n(x + left + DOT.width / 2.0), n(y + middle));
            let _ = writeln!(
                self.body,
                "<circle class=\"dot\" cx=\"{left}\" cy=\"{middle}\" r=\"3\"/>"
            );
        }
        for (id, (left, middle)) in nodes.iter().zip(&layout.places) {
            self.task(*id, x + left, y + middle);
        }
        let alone = tasks.iter().copied().filter(|id| node_of[id.index()].is_none()).collect();
        let gap = if layout.height > 0.0 { 2.0 * GAP } else { 0.0 };
        match self.rows(alone, x, y + layout.height + gap, layout.width.max(ROW)) {
            (_, 0.0) => (layout.width, layout.height),
            (width, height) => (layout.width.max(width), layout.height + gap + height),
        }
    }

    /// Draws tasks side by side, in as many rows as it takes; returns the size of what was drawn.
    fn rows(&mut self, tasks: Vec<TaskId>, x: f64, y: f64, most: f64) -> (f64, f64) {
        let (mut left, mut top, mut width) = (0.0, 0.0, 0.0_f64);
        let mut height = 0.0;
        for id in tasks {
            let size = self.size(id);
            if left > 0.0 && left + size.width > most {
                (left, top) = (0.0, top + size.height + GAP);
            }
            self.task(id, x + left, y + top + size.height / 2.0);
            width = width.max(left + size.width);
            height = top + size.height;
            left += size.width + GAP;
        }
        (width, height)
    }

    fn size(&self, id: TaskId) -> Size {
        let name = shortened(&escape(self.flow.task(id).name()));
        let words = self.states.map(|states| states.words(id)).unwrap_or_default();
        let characters = columns(&name).max(columns(&words));
        let height = if self.states.is_some() { 42.0 } else { 28.0 };
        Size { width: characters as f64 * CHARACTER + 20.0, height }
    }

    /// Draws a box with its name and its state; `left` and `middle` are the middle of its left side.
    fn task(&mut self, id: TaskId, left: f64, middle: f64) {
        let task = self.flow.task(id);
        let (name, size) = (escape(task.name()), self.size(id));
        let centre = n(left + size.width / 2.0);
        let colours = self.states.map_or(String::new(), |states| {
            let (fill, line) = states.of(id).colours();
            format!(" style=\"fill:{fill};stroke:{line}\"")
        });
        let told = match task.description() {
            Some(description) => format!("{name}: {}", one_line(description, MAX_DESCRIPTION)),
            None => name.to_string(),
        };
        let line = if self.states.is_some() { middle - 4.0 } else { middle + 4.0 };
        let _ = write!(
            self.body,
            "<g><title>{}</title><rect class=\"task\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
             rx=\"5\"{colours}/><text x=\"{centre}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            xml(&told),
            n(left),
            n(middle - size.height / 2.0),
            n(size.width),
            n(size.height),
            n(line),
            xml(&shortened(&name))
        );
        if let Some(states) = self.states {
            let words = xml(&states.words(id));
            let y = n(middle + 13.0);
            let _ = write!(
                self.body,
                "<text class=\"note\" x=\"{centre}\" y=\"{y}\" text-anchor=\"middle\">{words}</text>"
            );
        }
        self.body.push_str("</g>\n");
    }

    fn line(
        &mut self,
        layout: &Layout,
        at: usize,
        line: &Line,
        sizes: &[Size],
        origin: (f64, f64),
    ) {
        let place = |(x, y): (f64, f64)| (origin.0 + x, origin.1 + y);
        let (left, y) = layout.places[line.from];
        let mut from = place((left + sizes[line.from].width, y));
        let mut path = format!("M{} {}", n(from.0), n(from.1));
        for (left, right, y) in &layout.passes[at] {
            let (left, right) = (place((*left, *y)), place((*right, *y)));
            curve(&mut path, from, left);
            if right.0 > left.0 {
                let _ = write!(path, "H{}", n(right.0));
            }
            from = right;
        }
        curve(&mut path, from, place(layout.places[line.to]));
        let class = match line.edge {
            Edge::All => "edge",
            Edge::Any => "edge any",
        };
        let arrow = if line.has_arrow { " marker-end=\"url(#end)\"" } else { "" };
        let _ = writeln!(self.body, "<path class=\"{class}\" d=\"{path}\"{arrow}/>");
    }

    /// Says what the colours mean; returns the size of what was drawn.
    fn legend(&mut self, met: &[NodeState], y: f64) -> (f64, f64) {
        let mut x = MARGIN;
        for state in met {
            let ((fill, line), word) = (state.colours(), state.word());
            let _ = writeln!(
                self.body,
                "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" style=\"fill:{fill};stroke:{line}\"/>\
                 <text class=\"note\" x=\"{}\" y=\"{}\">{}</text>",
                n(x),
                n(y),
                n(x + 17.0),
                n(y + 10.0),
                xml(word)
            );
            x += 17.0 + columns(word) as f64 * CHARACTER + GAP;
        }
        (x - MARGIN, 12.0)
    }
}

/// Leads a path on, level at both ends.
fn curve(path: &mut String, from: (f64, f64), to: (f64, f64)) {
    let (middle, from_y) = (n((from.0 + to.0) / 2.0), n(from.1));
    let (x, y) = (n(to.0), n(to.1));
    let _ = write!(path, "C{middle} {from_y} {middle} {y} {x} {y}");
}

/// Returns a number with one place at most.
fn n(number: f64) -> String {
    let tenths = (number * 10.0).round() as i64;
    match (tenths / 10, (tenths % 10).abs()) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest}"),
    }
}

/// Returns how wide a text is: what is not Latin, Greek or Cyrillic is taken for wide.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if u32::from(c) < 0x1100 || c == '×' || c == '…' { 1 } else { 2 }).sum()
}

/// Returns a name, cut in its middle where it is very long.
fn shortened(name: &str) -> String {
    let n_characters = name.chars().count();
    if n_characters <= LONGEST {
        return name.to_owned();
    }
    let half = (LONGEST - 1) / 2;
    let first: String = name.chars().take(half).collect();
    let last: String = name.chars().skip(n_characters - half).collect();
    format!("{first}…{last}")
}

/// Returns a text as XML writes it. Control characters were escaped before; two more are no XML.
fn xml(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => written.push('\u{fffd}'),
            _ if c.is_control() => written.push('\u{fffd}'),
            _ => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_written_as_xml_takes_them() {
        assert_eq!(
            xml("<a href=\"x\">&\u{1b}\u{ffff}'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}\u{fffd}'"
        );
        let numbers = [(0.0, "0"), (1.25, "1.3"), (-0.04, "0"), (10.0, "10"), (3.16, "3.2")];
        for (number, text) in numbers {
            assert_eq!(n(number), text);
        }
        let long = shortened(&"ab".repeat(50));
        assert_eq!((long.chars().count(), &long[..4]), (47, "abab"));
        assert_eq!(columns("日本 ×6"), 7);
    }
}
