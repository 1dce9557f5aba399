//! A client that authenticates by a key at a server that takes each assertion once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use vouchsafe::clock::{Clock as _, SystemClock};

use super::rotation::{end, renew};
use crate::support::app::TestApp;
use crate::support::keys::EC;
use crate::support::servers::{AuthServer as _, OidcOptions, OidcProvider, REAL};

#[tokio::test]
async fn q16_every_attempt_has_an_assertion_of_its_own() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    // The server looks at the date of an assertion on its own clock.
    app.clock.set(SystemClock.now());
    let by_key =
        "token_endpoint_auth_method = \"private_key_jwt\"\nclient_assertion = { header = { kid = \"k1\" } }";
    let usual = "token_endpoint_auth_method = \"client_secret_basic\"";
    app.define(REAL, &server.definition(&server.url(1)).replace(usual, by_key));
    let made = app.as_key().put("/connectors/real", &json!({"provider": REAL})).await.ok(201);
    // An uncompressed point: 4, then both coordinates.
    let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&EC.public[range]);
    let key = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": "k1", "x": coordinate(1..33), "y": coordinate(33..65),
    });
    let registered = server
        .register(&json!({
            "redirect_uris": [made["redirectUri"]],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": {"keys": [key]},
        }))
        .await;
    app.put_real_client(registered["client_id"].as_str().unwrap(), &EC.pem).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, 3).await;
    server.reported("refresh_token.consumed", 3).await;
    assert!(server.events("grant.error").is_empty(), "{:?}", server.events("grant.error"));
    end(&app, &server, &credential).await;
}
