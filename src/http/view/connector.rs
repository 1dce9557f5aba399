//! Connectors on the wire.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vouchsafe_entity::kind::Method;

use super::{MethodWord, Time, present};
use crate::service::connectors::{ConnectorView, NewConnector};

/// A connector as it is PUT.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct ConnectorIn {
    /// The provider's slug.
    #[schema(example = "hubspot")]
    provider: String,
    /// The methods that the modal offers; left out = all that work.
    #[schema(value_type = Option<Vec<MethodWord>>, min_items = 1)]
    methods: Option<Vec<Method>>,
    /// Your OAuth client at the app.
    client_id: Option<String>,
    /// Its secret, or `$Secret{KEY}`. Left out it stays as it was; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, write_only)]
    client_secret: Option<Option<SecretString>>,
    /// Always asked for.
    scopes: Option<Vec<String>>,
    /// Added to the authorization request.
    authorization_params: Option<BTreeMap<String, String>>,
    /// What the provider wants from you. A secret one that is left out stays as it was; null removes it.
    variables: Option<Map<String, Value>>,
    /// Whether it may be used; left out = yes.
    enabled: Option<bool>,
}

impl From<ConnectorIn> for NewConnector {
    fn from(connector: ConnectorIn) -> Self {
        Self {
            provider: connector.provider,
            methods: connector.methods,
            client_id: connector.client_id,
            client_secret: connector.client_secret,
            scopes: connector.scopes.unwrap_or_default(),
            authorization_params: connector.authorization_params.unwrap_or_default(),
            variables: connector.variables.unwrap_or_default(),
            enabled: connector.enabled.unwrap_or(true),
        }
    }
}

/// A provider switched on in the environment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ConnectorOut {
    /// Its name in the API.
    #[schema(example = "hubspot")]
    key: String,
    /// The provider's slug.
    #[schema(example = "hubspot")]
    provider: String,
    /// Whether it may be used.
    enabled: bool,
    /// The methods that it offers.
    #[schema(value_type = Vec<MethodWord>)]
    methods: Vec<Method>,
    /// Your OAuth client at the app.
    client_id: Option<String>,
    /// Whether its secret is there.
    has_client_secret: bool,
    /// Always asked for.
    scopes: Vec<String>,
    /// Added to the authorization request.
    authorization_params: BTreeMap<String, String>,
    /// The variables that are no secret.
    variables: BTreeMap<String, String>,
    /// What to register at the app; null where it has no OAuth.
    redirect_uri: Option<String>,
    /// How many credentials it has; above 1000 as of at most a minute ago.
    credentials: i64,
    /// When it was made; null while it exists by default.
    created_at: Option<Time>,
    /// When it last changed.
    updated_at: Option<Time>,
}

impl From<ConnectorView> for ConnectorOut {
    fn from(view: ConnectorView) -> Self {
        let connector = view.connector;
        Self {
            key: connector.key,
            provider: connector.provider,
            enabled: connector.enabled,
            methods: view.methods,
            client_id: connector.client_id,
            has_client_secret: connector.has_client_secret,
            scopes: connector.scopes,
            authorization_params: connector.authorization_params,
            variables: connector.variables,
            redirect_uri: view.redirect_uri,
            credentials: view.credentials,
            created_at: connector.created_at.map(Time),
            updated_at: connector.updated_at.map(Time),
        }
    }
}
