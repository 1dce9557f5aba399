//! Class E: the app refuses the grant. One refusal proves nothing; the second, a minute later, does.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;

const MAP: &str = "\n[oauth2.error_map]\nbad_refresh_token = \"refused\"\ntoken_revoked = \"revoked\"\n";

fn refusal() -> Plan {
    Plan::next(Endpoint::Refresh, Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"))
}

#[tokio::test]
async fn a_refusal_counts_once_it_is_confirmed_whatever_status_it_comes_with() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = MAP.to_owned();
    let Some(app) = TestApp::start_set_up(setup).await else { return };
    app.put_fernhill().await;
    let (refused, revoked) = (("expired", "grant_refused"), ("revoked", "revoked_upstream"));
    for (status, code, (state, cause)) in [
        (400, "invalid_grant", refused),
        (401, "invalid_grant", refused),
        (403, "invalid_grant", refused),
        (200, "invalid_grant", refused),
        (400, "INVALID_GRANT", refused),
        (400, "bad_refresh_token", refused),
        (400, "token_revoked", revoked),
        (200, "token_revoked", revoked),
    ] {
        let credential = app.connect("u-17").await;
        let grant = app.fake.grants().last().unwrap().id;
        let requests = || app.fake.grant(grant).unwrap().requests();
        let fault = Fault::oauth_error(StatusCode::from_u16(status).unwrap(), code);
        app.fake.program(Plan::next(Endpoint::Refresh, fault).grant(grant).always());
        app.clock.advance(TimeDelta::hours(2));
        pending(&app.read(&credential).await);
        assert_eq!(app.standing(&credential).await, standing("error", "refusal_unconfirmed", ""));
        app.rounds(1, TimeDelta::seconds(59)).await;
        pending(&app.read(&credential).await);
        assert_eq!(requests(), 1, "{status} {code}");

        app.rounds(1, TimeDelta::seconds(32)).await;
        assert_eq!(requests(), 2, "{status} {code}");
        assert_eq!(app.standing(&credential).await, standing(state, cause, "reconnect"), "{status} {code}");
        app.read(&credential).await.assert_problem(409, &format!("credential_{state}"));
        assert_eq!(app.count_events(&credential, &format!("credential.{state}")).await, 1);
        let path = format!("/credentials/{credential}");
        app.as_key().delete(&path).await.ok(200);
    }
}

#[tokio::test]
async fn a_code_that_nobody_knows_ends_nothing() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let fault = Fault::oauth_error(StatusCode::BAD_REQUEST, "grant_has_a_cold");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.rounds(20, TimeDelta::hours(12)).await;
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));
    app.fake.clear_faults();
    app.rounds(2, TimeDelta::hours(24)).await;
    app.read(&credential).await.ok(200);
}

#[tokio::test]
async fn a_single_refusal_is_forgotten_when_the_app_takes_the_token_after_all() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(refusal());
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("active", "refusal_unconfirmed", ""));
    app.read(&credential).await.ok(200);
    app.rounds(1, TimeDelta::seconds(91)).await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    assert_eq!(app.events(&credential).await, ["credential.created"]);
}

#[tokio::test]
async fn asking_by_hand_does_not_make_two_refusals_of_one_incident() {
    let Some((app, credential)) = TestApp::connected(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(refusal().always());
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    app.refresh_now(&credential).await.assert_problem(429, "refresh_too_soon");
    app.clock.advance(TimeDelta::seconds(59));
    app.refresh_now(&credential).await.assert_problem(429, "refresh_too_soon");
    assert_eq!(app.refreshes(), 1);
    app.clock.advance(TimeDelta::seconds(1));
    app.refresh_now(&credential).await.assert_problem(409, "credential_expired");
    assert_eq!(app.refreshes(), 2, "a minute later it is a confirmation");
}

#[tokio::test]
async fn a_refused_grant_is_asked_for_three_times_more_in_a_week() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(refusal().always());
    pending(&app.read(&credential).await);
    app.rounds(1, TimeDelta::seconds(91)).await;
    assert_eq!(app.standing(&credential).await.0, "expired");
    let mut probes = Vec::new();
    for hour in 1..=24 * 30 {
        let before = app.refreshes();
        app.rounds(1, TimeDelta::hours(1)).await;
        if app.refreshes() > before {
            probes.push(hour);
        }
    }
    assert_eq!(probes, [1, 24, 24 * 7]);
    assert_eq!(app.refreshes(), 5);
    assert_eq!(app.reasons("credential.expired").await, ["grant_refused"]);
}

