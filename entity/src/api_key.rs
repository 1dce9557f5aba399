//! An embedder's key to the API, of one environment.

use sea_orm::entity::prelude::*;

use crate::id::{ApiKeyId, EnvironmentId};
use crate::json::Strings;
use crate::millis::Millis;

/// A row of `api_key`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Where it works.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    /// A label.
    pub name: String,
    /// HMAC of the key, in hex.
    pub hash: String,
    /// What may be shown of the key.
    pub prefix: String,
    /// What it may do.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Strings,
    /// Whether it works.
    pub active: bool,
    /// After which it stops.
    pub expires_at: Option<Millis>,
    /// Addresses it may be used from; empty = any.
    #[sea_orm(column_type = "JsonBinary")]
    pub allowed_cidrs: Strings,
    /// Calls a second; none = no limit.
    pub rate_limit: Option<i32>,
    /// HMAC of the key before the last rotation.
    pub previous_hash: Option<String>,
    /// Until when that one works.
    pub previous_until: Option<Millis>,
    /// Last seen, to the minute.
    pub last_used_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
