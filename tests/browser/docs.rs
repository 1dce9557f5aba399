//! The page that shows the API: it is drawn by its own script alone, and speaks to no other host.

use serde_json::json;

use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;

/// The rules that are kept by how we embed the viewer. What its own parts break is not ours to mend.
const OURS: [&str; 7] = [
    "bypass:",
    "document-title:",
    "html-has-lang:",
    "landmark-main-is-top-level:",
    "landmark-no-duplicate-main:",
    "landmark-one-main:",
    "page-has-heading-one:",
];

#[tokio::test]
async fn the_description_of_the_api_is_drawn_without_another_host() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open(&format!("{}/docs", app.base_url)).await;
    chrome.shows("main", "Makes a key. Its value is shown this once.").await;
    let elsewhere = "return performance.getEntriesByType('resource').map(entry => entry.name)\
                     .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))";
    chrome.script_gives(elsewhere, &json!([])).await;
    let errors = chrome.console_errors().await;
    assert!(!errors.iter().any(|error| error.contains("Content Security Policy")), "{errors:?}");
    let found = chrome.axe_violations().await;
    let ours: Vec<_> = found.iter().filter(|one| OURS.iter().any(|rule| one.starts_with(rule))).collect();
    assert_eq!(ours, Vec::<&String>::new());
    chrome.close().await;
}
