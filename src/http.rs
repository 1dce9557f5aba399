//! The hub's face to browsers and callers: the API, pages, assets and what is said in them.
//!
//! It knows HTTP and HTML. It must not know rows, ciphertext or how a credential is made: a handler takes a caller and
//! a checked input, calls one use case of [`crate::service`] and wraps a view.

mod api;
pub mod assets;
mod compat;
pub mod connect;
pub mod dashboard;
mod extract;
mod files;
mod icons;
mod idempotency;
mod layers;
pub mod mail;
mod openapi;
mod problem;
pub mod render;
mod router;
pub mod strings;
mod view;

pub use extract::client_address;
pub use layers::RequestId;
pub use openapi::document;
pub use problem::Problem;
pub use router::router;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use ipnet::IpNet;

use crate::service::Hub;
use assets::Assets;
use render::Renderer;

/// How long a handler may take until the head of its answer, but for calls to apps and for sign-ins that come back.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);

/// Gives the metrics as Prometheus reads them.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What handlers share.
#[derive(Clone)]
pub struct HttpState {
    /// The use cases.
    pub hub: Arc<Hub>,
    /// The pages.
    pub renderer: Arc<Renderer>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// The metrics; none where they have a listener of their own.
    pub metrics: Option<MetricsText>,
    /// How long a handler may take; [`HANDLER_TIMEOUT`] but in tests.
    pub handler_timeout: Duration,
}

impl HttpState {
    /// A state with the usual time, no trusted proxy and no metrics.
    pub fn new(hub: Arc<Hub>, renderer: Arc<Renderer>) -> Self {
        Self { hub, renderer, trusted_proxies: Arc::new([]), metrics: None, handler_timeout: HANDLER_TIMEOUT }
    }
}

impl FromRef<HttpState> for Arc<Assets> {
    fn from_ref(state: &HttpState) -> Self {
        Self::clone(state.renderer.assets())
    }
}

impl FromRef<HttpState> for Arc<Hub> {
    fn from_ref(state: &HttpState) -> Self {
        Self::clone(&state.hub)
    }
}
