//! A server of the Model Context Protocol whose authorization server is a real one: nothing but its address is known.

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::rotation::LIFETIME;
use crate::support::app::TestApp;
use crate::support::servers::{OidcOptions, OidcProvider, REAL};

#[tokio::test]
async fn a_server_that_says_how_to_sign_in_is_connected_renewed_and_called() {
    let resource = MockServer::start().await;
    let url = format!("{}/mcp", resource.uri());
    let options = OidcOptions { resource: Some(url.clone()), ..OidcOptions::default() };
    let Some(server) = OidcProvider::start(options).await else { return };
    let Some(app) = TestApp::start().await else { return };
    // That server signs nobody in who asks for nothing, so the scopes must be found out too.
    let metadata =
        json!({"resource": url, "authorization_servers": [server.base_url], "scopes_supported": ["read"]});
    Mock::given(path("/.well-known/oauth-protected-resource/mcp"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&resource)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&resource).await;
    let base = resource.uri();
    app.define(
        REAL,
        &format!(
            "name = \"Tools\"\ndocumentation = \"https://tools.example/docs\"\nbase_url = \"{base}\"\n\
             [mcp]\nurl = \"{url}\"\n"
        ),
    );
    // Nobody has set anything up: the connector is there by itself, and registers.
    let credential = app.connect_real(&server, "u-17").await;
    let connector = app.as_key().get("/connectors/real").await.ok(200);
    assert!(connector["clientId"].is_string(), "{connector}");
    let first = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    app.clock.advance(LIFETIME);
    let second = app.token(&credential).await["accessToken"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    server.reported("refresh_token.consumed", 1).await;
    app.calling(&credential).post("/proxy/mcp", &json!({"method": "tools/list"})).await;
    let requests = resource.received_requests().await.unwrap();
    let call = requests.iter().find(|request| request.url.path() == "/mcp").unwrap();
    assert_eq!(call.headers["authorization"], format!("Bearer {second}").as_str());

    // A second user signs in with the client that is there.
    app.connect_real(&server, "u-18").await;
    let again = app.as_key().get("/connectors/real").await.ok(200);
    assert_eq!(again["clientId"], connector["clientId"]);
    let gone = app.as_key().delete(&format!("/credentials/{credential}")).await.ok(200);
    assert_eq!(gone["revokedUpstream"], "revoked");
}
