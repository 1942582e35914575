//! Commands that a shell would only execute: they are started without one in between, which saves one
//! process of two. Used when an attempt is prepared.
//!
//! Nothing else may change by that. So a script is taken for simple only where every shell agrees
//! that it is: words of plain or quoted characters, of which the first is neither a keyword nor a
//! builtin. And where a shell would have to decide or say anything (the program is not found, is not
//! executable, has no `#!` line, or `PATH` leads through a relative folder), the shell does it: whoever
//! starts the command falls back to it.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::Chars;

use rustix::fs::{Access, access};

/// Words that a shell of any kind takes for its own: keywords and builtins of dash, bash, ksh, zsh and
/// the shell of BusyBox. Sorted.
const OF_SHELLS: &[&str] = &[
    ".",
    ":",
    "alias",
    "autoload",
    "bg",
    "bind",
    "break",
    "builtin",
    "bye",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "emulate",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "float",
    "for",
    "foreach",
    "function",
    "functions",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "integer",
    "jobs",
    "kill",
    "let",
    "local",
    "log",
    "logout",
    "mapfile",
    "nocorrect",
    "noglob",
    "popd",
    "print",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "rehash",
    "repeat",
    "return",
    "sched",
    "select",
    "set",
    "setopt",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "ttyctl",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unfunction",
    "unhash",
    "unlimit",
    "unset",
    "unsetopt",
    "until",
    "vared",
    "wait",
    "whence",
    "where",
    "which",
    "while",
];

/// A command as a shell would execute it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Simple {
    /// The path that the shell would give to the system: absolute, or relative to the task's folder.
    pub(super) program: PathBuf,
    /// All words, the command's own name being the first.
    pub(super) words: Vec<OsString>,
}

impl Simple {
    /// Returns the simple command that a script is for `sh`, where it is one and its program is there.
    pub(super) fn of(script: &str, env: &[(OsString, OsString)]) -> Option<Simple> {
        let words = words(script)?;
        // What is no name for a shell it drops, or takes for one of its functions.
        if !env.iter().all(|(name, _)| is_name(name.as_bytes())) {
            return None;
        }
        let name = &words[0];
        let program = if name.contains('/') { name.into() } else { find(name, env)? };
        Some(Simple { program, words: words.into_iter().map(OsString::from).collect() })
    }
}

/// Returns the words of a script that is one simple command.
fn words(script: &str) -> Option<Vec<String>> {
    const BLANK: [char; 2] = [' ', '\t'];
    let mut rest = script.trim_matches([' ', '\t', '\n']).chars().peekable();
    let mut words = vec![command(&mut rest)?];
    loop {
        while rest.next_if(|c| BLANK.contains(c)).is_some() {}
        let Some(next) = rest.peek() else { return Some(words) };
        if *next == '\n' {
            return None; // another command
        }
        words.push(word(&mut rest)?);
    }
}

/// Returns the first word: a name that no shell has for its own.
fn command(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let may_be = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '+' | '-');
    let name: String = std::iter::from_fn(|| rest.next_if(may_be)).collect();
    let ends = rest.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
    let begins = name.starts_with(|c: char| !matches!(c, '+' | '-'));
    (ends && begins && OF_SHELLS.binary_search(&&*name).is_err()).then_some(name)
}

/// Returns a further word, without its quotes.
fn word(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    while let Some(next) = rest.next_if(|c| !matches!(c, ' ' | '\t' | '\n')) {
        match next {
            '\'' => loop {
                match rest.next()? {
                    '\'' => break,
                    other => word.push(other),
                }
            },
            '"' => loop {
                match rest.next()? {
                    '"' => break,
                    '$' | '`' | '\\' => return None,
                    other => word.push(other),
                }
            },
            plain if is_plain(plain) => word.push(plain),
            _ => return None,
        }
    }
    Some(word)
}

/// Returns whether a character stands for itself outside of quotes, wherever it stands.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '_' | '.' | '/' | '+' | '-' | '=' | ',' | ':' | '@' | '%')
}

