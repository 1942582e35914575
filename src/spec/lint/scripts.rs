//! Scripts and words of commands that YAML, or the habit of another tool, made into something else than
//! was meant.

use super::super::diag::{Diagnostic, Diagnostics};
use super::super::keys::{self, Place};
use super::super::tree::{Entry, Kind, Node, Span, place_of};
use super::super::yaml_slips::in_quotes;
use super::{Written, shell_script};
use crate::model::{Flow, Syntax, TaskId};

/// Commands that begin a line, and are hardly ever the argument of another command.
const COMMANDS: [&str; 16] = [
    "echo", "cd", "export", "set", "mkdir", "rm", "cp", "mv", "touch", "printf", "source", "exit",
    "cat", "if", "for", "while",
];
/// Commands that run the one that follows.
const RUNNERS: [&str; 12] = [
    "docker", "podman", "kubectl", "ssh", "sudo", "env", "nohup", "time", "timeout", "xargs",
    "exec", "find",
];
/// What only a shell has: no program of that name does the same.
const BUILTINS: [&str; 9] =
    ["cd", "export", "source", ".", "set", "alias", "unset", "eval", "umask"];
/// Programs that take signs of the shell as words, or have a shell or a language of their own.
const TAKES_SIGNS: [&str; 12] =
    ["ssh", "sh", "bash", "zsh", "dash", "fish", "test", "[", "expr", "find", "env", "docker"];

/// Looks through what each task runs.
pub(super) fn scripts(flow: &Flow, written: &Written<'_, '_>, text: &str, found: &mut Diagnostics) {
    for (entry, members) in &written.groups {
        if members.is_empty() {
            continue;
        }
        let task = flow.task(TaskId::from_index(members.start));
        match work_of(entry) {
            Some(Work::Script(node)) => {
                if flow.syntax == Syntax::Yaml {
                    folded(entry, node, text, found);
                    key_in_script(entry, node, found);
                }
                let has_outputs =
                    task.options().promises.as_ref().is_some_and(|all| !all.outputs.is_empty());
                if has_outputs && shell_script(task).is_some() {
                    other_output_file(node, text, found);
                }
            }
            Some(Work::Words(words)) => words_of_a_shell(words, found),
            None => {}
        }
    }
}

enum Work<'n, 's> {
    Script(&'n Node<'s>),
    Words(&'n [Node<'s>]),
}

/// Returns where the file writes what a task runs.
fn work_of<'n, 's>(entry: &'n Entry<'s>) -> Option<Work<'n, 's>> {
    let Some(map) = entry.value.map() else { return Some(Work::Script(&entry.value)) };
    let key = map.iter().find(|one| one.key == "run" || one.key == "cmd")?;
    match key.value.kind() {
        Kind::List(words) => Some(Work::Words(words)),
        Kind::Plain(_) | Kind::Text(..) => Some(Work::Script(&key.value)),
        Kind::Null | Kind::Map(_) | Kind::Shared(_) => None,
    }
}

/// Warns of lines that YAML joins into one although each of them is a command.
fn folded(task: &Entry<'_>, node: &Node<'_>, text: &str, found: &mut Diagnostics) {
    if matches!(node.kind, Kind::Shared(_)) {
        return;
    }
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    let Some(source) = text.get(start..end).filter(|source| source.contains('\n')) else { return };
    let by_sign = match source.starts_with(['\'', '"']) {
        true => false,
        false => match text[..start].trim_end().lines().next_back().and_then(block_sign) {
            Some('|') => return,
            Some(_) => true,
            None => false,
        },
    };
    let first_word = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let first = first_word(source.trim_start_matches(['\'', '"']));
    // The place of a text begins behind the indentation of its first line, and with its quote.
    let mut at = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let lead = start - at;
    let mut before: Option<(&str, usize)> = None;
    for line in text[at..end].split_inclusive('\n') {
        let indent = match before {
            None if at <= start => lead,
            None | Some(_) => line.len() - line.trim_start().len(),
        };
        let content = line.get(indent..).unwrap_or_default().trim();
        let content = if at <= start { content.trim_start_matches(['\'', '"']) } else { content };
        if let Some((last, depth)) = before
            && !content.is_empty()
            && !(by_sign && indent != depth)
            && are_apart(last, content, by_sign, &first, &first_word(content), source)
        {
            let place = Span::new(at + indent, at + indent + content.len());
            let key = if task.value.map().is_some() { "run" } else { &task.key };
            let message =
                format!("YAML joins the lines of this script into one: `{last} {content}`");
            let help = format!("write `{key}: |`, and the script below it");
            found.push(Diagnostic::warning("folded-script", message).at(place).help(help));
            return;
        }
        before = (!content.is_empty()).then_some((content, indent));
        at += line.len();
    }
}

/// Returns the sign of a line that ends as the head of a block: `run: >-`.
fn block_sign(line: &str) -> Option<char> {
    let head = line.split(" #").next()?.trim_end().rsplit(' ').next()?;
    let sign = head.chars().next().filter(|sign| "|>".contains(*sign))?;
    head[1..].chars().all(|c| "+-123456789".contains(c)).then_some(sign)
}

