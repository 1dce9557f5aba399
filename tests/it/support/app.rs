//! The hub as a test sees it: its own router on a real listener, a database of its own, a clock that moves when told,
//! a fake provider, and two workspaces so that "the other one" is at hand.

mod definitions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;
use vouchsafe::clock::ManualClock;
use vouchsafe::config::AuditMode;
use vouchsafe::demo::fake::{
    self, Client, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, FERNHILL, FakeConfig, FakeProvider, QUILLPOST,
    RefreshKind, Settings,
};
use vouchsafe::domain::refresh::Times;
use vouchsafe::egress::{Egress, EgressConfig};
use vouchsafe::heads::HeadFile;
use vouchsafe::http::HttpState;
use vouchsafe::http::render::Renderer;
use vouchsafe::journal::Journal;
use vouchsafe::provider::{Registry, Sources};
use vouchsafe::random::{Random, SystemRandom};
use vouchsafe::service::audit::AuditLog;
use vouchsafe::service::keys::NewApiKey;
use vouchsafe::service::throttle::TURN_WAIT;
use vouchsafe::service::webhooks::Pace;
use vouchsafe::service::{Hub, Parts};
use vouchsafe::store::{DatabaseUrl, Store};
use vouchsafe::vault::{MasterKey, MasterKeys, Vault};

use self::definitions::definitions;
use super::components::{Component, require};
use super::http::Persona;
use super::outside;

/// Slugs of the fake's further apps: Basic, session login, the user's own client.
pub(crate) const BASIC: &str = "fern-basic";
pub(crate) const SESSION: &str = "fern-session";
pub(crate) const OWN_CLIENT: &str = "fern-client";
/// An app that wants something of the embedder too, at two hosts, and one whose host the embedder names.
pub(crate) const PARTNER: &str = "fern-partner";
pub(crate) const HOSTED: &str = "fern-hosted";

/// A running hub.
pub(crate) struct TestApp {
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) fake: FakeProvider,
    pub(crate) base_url: String,
    pub(crate) client: reqwest::Client,
    keys: [String; 3],
    tasks: Vec<JoinHandle<()>>,
    world: World,
    folder: TempDir,
    database_url: String,
}

/// What every hub of a test shares.
struct World {
    database: DatabaseUrl,
    master_key: String,
    providers: PathBuf,
    public_url: Url,
    clock: Arc<ManualClock>,
}

/// What a test wants otherwise than usual.
pub(crate) struct Setup {
    /// Habits of the fake, as Fernhill's definition states them.
    pub(crate) settings: Settings,
    /// What stands at the end of Fernhill's definition.
    pub(crate) definition: String,
    /// The way out.
    pub(crate) egress: EgressConfig,
}

impl Default for Setup {
    fn default() -> Self {
        Self { settings: Settings::default(), definition: String::new(), egress: egress_config() }
    }
}

impl Setup {
    /// A provider of this kind.
    pub(crate) fn of(kind: RefreshKind) -> Self {
        Self { settings: Settings { kind, ..Settings::default() }, ..Self::default() }
    }

    /// As fast as anybody asks: the limits of a provider are real time.
    #[must_use]
    pub(crate) fn unhurried(mut self) -> Self {
        self.definition.push_str("\n[limits]\nconcurrency = 64\nrate = 10000\n");
        self
    }
}

