//! The hub about itself.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn health_and_readiness_need_no_key() {
    let Some(app) = TestApp::start().await else { return };
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.anonymous().get(path).await.ok(200), json!({"status": "ok"}), "{path}");
    }
    for path in ["/healthz?deep=1", "/readyz?deep=1", "/openapi.json?v=3"] {
        app.anonymous().get(path).await.assert_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn metrics_are_for_keys_with_the_star() {
    let Some(app) = TestApp::start().await else { return };
    let response = app.as_key().get("/metrics").await;
    assert_eq!((response.status, &response.body[..]), (200, &b"vouchsafe_up 1\n"[..]));
    assert!(response.header("content-type").unwrap().starts_with("text/plain"));
    let narrow = app.with_scopes(&["users:read", "audit:read"]).await;
    narrow.get("/metrics").await.assert_problem(403, "scope_missing");
    app.anonymous().get("/metrics").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_description_page_names_no_other_host() {
    let Some(app) = TestApp::start().await else { return };
    let page = app.anonymous().get("/docs").await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8_lossy(&page.body);
    assert!(!html.contains("//") || !html.contains("http"), "{html}");
    assert!(!html.contains("<script>"), "no script inline: {html}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("http"), "{policy}");
    let viewer = app.anonymous().get("/docs/viewer.js").await;
    assert_eq!((viewer.status, viewer.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(viewer.body[..2], [0x1f, 0x8b]);
    assert_eq!(app.anonymous().get("/docs/start.js").await.status, 200);
}
