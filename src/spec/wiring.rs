//! The graph of a file: `needs` and `needs_any` of tasks, or the notation, into shared lists of ids;
//! and what is wrong with it: unknown names, two ways at once, cycles.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::diag::{Diagnostic, Diagnostics};
use super::fields::Fields;
use super::foreign;
use super::names::{Asker, Names};
use super::notation::{self, Group};
use super::tree::{Kind, Node, Span, places_in};
use super::values;
use crate::graph::find_cycles;
use crate::model::{EntryName, ListId, Lists, Part, TaskId};

const WRONG: usize = 10_000; // mistakes in one graph that are looked up
const CYCLE_SHOWN: usize = 50; // tasks of one cycle: those that people write are shown whole

/// A line of the notation.
type Resolved<'t> = Vec<ResolvedGroup<'t>>;

/// A group of the notation, its names turned into tasks.
struct ResolvedGroup<'t> {
    /// Whether one of it is enough.
    is_any: bool,
    /// Its tasks, each with its byte in the text.
    tasks: Vec<(TaskId, usize)>,
    /// The entries that mean other tasks for each one that needs them; `tasks` has all of these.
    own: Vec<(&'t str, usize)>,
}

/// Makes the lists of a flow.
pub(crate) struct Wiring<'n> {
    names: &'n Names<'n>,
    lists: Lists,
    by_content: HashMap<u64, ListId>,
    /// Aliased lists, by the address of what they share.
    by_address: HashMap<(*const Node<'n>, Part), ListId>,
    needs: Vec<(ListId, ListId)>,
    /// The first `needs` or `needs_any` of a task.
    first_needs: Option<Span>,
    /// For each task the number of the list that it was last seen in.
    seen: Vec<u32>,
    n_seen: u32,
    /// The places of the names in the notation, by the task before and after an arrow.
    lines: Vec<Vec<Vec<(TaskId, Span)>>>,
}

