//! `PATCH /secrets/{key}`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{VALUE, masked, with};
use crate::support::app::TestApp;
use crate::support::http::assert_pointers;

#[tokio::test]
async fn what_is_sent_changes_and_the_rest_stays() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "description", json!("old"))).await;
    app.clock.advance(TimeDelta::seconds(1));
    let key = app.as_key();
    let change = json!({
        "value": "another-value", "name": "New", "scopes": "all", "scope": {"apps": ["slack"]},
        "allowedHosts": ["a.test"], "expiresAt": "2031-01-01T00:00:00Z", "environments": ["production"]
    });
    let changed = key.patch("/secrets/K", &change).await.ok(200);
    for (name, value) in [
        ("name", json!("New")),
        ("description", json!("old")),
        ("scopes", json!("all")),
        ("scope", json!({"products": [], "apps": ["slack"]})),
        ("allowedHosts", json!(["a.test"])),
        ("expiresAt", json!("2031-01-01T00:00:00.000Z")),
        ("environments", json!(["production"])),
        ("updatedAt", json!("2030-01-01T00:00:01.000Z")),
        ("createdAt", json!("2030-01-01T00:00:00.000Z")),
    ] {
        assert_eq!(changed[name], value, "{name}");
    }
    assert_eq!(key.act("/secrets/K/reveal").await.ok(200), json!({"value": "another-value"}));
    let cleared = json!({"description": null, "scopes": null, "expiresAt": null});
    let cleared = key.patch("/secrets/K", &cleared).await.ok(200);
    for name in ["description", "scopes", "expiresAt"] {
        assert_eq!(cleared[name], Value::Null, "{name}");
    }
    let audit = key.get("/audit-events?action=secret.update").await.ok(200);
    let reason = audit["data"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("value") && !reason.contains("another-value"), "{reason}");
}

#[tokio::test]
async fn key_and_visibility_never_change() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    for (body, pointer) in [
        (json!({"key": "L"}), "/key"),
        (json!({"key": "K"}), "/key"),
        (json!({"visibility": "restricted"}), "/visibility"),
        (json!({"visibility": null, "name": "x"}), "/visibility"),
        (json!({"type": "credential"}), "/type"),
        (json!({"issuer": "slack"}), "/issuer"),
    ] {
        let problem = app.as_key().patch("/secrets/K", &body).await.assert_problem(400, "immutable_field");
        assert_pointers(&problem, &[pointer]);
    }
    for (body, pointer) in [
        (json!({"value": ""}), "/value"),
        (json!({"value": null}), "/value"),
        (json!({"name": ""}), "/name"),
        (json!({"allowedHosts": ["*"]}), "/allowedHosts/0"),
        (json!({"environments": []}), "/environments"),
        (json!({"expiresAt": "2029-01-01T00:00:00Z"}), "/expiresAt"),
        (json!({"active": false}), "/active"),
    ] {
        app.as_key().patch("/secrets/K", &body).await.assert_invalid(&[pointer]);
    }
    let elsewhere = json!({"environments": ["production", "sandbox"]});
    app.as_key().patch("/secrets/K", &elsewhere).await.assert_problem(400, "wrong_environment");
    app.as_key().patch("/secrets/NONE", &json!({"name": "x"})).await.assert_problem(404, "not_found");
    assert_eq!(app.as_key().act("/secrets/K/reveal").await.ok(200)["value"], VALUE);
}

#[tokio::test]
async fn an_end_can_be_moved_until_it_comes_and_then_a_new_value_revives() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.secret(&with(masked("K"), "period", json!("P10D"))).await;
    let moved = key.patch("/secrets/K", &json!({"period": "P20D"})).await.ok(200);
    assert_eq!(moved["expiresAt"], "2030-01-21T00:00:00.000Z");
    app.clock.advance(TimeDelta::days(21));
    let later = json!({"expiresAt": "2031-01-01T00:00:00Z"});
    key.patch("/secrets/K", &later).await.assert_problem(409, "secret_expired");
    key.patch("/secrets/K", &json!({"expiresAt": null})).await.assert_problem(409, "secret_expired");
    key.act("/secrets/K/reactivate").await.assert_problem(409, "secret_expired");
    assert_eq!(key.patch("/secrets/K", &json!({"name": "Old"})).await.ok(200)["name"], "Old");
    let revived = key.patch("/secrets/K", &json!({"value": "fresh", "period": "P30D"})).await.ok(200);
    assert_eq!(revived["expiresAt"], "2030-02-21T00:00:00.000Z");
    key.act("/secrets/K/reactivate").await.ok(200);
    app.clock.advance(TimeDelta::days(31));
    let revived = key.patch("/secrets/K", &json!({"value": "fresher"})).await.ok(200);
    assert_eq!(revived["expiresAt"], Value::Null, "the old end does not end it again");
    key.act("/secrets/K/revoke").await.ok(200);
    key.patch("/secrets/K", &json!({"value": "again"})).await.assert_problem(409, "secret_revoked");
}
