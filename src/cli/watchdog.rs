//! `pyoco __watchdog RUN SESSION`: what `pyoco run` starts beside itself, with a pipe as its standard
//! input. It gives up all that it has in common with whoever started it, and listens.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use crate::engine::{DEAF_TO, WATCHDOG, Watched, keep_watch, signal_mask};

/// Returns the arguments of the subcommand, where it is the one that was called.
pub(crate) fn words() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == WATCHDOG).then(|| words.collect())
}

/// Returns the program that can be a watchdog: the one that runs. On Linux by a name that means it
/// even where its file was replaced or taken away.
pub(crate) fn program() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Some(running.to_owned()) } else { std::env::current_exe().ok() }
}

/// Runs the subcommand.
pub(crate) fn main(words: &[OsString]) -> Result<Exit, Failure> {
    let watched = watched(words).ok_or_else(|| {
        Failure::new(format!("`{WATCHDOG}` takes a run's id and the number of a session"))
            .hint("it is for pyoco's own use; `pyoco run` starts it where it is needed")
    })?;
    be_deaf();
    // It was started in a session of its own; who calls it by hand may lead a group and cannot have
    // one, which matters to nobody.
    let _ = rustix::process::setsid();
    // It shall not keep a file system from being unmounted. It needs no folder.
    let _ = rustix::process::chdir("/");
    close_what_was_inherited();
    let error = |error| Failure::new(format!("cannot listen to the run: {error}"));
    keep_watch(watched, std::io::stdin().lock()).map_err(error)?;
    Ok(Exit::Success)
}

fn watched(words: &[OsString]) -> Option<Watched> {
    let [run_id, session] = words else { return None };
    Some(Watched {
        run_id: run_id.to_str()?.parse().ok()?,
        session: session.to_str()?.parse().ok()?,
    })
}

#[expect(unsafe_code, reason = "no crate in use ignores a signal without a handler")]
fn be_deaf() {
    for signal in DEAF_TO {
        // SAFETY: to be ignored is a disposition of its own, and no handler of ours is installed.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // What came until now was blocked, and is forgotten with the loop.
    signal_mask::clear().forget();
}

/// Closes what the caller of pyoco left open on purpose: it is meant for tasks. Held here it would
/// keep the reader of a pipe waiting for as long as the run lasts.
#[expect(unsafe_code, reason = "descriptors that nobody owns are closed by number")]
fn close_what_was_inherited() {
    let Ok(entries) = fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<i32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: this process has only just started, has one thread, and has opened nothing but the
        // folder above, which is closed by now: no one owns the descriptor.
        unsafe {
            libc::close(number);
        }
    }
}
