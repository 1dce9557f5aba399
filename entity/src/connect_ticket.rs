//! A single-use permission to start one flow.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, SessionId};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `connect_ticket`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_ticket")]
pub struct Model {
    /// SHA-256 of the ticket.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// Where it is.
    pub environment_id: EnvironmentId,
    /// For which session.
    pub session_id: SessionId,
    /// The connector's key.
    pub connector: String,
    /// SHA-256 of what only our frame knows.
    pub nonce_hash: String,
    /// The values typed before signing in.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// Whether the page is not framed.
    pub hosted: bool,
    /// When it ends.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
