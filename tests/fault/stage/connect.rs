//! Credentials on the stage, connected as users do: session, popup, consent, callback. A hub inside the test does it,
//! in the home of the replica that goes on from there.

use futures_util::{StreamExt as _, stream};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use url::Url;
use vouchsafe::app::{Deps, Running};
use vouchsafe::config::Config;
use vouchsafe::service::keys::NewApiKey;

use super::{CLIENT_SECRET, Replica, Stage};
use crate::support::outside;
use crate::support::servers::{AuthServer, REAL};

/// Calls at a time, where there are many.
const AT_ONCE: usize = 8;

/// A credential and its grant at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) id: String,
    pub(crate) grant: u64,
}

/// A credential of a key that somebody typed.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) id: String,
    pub(crate) key: String,
}

struct Embedder {
    base_url: String,
    key: String,
    client: Client,
}

impl Stage {
    /// Connects `count` users with each of the connectors `slugs`, through a hub in the home of `name`.
    pub(crate) async fn connect(&mut self, name: &str, slugs: &[&str], count: usize) -> Vec<Vec<Connected>> {
        let (running, embedder) = self.open(name).await;
        let mut connected = Vec::new();
        for slug in slugs {
            let body = json!({"provider": slug, "clientId": slug, "clientSecret": CLIENT_SECRET});
            let connector = embedder.call("PUT", &format!("/connectors/{slug}"), &body).await;
            self.fake.register(Self::client(slug, connector["redirectUri"].as_str().unwrap()));
            let mut of_slug = Vec::new();
            for number in 0..count {
                of_slug.push(self.connect_one(&embedder, slug, number).await);
            }
            connected.push(of_slug);
        }
        running.stop().await;
        connected
    }

    /// Connects `count` users with a real server, which gets a client of its own: the client's id, and the credentials'.
    pub(crate) async fn connect_real(
        &mut self,
        name: &str,
        server: &impl AuthServer,
        count: usize,
    ) -> (String, Vec<String>) {
        let definition = self.folder.path().join("providers").join(format!("{REAL}.toml"));
        std::fs::write(definition, server.definition(&server.url(1))).unwrap();
        let (running, embedder) = self.open(name).await;
        let path = format!("/connectors/{REAL}");
        let connector = embedder.call("PUT", &path, &json!({"provider": REAL})).await;
        let (id, secret) = server.new_client(connector["redirectUri"].as_str().unwrap()).await;
        let body = json!({"provider": REAL, "clientId": id, "clientSecret": secret});
        embedder.call("PUT", &path, &body).await;
        let mut credentials = Vec::new();
        for number in 0..count {
            let session = json!({"userId": user(REAL, number), "connectors": [REAL]});
            let consent = async |page: Url| server.sign_in(&page).await;
            credentials.push(embedder.connect(REAL, &session, consent).await);
        }
        running.stop().await;
        (id, credentials)
    }

    /// Hands over `count` keys through a hub in the home of `name`, which asks no app whether they are right.
    pub(crate) async fn hand_over(&mut self, name: &str, count: usize) -> Vec<Typed> {
        let (running, embedder) = self.open(name).await;
        embedder.call("POST", "/users", &json!({"username": "typist"})).await;
        let embedder = &embedder;
        let handed = stream::iter(0..count).map(|number| async move {
            let key = format!("sk-example-{number:010}");
            let data = json!({"api_key": key});
            let body = json!({"userId": "typist", "connector": "openai", "data": data, "verify": false});
            let made = embedder.call("POST", "/credentials", &body).await;
            Typed { id: made["credentialId"].as_str().unwrap().to_owned(), key }
        });
        let typed = handed.buffered(AT_ONCE).collect().await;
        running.stop().await;
        typed
    }

    /// A hub in the home of `name`, inside the test, and whoever calls it.
    async fn open(&mut self, name: &str) -> (Running, Embedder) {
        self.home(name);
        let config = Config::from_variables(&self.variables(name)).unwrap();
        let running = Box::pin(Running::start(&config, Deps::default(), None)).await.unwrap();
        if self.key.is_empty() {
            self.key = make_key(&running).await;
        }
        let base_url = format!("http://{}", running.address);
        let embedder = Embedder { base_url, key: self.key.clone(), client: outside::client() };
        (running, embedder)
    }

