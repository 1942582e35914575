//! A glob: which files are meant, component by component of their path. Pure: who walks the folders
//! asks it name by name, and never looks where nothing can match.
//!
//! `*` is any text, `?` any character, `[a-z]` one of a class and `[!a-z]` none of it, all within one
//! component; `**` alone between slashes is any number of folders, and at the end all files below.
//! As in a shell, a name that begins with a dot is matched only where the dot is written.

use ::glob::{MatchOptions, Pattern};

/// What a shell does: hidden names must be asked for.
const AS_SHELLS_DO: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A glob that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// Whether it begins at the root, and not at the task's folder.
    pub is_absolute: bool,
    /// Its components.
    pub parts: Vec<GlobPart>,
}

/// A component of a [`Glob`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobPart {
    /// Exactly this name, also `..`.
    Name(Box<str>),
    /// Names that match.
    Pattern(Pattern),
    /// Any number of folders, none of them hidden.
    Folders,
}

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// With what is wrong with it, and the way out.
    pub fn parse(text: &str) -> Result<Glob, (String, String)> {
        let wrong = |what: &str, help: String| Err((what.to_owned(), help));
        if text.is_empty() {
            return wrong("is empty", "name files, or remove the entry".to_owned());
        }
        if text.chars().any(char::is_control) {
            return wrong("holds a control character", "write `?` in its place".to_owned());
        }
        if let Some(rest) = text.strip_prefix('!') {
            let help = format!("name only what is meant; a file of this name is `./!{rest}`");
            return wrong("cannot leave files out", help);
        }
        if has_braces(text) {
            let help = "write an entry for each of them; `[{]` is the brace itself".to_owned();
            return wrong("has alternatives in braces, which globs here do not know", help);
        }
        let last = text.rsplit('/').next().unwrap_or_default();
        if matches!(last, "" | "." | "..") {
            let folder = text.trim_end_matches('/');
            let help = format!("write `{folder}/**` for the files below it");
            return wrong("names a folder", help);
        }
        let mut parts = Vec::new();
        for component in text.split('/').filter(|part| !matches!(*part, "" | ".")) {
            let part = GlobPart::parse(component)?;
            // Two in a row mean no more than one, and would be walked twice.
            if part != GlobPart::Folders || parts.last() != Some(&part) {
                parts.push(part);
            }
        }
        Ok(Glob { is_absolute: text.starts_with('/'), parts })
    }
}

impl GlobPart {
    fn parse(text: &str) -> Result<GlobPart, (String, String)> {
        if text == "**" {
            return Ok(GlobPart::Folders);
        }
        if text.contains("**") {
            let what = "has a `**` that does not stand alone between slashes".to_owned();
            let help = "write `*` within a name, or `**/` for any number of folders".to_owned();
            return Err((what, help));
        }
        if !text.contains(['*', '?', '[']) {
            return Ok(GlobPart::Name(text.into()));
        }
        match Pattern::new(&negated(text)) {
            Ok(pattern) => Ok(GlobPart::Pattern(pattern)),
            Err(_) => {
                let what = "has a `[` that begins no class of characters".to_owned();
                let help = "write `[abc]` or `[a-z]`; `[[]` is the bracket itself".to_owned();
                Err((what, help))
            }
        }
    }

    /// Returns whether a name is one of those that are meant; of [`GlobPart::Folders`] whether a folder
    /// or file of this name is passed.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            GlobPart::Name(own) => **own == *name,
            GlobPart::Pattern(pattern) => pattern.matches_with(name, AS_SHELLS_DO),
            GlobPart::Folders => !name.starts_with('.'),
        }
    }
}

/// `[^…]` is `[!…]` to many shells.
fn negated(text: &str) -> String {
    let mut negated = String::with_capacity(text.len());
    for c in text.chars() {
        let begins_class = negated.ends_with('[') && !negated.ends_with("[[");
        negated.push(if c == '^' && begins_class { '!' } else { c });
    }
    negated
}

fn has_braces(text: &str) -> bool {
    let Some((_, rest)) = text.split_once('{') else { return false };
    rest.split_once('}').is_some_and(|(inside, _)| inside.contains(','))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, name: &str) -> bool {
        let glob = Glob::parse(glob).expect("a good glob");
        assert_eq!(glob.parts.len(), 1);
        glob.parts[0].matches(name)
    }

    #[test]
    fn names_match_as_in_a_shell() {
        for (glob, name, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.md", false),
            ("*", ".hidden", false),
            ("?hidden", ".hidden", false),
            (".*", ".hidden", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[[]x", "[x", true),
            ("A*", "ab", false),
            ("a b?", "a b\u{e9}", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn what_is_no_glob_is_explained() {
        for (glob, expected) in [
            ("", "is empty"),
            ("a\nb", "holds a control character"),
            ("!a", "cannot leave files out"),
            ("*.{js,css}", "has alternatives in braces, which globs here do not know"),
            ("dist/", "names a folder"),
            ("/", "names a folder"),
            ("a/..", "names a folder"),
            ("a**/b", "has a `**` that does not stand alone between slashes"),
            ("***", "has a `**` that does not stand alone between slashes"),
            ("a[b", "has a `[` that begins no class of characters"),
        ] {
            let (what, help) = Glob::parse(glob).expect_err("no good glob");
            assert_eq!(what, expected, "{glob:?}");
            assert!(!help.is_empty());
        }
    }

    #[test]
    fn needless_parts_are_left_out() {
        let glob = Glob::parse("./a//**/**/*.x").expect("a good glob");
        assert_eq!(glob.parts.len(), 3);
        assert!(Glob::parse("/tmp/x").expect("a good glob").is_absolute);
        assert!(Glob::parse("{a}").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", name in ".*") {
            if let Ok(glob) = Glob::parse(&text) {
                glob.parts.iter().for_each(|part| { part.matches(&name); });
            }
        }

        #[test]
        fn a_plain_name_matches_itself_alone(name in "[a-z.]{1,8}", other in "[a-z.]{1,8}") {
            prop_assume!(name != "." && name != "..");
            let glob = Glob::parse(&name).expect("a good glob");
            prop_assert!(glob.parts[0].matches(&name));
            prop_assert_eq!(glob.parts[0].matches(&other), name == other);
        }
    }
}
