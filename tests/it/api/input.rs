//! What holds for the input of every endpoint: shapes, media types, sizes, names, pages, ids of requests.

use http::Method;
use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let good = r#"{"username":"u"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let response = key.send_raw(Method::POST, "/users", kind, good).await;
        response.assert_problem(415, "unsupported_media_type");
    }
    let kind = "application/json; charset=utf-8";
    assert_eq!(key.send_raw(Method::POST, "/users", kind, good).await.status, 201);
    for body in ["", "  ", "{", "{\"username\":\"v\"} x", "{'username':'v'}", "\u{feff}{\"username\":\"v\"}"]
    {
        let problem =
            key.send_raw(Method::POST, "/users", "application/json", body).await.assert_invalid(&[""]);
        assert!(!problem.to_string().contains("username"), "{problem}");
    }
    app.as_key().act("/users").await.assert_invalid(&[""]);
    key.send_raw(Method::POST, "/users", "application/json", r#"{"username":"v","username":"w"}"#)
        .await
        .assert_invalid(&["/username"]);
}

#[tokio::test]
async fn a_value_is_never_repeated() {
    let Some(app) = TestApp::start().await else { return };
    for body in [
        json!({"userId": "u", "connector": "quillpost", "data": "hunter2"}),
        json!({"userId": "u", "connector": "quillpost", "data": {"key": ["hunter2"]}}),
        json!({"userId": "u", "connector": "quillpost", "data": {"key": "hunter2"}, "method": "hunter2"}),
        json!({"userId": {"x": "hunter2"}, "connector": "quillpost", "data": {}}),
    ] {
        let response = app.as_key().post("/credentials", &body).await;
        let problem = response.assert_problem(400, "invalid_request");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn a_body_has_at_most_a_mebibyte() {
    let Some(app) = TestApp::start().await else { return };
    for size in [1024 * 1024, 3 * 1024 * 1024] {
        let body = json!({"username": "u", "fullName": "x".repeat(size)});
        app.as_key().post("/users", &body).await.assert_problem(413, "body_too_large");
        let keyed = app.as_key().header("idempotency-key", "large");
        keyed.post("/users", &body).await.assert_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn limits_cursors_and_parameters_are_checked() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let providers = key.get("/providers?limit=1").await.ok(200);
    let of_another = format!("cursor={}", providers["nextCursor"].as_str().unwrap());
    for path in
        ["/users", "/credentials", "/connectors", "/integrations", "/providers", "/events", "/api-keys"]
    {
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("limit=201", "/limit"),
            ("limit=ten", "/limit"),
            ("limit=%2B5", "/limit"),
            ("limit=", "/limit"),
            ("cursor=nonsense", "/cursor"),
            ("cursor=djE6aTI", "/cursor"),
            ("cursor=", "/cursor"),
            ("colour=red", "/colour"),
            ("limit=1&limit=2", "/limit"),
            ("cursor=%00", "/cursor"),
            ("a%2Fb=1", "/a~1b"),
        ] {
            key.get(&format!("{path}?{query}")).await.assert_invalid(&[pointer]);
        }
        key.get(&format!("{path}?limit=200")).await.ok(200);
        let elsewhere = key.get(&format!("{path}?{of_another}")).await;
        if path == "/providers" {
            elsewhere.ok(200)
        } else {
            elsewhere.assert_invalid(&["/cursor"])
        };
    }
    key.get("/users?search=%00").await.assert_invalid(&["/search"]);
}

#[tokio::test]
async fn what_can_name_nothing_is_not_found() {
    let Some(app) = TestApp::start().await else { return };
    let user = app.user("u").await;
    for path in [
        "/users/%00",
        "/users/u%00",
        "/users/%FF",
        "/connectors/%00",
        "/integrations/a%00",
        "/providers/%00",
        "/users/u/connectors/%00/token",
        "/credentials/x",
        "/credentials/cred_",
        "/api-keys/apikey_zzz",
        &format!("/credentials/{user}"),
        "/users/",
        "/users/u/",
        "/nothing/here",
        "/",
        "//users",
    ] {
        app.as_key().get(path).await.assert_problem(404, "not_found");
    }
    let known = app.as_key().get("/users/nobody").await.json();
    let unknown = app.as_key().get("/credentials/x").await.json();
    assert_eq!(known["detail"], unknown["detail"], "one and the same answer");
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let Some(app) = TestApp::start().await else { return };
    let response = app.as_key().delete("/users").await;
    response.assert_problem(405, "method_not_allowed");
    let mut allowed: Vec<_> = response.header("allow").unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    app.anonymous().patch("/users/u", &json!({})).await.assert_problem(405, "method_not_allowed");
    app.anonymous().act("/healthz").await.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_request_id_is_taken_or_made() {
    let Some(app) = TestApp::start().await else { return };
    let longest = "x".repeat(128);
    for id in ["mine-1", longest.as_str()] {
        let response = app.as_key().header("x-request-id", id).get("/users").await;
        assert_eq!(response.header("x-request-id"), Some(id));
        let refused = app.anonymous().header("x-request-id", id).get("/users").await;
        assert_eq!(refused.assert_problem(401, "unauthenticated")["requestId"], id);
    }
    let mut made = Vec::new();
    for bad in ["", "a b", &"x".repeat(129)] {
        let response = app.as_key().header("x-request-id", bad).get("/users").await;
        let id = response.header("x-request-id").unwrap().to_owned();
        assert!(id != bad && id.len() > 10 && !made.contains(&id), "{id}");
        made.push(id);
    }
}

#[tokio::test]
async fn a_refused_key_is_counted_against_its_address() {
    let Some(app) = TestApp::start().await else { return };
    let guesser = app.with_key("vs_production_guess").header("x-forwarded-for", "192.0.2.66");
    let mut limited = false;
    for _ in 0..60 {
        let response = guesser.get("/users").await;
        limited |= response.status == 429;
        if response.status != 429 {
            response.assert_problem(401, "unauthenticated");
        }
    }
    assert!(limited);
    let other = app.with_key("vs_production_guess").header("x-forwarded-for", "192.0.2.67");
    other.get("/users").await.assert_problem(401, "unauthenticated");
    // A key that works is not punished for its neighbour.
    app.as_key().header("x-forwarded-for", "192.0.2.66").get("/users").await.ok(200);
}
