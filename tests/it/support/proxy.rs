//! Calls through the hub: to the fake's echo, to servers written by hand, and by clients written by hand.

use serde_json::{Value, json};

use super::app::TestApp;
use super::http::{Persona, TestResponse};
use super::scripted::Connection;

/// The slug of a provider whose server is written by hand.
pub(crate) const RAW: &str = "raw";

/// The definition of an API-key app at `base_url`.
pub(crate) fn raw_definition(base_url: &str) -> String {
    format!(
        r#"name = "Raw"
documentation = "https://raw.example/docs"
base_url = "{base_url}"

[variables]
key = {{ label = "API key", secret = true }}

[api_key]
headers = {{ X-Api-Key = "{{key}}" }}

[check]
path = "/me"
"#
    )
}

impl TestApp {
    /// A credential of production for an app at `address`, unchecked; its id.
    pub(crate) async fn behind(&self, address: &str) -> String {
        self.behind_url(&format!("http://{address}/base")).await
    }

    /// The same for an app at `base_url`.
    pub(crate) async fn behind_url(&self, base_url: &str) -> String {
        self.define(RAW, &raw_definition(base_url));
        self.as_key().post("/users", &json!({"username": "raw"})).await;
        let body = json!({"userId": "raw", "connector": RAW, "data": {"key": "raw-key"}, "verify": false});
        self.as_key().post("/credentials", &body).await.ok(201)["credentialId"].as_str().unwrap().to_owned()
    }

    /// The back end of production calling with a credential.
    pub(crate) fn calling(&self, credential: &str) -> Persona<'_> {
        self.as_key().header("Vouchsafe-Credential", credential)
    }

    /// A request written by hand, with key and credential; the connection, to read from.
    pub(crate) async fn by_hand(&self, credential: &str, line: &str, more: &str) -> Connection {
        let mut connection = Connection::to(&self.base_url).await;
        let key = self.as_key();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: hub.test\r\nauthorization: Bearer {}\r\nvouchsafe-credential: {credential}\r\n{more}",
            key.bearer()
        );
        assert!(connection.write(head).await);
        connection
    }

    /// The rows about calls, newest first.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.hub.flush_audit().await.unwrap();
        self.as_key().list_all("/audit-events?action=proxy.call").await
    }
}

/// What the echo of the fake saw.
pub(crate) struct Echo(Value);

impl Echo {
    /// Reads an answer of the echo.
    #[track_caller]
    pub(crate) fn of(answer: &TestResponse) -> Self {
        assert_eq!((answer.status, answer.header("vouchsafe-error")), (200, None), "{:?}", answer.body);
        Self(answer.json())
    }

    /// The value of a member.
    pub(crate) fn member(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// The values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.0["headers"].as_array().unwrap();
        headers.iter().filter(|one| one[0] == name).map(|one| one[1].as_str().unwrap()).collect()
    }

    /// The names of all headers.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0["headers"].as_array().unwrap().iter().map(|one| one[0].as_str().unwrap()).collect()
    }
}
