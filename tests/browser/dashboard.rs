//! The dashboard in a real browser: the first owner's way from their link to the overview, and every page by its
//! accessibility rules on a desk, a tablet and a phone, light and dark.

mod account;
mod api_keys;
mod audit;
mod connectors;
mod environments;
mod first_owner;
mod keyboard;
mod members;
mod overview;
mod questions;
mod roles;
mod rules;
mod samples;
mod scriptless;
mod secret_states;
mod secrets;
mod single_sign_on;
mod steps;
mod users;
mod webhooks;

use serde_json::json;
use vouchsafe::clock::Clock as _;
use vouchsafe::secret::Seed;

use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};

pub(crate) const SIZES: [(u32, u32); 3] = [(1440, 900), (768, 1024), (390, 844)];

/// Fills the form that makes an account, and submits it.
pub(crate) async fn join(chrome: &Chrome, name: &str) {
    chrome.fill("#f-name", name).await;
    chrome.fill("#f-email", "olive@acme.test").await;
    chrome.fill("#f-password", PASSWORD).await;
    chrome.click("button[type=submit]").await;
}

/// Sets up the authenticator that the page offers.
pub(crate) async fn enrol(chrome: &Chrome, app: &TestApp) {
    enrol_at(chrome, app.clock.now().timestamp()).await;
}

/// The same at a hub for which it is so many seconds since 1970.
pub(crate) async fn enrol_at(chrome: &Chrome, seconds: i64) {
    chrome.shows("h1", "Set up an authenticator").await;
    let typed = chrome.text(".seed").await.replace(' ', "");
    let code = Seed::sealed(typed.into()).code(seconds).unwrap();
    chrome.fill("#f-code", &code).await;
    chrome.click("form[action$=authenticator] button[type=submit]").await;
    chrome.shows("h1", "Overview").await;
}

pub(crate) async fn nothing_is_wrong(chrome: &Chrome) {
    chrome.assert_accessible().await;
    // A page that does not fit can be moved sideways.
    let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    chrome.script_gives(wide, &json!(false)).await;
    assert_eq!(chrome.console_errors().await, Vec::<String>::new());
}

/// A picture of the page as it is shown, which anybody can read and which fits.
pub(crate) async fn picture(chrome: &Chrome, name: &str, size: (u32, u32), dark: bool) {
    let shade = if dark { "dark" } else { "light" };
    chrome.screenshot(&format!("dashboard-{name}-{}-{shade}", size.0)).await;
    chrome.assert_accessible().await;
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(chrome.script(wide).await, json!(0), "{name} at {}", size.0);
    place_is_in_sight(chrome).await;
}

/// Where one is stays in sight.
async fn place_is_in_sight(chrome: &Chrome) {
    let seen = "const place = document.querySelector('.nav [aria-current=page]');
                if (!place) return true;
                const [shown, row] = [place, place.closest('.nav')].map((one) => one.getBoundingClientRect());
                return shown.left >= row.left - 1 && shown.right <= row.right + 1";
    chrome.script_gives(seen, &json!(true)).await;
}

/// The page as it is, at each size, light and dark.
pub(crate) async fn pictures(chrome: &Chrome, name: &str) {
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            picture(chrome, name, size, dark).await;
        }
    }
}

/// Gives the browser the session of somebody who signed in without it.
pub(crate) async fn become_member(app: &TestApp, chrome: &Chrome, person: &Browser<'_>) {
    let session = json!({"name": "vs_session", "value": person.cookie("vs_session").unwrap(),
        "url": app.base_url, "httpOnly": true, "sameSite": "Strict"});
    chrome.devtools("Network.setCookie", &session).await;
}

/// A browser of somebody who signed in without it, on a page of the dashboard.
async fn seat(app: &TestApp, person: &Browser<'_>, page: &str) -> Option<Chrome> {
    let chrome = Chrome::start(ChromeOptions::default()).await?;
    become_member(app, &chrome, person).await;
    chrome.open(&format!("{}/dashboard/{page}", app.base_url)).await;
    Some(chrome)
}

/// Types address and password into the form that asks for them, and sends it.
async fn give_password(app: &TestApp, chrome: &Chrome, email: &str, password: &str) {
    chrome.open(&format!("{}/dashboard/sign-in", app.base_url)).await;
    chrome.fill("#f-email", email).await;
    chrome.fill("#f-password", password).await;
    chrome.click("button[type=submit]").await;
}

