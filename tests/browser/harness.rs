//! The browser harness about itself. B0: what it shows must be what a user's browser does, or every other
//! browser test proves nothing.

mod front;
mod pages;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use fantoccini::key::Key;
use serde_json::json;

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::front::{APP, Front, HUB};

/// A host page on `app.test` with a frame of `hub.test`, whose button opens a popup of `hub.test`.
async fn three_windows() -> Front {
    let front = Front::start().await;
    let frame = format!("{}/frame", front.origin(HUB));
    front.pages(APP, Router::new().route("/", get(async move || Html(pages::host(&frame)))));
    front.pages(HUB, pages::hub());
    front
}

#[tokio::test]
async fn b00_no_switch_opens_popups_or_joins_partitions() {
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open("chrome://version").await;
    chrome.shows("body", "--host-resolver-rules").await;
    let switches = chrome.text("body").await.to_lowercase();
    assert!(!switches.contains("disable-popup-blocking"), "{switches}");
    assert!(!switches.contains("partition"), "{switches}");
    chrome.close().await;
}

#[tokio::test]
async fn b00_a_popup_without_a_click_is_blocked_and_with_one_it_opens() {
    let front = three_windows().await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open(&front.origin(APP)).await;
    let host = chrome.window().await;
    chrome.enter_frame("iframe").await;
    chrome.shows("#unasked", "blocked").await;
    assert_eq!(chrome.windows().await, std::slice::from_ref(&host));

    chrome.click("#open").await;
    let popup = chrome.popup(&[host]).await;
    chrome.switch_to(popup).await;
    chrome.shows("h1", "Popup").await;
    chrome.close().await;
}

#[tokio::test]
async fn b00_no_broadcast_crosses_from_popup_to_frame_but_a_message_to_the_opener_does() {
    for third_party_cookies in [false, true] {
        let front = three_windows().await;
        let options = ChromeOptions { third_party_cookies, ..ChromeOptions::default() };
        let Some(chrome) = Chrome::start(options).await else {
            return;
        };
        chrome.open(&front.origin(APP)).await;
        let host = chrome.window().await;
        chrome.enter_frame("iframe").await;
        chrome.click("#open").await;
        chrome.popup(std::slice::from_ref(&host)).await;

        // The popup tells its opener only after a frame of its own has heard every broadcast.
        chrome.shows("#told", "all 20 rounds were heard inside the popup").await;
        assert_eq!(chrome.text("#heard").await, "nothing", "third-party cookies: {third_party_cookies}");
        chrome.close().await;
    }
}

#[tokio::test]
async fn b00_a_frame_keeps_only_partitioned_cookies_unless_the_user_allows_others() {
    for third_party_cookies in [false, true] {
        let front = three_windows().await;
        let options = ChromeOptions { third_party_cookies, ..ChromeOptions::default() };
        let Some(chrome) = Chrome::start(options).await else {
            return;
        };
        chrome.open(&front.origin(APP)).await;
        chrome.enter_frame("iframe").await;
        chrome.shows("#cookies", "partitioned=1").await;
        let stored = chrome.text("#cookies").await;
        assert_eq!(stored.contains("third=1"), third_party_cookies, "{stored}");
        chrome.close().await;
    }
}

#[tokio::test]
async fn a_page_is_seen_as_its_user_would_see_it() {
    let front = Front::start().await;
    front.pages(APP, pages::looks());
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.look(Look { dark: true, reduced_motion: true, ..Look::PHONE }).await;
    chrome.open(&front.origin(APP)).await;
    chrome.shows("#seen", "320 dark reduce").await;
    let picture = std::fs::read(chrome.screenshot("harness-phone-dark").await).unwrap();
    // The header of a PNG holds its width in bytes 16 to 19.
    assert_eq!(picture.get(16..20), Some(&320_u32.to_be_bytes()[..]));

    chrome.look(Look::default()).await;
    chrome.shows("#seen", "1280 light no-preference").await;
    chrome.close().await;
}

#[tokio::test]
async fn broken_rules_and_console_errors_are_found() {
    let front = Front::start().await;
    front.pages(APP, pages::looks());
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open(&front.origin(APP)).await;
    chrome.assert_accessible().await;
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());

    chrome.open(&format!("{}/broken", front.origin(APP))).await;
    let violations = chrome.axe_violations().await;
    assert!(violations.iter().any(|rule| rule.starts_with("label:")), "{violations:?}");
    let errors = chrome.console_errors().await;
    assert!(errors.iter().any(|error| error.contains("on purpose")), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("Content Security Policy")), "{errors:?}");
    chrome.close().await;
}

#[tokio::test]
async fn keys_move_the_focus_forth_and_back() {
    let front = Front::start().await;
    front.pages(APP, pages::looks());
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else {
        return;
    };
    chrome.open(&front.origin(APP)).await;
    let focused = "return document.activeElement.id";
    let tab = [Key::Tab.into()];
    chrome.press(&tab).await;
    chrome.script_gives(focused, &json!("first")).await;
    chrome.press(&tab).await;
    chrome.script_gives(focused, &json!("second")).await;
    chrome.press(&[Key::Shift.into(), Key::Tab.into()]).await;
    chrome.script_gives(focused, &json!("first")).await;
    chrome.close().await;
}
