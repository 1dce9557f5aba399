//! The stage of a story: hub, apps and a host page behind one HTTPS front, set up over the hub's API as an
//! embedder would.
#![allow(dead_code, reason = "not every story needs every part of the stage")]

#[path = "stage/api.rs"]
mod api;
#[path = "stage/host.rs"]
pub(crate) mod host;
#[path = "stage/modal.rs"]
mod modal;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use vouchsafe::app::{Deps, Running};
use vouchsafe::clock::{Clock, SystemClock};
use vouchsafe::config::Config;
use vouchsafe::demo::fake::{self, Client, FakeConfig, FakeProvider};
use vouchsafe::egress::EgressHooks;
use vouchsafe::service::bootstrap::DEFAULT_WORKSPACE;
use vouchsafe::service::keys::NewApiKey;

use crate::front::{APP, FERNHILL, Front, HUB, IDP};
use crate::support::servers::{OidcOptions, OidcProvider};

use api::Api;
pub(crate) use modal::Session;

/// The key of the connector to the real authorization server.
pub(crate) const NORTHWIND: &str = "northwind";
/// The same, answering by form post.
pub(crate) const NORTHWIND_FORM: &str = "northwind-form";

/// The machine's clock, which a story may put forward.
#[derive(Debug, Default)]
struct ForwardClock(AtomicI64);

impl Clock for ForwardClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime()
    }
}

/// Everything that a story plays with. It ends when it is dropped.
pub(crate) struct Stage {
    pub(crate) front: Front,
    pub(crate) hub: Running,
    /// Fernhill (OAuth), Quillpost (a key), and two that take a user name and password.
    pub(crate) fake: FakeProvider,
    /// Northwind, where the stage was started with it.
    pub(crate) idp: Option<OidcProvider>,
    pub(crate) api: Api,
    clock: Arc<ForwardClock>,
    variables: BTreeMap<String, String>,
    _directory: TempDir,
}

impl Stage {
    /// A hub with the invented apps.
    pub(crate) async fn start() -> Self {
        Box::pin(Self::build(&[])).await
    }

    /// As [`Stage::start`], with a real identity provider that signs members in. `None` when it is missing.
    pub(crate) async fn with_sign_on() -> Option<Self> {
        let client = [
            ("VOUCHSAFE_OIDC_CLIENT_ID", "basic"),
            ("VOUCHSAFE_OIDC_CLIENT_SECRET", "basic-secret"),
            ("VOUCHSAFE_OIDC_NAME", "Northwind ID"),
        ];
        let mut stage = Box::pin(Self::build(&client)).await;
        let callbacks = vec![format!("{}/dashboard/sign-in/callback", stage.front.origin(HUB))];
        stage.idp = Some(stage.start_idp(callbacks).await?);
        Some(stage)
    }

    /// As [`Stage::start`], with a real authorization server. `None` when it is missing: return from the test.
    pub(crate) async fn with_idp() -> Option<Self> {
        let mut stage = Box::pin(Self::build(&[])).await;
        let mut callbacks = Vec::new();
        for (key, params) in
            [(NORTHWIND, json!({})), (NORTHWIND_FORM, json!({ "response_mode": "form_post" }))]
        {
            let settings = json!({
                "provider": NORTHWIND,
                "clientId": "basic",
                "clientSecret": "basic-secret",
                "authorizationParams": params,
            });
            callbacks.push(stage.api.connector(key, &settings).await);
        }
        stage.idp = Some(stage.start_idp(callbacks).await?);
        Some(stage)
    }

    async fn start_idp(&self, callbacks: Vec<String>) -> Option<OidcProvider> {
        let options = OidcOptions {
            callbacks,
            issuer: Some(self.front.origin(IDP)),
            // Stories are about browsers: a token that ends meanwhile would only be noise.
            access_token_seconds: 600,
            ..OidcOptions::default()
        };
        let server = OidcProvider::start(options).await?;
        self.front.proxy(IDP, server.address);
        Some(server)
    }

