//! Members at work, two browsers at a time: an editor is invited, works, is lowered and removed; an admin does what
//! admins may; a viewer looks.

use chrono::TimeDelta;
use serde_json::json;

use super::{nothing_is_wrong, seat};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;
use crate::support::browser::PASSWORD;

const SAM: &str = "sam@acme.test";
const VALUE: &str = "sk-never-to-be-seen-0123456789";

/// A user who has connected Quillpost, and a secret that may be sent to it.
async fn scene(app: &TestApp) {
    app.user("jo").await;
    app.credential("jo").await;
    let secret = json!({"key": "STRIPE_KEY", "value": VALUE, "type": "api_key", "visibility": "masked",
        "allowedHosts": ["127.0.0.1"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
}

/// The roles of all members of all workspaces.
async fn roles(app: &TestApp) -> Vec<String> {
    let rows = app.rows("SELECT role FROM member ORDER BY role").await;
    rows.iter().map(|row| row.try_get("", "role").unwrap()).collect()
}

/// Invites Sam by the form, and gives the link.
async fn invite(chrome: &Chrome, role: &str) -> String {
    chrome.click(".head a.primary").await;
    chrome.shows("h1", "Invite somebody").await;
    chrome.fill("#f-email", SAM).await;
    chrome.click(&format!("input[name=role][value={role}]")).await;
    chrome.click("main button.primary").await;
    chrome.shows("h1", "Send this link").await;
    let link = chrome.text("#value").await;
    chrome.click("main a.primary").await;
    chrome.shows("#invited + .list", SAM).await;
    nothing_is_wrong(chrome).await;
    link
}

/// Comes in by the link.
async fn join(chrome: &Chrome, link: &str, role: &str) {
    chrome.open(link).await;
    chrome.shows(".lead", &format!("invites you to the workspace default as {role}.")).await;
    nothing_is_wrong(chrome).await;
    chrome.fill("#f-name", "Sam").await;
    chrome.fill("#f-password", PASSWORD).await;
    chrome.click("button[type=submit]").await;
    chrome.shows("h1", "Overview").await;
    chrome.shows(".me-role", role).await;
}

async fn make_an_integration(app: &TestApp, chrome: &Chrome) {
    chrome.click(".nav a[href$='/integrations']").await;
    chrome.click(".nothing a.primary").await;
    chrome.fill("#f-name", "Sync orders").await;
    chrome.fill("#f-slug", "sync-orders").await;
    chrome.fill("#f-connector-0", "quillpost").await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".table", "Sync orders").await;
    let made = app.as_key().get("/integrations/sync-orders").await.ok(200);
    assert_eq!(made["connectors"][0]["connector"], "quillpost", "{made}");
}

/// Sends a call with a secret that an editor may use and neither see nor change.
async fn call_with_a_secret(app: &TestApp, chrome: &Chrome) {
    chrome.click(".nav a[href$='/console']").await;
    chrome.script("document.querySelector('#f-connector').value = 'quillpost'").await;
    chrome.fill("#f-user", "jo").await;
    chrome.fill("#f-path", "/echo").await;
    chrome.fill("[name=header-name]", "X-Key").await;
    chrome.click("[value='pick:header-0']").await;
    chrome.shows(".pick-list", "STRIPE_KEY").await;
    for css in ["[value='edit:STRIPE_KEY']", ".side-panel [value=new]"] {
        assert!(!chrome.has(css).await, "{css} is offered");
    }
    nothing_is_wrong(chrome).await;
    chrome.click("[value='choose:STRIPE_KEY']").await;
    let field = "return document.querySelector('[name=header-value]').value";
    chrome.script_gives(field, &json!("$Secret{STRIPE_KEY}")).await;
    let before = app.fake.counters().api_calls;
    chrome.click("[value=send]").await;
    chrome.shows(".answer-line", "200 OK").await;
    chrome.shows(".answer-body", "••••••").await;
    assert!(!chrome.text("body").await.contains(VALUE));
    assert_eq!(app.fake.counters().api_calls, before + 1);
    app.hub.flush_secret_uses().await.unwrap();
    let used = app.as_key().get("/secrets/STRIPE_KEY").await.ok(200);
    assert!(used["lastUsedAt"].is_string(), "it went to the app: {used}");
}

/// Looks at a secret, of which nothing but looking is offered.
async fn look_at_the_secret(app: &TestApp, chrome: &Chrome) {
    chrome.click(".nav a[href$='/secrets']").await;
    chrome.click("#secret-STRIPE_KEY").await;
    chrome.shows(".side-panel h1", "STRIPE_KEY").await;
    for css in ["[data-reveal]", ".side-panel-foot", ".bulk-bar", "a[href$='/secrets/new']"] {
        assert!(!chrome.has(css).await, "{css} is offered");
    }
    nothing_is_wrong(chrome).await;
    // Typed by hand, the address says why not.
    chrome.open(&format!("{}/dashboard/production/secret/STRIPE_KEY/edit", app.base_url)).await;
    chrome.shows("main", "An owner of the workspace can give you a role that may.").await;
    chrome.assert_accessible().await;
    let errors = chrome.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("403")), "{errors:?}");
}

