//! Pictures of a graph.
//!
//! All of them are drawn from the shared lists of needs, so that two full layers of a thousand tasks
//! give a short picture; only the JSON form names every edge. No walk recurses.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;

use super::fold::folded;
use crate::model::{Flow, ListId, TaskId, escape};

const DEEPEST: usize = 24; // levels of the tree before it goes on at the margin

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A tree for the terminal.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// Nodes and edges.
    Json,
    /// The notation of the key `graph`.
    Pyoco,
}

/// Draws the graph of a flow. Members of a matrix are one node in the pictures for people.
pub fn draw(flow: &Flow, picture: Picture) -> String {
    match picture {
        Picture::Text => text(&folded(flow)),
        Picture::Mermaid => mermaid(&folded(flow)),
        Picture::Dot => dot(&folded(flow)),
        Picture::Json => json(flow),
        Picture::Pyoco => notation(flow),
    }
}

/// Which of its two lists a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Edge {
    All,
    Any,
}

/// Returns each list that somebody needs with those who need it, in the order of the first of them.
fn layers(flow: &Flow) -> Vec<(Edge, ListId, Vec<TaskId>)> {
    let mut places: HashMap<(Edge, ListId), usize> = HashMap::new();
    let mut layers: Vec<(Edge, ListId, Vec<TaskId>)> = Vec::new();
    for id in flow.ids() {
        let task = flow.task(id);
        for (edge, list) in [(Edge::All, task.needs), (Edge::Any, task.needs_any)] {
            if list == ListId::EMPTY {
                continue;
            }
            let place = *places.entry((edge, list)).or_insert_with(|| {
                layers.push((edge, list, Vec::new()));
                layers.len() - 1
            });
            layers[place].2.push(id);
        }
    }
    layers
}

/// Draws a tree: the tasks that nobody needs at the margin, below each task what it needs. A task
/// that was drawn with its needs before is marked `(*)`, and a list that was, named by its owner.
fn text(flow: &Flow) -> String {
    let mut is_needed = vec![false; flow.tasks().len()];
    for list in flow.lists.ids() {
        for id in flow.lists.get(list) {
            is_needed[id.index()] = true;
        }
    }
    let mut tree = Tree { flow, drawn: vec![false; is_needed.len()], owners: HashMap::new() };
    let mut roots: VecDeque<TaskId> = flow.ids().filter(|id| !is_needed[id.index()]).collect();
    let mut picture = String::new();
    while let Some(root) = roots.pop_front() {
        tree.draw(root, &mut roots, &mut picture);
    }
    picture
}

struct Tree<'f> {
    flow: &'f Flow,
    drawn: Vec<bool>,
    /// The task below which a list was drawn.
    owners: HashMap<(Edge, ListId), TaskId>,
}

/// A line of the tree that is still to come.
struct Branch {
    prefix: String,
    is_last: bool,
    depth: usize,
    what: What,
}

enum What {
    Task(TaskId, Edge),
    /// A list that stands below this task already.
    Same(TaskId, Edge, usize),
}

