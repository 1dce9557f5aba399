//! A webhook endpoint in a real browser: made, told, told again, and given another signing secret.

use super::{nothing_is_wrong, seat};
use crate::chrome::Chrome;
use crate::support::app::TestApp;
use crate::support::receiver::{Received, Receiver, Reply};

/// Adds an endpoint of the receiver by the form; its signing secret.
async fn add(chrome: &Chrome, receiver: &Receiver) -> String {
    chrome.click(".nothing a.primary").await;
    chrome.shows("h1", "Add an endpoint to production").await;
    nothing_is_wrong(chrome).await;
    chrome.fill("#f-url", &receiver.url).await;
    chrome.fill("#f-description", "Sync of orders").await;
    chrome.click("main button.primary").await;
    chrome.shows("h1", "The endpoint is added").await;
    nothing_is_wrong(chrome).await;
    let secret = chrome.text("#value").await;
    chrome.click(".row-actions a").await;
    chrome.shows("h1", &receiver.url).await;
    nothing_is_wrong(chrome).await;
    secret
}

/// Sends a test; what came of it.
async fn send_test(app: &TestApp, chrome: &Chrome, receiver: &Receiver) -> Received {
    chrome.click("form[action$='/test'] button").await;
    chrome.shows(".flash", "A test event is on its way.").await;
    assert_eq!(app.deliver().await, 1);
    let mut came = receiver.take();
    assert_eq!(came.len(), 1, "{came:?}");
    let came = came.remove(0);
    assert_eq!(came.json()["type"], "webhook.test");
    came
}

/// The delivery that failed: what was sent, what came back; and once more.
async fn looks_into_a_delivery(app: &TestApp, chrome: &Chrome, receiver: &Receiver, sent: &Received) {
    chrome.click(".chips a[href*='failed']").await;
    chrome.shows("main .table", "500").await;
    chrome.click("main .table a").await;
    chrome.shows("h1", "Delivery of webhook.test").await;
    chrome.shows("#request + p", &receiver.url).await;
    chrome.shows("[aria-label='Body of the request']", "webhook.test").await;
    chrome.shows(".headers", sent.header("webhook-id")).await;
    chrome.shows("[aria-label='Body of the response']", "<h1>out of order</h1>").await;
    nothing_is_wrong(chrome).await;
    chrome.click("form[action$='/redeliver'] button").await;
    chrome.shows(".flash", "The event is on its way again.").await;
    nothing_is_wrong(chrome).await;
    app.deliver().await;
    let again = receiver.take();
    assert_eq!(again.len(), 1, "{again:?}");
    assert_eq!(again[0].header("webhook-id"), sent.header("webhook-id"));
    assert_eq!(again[0].body, sent.body);
}

/// Gives it another secret; that.
async fn rotate(chrome: &Chrome, receiver: &Receiver) -> String {
    chrome.click("a[href$='/rotate']").await;
    chrome.shows("h1", &format!("Give {} a new secret?", receiver.url)).await;
    nothing_is_wrong(chrome).await;
    chrome.click("main form button[type=submit]").await;
    chrome.shows("h1", "The new signing secret").await;
    let secret = chrome.text("#value").await;
    chrome.click(".row-actions a").await;
    chrome.shows("h1", &receiver.url).await;
    secret
}

/// Switches it off for as long as a user connects something, and on again. It hears nothing.
async fn miss_something(app: &TestApp, chrome: &Chrome, receiver: &Receiver) {
    chrome.click("a[href$='/disable']").await;
    chrome.shows("h1", &format!("Switch off {}?", receiver.url)).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The endpoint is not told any more.").await;
    nothing_is_wrong(chrome).await;
    app.user("jo").await;
    app.credential("jo").await;
    app.deliver().await;
    chrome.click("form[action$='/enable'] button").await;
    chrome.shows(".flash", "A replay sends what it missed.").await;
    app.deliver().await;
    assert_eq!(receiver.take().len(), 0);
}

/// Has what was missed sent again.
async fn replay(app: &TestApp, chrome: &Chrome, receiver: &Receiver) {
    chrome.script("document.querySelector('#f-since').value = '2029-12-31T00:00'").await;
    chrome.click("form[action$='/replay'] button").await;
    chrome.shows(".flash", "The events of that time are sent again").await;
    chrome.shows("main", "are being sent again.").await;
    nothing_is_wrong(chrome).await;
    app.deliver().await;
    app.deliver().await;
    let types = receiver.take_types();
    assert!(types.iter().any(|one| one == "credential.created"), "{types:?}");
}

#[tokio::test]
async fn an_endpoint_is_made_told_and_told_again() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let receiver = Receiver::start().await;
    let Some(chrome) = seat(&app, &owner, "production/webhooks").await else { return };
    let first = add(&chrome, &receiver).await;
    receiver.then(Reply::status(500).body("<h1>out of order</h1>"));
    let sent = send_test(&app, &chrome, &receiver).await;
    assert!(sent.is_signed_with(&first));
    looks_into_a_delivery(&app, &chrome, &receiver, &sent).await;

    chrome.click(".nav a[href$='/webhooks']").await;
    chrome.click_in_row(&receiver.url, "a").await;
    let second = rotate(&chrome, &receiver).await;
    let both = send_test(&app, &chrome, &receiver).await;
    assert!(both.is_signed_with(&first) && both.is_signed_with(&second), "for a day both count");
    miss_something(&app, &chrome, &receiver).await;
    app.pass(60);
    replay(&app, &chrome, &receiver).await;
    chrome.close().await;
}
