//! What happened in an environment, counted by the day.

use sea_orm::entity::prelude::*;

use crate::id::EnvironmentId;
use crate::kind::ActivityKind;
use crate::millis::Millis;

/// A row of `activity`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    /// Where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// The beginning of the day in UTC.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Millis,
    /// What.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: ActivityKind,
    /// How often.
    pub count: i64,
}

impl ActiveModelBehavior for ActiveModel {}
