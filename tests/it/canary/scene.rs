//! A hub at TRACE as a process, a fake provider, and an account of every answer.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Client, Url};
use serde_json::{Value, json};
use tempfile::TempDir;
use vouchsafe::demo::fake::{self, Endpoint, FERNHILL, FakeConfig, FakeProvider, Fault, Plan, QUILLPOST};

use super::schema::Schema;
use super::searcher::{Canaries, Search, secret};
use crate::support::database::{Fresh, is_postgres};
use crate::support::outside;
use crate::support::process::{RunningHub, run, say, vouchsafe};

pub(super) const BASIC: &str = "fern-basic";
pub(super) const SESSION: &str = "fern-session";
pub(super) const OWN_CLIENT: &str = "fern-client";

/// Where the master key belongs.
const KEY_FILE: &[&str] = &["master.key"];

pub(super) struct Scene {
    pub(super) canaries: Canaries,
    /// What was asked, and the whole answer: status, headers, body.
    pub(super) answers: Vec<(String, String)>,
    pub(super) fake: FakeProvider,
    pub(super) client: Client,
    pub(super) key: String,
    client_secret: String,
    hub: Option<RunningHub>,
    /// In the run for PostgreSQL. An embedded database is in the data directory.
    pub(super) schema: Option<Schema>,
    home: TempDir,
}

/// A command of the hub in `home`.
fn command(home: &Path, schema: Option<&Schema>, arguments: &[&str]) -> Command {
    let mut command = vouchsafe(home, arguments);
    if let Some(schema) = schema {
        command.env("VOUCHSAFE_DATABASE_URL", &schema.url).env("VOUCHSAFE_MASTER_KEY", &schema.master_key);
    }
    command
}

impl Scene {
    /// `None` when its database is missing: the skip is recorded, return from the test.
    pub(super) async fn start() -> Option<Self> {
        let Fresh { url, folder: home } = Fresh::of_this_run().await?;
        let generate = || say(home.path(), &["master-key", "generate"]).ok().trim().to_owned();
        let schema = is_postgres().then(|| Schema { url, master_key: generate() });
        let fake = FakeProvider::start(FakeConfig::on_loopback().await.unwrap()).unwrap();
        let own = home.path().join("own");
        std::fs::create_dir(&own).unwrap();
        for (slug, text) in [
            (FERNHILL, fake.definition_toml(FERNHILL)),
            (QUILLPOST, fake.api_key_definition_toml(QUILLPOST)),
            (BASIC, fake::basic_definition_toml(BASIC, fake.base_url())),
            (SESSION, fake::session_definition_toml(SESSION, fake.base_url())),
            (OWN_CLIENT, fake::client_credentials_definition_toml(OWN_CLIENT, fake.base_url())),
        ] {
            std::fs::write(own.join(format!("{slug}.toml")), text).unwrap();
        }
        let hub = RunningHub::start_with(
            home.path(),
            command(home.path(), schema.as_ref(), &["serve"])
                .env("VOUCHSAFE_PROVIDERS_DIR", &own)
                .env("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8")
                // Nobody is there: whatever went by a proxy of the environment would not arrive.
                .env("HTTP_PROXY", "http://127.0.0.1:9")
                .env("ALL_PROXY", "http://127.0.0.1:9")
                .env("VOUCHSAFE_EGRESS_HTTP", "true")
                .env("VOUCHSAFE_LOG", "trace"),
        )
        .await;
        let scopes = ["*", "credentials:reveal", "secrets:reveal", "keys:write"];
        let mut create = vec!["keys", "create", "--environment", "production"];
        create.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        let key = run(&mut command(home.path(), schema.as_ref(), &create)).ok().trim().to_owned();
        let mut canaries = Canaries::default();
        canaries.watch("hub API key", &key);
        let master = match &schema {
            Some(schema) => schema.master_key.clone(),
            None => std::fs::read_to_string(home.path().join("data/master.key")).unwrap(),
        };
        canaries.watch("master key", master.trim().split_once(':').unwrap().1);
        canaries.watch("the fake's password", fake::DEMO_PASSWORD);
        Some(Self {
            canaries,
            answers: Vec::new(),
            fake,
            client: outside::client(),
            key,
            client_secret: secret("client-"),
            hub: Some(hub),
            schema,
            home,
        })
    }

