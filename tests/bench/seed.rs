//! A data directory with one credential of each kind that is read, made as an embedder would, and many more beside
//! them, copied through the store: they weigh on the tables and are never opened. Each copy came by an attempt and was
//! told in an event, one call was made with it, which the audit log knows, and one of a hundred was revoked. A user and a secret for every ten credentials, and an owner who
//! is signed in to the dashboard.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use vouchsafe::app::{Deps, Running};
use vouchsafe::clock::{Clock, SystemClock};
use vouchsafe::config::Config;
use vouchsafe::demo::fake::{self, Client, FakeConfig, FakeProvider, QUILLPOST};
use vouchsafe::domain::attempt::{Attempt, Ending};
use vouchsafe::domain::audit::{AuditEvent, Proof};
use vouchsafe::domain::credential::{Credential, Machine, Token};
use vouchsafe::domain::event::StoredEvent;
use vouchsafe::domain::page::PageRequest;
use vouchsafe::domain::user::User;
use vouchsafe::ids::Ids;
use vouchsafe::random::{Random, SystemRandom};
use vouchsafe::secret::Seed;
use vouchsafe::service::keys::NewApiKey;
use vouchsafe::store::event::EventFilter;
use vouchsafe::store::{self, Store};
use vouchsafe_entity::id::{
    AttemptId, AuditEventId, CredentialId, EnvironmentId, EventId, SecretId, SessionId, UserId, WorkspaceId,
};
use vouchsafe_entity::kind::{AttemptOutcome, BrokenCause, SecretType, Status};
use vouchsafe_entity::millis::Millis;

const OAUTH: &str = "fern-client";
const SECRET: &str = "BENCH_KEY";
const AUTHENTICATOR: &str = "/dashboard/account/authenticator";
/// The username of those who hold the copies, before their number.
const HOLDER: &str = "user";
/// Rows of one transaction.
const BATCH: usize = 5_000;
/// More than a page of a list has.
const MORE_THAN_A_PAGE: usize = 60;
/// Days until the first date that is set: more than any warning of a new environment.
const FIRST_END: i64 = 45;
/// Of so many copies one was revoked here: the worst stand first in a list, and the overview tells none of them.
const ONE_REVOKED_OF: usize = 100;

/// The clock of the machine a day ago.
struct Yesterday;

impl Clock for Yesterday {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() - TimeDelta::days(1)
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

/// Where copies are written.
struct Copies<'a> {
    store: &'a Store,
    workspace: WorkspaceId,
    environment: EnvironmentId,
    ids: Ids,
}

/// Fills `folder` and prints what the bench needs to know as JSON.
pub(crate) async fn seed(folder: &Path, count: usize) {
    let provider = FakeProvider::start(FakeConfig::on_loopback().await.unwrap()).unwrap();
    // The tokens outlive the measurement, so that nothing is refreshed in it.
    provider.configure(|settings| settings.access_token_lifetime = 1_000_000);
    provider.register(Client::new("bench", "bench-client-secret"));
    let config = configure(folder, &provider);
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
    tell_a_page(&base, key.expose()).await;
    let secret = json!({"key": SECRET, "value": "bench-value", "type": "api_key", "visibility": "masked"});
    post(&base, key.expose(), "/secrets", &secret).await;
    let invitation = running.hub.invite_owner("default").await.unwrap();
    let session = join(&base, &invitation).await;
    running.stop().await;

    let store = Store::open(&config.database.url).await.unwrap();
    let copies = Copies {
        store: &store,
        workspace: actor.tenant.workspace,
        environment: actor.tenant.environment,
        ids: Ids::new(Arc::new(Yesterday) as Arc<dyn Clock>, Arc::new(SystemRandom) as Arc<dyn Random>),
    };
    let holders = copies.users((count / 10).max(1)).await;
    copies.credentials(&ids[0], &holders, count.saturating_sub(ids.len())).await;
    copies.secrets(count / 10).await;
    store.close().await.unwrap();
    let user = holders[0].to_string();
    let made =
        json!({"key": key.expose(), "apiKey": ids[0], "oauth": ids[1], "session": session, "user": user});
    println!("{made}");
}

/// The settings of a hub in `folder`, with the provider's definitions beside its data.
fn configure(folder: &Path, provider: &FakeProvider) -> Config {
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
    Config::from_variables(&variables).unwrap()
}

/// Credentials of users of their own, so that the newest events, which a page shows, can be opened.
async fn tell_a_page(base: &str, key: &str) {
    for number in 0..MORE_THAN_A_PAGE {
        let username = format!("told-{number}");
        post(base, key, "/users", &json!({"username": username})).await;
        let body = json!({"userId": username, "connector": QUILLPOST, "data": {"key": fake::VALID_KEY}});
        post(base, key, "/credentials", &body).await;
    }
}

