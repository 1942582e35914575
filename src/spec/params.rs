//! `params`: what a file lets its caller choose, and the values that the caller chose.

use std::collections::HashMap;
use std::sync::Arc;

use super::diag::{Diagnostic, Diagnostics};
use super::fields::{Fields, fields};
use super::foreign;
use super::hints::{choices, suggest};
use super::keys::{self, Place};
use super::lower::wrong_name;
use super::remedy;
use super::settings::{Given, ParamSetting, Purpose, SetBy, Settings};
use super::source::read_text;
use super::tree::{Entry, Kind, Node, Span};
use super::values;
use crate::model::{Param, ParamKind, ParamValue};

/// The params of a file.
#[derive(Debug, Default)]
pub(crate) struct Params {
    /// Those that are as they should be.
    pub(crate) known: Vec<Param>,
    /// The names of those in which something is wrong: what uses them is not judged.
    wrong: Vec<Box<str>>,
    /// Whether all of them stand under another key, or in no map.
    is_unread: bool,
}

impl Params {
    /// Returns whether there is a param of this name of which no more is known, as something is wrong.
    pub(crate) fn is_in_doubt(&self, name: &str) -> bool {
        self.is_unread || self.wrong.iter().any(|wrong| **wrong == *name)
    }
}

/// Reads the key, and gives each param its value.
pub(crate) fn params(
    top: &Fields<'_, '_>,
    settings: &Settings,
    secrets: &[&str],
    found: &mut Diagnostics,
) -> Params {
    let mut params = Params { is_unread: top.is_meant("params"), ..Params::default() };
    let mut spans = Vec::new();
    if let Some(entry) = top.get("params") {
        let Some(map) = entry.value.map() else {
            let wrong = values::wrong_type("params", "a map of names to defaults", &entry.value);
            found.push(wrong.help(match foreign::params(&entry.value) {
                Some(own) => format!("write `params: {own}`"),
                None => "write `params:` and below it, say, `  workers: 4`".to_owned(),
            }));
            return Params { is_unread: true, ..params };
        };
        let mut variables: HashMap<String, &str> = HashMap::new();
        for entry in map {
            let param = if is_name(entry, found) { param(entry, found) } else { None };
            let Some(mut param) = param else {
                params.wrong.push(Box::from(&*entry.key));
                continue;
            };
            if let Some(first) = variables.insert(param.variable(), &entry.key) {
                let message = format!(
                    "the params `{first}` and `{}` would both be `{}`",
                    entry.key,
                    param.variable()
                );
                let help = "give one of them another name";
                found.push(Diagnostic::error("param-name", message).at(entry.span).help(help));
            }
            param.is_secret = secrets.contains(&&*entry.key);
            params.known.push(param);
            spans.push(entry.span);
        }
    }
    set(&mut params, &spans, settings, found);
    params
}

/// Returns whether a name may be one of a param; says so where it may not.
fn is_name(entry: &Entry<'_>, found: &mut Diagnostics) -> bool {
    let name = &*entry.key;
    let Some((wrong, _)) = wrong_name(name) else { return true };
    let shown: String = name.chars().take(40).collect();
    let message = format!("the param's name `{shown}` {wrong}");
    let help = "use letters, digits, `_`, `-` and `.`, beginning with a letter";
    found.push(Diagnostic::error("param-name", message).at(entry.span).help(help));
    false
}

/// Reads one param: its default alone, or a map that says more.
fn param(entry: &Entry<'_>, found: &mut Diagnostics) -> Option<Param> {
    let name = &*entry.key;
    let short = |kind: ParamKind, default: ParamValue| Param {
        name: name.into(),
        kind,
        description: None,
        value: None,
        default: Some(default),
        is_secret: false,
    };
    match entry.value.kind() {
        Kind::Map(map) => long(entry, map, found),
        Kind::Null => {
            let message = format!("the param `{name}` has no default");
            let help = format!(
                "write `{name}: \"\"` for an empty text, or `{name}: {{required: true}}` where the caller must set it"
            );
            found.push(Diagnostic::error("no-value", message).at(entry.span).help(help));
            None
        }
        Kind::List(_) | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => {
            let kind = kind_of(&entry.value);
            let default = default_of(name, &kind, &entry.value, found)?;
            Some(short(kind, default))
        }
    }
}

