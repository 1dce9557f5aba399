//! Links to reconnect that events carry: for one credential, once, for a week, confirmed by the back end.

use serde_json::{Value, json};
use url::Url;
use vouchsafe::demo::fake::VALID_KEY;
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;

const DAY: i64 = 86_400;

/// Ends a key of `user` and gives the link that the event carries.
async fn ended(app: &TestApp, user: &str) -> (String, Value) {
    app.as_key().post("/users", &json!({"username": user})).await;
    let id = app.credential(user).await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    let event = app.all_events().await.pop().unwrap();
    assert_eq!((&event["type"], &event["credentialId"]), (&json!("credential.revoked"), &json!(id)));
    (id, event["reconnectUrl"].clone())
}

async fn returning(app: &TestApp) {
    let settings = json!({"defaultReturnUrl": "https://app.acme.test/back"});
    app.as_key().patch("/environment", &settings).await.ok(200);
}

/// The session's token, which stands behind the `#`.
fn token(link: &Value) -> String {
    let url = Url::parse(link.as_str().unwrap()).unwrap();
    assert_eq!(url.path(), "/connect");
    url.fragment().unwrap().to_owned()
}

/// Types a key into the page of a link, as its script would.
async fn submit(app: &TestApp, token: &str) -> (u16, String) {
    let body = json!({"connector": "quillpost", "method": "api_key", "data": {"key": VALID_KEY}});
    let request = app
        .client
        .post(format!("{}/connect/credentials", app.base_url))
        .bearer_auth(token)
        .header("vouchsafe-mode", "hosted");
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_link_reconnects_its_credential_once_and_the_back_end_confirms() {
    let Some(app) = TestApp::start().await else { return };
    returning(&app).await;
    let (id, link) = ended(&app, "u").await;
    let token = token(&link);
    let session = token.split('.').next().unwrap().to_owned();
    let (status, page) = submit(&app, &token).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(app.shown(&id).await["status"], "revoked", "not before the back end says so");
    let back = page.split("https://app.acme.test/back?").nth(1).unwrap().split('"').next().unwrap();
    let code = back.split("confirmationCode=").nth(1).unwrap().split('&').next().unwrap();
    let confirm = json!({"userId": "u", "confirmationCode": code});
    app.as_key().post(&format!("/connect/sessions/{session}/confirm"), &confirm).await.ok(200);
    assert_eq!(app.shown(&id).await["status"], "active");
    assert_eq!(app.events(&id).await.last().unwrap(), "credential.reconnected");
    let (status, _) = submit(&app, &token).await;
    assert_eq!(status, 401, "a link is good once");
}

#[tokio::test]
async fn a_link_is_good_for_a_week() {
    let Some(app) = TestApp::start().await else { return };
    returning(&app).await;
    let (_, first) = ended(&app, "u").await;
    let (_, second) = ended(&app, "v").await;
    app.pass(7 * DAY - 1);
    assert_eq!(submit(&app, &token(&first)).await.0, 200);
    app.pass(1);
    assert_eq!(submit(&app, &token(&second)).await.0, 401);
}

#[tokio::test]
async fn there_is_no_link_where_it_could_not_be_used() {
    let Some(app) = TestApp::start().await else { return };
    assert_eq!(ended(&app, "u").await.1, Value::Null, "the code could not come back");
    returning(&app).await;
    assert!(ended(&app, "u").await.1.is_string());
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    app.set_state(WorkspaceState::Suspended).await;
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    let event = app.all_events().await.pop().unwrap();
    assert_eq!((&event["type"], &event["reconnectUrl"]), (&json!("credential.revoked"), &Value::Null));
    app.set_state(WorkspaceState::Active).await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let off = json!({"provider": "quillpost", "enabled": false});
    app.as_key().put("/connectors/quillpost", &off).await.ok(201);
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    assert_eq!(app.all_events().await.pop().unwrap()["reconnectUrl"], Value::Null, "the connector is off");
}

#[tokio::test]
async fn the_embedders_own_page_comes_first_and_a_read_makes_no_link() {
    let Some(app) = TestApp::start().await else { return };
    returning(&app).await;
    let (id, _) = ended(&app, "u").await;
    assert_eq!(app.shown(&id).await["reconnectUrl"], Value::Null, "a read makes no session");
    let template = json!({"reconnectUrl": "https://app.acme.test/fix/{credentialId}"});
    app.as_key().patch("/environment", &template).await.ok(200);
    let (other, link) = ended(&app, "v").await;
    assert_eq!(link, format!("https://app.acme.test/fix/{other}"));
    assert_eq!(app.shown(&other).await["reconnectUrl"], link);
    let events = app.all_events().await;
    let created = events.iter().find(|event| event["type"] == "credential.created").unwrap();
    assert_eq!(created["reconnectUrl"], Value::Null, "only where reconnecting helps");
}