    async fn connect_one(&self, embedder: &Embedder, slug: &str, number: usize) -> Connected {
        let user = user(slug, number);
        let body = json!({"userId": user, "connectors": [slug]});
        self.sign_in(embedder, slug, &user, &body).await
    }

    /// Connects a credential again at `replica`, as the user who was the `number`-th of its connector.
    pub(crate) async fn reconnect(
        &self,
        replica: &Replica,
        slug: &str,
        number: usize,
        credential: &Connected,
    ) -> Connected {
        let base_url = replica.hub.base_url.clone();
        let embedder = Embedder { base_url, key: self.key.clone(), client: outside::client() };
        let user = user(slug, number);
        let body = json!({"userId": user, "credentialId": credential.id});
        self.sign_in(&embedder, slug, &user, &body).await
    }

    /// A session, whose user allows at the fake.
    async fn sign_in(&self, embedder: &Embedder, slug: &str, user: &str, session: &Value) -> Connected {
        let id = embedder.connect(slug, session, async |page: Url| allow(page, user, embedder).await).await;
        let token = embedder.call("GET", &format!("/credentials/{id}/token"), &Value::Null).await;
        let (grant, _) = self.fake.identify(token["accessToken"].as_str().unwrap()).unwrap();
        Connected { id, grant }
    }
}

/// Allows at the fake; where the browser is sent back to.
async fn allow(mut page: Url, user: &str, embedder: &Embedder) -> Url {
    let mut form: Vec<(String, String)> =
        page.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    form.push(("username".to_owned(), user.to_owned()));
    form.push(("decision".to_owned(), "allow".to_owned()));
    page.set_query(None);
    let answer = embedder.client.post(page).form(&form).send().await.unwrap();
    answer.headers()[LOCATION].to_str().unwrap().parse().unwrap()
}

fn user(slug: &str, number: usize) -> String {
    format!("{slug}-{number}@acme.test")
}

impl Embedder {
    /// A session, and what its user does in it: `consent` is their part at the app, which sends them back to the hub's
    /// public address. The credential's id.
    async fn connect(&self, slug: &str, session: &Value, consent: impl AsyncFnOnce(Url) -> Url) -> String {
        let session = self.call("POST", "/connect/sessions", session).await;
        let token = session["token"].as_str().unwrap();
        let body = json!({"connector": slug, "data": {}});
        let ticket = self.as_modal("/connect/tickets", token, &body).await;
        let start = self.at(ticket["startUrl"].as_str().unwrap());
        let page = self.client.get(start).send().await.unwrap();
        let cookie = page.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let flow = cookie.split('=').next().unwrap().trim_start_matches("vs_flow_").to_owned();
        let request = self.client.post(self.at("/connect/start/handshake")).header(COOKIE, &cookie);
        let answer =
            read(request.json(&json!({"flow": flow, "nonce": ticket["nonce"]})).send().await.unwrap()).await;
        let back = consent(answer["location"].as_str().unwrap().parse().unwrap()).await;
        let mut here: Url = self.at(back.path()).parse().unwrap();
        here.set_query(back.query());
        let page = self.client.get(here).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(page.status(), 200, "{:?}", page.text().await);
        let path = format!("/connect/sessions/{}", session["sessionId"].as_str().unwrap());
        let session = self.call("GET", &path, &Value::Null).await;
        session["results"][0]["credentialId"].as_str().unwrap().to_owned()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = self.client.request(method.parse().unwrap(), self.at(path)).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(body) };
        read(request.send().await.unwrap()).await
    }

    async fn as_modal(&self, path: &str, token: &str, body: &Value) -> Value {
        read(self.client.post(self.at(path)).bearer_auth(token).json(body).send().await.unwrap()).await
    }
}

async fn read(answer: Response) -> Value {
    let (url, status) = (answer.url().path().to_owned(), answer.status());
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn make_key(running: &Running) -> String {
    let operator = running.hub.operator_in("default", "production").await.unwrap();
    let new = NewApiKey {
        name: "fault tests".to_owned(),
        scopes: vec!["*".to_owned(), "credentials:reveal".to_owned()],
        expires_at: None,
        period: None,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, key) = running.hub.create_api_key(&operator, None, new).await.unwrap();
    key.expose().to_owned()
}
