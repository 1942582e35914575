//! Says what the end of a task means: an exit code or signal decoded, with the program that was not
//! found and a near one on the PATH.

use std::borrow::Cow;
use std::path::Path;

use super::words;
use crate::event::{AttemptView, Measured, TaskView};
use crate::model::{Reason, Size, escape, signal_name};

/// How many file names of the PATH are looked at for a near one.
const MAX_NAMES: usize = 20_000;

/// What only a shell can do, or does otherwise than a program of that name.
const BUILTINS: [&str; 14] = [
    ".", "alias", "cd", "eval", "exec", "exit", "export", "read", "set", "source", "trap",
    "ulimit", "unset", "wait",
];

/// Returns how a task ended, decoded: `127 = not found: npn (did you mean npm?)`,
/// `137 = SIGKILL, often out of memory; peak 3.9 GiB`, `exit 2`, `timeout after 10.0 s`.
///
/// `path` is the PATH of the task, in which a near program is looked for; empty: none is.
pub fn explain_exit(task: &TaskView, path: &str) -> String {
    explain_end(task.reason.as_ref(), task.last(), path)
}

/// Returns the same of one attempt that ended for this reason.
pub fn explain_end(reason: Option<&Reason>, last: Option<&AttemptView>, path: &str) -> String {
    let argument = reason.and_then(|reason| reason.argument());
    match (reason.map(|reason| reason.kind()), argument) {
        (Some("exit"), Some(code)) => match code.parse() {
            Ok(code) => exit(code, last, path),
            Err(_) => words::failure(reason),
        },
        (Some("signal"), Some(name)) => {
            let name = escape(name);
            format!("signal {}", with_memory(&name, last))
        }
        (Some("spawn"), Some(why)) => {
            let hint = match why.split_once(": ") {
                Some(("not found", name)) => program_hint(name, path),
                Some(("no such folder", dir)) => folder_hint(dir),
                Some(_) | None => None,
            };
            let hint = hint.map_or(String::new(), |hint| format!(" ({})", escape(&hint)));
            words::failure(reason) + &hint
        }
        (Some("missing_output"), Some(output)) if last.is_none() => {
            format!("the output {} that it uses is missing", escape(output))
        }
        (Some("expression"), Some(key)) => {
            format!("its {} came to nothing that can be used", escape(key))
        }
        (Some("timeout"), None) => match last.and_then(|last| Some(last.ended? - last.started?)) {
            Some(took) => format!("timeout after {took}"),
            None => "timeout".to_owned(),
        },
        _ => match last.and_then(|last| last.measured.exit_code) {
            Some(code) if reason.is_none() => exit(code, last, path),
            Some(_) | None => words::failure(reason),
        },
    }
}

/// Says of how much output there is nothing to read, and why; `None` where there is no such.
pub fn withheld(measured: &Measured) -> Option<String> {
    let (n, s) = (measured.withheld, if measured.withheld == 1 { "" } else { "s" });
    (n > 0).then(|| {
        format!("withheld {n} byte{s} of standard output: what `capture` makes of it is a secret")
    })
}

fn exit(code: i32, last: Option<&AttemptView>, path: &str) -> String {
    match code {
        126 => "126 = not executable".to_owned(),
        127 => {
            let tail = last.and_then(|last| last.measured.tail.as_deref()).unwrap_or_default();
            let Some(name) = missing_program(tail) else { return "127 = not found".to_owned() };
            if name.ends_with('\r') || name.ends_with("\\r") {
                let name = escape(name);
                return format!(
                    "127 = not found: {name}: a script has CRLF line ends; save it with LF"
                );
            }
            let near = near_program(name, path);
            let near = near.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
            format!("127 = not found: {}{near}", escape(name))
        }
        129..=192 => {
            let name = signal_name(code - 128);
            // A signal without a name says less than the code alone.
            if name.strip_prefix("SIG").is_none_or(|rest| rest.parse::<u32>().is_ok()) {
                return format!("exit {code}");
            }
            format!("{code} = {}", with_memory(&name, last))
        }
        code => format!("exit {code}"),
    }
}

/// Adds to SIGKILL what it most often means.
fn with_memory(signal: &str, last: Option<&AttemptView>) -> String {
    let ours = last.is_some_and(|last| last.stopping.is_some());
    if signal != "SIGKILL" || ours {
        return signal.to_owned();
    }
    let peak = last.and_then(|last| last.measured.max_rss);
    let peak = peak.map_or(String::new(), |peak| format!("; peak {}", Size(peak)));
    format!("{signal}, often out of memory{peak}")
}

