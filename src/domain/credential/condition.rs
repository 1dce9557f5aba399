//! Whether a credential may be used and what people see of it, decided from the few facts that bear on it. A whole
//! credential and one that is only served ask the same rules.

use vouchsafe_entity::kind::{BrokenCause, FailClass, Method, Status, TokenState};
use vouchsafe_entity::millis::Millis;

use super::{Health, NextStep};
use crate::domain::connector::Availability;

/// An access token is served while it lives at least so long (a quarter of its lifetime if that is less).
const USABLE_MILLIS: i64 = 30_000;

/// The reason that is shown of a row that the vault can't open.
pub const KEY_UNAVAILABLE: &str = "key_unavailable";

/// The facts that decide.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// How it was given.
    pub method: Method,
    /// Since when it is switched off.
    pub deactivated_at: Option<Millis>,
    /// The date set by hand.
    pub expires_at: Option<Millis>,
    /// The state that is shown: while a claim is held, the one it was claimed from.
    pub shown: TokenState,
    /// Why it is unusable until somebody acts, where that was written down.
    pub broken: Option<BrokenCause>,
    /// No attempt before, where a failure set a time.
    pub next_try_at: Option<Millis>,
    /// Of the last failure.
    pub fail_class: Option<FailClass>,
    /// Whether the key that sealed it is not at hand.
    pub key_missing: bool,
    /// End of the access token; none = unknown or none.
    pub access_expires_at: Option<Millis>,
    /// Its whole lifetime in milliseconds.
    pub access_lifetime: Option<i64>,
    /// Whether a refresh token is there.
    pub has_refresh_token: bool,
    /// Whether tokens are asked for with a client, login or key of the user's own, and not with the connector's client.
    pub own_client: bool,
    /// When to refresh.
    pub due_at: Option<Millis>,
}

/// Whether an access token with this end and lifetime may be served at `now`, or there is none to run out.
pub(super) fn is_usable(expires_at: Option<Millis>, lifetime: Option<i64>, now: Millis) -> bool {
    expires_at.is_none_or(|end| {
        let margin = lifetime.map_or(USABLE_MILLIS, |life| USABLE_MILLIS.min(life / 4));
        now.plus(margin) <= end
    })
}

impl Condition {
    /// Whether the access token may be served at `now`, or there is none to run out. One that nothing renews is served to
    /// its end: no other will take its place.
    pub fn is_usable(&self, now: Millis) -> bool {
        if !self.is_renewable() {
            return self.access_expires_at.is_none_or(|end| now < end);
        }
        is_usable(self.access_expires_at, self.access_lifetime, now)
    }

    /// Whether a new access token can be had without the user: by refresh token, or by asking again.
    pub const fn is_renewable(&self) -> bool {
        match self.method {
            Method::OAuth2 => self.has_refresh_token,
            Method::ClientCredentials | Method::Session | Method::Jwt => true,
            Method::ApiKey | Method::Basic | Method::AwsSigV4 | Method::OAuth1 => false,
        }
    }

    /// Why it must be connected again at `now`, whether or not a sweep has written it down.
    pub fn broken_cause(&self, now: Millis) -> Option<BrokenCause> {
        if self.broken.is_some() {
            return self.broken;
        }
        if self.expires_at.is_some_and(|end| now >= end) {
            return Some(BrokenCause::ExpiryDate);
        }
        let ended = !self.is_renewable() && self.access_expires_at.is_some_and(|end| now >= end);
        ended.then_some(BrokenCause::NoRefreshToken)
    }

    /// What people see at `now`. Where several states fit, the first of: revoked, expired, inactive, error,
    /// pending, active.
    pub fn health(&self, connector: Availability, now: Millis) -> Health {
        use Status as S;
        if let Some(cause) = self.broken_cause(now) {
            let status = match cause {
                BrokenCause::RevokedByRequest | BrokenCause::RevokedUpstream => S::Revoked,
                BrokenCause::GrantRefused
                | BrokenCause::GrantLost
                | BrokenCause::NoRefreshToken
                | BrokenCause::RejectedByProvider
                | BrokenCause::ExpiryDate => S::Expired,
            };
            return Health::new(status, Some(cause.as_str()), Some(NextStep::Reconnect));
        }
        if self.deactivated_at.is_some() {
            return Health::new(S::Inactive, Some("deactivated"), Some(NextStep::Reactivate));
        }
        if !connector.enabled {
            return Health::new(S::Inactive, Some("connector_disabled"), Some(NextStep::FixConnector));
        }
        if self.key_missing || self.fail_class == Some(FailClass::Unopened) {
            return Health::new(S::Error, Some(KEY_UNAVAILABLE), None);
        }
        let usable = self.is_usable(now);
        let troubled = |reason: &'static str| {
            let status = if usable { S::Active } else { S::Error };
            Health::new(status, Some(reason), None)
        };
        match self.shown {
            _ if connector.failing && !self.own_client && !usable => {
                Health::new(S::Error, Some("connector_rejected"), Some(NextStep::FixConnector))
            }
            TokenState::Pending => Health::new(S::Pending, Some("awaiting_confirmation"), None),
            TokenState::Waiting => troubled(if usable { "refresh_delayed" } else { self.waiting_reason() }),
            TokenState::Unknown => troubled("refresh_unconfirmed"),
            TokenState::Suspect => troubled("refusal_unconfirmed"),
            TokenState::Active | TokenState::Refreshing | TokenState::Broken | TokenState::Deleted => {
                Health::new(S::Active, (!usable).then_some("refreshing"), None)
            }
        }
    }

    const fn waiting_reason(&self) -> &'static str {
        match self.fail_class {
            Some(FailClass::Throttled) => "throttled",
            Some(FailClass::Unreadable | FailClass::Other) => "unexpected_response",
            Some(
                FailClass::NotSent
                | FailClass::Ambiguous
                | FailClass::Refused
                | FailClass::Revoked
                | FailClass::Client
                | FailClass::Local
                | FailClass::Unopened,
            )
            | None => "provider_unreachable",
        }
    }
}
