//! The key `secrets`: which variables it names, what the file itself sets them to, and how the file is
//! shown and kept without these values.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::dotenv::Variable;
use super::foreign;
use super::hints::{choices, suggest};
use super::keys::KEYS;
use super::names::{Asker, Names};
use super::scope::promised;
use super::settings::{Given, Settings};
use super::tree::{Entry, Kind, Node, Span};
use super::{toml, values, yaml};
use crate::model::{MASKED, MIN_SECRET, Mask, Options, Secret, Secrets, Syntax, Task, TaskId};

/// The most that the values in a file may hold together: the system gives no task more by far.
const MAX_VALUES: usize = 2 << 20;

/// The longest word of the format, in bytes.
const MAX_KEY: usize = 32;

/// What is not shown of a file.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    mask: Mask,
    /// Where the file sets a secret, however it is written there.
    spans: Vec<Span>,
}

impl Hidden {
    /// Hides what the mask finds, and these places.
    pub(crate) fn new(mask: Mask, spans: Vec<Span>) -> Hidden {
        Hidden { mask, spans }
    }

    /// Returns the text of a diagnostic with `***` in the place of values. The words of its sentence and
    /// of the format stay: that one of them is a value as well cannot be seen.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let places = self.mask.find(text.as_bytes()).into_iter();
        let (mut shown, mut at) = (String::new(), 0);
        for place in places.filter(|place| !is_own_word(text, place)) {
            // A value that is no text may begin or end inside of a character.
            let start = text.floor_char_boundary(place.start);
            shown.push_str(&text[at..start.max(at)]);
            shown.push_str(MASKED);
            at = text.ceil_char_boundary(place.end);
        }
        if at == 0 { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[at..]) }
    }

    /// Returns whether a text holds a value.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        !self.mask.find(text.as_bytes()).is_empty()
    }

    /// Returns the places of a file that are not shown, in their order.
    pub(crate) fn places(&self, file: &[u8]) -> Vec<Range<usize>> {
        let spans = self.spans.iter().map(|span| span.start as usize..span.end as usize);
        let values = self.mask.find(file).into_iter().filter(|place| !is_in_key(file, place));
        let mut places: Vec<_> = values.chain(spans).collect();
        places.sort_unstable_by_key(|place| place.start);
        places.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        places
    }
}

/// Returns whether a value is found in a word that the format itself has, such as `secrets`.
fn is_in_key(text: &[u8], place: &Range<usize>) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start = text[..place.start].iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
    let length = text[place.start..].iter().take_while(|byte| is_word(byte)).take(MAX_KEY).count();
    let word = &text[start..place.start + length];
    place.end <= place.start + length && KEYS.iter().any(|key| key.name.as_bytes() == word)
}

/// Returns whether a value is found in a word that is pyoco's own: one of the format, or one of the
/// sentence around what stands between backticks.
fn is_own_word(text: &str, place: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let ticks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'`').count();
    // A backtick in a value would turn inside and outside round.
    let is_outside = ticks(&bytes[..place.start]) % 2 == 0 && ticks(bytes) % 2 == 0;
    let is_end = |byte: &u8| b" ,;:?".contains(byte);
    let before = bytes[..place.start].iter().rev().take_while(|byte| !is_end(byte));
    let after = bytes[place.start..].iter();
    let mut letters = before.chain(after.take_while(|byte| !is_end(byte)));
    is_in_key(bytes, place)
        || is_outside
            && letters.all(u8::is_ascii_alphabetic)
            && bytes[place.clone()].iter().all(u8::is_ascii_alphabetic)
}

