//! Twelve facts of the protocol that the fake provider and real servers have in common, so that the fake can't drift
//! from what it imitates.

use std::collections::HashSet;

use reqwest::Url;
use serde_json::Value;
use vouchsafe::demo::fake::{Client, FakeConfig, FakeProvider};

use crate::support::outside::{self, query};
use crate::support::servers::{AuthServer, OidcOptions, OidcProvider, django::DjangoServer};

pub(super) const CALLBACK: &str = "http://127.0.0.1:1/oauth/callback";
// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The fake provider as one of the servers.
struct Fake(FakeProvider);

impl AuthServer for Fake {
    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    fn paths(&self) -> [&'static str; 5] {
        ["/oauth/authorize", "/oauth/token", "/oauth/revoke", "/api/me", "/_control/clients"]
    }

    fn reuse(&self) -> String {
        "strict".to_owned()
    }

    fn account(&self) -> &'static str {
        "email"
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["profile"]
    }

    async fn new_client(&self, redirect_uri: &str) -> (String, String) {
        let id = format!("client-{}", self.0.counters().token_requests);
        self.0.register(Client::new(&id, "secret-of-a-client").redirect(redirect_uri));
        (id, "secret-of-a-client".to_owned())
    }

    async fn sign_in(&self, authorize: &Url) -> Url {
        let mut form: Vec<(String, String)> = authorize.query_pairs().into_owned().collect();
        form.push(("username".to_owned(), "jo".to_owned()));
        form.push(("decision".to_owned(), "allow".to_owned()));
        let response = outside::client().post(self.url(0)).form(&form).send().await.unwrap();
        let location = response.headers().get("location").map(|location| location.to_str().unwrap());
        location.map_or_else(|| authorize.clone(), |location| location.parse().unwrap())
    }
}

/// A server with one of its clients.
pub(super) struct Asked<'a, S> {
    server: &'a S,
    client: (String, String),
}

impl<'a, S: AuthServer> Asked<'a, S> {
    /// A server with a client of its own.
    pub(super) async fn of(server: &'a S) -> Self {
        Self { server, client: server.new_client(CALLBACK).await }
    }

