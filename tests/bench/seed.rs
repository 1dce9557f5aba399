//! A data directory with one credential of each kind that is read, made as an embedder would, and many more beside
//! them, copied through the store: they weigh on the tables and are never opened. A secret for every tenth credential,
//! and an owner who is signed in to the dashboard.

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
use vouchsafe::secret::Seed;
use vouchsafe::service::keys::NewApiKey;
use vouchsafe::store::{self, Store};
use vouchsafe_entity::id::{CredentialId, EnvironmentId, SecretId};

const OAUTH: &str = "fern-client";
const SECRET: &str = "BENCH_KEY";
const AUTHENTICATOR: &str = "/dashboard/account/authenticator";
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
    let secret = json!({"key": SECRET, "value": "bench-value", "type": "api_key", "visibility": "masked"});
    post(&base, key.expose(), "/secrets", &secret).await;
    let invitation = running.hub.invite_owner("default").await.unwrap();
    let session = join(&base, &invitation).await;
    running.stop().await;

    let store = Store::open(&config.database.url).await.unwrap();
    let fresh = Ids::new(Arc::new(SystemClock) as Arc<dyn Clock>, Arc::new(SystemRandom) as Arc<dyn Random>);
    let environment = actor.tenant.environment;
    copy_credential(&store, &fresh, environment, &ids[0], count.saturating_sub(ids.len())).await;
    copy_secret(&store, &fresh, environment, count / 10).await;
    store.close().await.unwrap();
    let made = json!({"key": key.expose(), "apiKey": ids[0], "oauth": ids[1], "session": session});
    println!("{made}");
}

async fn copy_credential(store: &Store, fresh: &Ids, environment: EnvironmentId, id: &str, count: usize) {
    let id: CredentialId = id.parse().unwrap();
    let mut credential = store::credential::find(store, environment, id).await.unwrap().unwrap();
    for batch in batches(count) {
        let tx = store.begin().await.unwrap();
        for _ in batch {
            credential.id = CredentialId::new(fresh.next());
            store::credential::insert(&tx, environment, &credential).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

async fn copy_secret(store: &Store, fresh: &Ids, environment: EnvironmentId, count: usize) {
    let mut secret = store::secret::by_key(store, environment, SECRET).await.unwrap().unwrap();
    for batch in batches(count) {
        let tx = store.begin().await.unwrap();
        for number in batch {
            secret.id = SecretId::new(fresh.next());
            secret.key = format!("{SECRET}_{number}");
            store::secret::insert(&tx, &secret, &[environment]).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

/// The numbers up to `count`, those of a transaction at a time.
fn batches(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).step_by(BATCH).map(move |first| first..count.min(first + BATCH))
}

/// Becomes the owner by the link of the first start and sets up an authenticator, as a browser would; the cookie of the
/// session.
async fn join(base: &str, invitation: &url::Url) -> String {
    let (_, token) = invitation.query_pairs().find(|(name, _)| name == "invitation").unwrap();
    let form = [
        ("invitation", token.as_ref()),
        ("name", "Jo Miller"),
        ("email", "jo@acme.test"),
        ("password", "a long one for the bench"),
    ];
    let session = fill_in(base, "/dashboard/join", "", &form).await;
    let page =
        browser().get(format!("{base}{AUTHENTICATOR}")).header("cookie", &session).send().await.unwrap();
    let page = page.text().await.unwrap();
    let (_, seed) = page.split_once("<code class=\"seed\">").unwrap();
    let seed = Seed::sealed(seed.split('<').next().unwrap().replace(' ', "").into());
    let code = seed.code(SystemClock.now().timestamp()).unwrap();
    fill_in(base, AUTHENTICATOR, &session, &[("code", &code)]).await
}

/// Sends a form; the cookie of the session after it.
async fn fill_in(base: &str, path: &str, session: &str, form: &[(&str, &str)]) -> String {
    let request = browser().post(format!("{base}{path}")).header("origin", base).header("cookie", session);
    let answer = request.form(form).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{path}");
    let cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let new = cookies.filter_map(|cookie| cookie.split(';').next()).find(|one| one.contains("session="));
    new.unwrap_or(session).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a browser, not the hub")]
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "an embedder's client, not the hub's")]
async fn post(base: &str, key: &str, path: &str, body: &Value) -> Value {
    let request = reqwest::Client::new().post(format!("{base}{path}"));
    let answer = request.bearer_auth(key).json(body).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}
