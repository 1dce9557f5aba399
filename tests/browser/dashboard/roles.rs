//! The dashboard as admins, editors and viewers see it in a real browser: every page that is theirs is sound, and
//! offers nothing that is not theirs.

use serde_json::json;

use super::{SIZES, become_member, give_password, nothing_is_wrong};
use crate::chrome::{Chrome, ChromeOptions, Look};
use crate::support::app::TestApp;
use crate::support::browser::{Browser, PASSWORD};
use crate::support::routes::{ROUTES, Who, filled};

/// Roles by their places in the table of routes.
const OWNER: usize = 0;
const ADMIN: usize = 1;
const EDITOR: usize = 2;
const VIEWER: usize = 3;

/// Asks before it is known whether the workspace lets it.
const ASKS_ALL: &str = "/dashboard/account/authenticator/remove";

/// These lead on to other pages.
const LEAD_ON: [&str; 3] = ["/dashboard", "/dashboard/production", "/dashboard/step-up/single-sign-on"];

/// What owners are shown otherwise than admins, beside what is theirs alone.
const OWNERS_SEE_MORE: [&str; 3] =
    ["/dashboard/members", "/dashboard/members/invite", "/dashboard/{environment}/settings"];

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
    give_password(app, chrome, &person.email, PASSWORD).await;
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

/// Whether the walk of this role comes by. That of owners leaves out what admins are shown likewise.
fn is_looked_at(method: &str, route: &str, who: Who, role: usize) -> bool {
    let Some(statuses) = who.statuses().filter(|_| method == "GET") else { return false };
    let differs = role != OWNER || statuses[ADMIN] != 0 || OWNERS_SEE_MORE.contains(&route);
    statuses[role] == 0 && differs
}

/// Every page that the table gives this role. Gives how many there are.
async fn walk(app: &TestApp, chrome: &Chrome, owner: &Browser<'_>, role: usize) -> usize {
    let mut seen = 0;
    for (number, (method, route, who)) in ROUTES.iter().enumerate() {
        if !is_looked_at(method, route, *who, role) {
            continue;
        }
        let path = filled(app, owner, route, number).await;
        chrome.open(&format!("{}{path}", app.base_url)).await;
        let there = chrome.client().current_url().await.unwrap();
        let led = there.path() != path;
        // Who has no authenticator is led to where one is set up.
        let leads = LEAD_ON.contains(&path.as_str()) || (path == ASKS_ALL && role > ADMIN);
        assert_eq!(led, leads, "{path} leads to {there} for role {role}");
        assert!(!there.path().starts_with("/dashboard/sign-in"), "{path} leads to {there} for role {role}");
        nothing_is_wrong(chrome).await;
        nothing_more_is_offered(chrome, role, &path).await;
        seen += 1;
    }
    seen
}

/// Signs in a member of this role and looks at every page.
async fn every_page_is_sound(name: &str, role: usize) {
    let Some(app) = TestApp::start().await else { return };
    let Some(chrome) = Chrome::start(ChromeOptions::default()).await else { return };
    let owner = app.as_owner().await;
    member(&app, &chrome, &owner, name, role).await;
    let seen = walk(&app, &chrome, &owner, role).await;
    assert!(seen > 20, "{seen} pages for {name}");
    if role == ADMIN {
        what_is_the_owners_is_sound(&app, &chrome, &owner).await;
    }
    chrome.close().await;
}

/// The owner takes the admin's seat: the pages that admins don't have, and the link of an invitation.
async fn what_is_the_owners_is_sound(app: &TestApp, chrome: &Chrome, owner: &Browser<'_>) {
    chrome.client().delete_all_cookies().await.unwrap();
    become_member(app, chrome, owner).await;
    let seen = walk(app, chrome, owner, OWNER).await;
    assert!(seen > OWNERS_SEE_MORE.len(), "{seen} pages for owners");
    chrome.open(&format!("{}/dashboard/members/invite", app.base_url)).await;
    chrome.fill("#f-email", "new@acme.test").await;
    chrome.click("input[name=role][value=owner]").await;
    chrome.click("main button.primary").await;
    chrome.shows("h1", "Send this link").await;
    nothing_is_wrong(chrome).await;
}

#[tokio::test]
async fn every_page_of_an_admin_is_sound_and_what_is_an_owners_alone() {
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
