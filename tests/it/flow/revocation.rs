//! R22: ending a credential tells the app, truly and until it listens.

mod given_back;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use vouchsafe::demo::fake::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Endpoint, Fault, GrantEnd, Plan, RevokeScope, VALID_KEY, Wire,
};

use crate::api::secrets::{masked, with};
use crate::support::app::TestApp;
use crate::support::crowd::Copier;
use crate::support::wait::eventually;

impl TestApp {
    /// What the audit log says of the upstream ends of a credential, oldest first.
    async fn outcomes(&self, credential: &str) -> Vec<String> {
        let path = format!("/audit-events?action=credential.revoke_upstream&target={credential}");
        let page = self.as_key().get(&path).await.ok(200);
        let rows = page["data"].as_array().unwrap().iter().rev();
        rows.map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
    }

    async fn delete_credential(&self, credential: &str) -> Value {
        let gone = self.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
        gone["revokedUpstream"].clone()
    }

    async fn tell_apps(&self) {
        self.hub.work_off_revocations().await.unwrap();
    }

    fn ends(&self) -> Vec<Option<GrantEnd>> {
        self.fake.grants().iter().map(|grant| grant.end).collect()
    }
}

const LATER: &str = "failed; tried again for a day";

#[tokio::test]
async fn r22_what_is_answered_is_what_the_app_said() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let error = |status, code| Some(Fault::oauth_error(status, code));
    for (fault, answered, outcomes, alive) in [
        (None, "revoked", &["revoked"][..], false),
        (error(StatusCode::BAD_REQUEST, "invalid_token"), "revoked", &["revoked"], true),
        (error(StatusCode::BAD_REQUEST, "unsupported_token_type"), "unsupported", &["unsupported"], true),
        (error(StatusCode::BAD_REQUEST, "invalid_request"), "failed", &[LATER, "revoked"], false),
        (error(StatusCode::OK, "invalid_client"), "failed", &[LATER, "revoked"], false),
        (Some(Fault::status(StatusCode::SERVICE_UNAVAILABLE)), "failed", &[LATER, "revoked"], false),
        (Some(Fault::close_before()), "failed", &[LATER, "revoked"], false),
    ] {
        let credential = app.connect("u-17").await;
        if let Some(fault) = fault.clone() {
            app.fake.program(Plan::next(Endpoint::Revoke, fault));
        }
        assert_eq!(app.delete_credential(&credential).await, answered, "{fault:?}");
        app.clock.advance(TimeDelta::seconds(6));
        app.tell_apps().await;
        assert_eq!(app.outcomes(&credential).await, outcomes, "{fault:?}");
        assert_eq!(app.fake.grants().last().unwrap().alive, alive, "{fault:?}");
        let told = app.fake.counters().revocations;
        app.clock.advance(TimeDelta::hours(2));
        app.tell_apps().await;
        assert_eq!(app.fake.counters().revocations, told, "nothing is left to be told");
    }
}

#[tokio::test]
async fn r22_an_app_that_does_not_answer_holds_nobody_up_for_more_than_ten_seconds() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::wire(Wire::Never).unprocessed()));
    let path = format!("/credentials/{credential}");
    let key = app.as_key();
    let ended = tokio::time::timeout(Duration::from_secs(15), key.delete(&path)).await.expect("in time");
    assert_eq!(ended.ok(200)["revokedUpstream"], "failed");
    app.as_key().get(&path).await.assert_problem(404, "not_found");
    app.clock.advance(TimeDelta::seconds(6));
    app.tell_apps().await;
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked)]);
}

#[tokio::test]
async fn an_end_whose_caller_and_process_went_away_is_told_all_the_same() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::wire(Wire::Never).unprocessed()));
    let path = format!("/credentials/{credential}");
    let key = app.as_key();
    app.hang_up(key.delete(&path), |counters| counters.revocations).await;
    app.as_key().get(&path).await.assert_problem(404, "not_found");
    app.tell_apps().await;
    assert_eq!(app.ends(), [None], "somebody is at it");
    app.clock.advance(TimeDelta::seconds(61));
    app.tell_apps().await;
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked)]);
    assert_eq!(app.outcomes(&credential).await.last().unwrap(), "revoked");
}

