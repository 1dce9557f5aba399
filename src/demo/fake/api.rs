//! The API behind the credentials: who am I, a few items, an echo. Fernhill takes access tokens and session
//! tokens, Quillpost keys and Basic; both answer here.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::config::{DEMO_PASSWORD, DEMO_USERNAME, KeyState};
use super::fault::{Call, Endpoint};
use super::grants::Owner;
use super::in_flight::InFlight;
use super::state::Fake;
use super::token::raw_basic;
use super::wire::{Answer, play};
use crate::demo::serve::Line;

/// Who calls.
struct Caller {
    id: String,
    label: String,
    /// None: not limited by scopes.
    scopes: Option<Vec<String>>,
    token: Option<(u64, u64)>,
}

impl Caller {
    fn new(name: &str, scopes: Option<Vec<String>>) -> Self {
        let digest = hex::encode(Sha256::digest(name.as_bytes()));
        let id = format!("acct_{}", digest.get(..10).unwrap_or_default());
        Self { id, label: name.to_owned(), scopes, token: None }
    }

    fn may(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|has| has == scope))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The key or token a call carries, in whichever place.
fn presented(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key").and_then(|key| key.to_str().ok()).or_else(|| bearer(headers))
}

/// What a key is worth: what was set for it, else by its prefix.
fn key_state(fake: &Fake, key: &str) -> KeyState {
    if let Some(state) = fake.ledger().keys.get(key) {
        return *state;
    }
    let body = |prefix: &str| {
        let body = key.strip_prefix(prefix)?;
        (body.len() >= 8 && body.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(())
    };
    if body("fake_live_").is_some() {
        KeyState::Valid
    } else if body("fake_restricted_").is_some() {
        KeyState::Restricted
    } else {
        KeyState::Revoked
    }
}

fn caller(fake: &Fake, headers: &HeaderMap) -> Result<Caller, StatusCode> {
    if let Some((username, password)) = raw_basic(headers) {
        return if password == DEMO_PASSWORD {
            Ok(Caller::new(&username, None))
        } else {
            Err(StatusCode::UNAUTHORIZED)
        };
    }
    let Some(presented) = presented(headers) else {
        return Err(StatusCode::UNAUTHORIZED);
    };
    if let Some(access) = fake.ledger().access(presented, fake.now()) {
        let scopes = Some(access.scopes.clone());
        return Ok(match &access.owner {
            Owner::Grant { id, version, username } => {
                Caller { token: Some((*id, *version)), ..Caller::new(username, scopes) }
            }
            Owner::Client(client_id) => Caller::new(client_id, scopes),
            Owner::Session(username) => Caller::new(username, scopes),
        });
    }
    match key_state(fake, presented) {
        KeyState::Valid => Ok(Caller::new(DEMO_USERNAME, None)),
        KeyState::Restricted => Err(StatusCode::FORBIDDEN),
        KeyState::Revoked => Err(StatusCode::UNAUTHORIZED),
    }
}

fn denied(fake: &Fake, status: StatusCode) -> Answer {
    let mut ledger = fake.ledger();
    if status == StatusCode::FORBIDDEN {
        ledger.counters.api_forbidden += 1;
        let message = "this key or token lacks the permission";
        return Answer::json(status, &json!({ "error": "forbidden", "message": message }));
    }
    ledger.counters.api_unauthorized += 1;
    let body = json!({ "error": "unauthorized", "message": "the key or token is missing, wrong or too old" });
    let mut answer = Answer::json(status, &body);
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    answer.headers.insert(header::WWW_AUTHENTICATE, challenge);
    answer
}

fn me(caller: &Caller) -> Value {
    let mut body = json!({
        "id": caller.id,
        "email": caller.label,
        "organisation": "Acme",
        "scopes": caller.scopes,
    });
    if let Some((grant, version)) = caller.token {
        body["grant"] = json!(grant);
        body["tokenVersion"] = json!(version);
    }
    body
}

fn items() -> Value {
    json!({ "data": [
        { "id": "order_1042", "customer": "Harbour & Sons", "total": "129.00", "currency": "EUR" },
        { "id": "order_1043", "customer": "Lumen Studio", "total": "48.50", "currency": "EUR" },
        { "id": "order_1044", "customer": "Orchard Row", "total": "312.75", "currency": "EUR" },
    ] })
}

fn echo(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Value {
    let headers = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect::<Vec<_>>();
    json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
        "bodyBase64": base64::engine::general_purpose::STANDARD.encode(body),
    })
}

/// `ANY /api/{path}`
pub(super) async fn call_api(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let _in_flight = InFlight::enter(&fake, |counters| {
        [&mut counters.api_calls, &mut counters.api_in_flight, &mut counters.api_in_flight_peak]
    });
    let token = presented(&headers).and_then(|token| fake.ledger().identify(token));
    let fault = fake.fault(&Call::of(Endpoint::Api, token, None));
    play(fault, &line, move || {
        let path = uri.path().trim_start_matches("/api");
        // The echo answers anybody, so that a test sees what was sent, right or wrong.
        if path == "/echo" || path.starts_with("/echo/") {
            return Answer::json(StatusCode::OK, &echo(&method, &uri, &headers, &body));
        }
        let caller = match caller(&fake, &headers) {
            Ok(caller) => caller,
            Err(status) => return denied(&fake, status),
        };
        match (&method, path) {
            (&Method::GET, "/me") => Answer::json(StatusCode::OK, &me(&caller)),
            (&Method::GET, "/items") if caller.may("items:read") => Answer::json(StatusCode::OK, &items()),
            (&Method::POST, "/items") if caller.may("items:write") => {
                let sent = serde_json::from_slice::<Value>(&body).unwrap_or_default();
                Answer::json(StatusCode::CREATED, &json!({ "id": "order_1045", "received": sent }))
            }
            (&Method::GET | &Method::POST, "/items") => denied(&fake, StatusCode::FORBIDDEN),
            (_, "/me" | "/items") => Answer::empty(StatusCode::METHOD_NOT_ALLOWED),
            _ => Answer::json(StatusCode::NOT_FOUND, &json!({ "error": "not_found" })),
        }
    })
    .await
}
