//! What the fake saw, counted. The counters are the oracle of the fault tests: a credential is *lost* when its
//! grant is alive here and dead at the hub.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::config::RefreshKind;
use super::grants::GrantId;

/// Calls counted over the life of the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Sign-on pages shown.
    pub authorizations_shown: u64,
    /// Consents given.
    pub authorizations_allowed: u64,
    /// Consents refused by the user.
    pub authorizations_denied: u64,
    /// Authorization requests refused by the provider.
    pub authorizations_refused: u64,
    /// Token requests that arrived, of every kind.
    pub token_requests: u64,
    /// Those with an authorization code.
    pub exchanges: u64,
    /// Those with a refresh token.
    pub refreshes: u64,
    /// Those with client credentials.
    pub client_credentials: u64,
    /// Token requests that were processed and answered with a token.
    pub tokens_issued: u64,
    /// Token requests that were processed and refused.
    pub tokens_refused: u64,
    /// Token requests under way.
    pub token_in_flight: u64,
    /// The most token requests ever under way at once.
    pub token_in_flight_peak: u64,
    /// Revocation requests that arrived.
    pub revocations: u64,
    /// Revocation requests under way.
    pub revocations_in_flight: u64,
    /// The most revocation requests ever under way at once.
    pub revocations_in_flight_peak: u64,
    /// Grants ended by revocation requests.
    pub grants_revoked: u64,
    /// Session logins that arrived.
    pub logins: u64,
    /// API calls that arrived.
    pub api_calls: u64,
    /// API calls under way.
    pub api_in_flight: u64,
    /// The most API calls ever under way at once.
    pub api_in_flight_peak: u64,
    /// API calls answered 401.
    pub api_unauthorized: u64,
    /// API calls answered 403.
    pub api_forbidden: u64,
    /// Faults played.
    pub faults: u64,
}

/// Counters of one version of a grant's refresh token; the first version is 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    /// The version.
    pub version: u64,
    /// Refresh requests that arrived with it, processed or not.
    pub requests: u64,
    /// Those answered with tokens.
    pub accepted: u64,
    /// Those refused.
    pub refused: u64,
    /// Those that came when it was spent already.
    pub reuse: u64,
    /// Whether such a reuse ended the grant.
    pub ended_grant: bool,
    /// When it was first spent.
    pub spent_at: Option<DateTime<Utc>>,
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GrantEnd {
    /// A spent refresh token came again at a strict provider.
    Reuse,
    /// The authorization code came again.
    CodeReplay,
    /// The revocation endpoint was called.
    Revoked,
    /// The user took it back at the provider (by control).
    Withdrawn,
}

/// One grant as the provider sees it. Holds no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// Its number, from 1.
    pub id: GrantId,
    /// The client it was given to.
    pub client_id: String,
    /// The user who gave it.
    pub username: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Its refresh kind.
    pub kind: RefreshKind,
    /// Whether it is alive.
    pub alive: bool,
    /// Why it isn't.
    pub end: Option<GrantEnd>,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// The version of the refresh token that would be taken next.
    pub version: u64,
    /// Each version with its counters, oldest first.
    pub versions: Vec<VersionView>,
}

impl GrantView {
    /// The counters of one version, zero if it never was.
    pub fn at(&self, version: u64) -> VersionView {
        let seen = self.versions.iter().find(|seen| seen.version == version);
        seen.cloned().unwrap_or(VersionView { version, ..VersionView::default() })
    }

    /// Refresh requests over all versions.
    pub fn requests(&self) -> u64 {
        self.versions.iter().map(|seen| seen.requests).sum()
    }
}
