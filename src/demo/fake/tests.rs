//! The fake as its clients see it: over HTTP, on a clock that moves when told.

mod faults;
mod flow;
mod refresh;

use std::sync::Arc;

use reqwest::{Client as Http, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use super::*;
use crate::clock::ManualClock;

const REDIRECT: &str = "http://127.0.0.1:9/oauth/callback/con_1";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A fake with a clock of its own and a client that knows nothing of it but its address.
struct Rig {
    fake: FakeProvider,
    clock: Arc<ManualClock>,
    http: Http,
}

impl Rig {
    async fn new(kind: RefreshKind) -> Self {
        let clock = Arc::new(ManualClock::default());
        let mut config = FakeConfig::on_loopback().await.unwrap();
        config.clock = clock.clone();
        config.settings.kind = kind;
        config.clients = vec![Client::demo(REDIRECT)];
        let fake = FakeProvider::start(config).unwrap();
        Self { fake, clock, http: client() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.fake.base_url())
    }

    fn asked(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", DEMO_CLIENT_ID),
            ("redirect_uri", REDIRECT),
            ("scope", "profile items:read"),
            ("state", "s-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            pairs.retain(|(kept, _)| kept != name);
            pairs.push((name, value));
        }
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    async fn decide(&self, changes: &[(&str, &str)], decision: &str) -> Response {
        let mut form = Self::asked(changes);
        form.push(("username".to_owned(), DEMO_USERNAME.to_owned()));
        form.push(("decision".to_owned(), decision.to_owned()));
        self.http.post(self.url("/oauth/authorize")).form(&form).send().await.unwrap()
    }

    async fn code(&self) -> String {
        let response = self.decide(&[], "allow").await;
        answer(&response).into_iter().find(|(name, _)| name == "code").unwrap().1
    }

    fn token(&self, form: &[(&str, &str)]) -> RequestBuilder {
        let mut form = form.to_vec();
        form.push(("client_id", DEMO_CLIENT_ID));
        form.push(("client_secret", DEMO_CLIENT_SECRET));
        self.http.post(self.url("/oauth/token")).form(&form)
    }

    fn exchange(&self, code: &str) -> RequestBuilder {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.token(&form)
    }

    async fn connected(&self) -> Value {
        json(self.exchange(&self.code().await)).await.1
    }

    fn spend(&self, refresh_token: &str) -> RequestBuilder {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    async fn me(&self, access_token: &str) -> u16 {
        let call = self.http.get(self.url("/api/me")).bearer_auth(access_token);
        call.send().await.unwrap().status().as_u16()
    }
}

#[expect(clippy::disallowed_methods, reason = "the client of these tests stands for the hub")]
fn client() -> Http {
    Http::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

fn answer(response: &Response) -> Vec<(String, String)> {
    assert_eq!(response.status(), 303);
    let to = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    assert!(to.as_str().starts_with(REDIRECT));
    to.query_pairs().into_owned().collect()
}

async fn json(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_else(|| panic!("no {member} in {body}"))
}
