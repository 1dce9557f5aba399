//! A server of the Model Context Protocol, whose sign-in is found out when somebody connects: it is held to what it
//! announces, and what it hands out is not believed blindly.

use serde_json::json;
use vouchsafe::demo::fake::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::app::TestApp;

const TOOLS: &str = "tools";

/// A server that has people sign in at the fake, and registers clients with this secret. `announced`: what it says of
/// the issuer in its answers, where it says anything.
async fn tools(app: &TestApp, secret: &str, announced: Option<bool>) -> MockServer {
    let server = MockServer::start().await;
    let (uri, fake) = (server.uri(), app.fake.base_url());
    let resource = json!({
        "resource": format!("{uri}/mcp"), "authorization_servers": [uri], "scopes_supported": ["profile"],
    });
    let mut metadata = json!({
        "issuer": uri,
        "authorization_endpoint": format!("{fake}/oauth/authorize"),
        "token_endpoint": format!("{fake}/oauth/token"),
        "registration_endpoint": format!("{uri}/register"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    });
    if let Some(announced) = announced {
        metadata["authorization_response_iss_parameter_supported"] = json!(announced);
    }
    let client = json!({"client_id": DEMO_CLIENT_ID, "client_secret": secret});
    for (at, body) in [
        ("/.well-known/oauth-protected-resource/mcp", resource),
        ("/.well-known/oauth-authorization-server", metadata),
        ("/register", client),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    app.fake.configure(|settings| settings.any_redirect = true);
    app.define(
        TOOLS,
        &format!(
            "name = \"Tools\"\ndocumentation = \"https://tools.example/docs\"\nbase_url = \"{uri}\"\n\
             [mcp]\nurl = \"{uri}/mcp\"\n"
        ),
    );
    server
}

#[tokio::test]
async fn q13_a_server_that_announces_its_issuer_is_held_to_it() {
    for announced in [None, Some(false), Some(true)] {
        let Some(app) = TestApp::start().await else { return };
        let server = tools(&app, DEMO_CLIENT_SECRET, announced).await;
        let needed = announced == Some(true);
        let cases = [
            (server.uri(), true),
            ("https://evil.example".to_owned(), false),
            // None in the answer.
            (String::new(), !needed),
        ];
        for (at, (issuer, goes_on)) in cases.into_iter().enumerate() {
            let what = format!("{announced:?} {issuer:?}");
            app.fake.configure(|settings| settings.issuer = Some(issuer));
            let before = app.fake.counters().token_requests;
            let modal = app.modal(&json!({"userId": format!("u-{at}"), "connectors": [TOOLS]})).await;
            let popup = modal.popup(TOOLS).await;
            popup.allow(&app, "jo@acme.test").await;
            let result = modal.result(TOOLS).await;
            assert_eq!(app.fake.counters().token_requests - before, u64::from(goes_on), "{what}");
            if goes_on {
                assert_eq!(result["status"], "completed", "{what}: {result}");
                continue;
            }
            assert_eq!((&result["status"], &result["error"]), (&json!("failed"), &json!("issuer_mismatch")));
            let path = format!("/audit-events?action=connect.failed&target={}", popup.flow);
            let audit = app.as_key().get(&path).await.ok(200);
            let event = &audit["data"][0];
            assert_eq!(event["result"], "refused", "{what}: {audit}");
            assert_eq!(event["reason"], format!("{TOOLS}: issuer_mismatch"), "{what}");
        }
    }
}

#[tokio::test]
async fn q07_a_registration_may_be_answered_200_or_201() {
    for status in [200_u16, 201] {
        let Some(app) = TestApp::start().await else { return };
        let server = tools(&app, DEMO_CLIENT_SECRET, None).await;
        let client = json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET});
        let answer = ResponseTemplate::new(status).set_body_json(client);
        // Before the usual answer.
        Mock::given(path("/register")).respond_with(answer).with_priority(1).expect(1..).mount(&server).await;
        app.fake.configure(|settings| settings.issuer = Some(String::new()));
        let modal = app.modal(&json!({"userId": "u-17", "connectors": [TOOLS]})).await;
        modal.popup(TOOLS).await.allow(&app, "jo@acme.test").await;
        assert_eq!(modal.result(TOOLS).await["status"], "completed", "{status}");
    }
}

#[tokio::test]
async fn a_secret_that_reads_as_a_reference_is_not_taken_from_a_server() {
    let Some(app) = TestApp::start().await else { return };
    let key = app.as_key();
    let secret = json!({
        "key": "INNER", "value": "canary-of-the-embedder", "type": "api_key", "visibility": "masked",
    });
    key.post("/secrets", &secret).await.ok(201);
    for offered in ["$Secret{INNER}", "a$Token{INNER}b", "$$Secret{INNER}"] {
        let server = tools(&app, offered, None).await;
        let modal = app.modal(&json!({"userId": "u-17", "connectors": [TOOLS]})).await;
        let ticket = modal.ticket(TOOLS).await;
        let start = format!("{}{}", app.base_url, ticket["startUrl"].as_str().unwrap());
        let refused = app.client.get(start).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{offered}");
        let asked = server.received_requests().await.unwrap();
        assert!(asked.iter().any(|request| request.url.path() == "/register"), "{offered}: it did offer one");
        let kept = app.rows("SELECT id FROM connector WHERE client_id IS NOT NULL").await;
        assert!(kept.is_empty(), "{offered}: nothing of it is kept");
    }
    let registered = key.get("/audit-events?action=connector.register").await.ok(200);
    assert_eq!(registered["data"], json!([]));
    // With a secret that is one, the same server is fine.
    let _server = tools(&app, DEMO_CLIENT_SECRET, None).await;
    app.fake.configure(|settings| settings.issuer = Some(String::new()));
    let modal = app.modal(&json!({"userId": "u-17", "connectors": [TOOLS]})).await;
    modal.popup(TOOLS).await.allow(&app, "jo@acme.test").await;
    assert_eq!(modal.result(TOOLS).await["status"], "completed");
}
