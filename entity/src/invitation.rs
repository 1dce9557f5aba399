//! An invitation to become a member, or the link by which the first owner sets up their account.

use sea_orm::entity::prelude::*;

use crate::id::{InvitationId, MemberId, WorkspaceId};
use crate::kind::Role;
use crate::millis::Millis;

/// A row of `invitation`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// Into which workspace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: WorkspaceId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    /// For whom; none = whoever holds the operator's link.
    pub email: Option<String>,
    /// As what.
    pub role: Role,
    /// SHA-256 of the link's token, in hex.
    pub hash: String,
    /// By whom; none = the operator.
    pub invited_by: Option<MemberId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
