//! Columns that hold JSON with a known shape.

use std::collections::BTreeMap;

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};

use crate::kind::Binding;

/// A list of words, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Strings(pub Vec<String>);

/// Names and texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Texts(pub BTreeMap<String, String>);

/// An object of the embedder's that the hub keeps and never reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Object(pub serde_json::Map<String, serde_json::Value>);

/// What one feature or session needs of one connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The connector's key.
    pub connector: String,
    /// Scopes beyond the connector's own.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether the feature works without it.
    #[serde(default)]
    pub optional: bool,
}

/// The connectors that an integration or a connect session is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Needs(pub Vec<Need>);

/// The settings of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct WorkspaceSettings {
    /// Whether editors may reveal masked secrets.
    pub editors_may_reveal: bool,
    /// Whether owners and admins need an authenticator.
    pub totp_required: bool,
}

impl Default for WorkspaceSettings {
    fn default() -> Self {
        Self { editors_may_reveal: false, totp_required: true }
    }
}

/// The settings of an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Settings {
    /// Exact origins that may frame the modal where a session names none.
    pub allowed_origins: Vec<String>,
    /// Where a hosted link returns to where the session says nothing.
    pub default_return_url: Option<String>,
    /// Template of the address at which a user reconnects.
    pub reconnect_url: Option<String>,
    /// The modal's colours and logo.
    pub theme: serde_json::Map<String, serde_json::Value>,
    /// The weakest binding that is accepted.
    pub minimum_binding: Binding,
    /// Whether a flow begun from a hosted link needs the back end's confirmation.
    pub confirm_hosted_links: bool,
    /// Days after expiry at which a row is purged; none = never.
    pub purge_after_days: Option<u16>,
    /// Days before expiry at which to warn.
    pub expiry_warning_days: Vec<u16>,
    /// Who is told by mail.
    pub mail: serde_json::Map<String, serde_json::Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            default_return_url: None,
            reconnect_url: None,
            theme: serde_json::Map::new(),
            minimum_binding: Binding::Interstitial,
            confirm_hosted_links: true,
            purge_after_days: Some(30),
            expiry_warning_days: vec![7, 1],
            mail: serde_json::Map::new(),
        }
    }
}
