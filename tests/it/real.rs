//! Round trips against real authorization servers: a fake is not evidence for the protocol.

mod oidc_provider;
