//! An identity provider that says what a test tells it to, and a hub whose members it signs in.

mod sign;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vouchsafe::clock::{Clock as _, ManualClock};
use vouchsafe::service::Parts;
use vouchsafe::service::members::single_sign_on::SingleSignOn;

use super::app::TestApp;
use super::browser::{Browser, Shown};
use super::outside::query;
use sign::Signer;
pub(crate) use sign::{By, Published};

/// What the identity provider is called.
pub(crate) const NAME: &str = "Acme ID";
const CLIENT: (&str, &str) = ("hub", "hub-secret");
/// The access token of every sign-in.
const ACCESS_TOKEN: &str = "at-of-the-identity-provider";

/// What the identity provider does; each of these may be changed. A null takes a member away.
pub(crate) struct Script {
    /// In its metadata.
    pub(crate) metadata: Map<String, Value>,
    /// In the ID token.
    pub(crate) claims: Map<String, Value>,
    /// In its header.
    pub(crate) header: Map<String, Value>,
    /// What signs it.
    pub(crate) by: By,
    /// The keys that anybody can see.
    pub(crate) published: Vec<Published>,
    /// The user info; none = there is no such thing.
    pub(crate) user_info: Option<Value>,
    /// The answer of the token endpoint, in the place of tokens.
    pub(crate) token_answer: Option<(u16, String)>,
    /// Paths that answer with a status and nothing.
    pub(crate) down: BTreeMap<&'static str, u16>,
    codes: BTreeMap<String, Sent>,
    clock: Option<Arc<ManualClock>>,
    seen: Vec<Asked>,
}

/// What a browser was sent there with.
#[derive(Clone)]
struct Sent {
    nonce: String,
    challenge: String,
    redirect_uri: String,
    anew: bool,
}

/// A request of the hub.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) form: BTreeMap<String, String>,
}

/// A running identity provider.
pub(crate) struct IdentityProvider {
    /// Its issuer.
    pub(crate) base_url: String,
    server: Arc<Server>,
    task: JoinHandle<()>,
}

struct Server {
    base_url: String,
    signer: Signer,
    script: Mutex<Script>,
}

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is no object") };
    map
}

impl IdentityProvider {
    /// One that knows a person, `jo`, whose address is verified.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let person =
            json!({"sub": "jo", "email": "jo@acme.test", "email_verified": true, "name": "Jo Miller"});
        let script = Script {
            metadata: Map::new(),
            claims: map(person),
            header: Map::new(),
            by: By::Ec,
            published: vec![Published::ec("ec-1")],
            user_info: None,
            token_answer: None,
            down: BTreeMap::new(),
            codes: BTreeMap::new(),
            clock: None,
            seen: Vec::new(),
        };
        let signer = Signer::default();
        let server = Arc::new(Server { base_url: base_url.clone(), signer, script: Mutex::new(script) });
        let service = Router::new().fallback(answer).with_state(Arc::clone(&server));
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { base_url, server, task }
    }

    /// Changes what it does.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.server.script.lock().unwrap()
    }

    /// Lets one claim say something else.
    pub(crate) fn claim(&self, name: &str, value: Value) {
        self.script().claims.insert(name.to_owned(), value);
    }

    /// What the hub asked at `path`.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.script().seen.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// What the hub signs its members in by.
    pub(crate) fn sign_on(&self) -> SingleSignOn {
        SingleSignOn::new(NAME, &self.base_url, CLIENT.0, CLIENT.1.into())
    }

    /// Signs the person in: where their browser is sent back to.
    pub(crate) fn authorize(&self, there: &str) -> Url {
        let url = Url::parse(there).unwrap();
        assert!(there.starts_with(&format!("{}/authorize?", self.base_url)), "{there}");
        let part = |name: &str| query(&url, name).unwrap_or_else(|| panic!("no {name} in {there}"));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT.0),
            ("scope", "openid email profile"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(part(name), value);
        }
        let mut script = self.script();
        let code = format!("code-{}", script.codes.len());
        let anew = query(&url, "prompt").as_deref() == Some("login");
        assert_eq!(query(&url, "max_age").is_some(), anew);
        let sent = Sent {
            nonce: part("nonce"),
            challenge: part("code_challenge"),
            redirect_uri: part("redirect_uri"),
            anew,
        };
        let back = [("code", code.as_str()), ("state", &part("state")), ("iss", &self.base_url)];
        let back = Url::parse_with_params(&sent.redirect_uri, back).unwrap();
        script.codes.insert(code, sent);
        back
    }

    /// Signs a person in whose browser is on `page`, by the button that is there; what the hub shows them then.
    pub(crate) async fn sign_in_from(&self, browser: &Browser<'_>, page: &str) -> Shown {
        let shown = browser.get(page).await;
        let link = shown.between("<a class=\"button primary wide\" href=\"", "\"");
        let away = browser.get(&link).await;
        assert_eq!(away.status, 303, "{}", away.html);
        browser.get(self.authorize(away.location.as_deref().unwrap()).as_str()).await
    }

    /// The same from the page that signs in.
    pub(crate) async fn sign_in(&self, browser: &Browser<'_>) -> Shown {
        self.sign_in_from(browser, "/dashboard/sign-in").await
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shown {
    /// The page that leads on to `next`.
    #[track_caller]
    pub(crate) fn arrives_at(&self, next: &str) {
        self.page(200, "You’re signed in");
        assert_eq!(self.headers["refresh"], format!("0; url={next}").as_str());
    }
}

/// A hub with its identity provider.
pub(crate) struct Scene {
    pub(crate) app: TestApp,
    pub(crate) idp: IdentityProvider,
}

impl Scene {
    /// `None` when the database is missing: return from the test.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| ()).await
    }

    /// The same with a hub made of other parts.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Parts)) -> Option<Self> {
        let idp = IdentityProvider::start().await;
        let sign_on = idp.sign_on();
        let parts = |parts: &mut Parts| {
            parts.single_sign_on = Some(sign_on);
            change(parts);
        };
        let app = TestApp::start_as(parts, |_| ()).await?;
        idp.script().clock = Some(Arc::clone(&app.clock));
        Some(Self { app, idp })
    }

    /// A browser of somebody.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(&self.app, "jo@acme.test")
    }

    /// Invites somebody as `role`; the link.
    pub(crate) async fn invite(&self, by: &Browser<'_>, role: &str, email: &str) -> String {
        let shown = by.post("/dashboard/members/invite", &[("email", email), ("role", role)]).await;
        shown.page(200, "Send this link");
        shown.between("aria-label=\"The invitation’s link\">", "</code>")
    }

    /// `jo`, who was invited as `role` and has come in by single sign-on.
    pub(crate) async fn member(&self, owner: &Browser<'_>, role: &str) -> Browser<'_> {
        self.invite(owner, role, "jo@acme.test").await;
        let browser = self.browser();
        self.idp.sign_in(&browser).await.arrives_at("/dashboard");
        browser
    }
}

