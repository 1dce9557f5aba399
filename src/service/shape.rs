//! What serde says, as a violation: a pointer and words of our own. serde's own message repeats the value, so nothing
//! of it is used but the names and the expectation that the code declares.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use super::Violation;
use super::error::escape;

/// An object as a `T`.
///
/// # Errors
/// What is wrong with it.
pub fn shaped<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Violation> {
    serde_path_to_error::deserialize(Value::Object(object))
        .map_err(|error| violation(error.path(), &error.inner().to_string()))
}

/// The violation behind an error of shape at `path`.
pub fn violation(path: &Path, message: &str) -> Violation {
    let at = pointer(path);
    // The path leads to an unknown member; for one that is missing or there twice, to the object around it.
    if message.starts_with("unknown field `") {
        // The names that the code declares stand last, after the one that was sent.
        let known = message.rsplit_once(", expected ").map(|(_, names)| names);
        let known = known.map(|names| names.split(" at line ").next().unwrap_or(names));
        let message = match known.map(|names| names.strip_prefix("one of ").unwrap_or(names)) {
            Some(names) => format!("There is no such field here; the fields are {names}."),
            None => "There is no such field here.".to_owned(),
        };
        return Violation::new(at, "unknown_field", message);
    }
    if let Some(name) = declared(message, "missing field `") {
        return Violation::new(member(at, name), "required", "This is required.");
    }
    if let Some(name) = declared(message, "duplicate field `") {
        return Violation::new(member(at, name), "repeated", "This is there twice.");
    }
    // The expectation stands last, after the value.
    let Some((_, expected)) = message.rsplit_once(", expected ") else {
        return Violation::new(at, "invalid_value", "This value can't be used here.");
    };
    let expected = expected.split(" at line ").next().unwrap_or(expected);
    let code = if message.starts_with("unknown variant") { "unknown" } else { "invalid_type" };
    Violation::new(at, code, format!("Expected {}.", in_words(expected)))
}

/// What serde expects, in the words of JSON.
fn in_words(expected: &str) -> &str {
    match expected {
        "a map" => "an object",
        "a sequence" => "a list",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "i64" | "u64" => "a whole number",
        // A struct goes by its name in the code.
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer = member(pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer = member(pointer, key),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// The pointer to `name` below `at` (RFC 6901).
fn member(mut at: String, name: &str) -> String {
    at.push('/');
    at.push_str(&escape(name));
    at
}

/// The name that follows `before`: one that our own code declares, so it has no quotation mark in it.
fn declared<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    let (name, _) = message.strip_prefix(before)?.split_once('`')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Sample {
        name: String,
        list: Vec<u8>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Inner {
        name: bool,
    }

    fn told(json: &str) -> (String, &'static str, String) {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let error = serde_path_to_error::deserialize::<_, Sample>(&mut deserializer).unwrap_err();
        let told = violation(error.path(), &error.inner().to_string());
        (told.pointer, told.code, told.message)
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        for (json, pointer, code) in [
            (r#"{"name":"x"}"#, "/list", "required"),
            (r#"{"name":"x","list":[],"nme":1}"#, "/nme", "unknown_field"),
            (r#"{"name":"x","list":[],"a/b~c":1}"#, "/a~1b~0c", "unknown_field"),
            (r#"{"name":"x","list":[1,"s"]}"#, "/list/1", "invalid_type"),
            (r#"{"name":"x","list":[1,300]}"#, "/list/1", "invalid_type"),
            (r#"{"name":"x","list":[],"inner":{}}"#, "/inner/name", "required"),
            (r#"{"name":"x","list":[],"inner":{"nme":1}}"#, "/inner/nme", "unknown_field"),
            (r#"{"name":"x","list":[],"inner":{"name":"s"}}"#, "/inner/name", "invalid_type"),
            (r#"{"name":"x","name":"y"}"#, "/name", "repeated"),
            (r#"{"name":"x","list":[],"inner":{"name":true,"name":true}}"#, "/inner/name", "repeated"),
            ("[]", "", "invalid_type"),
        ] {
            let (at, said, _) = told(json);
            assert_eq!((at.as_str(), said), (pointer, code), "{json}");
        }
    }

    #[test]
    fn an_unknown_field_is_answered_with_those_that_are_known() {
        for (json, fields) in [
            (r#"{"nme, expected `hunter2":1}"#, "; the fields are `name`, `list`, `inner`."),
            (r#"{"name":"x","list":[],"inner":{"nme":1}}"#, "; the fields are `name`."),
        ] {
            let (_, _, message) = told(json);
            assert_eq!(message, format!("There is no such field here{fields}"));
        }
    }

    #[test]
    fn what_is_expected_is_said_in_the_words_of_json() {
        for (json, words) in [
            (r#"{"name":"x","list":{}}"#, "Expected a list."),
            (r#"{"name":"x","list":[],"inner":5}"#, "Expected an object."),
            (r#"{"name":"x","list":[300]}"#, "Expected a whole number from 0 to 255."),
            (r#"{"name":5}"#, "Expected a string."),
        ] {
            let (_, _, message) = told(json);
            assert_eq!(message, words, "{json}");
        }
        let mut map = serde_json::Deserializer::from_str("[]");
        let error = serde_path_to_error::deserialize::<_, Map<String, Value>>(&mut map).unwrap_err();
        assert_eq!(violation(error.path(), &error.inner().to_string()).message, "Expected an object.");
    }

    #[test]
    fn a_value_is_never_repeated() {
        for json in [
            r#"{"name":"x","list":["hunter2, expected hunter2"]}"#,
            r#"{"name":"x","list":"hunter2"}"#,
            r#"{"name":"x","list":[],"inner":{"name":"hunter2"}}"#,
        ] {
            let (_, _, message) = told(json);
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
