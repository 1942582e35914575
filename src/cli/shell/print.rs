//! `pyoco shell --print`: the lines that bring a shell into the place of a task.

use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;

use crate::cli::exit::{Exit, Failure, written};
use crate::cli::say::say;
use crate::engine::Placed;
use crate::model::escape;

/// Prints what differs from the caller's environment, and the folder.
pub(super) fn main(placed: &Placed) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    let (mut unnamed, mut secret) = (Vec::new(), Vec::new());
    for (name, value) in &placed.env {
        if std::env::var_os(name).as_ref() == Some(value) {
            continue;
        }
        if !is_name(name) {
            unnamed.push(shown(name));
            continue;
        }
        if !placed.mask.find(value.as_bytes()).is_empty() {
            secret.push(shown(name));
        }
        text.extend_from_slice(b"export ");
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        quote(&mut text, value);
        text.push(b'\n');
    }
    for (name, _) in std::env::vars_os() {
        if !placed.env.contains_key(&name) && is_name(&name) {
            text.extend_from_slice(b"unset ");
            text.extend_from_slice(name.as_bytes());
            text.push(b'\n');
        }
    }
    text.extend_from_slice(b"cd ");
    quote(&mut text, placed.dir.as_os_str());
    text.push(b'\n');
    if !unnamed.is_empty() {
        say(format_args!("warning: no shell can set {}", unnamed.join(", ")));
    }
    let mut out = std::io::stdout();
    if out.is_terminal() && !secret.is_empty() {
        say(format_args!("warning: these lines show secrets: {}", secret.join(", ")));
    }
    written(out.write_all(&text).and_then(|()| out.flush()))
}

fn shown(name: &OsStr) -> String {
    format!("`{}`", escape(&name.to_string_lossy()))
}

/// Returns whether a shell can have a variable of this name.
fn is_name(name: &OsStr) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let bytes = name.as_bytes();
    bytes.first().is_some_and(is_letter)
        && bytes.iter().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// Writes a text as one word of a shell that is nothing but itself.
fn quote(text: &mut Vec<u8>, word: &OsStr) {
    text.push(b'\'');
    for byte in word.as_bytes() {
        match byte {
            b'\'' => text.extend_from_slice(br"'\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        let check = |word: &str, expected: &str| {
            let mut text = Vec::new();
            quote(&mut text, OsStr::new(word));
            assert_eq!(String::from_utf8_lossy(&text), expected);
        };
        check("", "''");
        check("a b $c `d` \\", "'a b $c `d` \\'");
        check("it's", r"'it'\''s'");
    }

    #[test]
    fn names_are_those_of_shells() {
        for name in ["A", "_", "a_1"] {
            assert!(is_name(OsStr::new(name)), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "BASH_FUNC_x%%", "Ä"] {
            assert!(!is_name(OsStr::new(name)), "{name}");
        }
    }
}