impl TestApp {
    /// Starts a hub. `None` when its database is missing: the skip is recorded, return from the test.
    ///
    /// # Panics
    /// When it does not come up.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| ()).await
    }

    /// The same with another state.
    pub(crate) async fn start_with(change: impl FnOnce(&mut HttpState)) -> Option<Self> {
        Self::start_as(|_| (), change).await
    }

    /// The same made of other parts.
    pub(crate) async fn start_as(
        change_parts: impl FnOnce(&mut Parts),
        change: impl FnOnce(&mut HttpState),
    ) -> Option<Self> {
        Self::start_in(Setup::default(), change_parts, change).await
    }

    /// The same with another set-up.
    pub(crate) async fn start_set_up(setup: Setup) -> Option<Self> {
        let egress = setup.egress.clone();
        Self::start_in(setup, |parts| parts.egress = Egress::new(egress).unwrap(), |_| ()).await
    }

    async fn start_in(
        setup: Setup,
        change_parts: impl FnOnce(&mut Parts),
        change: impl FnOnce(&mut HttpState),
    ) -> Option<Self> {
        super::failures::listen();
        let folder = tempfile::tempdir().unwrap();
        let url = database(&folder).await?;
        let clock = Arc::new(ManualClock::default());
        let fake = fake_provider(&clock, setup.settings).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let public_url = Url::parse(&format!("http://{address}")).unwrap();
        let world = World {
            database: DatabaseUrl::parse(&url).unwrap(),
            master_key: MasterKey::random("test", &SystemRandom).to_text().to_string(),
            providers: definitions(&fake, &folder, &setup.definition),
            public_url,
            clock: Arc::clone(&clock),
        };
        let path = world.providers.with_file_name("journal");
        let journal = Journal::open(&path, || "node_test".to_owned()).unwrap();
        let mut parts = world.parts(Some(journal)).await;
        change_parts(&mut parts);
        let hub = Arc::new(Hub::new(parts));
        hub.bootstrap().await.unwrap();
        hub.create_workspace("other", vouchsafe_entity::kind::WorkspaceState::Active).await.unwrap();
        let keys = [
            key(&hub, "default", "production").await,
            key(&hub, "default", "sandbox").await,
            key(&hub, "other", "production").await,
        ];
        let mut state = HttpState::new(Arc::clone(&hub), Arc::new(Renderer::new()));
        state.trusted_proxies = Arc::new(["127.0.0.1/32".parse().unwrap()]);
        state.metrics = Some(Arc::new(|| "vouchsafe_up 1\n".to_owned()));
        change(&mut state);
        let service = vouchsafe::http::router(state).into_make_service_with_connect_info::<SocketAddr>();
        let tasks = vec![
            tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }),
            tokio::spawn(Arc::clone(&hub).run_refreshes()),
        ];
        Some(Self {
            hub,
            clock,
            fake,
            base_url: format!("http://{address}"),
            client: outside::client(),
            keys,
            tasks,
            world,
            folder,
            database_url: url,
        })
    }

    /// What another hub on the same database would be made of.
    pub(crate) async fn parts(&self) -> Parts {
        self.world.parts(None).await
    }

    /// The key of [`TestApp::as_key`].
    pub(crate) fn key(&self) -> &str {
        &self.keys[0]
    }

    /// A key with every scope in an environment of any workspace.
    pub(crate) async fn key_of(&self, workspace: &str, environment: &str) -> String {
        key(&self.hub, workspace, environment).await
    }

    /// Nobody.
    pub(crate) fn anonymous(&self) -> Persona<'_> {
        Persona::new(self, None)
    }

    /// The embedder's back end in production, with every scope.
    pub(crate) fn as_key(&self) -> Persona<'_> {
        Persona::new(self, Some(self.keys[0].clone()))
    }

    /// The same in the sandbox.
    pub(crate) fn as_sandbox_key(&self) -> Persona<'_> {
        Persona::new(self, Some(self.keys[1].clone()))
    }

    /// The back end of another workspace.
    pub(crate) fn as_stranger(&self) -> Persona<'_> {
        Persona::new(self, Some(self.keys[2].clone()))
    }

    /// Whoever holds `key`.
    pub(crate) fn with_key(&self, key: &str) -> Persona<'_> {
        Persona::new(self, Some(key.to_owned()))
    }

    /// A key of production with these scopes alone.
    pub(crate) async fn with_scopes(&self, scopes: &[&str]) -> Persona<'_> {
        let body = json!({"name": "narrow", "scopes": scopes});
        let made = self.as_key().post("/api-keys", &body).await.ok(201);
        self.with_key(made["key"].as_str().unwrap())
    }

    /// Makes a user of production; their id.
    pub(crate) async fn user(&self, username: &str) -> String {
        let made = self.as_key().post("/users", &json!({"username": username})).await.ok(201);
        made["userId"].as_str().unwrap().to_owned()
    }

    /// Gives a user of production a key for Quillpost; the credential.
    pub(crate) async fn credential(&self, username: &str) -> Value {
        let body = json!({"userId": username, "connector": QUILLPOST, "data": {"key": fake::VALID_KEY}});
        self.as_key().post("/credentials", &body).await.ok(201)
    }

    /// The same with another key; its id.
    pub(crate) async fn credential_with(&self, username: &str, key: &str) -> String {
        let body = json!({"userId": username, "connector": QUILLPOST, "data": {"key": key}});
        let made = self.as_key().post("/credentials", &body).await.ok(201);
        made["credentialId"].as_str().unwrap().to_owned()
    }

    /// Gives a user of production a client of their own, whose tokens are renewed; the credential.
    pub(crate) async fn renewable(&self, username: &str) -> Value {
        let data = json!({"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET});
        let body = json!({"userId": username, "connector": OWN_CLIENT, "data": data});
        self.as_key().post("/credentials", &body).await.ok(201)
    }

    /// Reads the definitions again, that of Fernhill with the fake's present habits and changed by `change`.
    pub(crate) fn redefine(&self, change: impl FnOnce(String) -> String) {
        self.define(FERNHILL, &change(self.fake.definition_toml(FERNHILL)));
    }

    /// Writes a definition and reads all of them again.
    pub(crate) fn define(&self, slug: &str, text: &str) {
        let dir = self.folder.path().join("providers");
        std::fs::write(dir.join(format!("{slug}.toml")), text).unwrap();
        self.read_definitions(dir);
    }

    /// Takes a definition away and reads the others again.
    pub(crate) fn undefine(&self, slug: &str) {
        let dir = self.folder.path().join("providers");
        std::fs::remove_file(dir.join(format!("{slug}.toml"))).unwrap();
        self.read_definitions(dir);
    }

    fn read_definitions(&self, dir: std::path::PathBuf) {
        let sources = Sources { builtin: true, dir: Some(dir), allow_http: true };
        let registry = Registry::load(&sources).unwrap_or_else(|report| panic!("{report:?}"));
        self.hub.set_providers(registry);
    }

    /// Where an embedded database has its files.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where the database is.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The rows of a statement, asked of the database past the hub.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let database = sea_orm::Database::connect(&self.database_url).await.unwrap();
        let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
        let rows = database.query_all_raw(statement).await.unwrap();
        database.close().await.unwrap();
        rows
    }

    /// Sets the subscription of the default workspace, once the keys that remember the old one are forgotten.
    pub(crate) async fn set_state(&self, state: vouchsafe_entity::kind::WorkspaceState) {
        self.hub.set_workspace_state("default", state).await.unwrap();
        // Any change of a key empties the cache of keys.
        let made = self.as_key().post("/api-keys", &json!({"name": "x", "scopes": ["*"]})).await.ok(201);
        let path = format!("/api-keys/{}", made["apiKeyId"].as_str().unwrap());
        self.as_key().delete(&path).await.ok(200);
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        super::failures::none_is_unnoticed();
    }
}

