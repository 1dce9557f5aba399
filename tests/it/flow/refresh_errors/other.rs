//! Class H: the app says no and does not say why.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::{Alerts, standing};

#[tokio::test]
async fn after_five_tries_an_operator_is_told_and_one_try_a_day_goes_on() {
    let html = Fault::answer(StatusCode::NOT_FOUND, "text/html", "<h1>Gone fishing</h1>");
    let faults = [
        Fault::status(StatusCode::BAD_REQUEST),
        html,
        Fault::oauth_error(StatusCode::CONFLICT, "invalid_grant"),
    ];
    for fault in faults {
        for kind in [RefreshKind::Static, RefreshKind::Strict] {
            let alerts = Alerts::listen();
            let Some((app, credential)) = TestApp::spent(Setup::of(kind)).await else { return };
            app.fake.program(Plan::next(Endpoint::Refresh, fault.clone()).always());
            pending(&app.read(&credential).await);
            let reason =
                if kind == RefreshKind::Static { "unexpected_response" } else { "refresh_unconfirmed" };
            assert_eq!(app.standing(&credential).await, standing("error", reason, ""), "{kind} {fault:?}");
            app.rounds(47, TimeDelta::minutes(30)).await;
            assert_eq!(app.refreshes(), 5, "{kind} {fault:?}: in the first day");
            assert_eq!(alerts.count("refusing without saying why"), 1, "{kind} {fault:?}");
            app.rounds(72, TimeDelta::hours(1)).await;
            assert_eq!(app.refreshes(), 8, "{kind} {fault:?}: in three days more");
            assert_eq!(app.standing(&credential).await, standing("error", reason, ""));

            app.fake.clear_faults();
            app.rounds(25, TimeDelta::hours(1)).await;
            assert_eq!(app.standing(&credential).await, standing("active", "", ""), "{kind} {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_before_it_uses_up_none_of_the_five_tries() {
    let alerts = Alerts::listen();
    let Some((app, _)) = TestApp::spent(Setup::of(RefreshKind::Static)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).times(5));
    app.rounds(5, TimeDelta::minutes(16)).await;
    assert_eq!((app.refreshes(), alerts.count("refusing without saying why")), (5, 0));
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_REQUEST)).always());
    app.rounds(47, TimeDelta::minutes(30)).await;
    assert_eq!((app.refreshes(), alerts.count("refusing without saying why")), (10, 1));
}

#[tokio::test]
async fn what_the_app_writes_for_people_is_kept_out_of_problems_and_events() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Static)).await else { return };
    let html = "<html><title>canary-page-5f1d</title><form action=\"?error=invalid_grant\"></html>";
    app.fake.program(
        Plan::next(Endpoint::Refresh, Fault::answer(StatusCode::BAD_REQUEST, "text/html", html)).always(),
    );
    let problem = app.read(&credential).await;
    pending(&problem);
    let seen = [
        problem.json().to_string(),
        app.shown(&credential).await.to_string(),
        app.as_key().get("/events").await.json().to_string(),
        app.as_key().get("/audit-events").await.json().to_string(),
    ];
    assert!(seen.iter().all(|text| !text.contains("canary-page")), "{seen:?}");
}
