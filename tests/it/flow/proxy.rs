//! Calls through the hub: the credential is put in, and what the app says comes back.

use chrono::TimeDelta;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, VALID_KEY};

use crate::support::app::{PARTNER, TestApp};
use crate::support::proxy::Echo;
use crate::support::wait::eventually;

async fn quillpost(app: &TestApp) -> String {
    app.user("u").await;
    app.credential("u").await["credentialId"].as_str().unwrap().to_owned()
}

async fn partner(app: &TestApp, variables: Value) -> String {
    let connector = json!({"provider": PARTNER, "variables": variables});
    app.as_key().put("/connectors/fern-partner", &connector).await.ok(201);
    app.user("u").await;
    let body = json!({"userId": "u", "connector": PARTNER, "data": {"key": VALID_KEY}});
    app.as_key().post("/credentials", &body).await.ok(201)["credentialId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_arrives_as_it_was_sent_with_the_credential_in_it() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let caller = app
        .calling(&credential)
        .header("Accept", "application/json")
        .header("X-Own", "one")
        .header("X-Own", "two")
        .header("Idempotency-Key", "passed-on");
    let echo = Echo::of(&caller.get("/proxy/echo/a%20b?x=1&y=%2F&x=2").await);
    assert_eq!(echo.member("method"), "GET");
    assert_eq!(echo.member("path"), "/api/echo/a%20b");
    assert_eq!(echo.member("query"), "x=1&y=%2F&x=2");
    assert_eq!(echo.header("x-api-key"), [VALID_KEY]);
    assert_eq!(echo.header("x-own"), ["one", "two"]);
    assert_eq!(echo.header("accept"), ["application/json"]);
    assert_eq!(echo.header("idempotency-key"), ["passed-on"]);
    assert_eq!(echo.header("host"), [app.fake.base_url().trim_start_matches("http://")]);
    for name in ["authorization", "vouchsafe-credential", "cookie", "referer", "accept-encoding"] {
        assert_eq!(echo.header(name), [""; 0], "{name}");
    }
    let sent = json!({"a": [1, 2]}).to_string();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer =
            app.calling(&credential).send_raw(method.clone(), "/proxy/echo", "application/json", &sent).await;
        let echo = Echo::of(&answer);
        assert_eq!((echo.member("method"), echo.member("body")), (&json!(method.as_str()), &json!(sent)));
        assert_eq!(echo.header("content-length"), [sent.len().to_string()]);
    }
    let by_user = app.as_key().header("Vouchsafe-User", "u").header("Vouchsafe-Connector", "quillpost");
    assert_eq!(Echo::of(&by_user.get("/proxy/echo").await).header("x-api-key"), [VALID_KEY]);
    let me = by_user.get("/proxy/me").await;
    assert_eq!((me.status, me.json()["organisation"].as_str()), (200, Some("Acme")));
}

