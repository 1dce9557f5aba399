//! Secrets on the wire. A value comes in; it goes out by a reveal alone.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use vouchsafe_entity::kind::{SecretType, Visibility};

use super::{SecretTypeWord, Time, VisibilityWord, given, present};
use crate::domain::secret::SecretScope;
use crate::service::secrets::{NewSecret, SecretChange, SecretView};

/// What a secret is for; an empty list = anything.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SecretScope)]
pub(in crate::http) struct ScopeShape {
    /// Integrations, by slug.
    #[serde(default)]
    #[schema(example = json!(["sync-orders"]))]
    products: Vec<String>,
    /// Connectors, by key.
    #[serde(default)]
    #[schema(example = json!(["hubspot"]))]
    apps: Vec<String>,
}

impl From<ScopeShape> for SecretScope {
    fn from(scope: ScopeShape) -> Self {
        Self { products: scope.products, apps: scope.apps }
    }
}

/// A secret to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SecretIn {
    /// Its name in references, `$Secret{KEY}`. It never changes.
    #[schema(example = "STRIPE_KEY", min_length = 1, max_length = 128)]
    key: String,
    /// What is sealed; at most 64 KiB.
    #[schema(value_type = String, write_only, min_length = 1)]
    value: SecretString,
    /// What kind of value it is.
    #[serde(rename = "type")]
    #[schema(value_type = SecretTypeWord)]
    kind: SecretType,
    /// Whether it may ever be shown. It never changes.
    #[schema(value_type = VisibilityWord)]
    visibility: Visibility,
    /// A label; left out = the key.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it is for, in words.
    #[schema(min_length = 1, max_length = 2000)]
    description: Option<String>,
    /// The third party that issued it. One that names a provider binds the secret to that provider.
    #[schema(example = "stripe", min_length = 1, max_length = 200)]
    issuer: Option<String>,
    /// What the third party granted, in words.
    #[schema(min_length = 1, max_length = 4000)]
    scopes: Option<String>,
    /// What it is for.
    #[schema(value_type = Option<ScopeShape>)]
    scope: Option<ScopeShape>,
    /// The environments that it covers; left out = the key's own, and a key can name no other.
    #[schema(example = json!(["production"]))]
    environments: Option<Vec<String>>,
    /// When the third party issued it, not in the future; left out = now.
    #[schema(format = DateTime)]
    issued_at: Option<String>,
    /// Hosts that calls and settings of connectors may take it to, `host`, `host:port` or `*.host`: all hosts that a
    /// setting goes to must be listed. Empty = calls take it to none but those of its issuer, settings to those of the
    /// connector's provider, and neither to one that somebody types and whose domain the definition does not fix.
    #[schema(example = json!(["api.stripe.com"]))]
    allowed_hosts: Option<Vec<String>>,
    /// The end, as a date; neither date nor period = never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The end, as an ISO 8601 period.
    #[schema(example = "P90D")]
    period: Option<String>,
}

impl From<SecretIn> for NewSecret {
    fn from(secret: SecretIn) -> Self {
        Self {
            key: secret.key,
            value: secret.value,
            kind: secret.kind,
            visibility: secret.visibility,
            name: secret.name,
            description: secret.description,
            issuer: secret.issuer,
            scopes: secret.scopes,
            scope: secret.scope.unwrap_or_default().into(),
            environments: secret.environments,
            issued_at: secret.issued_at,
            allowed_hosts: secret.allowed_hosts.unwrap_or_default(),
            expires_at: secret.expires_at,
            period: secret.period,
        }
    }
}

