//! The hub's API, called as the embedder's back end calls it.

use http::Method;
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::outside;
use crate::support::wait::eventually;

/// A back end with an API key.
pub(crate) struct Api {
    client: Client,
    base: String,
    key: String,
}

impl Api {
    /// A client of the hub at `base`.
    pub(crate) fn new(base: &str, key: String) -> Self {
        Self { client: outside::client(), base: base.to_owned(), key }
    }

    /// The same back end, for a hub that moved.
    pub(crate) fn at(self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self }
    }

    /// Status and body of one call.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// The body of a GET that succeeds.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Creates or replaces a connector and gives its redirect URI.
    pub(crate) async fn connector(&self, key: &str, settings: &Value) -> String {
        let path = format!("/connectors/{key}");
        let (status, body) = self.call(Method::PUT, &path, Some(settings)).await;
        assert!(status == 200 || status == 201, "{path}: {body}");
        body["redirectUri"].as_str().unwrap_or_default().to_owned()
    }

    /// Creates or replaces an integration.
    pub(crate) async fn integration(&self, slug: &str, name: &str, connectors: &Value) {
        let body = json!({ "name": name, "connectors": connectors });
        let path = format!("/integrations/{slug}");
        let (status, body) = self.call(Method::PUT, &path, Some(&body)).await;
        assert!(status == 200 || status == 201, "{path}: {body}");
    }

    /// A connect session as the API shows it.
    pub(crate) async fn session(&self, id: &str) -> Value {
        self.get(&format!("/connect/sessions/{id}")).await
    }

    /// Waits until a session has `status`.
    pub(crate) async fn session_is(&self, id: &str, status: &str) -> Value {
        eventually(&format!("a session that is {status}"), async || {
            let session = self.session(id).await;
            if session["status"] == status { Ok(session) } else { Err(session) }
        })
        .await
    }

    /// The credentials of a user; none of one whom nobody connected yet.
    pub(crate) async fn credentials(&self, user: &str) -> Vec<Value> {
        let path = format!("/credentials?userId={user}");
        let (status, mut body) = self.call(Method::GET, &path, None).await;
        assert!(status == 200 || status == 404, "{body}");
        match body["data"].take() {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        }
    }

    /// The only credential of a user.
    pub(crate) async fn only_credential(&self, user: &str) -> Value {
        let mut rows = self.credentials(user).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// What the hub gives out for a credential.
    pub(crate) async fn token(&self, credential: &Value) -> Value {
        let id = credential["credentialId"].as_str().unwrap();
        self.get(&format!("/credentials/{id}/token")).await
    }

    /// The audit events of an action, newest first.
    pub(crate) async fn audit(&self, action: &str) -> Vec<Value> {
        let mut body = self.get(&format!("/audit-events?action={action}")).await;
        match body["data"].take() {
            Value::Array(rows) => rows,
            other => panic!("no list but {other}"),
        }
    }
}