/// Returns what a default makes of a param that does not say its type.
fn kind_of(node: &Node<'_>) -> ParamKind {
    match node.kind() {
        Kind::List(_) => ParamKind::List,
        Kind::Plain(text) if matches!(&**text, "true" | "false") => ParamKind::Bool,
        Kind::Plain(text) if is_plain_int(text) => ParamKind::Int,
        Kind::Plain(_) | Kind::Text(..) | Kind::Null | Kind::Map(_) | Kind::Shared(_) => {
            ParamKind::String
        }
    }
}

/// Returns whether a text is digits without a leading zero, which no one means as anything else.
fn is_plain_int(text: &str) -> bool {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && (text == "0" || !text.starts_with('0'))
}

fn long(entry: &Entry<'_>, map: &[Entry<'_>], found: &mut Diagnostics) -> Option<Param> {
    let name = &*entry.key;
    let fields = fields(map, Place::Param, found);
    let description = fields.text("description", found).map(Box::from);
    let required = fields
        .get("required")
        .and_then(|entry| values::bool(&entry.value, "required", found))
        .unwrap_or_default();
    let word = match fields.get("type") {
        Some(entry) => Some(values::one_of(&entry.value, "type", keys::PARAM_TYPES, found)?),
        None => None,
    };
    let allowed = match fields.get("values") {
        Some(entry) => Some(allowed_values(name, entry, found)?),
        None => None,
    };
    let default = fields.get("default");
    let kind = match (word, allowed) {
        (Some("enum") | None, Some(allowed)) => ParamKind::Enum(allowed),
        (Some(word), Some(_)) => {
            let span = fields.get("values").map_or(entry.span, |entry| entry.span);
            let message = format!("`values` has no meaning for a param of type `{word}`");
            let help = "write `type: enum`, or remove `values`";
            found.push(Diagnostic::error("param", message).at(span).help(help));
            return None;
        }
        (Some("enum"), None) => {
            let message = format!("the param `{name}` is an enum without `values`");
            let help = "list what it may be: `values: [debug, release]`";
            found.push(Diagnostic::error("param", message).at(entry.span).help(help));
            return None;
        }
        (Some("int"), None) => ParamKind::Int,
        (Some("bool"), None) => ParamKind::Bool,
        (Some("list"), None) => ParamKind::List,
        (Some(_), None) => ParamKind::String, // the table holds no further word
        (None, None) => default.map_or(ParamKind::String, |entry| kind_of(&entry.value)),
    };
    let default = match (default, required) {
        (Some(default), true) => {
            let message = format!("the param `{name}` is required, and so its default has no use");
            found.push(
                Diagnostic::error("param", message)
                    .label(default.span, "")
                    .help("remove `default` or `required`"),
            );
            return None;
        }
        (Some(default), false) => Some(default_of(name, &kind, &default.value, found)?),
        (None, true) => None,
        (None, false) => match &kind {
            ParamKind::String => Some(ParamValue::Text("".into())),
            ParamKind::List => Some(ParamValue::List(Arc::default())),
            ParamKind::Int | ParamKind::Bool | ParamKind::Enum(_) => {
                let message = format!("the param `{name}` has no default");
                let help = "give it one: `default: …`, or write `required: true`";
                found.push(Diagnostic::error("param", message).at(entry.span).help(help));
                return None;
            }
        },
    };
    Some(Param { name: name.into(), kind, description, value: None, default, is_secret: false })
}

fn allowed_values(
    name: &str,
    entry: &Entry<'_>,
    found: &mut Diagnostics,
) -> Option<Arc<[Box<str>]>> {
    let items = entry.value.items();
    if items.is_empty() {
        let message = format!("`values` of the param `{name}` is empty");
        let help = "list what it may be: `values: [debug, release]`";
        found.push(Diagnostic::error("empty", message).at(entry.span).help(help));
        return None;
    }
    let mut allowed: Vec<Box<str>> = Vec::with_capacity(items.len());
    for item in items {
        values::item(item, "an entry of `values`", found)?;
        let text = values::plain_text(item, "values", found)?;
        if allowed.iter().any(|other| **other == *text) {
            let message = format!("`{text}` is there twice in `values`");
            let help = "remove one of the two";
            found.push(Diagnostic::error("twice", message).at(item.span).help(help));
            return None;
        }
        allowed.push(text.into());
    }
    Some(allowed.into())
}

