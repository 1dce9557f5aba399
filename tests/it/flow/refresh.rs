//! Tokens that work: fresh ones are read, due ones renewed once, and a failure breaks nothing that still lives.

use std::collections::HashSet;

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan};

use crate::support::app::TestApp;
use crate::support::wait::eventually;

async fn connected(app: &TestApp) -> String {
    app.put_fernhill().await;
    app.connect("u-17").await
}

fn path(credential: &str) -> String {
    format!("/credentials/{credential}/token")
}

#[tokio::test]
async fn a_fresh_token_is_read_without_asking_the_app() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let requests = app.fake.counters().token_requests;
    let first = app.token(&credential).await;
    assert_eq!(first, app.token(&credential).await);
    assert_eq!(first["tokenType"], "Bearer");
    assert_eq!(first["expiresAt"], "2030-01-01T01:00:00.000Z");
    assert_eq!(app.fake.counters().token_requests, requests);
}

#[tokio::test]
async fn a_spent_token_is_renewed_once_for_200_callers() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let old = app.token(&credential).await["accessToken"].clone();
    app.clock.advance(TimeDelta::hours(2));
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::delay_before(100)));
    let reads = (0..200).map(|_| {
        let (reader, path) = (app.as_key(), path(&credential));
        async move { reader.get(&path).await.ok(200)["accessToken"].as_str().unwrap().to_owned() }
    });
    let tokens: HashSet<String> = futures_util::future::join_all(reads).await.into_iter().collect();
    assert_eq!(tokens.len(), 1);
    assert!(!tokens.contains(old.as_str().unwrap()));
    assert_eq!(app.fake.counters().refreshes, 1);
    assert!(app.fake.grants()[0].alive);
}

#[tokio::test]
async fn rotation_goes_on_and_on() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let mut seen = HashSet::new();
    for _ in 0..50 {
        assert!(seen.insert(app.token(&credential).await["accessToken"].as_str().unwrap().to_owned()));
        app.clock.advance(TimeDelta::hours(2));
    }
    let grant = &app.fake.grants()[0];
    assert!(grant.alive && grant.versions.iter().all(|version| version.reuse == 0));
    assert_eq!(app.events(&credential).await, ["credential.created"], "renewing is no event");
}

#[tokio::test]
async fn a_due_token_is_served_and_renewed_behind_it() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let old = app.token(&credential).await["accessToken"].clone();
    app.clock.advance(TimeDelta::minutes(58));
    assert_eq!(app.token(&credential).await["accessToken"], old, "served at once");
    eventually("a new token", async || {
        let token = app.token(&credential).await["accessToken"].clone();
        if token == old { Err(token) } else { Ok(()) }
    })
    .await;
    assert_eq!(app.fake.counters().refreshes, 1);
}

#[tokio::test]
async fn what_is_due_is_renewed_without_anybody_asking() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    app.clock.advance(TimeDelta::minutes(58));
    app.hub.work_off_due().await.unwrap();
    eventually("a refresh", async || {
        let shown = app.shown(&credential).await["lastRefreshedAt"].clone();
        if shown.is_null() { Err(shown) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_leaves_the_old_one() {
    let Some(app) = TestApp::start().await else { return };
    app.fake.configure(|settings| settings.kind = vouchsafe::demo::fake::RefreshKind::Static);
    let credential = connected(&app).await;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::hours(2));
        app.token(&credential).await;
    }
    assert_eq!(app.fake.counters().refreshes, 3);
    let audit = app.as_key().get("/audit-events?action=credential.refreshed").await.ok(200);
    let told = audit["data"][0]["reason"].as_str().unwrap();
    assert!(told.starts_with("version ") && told.ends_with(", node node_test"), "{told}");
}

#[tokio::test]
async fn a_token_that_still_lives_is_served_while_the_app_is_down() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let old = app.token(&credential).await["accessToken"].clone();
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).always());
    app.clock.advance(TimeDelta::minutes(58));
    assert_eq!(app.token(&credential).await["accessToken"], old);
    eventually("a failed refresh", async || {
        let shown = app.shown(&credential).await;
        let reason = shown["statusReason"].clone();
        if reason.is_null() { Err(reason) } else { Ok(()) }
    })
    .await;
    assert_eq!(app.shown(&credential).await["status"], "active");
    assert_eq!(app.token(&credential).await["accessToken"], old);
    let audit = app.as_key().get("/audit-events?action=credential.refresh_failed").await.ok(200);
    let told = audit["data"][0]["reason"].as_str().unwrap();
    assert!(told.contains(", version ") && told.ends_with(", node node_test"), "{told}");

    app.clock.advance(TimeDelta::minutes(5));
    let problem = app.as_key().get(&path(&credential)).await;
    problem.assert_problem(503, "refresh_pending");
    assert!(problem.header("retry-after").is_some());
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["status"], &shown["nextStep"]), (&json!("error"), &Value::Null));

    app.fake.clear_faults();
    app.clock.advance(TimeDelta::minutes(30));
    assert_ne!(app.token(&credential).await["accessToken"], old, "it heals by itself");
    assert_eq!(app.shown(&credential).await["status"], "active");
}