/// Returns the program that a shell did not find, out of its own words at the end of the output.
fn missing_program(tail: &str) -> Option<&str> {
    tail.lines().rev().find_map(missing_in)
}

fn missing_in(line: &str) -> Option<&str> {
    let line = line.trim_end();
    // zsh, fish: the name stands last.
    for words in [": command not found: ", "Unknown command: ", "Unknown command "] {
        if let Some((_, name)) = line.split_once(words) {
            return named(name);
        }
    }
    // `sh: 1: npn: not found`, `bash: line 1: npn: command not found`, `sh: npn: not found`, and for
    // a path or what `env` looked for `No such file or directory`.
    let endings = [": command not found", ": not found", ": No such file or directory"];
    let rest = endings.iter().find_map(|ending| line.strip_suffix(ending))?;
    let (speaker, name) = rest.rsplit_once(": ")?;
    let shell = speaker.split(": ").next().unwrap_or_default();
    let program = shell.rsplit('/').next().unwrap_or_default();
    let is_shell = matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "env")
        || speaker.contains(": line ");
    if is_shell { named(name) } else { None }
}

/// Returns the name without the quotes that some put around it.
fn named(name: &str) -> Option<&str> {
    let name = name.trim_matches(|c| matches!(c, '\'' | '"' | '`' | '‘' | '’' | ' '));
    (!name.is_empty() && name.len() <= 200).then_some(name)
}

/// Returns what may have been meant by a program that is not there.
fn program_hint(name: &str, path: &str) -> Option<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    if words.len() > 1 {
        return Some(format!(
            "the first word is the program alone: make it {} words, `{}`",
            words.len(),
            words.join("`, `")
        ));
    }
    if BUILTINS.contains(&name) {
        return Some("a command of the shell and no program: use `run`".to_owned());
    }
    if name.starts_with("~/") {
        return Some("only a shell knows `~`: use `run`".to_owned());
    }
    near_program(name, path).map(|near| format!("did you mean {near}?"))
}

/// Returns what may have been meant by a folder that is not there.
fn folder_hint(dir: &str) -> Option<String> {
    let (_, below) = dir.split_once("/~/")?;
    Some(format!("only a shell knows `~`: write `${{{{ env.HOME }}}}/{below}`"))
}

