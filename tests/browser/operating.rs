//! The pages from which integrations are operated, in a real browser: an app is added and tested, an integration made, an
//! endpoint told, the log read, the modal given a look; and each page by its accessibility rules at every size.

use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::dashboard::{SIZES, enrol, join, nothing_is_wrong, picture};
use crate::support::app::TestApp;
use crate::support::receiver::{Receiver, Reply};

/// The owner's browser, at the overview of production.
async fn signed_in(app: &TestApp, chrome: &Chrome) {
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    join(chrome, "Olive").await;
    enrol(chrome, app).await;
}

#[tokio::test]
async fn an_app_is_added_set_up_and_tested_and_an_integration_made_of_it() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    signed_in(&app, &chrome).await;
    chrome.click(".nav a[href$='/connectors']").await;
    chrome.shows("h1", "Connectors").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".nothing a.primary").await;
    chrome.shows("h1", "Catalogue").await;
    nothing_is_wrong(&chrome).await;
    chrome.fill("input[type=search]", "fernhill").await;
    chrome.click(".filter-form button").await;
    chrome.click(".app-card").await;
    chrome.shows("h1", "Fernhill").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows(".flash", "The connector is there").await;
    chrome.shows("#value", "/oauth/callback/").await;
    nothing_is_wrong(&chrome).await;
    chrome.fill("#f-clientId", DEMO_CLIENT_ID).await;
    chrome.fill("#f-secret-client", DEMO_CLIENT_SECRET).await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".flash", "The connector is saved").await;
    chrome.click("form[action$='/test'] button").await;
    chrome.shows("#test", "knows this client and accepts its secret").await;
    nothing_is_wrong(&chrome).await;
    chrome.script_gives("return document.activeElement.id", &json!("tested")).await;

    chrome.click(".nav a[href$='/integrations']").await;
    chrome.shows(".nothing", "An integration is a feature of your product").await;
    nothing_is_wrong(&chrome).await;
    chrome.click(".nothing a.primary").await;
    chrome.fill("#f-name", "Sync orders").await;
    chrome.fill("#f-slug", "sync-orders").await;
    chrome.fill("#f-connector-0", "fernhill").await;
    chrome.click("button[name=more]").await;
    chrome.shows(".need:nth-of-type(3) legend", "App 3").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".table", "Sync orders").await;
    app.as_key().get("/integrations/sync-orders").await.ok(200);

    chrome.open(&format!("{}/dashboard/production/connectors/fernhill", app.base_url)).await;
    chrome.click("a[href$='/disable']").await;
    chrome.shows(".effects", "Sync orders").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "switched off").await;
    chrome.close().await;
}

#[tokio::test]
async fn an_endpoint_is_told_and_its_deliveries_are_looked_at() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let receiver = Receiver::start().await;
    receiver.then(Reply::status(500).body("{\"error\": \"out of order\"}"));
    signed_in(&app, &chrome).await;
    chrome.click(".nav a[href$='/webhooks']").await;
    chrome.click(".nothing a.primary").await;
    chrome.fill("#f-url", &receiver.url).await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows("h1", "The endpoint is added").await;
    nothing_is_wrong(&chrome).await;
    let secret = chrome.text("#value").await;
    chrome.click(".row-actions a").await;
    chrome.shows(".block", "Nothing was sent yet").await;
    chrome.click("form[action$='/test'] button").await;
    chrome.shows(".flash", "A test event is on its way").await;
    app.deliver().await;
    assert!(receiver.received(1).await[0].is_signed_with(&secret));
    chrome.click(".chips a[href*='failed']").await;
    chrome.shows(".table", "500").await;
    chrome.click(".table th a").await;
    chrome.shows("[aria-labelledby=response]", "out of order").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("a[href*='/events/']").await;
    chrome.shows("h1", "webhook.test").await;
    nothing_is_wrong(&chrome).await;
    chrome.close().await;
}

