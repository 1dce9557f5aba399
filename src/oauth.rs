//! The outbound OAuth protocol: authorization URLs, token requests, revocation, callbacks.
//!
//! The crate `oauth2` makes the requests and reads the answers; between it and the network stands one adapter for each
//! call, driven by the provider definition, that writes the request as the app wants it and turns the answer into the
//! shape of RFC 6749. Sending and reading are two steps, so that a complete answer can be kept before it is read. This
//! module must not know rows, credentials or retries: it says what happened, in the classes of `refresh.md`, section 6.

mod assertion;
pub mod authorize;
mod body;
pub mod callback;
mod error;
pub mod exchange;
pub mod mcp;
pub mod mint;
pub mod oauth1;
pub mod oidc;
pub mod pkce;
mod received;
pub mod refresh;
pub mod revoke;
mod token;
mod wire;

use secrecy::SecretString;

pub use self::{
    error::{Cause, TokenError},
    pkce::{Pkce, new_state},
    received::Received,
    token::{ProviderToken, Raw, TokenAnswer},
};

/// The connector's registration at the app.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    /// The client id; no secret.
    pub client_id: String,
    /// The client secret; public clients have none.
    pub client_secret: Option<SecretString>,
}

#[cfg(test)]
mod tests;
