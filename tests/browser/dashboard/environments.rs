//! An environment in a real browser: made, switched to, filled, and deleted by its typed name.

use serde_json::json;

use super::{nothing_is_wrong, seat};
use crate::chrome::Chrome;
use crate::support::app::TestApp;

/// Changes to another environment by the menu.
async fn switch(chrome: &Chrome, environment: &str) {
    chrome.click(".environment summary").await;
    chrome.click(&format!(".environment-list a[href*='/{environment}/']")).await;
    chrome.shows(".environment-now", environment).await;
}

/// Adds a user by the form.
async fn add_user(chrome: &Chrome, name: &str) {
    chrome.click(".nav a[href$='/users']").await;
    chrome.click("main a[href$='/new-user']").await;
    chrome.fill("#f-username", name).await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows(".flash", "The user is there").await;
    chrome.click(".nav a[href$='/users']").await;
    chrome.shows("main .table", name).await;
}

/// The names of the users that a key sees.
async fn users(app: &TestApp, key: &str) -> Vec<String> {
    let users = app.with_key(key).list_all("/users").await;
    users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

/// Makes the environment where one switches.
async fn make(chrome: &Chrome) {
    chrome.click(".environment summary").await;
    chrome.click(".environment-new a").await;
    chrome.shows("h1", "New environment").await;
    nothing_is_wrong(chrome).await;
    chrome.fill("#f-name", "staging").await;
    chrome.click("button[type=submit].primary").await;
    chrome.shows(".flash", "The environment is there, and empty.").await;
    chrome.shows(".environment-now", "staging").await;
    nothing_is_wrong(chrome).await;
}

/// Sends the form that deletes it with this name, and the box ticked or as it is.
async fn delete(chrome: &Chrome, name: &str, tick: bool) {
    let field = chrome.find("#f-name").await;
    field.clear().await.unwrap();
    field.send_keys(name).await.unwrap();
    if tick {
        chrome.click("input[name=force]").await;
    }
    chrome.click("button.danger-full").await;
}

#[tokio::test]
async fn an_environment_is_made_filled_and_deleted_by_its_name() {
    let Some(app) = TestApp::start().await else { return };
    let owner = app.as_owner().await;
    let Some(chrome) = seat(&app, &owner, "production/overview").await else { return };
    add_user(&chrome, "of-production").await;
    make(&chrome).await;
    add_user(&chrome, "of-staging").await;
    assert!(!chrome.text("main").await.contains("of-production"));
    let key = app.key_of("default", "staging").await;
    assert_eq!(users(&app, &key).await, ["of-staging"]);
    assert_eq!(users(&app, app.key()).await, ["of-production"]);
    switch(&chrome, "production").await;
    chrome.shows("main .table", "of-production").await;
    assert!(!chrome.text("main").await.contains("of-staging"));

    let given = json!({"userId": "of-staging", "connector": "quillpost",
        "data": {"key": vouchsafe::demo::fake::VALID_KEY}});
    app.with_key(&key).post("/credentials", &given).await.ok(201);
    switch(&chrome, "staging").await;
    chrome.click(".nav a[href$='/settings']").await;
    chrome.click("a[href$='/settings/delete']").await;
    chrome.shows("h1", "Delete staging?").await;
    chrome.shows(".named", "1 credential").await;
    nothing_is_wrong(&chrome).await;
    delete(&chrome, "production", true).await;
    chrome.shows("#f-name-error", "letter by letter").await;
    chrome.assert_accessible().await;
    chrome.click("input[name=force]").await;
    delete(&chrome, "staging", false).await;
    chrome.shows("main", "Delete the credentials first, so that").await;
    chrome.assert_accessible().await;
    assert!(chrome.console_errors().await.iter().all(|error| error.contains("400")));
    assert_eq!(users(&app, &key).await, ["of-staging"], "nothing is lost yet");
    delete(&chrome, "staging", true).await;
    chrome.shows(".flash", "The environment is deleted.").await;
    app.with_key(&key).get("/users").await.assert_problem(401, "unauthenticated");
    assert_eq!(users(&app, app.key()).await, ["of-production"]);
    chrome.click(".environment summary").await;
    chrome.shows(".environment-list", "production").await;
    assert!(!chrome.text(".environment-list").await.contains("staging"));
    nothing_is_wrong(&chrome).await;
    chrome.close().await;
}