#[tokio::test]
async fn the_log_is_checked_and_the_modal_given_a_look() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    signed_in(&app, &chrome).await;
    app.hub.seal_audit().await.unwrap();
    chrome.click(".nav a[href$='/audit']").await;
    chrome.shows(".table", "member.join").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("a[href$='/audit/check']").await;
    chrome.shows("h1", "The audit log is as it was written").await;
    nothing_is_wrong(&chrome).await;

    chrome.click(".nav a[href$='/settings']").await;
    chrome.click(".panel-head a").await;
    chrome.shows("h1", "Look of the modal").await;
    chrome.fill("#f-accent", "#0a7f6c").await;
    chrome.fill("#f-appName", "Acme Shop").await;
    chrome.shows(".swatches", "On dark pages: #").await;
    chrome.script_gives("return document.querySelector('[data-accent-pick]').value", &json!("#0a7f6c")).await;
    chrome.enter_frame("iframe.is-light").await;
    chrome.shows("h1", "Acme Shop").await;
    let colour = "return getComputedStyle(document.querySelector('.button.primary')).backgroundColor";
    chrome.script_gives(colour, &json!("rgb(10, 127, 108)")).await;
    chrome.leave_frames().await;
    chrome.click(".previews .segment:last-of-type").await;
    chrome.enter_frame("iframe.is-light").await;
    chrome.shows("h1", "Quillpost").await;
    chrome.script_gives(colour, &json!("rgb(10, 127, 108)")).await;
    chrome.leave_frames().await;
    chrome.enter_frame("iframe.is-dark").await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    chrome.script_gives(ground, &json!("rgb(24, 27, 33)")).await;
    chrome.leave_frames().await;
    chrome.click(".theme .row-actions button.primary").await;
    chrome.shows(".flash", "The look of the modal is saved").await;
    nothing_is_wrong(&chrome).await;
    let theme = app.as_key().get("/environment").await.ok(200)["theme"].clone();
    assert_eq!(theme, json!({"accent": "#0a7f6c", "appName": "Acme Shop"}));
    chrome.close().await;
}

const LONG: &str = "Consolidated Freight & Customs Brokerage of <production> Ltd";

/// What the pages show: everything of each kind, with long names.
async fn furnished(app: &TestApp, receiver: &Receiver) -> Vec<(&'static str, String)> {
    let key = app.as_key();
    let client = json!({"provider": "fernhill", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET,
        "scopes": ["items:read", "items:write"]});
    key.put("/connectors/fernhill", &client).await.ok(201);
    let long = "consolidated-freight-and-customs-brokerage-international-ag";
    key.put(&format!("/connectors/{long}"), &json!({"provider": "hubspot"})).await.ok(201);
    let needs = json!({"name": LONG, "description": "Keeps what customers ordered in step with what they see.",
        "connectors": [{"connector": "fernhill"}, {"connector": "quillpost", "optional": true}, {"connector": long}]});
    key.put("/integrations/sync-orders", &needs).await.ok(201);
    receiver.then(Reply::status(500).body("{\"error\": \"out of order\"}"));
    let endpoint = app.endpoint(receiver).await;
    let id = endpoint["webhookEndpointId"].as_str().unwrap();
    for user in ["u-1", "consolidated-freight-and-customs-brokerage-international-ag"] {
        app.user(user).await;
        app.credential(user).await;
    }
    app.deliver().await;
    app.hub.seal_audit().await.unwrap();
    let events = app.all_events().await;
    let event = events[0]["id"].as_str().unwrap();
    let delivery = app.deliveries(&events[0]).await[0]["deliveryId"].as_str().unwrap().to_owned();
    let page = |name, path: String| (name, format!("/dashboard/production/{path}"));
    vec![
        page("connectors", "connectors".to_owned()),
        page("catalogue", "catalogue".to_owned()),
        page("provider", "catalogue/hubspot".to_owned()),
        page("connector", "connectors/fernhill".to_owned()),
        page("connector-bare", format!("connectors/{long}")),
        page("integrations", "integrations".to_owned()),
        page("integration", "integrations/sync-orders".to_owned()),
        page("webhooks", "webhooks".to_owned()),
        page("webhook-new", "webhooks/new".to_owned()),
        page("webhook", format!("webhooks/{id}")),
        page("delivery", format!("webhooks/{id}/deliveries/{delivery}")),
        page("events", "events".to_owned()),
        page("event", format!("events/{event}")),
        page("audit", "audit".to_owned()),
        page("audit-export", "audit/export".to_owned()),
        page("audit-check", "audit/check".to_owned()),
        page("theme", "theme".to_owned()),
    ]
}

#[tokio::test]
async fn every_page_is_accessible_at_every_size_in_light_and_dark() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let receiver = Receiver::start().await;
    signed_in(&app, &chrome).await;
    let pages = furnished(&app, &receiver).await;
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            for (name, path) in &pages {
                chrome.open(&format!("{}{path}", app.base_url)).await;
                picture(&chrome, name, size, dark).await;
            }
        }
    }
    chrome.close().await;
}
