//! Signing in at an app: the browser is bound, the code exchanged once, and the credential works.

use serde_json::json;
use url::Url;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_user_signs_in_and_the_product_gets_a_token_that_the_app_takes() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    assert!(modal.page("").await.contains("data-vs-page=\"sign-in\""));

    let popup = modal.popup("fernhill").await;
    let query: std::collections::BTreeMap<_, _> = popup.consent.query_pairs().into_owned().collect();
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["response_type"], "code");
    assert!(query["state"].len() >= 43 && !popup.consent.as_str().contains(&modal.token));
    assert_eq!(modal.state().await["connectors"][0]["state"], "started");

    let page = popup.allow(&app, "jo@acme.test").await;
    assert!(page.contains("jo@acme.test"), "the page names the account");
    let result = modal.result("fernhill").await;
    assert_eq!(result["status"], "completed");
    let credential = result["credentialId"].as_str().unwrap();
    assert_eq!(modal.state().await["status"], "completed");

    let shown = app.shown(credential).await;
    assert_eq!((&shown["status"], &shown["method"]), (&json!("active"), &json!("oauth2")));
    assert_eq!(shown["account"]["label"], "jo@acme.test");
    let token = app.token(credential).await;
    let called = app
        .client
        .get(format!("{}/api/me", app.fake.base_url()))
        .bearer_auth(token["accessToken"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(called.status(), 200);
    assert!(token.get("refreshToken").is_none());
    assert_eq!(app.events(credential).await, ["credential.created"]);
    assert_eq!(app.fake.counters().exchanges, 1);
}

#[tokio::test]
async fn an_answer_counts_once_and_in_its_own_browser_alone() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;

    let (status, page) = app.callback(&back, "vs_flow_other=stolen").await;
    assert_eq!(status, 400);
    assert!(page.contains("flow_refused") && !page.contains("jo@acme.test"));
    assert_eq!(app.fake.counters().token_requests, 0, "a stranger spends nothing");

    let mut elsewhere = back.clone();
    elsewhere.set_path("/oauth/callback/conn_01jz0000000000000000000000");
    assert_eq!(app.callback(&elsewhere, &popup.cookie).await.0, 400, "another connector's address");

    assert_eq!(app.callback(&back, &popup.cookie).await.0, 200, "its own browser goes on");
    assert_eq!(app.callback(&back, &popup.cookie).await.0, 400, "and only once");
    assert_eq!(app.fake.counters().token_requests, 1);
    let reasons = refusals(&app, "connect.callback", &popup.flow).await;
    let stray = "cookie or connector of another flow";
    assert_eq!(reasons, ["used already", stray, stray], "each refusal is told to the flow's owner");
    let mut guessed = back.clone();
    guessed.set_query(Some("code=c&state=guessed"));
    assert_eq!(app.callback(&guessed, &popup.cookie).await.0, 400);
    assert_eq!(refusals(&app, "connect.callback", &popup.flow).await.len(), 3, "a guess is nobody's");
}

/// Why something about a target was refused, the latest first.
async fn refusals(app: &TestApp, action: &str, target: &str) -> Vec<String> {
    let found = app.as_key().get(&format!("/audit-events?action={action}&target={target}")).await.ok(200);
    let events = found["data"].as_array().unwrap().iter();
    let refused = events.filter(|event| event["result"] == "refused");
    refused.map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_ticket_starts_one_flow_within_a_minute() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let start = |url: String| {
        let request = app.client.get(format!("{}{url}", app.base_url));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let ticket = modal.ticket("fernhill").await["startUrl"].as_str().unwrap().to_owned();
    assert_eq!(start(ticket.clone()).await, 200);
    assert_eq!(start(ticket).await, 400, "used");
    let late = modal.ticket("fernhill").await["startUrl"].as_str().unwrap().to_owned();
    app.clock.advance(chrono::TimeDelta::seconds(60));
    assert_eq!(start(late).await, 400, "late");
    let reasons = refusals(&app, "connect.start", &modal.session).await;
    assert_eq!(reasons, ["ticket too old", "used already"]);
    assert_eq!(start("/connect/start?ticket=guessed".to_owned()).await, 400);
    assert_eq!(refusals(&app, "connect.start", &modal.session).await.len(), 2, "a guess is nobody's");
}

#[tokio::test]
async fn whoever_says_no_connects_nothing_and_may_try_again() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "deny", "jo@acme.test").await;
    assert_eq!(app.callback(&back, &popup.cookie).await.0, 200);
    let result = modal.result("fernhill").await;
    assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!("access_denied")));
    assert!(modal.page("?connector=fernhill&result=1").await.contains("data-vs-page=\"failed\""));
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}

