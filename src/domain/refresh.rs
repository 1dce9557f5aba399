//! When a token is renewed, who may spend it, and what an answer or a failure makes of it
//! (`refresh.md`, sections 4 to 6). Pure: the service sends, the store writes.

use vouchsafe_entity::kind::{AttemptState, BrokenCause, FailClass, Method, TokenState};
use vouchsafe_entity::millis::Millis;

use super::credential::{Condition, Credential, Machine, Token};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// A lifetime that the provider does not tell is renewed once a day.
const UNKNOWN_LIFETIME_DUE: i64 = 24 * HOUR;
/// Tries of class H before an hour's back-off becomes a day's.
const OTHER_TRIES: i32 = 5;

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

/// When to renew a token that lives `lifetime` milliseconds from `sent_at`; `jitter` is from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a jitter needs no exact milliseconds"
)]
pub fn due_at(sent_at: Millis, lifetime: Option<i64>, early: Option<i64>, jitter: f64) -> Millis {
    let Some(lifetime) = lifetime else {
        return sent_at.plus(UNKNOWN_LIFETIME_DUE);
    };
    let margin = early.unwrap_or_else(|| (lifetime / 5).clamp(MINUTE, 15 * MINUTE)).min(lifetime / 2);
    let spread = (lifetime / 10).min(10 * MINUTE);
    sent_at.plus(lifetime - margin - (spread as f64 * jitter.clamp(0.0, 1.0)) as i64)
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
        match (self.is_usable(now), self.next_try_at) {
            (true, Some(at)) if now < at => Readiness::Ready,
            (true, _) if self.is_renewable() && self.due_at.is_some_and(|due| now >= due) => Readiness::Due,
            (true, _) => Readiness::Ready,
            (false, Some(at)) if now < at => Readiness::NotBefore(at),
            (false, _) => Readiness::Spent,
        }
    }
}

impl Credential {
    /// The same, of a whole credential.
    pub fn readiness(&self, now: Millis) -> Readiness {
        self.condition().readiness(now)
    }
}

