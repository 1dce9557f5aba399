//! A ticket or `state` that was used, so that a second use can be told to its owner.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, FlowId, SessionId};
use crate::millis::Millis;

/// A row of `spent_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "spent_token")]
pub struct Model {
    /// SHA-256 of the ticket or `state`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// Where it was used.
    pub environment_id: EnvironmentId,
    /// In which session.
    pub session_id: SessionId,
    /// The flow of a `state`; a ticket has none.
    pub flow_id: Option<FlowId>,
    /// When it is forgotten.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
