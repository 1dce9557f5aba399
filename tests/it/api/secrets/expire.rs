//! What time does: warnings, the end, the purge.

use chrono::TimeDelta;
use serde_json::{Value, json};
use vouchsafe::clock::Clock as _;

use super::{masked, with};
use crate::support::app::TestApp;

async fn told(app: &TestApp) -> Vec<(String, String)> {
    app.hub.sweep().await.unwrap();
    let page = app.as_key().get("/events").await.ok(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = page["data"].as_array().unwrap();
    events.iter().rev().map(|event| (text(&event["type"]), text(&event["secretKey"]))).collect()
}

#[tokio::test]
async fn an_end_is_told_ahead_and_when_it_comes() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "period", json!("P30D"))).await;
    app.secret(&masked("EVER")).await;
    let event = |kind: &str| (format!("secret.{kind}"), "K".to_owned());
    assert_eq!(told(&app).await, []);
    app.clock.advance(TimeDelta::days(23));
    assert_eq!(told(&app).await, [event("expiring")]);
    assert_eq!(told(&app).await.len(), 1, "once");
    app.clock.advance(TimeDelta::days(6));
    assert_eq!(told(&app).await, [event("expiring"), event("expiring")]);
    app.clock.advance(TimeDelta::days(1));
    let all = [event("expiring"), event("expiring"), event("expired")];
    assert_eq!(told(&app).await, all);
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(told(&app).await, all);
    let page = app.as_key().get("/events?type=secret.expired").await.ok(200);
    for name in ["userId", "userEmail", "credentialId", "connector", "provider", "reason", "reconnectUrl"] {
        assert_eq!(page["data"][0][name], Value::Null, "{name}");
    }
    app.as_key().patch("/secrets/K", &json!({"value": "new", "period": "P30D"})).await.ok(200);
    app.clock.advance(TimeDelta::days(30));
    // What was told a month ago is forgotten by then.
    assert_eq!(told(&app).await, [event("expired")], "a new end is told of anew");
}

#[tokio::test]
async fn warnings_are_those_of_the_environment() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "period", json!("P90D"))).await;
    app.as_key().patch("/environment", &json!({"expiryWarningDays": [14]})).await.ok(200);
    app.clock.advance(TimeDelta::days(76));
    assert_eq!(told(&app).await.len(), 1);
    app.clock.advance(TimeDelta::days(8));
    assert_eq!(told(&app).await.len(), 1, "seven days are not wanted any more");
}

#[tokio::test]
async fn an_expired_secret_is_purged_when_its_environment_wants_it() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.secret(&with(masked("K"), "period", json!("P1D"))).await;
    app.secret(&masked("EVER")).await;
    let key = app.as_key();
    app.clock.advance(TimeDelta::days(31) - TimeDelta::milliseconds(1));
    app.hub.sweep().await.unwrap();
    key.get("/secrets/K").await.ok(200);
    key.patch("/environment", &json!({"purgeAfterDays": null})).await.ok(200);
    app.clock.advance(TimeDelta::days(300));
    app.hub.sweep().await.unwrap();
    key.get("/secrets/K").await.ok(200);
    key.patch("/environment", &json!({"purgeAfterDays": 30})).await.ok(200);
    app.hub.sweep().await.unwrap();
    key.get("/secrets/K").await.assert_problem(404, "not_found");
    key.get("/secrets/EVER").await.ok(200);
    let audit = key.get("/audit-events?action=secret.purge").await.ok(200);
    assert_eq!(audit["data"][0]["target"]["id"], made["secretId"]);
    assert_eq!(audit["data"][0]["actor"]["type"], "hub");
}

#[tokio::test]
async fn r21_a_secret_is_warned_of_and_ends_to_the_millisecond() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "period", json!("P30D"))).await;
    let start = app.clock.now();
    let all = ["expiring", "expiring", "expired"].map(|kind| (format!("secret.{kind}"), "K".to_owned()));
    for (before, days) in [23, 29, 30].into_iter().enumerate() {
        for offset in [-1, 0, 1] {
            app.clock.set(start + TimeDelta::days(days) + TimeDelta::milliseconds(offset));
            let switched = app.as_key().act("/secrets/K/reactivate").await;
            if days == 30 && offset >= 0 {
                switched.assert_problem(409, "secret_expired");
            } else {
                switched.ok(200);
            }
            let so_far = &all[..before + usize::from(offset >= 0)];
            for _ in 0..2 {
                assert_eq!(told(&app).await, so_far, "{days} days {offset:+} ms");
            }
        }
    }
}

#[tokio::test]
async fn r21_the_purge_comes_a_month_after_the_end_to_the_millisecond() {
    let Some(app) = TestApp::start().await else { return };
    for (offset, is_there) in [(-1, true), (0, false), (1, false)] {
        let name = format!("K{}", offset + 1);
        let end = app.clock.now() + TimeDelta::days(1);
        app.secret(&with(masked(&name), "period", json!("P1D"))).await;
        app.clock.set(end + TimeDelta::days(30) + TimeDelta::milliseconds(offset));
        app.hub.sweep().await.unwrap();
        let answer = app.as_key().get(&format!("/secrets/{name}")).await;
        if is_there {
            answer.ok(200);
        } else {
            answer.assert_problem(404, "not_found");
        }
    }
}
