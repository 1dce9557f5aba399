//! A moment as rows keep it: whole milliseconds since 1970, UTC. Both databases compare it as an integer.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::DeriveValueType;

/// A moment in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
pub struct Millis(pub i64);

impl Millis {
    /// The moment `seconds` later, or earlier where negative.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus(seconds.saturating_mul(1000))
    }

    /// The moment `millis` milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<DateTime<Utc>> for Millis {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl From<Millis> for DateTime<Utc> {
    /// Moments that no calendar has become the nearest end of it.
    fn from(at: Millis) -> Self {
        let end = if at.0 < 0 { Self::MIN_UTC } else { Self::MAX_UTC };
        Self::from_timestamp_millis(at.0).unwrap_or(end)
    }
}

impl std::fmt::Display for Millis {
    /// RFC 3339 in UTC with milliseconds, as the HTTP contract has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => f.write_str("out of range"),
        }
    }
}

impl serde::Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_rfc_3339_with_milliseconds() {
        assert_eq!(Millis(1_893_456_000_007).to_string(), "2030-01-01T00:00:00.007Z");
    }
}
