//! An API key in a real browser: given another value, switched off, and on again.

use chrono::TimeDelta;
use serde_json::json;

use super::{nothing_is_wrong, seat};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_key_is_rotated_and_switched_off_and_on() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let made = json!({"name": "billing", "scopes": ["users:read"]});
    let made = app.as_key().post("/api-keys", &made).await.ok(201);
    let old = made["key"].as_str().unwrap();
    let Some(chrome) = seat(&app, &owner, "production/api-keys").await else { return };
    let works = async |key: &str| app.with_key(key).get("/users").await.ok(200);
    let is_refused =
        async |key: &str| app.with_key(key).get("/users").await.assert_problem(401, "unauthenticated");

    chrome.click_in_row("billing", "a[href$='/rotate']").await;
    chrome.shows("h1", "Give “billing” a new value?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("main a.secondary").await;
    works(old).await;
    chrome.click_in_row("billing", "a[href$='/rotate']").await;
    chrome.click("main button[type=submit]").await;
    chrome.shows("h1", "The new value of “billing”").await;
    let new = chrome.text("#value").await;
    assert_ne!(new, old);
    works(&new).await;
    works(old).await;
    // Loaded anew, the page shows no value again.
    chrome.click(".row-actions a").await;
    chrome.shows("h1", "API keys").await;
    assert!(
        !chrome.script("return document.documentElement.outerHTML").await.as_str().unwrap().contains(&new)
    );

    chrome.click_in_row("billing", "a[href$='/deactivate']").await;
    chrome.shows("h1", "Switch off “billing” of production?").await;
    works(&new).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The key is switched off.").await;
    nothing_is_wrong(&chrome).await;
    is_refused(&new).await;
    is_refused(old).await;
    chrome.click_in_row("billing", "form[action$='/reactivate'] button").await;
    chrome.shows(".flash", "The key works again.").await;
    works(&new).await;
    app.clock.advance(TimeDelta::days(7));
    works(&new).await;
    is_refused(old).await;
    chrome.close().await;
}
