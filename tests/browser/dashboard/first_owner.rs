//! A first-time owner gets from the link that the first start prints to a credential that works, with nothing but the
//! dashboard and the invented app.

use serde_json::json;
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL};

use super::{enrol, join, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;

/// Adds Fernhill from the catalogue and tells it and the hub about each other.
async fn add_the_app(app: &TestApp, chrome: &Chrome) {
    chrome.click(".nav a[href$='/connectors']").await;
    chrome.click(".nothing a.primary").await;
    chrome.shows("h1", "Catalogue").await;
    chrome.fill("input[type=search]", FERNHILL).await;
    chrome.click(".filter-form button").await;
    chrome.click(".app-card").await;
    chrome.shows("h1", "Fernhill").await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows(".flash", "The connector is there").await;
    // What an owner does at the app's own console.
    app.fake.register(Client::demo(chrome.text("#value").await));
    chrome.fill("#f-clientId", DEMO_CLIENT_ID).await;
    chrome.fill("#f-secret-client", DEMO_CLIENT_SECRET).await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".flash", "The connector is saved").await;
    chrome.click("form[action$='/test'] button").await;
    chrome.shows("#test", "knows this client and accepts its secret").await;
    nothing_is_wrong(chrome).await;
}

async fn make_an_integration(chrome: &Chrome) {
    chrome.click(".nav a[href$='/integrations']").await;
    chrome.click(".nothing a.primary").await;
    chrome.fill("#f-name", "Sync orders").await;
    chrome.fill("#f-slug", "sync-orders").await;
    chrome.fill("#f-connector-0", FERNHILL).await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".table", "Sync orders").await;
}

async fn add_a_user(chrome: &Chrome) {
    chrome.click(".nav a[href$='/users']").await;
    chrome.shows(".nothing", "There are no users yet").await;
    nothing_is_wrong(chrome).await;
    chrome.click(".nothing a.primary").await;
    chrome.shows("h1", "Add a user").await;
    nothing_is_wrong(chrome).await;
    chrome.fill("#f-username", "u-17").await;
    chrome.fill("#f-email", "jo@acme.test").await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows(".flash", "The user is there").await;
    nothing_is_wrong(chrome).await;
}

/// Makes a link for the user. There is no back end yet that could confirm what comes of it, and the page says so.
async fn make_a_link(chrome: &Chrome) -> String {
    let page = chrome.client().current_url().await.unwrap();
    chrome.click("form[action$='/link'] button").await;
    chrome.shows(".notice-danger", "in its settings").await;
    chrome.assert_accessible().await;
    // The browser notes that a form was refused.
    assert_eq!(chrome.console_errors().await.len(), 1);
    chrome.click(".nav a[href$='/settings']").await;
    chrome.click("input[name=confirmHostedLinks]").await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".flash", "The settings are saved").await;
    chrome.open(page.as_str()).await;
    chrome.script("document.querySelector('[name=integration]').value = 'sync-orders'").await;
    chrome.click("form[action$='/link'] button").await;
    chrome.shows("h1", "A link for jo@acme.test").await;
    nothing_is_wrong(chrome).await;
    chrome.text("#value").await
}

/// What the user does with the link, at the app's own pages.
async fn connect(chrome: &Chrome, link: &str) {
    chrome.open(link).await;
    chrome.on_page("sign-in").await;
    chrome.find("[data-vs-action=submit][aria-disabled=false]").await;
    chrome.act("submit").await;
    chrome.on_page("interstitial").await;
    chrome.act("continue").await;
    chrome.shows("h1", "into your account").await;
    chrome.find("#username").await.clear().await.unwrap();
    chrome.fill("#username", "jo@fernhill.test").await;
    chrome.click_and_leave("button[value=allow]").await;
    chrome.on_page("done").await;
    chrome.shows(".rows", "jo@fernhill.test").await;
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_first_time_owner_gets_from_the_first_start_to_a_credential_that_works() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    chrome.shows("h1", "Set up your account").await;
    join(&chrome, "Olive").await;
    enrol(&chrome, &app).await;
    chrome.shows("#begin", "Begin here").await;

    add_the_app(&app, &chrome).await;
    make_an_integration(&chrome).await;
    add_a_user(&chrome).await;
    let hosted = make_a_link(&chrome).await;
    connect(&chrome, &hosted).await;

    chrome.open(&format!("{}/dashboard", app.base_url)).await;
    chrome.shows("#attention + .all-well", "Nothing needs attention").await;
    chrome.click(".nav a[href$='/credentials']").await;
    chrome.shows(".table", "jo@fernhill.test").await;
    chrome.shows(".table .state-good", "Active").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".table .cell-link").await;
    chrome.shows(".side-panel h1", "Fernhill").await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.shows(".facts", "u-17").await;
    chrome.shows("main", "u-17").await;
    nothing_is_wrong(&chrome).await;

    chrome.click(".nav a[href$='/console']").await;
    chrome.script("document.querySelector('#f-connector').value = 'fernhill'").await;
    chrome.fill("#f-user", "u-17").await;
    chrome.fill("#f-path", "/me").await;
    chrome.click("[value=send]").await;
    chrome.shows(".answer-line", "200 OK").await;
    chrome.shows(".answer-body", "jo@fernhill.test").await;
    nothing_is_wrong(&chrome).await;
    let there = app.as_key().get("/users/u-17/credentials").await.ok(200);
    assert_eq!(there["data"][0]["status"], json!("active"), "{there}");
    chrome.close().await;
}
