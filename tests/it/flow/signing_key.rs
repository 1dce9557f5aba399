//! Service accounts: a user gives a key, and the hub signs by it, anew whenever a token runs out.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::app::TestApp;
use crate::support::keys::{EC, RSA, read_jwt};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An app that gives a token for a signed JWT, and takes any token in calls.
async fn exchanging() -> MockServer {
    let server = MockServer::start().await;
    let token = ResponseTemplate::new(200).set_body_json(json!({"access_token": "sa-1", "expires_in": 3600}));
    Mock::given(path("/token")).respond_with(token).mount(&server).await;
    let fine = ResponseTemplate::new(200).set_body_json(json!({"id": "acc-1"}));
    Mock::given(any()).respond_with(fine).mount(&server).await;
    server
}

fn definition(server: &str) -> String {
    format!(
        r#"name = "Acme"
documentation = "https://acme.example/docs"
base_url = "{server}/api"
account = "{{client_email}}"
[variables]
private_key = {{ label = "Private key", secret = true }}
client_email = {{ label = "E-mail", pattern = '\S+@\S+' }}
[jwt]
algorithm = "RS256"
key = "{{private_key}}"
claims = {{ iss = "{{client_email}}", scope = "{{scope}}", aud = "{server}/token" }}
lifetime = 3600
token_endpoint = "{server}/token"
token_params = {{ grant_type = "{GRANT}", assertion = "{{jwt}}" }}
[check]
path = "/me"
"#
    )
}

async fn requests(server: &MockServer, path: &str) -> Vec<Request> {
    let all = server.received_requests().await.unwrap();
    all.into_iter().filter(|request| request.url.path() == path).collect()
}

/// The assertion of a token request, read with the key that must have made it.
fn assertion(request: &Request) -> Value {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    assert_eq!(pairs[0], ("grant_type".to_owned(), GRANT.to_owned()));
    let (_, jwt) = pairs.iter().find(|(name, _)| name == "assertion").unwrap();
    read_jwt(jwt, &RSA.public).1
}

#[tokio::test]
async fn a_key_file_is_exchanged_for_tokens_that_are_renewed() {
    let server = exchanging().await;
    let Some(app) = TestApp::start().await else { return };
    app.define("acme", &definition(&server.uri()));
    let connector = json!({"provider": "acme", "scopes": ["reports.read", "reports.write"]});
    app.as_key().put("/connectors/acme", &connector).await.ok(201);
    app.as_key().post("/users", &json!({"username": "u-17"})).await.ok(201);
    let file = json!({"type": "service_account", "client_email": "r@acme.example", "private_key": RSA.pem});
    let body = json!({"userId": "u-17", "connector": "acme", "data": {"private_key": file.to_string()}});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    assert_eq!((&made["method"], &made["account"]["id"]), (&json!("jwt"), &json!("r@acme.example")));
    let credential = made["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(app.token(&credential).await["accessToken"], "sa-1");

    let first = assertion(&requests(&server, "/token").await[0]);
    assert_eq!(first["iss"], "r@acme.example");
    assert_eq!(first["scope"], "reports.read reports.write");
    let lifetime = first["exp"].as_i64().unwrap() - first["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 3600);

    app.clock.advance(TimeDelta::hours(2));
    app.token(&credential).await;
    let all = requests(&server, "/token").await;
    assert_eq!(all.len(), 2, "asked anew once");
    let moved = assertion(&all[1])["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap();
    assert_eq!(moved, 7_200);
    let shown = format!("{made} {}", app.shown(&credential).await);
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
}

#[tokio::test]
async fn what_is_no_key_is_told_at_its_field_and_nothing_is_asked() {
    let server = exchanging().await;
    let Some(app) = TestApp::start().await else { return };
    app.define("acme", &definition(&server.uri()));
    let connector = json!({"provider": "acme", "scopes": ["reports.read"]});
    app.as_key().put("/connectors/acme", &connector).await.ok(201);
    app.as_key().post("/users", &json!({"username": "u-17"})).await.ok(201);
    let cut: String = RSA.pem.chars().take(300).collect();
    for (key, words) in [
        ("canary-key", "BEGIN and END"),
        (cut.as_str(), "END line is missing"),
        (EC.pem.as_str(), "RSA"),
        (&RSA.pem.replace("PRIVATE", "PUBLIC"), "private key is needed"),
        (&RSA.pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "passphrase"),
    ] {
        for verify in [true, false] {
            let data = json!({"private_key": key, "client_email": "r@acme.example"});
            let body = json!({"userId": "u-17", "connector": "acme", "data": data, "verify": verify});
            let answer = app.as_key().post("/credentials", &body).await;
            let problem = answer.assert_problem(400, "invalid_request");
            let error = &problem["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!("/data/private_key"), &json!("invalid_key"))
            );
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(words) && !problem.to_string().contains("canary"), "{problem}");
        }
    }
    let modal = app.modal(&json!({"userId": "u-17", "connectors": ["acme"]})).await;
    let form = modal.page("").await;
    assert!(form.contains("<textarea id=\"vs-private_key\""), "{form}");
    let data = json!({"private_key": "canary-key", "client_email": "r@acme.example"});
    let page = modal.submit("acme", "jwt", data).await;
    assert!(page.contains("BEGIN and END") && !page.contains("canary"), "{page}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connector_without_scopes_says_so() {
    let server = exchanging().await;
    let Some(app) = TestApp::start().await else { return };
    app.define("acme", &definition(&server.uri()));
    app.as_key().post("/users", &json!({"username": "u-17"})).await.ok(201);
    let data = json!({"private_key": RSA.pem, "client_email": "r@acme.example"});
    let body = json!({"userId": "u-17", "connector": "acme", "data": data});
    app.as_key().post("/credentials", &body).await.assert_problem(400, "connector_incomplete");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_the_hub_signs_itself_goes_on_calls_as_it_is() {
    let server = exchanging().await;
    let Some(app) = TestApp::start().await else { return };
    let text = format!(
        r#"name = "Store"
documentation = "https://store.example/docs"
base_url = "{}"
[variables]
key_id = {{ label = "Key ID" }}
private_key = {{ label = "Private key", secret = true }}
[jwt]
algorithm = "ES256"
key = "{{private_key}}"
header = {{ kid = "{{key_id}}" }}
claims = {{ aud = "store-v1" }}
lifetime = 1200
[check]
path = "/me"
"#,
        server.uri()
    );
    app.define("store", &text);
    app.as_key().post("/users", &json!({"username": "u-17"})).await.ok(201);
    let data = json!({"private_key": EC.pem, "key_id": "K1"});
    let body = json!({"userId": "u-17", "connector": "store", "data": data});
    let made = app.as_key().post("/credentials", &body).await.ok(201);
    let credential = made["credentialId"].as_str().unwrap().to_owned();
    let token = app.token(&credential).await;
    let (header, claims) = read_jwt(token["accessToken"].as_str().unwrap(), &EC.public);
    assert_eq!((&header["kid"], &claims["aud"]), (&json!("K1"), &json!("store-v1")));

    app.clock.advance(TimeDelta::minutes(30));
    app.calling(&credential).get("/proxy/things").await;
    let call = requests(&server, "/things").await.remove(0);
    let sent = call.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    let (_, later) = read_jwt(&sent, &EC.public);
    assert_eq!(later["iat"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1_800);
    assert!(requests(&server, "/token").await.is_empty());
}
