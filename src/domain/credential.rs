//! Credentials: the machine of their tokens, and the status that people see, computed from machine, clock and
//! overlays so that the two can't disagree.

mod condition;
mod served;

pub use condition::{Condition, KEY_UNAVAILABLE};
pub use served::ServedCredential;

use std::collections::BTreeMap;

use vouchsafe_entity::id::{ConnectorId, CredentialId, UserId};
use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass, Method, Status, TokenState};
use vouchsafe_entity::millis::Millis;
use vouchsafe_entity::sealed::Sealed;

use super::connector::Availability;

/// An end that moves by no more milliseconds is the same: apps count in seconds, from the moment of each answer.
const SAME_END: i64 = 60_000;

/// The account at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Compared on reconnect.
    pub id: String,
    /// What people see.
    pub label: String,
}

/// A credential, without anything secret in the open.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub user: UserId,
    /// The embedder's name for that user.
    pub username: String,
    /// That user's address.
    pub user_email: Option<String>,
    /// What it is for.
    pub connector_id: ConnectorId,
    /// The connector's key.
    pub connector: String,
    /// Whether the connector is switched on.
    pub connector_enabled: bool,
    /// Whether the app refuses the connector's client.
    pub connector_failing: bool,
    /// Whether the key that sealed it is not at hand. A row does not say: services ask the vault.
    pub key_missing: bool,
    /// The provider's slug.
    pub provider: String,
    /// How it was given.
    pub method: Method,
    /// For display.
    pub name: String,
    /// The account at the provider.
    pub account: Option<Account>,
    /// Variables that are no secret.
    pub variables: BTreeMap<String, String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The embedder's object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Since when it is switched off.
    pub deactivated_at: Option<Millis>,
    /// The date set by hand.
    pub expires_at: Option<Millis>,
    /// When the grant or value came.
    pub issued_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// Last renewal.
    pub last_refreshed_at: Option<Millis>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// The machine and its bookkeeping.
    pub token: Token,
}

/// What the refresher keeps of a credential (`refresh.md`, section 2).
#[derive(Clone, Debug)]
pub struct Token {
    /// What may be done.
    pub machine: Machine,
    /// Since when.
    pub state_since: Millis,
    /// +1 on reconnect, new value, revocation, deletion.
    pub epoch: i64,
    /// +1 on every commit of tokens.
    pub version: i64,
    /// Access token, refresh token, values.
    pub sealed: Option<Sealed>,
    /// End of the access token; none = unknown or none.
    pub access_expires_at: Option<Millis>,
    /// Its whole lifetime in milliseconds.
    pub access_lifetime: Option<i64>,
    /// Known end of the refresh token.
    pub refresh_expires_at: Option<Millis>,
    /// Since when the end that the app gives the grant is where it is.
    pub end_known_since: Option<Millis>,
    /// Whether a refresh token is there.
    pub has_refresh_token: bool,
    /// Whether the client, login or key that tokens are asked for with is the user's alone, as the definition said when
    /// they came.
    pub own_client: bool,
    /// When to refresh.
    pub due_at: Option<Millis>,
    /// +1 on every claim.
    pub lease_seq: i64,
    /// The attempt that spends a version, until its outcome is known.
    pub attempt: Option<Attempt>,
    /// When the last attempt since the last success began, whatever became of it; of one that nothing renews, when it was
    /// last asked about after a 401.
    pub tried_at: Option<Millis>,
    /// Of the last failure.
    pub fail_class: Option<FailClass>,
    /// Failures since the last success.
    pub fail_count: i32,
    /// The status last told by an event.
    pub announced: Option<Status>,
    /// The number of that event.
    pub event_ordinal: i64,
}

/// An attempt to spend a token version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The version that it spends.
    pub version: i64,
    /// What is known of it.
    pub state: AttemptState,
    /// When it began.
    pub started_at: Millis,
}

