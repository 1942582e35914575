//! What expressions of a file can know of it, and reading a value in which they may stand.
//!
//! What is known when the file is loaded (params, the member's values, the machine) is put in at once,
//! so that a template of these alone is a plain text afterwards.

use std::cell::RefCell;
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::expr::{
    self, Field, Key, Points, Problem, Root, Scope, Type, check_if, check_template, parse_if,
    parse_template,
};
use super::fields::key_meant;
use super::hints::{choices, quoted_list, suggest};
use super::keys;
use super::names::{Asker, Declared, Names};
use super::params::Params;
use super::tree::{Entry, Kind, Node};
use super::values::{self, Env};
use crate::model::expr::{Condition, Name, Replacement, RunFact, StateFunction, Template, Value};
use crate::model::{EntryName, ListId, Lists, Param, ParamKind, ParamValue, TaskId};

/// What expressions can know of a file.
pub(crate) struct FileScope<'n> {
    pub(crate) params: &'n Params,
    pub(crate) names: &'n Names<'n>,
    /// Of each task: what it needs all of, and one of.
    pub(crate) needs: &'n [(ListId, ListId)],
    pub(crate) lists: &'n Lists,
    /// The file's text; `None` for a flow made in code.
    pub(crate) text: Option<&'n str>,
    pub(crate) base_dir: &'n Path,
    pub(crate) caller_dir: Option<PathBuf>,
    /// Whether something is wrong with `graph`, so that what waits for what is not known.
    pub(crate) is_graph_in_doubt: bool,
    /// The ancestors of the task that asked last.
    pub(crate) ancestors: RefCell<Option<(TaskId, Rc<HashSet<TaskId>>)>>,
}

/// Where in a file a value stands.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Outside of all tasks: it knows no matrix and no task.
    Flow,
    /// In a task, or in a member of its matrix.
    Task(TaskId),
}

impl<'n> FileScope<'n> {
    /// Returns what a key at a place can know.
    pub(crate) fn of<'a>(&'a self, place: Place, key: Key) -> KeyScope<'a, 'n> {
        KeyScope { file: self, place, key, below: None }
    }

    /// Returns whether a task waits for others, or may do so: where something is wrong with its needs, or
    /// in a run with other members.
    fn may_wait(&self, task: TaskId) -> bool {
        let entry = self.names.tasks[task.index()].entry;
        let map = entry.value.map().unwrap_or_default();
        let has_needs = map.iter().any(|one| one.key == "needs" || one.key == "needs_any");
        let is_in_doubt = self.is_graph_in_doubt || means(entry, &["needs", "needs_any"]);
        has_needs || is_in_doubt || self.names.has_open || !self.ancestors_of(task).is_empty()
    }

    fn ancestors_of(&self, task: TaskId) -> Rc<HashSet<TaskId>> {
        if let Some((last, ancestors)) = &*self.ancestors.borrow()
            && *last == task
        {
            return ancestors.clone();
        }
        let (mut found, mut lists) = (HashSet::new(), HashSet::new());
        let mut todo = vec![task];
        while let Some(one) = todo.pop() {
            let (all, any) = self.needs[one.index()];
            for list in [all, any] {
                if lists.insert(list) {
                    let new = self.lists.get(list).iter().filter(|need| found.insert(**need));
                    todo.extend(new);
                }
            }
        }
        let found = Rc::new(found);
        *self.ancestors.borrow_mut() = Some((task, found.clone()));
        found
    }
}

/// What one key of a file can know.
pub(crate) struct KeyScope<'a, 'n> {
    file: &'a FileScope<'n>,
    place: Place,
    key: Key,
    /// What `env.X` means in a value of `env`: the maps below.
    below: Option<&'a Env>,
}