#[tokio::test]
async fn asking_by_hand_for_a_refused_grant_is_taken_once_a_minute_and_uses_up_no_probe() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(refusal().always());
    pending(&app.read(&credential).await);
    app.rounds(1, TimeDelta::seconds(91)).await;
    assert_eq!(app.standing(&credential).await, standing("expired", "grant_refused", "reconnect"));
    app.refresh_now(&credential).await.assert_problem(429, "refresh_too_soon");
    let mut probes = Vec::new();
    for hour in 1..=24 * 8 {
        app.clock.advance(TimeDelta::minutes(30));
        if [1, 2, 3, 10, 24, 25, 26, 100, 168, 169].contains(&hour) {
            let before = app.refreshes();
            app.refresh_now(&credential).await.assert_problem(409, "credential_expired");
            app.clock.advance(TimeDelta::seconds(59));
            app.refresh_now(&credential).await.assert_problem(429, "refresh_too_soon");
            assert_eq!(app.refreshes(), before + 1, "in hour {hour}");
            app.clock.advance(TimeDelta::seconds(-59));
        }
        let before = app.refreshes();
        app.rounds(1, TimeDelta::minutes(30)).await;
        if app.refreshes() > before {
            probes.push(hour);
        }
    }
    assert_eq!(probes, [1, 24, 24 * 7]);
    assert_eq!(app.reasons("credential.expired").await, ["grant_refused"]);
}

#[tokio::test]
async fn an_outage_that_outlived_the_guard_heals_by_itself() {
    for hours in [1, 24, 24 * 7] {
        let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
        app.fake.program(refusal().always());
        pending(&app.read(&credential).await);
        app.rounds(1, TimeDelta::seconds(91)).await;
        assert_eq!(app.standing(&credential).await, standing("expired", "grant_refused", "reconnect"));
        for hour in 1..=hours {
            if hour == hours {
                app.fake.clear_faults();
            }
            app.rounds(1, TimeDelta::hours(1)).await;
        }
        assert_eq!(app.standing(&credential).await, standing("active", "", ""), "after {hours} h");
        app.read(&credential).await.ok(200);
        let told = app.events(&credential).await;
        let expected =
            ["credential.created", "credential.failing", "credential.expired", "credential.recovered"];
        assert_eq!(told, expected, "after {hours} h");
    }
}

#[tokio::test]
async fn a_probe_that_fails_in_passing_is_not_used_up() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.fake.program(refusal().times(2));
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).times(3));
    pending(&app.read(&credential).await);
    app.rounds(1, TimeDelta::seconds(91)).await;
    assert_eq!(app.standing(&credential).await.0, "expired");
    app.rounds(8, TimeDelta::minutes(16)).await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    assert_eq!(app.refreshes(), 6);
}

#[tokio::test]
async fn a_grant_that_the_app_called_revoked_by_mistake_comes_back_when_somebody_asks() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = MAP.to_owned();
    let Some((app, credential)) = TestApp::spent(setup).await else { return };
    let fault = Fault::oauth_error(StatusCode::BAD_REQUEST, "token_revoked");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).times(3));
    pending(&app.read(&credential).await);
    app.rounds(1, TimeDelta::seconds(91)).await;
    let revoked = standing("revoked", "revoked_upstream", "reconnect");
    assert_eq!(app.standing(&credential).await, revoked);
    app.rounds(10, TimeDelta::days(1)).await;
    assert_eq!(app.refreshes(), 2, "nobody asks by itself");

    app.refresh_now(&credential).await.assert_problem(409, "credential_revoked");
    assert_eq!((app.refreshes(), app.standing(&credential).await), (3, revoked));
    app.clock.advance(TimeDelta::minutes(1));
    app.refresh_now(&credential).await.ok(200);
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let told = ["credential.created", "credential.failing", "credential.revoked", "credential.recovered"];
    assert_eq!(app.events(&credential).await, told);
}
