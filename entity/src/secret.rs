//! A variable of the workspace: a key, and a value that is sealed.

use sea_orm::entity::prelude::*;

use crate::id::{SecretId, WorkspaceId};
use crate::json::Strings;
use crate::kind::{SecretType, Visibility};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `secret`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "secret")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: WorkspaceId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SecretId,
    /// Its name in references.
    pub key: String,
    /// A label.
    pub name: String,
    /// What it is for, in words.
    pub description: Option<String>,
    /// What kind of value it is.
    #[sea_orm(column_name = "type")]
    pub kind: SecretType,
    /// The third party that issued it.
    pub issuer: Option<String>,
    /// The same in lower case.
    pub issuer_lower: Option<String>,
    /// The slugs of the providers that the issuer named when that was last looked up; none = of no provider.
    #[sea_orm(column_type = "JsonBinary")]
    pub issuer_providers: Option<Strings>,
    /// Whether it may ever be shown.
    pub visibility: Visibility,
    /// What the third party granted, in words.
    pub scopes: Option<String>,
    /// Integrations that it is for; empty = any.
    #[sea_orm(column_type = "JsonBinary")]
    pub products: Strings,
    /// Connectors that it is for; empty = any.
    #[sea_orm(column_type = "JsonBinary")]
    pub apps: Strings,
    /// Hosts that calls and settings of connectors may take it to.
    #[sea_orm(column_type = "JsonBinary")]
    pub allowed_hosts: Strings,
    /// Whether it is switched on.
    pub active: bool,
    /// When its value was wiped.
    pub revoked_at: Option<Millis>,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When the third party issued it.
    pub issued_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// The value; none once revoked.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Option<Sealed>,
    /// +1 on each new value; bound into the seal.
    pub version: i64,
    /// When its end must be told of next.
    pub notice_at: Option<Millis>,
    /// The days before its end that were told of last; 0 = the end itself.
    pub told_days: Option<i16>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
