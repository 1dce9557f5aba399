//! The dashboard as admins, editors and viewers see it in a real browser: every page that is theirs is sound, and
//! offers nothing that is not theirs.

use serde_json::json;

use super::{SIZES, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};
use crate::support::routes::{ROUTES, Who, filled};

/// Roles by their places in the table of routes.
const ADMIN: usize = 1;
const EDITOR: usize = 2;
const VIEWER: usize = 3;

/// Asks before it is known whether the workspace lets it.
const ASKS_ALL: &str = "/dashboard/account/authenticator/remove";

/// What a page of production offers to admin, editor and viewer.
const OFFERS: [(&str, &str, [bool; 3]); 9] = [
    ("secrets", "main .table", [true; 3]),
    ("secrets", ".secrets-table", [true, true, false]),
    ("secrets", "a[href$='/secrets/new']", [true, false, false]),
    ("secrets", "[data-reveal]", [true, false, false]),
    ("secrets", ".bulk-bar", [true, false, false]),
    ("users", "a[href$='/new-user']", [true, true, false]),
    ("integrations", "a[href$='/new-integration']", [true, true, false]),
    ("credentials", ".bulk-bar", [true, false, false]),
    ("credentials", "tbody a.cell-link", [true, true, false]),
];

/// How many segments of a path a route names itself, where the path is one of the route.
fn named(route: &str, path: &str) -> Option<usize> {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let fits = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
    let same = route.len() == path.len() && route.iter().zip(&path).all(fits);
    same.then(|| route.iter().filter(|one| !one.starts_with('{')).count())
}

/// Whether a role gets there.
fn may(role: usize, method: &str, path: &str) -> bool {
    let routes = ROUTES.iter().filter(|(one, ..)| *one == method);
    let fitting = routes.filter_map(|(_, route, who)| Some((named(route, path)?, *who)));
    let (_, who) = fitting.max_by_key(|(named, _)| *named).unwrap_or_else(|| panic!("no {method} {path}"));
    who == Who::Own || who.statuses().is_none_or(|statuses| statuses[role] == 0)
}

/// Every link of the page leads where the role gets, and so does every form that can be sent.
async fn nothing_more_is_offered(chrome: &Chrome, role: usize, here: &str) {
    if here == ASKS_ALL {
        return;
    }
    let offered = "const path = (address) => new URL(address ?? '', location).pathname;
        const links = [...document.querySelectorAll('a[href]')].map((link) => ['GET', path(link.getAttribute('href'))]);
        const sent = [...document.querySelectorAll('button:not([type=button]):enabled')]
            .filter((button) => button.form?.getAttribute('method') === 'post')
            .map((button) => button.getAttribute('formaction') ?? button.form.getAttribute('action'));
        return [...links, ...sent.map((address) => ['POST', path(address)])]
            .filter(([, there]) => there.startsWith('/dashboard'))";
    let offered: Vec<(String, String)> = serde_json::from_value(chrome.script(offered).await).unwrap();
    for (method, path) in &offered {
        assert!(may(role, method, path), "{here} offers {method} {path}");
    }
}

/// Signs in by the form, with a code where there is an authenticator.
async fn sign_in(app: &TestApp, chrome: &Chrome, person: &Browser<'_>) {
    chrome.open(&format!("{}/dashboard/sign-in", app.base_url)).await;
    chrome.fill("#f-email", &person.email).await;
    chrome.fill("#f-password", PASSWORD).await;
    chrome.click("button[type=submit]").await;
    if person.seed.borrow().is_some() {
        let code = person.code();
        chrome.fill("#f-code", &code).await;
        chrome.click("button[type=submit]").await;
    }
    chrome.shows("h1", "Overview").await;
}

/// The browser of a new member, who has this role and is signed in.
async fn member(app: &TestApp, chrome: &Chrome, owner: &Browser<'_>, name: &str, role: usize) {
    let person = app.as_invited(owner, name, "sam@acme.test").await;
    chrome.look(Look { size: SIZES[0], dark: false, reduced_motion: true }).await;
    sign_in(app, chrome, &person).await;
    app.user("jo").await;
    app.credential("jo").await;
    let secret = json!({"key": "STRIPE_KEY", "value": "v", "type": "api_key", "visibility": "masked",
        "allowedHosts": ["api.stripe.com"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
    for (page, css, offered) in OFFERS {
        chrome.open(&format!("{}/dashboard/production/{page}", app.base_url)).await;
        let there = chrome.script(&format!("return document.querySelector({}) !== null", json!(css))).await;
        assert_eq!(there, json!(offered[role - 1]), "{css} of {page} for {name}");
    }
}

/// Every page that the table gives this role.
async fn every_page_is_sound(name: &str, role: usize) {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    member(&app, &chrome, &owner, name, role).await;
    let mut seen = 0;
    for (number, (method, route, who)) in ROUTES.iter().enumerate() {
        if *method != "GET" || who.statuses().is_none_or(|statuses| statuses[role] != 0) {
            continue;
        }
        let path = filled(&app, &owner, route, number).await;
        chrome.open(&format!("{}{path}", app.base_url)).await;
        let there = chrome.client().current_url().await.unwrap();
        assert!(!there.path().starts_with("/dashboard/sign-in"), "{path} leads {name} to {there}");
        nothing_is_wrong(&chrome).await;
        nothing_more_is_offered(&chrome, role, &path).await;
        seen += 1;
    }
    assert!(seen > 20, "{seen} pages for {name}");
    chrome.close().await;
}

#[tokio::test]
async fn every_page_of_an_admin_is_sound() {
    every_page_is_sound("admin", ADMIN).await;
}

#[tokio::test]
async fn every_page_of_an_editor_is_sound() {
    every_page_is_sound("editor", EDITOR).await;
}

#[tokio::test]
async fn every_page_of_a_viewer_is_sound() {
    every_page_is_sound("viewer", VIEWER).await;
}
