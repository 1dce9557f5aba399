//! A short-lived permission for the modal to work for one user.

use sea_orm::entity::prelude::*;

use crate::id::{CredentialId, EnvironmentId, SessionId, UserId};
use crate::json::{Needs, Object, Strings};
use crate::kind::{Confirm, SessionStatus};
use crate::millis::Millis;

/// A row of `connect_session`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_session")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// For whom.
    pub user_id: UserId,
    /// SHA-256 of the secret half of its link's token, which is made of the modal's.
    pub secret_hash: String,
    /// The feature it is for.
    pub integration: Option<String>,
    /// The connectors, with the scopes asked for.
    #[sea_orm(column_type = "JsonBinary")]
    pub needs: Needs,
    /// Who may frame it.
    #[sea_orm(column_type = "JsonBinary")]
    pub allowed_origins: Strings,
    /// Where a redirect comes back to.
    pub return_url: Option<String>,
    /// The credential to reconnect.
    pub credential_id: Option<CredentialId>,
    /// What the back end asked for.
    pub confirm: Option<Confirm>,
    /// Language of the pages.
    pub locale: Option<String>,
    /// Overrides of the environment's theme.
    #[sea_orm(column_type = "JsonBinary")]
    pub theme: Object,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
