//! Bodies and queries of these clients: any media type, unknown members, and objects that may come as text.

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use crate::http::extract::{parse, read_body};
use crate::http::{HttpState, Problem};

/// A body that is an object; none is an empty one.
pub(super) struct Loose(Map<String, Value>);

impl FromRequest<HttpState> for Loose {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &HttpState) -> Result<Self, Problem> {
        let body = read_body(request.into_body()).await?;
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        match parse(&body)? {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(Problem::invalid_at("", "invalid_type", "Send a JSON object as the body.")),
        }
    }
}

impl Loose {
    /// Whether `name` was sent, null included.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text, where there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        text(&self.0, name, "")
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| required(&format!("/{name}")))
    }

    /// A value that must be there, and may have been written as text.
    pub(super) fn value(&self, name: &str) -> Result<Value, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Err(required(&format!("/{name}"))),
            Some(Value::String(written)) => {
                let unreadable = |_| {
                    Problem::invalid_at(format!("/{name}"), "malformed_json", "This text is not valid JSON.")
                };
                parse(written.as_bytes()).map_err(unreadable)
            }
            Some(value) => Ok(value.clone()),
        }
    }
}

/// The text `name` of an object that stands at `base`.
pub(super) fn text(object: &Map<String, Value>, name: &str, base: &str) -> Result<Option<String>, Problem> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::invalid_at(format!("{base}/{name}"), "invalid_type", "Send a text.")),
    }
}

/// Something that is missing.
pub(super) fn required(pointer: &str) -> Problem {
    Problem::invalid_at(pointer, "required", "This is needed.")
}
