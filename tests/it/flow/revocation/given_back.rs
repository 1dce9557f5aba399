//! What an app gave and nobody keeps is given back: it is refused after all, or its place went while it came.

use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, GrantEnd, Plan, RefreshKind, RevokeScope, Settings};

use crate::support::app::{Setup, TestApp};
use crate::support::modal::Popup;
use crate::support::refreshing::Alerts;

const REVOKED: Option<GrantEnd> = Some(GrantEnd::Revoked);

/// Decides about another account; the status of the page.
async fn decide(app: &TestApp, popup: &Popup, decision: &str) -> u16 {
    let request = app.client.post(format!("{}/connect/account", app.base_url));
    let form = [("flow", popup.flow.as_str()), ("decision", decision)];
    let decided = request.header("cookie", &popup.cookie).form(&form).send().await.unwrap();
    decided.status().as_u16()
}

#[tokio::test]
async fn what_the_app_gave_and_then_does_not_take_is_given_back() {
    for status in [StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE] {
        let Some(app) = TestApp::start().await else { return };
        app.put_fernhill().await;
        app.fake.program(Plan::next(Endpoint::Api, Fault::status(status)).always());
        let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
        let popup = modal.popup("fernhill").await;
        let back = popup.decide(&app, "allow", "jo@acme.test").await;
        app.callback(&back, &popup.cookie).await;
        assert_eq!(modal.result("fernhill").await["status"], "failed", "{status}");
        app.fake.clear_faults();
        app.tell_apps().await;
        assert_eq!(app.ends(), [REVOKED], "{status}");
    }
}

#[tokio::test]
async fn of_tokens_that_are_refused_the_newest_are_given_back() {
    let invalid = || Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    for (refused, renewal) in [(2, None), (1, Some(invalid()))] {
        // This app ends a grant by its present refresh token alone.
        let settings =
            Settings { kind: RefreshKind::Strict, revoke_scope: RevokeScope::Token, ..Settings::default() };
        let Some(app) = TestApp::start_set_up(Setup { settings, ..Setup::default() }).await else { return };
        app.put_fernhill().await;
        let fault = Fault::status(StatusCode::UNAUTHORIZED);
        app.fake.program(Plan::next(Endpoint::Api, fault).times(refused));
        if let Some(fault) = renewal {
            app.fake.program(Plan::next(Endpoint::Refresh, fault));
        }
        let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
        modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
        assert_eq!(modal.result("fernhill").await["error"], "credential_rejected", "{refused}");
        let counters = app.fake.counters();
        assert_eq!((counters.refreshes, counters.api_calls), (1, u64::from(refused)), "one renewal");
        assert_eq!(app.as_key().get("/credentials").await.ok(200)["data"], json!([]));
        app.tell_apps().await;
        assert_eq!(app.ends(), [REVOKED], "{refused}");
    }
}

#[tokio::test]
async fn what_may_be_of_the_account_of_a_live_credential_is_left_alone() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::status(StatusCode::UNAUTHORIZED)).always());
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    app.callback(&back, &popup.cookie).await;
    assert_eq!(modal.result("fernhill").await["status"], "failed");
    app.fake.clear_faults();
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, None], "the end of one might be the end of the other");
    assert_eq!(app.outcomes(&credential).await, ["unsupported"]);
    app.token(&credential).await;
}

#[tokio::test]
async fn what_may_be_of_the_account_of_one_that_can_not_be_read_is_left_alone() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    let popup = modal.popup("fernhill").await;
    app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Api, Fault::status(StatusCode::UNAUTHORIZED)).always());
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    app.rows("UPDATE credential_token SET state = 'waiting', next_try_at = NULL").await;
    assert_eq!(app.callback(&back, &popup.cookie).await.0, 500);
    app.fake.clear_faults();
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, None], "the end of one might be the end of the other");
}

#[tokio::test]
async fn what_comes_for_a_credential_that_is_gone_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    let popup = modal.popup("fernhill").await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    assert_eq!(app.delete_credential(&credential).await, "revoked");
    app.callback(&back, &popup.cookie).await;
    let result = modal.result("fernhill").await;
    assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!("not_found")));
    app.tell_apps().await;
    assert_eq!(app.ends(), [REVOKED, REVOKED]);
}

#[tokio::test]
async fn another_account_for_a_credential_that_is_gone_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let popup = app.other_account("u-17", &credential).await;
    assert_eq!(app.delete_credential(&credential).await, "revoked");
    decide(&app, &popup, "accept").await;
    app.tell_apps().await;
    assert_eq!(app.ends(), [REVOKED, REVOKED]);
    assert!(app.rows("SELECT id FROM flow").await.is_empty());
}

#[tokio::test]
async fn another_account_that_can_not_be_stored_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let popup = app.other_account("u-17", &credential).await;
    let failures = Alerts::listen();
    app.rows("ALTER TABLE event RENAME TO elsewhere").await;
    assert_eq!(decide(&app, &popup, "accept").await, 500);
    app.rows("ALTER TABLE elsewhere RENAME TO event").await;
    drop(failures);
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, REVOKED]);
    assert_eq!(app.shown(&credential).await["account"]["label"], "jo@acme.test");
    app.token(&credential).await;
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for decisions in [["accept", "accept"], ["accept", "keep"], ["keep", "keep"]] {
        let credential = app.connect("u-17").await;
        let before = app.ends().len() - 1;
        let popup = app.other_account("u-17", &credential).await;
        let (one, other) =
            tokio::join!(decide(&app, &popup, decisions[0]), decide(&app, &popup, decisions[1]));
        assert!((one == 200) != (other == 200), "{decisions:?}: {one}, {other}");
        app.tell_apps().await;
        let ends = app.ends().split_off(before);
        assert_eq!(ends.iter().filter(|end| end.is_none()).count(), 1, "{decisions:?}: {ends:?}");
        app.token(&credential).await;
        app.delete_credential(&credential).await;
    }
}

#[tokio::test]
async fn what_waits_for_a_decision_goes_with_its_user() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.other_account("u-17", &credential).await;
    let other = app.connect_as("u-18", "sam@acme.test").await;
    app.other_account("u-18", &other).await;
    let body = json!({"userId": "u-17", "credentialId": credential, "confirm": "backend"});
    app.modal(&body).await.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    app.as_key().delete("/users/u-17").await.ok(200);
    assert_eq!(app.rows("SELECT id FROM flow").await.len(), 1, "that of another user stays");
    app.tell_apps().await;
    assert_eq!(app.ends(), [REVOKED, REVOKED, None, None, REVOKED]);
}

#[tokio::test]
async fn what_becomes_of_each_of_many_that_end_together_is_written_down() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let granted = app.connect("u-17").await;
    let typed = app.credential("u-17").await["credentialId"].as_str().unwrap().to_owned();
    app.as_key().delete("/users/u-17").await.ok(200);
    assert_eq!(app.outcomes(&typed).await, ["unsupported"], "a key has nobody to be told");
    assert_eq!(app.outcomes(&granted).await, [""; 0], "nobody knows yet");
    app.tell_apps().await;
    assert_eq!(app.outcomes(&granted).await, ["revoked"]);
    assert_eq!(app.ends(), [REVOKED]);
}