    fn authorize(&self, challenge: bool) -> Url {
        let scopes = self.server.scopes().join(" ");
        let mut fields = vec![
            ("client_id", self.client.0.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", &scopes),
            ("state", "s-1"),
        ];
        if challenge {
            fields.extend([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
        }
        Url::parse_with_params(&self.server.url(0), fields).unwrap()
    }

    pub(super) async fn code(&self) -> String {
        let back = self.server.sign_in(&self.authorize(true)).await;
        assert_eq!(query(&back, "state").as_deref(), Some("s-1"), "{back}");
        query(&back, "code").unwrap_or_else(|| panic!("{back}"))
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.server.token((&self.client.0, &self.client.1), fields).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(super) async fn exchange(&self, code: &str, verifier: &str, redirect_uri: &str) -> (u16, Value) {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        self.ask(&fields).await
    }

    pub(super) async fn tokens(&self) -> Value {
        let (status, tokens) = self.exchange(&self.code().await, VERIFIER, CALLBACK).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> (u16, Value) {
        self.ask(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    async fn revoke(&self, token: &str) -> (u16, String) {
        let request = outside::client().post(self.server.url(2));
        let answer = request.basic_auth(&self.client.0, Some(&self.client.1)).form(&[("token", token)]);
        let answer = answer.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

pub(super) fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member} in {answer}"))
}

#[track_caller]
fn refused((status, answer): &(u16, Value), code: &str) {
    assert_eq!((*status, answer["error"].as_str()), (400, Some(code)), "{answer}");
}

async fn twelve_facts(server: &impl AuthServer) {
    let asked = Asked::of(server).await;

    // 1: without a challenge there is no code.
    let back = server.sign_in(&asked.authorize(false)).await;
    assert!(query(&back, "code").is_none(), "{back}");
    // 2: a verifier that doesn't fit the challenge is refused.
    refused(&asked.exchange(&asked.code().await, &"x".repeat(43), CALLBACK).await, "invalid_grant");
    // 3: so is another redirect URI than that of the authorization request.
    let (status, _) = asked.exchange(&asked.code().await, VERIFIER, "http://127.0.0.1:1/elsewhere").await;
    assert_eq!(status, 400);
    // 4: a code works once.
    let code = asked.code().await;
    assert_eq!(asked.exchange(&code, VERIFIER, CALLBACK).await.0, 200);
    refused(&asked.exchange(&code, VERIFIER, CALLBACK).await, "invalid_grant");
    // 5: a wrong secret is 401, whatever else is right.
    let first = asked.tokens().await;
    let spent = text(&first, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", spent)];
    let wrong = server.token((&asked.client.0, "wrong"), &fields).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"], "invalid_client");
    // 6: the answer says type and lifetime, and its access token works.
    assert!(text(&first, "token_type").eq_ignore_ascii_case("bearer"));
    assert_eq!(first["expires_in"], 5);
    let account = server.whose(text(&first, "access_token")).await.unwrap();
    assert_eq!(server.whose("guessed").await, Err(401));

    facts_of_refreshing(&asked, spent, &account).await;
    facts_of_parallel_refreshes(&asked).await;

    // 12: revocation is 200 with nothing in it, for a token that nobody knows too, and ends the grant.
    let last = asked.tokens().await;
    assert_eq!(asked.revoke(text(&last, "refresh_token")).await, (200, String::new()));
    assert_eq!(asked.revoke("guessed").await, (200, String::new()));
    refused(&asked.refresh(text(&last, "refresh_token")).await, "invalid_grant");
}

async fn facts_of_refreshing<S: AuthServer>(asked: &Asked<'_, S>, spent: &str, account: &str) {
    // 7: a refresh gives two new tokens.
    let (status, second) = asked.refresh(spent).await;
    assert_eq!(status, 200, "{second}");
    let next = text(&second, "refresh_token");
    assert_ne!(next, spent);
    assert_eq!(asked.server.whose(text(&second, "access_token")).await.as_deref(), Ok(account));
    // 8: a spent token is refused, and its reuse kills the token that it bought.
    refused(&asked.refresh(spent).await, "invalid_grant");
    refused(&asked.refresh(next).await, "invalid_grant");
    // 9: a token that nobody issued is refused, and so is one of another client, which its owner can still use.
    refused(&asked.refresh("guessed").await, "invalid_grant");
    let owned = asked.tokens().await;
    let stranger = Asked::of(asked.server).await;
    refused(&stranger.refresh(text(&owned, "refresh_token")).await, "invalid_grant");
    let (status, owned) = asked.refresh(text(&owned, "refresh_token")).await;
    assert_eq!(status, 200, "{owned}");
    // 10: a refresh can't ask for more than was granted.
    let more = format!("{} write items:write", asked.server.scopes().join(" "));
    let token = text(&owned, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", &more)];
    refused(&asked.ask(&fields).await, "invalid_scope");
}

async fn facts_of_parallel_refreshes<S: AuthServer>(asked: &Asked<'_, S>) {
    // 11: of parallel refreshes somebody wins and others don't, and what was won is dead.
    let first = asked.tokens().await;
    let token = text(&first, "refresh_token");
    let answers = futures_util::future::join_all((0..8).map(|_| asked.refresh(token))).await;
    let won: Vec<&Value> =
        answers.iter().filter(|(status, _)| *status == 200).map(|(_, answer)| answer).collect();
    let statuses: HashSet<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert!(!won.is_empty() && statuses.contains(&400), "{statuses:?}");
    for winner in won {
        refused(&asked.refresh(text(winner, "refresh_token")).await, "invalid_grant");
    }
}

#[tokio::test]
async fn the_fake_holds_the_twelve_facts() {
    let mut config = FakeConfig::on_loopback().await.unwrap();
    config.settings.access_token_lifetime = 5;
    twelve_facts(&Fake(FakeProvider::start(config).unwrap())).await;
}

#[tokio::test]
async fn oidc_provider_holds_the_twelve_facts() {
    let Some(server) = OidcProvider::start(OidcOptions::default()).await else { return };
    twelve_facts(&server).await;
}

#[tokio::test]
async fn django_holds_the_twelve_facts() {
    let Some(server) = DjangoServer::start(0).await else { return };
    twelve_facts(&server).await;
}
