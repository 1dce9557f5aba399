//! Signing in at an app: the browser is bound, the code exchanged once, and the credential works.

use std::collections::BTreeMap;

use serde_json::json;
use url::Url;
use vouchsafe::demo::fake::VALID_KEY;

use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::holder::Holder;

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
async fn a_step_without_the_cookie_of_its_flow_is_told_to_the_owner() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let ticket = modal.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    let foreign = format!("vs_flow_{flow}=stolen");
    let send = async |path: &str, cookie: &str| {
        let request = app.client.post(format!("{}{path}", app.base_url)).header("cookie", cookie);
        let request = if path.ends_with("handshake") {
            request.json(&json!({"flow": flow, "nonce": ticket["nonce"]}))
        } else {
            request.form(&[("flow", flow.as_str()), ("decision", "accept")])
        };
        request.send().await.unwrap().status().as_u16()
    };
    for (path, action) in [
        ("/connect/start/handshake", "connect.handshake"),
        ("/connect/start/continue", "connect.continue"),
        ("/connect/start/cancel", "connect.cancel"),
        ("/connect/account", "connect.account"),
    ] {
        assert_eq!(send(path, "vs_flow_x=y").await, 400, "{path}");
        assert_eq!(send(path, &foreign).await, 400, "{path}");
        assert_eq!(refusals(&app, action, &flow).await, ["cookie of another browser", "no cookie"], "{path}");
    }
    app.clock.advance(chrono::TimeDelta::minutes(10));
    assert_eq!(send("/connect/start/continue", &cookie).await, 400);
    assert_eq!(refusals(&app, "connect.continue", &flow).await[0], "too late");
}

#[tokio::test]
async fn an_environment_may_want_more_than_a_page_that_was_read() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    app.as_key().patch("/environment", &json!({"minimumBinding": "opener"})).await.ok(200);
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let ticket = modal.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    let refused = app.go_on(&flow, &cookie).await;
    assert_eq!(refused.status(), 400);
    let page = refused.text().await.unwrap();
    assert!(page.contains("binding_too_weak") && page.contains("try again"), "{page}");
    for mode in ["", "&mode=redirect"] {
        let start = format!("{}{mode}", modal.ticket("fernhill").await["startUrl"].as_str().unwrap());
        let page = app.client.get(format!("{}{start}", app.base_url)).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains("data-vs-action=\"continue\" data-vs-connector=\"fernhill\" hidden"), "{page}");
        assert!(page.contains("start again in"), "{page}");
    }
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["status"], "completed");
}

/// What the link back to `https://app.acme.test/apps` on a page carries.
fn return_query(page: &str) -> BTreeMap<String, String> {
    let link = page.split("href=\"https://app.acme.test/apps?").nth(1).unwrap().split('"').next().unwrap();
    let link = Url::parse(&format!("https://x/?{}", link.replace("&amp;", "&"))).unwrap();
    link.query_pairs().into_owned().collect()
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
    let query = return_query(&popup.allow(&app, "jo@acme.test").await);
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
async fn whoever_was_given_a_link_can_not_pass_for_the_modal() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill", "quillpost"],
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    let link = modal.by_link();
    assert_ne!(link.token, modal.token);

    // Nothing in these requests says that they come from a hosted page.
    let query = return_query(&link.popup_alone("fernhill", "").await.allow(&app, "jo@acme.test").await);
    assert_eq!(query["status"], "waiting");
    assert!(query.contains_key("confirmationCode"));
    assert_eq!(app.shown(&query["credentialId"]).await["status"], "pending");
    let state = link.state().await;
    assert_eq!(state["connectors"][0]["state"], "waiting");
    assert!(
        state["connectors"][0].get("confirmationCode").is_none(),
        "not to whoever sent the link: {state}"
    );

    let ticket = link.ticket("fernhill").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    let request = app.client.post(format!("{}/connect/start/handshake", app.base_url));
    let body = json!({"flow": flow, "nonce": ticket["nonce"]});
    let shaken = request.header("cookie", cookie).json(&body).send().await.unwrap();
    assert_eq!(shaken.status(), 400, "a link has no frame that could answer");

    link.submit("quillpost", "api_key", json!({"key": VALID_KEY})).await;
    assert_eq!(modal.result("quillpost").await["status"], "waiting");
}

