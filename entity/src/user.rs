//! An end user.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, UserId};
use crate::json::Strings;
use crate::millis::Millis;

/// A row of `user`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Where they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// The embedder's name for them.
    pub username: String,
    /// For display.
    pub full_name: Option<String>,
    /// For display and events.
    pub email: Option<String>,
    /// For display.
    pub organization: Option<String>,
    /// Username, name, address and organization in lower case, a line each.
    pub search_text: String,
    /// The embedder's words.
    #[sea_orm(column_type = "JsonBinary")]
    pub tags: Strings,
    /// When they were made.
    pub created_at: Millis,
    /// When they last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
