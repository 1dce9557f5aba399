//! What every answer carries.

use serde_json::json;
use url::Url;
use vouchsafe::service::Parts;

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

#[tokio::test]
async fn a_hub_behind_https_says_so_to_browsers() {
    let https = |parts: &mut Parts| parts.public_url = Url::parse("https://hub.acme.test/").unwrap();
    let Some(app) = TestApp::start_as(https, |_| ()).await else { return };
    let anonymous = app.anonymous();
    for response in [
        anonymous.get("/healthz").await,
        anonymous.get("/connect.js").await,
        anonymous.get("/connect/start?ticket=x").await,
        anonymous.get("/users").await,
        anonymous.get("/nothing").await,
    ] {
        let told = response.header("strict-transport-security");
        assert_eq!(told, Some("max-age=31536000; includeSubDomains"), "{}", response.status);
    }
}

#[tokio::test]
async fn browsers_find_an_icon() {
    let Some(app) = TestApp::start().await else { return };
    let icon = app.anonymous().get("/favicon.ico").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
    let body = String::from_utf8_lossy(&icon.body);
    assert!(body.contains("<svg"), "{body}");
}
