//! How often somebody tried to sign in in vain, by account, browser or address.

use sea_orm::entity::prelude::*;

use crate::millis::Millis;

/// A row of `sign_in_bucket`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_bucket")]
pub struct Model {
    /// What is counted, hashed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Tries since the last success.
    pub tries: i32,
    /// Before which no other try is looked at.
    pub wait_until: Millis,
    /// When the last try was.
    pub tried_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
