//! `POST /secrets/{key}/reveal`.

use serde_json::{Value, json};

use super::{VALUE, masked, with};
use crate::support::app::TestApp;

async fn reveals(app: &TestApp) -> Vec<Value> {
    let page = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_masked_value_is_revealed_each_time_with_an_audit_row() {
    let Some(app) = TestApp::start().await else { return };
    let made = app.secret(&masked("K")).await;
    let caller = app.as_key().header("idempotency-key", "the-same");
    for times in 1..=3 {
        let answer = caller.act("/secrets/K/reveal").await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.ok(200), json!({"value": VALUE}));
        let rows = reveals(&app).await;
        assert_eq!(rows.len(), times, "a repetition is no replay");
        assert_eq!(rows[0]["target"], json!({"type": "secret", "id": made["secretId"]}));
        assert_eq!(rows[0]["result"], "ok");
    }
    app.as_key().act("/secrets/NONE/reveal").await.assert_problem(404, "not_found");
    app.as_sandbox_key().act("/secrets/K/reveal").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_restricted_value_is_shown_to_nobody() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&with(masked("K"), "visibility", json!("restricted"))).await;
    let problem = app.as_key().act("/secrets/K/reveal").await.assert_problem(403, "restricted");
    assert!(!problem.to_string().contains(VALUE));
    let rows = reveals(&app).await;
    assert_eq!((&rows[0]["result"], &rows[0]["reason"]), (&json!("refused"), &json!("restricted")));
}

#[tokio::test]
async fn a_value_that_is_gone_is_refused_with_an_audit_row() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    app.as_key().act("/secrets/K/revoke").await.ok(200);
    app.as_key().act("/secrets/K/reveal").await.assert_problem(409, "secret_revoked");
    let rows = reveals(&app).await;
    assert_eq!((&rows[0]["result"], &rows[0]["reason"]), (&json!("refused"), &json!("secret_revoked")));
}

#[tokio::test]
async fn a_star_does_not_reveal() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    let star = app.with_scopes(&["*"]).await;
    star.act("/secrets/K/reveal").await.assert_problem(403, "scope_missing");
    star.get("/secrets/K").await.ok(200);
    let reader = app.with_scopes(&["secrets:reveal"]).await;
    reader.act("/secrets/K/reveal").await.ok(200);
    reader.get("/secrets/K").await.assert_problem(403, "scope_missing");
}