#[tokio::test]
async fn a_grant_that_the_user_took_back_is_expired_after_a_second_look() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    app.fake.withdraw(app.fake.grants()[0].id);
    app.clock.advance(TimeDelta::hours(2));
    app.as_key().get(&path(&credential)).await.assert_problem(503, "refresh_pending");
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["status"], &shown["statusReason"]), (&json!("error"), &json!("refusal_unconfirmed")));

    app.clock.advance(TimeDelta::minutes(2));
    app.as_key().get(&path(&credential)).await.assert_problem(409, "credential_expired");
    let shown = app.shown(&credential).await;
    assert_eq!(shown["status"], "expired");
    assert_eq!((&shown["statusReason"], &shown["nextStep"]), (&json!("grant_refused"), &json!("reconnect")));
    let events = app.events(&credential).await;
    assert_eq!(events.iter().filter(|kind| *kind == "credential.expired").count(), 1, "{events:?}");

    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    app.token(&credential).await;
    assert_eq!(app.shown(&credential).await["status"], "active", "the same id lives again");
}

#[tokio::test]
async fn a_refused_client_is_the_connectors_fault_and_ends_no_credential() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    for _ in 0..4 {
        app.clock.advance(TimeDelta::hours(2));
        app.as_key().get(&path(&credential)).await.assert_problem(503, "connector_failing");
    }
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["status"], &shown["nextStep"]), (&json!("error"), &json!("fix_connector")));
    app.fake.clear_faults();
    app.clock.advance(TimeDelta::hours(1));
    app.token(&credential).await;
}

#[tokio::test]
async fn a_refresh_by_hand_is_taken_once_a_minute() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let refresh = format!("/credentials/{credential}/refresh");
    let old = app.token(&credential).await["accessToken"].clone();
    app.as_key().act(&refresh).await.ok(200);
    assert_ne!(app.token(&credential).await["accessToken"], old);
    let soon = app.as_key().act(&refresh).await;
    soon.assert_problem(429, "refresh_too_soon");
    assert!(soon.header("retry-after").is_some());
    app.clock.advance(TimeDelta::minutes(1));
    app.as_key().act(&refresh).await.ok(200);
    app.user("u-18").await;
    let key = app.credential("u-18").await;
    let path = format!("/credentials/{}/refresh", key["credentialId"].as_str().unwrap());
    app.as_key().act(&path).await.assert_problem(400, "not_refreshable");
}

#[tokio::test]
async fn deleting_tells_the_app_once() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone, json!({"success": true, "revokedUpstream": "revoked"}));
    assert_eq!(app.fake.counters().revocations, 1);
    assert!(!app.fake.grants()[0].alive);
    app.as_key().get(&path(&credential)).await.assert_problem(404, "not_found");
    assert_eq!(app.events(&credential).await, ["credential.created", "credential.deleted"]);
}

#[tokio::test]
async fn revoking_keeps_the_row_and_says_when_the_app_did_not_listen() {
    let Some(app) = TestApp::start().await else { return };
    let credential = connected(&app).await;
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::status(StatusCode::SERVICE_UNAVAILABLE)).always());
    let ended = app.as_key().act(&format!("/credentials/{credential}/revoke")).await.ok(200);
    assert_eq!(ended["revokedUpstream"], "failed");
    assert_eq!(app.shown(&credential).await["status"], "revoked");
    app.as_key().get(&path(&credential)).await.assert_problem(409, "credential_revoked");
}
