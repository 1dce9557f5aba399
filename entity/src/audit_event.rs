//! Who did what to what, with which result.

use sea_orm::entity::prelude::*;

use crate::id::{AuditEventId, EnvironmentId, WorkspaceId};
use crate::millis::Millis;

/// A row of `audit_event`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    /// In which environment; the nil id = the hub itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    /// In which workspace; none = the hub itself.
    pub workspace_id: Option<WorkspaceId>,
    /// When.
    pub at: Millis,
    /// What was done.
    pub action: String,
    /// `api_key`, `session`, `user`, `operator` or `hub`.
    pub actor_type: String,
    /// Who.
    pub actor_id: Option<String>,
    /// The noun.
    pub target_type: String,
    /// Which.
    pub target_id: Option<String>,
    /// `ok` or `refused`.
    pub result: String,
    /// Why refused, or what changed.
    pub reason: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// From where, until it is erased.
    pub address: Option<String>,
    /// Hashed with the address, and erased with it.
    #[sea_orm(column_type = "Blob", nullable)]
    pub address_salt: Option<Vec<u8>>,
    /// SHA-256 of salt and address, which stays.
    #[sea_orm(column_type = "Blob", nullable)]
    pub address_hash: Option<Vec<u8>>,
    /// HMAC of everything but address and salt, under a key of the hub.
    #[sea_orm(column_type = "Blob")]
    pub mac: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