impl Tree<'_> {
    fn draw(&mut self, root: TaskId, later: &mut VecDeque<TaskId>, picture: &mut String) {
        if self.drawn[root.index()] {
            return;
        }
        picture.push_str(&escape(self.flow.task(root).name()));
        picture.push_str(if self.flow.task(root).finally { " (finally)\n" } else { "\n" });
        let mut branches = self.needs(root, "", 1);
        while let Some(Branch { prefix, is_last, depth, what }) = branches.pop() {
            let (tee, pipe) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            picture.push_str(&prefix);
            picture.push_str(tee);
            match what {
                What::Same(owner, edge, count) => {
                    let owner = escape(self.flow.task(owner).name());
                    let mark = mark(edge);
                    let _ = writeln!(picture, "{mark}the {count} tasks below {owner} (*)");
                }
                What::Task(id, edge) => {
                    picture.push_str(mark(edge));
                    picture.push_str(&escape(self.flow.task(id).name()));
                    let has_needs =
                        !self.flow.needs(id).is_empty() || !self.flow.needs_any(id).is_empty();
                    if has_needs && self.drawn[id.index()] {
                        picture.push_str(" (*)");
                    } else if has_needs && depth >= DEEPEST {
                        picture.push_str(" (below)");
                        later.push_front(id);
                    } else {
                        branches.extend(self.needs(id, &format!("{prefix}{pipe}"), depth + 1));
                    }
                    picture.push('\n');
                }
            }
        }
    }

    /// Returns the branches of a task, the last one first.
    fn needs(&mut self, id: TaskId, prefix: &str, depth: usize) -> Vec<Branch> {
        self.drawn[id.index()] = true;
        let task = self.flow.task(id);
        let mut lines = Vec::new();
        for (edge, list) in [(Edge::All, task.needs), (Edge::Any, task.needs_any)] {
            let tasks = self.flow.lists.get(list);
            match self.owners.get(&(edge, list)) {
                Some(owner) if tasks.len() > 1 => {
                    lines.push(What::Same(*owner, edge, tasks.len()));
                }
                Some(_) | None => {
                    self.owners.insert((edge, list), id);
                    lines.extend(tasks.iter().map(|id| What::Task(*id, edge)));
                }
            }
        }
        let count = lines.len();
        let branch = |(number, what)| Branch {
            prefix: prefix.to_owned(),
            is_last: number + 1 == count,
            depth,
            what,
        };
        let mut branches: Vec<Branch> = lines.into_iter().enumerate().map(branch).collect();
        branches.reverse();
        branches
    }
}

fn mark(edge: Edge) -> &'static str {
    match edge {
        Edge::All => "",
        Edge::Any => "any of: ",
    }
}

/// Draws a Mermaid flowchart; its arrows take lists on both sides.
fn mermaid(flow: &Flow) -> String {
    let mut picture = "flowchart LR\n".to_owned();
    for id in flow.ids() {
        // In quotes Mermaid takes everything but the quote; entities begin with `#`.
        let name = escape(flow.task(id).name()).replace('#', "#35;").replace('"', "#quot;");
        // What runs at the end has round corners.
        let (open, close) = if flow.task(id).finally { ("(", ")") } else { ("[", "]") };
        let _ = writeln!(picture, "  t{}{open}\"{name}\"{close}", id.0);
    }
    let names =
        |ids: &[TaskId]| ids.iter().map(|id| format!("t{}", id.0)).collect::<Vec<_>>().join(" & ");
    for (edge, list, users) in layers(flow) {
        let arrow = match edge {
            Edge::All => "-->",
            Edge::Any => "-.->",
        };
        let needs = names(flow.lists.get(list));
        let _ = writeln!(picture, "  {needs} {arrow} {}", names(&users));
    }
    picture
}

/// Draws for Graphviz, which takes sets on both sides too.
fn dot(flow: &Flow) -> String {
    let quoted =
        |text: &str| format!("\"{}\"", escape(text).replace('\\', "\\\\").replace('"', "\\\""));
    let mut picture = format!("digraph {} {{\n  rankdir=LR;\n", quoted(flow.name()));
    for id in flow.ids() {
        let shape = if flow.task(id).finally { " [shape=box]" } else { "" };
        let _ = writeln!(picture, "  {}{shape};", quoted(flow.task(id).name()));
    }
    let names = |ids: &[TaskId]| {
        ids.iter().map(|id| quoted(flow.task(*id).name())).collect::<Vec<_>>().join(" ")
    };
    for (edge, list, users) in layers(flow) {
        let style = match edge {
            Edge::All => "",
            Edge::Any => " [style=dashed]",
        };
        let needs = names(flow.lists.get(list));
        let _ = writeln!(picture, "  {{{needs}}} -> {{{}}}{style};", names(&users));
    }
    picture.push_str("}\n");
    picture
}

