//! The host app *Acme*: what somebody builds who embeds the hub. One page, a small back end that holds the
//! hub's API key, and after each step a sentence and a curl line that say what just happened.
//!
//! It is a third party to the hub and speaks only HTTP to it.

mod actions;
mod hub;
mod page;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio::net::TcpListener;

pub use self::hub::{HubAnswer, HubClient};
use super::DemoError;
use super::pages::{Pages, asset};
use super::serve::Server;

/// The user who is signed in at the host app.
#[derive(Debug, Clone)]
pub struct HostUser {
    /// What the hub knows the user by.
    pub username: String,
    /// Name shown.
    pub full_name: String,
    /// E-mail address.
    pub email: String,
}

impl Default for HostUser {
    fn default() -> Self {
        let address = "jo@acme.test".to_owned();
        Self { username: address.clone(), full_name: "Jo Park".to_owned(), email: address }
    }
}

/// An app that the host app uses through the hub.
#[derive(Debug, Clone)]
pub struct HostConnector {
    /// The connector's key at the hub.
    pub key: String,
    /// The app's name.
    pub name: String,
    /// What the back end calls with the credential.
    pub call_url: String,
    /// The same, as a path for the hub's proxy.
    pub proxy_path: String,
}

impl HostConnector {
    /// An app of the fake provider at `fake_url`, called at `/api/me`.
    pub fn at_fake(key: &str, name: &str, fake_url: &str) -> Self {
        Self {
            key: key.to_owned(),
            name: name.to_owned(),
            call_url: format!("{fake_url}/api/me"),
            proxy_path: "me".to_owned(),
        }
    }
}

/// How to start the host app.
pub struct HostConfig {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its address as browsers see it, if not `http://<listener>`.
    pub public_url: Option<String>,
    /// Where the hub is, for the back end and for browsers.
    pub hub_url: String,
    /// The hub's API key; it never reaches a browser.
    pub api_key: SecretString,
    /// Who is signed in.
    pub user: HostUser,
    /// The integration's slug at the hub.
    pub integration: String,
    /// The integration's name.
    pub integration_name: String,
    /// The apps the integration needs.
    pub connectors: Vec<HostConnector>,
}

impl HostConfig {
    /// *Orders to sheet* for Jo, needing Fernhill and Quillpost of the fake provider at `fake_url`.
    pub fn demo(listener: TcpListener, hub_url: &str, api_key: SecretString, fake_url: &str) -> Self {
        Self {
            listener,
            public_url: None,
            hub_url: hub_url.to_owned(),
            api_key,
            user: HostUser::default(),
            integration: "orders-to-sheet".to_owned(),
            integration_name: "Orders to sheet".to_owned(),
            connectors: vec![
                HostConnector::at_fake("fernhill", "Fernhill", fake_url),
                HostConnector::at_fake("quillpost", "Quillpost", fake_url),
            ],
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
struct Host(Arc<Inner>);

struct Inner {
    origin: String,
    hub: HubClient,
    user: HostUser,
    integration: String,
    integration_name: String,
    connectors: Vec<HostConnector>,
    pages: Pages,
}

impl std::ops::Deref for Host {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A running host app. Dropping it stops it.
pub struct HostApp {
    origin: String,
    server: Server,
}

impl HostApp {
    /// Starts serving. Must be called inside a tokio runtime; the hub need not be up yet.
    pub fn start(config: HostConfig) -> Result<Self, DemoError> {
        let origin = match config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", config.listener.local_addr()?),
        };
        let host = Host(Arc::new(Inner {
            origin: origin.clone(),
            hub: HubClient::new(&config.hub_url, config.api_key)?,
            user: config.user,
            integration: config.integration,
            integration_name: config.integration_name,
            connectors: config.connectors,
            pages: Pages::load()?,
        }));
        let router = Router::new()
            .route("/", get(page::show_page))
            .route("/connections", get(page::show_connections))
            .route("/connect-token", post(actions::create_connect_token))
            .route("/connect-link", post(actions::open_connect_link))
            .route("/connected", get(actions::finish_redirect))
            .route("/confirm", post(actions::confirm_connection))
            .route("/use", post(actions::use_connection))
            .route("/disconnect", post(actions::disconnect))
            .route("/assets/{name}", get(asset))
            .with_state(host);
        Ok(Self { origin, server: Server::start(config.listener, router) })
    }

    /// Its address, without a slash at the end. It is also the origin that frames the modal.
    pub fn base_url(&self) -> &str {
        &self.origin
    }

    /// Stops it and frees its port.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