/// Gives Sam a lower role, which is asked once.
async fn change_role(chrome: &Chrome, role: &str) {
    chrome.click(".nav a[href$='/members']").await;
    chrome.click_in_row(SAM, ".cell-actions a").await;
    chrome.shows("h1", "Sam").await;
    nothing_is_wrong(chrome).await;
    chrome.click(&format!("input[name=role][value={role}]")).await;
    chrome.click("main button.primary").await;
    chrome.shows(".notice-warning", &format!("to {role}, and can do less")).await;
    nothing_is_wrong(chrome).await;
    chrome.click("button[name=sure]").await;
    chrome.shows(".flash", "The role is changed.").await;
    nothing_is_wrong(chrome).await;
}

/// What was open when they were lowered comes to nothing, and the next pages are those of a viewer.
async fn sees_what_viewers_see(app: &TestApp, chrome: &Chrome) {
    chrome.fill("#f-name", "Too late").await;
    chrome.fill("#f-slug", "too-late").await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows("main", "An owner of the workspace can give you a role that may.").await;
    chrome.console_errors().await;
    app.as_key().get("/integrations/too-late").await.assert_problem(404, "not_found");
    chrome.shows(".me-role", "viewer").await;

    chrome.click(".nav a[href$='/secrets']").await;
    chrome.shows("main", "Your role sees the names of secrets and nothing else of them.").await;
    chrome.shows("main .table", "STRIPE_KEY").await;
    for css in ["main .table a", ".dots", "[data-reveal]", ".bulk-bar", ".head a", ".nav a[href$='/console']"]
    {
        assert!(!chrome.has(css).await, "{css} is offered");
    }
    nothing_is_wrong(chrome).await;
    chrome.click(".nav a[href$='/integrations']").await;
    chrome.shows("h1", "Integrations").await;
    assert!(!chrome.has("a[href$='/new-integration']").await);
    chrome.click_in_row("Sync orders", "a").await;
    chrome.shows(".notice", "Owners, admins and editors change integrations; you see them.").await;
    assert!(!chrome.has("main button:enabled, main input:not([readonly], :disabled, [type=hidden])").await);
    nothing_is_wrong(chrome).await;
}

/// Removes Sam after one question.
async fn remove(chrome: &Chrome) {
    chrome.click_in_row(SAM, ".cell-actions a").await;
    chrome.click("a[href$='/remove']").await;
    chrome.shows("h1", "Remove Sam from default?").await;
    nothing_is_wrong(chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The member is removed.").await;
    assert!(!chrome.text("main").await.contains(SAM));
}

#[tokio::test]
async fn an_editor_is_invited_works_is_lowered_and_removed() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    scene(&app).await;
    let Some(owners) = seat(&app, &owner, "members").await else { return };
    let Some(editors) = Chrome::start(ChromeOptions::default()).await else { return };
    let link = invite(&owners, "editor").await;
    join(&editors, &link, "editor").await;
    assert_eq!(roles(&app).await, ["editor", "owner"]);
    make_an_integration(&app, &editors).await;
    call_with_a_secret(&app, &editors).await;
    look_at_the_secret(&app, &editors).await;

    editors.click(".nav a[href$='/integrations']").await;
    editors.click(".head a.primary").await;
    editors.shows("h1", "New integration").await;
    change_role(&owners, "viewer").await;
    assert_eq!(roles(&app).await, ["owner", "viewer"]);
    sees_what_viewers_see(&app, &editors).await;

    remove(&owners).await;
    assert_eq!(roles(&app).await, ["owner"]);
    editors.click(".nav a[href$='/users']").await;
    editors.shows("h1", "Sign in").await;
    editors.fill("#f-email", SAM).await;
    editors.fill("#f-password", PASSWORD).await;
    editors.click("button[type=submit]").await;
    editors.shows(".notice", "Address or password is not right").await;
    editors.close().await;
    owners.close().await;
}

