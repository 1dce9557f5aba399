//! An environment that a secret covers. A key stands for one secret in each environment.

use sea_orm::entity::prelude::*;

use crate::id::{EnvironmentId, SecretId, WorkspaceId};

/// A row of `secret_environment`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_environment")]
pub struct Model {
    /// The environment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// The secret's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Whose the secret is.
    pub workspace_id: WorkspaceId,
    /// The secret.
    pub secret_id: SecretId,
}

impl ActiveModelBehavior for ActiveModel {}
