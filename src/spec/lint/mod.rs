//! What a sound file says that is probably an oversight: params and outputs that nothing uses, folders
//! that are not there, files that are read without waiting for whoever writes them, texts that YAML or
//! the habit of another tool made into something else.
//!
//! Only `check` asks for it. A warning that is wrong costs more than one that is missing: wherever the
//! file leaves room for doubt, nothing is said.

mod edges;
mod scripts;
mod texts;
mod unused;
mod words;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::diag::{Diagnostic, Diagnostics};
use super::tree::{Entry, Node};
use crate::model::{Flow, Shell, Task, TaskId, Work};

const TEXT: usize = 64 << 20; // bytes of scripts that are looked through
const NO_FOLDER: &str = "no task before seems to make it; write a path from the workflow file's folder on, \
                         or make the folder in a task that this one needs";
const FOLDERS: usize = 50; // missing ones that are looked for in all scripts

/// Where the file declares each task.
pub(crate) struct Written<'n, 's> {
    /// The tasks of each entry: several where it has a matrix.
    groups: Vec<(&'n Entry<'s>, Range<usize>)>,
}

impl<'n, 's> Written<'n, 's> {
    /// Takes the entries in the order of the file, and the tasks of each.
    pub(crate) fn new(
        entries: impl Iterator<Item = &'n Entry<'s>>,
        groups: Vec<Range<usize>>,
    ) -> Written<'n, 's> {
        Written { groups: entries.zip(groups).collect() }
    }

    fn of(&self, task: TaskId) -> &'n Entry<'s> {
        self.groups[self.groups.partition_point(|(_, tasks)| tasks.end <= task.index())].0
    }
}

/// Looks through a file without errors.
pub(crate) fn lint(
    root: &Node<'_>,
    flow: &Flow,
    written: &Written<'_, '_>,
    text: Option<&str>,
    found: &mut Diagnostics,
) {
    if let Some(text) = text {
        scripts::scripts(flow, written, text, found);
        texts::texts(root, flow, written, text, found);
    }
    unused::unused(root, flow, written, found);
    folders(flow, written, found);
    edges::edges(root, flow, written, found);
}

/// Returns the tasks that are read, each with its id: members that say the same come once.
fn tasks_of(flow: &Flow) -> impl Iterator<Item = (TaskId, &Task)> {
    let mut left = TEXT;
    let pairs = flow.ids().zip(flow.tasks());
    pairs.take_while(move |(_, task)| {
        let length = texts(task).map(str::len).sum::<usize>() + 64;
        left = left.saturating_sub(length);
        left > 0
    })
}

/// Returns the script of a task, or its words.
fn texts(task: &Task) -> impl Iterator<Item = &str> {
    let (script, words): (Option<&str>, &[Box<str>]) = match task.work() {
        Work::Run(script) => (Some(&**script), &[]),
        Work::Cmd(words) => (None, words),
    };
    script.into_iter().chain(words.iter().map(|word| &**word))
}

/// Returns the script of a task that is written for a shell as everybody knows it.
fn shell_script(task: &Task) -> Option<&str> {
    match (task.work(), &task.options().shell) {
        (Work::Run(script), Shell::Sh | Shell::Bash | Shell::Zsh) => Some(script),
        (
            Work::Run(_),
            Shell::Fish | Shell::Pwsh | Shell::Python | Shell::Node | Shell::Words(_),
        )
        | (Work::Cmd(_), _) => None,
    }
}

/// Returns the folder of a task as written, without a meaningless end; `None` where only the run
/// knows it.
fn dir_of(task: &Task) -> Option<&str> {
    let Some(dir) = &task.options().dir else { return Some("") };
    let dir = dir.constant()?;
    let dir = match dir.trim_end_matches('/') {
        "" => dir,
        dir => dir,
    };
    Some(if dir == "." { "" } else { dir.strip_prefix("./").unwrap_or(dir) })
}

/// Warns of folders that are not there and that no other task speaks of.
fn folders(flow: &Flow, written: &Written<'_, '_>, found: &mut Diagnostics) {
    let mut is_there: HashMap<&str, bool> = HashMap::new();
    let mut told: HashSet<(&str, &str)> = HashSet::new();
    for (id, task) in tasks_of(flow) {
        // A condition may ask for the folder; what is made later cannot be known here.
        let Some(dir) = dir_of(task).filter(|dir| !dir.is_empty()) else { continue };
        let entry = written.of(id);
        if task.condition().is_some() || told.contains(&(&*entry.key, dir)) {
            continue;
        }
        let path = flow.base_dir.join(dir);
        if *is_there.entry(dir).or_insert_with(|| path.exists()) {
            continue;
        }
        if told.len() == FOLDERS {
            return;
        }
        told.insert((&entry.key, dir));
        if is_spoken_of(flow, dir) {
            continue;
        }
        let message = format!("the folder `{dir}` that `{}` is to run in is not there", entry.key);
        let own = entry.value.map().unwrap_or_default().iter().find(|one| one.key == "dir");
        found.push(
            Diagnostic::warning("no-folder", message)
                .at(own.map_or(entry.span, |own| own.value.span))
                .help(folder_help(dir)),
        );
    }
}

/// Says why a folder may not be there.
fn folder_help(dir: &str) -> String {
    let (variable, rest) = match dir.strip_prefix('~') {
        Some(rest) => ("HOME", rest),
        None => {
            let Some(name) = dir.strip_prefix('$') else { return NO_FOLDER.to_owned() };
            let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let bare = name.strip_prefix('{').unwrap_or(name);
            let (name, rest) = bare.split_at(bare.find(|c| !is_letter(c)).unwrap_or(bare.len()));
            (name, rest.strip_prefix('}').unwrap_or(rest))
        }
    };
    match (variable, rest) {
        ("", _) => NO_FOLDER.to_owned(),
        (name, "") => format!("nothing is expanded here: write `dir: '${{{{ env.{name} }}}}'`"),
        (name, rest) if rest.starts_with('/') => {
            format!("nothing is expanded here: write `dir: '${{{{ env.{name} }}}}{rest}'`")
        }
        _ => NO_FOLDER.to_owned(),
    }
}

/// Returns whether a task that runs elsewhere names the folder, or one that it lies in.
fn is_spoken_of(flow: &Flow, dir: &str) -> bool {
    let parts = Path::new(dir).components().map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = parts.filter(|part| part.chars().any(char::is_alphanumeric)).collect();
    let last = parts.last();
    tasks_of(flow).filter(|(_, task)| dir_of(task) != Some(dir)).any(|(_, task)| {
        let artifacts = task.options().promises.iter().flat_map(|promises| &*promises.artifacts);
        let artifacts = artifacts.filter_map(|glob| glob.constant());
        texts(task).chain(artifacts).any(|text| {
            last.is_some_and(|last| {
                memchr::memmem::find(text.as_bytes(), last.as_bytes()).is_some()
            })
        })
    })
}

#[cfg(test)]
mod tests;
