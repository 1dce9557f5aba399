//! A refusal of a grant, kept a day: many at once are an incident at the provider, not as many users.

use sea_orm::entity::prelude::*;

use crate::id::{CredentialId, EnvironmentId, WorkspaceId};
use crate::kind::FailClass;
use crate::millis::Millis;

/// A row of `refresh_failure`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_failure")]
pub struct Model {
    /// A UUID, ordered by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The provider's slug.
    pub provider: String,
    /// Whose credential.
    pub workspace_id: WorkspaceId,
    /// In which environment.
    pub environment_id: EnvironmentId,
    /// Which credential.
    pub credential_id: CredentialId,
    /// Refused or revoked.
    pub class: FailClass,
    /// When.
    pub at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
