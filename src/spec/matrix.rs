//! `matrix`: the values of a task's keys, and the members that come of them.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::expr::{self, Field, Key, Problem, Root, Scope, Type, check_matrix, parse_template};
use super::hints::{choices, suggest};
use super::lower::wrong_name;
use super::params::Params;
use super::remedy;
use super::scope::param_type;
use super::tree::{Entry, Kind, Node, Span};
use super::values;
use crate::model::{Member, ParamValue, TaskId, variable};

/// The most members of one matrix.
const MAX_MEMBERS: usize = 10_000;
/// The longest name of a member, in bytes: it is read in traces and records.
const MAX_NAME: usize = 1024;

/// The matrix of one task.
#[derive(Debug)]
pub(crate) struct Matrix {
    /// The keys in file order.
    pub(crate) keys: Vec<Arc<str>>,
    /// What each key may be.
    pub(crate) values: Vec<Vec<Box<str>>>,
    /// In the order of the first key's values, then of the second's.
    pub(crate) members: Vec<Arc<Member>>,
    /// Whether a list that it is made of has no items, or none that are known yet.
    pub(crate) is_open: bool,
}

impl Matrix {
    /// Returns the place of a key.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|other| **other == *key)
    }
}

/// Reads the key `matrix` of a task.
pub(crate) fn matrix(
    task: &str,
    node: &Node<'_>,
    params: &Params,
    text: Option<&str>,
    found: &mut Diagnostics,
) -> Rc<Matrix> {
    let help = "write `matrix: {name: [a, b]}`";
    let Some(map) = node.map() else {
        let wrong = values::wrong_type("matrix", "a map of names to lists", node);
        found.push(wrong.help(help));
        return unknown(Vec::new(), Vec::new());
    };
    let mut reader = Reader { task, params, text, is_open: false, is_wrong: false, found };
    let (mut keys, mut lists) = (Vec::new(), Vec::new());
    for (at, entry) in map.iter().enumerate().filter(|(_, entry)| !is_special(entry)) {
        if let Some(wrong) = unbracketed(&map[at..]) {
            reader.wrong(wrong);
            return unknown(Vec::new(), Vec::new());
        }
        reader.check_key(entry, &keys);
        keys.push(Arc::<str>::from(&*entry.key));
        lists.push(reader.list(entry));
    }
    let special = |name: &str| map.iter().find(|entry| entry.key == name);
    let include = special("include").map_or(Vec::new(), |entry| reader.rows(entry));
    if keys.is_empty()
        && let Some((first, _)) = include.first()
    {
        keys = first.iter().map(|(key, _)| Arc::from(&**key)).collect();
        lists = vec![Vec::new(); keys.len()];
    }
    if keys.is_empty() {
        let message = format!("the matrix of `{task}` is empty");
        reader.wrong(Diagnostic::error("empty", message).at(node.span).help(help));
        return unknown(keys, lists);
    }
    let exclude = special("exclude").map_or(Vec::new(), |entry| reader.rows(entry));
    let Some(mut rows) = reader.product(&keys, &lists, node.span) else {
        return unknown(keys, lists);
    };
    reader.exclude(&mut rows, &keys, &lists, &exclude);
    reader.include(&mut rows, &keys, &mut lists, &include);
    if reader.is_wrong {
        return unknown(keys, lists);
    }
    if rows.is_empty() && !reader.is_open {
        let message = format!("no member of the matrix of `{task}` is left");
        let help = "take something out of `exclude`";
        reader.wrong(Diagnostic::error("matrix", message).at(node.span).help(help));
        return unknown(keys, lists);
    }
    let Some(members) = reader.members(&keys, rows, node.span) else {
        return unknown(keys, lists);
    };
    let is_open = reader.is_open;
    Rc::new(Matrix { keys, values: lists, members, is_open })
}

/// Returns the matrix of a task in which something is wrong: what names its members is not judged.
fn unknown(keys: Vec<Arc<str>>, values: Vec<Vec<Box<str>>>) -> Rc<Matrix> {
    Rc::new(Matrix { keys, values, members: Vec::new(), is_open: true })
}

