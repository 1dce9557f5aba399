//! The dashboard in a real browser that runs no scripts: what needs one is not offered, and the rest works.

use serde_json::json;

use super::become_member;
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;

/// What comes with a script stays away.
async fn is_not_offered(chrome: &Chrome, css: &str) {
    let shown = chrome.find(css).await.is_displayed().await.unwrap();
    assert!(!shown, "{css} needs a script");
}

/// A list is narrowed, a row looked into, and what is chosen deleted.
async fn work_with_a_list(chrome: &Chrome) {
    chrome.click(".nav a[href$='/credentials']").await;
    chrome.fill("#q-user", "u-2").await;
    chrome.click(".filter-form button").await;
    chrome.click(".chip.is-set").await;
    chrome.shows(".table", "u-3").await;
    chrome.click("tbody .cell-link").await;
    chrome.shows(".side-panel h1", "Quillpost of").await;
    chrome.click(".side-panel-head a").await;
    chrome.shows("h1", "Credentials").await;
    is_not_offered(chrome, "[data-pick-all]").await;
    for row in [1, 2] {
        chrome.click(&format!("tbody tr:nth-child({row}) [data-pick]")).await;
    }
    chrome.click(".bulk-bar button.danger").await;
    chrome.shows("h1", "Delete 2 credentials of production?").await;
    chrome.click("button.danger-full").await;
    chrome.shows(".progress", "2 of 2 looked at, 2 done").await;
}

#[tokio::test]
async fn a_browser_without_scripts_is_enough() {
    let Some(app) = TestApp::start().await else { return };
    let options = ChromeOptions { scripts: false, ..ChromeOptions::default() };
    let Some(chrome) = Chrome::start(options).await else { return };
    let owner = app.as_owner().await;
    for user in ["u-1", "u-2", "u-3"] {
        app.user(user).await;
        app.credential(user).await;
    }
    let secret = json!({"key": "STRIPE_KEY", "value": "sk-of-stripe", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["api.stripe.com"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
    become_member(&app, &chrome, &owner).await;
    chrome.open(&format!("{}/dashboard/production/overview", app.base_url)).await;
    for environment in ["sandbox", "production"] {
        chrome.click(".environment summary").await;
        chrome.click(&format!(".environment-list a[href*='/{environment}/']")).await;
        chrome.shows(".environment-now", environment).await;
    }
    work_with_a_list(&chrome).await;

    chrome.open(&format!("{}/dashboard/production/secret/STRIPE_KEY/reveal", app.base_url)).await;
    chrome.click("main button.primary").await;
    chrome.shows("main", "sk-of-stripe").await;
    chrome.open(&format!("{}/dashboard/production/api-keys/new", app.base_url)).await;
    chrome.fill("#f-name", "billing service").await;
    chrome.click("main button.primary").await;
    chrome.shows("h1", "is made").await;
    is_not_offered(&chrome, "[data-copy]").await;
    let key = chrome.text("#value").await;
    app.with_key(&key).get("/users").await.ok(200);
    chrome.close().await;
}
