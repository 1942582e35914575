//! The table of the words of other tools: the key that each means where it stands, or what to do where
//! there is none.

use super::super::keys::{self, Place};
use super::super::tree::{Entry, Kind, Node};
use super::is_digits;

/// What the value of a word is: the same word may mean two things.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Any,
    /// A whole number or an expression of one.
    Number,
    Scalar,
    /// A scalar that is no number.
    Word,
    List,
    /// A list of texts alone.
    Texts,
    Map,
    /// A list or a map.
    Many,
}

impl Shape {
    fn fits(self, node: &Node<'_>) -> bool {
        let kind = node.kind();
        match self {
            Shape::Any => true,
            Shape::Number => {
                node.scalar().is_some_and(|text| is_digits(text) || text.contains("${{"))
            }
            Shape::Word => node.scalar().is_some() && !Shape::Number.fits(node),
            Shape::Scalar => node.scalar().is_some(),
            Shape::List => matches!(kind, Kind::List(_)),
            Shape::Texts => match kind {
                Kind::List(items) => items.iter().all(|item| item.scalar().is_some()),
                Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Map(_) | Kind::Shared(_) => {
                    false
                }
            },
            Shape::Map => matches!(kind, Kind::Map(_)),
            Shape::Many => matches!(kind, Kind::List(_) | Kind::Map(_)),
        }
    }
}

/// A word that another tool uses, and what to write here.
#[derive(Debug)]
pub(crate) struct Word {
    words: &'static [&'static str],
    takes: Shape,
    /// The key that is meant.
    pub(crate) key: &'static str,
    /// How it is written.
    pub(super) write: &'static str,
}

const fn word(
    words: &'static [&'static str],
    takes: Shape,
    key: &'static str,
    write: &'static str,
) -> Word {
    Word { words, takes, key, write }
}

/// The words that mean a key. Of those that fit where one stands the first is meant.
const WORDS: &[Word] = &[
    word(
        &["depends", "depends_on", "deps", "dependsOn", "after", "prerequisites", "dependencies"],
        Shape::Any,
        "needs",
        "needs: [other]",
    ),
    word(
        &["steps", "stages", "jobs", "services"],
        Shape::Any,
        "tasks",
        "tasks: {name: {run: SCRIPT}}",
    ),
    word(&["requires"], Shape::Scalar, "needs", "needs: other"),
    word(&["requires"], Shape::List, "needs", "needs: [other]"),
    // In a task.
    word(&["steps"], Shape::Any, "run", "run: |`, and below it the lines of all `run"),
    word(
        &["command", "script", "cmds", "commands", "exec", "recipe"],
        Shape::Any,
        "run",
        "run: SCRIPT` for a shell, or `cmd: [program, argument]",
    ),
    word(
        &["timeout-minutes", "timeout_minutes", "timeout_sec", "timeoutSec", "timeout_seconds"],
        Shape::Any,
        "timeout",
        "timeout: 10m",
    ),
    word(&["retries", "retry_policy", "retryPolicy"], Shape::Any, "retry", "retry: 3"),
    word(
        &[
            "continue-on-error",
            "ignore_error",
            "allow_failure",
            "continue_on_error",
            "continueOn",
            "continue_on",
        ],
        Shape::Any,
        "fail",
        "fail: continue",
    ),
    word(&["on_failure"], Shape::Scalar, "fail", "fail: continue"),
    word(&["fail"], Shape::Scalar, "on_failure", "on_failure: isolate"),
    word(&["fail-fast", "fail_fast", "failfast"], Shape::Any, "on_failure", "on_failure: kill"),
    word(
        &["working-directory", "working_dir", "workingDir", "workdir", "cwd"],
        Shape::Any,
        "dir",
        "dir: FOLDER",
    ),
    word(&["dotenv"], Shape::Any, "env_file", "env_file: .env"),
    word(&["desc", "name"], Shape::Any, "description", "description: TEXT"),
    word(&["when", "condition", "preconditions", "rules"], Shape::Any, "if", "if: EXPRESSION"),
    word(&["strategy"], Shape::Any, "matrix", "matrix: {name: [a, b]}"),
    word(&["parallel"], Shape::Map, "matrix", "matrix: {name: [a, b]}"),
    word(&["for"], Shape::Any, "matrix", "matrix: {item: [a, b]}"),
    word(&["with", "inputs", "parameters"], Shape::Any, "params", "params: {name: value}"),
    word(&["vars", "variables"], Shape::Any, "env", "env: {NAME: value}"),
    word(&["environment"], Shape::Many, "env", "env: {NAME: value}"),
    word(&["runs-on"], Shape::Any, "tags", "tags: [name]"),
    word(&["max_parallel", "maxActiveSteps"], Shape::Any, "jobs", "jobs: 4"),
    word(&["concurrency"], Shape::Number, "jobs", "jobs: 4"),
    word(&["defer", "handlerOn"], Shape::Any, "finally", "finally: {name: SCRIPT}"),
    word(&["output"], Shape::Scalar, "capture", "capture: NAME"),
    word(&["output"], Shape::Many, "outputs", "outputs: [NAME]"),
    word(
        &["attempts", "limit", "max_attempts", "maxAttempts", "count", "retries"],
        Shape::Any,
        "max",
        "max: 3",
    ),
    word(
        &["interval", "interval_sec", "intervalSec", "wait", "sleep"],
        Shape::Any,
        "delay",
        "delay: 5s",
    ),
    word(&["grace", "grace_period", "timeout"], Shape::Any, "after", "after: 10s"),
    word(&["options", "choices"], Shape::Any, "values", "values: [a, b]"),
];

