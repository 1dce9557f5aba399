//! A member's session in a browser.

use sea_orm::entity::prelude::*;

use crate::id::{MemberId, MemberSessionId, WorkspaceId};
use crate::kind::MemberStage;
use crate::millis::Millis;

/// A row of `member_session`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "member_session")]
pub struct Model {
    /// In which workspace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: WorkspaceId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MemberSessionId,
    /// Whose.
    pub member_id: MemberId,
    /// SHA-256 of the cookie's value, in hex.
    pub hash: String,
    /// How far it is.
    pub stage: MemberStage,
    /// Where it was begun.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
    /// When it was begun.
    pub created_at: Millis,
    /// Last seen, to the minute.
    pub seen_at: Millis,
    /// When the member last proved who they are.
    pub proven_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
