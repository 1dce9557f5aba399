//! Integrations on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vouchsafe_entity::json::Need;

use super::Time;
use crate::domain::integration::Integration;
use crate::http::extract::Object;
use crate::service::integrations::NewIntegration;

/// An integration as it is PUT.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct IntegrationIn {
    /// Shown to users.
    #[schema(example = "Sync orders", min_length = 1, max_length = 200)]
    name: String,
    /// Shown to users.
    #[schema(min_length = 1, max_length = 2000)]
    description: Option<String>,
    /// What it needs, 1 to 50.
    #[schema(value_type = Vec<NeedIn>, min_items = 1, max_items = 50)]
    connectors: Vec<Object<NeedIn>>,
}

/// What a feature needs of one connector.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NeedIn {
    /// The connector's key.
    #[schema(example = "hubspot")]
    connector: String,
    /// Scopes beyond the connector's own.
    scopes: Option<Vec<String>>,
    /// Whether the feature works without it.
    optional: Option<bool>,
}

impl From<IntegrationIn> for NewIntegration {
    fn from(integration: IntegrationIn) -> Self {
        let need = |Object(need): Object<NeedIn>| Need {
            connector: need.connector,
            scopes: need.scopes.unwrap_or_default(),
            optional: need.optional.unwrap_or(false),
        };
        Self {
            name: integration.name,
            description: integration.description,
            connectors: integration.connectors.into_iter().map(need).collect(),
        }
    }
}

/// A feature of your product that needs connectors.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct IntegrationOut {
    /// Its name in the API.
    #[schema(example = "sync-orders")]
    slug: String,
    /// Shown to users.
    name: String,
    /// Shown to users.
    description: Option<String>,
    /// What it needs.
    connectors: Vec<NeedOut>,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

/// What a feature needs of one connector.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NeedOut {
    /// The connector's key.
    connector: String,
    /// Scopes beyond the connector's own.
    scopes: Vec<String>,
    /// Whether the feature works without it.
    optional: bool,
}

impl From<Integration> for IntegrationOut {
    fn from(integration: Integration) -> Self {
        let need =
            |need: Need| NeedOut { connector: need.connector, scopes: need.scopes, optional: need.optional };
        Self {
            slug: integration.slug,
            name: integration.name,
            description: integration.description,
            connectors: integration.connectors.into_iter().map(need).collect(),
            created_at: integration.created_at.into(),
            updated_at: integration.updated_at.into(),
        }
    }
}
