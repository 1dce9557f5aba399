//! What the API says of a credential in each state of its machine, and what a read of its token answers.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Endpoint, FERNHILL, Fault, Plan, QUILLPOST, RefreshKind, VALID_KEY,
};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::{Standing, standing};

/// How a credential stands and what a read answers: the status, and the code of a refusal.
async fn seen(app: &TestApp, credential: &str) -> (Standing, u16, String) {
    let answer = app.read(credential).await;
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (app.standing(credential).await, answer.status, code)
}

fn served(reason: &str) -> (Standing, u16, String) {
    (standing("active", reason, ""), 200, String::new())
}

fn waits(reason: &str) -> (Standing, u16, String) {
    (standing("error", reason, ""), 503, "refresh_pending".to_owned())
}

fn over(status: &str, reason: &str, next_step: &str) -> (Standing, u16, String) {
    (standing(status, reason, next_step), 409, format!("credential_{status}"))
}

#[tokio::test]
async fn pending_until_somebody_confirms() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let body = json!({
        "userId": "u-17", "connectors": ["fernhill"], "confirm": "backend",
        "allowedOrigins": ["https://app.acme.test"], "returnUrl": "https://app.acme.test/apps",
    });
    let modal = app.modal(&body).await;
    modal.popup_alone("fernhill", "&mode=redirect").await.allow(&app, "jo@acme.test").await;
    let credential = modal.result("fernhill").await["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(seen(&app, &credential).await, over("pending", "awaiting_confirmation", ""));
}

#[tokio::test]
async fn renewing_shows_the_state_that_it_was_claimed_from() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Static)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()));
    app.clock.advance(TimeDelta::minutes(50));
    app.hub.work_off_due().await.unwrap();
    app.counted(1, |counters| counters.refreshes).await;
    assert_eq!(seen(&app, &credential).await, served(""), "from active, usable");
    app.fake.release();
    app.settle().await;

    app.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()));
    app.clock.advance(TimeDelta::hours(2));
    app.hub.work_off_due().await.unwrap();
    app.counted(2, |counters| counters.refreshes).await;
    assert_eq!(app.standing(&credential).await, standing("active", "refreshing", ""), "from active, spent");
    let (answer, ()) = tokio::join!(app.read(&credential), async { app.fake.release() });
    answer.ok(200);

    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)));
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::hold()));
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    let waiting = standing("error", "provider_unreachable", "");
    assert_eq!(app.standing(&credential).await, waiting);
    app.clock.advance(TimeDelta::minutes(1));
    app.hub.work_off_due().await.unwrap();
    app.counted(4, |counters| counters.refreshes).await;
    assert_eq!(app.standing(&credential).await, waiting, "a retry does not make the status flicker");
    app.fake.release();
    app.settle().await;
    assert_eq!(seen(&app, &credential).await, served(""));
}

#[tokio::test]
async fn waiting_unknown_and_suspect_serve_what_still_lives() {
    let unclear = |status: u16| Fault::status(StatusCode::from_u16(status).unwrap());
    let refused = Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    let odd = Fault::answer(StatusCode::OK, "application/json", "{}");
    for (kind, fault, usable, spent) in [
        (RefreshKind::Static, unclear(502), "refresh_delayed", "provider_unreachable"),
        (RefreshKind::Static, unclear(429), "refresh_delayed", "throttled"),
        (RefreshKind::Static, odd.clone(), "refresh_delayed", "unexpected_response"),
        (RefreshKind::Strict, unclear(502), "refresh_unconfirmed", "refresh_unconfirmed"),
        (RefreshKind::Strict, odd, "refresh_unconfirmed", "refresh_unconfirmed"),
        (RefreshKind::Strict, refused, "refusal_unconfirmed", "refusal_unconfirmed"),
    ] {
        let Some((app, credential)) = TestApp::connected(Setup::of(kind)).await else { return };
        app.fake.program(Plan::next(Endpoint::Refresh, fault.clone()));
        app.clock.advance(TimeDelta::minutes(50));
        app.round().await;
        assert_eq!(seen(&app, &credential).await, served(usable), "{fault:?}");

        let Some((app, credential)) = TestApp::spent(Setup::of(kind)).await else { return };
        app.fake.program(Plan::next(Endpoint::Refresh, fault.clone()));
        app.round().await;
        assert_eq!(seen(&app, &credential).await, waits(spent), "{fault:?}");
    }
}

