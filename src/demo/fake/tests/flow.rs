//! Sign-on, codes, client proof, the API and the definitions.

use chrono::TimeDelta;

use super::*;

#[tokio::test]
async fn a_consent_becomes_tokens_that_open_the_api() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let page = rig.http.get(rig.url("/oauth/authorize")).query(&Rig::asked(&[])).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let html = page.text().await.unwrap();
    assert!(html.contains("value=\"jo@acme.test\"") && html.contains("Read your orders"), "{html}");
    assert!(html.contains("Let Acme into your account?"));
    assert!(!html.contains("Create orders"), "only what was asked for");

    let members = answer(&rig.decide(&[], "allow").await);
    assert!(members.contains(&("state".to_owned(), "s-1".to_owned())));
    assert!(members.contains(&("iss".to_owned(), rig.fake.base_url().to_owned())));
    let code = &members.iter().find(|(name, _)| name == "code").unwrap().1;
    let (status, body) = json(rig.exchange(code)).await;
    assert_eq!(
        (status, text(&body, "scope"), &body["expires_in"]),
        (200, "profile items:read", &3600.into())
    );

    let access_token = text(&body, "access_token");
    let (_, me) = json(rig.http.get(rig.url("/api/me")).bearer_auth(access_token)).await;
    assert_eq!(
        (text(&me, "email"), &me["grant"], &me["tokenVersion"]),
        (DEMO_USERNAME, &1.into(), &1.into())
    );
    let create = rig.http.post(rig.url("/api/items")).bearer_auth(access_token).body("{}");
    assert_eq!(create.send().await.unwrap().status(), 403, "items:write was not granted");

    let counters = rig.fake.counters();
    assert_eq!((counters.authorizations_shown, counters.authorizations_allowed), (1, 1));
    assert_eq!((counters.exchanges, counters.tokens_issued, counters.token_in_flight), (1, 1, 0));
    rig.clock.advance(TimeDelta::seconds(3600));
    assert_eq!(rig.me(access_token).await, 401, "the lifetime is over");
}

#[tokio::test]
async fn a_refusal_by_the_user_says_access_denied() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let members = answer(&rig.decide(&[], "deny").await);
    assert!(members.contains(&("error".to_owned(), "access_denied".to_owned())));
    assert!(members.contains(&("state".to_owned(), "s-1".to_owned())));
    assert_eq!(rig.fake.counters().authorizations_denied, 1);
    assert!(rig.fake.grants().is_empty());
}

#[tokio::test]
async fn an_unknown_client_or_redirect_uri_never_redirects() {
    let rig = Rig::new(RefreshKind::Strict).await;
    for changes in [("client_id", "somebody"), ("redirect_uri", "http://127.0.0.1:9/oauth/callback/con_2")] {
        let response = rig.decide(&[changes], "allow").await;
        assert_eq!(response.status(), 400, "{changes:?}");
        assert!(!response.headers().contains_key("location"));
    }
    rig.fake.configure(|settings| settings.any_redirect = true);
    let elsewhere = ("redirect_uri", "http://127.0.0.1:9/oauth/callback/con_2");
    assert_eq!(rig.decide(&[elsewhere], "allow").await.status(), 303);
}

#[tokio::test]
async fn bad_authorization_requests_are_answered_with_an_error() {
    let rig = Rig::new(RefreshKind::Strict).await;
    for (change, expected) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("scope", "everything"), "invalid_scope"),
    ] {
        let members = answer(&rig.decide(&[change], "allow").await);
        assert!(members.contains(&("error".to_owned(), expected.to_owned())), "{change:?}: {members:?}");
    }
    assert_eq!(rig.fake.counters().authorizations_allowed, 0);
}

#[tokio::test]
async fn form_post_answers_by_a_form_and_coop_is_sent() {
    let rig = Rig::new(RefreshKind::Strict).await;
    rig.fake.configure(|settings| settings.coop = Some("same-origin".to_owned()));
    let response = rig.decide(&[("response_mode", "form_post")], "allow").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cross-origin-opener-policy"], "same-origin");
    let html = response.text().await.unwrap();
    assert!(html.contains("name=\"code\" value=\"fhc_") && html.contains("name=\"iss\""), "{html}");
}

#[tokio::test]
async fn a_code_works_once_for_its_client_and_verifier_and_a_replay_ends_the_grant() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let code = rig.code().await;
    let (status, body) = json(rig.exchange(&code)).await;
    assert_eq!(status, 200);
    assert_eq!(rig.me(text(&body, "access_token")).await, 200);
    let (status, replay) = json(rig.exchange(&code)).await;
    assert_eq!((status, text(&replay, "error")), (400, "invalid_grant"));
    assert_eq!(rig.fake.grants()[0].end, Some(GrantEnd::CodeReplay));
    assert_eq!(rig.me(text(&body, "access_token")).await, 401);

    let late = rig.code().await;
    rig.clock.advance(TimeDelta::seconds(CODE_LIFETIME + 1));
    assert_eq!(json(rig.exchange(&late)).await.0, 400);

    let form = [
        ("grant_type", "authorization_code"),
        ("code", &rig.code().await),
        ("redirect_uri", REDIRECT),
        ("code_verifier", "another-verifier-another-verifier-another-verifier"),
    ];
    assert_eq!(text(&json(rig.token(&form)).await.1, "error"), "invalid_grant");
    assert_eq!(rig.fake.grants().len(), 1, "nothing else was granted");
}

