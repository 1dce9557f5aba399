//! One's own account in real browsers: sessions that are seen and ended, another password, and an authenticator that is
//! set up, replaced and removed.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::clock::Clock as _;
use vouchsafe::secret::Seed;

use super::{give_password, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;
use crate::support::browser::PASSWORD;

const SAM: &str = "sam@acme.test";
const NEW: &str = "another quiet evening";

/// An editor, whom no rule of the workspace asks for an authenticator, with no session.
async fn sam(app: &TestApp) {
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", SAM).await;
    editor.post("/dashboard/sign-out", &[]).await;
}

async fn sign_in(app: &TestApp, chrome: &Chrome, password: &str) {
    give_password(app, chrome, SAM, password).await;
    chrome.shows("h1", "Overview").await;
}

/// Sam at a desk and, by what the other browser calls itself, on a phone.
async fn two_browsers(app: &TestApp) -> Option<[Chrome; 2]> {
    let desk = Chrome::start(ChromeOptions::default()).await?;
    let phone = Chrome::start(ChromeOptions::default()).await?;
    let agent = json!({"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1"});
    phone.devtools("Network.setUserAgentOverride", &agent).await;
    for chrome in [&desk, &phone] {
        sign_in(app, chrome, PASSWORD).await;
    }
    Some([desk, phone])
}

/// How many sessions Sam has.
async fn sessions(app: &TestApp) -> usize {
    let sessions = "SELECT 1 FROM member_session JOIN member ON member.id = member_id WHERE email = '";
    app.rows(&format!("{sessions}{SAM}'")).await.len()
}

async fn is_signed_out(chrome: &Chrome) {
    chrome.click(".nav a[href$='/users']").await;
    chrome.shows("h1", "Sign in").await;
}

#[tokio::test]
async fn a_session_elsewhere_is_seen_and_ended() {
    let Some(app) = TestApp::start().await else { return };
    sam(&app).await;
    let Some([desk, phone]) = two_browsers(&app).await else { return };
    desk.click(".me-link").await;
    desk.shows("h1", "Your account").await;
    nothing_is_wrong(&desk).await;
    desk.click_in_row("Safari on iPhone", "a").await;
    desk.shows("h1", "End the session on Safari on iPhone?").await;
    nothing_is_wrong(&desk).await;
    desk.click("main a.secondary").await;
    assert_eq!(sessions(&app).await, 2, "nothing was ended by the question");
    desk.click_in_row("Safari on iPhone", "a").await;
    desk.click("button.danger-full").await;
    desk.shows(".flash", "That session has ended.").await;
    assert!(!desk.text("main").await.contains("iPhone"));
    assert_eq!(sessions(&app).await, 1);
    is_signed_out(&phone).await;

    sign_in(&app, &phone, PASSWORD).await;
    desk.click(".me-link").await;
    desk.click("a[href$='/sessions/end']").await;
    desk.shows("h1", "End all your other sessions?").await;
    desk.shows(".effects", "Safari on iPhone").await;
    desk.click("button.danger-full").await;
    desk.shows(".flash", "You are signed out everywhere else.").await;
    assert_eq!(sessions(&app).await, 1);
    is_signed_out(&phone).await;
    desk.click(".nav a[href$='/users']").await;
    desk.shows("h1", "Users").await;
    desk.close().await;
    phone.close().await;
}

#[tokio::test]
async fn another_password_signs_out_everywhere_else() {
    let Some(app) = TestApp::start().await else { return };
    sam(&app).await;
    let Some([desk, phone]) = two_browsers(&app).await else { return };
    desk.click(".me-link").await;
    desk.click("a[href$='/account/password']").await;
    desk.shows("h1", "Change your password").await;
    desk.fill("#f-password", "not the present one").await;
    desk.fill("#f-newPassword", NEW).await;
    desk.click("main button.primary").await;
    desk.shows(".notice", "Password or code is not right").await;
    desk.assert_accessible().await;
    // The browser notes the refusal itself.
    assert!(desk.console_errors().await.iter().all(|error| error.contains("400")));
    desk.fill("#f-password", PASSWORD).await;
    desk.fill("#f-newPassword", NEW).await;
    desk.click("main button.primary").await;
    desk.shows(".flash", "Your password is changed. You are signed out everywhere else.").await;
    nothing_is_wrong(&desk).await;
    assert_eq!(sessions(&app).await, 1);

    is_signed_out(&phone).await;
    give_password(&app, &phone, SAM, PASSWORD).await;
    phone.shows(".notice", "Address or password is not right").await;
    sign_in(&app, &phone, NEW).await;
    desk.close().await;
    phone.close().await;
}

/// Gives the page the code of the authenticator that it shows; the authenticator.
async fn set_up(app: &TestApp, chrome: &Chrome) -> Seed {
    chrome.shows("h1", "Set up an authenticator").await;
    nothing_is_wrong(chrome).await;
    let seed = Seed::sealed(chrome.text(".seed").await.replace(' ', "").into());
    chrome.fill("#f-code", &code(app, &seed)).await;
    chrome.click("form[action$=authenticator] button[type=submit]").await;
    chrome.shows(".flash", "Your authenticator is set up.").await;
    seed
}

/// A code that was not used yet.
fn code(app: &TestApp, seed: &Seed) -> String {
    app.clock.advance(TimeDelta::seconds(30));
    seed.code(app.clock.now().timestamp()).unwrap()
}

/// Signs out, and in again as far as the code.
async fn as_far_as_the_code(app: &TestApp, chrome: &Chrome) {
    chrome.click(".me button").await;
    chrome.shows("h1", "Sign in").await;
    give_password(app, chrome, SAM, PASSWORD).await;
    chrome.find("#f-code").await;
}

/// Whether Sam has an authenticator.
async fn has_authenticator(app: &TestApp) -> bool {
    let rows = app.rows(&format!("SELECT totp FROM member WHERE email = '{SAM}'")).await;
    rows[0].try_get::<Option<Vec<u8>>>("", "totp").unwrap().is_some()
}

#[tokio::test]
async fn an_authenticator_is_set_up_replaced_and_removed() {
    let Some(app) = TestApp::start().await else { return };
    sam(&app).await;
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    sign_in(&app, &chrome, PASSWORD).await;
    // Whoever finds the browser open some time later has no password.
    app.clock.advance(TimeDelta::minutes(5));
    chrome.click(".me-link").await;
    chrome.click("a[href$='/account/authenticator']").await;
    chrome.shows("h1", "Confirm that it is you").await;
    nothing_is_wrong(&chrome).await;
    chrome.fill("#f-password", PASSWORD).await;
    chrome.click("main button.primary").await;
    let first = set_up(&app, &chrome).await;
    assert!(has_authenticator(&app).await);

    as_far_as_the_code(&app, &chrome).await;
    chrome.fill("#f-code", &code(&app, &first)).await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Overview").await;
    chrome.click(".me-link").await;
    chrome.click("a[href$='/account/authenticator']").await;
    chrome.shows("h1", "Authenticator").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("form[action$='/new'] button").await;
    let second = set_up(&app, &chrome).await;

    as_far_as_the_code(&app, &chrome).await;
    chrome.fill("#f-code", &code(&app, &first)).await;
    chrome.click("button[type=submit]").await;
    chrome.shows("#f-code-error, .notice", "That code isn't right").await;
    chrome.fill("#f-code", &code(&app, &second)).await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Overview").await;

    chrome.click(".me-link").await;
    chrome.click("a[href$='/account/authenticator']").await;
    chrome.click("a[href$='/authenticator/remove']").await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "Your authenticator is removed.").await;
    assert!(!has_authenticator(&app).await);
    chrome.click(".me button").await;
    chrome.shows("h1", "Sign in").await;
    sign_in(&app, &chrome, PASSWORD).await;
    chrome.close().await;
}
