//! Credentials on the wire, without anything secret in answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vouchsafe_entity::kind::{Method, Status};
use vouchsafe_entity::millis::Millis;

use super::{MethodWord, StatusWord, Time, given, present};
use crate::domain::credential::{Credential, NextStep};
use crate::service::credentials::{CredentialChange, NewCredential, Upstream, Verification};
use crate::service::integrations::{NeedState, UserIntegration};

/// A credential to be made of typed values.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct CredentialIn {
    /// Whose, by `user_…` or username.
    #[schema(example = "u-17")]
    user_id: String,
    /// The connector's key.
    #[schema(example = "stripe")]
    connector: String,
    /// The method; needed only where several are possible.
    #[schema(value_type = Option<MethodWord>)]
    method: Option<Method>,
    /// The values, by the names of the provider's fields.
    #[schema(example = json!({"secret_key": "…"}))]
    data: Map<String, Value>,
    /// For display; left out = the provider's name.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The end, as a date; neither date nor period = never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The end, as an ISO 8601 period.
    #[schema(example = "P90D")]
    period: Option<String>,
    /// An object of yours, at most 16 KiB.
    metadata: Option<Map<String, Value>>,
    /// Whether the app is asked first; left out = yes.
    verify: Option<bool>,
}

impl From<CredentialIn> for NewCredential {
    fn from(credential: CredentialIn) -> Self {
        Self {
            user: credential.user_id,
            connector: credential.connector,
            method: credential.method,
            data: credential.data,
            name: credential.name,
            expires_at: credential.expires_at,
            period: credential.period,
            metadata: credential.metadata.unwrap_or_default(),
            verify: credential.verify.unwrap_or(true),
        }
    }
}

/// Changes of a credential. What is left out stays; null clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct CredentialPatch {
    /// For display.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// An object of yours, in the place of the one before.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Map<String, Value>>)]
    metadata: Option<Option<Map<String, Value>>>,
    /// Switched on or off.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    active: Option<bool>,
    /// The end, as a date; null = never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// A new value of a key, tested against the app like a first one.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    data: Option<Map<String, Value>>,
}

impl From<CredentialPatch> for CredentialChange {
    fn from(patch: CredentialPatch) -> Self {
        Self {
            name: patch.name,
            metadata: patch.metadata.map(Option::unwrap_or_default),
            active: patch.active,
            expires_at: patch.expires_at,
            data: patch.data,
            verify: true,
        }
    }
}

/// What a user gave for one connector.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CredentialOut {
    /// Its id.
    #[schema(example = "cred_01jz0000000000000000000000")]
    credential_id: String,
    /// Whose it is.
    user_id: String,
    /// Your name for that user.
    username: String,
    /// The connector's key.
    connector: String,
    /// The provider's slug.
    provider: String,
    /// How it was given.
    #[schema(value_type = MethodWord)]
    method: Method,
    /// For display.
    name: String,
    /// How it stands.
    #[schema(value_type = StatusWord)]
    status: Status,
    /// Why, where there is something to say.
    status_reason: Option<&'static str>,
    /// What would help: `reconnect`, `fix_connector` or `reactivate`.
    next_step: Option<&'static str>,
    /// Where the user can reconnect, where that would help.
    reconnect_url: Option<String>,
    /// Whether it is switched on.
    active: bool,
    /// What was granted.
    scopes: Vec<String>,
    /// The account at the app, where known.
    account: Option<AccountOut>,
    /// The variables that are no secret.
    variables: BTreeMap<String, String>,
    /// When the grant or value came.
    issued_at: Time,
    /// After which somebody must act, where known.
    expires_at: Option<Time>,
    /// Last use, to the minute.
    last_used_at: Option<Time>,
    /// Last renewal.
    last_refreshed_at: Option<Time>,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
    /// An object of yours.
    metadata: Map<String, Value>,
    /// What its owner should know, where there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<WarningOut>,
}

