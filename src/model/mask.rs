//! What must not be read: the values of secrets, and `***` in their place.
//!
//! All values are looked for at once, with the automaton of Aho and Corasick. It is written out here
//! since two things are needed that no crate gives together: matches that overlap go as one, down to
//! the last byte, and a stream that is read in pieces is held back exactly as far as its end may still
//! become a value, and no byte further.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// What stands in the place of a value.
pub const MASKED: &str = "***";

/// The shortest value that is masked, in bytes: a shorter one stands in too much that is no secret.
pub const MIN_SECRET: usize = 4;

const ROOT: u32 = 0;

/// How many bits a hash has: 16 KiB, which stay in the fastest memory.
const HASH_BITS: u32 = 17;

/// Finds the values of secrets.
///
/// ```
/// use pyoco::model::Mask;
///
/// let mask = Mask::new(["hunter2", "2000"]);
/// assert_eq!(mask.text("user: hunter2000!"), "user: ***!");
/// ```
#[derive(Clone, Default)]
pub struct Mask {
    /// A tree of all values, the root first; empty where there is no value.
    nodes: Vec<Node>,
    /// Where each byte leads from the root.
    first: Vec<u32>,
    /// A bit for each hash of four bytes that begin a value: most of a text is passed over by it.
    begins: Vec<u64>,
}

/// Some bytes that begin a value.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    byte: u8,
    child: u32,
    sibling: u32,
    /// The longest end of these bytes that begins a value too.
    fail: u32,
    /// How many bytes.
    depth: u32,
    /// The length of the longest value that these bytes end with; 0 for none.
    longest: u32,
}

impl std::fmt::Debug for Mask {
    /// Says how much there is, and not what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mask").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Mask {
    /// Returns what masks these values: each as a whole, each line of it, and both as a shell or a
    /// JSON text quotes them. What is shorter than [`MIN_SECRET`] is left alone.
    pub fn new<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Mask {
        let mut mask = Mask::default();
        for value in values {
            each_form(value.as_ref(), &mut |form| mask.add(form));
        }
        mask.link();
        mask
    }

    /// Returns whether it masks nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns whether a value is long enough to be masked, or a line of it.
    pub fn takes(value: &[u8]) -> bool {
        let mut takes = false;
        each_form(value, &mut |_| takes = true);
        takes
    }

