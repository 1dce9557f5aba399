//! The part of a credential that whoever serves it needs: a token read and a call to the app load no more.

use vouchsafe_entity::id::{ConnectorId, CredentialId};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::{Condition, Credential};

/// A credential as it is served.
#[derive(Clone, Debug)]
pub struct ServedCredential {
    /// Its id.
    pub id: CredentialId,
    /// What it is for.
    pub connector: ConnectorId,
    /// Whether it may be used.
    pub condition: Condition,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// The grant.
    pub epoch: i64,
    /// The version of its tokens.
    pub version: i64,
    /// Access token, refresh token, values.
    pub sealed: Option<Sealed>,
}

impl From<Credential> for ServedCredential {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id,
            connector: credential.connector_id,
            condition: credential.condition(),
            scopes: credential.scopes,
            last_used_at: credential.last_used_at,
            epoch: credential.token.epoch,
            version: credential.token.version,
            sealed: credential.token.sealed,
        }
    }
}
