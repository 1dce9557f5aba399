//! The tokens of credentials: verified, renewed, revealed.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait as _;
use serde_json::json;
use vouchsafe::demo::fake::{KeyState, VALID_KEY};

use super::credentials::path;
use crate::support::app::TestApp;
use crate::support::database::is_postgres;

#[tokio::test]
async fn verifying_says_what_the_app_says() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let verify = format!("{}/verify", path(&app.credential("u").await));
    let key = app.as_key();
    assert_eq!(
        key.act(&verify).await.ok(200),
        json!({"ok": true, "outcome": "ok", "status": "active", "checkedAt": "2030-01-01T00:00:00.000Z"})
    );
    app.fake.set_key(VALID_KEY, KeyState::Revoked);
    let found = key.act(&verify).await.ok(200);
    assert_eq!((&found["ok"], &found["outcome"]), (&json!(false), &json!("wrong_key")));
    key.post(&verify, &json!({"deep": true})).await.assert_invalid(&["/deep"]);
}

#[tokio::test]
async fn tokens_are_renewed_on_request_and_not_too_often() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let made = app.renewable("u").await;
    let (key, path) = (app.as_key(), path(&made));
    let first = key.get(&format!("{path}/token")).await.ok(200);
    assert_eq!(first["tokenType"], "Bearer");
    assert!(first["accessToken"].is_string() && first["expiresAt"].is_string() && first["scopes"].is_array());
    let refresh = format!("{path}/refresh");
    key.act(&refresh).await.ok(200);
    let first = key.get(&format!("{path}/token")).await.ok(200);
    let too_soon = key.act(&refresh).await;
    too_soon.assert_problem(429, "refresh_too_soon");
    assert_eq!(too_soon.header("retry-after"), Some("60"));
    app.clock.advance(TimeDelta::seconds(61));
    let renewed = key.act(&refresh).await.ok(200);
    assert_eq!(renewed["lastRefreshedAt"], "2030-01-01T00:01:01.000Z");
    let second = key.get(&format!("{path}/token")).await.ok(200);
    assert_ne!(second["accessToken"], first["accessToken"]);

    let key_credential = app.credential("u").await;
    let refresh = format!("/credentials/{}/refresh", key_credential["credentialId"].as_str().unwrap());
    key.act(&refresh).await.assert_problem(400, "not_refreshable");
}

#[tokio::test]
async fn a_row_is_kept_over_the_record_of_its_reads_until_the_next_write() {
    // Where others write too, nothing is kept.
    if is_postgres() {
        return;
    }
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let made = app.credential("u").await;
    let token = format!("{}/token", path(&made));
    let key = app.as_key();
    let first = key.get(&token).await.ok(200);
    // Past the hub, which shows whether it asks the database again.
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let id = made["credentialId"].as_str().unwrap();
    let outside = format!("UPDATE credential SET deactivated_at = created_at WHERE id = '{id}'");
    assert_eq!(database.execute_unprepared(&outside).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
    // Each read writes its audit row first, and closing them into a batch writes too.
    app.hub.seal_audit().await.unwrap();
    for _ in 0..2 {
        assert_eq!(key.get(&token).await.ok(200), first, "what was kept is served");
    }
    let reads = app.rows("SELECT id FROM audit_event WHERE action = 'credential.token'").await;
    assert_eq!(reads.len(), 3, "the record was written all the same");
    app.user("v").await;
    key.get(&token).await.assert_problem(409, "credential_inactive");
}

#[tokio::test]
async fn what_is_left_of_a_provider_that_is_gone_says_so() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let (by_key, renewed) = (app.credential("u").await, app.renewable("u").await);
    app.user("v").await;
    app.user("w").await;
    let (off, revoked) = (app.credential("v").await, app.credential("w").await);
    app.as_key().patch(&path(&off), &json!({"active": false})).await.ok(200);
    app.as_key().act(&format!("{}/revoke", path(&revoked))).await.ok(200);
    app.undefine("quillpost");
    app.undefine(renewed["provider"].as_str().unwrap());
    let (key, missing) = (app.as_key(), "provider_missing");
    for made in [&by_key, &renewed] {
        let path = path(made);
        let connector = made["connector"].as_str().unwrap();
        for token in [format!("{path}/token"), format!("/users/u/connectors/{connector}/token")] {
            let told = key.get(&token).await.assert_problem(409, missing).to_string();
            assert!(!told.contains(VALID_KEY), "{told}");
        }
        key.act(&format!("{path}/verify")).await.assert_problem(409, missing);
        let id = made["credentialId"].as_str().unwrap();
        app.calling(id).get("/proxy/v1/me").await.assert_refused(409, missing);
        // The rows stay, and are seen.
        assert_eq!(key.get(&path).await.ok(200)["provider"], made["provider"]);
    }
    for (made, code) in [(&off, "credential_inactive"), (&revoked, "credential_revoked")] {
        key.get(&format!("{}/token", path(made))).await.assert_problem(409, code);
        app.calling(made["credentialId"].as_str().unwrap())
            .get("/proxy/v1/me")
            .await
            .assert_refused(409, code);
    }
    let body = json!({"userId": "u", "connector": "quillpost", "data": {"key": VALID_KEY}});
    key.post("/credentials", &body).await.assert_problem(409, missing);
    let body = json!({"userId": "u", "connectors": ["quillpost"]});
    key.post("/connect/sessions", &body).await.assert_problem(409, missing);
}
