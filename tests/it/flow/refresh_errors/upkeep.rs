//! Credentials that nobody uses: renewed seldom, and often enough to stay alive.

use chrono::TimeDelta;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;

#[tokio::test]
async fn a_switched_off_credential_is_renewed_once_a_day_and_its_end_is_noticed() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.change(&credential, json!({"active": false})).await;
    // What is due by then was set while it was in use.
    app.rounds(2, TimeDelta::hours(1)).await;
    let before = app.refreshes();
    app.rounds(96, TimeDelta::hours(1)).await;
    let renewed = app.refreshes() - before;
    assert!((3..=4).contains(&renewed), "{renewed} times in four days");
    app.read(&credential).await.assert_problem(409, "credential_inactive");

    app.fake.withdraw(app.fake.grants()[0].id);
    app.rounds(26, TimeDelta::hours(1)).await;
    assert_eq!(app.standing(&credential).await, standing("expired", "grant_refused", "reconnect"));
    let body = json!({"active": true});
    let path = format!("/credentials/{credential}");
    app.as_key().patch(&path, &body).await.assert_problem(409, "credential_expired");
}

#[tokio::test]
async fn a_switched_off_credential_works_at_once_when_it_is_switched_on() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.change(&credential, json!({"active": false})).await;
    app.rounds(40, TimeDelta::hours(1)).await;
    app.change(&credential, json!({"active": true})).await;
    app.read(&credential).await.ok(200);
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
}

#[tokio::test]
async fn a_credential_that_was_not_used_for_a_month_is_renewed_once_a_day() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.rounds(1, TimeDelta::days(31)).await;
    assert_eq!(app.refreshes(), 1);
    app.rounds(22, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 1, "not per lifetime");
    app.rounds(3, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 2);

    // Somebody uses it again: from the next renewal on it is kept fresh.
    for _ in 0..2 {
        app.clock.advance(TimeDelta::hours(2));
        app.read(&credential).await.ok(200);
        app.hub.flush_uses().await.unwrap();
    }
    assert_eq!(app.refreshes(), 4);
    app.rounds(10, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 14);
}

#[tokio::test]
async fn a_refresh_token_that_dies_unused_is_kept_alive_at_half_its_time() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.settings.access_token_lifetime = 30 * 86_400;
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.redefine(|text| text.replace("\nreuse = ", "\nidle_expiry = 86400\nreuse = "));
    app.put_fernhill().await;
    let credential = app.connect("u-17").await;
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-02T00:00:00.000Z");
    for day in 1..=3 {
        app.rounds(11, TimeDelta::hours(1)).await;
        assert_eq!(app.refreshes(), day - 1);
        app.rounds(1, TimeDelta::hours(1)).await;
        assert_eq!(app.refreshes(), day, "though the access token lives a month");
    }
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-03T12:00:00.000Z");
    app.change(&credential, json!({"active": false})).await;
    app.rounds(24, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 5, "switched off as well");
}

#[tokio::test]
async fn a_token_is_renewed_as_early_as_the_definition_says() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Strict)).await else { return };
    app.redefine(|text| text.replace("\nreuse = ", "\nearly = 60\nreuse = "));
    app.put_fernhill().await;
    app.connect("u-17").await;
    // Otherwise a token of an hour is renewed between 42 and 48 minutes.
    app.rounds(1, TimeDelta::minutes(52)).await;
    assert_eq!(app.refreshes(), 0);
    app.rounds(1, TimeDelta::minutes(7)).await;
    assert_eq!(app.refreshes(), 1);
}

#[tokio::test]
async fn the_end_of_a_refresh_token_is_what_the_app_says() {
    let Some(app) = TestApp::start_set_up(Setup::of(RefreshKind::Static)).await else { return };
    app.put_fernhill().await;
    let a_day = || {
        let members = json!({"refresh_token_expires_in": 86_400});
        Fault::merge(members.as_object().unwrap().clone())
    };
    app.fake.program(Plan::next(Endpoint::Exchange, a_day()));
    let credential = app.connect("u-17").await;
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-02T00:00:00.000Z");
    app.rounds(1, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 1);
    let end = app.shown(&credential).await["expiresAt"].clone();
    assert_eq!(end, "2030-01-02T00:00:00.000Z", "nothing is said anew of the token that stays");
    app.fake.program(Plan::next(Endpoint::Refresh, a_day()));
    app.rounds(1, TimeDelta::hours(1)).await;
    assert_eq!(app.shown(&credential).await["expiresAt"], "2030-01-02T02:00:00.000Z");
}

#[tokio::test]
async fn an_unknown_lifetime_is_renewed_once_a_day() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.settings.announce_lifetime = false;
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    assert!(app.token(&credential).await["expiresAt"].is_null());
    app.rounds(3 * 25, TimeDelta::hours(1)).await;
    assert_eq!(app.refreshes(), 3);
}

#[tokio::test]
async fn two_refreshes_by_hand_are_never_less_than_a_minute_apart_even_when_they_fail() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Static)).await else { return };
    let fault = Fault::status(http::StatusCode::BAD_GATEWAY);
    app.fake.program(Plan::next(Endpoint::Refresh, fault));
    app.refresh_now(&credential).await.assert_problem(503, "refresh_pending");
    app.clock.advance(TimeDelta::seconds(59));
    app.refresh_now(&credential).await.assert_problem(429, "refresh_too_soon");
    app.clock.advance(TimeDelta::seconds(1));
    app.refresh_now(&credential).await.ok(200);
    assert_eq!(app.refreshes(), 2);
}
