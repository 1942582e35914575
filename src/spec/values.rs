//! Scalars into values: what a text, a number, a duration or a list of words is, and what to say
//! where it is none. The same for both syntaxes, since a plain scalar is its source text in both.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;

use super::diag::{Diagnostic, Diagnostics};
use super::dotenv::is_variable;
use super::foreign;
use super::hints::{quoted_list, suggest};
use super::remedy;
use super::scope::KeyScope;
use super::tree::{Kind, Node, Span};
use crate::model::expr::Template;
use crate::model::{BadDuration, BadSize, LARGEST_SIZE, LONGEST_DURATION, Ms, Size};

/// What Linux gives a program at most as one argument or variable, with the NUL at its end. A flow runs
/// on every system or on none.
const LONGEST_WORD: usize = 128 << 10;

/// The way out for an expression under a key that takes none.
pub(crate) const EXPRESSIONS: &str = "write the value itself: expressions stand in `if`, `env`, \
    `env_file`, `dir`, `timeout`, `pool`, `artifacts`, and as a whole list in `matrix`";

/// The environment, name by name in file order.
pub(crate) type Env = Vec<(Box<str>, Template)>;

/// Returns the text of a scalar.
pub(crate) fn text<'n>(node: &'n Node<'_>, key: &str, found: &mut Diagnostics) -> Option<&'n str> {
    let text = node.scalar();
    if text.is_none() {
        found.push(match node.kind() {
            Kind::Null => no_value(key, node.span).help(remedy::no_value(key)),
            Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
                remedy::no_text(key, node)
            }
        });
    }
    text
}

/// Returns the text of an item of a list, which messages call `what`: ``a value of `py` ``.
pub(crate) fn item<'n>(node: &'n Node<'_>, what: &str, found: &mut Diagnostics) -> Option<&'n str> {
    let text = node.scalar();
    if text.is_none() {
        let wrong = match node.kind() {
            Kind::Null => Diagnostic::error("no-value", format!("{what} is empty"))
                .help("write a text there, or remove it"),
            Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
                Diagnostic::error("wrong-type", format!("{what} cannot be {}", node.noun()))
                    .help("write one text for each")
            }
        };
        found.push(wrong.at(node.span));
    }
    text
}

/// Says that an item is null, where an empty text may be meant.
pub(crate) fn null(node: &Node<'_>, what: &str) -> Option<Diagnostic> {
    matches!(node.kind(), Kind::Null).then(|| {
        let error = Diagnostic::error("no-value", format!("{what} is empty")).at(node.span);
        error.help("write `\"\"` for an empty text")
    })
}

/// Returns the text of a value that the file names itself, a variable or a param.
pub(crate) fn named<'n>(
    node: &'n Node<'_>,
    name: &str,
    found: &mut Diagnostics,
) -> Option<&'n str> {
    let text = node.scalar();
    if text.is_none() {
        let wrong = wrong_type(name, "a text", node);
        found.push(wrong.help(format!("write `{name}: TEXT`")));
    }
    text
}

/// Returns the text of a scalar that may hold no `${{ … }}`.
pub(crate) fn plain_text<'n>(
    node: &'n Node<'_>,
    key: &str,
    found: &mut Diagnostics,
) -> Option<&'n str> {
    let text = text(node, key, found)?;
    if text.contains("${{") {
        let message = format!("`${{{{ … }}}}` has no meaning in `{key}`");
        let help = match key {
            "jobs" => "write a number, for example `jobs: 4`; `pyoco run -j N` gives another one",
            _ => EXPRESSIONS,
        };
        found.push(Diagnostic::error("expression", message).at(node.span).help(help));
        return None;
    }
    Some(text)
}

/// Returns whether an expression stands in a text.
pub(crate) fn is_expression(text: &str) -> bool {
    text.contains("${{")
}

/// Returns the diagnostic for an expression where only the text itself can stand.
pub(crate) fn no_expression(what: &str, span: Span) -> Diagnostic {
    let message = format!("`${{{{ … }}}}` has no meaning in {what}");
    Diagnostic::error("expression", message).at(span)
}

/// Returns the warning for what is there twice in a list, where the second one adds nothing.
pub(crate) fn named_twice(name: impl Display, key: &str, span: Span) -> Diagnostic {
    let message = format!("`{name}` is there twice in `{key}`");
    Diagnostic::warning("named-twice", message).at(span).help("remove one of the two")
}

