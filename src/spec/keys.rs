//! The one table of the file's keys: where each may stand, its type, its default, what it means, and
//! whether this version knows it; and the words of other tools with their translations.
//!
//! The check for unknown keys, its suggestions and the JSON Schema all come from here, so that they
//! cannot disagree.

/// A map of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file.
    Top,
    /// A task.
    Task,
    /// `defaults`.
    Defaults,
    /// `retry`.
    Retry,
    /// `kill`.
    Kill,
    /// `records`.
    Records,
}

impl Place {
    /// Says where the keys of this map stand.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Place::Top => "at the top level",
            Place::Task => "in a task",
            Place::Defaults => "in `defaults`",
            Place::Retry => "in `retry`",
            Place::Kill => "in `kill`",
            Place::Records => "in `records`",
        }
    }
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// The number 1.
    Version,
    /// A text.
    Text,
    /// A flow's name.
    FlowName,
    /// A graph in the notation.
    Notation,
    /// A map from names to scalars.
    Env,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A name of a task or a list of them.
    Names,
    /// A list of words.
    WordList,
    /// A list of names of environment variables.
    EnvNames,
    /// A whole number in this range.
    Int(u32, u32),
    /// A list of whole numbers in this range.
    Ints(u32, u32),
    /// A number from 1 on.
    Factor,
    /// `true` or `false`.
    Bool,
    /// A duration with a unit.
    Duration,
    /// An interpreter: a word or a list of words.
    Shell,
    /// A map of maps: tasks.
    Tasks,
    /// The map `defaults`.
    Defaults,
    /// The same, with tasks that run at the end.
    Finally,
    /// A number or the map `retry`.
    Retry,
    /// The map `kill`.
    Kill,
    /// The map `records`.
    Records,
    /// The name of a signal.
    Signal,
    /// A size with a unit.
    Size,
    /// The name of an output.
    OutputName,
    /// A list of such names.
    OutputNames,
    /// A list of globs.
    Globs,
    /// Not read by this version.
    Later,
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) places: &'static [Place],
    pub(crate) takes: Type,
    /// What holds where the key is absent, in words; empty where nothing does.
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
}

/// How many tasks may run at once at most: each costs a thread.
pub(crate) const MAX_JOBS: u32 = 10_000;
/// The most further attempts.
pub(crate) const MAX_RETRIES: u32 = 10_000;

/// The words of `on_failure`.
pub(crate) const ON_FAILURE: &[&str] = &["stop", "isolate", "kill"];
/// The words of `fail`.
pub(crate) const FAIL: &[&str] = &["stop", "isolate", "kill", "continue"];
/// The words of `on_cancel`.
pub(crate) const ON_CANCEL: &[&str] = &["finish", "stop"];
/// The signals that may stop a task, by the names that `kill` of the shell knows; each may begin with
/// `SIG`.
pub(crate) const SIGNALS: &[&str] = &["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ABRT", "KILL"];
/// The most ended runs that a file may ask to keep.
pub(crate) const MAX_RUNS: u32 = 1_000_000;
/// The words of `shell`.
pub(crate) const SHELLS: &[&str] = &["sh", "bash", "zsh", "fish", "pwsh", "python", "node"];

const TOP: &[Place] = &[Place::Top];
const TASK: &[Place] = &[Place::Task];
const RETRY: &[Place] = &[Place::Retry];
const KILL: &[Place] = &[Place::Kill];
const RECORDS: &[Place] = &[Place::Records];
const SET: &[Place] = &[Place::Task, Place::Defaults];

const fn key(
    name: &'static str,
    places: &'static [Place],
    takes: Type,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key { name, places, takes, default, help }
}

/// A key that a later version reads.
const fn later(name: &'static str, places: &'static [Place]) -> Key {
    key(name, places, Type::Later, "", "")
}