#[tokio::test]
async fn a_wrong_nonce_or_another_browser_does_not_send_a_flow_on() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let ticket = modal.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    let shake = |nonce: serde_json::Value, cookie: String| {
        let request = app.client.post(format!("{}/connect/start/handshake", app.base_url));
        let body = json!({"flow": flow, "nonce": nonce});
        async move { request.header("cookie", cookie).json(&body).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(shake(json!("guessed"), cookie.clone()).await, 400);
    assert_eq!(shake(ticket["nonce"].clone(), "vs_flow_x=y".to_owned()).await, 400);
    assert_eq!(app.go_on(&flow, "vs_flow_x=y").await.status(), 400);
    assert_eq!(shake(ticket["nonce"].clone(), cookie).await, 200);
}

#[tokio::test]
async fn an_environment_may_want_more_than_a_page_that_was_read() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.as_key().patch("/environment", &json!({"minimumBinding": "opener"})).await.ok(200);
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let ticket = modal.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    assert_eq!(app.go_on(&flow, &cookie).await.status(), 400);
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}

#[tokio::test]
async fn a_hosted_link_waits_for_the_back_end() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps?tab=1",
    });
    let modal = app.modal(&body).await;
    assert!(modal.connect_url.as_ref().unwrap().contains('#'), "the token stands in the fragment");
    let popup = modal.popup_alone("fernhill", "&mode=redirect").await;
    let page = popup.allow(&app, "jo@acme.test").await;
    let link = page.split("href=\"https://app.acme.test/apps?").nth(1).unwrap().split('"').next().unwrap();
    let link = Url::parse(&format!("https://x/?{}", link.replace("&amp;", "&"))).unwrap();
    let query: std::collections::BTreeMap<_, _> = link.query_pairs().into_owned().collect();
    assert_eq!((query["tab"].as_str(), query["status"].as_str()), ("1", "waiting"));

    let credential = query["credentialId"].clone();
    assert_eq!(app.shown(&credential).await["status"], "pending");
    let path = format!("/credentials/{credential}/token");
    app.as_key().get(&path).await.assert_problem(409, "credential_pending");
    assert!(app.events(&credential).await.is_empty(), "nothing has happened yet");

    let confirm = format!("/connect/sessions/{}/confirm", modal.session);
    let code = &query["confirmationCode"];
    let wrong_user = json!({"userId": "u-18", "confirmationCode": code});
    app.as_key().post(&confirm, &wrong_user).await.assert_problem(400, "confirmation_refused");
    let wrong_code = json!({"userId": "u-17", "confirmationCode": "guessed"});
    app.as_key().post(&confirm, &wrong_code).await.assert_problem(400, "confirmation_refused");
    let done =
        app.as_key().post(&confirm, &json!({"userId": "u-17", "confirmationCode": code})).await.ok(200);
    assert_eq!(done["status"], "completed");
    assert_eq!(app.shown(&credential).await["status"], "active");
    assert_eq!(app.events(&credential).await, ["credential.created"]);
}

#[tokio::test]
async fn what_nobody_confirms_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    let credential = modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
    app.clock.advance(chrono::TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    app.as_key().get(&format!("/credentials/{credential}")).await.assert_problem(404, "not_found");
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().grants_revoked, 1, "the app was told");
    assert_eq!(modal.result("fernhill").await["error"], "confirmation_expired");
}

#[tokio::test]
async fn a_session_that_finds_everything_connected_is_complete() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let second = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    assert_eq!(second.state().await["status"], "completed");
    assert_eq!(second.result("fernhill").await["credentialId"], credential.as_str());
    let other = app.modal(&json!({"userId": "u-18", "connectors": ["fernhill"]})).await;
    assert_eq!(other.state().await["status"], "open", "another user's credential is not reused");
}
