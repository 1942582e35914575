//! The keys of one map against the table: what is unknown or foreign is said here, so that readers of a
//! map ask for the keys that they know and need not look at others.

use super::diag::{Diagnostic, Diagnostics};
use super::foreign::remedy;
use super::hints::{choices, suggest};
use super::keys::{self, Key, Place, Word};
use super::tree::{Entry, Kind, Span};

/// The entries of a map whose keys were checked.
pub(crate) struct Fields<'n, 's> {
    entries: &'n [Entry<'s>],
    place: Place,
    /// The keys that were meant by words that are none.
    meant: Vec<&'static str>,
}

impl<'n, 's> Fields<'n, 's> {
    /// Returns the entry with this key.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Entry<'s>> {
        debug_assert!(
            keys::all_of(self.place).any(|key| key.name == name),
            "BUG: the table has no `{name}` {}",
            self.place.phrase(),
        );
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (!is_foreign_here(entry, self.place)).then_some(entry)
    }

    /// Returns the text under a key.
    pub(crate) fn text(&self, name: &str, found: &mut Diagnostics) -> Option<String> {
        let entry = self.get(name)?;
        super::values::plain_text(&entry.value, name, found).map(str::to_owned)
    }

    /// Returns the place of the first key.
    pub(crate) fn first(&self) -> Option<Span> {
        self.entries.first().map(|entry| entry.span)
    }

    /// Returns whether an unknown word stands where this key was meant.
    pub(crate) fn is_meant(&self, key: &str) -> bool {
        self.meant.contains(&key)
    }
}

/// `jobs` is a key of ours, and as a map a word of another tool.
fn is_foreign_here(entry: &Entry<'_>, place: Place) -> bool {
    place == Place::Top && entry.key == "jobs" && matches!(entry.value.kind(), Kind::Map(_))
}

/// Checks the keys of a map.
pub(crate) fn fields<'n, 's>(
    entries: &'n [Entry<'s>],
    place: Place,
    found: &mut Diagnostics,
) -> Fields<'n, 's> {
    let mut meant = Vec::new();
    for entry in entries {
        let name = &*entry.key;
        match keys::find(name, place) {
            Some(_) if is_foreign_here(entry, place) => {
                found.push_error(|| unknown(entry, place, &mut meant))
            }
            Some(_) => {}
            None if place == Place::Top && name.starts_with("x-") => {}
            None => found.push_error(|| unknown(entry, place, &mut meant)),
        }
    }
    Fields { entries, place, meant }
}

/// Words the diagnostic for a key that the table does not have there.
fn unknown(entry: &Entry<'_>, place: Place, meant: &mut Vec<&'static str>) -> Diagnostic {
    let name = &*entry.key;
    if keys::PYTHON_WORDS.contains(&name) {
        let message =
            format!("`{name}` belongs to the Python edition; this edition runs shell commands");
        return Diagnostic::error("foreign-key", message)
            .at(entry.span)
            .help("write each task as `name: SCRIPT` below `tasks`");
    }
    let foreign = keys::word_of(name);
    if let Some(word) = foreign.filter(|word| fits(word.key, place)) {
        meant.push(word.key);
        return translated(entry, word);
    }
    let message = format!("unknown key `{name}` {}", place.phrase());
    let here: Vec<&str> = keys::all_of(place).map(|key| key.name).collect();
    if let Some(near) = suggest(name, here.iter().copied()) {
        meant.push(near);
        return Diagnostic::error("unknown-key", format!("{message}; did you mean `{near}`?"))
            .at(entry.span)
            .help(format!("write `{near}`"));
    }
    let diagnostic = Diagnostic::error("unknown-key", message).at(entry.span);
    let elsewhere = |key: &&Key| key.name == name;
    if let Some(key) = keys::KEYS.iter().find(elsewhere) {
        return diagnostic.help(format!("`{name}` stands {}", key.places[0].phrase()));
    }
    if let Some(word) = foreign {
        return not_here(diagnostic, entry, word);
    }
    let here = here.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    diagnostic.help(format!("the keys {} are {here}", place.phrase()))
}

/// Returns whether a key may stand in a map.
fn fits(key: &str, place: Place) -> bool {
    keys::find(key, place).is_some()
}

/// Says where the key stands that a word of another tool means.
fn not_here(diagnostic: Diagnostic, entry: &Entry<'_>, word: &Word) -> Diagnostic {
    let found = keys::KEYS.iter().find(|key| key.name == word.key);
    let home = found.map_or("", |key| key.places[0].phrase());
    diagnostic.help(format!("{} {home}", remedy(entry, word)))
}

/// Words the diagnostic for a word of another tool.
fn translated(entry: &Entry<'_>, word: &Word) -> Diagnostic {
    let (name, key) = (&*entry.key, word.key);
    Diagnostic::error("foreign-key", format!("`{name}` is written `{key}` here"))
        .at(entry.span)
        .help(remedy(entry, word))
}

/// Returns whether a text is a whole number.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Words the diagnostic for a task that does not exist; near names are sought where that is cheap.
pub(crate) fn unknown_task(name: &str, names: &[&str], may_compare: bool) -> Diagnostic {
    let near = may_compare.then(|| suggest(name, names.iter().copied())).flatten();
    match near {
        Some(near) => {
            let message = format!("unknown task `{name}`; did you mean `{near}`?");
            Diagnostic::error("unknown-task", message).help(format!("write `{near}`"))
        }
        None => Diagnostic::error("unknown-task", format!("unknown task `{name}`"))
            .help(choices("task", "tasks", names)),
    }
}
