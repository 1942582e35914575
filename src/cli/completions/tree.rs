//! What may come next on a line, out of clap's own tree: commands, flags, and what an argument takes.
//! What is hidden is never proposed.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::live;
use super::words;
use crate::cli::Arguments;

/// A word, and what it is.
pub(super) type Proposal = (String, String);

/// What the words before the cursor have said.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The commands: `runs`, `show`.
    pub(super) commands: Vec<String>,
    /// The words that belong to no flag.
    pub(super) positionals: Vec<String>,
    /// The flags' values, by the ids of their arguments.
    pub(super) values: Vec<(String, String)>,
}

impl Said {
    /// Returns the last value of an argument.
    pub(super) fn value(&self, id: &str) -> Option<&str> {
        self.values.iter().rev().find(|(name, _)| name == id).map(|(_, value)| &**value)
    }
}

/// Where a line has come to.
struct Point<'c> {
    /// The innermost command.
    command: &'c Command,
    /// The flag whose value is next.
    pending: Option<&'c Arg>,
    /// Whether `--` was met.
    is_past_flags: bool,
    said: Said,
}

/// Returns what may stand in the place of the current word.
pub(super) fn propose(before: &[String], current: &str) -> Vec<Proposal> {
    let mut program = Arguments::command();
    program.build();
    let Some(point) = read(&program, before) else { return Vec::new() };
    let Point { command, pending, is_past_flags, said } = &point;
    let proposals = if let Some(argument) = pending {
        values(argument, said, current)
    } else if *is_past_flags {
        // Words for tasks: files, most of the time.
        live::files(current, |_| true)
    } else if let Some((argument, Some(value))) = flag(command, current) {
        let typed = &current[..current.len() - value.len()];
        let values = values(argument, said, value);
        values.into_iter().map(|(word, about)| (format!("{typed}{word}"), about)).collect()
    } else if current.starts_with('-') {
        flags(command)
    } else {
        let is_first = said.positionals.is_empty();
        let commands = if is_first { commands(command) } else { Vec::new() };
        let argument = positional(command, said.positionals.len());
        let values = argument.map_or_else(Vec::new, |argument| values(argument, said, current));
        commands.into_iter().chain(values).collect()
    };
    proposals.into_iter().filter(|(word, _)| word.starts_with(current)).collect()
}

/// Reads the words before the cursor; `None` where they call what is hidden.
fn read<'c>(program: &'c Command, words: &[String]) -> Option<Point<'c>> {
    let (command, said) = (program, Said::default());
    let mut point = Point { command, pending: None, is_past_flags: false, said };
    for word in words {
        let said = &mut point.said;
        if let Some(argument) = point.pending.take() {
            said.values.push((argument.get_id().to_string(), word.clone()));
        } else if point.is_past_flags {
            said.positionals.push(word.clone());
        } else if word == "--" {
            point.is_past_flags = true;
        } else if word.starts_with('-') && word.len() > 1 {
            match flag(point.command, word) {
                Some((argument, Some(value))) => {
                    said.values.push((argument.get_id().to_string(), value.to_owned()));
                }
                Some((argument, None)) if takes_value(argument) => point.pending = Some(argument),
                // A switch, or what is not known and clap will speak of.
                Some((_, None)) | None => {}
            }
        } else if let Some(inner) = inner(point.command, said, word) {
            if inner.is_hide_set() {
                return None;
            }
            said.commands.push(inner.get_name().to_owned());
            point.command = inner;
        } else {
            said.positionals.push(word.clone());
        }
    }
    Some(point)
}

/// Returns the command that a word calls.
fn inner<'c>(command: &'c Command, said: &Said, word: &str) -> Option<&'c Command> {
    command.find_subcommand(word).filter(|_| said.positionals.is_empty())
}

/// Returns the argument that the word at this place belongs to: behind the last one, that one where
/// it takes many.
fn positional(command: &Command, at: usize) -> Option<&Arg> {
    let all: Vec<&Arg> =
        command.get_positionals().filter(|argument| !argument.is_last_set()).collect();
    let takes_many = |argument: &&&Arg| matches!(argument.get_action(), ArgAction::Append);
    all.get(at).or_else(|| all.last().filter(takes_many)).copied()
}