/// Returns the program on the PATH whose name is nearest to `name`, where one is near.
fn near_program(name: &str, path: &str) -> Option<String> {
    if name.contains('/') || name.len() > 64 {
        return None;
    }
    // One slip in a short name, one more for every four characters.
    let most = 1 + name.chars().count() / 4;
    let mut best: Option<(usize, String)> = None;
    let mut left = MAX_NAMES;
    for dir in path.split(':').filter(|dir| Path::new(dir).is_absolute()) {
        let Ok(entries) = std::fs::read_dir(dir) else { continue };
        for entry in entries.flatten() {
            if left == 0 {
                return best.map(|(_, near)| near);
            }
            left -= 1;
            let file_name = entry.file_name();
            let Cow::Borrowed(near) = file_name.to_string_lossy() else { continue };
            if near.len().abs_diff(name.len()) > most {
                continue;
            }
            let distance = strsim::damerau_levenshtein(name, near);
            let is_better = best
                .as_ref()
                .is_none_or(|(least, known)| (distance, near) < (*least, known.as_str()));
            if distance > 0
                && distance <= most
                && is_better
                && escape(near) == near
                && entry.path().is_file()
            {
                best = Some((distance, near.to_owned()));
            }
        }
    }
    best.map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::*;
    use crate::model::{Reason, TaskState};

    fn explained(reason: Reason, measured: Measured, path: &str) -> String {
        let mut story = Story::new(&["x"]);
        story.start("x", 1);
        story.after(10_000).end_measured("x", 1, TaskState::Failed, Some(reason), measured);
        explain_exit(&story.view().tasks()[0], path)
    }

    #[test]
    fn ends_are_decoded() {
        let none = Measured::default;
        let peak = || Measured { max_rss: Some(4_187_593_114), ..none() };
        let cases = [
            (Reason::exit(2), none(), "exit 2"),
            (Reason::exit(126), none(), "126 = not executable"),
            (Reason::exit(127), none(), "127 = not found"),
            (Reason::exit(137), peak(), "137 = SIGKILL, often out of memory; peak 3.9 GiB"),
            (Reason::exit(139), none(), "139 = SIGSEGV"),
            (Reason::exit(143), none(), "143 = SIGTERM"),
            (Reason::exit(128), none(), "exit 128"),
            (Reason::exit(170), none(), "exit 170"),
            (Reason::exit(255), none(), "exit 255"),
            (Reason::signal(9), peak(), "signal SIGKILL, often out of memory; peak 3.9 GiB"),
            (Reason::signal(11), none(), "signal SIGSEGV"),
            (Reason::TIMEOUT, none(), "timeout after 10.0 s"),
            (Reason::spawn("no folder `x`"), none(), "spawn no folder `x`"),
            (
                Reason::missing_output("v"),
                Measured { exit_code: Some(0), ..none() },
                "missing_output v: the task did not write it to $PYOCO_OUTPUT",
            ),
            (Reason::missing_artifact("a*"), none(), "missing_artifact a*: no file matches it"),
            (Reason::from_wire("lost_worker\x1b"), none(), "lost_worker\\x1b"),
        ];
        for (reason, measured, expected) in cases {
            assert_eq!(explained(reason, measured, ""), expected);
        }
    }

    #[test]
    fn a_carriage_return_is_what_was_not_found() {
        // As a shell says it, and as `env` does.
        for tail in ["sh: 2: ls\r: not found", "env: ‘ls\\r’: No such file or directory"] {
            let measured = Measured { tail: Some(tail.to_owned()), ..Measured::default() };
            assert_eq!(
                explained(Reason::exit(127), measured, "/bin"),
                "127 = not found: ls\\r: a script has CRLF line ends; save it with LF"
            );
        }
    }

    #[test]
    fn shells_name_what_they_miss() {
        let cases = [
            ("sh: 1: npn: not found", Some("npn")),
            ("/bin/sh: 1: npn: not found\n", Some("npn")),
            ("bash: line 1: npn: command not found", Some("npn")),
            ("sh: npn: not found", Some("npn")),
            ("zsh:1: command not found: npn", Some("npn")),
            ("fish: Unknown command: npn", Some("npn")),
            ("sh: 1: ./x.sh: not found", Some("./x.sh")),
            ("./a.sh: line 3: npn: command not found\nmore", Some("npn")),
            ("env: ‘npn’: No such file or directory", Some("npn")),
            ("cat: x: No such file or directory", None),
            ("404: page: not found", None),
            ("", None),
        ];
        for (tail, expected) in cases {
            assert_eq!(missing_program(tail), expected, "{tail}");
        }
    }

    #[test]
    fn a_near_program_is_suggested() {
        let dir = tempfile::tempdir().expect("a temp folder");
        for name in ["npm", "npx", "node", "npnx"] {
            std::fs::write(dir.path().join(name), "").expect("a file");
        }
        std::fs::create_dir(dir.path().join("npo")).expect("a folder");
        let path = format!("relative:/nonexistent:{}", dir.path().display());
        let tail = Some("sh: 1: npn: not found".to_owned());
        let told = explained(Reason::exit(127), Measured { tail, ..Measured::default() }, &path);
        assert_eq!(told, "127 = not found: npn (did you mean npm?)");
        assert_eq!(near_program("entirely-else", &path), None);
        let told = explained(Reason::spawn("not found: npn"), Measured::default(), &path);
        assert_eq!(told, "spawn not found: npn (did you mean npm?)");
    }

    #[test]
    fn what_only_a_shell_can_do_is_said() {
        let cases = [
            (
                "not found: make all",
                " (the first word is the program alone: make it 2 words, `make`, `all`)",
            ),
            ("not found: cd", " (a command of the shell and no program: use `run`)"),
            ("not found: ~/bin/x", " (only a shell knows `~`: use `run`)"),
            ("no such folder: /p/~/x", " (only a shell knows `~`: write `${{ env.HOME }}/x`)"),
            ("no such folder: /p/x~", ""),
        ];
        for (why, hint) in cases {
            let told = explained(Reason::spawn(why), Measured::default(), "");
            assert_eq!(told, format!("spawn {why}{hint}"));
        }
    }
}