impl<'n> Wiring<'n> {
    /// Begins with `n_tasks` tasks, and those of `finally` up to `n_all`.
    pub(crate) fn new(names: &'n Names<'n>) -> Wiring<'n> {
        let n_all = names.tasks.len();
        Wiring {
            names,
            lists: Lists::default(),
            by_content: HashMap::new(),
            by_address: HashMap::new(),
            needs: vec![(ListId::EMPTY, ListId::EMPTY); n_all],
            first_needs: None,
            seen: vec![0; n_all],
            n_seen: 0,
            lines: Vec::new(),
        }
    }

    /// Reads the needs of one task, or of all members that come of it.
    pub(crate) fn needs_of(&mut self, tasks: Range<usize>, found: &mut Diagnostics) {
        let Some(map) = self.names.tasks[tasks.start].entry.value.map() else { return };
        for one in map {
            let is_any = match &*one.key {
                "needs" => false,
                "needs_any" => true,
                _ => continue,
            };
            if self.part_of(TaskId::from_index(tasks.start)) == Part::Tasks {
                self.first_needs.get_or_insert(one.span);
            }
            let differs = tasks.len() > 1 && names_own(&one.value);
            let mut list = ListId::EMPTY;
            for task in tasks.clone() {
                if differs || task == tasks.start {
                    list = self.shared_list(&one.key, &one.value, task, found);
                }
                match is_any {
                    false => self.needs[task].0 = list,
                    true => self.needs[task].1 = list,
                }
                if differs && found.has_error() {
                    break; // it would be said again for each member
                }
            }
        }
    }

    fn part_of(&self, task: TaskId) -> Part {
        if self.names.is_finally(task) { Part::Finally } else { Part::Tasks }
    }

    fn shared_list(
        &mut self,
        key: &str,
        node: &Node<'_>,
        task: usize,
        found: &mut Diagnostics,
    ) -> ListId {
        let part = self.part_of(TaskId::from_index(task));
        let address = match &node.kind {
            Kind::Shared(shared) => Some((std::rc::Rc::as_ptr(shared).cast(), part)),
            Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Map(_) => None,
        };
        if let Some(list) = address.and_then(|address| self.by_address.get(&address)) {
            return *list;
        }
        let names = self.names;
        let tasks = self.list(key, node, part, Asker::Task(&names.tasks[task]), found);
        let list = self.intern(&tasks);
        // One that means other tasks for each task is read for each. It is looked through once, not for
        // every alias: two full layers by an anchor are a million needs.
        if let Some(address) = address
            && !names_own(node)
        {
            self.by_address.insert(address, list);
        }
        list
    }

    /// Reads a name or a list of names of one part of the file.
    pub(crate) fn list(
        &mut self,
        key: &str,
        node: &Node<'_>,
        part: Part,
        asker: Asker<'_>,
        found: &mut Diagnostics,
    ) -> Vec<TaskId> {
        let items = node.items();
        let mut tasks = Vec::with_capacity(items.len());
        self.n_seen += 1;
        for item in items {
            if matches!(item.kind(), Kind::Map(_) | Kind::List(_)) {
                found.push(no_name(key, node, item));
                continue;
            }
            let Some(name) = values::plain_text(item, key, found) else { continue };
            if name.is_empty() {
                let message = format!("a name in `{key}` is empty");
                let help = "name a task, or remove it";
                found.push(Diagnostic::error("empty", message).at(item.span).help(help));
                continue;
            }
            let named = match self.names.find(name, asker) {
                Ok(named) => named,
                Err(wrong) => {
                    found.push_error(|| match self.several(key, node, name, asker) {
                        Some(several) => several.at(item.span),
                        None => wrong.at(item.span),
                    });
                    continue;
                }
            };
            let mut is_new = named.iter().next().is_none();
            for task in named.iter() {
                if self.part_of(task) != part {
                    found.push_error(|| elsewhere(name, key, part).at(item.span));
                    is_new = true;
                    break;
                }
                if self.see(task) {
                    is_new = true;
                    tasks.push(task);
                }
            }
            if !is_new {
                let before = items.iter().take_while(|one| !std::ptr::eq(*one, item));
                let (message, help) = seen_before(name, before.filter_map(Node::scalar));
                let message = format!("{message} in `{key}`");
                found.push(Diagnostic::warning("named-twice", message).at(item.span).help(help));
            }
        }
        tasks
    }

    /// Words the diagnostic for names of tasks that stand in one text.
    fn several(
        &self,
        key: &str,
        node: &Node<'_>,
        name: &str,
        asker: Asker<'_>,
    ) -> Option<Diagnostic> {
        let is_known = |word: &str| word.is_empty() || self.names.find(word, asker).is_ok();
        let mut words = name.split(|c: char| c == ',' || c.is_whitespace());
        node.scalar().filter(|_| words.all(is_known))?;
        let message = format!("`{name}` is not the name of a task, but those of several");
        let help = format!("write `{key}: {}`", foreign::names(node)?);
        Some(Diagnostic::error("unknown-task", message).help(help))
    }

    /// Notes that a task stands in the present list; returns whether it did not stand there before.
    fn see(&mut self, task: TaskId) -> bool {
        std::mem::replace(&mut self.seen[task.index()], self.n_seen) != self.n_seen
    }

    /// Returns the one list with this content.
    fn intern(&mut self, tasks: &[TaskId]) -> ListId {
        if tasks.is_empty() {
            return ListId::EMPTY;
        }
        let mut hasher = DefaultHasher::new();
        tasks.hash(&mut hasher);
        let mut hash = hasher.finish();
        loop {
            match self.by_content.get(&hash) {
                None => {
                    let list = self.lists.push(tasks);
                    self.by_content.insert(hash, list);
                    return list;
                }
                Some(list) if self.lists.get(*list) == tasks => return *list,
                Some(_) => hash = hash.wrapping_add(1),
            }
        }
    }

    /// Reads the key `graph`.
    pub(crate) fn graph(
        &mut self,
        top: &Fields<'n, '_>,
        file: Option<&str>,
        found: &mut Diagnostics,
    ) {
        let Some(entry) = top.get("graph") else { return };
        if let Some(needs) = self.first_needs {
            found.push(
                Diagnostic::error("two-graphs", "the graph is written in two ways")
                    .label(entry.span, "as `graph`")
                    .label(needs, "and as needs of tasks")
                    .help("keep `graph`, or the needs, for the whole file"),
            );
        }
        let Some(text) = values::plain_text(&entry.value, "graph", found) else { return };
        let (lines, mistakes) = notation::parse(text);
        // The bytes of the text that diagnostics speak of; all of them are looked up in one walk.
        let mut wrong: Vec<(usize, usize, Diagnostic)> = Vec::new();
        for mistake in mistakes {
            let diagnostic = Diagnostic::error("graph", mistake.message).help(mistake.help);
            wrong.push((mistake.at, mistake.length, diagnostic));
        }
        let lines = self.resolve(&lines, &mut wrong);
        let mut has_line = vec![false; self.names.tasks.len()];
        for (task, _) in lines.iter().flatten().flat_map(|group| &group.tasks) {
            has_line[task.index()] = true;
        }
        // What stands in both ways is connected in neither; its own mistakes are told all the same.
        let is_the_graph = self.first_needs.is_none();
        if is_the_graph {
            self.connect(&lines, &mut wrong);
        }
        wrong.sort_by_key(|(at, ..)| *at);
        let places: Vec<usize> = wrong.iter().map(|(at, ..)| *at).collect();
        let places = places_of(file, &entry.value, &places);
        for ((_, length, diagnostic), place) in wrong.into_iter().zip(places) {
            let span = place.map_or(Span::NONE, |place| Span::new(place, place + length));
            found.push(diagnostic.at(span));
        }
        if !found.has_error() {
            let tasks = self.names.tasks.iter().take(self.names.n_tasks);
            for (task, _) in tasks.zip(has_line).filter(|(_, has_line)| !has_line) {
                let message = format!("the task `{}` stands in no line of `graph`", task.entry.key);
                found.push(Diagnostic::warning("not-in-graph", message).at(task.entry.span).help(
                    format!(
                        "add it to a line, or say that it needs nothing with the line `{}`",
                        task.entry.key
                    ),
                ));
            }
        }
        if is_the_graph {
            self.keep_places(lines, file, &entry.value);
        }
    }

    /// Turns the names of the notation into ids.
    fn resolve<'t>(
        &mut self,
        lines: &[Vec<Group<'t>>],
        wrong: &mut Vec<(usize, usize, Diagnostic)>,
    ) -> Vec<Resolved<'t>> {
        let mut resolved = Vec::with_capacity(lines.len());
        for line in lines {
            let groups = line.iter().map(|group| self.resolve_group(group, wrong));
            resolved.push(groups.collect());
        }
        resolved
    }

    fn resolve_group<'t>(
        &mut self,
        group: &Group<'t>,
        wrong: &mut Vec<(usize, usize, Diagnostic)>,
    ) -> ResolvedGroup<'t> {
        self.n_seen += 1;
        let (mut tasks, mut own) = (Vec::with_capacity(group.entries.len()), Vec::new());
        for (name, at) in &group.entries {
            let named = match self.names.find(name, Asker::Anybody) {
                Ok(named) => named,
                Err(diagnostic) if wrong.len() < WRONG => {
                    wrong.push((*at, name.len(), diagnostic));
                    continue;
                }
                Err(_) => continue,
            };
            let mut is_new = named.iter().next().is_none();
            for task in named.iter() {
                if self.part_of(task) == Part::Finally {
                    let diagnostic = elsewhere(name, "graph", Part::Tasks);
                    wrong.push((*at, name.len(), diagnostic));
                    is_new = true;
                    break;
                }
                if self.see(task) {
                    is_new = true;
                    tasks.push((task, *at));
                }
            }
            if !is_new {
                let before = group.entries.iter().take_while(|(_, place)| place != at);
                let (message, help) = seen_before(name, before.map(|(name, _)| *name));
                let message = format!("{message} in one group");
                let warning = Diagnostic::warning("named-twice", message).help(help);
                wrong.push((*at, name.len(), warning));
            }
            if has_own_key(name) {
                own.push((*name, *at));
            }
        }
        ResolvedGroup { is_any: group.is_any, tasks, own }
    }

    /// Returns the tasks of a group as one of those that need it sees them.
    fn group_for(
        &mut self,
        group: &ResolvedGroup<'_>,
        task: TaskId,
        wrong: &mut Vec<(usize, usize, Diagnostic)>,
    ) -> Vec<TaskId> {
        let names = self.names;
        let is_own = |at: usize| group.own.iter().any(|(_, own)| *own == at);
        let fixed = group.tasks.iter().filter(|(_, at)| !is_own(*at));
        let mut tasks: Vec<TaskId> = fixed.map(|(task, _)| *task).collect();
        for (name, at) in &group.own {
            match names.find(name, Asker::Task(&names.tasks[task.index()])) {
                Ok(named) => tasks.extend(named.iter()),
                Err(diagnostic) if wrong.len() < WRONG => {
                    wrong.push((*at, name.len(), diagnostic));
                }
                Err(_) => {}
            }
        }
        tasks
    }

    /// Gives each task the groups before it. Equal sets of groups become a list once.
    fn connect(&mut self, lines: &[Resolved<'_>], wrong: &mut Vec<(usize, usize, Diagnostic)>) {
        let mut groups: Vec<Vec<TaskId>> = Vec::new();
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); self.needs.len()];
        let mut before_any: Vec<Option<u32>> = vec![None; self.needs.len()];
        for pair in lines.iter().flat_map(|line| line.windows(2)) {
            let (left, right) = (&pair[0], &pair[1]);
            if left.tasks.is_empty() {
                continue; // every name in it is unknown
            }
            groups.push(left.tasks.iter().map(|(task, _)| *task).collect());
            for (task, at) in &right.tasks {
                if !left.own.is_empty() {
                    let group = self.group_for(left, *task, wrong);
                    groups.push(group);
                }
                let number = u32::try_from(groups.len() - 1).expect("fewer groups than bytes");
                if !left.is_any {
                    before[task.index()].push(number);
                } else if before_any[task.index()].replace(number).is_some() {
                    let name = &self.names.tasks[task.index()].entry.key;
                    let message = format!("two `|` groups stand before `{name}`");
                    let help = "a task has one list of alternatives: join the groups";
                    let error = Diagnostic::error("graph", message).help(help);
                    wrong.push((*at, name.len(), error));
                }
            }
        }
        let mut known: HashMap<Vec<u32>, ListId> = HashMap::new();
        for index in 0..self.names.n_tasks {
            let numbers = std::mem::take(&mut before[index]);
            let list = match known.get(&numbers) {
                Some(list) => *list,
                None => {
                    let tasks = self.union(&groups, &numbers);
                    let list = self.intern(&tasks);
                    known.insert(numbers, list);
                    list
                }
            };
            let any = match before_any[index] {
                Some(number) => self.intern(&groups[number as usize].clone()),
                None => ListId::EMPTY,
            };
            self.needs[index] = (list, any);
        }
    }

    /// Joins groups, each task once.
    fn union(&mut self, groups: &[Vec<TaskId>], numbers: &[u32]) -> Vec<TaskId> {
        self.n_seen += 1;
        let mut tasks = Vec::new();
        for task in numbers.iter().flat_map(|number| &groups[*number as usize]) {
            if self.seen[task.index()] != self.n_seen {
                self.seen[task.index()] = self.n_seen;
                tasks.push(*task);
            }
        }
        tasks
    }

    /// Keeps where the names of the notation stand, for the edges of cycles.
    fn keep_places(&mut self, lines: Vec<Resolved<'_>>, file: Option<&str>, node: &Node<'_>) {
        if find_cycles(&self.needs, &self.lists, 1).is_empty() {
            return;
        }
        let groups = lines.iter().flatten();
        let offsets = groups.flat_map(|group| group.tasks.iter().map(|(_, at)| *at));
        let places = places_of(file, node, &offsets.collect::<Vec<_>>());
        let mut places = places.into_iter();
        let mut spanned = |(task, _): (TaskId, usize)| {
            let place = places.next().flatten();
            (task, place.map_or(Span::NONE, |place| Span::new(place, place + 1)))
        };
        for line in lines {
            let mut groups = Vec::with_capacity(line.len());
            for group in line {
                groups.push(group.tasks.into_iter().map(&mut spanned).collect());
            }
            self.lines.push(groups);
        }
    }

    /// Looks for cycles, and hands the lists out.
    pub(crate) fn finish(self, found: &mut Diagnostics) -> (Vec<(ListId, ListId)>, Lists) {
        for cycle in find_cycles(&self.needs, &self.lists, 20) {
            found.push(self.cycle(&cycle));
        }
        (self.needs, self.lists)
    }

    /// Words the diagnostic for a cycle: every task of it, and the place of every edge.
    fn cycle(&self, cycle: &[TaskId]) -> Diagnostic {
        let name = |task: TaskId| &*self.names.tasks[task.index()].name;
        let mut path: Vec<String> =
            cycle.iter().take(CYCLE_SHOWN).map(|task| format!("`{}`", name(*task))).collect();
        if cycle.len() > CYCLE_SHOWN {
            path.push(format!("… {} more", cycle.len() - CYCLE_SHOWN));
        }
        path.push(format!("`{}`", name(cycle[0])));
        let message = match cycle {
            [task] => format!("the task `{}` needs itself", name(*task)),
            _ => format!("these tasks wait for one another: {}", path.join(" → ")),
        };
        let mut diagnostic = Diagnostic::error("cycle", message);
        let next = cycle.iter().skip(1).chain(cycle.first());
        for (before, after) in cycle.iter().zip(next).take(CYCLE_SHOWN) {
            let label = format!("`{}` needs `{}`", name(*after), name(*before));
            let span = self.edge(*before, *after);
            diagnostic = diagnostic.label(span.unwrap_or(Span::NONE), label);
        }
        diagnostic.help("remove one of these needs")
    }

    /// Returns where the file says that `after` needs `before`.
    fn edge(&self, before: TaskId, after: TaskId) -> Option<Span> {
        let asker = &self.names.tasks[after.index()];
        let needs = asker.entry.value.map().unwrap_or_default().iter();
        let needs = needs.filter(|one| one.key == "needs" || one.key == "needs_any");
        let mut items = needs.flat_map(|one| one.value.items());
        let is_before = |item: &&Node<'_>| {
            let named = item.scalar().map(|name| self.names.find(name, Asker::Task(asker)));
            named.is_some_and(|named| named.is_ok_and(|named| named.iter().any(|id| id == before)))
        };
        if let Some(item) = items.find(is_before) {
            return Some(item.span);
        }
        for pair in self.lines.iter().flat_map(|line| line.windows(2)) {
            if let Some((_, span)) = pair[0].iter().find(|(task, _)| *task == before)
                && let Some((_, end)) = pair[1].iter().find(|(task, _)| *task == after)
            {
                let end = if end.start > span.start { end.end } else { span.end };
                return Some(Span { start: span.start, end });
            }
        }
        None
    }
}

