//! Vouchsafe at glewlwyd, and the quirks that were seen there.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::facts::{Asked, CALLBACK, VERIFIER, text};
use super::rotation::{LIFETIME, renew, turns};
use crate::support::app::TestApp;
use crate::support::outside;
use crate::support::refreshing::standing;
use crate::support::servers::{AuthServer as _, glewlwyd::Glewlwyd};

#[tokio::test]
async fn rotations_under_several_callers_kill_no_family() {
    let Some(server) = Glewlwyd::start().await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, turns()).await;
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone, json!({"success": true, "revokedUpstream": "revoked"}));
}

#[tokio::test]
async fn q04_a_wrong_secret_and_a_spent_token_are_an_error_without_a_body() {
    let Some(server) = Glewlwyd::start().await else { return };
    let asked = Asked::of(&server).await;
    let first = asked.tokens().await;
    assert_eq!(asked.refresh(text(&first, "refresh_token")).await.0, 200);
    assert_eq!(asked.refresh(text(&first, "refresh_token")).await, (400, Value::Null));

    let Some(app) = TestApp::start().await else { return };
    let (id, secret) = app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    app.put_real_client(&id, "wrong").await;
    app.clock.advance(LIFETIME);
    app.read(&credential).await.assert_problem(503, "refresh_pending");
    let unclear = standing("error", "refresh_unconfirmed", "");
    assert_eq!(app.standing(&credential).await, unclear, "no revocation at first sight");
    app.rounds(3, TimeDelta::minutes(5)).await;
    assert_eq!(app.standing(&credential).await, unclear, "nor at second");
    // A wrong secret has cost the token at this server, which does not say so. The user can connect again.
    app.put_real_client(&id, &secret).await;
    app.reconnect_real(&server, &credential).await;
    renew(&app, &server, &credential, 1).await;
}

#[tokio::test]
async fn q05_a_wrong_verifier_is_403_and_the_code_stays_good() {
    let Some(server) = Glewlwyd::start().await else { return };
    let asked = Asked::of(&server).await;
    let code = asked.code().await;
    let refused = asked.exchange(&code, &"x".repeat(43), CALLBACK).await;
    assert_eq!(refused, (403, json!({"error": "invalid_code"})));
    assert_eq!(asked.exchange(&code, VERIFIER, CALLBACK).await.0, 200);
}

#[tokio::test]
async fn q06_a_lower_case_type_and_further_members_are_taken_as_they_come() {
    let Some(server) = Glewlwyd::start().await else { return };
    let asked = Asked::of(&server).await;
    assert!(asked.tokens().await["iat"].is_number());
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    assert_eq!(app.token(&credential).await["tokenType"], "bearer");
}

#[tokio::test]
async fn q07_metadata_that_does_not_mention_refreshing_proves_nothing() {
    let Some(server) = Glewlwyd::start().await else { return };
    let url = format!("{}/api/oidc/.well-known/openid-configuration", server.base_url);
    let metadata: Value = outside::client().get(url).send().await.unwrap().json().await.unwrap();
    let supported = metadata["grant_types_supported"].as_array().unwrap();
    assert!(!supported.contains(&json!("refresh_token")), "{supported:?}");
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, 2).await;
}
