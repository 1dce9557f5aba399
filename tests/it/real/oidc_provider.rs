//! What oidc-provider does, asked by a plain client: a proof that the server the other stories rely on is as strict as
//! they assume. And Vouchsafe at it.

use reqwest::{Response, Url};
use serde_json::{Value, json};

use super::rotation::{end, renew, turns};
use crate::support::app::TestApp;
use crate::support::outside::{self, query};
use crate::support::servers::{AuthServer as _, OidcOptions, OidcProvider};

const CALLBACK: &str = "https://hub.test/oauth/callback";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn authorize_url(server: &OidcProvider, client_id: &str) -> Url {
    let fields = [
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email read"),
        ("state", "s-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    Url::parse_with_params(&format!("{}/auth", server.base_url), fields).unwrap()
}

async fn token(server: &OidcProvider, client: (&str, &str), fields: &[(&str, &str)]) -> Response {
    let request = outside::client().post(format!("{}/token", server.base_url));
    request.basic_auth(client.0, Some(client.1)).form(fields).send().await.unwrap()
}

async fn exchange(server: &OidcProvider, client: (&str, &str), code: &str, verifier: &str) -> Response {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    token(server, client, &fields).await
}

async fn refresh(server: &OidcProvider, client: (&str, &str), refresh_token: &str) -> (u16, Value) {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    let response = token(server, client, &fields).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Signs in with the client `basic` and gives the token answer.
async fn tokens(server: &OidcProvider) -> Value {
    let callback = server.sign_in(&authorize_url(server, "basic"), "jo").await;
    let code = query(&callback, "code").unwrap();
    let response = exchange(server, BASIC, &code, VERIFIER).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

const BASIC: (&str, &str) = ("basic", "basic-secret");

fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}"))
}

#[tokio::test]
async fn rotations_under_several_callers_kill_no_family() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    let Some(app) = TestApp::start().await else { return };
    app.put_real(&server, &server.url(1)).await;
    let credential = app.connect_real(&server, "u-17").await;
    renew(&app, &server, &credential, turns()).await;
    server.reported("refresh_token.consumed", turns()).await;
    assert!(server.events("grant.revoked").is_empty() && server.events("grant.error").is_empty());
    end(&app, &server, &credential).await;
    server.reported("grant.revoked", 1).await;
}

#[tokio::test]
async fn a_registered_client_signs_in_refreshes_and_a_reused_token_kills_its_family() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else {
        return;
    };
    let metadata = json!({
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    let registered = server.register(&metadata).await;
    let client = (text(&registered, "client_id"), text(&registered, "client_secret"));

    let callback = server.sign_in(&authorize_url(&server, client.0), "jo").await;
    assert!(callback.as_str().starts_with(CALLBACK), "{callback}");
    assert_eq!(query(&callback, "state").as_deref(), Some("s-1"));
    // RFC 9207.
    assert_eq!(query(&callback, "iss"), Some(server.base_url.clone()));

    let code = query(&callback, "code").unwrap();
    let first: Value = exchange(&server, client, &code, VERIFIER).await.json().await.unwrap();
    assert_eq!(first["expires_in"], 5);
    let me: Value = outside::client()
        .get(format!("{}/me", server.base_url))
        .bearer_auth(text(&first, "access_token"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(me["email"], "jo@idp.test");

    let (status, second) = refresh(&server, client, text(&first, "refresh_token")).await;
    assert_eq!(status, 200);
    assert_ne!(text(&second, "refresh_token"), text(&first, "refresh_token"));

    let (status, reused) = refresh(&server, client, text(&first, "refresh_token")).await;
    assert_eq!((status, &reused["error"]), (400, &json!("invalid_grant")));
    server.reported("grant.revoked", 1).await;
    let (status, _) = refresh(&server, client, text(&second, "refresh_token")).await;
    assert_eq!(status, 400, "the winner's token is dead as well");
    server.reported("refresh_token.consumed", 1).await;
}

#[tokio::test]
async fn q01_of_parallel_refreshes_one_wins_and_its_new_token_is_dead() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else {
        return;
    };
    let first = tokens(&server).await;
    let refresh_token = text(&first, "refresh_token");
    let answers =
        futures_util::future::join_all((0..4).map(|_| refresh(&server, BASIC, refresh_token))).await;
    let winners: Vec<&Value> =
        answers.iter().filter(|(status, _)| *status == 200).map(|(_, answer)| answer).collect();
    assert_eq!(winners.len(), 1, "{:?}", answers.iter().map(|(status, _)| status).collect::<Vec<_>>());
    let (status, _) = refresh(&server, BASIC, text(winners[0], "refresh_token")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_wrong_verifier_is_refused() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else {
        return;
    };
    let callback = server.sign_in(&authorize_url(&server, "basic"), "jo").await;
    let code = query(&callback, "code").unwrap();
    let response = exchange(&server, BASIC, &code, &"x".repeat(43)).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "invalid_grant");
}

#[tokio::test]
async fn q10_a_replayed_code_kills_the_tokens_already_issued() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else {
        return;
    };
    let callback = server.sign_in(&authorize_url(&server, "basic"), "jo").await;
    let code = query(&callback, "code").unwrap();
    let first: Value = exchange(&server, BASIC, &code, VERIFIER).await.json().await.unwrap();
    assert_eq!(exchange(&server, BASIC, &code, VERIFIER).await.status(), 400);
    let (status, _) = refresh(&server, BASIC, text(&first, "refresh_token")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn q08_without_rotation_the_refresh_token_stays() {
    let options = OidcOptions { rotate: false, ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else {
        return;
    };
    let first = tokens(&server).await;
    let kept = text(&first, "refresh_token");
    for _ in 0..2 {
        let (status, answer) = refresh(&server, BASIC, kept).await;
        assert_eq!(status, 200);
        assert_eq!(answer.get("refresh_token").and_then(Value::as_str).unwrap_or(kept), kept);
    }
    assert!(server.events("refresh_token.consumed").is_empty());
}

#[tokio::test]
async fn q14_without_offline_access_there_is_no_refresh_token() {
    let options = OidcOptions { always_refresh_token: false, ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else {
        return;
    };
    assert!(tokens(&server).await.get("refresh_token").is_none());
}

#[tokio::test]
async fn pages_carry_the_opener_policy_they_were_told() {
    let options = OidcOptions { opener_policy: Some("same-origin".to_owned()), ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else {
        return;
    };
    let mut person = outside::Person::new(outside::client());
    let (_, page) = person.open(authorize_url(&server, "basic")).await;
    assert_eq!(page.headers()["cross-origin-opener-policy"], "same-origin");
    // Nothing may be loaded from another host.
    assert!(!page.text().await.unwrap().contains("googleapis"));
}
