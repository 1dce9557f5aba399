//! Reading the body of a token answer: JSON first, else a form, whatever the content type says. Guards against
//! hostile answers (`security.md`, A30). It must not know what the members mean.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, error::Category};
use url::form_urlencoded;

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// What a body is.
#[derive(PartialEq)]
pub(super) enum Body {
    /// JSON or a form.
    Data(Value),
    /// JSON or a form that breaks a guard: too deep, or a token named twice.
    Refused,
    /// Nothing, HTML, half an answer or noise.
    Noise,
}

/// Reads `bytes`; a member named in `once` may stand only once in its object.
pub(super) fn parse(bytes: &[u8], once: &[String]) -> Body {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = Node { depth: 0, once }.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match read {
        Ok(value) => Body::Data(value),
        Err(error) if error.classify() == Category::Data => Body::Refused,
        Err(_) => form(bytes, once),
    }
}

/// Anything parses as a form, so names must look like names and each must have its `=`.
fn form(bytes: &[u8], once: &[String]) -> Body {
    let bytes = bytes.trim_ascii();
    let named =
        |pair: &[u8]| pair.iter().position(|byte| *byte == b'=').is_some_and(|at| is_name(&pair[..at]));
    if bytes.is_empty() || !bytes.split(|byte| *byte == b'&').all(named) {
        return Body::Noise;
    }
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let name = name.into_owned();
        if members.contains_key(&name) && once.contains(&name) {
            return Body::Refused;
        }
        members.insert(name, Value::String(value.into_owned()));
    }
    Body::Data(Value::Object(members))
}

fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
}

/// One JSON value, at its depth.
struct Node<'a> {
    depth: usize,
    once: &'a [String],
}

impl<'a> Node<'a> {
    fn inner<E: serde::de::Error>(&self) -> Result<Node<'a>, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Node { depth, once: self.once }) }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if members.contains_key(&name) && self.once.contains(&name) {
                return Err(A::Error::custom("a token is named twice"));
            }
            let value = entries.next_value_seed(self.inner()?)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Body {
        parse(text.as_bytes(), &["access_token".to_owned()])
    }

    fn is(text: &str, value: Value) {
        assert!(read(text) == Body::Data(value), "{text}");
    }

    #[test]
    fn json_and_forms_are_read_whatever_they_are_called() {
        is("\u{feff} {\"a\":[1,-2,1.5,null,true,\"x\"]}\n", json!({ "a": [1, -2, 1.5, null, true, "x"] }));
        is("a=b+c&d=%3D&e=", json!({ "a": "b c", "d": "=", "e": "" }));
        is("error=bad_verification_code\n", json!({ "error": "bad_verification_code" }));
        is(
            "{\"access_token\":\"x\",\"b\":{\"access_token\":\"y\"}}",
            json!({"access_token":"x","b":{"access_token":"y"}}),
        );
    }

    #[test]
    fn what_is_neither_is_noise() {
        for text in [
            "",
            "  ",
            "<html><a href=\"?a=b\">",
            "{\"access_token\":\"x",
            "{\"a\":\"b=c\"",
            "{} {}",
            "busy",
            "a=b&c",
            "=b",
            "1e999",
        ] {
            assert!(read(text) == Body::Noise, "{text}");
        }
        assert!(parse(&[0x1f, 0x8b, 8, b'=', 0], &[]) == Body::Noise);
    }

    #[test]
    fn guards_refuse_instead_of_guessing() {
        for text in [
            "{\"access_token\":\"x\",\"access_token\":\"y\"}",
            "{\"a\":[{\"access_token\":\"x\",\"access_\\u0074oken\":\"y\"}]}",
            "access_token=x&access_token=y",
        ] {
            assert!(read(text) == Body::Refused, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(matches!(read(&nested(MAX_DEPTH)), Body::Data(_)));
        assert!(read(&nested(MAX_DEPTH + 1)) == Body::Refused);
        assert!(read(&nested(100_000)) == Body::Refused);
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = parse(&bytes, &["access_token".to_owned()]);
        }

        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}\",:0-9a-c. -]{0,30}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert!(parse(text.as_bytes(), &[]) == Body::Data(value));
            }
        }
    }
}
