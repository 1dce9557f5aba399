//! Audit events that are in no batch yet. The database puts each event here as it comes, unless its batch is
//! closed with it.

use sea_orm::entity::prelude::*;

use crate::id::{AuditEventId, EnvironmentId};

/// A row of `audit_unsealed`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_unsealed")]
pub struct Model {
    /// The event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    /// Its environment.
    pub environment_id: EnvironmentId,
}

impl ActiveModelBehavior for ActiveModel {}
