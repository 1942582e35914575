//! The JSON Schema of a workflow file, made from the table of keys.

use serde_json::{Map, Value, json};

use super::MAX_FLOW_NAME;
use super::codes;
use super::keys::{self, Key, Place, Type};
use super::promises::{MAX_OUTPUT_NAME, OUTPUT_NAME};

/// Returns the JSON Schema of a workflow file as text.
pub fn workflow_schema() -> String {
    let mut root = Map::new();
    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("pyoco workflow"));
    root.insert(
        "description".into(),
        json!("A workflow file of pyoco: shell commands, and what each of them needs."),
    );
    let Value::Object(body) = map_of(Place::Top) else { unreachable!("BUG: a map has a schema") };
    root.extend(body);
    root.insert(
        "patternProperties".into(),
        json!({
            "^x-": { "description": "Ignored; a place for YAML anchors." },
        }),
    );
    root.insert("required".into(), json!(["tasks"]));
    let mut task = map_of(Place::Task);
    task["oneOf"] = json!([{ "required": ["run"] }, { "required": ["cmd"] }]);
    let mut retry = map_of(Place::Retry);
    retry["required"] = json!(["max"]);
    root.insert("$defs".into(), json!({
        "task": task,
        "defaults": map_of(Place::Defaults),
        "retry": retry,
        "kill": map_of(Place::Kill),
        "records": map_of(Place::Records),
        "param": map_of(Place::Param),
        "resources": map_of(Place::Resources),
        "scalar": {
            "description": "A text; a number or a word without quotes is taken as it is written.",
            "type": ["string", "number", "boolean"],
        },
        "name": {
            "description": "The name of a task or of a pool.",
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$",
            "maxLength": 128,
        },
        "entry": {
            "description": "The name of a task, or of some members of its matrix: `test[py=3.12]`.",
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*(\\[.+\\])?$",
        },
        "template": {
            "description": "A text with expressions in it, which a run works out: `${{ params.x }}`.",
            "type": "string",
            "pattern": "\\$\\{\\{",
        },
        "duration": {
            "description": "A time with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`.",
            "type": "string",
            "pattern": "^(([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?|[0-9]+\\.[0-9]+(ms|s|m|h|d))$",
            "minLength": 2,
        },
    }));
    let mut text = serde_json::to_string_pretty(&root).expect("a schema is plain values");
    text.push('\n');
    text
}

/// Returns the JSON Schema of what `pyoco check --json` prints, as text.
pub fn check_schema() -> String {
    let count = |least: u32, says: &str| json!({ "type": "integer", "minimum": least, "description": says });
    let text = |says: &str| json!({ "type": "string", "description": says });
    let place = object(json!({
        "file": text("The file as the caller named it."),
        "line": count(1, "The line of its first character, from 1."),
        "column": count(1, "The column, in characters, from 1."),
        "end_line": count(1, "The line of the character after its last one."),
        "end_column": count(1, "The column of the character after its last one."),
        "label": { "type": ["string", "null"], "description": "A word about this place." },
    }));
    let diagnostic = object(json!({
        "severity": { "enum": ["error", "warning"], "description": "With an error the file is not run." },
        "code": {
            "enum": codes::all().map(|code| code.code).collect::<Vec<_>>(),
            "description": "Its stable code; `pyoco explain CODE` says more.",
        },
        "name": {
            "enum": codes::all().map(|code| code.name).collect::<Vec<_>>(),
            "description": "Its short name.",
        },
        "message": text("What is wrong."),
        "places": {
            "type": "array", "items": { "$ref": "#/$defs/place" },
            "description": "Where it is; the first is the main one. Empty where no place can be told.",
        },
        "help": { "type": "array", "items": { "type": "string" }, "description": "The ways out." },
    }));
    let file = object(json!({
        "file": text("The file as the caller named it."),
        "ok": {
            "type": "boolean",
            "description": "Whether there is no error; with --strict no warning either.",
        },
        "n_tasks": {
            "type": ["integer", "null"], "minimum": 0,
            "description": "How many tasks it has, members included; null where there is an error.",
        },
        "diagnostics": {
            "type": "array", "items": { "$ref": "#/$defs/diagnostic" },
            "description": "What is said of it, sorted by place.",
        },
    }));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `pyoco check --json` prints",
        "description": "An array with one entry for each file, in the order of the command line.",
        "type": "array",
        "items": file,
        "$defs": { "diagnostic": diagnostic, "place": place },
    });
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain values");
    text.push('\n');
    text
}

/// Returns the schema of an object that has all of these fields and no other.
fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
    })
}

/// Returns the schema of a map with the keys of this place.
fn map_of(place: Place) -> Value {
    let properties: Map<String, Value> =
        keys::all_of(place).map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = type_of(key.takes);
    let text = match key.default {
        "" => key.help.to_owned(),
        default => format!("{} Default: {default}.", key.help),
    };
    schema["description"] = json!(text);
    schema
}

