//! A person in a workspace.

use sea_orm::entity::prelude::*;

use crate::id::{MemberId, WorkspaceId};
use crate::kind::Role;
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A hashed password as a PHC string. It is not printed: guesses could be tried on it.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A row of `member`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "member")]
pub struct Model {
    /// Whose member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: WorkspaceId,
    /// Their id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MemberId,
    /// How they sign in, in lower case; unique in the hub.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id of the password as a PHC string; none where another party signs them in.
    pub password: Option<PasswordHash>,
    /// The seed of the authenticator.
    #[sea_orm(column_type = "Blob")]
    pub totp: Option<Sealed>,
    /// The seed of an authenticator that is being set up.
    #[sea_orm(column_type = "Blob")]
    pub totp_next: Option<Sealed>,
    /// The step of the last code; only later ones are taken.
    pub totp_step: Option<i64>,
    /// Issuer and subject at the identity provider.
    pub subject: Option<String>,
    /// When they last signed in.
    pub signed_in_at: Option<Millis>,
    /// When they joined.
    pub created_at: Millis,
    /// When something about them last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