/// Returns whether a shell takes this for the name of a variable.
fn is_name(name: &[u8]) -> bool {
    let [first, rest @ ..] = name else { return false };
    let may_begin = |c: &u8| c.is_ascii_alphabetic() || *c == b'_';
    may_begin(first) && rest.iter().all(|c| may_begin(c) || c.is_ascii_digit())
}

/// Finds a program where a shell would. The folders are asked each time: what a task before has
/// installed must be found, also where another one stands later in `PATH`.
fn find(name: &str, env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, path) = env.iter().rev().find(|(name, _)| name == "PATH")?;
    for folder in path.as_bytes().split(|byte| *byte == b':') {
        let folder = Path::new(OsStr::from_bytes(folder));
        if !folder.is_absolute() {
            return None; // it is that of the task, and its program is named by a relative path
        }
        let candidate = folder.join(name);
        if candidate.metadata().is_ok_and(|found| found.is_file()) {
            return access(&candidate, Access::EXEC_OK).is_ok().then_some(candidate);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_shells_are_sorted_and_there_once() {
        assert!(OF_SHELLS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_simple_command_is_split_as_a_shell_does() {
        let cases: [(&str, &[&str]); 9] = [
            ("make", &["make"]),
            ("  cargo build\t--release \n", &["cargo", "build", "--release"]),
            ("./x a=b", &["./x", "a=b"]),
            ("git commit -m 'a \"b\" $c'", &["git", "commit", "-m", "a \"b\" $c"]),
            ("git log --format=\"%h 'x' *\"", &["git", "log", "--format=%h 'x' *"]),
            ("x '' \"\" a''b", &["x", "", "", "ab"]),
            ("x 'a\nb'", &["x", "a\nb"]),
            ("x 'ä' \"–\"", &["x", "ä", "–"]),
            ("7z x a,b:c@d%e", &["7z", "x", "a,b:c@d%e"]),
        ];
        for (script, expected) in cases {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(words(script), Some(expected), "{script}");
        }
    }

    #[test]
    fn all_else_is_the_shells() {
        for script in [
            "",
            " \n",
            "a\nb",
            "a;b",
            "a&&b",
            "a | b",
            "a > b",
            "a <b",
            "a &",
            "(a)",
            "{ a; }",
            "a $b",
            "a `b`",
            "a \\b",
            "a *",
            "a ?",
            "a [b]",
            "a ~",
            "a ~/b",
            "a {b,c}",
            "a #b",
            "a !b",
            "A=b c",
            "'a'",
            "\"a\" b",
            "a\"b\"",
            "a 'b",
            "a \"b",
            "a \"$b\"",
            "a \"\\b\"",
            "a 'b' c\nd",
            "echo a",
            "true",
            ":",
            ". a",
            "if a",
            "time a",
            "-a",
            "+a",
            "! a",
            "a=b",
            "ä",
            "a ä",
            "%1",
            "a\rb",
            "a b\r",
            "a^b",
            "a ^b",
        ] {
            assert_eq!(words(script), None, "{script:?}");
        }
    }

    #[test]
    fn a_name_that_no_shell_has_leaves_it_to_the_shell() {
        let path = (OsString::from("PATH"), OsString::from("/usr/bin:/bin"));
        assert!(Simple::of("ls -l", std::slice::from_ref(&path)).is_some());
        for name in ["BASH_FUNC_ls%%", "a b", "1a", "", "a.b"] {
            let odd = (OsString::from(name), OsString::from("x"));
            assert_eq!(Simple::of("ls -l", &[path.clone(), odd]), None, "{name}");
        }
    }

    #[test]
    fn what_a_relative_path_leads_to_is_left_to_the_shell() {
        let env = |path: &str| [(OsString::from("PATH"), OsString::from(path))];
        for path in ["", ".:/bin", "bin:/usr/bin:/bin", "/no/such/folder"] {
            assert_eq!(Simple::of("ls", &env(path)), None, "{path}");
        }
        assert_eq!(Simple::of("ls", &[]), None, "the shell has a `PATH` of its own");
        assert!(Simple::of("bin/ls", &env("")).is_some(), "a slash needs no `PATH`");
    }
}
