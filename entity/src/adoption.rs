//! Which deployment a database belongs to: at most one row.

use sea_orm::entity::prelude::*;

use crate::millis::Millis;

/// A row of `adoption`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "adoption")]
pub struct Model {
    /// Always the same.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// What browsers and apps see; none where the hub takes any free port.
    pub public_url: Option<String>,
    /// What tells the place of the database from that of a copy.
    pub place: String,
    /// Since when.
    pub adopted_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