/// The machine. A row that fits none of these does not load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Granted, waiting for the host app's confirmation.
    Pending,
    /// Nothing under way.
    Active,
    /// A node holds the claim.
    Refreshing {
        /// What it was claimed from, which goes on being shown.
        from: Resting,
        /// Who may start.
        owner: String,
        /// Until when.
        until: Millis,
    },
    /// The last attempt failed in passing.
    Waiting {
        /// No attempt before.
        next_try_at: Millis,
    },
    /// An attempt was sent and its outcome isn't known.
    Unknown {
        /// When the one retry may go.
        next_try_at: Millis,
    },
    /// One refusal, not confirmed.
    Suspect {
        /// Since when.
        since: Millis,
        /// When the confirmation may go.
        next_try_at: Millis,
    },
    /// Unusable until somebody acts.
    Broken(BrokenCause),
    /// A tombstone.
    Deleted,
}

/// What a claim is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resting {
    /// Nothing was under way.
    Active,
    /// The attempt before failed in passing.
    Waiting,
    /// The outcome of the attempt before isn't known.
    Unknown,
    /// The attempt before was refused.
    Suspect {
        /// When it was first refused.
        since: Millis,
    },
    /// It was unusable already, and the app is asked once more.
    Broken(BrokenCause),
}

impl Resting {
    /// The word as stored.
    pub const fn state(self) -> TokenState {
        match self {
            Self::Active => TokenState::Active,
            Self::Waiting => TokenState::Waiting,
            Self::Unknown => TokenState::Unknown,
            Self::Suspect { .. } => TokenState::Suspect,
            Self::Broken(_) => TokenState::Broken,
        }
    }
}

impl Machine {
    /// The word as stored.
    pub const fn state(&self) -> TokenState {
        match self {
            Self::Pending => TokenState::Pending,
            Self::Active => TokenState::Active,
            Self::Refreshing { .. } => TokenState::Refreshing,
            Self::Waiting { .. } => TokenState::Waiting,
            Self::Unknown { .. } => TokenState::Unknown,
            Self::Suspect { .. } => TokenState::Suspect,
            Self::Broken(_) => TokenState::Broken,
            Self::Deleted => TokenState::Deleted,
        }
    }

    /// Why it is unusable until somebody acts; a last try that is under way changes nothing of it.
    const fn broken(&self) -> Option<BrokenCause> {
        match self {
            Self::Broken(cause) | Self::Refreshing { from: Resting::Broken(cause), .. } => Some(*cause),
            _ => None,
        }
    }

    /// The state that is shown: while a claim is held, the one it was claimed from.
    const fn shown(&self) -> TokenState {
        match self {
            Self::Refreshing { from, .. } => from.state(),
            other => other.state(),
        }
    }
}

/// What would bring a credential back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// The user connects again.
    Reconnect,
    /// The embedder mends the connector.
    FixConnector,
    /// Somebody switches it on.
    Reactivate,
}

impl NextStep {
    /// The word as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reconnect => "reconnect",
            Self::FixConnector => "fix_connector",
            Self::Reactivate => "reactivate",
        }
    }
}

/// What people see of a credential's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub status: Status,
    /// Why, where there is something to say.
    pub reason: Option<&'static str>,
    /// What would help.
    pub next_step: Option<NextStep>,
}

impl Health {
    const fn new(status: Status, reason: Option<&'static str>, next_step: Option<NextStep>) -> Self {
        Self { status, reason, next_step }
    }
}

impl Token {
    /// Whether the access token may be served at `now`, or there is none to run out.
    pub fn is_usable(&self, now: Millis) -> bool {
        condition::is_usable(self.access_expires_at, self.access_lifetime, now)
    }
}

/// Whether a credential of this method comes of a sign-in in a browser, for which the connector needs a client.
pub const fn is_sign_in(method: Method) -> bool {
    matches!(method, Method::OAuth2 | Method::OAuth1)
}