/// Reads a default.
fn default_of(
    name: &str,
    kind: &ParamKind,
    node: &Node<'_>,
    found: &mut Diagnostics,
) -> Option<ParamValue> {
    let wrong = |span: Span, message: String, help: String| {
        Diagnostic::error("param", message).at(span).help(help)
    };
    if let (ParamKind::List, Kind::List(items)) = (kind, node.kind()) {
        let what = format!("an item of the param `{name}`");
        let mut texts: Vec<Box<str>> = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = values::item(item, &what, found)
                .and_then(|_| values::plain_text(item, name, found))
            else {
                continue;
            };
            match list_item(text) {
                Ok(()) => texts.push(text.into()),
                Err(why) => {
                    let message = format!("the param `{name}`: {why}");
                    found.push(wrong(item.span, message, HELP_ITEM.into()));
                }
            }
        }
        return (texts.len() == items.len()).then(|| ParamValue::List(texts.into()));
    }
    if *kind == ParamKind::List {
        let words = remedy::words_of(node.scalar().unwrap_or("a"));
        let help = format!("write `default: {}`", remedy::list(&words));
        let message = format!("the param `{name}` is a list, and its default is {}", node.noun());
        found.push(wrong(node.span, message, help));
        return None;
    }
    values::named(node, name, found)?;
    let text = values::plain_text(node, name, found)?;
    let text = values::without_nul(text, node.span, name, found)?;
    match value_of(kind, text) {
        Ok(value) => Some(value),
        Err((why, help)) => {
            found.push(wrong(node.span, format!("the default of `{name}`: {why}"), help));
            None
        }
    }
}

const HELP_ITEM: &str = "each item is one line of text";

/// Says why a text cannot be an item of a list, which tasks see one a line.
fn list_item(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("an item of the list is empty")
    } else if text.contains(['\n', '\r', '\0']) {
        Err("an item of the list is more than one line")
    } else {
        Ok(())
    }
}

/// Reads a text as the value of a param; else what is wrong with it, and the way out.
fn value_of(kind: &ParamKind, text: &str) -> Result<ParamValue, (String, String)> {
    match kind {
        ParamKind::String => Ok(ParamValue::Text(text.into())),
        ParamKind::Int => text.trim().parse().map(ParamValue::Int).map_err(|_| {
            let is_number = text.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit());
            match is_number && !text.is_empty() {
                true => {
                    let (sign, most) = match text.trim().starts_with('-') {
                        true => ("small", format!("the smallest is `{}`", i64::MIN)),
                        false => ("large", format!("the largest is `{}`", i64::MAX)),
                    };
                    (format!("`{text}` is too {sign} a number"), most)
                }
                false => {
                    let why = format!("`{text}` is not a whole number");
                    (why, "write digits alone, for example `8`".to_owned())
                }
            }
        }),
        ParamKind::Bool => match text {
            "true" => Ok(ParamValue::Bool(true)),
            "false" => Ok(ParamValue::Bool(false)),
            _ => Err((
                format!("`{text}` is neither `true` nor `false`"),
                "write `true` or `false`".to_owned(),
            )),
        },
        ParamKind::Enum(allowed) => {
            if allowed.iter().any(|one| **one == *text) {
                return Ok(ParamValue::Text(text.into()));
            }
            let near = suggest(text, allowed.iter().map(|one| &**one));
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let help = choices("value", "values", allowed);
            Err((format!("`{text}` is not one of its values{near}"), help))
        }
        ParamKind::List => {
            let lines = text.strip_suffix('\n').unwrap_or(text);
            let items: Vec<&str> = match (text, text.contains('\n')) {
                ("", _) => Vec::new(),
                (_, true) => lines.split('\n').map(|line| line.trim_end_matches('\r')).collect(),
                (_, false) => text.split(',').collect(),
            };
            let wrong = items.iter().find_map(|item| list_item(item).err());
            match wrong {
                Some(why) => Err((why.to_owned(), "write `a,b`, or one item a line".to_owned())),
                None => Ok(ParamValue::List(items.into_iter().map(Box::from).collect())),
            }
        }
    }
}

