//! Where calls may go beyond the public internet.

use ipnet::IpNet;

use super::ConfigError;
use super::raw::Raw;
use super::server::networks;

/// Openings for self-hosted apps and tests; nothing of a workspace's can widen them.
#[derive(Clone, Debug, Default)]
pub struct EgressConfig {
    /// `VOUCHSAFE_EGRESS_ALLOW`: private networks that calls may reach.
    pub allow: Vec<IpNet>,
    /// `VOUCHSAFE_EGRESS_HTTP`: whether plain http is taken for hosts inside them.
    pub http: bool,
}

impl EgressConfig {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let allow = networks(&raw.egress_allow, "VOUCHSAFE_EGRESS_ALLOW")?;
        Ok(Self { allow, http: raw.egress_http.unwrap_or(false) })
    }
}
