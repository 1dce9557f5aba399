//! The protocol on the wire, with definitions as they are written in files.

mod authorizing;
mod failing;
mod minting;
mod requesting;
mod revoking;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use super::{ClientAuth, TokenAnswer, TokenError, exchange, refresh};
use crate::{
    egress::{Egress, EgressConfig},
    provider::{Definition, Registry, Sources, Values},
};

const REDIRECT: &str = "https://hub.test/oauth/callback/con_1?x=1";

/// A definition called `acme`; `$S` in `toml` stands for the origin of `server`.
fn definition(server: &str, toml: &str) -> Arc<Definition> {
    let dir = tempfile::tempdir().unwrap();
    let head = "name = \"Acme\"\ndocumentation = \"https://acme.test/docs\"\ncategories = [\"crm\"]\n\
                base_url = \"https://api.acme.test\"\n";
    std::fs::write(dir.path().join("acme.toml"), format!("{head}{}", toml.replace("$S", server))).unwrap();
    let sources = Sources { builtin: false, dir: Some(dir.path().to_owned()), allow_http: true };
    let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    registry.get("acme").unwrap()
}

/// `[oauth2]` with `keys` and endpoints at `server`.
fn oauth2(server: &str, keys: &str) -> Arc<Definition> {
    let table = "[oauth2]\nauthorization_endpoint = \"$S/authorize\"\ntoken_endpoint = \"$S/token\"\n";
    definition(server, &format!("{table}{keys}\n"))
}

fn egress() -> Arc<Egress> {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    Egress::new(EgressConfig { allow, allow_http: true, ..EgressConfig::default() }).unwrap()
}

fn client() -> ClientAuth {
    ClientAuth { client_id: "s6BhdRkqt3".to_owned(), client_secret: Some("7Fjfp0ZBr1KtDRbnfVdmIw".into()) }
}

fn now() -> DateTime<Utc> {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    server
}

fn token_answer() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(serde_json::json!({ "access_token": "at-1", "refresh_token": "rt-2" }))
}

async fn exchange(definition: &Definition, client: &ClientAuth) -> Result<TokenAnswer, TokenError> {
    let grant = exchange::CodeGrant {
        code: "code-canary".into(),
        verifier: Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into()),
        redirect_uri: REDIRECT.to_owned(),
        scopes: vec!["write".to_owned()],
    };
    exchange::exchange_code(&egress(), definition, &Values::new(), client, &grant, now()).await
}

async fn refresh(definition: &Definition, client: &ClientAuth) -> Result<TokenAnswer, TokenError> {
    let spent = SecretString::from("rt-canary");
    refresh::refresh(&egress(), definition, &Values::new(), client, &spent, now()).await
}

/// The only request that `server` got.
async fn only(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}
