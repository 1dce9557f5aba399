//! Quirks of sign-in.

use std::collections::BTreeSet;

use http::StatusCode;
use reqwest::Url;
use serde_json::json;
use vouchsafe::demo::fake::{Endpoint, FERNHILL, Fault, Plan};

use super::super::facts::{Asked, CALLBACK, VERIFIER};
use super::super::rotation::renew;
use crate::support::app::TestApp;
use crate::support::modal::Modal;
use crate::support::raw_server::RawServer;
use crate::support::servers::{AuthServer as _, OidcOptions, OidcProvider, REAL, django::DjangoServer};

async fn session<'a>(app: &'a TestApp, connector: &str) -> Modal<'a> {
    app.modal(&json!({"userId": "u-17", "connectors": [connector]})).await
}

#[tokio::test]
async fn q05_a_refused_code_may_still_be_good_at_this_server() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let asked = Asked::of(&server).await;
    let code = asked.code().await;
    assert_eq!(asked.exchange(&code, &"x".repeat(43), CALLBACK).await.0, 400);
    assert_eq!(asked.exchange(&code, VERIFIER, CALLBACK).await.0, 200);
}

#[tokio::test]
async fn q05_any_error_of_the_exchange_ends_the_flow_and_nothing_is_sent_twice_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let page = "<h1>canary-page-03cd</h1>";
    for (fault, error) in [
        (Fault::oauth_error(StatusCode::FORBIDDEN, "invalid_code"), "unexpected_answer"),
        (Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant"), "unexpected_answer"),
        (Fault::answer(StatusCode::BAD_REQUEST, "text/html", page), "unexpected_answer"),
        (Fault::status(StatusCode::BAD_GATEWAY), "provider_unreachable"),
        (Fault::close_before(), "provider_unreachable"),
    ] {
        app.fake.program(Plan::next(Endpoint::Exchange, fault.clone()));
        let before = app.fake.counters().token_requests;
        let modal = session(&app, FERNHILL).await;
        let shown = modal.popup(FERNHILL).await.allow(&app, "jo@acme.test").await;
        assert!(!shown.contains("canary-page"), "{shown}");
        let result = modal.result(FERNHILL).await;
        assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!(error)), "{fault:?}");
        assert_eq!(app.fake.counters().token_requests, before + 1, "{fault:?}");
    }
    // The user can try again at once.
    app.connect("u-17").await;
}

#[tokio::test]
async fn q06_lower_case_types_and_members_that_nobody_asked_for_are_fine_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for kind in ["bearer", "BEARER", "DPoP"] {
        let members = json!({"token_type": kind, "iat": 1, "id_token": {"not": "a text"}});
        app.fake.program(Plan::next(Endpoint::Exchange, Fault::merge(members.as_object().unwrap().clone())));
        let modal = session(&app, FERNHILL).await;
        let popup = modal.popup(FERNHILL).await;
        let mut back = popup.decide(&app, "allow", kind).await;
        back.query_pairs_mut().append_pair("session_state", "a.b").append_pair("authuser", "0");
        assert_eq!(app.callback(&back, &popup.cookie).await.0, 200);
        let result = modal.result(FERNHILL).await;
        assert_eq!(result["status"], "completed", "{kind}");
        let credential = result["credentialId"].as_str().unwrap().to_owned();
        assert_eq!(app.token(&credential).await["tokenType"], kind);
        app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    }
}

/// The paths that were asked for.
fn paths(front: &RawServer) -> BTreeSet<String> {
    front.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn q07_q15_neither_metadata_nor_introspection_is_ever_asked() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    let front = RawServer::front(&server.base_url, |_| false).await;
    app.put_real(&server, &server.url(1)).await;
    let text = server.definition(&server.url(1));
    let through = text.replace(&server.base_url, &front.base_url);
    // People go to the server itself.
    let authorize = format!("authorization_endpoint = \"{}/auth\"", front.base_url);
    app.define(
        REAL,
        &through.replace(&authorize, &format!("authorization_endpoint = \"{}\"", server.url(0))),
    );
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, 3).await;
    app.as_key().act(&format!("/credentials/{credential}/verify")).await.ok(200);
    app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(paths(&front), ["/me", "/token", "/token/revocation"].map(str::to_owned).into());
}