/// Returns whether two lines that become one are most likely two commands.
fn are_apart(last: &str, next: &str, by_sign: bool, first: &str, word: &str, source: &str) -> bool {
    // Before the blank of the fold a backslash makes this blank a part of a word.
    if last.ends_with('\\') {
        return !source.starts_with('"');
    }
    let goes_on = ["&&", "||", "|", ";", ",", "(", "{", "=", "then", "do", "else"];
    let is_more =
        ["-", "&", "|", ";", ">", "<", ")", "}", "]", "\"", "'", "$", "then", "do", "fi", "done"];
    let open = |quote: char| last.matches(quote).count() % 2 == 1;
    if goes_on.iter().any(|end| last.ends_with(end))
        || is_more.iter().any(|sign| next.starts_with(sign))
        || open('"')
        || open('\'')
    {
        return false;
    }
    let is_command = COMMANDS.contains(&word) || word == first;
    let is_list = last.split_whitespace().any(|word| ["install", "add"].contains(&word));
    // Whoever writes `>` knows that lines are joined.
    !is_list && (is_command && !RUNNERS.contains(&first) || !by_sign && !is_argument(word))
}

/// Returns whether a word is rather an argument than a command: a path, a value, a name with signs.
fn is_argument(word: &str) -> bool {
    word.contains(['.', '=', '*', ':', '@', '%', ',', '{', '['])
        || word.contains('/') && !word.starts_with("./")
        || word.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Warns of `run:make`, which is one word.
fn key_in_script(task: &Entry<'_>, node: &Node<'_>, found: &mut Diagnostics) {
    let Kind::Plain(script) = node.kind() else { return };
    let Some((key, rest)) = script.split_once(':') else { return };
    if keys::find(key, Place::Task).is_none()
        || rest.is_empty()
        || rest.starts_with(char::is_whitespace)
    {
        return;
    }
    let start = node.span.start as usize;
    let message = format!("`{key}:` without a blank after it is a word of the script, not a key");
    let help = match task.value.map() {
        Some(_) => format!("write `{key}: {rest}`"),
        None => format!(
            "write `{}: {{{key}: {}}}`, or `{key}: {rest}` on a line below it",
            task.key,
            flow_text(rest)
        ),
    };
    let place = Span::new(start, start + key.len() + 1);
    found.push(Diagnostic::warning("key-in-script", message).at(place).help(help));
}

/// Returns a text as it stands in brackets.
fn flow_text(text: &str) -> String {
    let needs_quotes = text.contains([',', '[', ']', '{', '}', '#', ':', '\'', '"']);
    if needs_quotes { in_quotes(text) } else { text.to_owned() }
}

/// Warns of the file, or the words, by which another tool takes outputs.
fn other_output_file(node: &Node<'_>, text: &str, found: &mut Diagnostics) {
    let Some(script) = node.scalar() else { return };
    if script.contains("PYOCO_OUTPUT") {
        return; // it runs here and there
    }
    for (word, help) in [
        ("GITHUB_OUTPUT", "write `$PYOCO_OUTPUT`, which takes the same lines"),
        ("::set-output", "write `echo \"NAME=value\" >> \"$PYOCO_OUTPUT\"`"),
    ] {
        let Some(at) = script.find(word) else { continue };
        let message = format!("`{word}` is of GitHub Actions, and hands no output on here");
        let place = place_of(text, node, at..at + word.len());
        found.push(Diagnostic::warning("other-output-file", message).at(place).help(help));
        return;
    }
}

/// Warns of words that would have a meaning to a shell, which `cmd` has none of.
fn words_of_a_shell(words: &[Node<'_>], found: &mut Diagnostics) {
    let Some(program) = words.first().and_then(Node::scalar) else { return };
    let all: Vec<&str> = words.iter().filter_map(Node::scalar).collect();
    let script = all.join(" ");
    let mut warn = |span: Span, message: String, help: String| {
        found.push(Diagnostic::warning("no-shell", message).at(span).help(help));
    };
    if words.len() == 1 && program.trim().contains(' ') && !program.contains('/') {
        let parts: Vec<_> = program.split_whitespace().collect();
        let message = format!("the program of this `cmd` is named `{program}`, blanks included");
        let help = format!("write `cmd: [{}]`, or `run: {program}`", parts.join(", "));
        return warn(words[0].span, message, help);
    }
    if BUILTINS.contains(&program) {
        let message = format!("`{program}` is a command of the shell, and `cmd` runs without one");
        return warn(words[0].span, message, format!("write `run: {script}`"));
    }
    let name = program.rsplit('/').next().unwrap_or(program);
    if TAKES_SIGNS.contains(&name) || all.iter().any(|word| word.starts_with("-c")) {
        return;
    }
    let is_sign = |word: &str| matches!(word, "&&" | "||" | "|" | ">" | ">>" | "2>&1");
    for node in &words[1..] {
        let Some(word) = node.scalar() else { continue };
        if is_sign(word) || is_path_of_variable(word) {
            let message =
                format!("`{word}` reaches the program as it is: `cmd` runs without a shell");
            return warn(node.span, message, format!("write `run: {script}`"));
        }
    }
}

/// `$HOME`, `${HOME}/bin`.
fn is_path_of_variable(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('$') else { return false };
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
    name.len() > 1 && (after.is_empty() || after.starts_with(['/', '}']))
}