impl<'a> KeyScope<'a, '_> {
    /// Lets `env.X` mean what these maps say.
    pub(crate) fn over(self, below: &'a Env) -> Self {
        KeyScope { below: Some(below), ..self }
    }

    fn declared(&self) -> Option<&'a Declared<'a>> {
        match self.place {
            Place::Flow => None,
            Place::Task(task) => Some(&self.file.names.tasks[task.index()]),
        }
    }

    /// Reads a text in which expressions may stand; `name` is what messages call it.
    pub(crate) fn template(
        &self,
        node: &Node<'_>,
        name: &str,
        found: &mut Diagnostics,
    ) -> Option<Template> {
        let text = values::text(node, name, found)?;
        let text = values::without_nul(text, node.span, name, found)?;
        if !text.contains("${{") {
            return Some(Template::from(text));
        }
        let mut mistakes = Vec::new();
        let parsed = parse_template(text, &mut mistakes);
        let is_read = mistakes.is_empty();
        let template = check_template(&parsed, self, &mut mistakes).filter(|_| is_read);
        expr::report(mistakes, self.file.text, node, found);
        match template?.substitute(|name| self.known(name)) {
            Ok(template) => Some(template),
            Err(too_large) => {
                let message = format!("`{name}`: {too_large}");
                let help = "name what it is made of less often";
                found.push(Diagnostic::error("too-large", message).at(node.span).help(help));
                None
            }
        }
    }

    /// Reads a text that must be known before the run begins.
    pub(crate) fn known_text(
        &self,
        node: &Node<'_>,
        name: &str,
        found: &mut Diagnostics,
    ) -> Option<String> {
        let template = self.template(node, name, found)?;
        if let Some(text) = template.constant() {
            return Some(text.to_owned());
        }
        let is_unset =
            template.names().any(|name| matches!(name, Name::Param(_) | Name::Matrix(_)));
        if !is_unset {
            let message = format!("`{name}` must be known before the run begins");
            let help = "`run.id`, `run.status` and `run.caller_dir` are not: use params, `matrix`, \
                        `run.os`, `run.arch` or `run.file_dir`";
            found.push(Diagnostic::error("not-here", message).at(node.span).help(help));
        }
        None
    }

    /// Reads an `if`.
    pub(crate) fn condition(
        &self,
        node: &Node<'_>,
        found: &mut Diagnostics,
    ) -> Option<Arc<Condition>> {
        if found.says("yaml-tag") {
            return None; // perhaps `if: !success()`, of which only a part is left; it was said
        }
        let text = values::text(node, "if", found)?;
        let mut mistakes = Vec::new();
        let condition = match parse_if(text) {
            Ok(parsed) => check_if(&parsed, self, &mut mistakes),
            Err(wrong) => {
                mistakes = wrong;
                None
            }
        };
        expr::report(mistakes, self.file.text, node, found);
        condition?.with_text(text.trim()).substitute(|name| self.known(name)).ok().map(Arc::new)
    }

    /// Returns what a name stands for, where that is known already.
    fn known(&self, name: &Name) -> Option<Replacement> {
        let value = match name {
            Name::Param(name) => {
                let param = self.file.params.known.iter().find(|param| param.name == *name)?;
                value_of(param.value.as_ref()?)
            }
            Name::Matrix(key) => Value::text(self.declared()?.member.as_ref()?.value(key)?),
            Name::Run(RunFact::Os) => Value::text(std::env::consts::OS),
            Name::Run(RunFact::Arch) => Value::text(std::env::consts::ARCH),
            Name::Run(RunFact::FileDir) => Value::text(self.file.base_dir.as_os_str().as_bytes()),
            Name::Run(RunFact::CallerDir) => {
                Value::text(self.file.caller_dir.as_ref()?.as_os_str().as_bytes())
            }
            Name::Env(name) => {
                let (_, template) = self.below?.iter().find(|(other, _)| other == name)?;
                return Some(Replacement::Template(template.clone()));
            }
            Name::Run(RunFact::Id | RunFact::Status)
            | Name::Output(..)
            | Name::State(_)
            | Name::ExitCode(_)
            | Name::Call(_) => return None,
        };
        Some(Replacement::Value(value))
    }

    /// Returns the tasks that are written so, all of which must have ended before.
    fn find(&self, written: &str) -> Result<Vec<TaskId>, Problem> {
        let (Place::Task(asker), Some(declared)) = (self.place, self.declared()) else {
            return Ok(Vec::new()); // no task can be named there, which is said
        };
        let problem = |diagnostic: Diagnostic| Problem {
            points: Points::Task,
            code: diagnostic.name,
            message: diagnostic.message,
            help: diagnostic.help.join("; "),
        };
        let found = self.file.names.find(written, Asker::Task(declared)).map_err(problem)?;
        let ids: Vec<TaskId> = found.iter().collect();
        let names = self.file.names;
        let sees_all = names.is_finally(asker);
        let ancestors = self.file.ancestors_of(asker);
        let is_seen = |id: &&TaskId| ancestors.contains(id) || sees_all && !names.is_finally(**id);
        match ids.iter().find(|id| !is_seen(id)) {
            None => Ok(ids),
            Some(_) if self.needs_are_in_doubt(asker, &ancestors) => Ok(ids),
            Some(id) => Err(self.no_ancestor(declared, *id)),
        }
    }

    /// Says that several members are named where one is meant, of which `after` is wanted; `or` is another
    /// way out.
    fn many_members(
        &self,
        written: &str,
        ids: &[TaskId],
        (what, after): (&str, &str),
        or: Option<String>,
    ) -> Problem {
        let whole = |id: &TaskId| {
            let name = self.file.names.tasks[id.index()].name.replace('\'', "''");
            format!("tasks['{name}'].{after}")
        };
        let members: Vec<String> = ids.iter().map(whole).collect();
        let message = format!("`{written}` has {} members, each with {what} of its own", ids.len());
        let one = format!("name one: {}", quoted_list(&members));
        let help = or.map_or(one.clone(), |or| format!("{one}; {or}"));
        Problem { points: Points::Task, code: "many-members", message, help }
    }

    /// Returns whether something is wrong with what the task waits for, directly or through others.
    fn needs_are_in_doubt(&self, asker: TaskId, ancestors: &HashSet<TaskId>) -> bool {
        let names = self.file.names;
        let is_wrong = |task: TaskId| {
            let declared = &names.tasks[task.index()];
            let map = declared.entry.value.map().unwrap_or_default().iter();
            let needs = map.filter(|one| ["needs", "needs_any"].contains(&&*one.key));
            let is_name = |item: &Node<'_>| {
                item.scalar().is_some_and(|name| names.find(name, Asker::Task(declared)).is_ok())
            };
            needs.flat_map(|one| one.value.items()).any(|item| !is_name(item))
                || means(declared.entry, &["needs", "needs_any"])
        };
        self.file.is_graph_in_doubt || is_wrong(asker) || ancestors.iter().any(|id| is_wrong(*id))
    }

    fn no_ancestor(&self, asker: &Declared<'_>, id: TaskId) -> Problem {
        let (own, other) = (&asker.entry.key, &self.file.names.tasks[id.index()].name);
        let is_own = std::ptr::eq(asker.entry, self.file.names.tasks[id.index()].entry);
        let message = if is_own {
            format!("`{own}` asks about itself, and cannot know how it will end")
        } else {
            format!("`{own}` does not wait for `{other}`, and so cannot know how it ended")
        };
        let help = match self.file.names.is_finally(id) {
            _ if is_own => format!("remove it, or ask in a task that needs `{own}`"),
            true => "name a task of `tasks`, or one that it needs".to_owned(),
            false => format!("let it need `{other}`, directly or through others"),
        };
        Problem { points: Points::Task, code: "no-ancestor", message, help }
    }
}

