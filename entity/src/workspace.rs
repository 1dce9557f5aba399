//! A tenant: a company that embeds the hub.

use sea_orm::entity::prelude::*;

use crate::id::WorkspaceId;
use crate::json::WorkspaceSettings;
use crate::kind::WorkspaceState;
use crate::millis::Millis;

/// A row of `workspace`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workspace")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WorkspaceId,
    /// Unique among those that were not deleted.
    pub name: String,
    /// Its subscription.
    pub state: WorkspaceState,
    /// What may be set.
    #[sea_orm(column_type = "JsonBinary")]
    pub settings: WorkspaceSettings,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// When it was deleted. From then on nothing finds it, and its name is free.
    pub deleted_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
