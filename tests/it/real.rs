//! Round trips against real authorization servers: a fake is not evidence for the protocol.

mod django;
mod facts;
mod glewlwyd;
mod mcp;
mod oidc_provider;
mod private_key;
mod quirks;
mod rotation;
mod sign_on;
