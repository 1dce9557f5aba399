//! The configuration: defaults, then `vouchsafe.toml`, then variables, each value named once.
//!
//! The environment is handed in as a map, so that nothing below reads it. Unknown keys of the file are refused.

mod audit;
mod database;
mod egress;
mod keys;
mod raw;
mod refresh;
mod server;
mod single_sign_on;

pub use audit::{AuditConfig, AuditMode};
pub use database::DatabaseConfig;
pub use egress::EgressConfig;
pub use keys::MasterKeySource;
pub use refresh::RefreshConfig;
pub use server::{LogFormat, ServerConfig};
pub use single_sign_on::SingleSignOnConfig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use crate::egress::smtp::{Sender, SmtpServer};
use raw::Raw;

/// The variables that the hub reads; the key in `vouchsafe.toml` is the same without `VOUCHSAFE_`, in lower case.
pub const VARIABLES: &[&str] = &[
    "VOUCHSAFE_LISTEN",
    "VOUCHSAFE_PUBLIC_URL",
    "VOUCHSAFE_DATA_DIR",
    "VOUCHSAFE_DATABASE_URL",
    "VOUCHSAFE_MASTER_KEY",
    "VOUCHSAFE_MASTER_KEY_FILE",
    "VOUCHSAFE_PROVIDERS_DIR",
    "VOUCHSAFE_EGRESS_ALLOW",
    "VOUCHSAFE_EGRESS_HTTP",
    "VOUCHSAFE_LOG",
    "VOUCHSAFE_LOG_FORMAT",
    "VOUCHSAFE_TRUSTED_PROXIES",
    "VOUCHSAFE_SMTP_URL",
    "VOUCHSAFE_MAIL_FROM",
    "VOUCHSAFE_AUDIT_MODE",
    "VOUCHSAFE_AUDIT_DIR",
    "VOUCHSAFE_AUDIT_KEEP",
    "VOUCHSAFE_AUDIT_KEEP_ADDRESSES",
    "VOUCHSAFE_REFRESH_CONFIRM_AFTER",
    "VOUCHSAFE_REFRESH_LEASE",
    "VOUCHSAFE_METRICS_LISTEN",
    "VOUCHSAFE_OIDC_ISSUER",
    "VOUCHSAFE_OIDC_CLIENT_ID",
    "VOUCHSAFE_OIDC_CLIENT_SECRET",
    "VOUCHSAFE_OIDC_NAME",
];

/// Everything that an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address, public URL, logs, metrics.
    pub server: ServerConfig,
    /// Where data lies.
    pub database: DatabaseConfig,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// `VOUCHSAFE_PROVIDERS_DIR`: more provider definitions.
    pub providers_dir: Option<PathBuf>,
    /// Where calls may go.
    pub egress: EgressConfig,
    /// Times of the refresh protocol.
    pub refresh: RefreshConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// Mail, where it is on.
    pub mail: Option<MailConfig>,
    /// The identity provider that signs members in, where there is one.
    pub single_sign_on: Option<SingleSignOnConfig>,
    /// `--degraded`: data keys may be lost, except the hub's own. A command line alone says so, since whoever starts the hub
    /// must know it each time.
    pub degraded: bool,
    /// The variables that were given a value, in the file or outside.
    pub given: Vec<&'static str>,
    /// The variables with the hub's prefix that it does not read: misspelt, or somebody else's.
    pub unknown: Vec<String>,
}

/// `VOUCHSAFE_SMTP_URL` and `VOUCHSAFE_MAIL_FROM`.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// The server, with its login.
    pub server: SmtpServer,
    /// The sender.
    pub from: Sender,
}

/// Why a configuration is none.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of a secret can't be read.
    #[error("cannot read {}, which {name}_FILE names: {source}", path.display())]
    SecretFile {
        /// The variable of the secret itself.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file or the variables have a wrong shape.
    #[error("{0}")]
    Shape(Box<figment::Error>),
    /// A value makes no sense.
    #[error("{name}: {problem}")]
    Value {
        /// The variable.
        name: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl ConfigError {
    fn value(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Value { name, problem: problem.into() }
    }
}

impl Config {
    /// Reads the configuration from `file` (none = `vouchsafe.toml` where there is one) and the variables `env`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::from_raw(raw::read(file, env)?)
    }

    fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        let database = DatabaseConfig::from_raw(&raw)?;
        let audit = AuditConfig::from_raw(&raw, &database)?;
        let mail = match (
            secret(raw.smtp_url.as_ref(), raw.smtp_url_file.as_deref(), "VOUCHSAFE_SMTP_URL")?,
            &raw.mail_from,
        ) {
            (Some(url), Some(from)) => Some(mail(&url, from)?),
            (None, None) => None,
            _ => {
                return Err(ConfigError::value(
                    "VOUCHSAFE_SMTP_URL",
                    "mail needs VOUCHSAFE_SMTP_URL and VOUCHSAFE_MAIL_FROM",
                ));
            }
        };
        Ok(Self {
            master_key: MasterKeySource::from_raw(&raw)?,
            egress: EgressConfig::from_raw(&raw)?,
            refresh: RefreshConfig::from_raw(&raw)?,
            server: ServerConfig::from_raw(&raw)?,
            single_sign_on: SingleSignOnConfig::from_raw(&raw)?,
            providers_dir: raw.providers_dir.map(PathBuf::from),
            degraded: false,
            given: raw.given,
            unknown: raw.unknown,
            database,
            audit,
            mail,
        })
    }

    /// Reads variables alone, and no file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_variables(env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::from_raw(raw::read_variables(env)?)
    }
}

fn mail(url: &SecretString, from: &str) -> Result<MailConfig, ConfigError> {
    let server = SmtpServer::parse(url)
        .map_err(|error| ConfigError::value("VOUCHSAFE_SMTP_URL", error.to_string()))?;
    let from = Sender::parse(from).ok_or_else(|| {
        ConfigError::value("VOUCHSAFE_MAIL_FROM", "write an address such as Acme <hub@acme.test>")
    })?;
    Ok(MailConfig { server, from })
}

/// A secret value given directly or as a file; both is an error.
fn secret(
    value: Option<&SecretString>,
    file: Option<&str>,
    name: &'static str,
) -> Result<Option<SecretString>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(ConfigError::value(name, format!("set {name} or {name}_FILE, not both"))),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::SecretFile {
                name,
                path: path.into(),
                source,
            })?;
            Ok(Some(text.trim().into()))
        }
        (None, None) => Ok(None),
    }
}

fn parse_url(text: &str, name: &'static str) -> Result<Url, ConfigError> {
    Url::parse(text).map_err(|error| ConfigError::value(name, format!("not an address: {error}")))
}

#[cfg(test)]
mod tests;
