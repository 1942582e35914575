//! The tree for the terminal.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

use super::Edge;
use super::states::States;
use crate::model::{Flow, ListId, TaskId, escape};

const DEEPEST: usize = 24; // levels of the tree before it goes on at the margin

/// Draws a tree: the tasks that nobody needs at the margin, below each task what it needs. A task
/// that was drawn with its needs before is marked `(*)`, and a list that was, named by its owner.
pub(super) fn text(flow: &Flow, states: Option<&States>) -> String {
    let mut is_needed = vec![false; flow.tasks().len()];
    for list in flow.lists.ids() {
        for id in flow.lists.get(list) {
            is_needed[id.index()] = true;
        }
    }
    let drawn = vec![false; is_needed.len()];
    let mut tree = Tree { flow, states, drawn, owners: HashMap::new() };
    let mut roots: VecDeque<TaskId> = flow.ids().filter(|id| !is_needed[id.index()]).collect();
    let mut picture = String::new();
    while let Some(root) = roots.pop_front() {
        tree.draw(root, &mut roots, &mut picture);
    }
    picture
}

struct Tree<'f> {
    flow: &'f Flow,
    states: Option<&'f States>,
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
        self.name(root, picture);
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
                    self.name(id, picture);
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

    /// Writes a name, and the state of the task.
    fn name(&self, id: TaskId, picture: &mut String) {
        let name = escape(self.flow.task(id).name());
        match self.states {
            None => picture.push_str(&name),
            Some(states) => picture.push_str(&states.named(id, &name)),
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
