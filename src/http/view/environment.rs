//! The environment and its settings on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vouchsafe_entity::json::Settings;
use vouchsafe_entity::kind::Binding;

use super::{BindingWord, Time, present};
use crate::domain::workspace::Environment;
use crate::service::environment::SettingsChange;

/// Changes of settings. What is left out stays; null clears, or goes back to the default where there is one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct EnvironmentPatch {
    /// Exact origins that may frame the modal.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_origins: Option<Option<Vec<String>>>,
    /// Where a hosted link returns to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    default_return_url: Option<Option<String>>,
    /// Where a user reconnects, with `{credentialId}` and `{userId}`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "https://app.acme.test/reconnect/{credentialId}")]
    reconnect_url: Option<Option<String>>,
    /// How the modal looks: `appName`, `accent` (a colour), `radius` (pixels), `font` (`system`, `serif`, `rounded`),
    /// `logo` (an image as a `data:` address), `unbranded`; what else is in it is yours.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Map<String, Value>>)]
    theme: Option<Option<Map<String, Value>>>,
    /// The weakest binding of browser and user that is accepted.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BindingWord>)]
    minimum_binding: Option<Option<Binding>>,
    /// Whether hosted links need the back end's confirmation.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    confirm_hosted_links: Option<Option<bool>>,
    /// Days after expiry at which a credential is purged; null = never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 365)]
    purge_after_days: Option<Option<u16>>,
    /// Days before expiry at which to warn.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<u16>>)]
    expiry_warning_days: Option<Option<Vec<u16>>>,
    /// Who is told by mail.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Map<String, Value>>)]
    mail: Option<Option<Map<String, Value>>>,
}

impl From<EnvironmentPatch> for SettingsChange {
    fn from(patch: EnvironmentPatch) -> Self {
        let usual = Settings::default();
        Self {
            allowed_origins: patch.allowed_origins.map(|origins| origins.unwrap_or(usual.allowed_origins)),
            default_return_url: patch.default_return_url,
            reconnect_url: patch.reconnect_url,
            theme: patch.theme.map(|theme| theme.unwrap_or(usual.theme)),
            minimum_binding: patch.minimum_binding.map(|binding| binding.unwrap_or(usual.minimum_binding)),
            confirm_hosted_links: patch
                .confirm_hosted_links
                .map(|confirm| confirm.unwrap_or(usual.confirm_hosted_links)),
            purge_after_days: patch.purge_after_days,
            expiry_warning_days: patch
                .expiry_warning_days
                .map(|days| days.unwrap_or(usual.expiry_warning_days)),
            mail: patch.mail.map(|mail| mail.unwrap_or(usual.mail)),
        }
    }
}

/// The environment that the key belongs to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct EnvironmentOut {
    /// Its name.
    #[schema(example = "production")]
    name: String,
    /// Its workspace's name.
    #[schema(example = "default")]
    workspace: String,
    /// Exact origins that may frame the modal.
    allowed_origins: Vec<String>,
    /// Where a hosted link returns to.
    default_return_url: Option<String>,
    /// Where a user reconnects, with `{credentialId}` and `{userId}`.
    reconnect_url: Option<String>,
    /// How the modal looks: `appName`, `accent` (a colour), `radius` (pixels), `font` (`system`, `serif`, `rounded`),
    /// `logo` (an image as a `data:` address), `unbranded`; what else is in it is yours.
    theme: Map<String, Value>,
    /// The weakest binding of browser and user that is accepted.
    #[schema(value_type = BindingWord)]
    minimum_binding: Binding,
    /// Whether hosted links need the back end's confirmation.
    confirm_hosted_links: bool,
    /// Days after expiry at which a credential is purged; null = never.
    purge_after_days: Option<u16>,
    /// Days before expiry at which to warn.
    expiry_warning_days: Vec<u16>,
    /// Who is told by mail.
    mail: Map<String, Value>,
    /// When it was made.
    created_at: Time,
}

impl From<Environment> for EnvironmentOut {
    fn from(environment: Environment) -> Self {
        let settings = environment.settings;
        Self {
            name: environment.name,
            workspace: environment.workspace_name,
            allowed_origins: settings.allowed_origins,
            default_return_url: settings.default_return_url,
            reconnect_url: settings.reconnect_url,
            theme: settings.theme,
            minimum_binding: settings.minimum_binding,
            confirm_hosted_links: settings.confirm_hosted_links,
            purge_after_days: settings.purge_after_days,
            expiry_warning_days: settings.expiry_warning_days,
            mail: settings.mail,
            created_at: environment.created_at.into(),
        }
    }
}
