//! The one page of the host app, and the part of it that lists what is connected.

use axum::extract::{Query, State};
use axum::response::Response;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tera::Context;

use super::Host;
use super::hub::{HubAnswer, segment};
use crate::demo::fake::VALID_KEY;
use crate::demo::pages::guard;

#[derive(Debug, Serialize)]
struct Row {
    credential_id: String,
    connector: String,
    app: String,
    monogram: String,
    account: String,
    status: String,
    state: String,
    mark: &'static str,
    usable: bool,
    reconnect: bool,
}

#[derive(Debug, Serialize)]
struct App<'a> {
    key: &'a str,
    name: &'a str,
    monogram: String,
    connected: bool,
}

/// What a redirect brought back.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Arrival {
    #[serde(default)]
    result: Option<String>,
}

#[derive(Debug, Serialize)]
struct Note {
    tone: &'static str,
    text: String,
}

/// The credentials of the signed-in user, as the hub lists them.
pub(super) async fn credentials(host: &Host) -> HubAnswer {
    let path = format!("/users/{}/credentials", segment(&host.user.username));
    host.hub.call(Method::GET, &path, &[], None, "Acme asked the hub what Jo has connected.").await
}

fn monogram(name: &str) -> String {
    name.chars().take(1).flat_map(char::to_uppercase).collect()
}

/// A status in the words of the page.
fn state(status: &str) -> String {
    if status == "active" {
        return "Connected".to_owned();
    }
    format!("{}{}", monogram(status), status.chars().skip(1).collect::<String>())
}

fn row(host: &Host, credential: &Value) -> Option<Row> {
    let connector = credential["connector"].as_str()?.to_owned();
    let known = host.connectors.iter().find(|app| app.key == connector);
    let app = known.map_or(connector.clone(), |app| app.name.clone());
    let status = credential["status"].as_str().unwrap_or("unknown").to_owned();
    let mark = match status.as_str() {
        "active" => "good",
        "pending" => "wait",
        "error" | "expired" | "revoked" => "bad",
        _ => "none",
    };
    Some(Row {
        credential_id: credential["credentialId"].as_str()?.to_owned(),
        monogram: monogram(&app),
        account: credential["account"]["label"].as_str().unwrap_or_default().to_owned(),
        usable: known.is_some() && status == "active",
        reconnect: credential["nextStep"].as_str() == Some("reconnect"),
        connector,
        app,
        state: state(&status),
        status,
        mark,
    })
}

/// Puts what is connected into `context`.
async fn connections(host: &Host, context: &mut Context) {
    let listed = credentials(host).await;
    // A user whom nobody has connected yet is unknown to the hub: that is an empty list, not a failure.
    let trouble = (!listed.ok() && listed.status != Some(404)).then(|| listed.trouble());
    let rows = listed.body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = rows.iter().filter_map(|credential| row(host, credential)).collect::<Vec<_>>();
    let has = |key: &str| rows.iter().any(|row| row.connector == key && row.status == "active");
    let app = |app: &super::HostConnector| (app.key.clone(), app.name.clone(), has(&app.key));
    let apps = host.connectors.iter().map(app).collect::<Vec<_>>();
    let apps = apps
        .iter()
        .map(|(key, name, connected)| App { key, name, monogram: monogram(name), connected: *connected })
        .collect::<Vec<_>>();
    context.insert("complete", &(!apps.is_empty() && apps.iter().all(|app| app.connected)));
    context.insert("apps", &apps);
    context.insert("rows", &rows);
    context.insert("trouble", &trouble);
    context.insert("hub", host.hub.base());
}

/// `GET /connections`: the list alone, for the page to put in.
pub(super) async fn show_connections(State(host): State<Host>) -> Response {
    let mut context = Context::new();
    connections(&host, &mut context).await;
    guard(host.pages.render(StatusCode::OK, "connections", &context), "default-src 'none'")
}

/// `GET /`
pub(super) async fn show_page(State(host): State<Host>, Query(arrival): Query<Arrival>) -> Response {
    let (tone, text) = match arrival.result.as_deref() {
        Some("completed") => ("good", "Connected. You are back where you began."),
        Some("cancelled") => ("plain", "Nothing was connected."),
        Some(_) => ("plain", "The connect page was left before it ended."),
        None => return page(&host, StatusCode::OK, None).await,
    };
    page(&host, StatusCode::OK, Some(Note { tone, text: text.to_owned() })).await
}

/// The page with what went wrong on top.
pub(super) async fn with_trouble(host: &Host, trouble: &str) -> Response {
    let text = format!("The hub didn’t do it: {trouble}");
    page(host, StatusCode::BAD_GATEWAY, Some(Note { tone: "bad", text })).await
}

async fn page(host: &Host, status: StatusCode, note: Option<Note>) -> Response {
    let mut context = Context::new();
    connections(host, &mut context).await;
    context.insert("title", &format!("{} · Acme", host.integration_name));
    context.insert("user", &host.user.email);
    context.insert("integration", &host.integration_name);
    context.insert("note", &note);
    context.insert("demo_key", VALID_KEY);
    guard(host.pages.render(status, "host", &context), &policy(host.hub.base()))
}

/// Nothing but our own files, the hub's script and the hub's frame.
fn policy(hub: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' {hub}; style-src 'self' {hub}; img-src 'self' {hub} data:; \
         connect-src 'self' {hub}; frame-src {hub}; form-action 'self' {hub}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}
