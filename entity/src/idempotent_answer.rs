//! The first answer to a POST with an `Idempotency-Key`.

use sea_orm::entity::prelude::*;

use crate::id::EnvironmentId;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `idempotent_answer`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_answer")]
pub struct Model {
    /// Where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// SHA-256 of key, method and path.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_hash: String,
    /// HMAC of the body.
    pub request_hash: String,
    /// HTTP status; none while under way.
    pub status: Option<i16>,
    /// Headers and body.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Option<Sealed>,
    /// When it began.
    pub created_at: Millis,
    /// When it is forgotten.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