/// Returns whether one of the entries may mean other tasks for each one that needs it.
fn names_own(node: &Node<'_>) -> bool {
    node.items().iter().any(|item| item.scalar().is_some_and(has_own_key))
}

/// Returns whether an entry may mean other tasks for each one that needs it.
fn has_own_key(entry: &str) -> bool {
    entry.contains('[')
        && EntryName::parse(entry)
            .is_ok_and(|entry| entry.keys.iter().any(|(_, value)| value.is_none()))
}

/// Words the diagnostic for a list or a map where the name of a task is wanted.
fn no_name(key: &str, node: &Node<'_>, item: &Node<'_>) -> Diagnostic {
    let Some(names) = foreign::names(node) else {
        let message = format!("a name in `{key}` cannot be {}", item.noun());
        let error = Diagnostic::error("wrong-type", message).at(item.span);
        return error.help("write one name for each");
    };
    let wrong = values::wrong_type(key, "a task's name or a list of names", item);
    wrong.help(format!("write `{key}: {names}`"))
}

/// Says how a name adds no task to those that stand `before` it, and the way out.
fn seen_before<'t>(name: &str, before: impl Iterator<Item = &'t str>) -> (String, &'static str) {
    const LOOKED_AT: usize = 1_000; // a list may hold a million names, each of them twice
    fn base(name: &str) -> &str {
        name.split('[').next().unwrap_or_default()
    }
    match before.take(LOOKED_AT).find(|other| base(other) == base(name)) {
        Some(other) if other == name => {}
        Some(other) if !other.contains('[') => {
            let message = format!("`{name}` is a member of `{other}`, which stands there already");
            return (message, "remove the member, or name members alone");
        }
        Some(_) => {
            return (format!("`{name}` names only tasks that stand there already"), "remove it");
        }
        None => {}
    }
    (format!("`{name}` is there twice"), "remove one of the two")
}

/// Words the diagnostic for a name of the other part of the file than `part`.
fn elsewhere(name: &str, key: &str, part: Part) -> Diagnostic {
    match part {
        Part::Tasks => {
            let message =
                format!("`{name}` stands in `finally`, and `{key}` names tasks of `tasks`");
            let help = "remove the name: what stands in `finally` runs after all of `tasks` anyway, \
                        and its own order is written as `needs` there";
            Diagnostic::error("finally", message).help(help)
        }
        Part::Finally => {
            let message =
                format!("a task of `finally` cannot need `{name}`, which stands in `tasks`");
            let help = "remove the name: `finally` runs after all of `tasks` anyway";
            Diagnostic::error("finally", message).help(help)
        }
    }
}

/// Returns the places in the file of bytes of a text.
fn places_of(file: Option<&str>, node: &Node<'_>, at: &[usize]) -> Vec<Option<usize>> {
    match file {
        Some(file) => places_in(file, node, at).into_iter().map(Some).collect(),
        None => vec![None; at.len()],
    }
}
