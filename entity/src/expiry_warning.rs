//! The last warning given of an end that comes near, so that each is given once.

use sea_orm::entity::prelude::*;

use crate::id::EnvironmentId;
use crate::millis::Millis;

/// A row of `expiry_warning`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "expiry_warning")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// The id of the credential or secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: String,
    /// The end that was warned of.
    pub end_at: Millis,
    /// How many days ahead.
    pub days: i32,
}

impl ActiveModelBehavior for ActiveModel {}