/// Reads the key, and what the rest of the file sets its variables to. From here on no diagnostic
/// shows a value.
pub(crate) fn read(root: &[Entry<'_>], settings: &Settings, found: &mut Diagnostics) -> Secrets {
    let Some(entry) = child(root, "secrets") else { return Secrets::default() };
    let Kind::List(items) = entry.value.kind() else {
        let wrong = values::wrong_type("secrets", "a list of names", &entry.value);
        let own = foreign::texts(&entry.value).unwrap_or_else(|| "[TOKEN]".to_owned());
        found.push(wrong.help(format!("write `secrets: {own}`")));
        return Secrets::default();
    };
    let params = child(root, "params").and_then(|entry| entry.value.map()).unwrap_or_default();
    let (mut seen, mut places) = (HashSet::new(), HashMap::<&str, usize>::new());
    let mut secrets: Vec<(Secret, Span)> = Vec::new();
    for item in items {
        let text = item.scalar().unwrap_or_default();
        let is_output = output_entry(text).is_some();
        if !is_output && name(item, root, params, found).is_none() {
            continue;
        }
        if !seen.insert(text) {
            found.push(values::named_twice(text, "secrets", item.span));
        } else if !is_output {
            // What a task hands on has no value yet.
            places.insert(text, secrets.len());
            secrets.push((Secret { name: text.into(), values: Vec::new() }, item.span));
        }
    }
    let mut hidden = Hidden::default();
    let mut n_bytes = 0;
    for variable in envs(root) {
        let Some(place) = places.get(&*variable.key) else { continue };
        let Some(value) = variable.value.scalar() else { continue };
        if value.contains("${{") {
            continue; // what comes of it is known later
        }
        let (secret, span) = &mut secrets[*place];
        hidden.spans.push(own_place(&variable.value).span);
        if secret.values.last().is_some_and(|last| **last == *value) {
            continue; // as in a thousand tasks by one anchor
        }
        if !Mask::takes(value.as_bytes()) {
            found.push(too_short(&variable.key, *span));
        }
        n_bytes += value.len();
        secret.values.push(value.into());
    }
    for (secret, span) in &mut secrets {
        let Some(param) = secret.name.strip_prefix("params.") else { continue };
        let (values, spans) = values_of_param(param, params, settings);
        if values.iter().any(|value| !Mask::takes(value.as_bytes()) && !value.is_empty()) {
            found.push(too_short(&secret.name, *span));
        }
        n_bytes += values.iter().map(|value| value.len()).sum::<usize>();
        secret.values.extend(values);
        hidden.spans.extend(spans);
    }
    if n_bytes > MAX_VALUES {
        let message = format!("the values of all secrets are longer than {} MiB", MAX_VALUES >> 20);
        let help =
            "keep long ones in files that tasks read; what is printed of these is not masked";
        found.push(Diagnostic::error("too-large", message).at(entry.span).help(help));
        secrets.clear();
    }
    let secrets = Secrets(secrets.into_iter().map(|(secret, _)| secret).collect());
    // Whether a file is well written does not depend on who asks: what is warned of is its own.
    hidden.mask = secrets.mask::<&[u8], &[u8]>([]);
    warn_of_names(root, &hidden, found);
    hidden.mask = secrets.mask(std::mem::take(&mut found.env));
    found.hidden = Some(Arc::new(hidden));
    secrets
}

/// Returns all that a param may be: what the file says and what was given; and where the file says it.
fn values_of_param(
    name: &str,
    params: &[Entry<'_>],
    settings: &Settings,
) -> (Vec<Box<str>>, Vec<Span>) {
    let (mut values, mut spans) = (Vec::new(), Vec::new());
    let given = settings.params.iter().filter(|setting| setting.name == name).cloned();
    for setting in given.chain(settings.of_env(name)) {
        match setting.given {
            Given::Text(text) if text.contains(['\n', ',']) => {
                values.extend(text.split(['\n', ',']).map(Box::from));
                values.push(text.into());
            }
            Given::Text(text) => values.push(text.into()),
            Given::Items(items) => values.extend(items.into_iter().map(Box::from)),
            Given::NoText => {}
        }
    }
    let Some(declared) = child(params, name) else { return (values, spans) };
    let default = match declared.value.map() {
        Some(map) => child(map, "default").map(|entry| &entry.value),
        None => Some(&declared.value),
    };
    for item in default.into_iter().flat_map(Node::items) {
        if let Some(text) = item.scalar() {
            values.push(text.into());
            spans.push(own_place(item).span);
        }
    }
    values.retain(|value| !value.is_empty());
    (values, spans)
}

/// Returns the task and the output that an entry names: `tasks.login.outputs.token`, or
/// `tasks['login[site=a]'].outputs.token`.
fn output_entry(entry: &str) -> Option<(&str, &str)> {
    let (task, output) = match entry.strip_prefix("tasks['") {
        Some(rest) => rest.split_once("'].outputs.")?,
        None => entry.strip_prefix("tasks.")?.split_once(".outputs.")?,
    };
    (!task.is_empty() && !output.is_empty()).then_some((task, output))
}

/// Returns the outputs of tasks that are secrets.
pub(crate) fn outputs(
    root: &[Entry<'_>],
    names: &Names<'_>,
    found: &mut Diagnostics,
) -> Vec<(TaskId, Box<str>)> {
    let Some(entry) = child(root, "secrets") else { return Vec::new() };
    let mut outputs = Vec::new();
    for item in entry.value.items() {
        let Some((task, output)) = item.scalar().and_then(output_entry) else { continue };
        let tasks = match names.find(task, Asker::Nobody) {
            Ok(tasks) => tasks,
            Err(wrong) => {
                found.push(wrong.at(item.span));
                continue;
            }
        };
        for id in tasks.iter() {
            let promised = promised(names.tasks[id.index()].entry);
            if !promised.contains(&output) {
                let near = suggest(output, promised.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("`{task}` promises no output `{output}`{near}");
                let help = "name it in `outputs` or `capture` of that task";
                found.push(Diagnostic::error("no-output", message).at(item.span).help(help));
                break;
            }
            outputs.push((id, output.into()));
        }
    }
    outputs
}

/// Adds what the variables of tasks come to that are made of expressions, as far as it is known.
pub(crate) fn with_templates(secrets: Secrets, tasks: &[Task]) -> Secrets {
    if secrets.0.is_empty() {
        return secrets;
    }
    let mut all: Vec<Secret> = secrets.0.to_vec();
    let mut last: Option<&Arc<Options>> = None;
    for options in tasks.iter().map(|task| &task.options) {
        if last.replace(options).is_some_and(|last| Arc::ptr_eq(last, options)) {
            continue;
        }
        for (name, value) in options.env.iter() {
            if let Some(value) = value.constant()
                && let Some(secret) = all.iter_mut().find(|secret| secret.name == *name)
                && !secret.values.iter().any(|other| **other == *value)
            {
                secret.values.push(value.into());
            }
        }
    }
    Secrets(all.into())
}

/// Adds what files of variables set the secrets to.
pub(crate) fn with_files(secrets: Secrets, files: &[Rc<[Variable]>]) -> Secrets {
    if secrets.0.is_empty() || files.is_empty() {
        return secrets;
    }
    let mut all: Vec<Secret> = secrets.0.to_vec();
    for (name, value) in files.iter().flat_map(|file| file.iter()) {
        if let Some(secret) = all.iter_mut().find(|secret| secret.name == *name)
            && !secret.values.contains(value)
        {
            secret.values.push(value.clone());
        }
    }
    Secrets(all.into())
}

/// Returns a name of the list, where it is one.
fn name<'n>(
    item: &'n Node<'_>,
    root: &[Entry<'_>],
    params: &[Entry<'_>],
    found: &mut Diagnostics,
) -> Option<&'n str> {
    let name = item.scalar().unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let wrong = |message: String| Diagnostic::error("secret-name", message).at(item.span);
    if let Some(param) = name.strip_prefix("params.") {
        if child(params, param).is_some() {
            return Some(name);
        }
        let names = params.iter().map(|entry| &*entry.key);
        let near = suggest(param, names).map(|near| format!("; did you mean `params.{near}`?"));
        let message = format!("the file has no param `{param}`{}", near.unwrap_or_default());
        let names: Vec<_> = params.iter().map(|entry| format!("params.{}", entry.key)).collect();
        let help = match &*names {
            [] => format!("declare it: `params: {{{param}: {{required: true}}}}`"),
            names => choices("param", "params", names),
        };
        found.push(wrong(message).help(help));
        return None;
    }
    if name.starts_with("tasks.") || name.starts_with("tasks[") {
        let message = format!("`{name}` is not an output of a task");
        let meant = name.strip_prefix("tasks.").and_then(|rest| output_of(rest, root));
        let (task, output) = meant.unwrap_or(("NAME", "OUTPUT"));
        found.push(wrong(message).help(format!("write `tasks.{task}.outputs.{output}`")));
        return None;
    }
    if let Some((task, output)) = output_of(name, root) {
        let message = format!("`{name}` is not the name of an environment variable");
        found.push(wrong(message).help(format!("write `tasks.{task}.outputs.{output}`")));
        return None;
    }
    let bare = name.trim_start_matches("${{").trim_end_matches("}}").trim();
    let bare = ["secrets.", "env."].iter().find_map(|root| bare.strip_prefix(root)).unwrap_or(bare);
    let bare = bare.trim_start_matches(['$', '{']).trim_end_matches('}');
    if bare != name && bare.starts_with(starts) && bare.chars().all(is_word) {
        let message = format!("`{name}` is not the name of an environment variable");
        found.push(wrong(message).help(format!("write the name alone: `{bare}`")));
        return None;
    }
    if !name.starts_with(starts) || !name.chars().all(is_word) {
        // It may be the secret itself.
        let message = "an entry of `secrets` is not the name of an environment variable";
        found.push(wrong(message.to_owned()).help(
            "name variables, whose values are then masked: `secrets: [TOKEN]`; a name has letters, digits and `_`",
        ));
        return None;
    }
    Some(name)
}

/// Returns the task and the output that `login.token` means, where the file has such ones.
fn output_of<'n>(name: &'n str, root: &[Entry<'_>]) -> Option<(&'n str, &'n str)> {
    name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..])).find(|(task, output)| {
        let mut declared = tasks(root).filter(|entry| entry.key == *task);
        declared.any(|entry| promised(entry).contains(output))
    })
}

fn too_short(name: &str, span: Span) -> Diagnostic {
    let message = format!(
        "the file sets the secret `{name}` to less than {MIN_SECRET} bytes, which are not masked"
    );
    Diagnostic::warning("secret-short", message)
        .at(span)
        .help("use a longer value, or take the name out of `secrets`")
}

/// Warns of names that hold a value: they are what everything else refers to, and stay as they are.
fn warn_of_names(root: &[Entry<'_>], hidden: &Hidden, found: &mut Diagnostics) {
    let mut warn = |what: &str, span: Span| {
        let message = format!("the name of {what} holds the value of a secret, and is not masked");
        found.push(Diagnostic::warning("secret-in-name", message).at(span).help("rename it"));
    };
    if let Some(entry) = child(root, "name")
        .filter(|entry| entry.value.scalar().is_some_and(|name| hidden.is_in(name)))
    {
        warn("the flow", entry.value.span);
    }
    for task in tasks(root).filter(|task| hidden.is_in(&task.key)) {
        warn("a task", task.span);
    }
}

/// Returns the entry with this key.
fn child<'n, 's>(entries: &'n [Entry<'s>], key: &str) -> Option<&'n Entry<'s>> {
    entries.iter().find(|entry| entry.key == key)
}

/// Returns all tasks.
fn tasks<'n, 's>(root: &'n [Entry<'s>]) -> impl Iterator<Item = &'n Entry<'s>> {
    let maps = ["tasks", "finally"].into_iter().filter_map(|key| child(root, key)?.value.map());
    maps.flatten()
}

