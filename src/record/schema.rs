//! The JSON schemas of what a record holds and of what `--json` prints, from one table of fields.
//!
//! Strict on purpose: a field that the table does not name is an error, so that the tests which hold
//! real lines against it find a field nobody described. A reader of records is not so strict.

use serde_json::{Map, Value, json};

use crate::event::{FORMAT_VERSION, MAX_TAIL};

/// A field of an object: its name, whether it is always there, its type, what it says.
type Field = (&'static str, Presence, Value, &'static str);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    Maybe,
}
use Presence::{Always, Maybe};

/// Returns the schema of one line of `events.jsonl`.
pub fn events_schema() -> String {
    let kinds: Vec<Value> =
        kinds().into_iter().map(|(kind, says, fields)| line(kind, says, fields)).collect();
    text(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of a pyoco record",
        "description": "Each line of events.jsonl is one of these objects. A reader ignores kinds \
                        and fields that it does not know.",
        "oneOf": kinds,
    }))
}

/// Returns the schema of what `pyoco runs show --json` and `pyoco runs list --json` print.
pub fn run_schema() -> String {
    let mut in_list = object("A run as `runs list --json` prints it.", run_fields());
    let mut whole = run_fields();
    whole.push(("tasks", Always, array(json!({ "$ref": "#/$defs/task" })), "In file order."));
    let whole = object("A run as `runs show --json` prints it.", whole);
    in_list["title"] = json!("A run in a list");
    text(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What pyoco prints of runs",
        "description": "`runs show --json` prints one run, `runs list --json` an array of runs \
                        without their tasks. What is unknown is null.",
        "oneOf": [
            { "$ref": "#/$defs/run" },
            { "type": "array", "items": { "$ref": "#/$defs/run_in_list" } },
        ],
        "$defs": {
            "run": whole,
            "run_in_list": in_list,
            "task": object("A task of a run.", task_fields()),
        },
    }))
}

fn text(schema: &Value) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

fn line(kind: &str, says: &str, fields: Vec<Field>) -> Value {
    let version = json!({ "type": "integer", "minimum": FORMAT_VERSION });
    let mut all: Vec<Field> = vec![
        ("v", Always, version, "Version of the format."),
        ("seq", Always, count(1), "Counts the lines of a run from 1, without holes."),
        ("ts", Always, moment(), "When, on the wall clock; never goes back inside a run."),
        ("ms", Always, count(0), "Milliseconds since the start of the run, monotonic."),
        ("event", Always, json!({ "const": kind }), "The kind of the line."),
    ];
    all.extend(fields);
    let mut schema = object(says, all);
    schema["title"] = json!(kind);
    schema
}

