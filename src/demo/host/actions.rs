//! What the buttons do. Each answers `{steps, …}`: the account of every call that was made.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Host;
use super::hub::{AppCredential, HubAnswer, segment};
use super::page::with_trouble;

/// What the front end asks for when *Connect* or *Reconnect* is pressed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Connect {
    credential_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Confirm {
    session_id: String,
    confirmation_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Use {
    connector: String,
    /// Whether the hub makes the call, so that Acme never sees the credential.
    #[serde(default)]
    proxy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Disconnect {
    credential_id: String,
}

/// What the hub puts on `returnUrl`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Returned {
    session_id: Option<String>,
    confirmation_code: Option<String>,
    status: Option<String>,
}

fn told(status: StatusCode, answers: &[&HubAnswer], more: Value) -> Response {
    let mut body = json!({ "steps": answers.iter().map(|answer| &answer.step).collect::<Vec<_>>() });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    (status, Json(body)).into_response()
}

fn failed(answers: &[&HubAnswer]) -> Response {
    let trouble = answers.last().map(|answer| answer.trouble()).unwrap_or_default();
    told(StatusCode::BAD_GATEWAY, answers, json!({ "trouble": trouble }))
}

async fn session(host: &Host, credential_id: Option<&str>) -> HubAnswer {
    let user = &host.user;
    let mut body = json!({
        "user": { "username": user.username, "fullName": user.full_name, "email": user.email },
        "allowedOrigins": [host.origin],
        "returnUrl": format!("{}/connected", host.origin),
    });
    let said = if let Some(id) = credential_id {
        body["credentialId"] = json!(id);
        "Acme’s back end asked the hub for a connect session that may only renew this one connection."
    } else {
        body["integration"] = json!(host.integration);
        "Acme’s back end asked the hub for a connect session. Its token goes to the page; the API key never does."
    };
    host.hub.call(Method::POST, "/connect/sessions", &[], Some(&body), said).await
}

/// `POST /connect-token`
pub(super) async fn create_connect_token(State(host): State<Host>, Json(asked): Json<Connect>) -> Response {
    if let Some(id) = &asked.credential_id
        && let Err(refused) = own(&host, id).await
    {
        return *refused;
    }
    let made = session(&host, asked.credential_id.as_deref()).await;
    match made.body["token"].as_str() {
        Some(token) if made.ok() => told(StatusCode::OK, &[&made], json!({ "token": token })),
        Some(_) | None => failed(&[&made]),
    }
}

/// `POST /connect-link`: the same without the script, on the hub's own page.
pub(super) async fn open_connect_link(State(host): State<Host>, headers: HeaderMap) -> Response {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let made = session(&host, None).await;
    match made.body["connectUrl"].as_str() {
        Some(url) if made.ok() => Redirect::to(url).into_response(),
        Some(_) | None => with_trouble(&host, &made.trouble()).await,
    }
}

async fn confirm(host: &Host, session_id: &str, code: &str) -> HubAnswer {
    let path = format!("/connect/sessions/{}/confirm", segment(session_id));
    let body = json!({ "userId": host.user.username, "confirmationCode": code });
    let said = "Acme’s back end confirmed that the person who came back is the one who is signed in here.";
    host.hub.call(Method::POST, &path, &[], Some(&body), said).await
}

/// `GET /connected`: where the hub sends the browser back to after a full-page flow.
pub(super) async fn finish_redirect(State(host): State<Host>, Query(back): Query<Returned>) -> Response {
    if let (Some(session_id), Some(code)) = (&back.session_id, &back.confirmation_code) {
        let confirmed = confirm(&host, session_id, code).await;
        if !confirmed.ok() {
            return with_trouble(&host, &confirmed.trouble()).await;
        }
        return Redirect::to("/?result=completed").into_response();
    }
    let result = match back.status.as_deref() {
        Some("completed" | "active") => "completed",
        Some("cancelled") => "cancelled",
        Some(_) | None => "ended",
    };
    Redirect::to(&format!("/?result={result}")).into_response()
}

/// `POST /confirm`: for a result of the modal that carries a confirmation code.
pub(super) async fn confirm_connection(State(host): State<Host>, Json(asked): Json<Confirm>) -> Response {
    let confirmed = confirm(&host, &asked.session_id, &asked.confirmation_code).await;
    if confirmed.ok() { told(StatusCode::OK, &[&confirmed], json!({})) } else { failed(&[&confirmed]) }
}

/// `POST /use`
pub(super) async fn use_connection(State(host): State<Host>, Json(asked): Json<Use>) -> Response {
    let Some(app) = host.connectors.iter().find(|app| app.key == asked.connector) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if asked.proxy {
        let path = format!("/proxy/{}", app.proxy_path);
        let headers =
            [("Vouchsafe-User", host.user.username.as_str()), ("Vouchsafe-Connector", app.key.as_str())];
        let said = format!(
            "Acme called {} through the hub, which put the credential in: Acme never saw it.",
            app.name
        );
        let called = host.hub.call(Method::GET, &path, &headers, None, &said).await;
        return if called.ok() { told(StatusCode::OK, &[&called], json!({})) } else { failed(&[&called]) };
    }
    let path = format!("/users/{}/connectors/{}/token", segment(&host.user.username), segment(&app.key));
    let said = format!("Acme’s back end fetched Jo’s credential for {}. The hub keeps it fresh.", app.name);
    let fetched = host.hub.call(Method::GET, &path, &[], None, &said).await;
    let Some(credential) = AppCredential::from_answer(&fetched.body).filter(|_| fetched.ok()) else {
        return failed(&[&fetched]);
    };
    let said = format!("With it Acme called {} itself.", app.name);
    let called = host.hub.call_app(&app.call_url, &credential, &said).await;
    if called.ok() {
        told(StatusCode::OK, &[&fetched, &called], json!({}))
    } else {
        failed(&[&fetched, &called])
    }
}

/// Makes sure that a credential the browser names is the signed-in user's: the hub can't know who asks.
async fn own(host: &Host, credential_id: &str) -> Result<(), Box<Response>> {
    let listed = super::page::credentials(host).await;
    if !listed.ok() {
        return Err(Box::new(failed(&[&listed])));
    }
    let has = |row: &Value| row["credentialId"].as_str() == Some(credential_id);
    if listed.body["data"].as_array().is_some_and(|rows| rows.iter().any(has)) {
        return Ok(());
    }
    let body = json!({ "steps": [], "trouble": "that connection is not yours, or is gone" });
    Err(Box::new((StatusCode::NOT_FOUND, Json(body)).into_response()))
}

/// `POST /disconnect`
pub(super) async fn disconnect(State(host): State<Host>, Json(asked): Json<Disconnect>) -> Response {
    if let Err(refused) = own(&host, &asked.credential_id).await {
        return *refused;
    }
    let path = format!("/credentials/{}", segment(&asked.credential_id));
    let said = "Acme asked the hub to forget the connection; where the app allows it, the hub also took it back there.";
    let gone = host.hub.call(Method::DELETE, &path, &[], None, said).await;
    if gone.ok() { told(StatusCode::OK, &[&gone], json!({})) } else { failed(&[&gone]) }
}