    /// Returns where values stand; those that touch as one.
    pub fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let (mut state, mut spans) = (ROOT, Spans::default());
        self.scan(&mut state, 0, bytes, &mut spans);
        spans.in_slice()
    }

    /// Returns the bytes with `***` in the place of values.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        replaced(bytes, self.find(bytes))
    }

    /// Returns a text that was cut at its end with `***` in the place of values, also of one of which
    /// the cut left its first bytes, [`MIN_SECRET`] or more.
    pub fn cut_text(&self, text: &str) -> String {
        let (mut state, mut spans) = (ROOT, Spans::default());
        self.scan(&mut state, 0, text.as_bytes(), &mut spans);
        let (end, depth) = (text.len() as u64, self.depth(state));
        if depth >= MIN_SECRET as u64 {
            spans.add(end - depth, end);
        }
        String::from_utf8_lossy(&replaced(text.as_bytes(), spans.in_slice())).into_owned()
    }

    /// Returns the text with `***` in the place of values.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // A value that is no text may have begun or ended inside of a character.
            Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// Masks a text in its place.
    pub fn apply(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    /// Puts a `*` in the place of every byte that ends no line.
    pub fn blank(bytes: &mut [u8]) {
        let blank = |byte: &&mut u8| !matches!(**byte, b'\n' | b'\r');
        bytes.iter_mut().filter(blank).for_each(|byte| *byte = b'*');
    }

    /// Returns what masks bytes that come in pieces.
    pub fn stream(self: &Arc<Mask>) -> MaskStream {
        MaskStream { mask: Arc::clone(self), ..MaskStream::default() }
    }

    /// Adds a value to the tree.
    fn add(&mut self, value: &[u8]) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
            self.first = vec![ROOT; 256];
            self.begins = vec![0; (1 << HASH_BITS) / 64];
        }
        let hash = hash(value);
        self.begins[hash / 64] |= 1 << (hash % 64);
        let mut node = ROOT;
        for (at, byte) in value.iter().enumerate() {
            node = match self.child(node, *byte) {
                Some(child) => child,
                None => self.grow(node, *byte, at + 1),
            };
        }
        self.nodes[node as usize].longest = self.nodes[node as usize].depth;
    }

    fn grow(&mut self, parent: u32, byte: u8, depth: usize) -> u32 {
        let node = u32::try_from(self.nodes.len()).expect("values are far below 4 GiB");
        let sibling = self.nodes[parent as usize].child;
        let depth = depth as u32; // no deeper than there are nodes
        self.nodes.push(Node { byte, sibling, depth, ..Node::default() });
        self.nodes[parent as usize].child = node;
        if parent == ROOT {
            self.first[usize::from(byte)] = node;
        }
        node
    }

    /// Gives every node its `fail`, the shallow ones first.
    fn link(&mut self) {
        let mut queue: VecDeque<u32> = self.children(ROOT).collect();
        while let Some(node) = queue.pop_front() {
            let Node { fail, .. } = self.nodes[node as usize];
            for child in self.children(node).collect::<Vec<_>>() {
                let next = self.next(fail, self.nodes[child as usize].byte);
                let inherited = self.nodes[next as usize].longest;
                let child_node = &mut self.nodes[child as usize];
                child_node.fail = next;
                child_node.longest = child_node.longest.max(inherited);
                queue.push_back(child);
            }
        }
    }

    fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = self.nodes.get(node as usize).map_or(ROOT, |node| node.child);
        let mut next = first;
        std::iter::from_fn(move || {
            let child = next;
            (child != ROOT).then(|| {
                next = self.nodes[child as usize].sibling;
                child
            })
        })
    }

    fn child(&self, node: u32, byte: u8) -> Option<u32> {
        if node == ROOT {
            return Some(self.first[usize::from(byte)]).filter(|child| *child != ROOT);
        }
        self.children(node).find(|child| self.nodes[*child as usize].byte == byte)
    }

    /// Returns where a byte leads.
    fn next(&self, mut node: u32, byte: u8) -> u32 {
        loop {
            match self.child(node, byte) {
                Some(child) => return child,
                None if node == ROOT => return ROOT,
                None => node = self.nodes[node as usize].fail,
            }
        }
    }

    /// Returns how many bytes can be passed over, since no value begins in them.
    fn passed(&self, bytes: &[u8]) -> usize {
        let may_begin = |start: &[u8]| {
            let hash = hash(start);
            self.begins[hash / 64] & 1 << (hash % 64) != 0
        };
        // What is shorter than a value's beginning may be one all the same.
        let unsure = bytes.len().saturating_sub(MIN_SECRET - 1);
        bytes.windows(MIN_SECRET).position(may_begin).unwrap_or(unsure)
    }

    /// Goes on through a text of which `bytes` begin at `at`.
    fn scan(&self, state: &mut u32, at: u64, bytes: &[u8], spans: &mut Spans) {
        if self.is_empty() {
            return;
        }
        let mut here = 0;
        while here < bytes.len() {
            // A few bytes begin some value nearly everywhere: before the state is followed, it is made
            // sure that they go on like one.
            let depth = self.nodes[*state as usize].depth as usize;
            if depth < MIN_SECRET
                && let Some(start) = here.checked_sub(depth)
            {
                let passed = self.passed(&bytes[start..]);
                if passed > 0 {
                    (*state, here) = (ROOT, start + passed);
                }
            }
            *state = self.next(*state, bytes[here]);
            here += 1;
            let longest = self.nodes[*state as usize].longest;
            if longest > 0 {
                let end = at + here as u64;
                spans.add(end - u64::from(longest), end);
            }
        }
    }

    /// Returns how many bytes before this state may be the beginning of a value.
    fn depth(&self, state: u32) -> u64 {
        self.nodes.get(state as usize).map_or(0, |node| u64::from(node.depth))
    }
}

/// Returns the bytes with `***` in these places.
fn replaced(bytes: &[u8], places: Vec<Range<usize>>) -> Cow<'_, [u8]> {
    if places.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let (mut masked, mut at) = (Vec::with_capacity(bytes.len()), 0);
    for place in places {
        masked.extend_from_slice(&bytes[at..place.start]);
        masked.extend_from_slice(MASKED.as_bytes());
        at = place.end;
    }
    masked.extend_from_slice(&bytes[at..]);
    Cow::Owned(masked)
}

/// Returns the hash of the first bytes of a text, of which there are [`MIN_SECRET`] at least.
fn hash(text: &[u8]) -> usize {
    let first = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
    (first.wrapping_mul(0x9e37_79b1) >> (u32::BITS - HASH_BITS)) as usize
}

/// Places of values in their order; none of them touch.
#[derive(Clone, Debug, Default)]
struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Adds a place that ends behind all others.
    fn add(&mut self, mut start: u64, end: u64) {
        while let Some((other, _)) = self.0.pop_if(|(_, other_end)| *other_end >= start) {
            start = start.min(other);
        }
        self.0.push((start, end));
    }

    /// Returns them as places of a slice that was scanned as a whole.
    fn in_slice(&self) -> Vec<Range<usize>> {
        let narrow = |at: u64| usize::try_from(at).expect("it lies in a slice");
        self.0.iter().map(|(start, end)| narrow(*start)..narrow(*end)).collect()
    }
}

