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

/// The bytes of an answer to a browser: its headers, and its body as it is sent.
async fn sent(app: &TestApp, path: &str, token: &str, compressed: bool) -> (usize, Vec<u8>) {
    let asked = app.client.get(format!("{}{path}", app.base_url)).bearer_auth(token);
    let answer = asked.header(http::header::ACCEPT_ENCODING, "gzip, deflate, br, zstd").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let of = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(of("content-encoding").as_deref(), compressed.then_some("gzip"), "{path}");
    if compressed {
        assert_eq!(of("vary").as_deref(), Some("accept-encoding"), "{path}");
    }
    let headers: usize =
        answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let body = answer.bytes().await.unwrap().to_vec();
    (headers + body.len(), body)
}

#[tokio::test]
async fn the_modal_is_small_over_the_wire_and_only_its_files_are_compressed() {
    let Some(app) = TestApp::start().await else { return };
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["quillpost"]})).await;
    let token = &modal.token;
    let (shell, html) = sent(&app, &format!("/connect?session={}", modal.session), token, false).await;
    let html = String::from_utf8(html).unwrap();
    let (page, fragment) = sent(&app, "/connect/page", token, false).await;
    let fragment = String::from_utf8(fragment).unwrap();
    let (script, _) = sent(&app, "/connect.js", token, true).await;
    let mut total = shell + page + script;
    let mut files = 0;
    for address in html.split('"').chain(fragment.split('"')) {
        let Some(at) = address.find("/assets/").or_else(|| address.find("/icons/")) else { continue };
        let path = &address[at..];
        let (bytes, _) = sent(&app, path, token, !path.starts_with("/icons/")).await;
        total += bytes;
        files += 1;
    }
    assert!(files >= 6, "a stylesheet, an icon and four scripts: {files}");
    assert!(total < 60_000, "{total} bytes");

    // Whoever asks for no compression gets the file as it is.
    let plain = app.anonymous().get("/connect.js").await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
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
