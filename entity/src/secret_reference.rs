//! A setting of a connector that refers to a secret by its key.

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, EnvironmentId};

/// A row of `secret_reference`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_reference")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// The key that is referred to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The connector that refers to it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connector_id: ConnectorId,
    /// Which of its settings, `clientSecret` or `variables/<name>`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: String,
}

impl ActiveModelBehavior for ActiveModel {}
