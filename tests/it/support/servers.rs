//! Real authorization servers, started by the test that wants them and ended with it.

pub(crate) mod django;
pub(crate) mod glewlwyd;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Response, Url};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::app::TestApp;
use super::components::{Component, require};
use super::outside::{self, Person};
use super::wait::{DEADLINE, eventually};

/// What the stories ask of any of them.
pub(crate) trait AuthServer {
    /// Where it listens, without a slash at the end.
    fn base_url(&self) -> &str;

    /// The paths of authorization, token, revocation, a call with an access token, and registration.
    fn paths(&self) -> [&'static str; 5];

    /// What it does with a spent refresh token, in the words of a definition.
    fn reuse(&self) -> String;

    /// The member of that call's answer that names the account.
    fn account(&self) -> &'static str;

    /// The scopes that the stories ask for.
    fn scopes(&self) -> &'static [&'static str];

    /// What it wants in an authorization request beside the usual, as a line of a definition.
    fn authorization_params(&self) -> &'static str {
        ""
    }

    /// Signs in and consents, as a person would; gives the callback address with its code.
    async fn sign_in(&self, authorize: &Url) -> Url;

    /// The address of one of its [`AuthServer::paths`].
    fn url(&self, path: usize) -> String {
        format!("{}{}", self.base_url(), self.paths()[path])
    }

    /// Registers a client (RFC 7591); its id and secret.
    async fn new_client(&self, redirect_uri: &str) -> (String, String) {
        let metadata = json!({
            "client_name": "Acme",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_basic",
        });
        let response = outside::client().post(self.url(4)).json(&metadata).send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", response.text().await);
        let made: Value = response.json().await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }

    /// A token request.
    async fn token(&self, client: (&str, &str), fields: &[(&str, &str)]) -> Response {
        let request = outside::client().post(self.url(1));
        request.basic_auth(client.0, Some(client.1)).form(fields).send().await.unwrap()
    }

    /// Whose access token this is, as the app says; its status where it takes none.
    async fn whose(&self, access_token: &str) -> Result<String, u16> {
        let request = outside::client().get(self.url(3)).bearer_auth(access_token);
        let response = request.send().await.unwrap();
        if !response.status().is_success() {
            return Err(response.status().as_u16());
        }
        let told: Value = response.json().await.unwrap();
        Ok(told[self.account()].as_str().unwrap().to_owned())
    }

    /// The definition under which the hub knows it; tokens may come from another address.
    fn definition(&self, token_endpoint: &str) -> String {
        let scopes = json!(self.scopes());
        let (reuse, account) = (self.reuse(), self.account());
        let (base, check) = (self.base_url(), self.paths()[3]);
        let (authorize, revoke) = (self.url(0), self.url(2));
        let params = self.authorization_params();
        format!(
            r#"name = "Real"
documentation = "https://real.example/docs"
base_url = "{base}"
account = "{{account_id}}"

[variables]
account_id = {{ from = "check.{account}", optional = true }}

[oauth2]
authorization_endpoint = "{authorize}"
token_endpoint = "{token_endpoint}"
revocation_endpoint = "{revoke}"
token_endpoint_auth_method = "client_secret_basic"
scopes = {scopes}
{params}

[oauth2.refresh]
reuse = "{reuse}"

[check]
path = "{check}"

[limits]
concurrency = 64
rate = 10000
"#
        )
    }
}

/// The slug and key of a real server in the hub of a test.
pub(crate) const REAL: &str = "real";

impl TestApp {
    /// Makes a real server known, with a client of its own; id and secret of that client.
    pub(crate) async fn put_real(&self, server: &impl AuthServer, token_endpoint: &str) -> (String, String) {
        self.define(REAL, &server.definition(token_endpoint));
        let made = self.as_key().put("/connectors/real", &json!({"provider": REAL})).await.ok(201);
        let client = server.new_client(made["redirectUri"].as_str().unwrap()).await;
        self.put_real_client(&client.0, &client.1).await;
        client
    }

