//! Audit events that are being removed with their batch; the database lets no other go. Empty between transactions.

use sea_orm::entity::prelude::*;

use crate::id::AuditEventId;

/// A row of `audit_removal`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_removal")]
pub struct Model {
    /// The event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
}

impl ActiveModelBehavior for ActiveModel {}
