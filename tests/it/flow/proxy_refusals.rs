//! What the hub itself refuses on the way to an app: each with its code, in `Vouchsafe-Error` too.

use std::sync::{Arc, Mutex};

use http::{Method, StatusCode};
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, Wire};

use crate::support::app::{Setup, TestApp};
use crate::support::database::KEY_ID;
use crate::support::scripted::{Connection, RawServer};
use crate::support::wait::eventually;

async fn quillpost(app: &TestApp) -> String {
    app.user("u").await;
    app.credential("u").await["credentialId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_names_exactly_one_target() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let url = format!("{}/api/echo", app.fake.base_url());
    for headers in [
        &[][..],
        &[("Vouchsafe-User", "u")],
        &[("Vouchsafe-Connector", "quillpost")],
        &[("Vouchsafe-Credential", &credential), ("Vouchsafe-User", "u")],
        &[("Vouchsafe-Credential", &credential), ("Vouchsafe-Connector", "quillpost")],
        &[("Vouchsafe-Credential", &credential), ("Vouchsafe-Url", &url)],
        &[("Vouchsafe-User", "u"), ("Vouchsafe-Connector", "quillpost"), ("Vouchsafe-Url", &url)],
        &[("Vouchsafe-Url", &url), ("Vouchsafe-Host", "127.0.0.1")],
    ] {
        let caller = headers.iter().fold(app.as_key(), |caller, (name, value)| caller.header(name, value));
        for path in ["/proxy/me", "/proxy", "/proxy/"] {
            caller.get(path).await.assert_refused(400, "target_missing");
        }
    }
    let twice = app.calling(&credential).header("Vouchsafe-Credential", &credential);
    twice.get("/proxy/me").await.assert_invalid(&["/vouchsafe-credential"]);
    let odd = app.calling(&credential).header("Vouchsafe-Resolve", "everything");
    odd.get("/proxy/me").await.assert_invalid(&["/vouchsafe-resolve"]);
    let own = app.calling(&credential).header("Vouchsafe-Authorization", "Bearer x");
    own.get("/proxy/me").await.assert_invalid(&["/vouchsafe-authorization"]);
    eventually("rows of calls that named nothing", async || {
        let rows = app.calls().await;
        let of = |end: &str| rows.iter().filter(|row| row["reason"].as_str().unwrap().ends_with(end)).count();
        let told = (of(" -/me: target_missing"), of(" -/: target_missing"), of(" -/me: invalid_request"));
        let refused = rows.iter().all(|row| row["result"] == "refused" && row["target"]["type"] == "call");
        if told == (8, 16, 3) && refused { Ok(()) } else { Err(rows) }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_or_elsewhere_is_not_found() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    for (name, value) in
        [("Vouchsafe-Credential", "cred_01jz0000000000000000000000"), ("Vouchsafe-Credential", "nonsense")]
    {
        app.as_key().header(name, value).get("/proxy/me").await.assert_refused(404, "not_found");
    }
    for (user, connector) in [("nobody", "quillpost"), ("u", "nothing"), ("u", "fernhill")] {
        let caller = app.as_key().header("Vouchsafe-User", user).header("Vouchsafe-Connector", connector);
        caller.get("/proxy/me").await.assert_refused(404, "not_found");
    }
    let integration = app.calling(&credential).header("Vouchsafe-Integration", "none");
    integration.get("/proxy/me").await.assert_refused(404, "not_found");
    for stranger in [app.as_sandbox_key(), app.as_stranger()] {
        let caller = stranger.header("Vouchsafe-Credential", &credential);
        caller.get("/proxy/me").await.assert_refused(404, "not_found");
    }
    let before = app.fake.counters().api_calls;
    let narrow = app.with_scopes(&["credentials:reveal", "credentials:read"]).await;
    narrow
        .header("Vouchsafe-Credential", &credential)
        .get("/proxy/me")
        .await
        .assert_refused(403, "scope_missing");
    app.anonymous().get("/proxy/me").await.assert_refused(401, "unauthenticated");
    assert_eq!(app.fake.counters().api_calls, before);
    let proxy_alone = app.with_scopes(&["proxy"]).await.header("Vouchsafe-Credential", &credential);
    assert_eq!(proxy_alone.get("/proxy/me").await.status, 200);
}

#[tokio::test]
async fn a_credential_that_can_not_be_used_says_why() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let path = format!("/credentials/{credential}");
    app.as_key().patch(&path, &json!({"active": false})).await.ok(200);
    app.calling(&credential).get("/proxy/me").await.assert_refused(409, "credential_inactive");
    app.as_key().patch(&path, &json!({"active": true, "expiresAt": "2030-01-02T00:00:00Z"})).await.ok(200);
    app.clock.advance(chrono::TimeDelta::days(2));
    app.calling(&credential).get("/proxy/me").await.assert_refused(409, "credential_expired");
    app.as_key().act(&format!("{path}/revoke")).await.ok(200);
    app.calling(&credential).get("/proxy/me").await.assert_refused(409, "credential_revoked");
}

#[tokio::test]
async fn what_keeps_a_token_from_being_read_keeps_a_call_from_being_made() {
    let Some((app, withdrawn)) = TestApp::connected(Setup::default()).await else { return };
    let refused = app.connect_as("u-18", "kim@acme.test").await;
    let confirmed_by_none = json!({
        "userId": "u-19", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&confirmed_by_none).await;
    let popup = modal.popup_alone("fernhill", "&mode=redirect").await;
    let page = popup.allow(&app, "al@acme.test").await;
    let (_, rest) = page.split_once("credentialId=").unwrap();
    let pending = rest.split(['&', '"']).next().unwrap();
    let unopened = quillpost(&app).await;
    app.turn(&format!("credential_token WHERE credential_id = '{unopened}'"), KEY_ID).await;
    app.fake.withdraw(app.fake.grants()[0].id);
    let before = app.fake.counters().api_calls;

    app.calling(pending).get("/proxy/me").await.assert_refused(409, "credential_pending");
    app.calling(&unopened).get("/proxy/me").await.assert_refused(500, "key_unavailable");
    app.clock.advance(chrono::TimeDelta::hours(2));
    let later = app.calling(&withdrawn).get("/proxy/me").await;
    later.assert_refused(503, "refresh_pending");
    assert!(later.header("retry-after").is_some());
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.calling(&refused).get("/proxy/me").await.assert_refused(503, "connector_failing");
    assert_eq!(app.fake.counters().api_calls, before, "the app hears of none of them");
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_refused_and_nothing_is_sent() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let before = app.fake.counters().api_calls;
    for path in [
        "/proxy/..",
        "/proxy/../x",
        "/proxy/a/../../x",
        "/proxy/./x",
        "/proxy/%2e%2e/x",
        "/proxy/a/%2E%2E%2fx",
        "/proxy/%252e%252e/x",
        "/proxy//evil.test/x",
        "/proxy/a//b",
        "/proxy/%2f%2fevil.test",
        "/proxy/\\evil.test",
        "/proxy/a%5c..%5cb",
        "/proxy/https://evil.test/x",
        "/proxy/https:%2f%2fevil.test",
        "/proxy/..;/x",
        "/proxy/a%00b",
        "/proxy/a%0d%0ab",
    ] {
        let mut connection =
            app.by_hand(&credential, &format!("GET {path}"), "connection: close\r\n\r\n").await;
        let answer = connection.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        // What is no request target at all never reaches a handler.
        let refused = answer.contains("\"path_refused\"") || path.contains('\\');
        assert!(refused, "{path}: {answer}");
    }
    assert_eq!(app.fake.counters().api_calls, before);
}

#[tokio::test]
async fn upgrades_and_tunnels_are_refused_clearly() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let before = app.fake.counters().api_calls;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n";
    let mut connection = app.by_hand(&credential, "GET /proxy/me", upgrade).await;
    let head = connection.head().await;
    assert!(
        head.starts_with("http/1.1 400 ") && head.contains("vouchsafe-error: upgrade_not_supported"),
        "{head}"
    );
    let mut connection = app.by_hand(&credential, "TRACE /proxy/me", "connection: close\r\n\r\n").await;
    let answer = connection.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.to_lowercase().contains("allow: get, head"),
        "{answer}"
    );
    eventually("a row of it too", async || {
        let rows = app.calls().await;
        let told = rows.iter().any(|row| row["reason"] == "TRACE -/me: method_not_allowed");
        if told { Ok(()) } else { Err(rows) }
    })
    .await;
    assert_eq!(app.fake.counters().api_calls, before);
    // What curl offers by itself is no wish.
    let offer = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    let mut connection = app.by_hand(&credential, "GET /proxy/me", offer).await;
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");

    let switching = RawServer::start(async |mut connection: Connection, _| {
        connection.head().await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
        connection.write(head).await;
    })
    .await;
    let unasked = app.behind(&switching.address).await;
    app.calling(&unasked).get("/proxy/me").await.assert_refused(502, "provider_unreachable");
    assert_eq!(switching.connections(), 1, "it is not asked again");
}

#[tokio::test]
async fn an_app_that_is_away_or_silent_is_told_apart() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::close_before()).always());
    let away = app.calling(&credential).get("/proxy/me").await;
    let problem = away.assert_refused(502, "provider_unreachable");
    assert!(problem["detail"].as_str().unwrap().contains("127.0.0.1"), "{problem}");
    app.fake.clear_faults();
    app.fake.program(Plan::next(Endpoint::Api, Fault::wire(Wire::Never)));
    app.calling(&credential).get("/proxy/me").await.assert_refused(504, "provider_timeout");

    let nobody = RawServer::start(async |_, _| ()).await;
    let address = nobody.address.clone();
    drop(nobody);
    let closed = app.behind(&address).await;
    app.calling(&closed).get("/proxy/me").await.assert_refused(502, "provider_unreachable");
}

