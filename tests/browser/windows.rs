//! Windows that don't do what the modal would like: blocked, closed too early, opened twice, in a sandbox.

use http::Method;
use serde_json::json;
use vouchsafe::demo::fake::{FERNHILL as APP_KEY, QUILLPOST};

use crate::chrome::{Chrome, ChromeOptions};
use crate::front::{FERNHILL, HUB};
use crate::stage::Stage;

const SUPPORTED: &str = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox";

/// The address to come back to, with what happened in its query.
async fn came_back(chrome: &Chrome) -> url::Url {
    chrome.shows("h1", "Acme again").await;
    chrome.client().current_url().await.unwrap()
}

/// From the offer of a redirect to the page that it comes back to.
async fn goes_by_redirect(stage: &Stage, chrome: &Chrome, session: &crate::stage::Session) {
    let host = chrome.window().await;
    chrome.click("[data-vs-action=redirect]").await;
    chrome.switch_to(host).await;
    chrome.on_page("interstitial").await;
    chrome.shows("main", "Acme").await;
    chrome.act("continue").await;
    stage.allow_as(chrome, "jo@fernhill.test").await;
    let back = came_back(chrome).await;
    let credential = stage.api.only_credential("jo").await;
    let query: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let told = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let id = credential["credentialId"].as_str().unwrap();
    assert_eq!(
        query,
        [told("sessionId", &session.id), told("credentialId", id), told("status", "completed")]
    );
    assert_eq!(credential["account"]["label"], "jo@fernhill.test");
    // The session shows where the user was.
    chrome.open_modal(session, &json!({})).await;
    chrome.on_page("done").await;
    chrome.shows(".lead", "jo@fernhill.test").await;
}

#[tokio::test]
async fn b05_a_popup_that_comes_too_late_is_blocked_and_the_redirect_takes_its_place() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    // The user's click is worth a window for five seconds.
    let late = "const button = document.querySelector('[data-vs-action=submit]'); setTimeout(() => button.click(), 7000)";
    chrome.script(late).await;
    chrome.on_page("waiting").await;
    chrome.shows("[data-vs-fallback]", "Continue").await;
    assert_eq!(chrome.windows().await, [host]);
    assert_eq!(stage.front.count(HUB, &Method::GET, "/connect/start"), 0);
    goes_by_redirect(&stage, &chrome, &session).await;
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b05_in_a_sandbox_without_popups_the_redirect_takes_their_place() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let sandbox = "allow-scripts allow-same-origin allow-forms allow-top-navigation-by-user-activation";
    chrome.open(&format!("{}/outer?sandbox={sandbox}", stage.app())).await;
    chrome.enter_frame("#inner").await;
    chrome.open_modal(&session, &json!({})).await;
    chrome.on_page("sign-in").await;
    chrome.act("submit").await;
    chrome.shows("[data-vs-fallback]", "Continue").await;
    goes_by_redirect(&stage, &chrome, &session).await;
    chrome.finish(&["allow-popups"]).await;
}

#[tokio::test]
async fn b06_in_the_supported_sandbox_it_works_and_without_its_own_origin_the_page_is_told_what_is_missing() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let host = chrome.window().await;
    for policy in [None, Some("same-origin".to_owned())] {
        stage.fake.configure(|settings| settings.coop = policy);
        let session = stage.session(json!({ "connectors": [APP_KEY, QUILLPOST] })).await;
        chrome.open(&format!("{}/outer?sandbox={SUPPORTED}", stage.app())).await;
        chrome.enter_frame("#inner").await;
        chrome.open_modal(&session, &json!({})).await;
        chrome.act_on("connect", APP_KEY).await;
        chrome.on_page("sign-in").await;
        chrome.sign_in().await;
        stage.allow_as(&chrome, "jo@fernhill.test").await;
        chrome.windows_are(1).await;
        chrome.switch_to(host.clone()).await;
        chrome.enter_frame("#inner").await;
        chrome.enter_modal().await;
        chrome.on_page("done").await;
        assert_eq!(stage.api.only_credential("jo").await["status"], "active");
        let path = format!("/users/{}", "jo");
        assert_eq!(stage.api.call(Method::DELETE, &path, None).await.0, 200);
    }

    let session = stage.session_for(APP_KEY).await;
    chrome.open(&format!("{}/outer?sandbox=allow-scripts allow-popups", stage.app())).await;
    chrome.enter_frame("#inner").await;
    chrome.script(&format!("window.token = '{}'", session.token)).await;
    chrome.click("#connect").await;
    chrome.script_gives("return window.result?.error", &json!("sandboxed")).await;
    let said = chrome.script("return window.result.message").await;
    assert!(said.as_str().unwrap().contains(SUPPORTED), "{said}");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b06_a_window_that_inherits_a_sandbox_says_what_is_missing() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let sandbox = "allow-scripts allow-same-origin allow-popups";
    chrome.open(&format!("{}/outer?sandbox={sandbox}", stage.app())).await;
    chrome.enter_frame("#inner").await;
    chrome.open_modal(&session, &json!({})).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("main", SUPPORTED).await;
    assert_eq!(stage.fake.counters().authorizations_shown, 0, "nobody is sent to a form that can't be sent");
    chrome.finish(&["allow-forms"]).await;
}