/// Changes of a secret. What is left out stays; null clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct SecretPatch {
    /// A new value.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false, write_only, min_length = 1)]
    value: Option<SecretString>,
    /// A label.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it is for, in words.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    description: Option<Option<String>>,
    /// What the third party granted, in words.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4000)]
    scopes: Option<Option<String>>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ScopeShape>)]
    scope: Option<Option<ScopeShape>>,
    /// The environments that it covers.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    environments: Option<Vec<String>>,
    /// Hosts that calls and settings of connectors may take it to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_hosts: Option<Option<Vec<String>>>,
    /// The end, as a date; null = never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// The end, as an ISO 8601 period.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    period: Option<String>,
    /// Never changes.
    #[serde(default)]
    #[schema(ignore)]
    key: Sent,
    /// Never changes.
    #[serde(default)]
    #[schema(ignore)]
    visibility: Sent,
    /// Never changes.
    #[serde(default, rename = "type")]
    #[schema(ignore)]
    kind: Sent,
    /// Never changes.
    #[serde(default)]
    #[schema(ignore)]
    issuer: Sent,
}

/// Whether a member was sent at all.
#[derive(Default)]
struct Sent(bool);

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl SecretPatch {
    /// The first member that was sent and never changes.
    pub(in crate::http) fn immutable(&self) -> Option<&'static str> {
        let fixed = [
            ("key", &self.key),
            ("visibility", &self.visibility),
            ("type", &self.kind),
            ("issuer", &self.issuer),
        ];
        fixed.into_iter().find(|(_, sent)| sent.0).map(|(name, _)| name)
    }
}

impl From<SecretPatch> for SecretChange {
    fn from(change: SecretPatch) -> Self {
        Self {
            value: change.value,
            name: change.name,
            description: change.description,
            scopes: change.scopes,
            scope: change.scope.map(|scope| scope.unwrap_or_default().into()),
            environments: change.environments,
            allowed_hosts: change.allowed_hosts.map(Option::unwrap_or_default),
            expires_at: change.expires_at,
            period: change.period,
        }
    }
}

/// A secret, without its value.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SecretOut {
    /// Its id.
    #[schema(example = "sec_01jz0000000000000000000000")]
    secret_id: String,
    /// Its name in references.
    #[schema(example = "STRIPE_KEY")]
    key: String,
    /// A label.
    name: String,
    /// What it is for, in words.
    description: Option<String>,
    /// What kind of value it is.
    #[serde(rename = "type")]
    #[schema(value_type = SecretTypeWord)]
    kind: SecretType,
    /// The third party that issued it.
    issuer: Option<String>,
    /// Whether it may ever be shown.
    #[schema(value_type = VisibilityWord)]
    visibility: Visibility,
    /// What the third party granted, in words.
    scopes: Option<String>,
    /// What it is for.
    scope: ScopeShape,
    /// The environments that it covers.
    environments: Vec<String>,
    /// Hosts that calls and settings of connectors may take it to.
    allowed_hosts: Vec<String>,
    /// Whether it is switched on.
    active: bool,
    /// When its value was wiped.
    revoked_at: Option<Time>,
    /// When it ends; null = never.
    expires_at: Option<Time>,
    /// When the third party issued it.
    issued_at: Time,
    /// Last use, to the minute.
    last_used_at: Option<Time>,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<SecretView> for SecretOut {
    fn from(SecretView { secret, environments }: SecretView) -> Self {
        Self {
            secret_id: secret.id.to_string(),
            key: secret.key,
            name: secret.name,
            description: secret.description,
            kind: secret.kind,
            issuer: secret.issuer,
            visibility: secret.visibility,
            scopes: secret.scopes,
            scope: ScopeShape { products: secret.scope.products, apps: secret.scope.apps },
            environments,
            allowed_hosts: secret.allowed_hosts.iter().map(ToString::to_string).collect(),
            active: secret.active,
            revoked_at: secret.revoked_at.map(Time),
            expires_at: secret.expires_at.map(Time),
            issued_at: secret.issued_at.into(),
            last_used_at: secret.last_used_at.map(Time),
            created_at: secret.created_at.into(),
            updated_at: secret.updated_at.into(),
        }
    }
}

/// The value of a masked secret.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RevealedOut {
    /// The value.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    pub(in crate::http) value: SecretString,
}

fn expose<S: Serializer>(value: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.expose_secret())
}
