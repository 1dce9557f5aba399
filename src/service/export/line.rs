//! The lines of an export as they are written: made while a line is written, and borrowed, so that nothing that holds a
//! secret can be written anywhere else. [`crate::service::import`] says what they mean and reads them.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value};
use vouchsafe_entity::id::{CredentialId, UserId};
use vouchsafe_entity::json::Need;
use vouchsafe_entity::kind::{Method, SecretType, Visibility};
use vouchsafe_entity::millis::Millis;

use crate::domain::connector::Connector;
use crate::domain::credential::Credential;
use crate::domain::integration::Integration;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::service::import::{FORMAT, VERSION};
use crate::service::material::{ConnectorSecrets, Material};

/// The first line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header<'a> {
    vouchsafe: &'static str,
    version: u32,
    workspace: &'a str,
    environment: &'a str,
    exported_at: Millis,
}

impl<'a> Header<'a> {
    pub(super) fn new(workspace: &'a str, environment: &'a str, exported_at: Millis) -> Self {
        Self { vouchsafe: FORMAT, version: VERSION, workspace, environment, exported_at }
    }
}

/// Any other line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Written<'a> {
    Secret(WrittenSecret<'a>),
    Connector(WrittenConnector<'a>),
    Integration(WrittenIntegration<'a>),
    User(WrittenUser<'a>),
    Credential(Box<WrittenCredential<'a>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenSecret<'a> {
    key: &'a str,
    value: &'a str,
    #[serde(rename = "type")]
    kind: SecretType,
    visibility: Visibility,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    issuer_providers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a str>,
    scope: WrittenScope<'a>,
    allowed_hosts: Vec<String>,
    active: bool,
    issued_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Millis>,
}

#[derive(Serialize)]
struct WrittenScope<'a> {
    products: &'a [String],
    apps: &'a [String],
}

impl<'a> WrittenSecret<'a> {
    pub(super) fn new(secret: &'a Secret, value: &'a str) -> Self {
        Self {
            key: &secret.key,
            value,
            kind: secret.kind,
            visibility: secret.visibility,
            name: &secret.name,
            description: secret.description.as_deref(),
            issuer: secret.issuer.as_deref(),
            issuer_providers: &secret.issuer_providers,
            scopes: secret.scopes.as_deref(),
            scope: WrittenScope { products: &secret.scope.products, apps: &secret.scope.apps },
            allowed_hosts: secret.allowed_hosts.iter().map(ToString::to_string).collect(),
            active: secret.active,
            issued_at: secret.issued_at,
            expires_at: secret.expires_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenConnector<'a> {
    key: &'a str,
    provider: &'a str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<&'a [Method]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    scopes: &'a [String],
    authorization_params: &'a BTreeMap<String, String>,
    variables: BTreeMap<&'a str, &'a str>,
}

impl<'a> WrittenConnector<'a> {
    pub(super) fn new(connector: &'a Connector, secrets: &'a ConnectorSecrets) -> Self {
        let plain = connector.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sealed = secrets.variables.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
        Self {
            key: &connector.key,
            provider: &connector.provider,
            enabled: connector.enabled,
            methods: connector.methods.as_deref(),
            client_id: connector.client_id.as_deref(),
            client_secret: secrets.client_secret.as_ref().map(ExposeSecret::expose_secret),
            scopes: &connector.scopes,
            authorization_params: &connector.authorization_params,
            variables: plain.chain(sealed).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct WrittenIntegration<'a> {
    slug: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    connectors: &'a [Need],
}

impl<'a> From<&'a Integration> for WrittenIntegration<'a> {
    fn from(integration: &'a Integration) -> Self {
        Self {
            slug: &integration.slug,
            name: &integration.name,
            description: integration.description.as_deref(),
            connectors: &integration.connectors,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenUser<'a> {
    user_id: UserId,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    tags: &'a [String],
}

impl<'a> From<&'a User> for WrittenUser<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            user_id: user.id,
            username: &user.username,
            full_name: user.full_name.as_deref(),
            email: user.email.as_deref(),
            organization: user.organization.as_deref(),
            tags: &user.tags,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenCredential<'a> {
    credential_id: CredentialId,
    username: &'a str,
    connector: &'a str,
    method: Method,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<WrittenAccount<'a>>,
    data: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_issued_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_at: Option<Millis>,
    scopes: &'a [String],
    metadata: &'a Map<String, Value>,
    active: bool,
    issued_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Millis>,
}

#[derive(Serialize)]
struct WrittenAccount<'a> {
    id: &'a str,
    label: &'a str,
}

impl<'a> WrittenCredential<'a> {
    pub(super) fn new(credential: &'a Credential, material: &'a Material) -> Self {
        let token = &credential.token;
        let came_at = token.access_expires_at.zip(token.access_lifetime).map(|(end, life)| end.plus(-life));
        let has_tokens = material.access_token.is_some() || material.refresh_token.is_some();
        let came_at = came_at.or(credential.last_refreshed_at).unwrap_or(credential.issued_at);
        Self {
            credential_id: credential.id,
            username: &credential.username,
            connector: &credential.connector,
            method: credential.method,
            name: &credential.name,
            account: credential
                .account
                .as_ref()
                .map(|account| WrittenAccount { id: &account.id, label: &account.label }),
            data: material.exposed().collect(),
            access_token: material.access_token.as_ref().map(ExposeSecret::expose_secret),
            token_type: material.token_type.as_deref(),
            refresh_token: material.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            tokens_issued_at: has_tokens.then_some(came_at),
            access_token_expires_at: token.access_expires_at.filter(|_| material.access_token.is_some()),
            scopes: &credential.scopes,
            metadata: &credential.metadata,
            active: credential.deactivated_at.is_none(),
            issued_at: credential.issued_at,
            last_used_at: credential.last_used_at,
            expires_at: credential.expires_at,
        }
    }
}
