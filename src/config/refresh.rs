//! Times of the refresh protocol.

use std::time::Duration;

use super::ConfigError;
use super::raw::Raw;

/// `VOUCHSAFE_REFRESH_CONFIRM_AFTER` and `VOUCHSAFE_REFRESH_LEASE`.
#[derive(Clone, Copy, Debug)]
pub struct RefreshConfig {
    /// Between a refusal and its confirmation.
    pub confirm_after: Duration,
    /// How long a claim lasts.
    pub lease: Duration,
}

impl RefreshConfig {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let confirm_after = raw.refresh_confirm_after.as_deref();
        Ok(Self {
            confirm_after: duration(confirm_after, 60, 1, "VOUCHSAFE_REFRESH_CONFIRM_AFTER")?,
            lease: duration(raw.refresh_lease.as_deref(), 90, 5, "VOUCHSAFE_REFRESH_LEASE")?,
        })
    }
}

fn duration(text: Option<&str>, usual: u64, least: u64, name: &'static str) -> Result<Duration, ConfigError> {
    let Some(text) = text else {
        return Ok(Duration::from_secs(usual));
    };
    let duration = humantime::parse_duration(text)
        .map_err(|_| ConfigError::value(name, format!("`{text}` is no duration; write such as {usual}s")))?;
    if duration < Duration::from_secs(least) {
        return Err(ConfigError::value(name, format!("must be at least {least}s")));
    }
    Ok(duration)
}
