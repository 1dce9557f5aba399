//! The token and revocation endpoints (RFC 6749, RFC 7009) and the session login.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::config::{ClientAuth, DEMO_PASSWORD};
use super::fault::{Call, Endpoint};
use super::grants::{Issued, Owner, Refusal};
use super::in_flight::InFlight;
use super::state::Fake;
use super::wire::{Answer, play};
use crate::demo::serve::Line;

/// The body of a request: form or JSON, each name once.
#[derive(Debug, Clone, Default)]
struct Params {
    members: BTreeMap<String, String>,
    repeated: bool,
}

impl Params {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut params = Self::default();
        if kind.starts_with("application/json") {
            let members = serde_json::from_slice::<BTreeMap<String, Value>>(body).unwrap_or_default();
            params.members = members
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                .collect();
            return params;
        }
        for (name, value) in form_urlencoded::parse(body) {
            params.repeated |= params.members.insert(name.into_owned(), value.into_owned()).is_some();
        }
        params
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.members.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or(Refusal::new("invalid_request", "a parameter is missing"))
    }
}

/// Credentials from an `Authorization: Basic` header, form-decoded as RFC 6749 section 2.3.1 wants.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (user, password) = raw_basic(headers)?;
    let decode = |part: &str| {
        let joined = format!("v={part}");
        form_urlencoded::parse(joined.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(&user.replace('&', "%26"))?, decode(&password.replace('&', "%26"))?))
}

/// User name and password from an `Authorization: Basic` header as they stand.
pub(super) fn raw_basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The client id a request claims, proven or not.
fn claimed_client(headers: &HeaderMap, params: &Params) -> Option<String> {
    basic(headers).map(|(id, _)| id).or_else(|| params.get("client_id").map(ToOwned::to_owned))
}

/// The client that proved itself.
fn client(fake: &Fake, headers: &HeaderMap, params: &Params) -> Result<String, Refusal> {
    let in_header = basic(headers);
    let (by_header, by_body) = (in_header.is_some(), params.get("client_secret").is_some());
    if by_header && by_body {
        return Err(Refusal::new("invalid_request", "the client proves itself twice"));
    }
    let (id, secret) = match in_header {
        Some((id, secret)) => (id, Some(secret)),
        None => (params.need("client_id")?.to_owned(), params.get("client_secret").map(ToOwned::to_owned)),
    };
    let ledger = fake.ledger();
    let unknown = Refusal::new("invalid_client", "the client is unknown or its secret is wrong");
    let client = ledger.clients.get(&id).ok_or(unknown)?;
    let way = match client.auth {
        ClientAuth::Any => true,
        ClientAuth::ClientSecretPost => by_body,
        ClientAuth::ClientSecretBasic => by_header,
    };
    let proven = match (&client.secret, secret) {
        (Some(kept), Some(given)) => {
            way && bool::from(kept.expose_secret().as_bytes().ct_eq(given.as_bytes()))
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if proven { Ok(id) } else { Err(unknown) }
}

fn tokens(issued: &Issued) -> Answer {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "scope": issued.scopes.join(" "),
    });
    if let Some(seconds) = issued.expires_in {
        body["expires_in"] = json!(seconds);
    }
    if let Some(token) = &issued.refresh_token {
        body["refresh_token"] = json!(token);
    }
    Answer::json(StatusCode::OK, &body)
}

fn refusal(refusal: &Refusal) -> Answer {
    let body = json!({ "error": refusal.error, "error_description": refusal.description });
    let mut answer = Answer::json(refusal.status, &body);
    if refusal.status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"fernhill\"");
        answer.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// `POST /oauth/token`
pub(super) async fn create_token(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let _in_flight = InFlight::enter(&fake, |counters| {
        [&mut counters.token_requests, &mut counters.token_in_flight, &mut counters.token_in_flight_peak]
    });
    let params = Params::read(&headers, &body);
    let (endpoint, token) = arrive(&fake, &params);
    let claimed = claimed_client(&headers, &params);
    let fault = fake.fault(&Call::of(endpoint, token, claimed.as_deref()));
    play(fault, &line, move || {
        let outcome = issue(&fake, &headers, &params);
        let counters = &mut fake.ledger().counters;
        match outcome {
            Ok(issued) => {
                counters.tokens_issued += 1;
                tokens(&issued)
            }
            Err(error) => {
                counters.tokens_refused += 1;
                refusal(&error)
            }
        }
    })
    .await
}

