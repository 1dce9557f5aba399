//! Connecting again: the id stays, the account is compared, and more access is asked for only when it is missing.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn the_same_account_keeps_its_credential() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let before = app.token(&credential).await["accessToken"].clone();
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result("fernhill").await["credentialId"], credential.as_str());
    assert_ne!(app.token(&credential).await["accessToken"], before);
    assert_eq!(app.events(&credential).await, ["credential.created", "credential.reconnected"]);
}

#[tokio::test]
async fn another_account_takes_its_place_only_if_the_user_says_so() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    for (decision, account, status) in
        [("keep", "jo@acme.test", "failed"), ("accept", "al@acme.test", "completed")]
    {
        let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
        let popup = modal.popup("fernhill").await;
        let page = popup.allow(&app, "al@acme.test").await;
        assert!(page.contains("jo@acme.test") && page.contains("al@acme.test"), "{page}");
        assert_eq!(
            app.shown(&credential).await["account"]["label"],
            "jo@acme.test",
            "nothing happens before"
        );
        let decided = app
            .client
            .post(format!("{}/connect/account", app.base_url))
            .header("cookie", &popup.cookie)
            .form(&[("flow", popup.flow.as_str()), ("decision", decision)])
            .send()
            .await
            .unwrap();
        assert_eq!(decided.status(), 200);
        assert_eq!(modal.result("fernhill").await["status"], status);
        assert_eq!(app.shown(&credential).await["account"]["label"], account);
        app.token(&credential).await;
    }
}

#[tokio::test]
async fn missing_access_is_asked_for_and_what_was_granted_stays() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let need = |scopes: &[&str]| json!({"name": "Orders", "connectors": [{"connector": "fernhill", "scopes": scopes}]});
    app.as_key().put("/integrations/orders", &need(&["items:read"])).await.ok(201);
    let first = app.modal(&json!({"userId": "u-17", "integration": "orders"})).await;
    first.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    let credential = first.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();

    app.as_key().put("/integrations/orders", &need(&["items:read", "items:write"])).await.ok(200);
    let listed = app.as_key().get("/users/u-17/integrations").await.ok(200);
    assert_eq!(listed["data"][0]["connected"], false);
    assert_eq!(listed["data"][0]["connectors"][0]["missingScopes"], json!(["items:write"]));

    let second = app.modal(&json!({"userId": "u-17", "integration": "orders"})).await;
    assert_eq!(second.state().await["status"], "open");
    let popup = second.popup("fernhill").await;
    let scope = popup.consent.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    for wanted in ["items:read", "items:write"] {
        assert!(scope.split(' ').any(|scope| scope == wanted), "{scope}");
    }
    popup.allow(&app, "jo@acme.test").await;
    assert_eq!(
        second.result("fernhill").await["credentialId"],
        credential.as_str(),
        "the same credential has more"
    );
    let listed = app.as_key().get("/users/u-17/integrations").await.ok(200);
    assert_eq!(listed["data"][0]["connected"], true);
}

#[tokio::test]
async fn what_nobody_confirms_takes_no_credential_that_works_with_it() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({"userId": "u-17", "connectors": ["fernhill"], "confirm": "backend"});
    let unconfirmed = app.modal(&body).await;
    unconfirmed.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    let credential = unconfirmed.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(app.shown(&credential).await["status"], "pending");
    assert_eq!(app.connect("u-17").await, credential, "meanwhile the same account, with nothing to confirm");
    app.clock.advance(chrono::TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    assert_eq!(unconfirmed.result("fernhill").await["error"], "confirmation_expired");
    assert_eq!(app.shown(&credential).await["status"], "active");
    app.token(&credential).await;
}