/// Masks bytes that come in pieces: what it gives out is the same however they are cut.
#[derive(Clone, Debug, Default)]
pub struct MaskStream {
    mask: Arc<Mask>,
    state: u32,
    /// How many bytes came.
    taken: u64,
    /// How many of them were given out or masked; `held` are the rest.
    given: u64,
    held: Vec<u8>,
    /// Where values stand after `given`.
    spans: Spans,
    /// The end of what the last `***` stands for.
    masked_to: Option<u64>,
    out: Vec<u8>,
}

impl MaskStream {
    /// Takes the next bytes; returns what can be shown now. What may still become a value is kept
    /// back, until it has become one or cannot any more.
    pub fn push<'b>(&'b mut self, bytes: &'b [u8]) -> &'b [u8] {
        self.mask.scan(&mut self.state, self.taken, bytes, &mut self.spans);
        self.taken += bytes.len() as u64;
        let settled = self.taken - self.mask.depth(self.state);
        if self.held.is_empty() && self.spans.0.is_empty() && settled == self.taken {
            self.given = settled;
            return bytes;
        }
        self.give(settled, bytes);
        let kept = (self.taken - settled) as usize;
        match kept.checked_sub(bytes.len()) {
            None | Some(0) => {
                self.held.clear();
                self.held.extend_from_slice(&bytes[bytes.len() - kept..]);
            }
            Some(older) => {
                self.held.drain(..self.held.len() - older);
                self.held.extend_from_slice(bytes);
            }
        }
        &self.out
    }

    /// Returns what was kept back: nothing follows.
    pub fn finish(&mut self) -> &[u8] {
        self.give(self.taken, &[]);
        self.held.clear();
        self.state = ROOT;
        &self.out
    }

    /// Puts the text up to `to` into `out`: from what is held, and from `bytes` after it.
    fn give(&mut self, to: u64, bytes: &[u8]) {
        self.out.clear();
        let from = self.given;
        let mut at = from;
        let mut spans = std::mem::take(&mut self.spans.0);
        spans.retain_mut(|(start, end)| {
            if *start >= to {
                return true;
            }
            self.copy(from, at..*start, bytes);
            if self.masked_to != Some(*start) {
                self.out.extend_from_slice(MASKED.as_bytes());
            }
            at = to.min(*end);
            self.masked_to = Some(at);
            *start = at;
            *end > to
        });
        self.spans.0 = spans;
        self.copy(from, at..to, bytes);
        self.given = to;
    }

    /// Copies a part of the text, of which `held` begins at `from`.
    fn copy(&mut self, from: u64, range: Range<u64>, bytes: &[u8]) {
        let (start, end) = ((range.start - from) as usize, (range.end - from) as usize);
        let n_held = self.held.len();
        self.out.extend_from_slice(&self.held[start.min(n_held)..end.min(n_held)]);
        let behind = |at: usize| at.saturating_sub(n_held);
        self.out.extend_from_slice(&bytes[behind(start)..behind(end)]);
    }
}

/// Calls `each` with every form of a value that is masked.
fn each_form(value: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut add = |form: &[u8]| {
        if form.len() >= MIN_SECRET {
            each(form);
            quoted(form, each);
        }
    };
    // White space around a value is lost wherever it is printed without quotes.
    let whole = match value.trim_ascii() {
        [] => return,
        trimmed if trimmed.len() < MIN_SECRET => value,
        trimmed => trimmed,
    };
    add(whole);
    if memchr::memchr2(b'\n', b'\r', whole).is_some() {
        whole.split(|byte| matches!(byte, b'\n' | b'\r')).for_each(|line| add(line.trim_ascii()));
    }
}

/// Calls `each` with what a shell's trace and JSON make of a value, where it is another text.
fn quoted(value: &[u8], each: &mut dyn FnMut(&[u8])) {
    if value.contains(&b'\'') {
        for inside in ["'\\''", "'\"'\"'"] {
            let parts: Vec<&[u8]> = value.split(|byte| *byte == b'\'').collect();
            each(&parts.join(inside.as_bytes()));
        }
    }
    let text = String::from_utf8_lossy(value);
    if text.as_bytes() != value {
        each(text.as_bytes()); // as it stands in a record
    }
    let json = serde_json::to_string(&*text).expect("a text is JSON");
    let json = &json[1..json.len() - 1];
    if json != text {
        each(json.as_bytes());
    }
}
