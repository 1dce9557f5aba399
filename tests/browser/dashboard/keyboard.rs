//! The dashboard by keyboard alone: its menu and places, a row and what opens beside it, and a change of what is chosen.

use fantoccini::key::Key;
use serde_json::json;

use super::{become_member, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions};
use crate::people::{enter, tab_to};
use crate::support::app::TestApp;

/// Past the navigation, to what the page is about.
async fn skip_to_content(chrome: &Chrome) {
    tab_to(chrome, ".skip").await;
    enter(chrome).await;
    chrome.script_gives("return document.activeElement.id", &json!("main")).await;
}

/// The menu opens, and Escape gives the focus back to it.
async fn open_and_close_the_menu(chrome: &Chrome) {
    tab_to(chrome, ".environment summary").await;
    enter(chrome).await;
    chrome.script_gives("return document.querySelector('.environment').open", &json!(true)).await;
    tab_to(chrome, ".environment-list a").await;
    chrome.press(&[Key::Escape.into()]).await;
    chrome.script_gives("return document.querySelector('.environment').open", &json!(false)).await;
    chrome.script_gives("return document.activeElement.tagName", &json!("SUMMARY")).await;
}

/// So does the one in which columns are chosen, and it closes when one clicks elsewhere.
async fn open_and_close_the_columns(chrome: &Chrome) {
    let open = "return document.querySelector('.column-choice').open";
    tab_to(chrome, ".column-choice summary").await;
    enter(chrome).await;
    chrome.script_gives(open, &json!(true)).await;
    tab_to(chrome, ".column-choice input").await;
    nothing_is_wrong(chrome).await;
    chrome.press(&[Key::Escape.into()]).await;
    chrome.script_gives(open, &json!(false)).await;
    chrome.script_gives("return document.activeElement.textContent", &json!("Columns")).await;
    chrome.click(".column-choice summary").await;
    chrome.click(".column-choice input").await;
    chrome.script_gives(open, &json!(true)).await;
    chrome.click("h1").await;
    chrome.script_gives(open, &json!(false)).await;
}

/// The history of the first row slides in with the focus, keeps it, and gives it back to the row.
async fn look_beside_the_list(chrome: &Chrome) {
    tab_to(chrome, "tbody .cell-link").await;
    let row = chrome.script("return document.activeElement.id").await;
    enter(chrome).await;
    chrome.shows(".side-panel h1", "Quillpost of").await;
    chrome.script_gives("return document.activeElement.id", &json!("panel-title")).await;
    nothing_is_wrong(chrome).await;
    // Nothing that is covered has its turn, however often one goes round.
    for turn in 0..8 {
        chrome.press(&[Key::Tab.into()]).await;
        let inside = "return document.activeElement.closest('.side-panel') !== null";
        let beneath = "return document.activeElement.closest('.side, .skip, .credentials') !== null";
        assert_eq!(chrome.script(beneath).await, json!(false), "turn {turn}");
        assert!(turn > 0 || chrome.script(inside).await == json!(true), "the panel comes first");
    }
    chrome.press(&[Key::Escape.into()]).await;
    chrome.shows("h1", "Credentials").await;
    chrome.script_gives("return document.activeElement.id", &row).await;
}

/// What slides in beside a call takes the focus, and gives it back to the button that it was opened by.
async fn choose_a_secret(chrome: &Chrome) {
    let inside = "return document.activeElement.closest('[role=dialog][aria-modal=true]') !== null";
    let focused = "return document.activeElement.value";
    tab_to(chrome, "[value='pick:header-0']").await;
    enter(chrome).await;
    chrome.shows("#panel-title", "Choose a secret").await;
    chrome.script_gives(inside, &json!(true)).await;
    nothing_is_wrong(chrome).await;
    chrome.press(&[Key::Escape.into()]).await;
    chrome.script_gives(focused, &json!("pick:header-0")).await;
    chrome.script_gives("return document.querySelector('.side-panel') === null", &json!(true)).await;
}

/// A secret opens beside the list, is read first, and leaves the focus with its row.
async fn look_at_a_secret(chrome: &Chrome) {
    tab_to(chrome, "#secret-STRIPE_KEY").await;
    enter(chrome).await;
    chrome.shows("#panel-title", "STRIPE_KEY").await;
    let dialog = "return document.activeElement.closest('[role=dialog]') && document.activeElement.id";
    chrome.script_gives(dialog, &json!("panel-title")).await;
    chrome.press(&[Key::Escape.into()]).await;
    chrome.shows("h1", "Secrets").await;
    chrome.script_gives("return document.activeElement.id", &json!("secret-STRIPE_KEY")).await;
}

#[tokio::test]
async fn what_slides_in_takes_the_focus_and_gives_it_back() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    let secret = json!({"key": "STRIPE_KEY", "value": "v", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["api.stripe.com"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
    become_member(&app, &chrome, &owner).await;
    for (page, title) in [("console", "API call"), ("secrets", "Secrets")] {
        chrome.open(&format!("{}/dashboard/production/{page}", app.base_url)).await;
        chrome.shows("h1", title).await;
        skip_to_content(&chrome).await;
        if page == "console" {
            choose_a_secret(&chrome).await;
        } else {
            open_and_close_the_columns(&chrome).await;
            look_at_a_secret(&chrome).await;
        }
    }
    chrome.close().await;
}

#[tokio::test]
async fn a_member_needs_no_mouse() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    for user in ["u-1", "u-2"] {
        app.user(user).await;
        app.credential(user).await;
    }
    become_member(&app, &chrome, &owner).await;
    chrome.open(&format!("{}/dashboard/production/overview", app.base_url)).await;
    open_and_close_the_menu(&chrome).await;
    tab_to(&chrome, ".nav a[href$='/credentials']").await;
    enter(&chrome).await;
    chrome.shows("h1", "Credentials").await;
    skip_to_content(&chrome).await;
    look_beside_the_list(&chrome).await;

    // On from the row: the next one is chosen and deleted.
    tab_to(&chrome, "tbody [data-pick]").await;
    chrome.press(&[' ']).await;
    chrome.shows(".bulk-count", "With 1 chosen").await;
    tab_to(&chrome, ".bulk-bar button.danger").await;
    enter(&chrome).await;
    chrome.shows("h1", "Delete 1 credential").await;
    skip_to_content(&chrome).await;
    tab_to(&chrome, "button.danger-full").await;
    enter(&chrome).await;
    chrome.shows(".progress", "1 of 1 looked at, 1 done").await;
    nothing_is_wrong(&chrome).await;
    let left = app.as_key().get("/credentials").await.ok(200);
    assert_eq!(left["data"].as_array().map(Vec::len), Some(1), "{left}");
    chrome.close().await;
}