#[tokio::test]
async fn what_the_hub_puts_in_the_caller_can_not_set() {
    let Some(app) = TestApp::start().await else { return };
    let credential = partner(&app, json!({"partner_token": "pt-1", "tier": "gold"})).await;
    let caller = app
        .calling(&credential)
        .header("X-Api-Key", "mine")
        .header("x_api_key", "mine")
        .header("X-Version", "1999")
        .header("X_Partner", "mine")
        .header("Cookie", "a=b")
        .header("Proxy-Authorization", "Basic x")
        .header("X-Forwarded-Host", "evil.test");
    let echo = Echo::of(&caller.get("/proxy/echo?a=1&API_KEY=mine&api%5fkey=mine").await);
    assert_eq!(echo.header("x-api-key"), [VALID_KEY]);
    assert_eq!(echo.header("x-version"), ["2030-01-01"]);
    assert_eq!(echo.header("x-partner"), ["pt-1"]);
    assert_eq!(echo.header("x-tier"), ["gold eu"]);
    assert_eq!(echo.member("query"), &json!(format!("a=1&api_key={VALID_KEY}")));
    for name in echo.names() {
        assert!(
            !name.contains('_') && !["cookie", "proxy-authorization", "x-forwarded-host"].contains(&name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn status_headers_and_body_come_back_as_the_app_sent_them() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let caller = app.calling(&credential);
    for status in [200, 201, 302, 307, 400, 401, 403, 404, 409, 418, 500, 503] {
        let fault = Fault::answer(StatusCode::from_u16(status).unwrap(), "text/plain", "the app's own words")
            .header("etag", "\"7\"")
            .header("link", "<https://x.test/?page=2>; rel=\"next\"")
            .header("location", "https://elsewhere.test/x")
            .header("x-ratelimit-remaining", "3")
            .header("x-request-id", "the-apps-own")
            .header("set-cookie", "a=b")
            .header("access-control-allow-origin", "*")
            .header("clear-site-data", "*")
            .header("content-security-policy", "default-src *")
            .header("vouchsafe-error", "not_found");
        app.fake.program(Plan::next(Endpoint::Api, fault));
        let answer = caller.get("/proxy/me").await;
        assert_eq!((answer.status, &answer.body[..]), (status, &b"the app's own words"[..]));
        for (name, value) in [
            ("content-type", Some("text/plain")),
            ("etag", Some("\"7\"")),
            ("link", Some("<https://x.test/?page=2>; rel=\"next\"")),
            ("location", Some("https://elsewhere.test/x")),
            ("x-ratelimit-remaining", Some("3")),
            ("x-request-id", Some("the-apps-own")),
            ("set-cookie", None),
            ("access-control-allow-origin", None),
            ("clear-site-data", None),
            ("vouchsafe-error", None),
            ("cache-control", None),
            ("content-security-policy", Some("sandbox")),
            ("x-content-type-options", Some("nosniff")),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {status}");
        }
        assert!(answer.header("vouchsafe-request-id").is_some());
    }
    let plain = caller.get("/proxy/me").await;
    assert!(plain.header("x-request-id").is_some(), "the hub's, where the app has none");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    let caller = app.calling(&credential);
    let head = caller.send(Method::HEAD, "/proxy/echo", None).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").unwrap().parse::<u32>().unwrap() > 100, "as a GET would say");
    for status in [204, 304] {
        let fault = Fault::status(StatusCode::from_u16(status).unwrap()).header("etag", "\"7\"");
        app.fake.program(Plan::next(Endpoint::Api, fault));
        let answer = caller.clone().header("If-None-Match", "\"7\"").get("/proxy/me").await;
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (status, 0, Some("\"7\"")));
    }
}

#[tokio::test]
async fn every_call_is_written_down_and_counts_as_use() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.clock.advance(TimeDelta::minutes(5));
    let caller = app.calling(&credential);
    let body = "x".repeat(1000);
    caller.send_raw(Method::POST, "/proxy/echo/orders/12345?token=in-the-query", "text/plain", &body).await;
    caller.get("/proxy/a/../b").await;
    caller.header("Vouchsafe-Host", "evil.test").get("/proxy/me").await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::close_before()).always());
    app.calling(&credential).get("/proxy/me").await.assert_refused(502, "provider_unreachable");
    let rows = eventually("four rows", async || {
        let rows = app.calls().await;
        if rows.len() >= 4 { Ok(rows) } else { Err(rows) }
    })
    .await;
    let told: Vec<(&str, &str)> = rows
        .iter()
        .rev()
        .map(|row| (row["result"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(told[0].0, "ok");
    assert!(told[0].1.starts_with("POST 127.0.0.1/echo/orders/{}: 200, 1000 bytes out, "), "{}", told[0].1);
    assert!(told.contains(&("refused", "GET -/me: host_not_allowed")), "{told:?}");
    assert!(
        told.iter().any(|(result, why)| *result == "failed" && why.contains("provider_unreachable")),
        "{told:?}"
    );
    assert!(!format!("{rows:?}").contains("in-the-query"));
    assert_eq!(rows[3]["target"], json!({"type": "credential", "id": credential}));
    app.hub.flush_uses().await.unwrap();
    assert_eq!(app.shown(&credential).await["lastUsedAt"], "2030-01-01T00:05:00.000Z");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.user("u-17").await;
    let credential = app.connect("u-17").await;
    let caller = app.calling(&credential);
    let refuse = || Plan::next(Endpoint::Api, Fault::status(StatusCode::UNAUTHORIZED));
    let before = app.token(&credential).await["accessToken"].clone();
    app.clock.advance(TimeDelta::minutes(5));
    app.fake.program(refuse());
    let sent = json!({"n": 1}).to_string();
    let echo = Echo::of(&caller.send_raw(Method::POST, "/proxy/echo", "application/json", &sent).await);
    assert_eq!(echo.member("body"), &json!(sent));
    assert_eq!(app.fake.counters().refreshes, 1);
    let after = app.token(&credential).await["accessToken"].clone();
    assert_ne!(after, before);
    assert_eq!(echo.header("authorization"), [format!("Bearer {}", after.as_str().unwrap())]);

    app.fake.program(refuse());
    assert_eq!(caller.get("/proxy/me").await.status, 401, "once a minute");
    assert_eq!(app.fake.counters().refreshes, 1);
    app.clock.advance(TimeDelta::minutes(2));
    app.fake.program(refuse().times(2));
    assert_eq!(caller.get("/proxy/me").await.status, 401, "the second refusal is the app's last word");
    assert_eq!(app.fake.counters().refreshes, 2);
}

#[tokio::test]
async fn a_call_that_can_not_be_made_again_is_answered_and_its_token_renewed_behind_it() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.user("u-17").await;
    let credential = app.connect("u-17").await;
    let before = app.token(&credential).await["accessToken"].clone();
    app.clock.advance(TimeDelta::minutes(5));
    let calls = app.fake.counters().api_calls;
    app.fake.program(Plan::next(Endpoint::Api, Fault::status(StatusCode::UNAUTHORIZED)));
    // Nobody keeps a body of unknown length.
    let streamed = "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let mut connection = app.by_hand(&credential, "POST /proxy/echo", streamed).await;
    let head = connection.head().await;
    assert!(head.starts_with("http/1.1 401 ") && !head.contains("vouchsafe-error"), "the app's own: {head}");
    eventually("the renewal", async || match app.fake.counters().refreshes {
        1 => Ok(()),
        count => Err(count),
    })
    .await;
    app.settle().await;
    assert_eq!(app.fake.counters().api_calls, calls + 1, "the body went out once");
    let echo = Echo::of(&app.calling(&credential).get("/proxy/echo").await);
    let after = app.token(&credential).await["accessToken"].clone();
    assert_ne!(after, before);
    assert_eq!(echo.header("authorization"), [format!("Bearer {}", after.as_str().unwrap())]);
    assert_eq!(app.fake.counters().refreshes, 1);
}

#[tokio::test]
async fn a_call_refused_with_a_token_that_was_renewed_meanwhile_is_made_again_without_another_renewal() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let before = app.token(&credential).await["accessToken"].clone();
    let late = Fault { hold: true, ..Fault::status(StatusCode::UNAUTHORIZED) };
    app.fake.program(Plan::next(Endpoint::Api, late));
    let calls = app.fake.counters().api_calls;
    let caller = app.calling(&credential);
    let meanwhile = async {
        eventually("the call at the app", async || match app.fake.counters().api_calls {
            count if count > calls => Ok(()),
            count => Err(count),
        })
        .await;
        app.as_key().act(&format!("/credentials/{credential}/refresh")).await.ok(200);
        app.fake.release();
    };
    let (answer, ()) = tokio::join!(caller.get("/proxy/echo"), meanwhile);
    let after = app.token(&credential).await["accessToken"].clone();
    assert_ne!(after, before);
    assert_eq!(Echo::of(&answer).header("authorization"), [format!("Bearer {}", after.as_str().unwrap())]);
    assert_eq!(app.fake.counters().refreshes, 1, "that by hand");
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_renewed() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::status(StatusCode::UNAUTHORIZED)));
    let before = app.fake.counters().api_calls;
    assert_eq!(app.calling(&credential).get("/proxy/me").await.status, 401);
    // The call, and the provider's check of the key: it may have ended.
    assert_eq!(app.fake.counters().api_calls, before + 2);
    assert_eq!(app.fake.counters().refreshes, 0);
}

