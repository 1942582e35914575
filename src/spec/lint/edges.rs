//! Files that one task writes and another one names without waiting for it.

use std::collections::{HashMap, HashSet};

use super::super::diag::{Diagnostic, Diagnostics};
use super::super::tree::Node;
use super::words::{self, Use};
use super::{Written, dir_of, shell_script, tasks_of};
use crate::model::{Flow, ListId, Task, TaskId, Work};

const STEPS: usize = 2_000_000; // over the edges of the graph
const KEPT: usize = 1_000_000; // tasks in what is remembered
const WRITERS: usize = 100; // of one file

/// A file: the folder as written, and the path in it.
type File<'f> = (&'f str, &'f str);

/// Warns of missing edges.
pub(super) fn edges(
    root: &Node<'_>,
    flow: &Flow,
    written: &Written<'_, '_>,
    found: &mut Diagnostics,
) {
    let mut writers: HashMap<File<'_>, Vec<TaskId>> = HashMap::new();
    for (id, task) in tasks_of(flow) {
        let Some(dir) = dir_of(task) else { continue };
        for path in files_written(task) {
            let writers = writers.entry((dir, path)).or_default();
            if writers.last() != Some(&id) && writers.len() < WRITERS {
                writers.push(id);
            }
        }
    }
    if writers.is_empty() {
        return;
    }
    let has_graph = root.map().is_some_and(|top| top.iter().any(|entry| entry.key == "graph"));
    let mut order = Order { flow, left: STEPS, above: HashMap::new(), n_kept: 0 };
    for (id, task) in tasks_of(flow) {
        let Some(dir) = dir_of(task) else { continue };
        let own: HashSet<&str> = files_written(task).into_iter().collect();
        for path in files_named(task) {
            let Some(writers) = writers.get(&(dir, path)) else { continue };
            if own.contains(path) {
                continue; // it is its own file, of the same name
            }
            let Some(are_apart) = order.are_apart(id, writers) else { return };
            if are_apart {
                found.push(missing(flow, written, writers[0], id, path, has_graph));
            }
        }
    }
}

/// Returns the files that a task leaves for others.
fn files_written(task: &Task) -> Vec<&str> {
    let promises = task.options().promises.iter();
    let artifacts = promises.flat_map(|promises| &*promises.artifacts);
    let artifacts = artifacts.filter_map(|glob| words::path(glob.constant()?));
    let mut files: Vec<&str> = artifacts.collect();
    for one in shell_script(task).map(words::uses).unwrap_or_default() {
        match one {
            Use::Written(path) => files.push(path),
            Use::Named(_) => {}
        }
    }
    files
}

/// Returns the files that a task names.
fn files_named(task: &Task) -> Vec<&str> {
    let uses = shell_script(task).map(words::uses).unwrap_or_default();
    let named = uses.into_iter().filter_map(|one| match one {
        Use::Named(path) => Some(path),
        Use::Written(_) => None,
    });
    let words: &[Box<str>] = match task.work() {
        Work::Cmd(words) if !words.iter().any(|word| **word == *"-C") => words,
        Work::Cmd(_) | Work::Run(_) => &[],
    };
    let is_deaf = words.first().is_some_and(|word| words::is_deaf(word));
    let words = words.iter().filter(|_| !is_deaf).filter_map(|word| words::path(word));
    named.chain(words).collect()
}

/// Words the diagnostic.
fn missing(
    flow: &Flow,
    written: &Written<'_, '_>,
    writer: TaskId,
    reader: TaskId,
    path: &str,
    has_graph: bool,
) -> Diagnostic {
    let is_finally = flow.task(reader).is_finally();
    let (writer, reader) = (written.of(writer), written.of(reader));
    let (before, after) = (&writer.key, &reader.key);
    let message =
        format!("`{after}` names `{path}`, which `{before}` writes, and does not wait for it");
    let needs = reader.value.map().unwrap_or_default().iter().any(|one| one.key == "needs");
    let help = if has_graph && !is_finally {
        format!("add the line `{before} >> {after}` to `graph`")
    } else if needs {
        format!("add `{before}` to `needs` of `{after}`")
    } else {
        format!("write `needs: {before}` in `{after}`")
    };
    Diagnostic::warning("missing-edge", message)
        .label(reader.span, "this names the file")
        .label(writer.span, "this writes it")
        .help(help)
}

/// Which tasks wait for which.
struct Order<'f> {
    flow: &'f Flow,
    /// How much may still be looked at.
    left: usize,
    above: HashMap<TaskId, HashSet<TaskId>>,
    n_kept: usize,
}

impl Order<'_> {
    /// Returns whether a task is neither before nor after any of the others, all of which write the
    /// same file; `None` where finding out would take too long.
    fn are_apart(&mut self, reader: TaskId, writers: &[TaskId]) -> Option<bool> {
        let task = |id| self.flow.task(id);
        if writers.iter().any(|writer| task(*writer).is_finally() != task(reader).is_finally()) {
            return Some(false);
        }
        let direct = [self.flow.needs(reader), self.flow.needs_any(reader)];
        self.left = self.left.checked_sub(direct.iter().map(|list| list.len()).sum())?;
        if direct.into_iter().flatten().any(|need| writers.contains(need)) {
            return Some(false);
        }
        let above = self.above(reader)?;
        if writers.iter().any(|writer| above.contains(writer)) {
            return Some(false);
        }
        for writer in writers {
            if *writer == reader || self.above(*writer)?.contains(&reader) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Returns all that a task waits for.
    fn above(&mut self, task: TaskId) -> Option<&HashSet<TaskId>> {
        if !self.above.contains_key(&task) {
            let (mut above, mut lists) = (HashSet::new(), HashSet::<ListId>::new());
            let mut todo = vec![task];
            while let Some(next) = todo.pop() {
                let next = self.flow.task(next);
                for list in [next.needs, next.needs_any] {
                    if !lists.insert(list) {
                        continue;
                    }
                    let needs = self.flow.lists.get(list);
                    self.left = self.left.checked_sub(needs.len() + 1)?;
                    todo.extend(needs.iter().copied().filter(|need| above.insert(*need)));
                }
            }
            self.n_kept += above.len();
            if self.n_kept > KEPT {
                self.above.clear();
                self.n_kept = above.len();
            }
            self.above.insert(task, above);
        }
        self.above.get(&task)
    }
}