/// A word of other tools that no key stands for, and what to do.
#[derive(Debug)]
pub(crate) struct Advice {
    words: &'static [&'static str],
    takes: Shape,
    places: &'static [Place],
    /// `VALUE` in it stands for the value, where that is one text.
    pub(super) help: &'static str,
}

const fn advice(
    words: &'static [&'static str],
    takes: Shape,
    places: &'static [Place],
    help: &'static str,
) -> Advice {
    Advice { words, takes, places, help }
}

const TOP: &[Place] = &[Place::Top];
const TASK: &[Place] = &[Place::Task];
const BOTH: &[Place] = &[Place::Top, Place::Task];

const ADVICE: &[Advice] = &[
    // An order of stages; one with their work is `tasks`.
    advice(
        &["stages"],
        Shape::Texts,
        TOP,
        "remove it: each task stands below `tasks`, and says what it waits for by `needs`",
    ),
    advice(&["stage"], Shape::Any, TASK, "remove it: a task says what it waits for by `needs`"),
    advice(
        &["sources", "generates", "status", "method"],
        Shape::Any,
        TASK,
        "remove it: pyoco knows no files; let `run` call make where only what has changed is to be made",
    ),
    advice(&["silent"], Shape::Any, BOTH, "remove it: pyoco never prints the commands of a script"),
    advice(
        &["internal"],
        Shape::Any,
        TASK,
        "remove it: every task may be named; `default` says which run when none is",
    ),
    advice(
        &["includes", "include"],
        Shape::Any,
        TOP,
        "remove it: a workflow is one file; a task runs another one by `\"$PYOCO_EXE\" run FILE`",
    ),
    advice(
        &["requires"],
        Shape::Any,
        TASK,
        "remove it: what the caller must set is `params: {NAME: {required: true}}` at the top level",
    ),
    advice(
        &["prompt"],
        Shape::Any,
        TASK,
        "remove it: let `run` ask, in a task with `interactive: true`",
    ),
    advice(
        &["only", "except"],
        Shape::Any,
        TASK,
        "remove it: the caller names the tasks to run, or write `if: EXPRESSION`",
    ),
    advice(&["before_script"], Shape::Any, BOTH, "remove it: write its lines at the head of `run`"),
    advice(
        &["after_script"],
        Shape::Any,
        BOTH,
        "remove it: write its lines as a task of `finally`, which runs whatever the outcome",
    ),
    advice(
        &["extends"],
        Shape::Any,
        TASK,
        "remove it: `defaults` holds what all tasks share; some of them share by a YAML anchor, `<<: *NAME`",
    ),
    advice(
        &["parallel"],
        Shape::Any,
        BOTH,
        "remove it: tasks that do not wait for one another run at the same time; `matrix` makes many of one",
    ),
    advice(
        &["image", "container"],
        Shape::Scalar,
        TASK,
        "wrap it in `run: docker run --rm VALUE …`",
    ),
    advice(
        &["image", "container"],
        Shape::Any,
        BOTH,
        "remove it: let `run` call `docker run --rm IMAGE …`",
    ),
    advice(
        &["services"],
        Shape::Any,
        TASK,
        "remove it: a task before it starts them (`docker compose up -d`), one of `finally` stops them",
    ),
    advice(
        &["cache"],
        Shape::Any,
        BOTH,
        "remove it: tasks run where the file is, and what they leave there stays",
    ),
    advice(
        &["resource_group"],
        Shape::Scalar,
        TASK,
        "write `pool: VALUE`, and `pools: {VALUE: 1}` at the top level",
    ),
    advice(
        &["concurrency"],
        Shape::Word,
        BOTH,
        "remove it, or let tasks share a pool of one slot: `pools: {name: 1}` at the top level and `pool: name` in each",
    ),
    advice(
        &["concurrency", "resource_group"],
        Shape::Many,
        BOTH,
        "remove it, or let tasks share a pool of one slot: `pools: {name: 1}` at the top level and `pool: name` in each",
    ),
    advice(&["environment"], Shape::Any, TASK, "remove it: variables stand in `env`"),
    advice(&["restart"], Shape::Any, TASK, "remove it; `retry: 3` would start a failed task again"),
    advice(
        &["healthcheck", "ports", "volumes", "networks", "expose"],
        Shape::Any,
        BOTH,
        "remove it: pyoco starts no containers; let `run` call docker",
    ),
    advice(
        &["on", "schedule", "trigger", "triggers"],
        Shape::Any,
        BOTH,
        "remove it: a run begins when pyoco is called, as by cron or a hook of git",
    ),
    advice(&["uses"], Shape::Any, TASK, "write what it does as `run: SCRIPT`"),
    advice(&["permissions"], Shape::Any, BOTH, "remove it: tasks may do what the caller may"),
    advice(&["id"], Shape::Any, TASK, "remove it: the key above it is the task's name"),
    advice(
        &["when"],
        Shape::Any,
        &[Place::Retry],
        "remove it, or name the exit codes that are worth another attempt: `codes: [1]`",
    ),
    advice(
        &["run"],
        Shape::Map,
        &[Place::Defaults],
        "write its keys in its place: `shell: bash`, `dir: FOLDER`",
    ),
];

