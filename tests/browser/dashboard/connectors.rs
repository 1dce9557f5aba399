//! Connectors and credentials in real browsers, mended and ended: what editors do with them, and what is left to admins.

use serde_json::{Value, json};
use vouchsafe::demo::fake::GrantEnd;

use super::{nothing_is_wrong, seat};
use crate::chrome::Chrome;
use crate::support::app::TestApp;

async fn connector(app: &TestApp) -> Value {
    app.as_key().get("/connectors/fernhill").await.ok(200)
}

/// Has the app asked for more, which is all that an editor changes of a connector, and tests it.
async fn ask_for_more(app: &TestApp, chrome: &Chrome) {
    chrome.click(".table a").await;
    chrome.shows("h1", "Fernhill").await;
    for css in
        ["#f-secret-client", "a[href$='/disable']", "a[href$='/delete']", "#f-clientId:not([readonly])"]
    {
        assert!(!chrome.has(css).await, "{css} is offered");
    }
    nothing_is_wrong(chrome).await;
    chrome.fill("#f-scopes", "items:read").await;
    chrome.click("form.settings > .row-actions button.primary").await;
    chrome.shows(".flash", "The connector is saved.").await;
    let saved = connector(app).await;
    assert_eq!(saved["scopes"], json!(["items:read"]), "{saved}");
    chrome.click("form[action$='/test'] button").await;
    chrome.shows("#test", "knows this client and accepts its secret").await;
    nothing_is_wrong(chrome).await;
}

/// Renews a credential, and makes a link for its user. What ends it is not offered.
async fn mend(app: &TestApp, chrome: &Chrome, id: &str) {
    chrome.open(&format!("{}/dashboard/production/credentials/{id}", app.base_url)).await;
    chrome.shows("h1", "Fernhill of u-17").await;
    assert!(!chrome.has("#end, a[href$='/deactivate'], a[href$='/revoke'], a[href$='/delete']").await);
    nothing_is_wrong(chrome).await;
    let before = app.refreshes();
    app.pass(60);
    chrome.click("form[action$='/refresh'] button").await;
    chrome.shows(".flash", "The credential is refreshed.").await;
    assert_eq!(app.refreshes(), before + 1);
    chrome.shows(".timeline", "Refreshed").await;
    nothing_is_wrong(chrome).await;
    chrome.click("form[action$='/link'] button").await;
    chrome.shows("#value", "/connect?session=").await;
    nothing_is_wrong(chrome).await;
}

#[tokio::test]
async fn an_editor_mends_what_is_there_and_ends_nothing() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let editor = app.as_invited(&owner, "editor", "ed@acme.test").await;
    app.put_fernhill().await;
    let id = app.connect("u-17").await;
    let back = json!({"defaultReturnUrl": "https://app.acme.test/back"});
    app.as_key().patch("/environment", &back).await.ok(200);
    let Some(chrome) = seat(&app, &editor, "production/connectors").await else { return };
    ask_for_more(&app, &chrome).await;
    mend(&app, &chrome, &id).await;
    chrome.close().await;
}

/// Switches the connector off, and on again by the button beside what is said then.
async fn switch_off_and_undo(app: &TestApp, chrome: &Chrome) {
    chrome.click("a[href$='/disable']").await;
    chrome.shows("h1", "Switch off “fernhill” of production?").await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The connector is switched off. Its credentials are kept.").await;
    assert_eq!(connector(app).await["enabled"], false);
    nothing_is_wrong(chrome).await;
    chrome.click(".flash button").await;
    chrome.shows(".flash", "The connector is switched on.").await;
    assert_eq!(connector(app).await["enabled"], true);
}

/// Takes away the secret of the client, without which users can't connect.
async fn forget_the_secret(app: &TestApp, chrome: &Chrome) {
    chrome.click("a[href$='/kept/secret-client/remove']").await;
    chrome.shows("h1", "of “fernhill” of production?").await;
    nothing_is_wrong(chrome).await;
    assert_eq!(connector(app).await["hasClientSecret"], true);
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "What was kept is removed.").await;
    chrome.shows(".notice", "Users can’t connect as they should").await;
    assert_eq!(connector(app).await["hasClientSecret"], false);
    nothing_is_wrong(chrome).await;
}

#[tokio::test]
async fn an_admin_ends_a_credential_and_its_connector() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let admin = app.as_invited(&owner, "admin", "ada@acme.test").await;
    app.put_fernhill().await;
    let id = app.connect("u-17").await;
    let Some(chrome) = seat(&app, &admin, &format!("production/credentials/{id}")).await else { return };
    chrome.click("a[href$='/revoke']").await;
    chrome.shows("h1", "Revoke Fernhill of u-17?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "It has ended here, and at the app.").await;
    nothing_is_wrong(&chrome).await;
    assert_eq!(app.shown(&id).await["status"], "revoked");
    assert_eq!(app.fake.grants()[0].end, Some(GrantEnd::Revoked));

    chrome.click(".nav a[href$='/connectors']").await;
    chrome.click(".table a").await;
    switch_off_and_undo(&app, &chrome).await;
    forget_the_secret(&app, &chrome).await;
    chrome.click("a[href$='/connectors/fernhill/delete']").await;
    chrome.shows("h1", "Delete “fernhill” of production?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The connector is deleted.").await;
    app.as_key().get("/connectors/fernhill").await.assert_problem(404, "not_found");
    app.as_key().get(&format!("/credentials/{id}")).await.assert_problem(404, "not_found");
    chrome.close().await;
}
