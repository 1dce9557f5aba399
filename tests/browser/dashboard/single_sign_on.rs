//! Single sign-on in a real browser, over https, at the pages of a real identity provider: what cookies of ours are sent
//! when one comes back from another site is the browser's to decide.

use serde_json::json;

use super::{SIZES, nothing_is_wrong, picture};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::front::HUB;
use crate::stage::Stage;

/// Signs in at the identity provider's own page.
async fn sign_in_there(chrome: &Chrome, login: &str) {
    chrome.shows("h1", "Sign-in").await;
    chrome.fill("input[name=login]", login).await;
    chrome.fill("input[name=password]", "x").await;
    chrome.click_and_leave("button[type=submit]").await;
}

async fn agree(chrome: &Chrome) {
    chrome.shows("h1", "Authorize").await;
    chrome.click_and_leave("button[type=submit]").await;
}

/// Our page at every size, light and dark, by its rules.
async fn is_sound(chrome: &Chrome, name: &str) {
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            picture(chrome, name, size, dark).await;
        }
    }
    chrome.look(Look::default()).await;
}

const CONTINUE: &str = "a.button.wide";

#[tokio::test]
async fn the_first_owner_joins_signs_in_again_and_proves_who_they_are_at_the_identity_provider() {
    let Some(stage) = Stage::with_sign_on().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let hub = stage.front.origin(HUB);
    let link = stage.hub.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    chrome.shows(CONTINUE, "Continue with Northwind ID").await;
    is_sound(&chrome, "join-single-sign-on").await;
    chrome.click_and_leave(CONTINUE).await;
    sign_in_there(&chrome, "olive").await;
    agree(&chrome).await;
    // The page that leads on does so by itself, and the session's cookie goes along.
    chrome.shows("h1", "Overview").await;
    nothing_is_wrong(&chrome).await;
    chrome.open(&format!("{hub}/dashboard/account")).await;
    chrome.shows("main", "olive@idp.test").await;
    is_sound(&chrome, "account-single-sign-on").await;

    chrome.click(".me button").await;
    chrome.shows("h1", "Sign in").await;
    is_sound(&chrome, "sign-in-single-sign-on").await;
    chrome.click_and_leave(CONTINUE).await;
    // The identity provider knows the browser still.
    chrome.shows("h1", "Overview").await;

    // A proof asks again all the same, and ends where it began.
    chrome.open(&format!("{hub}/dashboard/step-up?next=/dashboard/production/api-keys/new")).await;
    is_sound(&chrome, "step-up-single-sign-on").await;
    chrome.click_and_leave(CONTINUE).await;
    sign_in_there(&chrome, "olive").await;
    chrome.shows("h1", "Make a key for production").await;
    nothing_is_wrong(&chrome).await;
    let proofs = stage.api.audit("member.step_up").await;
    assert!(proofs.is_empty(), "what concerns a workspace is in no environment's log: {proofs:?}");
    chrome.close().await;
}

#[tokio::test]
async fn who_is_not_invited_or_says_no_gets_a_calm_page() {
    let Some(stage) = Stage::with_sign_on().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let hub = stage.front.origin(HUB);
    chrome.open(&format!("{hub}/dashboard")).await;
    chrome.shows("h1", "Sign in").await;
    chrome.click_and_leave(CONTINUE).await;
    chrome.shows("h1", "Sign-in").await;
    chrome.click_and_leave("a[href$='/abort']").await;
    chrome.shows("h1", "You’re not signed in").await;
    is_sound(&chrome, "not-in-declined").await;
    chrome.click(".row-actions a").await;
    chrome.shows("h1", "Sign in").await;
    chrome.click_and_leave(CONTINUE).await;
    sign_in_there(&chrome, "a-person-with-a-name-as-long-as-they-come-from-the-north").await;
    agree(&chrome).await;
    chrome.shows("h1", "You have no access here").await;
    is_sound(&chrome, "not-in-not-invited").await;
    chrome.script_gives("return document.cookie", &json!("")).await;
    chrome.finish(&["400", "403"]).await;
}