/// Returns a text that a program can be given.
pub(crate) fn without_nul<'n>(
    text: &'n str,
    span: Span,
    key: &str,
    found: &mut Diagnostics,
) -> Option<&'n str> {
    if text.contains('\0') {
        let message = format!("`{key}` holds a NUL character, which no program can be given");
        found.push(Diagnostic::error("nul", message).at(span).help("remove the `\\0`"));
        return None;
    }
    Some(text)
}

/// Returns a whole number in a range.
pub(crate) fn int(
    node: &Node<'_>,
    key: &str,
    (least, most): (u32, u32),
    found: &mut Diagnostics,
) -> Option<u32> {
    if let Kind::Plain(text) = node.kind()
        && let Some(value) = whole(text).filter(|value| (least..=most).contains(value))
    {
        return Some(value);
    }
    if node.scalar().is_some_and(|text| text.contains("${{")) {
        plain_text(node, key, found); // says that no expression stands here
        return None;
    }
    found.push_error(|| {
        let range = format!("a whole number from {least} to {most}");
        let message = format!("`{key}` takes {range}");
        let sample = remedy::int(key, least.max(1));
        let example = format!("for example `{sample}`");
        match node.kind() {
            Kind::Plain(_) => Diagnostic::error("wrong-value", message).at(node.span).help(example),
            Kind::Null => no_value(key, node.span).help(format!("write, for example, `{sample}`")),
            Kind::Text(text, _) => {
                Diagnostic::error("wrong-type", message).at(node.span).help(match whole(text) {
                    Some(_) => format!("write it without quotes: `{key}: {text}`"),
                    None => example,
                })
            }
            Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
                wrong_type(key, &range, node).help(example)
            }
        }
    });
    None
}

/// Returns the value of decimal digits, which TOML lets underscores part.
fn whole(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_whole = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let is_octal = digits.len() > 1 && digits.starts_with('0');
    if is_whole && !is_octal { digits.replace('_', "").parse().ok() } else { None }
}

/// Returns a list of whole numbers in a range; one of them may stand alone.
pub(crate) fn ints(
    node: &Node<'_>,
    key: &str,
    range: (u32, u32),
    found: &mut Diagnostics,
) -> Option<Box<[i32]>> {
    let items = node.items();
    if items.is_empty() {
        let message = format!("`{key}` is empty");
        let help = "name one at least, or remove the key";
        found.push(Diagnostic::error("empty", message).at(node.span).help(help));
        return None;
    }
    let (mut codes, mut is_whole) = (BTreeSet::new(), true);
    for item in items {
        match int(item, key, range, found) {
            Some(code) => {
                if !codes.insert(i32::try_from(code).unwrap_or(i32::MAX)) {
                    found.push(named_twice(code, key, item.span));
                }
            }
            None => is_whole = false,
        }
    }
    is_whole.then(|| codes.into_iter().collect())
}

