//! Credentials on the stage, connected as users do: session, popup, consent, callback. A hub inside the test does it,
//! in the home of the replica that goes on from there.

use std::sync::Arc;

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use url::Url;
use vouchsafe::app::{Deps, Running};
use vouchsafe::config::Config;
use vouchsafe::service::keys::NewApiKey;

use super::{CLIENT_SECRET, Stage};
use crate::support::outside;

/// A credential and its grant at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) id: String,
    pub(crate) grant: u64,
}

struct Embedder {
    base_url: String,
    key: String,
    client: Client,
}

impl Stage {
    /// Connects `count` users with each of the connectors `slugs`, through a hub in the home of `name`.
    pub(crate) async fn connect(&mut self, name: &str, slugs: &[&str], count: usize) -> Vec<Vec<Connected>> {
        self.home(name);
        let config = Config::from_variables(&self.variables(name)).unwrap();
        let running = Running::start(&config, Deps::default(), None).await.unwrap();
        if self.key.is_empty() {
            self.key = make_key(&running).await;
        }
        let base_url = format!("http://{}", running.address);
        let embedder = Arc::new(Embedder { base_url, key: self.key.clone(), client: outside::client() });
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

    async fn connect_one(&self, embedder: &Embedder, slug: &str, number: usize) -> Connected {
        let user = format!("{slug}-{number}@acme.test");
        let body = json!({"userId": user, "connectors": [slug]});
        let session = embedder.call("POST", "/connect/sessions", &body).await;
        let token = session["token"].as_str().unwrap();
        let body = json!({"connector": slug, "data": {}});
        let ticket = embedder.as_modal("/connect/tickets", token, &body).await;
        let start = embedder.at(ticket["startUrl"].as_str().unwrap());
        let page = embedder.client.get(start).send().await.unwrap();
        let cookie = page.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let flow = cookie.split('=').next().unwrap().trim_start_matches("vs_flow_").to_owned();
        let request = embedder.client.post(embedder.at("/connect/start/handshake")).header(COOKIE, &cookie);
        let answer =
            read(request.json(&json!({"flow": flow, "nonce": ticket["nonce"]})).send().await.unwrap()).await;
        let back = self.consent(answer["location"].as_str().unwrap().parse().unwrap(), &user, embedder).await;
        let page = embedder.client.get(back).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(page.status(), 200, "{:?}", page.text().await);
        let path = format!("/connect/sessions/{}", session["sessionId"].as_str().unwrap());
        let session = embedder.call("GET", &path, &Value::Null).await;
        let id = session["results"][0]["credentialId"].as_str().unwrap().to_owned();
        let token = embedder.call("GET", &format!("/credentials/{id}/token"), &Value::Null).await;
        let (grant, _) = self.fake.identify(token["accessToken"].as_str().unwrap()).unwrap();
        Connected { id, grant }
    }

    /// Allows at the provider; where the browser goes back to, at this hub.
    async fn consent(&self, mut page: Url, user: &str, embedder: &Embedder) -> Url {
        let mut form: Vec<(String, String)> =
            page.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        form.push(("username".to_owned(), user.to_owned()));
        form.push(("decision".to_owned(), "allow".to_owned()));
        page.set_query(None);
        let answer = embedder.client.post(page).form(&form).send().await.unwrap();
        let back: Url = answer.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        let mut here: Url = embedder.at(back.path()).parse().unwrap();
        here.set_query(back.query());
        here
    }
}

impl Embedder {
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
