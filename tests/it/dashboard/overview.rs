//! The overview: what needs attention, and what happened.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn what_happened_is_counted_by_day_in_its_environment() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    owner.get("/dashboard/production/overview").await.page(200, "Begin here");
    for user in ["u-1", "u-2", "u-3"] {
        app.user(user).await;
    }
    app.credential("u-1").await;
    app.credential("u-2").await;
    let id = app.credential("u-3").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().get(&format!("/credentials/{id}/token")).await.ok(200);
    app.hub.flush_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "Connections in the last 30 days: 3 connected.");
    shown.page(200, "Calls in the last 30 days: 1 answered, 0 failed.");
    shown.page(200, "All is well");
    assert!(!shown.html.contains("Begin here"));
    owner.get("/dashboard/sandbox/overview").await.page(200, "Connections in the last 30 days: 0 connected.");
    app.clock.advance(TimeDelta::days(30));
    owner.sign_in().await.leads_to("/dashboard");
    owner
        .get("/dashboard/production/overview")
        .await
        .page(200, "Connections in the last 30 days: 0 connected.");
    app.clock.advance(TimeDelta::days(400));
    app.hub.purge().await.unwrap();
    assert!(app.rows("SELECT 1 FROM activity WHERE kind = 'connection'").await.is_empty());
}

#[tokio::test]
async fn what_ends_needs_attention_before_and_after() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("u-1").await;
    let id = app.credential("u-1").await["credentialId"].as_str().unwrap().to_owned();
    let end = json!({"expiresAt": "2030-01-05T00:00:00Z"});
    app.as_key().patch(&format!("/credentials/{id}"), &end).await.ok(200);
    let secret = json!({"key": "K", "value": "v", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["a.test"], "expiresAt": "2030-01-04T00:00:00Z"});
    app.as_key().post("/secrets", &secret).await.ok(201);
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "of u-1 ends soon");
    shown.page(200, "The secret K ends soon");
    app.clock.advance(TimeDelta::days(5));
    owner.sign_in().await.leads_to("/dashboard");
    let shown = owner.get("/dashboard/production/overview").await;
    shown.page(200, "of u-1 must be connected again");
    shown.page(200, "The secret K has ended");
    owner.get("/dashboard/sandbox/overview").await.page(200, "All is well");
}