/// Gives each param the value that was set, or its default.
fn set(params: &mut Params, spans: &[Span], settings: &Settings, found: &mut Diagnostics) {
    let names: Vec<Arc<str>> = params.known.iter().map(|param| param.name.clone()).collect();
    for setting in &settings.params {
        let is_known = names.iter().any(|name| **name == *setting.name);
        if !is_known && !params.is_in_doubt(&setting.name) {
            found.push_error(|| unknown(setting, &names));
        }
    }
    for (param, span) in params.known.iter_mut().zip(spans) {
        let given = settings.params.iter().rfind(|setting| setting.name == *param.name);
        let given = given.cloned().or_else(|| settings.of_env(&param.name));
        param.value = match given {
            None => param.default.clone(),
            Some(setting) => match value_given(&param.kind, &setting) {
                Ok(value) => Some(value),
                Err((why, help)) => {
                    let from = setting.from.phrase(&param.name);
                    let message = format!("{from}: {why}");
                    found.push(Diagnostic::error("param-value", message).help(help));
                    continue;
                }
            },
        };
        if param.value.is_none() && settings.purpose == Purpose::Run {
            found.push(missing(param, *span));
        }
    }
}

fn missing(param: &Param, span: Span) -> Diagnostic {
    let name = &param.name;
    let example = match &param.kind {
        ParamKind::Enum(allowed) => allowed.join("|"),
        ParamKind::Int => "N".to_owned(),
        ParamKind::Bool => "true|false".to_owned(),
        ParamKind::List => "A,B".to_owned(),
        ParamKind::String => "TEXT".to_owned(),
    };
    let message = format!("the param `{name}` must be set");
    Diagnostic::error("param-missing", message).at(span).help(format!(
        "give `-p {name}={example}`, or set `{}` in the environment",
        param.variable()
    ))
}

fn unknown(setting: &ParamSetting, names: &[Arc<str>]) -> Diagnostic {
    let name = &setting.name;
    let from = setting.from.phrase(name);
    let near = suggest(name, names.iter().map(|name| &**name));
    let near_text = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!("{from}: the file has no param `{name}`{near_text}");
    let error = Diagnostic::error("unknown-param", message);
    match (names, near) {
        ([], _) => error.help("it declares none; remove it, or add the param below `params:`"),
        (_, Some(near)) => error.help(format!("write `{near}`")),
        (names, None) => error.help(choices("param", "params", names)),
    }
}

/// Reads what was given for a param of this kind.
fn value_given(kind: &ParamKind, setting: &ParamSetting) -> Result<ParamValue, (String, String)> {
    let as_items = |items: &[String]| match items.iter().find_map(|item| list_item(item).err()) {
        Some(why) => Err((why.to_owned(), HELP_ITEM.to_owned())),
        None => Ok(ParamValue::List(items.iter().map(|item| Box::from(&**item)).collect())),
    };
    match (&setting.given, kind) {
        (Given::NoText, _) => {
            Err(("its bytes are not UTF-8".to_owned(), "give it as UTF-8 text".to_owned()))
        }
        (Given::Items(items), ParamKind::List) => as_items(items),
        (Given::Items(_), kind) => Err((
            format!("`{}` takes one value, not a list", setting.name),
            format!("give one value: it is of type `{}`", kind.word()),
        )),
        (Given::Text(text), _) if text.contains('\0') => {
            Err(("it holds a NUL character".to_owned(), "remove it".to_owned()))
        }
        (Given::Text(text), ParamKind::List) if setting.from == SetBy::Flag => {
            match text.strip_prefix('@') {
                Some(file) => items_of_file(file),
                None => value_of(kind, text),
            }
        }
        (Given::Text(text), _) => value_of(kind, text),
    }
}

/// Reads a list from the lines of a file; empty lines are passed over.
fn items_of_file(file: &str) -> Result<ParamValue, (String, String)> {
    let text = read_text(std::path::Path::new(file)).map_err(|why| {
        let help = "`@FILE` names a file with one item a line, relative to the current folder";
        (format!("`{file}`: {why}"), help.to_owned())
    })?;
    let lines = text.lines().filter(|line| !line.is_empty());
    let items: Vec<Box<str>> = lines.map(Box::from).collect();
    match items.iter().find_map(|item| list_item(item).err()) {
        Some(why) => Err((format!("`{file}`: {why}"), HELP_ITEM.to_owned())),
        None => Ok(ParamValue::List(items.into())),
    }
}
