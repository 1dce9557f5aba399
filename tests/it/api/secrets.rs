//! Secrets: made, listed, changed, switched, revealed, revoked, deleted, ended by time.

mod change;
mod create;
mod delete;
mod expire;
mod list;
mod reveal;
mod switch;

use serde_json::{Value, json};

use crate::support::app::TestApp;

/// A value that is found nowhere but where it may be.
pub(crate) const VALUE: &str = "sk-never-to-be-seen-0123456789";

/// A masked secret of that key, as it is sent.
pub(crate) fn masked(key: &str) -> Value {
    json!({"key": key, "value": VALUE, "type": "api_key", "visibility": "masked"})
}

pub(crate) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

impl TestApp {
    /// Makes a secret in production; the object.
    pub(crate) async fn secret(&self, body: &Value) -> Value {
        self.as_key().post("/secrets", body).await.ok(201)
    }
}
