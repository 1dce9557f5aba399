//! One secret in a real browser as it changes: given another value, switched off and on, and revoked.

use serde_json::json;

use super::{nothing_is_wrong, seat};
use crate::chrome::Chrome;
use crate::support::app::TestApp;
use crate::support::proxy::Echo;

const OLD: &str = "sk-the-first-0123456789";
const NEW: &str = "sk-the-second-0123456789";

/// Presses what does this to the secret whose panel is shown, and says yes.
async fn act(chrome: &Chrome, path: &str, question: &str, said: &str) {
    chrome.click("#secret-STRIPE_KEY").await;
    chrome.click(&format!(".side-panel-foot a[href*='/{path}']")).await;
    chrome.shows("h1", question).await;
    nothing_is_wrong(chrome).await;
    chrome.click("main form.row-actions button[type=submit]").await;
    chrome.shows(".flash", said).await;
    nothing_is_wrong(chrome).await;
}

#[tokio::test]
async fn a_secret_is_edited_switched_off_and_on_and_revoked() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.user("jo").await;
    let credential = app.credential("jo").await;
    let secret = json!({"key": "STRIPE_KEY", "value": OLD, "type": "api_key", "visibility": "masked",
        "allowedHosts": ["127.0.0.1"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
    let calling = app.calling(credential["credentialId"].as_str().unwrap());
    let calling = calling.header("x-key", "$Secret{STRIPE_KEY}");
    let call = async || calling.get("/proxy/echo").await;
    assert_eq!(Echo::of(&call().await).header("x-key"), [OLD]);
    let Some(chrome) = seat(&app, &owner, "production/secrets").await else { return };

    chrome.click("#secret-STRIPE_KEY").await;
    chrome.click(".side-panel-foot a[href$='/edit']").await;
    chrome.shows(".side-panel h1", "Edit STRIPE_KEY").await;
    nothing_is_wrong(&chrome).await;
    chrome.fill("#f-value", NEW).await;
    chrome.fill("#f-name", ", live").await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.shows(".flash", "The secret is changed.").await;
    chrome.shows(".secrets-table", "STRIPE_KEY, live").await;
    assert_eq!(Echo::of(&call().await).header("x-key"), [NEW]);
    assert!(!chrome.script("return document.documentElement.outerHTML").await.to_string().contains(NEW));

    act(&chrome, "deactivate", "Switch off STRIPE_KEY?", "The secret is switched off.").await;
    call().await.assert_problem(400, "secret_inactive");
    act(&chrome, "reactivate", "Switch on STRIPE_KEY?", "The secret works again.").await;
    assert_eq!(Echo::of(&call().await).header("x-key"), [NEW]);
    act(&chrome, "revoke", "Revoke STRIPE_KEY?", "The secret is revoked. Its value is gone.").await;
    call().await.assert_problem(400, "secret_revoked");
    app.as_key().act("/secrets/STRIPE_KEY/reveal").await.assert_problem(409, "secret_revoked");
    chrome.close().await;
}
