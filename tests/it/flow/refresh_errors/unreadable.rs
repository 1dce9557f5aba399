//! Class U: the app answered with tokens that its definition does not find. The old token is spent, and its successor
//! lies in the journal.

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::pending;
use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::refreshing::{Alerts, standing};

/// A definition that looks for the access token where it is not.
fn misled(text: &str) -> String {
    let wrong = "token_response = { access_token = \"tokens.access\" }\n\n[oauth2.refresh]";
    text.replace("\n[oauth2.refresh]", wrong)
}

const LIMITS: &str = "\n[limits]\nconcurrency = 64\nrate = 10000\n";

#[tokio::test]
async fn a_mended_definition_finds_the_tokens_that_were_kept() {
    for kind in [RefreshKind::Grace(30), RefreshKind::Reject, RefreshKind::Strict] {
        let alerts = Alerts::listen();
        let Some((app, credential)) = TestApp::connected(Setup::of(kind).unhurried()).await else { return };
        let members = Copier::of(&app, &credential).await.here(9).await;
        app.clock.advance(TimeDelta::hours(2));
        app.redefine(|text| misled(&text) + LIMITS);
        app.round().await;
        assert_eq!(app.refreshes(), 10);
        assert_eq!(alerts.count("holds no token"), 10);
        for id in members.iter().map(|member| &member.credential).chain([&credential]) {
            assert_eq!(app.standing(id).await, standing("error", "refresh_unconfirmed", ""));
            pending(&app.read(id).await);
        }
        app.rounds(4, TimeDelta::minutes(15)).await;
        app.hub.sweep().await.unwrap();
        assert_eq!(app.refreshes(), 10, "{kind}: what is spent is not sent again");

        app.redefine(|text| text + LIMITS);
        app.hub.sweep().await.unwrap();
        for id in members.iter().map(|member| &member.credential).chain([&credential]) {
            assert_eq!(app.count_events(id, "credential.recovered").await, 1, "{kind}");
            assert_eq!(app.count_events(id, "credential.expired").await, 0, "{kind}");
        }
        // An hour old by now, so they are renewed with the token that was found.
        app.round().await;
        for member in &members {
            assert_eq!(app.standing(&member.credential).await, standing("active", "", ""), "{kind}");
            let grant = app.fake.grant(member.grant).unwrap();
            assert_eq!((grant.alive, grant.version, grant.at(1).requests), (true, 3, 1), "{kind}");
        }
    }
}

#[tokio::test]
async fn what_nobody_mends_is_asked_for_again_after_a_day() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    let odd = Fault::answer(StatusCode::OK, "application/json", "{\"ok\":true}");
    app.fake.program(Plan::next(Endpoint::Refresh, odd));
    pending(&app.read(&credential).await);
    app.rounds(23, TimeDelta::hours(1)).await;
    app.hub.sweep().await.unwrap();
    assert_eq!(app.refreshes(), 1);
    app.rounds(2, TimeDelta::hours(1)).await;
    assert_eq!(app.fake.grants()[0].at(1).requests, 2);
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
}

#[tokio::test]
async fn a_token_that_never_changes_is_asked_for_again_with_patience() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Static)).await else { return };
    let odd = Fault::answer(StatusCode::OK, "application/x-www-form-urlencoded", "ok=1");
    app.fake.program(Plan::next(Endpoint::Refresh, odd).times(2));
    for _ in 0..2 {
        pending(&app.read(&credential).await);
        assert_eq!(app.standing(&credential).await, standing("error", "unexpected_response", ""));
        app.clock.advance(TimeDelta::minutes(1));
    }
    app.read(&credential).await.ok(200);
}
