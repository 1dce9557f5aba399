//! The client modules of the OpenID conformance suite that apply to a sign-in by code, one test each, named after it, with
//! a server side of our own. `oidcc_client_test` is what all others change one thing of.

use serde_json::{Value, json};

use super::last_audited;
use crate::support::browser::Shown;
use crate::support::identity::{By, Published, Scene, access_token_hash};

/// A scene in which `jo` may come in.
async fn scene() -> Option<Scene> {
    let scene = Scene::start().await?;
    let owner = scene.app.as_owner().await;
    scene.invite(&owner, "viewer", "jo@acme.test").await;
    Some(scene)
}

async fn sign_in(scene: &Scene) -> Shown {
    scene.idp.sign_in(&scene.browser()).await
}

/// Nobody comes in, a calm page says so, and the audit log why.
async fn is_refused(scene: &Scene, reason: &str) {
    let browser = scene.browser();
    let shown = scene.idp.sign_in(&browser).await;
    shown.page(502, "gave an answer that can’t be trusted");
    assert_eq!(browser.cookie("vs_session"), None);
    assert_eq!(last_audited(&scene.app).await.2, format!("single sign-on: {reason}"));
}

/// With one claim changed, nobody comes in.
async fn claim_is_refused(name: &str, value: Value, reason: &str) {
    let Some(scene) = scene().await else { return };
    scene.idp.claim(name, value);
    is_refused(&scene, reason).await;
}

#[tokio::test]
async fn oidcc_client_test() {
    let Some(scene) = scene().await else { return };
    sign_in(&scene).await.arrives_at("/dashboard");
    // Once for as long as they are kept.
    sign_in(&scene).await.arrives_at("/dashboard");
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        assert_eq!(scene.idp.asked(path).len(), 1, "{path}");
    }
    scene.app.clock.advance(chrono::TimeDelta::hours(1));
    sign_in(&scene).await.arrives_at("/dashboard");
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        assert_eq!(scene.idp.asked(path).len(), 2, "{path}");
    }
}

