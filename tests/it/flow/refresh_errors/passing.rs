//! Class C: nobody knows whether the token was spent. What comes next depends on what the app does with a token that
//! is sent twice.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, GrantEnd, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;

#[tokio::test]
async fn a_token_that_never_changes_is_simply_sent_again() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Static)).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_after()).times(3));
    for _ in 0..3 {
        pending(&app.read(&credential).await);
        assert_eq!(app.standing(&credential).await, standing("error", "provider_unreachable", ""));
        app.clock.advance(TimeDelta::minutes(1));
    }
    app.read(&credential).await.ok(200);
    assert_eq!(app.fake.grants()[0].at(1).requests, 4);
}

#[tokio::test]
async fn inside_a_grace_a_lost_answer_is_asked_for_at_once_and_nothing_is_lost() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Grace(60))).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_after()));
    assert_eq!(pending(&app.read(&credential).await), 1);
    assert_eq!(app.standing(&credential).await, standing("error", "refresh_unconfirmed", ""));
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    let grant = &app.fake.grants()[0];
    assert_eq!((grant.alive, grant.at(1).requests, grant.at(1).reuse), (true, 2, 1));
    app.clock.advance(TimeDelta::hours(2));
    app.read(&credential).await.ok(200);
}

#[tokio::test]
async fn past_a_grace_a_lost_answer_is_a_lost_grant_and_is_called_so() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Grace(30))).await else { return };
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::close_after()).times(2));
    pending(&app.read(&credential).await);
    let wait = pending(&app.read(&credential).await);
    assert!((38..=42).contains(&wait), "{wait} s");
    app.clock.advance(TimeDelta::seconds(wait));
    app.read(&credential).await.assert_problem(409, "credential_expired");
    assert_eq!(app.standing(&credential).await, standing("expired", "grant_lost", "reconnect"));
    assert_eq!(app.reasons("credential.expired").await, ["grant_lost"]);
    assert_eq!(app.fake.grants()[0].at(1).requests, 3);
}

/// Loses one answer of a token that lives a quarter of an hour more; false = the app never processed the request.
async fn loses_one(kind: RefreshKind, processed: bool) -> Option<(TestApp, String)> {
    let (app, credential) = TestApp::connected(Setup::of(kind)).await?;
    let fault = if processed { Fault::close_after() } else { Fault::close_before() };
    app.fake.program(Plan::next(Endpoint::Refresh, fault));
    app.clock.advance(TimeDelta::minutes(50));
    app.round().await;
    assert_eq!(app.fake.grants()[0].at(1).requests, 1);
    Some((app, credential))
}

#[tokio::test]
async fn where_reuse_is_refused_the_one_retry_comes_late_and_callers_are_served_meanwhile() {
    for kind in [RefreshKind::Reject, RefreshKind::Strict] {
        let Some((app, credential)) = loses_one(kind, false).await else { return };
        let requests = || app.fake.grants()[0].at(1).requests;
        assert_eq!(app.standing(&credential).await, standing("active", "refresh_unconfirmed", ""));
        app.rounds(8, TimeDelta::minutes(1)).await;
        app.refresh_now(&credential).await.assert_problem(503, "refresh_pending");
        assert_eq!(requests(), 1, "{kind}: not even by hand");
        app.read(&credential).await.ok(200);

        app.rounds(3, TimeDelta::minutes(1)).await;
        assert_eq!(requests(), 2, "{kind}: a minute before its end");
        assert_eq!(app.standing(&credential).await, standing("active", "", ""));
        assert_eq!(app.fake.grants()[0].version, 2);
        assert_eq!(app.events(&credential).await, ["credential.created"], "nobody was troubled");
    }
}

#[tokio::test]
async fn an_answer_lost_on_the_wire_is_the_loss_that_no_client_can_avoid() {
    for (kind, end) in [(RefreshKind::Reject, None), (RefreshKind::Strict, Some(GrantEnd::Reuse))] {
        let Some((app, credential)) = loses_one(kind, true).await else { return };
        app.rounds(12, TimeDelta::minutes(1)).await;
        assert_eq!(app.fake.grants()[0].at(1).requests, 2, "{kind}: exactly one retry");
        assert_eq!(app.fake.grants()[0].end, end);
        assert_eq!(app.standing(&credential).await, standing("expired", "grant_lost", "reconnect"));
        app.read(&credential).await.assert_problem(409, "credential_expired");
        app.rounds(24, TimeDelta::hours(10)).await;
        assert_eq!(app.fake.grants()[0].at(1).requests, 2, "{kind}: and none after it");
        assert_eq!(app.reasons("credential.expired").await, ["grant_lost"]);

        app.reconnect(&credential).await;
        assert_eq!(app.standing(&credential).await, standing("active", "", ""));
        assert_eq!(app.fake.grants().len(), 2);
    }
}

#[tokio::test]
async fn an_app_that_is_down_for_six_hours_ends_nothing_whatever_its_answers_say() {
    for kind in [RefreshKind::Static, RefreshKind::Strict] {
        let Some((app, credential)) = TestApp::spent(Setup::of(kind)).await else { return };
        let statuses = [408, 425, 500, 501, 502, 503, 504, 507];
        for step in 0..36 {
            let status = StatusCode::from_u16(statuses[step % statuses.len()]).unwrap();
            app.fake.clear_faults();
            app.fake
                .program(Plan::next(Endpoint::Refresh, Fault::oauth_error(status, "invalid_grant")).always());
            app.rounds(1, TimeDelta::minutes(10)).await;
            assert_eq!(app.standing(&credential).await.0, "error", "{kind} {status}");
            pending(&app.read(&credential).await);
        }
        app.fake.clear_faults();
        app.rounds(2, TimeDelta::minutes(15)).await;
        assert_eq!(app.standing(&credential).await, standing("active", "", ""), "{kind}");
        let events = app.events(&credential).await;
        assert_eq!(events, ["credential.created", "credential.failing", "credential.recovered"], "{kind}");
    }
}