async fn database(folder: &TempDir) -> Option<String> {
    if std::env::var("TEST_DB").is_ok_and(|kind| kind == "postgres") {
        let cluster = require(Component::Postgres)?;
        let bytes = (&SystemRandom as &dyn Random).bytes::<8>();
        let schema = format!("t_{}", hex::encode(bytes));
        let admin = sea_orm::Database::connect(&cluster).await.unwrap();
        admin.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        admin.close().await.unwrap();
        return Some(format!("{cluster}?options=-c%20search_path%3D{schema}"));
    }
    Some(format!("sqlite://{}?mode=rwc", folder.path().join("vouchsafe.db").display()))
}

async fn fake_provider(clock: &Arc<ManualClock>, settings: Settings) -> FakeProvider {
    let mut config = FakeConfig::on_loopback().await.unwrap();
    config.clock = Arc::<ManualClock>::clone(clock);
    config.settings = settings;
    config.clients = vec![Client::new(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)];
    FakeProvider::start(config).unwrap()
}

impl World {
    async fn parts(&self, journal: Option<Journal>) -> Parts {
        let store = Store::open(&self.database).await.unwrap();
        store.migrate().await.unwrap();
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let master = MasterKeys::parse(&self.master_key.clone().into()).unwrap();
        let sources = Sources { builtin: true, dir: Some(self.providers.clone()), allow_http: true };
        Parts {
            store,
            vault: Vault::new(master, Arc::clone(&random)),
            egress: Egress::new(egress_config()).unwrap(),
            providers: Registry::load(&sources).unwrap_or_else(|report| panic!("{report:?}")),
            clock: Arc::<ManualClock>::clone(&self.clock),
            random,
            public_url: self.public_url.clone(),
            times: Times { confirm_after: 60_000, lease: 90_000 },
            audit: AuditMode::Strict,
            audit_log: AuditLog {
                heads: Some(HeadFile::open(self.providers.parent().unwrap()).unwrap()),
                ..AuditLog::default()
            },
            check_waits: Vec::new(),
            turn_wait: TURN_WAIT,
            pace: Pace::default(),
            mailer: None,
            journal,
            single_sign_on: None,
        }
    }
}

/// Calls may reach this machine, and by plain http.
pub(crate) fn egress_config() -> EgressConfig {
    EgressConfig {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        allow_http: true,
        // Far above what a streamed call here needs, and short enough to be waited for.
        stream_idle_timeout: std::time::Duration::from_secs(3),
        ..EgressConfig::default()
    }
}

async fn key(hub: &Hub, workspace: &str, environment: &str) -> String {
    let operator = hub.operator_in(workspace, environment).await.unwrap();
    let scopes = ["*", "credentials:reveal", "secrets:reveal", "keys:write"];
    let new = NewApiKey {
        name: "test".to_owned(),
        scopes: scopes.map(str::to_owned).to_vec(),
        expires_at: None,
        period: None,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, plain) = hub.create_api_key(&operator, None, new).await.unwrap();
    plain.expose().to_owned()
}