impl Copies<'_> {
    async fn users(&self, count: usize) -> Vec<UserId> {
        let now = Millis::from(Yesterday.now());
        let mut made = Vec::with_capacity(count);
        for batch in batches(count) {
            let user = |number: usize| User {
                id: UserId::new(self.ids.next()),
                // Of one length, so that a search for one finds no other.
                username: format!("{HOLDER}-{number:06}"),
                full_name: None,
                email: Some(format!("{HOLDER}-{number:06}@acme.test")),
                organization: None,
                tags: Vec::new(),
                created_at: now,
                updated_at: now,
            };
            let users: Vec<User> = batch.map(user).collect();
            let tx = self.store.begin().await.unwrap();
            store::user::insert_many(&tx, self.environment, &users).await.unwrap();
            tx.commit().await.unwrap();
            made.extend(users.iter().map(|user| user.id));
        }
        made
    }

    /// `count` copies of a credential, in turn for each of `holders`; the first of each has a date.
    async fn credentials(&self, id: &str, holders: &[UserId], count: usize) {
        let id: CredentialId = id.parse().unwrap();
        let found = store::credential::find(self.store, self.environment, id).await.unwrap();
        let mut credential = found.unwrap();
        let whole = credential.token.clone();
        let page = PageRequest { limit: 1, after: None };
        let told = store::event::list(self.store, self.environment, EventFilter::default(), &page).await;
        let told = told.unwrap().items.remove(0);
        for batch in batches(count) {
            let tx = self.store.begin().await.unwrap();
            for number in batch {
                credential.id = CredentialId::new(self.ids.next());
                credential.user = holders[number % holders.len()];
                credential.expires_at = (number < holders.len()).then(|| end(number));
                let is_revoked = number % ONE_REVOKED_OF == ONE_REVOKED_OF - 1;
                credential.token = if is_revoked { revoked(&whole) } else { whole.clone() };
                store::credential::insert(&tx, self.environment, &credential).await.unwrap();
                let event = self.event(&told, credential.id);
                assert!(store::event::insert(&tx, self.environment, event).await.unwrap());
                store::attempt::insert(&tx, self.environment, &self.attempt(&credential)).await.unwrap();
                let call = self.call(credential.id);
                store::audit::insert(&tx, &[(&call, unproven())]).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }

    fn event(&self, like: &StoredEvent, credential: CredentialId) -> StoredEvent {
        let id = EventId::new(self.ids.next());
        StoredEvent {
            id,
            kind: like.kind,
            credential: Some(credential),
            unique_key: id.to_string(),
            sealed: like.sealed.clone(),
            created_at: Millis::from(Yesterday.now()),
        }
    }

    fn call(&self, credential: CredentialId) -> AuditEvent {
        AuditEvent {
            id: AuditEventId::new(self.ids.next()),
            workspace: Some(self.workspace),
            environment: Some(self.environment),
            at: Millis::from(Yesterday.now()),
            action: "proxy.call".into(),
            actor_type: "api_key".into(),
            actor_id: None,
            target_type: "credential".into(),
            target_id: Some(credential.to_string()),
            result: "ok".into(),
            reason: Some("200".to_owned()),
            request_id: None,
            address: None,
        }
    }

    fn attempt(&self, credential: &Credential) -> Attempt {
        let at = Millis::from(Yesterday.now());
        Attempt {
            id: AttemptId::new(self.ids.next()),
            session: SessionId::new(self.ids.next()),
            user: credential.user,
            username: credential.username.clone(),
            connector: credential.connector.clone(),
            provider: credential.provider.clone(),
            method: credential.method,
            credential: Some(credential.id),
            hosted: false,
            ending: Ending::of(AttemptOutcome::Connected),
            started_at: at,
            ended_at: Some(at),
        }
    }

    async fn secrets(&self, count: usize) {
        let mut secret = store::secret::by_key(self.store, self.environment, SECRET).await.unwrap().unwrap();
        for batch in batches(count) {
            let tx = self.store.begin().await.unwrap();
            for number in batch {
                secret.id = SecretId::new(self.ids.next());
                secret.key = format!("{SECRET}_{number:06}");
                secret.kind = if number == 0 { SecretType::BearerToken } else { SecretType::ApiKey };
                secret.issuer = Some(if number == 0 { "Rare" } else { "Common" }.to_owned());
                secret.active = number != 1;
                store::secret::insert(&tx, &secret, &[self.environment]).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
}

/// Nobody checks the chain of what was copied.
const fn unproven() -> Proof {
    Proof { address_salt: None, address_hash: None, mac: Vec::new() }
}

/// What is left of a token that was revoked here.
fn revoked(whole: &Token) -> Token {
    Token {
        machine: Machine::Broken(BrokenCause::RevokedByRequest),
        sealed: None,
        due_at: None,
        announced: Some(Status::Revoked),
        ..whole.clone()
    }
}

/// The date of the credential of this number: the days of a month and a half, evenly.
fn end(number: usize) -> Millis {
    let days = i64::try_from(number % 45).unwrap() + FIRST_END;
    Millis::from(SystemClock.now()).plus_seconds(days * 86_400)
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