/// Returns a number from 1 on, in thousandths.
pub(crate) fn factor(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<u32> {
    let value = match node.kind() {
        Kind::Plain(text) => text.parse::<f64>().ok(),
        Kind::Null | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => None,
    };
    let value = value.filter(|value| (1.0..=1000.0).contains(value));
    if value.is_none() {
        let message = format!("`{key}` takes a number from 1 to 1000");
        found.push(
            Diagnostic::error("wrong-value", message)
                .at(node.span)
                .help(format!("for example `{key}: 2`")),
        );
    }
    value.map(|value| (value * 1000.0).round() as u32)
}

/// Returns whether it is `true`.
pub(crate) fn bool(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<bool> {
    let value = match node.kind() {
        Kind::Plain(text) => text.parse().ok(),
        Kind::Null | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => None,
    };
    if value.is_none() {
        let message = match node.scalar() {
            Some("true" | "false") => format!("`{key}` takes `true` or `false`, not a text"),
            Some(text) => format!("`{key}` takes `true` or `false`, not `{text}`"),
            None => format!("`{key}` takes `true` or `false`, not {}", node.noun()),
        };
        let help = match node.kind() {
            Kind::Plain(text) | Kind::Text(text, _) if is_word(text, &["yes", "on", "y"]) => {
                format!("write `{key}: true`")
            }
            Kind::Plain(text) | Kind::Text(text, _) if is_word(text, &["no", "off", "n"]) => {
                format!("write `{key}: false`")
            }
            Kind::Plain(text) if is_word(text, &["true", "false"]) => {
                format!("write `{key}: {}`", text.to_ascii_lowercase())
            }
            Kind::Text(text, _) if matches!(&**text, "true" | "false") => {
                format!("write it without quotes: `{key}: {text}`")
            }
            Kind::Plain(_)
            | Kind::Text(..)
            | Kind::Null
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Shared(_) => format!("write `{key}: true`, or remove the key"),
        };
        found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
    }
    value
}

/// Returns whether a text is one of some words, in letters of whatever case.
fn is_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns whether a text is true or false in some language.
pub(crate) fn is_bool_word(text: &str) -> bool {
    is_word(text, &["true", "false", "yes", "no", "on", "off", "y", "n"])
}

/// Returns a duration.
pub(crate) fn duration(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<Ms> {
    let text = plain_text(node, key, found)?;
    duration_of(text, node, found)
}

/// Reads the text of a duration.
pub(crate) fn duration_of(text: &str, node: &Node<'_>, found: &mut Diagnostics) -> Option<Ms> {
    match text.parse::<Ms>() {
        Ok(duration) => Some(duration),
        Err(BadDuration::TooLong(_)) => {
            let message = format!("{} longer than a century", is(text, node));
            let help = format!(
                "write a shorter time (the longest is `{LONGEST_DURATION}`), or remove the key"
            );
            found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
            None
        }
        Err(BadDuration::NoDuration(_)) => {
            let message = format!("{} not a duration", is(text, node));
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let written = node.scalar().unwrap_or(text);
            let help = match foreign::duration(written) {
                Some(written) => format!("write `{written}`"),
                None if is_number => {
                    format!("give it a unit: `{written}s` for seconds, `{written}m` for minutes")
                }
                None => "write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`".to_owned(),
            };
            found.push(Diagnostic::error("duration", message).at(node.span).help(help));
            None
        }
    }
}

/// Begins a sentence about a text, which comes of an expression where that is what is written.
fn is(text: &str, node: &Node<'_>) -> String {
    match node.scalar() {
        Some(written) if written != text => format!("`{written}` is `{text}`, which is"),
        Some(_) | None => format!("`{text}` is"),
    }
}

/// Returns a size in bytes.
pub(crate) fn size(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<Size> {
    let text = plain_text(node, key, found)?;
    match text.parse() {
        Ok(size) => Some(size),
        Err(BadSize::TooLarge(_)) => {
            let message = format!("`{text}` is larger than any size can be");
            let help = format!("write a smaller size: the largest is `{LARGEST_SIZE}`");
            found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
            None
        }
        Err(BadSize::NoSize(_)) => {
            let message = format!("`{text}` is not a size");
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let help = match foreign::size(text) {
                Some(written) => format!("write `{written}`"),
                None if is_number => format!(
                    "give it a unit: `{text}B` for bytes, `{text}MiB` for 1024 times 1024 of them"
                ),
                None => "write a number with a unit: `64KiB`, `20MiB`, `1GiB`".to_owned(),
            };
            found.push(Diagnostic::error("size", message).at(node.span).help(help));
            None
        }
    }
}

/// Returns which of some words it is.
pub(crate) fn one_of<'w>(
    node: &Node<'_>,
    key: &str,
    words: &[&'w str],
    found: &mut Diagnostics,
) -> Option<&'w str> {
    let text = plain_text(node, key, found)?;
    let word = words.iter().find(|word| **word == text);
    if word.is_none() {
        let foreign = foreign::value_of(key, text);
        let near = foreign.or_else(|| suggest(text, words.iter().copied()));
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let message = format!("`{key}` cannot be `{text}`{near}");
        let help = match foreign {
            Some(word) => format!("write `{key}: {word}`"),
            None => format!("it is one of {}", quoted_list(words)),
        };
        found.push(Diagnostic::error("wrong-value", message).at(node.span).help(help));
    }
    word.copied()
}

/// Returns a list of words, of which there is one at least.
pub(crate) fn words(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<Vec<Box<str>>> {
    let Kind::List(items) = node.kind() else {
        let wrong = wrong_type(key, "a list of words", node);
        found.push(match node.scalar() {
            Some(text) if key == "cmd" => wrong.help(remedy::command(text)),
            _ => wrong.help(format!("write `{key}: [program, argument]`")),
        });
        return None;
    };
    if items.is_empty() {
        let message = format!("`{key}` is empty");
        found.push(
            Diagnostic::error("empty", message)
                .at(node.span)
                .help(format!("write `{key}: [program, argument]`, or remove the key")),
        );
        return None;
    }
    let words: Vec<Box<str>> =
        items.iter().filter_map(|item| word(item, key, found)).map(Box::from).collect();
    if words.len() == items.len() && words[0].is_empty() {
        let message = format!("the first word of `{key}` is empty");
        found.push(
            Diagnostic::error("empty", message)
                .at(items[0].span)
                .help("write the name of a program there"),
        );
        return None;
    }
    (words.len() == items.len()).then_some(words)
}

/// Returns a word of a list.
fn word<'n>(node: &'n Node<'_>, key: &str, found: &mut Diagnostics) -> Option<&'n str> {
    let what = format!("a word of `{key}`");
    if let Some(empty) = null(node, &what) {
        found.push(empty);
        return None;
    }
    let word = item(node, &what, found)?;
    let word = without_nul(word, node.span, key, found)?;
    if word.len() >= LONGEST_WORD {
        found.push(too_long(&format!("a word of `{key}`"), node.span));
        return None;
    }
    Some(word)
}

/// Returns the diagnostic for what no program can be given because of its length.
fn too_long(what: &str, span: Span) -> Diagnostic {
    let message = format!("{what} is longer than 128 KiB, and so too long for any program");
    Diagnostic::error("too-long", message).at(span).help("let the task read it from a file")
}

/// Returns a map of environment variables, laid over another one.
pub(crate) fn env(
    node: &Node<'_>,
    below: &Env,
    scope: KeyScope<'_, '_>,
    found: &mut Diagnostics,
) -> Env {
    let scope = scope.over(below);
    let Some(map) = node.map() else {
        let wrong = wrong_type("env", "a map of names to values", node);
        let own = foreign::env(node).unwrap_or_else(|| "{NAME: value}".to_owned());
        found.push(wrong.help(format!("write `env: {own}`")));
        return below.clone();
    };
    let mut own = Env::with_capacity(map.len());
    for entry in map {
        let name = &*entry.key;
        if is_expression(name) {
            let help = "write the name itself: an expression may stand in the value";
            found.push(no_expression("the name of a variable", entry.span).help(help));
            continue;
        }
        if !is_variable(name) {
            let message = format!("`{name}` cannot be the name of an environment variable");
            let help = match name.split_once('=') {
                Some((first, _)) if is_variable(first) => {
                    format!("write `{first}`, and the value after the `:`")
                }
                Some(_) | None => "use letters, digits and `_`, beginning with a letter".to_owned(),
            };
            found.push(Diagnostic::error("env-name", message).at(entry.span).help(help));
            continue;
        }
        if matches!(entry.value.kind(), Kind::Null) {
            let message = format!("`{name}` has no value");
            let place = if entry.value.span.start < entry.value.span.end {
                entry.value.span
            } else {
                entry.span
            };
            found.push(
                Diagnostic::error("no-value", message)
                    .at(place)
                    .help(format!("write `{name}: \"\"` for an empty text")),
            );
            continue;
        }
        if named(&entry.value, name, found).is_none() {
            continue;
        }
        let Some(value) = scope.template(&entry.value, name, found) else { continue };
        let length = value.constant().map_or(0, |value| name.len() + 1 + value.len());
        if length >= LONGEST_WORD {
            found.push(too_long(&format!("`{name}`"), entry.value.span));
            continue;
        }
        own.push((name.into(), value));
    }
    let mut env = below.clone();
    lay_over(&mut env, own);
    env
}

/// Lays variables over others: the later value of a name stands where its first one stood.
pub(crate) fn lay_over(env: &mut Env, over: impl IntoIterator<Item = (Box<str>, Template)>) {
    let mut places: HashMap<Box<str>, usize> =
        env.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    for (name, value) in over {
        match places.get(&name) {
            Some(at) => env[*at].1 = value,
            None => {
                places.insert(name.clone(), env.len());
                env.push((name, value));
            }
        }
    }
}

/// Returns the diagnostic for a key without a value.
pub(crate) fn no_value(key: &str, span: Span) -> Diagnostic {
    Diagnostic::error("no-value", format!("`{key}` has no value")).at(span)
}

/// Returns the diagnostic for a value of the wrong type.
pub(crate) fn wrong_type(key: &str, wanted: &str, node: &Node<'_>) -> Diagnostic {
    let message = format!("`{key}` takes {wanted}, not {}", node.noun());
    Diagnostic::error("wrong-type", message).at(node.span)
}
