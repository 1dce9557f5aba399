//! The tokens of credentials: verified, renewed, revealed.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{KeyState, VALID_KEY};

use super::credentials::path;
use crate::support::app::TestApp;

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
