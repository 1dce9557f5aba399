//! When a token is renewed, who may spend it, and what an answer or a failure makes of it
//! (`refresh.md`, sections 4 to 6). Pure: the service sends, the store writes.

mod attempt;
mod claim;
mod failure;

pub use attempt::Landing;
pub use claim::{Claim, NotClaimed};
pub use failure::Failure;

use vouchsafe_entity::kind::Method;
use vouchsafe_entity::millis::Millis;

use super::credential::{Condition, Credential, Machine, Token};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The request of an attempt is over so many milliseconds after its claim, however short the lease: it goes out within
/// 10 s or not at all, and lasts 20 s at most.
pub const LONGEST_ATTEMPT: i64 = 40 * SECOND;
/// Clocks of replicas and database may differ by so much.
const SKEW: i64 = 30 * SECOND;
/// A lifetime that the provider does not tell is renewed once a day.
const UNKNOWN_LIFETIME_DUE: i64 = DAY;
/// Unused for so long, a credential is renewed once a day: each rotation is a risk and a load.
const IDLE_AFTER: i64 = 30 * DAY;
/// A refresh token is kept alive no more often than so, however short it is said to live.
const LEAST_KEEP_ALIVE: i64 = MINUTE;

/// What a provider does with a refresh token that is sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It never changes.
    Static,
    /// The spent one is taken for so many milliseconds more.
    Grace(i64),
    /// The spent one is refused; at worst the whole grant ends.
    Strict,
}

/// Times that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Milliseconds between a refusal and its confirmation.
    pub confirm_after: i64,
    /// Milliseconds that a claim lasts.
    pub lease: i64,
}

/// How long the tokens that came with an answer live, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifetimes {
    /// The access token; none where nobody says.
    pub access: Option<i64>,
    /// The margin that the definition wants instead of the usual one.
    pub early: Option<i64>,
    /// The refresh token dies when it lies unused for so long.
    pub idle_expiry: Option<i64>,
    /// Whether nobody uses the credential just now.
    pub unused: bool,
}

/// When to renew what came at `sent_at`; `jitter` is from 0 to 1.
pub fn due_at(sent_at: Millis, lifetimes: Lifetimes, jitter: f64) -> Millis {
    let by_access = lifetimes.access.map_or(UNKNOWN_LIFETIME_DUE, |lifetime| {
        let margin =
            lifetimes.early.unwrap_or_else(|| (lifetime / 5).clamp(MINUTE, 15 * MINUTE)).min(lifetime / 2);
        lifetime - margin - part((lifetime / 10).min(10 * MINUTE), jitter)
    });
    let by_use = if lifetimes.unused { by_access.max(DAY - part(HOUR, jitter)) } else { by_access };
    // Kept alive whatever the access token says: at half the time that the provider allows.
    let kept_alive =
        lifetimes.idle_expiry.map_or(by_use, |idle| by_use.min((idle / 2).max(LEAST_KEEP_ALIVE)));
    sent_at.plus(kept_alive)
}

/// `jitter`, from 0 to 1, of `whole`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a jitter needs no exact milliseconds"
)]
fn part(whole: i64, jitter: f64) -> i64 {
    (whole as f64 * jitter.clamp(0.0, 1.0)) as i64
}

/// What a read finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Serve it.
    Ready,
    /// Serve it, and renew it in the background.
    Due,
    /// Renew it first.
    Spent,
    /// It can't be renewed before this moment.
    NotBefore(Millis),
}

impl Condition {
    /// Whether the access token may be served at `now`, and whether it wants renewing. Says nothing of overlays:
    /// ask [`Condition::health`] first.
    pub fn readiness(&self, now: Millis) -> Readiness {
        let usable = self.is_usable(now) && !(self.is_renewable() && self.is_from_later(now));
        match (usable, self.next_try_at) {
            (true, Some(at)) if now < at => Readiness::Ready,
            (true, _) if self.is_renewable() && self.due_at.is_some_and(|due| now >= due) => Readiness::Due,
            (true, _) => Readiness::Ready,
            (false, Some(at)) if now < at => Readiness::NotBefore(at),
            (false, _) => Readiness::Spent,
        }
    }
}

impl Condition {
    /// Whether it came at a moment that is still to come: a clock was set back since, and its end is not where it
    /// seems to be.
    fn is_from_later(&self, now: Millis) -> bool {
        let came_at = self.access_expires_at.zip(self.access_lifetime).map(|(end, life)| end.plus(-life));
        came_at.is_some_and(|came_at| came_at > now.plus(SKEW))
    }
}

/// Whether a credential of this method is asked for anew instead of refreshed.
pub const fn is_minted(method: Method) -> bool {
    matches!(method, Method::ClientCredentials | Method::Session | Method::Jwt)
}

impl Credential {
    /// Whether it was so long unused at `now`, or is switched off, that renewing it once a day is enough.
    pub fn is_idle(&self, now: Millis) -> bool {
        let last = self.last_used_at.map_or(self.issued_at, |used| used.max(self.issued_at));
        self.deactivated_at.is_some() || now.since(last) > IDLE_AFTER
    }

    /// Whether the access token may be served at `now`. Says nothing of overlays: ask [`Credential::health`] first.
    pub fn readiness(&self, now: Millis) -> Readiness {
        self.condition().readiness(now)
    }
}

impl Token {
    /// When the next attempt may go, where a failure set a time.
    pub const fn next_try_at(&self) -> Option<Millis> {
        match self.machine {
            Machine::Waiting { next_try_at }
            | Machine::Unknown { next_try_at }
            | Machine::Suspect { next_try_at, .. } => Some(next_try_at),
            Machine::Pending
            | Machine::Active
            | Machine::Refreshing { .. }
            | Machine::Broken(_)
            | Machine::Deleted => None,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
