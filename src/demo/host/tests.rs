//! The host app before a hub that answers as it is told.

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::demo::fake::{DEMO_CLIENT_ID, FakeConfig, FakeProvider, VALID_KEY};

const KEY: &str = "vs_test_key";

/// The host app before a hub that answers as it is told.
struct Rig {
    hub: MockServer,
    fake: FakeProvider,
    host: HostApp,
    http: reqwest::Client,
}

impl Rig {
    async fn new() -> Self {
        let hub = MockServer::start().await;
        let fake = FakeProvider::start(FakeConfig::on_loopback().await.unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host =
            HostApp::start(HostConfig::demo(listener, &hub.uri(), KEY.into(), fake.base_url())).unwrap();
        Self { hub, fake, host, http: client() }
    }

    async fn on(&self, verb: &str, at: &str, status: u16, body: Value) {
        let mock =
            Mock::given(method(verb)).and(path(at)).and(header("authorization", format!("Bearer {KEY}")));
        mock.respond_with(ResponseTemplate::new(status).set_body_json(body))
            .expect(1..)
            .mount(&self.hub)
            .await;
    }

    async fn has(&self, connector: &str, status: &str) {
        let row = json!({
            "credentialId": "cred_1", "connector": connector, "status": status,
            "account": { "id": "a", "label": "ops<b>@acme.test" },
            "nextStep": if status == "expired" { json!("reconnect") } else { Value::Null },
        });
        self.on(
            "GET",
            "/users/jo%40acme.test/credentials",
            200,
            json!({ "data": [row], "nextCursor": null }),
        )
        .await;
    }

    async fn post(&self, at: &str, body: Value) -> (u16, String) {
        let url = format!("{}{at}", self.host.base_url());
        let response = self.http.post(url).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn get(&self, at: &str) -> reqwest::Response {
        self.http.get(format!("{}{at}", self.host.base_url())).send().await.unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the client of these tests stands for a browser")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_page_lists_what_is_connected_and_escapes_it() {
    let rig = Rig::new().await;
    rig.has("fernhill", "active").await;
    let page = rig.get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains(&format!("frame-src {}", rig.hub.uri())) && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = page.text().await.unwrap();
    assert!(html.contains("ops&lt;b&gt;@acme.test") && html.contains("data-action=\"use\""), "{html}");
    assert!(html.contains(&format!("{}/connect.js", rig.hub.uri())) && !html.contains(KEY));
    let part = rig.get("/connections").await.text().await.unwrap();
    assert!(part.contains("cred_1") && !part.contains("<html"));
    assert_eq!(part.matches(">Connected<").count(), 2, "one word for one thing: {part}");
    assert!(!part.contains(">active<") && part.contains("Connect apps"), "{part}");
}

#[tokio::test]
async fn an_expired_connection_offers_to_reconnect_and_no_use() {
    let rig = Rig::new().await;
    rig.has("fernhill", "expired").await;
    let html = rig.get("/connections").await.text().await.unwrap();
    assert!(
        html.contains("data-credential=\"cred_1\">Reconnect")
            && html.contains(">Expired<")
            && !html.contains("data-action=\"use\""),
        "{html}"
    );
}

#[tokio::test]
async fn connect_token_asks_for_the_signed_in_user_and_keeps_the_key() {
    let rig = Rig::new().await;
    let asked = json!({
        "user": { "username": "jo@acme.test" },
        "integration": "orders-to-sheet",
        "allowedOrigins": [rig.host.base_url()],
        "returnUrl": format!("{}/connected", rig.host.base_url()),
    });
    let made = json!({ "sessionId": "csess_1", "token": "csess_1.secretsecretsecret", "connectUrl": "http://hub/c#t" });
    Mock::given(method("POST"))
        .and(path("/connect/sessions"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .and(body_partial_json(asked))
        .respond_with(ResponseTemplate::new(201).set_body_json(made))
        .expect(1)
        .mount(&rig.hub)
        .await;
    let (status, body) = rig.post("/connect-token", json!({})).await;
    let answer = serde_json::from_str::<Value>(&body).unwrap();
    assert_eq!((status, &answer["token"]), (200, &json!("csess_1.secretsecretsecret")));
    assert!(!body.contains(KEY) && answer["steps"][0]["curl"].as_str().unwrap().contains("$VOUCHSAFE_KEY"));
    assert!(!answer["steps"][0]["answer"].as_str().unwrap().contains("secretsecret"), "{body}");
}

#[tokio::test]
async fn using_a_token_or_a_key_calls_the_app_and_shows_neither() {
    let rig = Rig::new().await;
    let grant = rig.fake.issue_grant(DEMO_CLIENT_ID, "ops@acme.test", &["profile"]);
    let token = secrecy::ExposeSecret::expose_secret(&grant.access_token).to_owned();
    let at = "/users/jo%40acme.test/connectors";
    rig.on(
        "GET",
        &format!("{at}/fernhill/token"),
        200,
        json!({ "accessToken": token, "tokenType": "Bearer" }),
    )
    .await;
    rig.on("GET", &format!("{at}/quillpost/token"), 200, json!({ "fields": { "key": VALID_KEY } })).await;
    for (connector, secret, account) in
        [("fernhill", token.as_str(), "ops@acme.test"), ("quillpost", VALID_KEY, "jo@acme.test")]
    {
        let (status, body) = rig.post("/use", json!({ "connector": connector })).await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(account) && !body.contains(secret), "{body}");
    }
    assert_eq!(rig.fake.counters().api_calls, 2);
    assert_eq!(rig.post("/use", json!({ "connector": "other" })).await.0, 404);
}

#[tokio::test]
async fn the_proxy_is_asked_with_user_and_connector() {
    let rig = Rig::new().await;
    Mock::given(method("GET"))
        .and(path("/proxy/me"))
        .and(header("vouchsafe-user", "jo@acme.test"))
        .and(header("vouchsafe-connector", "quillpost"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "email": "through@acme.test" })))
        .expect(1)
        .mount(&rig.hub)
        .await;
    let (status, body) = rig.post("/use", json!({ "connector": "quillpost", "proxy": true })).await;
    assert!(status == 200 && body.contains("through@acme.test"), "{body}");
}

#[tokio::test]
async fn only_ones_own_connection_can_be_disconnected_or_renewed() {
    let rig = Rig::new().await;
    rig.has("fernhill", "active").await;
    rig.on("DELETE", "/credentials/cred_1", 200, json!({ "success": true, "revokedUpstream": "revoked" }))
        .await;
    let other = json!({ "credentialId": "cred_2" });
    assert_eq!(rig.post("/disconnect", other.clone()).await.0, 404);
    assert_eq!(rig.post("/connect-token", other).await.0, 404);
    assert_eq!(rig.post("/disconnect", json!({ "credentialId": "cred_1" })).await.0, 200);
}

#[tokio::test]
async fn coming_back_with_a_code_confirms_it_for_the_signed_in_user() {
    let rig = Rig::new().await;
    Mock::given(method("POST"))
        .and(path("/connect/sessions/csess_1/confirm"))
        .and(body_partial_json(json!({ "userId": "jo@acme.test", "confirmationCode": "good" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "status": "completed" })))
        .expect(2)
        .mount(&rig.hub)
        .await;
    let back = rig
        .get("/connected?sessionId=csess_1&credentialId=cred_1&confirmationCode=good&status=pending")
        .await;
    assert_eq!(
        (back.status().as_u16(), back.headers()["location"].as_bytes()),
        (303, &b"/?result=completed"[..])
    );
    let refused = rig.get("/connected?sessionId=csess_1&confirmationCode=bad").await;
    assert_eq!(refused.status(), 502);
    let cancelled = rig.get("/connected?status=cancelled").await;
    assert_eq!(cancelled.headers()["location"], "/?result=cancelled");
    let code = json!({ "sessionId": "csess_1", "confirmationCode": "good" });
    assert_eq!(rig.post("/confirm", code).await.0, 200);
}

#[tokio::test]
async fn the_hosted_page_is_a_redirect_that_other_sites_cannot_press() {
    let rig = Rig::new().await;
    rig.on(
        "POST",
        "/connect/sessions",
        201,
        json!({ "token": "t.t", "connectUrl": "http://hub.test/connect#t" }),
    )
    .await;
    let url = format!("{}/connect-link", rig.host.base_url());
    let opened = rig.http.post(&url).send().await.unwrap();
    assert_eq!(
        (opened.status().as_u16(), opened.headers()["location"].as_bytes()),
        (303, &b"http://hub.test/connect#t"[..])
    );
    let foreign = rig.http.post(&url).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
}

#[tokio::test]
async fn a_hub_that_is_down_or_refuses_is_said_plainly() {
    let rig = Rig::new().await;
    let refused = json!({ "status": 401, "code": "unauthenticated", "message": "this API key isn't known" });
    rig.on("GET", "/users/jo%40acme.test/credentials", 401, refused).await;
    let html = rig.get("/").await.text().await.unwrap();
    assert!(
        html.contains("this API key isn&#x27;t known") || html.contains("this API key isn&#39;t known"),
        "{html}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = HostConfig::demo(listener, "http://127.0.0.1:1", KEY.into(), rig.fake.base_url());
    let host = HostApp::start(config).unwrap();
    let page = rig.http.get(host.base_url()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("the hub could not be reached"));
    let url = format!("{}/connect-token", host.base_url());
    let answer = rig.http.post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 502);
}