/// Counts the request and finds the token it spends.
fn arrive(fake: &Fake, params: &Params) -> (Endpoint, Option<(u64, u64)>) {
    let mut ledger = fake.ledger();
    match params.get("grant_type") {
        Some("authorization_code") => {
            ledger.counters.exchanges += 1;
            (Endpoint::Exchange, None)
        }
        Some("refresh_token") => {
            ledger.counters.refreshes += 1;
            let token = params.get("refresh_token").and_then(|token| ledger.arrived(token));
            (Endpoint::Refresh, token)
        }
        Some("client_credentials") => {
            ledger.counters.client_credentials += 1;
            (Endpoint::ClientCredentials, None)
        }
        Some(_) | None => (Endpoint::Token, None),
    }
}

fn issue(fake: &Fake, headers: &HeaderMap, params: &Params) -> Result<Issued, Refusal> {
    if params.repeated {
        return Err(Refusal::new("invalid_request", "a parameter is given twice"));
    }
    let grant_type = params.need("grant_type")?;
    let client_id = client(fake, headers, params)?;
    match grant_type {
        "authorization_code" => {
            let (code, verifier) = (params.need("code")?, params.need("code_verifier")?);
            let redirect_uri = params.need("redirect_uri")?;
            fake.with_mint(|ledger, mint| ledger.exchange(code, &client_id, redirect_uri, verifier, mint))
        }
        "refresh_token" => {
            let token = params.need("refresh_token")?;
            fake.with_mint(|ledger, mint| ledger.refresh(token, &client_id, params.get("scope"), mint))
        }
        "client_credentials" => fake.with_mint(|ledger, mint| {
            if ledger.clients.get(&client_id).is_none_or(|client| client.secret.is_none()) {
                return Err(Refusal::new("unauthorized_client", "a public client has no credentials"));
            }
            let asked = params.get("scope").unwrap_or("profile items:read items:write");
            let scopes = asked.split_whitespace().map(ToOwned::to_owned).collect();
            Ok(ledger.access_token(Owner::Client(client_id), scopes, mint))
        }),
        _ => Err(Refusal::new("unsupported_grant_type", "this grant type is not supported")),
    }
}

/// `POST /oauth/revoke`
pub(super) async fn revoke_token(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let _in_flight = InFlight::enter(&fake, |counters| {
        [
            &mut counters.revocations,
            &mut counters.revocations_in_flight,
            &mut counters.revocations_in_flight_peak,
        ]
    });
    let params = Params::read(&headers, &body);
    let token = params.get("token").unwrap_or_default().to_owned();
    let claimed = claimed_client(&headers, &params);
    let known = fake.ledger().identify(&token);
    let fault = fake.fault(&Call::of(Endpoint::Revoke, known, claimed.as_deref()));
    play(fault, &line, move || {
        let client_id = match client(&fake, &headers, &params) {
            Ok(client_id) => client_id,
            Err(error) => return refusal(&error),
        };
        if token.is_empty() {
            return refusal(&Refusal::new("invalid_request", "the token is missing"));
        }
        let mut ledger = fake.ledger();
        let ended = ledger.revoke(&token, &client_id);
        ledger.counters.grants_revoked += ended;
        Answer::empty(StatusCode::OK)
    })
    .await
}

/// `POST /session/login`
pub(super) async fn create_session(
    State(fake): State<Fake>,
    Extension(line): Extension<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    fake.ledger().counters.logins += 1;
    let fault = fake.fault(&Call::of(Endpoint::Login, None, None));
    play(fault, &line, move || {
        let params = Params::read(&headers, &body);
        let given = raw_basic(&headers)
            .or_else(|| Some((params.get("username")?.to_owned(), params.get("password")?.to_owned())));
        let Some((username, _)) = given.filter(|(_, password)| password == DEMO_PASSWORD) else {
            let body = json!({ "error": "login_failed", "message": "user name or password is wrong" });
            return Answer::json(StatusCode::UNAUTHORIZED, &body);
        };
        let scopes = ["profile", "items:read", "items:write"].map(ToOwned::to_owned).to_vec();
        let issued =
            fake.with_mint(|ledger, mint| ledger.access_token(Owner::Session(username), scopes, mint));
        let mut body = json!({ "session_token": issued.access_token });
        if let Some(seconds) = issued.expires_in {
            body["expires_in"] = json!(seconds);
        }
        Answer::json(StatusCode::OK, &body)
    })
    .await
}
