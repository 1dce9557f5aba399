//! `DELETE /secrets/{key}`.

use serde_json::json;

use super::masked;
use crate::support::app::TestApp;

#[tokio::test]
async fn a_deleted_secret_is_gone_and_its_key_is_free() {
    let Some(app) = TestApp::start().await else { return };
    app.secret(&masked("K")).await;
    let key = app.as_key();
    app.as_sandbox_key().delete("/secrets/K").await.assert_problem(404, "not_found");
    assert_eq!(key.delete("/secrets/K").await.ok(200), json!({"success": true}));
    key.get("/secrets/K").await.assert_problem(404, "not_found");
    key.delete("/secrets/K").await.assert_problem(404, "not_found");
    key.delete("/secrets/K?force=maybe").await.assert_invalid(&["/force"]);
    app.secret(&masked("K")).await;
    let audit = key.get("/audit-events?action=secret.delete").await.ok(200);
    assert_eq!(audit["data"].as_array().unwrap().len(), 1);
}
