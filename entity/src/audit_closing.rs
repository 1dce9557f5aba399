//! There while events are stored whose batch is closed in the same transaction; the database puts none of them among
//! those that wait for one. Empty between transactions.

use sea_orm::entity::prelude::*;

use crate::id::AuditEventId;

/// A row of `audit_closing`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_closing")]
pub struct Model {
    /// The first of the events.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
}

impl ActiveModelBehavior for ActiveModel {}
