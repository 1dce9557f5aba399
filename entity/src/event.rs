//! Something that happened, for webhooks and `GET /events`.

use sea_orm::entity::prelude::*;

use crate::id::{CredentialId, EnvironmentId, EventId};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `event`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Where it happened.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    /// What happened.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// To which credential.
    pub credential_id: Option<CredentialId>,
    /// Grant epoch, type and ordinal, so that a change is told once.
    pub unique_key: String,
    /// The body: it carries an address and perhaps a link.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// When.
    pub created_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
