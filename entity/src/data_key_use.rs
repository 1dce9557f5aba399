//! What a data key has done.

use sea_orm::entity::prelude::*;

use crate::id::DataKeyId;
use crate::millis::Millis;

/// A row of `data_key_use`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "data_key_use")]
pub struct Model {
    /// The data key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DataKeyId,
    /// How often it may have sealed: counted before, and by blocks.
    pub sealings: i64,
    /// Since when nothing is sealed under it; none where something may be.
    pub emptied_at: Option<Millis>,
    /// How many values it sealed that one before it had sealed.
    pub taken_over: i64,
    /// How many there were when it began to seal; zero where nobody counted.
    pub to_take_over: i64,
}

impl ActiveModelBehavior for ActiveModel {}
