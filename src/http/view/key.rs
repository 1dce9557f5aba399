//! Hub API keys on the wire.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::{Time, given};
use crate::domain::api_key::ApiKey;
use crate::secret::PlainApiKey;
use crate::service::keys::NewApiKey;

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ApiKeyIn {
    /// A label.
    #[schema(example = "billing service", min_length = 1, max_length = 200)]
    name: String,
    /// What it may do. `*` leaves out `credentials:reveal`, `secrets:reveal` and `keys:write`.
    #[schema(example = json!(["users:read", "credentials:read"]), min_items = 1)]
    scopes: Vec<String>,
    /// The end, as a date; neither date nor period = never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The end, as an ISO 8601 period.
    #[schema(example = "P90D")]
    period: Option<String>,
    /// Networks it may be used from; left out = any.
    allowed_cidrs: Option<Vec<String>>,
    /// Calls a second; left out = no limit.
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit: Option<u32>,
}

impl From<ApiKeyIn> for NewApiKey {
    fn from(key: ApiKeyIn) -> Self {
        Self {
            name: key.name,
            scopes: key.scopes,
            expires_at: key.expires_at,
            period: key.period,
            allowed_cidrs: key.allowed_cidrs.unwrap_or_default(),
            rate_limit: key.rate_limit,
        }
    }
}

/// Changes of a key. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ApiKeyPatch {
    /// A label.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub(in crate::http) name: Option<String>,
    /// Whether it is switched on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(in crate::http) active: Option<bool>,
}

/// A hub API key, without its value.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ApiKeyOut {
    /// Its id.
    #[schema(example = "apikey_01jz0000000000000000000000")]
    api_key_id: String,
    /// A label.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// How its value begins.
    #[schema(example = "vs_production_k3J9xQ2a")]
    prefix: String,
    /// Whether it is switched on.
    active: bool,
    /// When it stops; null = never.
    expires_at: Option<Time>,
    /// Networks it may be used from; empty = any.
    allowed_cidrs: Vec<String>,
    /// Calls a second; null = no limit.
    rate_limit: Option<u32>,
    /// Last use, to the minute.
    last_used_at: Option<Time>,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<ApiKey> for ApiKeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            api_key_id: key.id.to_string(),
            name: key.name,
            scopes: key.scopes.words().to_vec(),
            prefix: key.prefix,
            active: key.active,
            expires_at: key.expires_at.map(Time),
            allowed_cidrs: key.allowed_cidrs.iter().map(ToString::to_string).collect(),
            rate_limit: key.rate_limit,
            last_used_at: key.last_used_at.map(Time),
            created_at: key.created_at.into(),
            updated_at: key.updated_at.into(),
        }
    }
}

/// A key with its value, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct NewApiKeyOut {
    #[serde(flatten)]
    shown: ApiKeyOut,
    /// The value. It is not kept and cannot be shown again.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String, example = "vs_production_…")]
    key: PlainApiKey,
}

impl From<(ApiKey, PlainApiKey)> for NewApiKeyOut {
    fn from((key, plain): (ApiKey, PlainApiKey)) -> Self {
        Self { shown: key.into(), key: plain }
    }
}

fn expose<S: Serializer>(key: &PlainApiKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose())
}