/// Returns whether a task has a key that is none of ours, and means one of these.
fn means(task: &Entry<'_>, wanted: &[&str]) -> bool {
    let map = task.value.map().unwrap_or_default().iter();
    map.filter_map(|one| key_meant(one, keys::Place::Task)).any(|key| wanted.contains(&key))
}

/// Returns what a param is in an expression.
pub(crate) fn param_type(params: &[Param], name: &str) -> Option<Type> {
    let param = params.iter().find(|param| *param.name == *name)?;
    Some(match param.kind {
        ParamKind::String | ParamKind::Enum(_) => Type::Text,
        ParamKind::Int => Type::Int,
        ParamKind::Bool => Type::Bool,
        ParamKind::List => Type::List,
    })
}

/// Returns the value of a param as expressions see it.
fn value_of(value: &ParamValue) -> Value {
    match value {
        ParamValue::Text(text) => Value::text(text.as_bytes()),
        ParamValue::Int(number) => Value::Int(*number),
        ParamValue::Bool(value) => Value::Bool(*value),
        ParamValue::List(items) => {
            Value::List(items.iter().map(|item| item.as_bytes().to_vec()).collect())
        }
    }
}

/// Returns the outputs that a task promises, as its keys say.
pub(crate) fn promised<'n>(entry: &'n Entry<'_>) -> Vec<&'n str> {
    let keys = entry.value.map().unwrap_or_default().iter();
    let keys = keys.filter(|one| one.key == "outputs" || one.key == "capture");
    keys.flat_map(|one| one.value.items()).filter_map(Node::scalar).collect()
}

impl Scope for KeyScope<'_, '_> {
    fn key(&self) -> Key {
        self.key
    }

    fn is_outside(&self) -> bool {
        matches!(self.place, Place::Flow)
    }

