//! The keys `pools` and `pool`: which pools a file has, and what a task holds of them.
//!
//! A pool whose slots are wrong is known all the same, so that one mistake is said once.

use std::collections::HashMap;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::hints::{choices, suggest};
use super::keys::MAX_SLOTS;
use super::lower::wrong_name;
use super::scope::KeyScope;
use super::tree::{Entry, Kind, Node, Span};
use super::values;
use crate::model::{Pool, PoolId, PoolNeeds, Slots, pool_variable};

const MAX_POOLS: usize = 1_000; // their names and texts stand in one line of the record
const MAX_TEXTS: usize = 64 << 10; // bytes: a task that holds them all sees them in one variable

/// The pools of a file.
pub(crate) struct Pools<'n> {
    /// In the order of the file. `None`: the key is there, and not what it should be.
    list: Option<Vec<Declared<'n>>>,
    by_name: HashMap<&'n str, PoolId>,
}

struct Declared<'n> {
    name: &'n str,
    span: Span,
    /// `None` where they are wrong.
    slots: Option<Slots>,
    is_used: bool,
}

impl<'n> Pools<'n> {
    /// Reads the key `pools`.
    pub(crate) fn read(entry: Option<&'n Entry<'_>>, found: &mut Diagnostics) -> Pools<'n> {
        let mut pools = Pools { list: Some(Vec::new()), by_name: HashMap::new() };
        let Some(entry) = entry else { return pools };
        let Some(map) = entry.value.map() else {
            let wrong = values::wrong_type("pools", "a map of names to slots", &entry.value);
            found.push(wrong.help("write `pools: {gpu: 2}`"));
            return Pools { list: None, ..pools };
        };
        if map.len() > MAX_POOLS {
            let message = format!("the file has more than {MAX_POOLS} pools");
            let help = "let tasks that use the same thing hold slots of one pool";
            found.push(Diagnostic::error("too-large", message).at(entry.span).help(help));
            return Pools { list: None, ..pools };
        }
        let mut n_bytes = 0;
        let mut variables: HashMap<String, &Entry<'_>> = HashMap::new();
        let mut list = Vec::with_capacity(map.len());
        for pool in map {
            check_name(pool, &mut variables, found);
            let slots = slots(&pool.key, &pool.value, &mut n_bytes, found);
            pools.by_name.insert(&pool.key, PoolId(list.len() as u32));
            list.push(Declared { name: &pool.key, span: pool.span, slots, is_used: false });
        }
        if n_bytes > MAX_TEXTS {
            let message = format!("the texts of all slots are longer than {} KiB", MAX_TEXTS >> 10);
            let help = "give the slots numbers, and let the tasks find what belongs to them";
            found.push(Diagnostic::error("too-large", message).at(entry.span).help(help));
        }
        pools.list = Some(list);
        pools
    }

    /// Reads the key `pool` of a task: a name, a list of them, or a map of names to slots.
    pub(crate) fn needs(
        &mut self,
        node: &Node<'_>,
        scope: &KeyScope<'_, '_>,
        found: &mut Diagnostics,
    ) -> PoolNeeds {
        let mut needs: Vec<(PoolId, u32)> = Vec::new();
        if let Some(map) = node.map() {
            for entry in map {
                if values::is_expression(&entry.key) {
                    let help =
                        "write a list, which has a slot of each: `pool: [\"${{ params.NAME }}\"]`";
                    found.push(values::no_expression("the name of a pool", entry.span).help(help));
                    continue;
                }
                let count = values::int(&entry.value, &entry.key, (1, MAX_SLOTS), found);
                let id = self.find(&entry.key, entry.span, found);
                let Some((id, count)) = id.zip(count) else { continue };
                self.check_count(id, count, entry.value.span, found);
                needs.push((id, count));
            }
        } else if let Kind::List(items) = node.kind() {
            self.listed(items, scope, &mut needs, found);
        } else if let Some(name) = scope.known_text(node, "pool", found) {
            needs.extend(self.find(&name, node.span, found).map(|id| (id, 1)));
        }
        let is_empty = match node.kind() {
            Kind::List(items) => items.is_empty(),
            Kind::Map(entries) => entries.is_empty(),
            Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => false,
        };
        if is_empty {
            let help = "name a pool, or remove the key";
            found.push(Diagnostic::error("empty", "`pool` is empty").at(node.span).help(help));
        }
        needs.sort_unstable();
        needs.into()
    }

    fn listed(
        &mut self,
        items: &[Node<'_>],
        scope: &KeyScope<'_, '_>,
        needs: &mut Vec<(PoolId, u32)>,
        found: &mut Diagnostics,
    ) {
        let mut places: HashMap<PoolId, Span> = HashMap::new();
        for item in items {
            if matches!(item.kind(), Kind::List(_) | Kind::Map(_)) {
                let message = format!("a name in `pool` cannot be {}", item.noun());
                let help = "write `pool: [gpu, disk]`, or with numbers `pool: {gpu: 2, disk: 1}`";
                found.push(Diagnostic::error("wrong-type", message).at(item.span).help(help));
                continue;
            }
            let Some(name) = scope.known_text(item, "pool", found) else { continue };
            let Some(id) = self.find(&name, item.span, found) else { continue };
            if let Some(first) = places.insert(id, item.span) {
                let message = format!("the pool `{name}` is there twice");
                found.push(
                    Diagnostic::error("pool", message)
                        .label(item.span, "")
                        .label(first, "")
                        .help(format!("write `pool: {{{name}: 2}}` for two slots of it")),
                );
                continue;
            }
            needs.push((id, 1));
        }
    }

    /// Returns the pool with this name.
    fn find(&mut self, name: &str, span: Span, found: &mut Diagnostics) -> Option<PoolId> {
        let list = self.list.as_mut()?;
        if let Some(id) = self.by_name.get(name) {
            list[id.index()].is_used = true;
            return Some(*id);
        }
        found.push_error(|| {
            let names: Vec<&str> = list.iter().map(|pool| pool.name).collect();
            let (message, help) = match suggest(name, names.iter().copied()) {
                Some(near) => (
                    format!("unknown pool `{name}`; did you mean `{near}`?"),
                    format!("write `{near}`"),
                ),
                None if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) => (
                    format!("unknown pool `{name}`"),
                    format!("say of which pool: `pool: {{NAME: {name}}}`"),
                ),
                None if names.is_empty() => (
                    format!("unknown pool `{name}`: the file has no `pools`"),
                    format!("write at the top level `pools: {{{name}: 1}}`"),
                ),
                None => (format!("unknown pool `{name}`"), choices("pool", "pools", &names)),
            };
            Diagnostic::error("unknown-pool", message).at(span).help(help)
        });
        None
    }

    /// Says where a task wants more slots than there are.
    fn check_count(&self, id: PoolId, count: u32, span: Span, found: &mut Diagnostics) {
        let Some(pool) = self.list.as_ref().map(|list| &list[id.index()]) else { return };
        let Some(slots) = &pool.slots else { return };
        let (name, has) = (pool.name, slots.count());
        if count > has {
            let plural = if has == 1 { "" } else { "s" };
            let found_subject = found.subject.clone();
            found.push_error(|| {
                let message = match &found_subject {
                    Some(task) => format!(
                        "`{task}` wants {count} slots of the pool `{name}`, which has {has}"
                    ),
                    None => {
                        format!("{count} slots of the pool `{name}` are wanted, which has {has}")
                    }
                };
                Diagnostic::error("pool", message)
                    .label(span, "never free together")
                    .label(pool.span, format!("{has} slot{plural}"))
                    .help(format!("write at most `{name}: {has}`, or give the pool more"))
            });
        }
    }

    /// Warns of what no task uses, and returns the pools.
    pub(crate) fn finish(self, found: &mut Diagnostics) -> Arc<[Pool]> {
        let list = self.list.unwrap_or_default();
        // Where something is wrong, perhaps the key of the task that uses it.
        let may_warn = !found.has_error();
        for pool in list.iter().filter(|pool| !pool.is_used && may_warn) {
            let message = format!("no task uses the pool `{}`", pool.name);
            found.push(
                Diagnostic::warning("unused-pool", message)
                    .at(pool.span)
                    .help(format!("write `pool: {}` in a task, or remove it", pool.name)),
            );
        }
        let pool = |pool: Declared<'_>| Pool {
            name: pool.name.into(),
            // Where they are wrong no flow comes of the file.
            slots: pool.slots.unwrap_or(Slots::Numbered(1)),
        };
        list.into_iter().map(pool).collect()
    }
}

