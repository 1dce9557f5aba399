//! An environment inside a workspace. Nothing crosses environments.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, WorkspaceId};
use crate::json::Settings;
use crate::millis::Millis;

/// A row of `environment`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "environment")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EnvironmentId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Unique among those of the workspace that were not deleted.
    pub name: String,
    /// What its members may set.
    #[sea_orm(column_type = "JsonBinary")]
    pub settings: Settings,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// When it was deleted. From then on nothing finds it, and its name is free.
    pub deleted_at: Option<Millis>,
    /// When its rows were gone for good; only this one stays, beside its audit events.
    pub emptied_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
