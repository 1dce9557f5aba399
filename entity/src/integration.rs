//! A feature of the embedder's product.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, IntegrationId};
use crate::json::Needs;
use crate::millis::Millis;

/// A row of `integration`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "integration")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IntegrationId,
    /// Its name in the API.
    pub slug: String,
    /// Shown to users.
    pub name: String,
    /// Shown to users.
    pub description: Option<String>,
    /// What it needs.
    #[sea_orm(column_type = "JsonBinary")]
    pub connectors: Needs,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
