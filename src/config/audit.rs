//! The audit log: when reads are written, where heads go, how long what is kept.

use std::path::PathBuf;
use std::time::Duration;

use super::raw::Raw;
use super::{ConfigError, DatabaseConfig};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// What an operator may set of the audit log.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// `VOUCHSAFE_AUDIT_MODE`: whether reads wait for their audit row.
    pub mode: AuditMode,
    /// `VOUCHSAFE_AUDIT_DIR`: the directory of the file of heads.
    pub dir: PathBuf,
    /// `VOUCHSAFE_AUDIT_KEEP`: how long events are kept; none = for good.
    pub keep: Option<Duration>,
    /// `VOUCHSAFE_AUDIT_KEEP_ADDRESSES`: how long the addresses in them are kept; none = as long as they.
    pub keep_addresses: Option<Duration>,
}

/// When the audit row of a read is written. Changes and reveals in the dashboard always wait for theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditMode {
    /// Within a second, many at once.
    Batched,
    /// Before the answer.
    Strict,
}

impl AuditConfig {
    pub(super) fn from_raw(raw: &Raw, database: &DatabaseConfig) -> Result<Self, ConfigError> {
        let mode = match raw.audit_mode.as_deref() {
            None | Some("batched") => AuditMode::Batched,
            Some("strict") => AuditMode::Strict,
            Some(_) => {
                return Err(ConfigError::value("VOUCHSAFE_AUDIT_MODE", "write `batched` or `strict`"));
            }
        };
        let addresses = raw.audit_keep_addresses.as_deref();
        Ok(Self {
            mode,
            dir: raw.audit_dir.as_ref().map_or_else(|| database.data_dir.clone(), PathBuf::from),
            keep: kept(raw.audit_keep.as_deref(), 400, "VOUCHSAFE_AUDIT_KEEP")?,
            keep_addresses: kept(addresses, 90, "VOUCHSAFE_AUDIT_KEEP_ADDRESSES")?,
        })
    }
}

/// A time of at least a day, or `forever`.
fn kept(text: Option<&str>, usual_days: u64, name: &'static str) -> Result<Option<Duration>, ConfigError> {
    let time = match text {
        Some("forever") => return Ok(None),
        None => Duration::from_secs(usual_days * DAY),
        Some(text) => humantime::parse_duration(text).map_err(|_| {
            let problem = format!("`{text}` is no duration; write such as {usual_days}d, or forever");
            ConfigError::value(name, problem)
        })?,
    };
    if time < Duration::from_secs(DAY) {
        return Err(ConfigError::value(name, "must be at least 1d"));
    }
    Ok(Some(time))
}
