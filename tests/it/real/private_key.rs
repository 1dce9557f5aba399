//! A client that authenticates by a key at a server that takes each assertion once.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;
use url::form_urlencoded;
use vouchsafe::clock::{Clock as _, SystemClock};
use vouchsafe::demo::fake::{Client, DEMO_CLIENT_ID, Endpoint, FERNHILL, Fault, Plan, RefreshKind};

use super::rotation::{end, renew};
use crate::support::app::TestApp;
use crate::support::keys::{EC, read_jwt};
use crate::support::raw_server::RawServer;
use crate::support::servers::{AuthServer as _, OidcOptions, OidcProvider, REAL};

/// What a definition says of such a client.
const BY_KEY: &str =
    "token_endpoint_auth_method = \"private_key_jwt\"\nclient_assertion = { header = { kid = \"k1\" } }";

#[tokio::test]
async fn q16_every_attempt_has_an_assertion_of_its_own() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    // The server looks at the date of an assertion on its own clock.
    app.clock.set(SystemClock.now());
    let usual = "token_endpoint_auth_method = \"client_secret_basic\"";
    app.define(REAL, &server.definition(&server.url(1)).replace(usual, BY_KEY));
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

#[tokio::test]
async fn q16_every_attempt_has_an_assertion_of_its_own_twin() {
    let Some(app) = TestApp::start().await else { return };
    app.fake.configure(|settings| settings.kind = RefreshKind::Static);
    let front = RawServer::front(app.fake.base_url(), |_| false).await;
    let here = format!("token_endpoint = \"{}/oauth/token\"", app.fake.base_url());
    let there = format!("token_endpoint = \"{}/oauth/token\"\n{BY_KEY}", front.base_url);
    app.redefine(|text| text.replace(&here, &there));
    let body = json!({"provider": FERNHILL, "clientId": DEMO_CLIENT_ID, "clientSecret": EC.pem});
    let made = app.as_key().put("/connectors/fernhill", &body).await.ok(201);
    // The fake asks no proof of a client without a secret: it is looked at below.
    let client = Client { secret: None, ..Client::new(DEMO_CLIENT_ID, "") };
    app.fake.register(client.redirect(made["redirectUri"].as_str().unwrap()));
    let credential = app.connect("u-17").await;
    app.fake.program(Plan::next(Endpoint::Refresh, Fault::status(StatusCode::BAD_GATEWAY)));
    app.clock.advance(TimeDelta::hours(2));
    app.read(&credential).await.assert_problem(503, "refresh_pending");
    app.clock.advance(TimeDelta::hours(2));
    app.read(&credential).await.ok(200);

    let ids = front.requests().into_iter().map(|request| {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let fields: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        assert!(!fields.contains_key("client_secret"), "{:?}", fields.keys());
        let (_, claims) = read_jwt(&fields["client_assertion"], &EC.public);
        claims["jti"].as_str().unwrap().to_owned()
    });
    assert_eq!(ids.collect::<HashSet<_>>().len(), 3, "of the code, of what failed and of what came after it");
}