    /// Sets the client of the connector to a real server.
    pub(crate) async fn put_real_client(&self, id: &str, secret: &str) {
        let body = json!({"provider": REAL, "clientId": id, "clientSecret": secret});
        self.as_key().put("/connectors/real", &body).await.ok(200);
    }

    /// Connects a real server for a user, from session to credential; its id.
    pub(crate) async fn connect_real(&self, server: &impl AuthServer, username: &str) -> String {
        self.connect_real_by(server, json!({"userId": username, "connectors": [REAL]})).await
    }

    /// Connects a credential of `u-17` again.
    pub(crate) async fn reconnect_real(&self, server: &impl AuthServer, credential: &str) {
        let again = self.connect_real_by(server, json!({"userId": "u-17", "credentialId": credential})).await;
        assert_eq!(again, credential);
    }

    async fn connect_real_by(&self, server: &impl AuthServer, session: Value) -> String {
        let modal = self.modal(&session).await;
        let popup = modal.popup(REAL).await;
        let back = server.sign_in(&popup.consent).await;
        let (status, page) = self.callback(&back, &popup.cookie).await;
        assert_eq!(status, 200, "{page}");
        let result = modal.result(REAL).await;
        result["credentialId"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
    }
}

/// The switches of `tests/servers/oidc-provider/server.mjs`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the server, and they are independent")]
pub(crate) struct OidcOptions {
    /// Redirect URIs of the clients `basic`, `post`, `public` and `dpop`.
    pub(crate) callbacks: Vec<String>,
    /// The issuer, where the server is reached through a front; its own address otherwise.
    pub(crate) issuer: Option<String>,
    /// Makes a new refresh token at every refresh; a reused one kills the family.
    pub(crate) rotate: bool,
    /// Gives a refresh token without `offline_access`.
    pub(crate) always_refresh_token: bool,
    /// Seconds an access token lives.
    pub(crate) access_token_seconds: u32,
    /// Refuses authorization requests without PKCE.
    pub(crate) pkce: bool,
    /// Refuses authorization requests that were not pushed.
    pub(crate) pushed_only: bool,
    /// Demands a nonce in every `DPoP` proof.
    pub(crate) dpop_nonce: bool,
    /// `Cross-Origin-Opener-Policy` of every page.
    pub(crate) opener_policy: Option<String>,
    /// The one resource that tokens may be for (RFC 8707); none = the indicator is not looked at.
    pub(crate) resource: Option<String>,
}

impl Default for OidcOptions {
    fn default() -> Self {
        Self {
            callbacks: vec!["https://hub.test/oauth/callback".to_owned()],
            issuer: None,
            rotate: true,
            always_refresh_token: true,
            access_token_seconds: 5,
            pkce: true,
            pushed_only: false,
            dpop_nonce: false,
            opener_policy: None,
            resource: None,
        }
    }
}

impl OidcOptions {
    fn environment(&self) -> Vec<(&'static str, String)> {
        let flag = |on: bool| u8::from(on).to_string();
        vec![
            ("PORT", "0".to_owned()),
            ("ISS", self.issuer.clone().unwrap_or_default()),
            ("CB", self.callbacks.join(",")),
            ("ROTATE", flag(self.rotate)),
            ("RT_ALWAYS", flag(self.always_refresh_token)),
            ("AT_TTL", self.access_token_seconds.to_string()),
            ("PKCE", flag(self.pkce)),
            ("PAR", flag(self.pushed_only)),
            ("DPOP_NONCE", flag(self.dpop_nonce)),
            ("RESOURCE", self.resource.clone().unwrap_or_default()),
            ("COOP", self.opener_policy.clone().unwrap_or_default()),
            // The server ends when this process does, even when nothing is dropped.
            ("END_WITH_STDIN", "1".to_owned()),
        ]
    }
}

/// A running oidc-provider (npm), the strict authorization server. Its state lives as long as the process.
#[derive(Debug)]
pub(crate) struct OidcProvider {
    /// Where it listens, without a slash at the end. Behind a front its issuer is another address.
    pub(crate) base_url: String,
    /// The listener itself, for a front to pass requests to.
    pub(crate) address: SocketAddr,
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl OidcProvider {
    /// Starts one on a free port. `None` when Node is missing: the skip is recorded, return from the test.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start(options: OidcOptions) -> Option<Self> {
        let node = require(Component::Node)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/oidc-provider/server.mjs");
        let mut child = Command::new(node)
            .arg("--no-warnings")
            .arg(script)
            .envs(options.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (ready, listening) = oneshot::channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn({
            let events = Arc::clone(&events);
            move || read_events(output, ready, &events)
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { base_url: String::new(), address, child, events };
        let port = tokio::time::timeout(DEADLINE, listening)
            .await
            .expect("oidc-provider is ready in time")
            .expect("oidc-provider says its port");
        server.address.set_port(port);
        server.base_url = format!("http://{}", server.address);
        Some(server)
    }

    /// Everything the server reported under `name` so far.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|event| event["event"] == name).cloned().collect()
    }

    /// Waits until the server has reported `name` exactly `count` times.
    ///
    /// # Panics
    /// When it reported more, or fewer for too long.
    pub(crate) async fn reported(&self, name: &str, count: usize) {
        eventually(&format!("{count} × {name}"), async || {
            let seen = self.events(name);
            assert!(seen.len() <= count, "expected {count} × {name}, saw {seen:?}");
            if seen.len() == count { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// Registers a client (RFC 7591) and gives the answer, `client_id` and `client_secret` in it.
    pub(crate) async fn register(&self, metadata: &Value) -> Value {
        let response =
            outside::client().post(format!("{}/reg", self.base_url)).json(metadata).send().await.unwrap();
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
        response.json().await.unwrap()
    }

    /// Signs in as `login` and consents, as a person would; gives the callback address with its code.
    ///
    /// `authorize` may name the issuer of a front: it is asked directly here.
    pub(crate) async fn sign_in(&self, authorize: &Url, login: &str) -> Url {
        let mut person = Person::new(outside::client());
        let mut start = authorize.clone();
        start.set_scheme("http").unwrap();
        start.set_ip_host(self.address.ip()).unwrap();
        start.set_port(Some(self.address.port())).unwrap();
        let (page, _) = person.open(start).await;
        if page.port() != Some(self.address.port()) {
            // Refused, and sent back at once.
            return page;
        }
        assert!(page.path().starts_with("/interaction/"), "no sign-in page but {page}");
        let (page, _) =
            person.submit(page, &[("prompt", "login"), ("login", login), ("password", "x")]).await;
        if !page.path().starts_with("/interaction/") {
            return page;
        }
        person.submit(page, &[("prompt", "consent")]).await.0
    }
}

impl AuthServer for OidcProvider {
    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn paths(&self) -> [&'static str; 5] {
        ["/auth", "/token", "/token/revocation", "/me", "/reg"]
    }

    fn reuse(&self) -> String {
        "strict".to_owned()
    }

    fn account(&self) -> &'static str {
        "sub"
    }

    fn scopes(&self) -> &'static [&'static str] {
        &["openid", "read"]
    }

    async fn sign_in(&self, authorize: &Url) -> Url {
        OidcProvider::sign_in(self, authorize, "jo").await
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end or to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_events(output: ChildStdout, ready: oneshot::Sender<u16>, events: &Mutex<Vec<Value>>) {
    let mut ready = Some(ready);
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let port = event["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        if event["event"] == "ready"
            && let (Some(port), Some(ready)) = (port, ready.take())
        {
            // The test that waited may have given up.
            let _ = ready.send(port);
        }
        events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