#[tokio::test]
async fn a_call_is_made_again_only_where_twice_is_as_good_as_once() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, number| {
        let head = connection.head().await;
        // The first try of each call ends without an answer.
        if number % 2 == 1 {
            connection.answer(&head).await;
        }
    })
    .await;
    let credential = app.behind(&server.address).await;
    let caller = app.calling(&credential);
    for (method, made) in
        [(Method::GET, 2), (Method::PUT, 2), (Method::DELETE, 2), (Method::POST, 1), (Method::PATCH, 1)]
    {
        let before = server.connections();
        let answer = caller.send_raw(method.clone(), "/proxy/x", "text/plain", "small").await;
        assert_eq!(server.connections() - before, made, "{method}");
        if made == 2 {
            assert_eq!(answer.status, 200, "{method}");
        } else {
            answer.assert_refused(502, "provider_unreachable");
            // Keeps the count even.
            assert_eq!(caller.get("/proxy/even").await.status, 200);
        }
    }
}

#[tokio::test]
async fn s11_a_redirect_is_the_callers_own_to_follow_wherever_it_leads() {
    let Some(app) = TestApp::start().await else { return };
    let sink = RawServer::start(async |mut connection: Connection, _| {
        connection.head().await;
    })
    .await;
    let next = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&next);
    let server = RawServer::start(move |mut connection: Connection, _| {
        let answer = written.lock().unwrap().clone();
        async move {
            connection.head().await;
            connection.write(answer).await;
        }
    })
    .await;
    let credential = app.behind(&server.address).await;
    let there = &sink.address;
    let other_host = there.replace("127.0.0.1", "localhost");
    for place in [
        format!("http://{there}/x"),
        format!("http://{other_host}/x"),
        format!("https://{there}/x"),
        format!("//{there}/x"),
    ] {
        for status in [301, 302, 303, 307, 308] {
            *next.lock().unwrap() = format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let before = server.connections();
            let answer =
                app.calling(&credential).send_raw(Method::POST, "/proxy/x", "text/plain", "body").await;
            assert_eq!((answer.status, answer.header("location")), (status, Some(place.as_str())));
            assert_eq!(server.connections() - before, 1, "{status} {place}");
        }
    }
    assert_eq!(sink.connections(), 0, "nothing was sent on");
}

