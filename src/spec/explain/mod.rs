//! The long form of a code, of a key of the file, of a name in expressions: for `explain`, and for the
//! reference, which is all of them in one document.

mod examples;
mod types;
mod words;

use super::codes::{self, Code};
use super::foreign;
use super::hints::suggest;
use super::keys::{self, KEYS, Key, Place};
use super::spelling::in_toml;

use examples::example;
pub(crate) use examples::sample;

/// A word and what it means.
pub type Explained = (&'static str, &'static str);

/// Explains a code or its name (`E0101`, `e101`, `unknown-key`), a key (`retry`, `retry.max`), or a
/// name in expressions; `more` are words that mean something outside of the file.
///
/// # Errors
/// Where nothing is known of the word: the one that is near it, if any.
pub fn explain(word: &str, more: &[Explained]) -> Result<String, Option<String>> {
    let mut text = of_key(word);
    let bare = |name: &str| name.split(['(', '[']).next().unwrap_or_default().to_owned();
    for (name, help) in explained().chain(more.iter().copied()) {
        if name == word || bare(name) == bare(word) {
            text.push(format!("{name}\n  {help}\n"));
        }
    }
    // Some names of codes are those of keys: `retry` is both.
    text.extend(codes::find(word).map(of_code));
    if text.is_empty() {
        let names = explained().chain(more.iter().copied()).map(|(name, _)| name);
        let codes = codes::all().flat_map(|code| [code.code, code.name]);
        let keys = KEYS.iter().map(|key| key.name);
        return Err(suggest(word, keys.chain(codes).chain(names)).map(str::to_owned));
    }
    Ok(text.join("\n"))
}

/// Returns the names and functions of expressions.
fn explained() -> impl Iterator<Item = Explained> {
    words::NAMES.iter().chain(words::FUNCTIONS).copied()
}

/// Returns the list of all that can be explained, but for what is known outside of the file.
pub fn overview() -> String {
    let mut text = String::new();
    for place in Place::ALL {
        let names: Vec<&str> = keys::all_of(place).map(|key| key.name).collect();
        let title = format!("keys {}", place.phrase().replace('`', ""));
        text.push_str(&format!("{title}\n{}\n", wrapped(&names)));
    }
    let names: Vec<&str> = explained().map(|(name, _)| name).collect();
    text.push_str(&format!("expressions\n{}\ncodes\n", wrapped(&names)));
    for code in codes::all() {
        text.push_str(&format!("  {}  {:<24}  {}\n", code.code, code.name, code.mistake));
    }
    text
}

/// Lays words out in lines.
fn wrapped(words: &[&str]) -> String {
    let (mut text, mut length) = (String::from(" "), 1);
    for word in words {
        if length + word.len() + 1 > 90 {
            text.push_str("\n ");
            length = 1;
        }
        text.push_str(&format!(" {word}"));
        length += word.len() + 1;
    }
    text.push('\n');
    text
}

fn of_code(code: &Code) -> String {
    let mut text = format!(
        "{}: {}\n\n{}\n\nWhy: {}\n\nInstead: {}\n",
        code.code, code.name, code.mistake, code.why, code.fix
    );
    if !code.wrong.is_empty() {
        text.push_str(&format!(
            "\nWrong:\n{}\n\nRight:\n{}\n",
            indented(code.wrong),
            indented(code.right)
        ));
    }
    text
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// Returns what is known of a key: all keys of this name, or the one of a map that is named before.
fn of_key(word: &str) -> Vec<String> {
    let (map, name) = word.rsplit_once('.').unwrap_or(("", word));
    let place = map.rsplit('.').find_map(Place::of_word);
    if !map.is_empty() && place.is_none() {
        return Vec::new();
    }
    let fits =
        |key: &&Key| key.name == name && place.is_none_or(|place| key.places.contains(&place));
    let mut texts: Vec<String> = KEYS.iter().filter(fits).map(one_key).collect();
    if let (Some(word), true) = (foreign::word_of(name), texts.is_empty()) {
        let meant = KEYS.iter().filter(|key| key.name == word.key);
        texts.extend(meant.map(one_key));
        texts.insert(0, format!("`{name}` of other tools is written `{}` here.\n", word.key));
    }
    if let (Some(help), true) = (foreign::advice_of(name), texts.is_empty()) {
        texts.push(format!("`{name}` is a word of other tools, and no key here.\n\n{help}\n"));
    }
    texts
}

fn one_key(key: &Key) -> String {
    let phrases: Vec<&str> = key.places.iter().map(|place| place.phrase()).collect();
    let mut text = format!("{}: {}\n\n{}\n", key.name, phrases.join(", "), key.help);
    text.push_str(&format!("\n  takes    {}\n", types::words(key.takes)));
    if !key.default.is_empty() {
        text.push_str(&format!("  default  {}\n", key.default));
    }
    if let Some(inner) = types::map_of(key.takes) {
        let names: Vec<&str> = keys::all_of(inner).map(|key| key.name).collect();
        text.push_str(&format!("  keys     {}\n", names.join(", ")));
    }
    let example = example(key);
    text.push_str(&format!("\nYAML:\n{}\n", indented(example)));
    let toml = in_toml(&format!("`{example}`")).trim_matches('`').to_owned();
    if toml != example {
        text.push_str(&format!("\nTOML:\n{}\n", indented(&toml)));
    }
    text
}

/// Returns the parts of the reference that the file is about, as Markdown.
pub fn reference() -> String {
    let mut text = String::new();
    for place in Place::ALL {
        text.push_str(&format!("## Keys {}\n\n", place.phrase()));
        text.push_str("| key | takes | default | meaning | example |\n|---|---|---|---|---|\n");
        for key in keys::all_of(place) {
            let cells = [types::words(key.takes), key.default.to_owned(), key.help.to_owned()]
                .map(|text| cell(&text));
            let example = example(key).lines().next().unwrap_or_default().replace('|', "\\|");
            text.push_str(&format!("| `{}` | {} | `{example}` |\n", key.name, cells.join(" | ")));
        }
        text.push('\n');
    }
    text.push_str("## Expressions\n\n| name | meaning |\n|---|---|\n");
    for (name, help) in explained() {
        text.push_str(&format!("| `{name}` | {} |\n", cell(help)));
    }
    text.push_str("\n## Codes\n\n`E` is an error, `W` a warning.\n\n");
    for code in codes::all() {
        text.push_str(&format!(
            "### {} {}\n\n{}\n\n{}\n\n{}\n\n",
            code.code,
            code.name,
            markdown(code.mistake),
            markdown(code.why),
            markdown(code.fix)
        ));
        let language = if code.name.starts_with("toml") { "toml" } else { "yaml" };
        if !code.wrong.is_empty() {
            for (word, file) in [("wrong", code.wrong), ("right", code.right)] {
                text.push_str(&format!("```{language}\n# {word}\n{file}\n```\n\n"));
            }
        }
    }
    text
}

/// Writes a text outside of backticks so that Markdown shows it as it is.
fn markdown(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => part.replace('<', "\\<").replace('*', "\\*").replace('_', "\\_"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

fn cell(text: &str) -> String {
    markdown(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests;
