//! Refusals of a provider do not count for a while: too many came at once.

use sea_orm::entity::prelude::*;

use crate::millis::Millis;

/// A row of `provider_pause`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_pause")]
pub struct Model {
    /// The provider's slug.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// When it began.
    pub since: Millis,
    /// When it ends.
    pub until: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