#[tokio::test]
async fn b07_a_popup_that_the_user_closed_can_be_opened_again() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    chrome.sign_in().await;
    chrome.shows("h1", "into your account").await;
    chrome.close_window().await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("waiting").await;
    // Giving up leads back to the sign-in page, and nothing was decided.
    chrome.act("cancel").await;
    chrome.on_page("sign-in").await;
    let seen = stage.api.session(&session.id).await;
    assert_eq!(seen["status"], "open");
    assert_ne!(seen["results"][0]["status"], "failed", "{seen}");

    chrome.sign_in().await;
    chrome.shows("h1", "into your account").await;
    chrome.close_window().await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("waiting").await;
    let known = chrome.windows().await;
    chrome.act("open-again").await;
    chrome.switch_to(chrome.popup(&known).await).await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    chrome.end_by("done").await;
    assert_eq!(chrome.result(&host).await["status"], "completed");
    assert_eq!(stage.api.only_credential("jo").await["status"], "active");
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn b09_two_tabs_end_each_in_its_own_also_in_reverse_order() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let mut tabs = Vec::new();
    for user in ["jo", "sam"] {
        let session = stage.session(json!({ "user": { "username": user }, "connectors": [APP_KEY] })).await;
        if !tabs.is_empty() {
            let tab = chrome.client().new_window(true).await.unwrap();
            chrome.switch_to(tab.handle).await;
        }
        let host = stage.open_modal(&chrome, &session).await;
        chrome.on_page("sign-in").await;
        let popup = chrome.sign_in().await;
        chrome.shows("h1", "into your account").await;
        tabs.push((user, host, popup));
    }
    for (user, host, popup) in tabs.into_iter().rev() {
        chrome.switch_to(popup).await;
        stage.allow_as(&chrome, &format!("{user}@fernhill.test")).await;
        chrome.back_to_modal(&host).await;
        chrome.on_page("done").await;
        chrome.shows(".lead", &format!("{user}@fernhill.test")).await;
        chrome.end_by("done").await;
        let result = chrome.result(&host).await;
        let credential = stage.api.only_credential(user).await;
        assert_eq!(result["results"][0]["credentialId"], credential["credentialId"]);
        assert_eq!(credential["account"]["label"], format!("{user}@fernhill.test"));
    }
    assert_eq!(stage.front.count(FERNHILL, &Method::POST, "/oauth/token"), 2);
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn the_page_behind_the_modal_stays_where_it_is_and_is_then_as_it_was() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let session = stage.session_for(APP_KEY).await;
    chrome.open(&stage.app()).await;
    chrome.script("document.body.style.minHeight = '300vh'").await;
    let stands = "const root = document.documentElement;
                  const own = [...root.style].sort().map((name) => `${name}: ${root.style.getPropertyValue(name)}`);
                  return [root.hasAttribute('style'), own, getComputedStyle(root).overflowY === 'hidden',
                          document.querySelector('main').getBoundingClientRect().width]";
    for own in ["", "document.documentElement.style.overflowY = 'scroll'"] {
        chrome.script(own).await;
        let before = chrome.script(stands).await;
        assert_eq!(before[2], false, "{before}");
        // The second is taken away by the page, as one that renders itself anew may do.
        for end in ["Vouchsafe.close()", "document.querySelector('.vouchsafe-dialog').remove()"] {
            chrome.script("window.told = 0").await;
            chrome.open_modal(&session, &json!({})).await;
            chrome.on_page("sign-in").await;
            chrome.leave_frames().await;
            let meanwhile = chrome.script(stands).await;
            assert_eq!((&meanwhile[2], &meanwhile[3]), (&json!(true), &before[3]), "{meanwhile}");
            chrome.script(end).await;
            chrome.script_gives("return window.told", &json!(1)).await;
            assert_eq!(chrome.script("return window.result.status").await, "cancelled");
            assert_eq!(chrome.script(stands).await, before);
        }
    }
    chrome.finish(&[]).await;
}

#[tokio::test]
async fn where_the_opener_must_vouch_a_start_page_that_can_not_go_on_tries_again() {
    let stage = Stage::start().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    let strict = json!({ "minimumBinding": "opener" });
    assert_eq!(stage.api.patch("/environment", &strict).await.0, 200);
    let session = stage.session_for(APP_KEY).await;
    let host = stage.open_modal(&chrome, &session).await;
    chrome.on_page("sign-in").await;
    stage.front.refuse(HUB, "/connect/start/handshake");
    chrome.sign_in().await;
    chrome.shows("main", "start again in").await;
    stage.front.restore(HUB);
    chrome.act("continue").await;
    stage.allow_as(&chrome, "jo@fernhill.test").await;
    chrome.windows_are(1).await;
    chrome.back_to_modal(&host).await;
    chrome.on_page("done").await;
    assert_eq!(stage.front.count(HUB, &Method::POST, "/connect/start/continue"), 0);
    chrome.finish(&["502", "ERR_"]).await;
}