    pub(super) fn hub(&self) -> &RunningHub {
        self.hub.as_ref().expect("the hub runs")
    }

    pub(super) async fn stop(&mut self) {
        if let Some(hub) = self.hub.take() {
            hub.stop().await;
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What a command of the hub says.
    fn say(&self, arguments: &[&str]) -> String {
        run(&mut command(self.home.path(), self.schema.as_ref(), arguments)).ok()
    }

    /// A copy of the database, in which everything that is sealed opens, and an export, where all is searched. A server
    /// has its own tools for copies.
    pub(super) fn back_up(&self) {
        if self.schema.is_none() {
            let copy = self.data().join("copy.db");
            let copy = copy.to_str().unwrap();
            self.say(&["backup", copy]);
            let verified = self.say(&["backup", "verify", copy]);
            assert!(verified.contains("is in order"), "{verified}");
        }
        let export = self.data().join("hub.export");
        self.say(&["export", "--environment", "production", "--to", export.to_str().unwrap()]);
    }

    pub(super) fn a_client_secret(&self) -> String {
        self.client_secret.clone()
    }

    /// A new secret that is watched.
    pub(super) fn secret(&mut self, name: &str, prefix: &str) -> String {
        let value = secret(prefix);
        self.canaries.watch(name, &value);
        value
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.hub().base_url)).unwrap()
    }

    /// Programs one fault of the fake.
    pub(super) fn fault(&self, endpoint: Endpoint, fault: Fault, times: u32) {
        self.fake.program(Plan::next(endpoint, fault).times(times));
    }

    /// Calls with the hub key; the answer is searched at the end.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let key = self.key.clone();
        self.call_as(&key, method, path, body.map(|body| body.to_string())).await
    }

    /// The same for any bearer and any body.
    pub(super) async fn call_as(
        &mut self,
        bearer: &str,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> (u16, Value) {
        let (status, headers, text) = self.send(bearer, method, path, body).await;
        self.keep(format!("{method} {path}"), status, &headers, &text);
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A call made to hand a secret out, so that its answer is not searched.
    pub(super) async fn reveal(&self, bearer: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, _, text) = self.send(bearer, method, path, body.map(|body| body.to_string())).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn send(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> (u16, String, String) {
        let mut request = self.client.request(method.parse().unwrap(), self.url(path)).bearer_auth(bearer);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        (status, headers, answer.text().await.unwrap())
    }

    /// Notes an answer that came otherwise.
    pub(super) fn keep(&mut self, what: String, status: u16, headers: &str, body: &str) {
        self.answers.push((what, format!("{status}\n{headers}\n{body}")));
    }

    pub(super) fn hits_in_answers(&self, search: &Search) -> Vec<String> {
        let hits = |(what, answer): &(String, String)| {
            let hits = search.find(answer.as_bytes()).into_iter();
            hits.map(|hit| format!("{hit} in the answer to {what}")).collect::<Vec<_>>()
        };
        self.answers.iter().flat_map(hits).collect()
    }

    /// What is found in the data directory, and in the tables of a server.
    pub(super) async fn hits_at_rest(&self, search: &Search) -> Vec<String> {
        let mut hits = search.find_below(&self.data(), KEY_FILE);
        if let Some(schema) = &self.schema {
            hits.extend(schema.search(search).await);
        }
        hits
    }

    /// A connect session's token for `connector`.
    pub(super) async fn session(&mut self, connector: &str) -> String {
        let body = json!({
            "userId": "u-1", "connectors": [connector], "allowedOrigins": ["https://app.test"], "confirm": "browser",
        });
        let key = self.key.clone();
        let made = self.reveal(&key, "POST", "/connect/sessions", Some(body)).await;
        let link = made["connectUrl"].as_str().unwrap();
        self.canaries.watch("hosted link's token", link.rsplit_once('.').unwrap().1);
        made["token"].as_str().unwrap().to_owned()
    }
}
