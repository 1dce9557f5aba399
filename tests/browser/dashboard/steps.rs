//! What takes several steps in a real browser: each page says how far it is, and goes on by itself.

use serde_json::json;

use super::{become_member, pictures};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;

/// More than one step takes.
const SECRETS: usize = 51;

/// Keeps what would make a page go on as `window.goOn`, so that it can be looked at for as long as that takes.
const HOLD: &str = "(() => {
    const later = window.setTimeout;
    window.setTimeout = (then, ms, ...more) => {
        if (ms !== 300 || !document.querySelector('form[data-continue]')) return later(then, ms, ...more);
        window.goOn = then;
        return 0;
    };
})()";

#[tokio::test]
async fn many_secrets_are_revoked_by_a_page_that_goes_on_by_itself() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    for number in 0..SECRETS {
        let secret = json!({"key": format!("KEY_OF_CUSTOMS_BROKERAGE_{number}"), "value": "v", "type": "api_key",
            "visibility": "masked", "allowedHosts": ["api.acme.test"]});
        app.as_key().post("/secrets", &secret).await.ok(201);
    }
    become_member(&app, &chrome, &owner).await;
    chrome.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": HOLD})).await;
    chrome.look(Look { reduced_motion: true, ..Look::default() }).await;
    chrome.open(&format!("{}/dashboard/production/secrets?limit=60", app.base_url)).await;
    chrome.click("[data-pick-all]").await;
    chrome.shows(".bulk-count", "With 51 chosen").await;
    chrome.click(".bulk-bar [value=revoke]").await;
    chrome.shows("h1", "Revoke 51 secrets?").await;
    pictures(&chrome, "secrets-many-asked").await;
    chrome.click("button.danger-full").await;
    chrome.shows("h1", "Revoking secrets").await;
    chrome.shows(".progress", "50 of 51 looked at, 50 done").await;
    chrome.script_gives("return typeof window.goOn", &json!("function")).await;
    pictures(&chrome, "secrets-step").await;
    chrome.script("window.goOn()").await;
    chrome.shows(".flash", "All of them are done.").await;
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
    let secrets = app.as_key().get("/secrets?limit=200").await.ok(200);
    let revoked = secrets["data"].as_array().unwrap().iter().filter(|secret| !secret["revokedAt"].is_null());
    assert_eq!(revoked.count(), SECRETS);
    chrome.close().await;
}
