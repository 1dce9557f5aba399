//! A user's attempt to connect an app, and what came of it.

use sea_orm::entity::prelude::*;

use crate::id::{AttemptId, CredentialId, EnvironmentId, SessionId, UserId};
use crate::kind::{AttemptOutcome, Method};
use crate::millis::Millis;

/// A row of `connect_attempt`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_attempt")]
pub struct Model {
    /// Where.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id; of a flow the same UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AttemptId,
    /// In which session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The connector's key.
    pub connector: String,
    /// The provider's slug.
    pub provider: String,
    /// How.
    pub method: Method,
    /// What was to be reconnected, or came of it.
    pub credential_id: Option<CredentialId>,
    /// Whether it began at a hosted link.
    pub hosted: bool,
    /// How far it is.
    pub outcome: AttemptOutcome,
    /// A code, where it failed.
    pub error: Option<String>,
    /// The app's own words, where it said some.
    pub detail: Option<String>,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

impl ActiveModelBehavior for ActiveModel {}