#[tokio::test]
async fn oidcc_client_test_nonce_invalid() {
    claim_is_refused("nonce", json!("another"), "the ID token belongs to another sign-in").await;
    claim_is_refused("nonce", json!(null), "the ID token belongs to another sign-in").await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_iss() {
    claim_is_refused("iss", json!("https://evil.test"), "the ID token is of another issuer").await;
}

#[tokio::test]
async fn oidcc_client_test_missing_aud() {
    claim_is_refused("aud", json!(null), "the ID token is for another client").await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_aud() {
    claim_is_refused("aud", json!("another"), "the ID token is for another client").await;
    let reason = "the ID token was given to another client";
    claim_is_refused("aud", json!(["hub", "another"]), reason).await;
    claim_is_refused("azp", json!("another"), reason).await;
}

#[tokio::test]
async fn oidcc_client_test_missing_iat() {
    claim_is_refused("iat", json!(null), "the ID token is not of now").await;
    claim_is_refused("exp", json!(1_893_456_000 - 60), "the ID token has ended, or says no end").await;
}

#[tokio::test]
async fn oidcc_client_test_missing_sub() {
    claim_is_refused("sub", json!(null), "the ID token names nobody").await;
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_none() {
    let Some(scene) = scene().await else { return };
    // Not even where the identity provider says that it does so.
    scene
        .idp
        .script()
        .metadata
        .insert("id_token_signing_alg_values_supported".into(), json!(["none", "HS256", "ES256"]));
    scene.idp.script().by = By::Nothing;
    is_refused(&scene, "the ID token is signed by an algorithm that is not allowed").await;
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_rs256() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().by = By::Rsa;
    scene.idp.script().published.push(Published::of(By::Rsa, Some("rsa-1")));
    sign_in(&scene).await.arrives_at("/dashboard");
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_rs256() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().by = By::OtherRsa;
    scene.idp.script().published = vec![Published::of(By::Rsa, Some("rsa-1"))];
    is_refused(&scene, "the signature of the ID token is wrong").await;
    // An algorithm that the identity provider does not name.
    scene.idp.script().by = By::Rsa;
    scene.idp.script().metadata.insert("id_token_signing_alg_values_supported".into(), json!(["ES256"]));
    scene.app.clock.advance(chrono::TimeDelta::hours(1));
    is_refused(&scene, "the ID token is signed by an algorithm that is not allowed").await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_hs256() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().by = By::Secret;
    scene
        .idp
        .script()
        .metadata
        .insert("id_token_signing_alg_values_supported".into(), json!(["HS256", "ES256"]));
    is_refused(&scene, "the ID token is signed by an algorithm that is not allowed").await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_es256() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().by = By::OtherEc;
    is_refused(&scene, "the signature of the ID token is wrong").await;
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_single_jwks() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().header.insert("kid".into(), json!(null));
    scene.idp.script().published = vec![Published::of(By::Ec, None)];
    sign_in(&scene).await.arrives_at("/dashboard");
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_multiple_jwks() {
    let Some(scene) = scene().await else { return };
    scene.idp.script().header.insert("kid".into(), json!(null));
    scene.idp.script().published =
        vec![Published::of(By::Ec, Some("ec-1")), Published::of(By::Rsa, Some("rsa-1"))];
    // One of its kind is meant.
    sign_in(&scene).await.arrives_at("/dashboard");
    scene.idp.script().published.push(Published::of(By::OtherEc, Some("ec-2")));
    scene.app.clock.advance(chrono::TimeDelta::hours(1));
    is_refused(&scene, "no key of the identity provider is the one of the ID token").await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_athash() {
    claim_is_refused("at_hash", json!("AAAA"), "the ID token belongs to another access token").await;
    let Some(scene) = scene().await else { return };
    scene.idp.claim("at_hash", json!(access_token_hash()));
    sign_in(&scene).await.arrives_at("/dashboard");
}

#[tokio::test]
async fn oidcc_client_test_missing_athash() {
    let Some(scene) = scene().await else { return };
    scene.idp.claim("at_hash", json!(null));
    sign_in(&scene).await.arrives_at("/dashboard");
}

#[tokio::test]
async fn oidcc_client_test_client_secret_basic() {
    let Some(scene) = scene().await else { return };
    sign_in(&scene).await.arrives_at("/dashboard");
    let asked = scene.idp.asked("/token");
    assert_eq!(asked.len(), 1, "a code is sent once");
    assert_eq!(asked[0].authorization.as_deref(), Some("Basic aHViOmh1Yi1zZWNyZXQ="));
    assert!(!asked[0].form.contains_key("client_secret"));
    scene
        .idp
        .script()
        .metadata
        .insert("token_endpoint_auth_methods_supported".into(), json!(["client_secret_post"]));
    scene.app.clock.advance(chrono::TimeDelta::hours(1));
    sign_in(&scene).await.arrives_at("/dashboard");
    let asked = &scene.idp.asked("/token")[1];
    assert_eq!((asked.authorization.as_deref(), asked.form["client_secret"].as_str()), (None, "hub-secret"));
}

/// A scene in which the address is at the user info alone.
async fn scene_with_user_info(info: Value) -> Option<Scene> {
    let scene = scene().await?;
    {
        let mut script = scene.idp.script();
        for name in ["email", "email_verified", "name"] {
            script.claims.remove(name);
        }
        script.user_info = Some(info);
    }
    Some(scene)
}

#[tokio::test]
async fn oidcc_client_test_scope_userinfo_claims() {
    let info = json!({"sub": "jo", "email": "jo@acme.test", "email_verified": true, "name": "Jo"});
    let Some(scene) = scene_with_user_info(info).await else { return };
    sign_in(&scene).await.arrives_at("/dashboard");
    assert_eq!(scene.idp.asked("/me").len(), 1);
    // Who is known by their subject needs no address any more.
    scene.idp.script().down.insert("/me", 500);
    sign_in(&scene).await.arrives_at("/dashboard");
    assert_eq!(scene.idp.asked("/me").len(), 1);
}

#[tokio::test]
async fn oidcc_client_test_userinfo_invalid_sub() {
    for sub in [json!("ada"), json!(null)] {
        let info = json!({"sub": sub, "email": "jo@acme.test", "email_verified": true});
        let Some(scene) = scene_with_user_info(info).await else { return };
        is_refused(&scene, "the user info is about somebody else").await;
    }
}

#[tokio::test]
async fn oidcc_client_test_userinfo_bearer_header() {
    let info = json!({"sub": "jo", "email": "jo@acme.test", "email_verified": true});
    let Some(scene) = scene_with_user_info(info).await else { return };
    sign_in(&scene).await.arrives_at("/dashboard");
    let asked = &scene.idp.asked("/me")[0];
    assert_eq!(asked.method, http::Method::GET);
    assert_eq!(asked.authorization.as_deref(), Some("Bearer at-of-the-identity-provider"));
    assert!(asked.form.is_empty());
}

#[tokio::test]
async fn oidcc_client_test_discovery_openid_config() {
    let Some(scene) = scene().await else { return };
    let moved = format!("{}/elsewhere/me", scene.idp.base_url);
    scene.idp.script().metadata.insert("userinfo_endpoint".into(), json!(moved));
    for name in ["email", "email_verified"] {
        scene.idp.script().claims.remove(name);
    }
    let browser = scene.browser();
    scene.idp.sign_in(&browser).await.page(502, "gave an answer that can’t be trusted");
    assert_eq!(scene.idp.asked("/elsewhere/me").len(), 1, "endpoints are where the metadata say");
}

#[tokio::test]
async fn oidcc_client_test_discovery_jwks_uri_keys() {
    let Some(scene) = scene().await else { return };
    let moved = format!("{}/jwks-moved", scene.idp.base_url);
    scene.idp.script().metadata.insert("jwks_uri".into(), json!(moved));
    is_refused(&scene, "status 404 for the keys of the identity provider").await;
    assert!(scene.idp.asked("/jwks").is_empty());
}

#[tokio::test]
async fn oidcc_client_test_discovery_issuer_mismatch() {
    let Some(scene) = scene().await else { return };
    let other = format!("{}/", scene.idp.base_url);
    scene.idp.script().metadata.insert("issuer".into(), json!(other));
    let browser = scene.browser();
    let shown = browser.get("/dashboard/sign-in/single-sign-on").await;
    shown.page(502, "gave an answer that can’t be trusted");
    assert_eq!(browser.cookie("vs_sign_on"), None);
}

/// Lets the identity provider have another key.
fn rotate(scene: &Scene, kid: &str) {
    let mut script = scene.idp.script();
    script.published = vec![Published::of(By::OtherEc, Some(kid))];
    script.by = By::OtherEc;
    script.header.insert("kid".into(), json!(kid));
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation() {
    let Some(scene) = scene().await else { return };
    sign_in(&scene).await.arrives_at("/dashboard");
    rotate(&scene, "ec-2");
    sign_in(&scene).await.arrives_at("/dashboard");
    assert_eq!(scene.idp.asked("/jwks").len(), 2);
    // A key that is nowhere does not make the hub ask on and on.
    scene.idp.script().header.insert("kid".into(), json!("ec-3"));
    for _ in 0..3 {
        is_refused(&scene, "no key of the identity provider is the one of the ID token").await;
    }
    assert_eq!(scene.idp.asked("/jwks").len(), 2, "at most once in half a minute");
    scene.app.clock.advance(chrono::TimeDelta::seconds(30));
    rotate(&scene, "ec-3");
    sign_in(&scene).await.arrives_at("/dashboard");
    assert_eq!(scene.idp.asked("/jwks").len(), 3);
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    let Some(scene) = scene().await else { return };
    let browser = scene.browser();
    sign_in(&scene).await.arrives_at("/dashboard");
    let away = browser.get("/dashboard/sign-in/single-sign-on").await;
    let back = scene.idp.authorize(away.location.as_deref().unwrap());
    rotate(&scene, "ec-2");
    browser.get(back.as_str()).await.arrives_at("/dashboard");
}

/// What comes back with `iss` in its query as `change` makes it.
async fn back_with_issuer(scene: &Scene, issuer: Option<&str>) -> Shown {
    let browser = scene.browser();
    let away = browser.get("/dashboard/sign-in/single-sign-on").await;
    let mut back = scene.idp.authorize(away.location.as_deref().unwrap());
    let kept: Vec<_> = back.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    back.query_pairs_mut().clear().extend_pairs(kept);
    if let Some(issuer) = issuer {
        back.query_pairs_mut().append_pair("iss", issuer);
    }
    browser.get(back.as_str()).await
}

#[tokio::test]
async fn fapi2_invalid_authorization_response_iss() {
    let Some(scene) = scene().await else { return };
    let other = format!("{}/", scene.idp.base_url);
    for wrong in ["https://evil.test", &other] {
        back_with_issuer(&scene, Some(wrong)).await.page(502, "can’t be trusted");
        assert_eq!(last_audited(&scene.app).await.2, "single sign-on: the answer is of another issuer");
    }
    assert!(scene.idp.asked("/token").is_empty(), "the code is sent nowhere");
}

#[tokio::test]
async fn fapi2_remove_authorization_response_iss() {
    let Some(scene) = scene().await else { return };
    back_with_issuer(&scene, None).await.page(502, "can’t be trusted");
    assert!(scene.idp.asked("/token").is_empty());
    // One that announces none may leave it out.
    let announced = "authorization_response_iss_parameter_supported";
    scene.idp.script().metadata.insert(announced.into(), json!(null));
    scene.app.clock.advance(chrono::TimeDelta::hours(1));
    back_with_issuer(&scene, None).await.arrives_at("/dashboard");
}