/// Returns all variables that the file sets, wherever it does.
fn envs<'n, 's>(root: &'n [Entry<'s>]) -> impl Iterator<Item = &'n Entry<'s>> {
    let defaults = child(root, "defaults").and_then(|defaults| defaults.value.map());
    let of_tasks = tasks(root).filter_map(|task| task.value.map());
    let maps = [Some(root), defaults].into_iter().flatten().chain(of_tasks);
    maps.filter_map(|map| child(map, "env")?.value.map()).flatten()
}

/// Returns a value at its own place, also where an alias names it.
fn own_place<'n, 's>(mut node: &'n Node<'s>) -> &'n Node<'s> {
    while let Kind::Shared(inner) = &node.kind {
        node = inner;
    }
    node
}

/// Returns the bytes of a workflow file with `***` in the place of secrets, however they are written
/// in it: with escapes, or folded over several lines.
pub fn masked_source(bytes: &[u8], syntax: Syntax, mask: &Mask) -> Vec<u8> {
    let mut replaced = BTreeMap::new();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let found = &mut Diagnostics::default();
        let root = match syntax {
            Syntax::Yaml => yaml::read(text, found),
            Syntax::Toml => toml::read(text, found),
        };
        if let Some(root) = root {
            each_scalar(&root, &mut |span, value, is_plain| {
                let place = span.start as usize..span.end as usize;
                if let Some(source) = text.get(place.clone())
                    && let Some(written) = rewritten(source, value, is_plain, mask)
                {
                    replaced.insert(place.start, (place.end, written));
                }
            });
        }
    }
    let (mut copy, mut at) = (Vec::with_capacity(bytes.len()), 0);
    for (start, (end, written)) in replaced {
        if start < at {
            continue;
        }
        copy.extend_from_slice(&bytes[at..start]);
        copy.extend_from_slice(written.as_bytes());
        at = end;
    }
    copy.extend_from_slice(&bytes[at..]);
    mask.bytes(&copy).into_owned()
}

