//! What the file and the variables say, before it is understood.

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::ConfigError;

const DEFAULT_FILE: &str = "vouchsafe.toml";
const PREFIX: &str = "VOUCHSAFE_";
/// Names the file.
const CONFIG: &str = "VOUCHSAFE_CONFIG";
/// Secrets that may be given as a file.
const FILES: [&str; 3] =
    ["VOUCHSAFE_DATABASE_URL_FILE", "VOUCHSAFE_SMTP_URL_FILE", "VOUCHSAFE_OIDC_CLIENT_SECRET_FILE"];

/// Every key, as text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) listen: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) data_dir: Option<String>,
    pub(super) database_url: Option<SecretString>,
    pub(super) database_url_file: Option<String>,
    pub(super) master_key: Option<SecretString>,
    pub(super) master_key_file: Option<String>,
    pub(super) providers_dir: Option<String>,
    #[serde(deserialize_with = "list")]
    pub(super) egress_allow: Vec<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) egress_http: Option<bool>,
    pub(super) log: Option<String>,
    pub(super) log_format: Option<String>,
    #[serde(deserialize_with = "list")]
    pub(super) trusted_proxies: Vec<String>,
    pub(super) smtp_url: Option<SecretString>,
    pub(super) smtp_url_file: Option<String>,
    pub(super) mail_from: Option<String>,
    pub(super) audit_mode: Option<String>,
    pub(super) audit_dir: Option<String>,
    pub(super) audit_keep: Option<String>,
    pub(super) audit_keep_addresses: Option<String>,
    pub(super) refresh_confirm_after: Option<String>,
    pub(super) refresh_lease: Option<String>,
    pub(super) metrics_listen: Option<String>,
    pub(super) oidc_issuer: Option<String>,
    pub(super) oidc_client_id: Option<String>,
    pub(super) oidc_client_secret: Option<SecretString>,
    pub(super) oidc_client_secret_file: Option<String>,
    pub(super) oidc_name: Option<String>,
    /// The variables that have a value, in the file or outside.
    #[serde(skip)]
    pub(super) given: Vec<&'static str>,
    /// The variables with the hub's prefix that it does not read.
    #[serde(skip)]
    pub(super) unknown: Vec<String>,
}

/// Reads file and variables.
pub(super) fn read(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Raw, ConfigError> {
    let named = file.or_else(|| env.get(CONFIG).filter(|path| !path.is_empty()).map(Path::new));
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(ConfigError::Unreadable { path: path.into(), source });
        }
    };
    let base = Figment::from(Toml::string(&text));
    extract(base, env).map_err(|error| match error {
        ConfigError::Shape(error) if error.path.is_empty() || !text.is_empty() => {
            ConfigError::Shape(Box::new(error.with_path(&path.display().to_string())))
        }
        other => other,
    })
}

/// Reads variables alone.
pub(super) fn read_variables(env: &BTreeMap<String, String>) -> Result<Raw, ConfigError> {
    extract(Figment::new(), env)
}

fn extract(base: Figment, env: &BTreeMap<String, String>) -> Result<Raw, ConfigError> {
    let mut figment = base;
    let mut given = Vec::new();
    for name in super::VARIABLES.iter().copied().chain(FILES) {
        let key = name.trim_start_matches(PREFIX).to_ascii_lowercase();
        if let Some(value) = env.get(name).filter(|value| !value.is_empty()) {
            figment = figment.merge(Serialized::default(&key, value));
        }
        if figment.contains(&key) {
            given.push(name);
        }
    }
    let raw: Raw = figment.extract().map_err(|error| ConfigError::Shape(Box::new(error)))?;
    Ok(Raw { given, unknown: unknown(env), ..raw })
}

/// They are not refused: Kubernetes makes such variables for a service that is called like the hub.
fn unknown(env: &BTreeMap<String, String>) -> Vec<String> {
    let known = |name: &str| name == CONFIG || super::VARIABLES.contains(&name) || FILES.contains(&name);
    env.keys().filter(|name| name.starts_with(PREFIX) && !known(name)).cloned().collect()
}

/// A list, or one text with commas.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Text(String),
        Items(Vec<String>),
    }
    let split = |text: &str| {
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    };
    Ok(match List::deserialize(deserializer)? {
        List::Text(text) => split(&text),
        List::Items(items) => items,
    })
}

/// `true` or `false`, as a value or as text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Text(String),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Bool(value) => Ok(Some(value)),
        Flag::Text(text) => match text.as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(serde::de::Error::custom("write `true` or `false`")),
        },
    }
}
