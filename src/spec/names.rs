//! The tasks of a file by name, members of matrices included: what an entry of `needs`, of `graph` or
//! of an expression means.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::diag::Diagnostic;
use super::fields::unknown_task;
use super::hints::{choices, suggest};
use super::matrix::Matrix;
use super::tree::Entry;
use crate::model::{EntryName, Member, TaskId};

const COMPARED: usize = 1_000_000; // names that are looked through for suggestions, in all

/// A task as the file declares it, or one member of its matrix.
#[derive(Debug)]
pub(crate) struct Declared<'n> {
    pub(crate) entry: &'n Entry<'n>,
    /// Its name, the member's own where it is one.
    pub(crate) name: Arc<str>,
    pub(crate) member: Option<Arc<Member>>,
    /// Whether it stands for members that nobody knows, or that are none.
    pub(crate) is_open: bool,
}

/// All tasks of a file, and where each name leads.
pub(crate) struct Names<'n> {
    pub(crate) tasks: Vec<Declared<'n>>,
    /// How many of them stand in `tasks`; those of `finally` follow.
    pub(crate) n_tasks: usize,
    /// Whether the members of a matrix are not known, or are none.
    pub(crate) has_open: bool,
    named: HashMap<&'n str, Named>,
    /// All names of the file in its order, once one was sought that is not there.
    in_order: OnceCell<Vec<&'n str>>,
    n_compared: Cell<usize>,
    members: RefCell<HashMap<(u32, Vec<usize>), ByValues>>,
}

/// The members of one matrix by their values of some keys.
type ByValues = HashMap<Vec<Box<str>>, Rc<[TaskId]>>;

struct Named {
    ids: Range<u32>,
    matrix: Option<Rc<Matrix>>,
}

/// The tasks that an entry means.
#[derive(Debug)]
pub(crate) enum Found {
    /// One task, or all members of a matrix.
    All(Range<u32>),
    /// Some members.
    Some(Rc<[TaskId]>),
}

impl Found {
    pub(crate) fn iter(&self) -> impl Iterator<Item = TaskId> + '_ {
        let (all, some) = match self {
            Found::All(range) => (range.clone(), &[][..]),
            Found::Some(ids) => (0..0, &**ids),
        };
        all.map(TaskId).chain(some.iter().copied())
    }
}

/// Who asks for an entry: a key without a value means its own.
#[derive(Clone, Copy)]
pub(crate) enum Asker<'m> {
    /// A task, or a member.
    Task(&'m Declared<'m>),
    /// A line of a graph, in which a bare key stands for the values of whoever needs it.
    Anybody,
    /// A key outside of all tasks, which has no values itself.
    Nobody,
}