#[tokio::test]
async fn clients_prove_themselves_in_header_or_body_but_not_both() {
    let rig = Rig::new(RefreshKind::Strict).await;
    rig.fake.register(Client::new("a b", "s&:%"));
    let form = [("grant_type", "client_credentials"), ("scope", "items:read")];
    let send = |id: &str, secret: &str| {
        rig.http.post(rig.url("/oauth/token")).basic_auth(id, Some(secret)).form(&form)
    };
    // RFC 6749, section 2.3.1: form-encoded, then joined.
    let (status, body) = json(send("a+b", "s%26%3A%25")).await;
    assert_eq!((status, &body["refresh_token"]), (200, &Value::Null));
    assert_eq!(rig.me(text(&body, "access_token")).await, 200);
    let response = send("a+b", "wrong").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));
    let (status, body) = json(rig.token(&form).basic_auth(DEMO_CLIENT_ID, Some(DEMO_CLIENT_SECRET))).await;
    assert_eq!((status, text(&body, "error")), (400, "invalid_request"));
    let (_, body) = json(rig.token(&[("grant_type", "password")])).await;
    assert_eq!(text(&body, "error"), "unsupported_grant_type");
}

#[tokio::test]
async fn keys_basic_and_sessions_open_the_api_as_they_should() {
    let rig = Rig::new(RefreshKind::Strict).await;
    rig.fake.set_key("fake_live_00000000", KeyState::Revoked);
    let call = || rig.http.get(rig.url("/api/me"));
    for (request, expected) in [
        (call(), 401),
        (call().header("X-Api-Key", VALID_KEY), 200),
        (call().bearer_auth(VALID_KEY), 200),
        (call().header("X-Api-Key", RESTRICTED_KEY), 403),
        (call().header("X-Api-Key", REVOKED_KEY), 401),
        (call().header("X-Api-Key", "fake_live_short"), 401),
        (call().header("X-Api-Key", "fake_live_00000000"), 401),
        (call().basic_auth(DEMO_USERNAME, Some(DEMO_PASSWORD)), 200),
        (call().basic_auth(DEMO_USERNAME, Some("wrong")), 401),
    ] {
        assert_eq!(request.send().await.unwrap().status(), expected);
    }
    let login = |password: &str| {
        let body = serde_json::json!({ "username": "kim@acme.test", "password": password });
        rig.http.post(rig.url("/session/login")).json(&body)
    };
    assert_eq!(json(login("wrong")).await.0, 401);
    let (_, session) = json(login(DEMO_PASSWORD)).await;
    let (_, me) = json(call().bearer_auth(text(&session, "session_token"))).await;
    assert_eq!(text(&me, "email"), "kim@acme.test");
    let counters = rig.fake.counters();
    assert_eq!((counters.api_calls, counters.api_unauthorized, counters.api_forbidden), (10, 5, 1));
}

#[tokio::test]
async fn the_echo_shows_what_was_sent() {
    let rig = Rig::new(RefreshKind::Strict).await;
    let call = rig.http.put(rig.url("/api/echo/a?b=c")).header("X-Mine", "1").body("hello");
    let (_, seen) = json(call).await;
    assert_eq!(
        (text(&seen, "method"), text(&seen, "path"), text(&seen, "query")),
        ("PUT", "/api/echo/a", "b=c")
    );
    assert_eq!(text(&seen, "body"), "hello");
    assert!(seen["headers"].as_array().unwrap().contains(&serde_json::json!(["x-mine", "1"])));
}

#[tokio::test]
async fn definitions_are_toml_with_the_habits_of_the_provider() {
    let rig = Rig::new(RefreshKind::Grace(30)).await;
    let read = |text: String| text.parse::<toml::Table>().unwrap();
    let oauth = read(rig.fake.definition_toml(FERNHILL));
    assert_eq!(oauth["name"].as_str(), Some("Fernhill"));
    assert_eq!(oauth["oauth2"]["refresh"]["reuse"].as_str(), Some("grace:30"));
    assert_eq!(oauth["oauth2"]["token_endpoint"].as_str(), Some(rig.url("/oauth/token").as_str()));
    let key = read(rig.fake.api_key_definition_toml(QUILLPOST));
    assert_eq!(key["api_key"]["headers"]["X-Api-Key"].as_str(), Some("{key}"));
    for other in [basic_definition_toml, client_credentials_definition_toml, session_definition_toml] {
        assert!(read(other("two-words", rig.fake.base_url()))["name"].as_str() == Some("Two Words"));
    }
}
