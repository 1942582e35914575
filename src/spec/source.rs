//! Reads the bytes of a workflow file, whatever it is: a file, standard input, a pipe, a FIFO.
//!
//! Nothing here may take long or much: a folder, a FIFO that nobody writes into and a file of a
//! gigabyte are refused before they are read. What the bytes mean is not known here.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::diag::Diagnostic;
use super::hints::{quoted_list, suggest};
use crate::model::Syntax;

const LIMIT: u64 = 32 << 20; // 100,000 tasks need 10 MiB, a million needs 8 MiB
const PATIENCE: Duration = Duration::from_secs(2); // for somebody to open a FIFO for writing
const NAMES: [&str; 3] = ["pyoco.yaml", "pyoco.yml", "pyoco.toml"];

/// A workflow file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name for messages: the path as the caller wrote it, `-` for standard input.
    pub name: String,
    /// The absolute path, for the record; `-` where there is no regular file.
    pub path: String,
    /// The absolute folder that relative paths start at.
    pub base_dir: PathBuf,
    /// The flow's name where the file gives none.
    pub default_name: String,
    /// The syntax.
    pub syntax: Syntax,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Reads a file, a pipe or standard input (`-`) within the limits of the format; a relative path
/// starts at `caller_dir`, an absolute folder.
///
/// # Errors
/// With a diagnostic that says what is wrong with the file as a whole, and the way out.
pub fn read(file: &str, caller_dir: &Path) -> Result<Source, Box<Diagnostic>> {
    if file.is_empty() {
        let wrong = Diagnostic::error("no-file", "the name of the file is empty");
        return Err(Box::new(wrong.help("name a file, or `-` for standard input")));
    }
    if file == "-" {
        let bytes = limited(io::stdin().lock()).map_err(|error| unreadable(file, &error))?;
        return piped(file, caller_dir, bytes);
    }
    let path = caller_dir.join(file);
    // Without O_NONBLOCK the opening of a FIFO would wait for a writer for ever.
    let nonblocking = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(nonblocking.bits()).unwrap_or_default())
        .open(&path);
    let opened = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(file, &path),
        _ => unreadable(file, &error),
    })?;
    let facts = opened.metadata().map_err(|error| unreadable(file, &error))?;
    if facts.is_dir() {
        return Err(folder(file, &path));
    }
    if !facts.is_file() || file.starts_with("/dev/") || file.starts_with("/proc/") {
        let bytes = if facts.file_type().is_fifo() {
            fifo(opened).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => nobody(file),
                _ => unreadable(file, &error),
            })?
        } else {
            limited(opened).map_err(|error| unreadable(file, &error))?
        };
        return piped(file, caller_dir, bytes);
    }
    let syntax = syntax_of(file, &path)?;
    if facts.len() > LIMIT {
        return Err(too_long(file));
    }
    let bytes = limited(opened).map_err(|error| unreadable(file, &error))?;
    if bytes.len() as u64 > LIMIT {
        return Err(too_long(file));
    }
    regular(file, &path, syntax, bytes).map_err(|error| unreadable(file, &error))
}

/// Reads a text beside the workflow file: variables, or values of params. A relative path starts at
/// the current folder.
///
/// # Errors
/// With the reason in words that follow its name.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::TimedOut => "a FIFO, and nobody opened it for writing within 2 s".to_owned(),
        _ => error.to_string(),
    };
    // Without O_NONBLOCK the opening of a FIFO would wait for a writer for ever.
    let nonblocking = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(nonblocking.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(said)?;
    let facts = opened.metadata().map_err(said)?;
    if facts.is_dir() {
        return Err("a folder, not a file".to_owned());
    }
    let is_fifo = facts.file_type().is_fifo();
    let bytes = if is_fifo { fifo(opened) } else { limited(opened) }.map_err(said)?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("larger than {} MiB", LIMIT >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + memchr::memchr_iter(b'\n', &error.as_bytes()[..at]).count();
        format!("line {line}: the byte 0x{:02x} is not UTF-8", error.as_bytes()[at])
    })
}

/// Searches `pyoco.yaml`, `pyoco.yml` and `pyoco.toml` in a folder and in all above it; returns its
/// path, relative to that folder.
///
/// # Errors
/// Where there is none.
pub fn find(caller_dir: &Path) -> Result<PathBuf, Box<Diagnostic>> {
    let mut up = PathBuf::new();
    for folder in caller_dir.ancestors() {
        for name in NAMES {
            if folder.join(name).exists() {
                return Ok(up.join(name));
            }
        }
        up.push("..");
    }
    let names = "no `pyoco.yaml`, `pyoco.yml` or `pyoco.toml` in this folder or above it";
    let there = workflow_names(caller_dir);
    let diagnostic = Diagnostic::error("no-file", names);
    Err(Box::new(if there.is_empty() {
        diagnostic.help("name a file, or let `pyoco init` write one")
    } else {
        diagnostic.help(format!("name a file; here are {}", quoted_list(&there)))
    }))
}

/// Finishes what was read from a regular file.
fn regular(file: &str, path: &Path, syntax: Syntax, bytes: Vec<u8>) -> io::Result<Source> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let base_dir = parent.canonicalize()?;
    let path = base_dir.join(path.file_name().unwrap_or_default());
    let stem = path.file_stem().unwrap_or_default();
    let name = match stem == "pyoco" {
        true => base_dir.file_name().unwrap_or(stem),
        false => stem,
    };
    Ok(Source {
        name: file.to_owned(),
        default_name: plain_name(name),
        path: path.to_string_lossy().into_owned(),
        base_dir,
        syntax,
        bytes,
    })
}

