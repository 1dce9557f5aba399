//! The fake provider: one OAuth app, *Fernhill*, and one API-key app, *Quillpost*, in one server, with counters
//! that are the oracle of the fault tests and faults that can be programmed call by call.
//!
//! | path | what |
//! | --- | --- |
//! | `/oauth/authorize`, `/oauth/token`, `/oauth/revoke` | RFC 6749, 7636 (S256 required), 7009, 9207 |
//! | `/session/login` | user name and password for a session token |
//! | `/api/me`, `/api/items`, `/api/echo` | what the credentials are for |
//! | `/_control/…` | everything below, over HTTP |
//!
//! It stands for somebody else's server: it must know nothing of the hub.

mod api;
mod authorize;
mod config;
mod control;
mod counters;
mod definition;
mod fault;
mod grants;
mod in_flight;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use axum::Router;
use axum::routing::{any, get, post};
use secrecy::SecretString;

pub use self::config::{
    Client, ClientAuth, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_PASSWORD, DEMO_USERNAME, FakeConfig,
    KeyState, RESTRICTED_KEY, REVOKED_KEY, RefreshKind, RefreshKindError, RevokeScope, SCOPES, Settings,
    VALID_KEY,
};
pub use self::control::Snapshot;
pub use self::counters::{Counters, GrantEnd, GrantView, VersionView};
pub use self::definition::{
    FERNHILL, QUILLPOST, api_key_definition_toml, basic_definition_toml, client_credentials_definition_toml,
    definition_toml, session_definition_toml,
};
pub use self::fault::{Endpoint, Fault, Plan, Wire};
use self::grants::Ledger;
pub use self::grants::{CODE_LIFETIME, GrantId};
use self::state::Fake;
use super::DemoError;
use super::pages::{Pages, asset};
use super::serve::Server;

/// Tokens of a grant made without a browser.
#[derive(Debug, Clone)]
pub struct IssuedGrant {
    /// The grant.
    pub id: GrantId,
    /// Its access token.
    pub access_token: SecretString,
    /// Its refresh token, of version 1.
    pub refresh_token: Option<SecretString>,
}

/// A running fake provider. Dropping it stops it.
pub struct FakeProvider {
    fake: Fake,
    server: Server,
}

impl FakeProvider {
    /// Starts serving. Must be called inside a tokio runtime.
    pub fn start(config: FakeConfig) -> Result<Self, DemoError> {
        let base_url = match config.base_url {
            Some(base_url) => base_url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", config.listener.local_addr()?),
        };
        let mut ledger = Ledger::default();
        ledger.settings = config.settings;
        ledger.clients = config.clients.into_iter().map(|client| (client.id.clone(), client)).collect();
        let fake = Fake::new(base_url, ledger, config.clock, config.random, Pages::load()?);
        let router = Router::new()
            .route("/oauth/authorize", get(authorize::show_consent).post(authorize::answer_consent))
            .route("/oauth/token", post(token::create_token))
            .route("/oauth/revoke", post(token::revoke_token))
            .route("/session/login", post(token::create_session))
            .route("/api/{*path}", any(api::call_api))
            .route("/assets/{name}", get(asset))
            .merge(control::routes())
            .with_state(fake.clone());
        Ok(Self { fake, server: Server::start(config.listener, router) })
    }

    /// Its address as others see it, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.fake.base_url()
    }

    /// Stops it and frees its port.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// The definition under which the hub knows its OAuth app, with its present habits.
    pub fn definition_toml(&self, slug: &str) -> String {
        definition_toml(slug, self.base_url(), &self.fake.ledger().settings)
    }

    /// The definition under which the hub knows its API-key app.
    pub fn api_key_definition_toml(&self, slug: &str) -> String {
        api_key_definition_toml(slug, self.base_url())
    }

    /// Programs a fault; the answer is its id.
    pub fn program(&self, plan: Plan) -> u64 {
        self.fake.faults().program(plan)
    }

    /// Forgets all faults that still wait.
    pub fn clear_faults(&self) {
        self.fake.faults().clear();
    }

    /// Lets every answer go that a fault holds back now.
    pub fn release(&self) {
        self.fake.release();
    }

    /// Changes habits.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.fake.ledger().settings);
    }

    /// Registers or replaces a client.
    pub fn register(&self, client: Client) {
        self.fake.ledger().clients.insert(client.id.clone(), client);
    }

    /// Decides what one key is worth, whatever its prefix says.
    pub fn set_key(&self, key: impl Into<String>, state: KeyState) {
        self.fake.ledger().keys.insert(key.into(), state);
    }

    /// Every grant with its counters, oldest first.
    pub fn grants(&self) -> Vec<GrantView> {
        self.fake.ledger().views()
    }

    /// One grant with its counters.
    pub fn grant(&self, id: GrantId) -> Option<GrantView> {
        self.fake.ledger().view(id)
    }

    /// The calls counted so far.
    pub fn counters(&self) -> Counters {
        self.fake.ledger().counters.clone()
    }

    /// Counters, grants and waiting faults at one moment.
    pub fn snapshot(&self) -> Snapshot {
        control::snapshot(&self.fake)
    }

    /// Makes a grant as if `username` had consented.
    pub fn issue_grant(&self, client_id: &str, username: &str, scopes: &[&str]) -> IssuedGrant {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let issued = self.fake.with_mint(|ledger, mint| ledger.grant(client_id, username, scopes, mint));
        IssuedGrant {
            id: issued.grant.unwrap_or_default(),
            access_token: issued.access_token.into(),
            refresh_token: issued.refresh_token.map(Into::into),
        }
    }

    /// Ends a grant as its user would, at the provider. False if it wasn't alive.
    pub fn withdraw(&self, id: GrantId) -> bool {
        self.fake.ledger().end(id, GrantEnd::Withdrawn)
    }

    /// Changes what becomes of the refresh tokens of a grant. False if there is no such grant.
    pub fn change_kind(&self, id: GrantId, kind: RefreshKind) -> bool {
        self.fake.ledger().change_kind(id, kind)
    }

    /// The grant and version a token belongs to, alive or not.
    pub fn identify(&self, token: &str) -> Option<(GrantId, u64)> {
        self.fake.ledger().identify(token)
    }
}