/// What a word of other tools means where it stands.
#[derive(Clone, Copy)]
pub(crate) enum Meaning {
    /// A key.
    Key(&'static Word),
    /// No key.
    None(&'static Advice),
}

/// Returns what a key that is none of ours means.
pub(crate) fn meaning(entry: &Entry<'_>, place: Place) -> Option<Meaning> {
    let name = &*entry.key;
    let word = WORDS.iter().find(|word| {
        word.words.contains(&name)
            && keys::find(word.key, place).is_some()
            && word.takes.fits(&entry.value)
    });
    let advice = || {
        ADVICE.iter().find(|advice| {
            advice.words.contains(&name)
                && advice.places.contains(&place)
                && advice.takes.fits(&entry.value)
        })
    };
    // Names of stages say their order; with nothing but names no task can be made of them.
    let is_order = name == "stages" && Shape::Texts.fits(&entry.value);
    match word {
        Some(word) if !is_order => Some(Meaning::Key(word)),
        Some(_) | None => advice().map(Meaning::None),
    }
}

/// Returns the key that a word means wherever it stands, for a place where it means none.
pub(crate) fn word_of(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.words.contains(&name))
}

/// Returns the words that mean a key of a map.
pub(crate) fn words_at(
    place: Place,
) -> impl Iterator<Item = (&'static str, &'static Word)> + Clone {
    let fitting = WORDS.iter().filter(move |word| keys::find(word.key, place).is_some());
    fitting.flat_map(|word| word.words.iter().map(move |name| (*name, word)))
}

/// Returns what to do about a word that no key stands for.
pub(crate) fn advice_of(name: &str) -> Option<&'static str> {
    ADVICE.iter().find(|advice| advice.words.contains(&name)).map(|advice| advice.help)
}

/// Words of the Python edition, whose tasks are functions.
pub(crate) const PYTHON_WORDS: &[&str] = &["callable", "flows", "discovery"];

/// What other tools write as the value of one of our keys, and what is written here.
const VALUES: &[(&str, &[&str], &str)] = &[
    ("type", &["boolean"], "bool"),
    ("type", &["integer", "number"], "int"),
    ("type", &["choice", "select", "options"], "enum"),
    ("type", &["str", "text", "environment"], "string"),
    ("type", &["array"], "list"),
    ("fail", &["true", "ignore", "allow", "warn"], "continue"),
    ("fail", &["false"], "stop"),
    ("on_failure", &["continue", "ignore"], "isolate"),
    ("on_failure", &["abort", "cancel"], "kill"),
];

/// Returns the word that stands here for a value of a key.
pub(crate) fn value_of(key: &str, text: &str) -> Option<&'static str> {
    VALUES.iter().find(|(of, words, _)| *of == key && words.contains(&text)).map(|(.., word)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_word_leads_to_a_key() {
        for word in WORDS {
            assert!(keys::KEYS.iter().any(|key| key.name == word.key), "{}", word.key);
        }
    }

    #[test]
    fn no_word_is_a_key_where_it_is_answered() {
        for advice in ADVICE {
            for (place, word) in advice.places.iter().zip(advice.words) {
                assert!(keys::find(word, *place).is_none(), "{word}");
            }
        }
    }
}