/// The account at the app.
#[derive(Serialize, ToSchema)]
struct AccountOut {
    /// The app's id for it.
    id: String,
    /// What people call it.
    label: String,
}

/// What the owner of a credential should know.
#[derive(Serialize, ToSchema)]
struct WarningOut {
    /// A stable word.
    #[schema(example = "permission_missing")]
    code: &'static str,
}

impl CredentialOut {
    /// `credential` as it stands at `now`.
    pub(in crate::http) fn new(
        credential: Credential,
        reconnect_url: Option<String>,
        warnings: &[&'static str],
        now: Millis,
    ) -> Self {
        let health = credential.health(now);
        let expires_at = credential.acts_by().map(Time);
        let account =
            |account: crate::domain::credential::Account| AccountOut { id: account.id, label: account.label };
        Self {
            credential_id: credential.id.to_string(),
            user_id: credential.user.to_string(),
            username: credential.username,
            connector: credential.connector,
            provider: credential.provider,
            method: credential.method,
            name: credential.name,
            status: health.status,
            status_reason: health.reason,
            next_step: health.next_step.map(NextStep::as_str),
            reconnect_url,
            active: credential.deactivated_at.is_none(),
            scopes: credential.scopes,
            account: credential.account.map(account),
            variables: credential.variables,
            issued_at: credential.issued_at.into(),
            expires_at,
            last_used_at: credential.last_used_at.map(Time),
            last_refreshed_at: credential.last_refreshed_at.map(Time),
            created_at: credential.created_at.into(),
            updated_at: credential.updated_at.into(),
            metadata: credential.metadata,
            warnings: warnings.iter().map(|code| WarningOut { code }).collect(),
        }
    }
}

/// What became of a credential that was ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct EndedOut {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// What the app said: `revoked`, `unsupported` or `failed`.
    #[schema(example = "revoked")]
    revoked_upstream: &'static str,
}

impl From<Upstream> for EndedOut {
    fn from(upstream: Upstream) -> Self {
        Self { success: true, revoked_upstream: upstream.as_str() }
    }
}

/// What a check found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct VerificationOut {
    /// Whether the credential works.
    ok: bool,
    /// `ok`, `wrong_key`, `missing_permission`, `unreachable` or `unexpected`.
    #[schema(example = "ok")]
    outcome: &'static str,
    /// How the credential stands.
    #[schema(value_type = StatusWord)]
    status: Status,
    /// When it was checked.
    checked_at: Time,
}

impl From<Verification> for VerificationOut {
    fn from(found: Verification) -> Self {
        Self {
            ok: found.ok,
            outcome: found.outcome,
            status: found.status,
            checked_at: found.checked_at.into(),
        }
    }
}

/// How far a user is with one integration.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UserIntegrationOut {
    /// The integration's name in the API.
    slug: String,
    /// Its name for people.
    name: String,
    /// Whether everything that is not optional works with all scopes.
    connected: bool,
    /// Each connector.
    connectors: Vec<NeedStateOut>,
}

/// How far a user is with one connector of an integration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NeedStateOut {
    /// The connector's key.
    connector: String,
    /// Whether the integration works without it.
    optional: bool,
    /// The credential that serves it.
    credential_id: Option<String>,
    /// How that one stands.
    #[schema(value_type = Option<StatusWord>)]
    status: Option<Status>,
    /// What that one was not granted.
    missing_scopes: Vec<String>,
}

impl From<UserIntegration> for UserIntegrationOut {
    fn from(found: UserIntegration) -> Self {
        let need = |state: NeedState| NeedStateOut {
            connector: state.need.connector,
            optional: state.need.optional,
            credential_id: state.credential.map(|(id, _)| id.to_string()),
            status: state.credential.map(|(_, status)| status),
            missing_scopes: state.missing_scopes,
        };
        Self {
            slug: found.integration.slug,
            name: found.integration.name,
            connected: found.connected,
            connectors: found.connectors.into_iter().map(need).collect(),
        }
    }
}
