//! What every answer carries.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::http::TestResponse;

#[track_caller]
fn assert_guarded(response: &TestResponse) {
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    assert!(response.header("x-request-id").is_some());
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(response.header("strict-transport-security"), None, "not on plain http");
    assert_eq!(response.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn answers_of_the_api_are_guarded_and_not_kept() {
    let Some(app) = TestApp::start().await else { return };
    app.user("u").await;
    app.credential("u").await;
    for path in [
        "/users",
        "/users/nobody",
        "/credentials",
        "/users/u/connectors/quillpost/token",
        "/api-keys",
        "/users?limit=0",
        "/healthz",
        "/nothing",
        "/metrics",
    ] {
        let response = app.as_key().get(path).await;
        assert_guarded(&response);
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
    for response in [
        app.anonymous().get("/users").await,
        app.as_key().delete("/users").await,
        app.as_key().post("/users", &json!({"username": "u"})).await,
    ] {
        assert_guarded(&response);
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    assert_eq!(app.anonymous().get("/users").await.header("www-authenticate"), Some("Bearer"));
    assert_guarded(&app.anonymous().get("/openapi.json").await);
    assert_guarded(&app.anonymous().get("/docs").await);
}

#[tokio::test]
async fn an_asset_that_is_not_there_is_a_problem_too() {
    let Some(app) = TestApp::start().await else { return };
    app.anonymous().get("/assets/nothing.css").await.assert_problem(404, "not_found");
    assert_eq!(app.anonymous().get("/connect.js").await.status, 200);
}