/// Returns the flag that a word is, and the value that it holds.
fn flag<'c, 'w>(command: &'c Command, word: &'w str) -> Option<(&'c Arg, Option<&'w str>)> {
    let mut arguments = command.get_arguments();
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let is_name = |argument: &&Arg| {
            let mut aliases = argument.get_all_aliases().into_iter().flatten();
            argument.get_long() == Some(name) || aliases.any(|alias| alias == name)
        };
        return arguments.find(is_name).map(|argument| (argument, value));
    }
    let mut letters = word.strip_prefix('-')?.char_indices();
    loop {
        let (at, letter) = letters.next()?;
        let argument = command.get_arguments().find(|one| one.get_short() == Some(letter))?;
        let rest = &word[1 + at + letter.len_utf8()..];
        if rest.is_empty() {
            return Some((argument, None));
        }
        if takes_value(argument) {
            return Some((argument, Some(rest.strip_prefix('=').unwrap_or(rest))));
        }
    }
}

fn takes_value(argument: &Arg) -> bool {
    let takes = argument.get_num_args().is_some_and(|n| n.takes_values());
    takes && !argument.is_require_equals_set()
}

fn commands(command: &Command) -> Vec<Proposal> {
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    shown.map(|inner| (inner.get_name().to_owned(), about(inner.get_about()))).collect()
}

fn flags(command: &Command) -> Vec<Proposal> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let flags = shown.filter_map(|argument| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let name = long.or_else(|| argument.get_short().map(|short| format!("-{short}")))?;
        Some((name, about(argument.get_help())))
    });
    flags.collect()
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// Returns what an argument takes.
fn values(argument: &Arg, said: &Said, current: &str) -> Vec<Proposal> {
    if argument.is_hide_set() {
        return Vec::new();
    }
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        let shown = possible.iter().filter(|value| !value.is_hide_set());
        return shown.map(|value| (value.get_name().to_owned(), about(value.get_help()))).collect();
    }
    let id = argument.get_id().as_str();
    let Some(takes) = words::takes(&said.commands, id) else { return Vec::new() };
    match takes {
        words::Takes::Free => Vec::new(),
        words::Takes::Words(words) => {
            words.iter().map(|word| ((*word).to_owned(), String::new())).collect()
        }
        words::Takes::List(words) => {
            // What was chosen before the last comma stays.
            let kept = current.rfind(',').map_or("", |at| &current[..=at]);
            words.iter().map(|word| (format!("{kept}{word}"), String::new())).collect()
        }
        words::Takes::Workflow => live::files(current, live::is_workflow),
        words::Takes::File => live::files(current, |_| true),
        words::Takes::Folder => live::files(current, |_| false),
        words::Takes::FileOrTask => live::file_or_task(said, current),
        words::Takes::Task => live::tasks(said, current),
        words::Takes::Member => live::members(said),
        words::Takes::TaskOfRun => live::tasks_of_run(said),
        words::Takes::Param => live::params(said, current),
        words::Takes::Pool => live::pools(said),
        words::Takes::Run => live::runs(said),
        words::Takes::OpenRun => live::open_runs(said),
        words::Takes::Explained => live::explained(current),
        words::Takes::FlowName => live::flow_names(said),
    }
}

/// Calls `visit` with the commands and each argument that takes a value and is shown.
#[cfg(test)]
pub(super) fn visit_arguments(mut visit: impl FnMut(&[String], &Arg)) {
    fn walk(command: &Command, path: &[String], visit: &mut dyn FnMut(&[String], &Arg)) {
        for argument in command.get_arguments() {
            let takes = argument.get_num_args().is_some_and(|n| n.takes_values());
            if takes && !argument.is_hide_set() && argument.get_possible_values().is_empty() {
                visit(path, argument);
            }
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            let path: Vec<String> =
                path.iter().cloned().chain([inner.get_name().to_owned()]).collect();
            walk(inner, &path, visit);
        }
    }
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    walk(&program, &[], &mut visit);
}
