//! Which definition of a provider was in force last.

use sea_orm::entity::prelude::*;

/// A row of `provider_definition`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_definition")]
pub struct Model {
    /// The provider's slug.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slug: String,
    /// SHA-256 of its file and of the one it extends.
    pub hash: String,
}

impl ActiveModelBehavior for ActiveModel {}
