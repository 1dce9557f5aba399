//! Hub API keys.

use ipnet::IpNet;
use vouchsafe_entity::id::ApiKeyId;
use vouchsafe_entity::millis::Millis;

use super::scope::Scopes;
use super::workspace::Tenant;

/// A hub API key, without anything that would let it be used.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Where it works.
    pub tenant: Tenant,
    /// A label.
    pub name: String,
    /// What may be shown of it.
    pub prefix: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it is switched on.
    pub active: bool,
    /// After which it stops.
    pub expires_at: Option<Millis>,
    /// Addresses it may be used from; empty = any.
    pub allowed_cidrs: Vec<IpNet>,
    /// Calls a second; none = no limit.
    pub rate_limit: Option<u32>,
    /// HMAC of the key, in hex.
    pub hash: String,
    /// HMAC of the key before the last rotation, and until when it works.
    pub previous: Option<(String, Millis)>,
    /// Last seen, to the minute.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ApiKey {
    /// Whether the key whose HMAC is `hash` works at `now`.
    pub fn accepts(&self, hash: &str, now: Millis) -> bool {
        let current = self.hash == hash;
        let previous = self.previous.as_ref().is_some_and(|(old, until)| old == hash && now < *until);
        self.active && (current || previous) && self.expires_at.is_none_or(|end| now < end)
    }
}