    fn param_default(&self, name: &str) -> Option<&str> {
        let param = self.file.params.known.iter().find(|param| *param.name == *name)?;
        match (&param.kind, &param.default) {
            (ParamKind::String, Some(ParamValue::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn allows(&self, root: Root) -> bool {
        let is_here = match self.place {
            Place::Task(_) => true,
            Place::Flow => matches!(root, Root::Params | Root::Env | Root::Run),
        };
        is_here && self.key.allows(root)
    }

    fn always(&self, function: StateFunction) -> Option<bool> {
        let Place::Task(task) = self.place else { return None };
        if self.file.names.is_finally(task) {
            return None; // there they speak of the run
        }
        match function {
            StateFunction::Success | StateFunction::Always => Some(true),
            StateFunction::Cancelled => Some(false), // nothing starts after a cancel
            StateFunction::Failure => (!self.file.may_wait(task)).then_some(false),
        }
    }

    fn param(&self, name: &str) -> Option<Type> {
        param_type(&self.file.params.known, name)
    }

    fn params(&self) -> Vec<&str> {
        self.file.params.known.iter().map(|param| &*param.name).collect()
    }

    fn is_in_doubt(&self, root: Root, name: &str) -> bool {
        match (root, self.declared()) {
            (Root::Params, _) => self.file.params.is_in_doubt(name),
            (Root::Matrix, Some(declared)) => {
                let matrix = self.file.names.matrix_of(declared);
                matrix.is_some_and(|matrix| matrix.keys.is_empty())
                    || means(declared.entry, &["matrix"])
            }
            (Root::Matrix | Root::Env | Root::Run | Root::Tasks | Root::States, _) => false,
        }
    }

    fn param_values(&self, name: &str) -> Option<Vec<&str>> {
        let param = self.file.params.known.iter().find(|param| *param.name == *name)?;
        match &param.kind {
            ParamKind::Enum(values) => Some(values.iter().map(|value| &**value).collect()),
            ParamKind::String | ParamKind::Int | ParamKind::Bool | ParamKind::List => None,
        }
    }

    fn matrix(&self) -> Vec<&str> {
        let matrix = self.declared().and_then(|declared| self.file.names.matrix_of(declared));
        matrix.map_or(Vec::new(), |matrix| matrix.keys.iter().map(|key| &**key).collect())
    }

    fn matrix_values(&self, key: &str) -> Option<Vec<&str>> {
        let matrix = self.file.names.matrix_of(self.declared()?)?;
        let place = matrix.place(key).filter(|_| !matrix.is_open)?;
        Some(matrix.values[place].iter().map(|value| &**value).collect())
    }

    fn tasks(&self, written: &str) -> Result<Arc<[TaskId]>, Problem> {
        let ids = self.find(written)?;
        match EntryName::parse(written) {
            Ok(entry) if ids.len() > 1 && !entry.keys.is_empty() => {
                let all = format!("`tasks.{}.state` is that of all members", entry.base);
                Err(self.many_members(written, &ids, ("a state", "state"), Some(all)))
            }
            Ok(_) | Err(_) => Ok(ids.into()),
        }
    }

    fn task(&self, written: &str, field: Field<'_>) -> Result<TaskId, Problem> {
        let ids = self.find(written)?;
        let names = self.file.names;
        let [id] = &*ids else {
            let (what, after) = match field {
                Field::ExitCode => ("an exit code", "exit_code".to_owned()),
                Field::Output(output) => ("outputs", format!("outputs.{output}")),
            };
            return match (ids.is_empty(), names.first_of(written)) {
                // A list that has no values here: nobody can say whether there is such a member.
                (true, Some(open)) => Ok(open),
                _ => Err(self.many_members(written, &ids, (what, &after), None)),
            };
        };
        if let Field::Output(output) = field {
            let entry = names.tasks[id.index()].entry;
            let outputs = promised(entry);
            let is_wrong = entry
                .value
                .map()
                .unwrap_or_default()
                .iter()
                .any(|one| one.key == "outputs" && !matches!(one.value.kind(), Kind::List(_)));
            let is_in_doubt = is_wrong || means(entry, &["outputs", "capture"]);
            if !outputs.contains(&output) && !is_in_doubt {
                let near = suggest(output, outputs.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("`{}` promises no output `{output}`{near}", entry.key);
                let help = match &*outputs {
                    [] => format!("write `outputs: [{output}]` in `{}`", entry.key),
                    outputs => choices("output", "outputs", outputs),
                };
                return Err(Problem { points: Points::Field, code: "no-output", message, help });
            }
        }
        Ok(*id)
    }
}
