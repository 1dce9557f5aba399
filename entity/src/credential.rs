//! What people edit of a credential.

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, CredentialId, EnvironmentId, UserId};
use crate::json::{Object, Strings, Texts};
use crate::kind::Method;
use crate::millis::Millis;

/// A row of `credential`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credential")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CredentialId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub connector_id: ConnectorId,
    /// The provider's slug.
    pub provider: String,
    /// How it was given.
    pub method: Method,
    /// For display.
    pub name: String,
    /// The account at the provider.
    pub account_id: Option<String>,
    /// What people see of it.
    pub account_label: Option<String>,
    /// Those that are no secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub variables: Texts,
    /// What was granted.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Strings,
    /// The embedder's object.
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Object,
    /// Since when it is switched off.
    pub deactivated_at: Option<Millis>,
    /// The date set by hand.
    pub expires_at: Option<Millis>,
    /// When the grant or value came.
    pub issued_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// Last renewal.
    pub last_refreshed_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