#[tokio::test]
async fn what_a_user_disconnects_is_forgotten_by_the_session_although_the_page_was_closed() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["fernhill"]})).await;
    modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
    let result = modal.result("fernhill").await;
    assert_eq!(result["status"], "completed");
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::hold()));
    let request = app.client.post(format!("{}/connect/disconnect", app.base_url)).bearer_auth(&modal.token);
    let sent = request.json(&json!({"credentialId": result["credentialId"]})).send();
    app.hang_up(sent, |counters| counters.revocations).await;
    let ends = tokio::time::timeout(Duration::from_millis(100), app.hub.finish()).await;
    assert!(ends.is_err(), "it is under way");
    app.fake.release();
    app.hub.finish().await;
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked)]);
    assert_ne!(modal.result("fernhill").await["status"], "completed", "its credential is gone");
}

#[tokio::test]
async fn an_app_is_told_for_a_day_and_then_no_more() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::status(StatusCode::SERVICE_UNAVAILABLE)).always());
    assert_eq!(app.delete_credential(&credential).await, "failed");
    for _ in 0..24 {
        app.clock.advance(TimeDelta::hours(1));
        app.tell_apps().await;
    }
    assert_eq!(app.outcomes(&credential).await, [LATER, "failed"]);
    let told = app.fake.counters().revocations;
    assert!((20..=26).contains(&told), "{told} calls");
    app.fake.clear_faults();
    app.clock.advance(TimeDelta::days(2));
    app.tell_apps().await;
    assert_eq!(app.fake.counters().revocations, told);
}

#[tokio::test]
async fn replicas_share_what_is_to_be_told() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for number in 0..12 {
        app.connect_as(&format!("u-{number}"), &format!("{number}@acme.test")).await;
    }
    app.as_key().delete("/connectors/fernhill").await.assert_problem(409, "in_use");
    app.as_key().delete("/connectors/fernhill?force=true").await.ok(200);
    assert_eq!(app.fake.counters().revocations, 0, "nobody waits for twelve apps");
    let hub = &app.hub;
    let (one, two, three) =
        tokio::join!(hub.work_off_revocations(), hub.work_off_revocations(), hub.work_off_revocations());
    one.and(two).and(three).unwrap();
    assert_eq!(app.fake.counters().revocations, 12, "the connector is gone and its client still speaks");
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked); 12]);
    let gone = app.as_key().get("/events?type=credential.deleted").await.ok(200);
    assert_eq!(gone["data"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn an_app_that_hangs_holds_up_no_other() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let copier = Copier::of(&app, &credential).await;
    let hanging = copier.here(40).await;
    let other = copier.elsewhere("beside", 1).await.remove(0);
    for member in &hanging {
        let never = Fault::wire(Wire::Never).unprocessed();
        app.fake.program(Plan::next(Endpoint::Revoke, never).grant(member.grant).always());
    }
    app.as_key().delete("/connectors/fernhill?force=true").await.ok(200);
    app.clock.advance(TimeDelta::seconds(1));
    let beside = app.key_of("beside", "production").await;
    app.with_key(&beside).delete("/connectors/fernhill?force=true").await.ok(200);
    let hub = Arc::clone(&app.hub);
    let telling = tokio::spawn(async move { hub.work_off_revocations().await });
    eventually("the end of the grant of another workspace", async || {
        match app.fake.grant(other.grant).unwrap() {
            grant if grant.alive => Err(grant),
            _ => Ok(()),
        }
    })
    .await;
    assert!(!telling.is_finished(), "forty calls that hang take longer");
    telling.abort();
}

#[tokio::test]
async fn a_user_with_many_credentials_goes_with_all_of_them() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let signed_in = app.connect("u-17").await;
    let key = app.as_key();
    let body = json!({
        "userId": "u-17", "connector": "quillpost", "data": {"key": VALID_KEY}, "verify": false,
    });
    for _ in 0..120 {
        key.post("/credentials", &body).await.ok(201);
    }
    key.delete("/users/u-17").await.ok(200);
    key.get("/users/u-17").await.assert_problem(404, "not_found");
    assert_eq!(key.get("/credentials").await.ok(200)["data"], json!([]));
    assert_eq!(app.events(&signed_in).await, ["credential.created", "credential.deleted"]);
    app.tell_apps().await;
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked)]);
    assert_eq!(app.outcomes(&signed_in).await, ["revoked"]);
    key.delete("/users/u-17").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn r22_what_another_credential_lives_by_is_not_revoked() {
    let Some(app) = TestApp::start().await else { return };
    app.fake.configure(|settings| settings.revoke_scope = RevokeScope::Account);
    app.put_fernhill().await;
    let (first, second) = (app.connect("u-17").await, app.connect("u-18").await);
    let other = app.connect_as("u-19", "al@acme.test").await;
    assert_eq!(app.delete_credential(&first).await, "unsupported");
    app.token(&second).await;
    assert_eq!(app.ends(), [None; 3]);
    assert_eq!(app.delete_credential(&second).await, "revoked", "it was the last of its account");
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked), Some(GrantEnd::Revoked), None]);
    app.token(&other).await;

    // One that came while the app did not listen counts as well.
    let third = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Revoke, Fault::status(StatusCode::BAD_GATEWAY)));
    assert_eq!(app.delete_credential(&third).await, "failed");
    let fourth = app.connect("u-18").await;
    app.clock.advance(TimeDelta::seconds(6));
    app.tell_apps().await;
    assert_eq!(app.outcomes(&third).await, [LATER, "unsupported"]);
    app.token(&fourth).await;
}

