//! `POST /secrets/{key}/deactivate`, `/reactivate`, `/revoke`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{masked, with};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_secret_is_switched_off_and_on_as_often_as_one_likes() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    let key = app.as_key();
    for _ in 0..3 {
        assert_eq!(key.act("/secrets/K/deactivate").await.ok(200)["active"], false);
        assert_eq!(key.act("/secrets/K/deactivate").await.ok(200)["active"], false, "twice is once");
        assert_eq!(key.act("/secrets/K/reactivate").await.ok(200)["active"], true);
    }
    key.post("/secrets/K/deactivate", &json!({"why": "x"})).await.assert_invalid(&["/why"]);
    for action in ["secret.deactivate", "secret.reactivate"] {
        let audit = key.get(&format!("/audit-events?action={action}")).await.ok(200);
        assert!(audit["data"].as_array().unwrap().len() >= 3, "{action}");
    }
}

#[tokio::test]
async fn an_expired_one_is_not_brought_back_by_the_switch() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "period", json!("P1D"))).await;
    let key = app.as_key();
    key.act("/secrets/K/deactivate").await.ok(200);
    app.clock.advance(TimeDelta::days(1));
    key.act("/secrets/K/reactivate").await.assert_problem(409, "secret_expired");
    key.act("/secrets/K/deactivate").await.ok(200);
}

#[tokio::test]
async fn a_revoked_secret_has_no_value_any_more_and_keeps_its_row() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.secret(&masked("K")).await;
    let key = app.as_key();
    app.clock.advance(TimeDelta::minutes(1));
    let revoked = key.act("/secrets/K/revoke").await.ok(200);
    assert_eq!(revoked["revokedAt"], "2030-01-01T00:01:00.000Z");
    assert_eq!((&revoked["active"], &revoked["secretId"]), (&json!(false), &made["secretId"]));
    key.act("/secrets/K/reactivate").await.assert_problem(409, "secret_revoked");
    key.act("/secrets/K/reveal").await.assert_problem(409, "secret_revoked");
    app.clock.advance(TimeDelta::minutes(1));
    let again = key.act("/secrets/K/revoke").await.ok(200);
    assert_eq!(again["revokedAt"], "2030-01-01T00:01:00.000Z", "the first time counts");
    key.post("/secrets", &masked("K")).await.assert_problem(409, "key_taken");
    key.delete("/secrets/K").await.ok(200);
    assert_eq!(app.secret(&masked("K")).await["revokedAt"], Value::Null);
}
