//! Params and outputs that nothing in the file names.

use std::collections::HashSet;

use super::super::diag::{Diagnostic, Diagnostics};
use super::super::tree::{Entry, Kind, Node};
use super::Written;
use crate::model::Flow;

/// What the texts of a file name.
#[derive(Default)]
struct Named<'t> {
    /// After `params.`, and the whole variables `PYOCO_PARAM_…`.
    params: HashSet<&'t str>,
    variables: HashSet<&'t str>,
    outputs: HashSet<&'t str>,
    /// Whether a text takes names apart or puts them together: then anything may be used.
    any_param: bool,
}

/// Warns of what nothing names.
pub(super) fn unused(
    root: &Node<'_>,
    flow: &Flow,
    written: &Written<'_, '_>,
    found: &mut Diagnostics,
) {
    let top = root.map().unwrap_or_default();
    let mut named = Named::default();
    for entry in top.iter().filter(|entry| entry.key != "params") {
        named.read(&entry.value);
    }
    let declared = top.iter().find(|entry| entry.key == "params");
    let declared = declared.and_then(|entry| entry.value.map()).unwrap_or_default();
    for param in flow.params().iter().filter(|_| !named.any_param) {
        let variable = param.variable();
        if named.params.contains(param.name()) || named.variables.contains(&*variable) {
            continue;
        }
        let Some(entry) = declared.iter().find(|entry| entry.key == param.name()) else { continue };
        let message = format!("nothing uses the param `{}`", param.name());
        let help = format!(
            "write `${variable}` in a script or `params.{}` in an expression, or remove it",
            param.name()
        );
        found.push(Diagnostic::warning("unused-param", message).at(entry.span).help(help));
    }
    outputs(flow, written, &named, found);
}

/// Warns of outputs that no task reads although one waits for them. What the last task of a chain hands
/// on is for the record alone, and so is all where the file reads no output anywhere.
fn outputs(flow: &Flow, written: &Written<'_, '_>, named: &Named<'_>, found: &mut Diagnostics) {
    if named.outputs.is_empty() {
        return;
    }
    let mut is_needed = vec![false; flow.tasks().len()];
    for list in flow.lists.ids() {
        flow.lists.get(list).iter().for_each(|task| is_needed[task.index()] = true);
    }
    for (entry, members) in &written.groups {
        let first = &flow.tasks()[members.start];
        let Some(promises) = &first.options().promises else { continue };
        if !members.clone().any(|at| is_needed[at]) {
            continue;
        }
        for name in promises.names().filter(|name| !named.outputs.contains(name)) {
            let message = format!("no task uses the output `{name}` of `{}`", entry.key);
            let help = format!(
                "write `tasks.{}.outputs.{name}` in an expression, or remove it",
                entry.key
            );
            let place = place_of(entry, name).unwrap_or(entry).span;
            let place = item_of(entry, name).map_or(place, |item| item.span);
            found.push(Diagnostic::warning("unused-output", message).at(place).help(help));
        }
    }
}

fn place_of<'n, 's>(task: &'n Entry<'s>, name: &str) -> Option<&'n Entry<'s>> {
    let map = task.value.map()?;
    map.iter().find(|one| one.key == "capture" && one.value.scalar() == Some(name))
}

fn item_of<'n, 's>(task: &'n Entry<'s>, name: &str) -> Option<&'n Node<'s>> {
    let outputs = task.value.map()?.iter().find(|one| one.key == "outputs")?;
    outputs.value.items().iter().find(|item| item.scalar() == Some(name))
}

impl<'t> Named<'t> {
    fn read(&mut self, node: &'t Node<'_>) {
        match node.kind() {
            Kind::Plain(text) | Kind::Text(text, _) => self.text(text),
            Kind::List(items) => items.iter().for_each(|item| self.read(item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| self.read(&entry.value)),
            Kind::Null | Kind::Shared(_) => {}
        }
    }

    fn text(&mut self, text: &'t str) {
        self.params.extend(steps_after(text, "params"));
        self.outputs.extend(steps_after(text, "outputs"));
        for (at, word) in text.match_indices("PYOCO_PARAM") {
            let rest = &text[at..];
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            // `env | grep PYOCO_PARAM_`, or a name that a program puts together.
            self.any_param |= end <= word.len() + 1;
            self.variables.insert(&rest[..end]);
        }
    }
}

/// Returns the names that stand after a word as `.name` or `['name']`.
fn steps_after<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let rest = text[at + word.len()..].trim_start();
        if let Some(rest) = rest.strip_prefix('.') {
            let rest = rest.trim_start();
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            return Some(&rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]);
        }
        let inside = rest.strip_prefix('[')?.trim_start().strip_prefix('\'')?;
        inside.split('\'').next()
    })
}
