//! Many refusals at once are an incident at the provider; a few are users who took their grants back.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::{Copier, Member};
use crate::support::refreshing::{Alerts, standing};

/// How many of each status there are in production of a workspace, asked by its own key.
async fn active(app: &TestApp, workspace: &str) -> usize {
    let key = app.with_key(&app.key_of(workspace, "production").await);
    let page = key.get("/credentials?status=active&limit=200").await.ok(200);
    page["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn r11_a_burst_of_false_refusals_ends_nobody_and_alerts_once() {
    let alerts = Alerts::listen();
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let copier = Copier::of(&app, &model).await;
    let names: Vec<String> = (0..10).map(|number| format!("tenant-{number}")).collect();
    for name in &names {
        copier.elsewhere(name, 10).await;
    }
    let fault = Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::hours(2));
    app.rounds(20, TimeDelta::seconds(15)).await;
    app.fake.clear_faults();
    app.rounds(24, TimeDelta::minutes(5)).await;

    for name in &names {
        assert_eq!(active(&app, name).await, 10, "{name}");
        let key = app.with_key(&app.key_of(name, "production").await);
        let expired = key.get("/events?type=credential.expired").await.ok(200);
        assert!(expired["data"].as_array().unwrap().is_empty(), "{expired}");
    }
    assert_eq!(alerts.count("many grants are refused at once"), 1);
    assert!(app.fake.grants().iter().all(|grant| grant.alive && grant.version >= 2));
}

#[tokio::test]
async fn a_burst_within_one_workspace_is_a_burst_too_and_goes_on_as_long_as_it_lasts() {
    let alerts = Alerts::listen();
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(19).await;
    let fault = Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::hours(2));
    app.rounds(60, TimeDelta::minutes(5)).await;
    for member in &members {
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("error", "refusal_unconfirmed", ""), "five hours later");
    }
    assert_eq!(alerts.count("many grants are refused at once"), 1, "one incident, one alert");

    app.rounds(24 * 2, TimeDelta::minutes(30)).await;
    for member in &members {
        assert_eq!(app.standing(&member.credential).await.0, "expired", "after a day of it, refusals count");
    }
}

/// Withdraws the grant of `member`; minutes from the moment at which it was due until it was known to be dead.
async fn withdrawn(app: &TestApp, member: &Member) -> i64 {
    app.fake.withdraw(member.grant);
    app.clock.advance(TimeDelta::hours(1));
    for minutes in 0..=10 {
        app.round().await;
        if app.standing(&member.credential).await.0 == "expired" {
            return minutes;
        }
        app.clock.advance(TimeDelta::minutes(1));
    }
    panic!("{:?}", app.standing(&member.credential).await);
}

#[tokio::test]
async fn r12_a_grant_that_its_user_took_back_is_known_within_five_minutes_and_told_once() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(20).await;
    for member in &members {
        let minutes = withdrawn(&app, member).await;
        assert!(minutes <= 5, "{minutes} min");
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("expired", "grant_refused", "reconnect"));
    }
    app.rounds(10, TimeDelta::days(1)).await;
    for member in &members {
        assert_eq!(app.count_events(&member.credential, "credential.expired").await, 1);
        app.read(&member.credential).await.assert_problem(409, "credential_expired");
    }
    assert_eq!(app.standing(&model).await.0, "active");
}