impl<'n> Names<'n> {
    /// Begins without tasks.
    pub(crate) fn new() -> Names<'n> {
        Names {
            tasks: Vec::new(),
            n_tasks: 0,
            has_open: false,
            named: HashMap::new(),
            in_order: OnceCell::new(),
            n_compared: Cell::new(0),
            members: RefCell::default(),
        }
    }

    /// Adds a task with its matrix; returns the first task that has its name already.
    pub(crate) fn add(
        &mut self,
        entry: &'n Entry<'n>,
        matrix: Option<Rc<Matrix>>,
    ) -> Option<TaskId> {
        let first = u32::try_from(self.tasks.len()).expect("an id is 32 bits long");
        let members = matrix.as_ref().map_or(&[][..], |matrix| &matrix.members);
        self.tasks.extend(members.iter().map(|member| Declared {
            entry,
            name: member.name().into(),
            member: Some(member.clone()),
            is_open: false,
        }));
        if members.is_empty() {
            let is_open = matrix.is_some();
            self.has_open |= is_open;
            self.tasks.push(Declared { entry, name: (*entry.key).into(), member: None, is_open });
        }
        let last = u32::try_from(self.tasks.len()).expect("an id is 32 bits long");
        let named = Named { ids: first..last, matrix };
        self.named.insert(&*entry.key, named).map(|earlier| TaskId(earlier.ids.start))
    }

    /// Returns the tasks that come of each entry of the file.
    pub(crate) fn by_entry(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let entry = self.tasks.get(at)?.entry;
            let same = self.tasks[at..].iter().take_while(|one| std::ptr::eq(one.entry, entry));
            let members = at..at + same.count();
            at = members.end;
            Some(members)
        })
    }

    /// Returns the matrix that a task has, or is a member of.
    pub(crate) fn matrix_of(&self, task: &Declared<'_>) -> Option<&Matrix> {
        self.named.get(&*task.entry.key)?.matrix.as_deref()
    }

    /// Returns the first task that has the name of an entry in the file.
    pub(crate) fn first_of(&self, entry: &str) -> Option<TaskId> {
        let base = entry.split('[').next().unwrap_or_default();
        self.named.get(base).map(|named| TaskId(named.ids.start))
    }

    /// Returns whether a task stands in `finally`.
    pub(crate) fn is_finally(&self, task: TaskId) -> bool {
        task.index() >= self.n_tasks
    }

    /// Returns the tasks that an entry means.
    ///
    /// # Errors
    /// With a diagnostic without a place where it means none.
    pub(crate) fn find(&self, text: &str, asker: Asker<'_>) -> Result<Found, Diagnostic> {
        // Most entries are plain names, and a file may hold a million of them.
        if let Some(named) = self.named.get(text) {
            return Ok(Found::All(named.ids.clone()));
        }
        let entry = EntryName::parse(text).map_err(|why| {
            Diagnostic::error("unknown-task", format!("`{text}`: {why}"))
                .help("a member is written `test[py=3.12]`; quote it in a YAML list")
        })?;
        let Some(named) = self.named.get(entry.base) else { return Err(self.unknown(entry.base)) };
        let base = entry.base;
        let Some(matrix) = &named.matrix else {
            let message = format!("`{base}` has no matrix, and so no member `{text}`");
            return Err(Diagnostic::error("unknown-task", message).help(format!("write `{base}`")));
        };
        let mut places = Vec::with_capacity(entry.keys.len());
        let mut wanted: Vec<Box<str>> = Vec::with_capacity(entry.keys.len());
        let mut is_known = true;
        for (key, value) in &entry.keys {
            let Some(place) = matrix.place(key) else {
                // Of a matrix in which something is wrong perhaps no key is known.
                let is_known = !matrix.keys.is_empty();
                return if is_known {
                    Err(no_key(base, key, matrix))
                } else {
                    Ok(Found::Some(Rc::from([])))
                };
            };
            match (value, asker) {
                (Some(value), _) => {
                    if !matrix.is_open {
                        check_value(base, key, value, &matrix.values[place])?;
                    }
                    wanted.push((&**value).into());
                }
                (None, Asker::Anybody) => continue,
                (None, Asker::Nobody) => {
                    return Err(no_value(text, base, key, &matrix.values[place]));
                }
                (None, Asker::Task(task)) if task.is_open => is_known = false,
                (None, Asker::Task(task)) => {
                    let own = task.member.as_ref().and_then(|own| own.value(key));
                    wanted.push(own.ok_or_else(|| no_own(text, base, key, task))?.into());
                }
            }
            places.push(place);
        }
        if !is_known {
            return Ok(Found::Some(Rc::from([])));
        }
        if places.is_empty() {
            return Ok(Found::All(named.ids.clone()));
        }
        let mut indexes = self.members.borrow_mut();
        let index = indexes
            .entry((named.ids.start, places.clone()))
            .or_insert_with(|| by_values(&named.ids, matrix, &places));
        match index.get(&wanted) {
            Some(ids) => Ok(Found::Some(ids.clone())),
            None if matrix.is_open => Ok(Found::Some(Rc::from([]))),
            None => Err(no_member(base, matrix, &places, &wanted)),
        }
    }

    /// Words the diagnostic for a task that does not exist.
    pub(crate) fn unknown(&self, name: &str) -> Diagnostic {
        let in_order = self.in_order.get_or_init(|| {
            let mut names: Vec<(u32, &str)> =
                self.named.iter().map(|(name, named)| (named.ids.start, *name)).collect();
            names.sort_unstable();
            names.into_iter().map(|(_, name)| name).collect()
        });
        let may_compare = self.n_compared.get() < COMPARED;
        self.n_compared.set(self.n_compared.get().saturating_add(in_order.len()));
        unknown_task(name, in_order, may_compare)
    }
}

fn by_values(ids: &Range<u32>, matrix: &Matrix, places: &[usize]) -> ByValues {
    let mut lists: HashMap<Vec<Box<str>>, Vec<TaskId>> = HashMap::new();
    for (id, member) in ids.clone().zip(&matrix.members) {
        let values = places.iter().map(|place| member.values()[*place].1.clone()).collect();
        lists.entry(values).or_default().push(TaskId(id));
    }
    lists.into_iter().map(|(values, ids)| (values, ids.into())).collect()
}

fn no_key(base: &str, key: &str, matrix: &Matrix) -> Diagnostic {
    let near = suggest(key, matrix.keys.iter().map(|key| &**key));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!("the matrix of `{base}` has no key `{key}`{near}");
    let help = choices("key", "keys", &matrix.keys);
    Diagnostic::error("unknown-task", message).help(help)
}

fn check_value(base: &str, key: &str, value: &str, values: &[Box<str>]) -> Result<(), Diagnostic> {
    if values.iter().any(|other| **other == *value) {
        return Ok(());
    }
    let near = suggest(value, values.iter().map(|value| &**value));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!("`{base}` has no member with `{key}={value}`{near}");
    let help = choices(&format!("value of `{key}`"), &format!("values of `{key}`"), values);
    Err(Diagnostic::error("unknown-task", message).help(help))
}

fn no_own(text: &str, base: &str, key: &str, task: &Declared<'_>) -> Diagnostic {
    let name = &task.entry.key;
    let message = format!("`{text}` means the `{key}` of `{name}` itself, which has none");
    Diagnostic::error("unknown-task", message).help(format!(
        "write a value (`{base}[{key}=…]`), or `{base}` for all of them, or give `{name}` a matrix with `{key}`"
    ))
}

fn no_value(text: &str, base: &str, key: &str, values: &[Box<str>]) -> Diagnostic {
    let value = values.first().map_or("…", |value| value);
    let message = format!("`{text}` leaves open which `{key}` is meant");
    let help = format!("write `{base}[{key}={value}]`, or `{base}` for all members");
    Diagnostic::error("unknown-task", message).help(help)
}

fn no_member(base: &str, matrix: &Matrix, places: &[usize], wanted: &[Box<str>]) -> Diagnostic {
    let values: Vec<String> = places
        .iter()
        .zip(wanted)
        .map(|(place, value)| format!("{}={value}", matrix.keys[*place]))
        .collect();
    let message = format!("`{base}` has no member with `{}`", values.join(","));
    let help = "it may be excluded there: name another one, or take it out of `exclude`";
    Diagnostic::error("unknown-task", message).help(help)
}