/// Checks the name of a pool, and that no other one has the same variable.
fn check_name<'n>(
    pool: &'n Entry<'_>,
    variables: &mut HashMap<String, &'n Entry<'n>>,
    found: &mut Diagnostics,
) {
    let name = &*pool.key;
    if let Some((wrong, help)) = wrong_name(name) {
        let shown: String = name.chars().take(40).collect();
        let message = format!("the pool's name `{shown}` {wrong}");
        found.push(Diagnostic::error("pool-name", message).at(pool.span).help(help));
        return;
    }
    let variable = pool_variable(name);
    if let Some(first) = variables.get(&variable) {
        let message = format!("`{}` and `{name}` would both be `{variable}` in a task", first.key);
        found.push(
            Diagnostic::error("pool-name", message)
                .label(pool.span, "")
                .label(first.span, "")
                .help("give one of them another name"),
        );
        return;
    }
    variables.insert(variable, pool);
}

/// Reads the slots of a pool: how many, or the text of each.
fn slots(
    name: &str,
    node: &Node<'_>,
    n_bytes: &mut usize,
    found: &mut Diagnostics,
) -> Option<Slots> {
    let items = match node.kind() {
        Kind::List(items) => items,
        Kind::Plain(text)
            if !text.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c)) =>
        {
            found.push(one_slot(name, text, node.span));
            return None;
        }
        Kind::Text(text, _) if text.parse::<u32>().is_err() => {
            found.push(one_slot(name, text, node.span));
            return None;
        }
        Kind::Plain(_) | Kind::Text(..) => {
            return values::int(node, name, (1, MAX_SLOTS), found).map(Slots::Numbered);
        }
        Kind::Null | Kind::Map(_) | Kind::Shared(_) => {
            let wrong = values::wrong_type(name, "a number of slots, or a list of texts", node);
            found.push(wrong.help(format!("write `{name}: 2`, or `{name}: [a, b]`")));
            return None;
        }
    };
    let texts: Vec<&Node<'_>> = items.iter().collect();
    let mut checked: Vec<Box<str>> = Vec::with_capacity(texts.len());
    let mut places: HashMap<&str, Span> = HashMap::new();
    for item in texts {
        let text = slot(name, item, found)?;
        if let Some(first) = places.insert(text, item.span) {
            let message = format!("the slot `{text}` of `{name}` is there twice");
            found.push(
                Diagnostic::error("pool", message)
                    .label(item.span, "")
                    .label(first, "")
                    .help("remove one of the two: two tasks would hold the same"),
            );
            return None;
        }
        *n_bytes += text.len() + 1;
        checked.push(text.into());
    }
    let wrong = match checked.len() {
        0 => "has no slot: no task could ever run with it".to_owned(),
        len if len > MAX_SLOTS as usize => format!("has more than {MAX_SLOTS} slots"),
        _ => return Some(Slots::Named(checked.into())),
    };
    found.push(
        Diagnostic::error("pool", format!("`{name}` {wrong}"))
            .at(node.span)
            .help(format!("write one text for each slot (`{name}: [a, b]`), or their number")),
    );
    None
}

