//! An answer that lost the race against another of the same grant: perhaps the one that lives.

use sea_orm::entity::prelude::*;

use crate::id::{CredentialId, EnvironmentId};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `orphan_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "orphan_token")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Whose tokens these are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential_id: CredentialId,
    /// A UUID, ordered by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The grant that they belong to.
    pub grant_epoch: i64,
    /// Access token, refresh token, values.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// When they came.
    pub got_at: Millis,
    /// Since when a later success is known, after which nobody will want them.
    pub superseded_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
