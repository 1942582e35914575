//! The keys of one map against the table: what is unknown or foreign is said here, so that readers of a
//! map ask for the keys that they know and need not look at others.

use super::diag::{Diagnostic, Diagnostics};
use super::foreign::{self, Meaning, Word, meaning, remedy, word_of};
use super::hints::{choices, suggest};
use super::keys::{self, Key, Place};
use super::tree::{Entry, Kind, Span};

/// The keys that were meant by words that are none.
type Meant = Vec<&'static str>;

/// The entries of a map whose keys were checked.
pub(crate) struct Fields<'n, 's> {
    entries: &'n [Entry<'s>],
    place: Place,
    meant: Meant,
    /// Whether there is a key of which nobody can say what was meant.
    has_riddle: bool,
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

    /// Returns whether there is a key of which nobody can say what was meant.
    pub(crate) fn has_riddle(&self) -> bool {
        self.has_riddle
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
    let (mut meant, mut has_riddle) = (Meant::new(), false);
    for entry in entries {
        let name = &*entry.key;
        let is_known = keys::find(name, place).is_some() && !is_foreign_here(entry, place)
            || place == Place::Top && name.starts_with("x-");
        if !is_known {
            let before = meant.len();
            found.push_error(|| unknown(entry, place, &mut meant));
            has_riddle |= meant.len() == before;
        }
    }
    Fields { entries, place, meant, has_riddle }
}

/// Words the diagnostic for a key that the table does not have there.
fn unknown(entry: &Entry<'_>, place: Place, meant: &mut Meant) -> Diagnostic {
    let name = &*entry.key;
    if foreign::PYTHON_WORDS.contains(&name) {
        let message =
            format!("`{name}` belongs to the Python edition; this edition runs shell commands");
        return Diagnostic::error("foreign-key", message)
            .at(entry.span)
            .help("write each task as `name: SCRIPT` below `tasks`");
    }
    let meaning = meaning(entry, place);
    meant.extend(key_meant(entry, place));
    if let Some(meaning) = meaning {
        return translated(entry, place, meaning);
    }
    let message = format!("unknown key `{name}` {}", place.phrase());
    let unknown = |message: String| Diagnostic::error("unknown-key", message).at(entry.span);
    match near(name, place) {
        Some(Near::Key(near)) => {
            return unknown(format!("{message}; did you mean `{near}`?"))
                .help(format!("write `{near}`"));
        }
        Some(Near::Word(word)) => {
            let (near, help) = (word.key, foreign::translation(entry, word));
            return unknown(format!("{message}; did you mean `{near}`?")).help(help);
        }
        None => {}
    }
    if let Some(help) = elsewhere(entry, place) {
        return unknown(message).help(help);
    }
    let here = keys::all_of(place).map(|key| format!("`{}`", key.name)).collect::<Vec<_>>();
    unknown(message).help(format!("the keys {} are {}", place.phrase(), here.join(", ")))
}

/// What a misspelt key was meant to be.
enum Near {
    /// A key.
    Key(&'static str),
    /// A word of another tool.
    Word(&'static Word),
}

fn near(name: &str, place: Place) -> Option<Near> {
    if let Some(near) = suggest(name, keys::all_of(place).map(|key| key.name)) {
        return Some(Near::Key(near));
    }
    if keys::KEYS.iter().any(|key| key.name == name) || word_of(name).is_some() {
        return None; // no slip: it stands elsewhere
    }
    let words = foreign::words_at(place).filter(|(word, _)| word.len() > 4);
    let near = suggest(name, words.clone().map(|(word, _)| word))?;
    words.into_iter().find(|(word, _)| *word == near).map(|(_, word)| Near::Word(word))
}

/// Returns the key that was meant by one that is none of the map's, where that can be told.
pub(crate) fn key_meant(entry: &Entry<'_>, place: Place) -> Option<&'static str> {
    if keys::find(&entry.key, place).is_some() && !is_foreign_here(entry, place) {
        return None;
    }
    match (meaning(entry, place), is_task(entry, place)) {
        (Some(Meaning::Key(word)), _) => Some(word.key),
        (Some(Meaning::None(_)), _) => None,
        (None, true) => Some("tasks"),
        (None, false) => Some(match near(&entry.key, place)? {
            Near::Key(key) => key,
            Near::Word(word) => word.key,
        }),
    }
}

/// Returns whether a key at the top level is a task that should stand below `tasks`.
fn is_task(entry: &Entry<'_>, place: Place) -> bool {
    const WORK: [&str; 8] = ["run", "cmd", "script", "command", "cmds", "steps", "needs", "stage"];
    let keys = entry.value.map().unwrap_or_default();
    place == Place::Top
        && !keys::KEYS.iter().any(|key| key.name == entry.key)
        && keys.iter().any(|one| WORK.contains(&&*one.key))
}

/// Says where a key stands that this map does not take.
fn elsewhere(entry: &Entry<'_>, place: Place) -> Option<String> {
    let name = &*entry.key;
    if is_task(entry, place) {
        return Some(match name.strip_prefix('.') {
            Some(name) => {
                format!("write `x-{name}`, where nothing is read, or move it below `tasks`")
            }
            None => format!("move `{name}` below `tasks`, where the tasks stand"),
        });
    }
    if let (Some(plain), Place::Top) = (name.strip_prefix('.'), place) {
        return Some(format!("write `x-{plain}`, where nothing is read"));
    }
    if place == Place::Top && keys::find(name, Place::Defaults).is_some() {
        let value = entry.value.scalar().and_then(foreign::text);
        return Some(match value {
            Some(value) => format!("write `defaults: {{{name}: {value}}}` for all tasks"),
            None => format!("`{name}` stands in `defaults`, or in a task"),
        });
    }
    let mut homes = keys::KEYS.iter().filter(|key| key.name == name).flat_map(|key| key.places);
    // What belongs to a task is not sought far from it.
    let in_task = place != Place::Top && homes.clone().any(|home| *home == Place::Task);
    let home = if in_task { Some(&Place::Task) } else { homes.next() };
    match (home, word_of(name)) {
        (Some(home), _) => Some(format!("`{name}` stands {}", home.phrase())),
        (None, Some(word)) => Some(not_here(entry, word)),
        (None, None) => None,
    }
}

/// Says where the key stands that a word of another tool means.
fn not_here(entry: &Entry<'_>, word: &Word) -> String {
    let key = keys::KEYS.iter().find(|key| key.name == word.key);
    let home = key.map_or("", |key: &Key| key.places[0].phrase());
    format!("{} {home}", foreign::translation(entry, word))
}

/// Words the diagnostic for a word of another tool.
fn translated(entry: &Entry<'_>, place: Place, meaning: Meaning) -> Diagnostic {
    let name = &*entry.key;
    let is_ours = keys::find(name, place).is_none()
        && [Place::Top, Place::Task].iter().any(|place| keys::find(name, *place).is_some());
    let message = match meaning {
        Meaning::Key(word) if is_ours => {
            format!("`{name}` is written `{}` {}", word.key, place.phrase())
        }
        Meaning::Key(word) => format!("`{name}` is written `{}` here", word.key),
        Meaning::None(_) if is_ours => {
            format!("`{name}` {} is a word of another tool", place.phrase())
        }
        Meaning::None(_) => format!("`{name}` is a word of another tool"),
    };
    Diagnostic::error("foreign-key", message).at(entry.span).help(remedy(entry, meaning))
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