fn one_slot(name: &str, text: &str, span: Span) -> Diagnostic {
    let message = format!("`{name}` takes a number of slots, or a list of texts");
    let text = if text.is_empty() { "a" } else { text };
    Diagnostic::error("wrong-value", message)
        .at(span)
        .help(format!("write `{name}: [{text}]` for one slot, or `{name}: 2` for two"))
}

/// Returns the text of a slot.
fn slot<'n>(name: &str, node: &'n Node<'_>, found: &mut Diagnostics) -> Option<&'n str> {
    let text = match node.kind() {
        Kind::Null => "",
        _ => values::item(node, &format!("a slot of `{name}`"), found)?,
    };
    if let Some((wrong, help)) = wrong_slot(text) {
        let message = format!("a slot of `{name}` {wrong}");
        found.push(Diagnostic::error("pool", message).at(node.span).help(help));
        return None;
    }
    values::plain_text(node, "pools", found)
}

/// Returns what is wrong with the text of a slot, and the way out.
fn wrong_slot(text: &str) -> Option<(&'static str, &'static str)> {
    if text.is_empty() {
        Some(("is empty", "write a text that says which one it is"))
    } else if text.contains(',') {
        Some((
            "holds a `,`, which separates the slots that a task holds",
            "write each slot as a text of its own, or use another character",
        ))
    } else if text.chars().any(char::is_control) {
        Some(("holds a control character", "write one short line"))
    } else {
        None
    }
}