    /// With these variables beside the usual ones; whoever gives some has members signed in at `idp.test`.
    async fn build(sign_on: &[(&str, &str)]) -> Self {
        let front = Front::start().await;
        let directory = TempDir::with_prefix("vouchsafe-browser-").unwrap();
        let providers = directory.path().join("providers");
        std::fs::create_dir(&providers).unwrap();

        let mut settings = FakeConfig::on_loopback().await.unwrap();
        let address = settings.listener.local_addr().unwrap();
        settings.base_url = Some(front.origin(FERNHILL));
        let fake = FakeProvider::start(settings).unwrap();
        front.proxy(FERNHILL, address);
        write_definitions(&providers, &front, &fake);

        let text = |path: &Path| path.display().to_string();
        let mut variables: BTreeMap<String, String> = [
            ("VOUCHSAFE_LISTEN", "127.0.0.1:0".to_owned()),
            ("VOUCHSAFE_PUBLIC_URL", front.origin(HUB)),
            ("VOUCHSAFE_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("VOUCHSAFE_EGRESS_ALLOW", "127.0.0.1".to_owned()),
            ("VOUCHSAFE_DATA_DIR", text(&directory.path().join("data"))),
            ("VOUCHSAFE_PROVIDERS_DIR", text(&providers)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if !sign_on.is_empty() {
            variables.insert("VOUCHSAFE_OIDC_ISSUER".to_owned(), front.origin(IDP));
        }
        variables.extend(sign_on.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let clock = Arc::new(ForwardClock::default());
        let hub = start_hub(&variables, &front, &clock).await;
        front.proxy(HUB, hub.address);
        front.pages(APP, host::pages(&front.origin(HUB)));
        let api = Api::new(&format!("http://{}", hub.address), key(&hub).await);

        let redirect_uri = api.connector(fake::FERNHILL, &fernhill_settings()).await;
        fake.register(Client::demo(redirect_uri));
        let theme = json!({ "theme": { "appName": "Acme" } });
        assert_eq!(api.patch("/environment", &theme).await.0, 200);
        Self { front, hub, fake, idp: None, api, clock, variables, _directory: directory }
    }

    /// Stops the hub and starts it again on the same data, as a restart would.
    pub(crate) async fn restart_hub(mut self) -> Self {
        self.hub.stop().await;
        self.hub = start_hub(&self.variables, &self.front, &self.clock).await;
        self.front.proxy(HUB, self.hub.address);
        self.api = self.api.at(&format!("http://{}", self.hub.address));
        self
    }

    /// Puts the hub's clock forward.
    pub(crate) fn forward(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The origin of the host page.
    pub(crate) fn app(&self) -> String {
        self.front.origin(APP)
    }
}

/// What an operator would write about Acme's client at Fernhill.
pub(crate) fn fernhill_settings() -> Value {
    json!({
        "provider": fake::FERNHILL,
        "clientId": fake::DEMO_CLIENT_ID,
        "clientSecret": fake::DEMO_CLIENT_SECRET,
    })
}

async fn start_hub(
    variables: &BTreeMap<String, String>,
    front: &Front,
    clock: &Arc<ForwardClock>,
) -> Running {
    let config = Config::from_variables(variables).unwrap();
    let address = vec![front.address()];
    let names = [IDP, FERNHILL].map(|host| (host.to_owned(), address.clone()));
    let deps = Deps {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        egress: EgressHooks {
            names: Some(HashMap::from(names)),
            roots: Some(front.ca_pem().as_bytes().to_vec()),
        },
        check_waits: Vec::new(),
        ..Deps::default()
    };
    Running::start(&config, deps, None).await.unwrap()
}

async fn key(hub: &Running) -> String {
    let actor = hub.hub.operator_in(DEFAULT_WORKSPACE, "production").await.unwrap();
    let new = NewApiKey {
        name: "Acme".to_owned(),
        scopes: vec!["*".to_owned(), "credentials:reveal".to_owned()],
        expires_at: None,
        period: None,
        allowed_cidrs: Vec::new(),
        rate_limit: None,
    };
    let (_, key) = hub.hub.create_api_key(&actor, None, new).await.unwrap();
    key.expose().to_owned()
}

fn write_definitions(directory: &Path, front: &Front, fake: &FakeProvider) {
    let base = fake.base_url();
    for (slug, text) in [
        (fake::FERNHILL, fake.definition_toml(fake::FERNHILL)),
        (fake::QUILLPOST, fake.api_key_definition_toml(fake::QUILLPOST)),
        ("mailroom", fake::basic_definition_toml("mailroom", base)),
        ("ledgerly", fake::session_definition_toml("ledgerly", base)),
        (NORTHWIND, northwind(&front.origin(IDP))),
    ] {
        std::fs::write(directory.join(slug).with_extension("toml"), text).unwrap();
    }
}

fn northwind(origin: &str) -> String {
    format!(
        r#"name = "Northwind"
documentation = "https://northwind.example/docs"
categories = ["crm"]
base_url = "{origin}"
account = "{{account_id}}"
account_label = "{{account_email}}"

[variables]
account_id = {{ from = "check.sub", optional = true }}
account_email = {{ from = "check.email", optional = true }}

[oauth2]
authorization_endpoint = "{origin}/auth"
token_endpoint = "{origin}/token"
revocation_endpoint = "{origin}/token/revocation"
scopes = ["openid", "email"]

[oauth2.refresh]
reuse = "strict"

[check]
path = "/me"
success = "sub"
"#
    )
}
