//! Dotted paths into JSON (`data.0.id`). Knows nothing of providers.

use std::fmt;

use serde_json::Value;

/// A dotted path: members by name, array elements by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads a path; `None` if it is empty or has an empty segment.
    pub fn parse(text: &str) -> Option<Self> {
        let segments: Vec<String> = text.split('.').map(str::to_owned).collect();
        (!segments.iter().any(String::is_empty)).then_some(Self(segments))
    }

    /// The value at this path, if every step exists.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| match value {
            Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
            Value::Object(members) => members.get(segment),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// The value at this path as text. `null`, `false` and `""` mean absent; numbers may stand for strings.
    pub fn text(&self, value: &Value) -> Option<String> {
        match self.get(value)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(true) => Some("true".to_owned()),
            Value::Null | Value::Bool(false) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether the value at this path is there and not `null`, `false`, `0` or empty.
    pub fn holds(&self, value: &Value) -> bool {
        match self.get(value) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).expect("a path")
    }

    #[test]
    fn walks_members_and_elements() {
        let value = json!({ "data": [{ "id": 7 }], "0": { "x": "y" } });
        assert_eq!(path("data.0.id").get(&value), Some(&json!(7)));
        assert_eq!(path("0.x").text(&value).as_deref(), Some("y"));
        assert_eq!(path("data.1.id").get(&value), None);
        assert_eq!(path("data.id").get(&value), None);
        assert_eq!(path("data.0.id.deeper").get(&value), None);
        assert!(Path::parse("").is_none() && Path::parse("a..b").is_none() && Path::parse("a.").is_none());
    }

    #[test]
    fn empty_answers_are_absent() {
        let value = json!({ "n": null, "f": false, "e": "", "z": 0, "l": [], "o": {}, "t": true, "s": "0" });
        for name in ["n", "f", "e", "z", "l", "o", "missing"] {
            assert!(!path(name).holds(&value), "{name}");
        }
        assert!(path("t").holds(&value) && path("s").holds(&value));
        assert_eq!(path("z").text(&value).as_deref(), Some("0"));
        assert_eq!(path("f").text(&value), None);
    }
}