/// Reads the slots of a pool as the command line gives them: how many, or texts with `,` between them; one
/// alone has a `,` behind it.
///
/// # Errors
/// With the way out.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn slots_of(text: &str) -> Result<Slots, String> {
    if text.starts_with(|c: char| "+-".contains(c) || c.is_ascii_digit()) && !text.contains(',') {
        let count = text.parse().ok().filter(|count| (1..=MAX_SLOTS).contains(count));
        return count.map(Slots::Numbered).ok_or_else(|| {
            format!("write a number from 1 to {MAX_SLOTS}; `{text},` is one slot with this text")
        });
    }
    if !text.contains(',') {
        return Err(format!("write how many slots; `{text},` is one slot with this text"));
    }
    let texts: Vec<&str> = text.strip_suffix(',').unwrap_or(text).split(',').collect();
    let mut seen = std::collections::HashSet::new();
    for text in &texts {
        if let Some((wrong, help)) = wrong_slot(text) {
            return Err(format!("a slot {wrong}; {help}"));
        }
        if !seen.insert(*text) {
            return Err(format!("the slot `{text}` is there twice; leave one of the two out"));
        }
    }
    if texts.len() > MAX_SLOTS as usize || text.len() > MAX_TEXTS {
        return Err(format!("write at most {MAX_SLOTS} slots, and {} KiB", MAX_TEXTS >> 10));
    }
    Ok(Slots::Named(texts.into_iter().map(Box::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_the_command_line() {
        let named =
            |texts: &[&str]| Ok(Slots::Named(texts.iter().map(|text| Box::from(*text)).collect()));
        assert_eq!(slots_of("4"), Ok(Slots::Numbered(4)));
        assert_eq!(slots_of("a,b c"), named(&["a", "b c"]));
        assert_eq!(slots_of("8001,"), named(&["8001"]));
        let wrong = |text: &str, part: &str| {
            let said = slots_of(text).expect_err(part);
            assert!(said.contains(part), "{said}");
        };
        wrong("0", "write a number from 1 to 10000; `0,` is one slot");
        wrong("99999", "write a number from 1 to 10000");
        wrong("-1", "write a number from 1 to 10000");
        wrong("1a", "`1a,` is one slot with this text");
        wrong("a", "write how many slots; `a,` is one slot with this text");
        wrong("a,,b", "a slot is empty");
        wrong(",", "a slot is empty");
        wrong("a,b,a", "the slot `a` is there twice");
        wrong("a\n,b", "a slot holds a control character");
    }
}
