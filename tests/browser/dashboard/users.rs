//! Users in a real browser: what they have connected is taken back, here and at the app, and they are deleted.

use vouchsafe::demo::fake::GrantEnd;

use super::{nothing_is_wrong, seat};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_user_is_disconnected_and_deleted_after_one_question_each() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    app.put_fernhill().await;
    let granted = app.connect("u-17").await;
    let typed = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.user("u-18").await;
    let Some(chrome) = seat(&app, &owner, "production/users").await else { return };
    chrome.click_in_row("u-17", "a").await;
    chrome.shows("h1", "u-17").await;
    nothing_is_wrong(&chrome).await;
    chrome.click_in_row("Fernhill", "a[href$='/disconnect']").await;
    chrome.shows("h1", "Disconnect Fernhill of u-17?").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("main a.secondary").await;
    chrome.shows("h1", "u-17").await;
    assert_eq!(app.shown(&granted).await["status"], "active", "nothing ended by the question");
    chrome.click_in_row("Fernhill", "a[href$='/disconnect']").await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "It has ended here, and at the app.").await;
    nothing_is_wrong(&chrome).await;
    app.as_key().get(&format!("/credentials/{granted}")).await.assert_problem(404, "not_found");
    let ends: Vec<_> = app.fake.grants().iter().map(|grant| grant.end).collect();
    assert_eq!(ends, [Some(GrantEnd::Revoked)], "the app was told");
    assert_eq!(app.shown(&typed).await["status"], "active");

    chrome.click("a[href$='/delete']").await;
    chrome.shows("h1", "Delete u-17 of production?").await;
    chrome.shows(".effects", "deleted too").await;
    nothing_is_wrong(&chrome).await;
    chrome.click("button.danger-full").await;
    chrome.shows(".flash", "The user is deleted.").await;
    nothing_is_wrong(&chrome).await;
    chrome.shows("main .table", "u-18").await;
    assert!(!chrome.text("main .table").await.contains("u-17"));
    app.as_key().get("/users/u-17").await.assert_problem(404, "not_found");
    app.as_key().get(&format!("/credentials/{typed}")).await.assert_problem(404, "not_found");
    app.as_key().get("/users/u-18").await.ok(200);
    chrome.close().await;
}