#[tokio::test]
async fn q07_q15_neither_metadata_nor_introspection_is_ever_asked_twin() {
    let Some(app) = TestApp::start().await else { return };
    let front = RawServer::front(app.fake.base_url(), |_| false).await;
    let here = app.fake.base_url().to_owned();
    app.redefine(|text| {
        let authorize = format!("authorization_endpoint = \"{}/oauth/authorize\"", front.base_url);
        let there = format!("authorization_endpoint = \"{here}/oauth/authorize\"");
        text.replace(&here, &front.base_url).replace(&authorize, &there)
    });
    app.put_fernhill().await;
    app.fake.configure(|settings| settings.issuer = Some(String::new()));
    let credential = app.connect("u-17").await;
    app.clock.advance(chrono::TimeDelta::hours(2));
    app.token(&credential).await;
    app.as_key().act(&format!("/credentials/{credential}/verify")).await.ok(200);
    app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(paths(&front), ["/api/me", "/oauth/revoke", "/oauth/token"].map(str::to_owned).into());
}

#[tokio::test]
async fn q10_a_doubled_callback_is_one_token_request() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let modal = session(&app, REAL).await;
    let popup = modal.popup(REAL).await;
    let back = server.sign_in(&popup.consent, "jo").await;
    let (one, other) = tokio::join!(app.callback(&back, &popup.cookie), app.callback(&back, &popup.cookie));
    let again = app.callback(&back, &popup.cookie).await;
    let mut statuses = [one.0, other.0, again.0];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1] >= 400, "{statuses:?}");
    server.reported("grant.success", 1).await;
    let credential = modal.result(REAL).await["credentialId"].as_str().unwrap().to_owned();
    renew(&app, &server, &credential, 1).await;
    assert!(server.events("grant.revoked").is_empty());
}

#[tokio::test]
async fn q10_a_doubled_callback_is_one_token_request_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    let modal = session(&app, FERNHILL).await;
    let popup = modal.popup(FERNHILL).await;
    let back = popup.decide(&app, "allow", "jo@acme.test").await;
    let callbacks = (0..5).map(|_| app.callback(&back, &popup.cookie));
    let answers = futures_util::future::join_all(callbacks).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1);
    assert_eq!(app.fake.counters().exchanges, 1);
    assert!(app.fake.grants()[0].alive);
}

/// The same address with another `iss`.
fn with_issuer(back: &Url, issuer: Option<&str>) -> Url {
    let mut changed = back.clone();
    let kept: Vec<(String, String)> =
        back.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    changed.query_pairs_mut().clear().extend_pairs(kept);
    if let Some(issuer) = issuer {
        changed.query_pairs_mut().append_pair("iss", issuer);
    }
    changed
}

#[tokio::test]
async fn q13_a_wrong_issuer_ends_the_flow_before_the_code_is_sent() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let modal = session(&app, REAL).await;
    let popup = modal.popup(REAL).await;
    let back = server.sign_in(&popup.consent, "jo").await;
    let wrong = with_issuer(&back, Some("https://evil.example"));
    app.callback(&wrong, &popup.cookie).await;
    let result = modal.result(REAL).await;
    assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!("issuer_mismatch")));
    assert!(server.events("grant.success").is_empty());
    app.connect_real(&server, "u-17").await;
}

#[tokio::test]
async fn q13_no_issuer_is_fine_where_the_server_names_none() {
    let Some(server) = DjangoServer::start(0).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    app.connect_real(&server, "u-17").await;
}

#[tokio::test]
async fn q13_issuers_right_wrong_and_absent_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.put_fernhill().await;
    for (issuer, status) in
        [(None, "completed"), (Some("https://evil.example"), "failed"), (Some(""), "completed")]
    {
        app.fake.configure(|settings| settings.issuer = issuer.map(str::to_owned));
        let before = app.fake.counters().exchanges;
        let body = json!({"userId": format!("u-{issuer:?}"), "connectors": [FERNHILL]});
        let modal = app.modal(&body).await;
        modal.popup(FERNHILL).await.allow(&app, "jo@acme.test").await;
        assert_eq!(modal.result(FERNHILL).await["status"], status, "{issuer:?}");
        assert_eq!(app.fake.counters().exchanges - before, u64::from(status == "completed"));
    }
}
