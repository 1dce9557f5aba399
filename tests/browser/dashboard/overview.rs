//! The overview in a real browser with something to say: what needs attention, and plots with figures in them.

use chrono::TimeDelta;
use serde_json::json;

use super::{become_member, pictures};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;

const LONG: &str = "consolidated-freight-and-customs-brokerage-international-ag";

/// Some days with connections, refreshes and calls, at whose end things have ended and others soon will.
async fn eventful_days(app: &TestApp) {
    app.put_fernhill().await;
    app.as_key().put(&format!("/connectors/{LONG}"), &json!({"provider": "fernhill"})).await.ok(201);
    for (user, end) in [(LONG, "2030-01-03T00:00:00Z"), ("u-3", "2030-01-09T00:00:00Z")] {
        app.user(user).await;
        let id = app.credential(user).await["credentialId"].as_str().unwrap().to_owned();
        app.as_key().patch(&format!("/credentials/{id}"), &json!({"expiresAt": end})).await.ok(200);
    }
    for (key, end) in [("ENDED", "2030-01-04T00:00:00Z"), ("CUSTOMS_BROKERAGE_KEY", "2030-01-08T00:00:00Z")] {
        let secret = json!({"key": key, "value": "v", "type": "api_key", "visibility": "masked",
            "allowedHosts": ["a.test"], "expiresAt": end});
        app.as_key().post("/secrets", &secret).await.ok(201);
    }
    let id = app.connect("u-17").await;
    for calls in [3, 12, 1, 40, 7] {
        app.rounds(1, TimeDelta::days(1)).await;
        for _ in 0..calls {
            app.token(&id).await;
        }
    }
    app.hub.flush_audit().await.unwrap();
    app.hub.seal_audit().await.unwrap();
}

#[tokio::test]
async fn what_needs_attention_and_the_plots_can_be_read_at_every_size() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    eventful_days(&app).await;
    owner.sign_in().await.leads_to("/dashboard");
    become_member(&app, &chrome, &owner).await;
    chrome.open(&format!("{}/dashboard/production/overview", app.base_url)).await;
    for (line, words) in [
        (".attention-danger", "must be connected again"),
        (".list", "is not set up"),
        (".list", "The secret ENDED has ended"),
        (".list", "The secret CUSTOMS_BROKERAGE_KEY ends soon"),
        (".list", "of u-3 ends soon"),
    ] {
        chrome.shows(line, words).await;
    }
    // Nothing of the last days is left without its plot.
    chrome.script_gives("return document.querySelectorAll('svg.plot').length", &json!(3)).await;
    pictures(&chrome, "overview-eventful").await;
    chrome.script("for (const one of document.querySelectorAll('.chart details')) one.open = true").await;
    chrome.shows(".chart:nth-of-type(3) .numbers", "40").await;
    pictures(&chrome, "overview-figures").await;
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
    chrome.close().await;
}
