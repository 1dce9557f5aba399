//! A provider switched on in an environment.

use sea_orm::entity::prelude::*;

use crate::id::{ConnectorId, EnvironmentId};
use crate::json::{Strings, Texts};
use crate::millis::Millis;
use crate::sealed::Sealed;

/// A row of `connector`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connector")]
pub struct Model {
    /// Where it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: EnvironmentId,
    /// Its id, part of the redirect URI.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConnectorId,
    /// Its name in the API.
    pub key: String,
    /// The provider's slug.
    pub provider: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether somebody PUT it, or it only holds credentials.
    pub explicit: bool,
    /// The methods that the modal offers; none = all that work.
    #[sea_orm(column_type = "JsonBinary")]
    pub methods: Option<Strings>,
    /// The OAuth client of the embedder.
    pub client_id: Option<String>,
    /// Always asked for.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Strings,
    /// Added to the authorization request.
    #[sea_orm(column_type = "JsonBinary")]
    pub authorization_params: Texts,
    /// Those that are no secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub variables: Texts,
    /// Client secret and secret variables.
    #[sea_orm(column_type = "Blob")]
    pub sealed: Option<Sealed>,
    /// Whether the sealed object has a client secret.
    pub has_client_secret: bool,
    /// Names of the sealed variables.
    #[sea_orm(column_type = "JsonBinary")]
    pub secret_variables: Strings,
    /// +1 on each change; bound into the seal.
    pub version: i64,
    /// Since when the app refuses its client.
    pub failing_since: Option<Millis>,
    /// When one credential may try again.
    pub probe_at: Option<Millis>,
    /// When it was switched off or on, until all that stands behind it was told so.
    pub turned_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
}

impl ActiveModelBehavior for ActiveModel {}