/// A form that is sent twice goes once, and its button is busy until the page is come back to.
async fn is_sent_once(chrome: &Chrome) {
    let twice = "const button = document.querySelector('main button.primary');
        const [end, said] = [new AbortController(), []];
        const busy = () => button.getAttribute('aria-busy');
        addEventListener('submit', (event) => {
            said.push(event.defaultPrevented ? 'kept' : 'sent');
            event.preventDefault();
        }, { signal: end.signal });
        for (let time = 0; time < 2; time += 1) button.click();
        said.push(busy());
        end.abort();
        dispatchEvent(new Event('pageshow'));
        return [...said, busy()]";
    assert_eq!(chrome.script(twice).await, json!(["sent", "kept", "true", null]));
}

#[tokio::test]
async fn the_first_owner_gets_from_the_link_to_a_key() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    chrome.shows("h1", "Set up your account").await;
    nothing_is_wrong(&chrome).await;
    join(&chrome, "Olive").await;
    chrome.shows("h1", "Set up an authenticator").await;
    nothing_is_wrong(&chrome).await;
    chrome.screenshot("dashboard-authenticator").await;
    enrol(&chrome, &app).await;
    chrome.shows(".flash", "Your account is set up.").await;
    nothing_is_wrong(&chrome).await;

    // The environment is seen, and changed.
    chrome.script_gives("return document.body.classList.contains('is-production')", &json!(true)).await;
    chrome.click(".environment summary").await;
    chrome.click(".environment-list a[href*=sandbox]").await;
    chrome.shows(".environment-now", "sandbox").await;
    chrome.script_gives("return document.body.classList.contains('is-production')", &json!(false)).await;

    chrome.click(".nav a[href$=api-keys]").await;
    chrome.shows("h1", "API keys").await;
    // A window that is made narrow moves on to where one is.
    for look in [Look::PHONE, Look::default()] {
        chrome.look(look).await;
        place_is_in_sight(&chrome).await;
    }
    // A switch stays on the page.
    chrome.click(".environment summary").await;
    chrome.click(".environment-list a[href$='production/api-keys']").await;
    chrome.shows(".environment-now", "production").await;
    chrome.shows("h1", "API keys").await;
    chrome.click(".environment summary").await;
    chrome.click(".environment-list a[href$='sandbox/api-keys']").await;
    chrome.shows(".environment-now", "sandbox").await;
    chrome.click(".head a.primary").await;
    chrome.fill("#f-name", "billing service").await;
    is_sent_once(&chrome).await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows("h1", "is made").await;
    nothing_is_wrong(&chrome).await;
    let key = chrome.text("#value").await;
    app.with_key(&key).get("/users").await.ok(200);
    chrome.click(".row-actions a").await;
    chrome.shows(".table", "billing service").await;

    chrome.click("a.danger-text").await;
    chrome.shows("h1", "Revoke “billing service” of sandbox?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The key is revoked.").await;
    app.with_key(&key).get("/users").await.assert_problem(401, "unauthenticated");

    chrome.click(".me button").await;
    chrome.shows("h1", "Sign in").await;
    nothing_is_wrong(&chrome).await;
    chrome.close().await;
}

#[tokio::test]
async fn every_page_is_accessible_at_every_size_in_light_and_dark() {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let link = app.hub.invite_owner("default").await.unwrap();
    chrome.open(link.as_str()).await;
    join(&chrome, "Maximiliane Alexandra Freifrau von und zu Hohenlohe-Waldenburg").await;
    enrol(&chrome, &app).await;
    for user in ["u-1", "u-2", "consolidated-freight-and-customs-brokerage-international-ag"] {
        app.user(user).await;
        app.credential(user).await;
    }
    let key = json!({"name": "Consolidated Freight & Customs Brokerage back end <production>",
        "scopes": ["users:read", "users:write", "sessions:write", "credentials:read", "proxy"], "period": "P30D"});
    app.as_key().post("/api-keys", &key).await.ok(201);
    let pages = [
        ("overview", "/dashboard/production/overview"),
        ("api-keys", "/dashboard/production/api-keys"),
        ("api-key-new", "/dashboard/production/api-keys/new"),
        ("settings", "/dashboard/production/settings"),
        ("members", "/dashboard/members"),
        ("invite", "/dashboard/members/invite"),
        ("rules", "/dashboard/members/settings"),
        ("workspace-delete", "/dashboard/workspace/delete"),
        ("account", "/dashboard/account"),
        ("password", "/dashboard/account/password"),
        ("step-up", "/dashboard/step-up"),
        ("sign-in", "/dashboard/sign-in"),
        ("sign-in-code", "/dashboard/sign-in/code"),
        ("not-found", "/dashboard/production/nothing"),
    ];
    for dark in [false, true] {
        for size in SIZES {
            chrome.look(Look { size, dark, reduced_motion: true }).await;
            for (name, path) in pages {
                chrome.open(&format!("{}{path}", app.base_url)).await;
                picture(&chrome, name, size, dark).await;
            }
        }
    }
    chrome.close().await;
}
