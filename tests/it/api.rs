//! The endpoints of the API, a file a noun, each through the front door.

mod api_keys;
mod connectors;
mod credentials;
mod environment;
mod events;
mod idempotency;
mod input;
mod integrations;
mod providers;
pub(crate) mod secrets;
mod service;
mod sessions;
mod tokens;
mod users;
mod webhook_endpoints;