fn object(says: &str, fields: Vec<Field>) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| field.1 == Always).map(|field| field.0).collect();
    let mut properties = Map::new();
    for (name, _, mut schema, says) in fields.iter().cloned() {
        schema["description"] = json!(says);
        properties.insert(name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "description": says,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn string() -> Value {
    json!({ "type": "string" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn integer() -> Value {
    json!({ "type": "integer" })
}

fn count(least: u64) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn run_id() -> Value {
    let hex = "[0-9a-f]";
    let pattern = format!("^{hex}{{8}}-{hex}{{4}}-7{hex}{{3}}-[89ab]{hex}{{3}}-{hex}{{12}}$");
    json!({ "type": "string", "pattern": pattern })
}

fn sha256() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
}

fn artifact() -> Value {
    let fields = vec![
        ("path", Always, string(), "As the glob in the task's folder found it."),
        ("size", Always, count(0), "Its size in bytes."),
        ("sha256", Always, or_null(sha256()), "Null: above 1 GiB, changed or gone, or not yet."),
    ];
    object("A file.", fields)
}

fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

fn pools() -> Value {
    let slots = json!({ "oneOf": [count(1), array(string())] });
    json!({ "type": "object", "additionalProperties": slots })
}

fn slots() -> Value {
    json!({ "type": "object", "additionalProperties": array(count(0)) })
}

/// The same or null.
fn or_null(mut schema: Value) -> Value {
    let kind = schema["type"].take();
    schema["type"] = json!([kind, "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

const TASK_STATES: [&str; 7] =
    ["PENDING", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"];
const TASK_ENDS: [&str; 4] = ["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"];
const RUN_ENDS: [&str; 3] = ["COMPLETED", "FAILED", "CANCELLED"];

fn counts() -> Value {
    let fields = vec![
        ("pending", Always, count(0), "Tasks that wait for what they need."),
        ("queued", Always, count(0), "Tasks that wait for a slot."),
        ("running", Always, count(0), "Tasks under way."),
        ("succeeded", Always, count(0), "Tasks that ended well."),
        ("failed", Always, count(0), "Tasks that failed."),
        ("cancelled", Always, count(0), "Tasks stopped or never started because of a cancel."),
        ("skipped", Always, count(0), "Tasks not started for another reason."),
    ];
    object("How many tasks are in which state.", fields)
}

fn declared() -> Value {
    let fields = vec![
        ("name", Always, string(), "The task's name."),
        ("needs", Maybe, array(count(0)), "What it needs, as indices."),
        ("same_needs_as", Maybe, count(0), "An earlier task that needs exactly the same."),
        ("needs_any", Maybe, array(count(0)), "What it needs one of, as indices."),
        ("finally", Maybe, boolean(), "Whether it runs at the end, whatever the outcome."),
        (
            "after_ends",
            Maybe,
            boolean(),
            "Whether it may run however what it needs has ended, since its `if` asks for that.",
        ),
    ];
    object("A task.", fields)
}

fn task() -> Vec<Field> {
    vec![
        ("task", Always, count(0), "The task: its index in declaration order."),
        ("name", Always, string(), "Its name, for people."),
    ]
}

fn attempt(least: u64) -> Vec<Field> {
    let mut fields = task();
    let says = "Which attempt, from 1; 0 where there was none.";
    fields.push(("attempt", Always, count(least), says));
    fields
}

fn measured() -> Vec<Field> {
    let tail = json!({ "type": "string", "maxLength": MAX_TAIL });
    vec![
        ("exit_code", Maybe, integer(), "The exit code, where the process exited."),
        ("signal", Maybe, string(), "The signal that ended it: `SIGKILL`."),
        ("cpu_ms", Maybe, count(0), "Processor time, with that of children waited for."),
        ("max_rss", Maybe, count(0), "The most memory that one process held, in bytes."),
        ("bytes", Maybe, count(1), "Bytes of output, both streams; absent for none."),
        ("unkept", Maybe, count(1), "Bytes of it that could not be kept in the log."),
        ("withheld", Maybe, count(1), "Bytes of it that are a secret, and stand in no log."),
        ("tail", Maybe, tail, "The end of the output of an attempt that failed."),
        ("leaked", Maybe, array(count(1)), "Processes that kept the output open."),
    ]
}

fn run_started() -> Vec<Field> {
    vec![
        ("run_id", Always, or_null(run_id()), "The run's id."),
        ("flow", Always, string(), "The flow's name."),
        ("file", Always, or_null(string()), "The workflow file; `-` for standard input."),
        ("file_sha256", Always, or_null(string()), "SHA-256 of the file's bytes, in hex."),
        ("params", Always, texts(), "The params of the run."),
        ("args", Always, array(string()), "The words after `--`."),
        ("args_cut", Maybe, boolean(), "Whether `args` was cut to fit the line."),
        ("labels", Always, texts(), "What `--label` said."),
        ("jobs", Always, count(0), "How many tasks run at once."),
        ("pools", Maybe, pools(), "The pools and their slots: how many, or the text of each."),
        ("n_tasks", Always, count(0), "How many tasks the run has."),
        ("parent_run", Always, or_null(run_id()), "The run whose task started this one."),
        ("host", Always, or_null(string()), "The machine's name."),
        ("pid", Always, or_null(count(0)), "The runner's process id."),
        ("boot_id", Always, or_null(string()), "The kernel's id of this boot."),
        ("pyoco", Always, string(), "The version of pyoco."),
        ("git_commit", Always, or_null(string()), "The commit of the repository."),
        ("ci_url", Always, or_null(string()), "The page of the CI job."),
    ]
}

/// The kinds of lines: name, meaning, fields beside the common ones.
fn kinds() -> Vec<(&'static str, &'static str, Vec<Field>)> {
    let with = |mut fields: Vec<Field>, more: Vec<Field>| {
        fields.extend(more);
        fields
    };
    let level = one_of(&["drain", "stop", "kill"]);
    vec![
        ("run_started", "The run began: always the first line.", run_started()),
        (
            "tasks_declared",
            "Which tasks there are; as many lines as it takes, before the first task.",
            vec![
                ("from", Always, count(0), "The index of the first of `tasks`."),
                ("tasks", Always, array(declared()), "The tasks."),
                ("more_needs", Maybe, array(count(0)), "More of what task `from` needs."),
                ("more_needs_any", Maybe, array(count(0)), "More of what it needs one of."),
            ],
        ),
        (
            "run_noted",
            "What was learnt beside the first tasks.",
            vec![("git_dirty", Always, or_null(boolean()), "Uncommitted changes?")],
        ),
        ("task_queued", "A task is ready and waits for a slot.", task()),
        (
            "task_started",
            "An attempt has a process.",
            with(
                attempt(1),
                vec![
                    ("pid", Always, or_null(count(0)), "The process; it leads its own group."),
                    ("argv", Always, array(string()), "The program and its arguments."),
                    ("argv_cut", Maybe, boolean(), "Whether `argv` was cut at 4 KiB."),
                    ("dir", Always, or_null(string()), "The folder it runs in."),
                    ("jobs", Maybe, count(2), "Slots of `jobs` that it holds; absent for one."),
                    ("slots", Maybe, slots(), "Its slots of each pool: places in `pools`, from 0."),
                ],
            ),
        ),
        (
            "task_stopping",
            "An attempt was sent its first signal.",
            with(
                attempt(1),
                vec![
                    ("why", Always, string(), "`timeout`, `cancel`, `stop`, `kill`, …"),
                    ("signal", Always, string(), "The signal's name."),
                ],
            ),
        ),
        (
            "task_retrying",
            "An attempt failed and another will follow.",
            with(
                with(
                    attempt(1),
                    vec![
                        ("after", Always, count(0), "The pause before it, in milliseconds."),
                        ("reason", Always, string(), "Why the attempt failed: `exit(2)`."),
                    ],
                ),
                measured(),
            ),
        ),
        (
            "task_output",
            "A task that is about to succeed handed on a value.",
            with(
                attempt(1),
                vec![
                    ("output", Always, string(), "The value's name; `name` is the task's."),
                    ("value", Always, string(), "The value, without secrets."),
                ],
            ),
        ),
        (
            "task_artifact",
            "A task that is about to succeed left a file behind.",
            with(
                attempt(1),
                vec![
                    ("path", Always, string(), "As the glob in the task's folder found it."),
                    ("size", Always, count(0), "Its size in bytes."),
                ],
            ),
        ),
        (
            "artifact_hashed",
            "Such a file was summed up, beside the tasks that followed.",
            with(
                attempt(1),
                vec![
                    ("path", Always, string(), "The file, as `task_artifact` named it."),
                    ("sha256", Always, or_null(sha256()), "Null: above 1 GiB, changed or gone."),
                ],
            ),
        ),
        (
            "task_finished",
            "A task reached a final state.",
            with(
                with(
                    attempt(0),
                    vec![
                        ("state", Always, one_of(&TASK_ENDS), "The final state."),
                        ("reason", Maybe, string(), "Why, for all but SUCCEEDED: `exit(2)`."),
                    ],
                ),
                measured(),
            ),
        ),
        (
            "run_cancelling",
            "A cancel was asked, or its level rose.",
            vec![
                ("level", Always, level, "The level reached."),
                ("by", Always, string(), "Who asked: `SIGINT`, `runs cancel`."),
                ("text", Maybe, string(), "The reason that was given."),
            ],
        ),
        (
            "run_finished",
            "The run ended: always the last line.",
            vec![
                ("status", Always, one_of(&RUN_ENDS), "The final status."),
                ("reason", Maybe, string(), "Why, for all but COMPLETED: `failed(build)`."),
                ("counts", Always, counts(), "How many tasks ended in which state."),
                ("first_failure", Always, or_null(string()), "The first task that failed."),
            ],
        ),
    ]
}

fn run_fields() -> Vec<Field> {
    vec![
        ("run_id", Always, or_null(run_id()), "The run's id."),
        ("short_id", Always, or_null(string()), "The last eight digits of the id."),
        ("flow", Always, string(), "The flow's name."),
        ("status", Always, string(), "`RUNNING`, `COMPLETED`, `FAILED`, `LOST`, …"),
        ("reason", Always, or_null(string()), "Why: `failed(build)`."),
        ("started", Always, or_null(moment()), "When it began."),
        ("ended", Always, or_null(moment()), "When it ended."),
        ("ms", Always, or_null(count(0)), "How long it took, in milliseconds."),
        ("counts", Always, counts(), "How many tasks are in which state."),
        ("first_failure", Always, or_null(string()), "The first task that really failed."),
        ("params", Always, texts(), "The params of the run."),
        ("labels", Always, texts(), "What `--label` said."),
    ]
}

fn task_fields() -> Vec<Field> {
    vec![
        ("name", Always, string(), "The task's name."),
        ("state", Always, or_null(one_of(&TASK_STATES)), "Where it stands; null: no line tells."),
        ("reason", Always, or_null(string()), "Why: `exit(2)`, `upstream(build)`."),
        ("attempts", Always, count(0), "How many attempts there were."),
        ("started", Always, or_null(moment()), "When the first attempt started."),
        ("ended", Always, or_null(moment()), "When the task ended."),
        ("ms", Always, or_null(count(0)), "From its first start to its end, in milliseconds."),
        ("exit_code", Always, or_null(integer()), "Of the last attempt."),
        ("signal", Always, or_null(string()), "That ended the last attempt: `SIGKILL`."),
        ("cpu_ms", Always, or_null(count(0)), "Processor time of the last attempt."),
        ("max_rss", Always, or_null(count(0)), "The most memory of one process, in bytes."),
        ("bytes", Always, or_null(count(0)), "Bytes of output of the last attempt."),
        ("unkept", Always, or_null(count(0)), "Bytes of it that could not be kept in the log."),
        ("withheld", Always, or_null(count(0)), "Bytes of it that are a secret, in no log."),
        ("outputs", Always, texts(), "The values it handed on, by name, without secrets."),
        ("artifacts", Always, array(artifact()), "The files it left behind, by their paths."),
        ("leaked", Always, array(count(1)), "Processes that outlived the last attempt."),
    ]
}
