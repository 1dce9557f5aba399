//! The audit log in a real browser: taken along, with how far that is.

use super::{enrol, join, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;

#[tokio::test]
async fn an_export_says_when_it_has_ended() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    join(&chrome, "Olive").await;
    enrol(&chrome, &app).await;
    chrome.shows(".flash", "Your account is set up.").await;
    chrome.click(".nav a[href$=audit]").await;
    chrome.click("a[href*='audit/export']").await;
    chrome.shows("h1", "Export the audit log of production").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows("[data-download-progress] p", "The export has ended.").await;
    chrome.shows("[data-download-count]", " of ").await;
    nothing_is_wrong(&chrome).await;
    // Of more than are counted it is said how many have come.
    chrome.open(&format!("{}/dashboard/production/audit/export", app.base_url)).await;
    chrome.script("document.querySelector('[data-download]').dataset.download = ''").await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows("[data-download-count]", " so far").await;
    chrome.shows("[data-download-progress] p", "The export has ended.").await;
    nothing_is_wrong(&chrome).await;
    chrome.close().await;
}