/// Returns how a scalar is written without the secrets in it, where masking its source text alone
/// would leave a part of them, or would make it something else.
fn rewritten(source: &str, value: &str, is_plain: bool, mask: &Mask) -> Option<String> {
    let visible = |text: &str| text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    let masked_in = |text: &str| -> usize {
        mask.find(text.as_bytes()).into_iter().map(|range| visible(&text[range])).sum()
    };
    let in_value = masked_in(value);
    if in_value == 0 {
        return None;
    }
    let is_quoted = source.starts_with(['"', '\'']);
    // A plain text cannot begin with `*`, which is the sign of an alias.
    let becomes_alias = is_plain && mask.text(source).starts_with('*');
    if masked_in(source) >= in_value && !becomes_alias {
        return None;
    }
    let end = &source[source.trim_end().len()..]; // a block reaches up to the next key
    Some(if is_quoted || is_plain {
        let json = serde_json::to_string(&*mask.text(value)).expect("a text is JSON");
        format!("{json}{end}")
    } else {
        format!("{MASKED}{end}") // in a block quotes would be text
    })
}

/// Calls `each` with place, text and whether it is plain, for every key and scalar of a tree.
fn each_scalar(node: &Node<'_>, each: &mut dyn FnMut(Span, &str, bool)) {
    let node = own_place(node);
    match &node.kind {
        Kind::Null | Kind::Shared(_) => {}
        Kind::Plain(text) => each(node.span, text, true),
        Kind::Text(text, _) => each(node.span, text, false),
        Kind::List(items) => items.iter().for_each(|item| each_scalar(item, each)),
        Kind::Map(entries) => {
            for entry in entries {
                each(entry.span, &entry.key, true);
                each_scalar(&entry.value, each);
            }
        }
    }
}
