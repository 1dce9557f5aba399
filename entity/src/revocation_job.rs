//! Tokens that an app is still to be told of: they ended here and are to die there.

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, CredentialId, EnvironmentId, RevocationJobId};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `revocation_job`. It outlives credential, user and connector.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "revocation_job")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RevocationJobId,
    /// Whose tokens these were.
    pub credential_id: CredentialId,
    /// What they were for.
    pub connector_id: ConnectorId,
    /// The provider's slug.
    pub provider: String,
    /// The account at the provider.
    pub account_id: Option<String>,
    /// The grant that they belong to.
    pub grant_epoch: i64,
    /// The tokens, and what else the call needs.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// Calls so far.
    pub tries: i32,
    /// No call before; while somebody is at it, the end of their lease.
    pub next_try_at: Millis,
    /// When the tokens ended here.
    pub created_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
