//! Whole stories: a user connects an app, and the product uses it.

mod adoption;
mod api_key;
mod authorization_code;
mod proxy;
mod proxy_hosts;
mod proxy_refusals;
mod proxy_secrets;
mod proxy_streams;
mod proxy_wire;
mod reconnect;
mod refresh;
mod revocation;
mod secret_settings;
mod webhook;
