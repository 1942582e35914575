//! What each argument takes whose values clap does not know.

use crate::cli::runs::STATUSES;

/// What an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Anything: nothing is proposed.
    Free,
    /// One of these.
    Words(&'static [&'static str]),
    /// Some of these, with commas between.
    List(&'static [&'static str]),
    /// A workflow file.
    Workflow,
    /// Any file.
    File,
    /// A folder.
    Folder,
    /// A workflow file, then tasks.
    FileOrTask,
    /// A task, or all members of a matrix.
    Task,
    /// A task, or one member of a matrix.
    Member,
    /// A task of the run that is named.
    TaskOfRun,
    /// `NAME=VALUE` for a param.
    Param,
    /// `NAME=` for a pool.
    Pool,
    /// A run.
    Run,
    /// A run that is under way.
    OpenRun,
    /// The name of a flow that was run.
    FlowName,
    /// What `explain` knows.
    Explained,
}

const STATES: &[&str] =
    &["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "RUNNING", "QUEUED", "PENDING"];

/// Returns what an argument of a command takes; `None`: nobody has said it.
pub(super) fn takes(commands: &[String], id: &str) -> Option<Takes> {
    let is_of_runs = commands.first().is_some_and(|command| command == "runs");
    Some(match id {
        "words" => Takes::FileOrTask,
        "file" | "files" => Takes::Workflow,
        "params_file" | "env_file" => Takes::File,
        "state_dir" | "dir" => Takes::Folder,
        "only" | "skip" => Takes::Task,
        "task" | "why" if is_of_runs => Takes::TaskOfRun,
        "task" => Takes::Member,
        "param" => Takes::Param,
        "pool" => Takes::Pool,
        "id" if commands.iter().any(|command| command == "cancel") => Takes::OpenRun,
        "id" | "run" => Takes::Run,
        "flow" => Takes::FlowName,
        "status" => Takes::List(&STATUSES),
        "names" => Takes::List(STATES),
        "on_failure" => Takes::Words(&["stop", "isolate", "kill"]),
        "on_cancel" => Takes::Words(&["finish", "stop"]),
        "trace" => Takes::Words(&["cute", "plain", "json"]),
        "output" => Takes::Words(&["live", "group", "prefix", "stream", "failed", "none"]),
        "color" => Takes::Words(&["auto", "always", "never"]),
        "args" | "env" | "jobs" | "label" | "grace" | "timeout" | "limit" | "since" | "tail"
        | "attempt" | "reason" | "keep" | "older_than" | "max_size" | "format" | "simulate" => {
            Takes::Free
        }
        "word" => Takes::Explained,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Arguments;
    use crate::cli::completions::tree::visit_arguments;

    #[test]
    fn every_argument_that_is_shown_is_known() {
        visit_arguments(|commands, argument| {
            let id = argument.get_id().as_str();
            assert!(takes(commands, id).is_some(), "{commands:?} {id}: what does it take?");
        });
    }

    #[test]
    fn every_word_that_is_proposed_is_taken() {
        visit_arguments(|commands, argument| {
            let id = argument.get_id().as_str();
            let Some(Takes::Words(words) | Takes::List(words)) = takes(commands, id) else {
                return;
            };
            let long = argument.get_long().expect("it is a flag");
            for word in words {
                let line = ["pyoco"].into_iter().chain(commands.iter().map(String::as_str));
                let flag = format!("--{long}={word}");
                let rest =
                    if commands.len() > 1 && commands[1] == "show" { Some("latest") } else { None };
                let line = line.chain([&*flag]).chain(rest);
                let result = Arguments::command().try_get_matches_from(line);
                if let Err(error) = result {
                    panic!("{commands:?} {flag}: {error}");
                }
            }
        });
    }
}
