//! Class B: the request never left, so nothing was spent.

use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};
use vouchsafe::egress::EgressConfig;

use super::pending;
use crate::support::app::{Setup, TestApp, egress_config};
use crate::support::crowd::Copier;
use crate::support::refreshing::standing;

/// An address where nobody listens.
fn deaf() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}/token", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_request_that_could_not_be_sent_costs_nothing_and_is_tried_again() {
    let egress = EgressConfig { connect_timeout: Duration::from_secs(2), ..egress_config() };
    let setup = Setup { egress, ..Setup::of(RefreshKind::Strict) };
    let Some((app, credential)) = TestApp::spent(setup).await else { return };
    let no_tls = app.fake.base_url().replace("http://", "https://");
    let nowhere = ["https://nowhere.invalid/token", "https://10.0.0.1/token", &no_tls, &deaf()];
    for endpoint in nowhere {
        app.ask_for_tokens_at(endpoint);
        app.clock.advance(TimeDelta::minutes(20));
        let wait = pending(&app.read(&credential).await);
        assert!((1..=901).contains(&wait), "{endpoint}: {wait} s");
        let stands = app.standing(&credential).await;
        assert_eq!(stands, standing("error", "provider_unreachable", ""), "{endpoint}");
    }
    assert_eq!(app.refreshes(), 0);
    app.redefine(|text| text);
    app.clock.advance(TimeDelta::minutes(20));
    app.read(&credential).await.ok(200);
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    assert_eq!(app.fake.grants()[0].at(1).requests, 1, "the same token, once");
    let events = app.events(&credential).await;
    assert_eq!(events, ["credential.created", "credential.failing", "credential.recovered"]);
}

#[tokio::test]
async fn what_was_not_sent_waits_for_no_quarantine_where_that_could_not_be_written_down() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.ask_for_tokens_at(&deaf());
    app.rows("ALTER TABLE event RENAME TO elsewhere").await;
    app.round().await;
    app.rows("ALTER TABLE elsewhere RENAME TO event").await;
    app.redefine(|text| text);
    let sql = "SELECT credential_id FROM credential_token WHERE state = 'refreshing'";
    assert_eq!((app.rows(sql).await.len(), app.refreshes()), (1, 0), "the claim stands");
    app.round().await;
    assert_eq!(app.standing(&credential).await, standing("active", "", ""));
    assert_eq!(app.fake.grants()[0].at(1).requests, 1);
}

#[tokio::test]
async fn tries_come_further_and_further_apart_up_to_a_quarter_of_an_hour() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    app.ask_for_tokens_at(&deaf());
    for failures in 1..=14 {
        let wait = pending(&app.read(&credential).await);
        let most = (5_i64 << (failures - 1)).min(900);
        assert!((1..=most + 1).contains(&wait), "after {failures}: {wait} s");
        // Nothing is tried before.
        assert!(pending(&app.read(&credential).await) <= wait);
        app.clock.advance(TimeDelta::seconds(wait));
    }
    app.redefine(|text| text);
    app.read(&credential).await.ok(200);
}

#[tokio::test]
async fn an_app_that_is_down_is_left_alone_after_twenty_calls_and_comes_back_in_a_ramp() {
    let mut setup = Setup::of(RefreshKind::Static);
    setup.definition = "\n[limits]\nconcurrency = 1\nrate = 10000\n".to_owned();
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    let members = Copier::of(&app, &credential).await.here(39).await;
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)).always());
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    assert_eq!(app.refreshes(), 20, "the circuit opens");
    for member in [&members[0], &members[38]] {
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("error", "provider_unreachable", ""));
    }
    app.rounds(2, TimeDelta::seconds(10)).await;
    assert_eq!(app.refreshes(), 20, "and stays open for half a minute");

    app.fake.clear_faults();
    app.clock.advance(TimeDelta::seconds(15));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let before = app.refreshes();
        app.round().await;
        seen.push(app.refreshes() - before);
        app.clock.advance(TimeDelta::seconds(1));
    }
    for (got, most) in seen.iter().zip([1, 2, 4, 8]) {
        assert!(*got <= most, "{seen:?}");
    }
    app.rounds(40, TimeDelta::minutes(1)).await;
    for member in &members {
        assert_eq!(app.standing(&member.credential).await, standing("active", "", ""));
    }
}
