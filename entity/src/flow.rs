//! One OAuth authorization in a browser.

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, CredentialId, EnvironmentId, FlowId, SessionId, UserId};
use crate::json::Strings;
use crate::kind::Binding;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `flow`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "flow")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FlowId,
    /// Where it is.
    pub environment_id: EnvironmentId,
    /// In which session.
    pub session_id: SessionId,
    /// For which connector.
    pub connector_id: ConnectorId,
    /// For whom.
    pub user_id: UserId,
    /// The credential to reconnect or to extend.
    pub credential_id: Option<CredentialId>,
    /// SHA-256 of the flow cookie.
    pub cookie_hash: String,
    /// SHA-256 of the nonce that the opener holds.
    pub nonce_hash: Option<String>,
    /// SHA-256 of `state`.
    pub state_hash: Option<String>,
    /// PKCE verifier and values.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Sealed,
    /// What is asked for.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Strings,
    /// As sent.
    pub redirect_uri: String,
    /// How browser and user were bound.
    pub binding: Option<Binding>,
    /// Begun from a hosted link or a redirect.
    pub hosted: bool,
    /// Comes back to `returnUrl` instead of closing.
    pub redirect: bool,
    /// When it began.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
