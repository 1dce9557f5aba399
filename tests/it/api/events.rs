//! Events and audit events: what happened, and who did it.

use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_change_of_a_credential_is_told_once() {
    let Some(app) = TestApp::start().await else { return };
    let body = json!({"username": "u", "email": "jo@acme.test"});
    let user = app.as_key().post("/users", &body).await.ok(201);
    let credential = app.credential("u").await;
    let id = credential["credentialId"].as_str().unwrap();
    app.clock.advance(chrono::TimeDelta::seconds(1));
    app.as_key().act(&format!("/credentials/{id}/revoke")).await.ok(200);
    let page = app.as_key().get("/events").await.ok(200);
    let events = page["data"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["credential.revoked", "credential.created"]);
    let first = &events[1];
    for (name, value) in [
        ("timestamp", json!("2030-01-01T00:00:00.000Z")),
        ("environment", json!("production")),
        ("userId", user["userId"].clone()),
        ("userEmail", json!("jo@acme.test")),
        ("credentialId", json!(id)),
        ("credentialName", credential["name"].clone()),
        ("connector", json!("quillpost")),
        ("provider", json!("quillpost")),
        ("reason", Value::Null),
        ("reconnectUrl", Value::Null),
    ] {
        assert_eq!(first[name], value, "{name} of {first}");
    }
    let count = |query: String| {
        let caller = app.as_key();
        async move { caller.get(&format!("/events?{query}")).await.ok(200)["data"].as_array().unwrap().len() }
    };
    assert_eq!(count("type=credential.revoked".into()).await, 1);
    assert_eq!(count(format!("credentialId={id}&type=credential.expired")).await, 0);
    assert_eq!(count("limit=1".into()).await, 1);
    app.as_key().get("/events?type=credential.lost").await.assert_invalid(&["/type"]);
    app.as_key().get("/events?credentialId=user_1").await.assert_invalid(&["/credentialId"]);
    assert_eq!(app.as_sandbox_key().get("/events").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn every_change_and_every_revealed_value_is_audited() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    let id = app.credential("u").await["credentialId"].as_str().unwrap().to_owned();
    let caller = app.as_key().header("x-forwarded-for", "198.51.100.7").header("x-request-id", "trace-me");
    caller.get(&format!("/credentials/{id}/token")).await.ok(200);
    let page = app.as_key().get("/audit-events?action=credential.token").await.ok(200);
    let event = &page["data"][0];
    assert!(event["auditEventId"].as_str().unwrap().starts_with("audit_"));
    assert_eq!(event["actor"]["type"], "api_key");
    assert!(event["actor"]["id"].as_str().unwrap().starts_with("apikey_"));
    assert_eq!(event["target"], json!({"type": "credential", "id": id}));
    assert_eq!(
        (&event["result"], &event["requestId"], &event["address"], &event["reason"]),
        (&json!("ok"), &json!("trace-me"), &json!("198.51.100.7"), &Value::Null)
    );
    let about = app.as_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    let actions: Vec<_> = about["data"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    assert_eq!(actions.len(), 2, "{actions:?}");
    let all = app.as_key().get("/audit-events").await.ok(200);
    let actions: Vec<_> = all["data"].as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    for action in ["user.create", "credential.create", "credential.token"] {
        assert!(actions.contains(&json!(action)), "{action} of {actions:?}");
    }
    app.as_key().get("/audit-events?actor=x").await.assert_invalid(&["/actor"]);
    let elsewhere = app.as_sandbox_key().get(&format!("/audit-events?target={id}")).await.ok(200);
    assert_eq!(elsewhere["data"], json!([]));
}
