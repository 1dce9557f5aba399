//! One attempt to tell a webhook endpoint of an event. Those that are pending are the outbox, the others are the log.

use sea_orm::entity::prelude::*;

use crate::id::{DeliveryId, EnvironmentId, EventId, WebhookEndpointId};
use crate::kind::DeliveryStatus;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `delivery`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
    /// Who is told.
    pub webhook_endpoint_id: WebhookEndpointId,
    /// Of what.
    pub event_id: EventId,
    /// Its number, from 1.
    pub attempt: i32,
    /// How far it is.
    pub status: DeliveryStatus,
    /// When it may be claimed; none once it is over. A claim moves it to the claim's end.
    pub due_at: Option<Millis>,
    /// End of the claim, while it is under way.
    pub lease_until: Option<Millis>,
    /// When it was sent.
    pub started_at: Option<Millis>,
    /// How long the endpoint took.
    pub duration_ms: Option<i64>,
    /// The HTTP status that came back.
    pub answer_status: Option<i16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What came back, without secrets, sealed.
    #[sea_orm(column_type = "Blob")]
    pub sealed_answer: Option<Sealed>,
    /// When it was planned.
    pub created_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
