//! What came of one connector in a connect session.

use sea_orm::entity::prelude::*;

use crate::id::{CredentialId, EnvironmentId, SessionId};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `connect_result`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_result")]
pub struct Model {
    /// In which session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: SessionId,
    /// The connector's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connector: String,
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// `started`, `waiting`, `completed` or `failed`.
    pub state: String,
    /// What was connected.
    pub credential_id: Option<CredentialId>,
    /// A code.
    pub error: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// SHA-256 of the code that the back end must show.
    pub confirmation_hash: Option<String>,
    /// Until when.
    pub confirmation_until: Option<Millis>,
    /// The same code for the opener, sealed.
    #[sea_orm(column_type = "Blob")]
    pub sealed_code: Option<Sealed>,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
