//! The JSON Schema of the format, for editors.

use serde_json::Value;

use super::format::File;

/// The schema as committed in `providers/schema.json`.
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/schema.json");
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(committed, schema(), "write providers/schema.json again");
    }

    #[test]
    fn tables_and_words_are_closed() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        assert_eq!(schema["required"], serde_json::json!(["name"]));
        assert!(schema["properties"]["variables"]["additionalProperties"].is_object());
        assert_eq!(schema["$defs"]["OAuth2"]["additionalProperties"], Value::Bool(false));
    }
}
