//! Quirks of clients and of the end.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, Fault, Plan, RefreshKind};

use super::super::rotation::{LIFETIME, end, renew};
use crate::support::app::{Setup, TestApp};
use crate::support::refreshing::standing;
use crate::support::servers::{AuthServer as _, OidcOptions, OidcProvider, REAL, django::DjangoServer};

#[tokio::test]
async fn q11_a_bad_client_is_told_by_its_error_and_not_by_a_header() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let Some(app) = TestApp::start().await else { return };
    let (id, secret) = app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    app.put_real_client(&id, "wrong").await;
    app.clock.advance(LIFETIME);
    app.read(&credential).await.assert_problem(503, "connector_failing");
    let rejected = standing("error", "connector_rejected", "fix_connector");
    assert_eq!(app.standing(&credential).await, rejected);
    assert_eq!(app.reasons("connector.failing").await, ["invalid_client"]);

    app.put_real_client(&id, &secret).await;
    app.rounds(2, TimeDelta::minutes(5)).await;
    assert_eq!(app.reasons("connector.recovered").await.len(), 1);
    renew(&app, &server, &credential, 2).await;
}

#[tokio::test]
async fn q11_a_bad_client_is_told_by_its_error_and_not_by_a_header_twin() {
    let Some((app, credential)) = TestApp::spent(Setup::of(RefreshKind::Strict)).await else { return };
    for challenge in ["Bearer error=\"invalid_token\"", "Basic realm=\"x\""] {
        let fault = Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client");
        app.fake.program(Plan::next(Endpoint::Refresh, fault.header("www-authenticate", challenge)));
        app.read(&credential).await.assert_problem(503, "connector_failing");
        app.clock.advance(TimeDelta::minutes(5));
        app.read(&credential).await.ok(200);
        app.clock.advance(TimeDelta::hours(2));
    }
}

#[tokio::test]
async fn q17_revocation_is_reported_as_done_also_where_the_token_was_dead_already() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    let gone = app.as_key().act(&format!("/credentials/{credential}/revoke")).await.ok(200);
    assert_eq!(gone["revokedUpstream"], "revoked");
    let credential = app.connect_real(&server, "u-18").await;
    end(&app, &server, &credential).await;
}

#[tokio::test]
async fn q17_without_an_endpoint_nothing_is_claimed() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let text = server.definition(&server.url(1));
    let line = format!("revocation_endpoint = \"{}\"\n", server.url(2));
    app.define(REAL, &text.replace(&line, ""));
    let credential = app.connect_real(&server, "u-17").await;
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone, json!({"success": true, "revokedUpstream": "unsupported"}));
}

#[tokio::test]
async fn q17_done_failed_and_unsupported_are_told_apart_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for (fault, outcome) in [
        (None, "revoked"),
        (Some(Fault::status(StatusCode::OK)), "revoked"),
        (Some(Fault::status(StatusCode::SERVICE_UNAVAILABLE)), "failed"),
        (Some(Fault::oauth_error(StatusCode::BAD_REQUEST, "unsupported_token_type")), "unsupported"),
    ] {
        let credential = app.connect("u-17").await;
        if let Some(fault) = fault {
            app.fake.program(Plan::next(Endpoint::Revoke, fault));
        }
        let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
        assert_eq!(gone["revokedUpstream"], outcome);
    }
    let line = format!("revocation_endpoint = \"{}/oauth/revoke\"\n", app.fake.base_url());
    app.redefine(|text| text.replace(&line, ""));
    let credential = app.connect("u-18").await;
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone["revokedUpstream"], "unsupported");
}