#[tokio::test]
async fn where_a_token_alone_dies_the_old_one_is_given_back_on_reconnecting() {
    let Some(app) = TestApp::start().await else { return };
    for (scope, ended) in [(RevokeScope::Grant, None), (RevokeScope::Token, Some(GrantEnd::Revoked))] {
        app.fake.configure(|settings| settings.revoke_scope = scope);
        app.redefine(|text| text);
        app.put_fernhill().await;
        let credential = app.connect(&format!("{scope:?}")).await;
        let old = app.fake.grants().len() - 1;
        let modal = app.modal(&json!({"userId": format!("{scope:?}"), "credentialId": credential})).await;
        modal.popup("fernhill").await.allow(&app, "jo@acme.test").await;
        app.tell_apps().await;
        assert_eq!(app.ends()[old..], [ended, None], "{scope:?}");
        app.token(&credential).await;
    }
}

#[tokio::test]
async fn r22_an_app_that_cannot_be_told_is_not_said_to_have_been() {
    let Some(app) = TestApp::start().await else { return };
    app.redefine(|text| {
        let told = |line: &&str| !line.starts_with("revocation_endpoint");
        text.lines().filter(told).collect::<Vec<_>>().join("\n")
    });
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    assert_eq!(app.delete_credential(&credential).await, "unsupported");
    assert_eq!((app.ends(), app.fake.counters().revocations), (vec![None], 0));
}

