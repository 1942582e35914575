//! What a command says beside its data: on standard error, and never at the price of a panic. A
//! standard error that is gone takes no word, and that is no reason to end otherwise.

use std::fmt::Display;
use std::io::Write;

/// Says one line.
pub(crate) fn say(line: impl Display) {
    say_text(format_args!("{line}\n"));
}

/// Says a text that has its own line ends.
pub(crate) fn say_text(text: impl Display) {
    let _ = std::io::stderr().write_all(text.to_string().as_bytes());
}
