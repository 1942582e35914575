//! The shipped JSON schemas, for holding real files and records against them.

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

/// One of the schemas under `schemas/`.
pub(crate) struct Schema(Validator);

impl Schema {
    /// Reads `schemas/NAME.schema.json`.
    #[track_caller]
    pub(crate) fn open(name: &str) -> Schema {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(Path::new(&path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        Schema(jsonschema::validator_for(&schema).expect("the schema is one"))
    }

    /// Requires that a value is what the schema describes.
    #[track_caller]
    pub(crate) fn accepts(&self, what: &str, value: &Value) {
        let errors: Vec<String> = (self.0.iter_errors(value))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{what} does not fit the schema:\n{}", errors.join("\n"));
    }

    /// Requires that a value is not what the schema describes.
    #[track_caller]
    pub(crate) fn refuses(&self, what: &str, value: &Value) {
        assert!(!self.0.is_valid(value), "{what} fits the schema and must not");
    }
}