/// Why a token can't be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotClaimed {
    /// Another version is there: somebody else renewed it.
    Moved,
    /// Another node holds it until then.
    Held(Millis),
    /// No attempt before then.
    NotBefore(Millis),
    /// Its state allows no attempt.
    Ended,
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

    /// Claims version `version` for `owner`. `forced` ignores the time that a failure set.
    ///
    /// # Errors
    /// [`NotClaimed`].
    pub fn claim(
        mut self,
        version: i64,
        owner: &str,
        now: Millis,
        times: Times,
        forced: bool,
    ) -> Result<Self, NotClaimed> {
        if self.version != version {
            return Err(NotClaimed::Moved);
        }
        let from = match &self.machine {
            Machine::Pending | Machine::Broken(_) | Machine::Deleted => return Err(NotClaimed::Ended),
            Machine::Refreshing { until, .. } if now < *until => return Err(NotClaimed::Held(*until)),
            Machine::Refreshing { from, .. } => *from,
            other => other.state(),
        };
        if let Some(at) = self.next_try_at()
            && now < at
            && !forced
        {
            return Err(NotClaimed::NotBefore(at));
        }
        let until = now.plus(times.lease);
        self.machine = Machine::Refreshing { from, owner: owner.to_owned(), until };
        self.lease_seq += 1;
        self.attempt =
            Some(super::credential::Attempt { version, state: AttemptState::Reserved, started_at: now });
        self.state_since = now;
        Ok(self)
    }

    /// What a failure of `class` makes of a claimed token. `retry_after` is what the provider asked for, in
    /// milliseconds; `jitter` is from 0 to 1.
    #[must_use]
    pub fn after_failure(mut self, failure: &Failure, now: Millis, times: Times, jitter: f64) -> Self {
        let (from, started_at) = match (&self.machine, self.attempt) {
            (Machine::Refreshing { from, .. }, Some(attempt)) => (*from, attempt.started_at),
            _ => (self.machine.state(), now),
        };
        self.fail_class = Some(failure.class);
        self.fail_count = self.fail_count.saturating_add(1);
        self.state_since = now;
        let refused = matches!(failure.class, FailClass::Refused | FailClass::Revoked);
        self.machine = match failure.class {
            FailClass::Refused | FailClass::Revoked => after_refusal(from, failure, now, times, jitter),
            FailClass::Ambiguous | FailClass::Unreadable
                if failure.minted || failure.reuse == Reuse::Static =>
            {
                Machine::Waiting { next_try_at: now.plus(back_off(self.fail_count, jitter)) }
            }
            FailClass::Ambiguous | FailClass::Unreadable => {
                Machine::Unknown { next_try_at: self.late_retry(failure.reuse, started_at, now) }
            }
            FailClass::Throttled => {
                let wait = failure.retry_after.unwrap_or_else(|| back_off(self.fail_count, jitter));
                Machine::Waiting { next_try_at: now.plus(wait.min(HOUR)) }
            }
            FailClass::Client => Machine::Waiting { next_try_at: now.plus(5 * MINUTE) },
            FailClass::Other if self.fail_count >= OTHER_TRIES => {
                Machine::Waiting { next_try_at: now.plus(24 * HOUR) }
            }
            FailClass::NotSent | FailClass::Local | FailClass::Other => {
                Machine::Waiting { next_try_at: now.plus(back_off(self.fail_count, jitter)) }
            }
        };
        self.attempt = if matches!(self.machine, Machine::Unknown { .. }) {
            self.attempt
                .map(|attempt| super::credential::Attempt { state: AttemptState::Unresolved, ..attempt })
        } else {
            None
        };
        if refused && !matches!(self.machine, Machine::Broken(_)) {
            self.fail_count = 0;
        }
        self
    }

    /// The one retry after an answer that was lost: at once inside a grace, else late, because a spent token that
    /// is sent again makes a strict provider kill the access token that callers still use.
    fn late_retry(&self, reuse: Reuse, started_at: Millis, now: Millis) -> Millis {
        if let Reuse::Grace(window) = reuse
            && now < started_at.plus(window)
        {
            return now;
        }
        let before_end = self.access_expires_at.map_or(started_at.plus(10 * MINUTE), |end| end.plus(-MINUTE));
        started_at.plus(40_000).max(before_end.min(started_at.plus(10 * MINUTE)))
    }
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Its class.
    pub class: FailClass,
    /// What the provider does with a spent token.
    pub reuse: Reuse,
    /// Whether nothing was consumed: the token is asked for with inputs that stay good.
    pub minted: bool,
    /// Milliseconds that the provider asks to wait.
    pub retry_after: Option<i64>,
}

/// Whether a credential of this method is asked for anew instead of refreshed.
pub const fn is_minted(method: Method) -> bool {
    matches!(method, Method::ClientCredentials | Method::Session | Method::Jwt)
}

#[expect(clippy::cast_possible_truncation, reason = "a jitter needs no exact milliseconds")]
fn after_refusal(from: TokenState, failure: &Failure, now: Millis, times: Times, jitter: f64) -> Machine {
    match from {
        TokenState::Suspect if failure.class == FailClass::Revoked => {
            Machine::Broken(BrokenCause::RevokedUpstream)
        }
        TokenState::Suspect => Machine::Broken(BrokenCause::GrantRefused),
        TokenState::Unknown => Machine::Broken(BrokenCause::GrantLost),
        TokenState::Pending
        | TokenState::Active
        | TokenState::Refreshing
        | TokenState::Waiting
        | TokenState::Broken
        | TokenState::Deleted => {
            let wait = times.confirm_after + (30_000.0 * jitter.clamp(0.0, 1.0)) as i64;
            Machine::Suspect { since: now, next_try_at: now.plus(wait) }
        }
    }
}

/// 5 s doubling to 15 min, with full jitter above one second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a jitter needs no exact milliseconds"
)]
fn back_off(failures: i32, jitter: f64) -> i64 {
    let exponent = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    let most = (5_000_i64 << exponent).min(15 * MINUTE);
    1_000 + ((most - 1_000) as f64 * jitter.clamp(0.0, 1.0)) as i64
}

#[cfg(test)]
mod tests;
