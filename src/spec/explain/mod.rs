//! The long form of a code, of a key of the file, of a name in expressions: for `explain`, and for the
//! reference, which is all of them in one document.

mod examples;
mod types;
mod words;

use serde_json::{Value, json};

use super::codes::{self, Code};
use super::foreign;
use super::hints::suggest;
use super::keys::{self, KEYS, Key, Place};
use super::spelling::in_toml;

use examples::example;
pub(crate) use examples::sample;

/// A word and what it means.
pub type Explained = (&'static str, &'static str);

/// One thing that can be explained.
enum Entry {
    Key(&'static Key),
    /// A name in expressions.
    Name(Explained),
    /// What means something outside of the file.
    Outside(Explained),
    Code(&'static Code),
    /// A word of other tools that has no counterpart, and what is said of it.
    Foreign(String, &'static str),
}

/// Explains a code or its name (`E0101`, `e101`, `unknown-key`), a key (`retry`, `retry.max`), or a
/// name in expressions; `more` are words that mean something outside of the file.
///
/// # Errors
/// Where nothing is known of the word: the one that is near it, if any.
pub fn explain(word: &str, more: &[Explained]) -> Result<String, Option<String>> {
    let entries = find(word, more)?;
    let mut texts: Vec<String> = entries.iter().map(Entry::text).collect();
    let name = word.rsplit('.').next().unwrap_or(word);
    if let Some(Entry::Key(key)) = entries.first()
        && key.name != name
    {
        texts.insert(0, format!("`{name}` of other tools is written `{}` here.\n", key.name));
    }
    Ok(texts.join("\n"))
}

/// Explains a word, or all, as one document: a list of
///
/// ```text
/// {"kind": "key", "word", "meaning", "places", "takes", "default", "example"}
/// {"kind": "code", "word", "name", "meaning", "why", "fix", "wrong", "right"}
/// {"kind": "expression", "variable" or "other tools", "word", "meaning"}
/// ```
///
/// # Errors
/// As [`explain`].
pub fn explain_json(word: Option<&str>, more: &[Explained]) -> Result<Value, Option<String>> {
    let entries = word.map_or_else(|| Ok(all(more)), |word| find(word, more))?;
    Ok(entries.iter().map(Entry::json).collect())
}

/// Returns the words that can be explained, each with what it means.
pub fn explained_words(more: &[Explained]) -> Vec<Explained> {
    let word = |entry: &Entry| match entry {
        Entry::Key(key) => Some((key.name, key.help)),
        Entry::Name(explained) | Entry::Outside(explained) => Some(*explained),
        Entry::Code(code) => Some((code.code, code.mistake)),
        Entry::Foreign(..) => None,
    };
    let mut words: Vec<Explained> = all(more).iter().filter_map(word).collect();
    words.sort_by_key(|(word, _)| *word);
    words.dedup_by_key(|(word, _)| *word);
    words
}

/// Returns all that can be explained: keys, names, what is outside, codes.
fn all(more: &[Explained]) -> Vec<Entry> {
    let keys = KEYS.iter().map(Entry::Key);
    let names = explained().map(Entry::Name).chain(more.iter().copied().map(Entry::Outside));
    keys.chain(names).chain(codes::all().map(Entry::Code)).collect()
}

fn find(word: &str, more: &[Explained]) -> Result<Vec<Entry>, Option<String>> {
    let bare = |name: &str| name.split(['(', '[']).next().unwrap_or_default().to_owned();
    let is_meant = |(name, _): &Explained| *name == word || bare(name) == bare(word);
    let mut entries: Vec<Entry> = keys_of(word).map(Entry::Key).collect();
    let name = word.rsplit('.').next().unwrap_or(word);
    if let (true, Some(help)) = (entries.is_empty(), foreign::advice_of(name)) {
        entries.push(Entry::Foreign(name.to_owned(), help));
    }
    entries.extend(explained().filter(is_meant).map(Entry::Name));
    entries.extend(more.iter().copied().filter(is_meant).map(Entry::Outside));
    // Some names of codes are those of keys: `retry` is both.
    entries.extend(codes::find(word).map(Entry::Code));
    if !entries.is_empty() {
        return Ok(entries);
    }
    let names = explained().chain(more.iter().copied()).map(|(name, _)| name);
    let codes = codes::all().flat_map(|code| [code.code, code.name]);
    let keys = KEYS.iter().map(|key| key.name);
    Err(suggest(word, keys.chain(codes).chain(names)).map(str::to_owned))
}

impl Entry {
    fn text(&self) -> String {
        match self {
            Entry::Key(key) => one_key(key),
            Entry::Name((name, help)) | Entry::Outside((name, help)) => {
                format!("{name}\n  {help}\n")
            }
            Entry::Code(code) => of_code(code),
            Entry::Foreign(name, help) => {
                format!("`{name}` is a word of other tools, and no key here.\n\n{help}\n")
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Entry::Key(key) => json!({
                "kind": "key", "word": key.name, "meaning": key.help,
                "places": key.places.iter().map(|place| place.phrase()).collect::<Vec<_>>(),
                "takes": types::words(key.takes), "default": key.default, "example": example(key),
            }),
            Entry::Name((word, meaning)) => {
                json!({ "kind": "expression", "word": word, "meaning": meaning })
            }
            Entry::Outside((word, meaning)) => {
                json!({ "kind": "variable", "word": word, "meaning": meaning })
            }
            Entry::Foreign(word, meaning) => {
                json!({ "kind": "other tools", "word": word, "meaning": meaning })
            }
            Entry::Code(code) => json!({
                "kind": "code", "word": code.code, "name": code.name, "meaning": code.mistake,
                "why": code.why, "fix": code.fix, "wrong": code.wrong, "right": code.right,
            }),
        }
    }
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

/// Returns the keys that a word means: all keys of this name, or the one of a map that is named before;
/// where there is none, those that another tool's word is written as here.
fn keys_of(word: &str) -> impl Iterator<Item = &'static Key> {
    let (map, name) = word.rsplit_once('.').unwrap_or(("", word));
    let place = map.rsplit('.').find_map(Place::of_word);
    let is_known = map.is_empty() || place.is_some();
    let fits = move |key: &&Key| {
        is_known && key.name == name && place.is_none_or(|place| key.places.contains(&place))
    };
    let is_here = KEYS.iter().any(|key| fits(&key));
    let meant = foreign::word_of(name).filter(|_| is_known && !is_here).map(|word| word.key);
    KEYS.iter().filter(move |key| if is_here { fits(key) } else { Some(key.name) == meant })
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