/// All keys, in the order in which they are best written.
pub(crate) const KEYS: &[Key] = &[
    key("version", TOP, Type::Version, "1", "The version of the format."),
    key(
        "name",
        TOP,
        Type::FlowName,
        "the file's name without its extension, or the folder's where that is `pyoco`",
        "The flow's name in traces and records.",
    ),
    key(
        "description",
        &[Place::Top, Place::Task],
        Type::Text,
        "",
        "What it is for, in a sentence; shown by `pyoco list`.",
    ),
    key(
        "env",
        &[Place::Top, Place::Task, Place::Defaults],
        Type::Env,
        "",
        "Environment variables. A value is its source text: `3.10` and `no` stay as they are. A task's own win over those of `defaults`, and these over the file's.",
    ),
    key(
        "secrets",
        TOP,
        Type::EnvNames,
        "",
        "Environment variables, inherited or of the file, whose values (of 4 bytes or more) are shown as `***` in output, logs and records. What a task encodes or cuts up cannot be recognised.",
    ),
    key(
        "defaults",
        TOP,
        Type::Defaults,
        "",
        "What a task does not say itself: `env` name by name, any other key as a whole.",
    ),
    key(
        "default",
        TOP,
        Type::Names,
        "all tasks",
        "The tasks that `pyoco run` runs where none is named, with all that they need. `[]`: none, it lists the tasks instead.",
    ),
    key(
        "graph",
        TOP,
        Type::Notation,
        "",
        "The graph in one text instead of `needs` on tasks: `a >> (b & c) >> d`; `(a | b) >> c` where one of the two is enough. Lines add up.",
    ),
    key("tasks", TOP, Type::Tasks, "", "The tasks by name: each a script, or a map of keys."),
    key(
        "jobs",
        TOP,
        Type::Int(1, MAX_JOBS),
        "the number of processors",
        "How many tasks run at once; `-j` wins over it.",
    ),
    key(
        "on_failure",
        TOP,
        Type::Words(ON_FAILURE),
        "stop",
        "What a failed task does to the run: `stop` starts nothing new and lets running tasks finish, `isolate` goes on with everything that does not depend on it, `kill` also stops running tasks.",
    ),
    key(
        "finally",
        TOP,
        Type::Finally,
        "",
        "Tasks that run after all of `tasks`, whatever their outcome, a cancel included (not at level kill). They may need one another; their failure fails a run that was good. `$PYOCO_STATUS` and `$PYOCO_FAILED_TASKS` tell them how the tasks ended.",
    ),
    key(
        "timeout",
        TOP,
        Type::Duration,
        "",
        "The longest that all of `tasks` may take, with a unit: `1h`. Then what runs is stopped, the run has failed with exit code 124, and `finally` runs.",
    ),
    key(
        "grace",
        TOP,
        Type::Duration,
        "2s",
        "How long tasks have between the signal of level stop and their end. From `4s` on they get half of it, and `finally` what is left.",
    ),
    key("records", TOP, Type::Records, "", "What is kept of the runs of this file."),
    key(
        "run",
        TASK,
        Type::Text,
        "",
        "A script for the task's shell. It reaches the shell byte for byte: pyoco expands nothing in it.",
    ),
    key("cmd", TASK, Type::WordList, "", "A program and its arguments, executed with no shell."),
    key("needs", TASK, Type::Names, "", "The tasks that must be done before this one starts."),
    key(
        "needs_any",
        TASK,
        Type::Names,
        "",
        "Tasks of which one must have succeeded before this one starts.",
    ),
    key(
        "dir",
        SET,
        Type::Text,
        "the file's folder",
        "The folder that the task runs in, relative to the file's folder.",
    ),
    key(
        "shell",
        SET,
        Type::Shell,
        "sh",
        "The interpreter of `run`: `sh` is `sh -e -c SCRIPT`, `bash` is `bash -eo pipefail -c SCRIPT`. A list of words holds `{0}` where a file with the script is to stand.",
    ),
    key(
        "timeout",
        SET,
        Type::Duration,
        "",
        "The longest that one attempt may take, with a unit: `10m`. Then it is stopped, and has failed.",
    ),
    key(
        "retry",
        SET,
        Type::Retry,
        "0",
        "How many further attempts a failure gets; as a map, also when.",
    ),
    key(
        "fail",
        SET,
        Type::Words(FAIL),
        "the run's `on_failure`",
        "What a failure of this task does to the run; `continue`: dependents run, and the run does not fail.",
    ),
    key("ok_codes", TASK, Type::Ints(0, 255), "[0]", "The exit codes that mean success."),
    key("stdin", TASK, Type::Text, "/dev/null", "A text for the task's standard input."),
    key(
        "interactive",
        TASK,
        Type::Bool,
        "false",
        "Whether the task runs alone, with the terminal as its own.",
    ),
    key(
        "kill",
        SET,
        Type::Kill,
        "{signal: TERM, after: 10s}",
        "How the task is stopped when it must be: the first signal to its processes, and how long after it SIGKILL follows.",
    ),
    key(
        "on_cancel",
        SET,
        Type::Words(ON_CANCEL),
        "finish",
        "What the first Ctrl-C does to the task while it runs: `finish` lets it end by itself, `stop` sends it `kill.signal`.",
    ),
    key(
        "outputs",
        TASK,
        Type::OutputNames,
        "",
        "The values that the task hands on: it appends `name=value`, or `name<<WORD`, lines and `WORD`, to the file `$PYOCO_OUTPUT`. One that is missing when it succeeds fails it.",
    ),
    key(
        "capture",
        TASK,
        Type::OutputName,
        "",
        "The name of one more value: the task's standard output, without white space at both ends.",
    ),
    key(
        "artifacts",
        TASK,
        Type::Globs,
        "",
        "The files that the task leaves behind, as globs in its folder (`dist/*.tar.gz`, `out/**`): noted in the record with size and SHA-256 when it succeeds. A glob that matches nothing fails it.",
    ),
    key("signal", KILL, Type::Signal, "TERM", "The first signal."),
    key("after", KILL, Type::Duration, "10s", "How long after the first signal SIGKILL follows."),
    key(
        "keep_runs",
        RECORDS,
        Type::Int(1, MAX_RUNS),
        "100",
        "How many ended runs are kept, the newest.",
    ),
    key("keep_for", RECORDS, Type::Duration, "", "How long ended runs are kept."),
    key(
        "max_log",
        RECORDS,
        Type::Size,
        "64MiB",
        "How much output of one attempt is kept: the beginning and the end, and between them a mark.",
    ),
    key("max", RETRY, Type::Int(0, MAX_RETRIES), "0", "How many further attempts."),
    key("delay", RETRY, Type::Duration, "1s", "The pause before the second attempt."),
    key("backoff", RETRY, Type::Factor, "2", "What each further pause is multiplied with."),
    key("max_delay", RETRY, Type::Duration, "1m", "The longest pause."),
    key(
        "codes",
        RETRY,
        Type::Ints(1, 255),
        "all",
        "The exit codes that are worth another attempt; 128 + n for signal n.",
    ),
    later("params", TOP),
    later("env_file", &[Place::Top, Place::Task]),
    later("inherit_env", TOP),
    later("pools", TOP),
    later("if", TASK),
    later("matrix", TASK),
    later("pool", TASK),
    later("tags", TASK),
    later("resources", TASK),
];

