//! Audit events that were closed together, and the head of their workspace's chain since.

use sea_orm::entity::prelude::*;

use crate::id::WorkspaceId;
use crate::millis::Millis;

/// A row of `audit_batch`. Only what says that events or addresses were removed changes, once.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_batch")]
pub struct Model {
    /// Among the batches of all workspaces.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Whose; the nil id = the hub itself.
    pub workspace_id: WorkspaceId,
    /// Which batch of the workspace, from 1.
    pub n: i64,
    /// When it was closed.
    pub closed_at: Millis,
    /// Its events.
    pub count: i64,
    /// The Merkle root of their MACs.
    #[sea_orm(column_type = "Blob")]
    pub root: Vec<u8>,
    /// The head of the chain.
    #[sea_orm(column_type = "Blob")]
    pub head: Vec<u8>,
    /// The hub's signature.
    #[sea_orm(column_type = "Blob")]
    pub signature: Vec<u8>,
    /// Environment and id of each event, 32 bytes; none once they were removed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub members: Option<Vec<u8>>,
    /// When they were removed.
    pub removed_at: Option<Millis>,
    /// The hub's signature under that.
    #[sea_orm(column_type = "Blob", nullable)]
    pub removal: Option<Vec<u8>>,
    /// Whether addresses of the events are kept.
    pub addresses: bool,
    /// The hub's signature under having erased them.
    #[sea_orm(column_type = "Blob", nullable)]
    pub erasure: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