#[tokio::test]
async fn q14_broken_says_why_and_what_would_help() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.settings.refresh_tokens = false;
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    assert_eq!(seen(&app, &credential).await, served(""));
    app.refresh_now(&credential).await.assert_problem(400, "not_refreshable");
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-01T01:00:00.000Z");
    app.clock.advance(TimeDelta::minutes(60));
    let ended = over("expired", "no_refresh_token", "reconnect");
    assert_eq!(seen(&app, &credential).await, ended, "the clock says it before any sweep");
    app.round().await;
    assert_eq!(seen(&app, &credential).await, ended);
    assert_eq!(app.reasons("credential.expired").await, ["no_refresh_token"]);
    app.reconnect(&credential).await;
    assert_eq!(seen(&app, &credential).await, served(""));

    app.as_key().act(&format!("/credentials/{credential}/revoke")).await.ok(200);
    assert_eq!(seen(&app, &credential).await, over("revoked", "revoked_by_request", "reconnect"));

    let body = json!({"userId": "u-17", "connector": QUILLPOST, "data": {"key": VALID_KEY}, "period": "P1D"});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    let key = made["credentialId"].as_str().unwrap().to_owned();
    app.clock.advance(TimeDelta::days(1));
    assert_eq!(seen(&app, &key).await, over("expired", "expiry_date", "reconnect"));
}

#[tokio::test]
async fn switched_off_by_hand_or_with_its_connector() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.change(&credential, json!({"active": false})).await;
    assert_eq!(seen(&app, &credential).await, over("inactive", "deactivated", "reactivate"));
    app.change(&credential, json!({"active": true})).await;

    let connector = |enabled: bool| {
        json!({
            "provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET,
            "enabled": enabled,
        })
    };
    app.as_key().put("/connectors/fernhill", &connector(false)).await.ok(200);
    assert_eq!(seen(&app, &credential).await, over("inactive", "connector_disabled", "fix_connector"));
    app.as_key().put("/connectors/fernhill", &connector(true)).await.ok(200);
    assert_eq!(seen(&app, &credential).await, served(""));
}

#[tokio::test]
async fn a_refused_client_shows_only_where_the_token_has_run_out() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    assert_eq!(seen(&app, &credential).await, served("refresh_delayed"));
    app.clock.advance(TimeDelta::minutes(10));
    let rejected = standing("error", "connector_rejected", "fix_connector");
    assert_eq!(seen(&app, &credential).await, (rejected, 503, "connector_failing".to_owned()));
}

#[tokio::test]
async fn what_is_expired_or_revoked_stays_so_when_it_is_switched_off_as_well() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.change(&credential, json!({"active": false})).await;
    app.fake.withdraw(app.fake.grants()[0].id);
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("inactive", "deactivated", "reactivate"));
    app.rounds(1, TimeDelta::seconds(91)).await;
    assert_eq!(seen(&app, &credential).await, over("expired", "grant_refused", "reconnect"));
    assert_eq!(app.shown(&credential).await["active"], false);
    app.as_key().act(&format!("/credentials/{credential}/revoke")).await.ok(200);
    assert_eq!(seen(&app, &credential).await, over("revoked", "revoked_by_request", "reconnect"));
    app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    let path = format!("/credentials/{credential}");
    app.as_key().get(&path).await.assert_problem(404, "not_found");
    app.read(&credential).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_token_that_runs_out_while_the_app_is_down_waits() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Static)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).always());
    app.rounds(5, TimeDelta::minutes(11)).await;
    assert_eq!(seen(&app, &credential).await, served("refresh_delayed"));
    app.clock.advance(TimeDelta::minutes(5));
    pending(&app.read(&credential).await);
    assert_eq!(app.standing(&credential).await, standing("error", "provider_unreachable", ""));
}