/// Returns the key of this name in this map.
pub(crate) fn find(name: &str, place: Place) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name && key.places.contains(&place))
}

/// Returns the keys that may stand in this map and work.
pub(crate) fn working(place: Place) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.places.contains(&place) && key.takes != Type::Later)
}

/// A word that another tool uses, and what to write here.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) words: &'static [&'static str],
    /// The key that is meant.
    pub(crate) key: &'static str,
    /// How it is written.
    pub(crate) write: &'static str,
}

const fn word(words: &'static [&'static str], key: &'static str, write: &'static str) -> Word {
    Word { words, key, write }
}

/// The words of other tools.
pub(crate) const WORDS: &[Word] = &[
    word(&["depends", "depends_on", "deps", "dependsOn", "after"], "needs", "needs: [other]"),
    word(&["steps", "stages", "jobs"], "tasks", "tasks: {name: {run: SCRIPT}}"),
    word(
        &["command", "script", "cmds", "commands", "exec"],
        "run",
        "run: SCRIPT` for a shell, or `cmd: [program, argument]",
    ),
    word(&["timeout-minutes", "timeout_sec", "timeoutSec"], "timeout", "timeout: 10m"),
    word(&["retries", "retry_policy"], "retry", "retry: 3"),
    word(
        &["continue-on-error", "ignore_error", "allow_failure", "continue_on_error"],
        "fail",
        "fail: continue",
    ),
    word(&["fail-fast"], "on_failure", "on_failure: kill"),
    word(&["working-directory", "working_dir", "cwd"], "dir", "dir: FOLDER"),
    word(&["dotenv"], "env_file", "env_file: .env"),
    word(&["desc"], "description", "description: TEXT"),
    word(&["when", "condition", "preconditions"], "if", "if: EXPRESSION"),
    word(&["strategy"], "matrix", "matrix: {name: [a, b]}"),
    word(&["with", "inputs"], "params", "params: {name: value}"),
    word(&["runs-on"], "tags", "tags: [name]"),
    word(&["max_parallel", "concurrency"], "jobs", "jobs: 4"),
];

/// Words of the Python edition, whose tasks are functions.
pub(crate) const PYTHON_WORDS: &[&str] = &["callable", "flows", "discovery"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained_and_stands_once_in_a_map() {
        for place in
            [Place::Top, Place::Task, Place::Defaults, Place::Retry, Place::Kill, Place::Records]
        {
            let names: Vec<_> =
                KEYS.iter().filter(|key| key.places.contains(&place)).map(|key| key.name).collect();
            for (at, name) in names.iter().enumerate() {
                assert!(!names[..at].contains(name), "{name} twice {}", place.phrase());
            }
            for key in working(place) {
                assert!(key.help.ends_with('.'), "{} is explained", key.name);
            }
        }
    }

    #[test]
    fn every_foreign_word_leads_to_a_key() {
        for word in WORDS {
            assert!(KEYS.iter().any(|key| key.name == word.key), "{}", word.key);
        }
    }
}