/// Returns a file's name as a flow's name: on one line, and no longer than such a name may be.
fn plain_name(name: &OsStr) -> String {
    let name = crate::model::escape(&name.to_string_lossy()).into_owned();
    let end =
        (0..=name.len().min(super::MAX_FLOW_NAME)).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or(0)].to_owned()
}

/// Finishes what was read from standard input or from a pipe.
fn piped(file: &str, caller_dir: &Path, bytes: Vec<u8>) -> Result<Source, Box<Diagnostic>> {
    if bytes.len() as u64 > LIMIT {
        return Err(too_long(file));
    }
    Ok(Source {
        name: file.to_owned(),
        path: "-".to_owned(),
        base_dir: caller_dir.to_owned(),
        default_name: "stdin".to_owned(),
        syntax: Syntax::Yaml,
        bytes,
    })
}

/// Reads one byte more than the limit at most.
fn limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a FIFO that was opened without waiting, to the end that its last writer makes.
///
/// A read tells the two silences apart: nothing (0) where nobody has it open for writing, EAGAIN
/// where somebody has and has not written yet. The first one is borne for so long, the second for ever.
fn fifo(mut file: File) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let mut has_writer = false;
    loop {
        match file.read(&mut buffer) {
            Ok(0) if has_writer => return Ok(bytes),
            Ok(0) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                wait(&file, Some(left))?;
            }
            Ok(length) => {
                has_writer = true;
                bytes.extend_from_slice(&buffer[..length]);
                if bytes.len() as u64 > LIMIT {
                    return Ok(bytes);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                has_writer = true;
                wait(&file, None)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until there is something to read.
fn wait(file: &File, longest: Option<Duration>) -> io::Result<()> {
    let longest = longest.and_then(|longest| Timespec::try_from(longest).ok());
    let mut waiting = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut waiting, longest.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    if !waiting[0].revents().contains(PollFlags::IN) && longest.is_some() {
        // A writer came and left, or this system reports a FIFO without one as hung up: `poll`
        // would return at once again and again.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Tells the syntax by the extension.
fn syntax_of(file: &str, path: &Path) -> Result<Syntax, Box<Diagnostic>> {
    match path.extension().and_then(OsStr::to_str) {
        Some("yaml" | "yml") => Ok(Syntax::Yaml),
        Some("toml") => Ok(Syntax::Toml),
        _ => {
            let message = format!("`{file}` is not a `.yaml`, `.yml` or `.toml` file");
            let help = format!("rename it, or give it as YAML: `pyoco run - < {file}`");
            Err(Box::new(Diagnostic::error("file-extension", message).help(help)))
        }
    }
}

fn missing(file: &str, path: &Path) -> Box<Diagnostic> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let there = workflow_names(folder);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let diagnostic = Diagnostic::error("no-file", format!("there is no file `{file}`"));
    Box::new(if let Ok(target) = path.read_link() {
        diagnostic.help(format!("it is a link to `{}`, which is not there", target.display()))
    } else if !folder.is_dir() {
        let folder = file.rsplit_once('/').map_or("/", |(folder, _)| folder);
        diagnostic.help(format!("there is no folder `{folder}` either"))
    } else if let Some(near) = suggest(&name, there.iter().map(String::as_str)) {
        let near = Path::new(file).with_file_name(near);
        let all = quoted_list(&there);
        diagnostic.help(format!("did you mean `{}`? workflow files there: {all}", near.display()))
    } else if there.is_empty() {
        diagnostic.help("no workflow file is in that folder; `pyoco init` writes one")
    } else {
        diagnostic.help(format!("workflow files there: {}", quoted_list(&there)))
    })
}

/// Returns the names in a folder that look like workflow files, in order.
fn workflow_names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let looks = |name: &str| [".yaml", ".yml", ".toml"].iter().any(|end| name.ends_with(end));
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| looks(name) && name != "Cargo.toml" && !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn folder(file: &str, path: &Path) -> Box<Diagnostic> {
    let diagnostic = Diagnostic::error("not-a-file", format!("`{file}` is a folder, not a file"));
    let there = workflow_names(path);
    let joined = |name: &str| Path::new(file).join(name).display().to_string();
    Box::new(match NAMES.iter().find(|name| there.iter().any(|other| other == *name)) {
        Some(name) => diagnostic.help(format!("did you mean `{}`?", joined(name))),
        None if there.is_empty() => diagnostic.help("name a workflow file; none is in that folder"),
        None => diagnostic.help(format!("workflow files in it: {}", quoted_list(&there))),
    })
}

fn nobody(file: &str) -> Box<Diagnostic> {
    let message = format!("`{file}` is a FIFO, and nobody opened it for writing within 2 s");
    Box::new(
        Diagnostic::error("no-writer", message).help("start the program that writes into it first"),
    )
}

fn too_long(file: &str) -> Box<Diagnostic> {
    let message = format!("`{file}` is larger than {} MiB", LIMIT >> 20);
    Box::new(
        Diagnostic::error("too-large", message)
            .help("a workflow file of that size is a mistake; keep data in files that tasks read"),
    )
}

fn unreadable(file: &str, error: &io::Error) -> Box<Diagnostic> {
    let reason = match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Box::new(
        Diagnostic::error("unreadable", format!("cannot read `{file}`: {reason}"))
            .help("name a file that you may read"),
    )
}