#[tokio::test]
async fn s11_a_page_that_echoes_the_credential_runs_nowhere() {
    let Some(app) = TestApp::start().await else { return };
    let server = RawServer::start(async |mut connection: Connection, _| {
        let told = connection.head().await;
        let page = format!("<script>alert(1)</script><pre>{told}</pre>");
        let head = "content-type: text/html\r\nset-cookie: a=b\r\nservice-worker-allowed: /\r\n\
                    access-control-allow-origin: *\r\ncontent-security-policy: script-src *";
        let length = page.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: {length}\r\n\r\n{page}");
        connection.write(answer).await;
    })
    .await;
    let credential = app.behind(&server.address).await;
    let answer = app.calling(&credential).get("/proxy/page").await;
    assert_eq!(answer.status, 200);
    assert!(
        String::from_utf8_lossy(&answer.body).contains("x-api-key: raw-key"),
        "the app says what it was told"
    );
    for (name, value) in [
        ("content-type", Some("text/html")),
        ("content-security-policy", Some("sandbox")),
        ("x-content-type-options", Some("nosniff")),
        ("set-cookie", None),
        ("service-worker-allowed", None),
        ("access-control-allow-origin", None),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let rows = eventually("the row", async || {
        let rows = app.calls().await;
        if rows.is_empty() { Err(()) } else { Ok(rows) }
    })
    .await;
    assert!(!format!("{rows:?}").contains("raw-key"), "{rows:?}");
}
