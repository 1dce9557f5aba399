//! What a session is about: several apps, one that is connected already, more access, reconnecting, and the hosted
//! link.

use http::Method;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{FERNHILL as APP_KEY, QUILLPOST, VALID_KEY};

use crate::chrome::{Chrome, ChromeOptions};
use crate::stage::{Session, Stage};
use crate::support::outside;

const SCOPED: &str = "orders-to-sheet";

/// Connects Fernhill for `jo` in the modal of `session` and ends it.
async fn connects_fernhill(stage: &Stage, chrome: &Chrome, session: &Session, account: &str) -> Value {
    let host = stage.open_modal(chrome, session).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    stage.allow_as(chrome, account).await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    chrome.result(&host).await
}

#[tokio::test]
async fn an_integration_reuses_what_is_connected_and_asks_for_the_rest() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    connects_fernhill(&stage, &chrome, &session, "jo@fernhill.test").await;
    let first = stage.api.only_credential("jo").await;

    let needs = json!([{ "connector": APP_KEY }, { "connector": QUILLPOST }]);
    stage.api.integration(SCOPED, "Orders to sheet", &needs).await;
    let session = stage.session(json!({ "integration": SCOPED })).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("choose").await;
    chrome.shows("h1", "Orders to sheet").await;
    chrome.shows(".rows", "Connected as jo@fernhill.test").await;
    let asked = "return [...document.querySelectorAll('[data-vs-action=connect]')].map((one) => one.dataset.vsConnector)";
    chrome.script_gives(asked, &json!([QUILLPOST])).await;
    chrome.act_on("connect", QUILLPOST).await;
    chrome.on_page("key").await;
    chrome.fill("input[name=key]", VALID_KEY).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    let result = chrome.result(&host).await;
    assert_eq!(result["status"], "completed");
    let told = stage.api.session(&session.id).await;
    assert_eq!(told["status"], "completed");
    let both: Vec<&Value> = told["results"].as_array().unwrap().iter().collect();
    assert_eq!(both.len(), 2, "{told}");
    assert!(both.iter().any(|one| one["credentialId"] == first["credentialId"]));
    assert_eq!(stage.api.credentials("jo").await.len(), 2);

    // Nothing is left to do, so the next one ends by itself.
    let session = stage.session(json!({ "integration": SCOPED })).await;
    assert_eq!(stage.api.session(&session.id).await["status"], "completed");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn more_access_is_asked_for_in_the_same_credential() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    connects_fernhill(&stage, &chrome, &session, "jo@fernhill.test").await;
    let before = stage.api.only_credential("jo").await;
    assert_eq!(before["scopes"], json!(["profile"]));

    let needs = json!([{ "connector": APP_KEY, "scopes": ["items:read"] }, { "connector": QUILLPOST }]);
    stage.api.integration(SCOPED, "Orders to sheet", &needs).await;
    let session = stage.session(json!({ "integration": SCOPED })).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("choose").await;
    chrome.shows(".rows", "More access needed").await;
    chrome.shows(".rows", "items:read").await;
    chrome.act_on("connect", APP_KEY).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("main", "See your name").await;
    chrome.shows("main", "Read your orders").await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    let after = stage.api.only_credential("jo").await;
    assert_eq!(after["credentialId"], before["credentialId"]);
    assert_eq!(after["scopes"], json!(["profile", "items:read"]));
    // One of two is done: closing now is no completion.
    chrome.end_by("close").await;
    let result = chrome.result(&host).await;
    assert_eq!(result["status"], "cancelled");
    assert_eq!(result["results"][0]["credentialId"], before["credentialId"]);
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn a_reconnect_keeps_the_credential_and_asks_about_another_account() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    connects_fernhill(&stage, &chrome, &session, "jo@fernhill.test").await;
    let before = stage.api.only_credential("jo").await;
    let id = before["credentialId"].clone();
    let again = async || {
        let session = json!({ "connectors": [APP_KEY], "credentialId": id });
        stage.session(session).await
    };

    let result = connects_fernhill(&stage, &chrome, &again().await, "jo@fernhill.test").await;
    assert_eq!(result["results"][0]["credentialId"], id);
    assert_eq!(stage.fake.grants().len(), 2);

    // Another account: the user decides to keep the old one, and later to take the new one.
    for (decision, label) in [("cancel", "jo@fernhill.test"), ("continue", "sam@fernhill.test")] {
        let session = again().await;
        let host = stage.open_modal(&chrome, &session).await;
        chrome.on_page("sign-in").await;
        chrome.shows("main", "jo@fernhill.test").await;
        chrome.sign_in().await;
        chrome.shows("h1", "into your account").await;
        chrome.find("#username").await.clear().await.unwrap();
        chrome.fill("#username", "sam@fernhill.test").await;
        chrome.click("button[value=allow]").await;
        chrome.on_page("interstitial").await;
        chrome.shows("main", "sam@fernhill.test").await;
        chrome.assert_accessible().await;
        chrome.click_and_leave(&format!("[data-vs-action={decision}]")).await;
        chrome.windows_are(1).await;
        chrome.back_to_modal(&host).await;
        if decision == "cancel" {
            chrome.on_page("failed").await;
            chrome.end_by("close").await;
            let told = chrome.result(&host).await;
            assert_eq!(told["results"][0]["error"], "account_changed", "{told}");
        } else {
            chrome.on_page("done").await;
            chrome.end_by("done").await;
            assert_eq!(chrome.result(&host).await["status"], "completed");
        }
        let after = stage.api.only_credential("jo").await;
        assert_eq!(after["credentialId"], id);
        assert_eq!(after["account"]["label"], label);
        assert_eq!(after["status"], "active");
    }
    // What nobody wanted was given back: the new grant that was refused, and the old one that was replaced.
    crate::support::wait::eventually("both to be given back", async || {
        let given = stage.fake.counters().revocations;
        if given == 2 { Ok(()) } else { Err(given) }
    })
    .await;
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn the_host_page_hands_the_code_to_its_back_end_where_the_session_wants_that() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = json!({ "connectors": [APP_KEY], "confirm": "backend" });
    let session = stage.session(session).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    let result = chrome.result(&host).await;
    let pending = stage.api.only_credential("jo").await;
    assert_eq!(pending["status"], "pending");
    let told = &result["results"][0];
    assert_eq!(told["credentialId"], pending["credentialId"], "{result}");
    assert_eq!(told["status"], "waiting", "{result}");

    let path = format!("/connect/sessions/{}/confirm", session.id);
    let body = json!({ "userId": "jo", "confirmationCode": told["confirmationCode"] });
    let (status, confirmed) = stage.api.post(&path, &body).await;
    assert_eq!((status, &confirmed["status"]), (200, &json!("completed")), "{confirmed}");
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn a_hosted_link_asks_names_the_user_and_waits_for_the_back_end() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let link = session.link.clone().unwrap();
    chrome.open(&link).await;
    chrome.on_page("sign-in").await;
    let kept = "return [location.href, JSON.stringify({ ...sessionStorage }), JSON.stringify({ ...localStorage })].join()";
    let shown = chrome.script(kept).await;
    assert!(!shown.as_str().unwrap().contains(session.secret_of_link()), "{shown}");
    chrome.act("submit").await;
    chrome.on_page("interstitial").await;
    chrome.shows("main", "Acme asks to connect Fernhill for jo@acme.test").await;
    chrome.act("continue").await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.shows("h1", "Acme again").await;
    let back = chrome.client().current_url().await.unwrap();
    assert!(!back.as_str().contains(session.secret_of_link()), "{back}");
    let told = |name: &str| outside::query(&back, name);
    assert_eq!(told("status").as_deref(), Some("waiting"));
    let pending = stage.api.only_credential("jo").await;
    assert_eq!(pending["status"], "pending");
    let id = pending["credentialId"].as_str().unwrap();
    assert_eq!(told("credentialId").as_deref(), Some(id));
    let token = format!("/credentials/{id}/token");
    let (status, problem) = stage.api.call(Method::GET, &token, None).await;
    assert_eq!((status, &problem["code"]), (409, &json!("credential_pending")));

    let path = format!("/connect/sessions/{}/confirm", session.id);
    let code = told("confirmationCode").unwrap();
    for (user, code) in [("sam", code.as_str()), ("jo", "wrong")] {
        let body = json!({ "userId": user, "confirmationCode": code });
        let (status, problem) = stage.api.post(&path, &body).await;
        assert_eq!((status, &problem["code"]), (400, &json!("confirmation_refused")));
    }
    let body = json!({ "userId": "jo", "confirmationCode": code });
    let (status, confirmed) = stage.api.post(&path, &body).await;
    assert_eq!((status, &confirmed["status"]), (200, &json!("completed")), "{confirmed}");
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    assert_eq!(stage.api.call(Method::GET, &token, None).await.0, 200);

    // The link is of no use any more, and shows what became of it.
    chrome.open(&link).await;
    chrome.on_page("done").await;
    chrome.shows(".rows", "jo@fernhill.test").await;
    chrome.script_gives("return sessionStorage.length", &json!(0)).await;
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn a_hosted_link_to_two_apps_goes_on_after_a_no_and_forgets_its_token_at_the_end() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session(json!({ "connectors": [APP_KEY, QUILLPOST], "confirm": "browser" })).await;
    chrome.open(session.link.as_ref().unwrap()).await;
    for (button, page) in [("deny", "failed"), ("allow", "done")] {
        chrome.on_page("choose").await;
        chrome.act_on("connect", APP_KEY).await;
        chrome.on_page("sign-in").await;
        chrome.act("submit").await;
        chrome.on_page("interstitial").await;
        chrome.act("continue").await;
        chrome.shows("h1", "into your account").await;
        chrome.click(&format!("button[value={button}]")).await;
        chrome.on_page(page).await;
    }
    // The page that was left is found again, with what is still to do.
    chrome.on_page("choose").await;
    chrome.shows(".rows", "Connected as").await;
    chrome.act_on("connect", QUILLPOST).await;
    chrome.on_page("key").await;
    chrome.fill("input[name=key]", VALID_KEY).await;
    chrome.act("submit").await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    chrome.shows("h1", "Acme again").await;
    assert_eq!(stage.api.session(&session.id).await["status"], "completed");
    assert_eq!(stage.api.credentials("jo").await.len(), 2);
    chrome.open(session.link.as_ref().unwrap()).await;
    chrome.on_page("done").await;
    chrome.script_gives("return sessionStorage.length", &json!(0)).await;
    chrome.finish(&[]).await;
}