async fn keep_a_secret(app: &TestApp, chrome: &Chrome) {
    chrome.click(".head a.primary").await;
    chrome.shows(".side-panel h1", "Create a secret").await;
    chrome.fill("#f-key", "BILLING_KEY").await;
    chrome.fill("#f-value", VALUE).await;
    chrome.fill("#f-allowedHosts", "api.billing.test").await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.shows(".flash", "The secret is kept.").await;
    chrome.click("[data-reveal=BILLING_KEY]").await;
    chrome.shows(".secrets-table", VALUE).await;
    let kept = app.as_key().act("/secrets/BILLING_KEY/reveal").await.ok(200);
    assert_eq!(kept["value"], VALUE);
    let seen = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    let kinds = seen["data"].as_array().unwrap().iter().map(|one| one["actor"]["type"].as_str().unwrap());
    assert_eq!(kinds.filter(|kind| *kind == "member").count(), 1, "{seen}");
}

/// Switches the credential of Jo off, and on again.
async fn switch_a_credential(app: &TestApp, chrome: &Chrome) {
    let status = async || {
        let there = app.as_key().get("/credentials").await.ok(200);
        there["data"][0]["status"].as_str().unwrap().to_owned()
    };
    chrome.click(".nav a[href$='/credentials']").await;
    chrome.click("tbody .cell-link").await;
    chrome.click(".side-panel-foot .primary").await;
    chrome.click("a[href$='/deactivate']").await;
    chrome.shows("h1", "Switch off Quillpost of jo?").await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The credential is switched off.").await;
    assert_eq!(status().await, "inactive");
    nothing_is_wrong(chrome).await;
    chrome.click("form[action$='/reactivate'] button").await;
    chrome.shows(".flash", "The credential works again.").await;
    assert_eq!(status().await, "active");
}

/// Gives the key `billing` another value; gives that.
async fn rotate_a_key(chrome: &Chrome) -> String {
    chrome.click(".nav a[href$='/api-keys']").await;
    chrome.click_in_row("billing", "a[href$='/rotate']").await;
    chrome.click("main button[type=submit]").await;
    chrome.shows("h1", "The new value of “billing”").await;
    nothing_is_wrong(chrome).await;
    chrome.text("#value").await
}

#[tokio::test]
async fn an_admin_keeps_a_secret_switches_a_credential_and_rotates_a_key() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    scene(&app).await;
    let made = json!({"name": "billing", "scopes": ["users:read"]});
    let made = app.as_key().post("/api-keys", &made).await.ok(201);
    let old = made["key"].as_str().unwrap();
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    let Some(chrome) = seat(&app, &admin, "production/secrets").await else { return };
    keep_a_secret(&app, &chrome).await;
    switch_a_credential(&app, &chrome).await;
    let new = rotate_a_key(&chrome).await;
    for key in [old, &new] {
        app.with_key(key).get("/users").await.ok(200);
    }

    // What ends a workspace or an environment, or makes an owner, stays with owners.
    chrome.click(".row-actions a").await;
    chrome.click(".nav a[href$='/settings']").await;
    chrome.shows("h1", "Settings of production").await;
    assert!(!chrome.has("a[href$='/settings/delete']").await);
    chrome.click(".nav a[href$='/members']").await;
    chrome.shows("h1", "Members").await;
    assert!(!chrome.has("a[href$='/workspace/delete']").await);
    chrome.click_in_row("owner@acme.test", ".cell-actions a").await;
    chrome.shows(".notice", "Their role, owner, is above your own: you can’t change it.").await;
    nothing_is_wrong(&chrome).await;
    chrome.open(&format!("{}/dashboard/members/invite", app.base_url)).await;
    chrome.shows(".choices", "Admin").await;
    assert!(!chrome.has("input[name=role][value=owner]").await);
    assert_eq!(roles(&app).await, ["admin", "owner"]);

    app.clock.advance(TimeDelta::days(7));
    app.with_key(&new).get("/users").await.ok(200);
    app.with_key(old).get("/users").await.assert_problem(401, "unauthenticated");
    chrome.close().await;
}