#[tokio::test]
async fn a_page_that_was_read_is_enough_only_where_there_can_be_a_modal() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for (origins, status) in [(json!(["https://app.acme.test"]), "completed"), (json!([]), "waiting")] {
        let body =
            json!({"userId": format!("u-{status}"), "connectors": ["fernhill"], "allowedOrigins": origins});
        let modal = app.modal(&body).await;
        modal.popup_alone("fernhill", "").await.allow(&app, "jo@acme.test").await;
        assert_eq!(modal.result("fernhill").await["status"], status);
    }
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
    let page = modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    let late = json!({"userId": "u-17", "confirmationCode": return_query(&page)["confirmationCode"]});
    let confirm = format!("/connect/sessions/{}/confirm", modal.session);
    let credential = modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
    app.clock.advance(chrono::TimeDelta::minutes(10));
    app.as_key().post(&confirm, &late).await.assert_problem(409, "confirmation_expired");
    app.hub.sweep().await.unwrap();
    app.as_key().post(&confirm, &late).await.assert_problem(409, "confirmation_expired");
    app.as_key().get(&format!("/credentials/{credential}")).await.assert_problem(404, "not_found");
    app.hub.work_off_revocations().await.unwrap();
    assert_eq!(app.fake.counters().grants_revoked, 1, "the app was told");
    assert_eq!(modal.result("fernhill").await["error"], "confirmation_expired");
}

#[tokio::test]
async fn a_confirmation_of_what_was_given_back_a_moment_ago_is_too_late() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let body = json!({
        "userId": "u-17", "credentialId": credential, "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    let page = modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    let body = json!({"userId": "u-17", "confirmationCode": return_query(&page)["confirmationCode"]});
    let token = app.token(&credential).await;
    // A sweep of another replica has given the grant back and has not said so yet.
    assert_eq!(app.rows("DELETE FROM flow RETURNING id").await.len(), 1);
    let confirm = format!("/connect/sessions/{}/confirm", modal.session);
    app.as_key().post(&confirm, &body).await.assert_problem(409, "confirmation_expired");
    assert_eq!(app.token(&credential).await, token, "what it had before");
    assert_eq!(modal.result("fernhill").await["status"], "waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_at_the_last_moment_is_not_undone() {
    // SQLite does one after the other.
    if !is_postgres() {
        return;
    }
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps?tab=1",
    });
    let modal = app.modal(&body).await;
    let page = modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    let query = return_query(&page);
    let credential = &query["credentialId"];
    let confirm = format!("/connect/sessions/{}/confirm", modal.session);
    let body = json!({"userId": "u-17", "confirmationCode": query["confirmationCode"]});
    let caller = app.as_key();
    let holder = Holder::of(&app, &[credential]).await;
    let (confirmed, swept) = tokio::join!(caller.post(&confirm, &body), async {
        holder.is_waited_for(&app).await;
        app.clock.advance(chrono::TimeDelta::minutes(10));
        let (swept, ()) = tokio::join!(app.hub.sweep(), async {
            holder.is_waited_for_by(2, &app).await;
            holder.let_go().await;
        });
        swept
    });
    swept.unwrap();
    assert_eq!(confirmed.ok(200)["status"], "completed");
    let result = modal.result("fernhill").await;
    assert_eq!((&result["status"], &result["credentialId"]), (&json!("completed"), &json!(credential)));
    app.token(credential).await;
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

#[tokio::test]
async fn a_form_that_lacks_its_flow_or_names_it_twice_gets_a_page() {
    let Some(app) = TestApp::start().await else { return };
    for path in ["/connect/start/continue", "/connect/start/cancel", "/connect/account"] {
        for form in [&[][..], &[("flow", ""), ("flow", "flow_x")], &[("decision", "accept")]] {
            let request = app.client.post(format!("{}{path}", app.base_url)).form(form);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 404, "{path} {form:?}");
            assert!(response.text().await.unwrap().contains("<html"), "{path} {form:?}");
        }
    }
}