#[tokio::test]
async fn a_spent_token_is_renewed_before_the_call() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.user("u-17").await;
    let credential = app.connect("u-17").await;
    app.clock.advance(TimeDelta::hours(2));
    assert_eq!(app.calling(&credential).get("/proxy/me").await.status, 200);
    assert_eq!(app.fake.counters().refreshes, 1);
}

#[tokio::test]
async fn a_wait_that_the_app_asks_for_is_shared_by_all_callers() {
    let Some(app) = TestApp::start().await else { return };
    let credential = quillpost(&app).await;
    app.user("v").await;
    let other = app.credential("v").await["credentialId"].as_str().unwrap().to_owned();
    app.fake.program(Plan::next(Endpoint::Api, Fault::throttled(30)));
    let told = app.calling(&credential).get("/proxy/me").await;
    assert_eq!(
        (told.status, told.header("retry-after"), told.header("vouchsafe-error")),
        (429, Some("30"), None)
    );
    let calls = app.fake.counters().api_calls;
    app.clock.advance(TimeDelta::seconds(10));
    for caller in [
        app.calling(&credential),
        app.as_key().header("Vouchsafe-User", "u").header("Vouchsafe-Connector", "quillpost"),
    ] {
        let waiting = caller.get("/proxy/me").await;
        waiting.assert_refused(429, "rate_limited");
        assert_eq!(waiting.header("retry-after"), Some("20"));
    }
    assert_eq!(app.fake.counters().api_calls, calls, "the app is left alone");
    assert_eq!(app.calling(&other).get("/proxy/me").await.status, 200, "another credential goes on");
    app.clock.advance(TimeDelta::seconds(20));
    assert_eq!(app.calling(&credential).get("/proxy/me").await.status, 200);
}