async fn answer(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let asked = Asked { method, path: uri.path().to_owned(), authorization, form };
    let mut script = server.script.lock().unwrap();
    script.seen.push(asked.clone());
    if let Some(status) = script.down.get(asked.path.as_str()) {
        return StatusCode::from_u16(*status).unwrap().into_response();
    }
    match asked.path.as_str() {
        "/.well-known/openid-configuration" => axum::Json(server.metadata(&script)).into_response(),
        "/jwks" => {
            let keys: Vec<Value> = script.published.iter().map(|key| server.signer.jwk(key)).collect();
            axum::Json(json!({"keys": keys})).into_response()
        }
        "/token" => server.tokens(&mut script, &asked),
        "/me" if asked.authorization.as_deref() == Some(&format!("Bearer {ACCESS_TOKEN}")) => {
            axum::Json(script.user_info.clone()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `given` with `changes`.
fn changed(given: Value, changes: &Map<String, Value>) -> Value {
    let mut given = map(given);
    for (name, value) in changes {
        if value.is_null() {
            given.remove(name);
        } else {
            given.insert(name.clone(), value.clone());
        }
    }
    given.into()
}

impl Server {
    fn metadata(&self, script: &Script) -> Value {
        let base = &self.base_url;
        let mut metadata = json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": true,
        });
        if script.user_info.is_some() {
            metadata["userinfo_endpoint"] = json!(format!("{base}/me"));
        }
        changed(metadata, &script.metadata)
    }

    /// Takes a code once, from the client that it was given to and with the verifier that it was asked for with.
    fn tokens(&self, script: &mut Script, asked: &Asked) -> Response {
        if let Some((status, body)) = &script.token_answer {
            return (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
        }
        let refused =
            |error: &str| (StatusCode::BAD_REQUEST, axum::Json(json!({"error": error}))).into_response();
        let field = |name: &str| asked.form.get(name).cloned().unwrap_or_default();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1)));
        let posted = (field("client_id"), field("client_secret")) == (CLIENT.0.into(), CLIENT.1.into());
        if asked.authorization.as_deref() != Some(&basic) && !posted {
            return refused("invalid_client");
        }
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
        let sent = script.codes.remove(&field("code"));
        let fits = |sent: &Sent| sent.challenge == challenge && sent.redirect_uri == field("redirect_uri");
        let Some(sent) = sent.filter(fits).filter(|_| field("grant_type") == "authorization_code") else {
            return refused("invalid_grant");
        };
        let now = script.clock.as_ref().unwrap().now().timestamp();
        let mut claims = json!({
            "iss": self.base_url, "aud": CLIENT.0, "nonce": sent.nonce, "iat": now, "exp": now + 300,
        });
        if sent.anew {
            claims["auth_time"] = json!(now);
        }
        let claims = changed(claims, &script.claims);
        let id_token = self.signer.sign(script.by, &script.header, &claims);
        let answer = json!({
            "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60, "id_token": id_token,
        });
        axum::Json(answer).into_response()
    }
}

/// The hash by which an ID token is bound to the access token (OpenID Connect Core 1.0, section 3.1.3.6).
pub(crate) fn access_token_hash() -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(ACCESS_TOKEN)[..16])
}
