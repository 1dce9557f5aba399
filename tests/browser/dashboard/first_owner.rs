//! A first-time owner gets from the link that the first start prints to a credential that works, with nothing but the
//! dashboard and the invented app.

use std::path::Path;

use serde_json::json;
use vouchsafe::clock::{Clock as _, SystemClock};
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, FakeConfig, FakeProvider};

use super::{enrol_at, join, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::process::{RunningHub, say, vouchsafe};
use crate::support::wait::eventually;

/// The product's own binary, started for the first time with a definition of the invented app.
async fn first_start(home: &Path, fake: &FakeProvider) -> RunningHub {
    let own = home.join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join(format!("{FERNHILL}.toml")), fake.definition_toml(FERNHILL)).unwrap();
    let command = &mut vouchsafe(home, &["serve"]);
    command
        .env("VOUCHSAFE_PROVIDERS_DIR", &own)
        .env("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8")
        .env("VOUCHSAFE_EGRESS_HTTP", "true");
    RunningHub::start_with(home, command).await
}

/// The link for the owner, as the first start prints it.
async fn printed_link(hub: &RunningHub) -> String {
    eventually("the link for the owner", async || {
        let out = hub.out();
        let rest = out.split_once("once, at ").and_then(|(_, rest)| rest.split_once('\n'));
        rest.map(|(link, _)| link.to_owned()).ok_or_else(|| out.clone())
    })
    .await
}

/// Adds Fernhill from the catalogue and tells it and the hub about each other.
async fn add_the_app(fake: &FakeProvider, chrome: &Chrome) {
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
    fake.register(Client::demo(chrome.text("#value").await));
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
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let fake = FakeProvider::start(FakeConfig::on_loopback().await.unwrap()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let hub = first_start(home.path(), &fake).await;
    chrome.open(&printed_link(&hub).await).await;
    chrome.shows("h1", "Set up your account").await;
    join(&chrome, "Olive").await;
    enrol_at(&chrome, SystemClock.now().timestamp()).await;
    chrome.shows("#begin", "Begin here").await;

    add_the_app(&fake, &chrome).await;
    make_an_integration(&chrome).await;
    add_a_user(&chrome).await;
    let hosted = make_a_link(&chrome).await;
    connect(&chrome, &hosted).await;

    chrome.open(&format!("{}/dashboard", hub.base_url)).await;
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
    let key = say(home.path(), &["keys", "create", "--environment", "production", "--scope=*"]).ok();
    let there = hub.api(key.trim()).done("GET", "/users/u-17/credentials", None).await;
    assert_eq!(there["data"][0]["status"], json!("active"), "{there}");
    chrome.close().await;
    hub.stop().await;
}
