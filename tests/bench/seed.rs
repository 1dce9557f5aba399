//! A data directory with one credential of each kind that is read, made as an embedder would, and many more beside
//! them, copied through the store: they weigh on the tables and are never opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use vouchsafe::app::{Deps, Running};
use vouchsafe::clock::{Clock, SystemClock};
use vouchsafe::config::Config;
use vouchsafe::demo::fake::{self, Client, FakeConfig, FakeProvider, QUILLPOST};
use vouchsafe::ids::Ids;
use vouchsafe::random::{Random, SystemRandom};
use vouchsafe::service::keys::NewApiKey;
use vouchsafe::store::{self, Store};
use vouchsafe_entity::id::CredentialId;

const OAUTH: &str = "fern-client";
/// Rows of one transaction.
const BATCH: usize = 5_000;

/// Fills `folder` and prints what the bench needs to know as JSON.
pub(crate) async fn seed(folder: &Path, count: usize) {
    let provider = FakeProvider::start(FakeConfig::on_loopback().await.unwrap()).unwrap();
    // The tokens outlive the measurement, so that nothing is refreshed in it.
    provider.configure(|settings| settings.access_token_lifetime = 1_000_000);
    provider.register(Client::new("bench", "bench-client-secret"));
    let own = folder.join("providers");
    std::fs::create_dir_all(&own).unwrap();
    let write = |slug: &str, text: String| std::fs::write(own.join(format!("{slug}.toml")), text).unwrap();
    write(QUILLPOST, provider.api_key_definition_toml(QUILLPOST));
    write(OAUTH, fake::client_credentials_definition_toml(OAUTH, provider.base_url()));

    let text = |path: &Path| path.display().to_string();
    let variables = BTreeMap::from(
        [
            ("VOUCHSAFE_LISTEN", "127.0.0.1:0".to_owned()),
            ("VOUCHSAFE_DATA_DIR", text(&folder.join("data"))),
            ("VOUCHSAFE_PROVIDERS_DIR", text(&own)),
            ("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
            ("VOUCHSAFE_EGRESS_HTTP", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let config = Config::from_variables(&variables).unwrap();
    let running = Running::start(&config, Deps::default(), None).await.unwrap();
    let actor = running.hub.operator_in("default", "production").await.unwrap();
    let new = NewApiKey {
        name: "bench".to_owned(),
        scopes: vec!["*".to_owned(), "credentials:reveal".to_owned()],
        expires_at: None,
        period: None,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, key) = running.hub.create_api_key(&actor, None, new).await.unwrap();
    let base = format!("http://{}", running.address);
    post(&base, key.expose(), "/users", &json!({"username": "bench"})).await;
    let mut ids = Vec::new();
    for (connector, data) in [
        (QUILLPOST, json!({"key": fake::VALID_KEY})),
        (OAUTH, json!({"client_id": "bench", "client_secret": "bench-client-secret"})),
    ] {
        let body = json!({"userId": "bench", "connector": connector, "data": data});
        let made = post(&base, key.expose(), "/credentials", &body).await;
        ids.push(made["credentialId"].as_str().unwrap().to_owned());
    }
    running.stop().await;

    let store = Store::open(&config.database.url).await.unwrap();
    copy(&store, actor.tenant.environment, &ids, count).await;
    store.close().await.unwrap();
    println!("{}", json!({"key": key.expose(), "apiKey": ids[0], "oauth": ids[1]}));
}

async fn copy(store: &Store, environment: vouchsafe_entity::id::EnvironmentId, ids: &[String], count: usize) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let fresh = Ids::new(clock, random);
    let id: CredentialId = ids[0].parse().unwrap();
    let mut credential = store::credential::find(store, environment, id).await.unwrap().unwrap();
    let mut left = count.saturating_sub(ids.len());
    while left > 0 {
        let tx = store.begin().await.unwrap();
        for _ in 0..left.min(BATCH) {
            credential.id = CredentialId::new(fresh.next());
            store::credential::insert(&tx, environment, &credential).await.unwrap();
        }
        tx.commit().await.unwrap();
        left -= left.min(BATCH);
    }
}

#[expect(clippy::disallowed_methods, reason = "an embedder's client, not the hub's")]
async fn post(base: &str, key: &str, path: &str, body: &Value) -> Value {
    let request = reqwest::Client::new().post(format!("{base}{path}"));
    let answer = request.bearer_auth(key).json(body).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}
