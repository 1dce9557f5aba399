//! The host app's client of the hub's API, and the account it gives of each call: a sentence, the curl line,
//! the answer with what is secret in it shortened.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::DemoError;

/// What a call did, as the page tells it. Holds nothing secret.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What happened, in a sentence.
    pub said: String,
    /// The same call by hand.
    pub curl: String,
    /// The status of the answer; none if there was no answer.
    pub status: Option<u16>,
    /// The answer, secrets shortened.
    pub answer: String,
    /// Whether it went well.
    pub ok: bool,
}

/// A call of the hub and what came back.
pub struct HubAnswer {
    /// The status; none if the hub could not be reached.
    pub status: Option<u16>,
    /// The body, `null` if it was no JSON. May hold secrets.
    pub body: Value,
    /// The account of it.
    pub step: Step,
}

impl HubAnswer {
    /// Whether the hub said yes.
    pub fn ok(&self) -> bool {
        self.step.ok
    }

    /// What went wrong, in the hub's own words.
    pub fn trouble(&self) -> String {
        match (self.body["message"].as_str(), self.status) {
            (Some(message), _) => message.to_owned(),
            (None, Some(status)) => format!("the hub answered {status}"),
            (None, None) => "the hub could not be reached".to_owned(),
        }
    }
}

/// An HTTP client of somebody else's back end, with the hub's API key.
pub struct HubClient {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

impl HubClient {
    /// A client of the hub at `base`.
    #[expect(clippy::disallowed_methods, reason = "the host app stands for somebody else's back end")]
    pub fn new(base: &str, key: SecretString) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), key })
    }

    /// Where the hub is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Calls the hub's API. `said` is what the page will say about it; `headers` go beside the key.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        said: &str,
    ) -> HubAnswer {
        let url = format!("{}{path}", self.base);
        let curl = curl(&method, &url, "Authorization: Bearer $VOUCHSAFE_KEY", headers, body);
        let mut request = self.http.request(method, &url).bearer_auth(self.key.expose_secret());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        finish(request, said, curl).await
    }

    /// Calls an app itself, with the credential the hub gave out.
    pub(super) async fn call_app(&self, url: &str, credential: &AppCredential, said: &str) -> HubAnswer {
        let shown = format!("{}: {}", credential.header, credential.shown());
        let curl = curl(&Method::GET, url, &shown, &[], None);
        let request = self.http.get(url).header(credential.header, credential.value.expose_secret());
        finish(request, said, curl).await
    }

    /// Creates or replaces a connector; the answer's `redirectUri` is what the app must know.
    pub async fn put_connector(&self, key: &str, settings: &Value) -> HubAnswer {
        let path = format!("/connectors/{}", segment(key));
        self.call(Method::PUT, &path, &[], Some(settings), "Acme told the hub about its client at the app.")
            .await
    }

    /// Creates or replaces an integration that needs `connectors`, each `{connector, scopes?, optional?}`.
    pub async fn put_integration(&self, slug: &str, name: &str, connectors: &Value) -> HubAnswer {
        let body = json!({ "name": name, "connectors": connectors });
        let path = format!("/integrations/{}", segment(slug));
        self.call(Method::PUT, &path, &[], Some(&body), "Acme told the hub which apps the integration needs.")
            .await
    }
}

/// What the back end puts on a call of an app.
pub(super) struct AppCredential {
    header: &'static str,
    value: SecretString,
}

impl AppCredential {
    /// From the answer of `…/token`: an access token, or the fields of a key.
    pub(super) fn from_answer(body: &Value) -> Option<Self> {
        if let Some(token) = body["accessToken"].as_str() {
            return Some(Self { header: "Authorization", value: format!("Bearer {token}").into() });
        }
        let key = body["fields"].as_object()?.values().find_map(Value::as_str)?;
        Some(Self { header: "X-Api-Key", value: key.into() })
    }

    fn shown(&self) -> String {
        let value = self.value.expose_secret();
        match value.strip_prefix("Bearer ") {
            Some(token) => format!("Bearer {}", short(token)),
            None => short(value),
        }
    }
}

/// Percent-encodes a path segment.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The first letters of a secret: enough to tell two apart, too few to use.
fn short(secret: &str) -> String {
    let first = secret.chars().take(secret.chars().count().min(16) / 2).collect::<String>();
    format!("{first}…")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn curl(method: &Method, url: &str, key: &str, headers: &[(&str, &str)], body: Option<&Value>) -> String {
    let mut line = String::from("curl");
    if method != Method::GET {
        line.push_str(" -X ");
        line.push_str(method.as_str());
    }
    // Double quotes, so that the shell puts the key in.
    let _ = write!(line, " {} \\\n  -H \"{key}\"", quoted(url));
    for (name, value) in headers {
        let _ = write!(line, " \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    if let Some(body) = body {
        line.push_str(" \\\n  -H 'Content-Type: application/json'");
        let _ = write!(line, " \\\n  -d {}", quoted(&format!("{body:#}")));
    }
    line
}

async fn finish(request: reqwest::RequestBuilder, said: &str, curl: String) -> HubAnswer {
    let (status, body) = match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            (Some(status), response.json::<Value>().await.unwrap_or_default())
        }
        Err(_) => (None, Value::Null),
    };
    let ok = status.is_some_and(|status| (200..300).contains(&status));
    let shown = serde_json::to_string_pretty(&shortened(&body)).unwrap_or_default();
    let answer = match status {
        None => "no answer".to_owned(),
        Some(_) if body.is_null() => String::new(),
        Some(_) => shown,
    };
    HubAnswer { status, body, step: Step { said: said.to_owned(), curl, status, answer, ok } }
}

/// The same answer with every secret in it shortened.
fn shortened(body: &Value) -> Value {
    match body {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let shown = match (name.as_str(), value) {
                    ("accessToken" | "token" | "connectUrl" | "confirmationCode", Value::String(text)) => {
                        json!(short(text))
                    }
                    ("fields", Value::Object(fields)) => fields
                        .iter()
                        .map(|(name, value)| (name.clone(), json!(short(value.as_str().unwrap_or_default()))))
                        .collect::<Value>(),
                    _ => shortened(value),
                };
                (name.clone(), shown)
            })
            .collect(),
        Value::Array(values) => values.iter().map(shortened).collect(),
        other => other.clone(),
    }
}
