//! A key that seals rows or hashes our own keys, wrapped by a master key.

use sea_orm::entity::prelude::*;

use crate::id::DataKeyId;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `data_key`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "data_key")]
pub struct Model {
    /// Named in every record that it sealed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DataKeyId,
    /// The environment, the workspace or the hub.
    pub owner: String,
    /// What it is used for.
    pub purpose: String,
    /// Fingerprint of the master key that wraps it.
    pub master_key: String,
    /// The key, sealed by the master key.
    #[sea_orm(column_type = "Blob")]
    pub wrapped: Sealed,
    /// When it was made.
    pub created_at: Millis,
    /// Since when it only opens.
    pub retired_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
