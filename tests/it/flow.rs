//! Whole stories: a user connects an app, and the product uses it.

mod adoption;
mod api_key;
mod audit_chain;
mod audit_outside;
mod authorization_code;
mod compat;
mod control_plane;
mod expiry;
pub(crate) mod mail;
mod outage;
mod proxy;
mod proxy_hosts;
mod proxy_refusals;
mod proxy_secrets;
mod proxy_streams;
mod proxy_wire;
mod purge;
mod reconnect;
mod refresh;
mod refresh_errors;
mod replicas;
mod revocation;
mod secret_settings;
mod unauthorized;
mod webhook;
