//! A subscription that ends while somebody connects: what was begun before is not finished, and nothing is stored.

use serde_json::{Value, json};
use vouchsafe::demo::fake::{QUILLPOST, VALID_KEY};
use vouchsafe_entity::kind::WorkspaceState;

use crate::support::app::TestApp;
use crate::support::http::TestResponse;
use crate::support::modal::Modal;

const CODE: &str = "subscription_required";

/// Sends what the script of a modal sends.
async fn send(app: &TestApp, modal: &Modal<'_>, path: &str, body: &Value) -> TestResponse {
    app.anonymous().header("authorization", &format!("Bearer {}", modal.token)).post(path, body).await
}

async fn connected(app: &TestApp) -> usize {
    let listed = app.as_key().get("/users/u-17/credentials").await.ok(200);
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_session_from_before_begins_no_sign_in_and_takes_no_key() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill", QUILLPOST]})).await;
    let started = modal.ticket("fernhill").await;
    app.set_state(WorkspaceState::Suspended).await;

    let ticket = json!({"connector": "fernhill"});
    send(&app, &modal, "/connect/tickets", &ticket).await.assert_problem(403, CODE);
    let key = json!({"connector": QUILLPOST, "method": "api_key", "data": {"key": VALID_KEY}});
    send(&app, &modal, "/connect/credentials", &key).await.assert_problem(403, CODE);
    let start = app.anonymous().get(started["startUrl"].as_str().unwrap()).await;
    assert_eq!(start.status, 400, "a ticket from before");
    assert!(String::from_utf8_lossy(&start.body).contains(CODE));
    assert_eq!(connected(&app).await, 0);
    let denied = app.as_key().get("/audit-events?action=request.denied").await.ok(200);
    assert_eq!(denied["data"].as_array().unwrap().len(), 3, "each is written down: {denied}");

    app.set_state(WorkspaceState::Active).await;
    assert_eq!(send(&app, &modal, "/connect/credentials", &key).await.status, 200);
    assert_eq!(connected(&app).await, 1);
}

#[tokio::test]
async fn an_answer_of_the_app_that_comes_too_late_is_not_exchanged() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    app.set_state(WorkspaceState::Suspended).await;

    let (status, page) = app.callback(&back, &popup.cookie).await;
    assert_eq!(status, 200);
    assert!(page.contains(CODE) && !page.contains("jo@acme.test"), "{page}");
    let result = modal.result("fernhill").await;
    assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!(CODE)));
    assert_eq!(app.fake.counters().token_requests, 0, "the code is not redeemed");
    assert_eq!(connected(&app).await, 0);
    let failed = app.as_key().get("/audit-events?action=connect.failed").await.ok(200);
    assert_eq!(failed["data"][0]["reason"], format!("fernhill: {CODE}"));
}

#[tokio::test]
async fn what_waits_for_a_decision_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let popup = app.other_account("u-17", &credential).await;
    let body = json!({
        "userId": "u-18", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let waiting = app.modal(&body).await;
    waiting.popup("fernhill").await.allow(&app, "sam@acme.test").await;
    let code = waiting.state().await["connectors"][0]["confirmationCode"].clone();
    app.set_state(WorkspaceState::Suspended).await;

    let request = app.client.post(format!("{}/connect/account", app.base_url));
    let form = [("flow", popup.flow.as_str()), ("decision", "accept")];
    let decided = request.header("cookie", &popup.cookie).form(&form).send().await.unwrap();
    assert_eq!(decided.status(), 400);
    assert!(decided.text().await.unwrap().contains(CODE));
    let confirm = format!("/connect/sessions/{}/confirm", waiting.session);
    let body = json!({"userId": "u-18", "confirmationCode": code});
    app.as_key().post(&confirm, &body).await.assert_problem(403, CODE);
    assert_eq!(app.shown(&credential).await["account"]["label"], "jo@acme.test");

    app.clock.advance(chrono::TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().grants_revoked, 2, "the app is told of both");
    let listed = app.as_key().get("/users/u-18/credentials").await.ok(200);
    assert_eq!(listed["data"], json!([]));
}
