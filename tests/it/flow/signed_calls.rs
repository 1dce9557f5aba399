//! OAuth 1.0a: a user signs in, and each call is signed by client and token.

use serde_json::json;
use url::Url;
use wiremock::matchers::{header_regex, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::app::TestApp;

/// An app that gives temporary credentials and tokens to whoever signs.
async fn prints() -> MockServer {
    let server = MockServer::start().await;
    let form = |text: &str| ResponseTemplate::new(200).set_body_string(text.to_owned());
    Mock::given(method("POST"))
        .and(path("/request"))
        .and(header_regex("authorization", "^OAuth .*oauth_callback="))
        .respond_with(form("oauth_token=tmp-1&oauth_token_secret=tmps-1&oauth_callback_confirmed=true"))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/token"))
        .and(header_regex("authorization", "oauth_token=\"tmp-1\".*oauth_verifier=\"v-1\""))
        .respond_with(form("oauth_token=tok-1&oauth_token_secret=canary-secret-1&user_id=7"))
        .mount(&server)
        .await;
    Mock::given(header_regex("authorization", "oauth_token=\"tok-1\""))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
        .mount(&server)
        .await;
    server
}

async fn put_prints(app: &TestApp, server: &str) -> Url {
    define_prints(app, server, "");
    let body = json!({"provider": "prints", "clientId": "c-1", "clientSecret": "canary-client-1"});
    let made = app.as_key().put("/connectors/prints", &body).await.ok(201);
    made["redirectUri"].as_str().unwrap().parse().unwrap()
}

/// Writes its definition with this at its end.
fn define_prints(app: &TestApp, server: &str, end: &str) {
    let text = format!(
        r#"name = "Prints"
documentation = "https://prints.example/docs"
base_url = "{server}/api"
account = "{{user_id}}"
[variables]
user_id = {{ from = "token.user_id" }}
[oauth1]
request_token_endpoint = "{server}/request"
authorization_endpoint = "{server}/authorize"
token_endpoint = "{server}/token"
{end}"#
    );
    app.define("prints", &text);
}

fn back(redirect: &Url, pairs: &[(&str, &str)]) -> Url {
    let mut back = redirect.clone();
    back.query_pairs_mut().extend_pairs(pairs);
    back
}

#[tokio::test]
async fn a_user_signs_in_and_calls_are_signed() {
    let server = prints().await;
    let Some(app) = TestApp::start().await else { return };
    let redirect = put_prints(&app, &server.uri()).await;
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["prints"]})).await;
    assert!(modal.page("").await.contains("data-vs-page=\"sign-in\""));
    let popup = modal.popup("prints").await;
    assert_eq!(popup.consent.query(), Some("oauth_token=tmp-1"));
    let pairs = [("oauth_token", "tmp-1"), ("oauth_verifier", "v-1")];
    let (status, page) = app.callback(&back(&redirect, &pairs), &popup.cookie).await;
    assert_eq!(status, 200, "{page}");
    let credential = modal.result("prints").await["credentialId"].as_str().unwrap().to_owned();
    let shown = app.shown(&credential).await;
    assert_eq!((&shown["method"], &shown["account"]["id"]), (&json!("oauth1"), &json!("7")));
    assert!(!shown.to_string().contains("canary"), "{shown}");
    let fields = json!({"oauth_token": "tok-1", "oauth_token_secret": "canary-secret-1"});
    assert_eq!(app.token(&credential).await["fields"], fields);
    let answer = app.calling(&credential).get("/proxy/prints?size=large").await;
    assert_eq!(answer.ok(200), json!({"ok": true}));
    // The answer is good for one sign-in.
    assert_eq!(app.callback(&back(&redirect, &pairs), &popup.cookie).await.0, 400);
    let refused = app.as_key().act(&format!("/credentials/{credential}/refresh")).await;
    refused.assert_problem(400, "not_refreshable");
}

#[tokio::test]
async fn a_user_who_says_no_is_told_so() {
    for pairs in [&[("denied", "tmp-1")][..], &[("oauth_token", "tmp-1"), ("oauth_problem", "user_refused")]]
    {
        let server = prints().await;
        let Some(app) = TestApp::start().await else { return };
        let redirect = put_prints(&app, &server.uri()).await;
        let modal = app.modal(&json!({"userId": "u-17", "connectors": ["prints"]})).await;
        let popup = modal.popup("prints").await;
        app.callback(&back(&redirect, pairs), &popup.cookie).await;
        let result = modal.result("prints").await;
        assert_eq!(
            (&result["status"], &result["error"]),
            (&json!("failed"), &json!("access_denied")),
            "{pairs:?}"
        );
    }
}

#[tokio::test]
async fn whoever_goes_on_without_a_turn_is_asked_again_and_goes_on_then() {
    let server = prints().await;
    let short = std::time::Duration::from_millis(100);
    let Some(app) = TestApp::start_as(|parts| parts.turn_wait = short, |_| ()).await else { return };
    let redirect = put_prints(&app, &server.uri()).await;
    define_prints(&app, &server.uri(), "[limits]\nconcurrency = 8\nrate = 0.01\n");
    // Somebody else takes the only turn.
    let other = app.modal(&json!({"userId": "u-17", "connectors": ["prints"]})).await;
    let popup = other.popup("prints").await;
    app.callback(&back(&redirect, &[("denied", "tmp-1")]), &popup.cookie).await;

    let modal = app.modal(&json!({"userId": "u-18", "connectors": ["prints"]})).await;
    let ticket = modal.ticket("prints").await;
    let (flow, cookie) = app.begin(ticket["startUrl"].as_str().unwrap()).await;
    let refused = app.go_on(&flow, &cookie).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    let policy = refused.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("form-action 'self' {}", server.uri())), "{policy}");
    let page = refused.text().await.unwrap();
    assert!(page.contains("is being called as often as it allows"), "{page}");
    assert!(page.contains("action=\"/connect/start/continue\"") && page.contains(&flow), "{page}");

    define_prints(&app, &server.uri(), "");
    let gone_on = app.go_on(&flow, &cookie).await;
    assert_eq!(gone_on.status(), 303);
    let location = gone_on.headers()["location"].to_str().unwrap();
    assert_eq!(location, format!("{}/authorize?oauth_token=tmp-1", server.uri()));
}
