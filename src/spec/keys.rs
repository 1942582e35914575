//! The one table of the file's keys: where each may stand, its type, its default, what it means.
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
    /// A param.
    Param,
    /// `resources`.
    Resources,
}

impl Place {
    /// All of them, in the order in which they are explained.
    pub(crate) const ALL: [Place; 8] = [
        Place::Top,
        Place::Task,
        Place::Defaults,
        Place::Retry,
        Place::Kill,
        Place::Resources,
        Place::Param,
        Place::Records,
    ];

    /// Returns the map that a word means: the key that it stands under.
    pub(crate) fn of_word(word: &str) -> Option<Place> {
        Some(match word {
            "tasks" | "task" | "finally" => Place::Task,
            "defaults" => Place::Defaults,
            "retry" => Place::Retry,
            "kill" => Place::Kill,
            "records" => Place::Records,
            "params" | "param" => Place::Param,
            "resources" => Place::Resources,
            _ => return None,
        })
    }

    /// Says where the keys of this map stand.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Place::Top => "at the top level",
            Place::Task => "in a task",
            Place::Defaults => "in `defaults`",
            Place::Retry => "in `retry`",
            Place::Kill => "in `kill`",
            Place::Records => "in `records`",
            Place::Param => "in a param",
            Place::Resources => "in `resources`",
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
    /// The same, or an expression that comes to one.
    Timeout,
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
    /// A map of params.
    Params,
    /// Any default of a param.
    ParamDefault,
    /// An expression.
    Condition,
    /// The map `matrix`.
    Matrix,
    /// A path or a list of paths.
    Paths,
    /// `true`, `false`, or a list of names of environment variables.
    Inherited,
    /// The map of pools.
    Pools,
    /// The pools whose slots a task holds.
    Pool,
    /// A list of tags.
    Tags,
    /// The map `resources`.
    Resources,
    /// The name of an output.
    OutputName,
    /// A list of such names.
    OutputNames,
    /// A list of globs.
    Globs,
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
/// The most slots of a pool: as many as tasks can run at once.
pub(crate) const MAX_SLOTS: u32 = MAX_JOBS;
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
/// The types of a param.
pub(crate) const PARAM_TYPES: &[&str] = &["string", "int", "bool", "enum", "list"];
/// The most graphics processors that a task may ask for.
pub(crate) const MAX_GPUS: u32 = 10_000;
/// The words of `shell`.
pub(crate) const SHELLS: &[&str] = &["sh", "bash", "zsh", "fish", "pwsh", "python", "node"];

const TOP: &[Place] = &[Place::Top];
const TASK: &[Place] = &[Place::Task];
const RETRY: &[Place] = &[Place::Retry];
const KILL: &[Place] = &[Place::Kill];
const RECORDS: &[Place] = &[Place::Records];
const PARAM: &[Place] = &[Place::Param];
const RESOURCES: &[Place] = &[Place::Resources];
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
        "params",
        TOP,
        Type::Params,
        "",
        "What the caller may choose, by name: a default, or a map that says more. Set with `-p name=value`; tasks see each as `PYOCO_PARAM_<NAME>`.",
    ),
    key(
        "env",
        &[Place::Top, Place::Task, Place::Defaults],
        Type::Env,
        "",
        "Environment variables. A value is its source text: `3.10` and `no` stay as they are. A task's own win over those of `defaults`, and these over the file's.",
    ),
    key(
        "env_file",
        &[Place::Top, Place::Task],
        Type::Paths,
        "",
        "Files with lines `NAME=value`, relative to the file's folder; a later one wins, `?` at the end marks one that may be absent. Nothing in a value is expanded. At the top level the caller's environment wins over it.",
    ),
    key(
        "inherit_env",
        TOP,
        Type::Inherited,
        "true",
        "What of the caller's environment tasks see: all, nothing (`false`), or the variables of a list. `PATH` and `HOME` are always there.",
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
        "pools",
        TOP,
        Type::Pools,
        "",
        "Named semaphores: a number of slots (`gpu: 2`), or a list of texts, one slot each (`port: [8001, 8002]`). A task holds slots by `pool`, and no two running tasks hold the same one; `--pool` wins over it.",
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
        Type::Timeout,
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
        "if",
        TASK,
        Type::Condition,
        "success()",
        "An expression; where it is false the task is skipped, and what needs it runs. Without `failure()`, `always()` or `cancelled()` in it, it is asked only where all needs are satisfied; with one of them, once they have ended.",
    ),
    key(
        "matrix",
        TASK,
        Type::Matrix,
        "",
        "Makes one task of each combination of values: a list for each key, or `${{ params.NAME }}` of a list. `exclude` takes combinations out, `include` adds some. A member sees its values as `PYOCO_MATRIX_<NAME>`.",
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
        Type::Timeout,
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
    key(
        "ok_codes",
        TASK,
        Type::Ints(0, 255),
        "[0]",
        "The exit codes that mean success (128+n for a signal).",
    ),
    key("stdin", TASK, Type::Text, "/dev/null", "A text for the task's standard input."),
    key(
        "interactive",
        TASK,
        Type::Bool,
        "false",
        "Whether the task runs alone, with the terminal as its own.",
    ),
    key(
        "pool",
        TASK,
        Type::Pool,
        "",
        "The pools of which the task holds a slot while it runs, or so many (`{gpu: 2}`). It sees them in `$PYOCO_POOL_<NAME>`: numbers from 0, or the texts of the list, joined by `,`.",
    ),
    key("tags", TASK, Type::Tags, "", "What a worker of a server must have to take the task."),
    key(
        "resources",
        TASK,
        Type::Resources,
        "",
        "What the task asks of a cluster. Elsewhere `cpus` alone has a meaning.",
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
    key(
        "delay",
        RETRY,
        Type::Duration,
        "1s",
        "The pause before the second attempt, give or take a quarter, so that tasks that failed together do not come back together.",
    ),
    key("backoff", RETRY, Type::Factor, "2", "What each further pause is multiplied with."),
    key(
        "max_delay",
        RETRY,
        Type::Duration,
        "1m, or `delay` where that is longer",
        "The longest pause.",
    ),
    key(
        "codes",
        RETRY,
        Type::Ints(1, 255),
        "all",
        "The exit codes that are worth another attempt; 128 + n for signal n.",
    ),
    key("type", PARAM, Type::Words(PARAM_TYPES), "what the default is", "What the param takes."),
    key("values", PARAM, Type::WordList, "", "What an enum may be."),
    key(
        "default",
        PARAM,
        Type::ParamDefault,
        "an empty text or list",
        "What the param is where nobody sets it.",
    ),
    key("description", PARAM, Type::Text, "", "What it is for; shown by `pyoco list`."),
    key("required", PARAM, Type::Bool, "false", "Whether the caller must set it."),
    key(
        "cpus",
        RESOURCES,
        Type::Int(1, MAX_JOBS),
        "1",
        "How many processors, and so how many slots of `jobs` the task holds while it runs; all of them where there are fewer.",
    ),
    key("memory", RESOURCES, Type::Size, "", "How much memory."),
    key("time", RESOURCES, Type::Duration, "", "How long the task runs at most."),
    key("gpus", RESOURCES, Type::Int(0, MAX_GPUS), "", "How many graphics processors."),
];

/// Returns the key of this name in this map.
pub(crate) fn find(name: &str, place: Place) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name && key.places.contains(&place))
}

/// Returns the keys that may stand in this map.
pub(crate) fn all_of(place: Place) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.places.contains(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained_and_stands_once_in_a_map() {
        for place in
            [TOP, TASK, &[Place::Defaults], RETRY, KILL, RECORDS, RESOURCES, PARAM].concat()
        {
            let names: Vec<_> =
                KEYS.iter().filter(|key| key.places.contains(&place)).map(|key| key.name).collect();
            for (at, name) in names.iter().enumerate() {
                assert!(!names[..at].contains(name), "{name} twice {}", place.phrase());
            }
            for key in all_of(place) {
                assert!(key.help.ends_with('.'), "{} is explained", key.name);
            }
        }
    }
}
