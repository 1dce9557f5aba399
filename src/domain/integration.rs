//! Integrations: features of the embedder's product that need connectors.

use vouchsafe_entity::id::IntegrationId;
use vouchsafe_entity::json::Need;
use vouchsafe_entity::millis::Millis;

/// An integration.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Its name in the API.
    pub slug: String,
    /// Shown to users.
    pub name: String,
    /// Shown to users.
    pub description: Option<String>,
    /// What it needs.
    pub connectors: Vec<Need>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}