#[tokio::test]
async fn a_grant_that_the_user_or_the_back_end_did_not_want_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    // The user keeps the account that was there.
    let popup = app.other_account("u-17", &credential).await;
    let decision = [("flow", popup.flow.as_str()), ("decision", "keep")];
    let address = format!("{}/connect/account", app.base_url);
    let decided = app.client.post(address).header("cookie", &popup.cookie).form(&decision).send().await;
    assert_eq!(decided.unwrap().status(), 200);
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, Some(GrantEnd::Revoked)]);

    // The back end does not confirm the same account again: to end that grant might end the one that lives.
    let body = json!({
        "userId": "u-17", "credentialId": credential, "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    app.clock.advance(TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, Some(GrantEnd::Revoked), None]);
    app.token(&credential).await;
    assert_eq!(app.outcomes(&credential).await, ["revoked", "unsupported"]);
}

#[tokio::test]
async fn a_grant_that_nobody_decided_about_is_given_back() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let modal = app.modal(&json!({"userId": "u-17", "credentialId": credential})).await;
    let page = modal.popup("fernhill").await.allow(&app, "al@acme.test").await;
    assert!(page.contains("al@acme.test"), "{page}");
    app.clock.advance(TimeDelta::minutes(10) - TimeDelta::milliseconds(1));
    app.hub.sweep().await.unwrap();
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, None], "there is time to decide");
    app.clock.advance(TimeDelta::milliseconds(1));
    app.hub.sweep().await.unwrap();
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, Some(GrantEnd::Revoked)]);
    app.token(&credential).await;
}

#[tokio::test]
async fn what_a_connector_that_is_gone_referred_to_is_looked_up_when_its_app_is_told() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    app.put_fernhill().await;
    app.secret(&with(masked("FERN"), "value", json!(DEMO_CLIENT_SECRET))).await;
    let referring =
        json!({"provider": "fernhill", "clientId": DEMO_CLIENT_ID, "clientSecret": "$Secret{FERN}"});
    key.put("/connectors/fernhill", &referring).await.ok(200);
    let credential = app.connect("u-17").await;
    key.delete("/connectors/fernhill?force=true").await.ok(200);
    // Switched off after the end, before the app was told: not sent, and said so.
    key.act("/secrets/FERN/deactivate").await.ok(200);
    app.tell_apps().await;
    assert_eq!((app.ends(), app.fake.counters().revocations), (vec![None], 0));
    assert_eq!(app.outcomes(&credential).await, [LATER]);
    let uses = key.get("/audit-events?action=secret.use").await.ok(200);
    assert_eq!(uses["data"][0]["reason"], "secret_inactive: FERN in the connector fernhill");
    key.act("/secrets/FERN/reactivate").await.ok(200);
    app.clock.advance(TimeDelta::seconds(6));
    app.tell_apps().await;
    assert_eq!(app.ends(), [Some(GrantEnd::Revoked)]);
    assert_eq!(app.outcomes(&credential).await, [LATER, "revoked"]);
}

/// Puts 150 flows like `flow` beside it. What they hold can't be opened, as it is sealed for that one.
async fn multiply(app: &TestApp, flow: &str) {
    const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let start = &flow[..flow.len() - 2];
    let ids = (0..151_usize)
        .map(|n| format!("{start}{}{}", char::from(DIGITS[n / 32]), char::from(DIGITS[n % 32])));
    let ids: Vec<String> = ids.filter(|id| id != flow).take(150).map(|id| format!("('{id}')")).collect();
    let columns = "environment_id, session_id, connector_id, user_id, credential_id, cookie_hash, sealed, scopes, \
                   redirect_uri, binding, hosted, redirect, created_at, expires_at";
    let sql = format!(
        "INSERT INTO flow (id, {columns}) SELECT more.column1, {columns} FROM flow, (VALUES {}) AS more \
         WHERE id = '{flow}' RETURNING id",
        ids.join(", ")
    );
    assert_eq!(app.rows(&sql).await.len(), 150);
}

#[tokio::test]
async fn no_grant_is_forgotten_because_many_wait() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    let popup = app.other_account("u-17", &credential).await;
    multiply(&app, &popup.flow).await;
    app.clock.advance(TimeDelta::minutes(10));
    app.hub.sweep().await.unwrap();
    assert_eq!(app.rows("SELECT id FROM flow").await.len(), 0, "not one is left to go with its session");
    app.tell_apps().await;
    assert_eq!(app.ends(), [None, Some(GrantEnd::Revoked)]);
}
