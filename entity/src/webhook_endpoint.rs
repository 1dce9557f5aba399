//! Who wants to know what happens in an environment.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, EventId, WebhookEndpointId};
use crate::json::Strings;
use crate::kind::DisabledReason;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `webhook_endpoint`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoint")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookEndpointId,
    /// Where deliveries go.
    pub url: String,
    /// The types it wants; none = all.
    #[sea_orm(column_type = "JsonBinary")]
    pub events: Option<Strings>,
    /// A label.
    pub description: Option<String>,
    /// Whether it is told.
    pub enabled: bool,
    /// Why the hub switched it off.
    pub disabled_reason: Option<DisabledReason>,
    /// Its secret, and the one before while both sign.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// +1 on each new secret; bound into the seal.
    pub version: i64,
    /// The first failure since the last success.
    pub failing_since: Option<Millis>,
    /// A replay has come to this event; none = no replay.
    pub replay_after: Option<EventId>,
    /// A replay begins with events of this moment.
    pub replay_since: Option<Millis>,
    /// A replay ends with events of this moment.
    pub replay_until: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
