//! Connectors: a provider switched on in an environment.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use vouchsafe_entity::id::{ConnectorId, EnvironmentId};
use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

/// A connector.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Its id, part of the redirect URI.
    pub id: ConnectorId,
    /// Its name in the API.
    pub key: String,
    /// The provider's slug.
    pub provider: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether somebody PUT it; otherwise it exists because the provider works without one.
    pub explicit: bool,
    /// The methods that the modal offers; none = all that work.
    pub methods: Option<Vec<Method>>,
    /// The embedder's OAuth client.
    pub client_id: Option<String>,
    /// Whether the sealed part has a client secret.
    pub has_client_secret: bool,
    /// Always asked for.
    pub scopes: Vec<String>,
    /// Added to the authorization request.
    pub authorization_params: BTreeMap<String, String>,
    /// Variables that are no secret.
    pub variables: BTreeMap<String, String>,
    /// Names of the sealed variables.
    pub secret_variables: Vec<String>,
    /// Client secret and secret variables.
    pub sealed: Option<Sealed>,
    /// +1 on each change; bound into the seal.
    pub version: i64,
    /// The app refuses its client.
    pub failing: Option<Failing>,
    /// When it was made; none while it exists by default.
    pub created_at: Option<Millis>,
    /// When it last changed.
    pub updated_at: Option<Millis>,
}

/// The app refuses a connector's client: no credential of it is renewed, but for one probe at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Since when.
    pub since: Millis,
    /// When one credential may try again.
    pub probe_at: Millis,
}

/// Whether the credentials of a connector may be used and renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Somebody switched it on.
    pub enabled: bool,
    /// The app refuses its client.
    pub failing: bool,
}

impl Connector {
    /// Whether its credentials may be used and renewed.
    pub const fn availability(&self) -> Availability {
        Availability { enabled: self.enabled, failing: self.failing.is_some() }
    }

    /// When somebody last set it; none while it exists by default.
    pub fn set_at(&self) -> Option<Millis> {
        self.updated_at.filter(|_| self.explicit)
    }

    /// The connector that exists without a PUT, for a provider that needs no client.
    pub fn by_default(environment: EnvironmentId, provider: &str) -> Self {
        Self {
            id: connector_id(environment, provider),
            key: provider.to_owned(),
            provider: provider.to_owned(),
            enabled: true,
            explicit: false,
            methods: None,
            client_id: None,
            has_client_secret: false,
            scopes: Vec::new(),
            authorization_params: BTreeMap::new(),
            variables: BTreeMap::new(),
            secret_variables: Vec::new(),
            sealed: None,
            version: 0,
            failing: None,
            created_at: None,
            updated_at: None,
        }
    }
}

/// The id of the connector named `key`. It follows from environment and key alone, so a redirect URI that was
/// registered at the app stays right when the connector is deleted and made again.
pub fn connector_id(environment: EnvironmentId, key: &str) -> ConnectorId {
    let mut hash = Sha256::new();
    hash.update(b"vs-connector-v1");
    hash.update(environment.uuid().as_bytes());
    hash.update(key.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    ConnectorId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Whether `key` can name a connector or an integration: up to 64 of `a-z`, `0-9`, joined by single `-`.
pub fn is_key(key: &str) -> bool {
    key.len() <= 64
        && key.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}