/// Writes `{"flow", "nodes": [{"name", "description", "finally"}], "edges": [{"from", "to", "kind"}]}`,
/// a node or an edge a line; `kind` is `needs` or `needs_any`.
fn json(flow: &Flow) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let names: Vec<String> = flow.tasks().iter().map(|task| quoted(task.name())).collect();
    let mut picture = format!("{{\"flow\": {},\n \"nodes\": [", quoted(flow.name()));
    for id in flow.ids() {
        let comma = if id.0 == 0 { "" } else { "," };
        let description = flow.task(id).description().map_or("null".to_owned(), quoted);
        let (name, finally) = (&names[id.index()], flow.task(id).finally);
        let _ = write!(
            picture,
            "{comma}\n  {{\"name\": {name}, \"description\": {description}, \"finally\": {finally}}}"
        );
    }
    picture.push_str("],\n \"edges\": [");
    let mut comma = "";
    for id in flow.ids() {
        for (kind, needs) in [("needs", flow.needs(id)), ("needs_any", flow.needs_any(id))] {
            for need in needs {
                let (from, to) = (&names[need.index()], &names[id.index()]);
                let _ = write!(
                    picture,
                    "{comma}\n  {{\"from\": {from}, \"to\": {to}, \"kind\": \"{kind}\"}}"
                );
                comma = ",";
            }
        }
    }
    picture.push_str("]}\n");
    picture
}

/// Writes the notation: a line for each list, joined where one list is just what the last one leads
/// to; a task that stands in no list has a line of its own. What stands in `finally` has no place in the
/// notation and is named in a comment.
fn notation(flow: &Flow) -> String {
    let mut layers = layers(flow);
    layers.retain(|(_, _, users)| !flow.task(users[0]).finally);
    let by_tasks: HashMap<&[TaskId], usize> =
        layers.iter().enumerate().map(|(at, (_, list, _))| (flow.lists.get(*list), at)).collect();
    // A layer goes on in the line of another one that leads to exactly its tasks.
    let mut next: Vec<Option<usize>> = Vec::with_capacity(layers.len());
    let mut is_joined: HashSet<usize> = HashSet::new();
    for (_, _, users) in &layers {
        let after = by_tasks.get(&**users).copied();
        next.push(after.filter(|after| is_joined.insert(*after)));
    }
    let sizes = sizes(flow);
    let group = |edge: Edge, ids: &[TaskId]| {
        let names = entries(flow, &sizes, ids);
        match (edge, &*names) {
            (Edge::All, [name]) => (*name).to_owned(),
            (Edge::All, names) => format!("({})", names.join(" & ")),
            (Edge::Any, [name]) => format!("({name} |)"),
            (Edge::Any, names) => format!("({})", names.join(" | ")),
        }
    };
    let mut stands = vec![false; flow.tasks().len()];
    let mut picture = String::new();
    for first in (0..layers.len()).filter(|at| !is_joined.contains(at)) {
        let mut at = first;
        loop {
            let (edge, list, users) = &layers[at];
            let needs = flow.lists.get(*list);
            for id in needs.iter().chain(users) {
                stands[id.index()] = true;
            }
            let _ = write!(picture, "{} >> ", group(*edge, needs));
            match next[at] {
                Some(after) => at = after,
                None => {
                    let _ = writeln!(picture, "{}", group(Edge::All, users));
                    break;
                }
            }
        }
    }
    let alone: Vec<TaskId> =
        flow.ids().filter(|id| !stands[id.index()] && !flow.task(*id).finally).collect();
    for name in entries(flow, &sizes, &alone) {
        let _ = writeln!(picture, "{name}");
    }
    let finally: Vec<&str> =
        flow.tasks().iter().filter(|task| task.finally).map(|task| task.name()).collect();
    if !finally.is_empty() {
        let _ = writeln!(picture, "# finally: {}", finally.join(", "));
    }
    picture
}

/// Returns how many members each matrix has.
fn sizes(flow: &Flow) -> HashMap<&str, usize> {
    let mut sizes = HashMap::new();
    for member in flow.tasks().iter().filter_map(|task| task.member()) {
        *sizes.entry(member.group()).or_default() += 1;
    }
    sizes
}

/// Returns the names of tasks; all members of a matrix are named together.
fn entries<'f>(flow: &'f Flow, sizes: &HashMap<&str, usize>, ids: &[TaskId]) -> Vec<&'f str> {
    let group = |id: TaskId| flow.task(id).member().map(|member| member.group());
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(id) = ids.get(at) {
        let first = group(*id);
        let same =
            ids[at..].iter().take_while(|id| first.is_some() && group(**id) == first).count();
        match first.filter(|group| sizes.get(group) == Some(&same)) {
            Some(group) => {
                names.push(group);
                at += same;
            }
            None => {
                names.push(flow.task(*id).name());
                at += 1;
            }
        }
    }
    names
}