/// Whether a credential of this method is what somebody typed and nothing else: it has no token, and nothing renews it.
pub const fn is_typed_key(method: Method) -> bool {
    matches!(method, Method::ApiKey | Method::Basic | Method::AwsSigV4)
}

impl Credential {
    /// What decides whether it may be used.
    pub fn condition(&self) -> Condition {
        let token = &self.token;
        Condition {
            method: self.method,
            deactivated_at: self.deactivated_at,
            expires_at: self.expires_at,
            shown: token.machine.shown(),
            broken: token.machine.broken(),
            next_try_at: token.next_try_at(),
            fail_class: token.fail_class,
            key_missing: self.key_missing,
            access_expires_at: token.access_expires_at,
            access_lifetime: token.access_lifetime,
            has_refresh_token: token.has_refresh_token,
            own_client: token.own_client,
            due_at: token.due_at,
        }
    }

    /// Whether a new access token can be had without the user: by refresh token, or by asking again.
    pub fn is_renewable(&self) -> bool {
        self.condition().is_renewable()
    }

    /// Whether an end can be set by hand: where nothing renews it.
    pub fn may_expire_by_hand(&self) -> bool {
        is_typed_key(self.method)
    }

    /// The moment after which somebody must act, where known.
    pub fn acts_by(&self) -> Option<Millis> {
        self.expires_at.or_else(|| self.grant_end())
    }

    /// The end that the app gives the grant, where known: that of the refresh token, or of an access token that nothing
    /// renews.
    pub fn grant_end(&self) -> Option<Millis> {
        let unrenewable = (!self.is_renewable()).then_some(self.token.access_expires_at).flatten();
        self.token.refresh_expires_at.or(unrenewable)
    }

    /// Notes of tokens that came at `at` since when their end is known, where it was `before` until then. One that has
    /// not moved is left where it was, so that whoever was warned of it is not warned again.
    pub fn settle_end(&mut self, before: Option<Millis>, at: Millis) {
        let end = self.grant_end();
        let same = before.zip(end).filter(|(before, end)| end.since(*before).abs() <= SAME_END);
        let token = &mut self.token;
        if let Some((before, _)) = same {
            token.refresh_expires_at = token.refresh_expires_at.map(|_| before);
            token.end_known_since = token.end_known_since.or(Some(at));
        } else {
            token.end_known_since = end.map(|_| at);
        }
    }

    /// When somebody must look at a credential that nothing renews, to write down its end.
    pub fn looked_at_by(&self) -> Option<Millis> {
        match (self.expires_at, self.token.access_expires_at) {
            (Some(date), Some(end)) => Some(date.min(end)),
            (date, end) => date.or(end),
        }
    }

    /// Ends a credential whose time is over at `now`, as of that time; false where it is not, or has ended already.
    pub fn end(&mut self, now: Millis) -> bool {
        let Some(cause) =
            self.broken_cause(now).filter(|_| !matches!(self.token.machine, Machine::Broken(_)))
        else {
            return false;
        };
        let end =
            if cause == BrokenCause::ExpiryDate { self.expires_at } else { self.token.access_expires_at };
        self.token.machine = Machine::Broken(cause);
        self.token.state_since = end.unwrap_or(now).min(now);
        self.token.attempt = None;
        self.token.due_at = None;
        true
    }

    /// Why it must be connected again at `now`, whether or not a sweep has written it down.
    pub fn broken_cause(&self, now: Millis) -> Option<BrokenCause> {
        self.condition().broken_cause(now)
    }

    /// What its connector allows.
    pub const fn availability(&self) -> Availability {
        Availability { enabled: self.connector_enabled, failing: self.connector_failing }
    }

    /// What people see at `now`.
    pub fn health(&self, now: Millis) -> Health {
        self.condition().health(self.availability(), now)
    }
}

#[cfg(test)]
pub(crate) mod tests;
