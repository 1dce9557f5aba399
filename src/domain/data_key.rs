//! Data keys as the database keeps them: wrapped by a master key.

use std::fmt;
use std::str::FromStr;

use vouchsafe_entity::id::{DataKeyId, EnvironmentId, WorkspaceId};
use vouchsafe_entity::kind::UnknownWord;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// Whose rows a data key seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// The hub itself.
    Hub,
    /// A workspace.
    Workspace(WorkspaceId),
    /// An environment.
    Environment(EnvironmentId),
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => f.write_str("hub"),
            Self::Workspace(id) => id.fmt(f),
            Self::Environment(id) => id.fmt(f),
        }
    }
}

impl FromStr for KeyOwner {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        if text == "hub" {
            return Ok(Self::Hub);
        }
        let workspace = text.parse().map(Self::Workspace);
        workspace.or_else(|_| text.parse().map(Self::Environment)).map_err(|_| UnknownWord)
    }
}

/// What a data key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Sealing rows.
    Records,
    /// Hashing hub API keys.
    ApiKeys,
    /// Hashing request bodies that a repeated `Idempotency-Key` is compared with.
    Requests,
    /// Proving that the hub wrote an audit event.
    AuditEvents,
    /// Signing the heads of the audit chains.
    AuditHeads,
}

impl KeyPurpose {
    /// Those of the hub itself.
    pub const OF_HUB: [Self; 4] = [Self::ApiKeys, Self::Requests, Self::AuditEvents, Self::AuditHeads];

    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::ApiKeys => "api_keys",
            Self::Requests => "requests",
            Self::AuditEvents => "audit_events",
            Self::AuditHeads => "audit_heads",
        }
    }
}

impl FromStr for KeyPurpose {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "records" => Ok(Self::Records),
            "api_keys" => Ok(Self::ApiKeys),
            "requests" => Ok(Self::Requests),
            "audit_events" => Ok(Self::AuditEvents),
            "audit_heads" => Ok(Self::AuditHeads),
            _ => Err(UnknownWord),
        }
    }
}

/// A data key, wrapped.
#[derive(Clone, Debug)]
pub struct WrappedKey {
    /// Named in every record that it sealed.
    pub id: DataKeyId,
    /// Whose rows it seals.
    pub owner: KeyOwner,
    /// What it is used for.
    pub purpose: KeyPurpose,
    /// Fingerprint of the master key around it.
    pub master_key: String,
    /// The key, sealed.
    pub wrapped: Sealed,
    /// When it was made.
    pub created_at: Millis,
    /// Since when it only opens.
    pub retired_at: Option<Millis>,
}
