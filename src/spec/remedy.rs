//! What to write instead of a value that a key does not take: the value itself as far as it can be kept,
//! else an example of the key.

use super::diag::Diagnostic;
use super::explain::sample;
use super::hints::one_of;
use super::keys::{self, Type};
use super::tree::{Kind, Node};
use super::values::wrong_type;
use crate::model::{Ms, Size};

/// The way out for a test of a shell that stands in an `if`.
pub(crate) const SHELL_TEST: &str = "let a task's script test it, and ask for that task's output";

/// Returns the diagnostic for a list or a map under a key that takes one text.
pub(crate) fn no_text(key: &str, node: &Node<'_>) -> Diagnostic {
    let takes = keys::KEYS.iter().find(|one| one.name == key).map_or(Type::Text, |one| one.takes);
    const NOUNS: [(Type, &str); 8] = [
        (Type::Duration, "a duration"),
        (Type::Timeout, "a duration"),
        (Type::Size, "a size"),
        (Type::Notation, "one text"),
        (Type::Condition, "an expression"),
        (Type::Paths, "a path or a list of paths"),
        (Type::Shell, "a word or a list of words"),
        (Type::OutputName, "the name of one output"),
    ];
    let noun = NOUNS.iter().find(|(one, _)| *one == takes).map_or("a text", |(_, noun)| noun);
    let wanted = if let Type::Words(words) = takes { one_of(words) } else { noun.to_owned() };
    wrong_type(key, &wanted, node).help(as_text(key, takes, node))
}

/// Says how the items of a list are written as one text, or how the key is.
fn as_text(key: &str, takes: Type, node: &Node<'_>) -> String {
    let items = scalars(node).unwrap_or_default();
    let is_taken = |text: &str| match takes {
        Type::Words(words) => words.contains(&text),
        Type::Duration | Type::Timeout => text.parse::<Ms>().is_ok(),
        Type::Size => text.parse::<Size>().is_ok(),
        _ => !text.is_empty() && !text.contains('\n'),
    };
    match (takes, &*items) {
        (Type::Condition, [first, ..]) if first.starts_with('-') => SHELL_TEST.to_owned(),
        (Type::Condition, [_, ..]) => format!("write `if: {}`", written(&items.join(" && "))),
        (Type::Condition, []) => "for example `if: success()`".to_owned(),
        (Type::Notation, [_, ..]) => format!("write `graph: {}`", items.join(" >> ")),
        (_, [one]) if is_taken(one) => format!("write `{key}: {}`", written(one)),
        (_, [_, ..]) if key == "run" && !items.iter().any(|item| item.contains(' ')) => format!(
            "write `cmd: {}` for one command, or several below `run: |`, one a line",
            list(&items)
        ),
        _ if key == "run" => "write the commands below `run: |`, one a line".to_owned(),
        (Type::Text, _) => format!("write `{key}: TEXT`"),
        _ => format!("for example `{}`", sample(key).unwrap_or_else(|| format!("{key}: TEXT"))),
    }
}

/// Says what to write for a key without a value.
pub(crate) fn no_value(key: &str) -> String {
    // What names something of the file has no example that is true in every file.
    let stands_alone = |one: &&keys::Key| {
        one.name == key
            && matches!(
                one.takes,
                Type::Text
                    | Type::FlowName
                    | Type::Words(_)
                    | Type::Int(..)
                    | Type::Ints(..)
                    | Type::Duration
                    | Type::Timeout
                    | Type::Size
                    | Type::Shell
                    | Type::Retry
                    | Type::Signal
                    | Type::OutputName
                    | Type::OutputNames
                    | Type::Tags
            )
    };
    let sample = keys::KEYS.iter().find(stands_alone).and_then(|_| sample(key));
    match (key, sample) {
        ("run" | "cmd", _) => "write `run: SCRIPT`".to_owned(),
        (_, Some(sample)) => format!("write, for example, `{sample}`, or remove the key"),
        (_, None) => "give it one, or remove the key".to_owned(),
    }
}

/// Returns a key with a number: one that somebody may want, or the least that it takes.
pub(crate) fn int(key: &str, least: u32) -> String {
    let is_number = |one: &&keys::Key| {
        one.name == key && matches!(one.takes, Type::Int(..) | Type::Ints(..) | Type::Retry)
    };
    let known = keys::KEYS.iter().find(is_number).and_then(|_| sample(key));
    known.unwrap_or_else(|| format!("{key}: {least}"))
}

/// Says how a command in one text is written as words, or as a script.
pub(crate) fn command(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let script = format!("`run: {}`", written(text.trim()));
    match text.contains(['"', '\'', '\\', '\n']) || words.is_empty() {
        // Where the words end is for a shell to know.
        true if text.trim().is_empty() || text.contains('\n') => {
            "write `cmd: [program, argument]`, or `run: SCRIPT` for a shell".to_owned()
        }
        true => format!("write {script} for a shell, or one text for each word"),
        false => format!("write `cmd: {}`, or {script} for a shell", list(&words)),
    }
}

/// Returns the words of an interpreter, one of which stands for the script's file.
pub(crate) fn interpreter<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<&str> = words.into_iter().collect();
    // These take a program, not a file, as their first word.
    if let [word] = &*words
        && ["awk", "gawk", "mawk", "sed", "make"].iter().any(|name| word.ends_with(name))
    {
        words.push("-f");
    }
    if !words.iter().any(|word| word.contains("{0}")) {
        words.push("{0}");
    }
    format!("shell: {}", list(&words))
}

/// Returns the items of a list, where all of them are scalars.
pub(crate) fn scalars<'n>(node: &'n Node<'_>) -> Option<Vec<&'n str>> {
    match node.kind() {
        Kind::List(items) => items.iter().map(Node::scalar).collect(),
        Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Map(_) | Kind::Shared(_) => None,
    }
}

/// Returns the words of a text, which blanks or commas separate.
pub(crate) fn words_of(text: &str) -> Vec<&str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).collect()
}

/// Writes a list on one line.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| written(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// Writes a text on one line, in quotes where YAML would take it for something else.
pub(crate) fn written(text: &str) -> String {
    let starts = |c: char| c.is_alphanumeric() || "_./$(+<=".contains(c);
    let is_flag = text.starts_with('-') && text[1..].starts_with(|c: char| !c.is_whitespace());
    let is_plain = (text.starts_with(starts) || is_flag)
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains([',', '[', ']', '{', '}'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(char::is_control)
        && text != "null";
    if is_plain {
        text.to_owned()
    } else if text.contains(['\'', '\\']) || text.contains(char::is_control) || text.contains("{0}")
    {
        serde_json::to_string(text).expect("a text is JSON")
    } else {
        format!("'{text}'")
    }
}
