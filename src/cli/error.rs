//! Why a command failed, and the exit code for it.

use crate::app::backup::BackupError;
use crate::app::transfer::TransferError;
use crate::app::{BuildError, ServeError};
use crate::config::ConfigError;
use crate::telemetry::TelemetryError;

/// A failure.
const FAILURE: u8 = 1;
/// A wrong configuration (`EX_CONFIG`).
const CONFIGURATION: u8 = 78;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0}: the value is not UTF-8")]
    Variable(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Demo(#[from] crate::demo::DemoError),
    #[error("{0}")]
    Said(String),
    /// What a look at the deployment came to, and the exit code for it.
    #[error("{0}")]
    Found(String, u8),
    #[cfg(feature = "failpoints")]
    #[error("{0}")]
    Refused(String),
    #[error("the asynchronous runtime can't start")]
    Runtime(#[source] std::io::Error),
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// Everything was said already.
    #[error("")]
    Silent,
}

impl CliError {
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Variable(_) | Self::Config(_) | Self::Telemetry(_) => CONFIGURATION,
            #[cfg(feature = "failpoints")]
            Self::Refused(_) => CONFIGURATION,
            Self::Build(error) => error.exit_code(),
            Self::Serve(error) => error.exit_code(),
            Self::Found(_, code) => *code,
            Self::Backup(error) => error.exit_code(),
            Self::Transfer(error) => error.exit_code(),
            Self::Demo(_) | Self::Said(_) | Self::Runtime(_) | Self::Output(_) | Self::Silent => FAILURE,
        }
    }
}
