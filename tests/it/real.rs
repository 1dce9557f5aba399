//! Round trips against real authorization servers: a fake is not evidence for the protocol.

mod django;
mod facts;
mod oidc_provider;
mod quirks;
mod rotation;
