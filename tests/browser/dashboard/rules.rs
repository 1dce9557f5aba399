//! What a workspace is run by, in real browsers: its rules, an invitation that is taken back, and its end.

use serde_json::json;

use super::{nothing_is_wrong, seat};
use crate::chrome::{Chrome, ChromeOptions};
use crate::support::app::TestApp;
use crate::support::browser::Browser;

const VALUE: &str = "sk-never-to-be-seen-0123456789";
const REVEAL: &str = "input[value=editorsMayReveal]";
const CODES: &str = "input[value=totpRequired]";

/// What an owner has saved meanwhile is not overwritten unseen.
async fn set_the_rules(app: &TestApp, chrome: &Chrome, second: &Browser<'_>) {
    chrome.click("#rules + a").await;
    chrome.shows("h1", "Rules of this workspace").await;
    nothing_is_wrong(chrome).await;
    app.pass(60);
    second.post("/dashboard/members/settings", &[]).await.leads_to("/dashboard/members");
    chrome.click(REVEAL).await;
    chrome.click("main button.primary").await;
    chrome.shows(".notice", "Somebody changed this").await;
    chrome.assert_accessible().await;
    // The browser notes the refusal itself.
    assert!(chrome.console_errors().await.iter().all(|error| error.contains("409")));
    assert!(chrome.find(REVEAL).await.is_selected().await.unwrap(), "what was chosen is there");
    chrome.click(".notice a").await;
    chrome.shows("h1", "Rules of this workspace").await;
    for css in [CODES, REVEAL] {
        assert!(!chrome.find(css).await.is_selected().await.unwrap(), "{css} is as it was saved");
        chrome.click(css).await;
    }
    chrome.click("main button.primary").await;
    chrome.shows(".flash", "The settings are saved.").await;
    chrome.shows("main", "Editors may reveal masked secrets.").await;
    chrome.shows("main", "Owners and admins need an authenticator.").await;
}

#[tokio::test]
async fn an_owner_lets_editors_reveal_what_is_masked() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    editor.enrol().await.leads_to("/dashboard/account");
    let secret = json!({"key": "STRIPE_KEY", "value": VALUE, "type": "api_key", "visibility": "masked",
        "allowedHosts": ["api.stripe.com"]});
    app.as_key().post("/secrets", &secret).await.ok(201);
    let second = app.as_invited(&owner, "owner", "second@acme.test").await;
    let Some(owners) = seat(&app, &owner, "members").await else { return };
    let Some(editors) = seat(&app, &editor, "production/secrets").await else { return };
    editors.shows(".secrets-table", "STRIPE_KEY").await;
    assert!(!editors.has("[data-reveal]").await);
    set_the_rules(&app, &owners, &second).await;

    editors.click(".nav a[href$='/secrets']").await;
    editors.click("[data-reveal=STRIPE_KEY]").await;
    editors.shows(".secrets-table [data-dots]", VALUE).await;
    nothing_is_wrong(&editors).await;
    let seen = app.as_key().get("/audit-events?action=secret.reveal").await.ok(200);
    assert_eq!(seen["data"][0]["actor"]["type"], "member", "{seen}");
    assert!(!editors.has("a[href$='/secrets/new'], .bulk-bar").await);
    owners.close().await;
    editors.close().await;
}

#[tokio::test]
async fn an_invitation_that_is_taken_back_lets_nobody_in() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let Some(chrome) = seat(&app, &owner, "members/invite").await else { return };
    chrome.fill("#f-email", "kim@acme.test").await;
    chrome.click("input[name=role][value=viewer]").await;
    chrome.click("main button.primary").await;
    chrome.shows("h1", "Send this link").await;
    let link = chrome.text("#value").await;
    chrome.click("main a.primary").await;
    chrome.click_in_row("kim@acme.test", "a[href$='/withdraw']").await;
    chrome.shows("h1", "Take back the invitation of kim@acme.test?").await;
    nothing_is_wrong(&chrome).await;
    assert_eq!(app.rows("SELECT 1 FROM invitation").await.len(), 1, "nothing ended by the question");
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The invitation is taken back.").await;
    assert!(!chrome.has("#invited").await);
    let Some(stranger) = Chrome::start(ChromeOptions::default()).await else { return };
    stranger.open(&link).await;
    stranger.shows("main", "This link is over").await;
    stranger.assert_accessible().await;
    assert!(!stranger.has("form").await);
    stranger.close().await;
    chrome.close().await;
}

#[tokio::test]
async fn a_workspace_is_deleted_by_its_name() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    app.user("jo").await;
    let Some(owners) = seat(&app, &owner, "members").await else { return };
    let Some(editors) = seat(&app, &editor, "production/users").await else { return };
    owners.click("a[href$='/workspace/delete']").await;
    owners.shows("h1", "Delete the workspace default?").await;
    owners.shows(".named", "1 user").await;
    nothing_is_wrong(&owners).await;
    owners.fill("#f-name", "defaults").await;
    owners.click("button.danger-full").await;
    owners.shows("#f-name-error", "letter by letter").await;
    owners.assert_accessible().await;
    app.as_key().get("/users").await.ok(200);
    owners.find("#f-name").await.clear().await.unwrap();
    owners.fill("#f-name", "default").await;
    owners.click("button.danger-full").await;
    owners.shows("h1", "default is deleted").await;
    owners.assert_accessible().await;
    for key in [app.as_key(), app.as_sandbox_key()] {
        key.get("/users").await.assert_problem(401, "unauthenticated");
    }
    app.as_stranger().get("/users").await.ok(200);
    editors.click(".nav a[href$='/credentials']").await;
    editors.shows("h1", "Sign in").await;
    editors.close().await;
    owners.close().await;
}