/// Words the diagnostic for values of the first key that stand as keys after it: `{suite: api, ui}`.
fn unbracketed(entries: &[Entry<'_>]) -> Option<Diagnostic> {
    let (first, rest) = entries.split_first()?;
    let value = first.value.scalar().filter(|text| !text.contains("${{"))?;
    let others = rest.iter().take_while(|entry| matches!(entry.value.kind(), Kind::Null));
    let values: Vec<&str> = std::iter::once(value).chain(others.map(|entry| &*entry.key)).collect();
    (values.len() > 1).then(|| {
        let key = &first.key;
        let help = format!("write `{key}: [{}]`", values.join(", "));
        values::wrong_type(key, "a list of values", &first.value).help(help)
    })
}

fn is_special(entry: &Entry<'_>) -> bool {
    entry.key == "include" || entry.key == "exclude"
}

/// Keys with values, and where they stand.
type Row = (Vec<(Box<str>, Box<str>)>, Span);

struct Reader<'a> {
    task: &'a str,
    params: &'a Params,
    /// The file's text; `None` for a flow made in code.
    text: Option<&'a str>,
    /// Whether a list has no items, or none that are known.
    is_open: bool,
    is_wrong: bool,
    found: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn wrong(&mut self, diagnostic: Diagnostic) {
        self.is_wrong = true;
        self.found.push(diagnostic);
    }

    fn check_key(&mut self, entry: &Entry<'_>, earlier: &[Arc<str>]) {
        let key = &*entry.key;
        if wrong_name(key).is_some() {
            let shown: String = key.chars().take(40).collect();
            let message = format!("`{shown}` cannot be a key of a matrix");
            let help = "use letters, digits, `_`, `-` and `.`, beginning with a letter";
            self.wrong(Diagnostic::error("matrix-key", message).at(entry.span).help(help));
        }
        let name = variable("PYOCO_MATRIX_", key);
        if let Some(same) = earlier.iter().find(|other| variable("PYOCO_MATRIX_", other) == name) {
            let message = format!("the keys `{same}` and `{key}` would both be `{name}`");
            let help = "give one of them another name";
            self.wrong(Diagnostic::error("matrix-key", message).at(entry.span).help(help));
        }
    }

    /// Reads the values of a key.
    fn list(&mut self, entry: &Entry<'_>) -> Vec<Box<str>> {
        let key = &entry.key;
        let items = match entry.value.kind() {
            Kind::List(items) => items,
            Kind::Plain(text) | Kind::Text(text, _) if text.contains("${{") => {
                return self.list_of_param(text, &entry.value);
            }
            Kind::Plain(_) | Kind::Text(..) | Kind::Null | Kind::Map(_) | Kind::Shared(_) => {
                let wrong = values::wrong_type(key, "a list of values", &entry.value);
                let help = match entry.value.scalar() {
                    Some(text) if self.is_list_param(text) => {
                        format!("write `{key}: '${{{{ {text} }}}}'`")
                    }
                    Some(text) => {
                        format!("write `{key}: {}`", remedy::list(&remedy::words_of(text)))
                    }
                    None => format!("write `{key}: [a, b]`, or `{key}: '${{{{ params.NAME }}}}'`"),
                };
                self.wrong(wrong.help(help));
                return Vec::new();
            }
        };
        if let [item] = &items[..]
            && item.scalar().is_some_and(|text| text.trim().starts_with("${{"))
        {
            let text = item.scalar().unwrap_or_default();
            let message = format!("`{text}` is a whole list, and stands without brackets");
            let help = format!("write `{key}: '{text}'`");
            self.wrong(Diagnostic::error("expression", message).at(item.span).help(help));
            return Vec::new();
        }
        if items.is_empty() {
            let message = format!("`{key}` has no values, and so the task no members");
            let help = "list its values, or remove it";
            self.wrong(Diagnostic::error("empty", message).at(entry.span).help(help));
        }
        let mut list: Vec<Box<str>> = Vec::with_capacity(items.len());
        let mut seen = HashSet::with_capacity(items.len());
        for item in items {
            let Some(value) = self.value(key, item) else { continue };
            if !seen.insert(value.clone()) {
                let message = format!("`{value}` is there twice in `{key}`");
                let help = "remove one of the two";
                self.wrong(Diagnostic::error("twice", message).at(item.span).help(help));
            }
            list.push(value);
        }
        list
    }

    /// Reads one value.
    fn value(&mut self, key: &str, item: &Node<'_>) -> Option<Box<str>> {
        let what = format!("a value of `{key}`");
        if let Some(empty) = values::null(item, &what) {
            self.wrong(empty);
            return None;
        }
        let value = values::item(item, &what, self.found)
            .and_then(|_| values::plain_text(item, key, self.found))
            .and_then(|text| values::without_nul(text, item.span, key, self.found));
        self.is_wrong |= value.is_none();
        value.map(Box::from)
    }

    /// Returns whether a text is the name of a param whose values a matrix can have.
    fn is_list_param(&self, text: &str) -> bool {
        let name = text.strip_prefix("params.");
        name.is_some_and(|name| param_type(&self.params.known, name) == Some(Type::List))
    }

    /// Reads `${{ params.NAME }}`.
    fn list_of_param(&mut self, text: &str, node: &Node<'_>) -> Vec<Box<str>> {
        let (mut mistakes, scope) = (Vec::new(), InMatrix(self.params));
        let parsed = parse_template(text, &mut mistakes);
        let name = match mistakes.is_empty() {
            true => check_matrix(&parsed, &scope, &mut mistakes),
            false => None,
        };
        self.is_wrong |= name.is_none();
        expr::report(mistakes, self.text, node, self.found);
        let param = self.params.known.iter().find(|param| name.as_ref() == Some(&param.name));
        match param.and_then(|param| param.value.as_ref()) {
            Some(ParamValue::List(items)) if !items.is_empty() => {
                let mut seen = HashSet::new();
                for item in items.iter().filter(|item| !seen.insert(*item)) {
                    let message = format!("`{item}` is there twice in `{text}`");
                    let help = "two members would be equal: give each value once";
                    self.is_wrong = true;
                    self.found.push(Diagnostic::error("twice", message).at(node.span).help(help));
                }
                items.to_vec()
            }
            Some(_) | None => {
                self.is_open = true;
                Vec::new()
            }
        }
    }

    /// Reads the maps of `include` or `exclude`.
    fn rows(&mut self, entry: &Entry<'_>) -> Vec<Row> {
        let name = &entry.key;
        let Kind::List(items) = entry.value.kind() else {
            let wrong = values::wrong_type(name, "a list of maps", &entry.value);
            self.wrong(wrong.help(format!("write `{name}: [{{key: value}}]`")));
            return Vec::new();
        };
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            let Some(map) = item.map().filter(|map| !map.is_empty()) else {
                let message = format!("an entry of `{name}` is a map of keys to values");
                let help = format!("write `{name}: [{{key: value}}]`");
                self.wrong(Diagnostic::error("wrong-type", message).at(item.span).help(help));
                continue;
            };
            let mut row = Vec::with_capacity(map.len());
            for one in map {
                if name == "include" {
                    self.check_key(one, &[]);
                }
                if let Some(value) = self.value(&one.key, &one.value) {
                    row.push((Box::from(&*one.key), value));
                }
            }
            rows.push((row, item.span));
        }
        rows
    }

    /// Returns every combination, the first key's values changing slowest.
    fn product(
        &mut self,
        keys: &[Arc<str>],
        lists: &[Vec<Box<str>>],
        span: Span,
    ) -> Option<Vec<Vec<Box<str>>>> {
        let counts: Vec<String> = lists.iter().map(|list| list.len().to_string()).collect();
        let count = lists.iter().try_fold(1_usize, |count, list| count.checked_mul(list.len()));
        if count.is_none_or(|count| count > MAX_MEMBERS) {
            let count = count.map_or("too many".to_owned(), |count| count.to_string());
            let message = format!(
                "the matrix of `{}` has {count} members ({}), and {MAX_MEMBERS} is the most",
                self.task,
                counts.join(" × ")
            );
            let help = "use fewer values, or let one task go through many of them";
            self.wrong(Diagnostic::error("too-large", message).at(span).help(help));
            return None;
        }
        if lists.iter().any(Vec::is_empty) || keys.is_empty() {
            return Some(Vec::new());
        }
        let mut rows: Vec<Vec<Box<str>>> = vec![Vec::new()];
        for list in lists {
            rows = rows
                .iter()
                .flat_map(|row| {
                    list.iter().map(move |value| {
                        row.iter().cloned().chain([value.clone()]).collect::<Vec<_>>()
                    })
                })
                .collect();
        }
        Some(rows)
    }

    /// Returns the place of a key in each member; says so where there is none.
    fn known(&mut self, key: &str, keys: &[Arc<str>], span: Span) -> Option<usize> {
        let place = keys.iter().position(|other| **other == *key);
        if place.is_none() {
            let near = suggest(key, keys.iter().map(|key| &**key));
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let message = format!("the matrix has no key `{key}`{near}");
            let help = choices("key", "keys", keys);
            self.wrong(Diagnostic::error("matrix-key", message).at(span).help(help));
        }
        place
    }

    fn exclude(
        &mut self,
        rows: &mut Vec<Vec<Box<str>>>,
        keys: &[Arc<str>],
        lists: &[Vec<Box<str>>],
        exclude: &[Row],
    ) {
        for (row, span) in exclude {
            let places: Option<Vec<(usize, &str)>> = row
                .iter()
                .map(|(key, value)| Some((self.known(key, keys, *span)?, &**value)))
                .collect();
            let Some(places) = places else { continue };
            let strange = places.iter().find(|(place, value)| {
                !lists[*place].is_empty() && !lists[*place].iter().any(|other| **other == **value)
            });
            if let Some((place, value)) = strange {
                let near = suggest(value, lists[*place].iter().map(|value| &**value));
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("`{}` is never `{value}`{near}", keys[*place]);
                let help = choices("value", "values", &lists[*place]);
                self.wrong(Diagnostic::error("matrix", message).at(*span).help(help));
                continue;
            }
            let is_excluded = |member: &Vec<Box<str>>| {
                places.iter().all(|(place, value)| *member[*place] == **value)
            };
            rows.retain(|member| !is_excluded(member));
        }
    }

    fn include(
        &mut self,
        rows: &mut Vec<Vec<Box<str>>>,
        keys: &[Arc<str>],
        lists: &mut [Vec<Box<str>>],
        include: &[Row],
    ) {
        for (row, span) in include {
            let mut member: Vec<Option<Box<str>>> = vec![None; keys.len()];
            for (key, value) in row {
                if let Some(place) = self.known(key, keys, *span) {
                    member[place] = Some(value.clone());
                }
            }
            let missing = keys.iter().zip(&member).find(|(_, value)| value.is_none());
            if let Some((key, _)) = missing {
                let message = format!("this member has no `{key}`");
                let help = format!("give it one: `{key}: VALUE`");
                self.wrong(Diagnostic::error("matrix", message).at(*span).help(help));
                continue;
            }
            let member: Vec<Box<str>> = member.into_iter().flatten().collect();
            for (list, value) in lists.iter_mut().zip(&member) {
                if !list.contains(value) {
                    list.push(value.clone());
                }
            }
            rows.push(member);
        }
    }

    fn members(
        &mut self,
        keys: &[Arc<str>],
        rows: Vec<Vec<Box<str>>>,
        span: Span,
    ) -> Option<Vec<Arc<Member>>> {
        let group: Arc<str> = self.task.into();
        let mut seen = HashSet::with_capacity(rows.len());
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            if !seen.insert(row.clone()) {
                let shown: Vec<String> =
                    keys.iter().zip(&row).map(|(key, value)| format!("{key}={value}")).collect();
                let message = format!("the member `{}` is there twice", shown.join(","));
                let help = "remove one of the two";
                self.wrong(Diagnostic::error("matrix", message).at(span).help(help));
                return None;
            }
            let values = keys.iter().cloned().zip(row).collect();
            let member = Member { group: group.clone(), values };
            if member.name().len() > MAX_NAME {
                let message = format!("a member's name is longer than {MAX_NAME} bytes");
                let help = "use short values, and let the task look the rest up";
                self.wrong(Diagnostic::error("matrix", message).at(span).help(help));
                return None;
            }
            members.push(Arc::new(member));
        }
        Some(members)
    }
}

/// All that a value of a matrix can name.
struct InMatrix<'a>(&'a Params);

impl Scope for InMatrix<'_> {
    fn key(&self) -> Key {
        Key::Matrix
    }

    fn param(&self, name: &str) -> Option<Type> {
        param_type(&self.0.known, name)
    }

    fn is_in_doubt(&self, _: Root, name: &str) -> bool {
        self.0.is_in_doubt(name)
    }

    fn params(&self) -> Vec<&str> {
        self.0.known.iter().map(|param| &*param.name).collect()
    }

    fn param_values(&self, _: &str) -> Option<Vec<&str>> {
        None
    }

    fn matrix(&self) -> Vec<&str> {
        Vec::new()
    }

    fn matrix_values(&self, _: &str) -> Option<Vec<&str>> {
        None
    }

    fn tasks(&self, _: &str) -> Result<Arc<[TaskId]>, Problem> {
        Ok(Arc::default()) // no task can be named there, which is said
    }

    fn task(&self, _: &str, _: Field<'_>) -> Result<TaskId, Problem> {
        Ok(TaskId(0))
    }
}
