//! Control over HTTP, under `/_control`: the same as the methods of [`super::FakeProvider`], for a test that
//! runs the provider as a process of its own. Never on a provider that strangers can reach.

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::{Client, KeyState, Settings};
use super::counters::{Counters, GrantView};
use super::fault::Plan;
use super::grants::GrantId;
use super::state::Fake;

/// Routes under `/_control`.
pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/_control/state", get(show_state))
        .route("/_control/settings", get(show_settings).patch(change_settings))
        .route("/_control/clients", post(register_client))
        .route("/_control/faults", get(list_faults).post(program_fault).delete(clear_faults))
        .route("/_control/release", post(release_held))
        .route("/_control/grants", get(list_grants).post(create_grant))
        .route("/_control/grants/{id}", delete(withdraw_grant).get(show_grant))
        .route("/_control/tokens/identify", post(identify_token))
        .route("/_control/keys", post(set_key))
}

/// What `GET /_control/state` answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Calls counted.
    pub counters: Counters,
    /// Every grant.
    pub grants: Vec<GrantView>,
    /// How many programmed faults still wait.
    pub faults_pending: usize,
}

/// What a grant made by control is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewGrant {
    client_id: String,
    username: String,
    scopes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Token {
    token: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    key: String,
    state: KeyState,
}

type Refused = (StatusCode, Json<Value>);

fn refused(status: StatusCode, message: &str) -> Refused {
    (status, Json(json!({ "message": message })))
}

pub(super) fn snapshot(fake: &Fake) -> Snapshot {
    let faults_pending = fake.faults().pending().len();
    let ledger = fake.ledger();
    Snapshot { counters: ledger.counters.clone(), grants: ledger.views(), faults_pending }
}

async fn show_state(State(fake): State<Fake>) -> Json<Snapshot> {
    Json(snapshot(&fake))
}

async fn show_settings(State(fake): State<Fake>) -> Json<Settings> {
    Json(fake.ledger().settings.clone())
}

async fn change_settings(
    State(fake): State<Fake>,
    Json(changes): Json<serde_json::Map<String, Value>>,
) -> Result<Json<Settings>, Refused> {
    let mut ledger = fake.ledger();
    let mut merged = json!(ledger.settings);
    if let Some(members) = merged.as_object_mut() {
        members.extend(changes);
    }
    let settings = serde_json::from_value::<Settings>(merged)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))?;
    ledger.settings = settings.clone();
    Ok(Json(settings))
}

async fn register_client(State(fake): State<Fake>, Json(client): Json<Client>) -> StatusCode {
    fake.ledger().clients.insert(client.id.clone(), client);
    StatusCode::NO_CONTENT
}

async fn list_faults(State(fake): State<Fake>) -> Json<Value> {
    let pending = fake.faults().pending();
    let data = pending.iter().map(|(id, plan)| json!({ "id": id, "plan": plan })).collect::<Vec<_>>();
    Json(json!({ "data": data }))
}

async fn program_fault(State(fake): State<Fake>, Json(plan): Json<Plan>) -> (StatusCode, Json<Value>) {
    let id = fake.faults().program(plan);
    (StatusCode::CREATED, Json(json!({ "id": id })))
}

async fn clear_faults(State(fake): State<Fake>) -> StatusCode {
    fake.faults().clear();
    StatusCode::NO_CONTENT
}

async fn release_held(State(fake): State<Fake>) -> StatusCode {
    fake.release();
    StatusCode::NO_CONTENT
}

async fn list_grants(State(fake): State<Fake>) -> Json<Value> {
    Json(json!({ "data": fake.ledger().views() }))
}

async fn show_grant(State(fake): State<Fake>, Path(id): Path<GrantId>) -> Result<Json<GrantView>, Refused> {
    let view = fake.ledger().view(id);
    view.map(Json).ok_or(refused(StatusCode::NOT_FOUND, "there is no such grant"))
}

async fn create_grant(State(fake): State<Fake>, Json(new): Json<NewGrant>) -> (StatusCode, Json<Value>) {
    let issued = fake.with_mint(|ledger, mint| ledger.grant(&new.client_id, &new.username, new.scopes, mint));
    let body = json!({
        "id": issued.grant,
        "accessToken": issued.access_token,
        "refreshToken": issued.refresh_token,
        "expiresIn": issued.expires_in,
        "scopes": issued.scopes,
    });
    (StatusCode::CREATED, Json(body))
}

async fn withdraw_grant(State(fake): State<Fake>, Path(id): Path<GrantId>) -> Result<StatusCode, Refused> {
    if fake.ledger().end(id, super::GrantEnd::Withdrawn) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(refused(StatusCode::NOT_FOUND, "there is no such live grant"))
    }
}

async fn identify_token(State(fake): State<Fake>, Json(sent): Json<Token>) -> Result<Json<Value>, Refused> {
    let found = fake.ledger().identify(&sent.token);
    let (grant, version) = found.ok_or(refused(StatusCode::NOT_FOUND, "the token is unknown"))?;
    Ok(Json(json!({ "grant": grant, "version": version })))
}

async fn set_key(State(fake): State<Fake>, Json(sent): Json<Key>) -> StatusCode {
    fake.ledger().keys.insert(sent.key, sent.state);
    StatusCode::NO_CONTENT
}