fn type_of(takes: Type) -> Value {
    let scalar = json!({ "$ref": "#/$defs/scalar" });
    match takes {
        Type::Version => json!({ "const": 1 }),
        Type::Text => scalar,
        Type::FlowName => json!({
            "type": ["string", "number", "boolean"], "minLength": 1, "maxLength": MAX_FLOW_NAME,
        }),
        Type::Notation => json!({ "type": "string" }),
        Type::Env => json!({ "type": "object", "additionalProperties": scalar }),
        Type::Words(words) => json!({ "enum": words }),
        Type::Names => json!({ "oneOf": [
            { "$ref": "#/$defs/entry" },
            { "type": "array", "items": { "$ref": "#/$defs/entry" } },
        ] }),
        Type::WordList => json!({ "type": "array", "items": scalar, "minItems": 1 }),
        Type::EnvNames => json!({
            "type": "array",
            "items": {
                "type": "string",
                "pattern": "^([A-Za-z_][A-Za-z0-9_.-]*|tasks\\['.+'\\]\\.outputs\\.[A-Za-z_][A-Za-z0-9_-]*)$",
            },
        }),
        Type::Int(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Type::Ints(least, most) => {
            let one = json!({ "type": "integer", "minimum": least, "maximum": most });
            json!({ "oneOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        Type::Factor => json!({ "type": "number", "minimum": 1, "maximum": 1000 }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Params => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$", "maxLength": 128 },
            "additionalProperties": { "oneOf": [
                scalar, { "type": "array", "items": scalar }, { "$ref": "#/$defs/param" },
            ] },
        }),
        Type::ParamDefault => json!({ "oneOf": [scalar, { "type": "array", "items": scalar }] }),
        Type::Condition => json!({ "type": ["string", "boolean"] }),
        Type::Matrix => {
            let rows = |says: &str| {
                json!({
                    "type": "array",
                    "items": { "type": "object", "minProperties": 1, "additionalProperties": scalar },
                    "description": says,
                })
            };
            json!({
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "include": rows("Further members, each with a value for every key."),
                    "exclude": rows("Members that are left out: all that have these values."),
                },
                "additionalProperties": { "oneOf": [
                    { "type": "array", "items": scalar, "minItems": 1 },
                    { "type": "string", "pattern": "^\\s*\\$\\{\\{.*\\}\\}\\s*$" },
                ] },
            })
        }
        Type::Paths => json!({ "oneOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ] }),
        Type::Inherited => json!({ "oneOf": [
            { "type": "boolean" }, { "type": "array", "items": { "type": "string" } },
        ] }),
        Type::Duration => json!({ "$ref": "#/$defs/duration" }),
        Type::Timeout => or_template(json!({ "$ref": "#/$defs/duration" })),
        Type::Shell => json!({ "oneOf": [
            { "enum": keys::SHELLS },
            { "type": "array", "items": scalar, "contains": { "pattern": "\\{0\\}" } },
        ] }),
        Type::Tasks | Type::Finally => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "$ref": "#/$defs/name" },
            "additionalProperties": { "oneOf": [scalar, { "$ref": "#/$defs/task" }] },
        }),
        Type::Defaults => json!({ "$ref": "#/$defs/defaults" }),
        Type::Retry => json!({ "oneOf": [
            { "type": "integer", "minimum": 0, "maximum": keys::MAX_RETRIES },
            { "$ref": "#/$defs/retry" },
        ] }),
        Type::Kill => json!({ "$ref": "#/$defs/kill" }),
        Type::Records => json!({ "$ref": "#/$defs/records" }),
        Type::Pools => json!({
            "type": "object",
            "propertyNames": { "$ref": "#/$defs/name" },
            "additionalProperties": { "oneOf": [
                slots_count(),
                { "type": "array", "items": texts("^[^,]+$"), "minItems": 1, "maxItems": keys::MAX_SLOTS, "uniqueItems": true },
            ] },
        }),
        Type::Pool => json!({ "oneOf": [
            or_template(json!({ "$ref": "#/$defs/name" })),
            {
                "type": "array", "items": or_template(json!({ "$ref": "#/$defs/name" })),
                "minItems": 1, "uniqueItems": true,
            },
            {
                "type": "object", "minProperties": 1,
                "propertyNames": { "$ref": "#/$defs/name" },
                "additionalProperties": slots_count(),
            },
        ] }),
        Type::Tags => json!({ "type": "array", "items": texts("^[^,\\s]+$"), "uniqueItems": true }),
        Type::Resources => json!({ "$ref": "#/$defs/resources" }),
        Type::Signal => json!({ "enum": signals() }),
        Type::Size => json!({
            "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *([KMGT]iB|[kMG]?B)$",
            "description": "A size with a unit: `64KiB`, `20MiB`, `1GiB`.",
        }),
        Type::OutputName => output_name(),
        Type::OutputNames => json!({
            "type": "array", "items": output_name(), "minItems": 1, "uniqueItems": true,
        }),
        Type::Globs => json!({
            "type": "array", "items": scalar, "minItems": 1, "uniqueItems": true,
        }),
    }
}

/// Returns the schema of a value that an expression may stand in as well.
fn or_template(plain: Value) -> Value {
    json!({ "anyOf": [plain, { "$ref": "#/$defs/template" }] })
}

fn slots_count() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": keys::MAX_SLOTS })
}

/// Returns the schema of a scalar that is taken as it is written; a text fits the pattern.
fn texts(pattern: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "pattern": pattern })
}

fn output_name() -> Value {
    json!({ "type": "string", "pattern": OUTPUT_NAME, "maxLength": MAX_OUTPUT_NAME })
}

/// Returns the names of the signals that may stop a task, in both spellings.
fn signals() -> Vec<String> {
    let long = keys::SIGNALS.iter().map(|name| format!("SIG{name}"));
    keys::SIGNALS.iter().map(ToString::to_string).chain(long).collect()
}
