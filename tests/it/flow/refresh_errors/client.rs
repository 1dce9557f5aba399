//! Class F: the app refuses the connector's client. That is told once, of the connector, and ends no credential.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Endpoint, Fault, Plan, RefreshKind};

use crate::support::app::{Setup, TestApp};
use crate::support::crowd::Copier;
use crate::support::refreshing::standing;

#[tokio::test]
async fn a_wrong_client_is_told_once_probed_by_one_and_tried_at_once_when_it_was_changed() {
    let Some((app, model)) = TestApp::connected(Setup::of(RefreshKind::Strict).unhurried()).await else {
        return;
    };
    let members = Copier::of(&app, &model).await.here(19).await;
    let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
    app.fake.program(Plan::next(Endpoint::Refresh, fault).always());
    app.clock.advance(TimeDelta::hours(2));
    app.round().await;
    assert_eq!(app.reasons("connector.failing").await, ["invalid_client"]);
    for member in &members {
        let stands = app.standing(&member.credential).await;
        assert_eq!(stands, standing("error", "connector_rejected", "fix_connector"));
        app.read(&member.credential).await.assert_problem(503, "connector_failing");
    }
    let first = app.refreshes();
    assert!(first <= 20, "{first}");
    app.rounds(4, TimeDelta::minutes(1)).await;
    assert_eq!(app.refreshes(), first, "nobody tries in between");
    for probe in 1..=3 {
        app.rounds(5, TimeDelta::minutes(1)).await;
        assert_eq!(app.refreshes(), first + probe, "one credential tries each five minutes");
    }

    let fresh = app.connect("u-18").await;
    app.read(&fresh).await.ok(200);
    assert_eq!(app.standing(&fresh).await, standing("active", "", ""), "what works goes on working");

    app.fake.clear_faults();
    let before = app.refreshes();
    let client =
        json!({"provider": "fernhill", "clientId": DEMO_CLIENT_ID, "clientSecret": DEMO_CLIENT_SECRET});
    app.as_key().put("/connectors/fernhill", &client).await.ok(200);
    app.round().await;
    assert!(app.refreshes() > before, "a changed client is tried at once");
    app.rounds(2, TimeDelta::minutes(5)).await;
    for member in &members {
        assert_eq!(app.standing(&member.credential).await, standing("active", "", ""));
        let told = app.events(&member.credential).await;
        assert!(!told.contains(&"credential.expired".to_owned()), "{told:?}");
    }
    assert_eq!(app.reasons("connector.failing").await.len(), 1);
    assert_eq!(app.reasons("connector.recovered").await.len(), 1);
}

#[tokio::test]
async fn every_code_that_means_the_client_is_a_fault_of_the_connector() {
    let mut setup = Setup::of(RefreshKind::Strict);
    setup.definition = "\n[oauth2.error_map]\napp_suspended = \"client\"\n".to_owned();
    let Some((app, credential)) = TestApp::connected(setup).await else { return };
    let codes = [
        (401, "invalid_client"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
        (403, "app_suspended"),
        (200, "app_suspended"),
    ];
    for (status, code) in codes {
        let fault = Fault::oauth_error(StatusCode::from_u16(status).unwrap(), code);
        app.fake.program(Plan::next(Endpoint::Refresh, fault));
        app.clock.advance(TimeDelta::hours(2));
        app.read(&credential).await.assert_problem(503, "connector_failing");
        let stands = app.standing(&credential).await;
        assert_eq!(stands, standing("error", "connector_rejected", "fix_connector"), "{status} {code}");
        app.clock.advance(TimeDelta::minutes(5));
        app.read(&credential).await.ok(200);
    }
    let expected: Vec<&str> = codes.iter().map(|(_, code)| *code).collect();
    assert_eq!(app.reasons("connector.failing").await, expected);
    assert_eq!(app.reasons("connector.recovered").await.len(), codes.len());
}
